"""Error rates from labels of one's own: the instruments' decisions beside them, in the place of those that come with the workflow."""

from typing import TYPE_CHECKING

import polars as pl

from shared.evaluation import beside_labels, pushback_beside_labels
from shared.job import logged
from shared.labels import read_held_out, read_labels

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def join_held_out(held_out: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """`held_out` with the rows of `own` instead of its rows of the same sources.

    A conversation whose decision `held_out` knows keeps that one: the classifier may have learnt from its label, and there it is cross-validated.

    Args:
        held_out, own: source, conversation_id, weight, stratum, predicted_* and true_*; held_out may have more.
    """
    key, decisions = ["source", "conversation_id"], [name for name in own.columns if name.startswith("predicted_")]
    known = own.join(held_out.select(*key, *decisions), on=key, how="left", suffix="_known", maintain_order="left")
    kept = known.with_columns(pl.coalesce(f"{name}_known", name).alias(name) for name in decisions).select(own.columns)
    others = held_out.filter(~pl.col("source").is_in(own["source"].unique().to_list()))
    return pl.concat([others, kept], how="diagonal_relaxed")


def main():
    paths, params = snakemake.input, snakemake.params
    labels = read_labels(paths.own)
    affect, pushback = [], []
    for dataset, measures, labelled in zip(params.datasets, paths.measures, paths.labelled, strict=True):
        rule = {"min_human_messages_roleplay": params.min_human_messages_roleplay}
        affect.append(beside_labels(labels.filter(source=dataset), pl.read_parquet(measures), **rule))
        pushback.append(pushback_beside_labels(pl.read_parquet(labelled), dataset=dataset))
    join_held_out(read_held_out(paths.affect), pl.concat(affect)).write_csv(snakemake.output.affect)
    join_held_out(read_held_out(paths.pushback), pl.concat(pushback)).write_csv(snakemake.output.pushback)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
