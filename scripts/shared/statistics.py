"""Intervals: bootstrap over clusters, and shares corrected for the instrument's errors. All random numbers come from the caller's generator."""

import numpy as np

MOST_OUTSIDE = 0.25  # share of draws on one side of 0-1 from which carried-over error rates are said not to fit
REPLICATES_AT_ONCE = 2_000_000  # counts drawn at a time: bounds memory


def quantile_interval(draws: np.ndarray, *, confidence: float) -> tuple[float, float]:
    """Equal-tailed interval of the finite draws; (nan, nan) where there are none."""
    finite = draws[np.isfinite(draws)]
    if not finite.size:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_ratio(
    numerator: np.ndarray, denominator: np.ndarray, cluster: np.ndarray, *, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Cluster bootstrap of sum(numerator) / sum(denominator): whole clusters are drawn with replacement (Cameron & Miller 2015).

    Clusters with equal sums are drawn together, which is the same distribution at a fraction of the cost.

    Args:
        numerator, denominator: (n,) per observation.
        cluster: (n,) label of each observation's cluster, e.g. its user.
        replicates: number of draws.

    Returns:
        (replicates,) ratios; nan where a replicate's denominator is zero.
    """
    _, index = np.unique(cluster, return_inverse=True)
    if not index.size:
        return np.full(replicates, np.nan)
    sums = np.column_stack(
        [np.bincount(index, weights=np.asarray(values, float)) for values in (numerator, denominator)]
    )
    kinds, n_of_kind = np.unique(sums, axis=0, return_counts=True)
    n_clusters, step = n_of_kind.sum(), max(1, REPLICATES_AT_ONCE // len(kinds))
    draws = [
        rng.multinomial(n_clusters, n_of_kind / n_clusters, size=min(step, replicates - done)) @ kinds
        for done in range(0, replicates, step)
    ]
    top, bottom = np.concatenate(draws).T
    return np.divide(top, bottom, out=np.full(replicates, np.nan), where=bottom > 0)


def bootstrap_share(
    member: np.ndarray, weight: np.ndarray, cluster: np.ndarray, *, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws of the weighted share of `member` (0 or 1), clustered.

    Where nobody or everybody is a member the bootstrap knows no uncertainty; then Jeffreys' posterior over the clusters stands in.
    """
    if member.size and member.min() == member.max():
        n = len(np.unique(cluster))
        return rng.beta(0.5 + n * member[0], 0.5 + n * (1 - member[0]), size=replicates)
    return bootstrap_ratio(member * weight, weight, cluster, replicates=replicates, rng=rng)


def effective_size(weight: np.ndarray) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2 (Kish 1965); 0 for no observations."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if weight.size and weight.any() else 0.0


def beta_draws(outcome: np.ndarray, weight: np.ndarray, *, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Posterior draws of a share under Jeffreys' prior, with the weighted share of `outcome` in as many observations as are effective."""
    n = effective_size(weight)
    successes = n * float(np.average(outcome, weights=weight)) if n else 0.0
    return rng.beta(successes + 0.5, n - successes + 0.5, size=replicates)


def two_phase_draws(
    naive: np.ndarray, predicted: np.ndarray, true: np.ndarray, weight: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Draws of a share from a classifier on everything and labels on a probability sample of the same population.

    share = naive * P(true | predicted) + (1 - naive) * P(true | not predicted): post-stratification by the prediction
    (double sampling; Tenenbein 1970).

    Args:
        naive: (replicates,) draws of the share predicted in the population.
        predicted, true, weight: (labels,) cross-validated prediction, label and inclusion weight.
    """
    predicted = predicted.astype(bool)
    among = [beta_draws(true[rows], weight[rows], replicates=naive.size, rng=rng) for rows in (predicted, ~predicted)]
    return naive * among[0] + (1 - naive) * among[1]


def rogan_gladen_draws(
    naive: np.ndarray, predicted: np.ndarray, true: np.ndarray, weight: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Draws of a share corrected by sensitivity and specificity that were measured elsewhere (Rogan & Gladen 1978), clipped to 0-1.

    share = (naive + specificity - 1) / (sensitivity + specificity - 1), with both rates drawn from their posteriors. A draw in which the
    instrument is hardly better than chance says nothing: it is uniform on 0-1. Where many draws fall outside 0-1, fewer are found than the
    error rates' false positives alone would be, or more than their sensitivity allows: the rates do not fit, and all draws are nan.
    """
    if not np.isfinite(naive).any():
        return naive
    true, right = true.astype(bool), predicted.astype(bool) == true.astype(bool)
    sensitivity = beta_draws(right[true], weight[true], replicates=naive.size, rng=rng)
    specificity = beta_draws(right[~true], weight[~true], replicates=naive.size, rng=rng)
    youden = sensitivity + specificity - 1
    corrected = np.divide(naive + specificity - 1, youden, out=rng.uniform(size=naive.size), where=youden > 0.05)
    if max((corrected < 0).mean(), (corrected > 1).mean()) > MOST_OUTSIDE:
        return np.full(naive.size, np.nan)
    return np.clip(corrected, 0, 1)


def summarise(draws: np.ndarray, *, confidence: float) -> dict[str, float]:
    """Median and equal-tailed interval of draws, as estimate, ci_low, ci_high, rounded to six decimals."""
    low, high = quantile_interval(draws, confidence=confidence)
    middle = float(np.nanmedian(draws)) if np.isfinite(draws).any() else float("nan")
    return {name: round(value, 6) for name, value in (("estimate", middle), ("ci_low", low), ("ci_high", high))}
