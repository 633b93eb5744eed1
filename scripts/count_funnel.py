"""Add up the funnel over shards, and go on with the study's own filters."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def count_funnel(selection: pl.DataFrame, measures: pl.DataFrame) -> pl.DataFrame:
    """The funnel of one data set: step, unit, n_removed, n_left.

    Args:
        selection: the funnels of its shards (select_shard), one below the other.
        measures: contracts.MEASURES.
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
    return pl.concat([steps, pl.DataFrame(rows, schema=steps.schema, orient="row")])


def main():
    tables = []
    for dataset, path in zip(snakemake.params.datasets, snakemake.input.measures, strict=True):
        shards = [pl.read_csv(funnel) for funnel in snakemake.input.funnels if Path(funnel).parts[-3] == dataset]
        tables.append(
            count_funnel(pl.concat(shards), pl.read_parquet(path)).select(pl.lit(dataset).alias("dataset"), pl.all())
        )
    pl.concat(tables).write_csv(snakemake.output.funnel)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
