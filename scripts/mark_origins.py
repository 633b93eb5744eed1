"""Mark behind which conversations one person stands, and which begin like many others of the same key."""

from typing import TYPE_CHECKING

import polars as pl

from shared import contracts
from shared.job import logged
from shared.persons import author, past_break

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def is_person(*, person: dict[str, int], user_key_until: str | None) -> pl.Expr:
    """bool: the user key is taken for one person.

    A hashed address is shared by whoever shares the address, and a machine has one too. The rule is that of Hicke & Tomlinson 2026
    (arXiv 2605.29018): at most so many conversations, countries, states and languages in the whole data set, duplicates included.
    Languages are those that we detect.
    """
    counted = {"max_countries": pl.col("country"), "max_states": pl.col("state")}
    counted["max_languages"] = pl.when(pl.col("language") != "und").then("language")
    few = [values.drop_nulls().n_unique().over("user_id") <= person[most] for most, values in counted.items()]
    return pl.all_horizontal(
        pl.col("user_id").is_not_null(),
        ~past_break(user_key_until),
        pl.len().over("user_id") <= person["max_conversations"],
        *few,
    )


def mark_origins(
    origins: pl.DataFrame, *, person: dict[str, int], template: dict[str, int], user_key_until: str | None = None
) -> pl.DataFrame:
    """A table under contracts.Origins.

    Args:
        origins: contracts.ShardOrigins of all shards.
        person: max_conversations, max_countries, max_languages, max_states of a key that one person stands behind.
        template: min_conversations of one key (of the data set, where a conversation has none) with the same opening.
        user_key_until: last day, in UTC, on which the source's user keys are stable; later conversations have no person.
    """
    alike = pl.len().over("user_id", "opening") >= template["min_conversations"]
    return origins.with_columns(
        cluster=pl.coalesce("user_id", "conversation_id"),
        author=author(),
        person=is_person(person=person, user_key_until=user_key_until),
        templated=pl.col("opening").is_not_null() & alike,
    ).select(contracts.Origins.column_names())


def main():
    origins = mark_origins(
        pl.concat([pl.read_parquet(path) for path in snakemake.input.origins]),
        person=snakemake.params.person,
        template=snakemake.params.template,
        **snakemake.params.source,
    )
    contracts.Origins.checked(origins).write_parquet(snakemake.output.origins)
    print(origins.select(pl.len(), pl.col("person", "templated").sum()))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
