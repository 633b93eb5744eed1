"""What the classifier sees of a conversation: words, codebook cues and shape of the human text. Shared by training and use."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
import spacy
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize
from spacy.matcher import PhraseMatcher

from shared.text import excerpt, fold, straight

MESSAGE_CHARACTERS = 800  # of one human message
TEXT_CHARACTERS = 3_000  # of all of them: cost and length of a conversation do not decide
WORD_WEIGHT = 2  # words against cues under one penalty; 1 to 3 did equally well in cross-validation
TOKEN = r"(?u)\b[^\W\d_][\w']*\b"
FIRST_PERSON = {"i", "me", "my", "mine", "myself", "im", "i'm", "ive", "i've"}
SECOND_PERSON = {"you", "your", "you're", "youre", "yourself"}


def human_text() -> pl.Expr:
    """str: the excerpt of the human messages that the classifier reads."""
    return straight(excerpt("human", per_message=MESSAGE_CHARACTERS, total=TEXT_CHARACTERS))


def sieve(text: pl.Expr, words: list[str]) -> pl.Expr:
    """bool: the text holds one of the sieve's words, as a whole word."""
    return (" " + fold(text) + " ").str.contains_any([f" {word} " for word in words])


def cue_counts(texts: list[str], cues: dict) -> np.ndarray:
    """(n texts, n groups): how often the cues of each group occur, by spaCy's PhraseMatcher and regular expressions."""
    nlp = spacy.blank("en")
    matcher = PhraseMatcher(nlp.vocab, attr="LOWER")
    for name, group in cues.items():
        matcher.add(name, [nlp.make_doc(phrase) for phrase in group["phrases"] if not phrase.startswith("#")])
    position = {nlp.vocab.strings[name]: number for number, name in enumerate(cues)}
    counts = np.zeros((len(texts), len(cues)))
    for row, doc in enumerate(nlp.pipe(text.lower() for text in texts)):  # spaCy cuts "I'M" and "I'm" differently
        for group, _, _ in matcher(doc):
            counts[row, position[group]] += 1
    lowered = pl.Series(texts, dtype=pl.String).str.to_lowercase()
    for number, group in enumerate(cues.values()):
        for phrase in group["phrases"]:
            if phrase.startswith("#"):
                counts[:, number] += lowered.str.count_matches(phrase[1:]).to_numpy()
    return counts


SHAPE = [
    "first_person",
    "second_person",
    "question_marks",
    "code_marks",
    "log_words",
    "log_words_per_message",
    "log_human_messages",
]


def shape(conversations: pl.DataFrame) -> np.ndarray:
    """(n, len(SHAPE)): person, punctuation and size of the human text; shares are per word."""
    table = conversations.select(text=human_text(), n_human="n_human")
    words = pl.col("text").str.to_lowercase().str.extract_all(r"[\p{L}'’]+")
    n_words = pl.col("words").list.len().clip(lower_bound=1)
    shapes = table.with_columns(words=words).select(
        first_person=pl.col("words").list.eval(pl.element().is_in(FIRST_PERSON)).list.sum() / n_words * 10,
        second_person=pl.col("words").list.eval(pl.element().is_in(SECOND_PERSON)).list.sum() / n_words * 10,
        question_marks=pl.col("text").str.count_matches(r"\?") / n_words * 10,
        code_marks=pl.col("text").str.count_matches(r"[{}<>=;`|_\[\]]") / n_words * 3,
        log_words=n_words.log1p() / 3,
        log_words_per_message=(n_words / pl.col("n_human").clip(lower_bound=1)).log1p() / 3,
        log_human_messages=pl.col("n_human").clip(upper_bound=10).log1p() / 3,
    )
    return shapes.select(SHAPE).fill_null(0).to_numpy()


@dataclass
class Features:
    """The vocabulary of words with their inverse document frequencies, and the groups of cues."""

    words: list[str]
    idf: np.ndarray
    cues: dict

    @property
    def names(self) -> list[str]:
        return (
            [f"word:{word}" for word in self.words]
            + [f"cue:{name}" for name in self.cues]
            + [f"cue_rate:{name}" for name in self.cues]
            + [f"shape:{name}" for name in SHAPE]
        )

    def matrix(self, conversations: pl.DataFrame) -> sp.csr_matrix:
        """(n, len(names)): sublinear TF-IDF of the words (rows of length WORD_WEIGHT), log counts and rates of cues, shape."""
        texts = conversations.select(human_text()).to_series().to_list()
        counts = (
            CountVectorizer(vocabulary=self.words, ngram_range=(1, 2), token_pattern=TOKEN)
            .transform(texts)
            .astype(float)
        )
        counts.data = 1 + np.log(counts.data)
        weighted = counts @ sp.diags_array(self.idf)
        weighted = normalize(weighted) * WORD_WEIGHT
        cues = cue_counts(texts, self.cues)
        n_words = np.array([max(len(text.split()), 1) for text in texts])[:, None]
        return sp.hstack(
            [weighted, np.log1p(cues) / 2, np.minimum(cues / n_words * 20, 2), shape(conversations)], format="csr"
        )


def learn_features(
    conversations: pl.DataFrame, cues: dict, *, min_documents: int = 4, max_words: int = 5_000
) -> Features:
    """Vocabulary of word n-grams (1-2) and their smoothed idf: ln((1 + n) / (1 + df)) + 1, as in scikit-learn."""
    texts = conversations.select(human_text()).to_series().to_list()
    vectorizer = CountVectorizer(
        ngram_range=(1, 2), min_df=min_documents, max_df=0.5, max_features=max_words, token_pattern=TOKEN
    )
    documents = np.asarray((vectorizer.fit_transform(texts) > 0).sum(axis=0)).ravel()
    return Features(list(vectorizer.get_feature_names_out()), np.log((1 + len(texts)) / (1 + documents)) + 1, cues)
