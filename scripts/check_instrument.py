"""Planted against recovered values on the control corpus: does the chain of instruments find what is known to be there?"""

from typing import TYPE_CHECKING

import polars as pl
from scipy.stats import spearmanr

from shared.affect import apply_study_filters
from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.job import logged
from shared.labels import read_control_labels

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def check_instrument(measures: pl.DataFrame, labels: pl.DataFrame, *, min_human_messages_roleplay: int) -> pl.DataFrame:
    """One row per quantity with its planted and its recovered value, without any correction.

    Args:
        measures: contracts.Measures of the control corpus.
        labels: shared.labels.read_control_labels, the split `check`.
        min_human_messages_roleplay: the study's rule.

    Returns:
        quantity, unit, n_conversations, planted, recovered, precision, recall (the last two for decisions).
    """
    table = measures.join(labels, on="conversation_id", suffix="_planted").sort("conversation_id")
    truth = {name: table["categories_planted"].list.contains(pl.lit(name)).to_numpy() for name in CATEGORIES}
    truth |= {
        "affective": table["affective_planted"].to_numpy(),
        "content_creation": table["content_creation_planted"].to_numpy(),
    }
    truth = apply_study_filters(
        truth, n_human=table["n_human"].to_numpy(), min_human_messages_roleplay=min_human_messages_roleplay
    )
    found = {name: (table["categories"].list.contains(pl.lit(name))).to_numpy() for name in CATEGORIES}
    found |= {name: table[name].to_numpy() for name in ("content_creation", "affective", "included")}
    pairs = [
        (f"share {name.replace('_', ' ')}", truth[name], found[name])
        for name in ("content_creation", "affective", "included", *CATEGORIES)
    ]
    kinds = table["pushback_planted"]
    pairs.append(("share with any pushback", (kinds.list.len() > 0).to_numpy(), table["pushback"].to_numpy()))
    pairs += [
        (f"share with {kind}", kinds.list.contains(pl.lit(kind)).to_numpy(), table[kind].to_numpy())
        for kind in PUSHBACK_KINDS
    ]
    rows = []
    for quantity, planted, recovered in pairs:
        hits = int((planted & recovered).sum())
        rows.append(
            {
                "quantity": quantity,
                "unit": "share of conversations",
                "n_conversations": table.height,
                "planted": float(planted.mean()),
                "recovered": float(recovered.mean()),
                "precision": hits / recovered.sum() if recovered.any() else None,
                "recall": hits / planted.sum() if planted.any() else None,
            }
        )
    scored = table.drop_nulls(["sentiment_start", "sentiment_end", "level_start", "level_end"])
    change = scored["sentiment_end"] / 2 - scored["sentiment_start"] / 2, scored["level_end"] - scored["level_start"]
    for quantity, planted, recovered in (
        ("mean sentiment, first messages", scored["sentiment_start"] / 2, scored["level_start"]),
        ("mean sentiment, last messages", scored["sentiment_end"] / 2, scored["level_end"]),
        ("mean change of sentiment", *change),
    ):
        rows.append(
            {
                "quantity": quantity,
                "unit": "scale -1 to +1",
                "n_conversations": scored.height,
                "planted": planted.mean(),
                "recovered": recovered.mean(),
            }
        )
    varied = scored.height > 2 and all(side.n_unique() > 1 for side in change)
    correlation = float(spearmanr(*change).statistic) if varied else None
    rows.append(
        {
            "quantity": "rank correlation of change, planted with recovered",
            "unit": "correlation",
            "n_conversations": scored.height,
            "planted": 1.0,
            "recovered": correlation,
        }
    )
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(pl.Float64).round(4))


def main():
    labels = read_control_labels(snakemake.input.labels).filter(split="check")
    table = check_instrument(
        pl.read_parquet(snakemake.input.measures),
        labels,
        min_human_messages_roleplay=snakemake.params.min_human_messages_roleplay,
    )
    table.write_csv(snakemake.output.check)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
