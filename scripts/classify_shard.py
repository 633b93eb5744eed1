"""Label each conversation: content creation, affective, the six categories, professional use."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared import contracts
from shared.affect import AffectModel, decide
from shared.contracts import CATEGORIES, CLASSES
from shared.features import human_text, sieve
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def classify_shard(
    conversations: pl.DataFrame, *, model: AffectModel, sieve_words: list[str], min_human_messages_roleplay: int
) -> pl.DataFrame:
    """Probabilities and decisions of each conversation.

    Args:
        conversations: contracts.SELECTED.
        model: the trained classifier.
        sieve_words: a conversation with none of them is not affective, and only its content-creation probability is kept.
        min_human_messages_roleplay: shorter roleplay is not counted.

    Returns:
        A table under contracts.AFFECT.
    """
    candidate = conversations.select(sieve(human_text(), sieve_words)).to_series().to_numpy()
    n = conversations.height
    probabilities = model.probabilities(model.features.matrix(conversations)) if n else np.zeros((0, len(CLASSES)))
    decisions = decide(
        probabilities,
        model.threshold,
        candidate=candidate,
        n_human=conversations["n_human"].to_numpy(),
        min_human_messages_roleplay=min_human_messages_roleplay,
    )
    table = pl.DataFrame({f"p_{name}": probabilities[:, number].round(6) for number, name in enumerate(CLASSES)})
    scored = [f"p_{name}" for name in CLASSES if name != "content_creation"]
    return table.with_columns(
        conversation_id=conversations["conversation_id"],
        candidate=pl.Series(candidate, dtype=pl.Boolean),
        **{
            name: pl.Series(decisions[name], dtype=pl.Boolean)
            for name in ("content_creation", "affective", "included", "professional")
        },
        categories=pl.Series(
            [[name for name in CATEGORIES if decisions[name][row]] for row in range(n)],
            dtype=pl.List(pl.Enum(CATEGORIES)),
        ),
    ).select(
        [
            pl.when("candidate").then(column).alias(column) if column in scored else pl.col(column)
            for column in contracts.AFFECT.columns
        ]
    )


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)
    affect = classify_shard(
        pl.read_parquet(snakemake.input.selected),
        model=AffectModel.load(snakemake.input.model, codebook["cues"]),
        sieve_words=codebook["sieve"],
        min_human_messages_roleplay=snakemake.params.min_human_messages_roleplay,
    )
    contracts.AFFECT.validate(affect).write_parquet(snakemake.output.affect)
    print(affect.select(pl.len(), pl.col("candidate", "content_creation", "affective", "included").sum()))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
