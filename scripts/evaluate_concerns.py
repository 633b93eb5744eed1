"""How often a concern that is found was meant, and how often one that was meant is found, by the labels whose texts are at hand."""

from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from shared.concerns import concerns_in
from shared.features import MESSAGE_CHARACTERS
from shared.job import logged
from shared.labels import labelled_texts
from shared.text import messages_by

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def evaluate_concerns(labelled: pl.DataFrame, concerns: dict[str, dict[str, Any]]) -> pl.DataFrame:
    """Counts of labelled conversations for each concern.

    Args:
        labelled: labels (`concerns`: a list of names) beside messages.
        concerns: `concerns` of config/concerns.yaml.

    Returns:
        concern, n_read, n_found (by phrases), n_meant (by the label), n_both.
    """
    text = messages_by("human").list.eval(pl.element().str.head(MESSAGE_CHARACTERS)).list.join("\n")
    pairs = labelled.select(meant="concerns", found=concerns_in(text, concerns))
    rows = []
    for name in concerns:
        meant, found = (pairs[column].list.contains(name) for column in ("meant", "found"))
        rows.append((name, pairs.height, found.sum(), meant.sum(), (meant & found).sum()))
    return pl.DataFrame(rows, schema=["concern", "n_read", "n_found", "n_meant", "n_both"], orient="row")


def main():
    with open(snakemake.input.taxonomy, encoding="utf-8") as file:
        concerns = yaml.safe_load(file)["concerns"]
    labels = pl.read_csv(snakemake.input.labels, infer_schema=False).with_columns(
        pl.col("concerns").fill_null("").str.split("|")
    )
    evaluation = evaluate_concerns(labelled_texts(labels, snakemake.input.conversations), concerns)
    evaluation.write_csv(snakemake.output.evaluation)
    print(evaluation)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
