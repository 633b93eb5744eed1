"""Bring the labels of one data set's conversations beside the instruments' decisions on them."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from shared.job import logged
from shared.labels import read_labels

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def import_labels(labels: pl.DataFrame, measures: pl.DataFrame, *, dataset: str) -> pl.DataFrame:
    """Labelled conversations that were selected, with `label_*` columns beside the measures.

    Args:
        labels: shared.labels.read_labels.
        measures: contracts.Measures of the data set.
        dataset: labels of this source count.

    Returns:
        The measures of labelled conversations with weight (null outside a probability sample), stratum, weight_compared (the same among those that are
        compared, which stand for the others of their kind; null for the others) and label_affective, label_content_creation, label_professional,
        label_categories, label_pushback (kinds), label_sentiment_start, label_sentiment_end.
    """
    wanted = [
        "affective",
        "content_creation",
        "professional",
        "categories",
        "pushback",
        "sentiment_start",
        "sentiment_end",
    ]
    own = labels.filter(source=dataset).select(
        "conversation_id", "weight", "stratum", **{f"label_{name}": pl.col(name) for name in wanted}
    )
    others = measures.filter(~pl.col("affective"))
    stands_for = pl.when("affective").then(1.0).otherwise(others.height / max(1, others["compared"].sum()))
    weight_compared = pl.when("compared").then(pl.col("weight") * stands_for)
    joined = measures.join(own, on="conversation_id", how="inner").sort("conversation_id")
    return joined.with_columns(weight_compared=weight_compared)


def main():
    labels, measures = (
        read_labels(snakemake.input.labels, own=snakemake.input.own),
        pl.read_parquet(snakemake.input.measures),
    )
    dataset = Path(snakemake.input.measures).parts[-2]
    found = import_labels(labels, measures, dataset=dataset)
    found.write_parquet(snakemake.output.labels)
    print(
        f"{found.height} of {labels.filter(source=dataset).height} labelled conversations of {dataset} are among the selected ones"
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
