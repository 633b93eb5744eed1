"""What training has in common: calibration and thresholds on held-out scores, and figures as a model card shows them."""

from typing import Any

import jinja2
import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from shared.features import human_text
from shared.text import fold

FOLDS = 5
MIN_POSITIVES = 20  # of a source whose F1 counts by itself where a threshold is chosen


def beginnings(labelled: pl.DataFrame, *, seed: int) -> np.ndarray:
    """(n,) what each conversation begins with, as a number: alike ones belong into one fold."""
    return labelled.select(fold(human_text().str.head(200)).hash(seed)).to_series().to_numpy()


def constant_log_odds(own: np.ndarray) -> float:
    """Log-odds of a class that all or none are (bool): nothing else can be learnt of it."""
    return np.log((own.sum() + 0.5) / ((~own).sum() + 0.5))


def calibrate(scores: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Platt's slope and offset (Platt 1999) of one class on held-out log-odds, weighted to the population."""
    fit = LogisticRegression(C=1e3, max_iter=5_000).fit(scores[:, None], truth, sample_weight=weight)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def best_threshold(probability: np.ndarray, truth: np.ndarray, source: np.ndarray | None = None) -> float:
    """The probability at which F1 over the held-out conversations is largest.

    Args:
        source: (n,) of the conversations. With it, the mean of F1 over the sources with at least MIN_POSITIVES positives counts, so that
            no source decides by its size or by how common the class is in it; where no source has as many, all count as one.
    """
    thresholds = np.unique(probability)
    parts = [source == name for name in np.unique(source)] if source is not None else []
    parts = [part for part in parts if truth[part].sum() >= MIN_POSITIVES] or [np.ones(len(truth), bool)]
    f1 = [_f1_at(thresholds, probability[part], truth[part]) for part in parts]
    return float(thresholds[np.mean(f1, axis=0).argmax()])


def _f1_at(thresholds, probability, truth):
    """(thresholds,) F1 of calling positive what is at least as probable as the threshold."""
    found, right = (
        len(values) - np.searchsorted(np.sort(values), thresholds) for values in (probability, probability[truth])
    )
    return 2 * right / np.maximum(found + truth.sum(), 1)


def figure(row, name):
    """A figure with its interval, or a dash where it is undefined."""
    low, high = row[f"{name}_ci_low"], row[f"{name}_ci_high"]
    return "–" if row[name] is None or low is None else f"{row[name]:.2f} ({low:.2f} to {high:.2f})"


def markdown_table(head, rows, *, texts=2):
    """A Markdown table, whose columns after the first `texts` are numbers."""
    rule = [":---" if number < texts else "---:" for number in range(len(head))]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, rule, *rows))


def card(template: str, **values: Any) -> str:
    """A model card from its template of Markdown, in which `table` is markdown_table.

    Raises:
        jinja2.UndefinedError: the template names a value that there is not.
    """
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template).render(table=markdown_table, **values)
