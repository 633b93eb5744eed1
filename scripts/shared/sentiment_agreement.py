"""Agreement of the instruments of sentiment with labels."""

import numpy as np
import polars as pl

from shared.statistics import quantile_interval

AGREEMENT = {"vader": "VADER", "linear": "linear score"}
COMPARED = ["start", "end", "both", "change"]  # windows; both pools start and end


def evaluate_sentiment(held_out: pl.DataFrame, *, bootstrap: int, confidence: float, seed: int) -> pl.DataFrame:
    """How well each instrument orders windows and changes as the labels do, and by how much its mean differs from theirs.

    Args:
        held_out: see train_sentiment.
        bootstrap, confidence, seed: of the intervals; conversations are resampled.

    Returns:
        instrument, scale (level or score), group (all, affective or not affective by the label), window (COMPARED), n_labelled
        (conversations), spearman with interval, mean_label, mean_instrument, bias (instrument - label) with interval; on -1 to 1, unweighted.
    """
    rows = []
    groups = {"all": pl.lit(True), "affective": pl.col("affective") == 1, "not affective": pl.col("affective") == 0}
    for group, among in groups.items():
        for instrument in AGREEMENT:
            for scale in ("level", "score"):
                ends = [f"{instrument}_{scale}_{end}" for end in ("start", "end")]
                table = held_out.filter(among).drop_nulls(ends)
                label = table.select("true_start", "true_end").to_numpy()
                found = table.select(ends).to_numpy()
                n = len(label)
                rng = np.random.default_rng(seed)
                # Of fewer than two conversations nothing can be said of other samples.
                drawn = rng.multinomial(n, np.full(n, 1 / n), size=bootstrap) if n > 1 else np.full((1, n), np.nan)
                for window in COMPARED:
                    true, own = _window(label, window), _window(found, window)
                    row = {"instrument": instrument, "scale": scale, "group": group, "window": window, "n_labelled": n}
                    row |= {"mean_label": float(true.mean()), "mean_instrument": float(own.mean())}
                    point, draws = _agreement(true, own, np.ones((1, n))), _agreement(true, own, drawn)
                    for name, value, resampled in zip(("spearman", "bias"), point, draws, strict=True):
                        low, high = quantile_interval(resampled, confidence=confidence)
                        row |= {name: float(value[0]), f"{name}_ci_low": low, f"{name}_ci_high": high}
                    rows.append(row)
    return pl.DataFrame(rows).with_columns(pl.col(pl.Float64).fill_nan(None).round(4))


def _window(ends, window):
    """(conversations, values) of (conversations, 2): one column, both, or their difference."""
    return {"start": ends[:, :1], "end": ends[:, 1:], "both": ends, "change": ends[:, 1:] - ends[:, :1]}[window]


def _agreement(true, found, times):
    """Spearman's correlation, nan where a side is constant, and the mean difference: each (resamples,).

    Args:
        true, found: (conversations, values).
        times: (resamples, conversations), how often each conversation stands in a resample.
    """
    weight = np.repeat(times, true.shape[1], axis=1)
    if weight.shape[1] == 0:
        return (np.full(len(times), np.nan),) * 2
    weight = weight / weight.sum(axis=1, keepdims=True)
    ranks = [_ranks(side.round(9).ravel(), weight) for side in (true, found)]
    first, second = (rank - (weight * rank).sum(axis=1, keepdims=True) for rank in ranks)
    spread = (weight * first**2).sum(axis=1) * (weight * second**2).sum(axis=1)
    together = (weight * first * second).sum(axis=1)
    constant = spread < 1e-18
    spearman = np.where(constant, np.nan, together / np.sqrt(np.where(constant, 1, spread)))
    return spearman, weight @ (found - true).ravel()


def _ranks(values, weight):
    """Mid-ranks, as shares of the whole, of (values,) that weigh (resamples, values): the weight of what is less, and half of what is equal."""
    distinct, kind = np.unique(values, return_inverse=True)
    of_kind = weight @ np.eye(len(distinct))[kind]
    return (of_kind.cumsum(axis=1) - of_kind / 2)[:, kind]
