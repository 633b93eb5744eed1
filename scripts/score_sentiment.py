"""Score the sentiment that the human expresses in each message: VADER per sentence, a message being the mean of its sentences."""

from string import punctuation as PUNCTUATION
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import spacy
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from shared import contracts
from shared.comparison import read_compared
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# What is not the human's own word, and its name in the column `mask`.
MASKS = {
    "code": r"(?s)```.*?(```|$)|`[^`\n]+`",
    "quote": r'(?m)^\s*>.*$|"[^"\n]{40,}"|\u201c[^\u201d\n]{40,}\u201d',
    "url": r"https?://\S+|www\.\S+",
}
SCORED_CHARACTERS = 2_000  # of a message after masking; VADER's cost grows faster than a text's length
LEVELS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])  # the study's five levels on its scale


def human_messages(conversations: pl.DataFrame, *, min_human_messages: int) -> pl.DataFrame:
    """One row per human message of the conversations with enough of them: conversation_id, turn, text (masked), mask."""
    turns = (
        conversations.filter(pl.col("n_human") >= min_human_messages)
        .select("conversation_id", "messages", turn=pl.int_ranges(pl.col("messages").list.len(), dtype=pl.Int32))
        .explode("messages", "turn")
        .drop_nulls("turn")
        .unnest("messages")
        .filter(pl.col("role") == "human")
    )
    found = [pl.when(pl.col("text").str.contains(pattern)).then(pl.lit(name)) for name, pattern in MASKS.items()]
    masked = pl.col("text")
    for pattern in MASKS.values():
        masked = masked.str.replace_all(pattern, " ")
    return turns.select(
        "conversation_id",
        "turn",
        mask=pl.concat_str(found, separator="|", ignore_nulls=True).replace("", None),
        text=masked.str.head(SCORED_CHARACTERS),
    )


class Scorer:
    """VADER's compound score of a sentence, -1 to 1 (Hutto & Gilbert 2014)."""

    def __init__(self):
        self.analyser = SentimentIntensityAnalyzer()

    def compound(self, sentence: str) -> float:
        """The score; 0 without further ado where no word is in the lexicon, since everything else only scales what a word brings in."""
        # Emoji are put into words first, so a text with such characters is always looked at.
        if sentence.isascii() and not any(map(self._charged, sentence.lower().split())):
            return 0.0
        return self.analyser.polarity_scores(sentence)["compound"]

    def _charged(self, word):
        return word in self.analyser.lexicon or word.strip(PUNCTUATION) in self.analyser.lexicon


def mean_sentence_score(texts: list[str]) -> list[float | None]:
    """The score averaged over each text's sentences; None for a text without a word.

    Per text instead of per sentence the score would saturate with length: ten times the same sentence scores far beyond one.
    """
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    scorer = Scorer()
    scores = []
    for doc in nlp.pipe(texts):
        sentences = [sentence.text for sentence in doc.sents if any(character.isalpha() for character in sentence.text)]
        scores.append(float(np.mean([scorer.compound(text) for text in sentences])) if sentences else None)
    return scores


def score_sentiment(conversations: pl.DataFrame, *, min_human_messages: int, cut_points: list[float]) -> pl.DataFrame:
    """Sentiment of each human message.

    Args:
        conversations: contracts.SELECTED.
        min_human_messages: shorter conversations have no start and end, and are not scored.
        cut_points: four rising compound scores that part the five levels; a score equal to a cut point belongs to the level nearer zero.

    Returns:
        A table under contracts.SENTIMENT. A message with nothing to score is not scorable, which is not zero.
    """
    messages = human_messages(conversations, min_human_messages=min_human_messages)
    compound = np.array(
        [np.nan if score is None else score for score in mean_sentence_score(messages["text"].to_list())], dtype=float
    )
    low, high = np.array(cut_points[:2]), np.array(cut_points[2:])
    level = LEVELS[(compound[:, None] >= low).sum(axis=1) + (compound[:, None] > high).sum(axis=1)]
    return messages.select(
        "conversation_id",
        "turn",
        compound=pl.Series(compound.round(6), dtype=pl.Float64).fill_nan(None),
        level=pl.Series(np.where(np.isnan(compound), np.nan, level), dtype=pl.Float64).fill_nan(None),
        scorable=pl.Series(~np.isnan(compound), dtype=pl.Boolean),
        mask="mask",
    )


def main():
    sentiment = score_sentiment(
        read_compared(snakemake.input.selected, snakemake.input.affect),
        min_human_messages=snakemake.params.min_human_messages,
        cut_points=snakemake.params.cut_points,
    )
    contracts.SENTIMENT.validate(sentiment).write_parquet(snakemake.output.sentiment)
    print(sentiment.select(pl.len(), pl.col("scorable").mean(), pl.col("compound").mean()))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
