"""What training has in common: calibration and thresholds on held-out scores, and figures as a model card shows them."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve

FOLDS = 5


def calibrate(scores: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Platt's slope and offset (Platt 1999) of one class on held-out log-odds, weighted to the population."""
    fit = LogisticRegression(C=1e3, max_iter=5_000).fit(scores[:, None], truth, sample_weight=weight)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def best_threshold(probability: np.ndarray, truth: np.ndarray) -> float:
    """The probability at which F1 over the held-out conversations is largest."""
    precision, recall, threshold = precision_recall_curve(truth, probability)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(threshold[f1[:-1].argmax()])


def figure(row, name):
    """A figure with its interval, or a dash where it is undefined."""
    low, high = row[f"{name}_ci_low"], row[f"{name}_ci_high"]
    return "–" if row[name] is None or low is None else f"{row[name]:.2f} ({low:.2f} to {high:.2f})"


def markdown_table(head, rows, *, texts=2):
    """Lines of a Markdown table, whose columns after the first `texts` are numbers."""
    rule = [":---" if number < texts else "---:" for number in range(len(head))]
    return [f"| {' | '.join(map(str, row))} |" for row in (head, rule, *rows)]
