"""Intervals: bootstrap over clusters, and shares corrected for the instrument's errors. All random numbers come from the caller's generator."""

import numpy as np
from scipy.special import betaincinv, ndtri  # scipy.stats would take most of a second to load, in every job

ONE_TAIL = 0.25  # of the draws: as much as an interval of 50 % leaves out on one side, the narrowest that the configuration allows
MOST_OUTSIDE = 0.25  # share of draws on one side of 0-1 from which carried-over error rates are said not to fit
REPLICATES_AT_ONCE = 2_000_000  # counts drawn at a time: bounds memory
TOGETHER = 0.1  # share of the clusters that may differ, up to which equal ones are drawn together
# Conversations of either outcome that the prior is worth: Jeffreys', whose intervals hold the truth as often as they say (Brown et al. 2001). A third,
# with which the median is that of the data (Kerman 2011), is for an estimate; here that is the labels' own, and the draws make its interval alone.
PRIOR = 1 / 2


def quantile_interval(draws: np.ndarray, *, confidence: float) -> tuple[float, float]:
    """Equal-tailed interval of the finite draws; (nan, nan) where there are none."""
    finite = draws[np.isfinite(draws)]
    if not finite.size:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def _place_of(cluster: np.ndarray) -> np.ndarray:
    """(n,) number of each observation's cluster, from 0 without gaps; labels that are numbers already are not compared but counted."""
    if cluster.dtype.kind not in "iu":
        return np.unique(cluster, return_inverse=True)[1]
    filled = np.bincount(cluster) > 0
    return (np.cumsum(filled) - 1)[cluster]


def _distinct(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of (n, columns), sorted, and how many there are of each."""
    ordered = sums[np.lexsort(sums.T[::-1])]
    begins = np.flatnonzero(np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1)))
    return ordered[begins], np.diff(np.append(begins, len(sums)))


def bootstrap_ratio(
    numerator: np.ndarray, denominator: np.ndarray, cluster: np.ndarray, *, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Cluster bootstrap of sum(numerator) / sum(denominator): whole clusters are drawn with replacement (Cameron & Miller 2015).

    A resample is how often each cluster was drawn; those times the clusters' sums are all resamples at once. Few clusters differ where values are
    discrete: those with equal sums are then drawn together, which is the same distribution at a fraction of the cost.

    Args:
        numerator, denominator: (n,) per observation, or (n, columns): ratios of the same resamples.
        cluster: (n,) label of each observation's cluster, e.g. its user; small whole numbers are the quickest.
        replicates: number of draws.

    Returns:
        (replicates,) or (replicates, columns) ratios; nan where a replicate's denominator is zero.
    """
    shape = (replicates, *np.shape(numerator)[1:])
    if not len(cluster):
        return np.full(shape, np.nan)
    place, columns = _place_of(np.asarray(cluster)), np.column_stack([numerator, denominator]).T
    sums = np.column_stack([np.bincount(place, weights=column) for column in columns])
    kinds, n_of_kind = _distinct(sums)
    n = len(sums)
    together = len(kinds) < TOGETHER * n
    draws, step = [], max(1, REPLICATES_AT_ONCE // (len(kinds) if together else n))
    for done in range(0, replicates, step):
        size = min(step, replicates - done)
        if together:
            draws.append(rng.multinomial(n, n_of_kind / n, size=size) @ kinds)
        else:
            drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
            draws.append(np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n) @ sums)
    top, bottom = np.split(np.concatenate(draws), 2, axis=1)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0).reshape(shape)


def bootstrap_share(
    member: np.ndarray, weight: np.ndarray, cluster: np.ndarray, *, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws of the weighted share of `member` (0 or 1), clustered.

    Where nobody or everybody is a member the bootstrap knows no uncertainty; then Jeffreys' posterior over the clusters stands in, whose interval
    begins at none, or ends at all (Brown et al. 2001).
    """
    if member.size and member.min() == member.max():
        draws = rng.beta(0.5, len(np.unique(cluster)) + 0.5, size=replicates)
        draws[draws < np.quantile(draws, ONE_TAIL)] = 0
        return 1 - draws if member[0] else draws
    return bootstrap_ratio(member * weight, weight, cluster, replicates=replicates, rng=rng)


def effective_size(weight: np.ndarray) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2 (Kish 1965); 0 for no observations."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if weight.size and weight.any() else 0.0


def beta_draws(outcome: np.ndarray, weight: np.ndarray, *, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Posterior draws of a share under Jeffreys' prior, with the weighted share of `outcome` in as many observations as are effective."""
    n = effective_size(weight)
    successes = n * float(np.average(outcome, weights=weight)) if n else 0.0
    return rng.beta(successes + 0.5, n - successes + 0.5, size=replicates)


def stratified_share(member: np.ndarray, size: np.ndarray, weight: np.ndarray) -> float:
    """Share by inclusion weights, sum(w size member) / sum(w size) (Horvitz & Thompson 1952; Hajek 1971); nan where nothing has a size.

    Args:
        member: (labels,) bool.
        size: (labels,) what each counts for: 1, 0 outside of what it is a share of, less than 1 where a person counts once.
        weight: (labels,) how many each stands for.
    """
    total = (weight * size).sum()
    return float((weight * size * member).sum() / total) if total else float("nan")


def stratified_draws(
    member: np.ndarray,
    size: np.ndarray,
    weight: np.ndarray,
    stratum: np.ndarray,
    cluster: np.ndarray,
    *,
    replicates: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Posterior draws of the share in a finite population from labels on a stratified random sample of it.

    What was labelled is known and stays as it is. The rest of each stratum, n (w - 1) conversations, is drawn from what was labelled there
    (Polya posterior: Ghosh & Meeden 1997), by cluster. One prior for the whole population is shared out among the strata by how much of each was not
    labelled: with one for each stratum a rare outcome would grow with the number of strata in which none was seen. The draws lie in 0-1, and where all
    is labelled they are the share itself.

    Args:
        member, size, weight: see stratified_share.
        stratum: (labels,) stratum; labels of one stratum that weigh differently are strata of their own.
        cluster: (labels,) e.g. the user.
        replicates: number of draws.

    Returns:
        (replicates,) shares; nan where nothing has a size.
    """
    top, bottom = np.zeros(replicates), np.zeros(replicates)
    if not member.size:
        return np.full(replicates, np.nan)
    codes = np.column_stack([np.unique(values, return_inverse=True)[1] for values in (stratum, weight)])
    _, place = np.unique(codes, axis=0, return_inverse=True)
    n_labelled = np.bincount(place)
    unseen = np.round(n_labelled * (np.bincount(place, weight) / n_labelled - 1)).astype(int)
    for number, n_unseen in enumerate(unseen):
        rows = place == number
        parts, whole = (member * size)[rows], size[rows]
        top += parts.sum()
        bottom += whole.sum()
        if n_unseen < 1:
            continue
        of_cluster = _place_of(cluster[rows])
        sums = np.column_stack([np.bincount(of_cluster, values) for values in (parts, whole, np.ones(rows.sum()))])
        kinds, n_of_kind = _distinct(sums)
        prior = PRIOR * n_unseen / unseen[unseen > 0].sum()
        usual = whole[whole > 0].mean() if whole.any() else size[size > 0].mean() if size.any() else 0
        kinds = np.vstack([kinds, [usual, usual, 1], [0, usual, 1]])
        drawn = rng.standard_gamma(np.concatenate([n_of_kind, [prior, prior]]), size=(replicates, len(kinds)))
        drawn *= kinds[:, 2]
        counts = rng.multinomial(n_unseen, drawn / drawn.sum(axis=1, keepdims=True))
        top += counts @ (kinds[:, 0] / kinds[:, 2])
        bottom += counts @ (kinds[:, 1] / kinds[:, 2])
    return np.divide(top, bottom, out=np.full(replicates, np.nan), where=bottom > 0)


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


def summarise(draws: np.ndarray, *, confidence: float, value: float | None = None) -> dict[str, float]:
    """Estimate and equal-tailed interval of draws, as estimate, ci_low, ci_high, rounded to six decimals.

    Args:
        draws: of a statistic; nan where it has none.
        value: the statistic of the sample itself, to which an end of the interval that stops short of it is moved. Without one the median of the
            draws is the estimate: of a posterior, or of a correction whose error rates are drawn.
    """
    low, high = quantile_interval(draws, confidence=confidence)
    if value is None:
        value = float(np.nanmedian(draws)) if np.isfinite(draws).any() else float("nan")
    ends = {"estimate": value, "ci_low": min(low, value), "ci_high": max(high, value)}
    return {name: round(float(number), 6) for name, number in ends.items()}


def stratified_interval(
    member: np.ndarray,
    size: np.ndarray,
    weight: np.ndarray,
    stratum: np.ndarray,
    cluster: np.ndarray,
    *,
    replicates: int,
    confidence: float,
    rng: np.random.Generator,
) -> dict[str, float]:
    """stratified_share with the equal-tailed interval of stratified_draws, as estimate, ci_low, ci_high; never outside 0-1."""
    share = stratified_share(member, size, weight)
    draws = stratified_draws(member, size, weight, stratum, cluster, replicates=replicates, rng=rng)
    return summarise(draws, confidence=confidence, value=share)


def prediction_powered(
    predicted_of_all: np.ndarray,
    size_of_all: np.ndarray,
    predicted: np.ndarray,
    true: np.ndarray,
    weight: np.ndarray,
    *,
    confidence: float,
) -> dict[str, float]:
    """Share by prediction-powered inference with the power tuned (PPI++: Angelopoulos, Duchi & Zrnic 2023), as estimate, ci_low, ci_high.

    A normal interval; for rare outcomes it may reach below zero, and too often misses.

    Args:
        predicted_of_all, size_of_all: (n,) prediction of every conversation of the population, and what it counts for.
        predicted, true, weight: (labels,) cross-validated prediction, label, and inclusion weight times what it counts for.
    """
    n, n_all = len(true), len(predicted_of_all)
    weight, size = weight / weight.mean(), size_of_all / size_of_all.mean()
    predicted, true, everywhere = (np.asarray(values, float) for values in (predicted, true, predicted_of_all))
    plain = (size * everywhere).mean() + (weight * (true - predicted)).mean()
    slope, slope_hat, slope_all = weight * (true - plain), weight * (predicted - plain), size * (everywhere - plain)
    variance = np.concatenate([slope_hat, slope_all]).var(ddof=1) * (1 + n / n_all)
    power = np.clip(np.cov(slope, slope_hat, ddof=0)[0, 1] / variance, 0, 1) if variance else 0.0
    rectified, imputed = weight * (true - power * predicted), power * size * everywhere
    middle = imputed.mean() + rectified.mean()
    reach = ndtri((1 + confidence) / 2) * np.sqrt(imputed.var() / n_all + rectified.var() / n)
    return {
        name: round(float(value), 6)
        for name, value in (("estimate", middle), ("ci_low", middle - reach), ("ci_high", middle + reach))
    }


def named(interval: dict[str, float], name: str) -> dict[str, float]:
    """An interval's estimate, ci_low and ci_high as columns <name>, <name>_ci_low and <name>_ci_high."""
    return {name if key == "estimate" else f"{name}_{key}": value for key, value in interval.items()}


def jeffreys_interval(successes: int, n: int, *, confidence: float) -> tuple[float, float, float]:
    """(share, low, high) of independent trials: equal-tailed interval of Jeffreys' posterior, which ends at 0 or 1 where the share does (Brown et al. 2001)."""
    tail = (1 - confidence) / 2
    low, high = betaincinv(successes + 0.5, n - successes + 0.5, [tail, 1 - tail])
    ends = (0.0 if successes == 0 else float(low), 1.0 if successes == n else float(high))
    return tuple(round(value, 6) for value in (successes / n, *ends))
