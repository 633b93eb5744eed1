"""What each affective conversation is about at each stage: the classifier's reading of it window by window."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared import contracts
from shared.affect import AffectModel, decide
from shared.contracts import CATEGORIES, CLASSES
from shared.features import WINDOW, human_text, sieve
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def windows_of(conversations: pl.DataFrame, *, min_human_messages: int) -> pl.DataFrame:
    """The conversations cut into windows of human messages, as even as can be: at least two, none longer than WINDOW.

    Returns:
        conversation_id, window (from 0), n_of_conversation (human messages), n_human (of the window), messages.
    """
    n, place = pl.col("n_of_conversation"), pl.int_range(pl.len()).over("conversation_id")
    n_windows = pl.max_horizontal(pl.lit(2), (n + WINDOW - 1) // WINDOW)
    return (
        conversations.select("conversation_id", "messages", n_of_conversation=pl.col("messages").list.len().cast(int))
        .filter(n >= min_human_messages)
        .explode("messages")
        .with_columns(window=(place * n_windows // n).cast(pl.Int32))
        .group_by("conversation_id", "window", maintain_order=True)
        .agg(n.first(), "messages", n_human=pl.len().cast(pl.Int32))
    )


def classify_windows(
    conversations: pl.DataFrame,
    *,
    model: AffectModel,
    sieve_words: list[str],
    min_human_messages: int,
    min_human_messages_roleplay: int,
) -> pl.DataFrame:
    """The likeliest category of each window, relative to the thresholds.

    Each window is read as if it were a conversation, so that none knows of another. Those of conversations that the classifier learnt from
    are read by it all the same: the stages of a conversation are compared with one another, not with other conversations.

    Args:
        conversations: contracts.Gathered.
        model: the trained classifier.
        sieve_words: a window with none of them is not affective.
        min_human_messages: shorter conversations have no stages and are left out.
        min_human_messages_roleplay: of a conversation, for its windows to be roleplay.

    Returns:
        A table under contracts.Windows.
    """
    windows = windows_of(conversations, min_human_messages=min_human_messages)
    if not windows.height:
        return pl.DataFrame(schema=contracts.Windows.types())
    probabilities = model.probabilities(windows)
    decisions = decide(
        probabilities,
        model.threshold,
        candidate=windows.select(sieve(human_text(), sieve_words)).to_series().to_numpy(),
        n_human=windows["n_of_conversation"].to_numpy(),
        min_human_messages_roleplay=min_human_messages_roleplay,
    )
    columns = [CLASSES.index(name) for name in CATEGORIES]
    decided = np.column_stack([decisions[name] for name in CATEGORIES])
    relative = np.where(decided, probabilities[:, columns] / model.threshold[columns], -np.inf)
    likeliest = pl.Series(np.array(CATEGORIES)[relative.argmax(axis=1)], dtype=pl.Enum(CATEGORIES))
    return windows.select(
        "conversation_id",
        "window",
        category=pl.when(pl.lit(pl.Series(decisions["included"]))).then(pl.lit(likeliest)),
    )


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)
    windows = classify_windows(
        pl.read_parquet(snakemake.input.gathered),
        model=AffectModel.load(snakemake.input.model, codebook["cues"]),
        sieve_words=codebook["sieve"],
        **snakemake.params.settings,
    )
    contracts.Windows.checked(windows).write_parquet(snakemake.output.windows)
    print(windows["category"].value_counts(sort=True))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
