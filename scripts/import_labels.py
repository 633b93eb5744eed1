"""Bring the labels of one data set's conversations beside the instruments' decisions on them."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from shared.job import logged
from shared.labels import import_labels, read_labels

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


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
