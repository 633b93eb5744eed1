"""What the classifier sees of a conversation: words, codebook cues and shape of the human text. Shared by training and use."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from shared.text import excerpt, messages_by, spaced_words

MESSAGE_CHARACTERS = 800  # of one human message
TEXT_CHARACTERS = 3_000  # of all of them: cost and length of a conversation do not decide
WINDOW = 10  # human messages of which a long conversation's windows consist
WORD_WEIGHT = 2  # words against cues under one penalty; 1 to 3 did equally well in cross-validation
PERSONS = {  # how often the human says it is a matter of shape
    "first_person": ["i", "me", "my", "mine", "myself", "im", "ive"],
    "second_person": ["you", "your", "youre", "yourself"],
}


def human_text() -> pl.Expr:
    """str: the excerpt of the human messages that the classifier reads."""
    return excerpt("human", per_message=MESSAGE_CHARACTERS, total=TEXT_CHARACTERS)


def readings(conversations: pl.DataFrame) -> pl.DataFrame:
    """What the classifier reads of each conversation: the whole, and where it has more than WINDOW human messages each window of them.

    Returns:
        row (number of the conversation), text, n_human: first the n conversations as wholes, then the windows in order.
    """
    whole = conversations.select(
        row=pl.int_range(pl.len(), dtype=pl.Int64), text=human_text(), n_human=pl.col("n_human").cast(pl.Int64)
    )
    cut = messages_by("human").list.eval(pl.element().str.head(MESSAGE_CHARACTERS))
    long = (
        conversations.with_row_index("row")
        .filter(pl.col("n_human") > WINDOW)
        .select(pl.col("row").cast(pl.Int64), text=cut)
    )
    windows = (
        long.explode("text")
        .with_columns(window=pl.int_range(pl.len()).over("row") // WINDOW)
        .group_by("row", "window", maintain_order=True)
        .agg(pl.col("text").str.join("\n").str.head(TEXT_CHARACTERS), n_human=pl.len().cast(pl.Int64))
    )
    return pl.concat([whole, windows.select(whole.columns)])


def sieve(text: pl.Expr, words: list[str]) -> pl.Expr:
    """bool: the text holds one of the sieve's words, as a whole word."""
    return spaced_words(text).str.contains_any([f" {word} " for word in words])


def occurrences(words: pl.Series, phrases: list[str]) -> sp.csr_matrix:
    """How often each phrase stands in each text; phrases that overlap count each (Aho & Corasick 1975, by Polars).

    Args:
        words: (n,) texts as spaced_words leaves them.
        phrases: distinct, in the same spelling, without the spaces at the ends.

    Returns:
        (n, len(phrases)) counts.
    """
    needles = [f" {phrase} " for phrase in phrases]
    found = words.str.extract_many(needles, overlapping=True)
    column = found.explode(empty_as_null=False).cast(pl.Enum(needles)).to_physical().to_numpy()
    row = np.repeat(np.arange(len(words)), found.list.len().to_numpy())
    return sp.csr_matrix((np.ones(column.size), (row, column)), shape=(len(words), len(phrases)))


def in_words(phrases: list[str]) -> list[str]:
    """Phrases in the spelling in which texts are searched."""
    spelt = spaced_words(pl.lit(pl.Series(phrases, dtype=pl.String))).str.strip_chars()
    return pl.select(spelt).to_series().to_list()


@dataclass
class Features:
    """The vocabulary of words with their inverse document frequencies, and the groups of cues: {name: {phrases: [...]}}."""

    words: list[str]
    idf: np.ndarray
    cues: dict

    def __post_init__(self):
        groups = {name: group["phrases"] for name, group in self.cues.items()} | PERSONS
        # "#" makes a cue a regular expression on the text as it was typed.
        self.patterns = {name: [cue[1:] for cue in cues if cue.startswith("#")] for name, cues in groups.items()}
        spelt = {name: in_words([cue for cue in cues if not cue.startswith("#")]) for name, cues in groups.items()}
        self.phrases = list(dict.fromkeys([*self.words, *(phrase for cues in spelt.values() for phrase in cues)]))
        place = {phrase: number for number, phrase in enumerate(self.phrases)}
        pairs = [(place[phrase], group) for group, cues in enumerate(spelt.values()) for phrase in set(cues)]
        rows, columns = zip(*pairs, strict=True)
        self.membership = sp.csr_matrix((np.ones(len(pairs)), (rows, columns)), shape=(len(self.phrases), len(groups)))

    @property
    def names(self) -> list[str]:
        return (
            [f"word:{word}" for word in self.words]
            + [f"cue:{name}" for name in self.cues]
            + [f"cue_rate:{name}" for name in self.cues]
            + [f"shape:{name}" for name in SHAPE]
        )

    def matrix(self, texts: pl.DataFrame) -> sp.csr_matrix:
        """What is known of each text.

        Args:
            texts: text, n_human; see readings.

        Returns:
            (n, len(names)): sublinear TF-IDF of the words (rows of length WORD_WEIGHT), log counts and rates of cues, shape.
        """
        table = texts.with_columns(words=spaced_words(pl.col("text")))
        found = occurrences(table["words"], self.phrases)
        groups = (found @ self.membership).toarray()
        for number, patterns in enumerate(self.patterns.values()):
            for pattern in patterns:
                groups[:, number] += table["text"].str.to_lowercase().str.count_matches(pattern).to_numpy()
        n_words = np.maximum(table["words"].str.count_matches(" ", literal=True).to_numpy().astype(float) - 1, 1)[
            :, None
        ]
        cues = groups[:, : len(self.cues)]
        return sp.hstack(
            [
                self._tfidf(found[:, : len(self.words)]),
                np.log1p(cues) / 2,
                np.minimum(cues / n_words * 20, 2),
                shape(table, groups[:, len(self.cues) :], n_words),
            ],
            format="csr",
        )

    def _tfidf(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        weighted = counts.copy()
        weighted.data = 1 + np.log(weighted.data)
        weighted = weighted @ sp.diags_array(self.idf)
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        return sp.diags_array(WORD_WEIGHT / np.where(length > 0, length, 1)) @ weighted


SHAPE = [*PERSONS, "question_marks", "code_marks", "log_words", "log_words_per_message", "log_human_messages"]


def shape(table: pl.DataFrame, persons: np.ndarray, n_words: np.ndarray) -> np.ndarray:
    """(n, len(SHAPE)): person, punctuation and size of the human text; shares are per word.

    Args:
        table: text, n_human.
        persons: (n, len(PERSONS)) counts.
        n_words: (n, 1), at least 1.
    """
    marks = table.select(
        questions=pl.col("text").str.count_matches(r"\?"), code=pl.col("text").str.count_matches(r"[{}<>=;`|_\[\]]")
    )
    n_human = table["n_human"].to_numpy().astype(float)[:, None]
    return np.hstack(
        [
            persons / n_words * 10,
            marks.to_numpy() / n_words * [10, 3],
            np.log1p(n_words) / 3,
            np.log1p(n_words / np.maximum(n_human, 1)) / 3,
            np.log1p(np.minimum(n_human, 10)) / 3,
        ]
    )
