"""How common affective conversations are: the share the classifier finds, and the share corrected for its errors."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES
from shared.job import logged
from shared.statistics import bootstrap_share, effective_size, rogan_gladen_draws, summarise, two_phase_draws
from shared.tables import UNIONS, in_group, published

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# group, and what it is a share of
ESTIMANDS = [
    ("content creation", "all"),
    ("affective", "all"),
    *((category, "all") for category in CATEGORIES),
    ("companionship or roleplay", "all"),
    *((category, "affective") for category in CATEGORIES),
    ("interpersonal or coaching", "affective"),
]
MIN_EFFECTIVE_LABELS = 50  # fewer labels of the data set itself say less than error rates measured elsewhere


def held_out_pair(held_out: pl.DataFrame, group: str) -> tuple[np.ndarray, np.ndarray]:
    """(predicted, true), bool, of a group on the labelled conversations."""

    def column(kind):
        if group in UNIONS:
            return pl.max_horizontal([pl.col(f"{kind}_{name}") * pl.col(f"{kind}_included") for name in UNIONS[group]])
        if group in CATEGORIES:
            return pl.col(f"{kind}_{group}") * pl.col(f"{kind}_included")
        return pl.col(f"{kind}_included") if group == "affective" else pl.col(f"{kind}_content_creation")

    return tuple(held_out.select(column(kind)).to_series().to_numpy().astype(bool) for kind in ("predicted", "true"))


def corrected_draws(
    naive: np.ndarray, held_out: pl.DataFrame, *, dataset: str, group: str, of: str, rng: np.random.Generator
) -> tuple[np.ndarray, str]:
    """Draws of the corrected share and the name of the correction.

    A data set with a labelled probability sample of its own is corrected by it (two-phase). Otherwise error rates measured on the
    other sources are carried over. Within affective conversations the predictive values of all labelled ones are used: one sample holds too
    few of them, and sensitivities below one half would blow every interval up to 0-1.
    """
    if of == "affective":
        known = held_out.filter(pl.col("true_included") == 1, pl.col("source") != "control")
        return two_phase_draws(
            naive, *held_out_pair(known, group), np.ones(known.height), rng=rng
        ), "predictive values in labelled affective conversations of all sources"
    own = held_out.filter(pl.col("source") == dataset, pl.col("weight").is_not_null())
    weight = own["weight"].to_numpy()
    if effective_size(weight) >= MIN_EFFECTIVE_LABELS:
        return two_phase_draws(
            naive, *held_out_pair(own, group), weight, rng=rng
        ), f"labelled probability sample of {dataset}"
    known = held_out.filter(pl.col("weight").is_not_null(), pl.col("source") != "control")
    return rogan_gladen_draws(
        naive, *held_out_pair(known, group), known["weight"].to_numpy(), rng=rng
    ), "error rates carried over from other sources"


def estimate_prevalence(
    measures: pl.DataFrame, held_out: pl.DataFrame, *, dataset: str, bootstrap: int, confidence: float, seed: int
) -> pl.DataFrame:
    """Shares of one data set.

    Args:
        measures: contracts.MEASURES.
        held_out: the classifier's cross-validated decisions beside the labels.
        dataset: its name, by which its own labels are found.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.

    Returns:
        group, share_of (all or affective), weighting (conversation or user), n_conversations, n_users, n_of, share_naive with
        naive_ci_low and naive_ci_high, estimate with ci_low and ci_high (corrected), correction.
    """
    rows = []
    has_users = measures["user_id"].null_count() < measures.height
    for group, of in ESTIMANDS:
        base = measures if of == "all" else measures.filter(in_group("affective"))
        member = base.select(in_group(group)).to_series().to_numpy().astype(float)
        clusters, ones = base["cluster"].to_numpy(), np.ones(base.height)
        n_users = base.filter(in_group(group))["cluster"].n_unique() if has_users else None
        _, index = np.unique(clusters, return_inverse=True)
        per_user = 1 / np.bincount(index)[index] if base.height else ones
        for weighting in ("conversation", "user") if has_users else ("conversation",):
            weight = ones if weighting == "conversation" else per_user
            rng = np.random.default_rng([seed, len(rows)])
            naive = bootstrap_share(member, weight, clusters, replicates=bootstrap, rng=rng)
            corrected, correction = corrected_draws(naive, held_out, dataset=dataset, group=group, of=of, rng=rng)
            interval = summarise(naive, confidence=confidence)
            rows.append(
                {
                    "dataset": dataset,
                    "group": group,
                    "share_of": of,
                    "weighting": weighting,
                    "n_conversations": int(member.sum()),
                    "n_users": n_users,
                    "n_of": base.height,
                    "share_naive": round(float((member * weight).sum() / weight.sum()), 6) if base.height else None,
                    "naive_ci_low": interval["ci_low"],
                    "naive_ci_high": interval["ci_high"],
                    **summarise(corrected, confidence=confidence),
                    "correction": correction,
                }
            )
    return pl.DataFrame(
        rows, infer_schema_length=None, schema_overrides={"n_users": pl.Int64, "share_naive": pl.Float64}
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def main():
    held_out = pl.read_csv(snakemake.input.held_out)
    tables = [
        estimate_prevalence(
            pl.read_parquet(path), held_out, dataset=dataset, **snakemake.params.settings, seed=snakemake.params.seed
        )
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.measures, strict=True)
    ]
    table = published(
        pl.concat(tables), **snakemake.params.privacy, hide=["share_naive", "naive_ci_low", "naive_ci_high"]
    )
    table.write_csv(snakemake.output.prevalence)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
