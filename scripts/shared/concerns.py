"""The matcher of concerns, whole phrases in the words of a text, and where a concern must not be counted."""

from typing import Any

import polars as pl

from shared.contracts import CATEGORIES
from shared.features import in_words, sieve
from shared.tables import in_group, small

GROUPS = ["affective", *CATEGORIES]


def concerns_in(text: pl.Expr, concerns: dict[str, dict[str, Any]]) -> pl.Expr:
    """list[str]: the names of the concerns of which a text holds a phrase, in their order in `concerns`."""
    names = [
        pl.when(sieve(text, in_words(concern["phrases"]))).then(pl.lit(name)) for name, concern in concerns.items()
    ]
    return pl.concat_list(names).list.drop_nulls()


def of_concern(name: str) -> pl.Expr:
    """bool: a conversation has the concern; null where it was not looked for."""
    return pl.col("concerns").list.contains(pl.lit(name))


def grouped(included: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The included conversations (contracts.Measures, with `concerns`) of each of GROUPS."""
    return {group: included.filter(in_group(group)) for group in GROUPS}


def with_concern(
    members: dict[str, pl.DataFrame], concern: str, **floors: int
) -> tuple[dict[str, pl.DataFrame], set[str]]:
    """The conversations of each of GROUPS that have a concern, and the groups that must not be counted for it.

    Where a category under the floor could be told from the others and the whole, the whole gives way: what the study says is of categories.

    Args:
        members: of `grouped`.
        floors: min_conversations, min_users.
    """
    found = {group: table.filter(of_concern(concern)) for group, table in members.items()}
    hidden = set()
    for group in GROUPS:
        # What nearly everybody speaks of tells who does not.
        others = members[group].join(found[group], on="conversation_id", how="anti")
        if any(small(part, **floors) for part in (members[group], found[group], others)):
            hidden.add(group)
    shown = {key for name in CATEGORIES if name not in hidden for key in found[name]["conversation_id"]}
    rest = found["affective"].filter(~pl.col("conversation_id").is_in(shown))
    return found, hidden | ({"affective"} if hidden and small(rest, **floors) else set())
