"""Who holds affective conversations: how few people hold many of them, and their share by country, language, model and month."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.job import logged
from shared.statistics import bootstrap_share, summarise
from shared.tables import has_users, small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TOP = {"top 1 %": 0.01, "top 5 %": 0.05}  # of the persons, by their affective conversations
PERSONS = "persons"
# What each dimension is, and the analysis of tables/capabilities.csv that must allow it; language is detected, so it always is allowed.
DIMENSIONS = {
    "country": (pl.col("country"), "by country"),
    "language": (pl.col("language"), None),
    "model": (pl.col("model"), "by model"),
    "month": (pl.col("started_at").dt.strftime("%Y-%m"), "over time"),
}
UNKNOWN, OTHER = "unknown", "other"
SCHEMA = {
    **dict.fromkeys(["dataset", "dimension", "value"], pl.String),
    **dict.fromkeys(["n_conversations", "n_users", "n_of"], pl.Int64),
    **dict.fromkeys(["share", "ci_low", "ci_high"], pl.Float64),
    "suppressed": pl.Boolean,
}


def kept_values(table: pl.DataFrame, **floors: int) -> list[str]:
    """The values of column `value` that may be shown for themselves, largest first; the others together are over the floor, or none.

    A value may be shown where its conversations, the affective among them and those that are not are each none or enough.

    Args:
        table: value, included, conversation_id, author.
        floors: min_conversations, min_users.
    """

    def too_few(rows):
        parts = rows, rows.filter("included"), rows.filter(~pl.col("included"))
        return any(small(part, **floors) for part in parts)

    sizes = table["value"].value_counts().sort("count", "value", descending=[True, False])["value"].to_list()
    by_value = {key[0]: rows for key, rows in table.group_by("value")}
    kept = [value for value in sizes if not too_few(by_value[value])]
    while kept and too_few(table.filter(~pl.col("value").is_in(kept))):
        kept.pop()
    return kept


def few(counts: np.ndarray, *, min_conversations: int, min_users: int) -> bool:
    """Persons with so many conversations each hold some, but fewer than may be counted in public, or are too few who hold any."""
    return bool(counts.sum() > 0 and (counts.sum() < min_conversations or (counts > 0).sum() < min_users))


def top_share(counts: np.ndarray, part: float) -> tuple[int, int]:
    """(persons, their affective conversations) of the `part` of persons with the most of them.

    Args:
        counts: (persons,) affective conversations of each, from the most down.
    """
    n = int(part * counts.size)
    return n, int(counts[:n].sum())


def top_draws(counts: np.ndarray, part: float, *, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap draws of the share of affective conversations that the top `part` of persons hold: persons are drawn with replacement."""
    values, frequency = np.unique(counts, return_counts=True)
    drawn = rng.multinomial(counts.size, frequency / counts.size, size=replicates)[:, ::-1]
    # Of the persons in the order of their counts, as many of each count as there is room for.
    room = np.clip(int(part * counts.size) - (np.cumsum(drawn, axis=1) - drawn), 0, drawn)
    held, whole = room @ values[::-1], drawn @ values[::-1]
    return np.divide(held, whole, out=np.full(replicates, np.nan), where=whole > 0)


def estimate_who(
    measures: pl.DataFrame,
    origins: pl.DataFrame,
    *,
    dataset: str,
    allowed: set[str],
    floors: dict[str, int],
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Concentration and shares of one data set, as they may be published.

    Args:
        measures: contracts.Measures.
        origins: contracts.Origins, for country, language, model and month of what was selected.
        dataset: its name.
        allowed: analyses that tables/capabilities.csv does not refuse.
        floors: min_conversations, min_users.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.

    Returns:
        dataset, dimension, value, n_conversations, n_users, n_of, share with ci_low and ci_high, suppressed. For the dimension persons: the affective
        conversations of the top 1 % and 5 % of persons, of all affective conversations of persons. For the others: conversations found
        affective, of all with that value; values that may not be shown for themselves are one, "other". Dimensions with a single value
        are left out. Not corrected for the classifier's errors.
    """
    users = has_users(measures)
    rows = []

    def add(dimension, value, n, n_users, n_of, draws, *, hidden=False):
        share = summarise(draws, confidence=confidence, value=n / n_of).values() if n_of else [None] * 3
        shown = [n, n_users if users else None, n_of, *share]
        rows.append((dataset, dimension, value, *([None] * len(shown) if hidden else shown), hidden))

    persons = measures.filter("person")
    if "by person" in allowed and persons.height:
        counts = (
            persons.group_by("cluster")
            .agg(pl.col("included").sum())["included"]
            .sort(descending=True)
            .to_numpy()
            .astype(int)
        )
        whole, told = int(counts.sum()), 0  # of the persons in the rows before this one
        nobody = measures.filter("included", ~pl.col("person"))
        for number, (value, part) in enumerate(TOP.items()):
            n_users, n = top_share(counts, part)
            bands = counts[:n_users], counts[told:n_users], counts[n_users:]
            hidden = (
                n_users < floors["min_users"] or any(few(band, **floors) for band in bands) or small(nobody, **floors)
            )
            told = told if hidden else n_users
            rng = np.random.default_rng([seed, number])
            draws = top_draws(counts, part, replicates=bootstrap, rng=rng)
            add(PERSONS, value, n, n_users, whole, draws, hidden=hidden)
    columns = ["conversation_id", "country", "language", "model", "started_at"]
    table = measures.select("conversation_id", "cluster", "author", "included").join(
        origins.select(columns), on="conversation_id", how="left", validate="1:1"
    )
    for number, (dimension, (value, analysis)) in enumerate(DIMENSIONS.items()):
        valued = table.with_columns(value=value.fill_null(UNKNOWN))
        if (analysis and analysis not in allowed) or valued["value"].n_unique() < 2:
            continue
        kept = kept_values(valued, **floors)
        if not kept:
            continue
        valued = valued.with_columns(value=pl.when(pl.col("value").is_in(kept)).then("value").otherwise(pl.lit(OTHER)))
        for place, name in enumerate([*(sorted(kept) if dimension == "month" else kept), OTHER]):
            part = valued.filter(value=name)
            if not part.height:
                continue
            rng = np.random.default_rng([seed, len(TOP) + number, place])
            member = part["included"].to_numpy().astype(float)
            draws = bootstrap_share(
                member, np.ones(part.height), part["cluster"].to_numpy(), replicates=bootstrap, rng=rng
            )
            affective = part.filter("included")
            add(dimension, name, affective.height, affective["author"].n_unique(), part.height, draws)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def main():
    capabilities = pl.read_csv(snakemake.input.capabilities).filter(pl.col("testable") != "no")
    tables = [
        estimate_who(
            pl.read_parquet(measures),
            pl.read_parquet(origins),
            dataset=dataset,
            allowed=set(capabilities.filter(dataset=dataset)["analysis"]),
            floors=snakemake.params.floors,
            **snakemake.params.settings,
            seed=snakemake.params.seed,
        )
        for dataset, measures, origins in zip(
            snakemake.params.datasets, snakemake.input.measures, snakemake.input.origins, strict=True
        )
    ]
    pl.concat(tables).write_csv(snakemake.output.who)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
