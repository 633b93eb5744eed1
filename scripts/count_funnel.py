"""Add up the funnel over shards, and go on with the study's own filters."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def count_funnel(selection: pl.DataFrame, measures: pl.DataFrame, *, min_conversations: int) -> pl.DataFrame:
    """The funnel of one data set: step, unit, n_removed, n_left.

    Args:
        selection: the funnels of its shards (select_shard), one below the other.
        measures: contracts.MEASURES.
        min_conversations: floor. Where affective conversations left or removed are fewer, the counts from which they could be told are null.
    """
    steps = selection.group_by("step", "unit", maintain_order=True).agg(pl.col("n_removed", "n_left").sum())
    rows = []
    left = measures
    for step, keep in (
        ("not content creation", ~pl.col("content_creation")),
        ("affective", pl.col("affective")),
        ("roleplay only if long enough", pl.col("included")),
    ):
        before, left = left.height, left.filter(keep)
        rows.append((step, "conversation", before - left.height, left.height))
    (name, unit, _, _), (last, *_, removed, n_left) = rows[-2:]

    def small(n):
        return 0 < n < min_conversations

    if small(n_left) or small(removed):
        rows[-2:] = [(name, unit, None, None), (last, unit, None, None if small(n_left) else n_left)]
    return pl.concat([steps, pl.DataFrame(rows, schema=steps.schema, orient="row")])


def main():
    tables = []
    for dataset, path in zip(snakemake.params.datasets, snakemake.input.measures, strict=True):
        shards = [pl.read_csv(funnel) for funnel in snakemake.input.funnels if Path(funnel).parts[-3] == dataset]
        tables.append(
            count_funnel(pl.concat(shards), pl.read_parquet(path), min_conversations=snakemake.params.floor).select(
                pl.lit(dataset).alias("dataset"), pl.all()
            )
        )
    pl.concat(tables).write_csv(snakemake.output.funnel)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
