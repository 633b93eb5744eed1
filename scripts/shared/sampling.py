"""Stratified sampling over the classifier's score: strata, what labels may find in each, how many to read in each, and how much they then tell."""

from statistics import NormalDist

import numpy as np
import polars as pl

# Strata of the affective probability, likeliest last; the first is what the sieve dropped.
EDGES = [0.02, 0.1, 0.3, 0.6]
STRATA = ["screened out", "under .02", ".02 to .1", ".1 to .3", ".3 to .6", "over .6"]
FLOOR = 10  # labels in every stratum: with fewer, a rate that was expected wrongly is never found out


def strata(scores: pl.DataFrame) -> np.ndarray:
    """(n,) number of each conversation's stratum, from the columns candidate and p_affective."""
    places = 1 + np.searchsorted(EDGES, scores["p_affective"].fill_null(0).to_numpy(), side="right")
    return np.where(scores["candidate"].cast(pl.Boolean).to_numpy(), places, 0)


def sizes_of(scores: pl.DataFrame) -> np.ndarray:
    """(strata,) conversations of each stratum."""
    return np.bincount(strata(scores), minlength=len(STRATA))


def expected_shares(held_out: pl.DataFrame, *, dataset: str) -> np.ndarray:
    """(strata,) share of affective conversations that labels may find in each stratum.

    From the classifier's cross-validated scores on labelled probability samples: of the data set where it has one, else of all sources. The mean of
    Jeffreys' posterior at Kish's effective size: a stratum without labels has one half, which is the most that reading it may cost.
    """
    known = held_out.filter(pl.col("weight").is_not_null(), pl.col("source") != "control")
    own = known.filter(source=dataset)
    known = own if own.height else known
    place, weight, true = strata(known), known["weight"].to_numpy(), known["true_included"].to_numpy()
    total, squares, found = (
        np.bincount(place, weights=values, minlength=len(STRATA)) for values in (weight, weight**2, weight * true)
    )
    n = np.divide(total**2, squares, out=np.zeros(len(STRATA)), where=squares > 0)
    return (n * np.divide(found, total, out=np.zeros(len(STRATA)), where=total > 0) + 0.5) / (n + 1)


def allocate(sizes: np.ndarray, shares: np.ndarray, n: int) -> np.ndarray:
    """(strata,) labels of each stratum, n together: Neyman's allocation, size * sqrt(share * (1 - share)), within FLOOR and the stratum's size.

    Neyman (1934); Cochran (1977), section 5.5. All of the population where n is larger.
    """
    n = min(n, int(sizes.sum()))
    least = np.minimum(sizes, min(FLOOR, n // max(1, np.count_nonzero(sizes))))
    pull = sizes * np.sqrt(shares * (1 - shares))
    low, high = 0.0, float(sizes.sum() / pull[pull > 0].min()) if (pull > 0).any() else 0.0
    for _ in range(100):  # the common factor at which what stands within its bounds adds up to n
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(middle * pull, least, sizes).sum() < n else (low, middle)
    wanted = np.clip(high * pull, least, sizes)
    whole = np.floor(wanted + 1e-9).astype(int)
    for place in np.argsort(whole - wanted, kind="stable"):
        whole[place] += int(whole.sum() < n and whole[place] < sizes[place])
    return whole


def half_width(sizes: np.ndarray, shares: np.ndarray, drawn: np.ndarray, *, confidence: float) -> float:
    """Half the width of the stratified share's interval, in shares of the population (normal approximation; Cochran 1977, section 5.6)."""
    filled = sizes > 0
    sizes, shares, drawn = sizes[filled], shares[filled], drawn[filled]
    if (drawn == 0).any():
        return float("nan")
    within = (sizes / sizes.sum()) ** 2 * (1 - drawn / sizes) * shares * (1 - shares) / drawn
    return NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt(within.sum()))
