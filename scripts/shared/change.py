"""Change of sentiment within conversations: every score's levels, changes from first to last messages, their means, and numbers that tell of nobody."""

from typing import Any

import numpy as np
import polars as pl

from shared.levels import at_ends, levels
from shared.statistics import bootstrap_ratio, named, summarise
from shared.tables import TYPES, beside, counted, has_users, in_group, long_from, small

GROUPS = ["affective", *TYPES, "not affective"]
LENGTHS = {0: "8 or fewer", 9: "9-11", 12: "12-19", 20: "20 or more"}  # human messages from which a band begins
EXCESS = ["excess", "excess_ci_low", "excess_ci_high"]
KNOWN = [
    "conversation_id",
    "cluster",
    "author",
    "user_id",
    "n_human",
    "affective",
    "included",
    "compared",
    "categories",
]


def messages_of(measures: pl.DataFrame, sentiment: pl.DataFrame, *, cut_points: dict[str, list[float]]) -> pl.DataFrame:
    """The scored messages in order, with what is known of their conversation.

    Args:
        measures: contracts.Measures.
        sentiment: contracts.Sentiment.
        cut_points: of the levels, by the beginning of the scores' columns (compound, linear).

    Returns:
        KNOWN, turn, place (0, 1, ... among the human messages), and of each score its column and its level (level_{column}).
    """
    messages = sentiment.join(measures.select(KNOWN), on="conversation_id").sort("conversation_id", "turn")
    scores = [name for name in sentiment.columns if name.split("_")[0] in cut_points]
    return messages.select(
        *KNOWN,
        "turn",
        *scores,
        *(
            pl.Series(f"level_{name}", levels(messages[name].to_numpy(), cut_points[name.split("_")[0]])).fill_nan(None)
            for name in scores
        ),
        place=pl.int_range(pl.len()).over("conversation_id"),
    )


def changes(messages: pl.DataFrame, column: str, *, window: int, min_human_messages: int) -> pl.DataFrame:
    """The conversations with enough messages: KNOWN, start, end (means of the windows), change."""
    long = messages.filter(pl.col("n_human") >= min_human_messages)
    ends = at_ends(long, [column], window=window)
    return (
        long.select(KNOWN)
        .unique("conversation_id", maintain_order=True)
        .join(ends, on="conversation_id", maintain_order="left")
        .rename({f"{column}_start": "start", f"{column}_end": "end"})
        .with_columns(change=pl.col("end") - pl.col("start"))
    )


def mean_draws(rows: pl.DataFrame, value: str, *, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of the mean of a column, clustered; nan without rows."""
    return bootstrap_ratio(
        rows[value].to_numpy(), np.ones(rows.height), rows["cluster"].to_numpy(), replicates=replicates, rng=rng
    )


def less(one: float | None, other: float | None) -> float | None:
    """The difference of two means; none where one of them has no rows."""
    return None if one is None or other is None else one - other


def change_rows(rows: pl.DataFrame, *, bootstrap: int, confidence: float, seed: int) -> list[dict]:
    """Of every group the mean change, and what it is beyond that of conversations that are not affective.

    Args:
        rows: changes(). The same ones give the same numbers in every table: each group has a generator of its own.
        bootstrap, confidence, seed: of the intervals.

    Returns:
        group, what is counted, mean_start, mean_end, estimate with interval, excess with interval.
    """
    users, rows = has_users(rows), rows.sort("conversation_id")
    bases = {group: rows.filter(in_group(group)) for group in GROUPS}
    means = {group: base["change"].mean() for group, base in bases.items()}
    draws = {
        group: mean_draws(base, "change", replicates=bootstrap, rng=np.random.default_rng([seed, number]))
        for number, (group, base) in enumerate(bases.items())
    }
    found = []
    for group, base in bases.items():
        beyond = summarise(
            draws[group] - draws["not affective"],
            confidence=confidence,
            value=less(means[group], means["not affective"]),
        )
        found.append(
            {
                "group": group,
                **counted(base, users=users, rests=[beside(rows, group)]),
                "mean_start": base["start"].mean(),
                "mean_end": base["end"].mean(),
                **summarise(draws[group], confidence=confidence, value=means[group]),
                **named(dict.fromkeys(beyond) if group == "not affective" else beyond, "excess"),
            }
        )
    return found


def as_table(rows: list[dict]) -> pl.DataFrame:
    """Rows as a table: numbers are Float64 and rounded, counts Int64."""
    counts = {"part", "message", "min_human_messages", "window"}
    kinds = {
        name: pl.Int64 if name in counts or name.startswith("n_") else pl.Float64
        for name, value in rows[0].items()
        if not isinstance(value, str | bool)
    }
    table = pl.DataFrame(rows, schema_overrides=kinds)
    return table.with_columns(pl.col(pl.Float64).fill_nan(None).round(6))


def lengths_shown(
    measures: pl.DataFrame,
    group: str,
    *,
    min_human_messages: int,
    window: int,
    specifications: list[int],
    drift: int,
    long: dict[str, Any],
    **floors: int,
) -> set[int]:
    """Fewest human messages by which the conversations of a group may be counted in any table of sentiment.

    Every such table counts those with so many messages or more, so that one number less another tells how many have fewer: none, or enough for
    the floors. Which numbers stay does not hang on a table: those that are published elsewhere, then the declared one, the bands of
    LENGTHS, the openings (three windows), the specifications.

    Args:
        measures: contracts.Measures.
        min_human_messages, window, specifications: of sentiment: declared, and the numbers of the specification curve.
        drift, long: of the course: fewest messages to show a move, and from how many a conversation is long.
        floors: min_conversations, min_users.
    """
    rows, n_human = measures.filter(in_group(group)), pl.col("n_human")
    users = has_users(measures)
    elsewhere = [0, drift, long_from(measures.filter("included")["n_human"], **long, at_least=max(floors.values()))]
    own = [min_human_messages, *(least for least in LENGTHS if least > min_human_messages)]
    own += [max(min_human_messages, 3 * window), *specifications]

    def near(least, other):
        least, other = sorted([least, other])
        more, fewer = (rows.filter(n_human >= number) for number in (least, other))
        fewer_users = 0 < more["author"].n_unique() - fewer["author"].n_unique() < floors["min_users"]
        return small(rows.filter(n_human.is_between(least, other, closed="left")), **floors) or (users and fewer_users)

    shown = [least for least in elsewhere if not small(rows.filter(n_human >= least), **floors)]
    kept = set()
    for least in dict.fromkeys(own):
        if not small(rows.filter(n_human >= least), **floors) and not any(near(least, other) for other in shown):
            shown.append(least)
            kept.add(least)
    return kept


def all_lengths_shown(measures: pl.DataFrame, *, dataset: str, **options: Any) -> dict[tuple[str, str], set[int]]:
    """{(dataset, group): lengths_shown} of each of GROUPS."""
    return {(dataset, group): lengths_shown(measures, group, **options) for group in GROUPS}


def hidden_too(table: pl.DataFrame, told: pl.Expr, *, hide: list[str]) -> pl.DataFrame:
    """Suppress the rows of a published table that are `told` (bool) too, and blank their numbers and the columns `hide`."""
    marked = table.with_columns(suppressed=pl.col("suppressed") | told)
    return marked.with_columns(pl.when(~pl.col("suppressed")).then(pl.col("n_conversations", "n_users", *hide)))


def is_among(columns: list[str], keys: list[tuple]) -> pl.Expr:
    """bool: the columns' values are those of one of the keys."""
    return pl.concat_str(columns, separator="\n").is_in(["\n".join(map(str, key)) for key in keys])


def hidden_together(table: pl.DataFrame, *, by: list[str], hide: list[str]) -> pl.DataFrame:
    """Where one row of `by` is suppressed all of them are: their sum is known, and what is left of it would be the hidden one."""
    return hidden_too(table, pl.col("suppressed").any().over(by), hide=hide)


def without_hidden_reference(table: pl.DataFrame, *, by: list[str]) -> pl.DataFrame:
    """Blank what a change is beyond that of conversations that are not affective, where theirs is suppressed: one less the other would tell it."""
    hidden = (pl.col("suppressed") & (pl.col("group") == "not affective")).any().over(by)
    return table.with_columns(pl.when(~hidden).then(pl.col(EXCESS)))
