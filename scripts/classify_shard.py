"""Label each conversation: content creation, affective, the six categories, professional use."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared import contracts
from shared.affect import AffectModel, decide
from shared.comparison import compared
from shared.contracts import CATEGORIES, CLASSES
from shared.features import human_text, sieve
from shared.job import logged
from shared.labels import read_held_out

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def cross_fitted(probabilities: np.ndarray, conversation_id: pl.Series, held_out: pl.DataFrame) -> np.ndarray:
    """Replace the probabilities of conversations that the classifier learnt from by those of models that had not seen them.

    Otherwise it would find its own training labels again, and the error rates, which are cross-validated, would not fit its counts.

    Args:
        probabilities: (n, classes) of the final model.
        conversation_id: (n,).
        held_out: conversation_id and p_<class> of the labelled conversations of this data set.
    """
    columns = [f"p_{name}" for name in CLASSES]
    known = pl.DataFrame({"conversation_id": conversation_id}).join(
        held_out.select("conversation_id", *columns), on="conversation_id", how="left", maintain_order="left"
    )
    return np.where(
        known[columns[0]].is_not_null().to_numpy()[:, None], known.select(columns).to_numpy(), probabilities
    )


def classify_shard(
    conversations: pl.DataFrame,
    *,
    model: AffectModel,
    held_out: pl.DataFrame,
    sieve_words: list[str],
    min_human_messages_roleplay: int,
    others_compared: int,
    seed: int,
) -> pl.DataFrame:
    """Probabilities and decisions of each conversation.

    Args:
        conversations: contracts.Selected.
        model: the trained classifier.
        held_out: cross-validated probabilities of the labelled conversations of this data set.
        sieve_words: a conversation with none of them is not affective, and only its content-creation probability is kept.
        min_human_messages_roleplay: shorter roleplay is not counted.
        others_compared, seed: how many that are not affective are measured further, and the seed by which they are drawn.

    Returns:
        A table under contracts.Affect.
    """
    candidate = conversations.select(sieve(human_text(), sieve_words)).to_series().to_numpy()
    n = conversations.height
    probabilities = model.probabilities(conversations) if n else np.zeros((0, len(CLASSES)))
    probabilities = cross_fitted(probabilities, conversations["conversation_id"], held_out)
    decisions = decide(
        probabilities,
        model.threshold,
        candidate=candidate,
        n_human=conversations["n_human"].to_numpy(),
        min_human_messages_roleplay=min_human_messages_roleplay,
    )
    table = pl.DataFrame({f"p_{name}": probabilities[:, number].round(6) for number, name in enumerate(CLASSES)})
    scored = [f"p_{name}" for name in CLASSES if name != "content_creation"]
    table = table.with_columns(
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
    )
    return table.with_columns(compared=compared(others=others_compared, seed=seed)).select(
        [
            pl.when("candidate").then(column).alias(column) if column in scored else pl.col(column)
            for column in contracts.Affect.column_names()
        ]
    )


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)
    affect = classify_shard(
        pl.read_parquet(snakemake.input.selected),
        model=AffectModel.load(snakemake.input.model, codebook["cues"]),
        held_out=read_held_out(snakemake.input.held_out).filter(source=snakemake.wildcards.dataset),
        sieve_words=codebook["sieve"],
        min_human_messages_roleplay=snakemake.params.min_human_messages_roleplay,
        others_compared=snakemake.params.others_compared,
        seed=snakemake.params.seed,
    )
    contracts.Affect.checked(affect).write_parquet(snakemake.output.affect)
    print(affect.select(pl.len(), pl.col("candidate", "content_creation", "affective", "included").sum()))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
