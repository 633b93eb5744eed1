"""The affect classifier: one calibrated logistic regression per class over shared features, stored as a plain table; and its decisions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES, CLASSES
from shared.features import Features, readings
from shared.weights import SPECIAL, check_names, read_weights, sigmoid, write_weights

LENGTH_DISCOUNT = 0.7  # 0.5 to 1 did equally well in cross-validation


@dataclass
class AffectModel:
    """Weights of the classes in CLASSES: p = sigmoid(slope * (x @ coefficients + intercept) + offset)."""

    features: Features
    coefficients: np.ndarray  # (features, classes)
    intercept: np.ndarray  # (classes,) like the next three
    slope: np.ndarray
    offset: np.ndarray
    threshold: np.ndarray

    def log_odds(self, conversations: pl.DataFrame) -> np.ndarray:
        """(n, classes): log-odds before calibration, over all readings of a conversation."""
        texts = readings(conversations)
        scores = self.features.matrix(texts) @ self.coefficients + self.intercept
        return over_readings(scores, texts["row"].to_numpy(), conversations.height)

    def probabilities(self, conversations: pl.DataFrame) -> np.ndarray:
        """(n, classes): calibrated probabilities; those of categories and professional use are given that a conversation is affective."""
        return sigmoid(self.slope * self.log_odds(conversations) + self.offset)

    def save(self, path: str | Path) -> None:
        """Write the table that load() reads, see shared.weights."""
        write_weights(
            path,
            CLASSES,
            names=self.features.names,
            idf={f"word:{word}": idf for word, idf in zip(self.features.words, self.features.idf, strict=True)},
            coefficients=self.coefficients,
            special={name: getattr(self, name) for name in SPECIAL},
        )

    @classmethod
    def load(cls, path: str | Path, cues: dict) -> "AffectModel":
        """Read what save() wrote.

        Raises:
            InputError: the table's classes or cue groups are not those of this code and codebook.
        """
        retrain = "classify.model: data/models/affect.csv"
        table, special = read_weights(path, CLASSES, retrain=retrain)
        words = table.filter(kind="word")
        features = Features(words["name"].to_list(), words["idf"].to_numpy(), cues)
        check_names(path, (table["kind"] + ":" + table["name"]).to_list(), features.names, retrain=retrain)
        return cls(features, table.select(CLASSES).to_numpy(), **special)


def over_readings(scores: np.ndarray, row: np.ndarray, n: int) -> np.ndarray:
    """Log-odds of conversations from those of their readings.

    A conversation is as affective as its most affective reading, less LENGTH_DISCOUNT times the logarithm of the number of readings: the
    largest of many is large by chance. Categories and professional use are judged in that reading, content creation in the whole.

    Args:
        scores: (readings, classes), of the n wholes first.
        row: (readings,) the conversation of each.
        n: conversations.

    Returns:
        (n, classes).
    """
    affective, content = CLASSES.index("affective"), CLASSES.index("content_creation")
    order = np.lexsort((-scores[:, affective], row))
    best = order[np.searchsorted(row[order], np.arange(n))]
    combined = scores[best]
    combined[:, affective] -= LENGTH_DISCOUNT * np.log(np.bincount(row, minlength=n))
    combined[:, content] = scores[:n, content]
    return combined


def decide(
    probabilities: np.ndarray,
    threshold: np.ndarray,
    *,
    candidate: np.ndarray,
    n_human: np.ndarray,
    min_human_messages_roleplay: int,
) -> dict[str, np.ndarray]:
    """Decisions from probabilities, by the study's filters in the study's order.

    An affective conversation gets every category over its threshold, or else the likeliest relative to its threshold. `included` is what the
    study counts: affective, not content creation, and not roleplay alone with too few human messages.

    Args:
        probabilities: (n, classes).
        threshold: (classes,).
        candidate: (n,) bool, passed the sieve; the others are not affective.
        n_human: (n,) human messages.
        min_human_messages_roleplay: the study's rule is 4.

    Returns:
        (n,) bool for each of CLASSES and "included".
    """
    over = dict(zip(CLASSES, (probabilities >= threshold).T, strict=True))
    affective = over["affective"] & candidate
    columns = [CLASSES.index(name) for name in CATEGORIES]
    likeliest = (probabilities[:, columns] / threshold[columns]).argmax(axis=1)
    any_over = np.any([over[name] for name in CATEGORIES], axis=0)
    decisions = {
        "content_creation": over["content_creation"],
        "affective": affective,
        "professional": affective & over["professional"],
    }
    for number, name in enumerate(CATEGORIES):
        decisions[name] = affective & (over[name] | (~any_over & (likeliest == number)))
    return apply_study_filters(decisions, n_human=n_human, min_human_messages_roleplay=min_human_messages_roleplay)


def apply_study_filters(
    decisions: dict[str, np.ndarray], *, n_human: np.ndarray, min_human_messages_roleplay: int
) -> dict[str, np.ndarray]:
    """Add `included` to decisions or labels, and take roleplay away from conversations too short for it."""
    decisions = dict(decisions)
    long_enough = n_human >= min_human_messages_roleplay
    for name in ("roleplay", "romantic"):
        decisions[name] = decisions[name] & long_enough
    any_category = np.any([decisions[name] for name in CATEGORIES], axis=0)
    decisions["included"] = decisions["affective"] & ~decisions["content_creation"] & any_category
    return decisions
