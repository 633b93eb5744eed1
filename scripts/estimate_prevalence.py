"""How common affective conversations are: the share the classifier finds, and the share corrected for its errors."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES
from shared.job import logged
from shared.labels import read_held_out
from shared.statistics import (
    beta_draws,
    bootstrap_share,
    effective_size,
    rogan_gladen_draws,
    summarise,
    two_phase_draws,
)
from shared.tables import UNIONS, has_users, in_group, small

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
# Fewer effective labels of the data set itself say less than error rates measured elsewhere; of affective conversations there are never many.
MIN_EFFECTIVE_LABELS = {"all": 50, "affective": 10}


def held_out_pair(held_out: pl.DataFrame, group: str) -> tuple[np.ndarray, np.ndarray]:
    """(predicted, true), bool, of a group on the labelled conversations."""

    def column(kind):
        if group in UNIONS:
            return pl.max_horizontal([pl.col(f"{kind}_{name}") * pl.col(f"{kind}_included") for name in UNIONS[group]])
        if group in CATEGORIES:
            return pl.col(f"{kind}_{group}") * pl.col(f"{kind}_included")
        return pl.col(f"{kind}_included") if group == "affective" else pl.col(f"{kind}_content_creation")

    return tuple(held_out.select(column(kind)).to_series().to_numpy().astype(bool) for kind in ("predicted", "true"))


def own_labels(held_out: pl.DataFrame, *, dataset: str, of: str) -> pl.DataFrame:
    """The labelled probability sample of a data set, or its affective part; empty where it is too small to say anything."""
    own = held_out.filter(pl.col("source") == dataset, pl.col("weight").is_not_null())
    own = own.filter(pl.col("true_included") == 1) if of == "affective" else own
    return own if effective_size(own["weight"].to_numpy()) >= MIN_EFFECTIVE_LABELS[of] else own.clear()


def corrected_draws(
    naive: np.ndarray,
    held_out: pl.DataFrame,
    *,
    dataset: str,
    group: str,
    of: str,
    under_floor: bool,
    rng: np.random.Generator,
) -> tuple[np.ndarray, str]:
    """Draws of the corrected share and the name of the correction.

    - A data set with a labelled probability sample of its own is corrected by it (two-phase).
    - Without one, error rates of the same instrument measured on other sources are carried over; with no labels at all nothing is said.
    - Shares of affective conversations rest on the labels alone: what the classifier calls affective is too often something else to correct.
    - So do groups under the privacy floor, whose count an estimate that uses it would give away; labels are public.

    Draws are nan where nothing can be said.
    """
    own = own_labels(held_out, dataset=dataset, of=of)
    predicted, true = held_out_pair(own, group)
    weight = own["weight"].to_numpy()
    if of == "affective" or under_floor:
        draws = beta_draws(true, weight, replicates=naive.size, rng=rng) if own.height else np.full(naive.size, np.nan)
        return draws, f"labels of {dataset} alone" if own.height else "none: no labels of this data set"
    if own.height:
        return two_phase_draws(naive, predicted, true, weight, rng=rng), f"labelled probability sample of {dataset}"
    known = held_out.filter(pl.col("weight").is_not_null(), pl.col("source") != "control")
    if not known.height:
        return np.full(naive.size, np.nan), "none: nothing that this instrument judged is labelled"
    rates = (*held_out_pair(known, group), known["weight"].to_numpy())
    return rogan_gladen_draws(naive, *rates, rng=rng), "error rates carried over from other sources"


def groups_under_floor(measures: pl.DataFrame, **floors: int) -> set[str]:
    """Groups whose count must not be published.

    These have 1 to min_conversations - 1 conversations, or too few users where there are users; or they are unions from which such a count
    could be told: of a member under the floor, or of an overlap between members under it; or every affective conversation but a few
    belongs to them; or everybody but a few belongs to them.
    """
    users = has_users(measures)

    def members(group):
        return measures.filter(in_group(group))

    hidden = {
        group
        for group in ["affective", "content creation", *CATEGORIES]
        if small(members(group), users=users, **floors)
    }
    # What nearly everybody is tells who is not.
    hidden |= {
        group
        for group in ["affective", "content creation"]
        if small(measures.filter(~in_group(group)), users=users, **floors)
    }

    def few_beside(group):
        """Those beside a group of affective conversations are told by subtracting it."""
        beside = measures.filter(in_group("affective") & ~in_group(group))
        return members(group).height > 0 and small(beside, users=users, **floors)

    hidden |= set(filter(few_beside, [*CATEGORIES, *UNIONS]))
    for union, names in UNIONS.items():
        overlap = sum(members(name).height for name in names) - members(union).height
        told = 0 < overlap < (max(floors.values()) if users else floors["min_conversations"])
        if told or hidden & set(names):
            hidden.add(union)
    return hidden


def estimate_prevalence(
    measures: pl.DataFrame,
    held_out: pl.DataFrame,
    *,
    dataset: str,
    min_conversations: int,
    min_users: int,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Shares of one data set, as they may be published.

    Args:
        measures: contracts.MEASURES.
        held_out: the classifier's cross-validated decisions beside the labels.
        dataset: its name, by which its own labels are found.
        min_conversations, min_users: privacy floors.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.

    Returns:
        dataset, group, share_of (all or affective), weighting (conversation, or user: persons alone, each once), n_conversations, n_users, n_of, share_naive with
        naive_ci_low and naive_ci_high, estimate with ci_low and ci_high (corrected), correction, suppressed.
    """
    rows = []
    floors = {"min_conversations": min_conversations, "min_users": min_users}
    users = has_users(measures)
    hidden = groups_under_floor(measures, **floors)
    populations = {"conversation": (measures, hidden, 0 < measures.height < min_conversations)}
    if users:
        # What is said of persons must not tell of the few conversations that no person stands behind.
        parts = measures.filter("person"), measures.filter(~pl.col("person"))
        hidden_of_persons = hidden.union(*(groups_under_floor(part, **floors) for part in parts))
        populations["user"] = (parts[0], hidden_of_persons, any(small(part, users=True, **floors) for part in parts))
    for group, of in ESTIMANDS:
        n_users_published = None
        for weighting, (population, hidden_groups, hidden_base) in populations.items():
            base = population if of == "all" else population.filter(in_group("affective"))
            member = base.select(in_group(group)).to_series().to_numpy().astype(float)
            clusters, weight = base["cluster"].to_numpy(), np.ones(base.height)
            n_users = base.filter(in_group(group))["cluster"].n_unique() if users else None
            if weighting == "user" and base.height:
                _, index = np.unique(clusters, return_inverse=True)
                weight = 1 / np.bincount(index)[index]
            rng = np.random.default_rng([seed, len(rows)])
            naive = bootstrap_share(member, weight, clusters, replicates=bootstrap, rng=rng)
            suppressed = group in hidden_groups or of in hidden_groups or hidden_base
            # A generator of its own: how far the first one has run depends on counts that may have to stay hidden.
            labels_rng = np.random.default_rng([seed, len(rows), 1])
            corrected, correction = corrected_draws(
                naive, held_out, dataset=dataset, group=group, of=of, under_floor=suppressed, rng=labels_rng
            )
            if hidden_base and of == "all":
                corrected = np.full(bootstrap, np.nan)
            interval = summarise(naive, confidence=confidence)
            share = float((member * weight).sum() / weight.sum()) if base.height else None
            # Keys that stand for no person, told from keys less persons, have the floor of users too.
            few_keys = n_users_published is not None and 0 < n_users_published - n_users < min_users
            n_users_published = None if suppressed or few_keys else n_users
            rows.append(
                {
                    "dataset": dataset,
                    "group": group,
                    "share_of": of,
                    "weighting": weighting,
                    "n_conversations": None if suppressed else int(member.sum()),
                    "n_users": n_users_published,
                    "n_of": None if hidden_base or of in hidden_groups else base.height,
                    "share_naive": None if suppressed or share is None else round(share, 6),
                    "naive_ci_low": None if suppressed else interval["ci_low"],
                    "naive_ci_high": None if suppressed else interval["ci_high"],
                    **summarise(corrected, confidence=confidence),
                    "correction": correction,
                    "suppressed": suppressed,
                }
            )
    shares = ["share_naive", "naive_ci_low", "naive_ci_high", "estimate", "ci_low", "ci_high"]
    types = dict.fromkeys(["n_conversations", "n_users", "n_of"], pl.Int64) | dict.fromkeys(shares, pl.Float64)
    return pl.DataFrame(rows, schema_overrides=types).with_columns(pl.col(shares).fill_nan(None))


def main():
    held_out = read_held_out(snakemake.input.held_out)
    floors = {name: snakemake.params.privacy[name] for name in ("min_conversations", "min_users")}
    tables = [
        estimate_prevalence(
            pl.read_parquet(path),
            held_out,
            dataset=dataset,
            **floors,
            **snakemake.params.settings,
            seed=snakemake.params.seed,
        )
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.measures, strict=True)
    ]
    pl.concat(tables).write_csv(snakemake.output.prevalence)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
