"""The pushback rules' decisions beside the labels, conversation by conversation: where their error rates come from."""

from typing import TYPE_CHECKING

import polars as pl
import yaml

from shared.contracts import PUSHBACK_KINDS
from shared.job import logged
from shared.labels import labelled_texts, read_labels
from shared.pushback import detect_pushback

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def evaluate_pushback(labelled: pl.DataFrame, *, codebook: dict) -> pl.DataFrame:
    """Predicted and true pushback of each labelled conversation, without its text.

    Args:
        labelled: shared.labels.labelled_texts.
        codebook: the section `pushback` of config/codebook.yaml.

    Returns:
        source, conversation_id, weight, stratum, true_affective, and predicted_ and true_ (0/1) for `any` and each kind.
    """
    keyed = labelled.with_columns(
        conversation_id=pl.concat_str("source", "conversation_id", separator=":"), own_id="conversation_id"
    )
    found = (
        detect_pushback(keyed, codebook=codebook)
        .group_by("conversation_id")
        .agg(found=pl.col("kind").cast(pl.String).unique())
    )
    joined = keyed.join(found, on="conversation_id", how="left").sort("conversation_id")
    predicted, true = pl.col("found").fill_null([]), pl.col("pushback")
    return joined.select(
        "source",
        conversation_id="own_id",
        weight="weight",
        stratum="stratum",
        true_affective=pl.col("affective").cast(pl.Int8),
        predicted_any=(predicted.list.len() > 0).cast(pl.Int8),
        true_any=(true.list.len() > 0).cast(pl.Int8),
        **{f"predicted_{kind}": predicted.list.contains(pl.lit(kind)).cast(pl.Int8) for kind in PUSHBACK_KINDS},
        **{f"true_{kind}": true.list.contains(pl.lit(kind)).cast(pl.Int8) for kind in PUSHBACK_KINDS},
    )


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)["pushback"]
    labels = read_labels(snakemake.input.labels).filter(~pl.col("shortened"))
    labelled = labelled_texts(labels, snakemake.input.conversations)
    evaluate_pushback(labelled, codebook=codebook).write_csv(snakemake.output.held_out)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
