"""How often each way to estimate a rare share hits a truth that is known: labels, decisions and users are simulated, the estimators are those of the tables."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.job import logged
from shared.statistics import (
    bootstrap_share,
    jeffreys_interval,
    prediction_powered,
    rogan_gladen_draws,
    stratified_interval,
    summarise,
)

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PREVALENCES = [0.001, 0.005, 0.03, 0.1]
SENSITIVITIES = [0.25, 0.6, 0.8, 0.95]
SPECIFICITIES = [0.98, 0.998, 0.9995]
ESTIMATORS = ["naive", "rogan-gladen", "ppi", "stratified"]
N_CONVERSATIONS = 10_000
N_LABELS = 600
PER_USER = 4  # conversations
LIKENESS = 0.2  # correlation of two conversations of a user
# What was decided; a tenth of the others, which the score holds for doubtful, with half of what was missed; the rest.
ALLOCATION = [0.4, 0.3, 0.3]
DOUBTFUL = {True: 0.5, False: 0.1}


def simulate(prevalence: float, sensitivity: float, specificity: float, rng: np.random.Generator) -> dict:
    """A population of conversations by users who differ in how often theirs are affective, a classifier's decisions, and a stratified label sample.

    Returns:
        true, decided (bool), user (int), each (N_CONVERSATIONS,); labelled, the places of the labels; weight and stratum of each label.
    """
    user = np.arange(N_CONVERSATIONS) // PER_USER
    spread = 1 / LIKENESS - 1
    rate = rng.beta(prevalence * spread, (1 - prevalence) * spread, N_CONVERSATIONS // PER_USER)
    true = rng.random(N_CONVERSATIONS) < rate[user]
    decided = rng.random(N_CONVERSATIONS) < np.where(true, sensitivity, 1 - specificity)
    doubtful = rng.random(N_CONVERSATIONS) < np.where(true, DOUBTFUL[True], DOUBTFUL[False])
    stratum = np.where(decided, 0, np.where(doubtful, 1, 2))
    labelled, weight = [], []
    for number, part in enumerate(ALLOCATION):
        members = np.flatnonzero(stratum == number)
        n = min(len(members), round(part * N_LABELS))
        labelled.append(rng.choice(members, n, replace=False))
        weight.append(np.full(n, len(members) / max(n, 1)))
    labelled = np.concatenate(labelled)
    return {"true": true, "decided": decided, "user": user} | {
        "labelled": labelled,
        "weight": np.concatenate(weight),
        "stratum": stratum[labelled],
    }


def estimates(data: dict, *, bootstrap: int, confidence: float, rng: np.random.Generator) -> dict[str, dict]:
    """Estimate and interval by each of ESTIMATORS, as estimate_prevalence makes them."""
    true, decided, user, labelled, weight = (data[name] for name in ("true", "decided", "user", "labelled", "weight"))
    everybody = np.ones(len(true))
    naive = bootstrap_share(decided.astype(float), everybody, user, replicates=bootstrap, rng=rng)
    known = decided[labelled], true[labelled], weight
    corrected = rogan_gladen_draws(naive, *known, rng=rng)
    return {
        "naive": summarise(naive, confidence=confidence, value=decided.mean()),
        "rogan-gladen": summarise(corrected, confidence=confidence),
        "ppi": prediction_powered(decided, everybody, *known, confidence=confidence),
        "stratified": stratified_interval(
            true[labelled],
            np.ones(len(labelled)),
            weight,
            data["stratum"],
            user[labelled],
            replicates=bootstrap,
            confidence=confidence,
            rng=rng,
        ),
    }


def simulate_coverage(*, replications: int, bootstrap: int, confidence: float, seed: int) -> pl.DataFrame:
    """Coverage, bias and width of each estimator, by prevalence, sensitivity and specificity.

    Args:
        replications: simulated data sets for each combination of the three.
        bootstrap, confidence, seed: of the intervals.

    Returns:
        prevalence, sensitivity, specificity (both null: all of them), estimator, n_population, n_labels, n_simulations, n_estimated (an interval came out); and of these: coverage (share whose
        interval holds the share among the simulated conversations) with coverage_ci_low and coverage_ci_high (Jeffreys), bias (mean error of the estimate) and width (mean, of the
        interval), both as multiples of the prevalence, negative (share with a bound below zero).
    """
    rows = []
    for setting, prevalence in enumerate(PREVALENCES):
        for number, (sensitivity, specificity) in enumerate((a, b) for a in SENSITIVITIES for b in SPECIFICITIES):
            rng = np.random.default_rng([seed, setting, number])
            for _ in range(replications):
                data = simulate(prevalence, sensitivity, specificity, rng)
                truth = data["true"].mean()
                for name, found in estimates(data, bootstrap=bootstrap, confidence=confidence, rng=rng).items():
                    low, high = found["ci_low"], found["ci_high"]
                    # Intervals are rounded to six decimals.
                    covered = low - 1e-6 <= truth <= high + 1e-6
                    error, width = (found["estimate"] - truth) / prevalence, (high - low) / prevalence
                    rows.append((prevalence, sensitivity, specificity, name, covered, error, width, low < 0))
    columns = ["prevalence", "sensitivity", "specificity", "estimator", "coverage", "bias", "width", "negative"]
    runs = pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.col("bias", "width").fill_nan(None))
    estimated = pl.col("width").is_not_null()
    figures = [pl.col(name).filter(estimated).mean() for name in ("bias", "width", "negative")]
    counts = {"n_simulations": pl.len(), "n_estimated": estimated.sum()}

    def by(*keys):
        hits = pl.col("coverage").filter(estimated).sum()
        return runs.group_by("prevalence", *keys, "estimator", maintain_order=True).agg(hits, *figures, **counts)

    table = pl.concat([by(), by("sensitivity", "specificity")], how="diagonal")
    shares = [
        jeffreys_interval(hits, n, confidence=confidence) if n else (None,) * 3
        for hits, n in table.select("coverage", "n_estimated").rows()
    ]
    held = dict.fromkeys(["coverage", "coverage_ci_low", "coverage_ci_high"], pl.Float64)
    table = table.drop("coverage").hstack(pl.DataFrame(shares, schema=held, orient="row"))
    table = table.with_columns(n_population=pl.lit(N_CONVERSATIONS), n_labels=pl.lit(N_LABELS))
    return table.select(*columns[:4], "n_population", "n_labels", *counts, *held, *columns[5:]).with_columns(
        pl.col(pl.Float64).round(4)
    )


def main():
    table = simulate_coverage(
        replications=snakemake.params.replications, **snakemake.params.settings, seed=snakemake.params.seed
    )
    table.write_csv(snakemake.output.coverage)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
