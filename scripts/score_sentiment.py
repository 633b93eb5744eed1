"""Score the sentiment that the human expresses in each message: VADER per sentence, a message being the mean of its sentences; beside it a linear score of cues."""

from typing import TYPE_CHECKING

import polars as pl
import yaml

from shared import contracts
from shared.comparison import read_compared
from shared.job import logged
from shared.levels import levels
from shared.sentiment import TEXTS, LinearSentiment, human_messages, scores

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def score_sentiment(
    conversations: pl.DataFrame, model: LinearSentiment, *, min_human_messages: int, cut_points: list[float]
) -> pl.DataFrame:
    """Sentiment of each human message, in English: both scores know no other language.

    Args:
        conversations: contracts.Selected.
        model: of the linear score.
        min_human_messages: shorter conversations have no start and end, and are not scored.
        cut_points: four rising compound scores that part the five levels; a score equal to a cut point belongs to the level nearer zero.

    Returns:
        A table under contracts.Sentiment. A message with nothing to score is not scorable, which is not zero.
    """
    messages = human_messages(conversations, min_human_messages=min_human_messages)
    # Most texts are the same masked or not, with courtesy or without: each is scored once.
    once = pl.concat([messages[text] for text in ("masked", "unmasked", "plain")]).unique(maintain_order=True)
    known = pl.DataFrame({"text": once}).hstack(scores(once, model))
    table = messages
    for text, ending in zip(("masked", "unmasked", "plain"), TEXTS.values(), strict=True):
        named = known.rename({"text": text, "compound": f"compound{ending}", "linear": f"linear{ending}"})
        table = table.join(named, on=text, how="left", maintain_order="left")
    return table.with_columns(
        level=pl.Series(levels(table["compound"].to_numpy(), cut_points), dtype=pl.Float64).fill_nan(None),
        scorable=pl.col("compound").is_not_null(),
        courtesy=pl.col("masked").str.len_chars() > pl.col("plain").str.len_chars(),
    ).select(contracts.Sentiment.column_names())


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        cues = yaml.safe_load(file)["sentiment"]
    sentiment = score_sentiment(
        read_compared(snakemake.input.selected, snakemake.input.affect),
        LinearSentiment.load(snakemake.input.model, cues),
        min_human_messages=snakemake.params.min_human_messages,
        cut_points=snakemake.params.cut_points,
    )
    contracts.Sentiment.checked(sentiment).write_parquet(snakemake.output.sentiment)
    print(sentiment.select(pl.len(), pl.col("scorable", "courtesy", "compound", "linear").mean()))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
