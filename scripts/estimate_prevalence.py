"""How common affective conversations are: by the labels of a probability sample, beside what the classifier finds and other corrections of that."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES
from shared.job import logged
from shared.labels import held_out_pair, own_labels, read_held_out
from shared.statistics import (
    bootstrap_share,
    effective_size,
    named,
    prediction_powered,
    rogan_gladen_draws,
    stratified_interval,
    summarise,
)
from shared.tables import UNIONS, beside, has_users, in_group, small

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
NEEDED = [
    "conversation_id",
    "cluster",
    "author",
    "user_id",
    "person",
    "started_at",
    "included",
    "content_creation",
    "categories",
]
NOTHING = {name: float("nan") for name in ("estimate", "ci_low", "ci_high")}


def enough(labels: pl.DataFrame, of: str) -> bool:
    """Labels of a data set are enough to speak of all its conversations, or of the affective ones."""
    known = labels.filter(pl.col("true_included") == 1) if of == "affective" else labels
    return round(effective_size(known["weight"].to_numpy()), 6) >= MIN_EFFECTIVE_LABELS[of]


def known_rates(held_out: pl.DataFrame) -> pl.DataFrame:
    """The labels of every probability sample of real conversations: error rates of the instrument, measured on other sources."""
    return held_out.filter(pl.col("weight").is_not_null(), pl.col("source") != "control").with_columns(size=pl.lit(1.0))


def corrected(
    labels: pl.DataFrame,
    *,
    dataset: str,
    group: str,
    of: str,
    carried_over: dict[str, float] | None,
    replicates: int,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[dict[str, float], str]:
    """Estimate with interval, and where it comes from.

    - A data set with a labelled probability sample of its own is estimated from it, by its strata: no count of the classifier is in it, so that it can be
      given where such a count has to stay hidden. Labels are public.
    - Without one, error rates of the same instrument measured on other sources correct what it found.

    Args:
        labels: own_labels with size and cluster.
        carried_over: the second, or None where a group is hidden, or a share of affective conversations: what the classifier calls affective is too often
            something else to correct.
    """
    if enough(labels, of):
        base = labels["true_included"].to_numpy() if of == "affective" else 1
        interval = stratified_interval(
            held_out_pair(labels, group)[1],
            labels["size"].to_numpy() * base,
            *(labels[name].to_numpy() for name in ("weight", "stratum", "cluster")),
            replicates=replicates,
            confidence=confidence,
            rng=rng,
        )
        return interval, f"labelled probability sample of {dataset}"
    if carried_over is None:
        return NOTHING, "none: no labels of this data set"
    return carried_over, "error rates carried over from other sources"


def groups_under_floor(measures: pl.DataFrame, **floors: int) -> set[str]:
    """Groups whose count must not be published.

    These have 1 to min_conversations - 1 conversations, or too few authors; or they are unions from which such a count
    could be told: of a member under the floor, or of an overlap between members under it; or every affective conversation but a few
    belongs to them; or everybody but a few belongs to them.
    """

    def members(group):
        return measures.filter(in_group(group))

    hidden = {group for group in ["affective", "content creation", *CATEGORIES] if small(members(group), **floors)}
    # What nearly everybody is tells who is not.
    hidden |= {
        group for group in ["affective", "content creation"] if small(measures.filter(~in_group(group)), **floors)
    }

    def few_beside(group):
        return members(group).height > 0 and small(beside(measures, group), **floors)

    hidden |= set(filter(few_beside, [*CATEGORIES, *UNIONS]))
    for union, names in UNIONS.items():
        overlap = sum(members(name).height for name in names) - members(union).height
        told = 0 < overlap < max(floors.values())
        if told or hidden & set(names):
            hidden.add(union)
    return hidden


def populations(measures: pl.DataFrame, **floors: int):
    """(weighting, conversations with `size`, hidden groups, whether their number is hidden) of each way to weigh; see estimate_prevalence.

    What is said of a part of the conversations must not tell of the few that it leaves out.
    """
    hidden = groups_under_floor(measures, **floors)
    one = pl.lit(1.0).alias("size")
    yield "conversation", measures.with_columns(one), hidden, 0 < measures.height < floors["min_conversations"]
    if not has_users(measures):
        return
    persons, others = measures.filter("person"), measures.filter(~pl.col("person"))
    parts = [("user", persons, others, (1 / pl.len().over("cluster")).alias("size"))]
    if persons["started_at"].count():
        first = persons.drop_nulls("started_at").sort("started_at", "conversation_id")
        first = first.unique(["cluster", pl.col("started_at").dt.date()], keep="first", maintain_order=True)
        rest = persons.join(first, on="conversation_id", how="anti")
        parts.append(("first of the day", first, rest, one))
    for weighting, part, rest, size in parts:
        hidden = hidden.union(*(groups_under_floor(rows, **floors) for rows in (part, rest)))
        too_few = any(small(rows, **floors) for rows in (part, rest))
        yield weighting, part.with_columns(size), hidden, too_few


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
    labels_public: bool = True,
) -> pl.DataFrame:
    """Shares of one data set, as they may be published.

    Args:
        measures: contracts.Measures.
        held_out: the classifier's cross-validated decisions beside the labels.
        dataset: its name, by which its own labels are found.
        min_conversations, min_users: privacy floors.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.
        labels_public: the data set's labels are there for all to see; where they are not, the floors hold for what was labelled too.

    Returns:
        dataset, group, share_of (all or affective), weighting (conversation; user: persons alone, each once, shared out among the conversations;
        first of the day: of each person and day, UTC, the first conversation alone), n_conversations, n_users, n_of, share_naive with
        naive_ci_low and naive_ci_high, estimate with ci_low and ci_high (the headline), n_labels (those that it is a share of) and from_labels (it rests
        on them and on nothing else), correction (where it comes from), beside it the naive share corrected by rogan_gladen (that of a category draw by draw at most that of all affective conversations) and by ppi (prediction-powered
        inference on the data set's own labels), each with interval, suppressed.
    """
    rows = []
    floors = {"min_conversations": min_conversations, "min_users": min_users}
    # Of a million conversations nothing is carried along, and no name compared, that is not needed.
    measures = measures.select(NEEDED).with_columns(pl.col("cluster").rank("dense"))
    users = has_users(measures)
    own, elsewhere = own_labels(held_out, measures, dataset=dataset), known_rates(held_out)
    samples = [
        (
            *population,
            own.join(population[1].select("conversation_id", "cluster", "author", "size"), on="conversation_id"),
        )
        for population in populations(measures, **floors)
    ]
    # By weighting, draws of the share corrected by error rates, which that of no category may exceed; without a fit they bound nothing.
    affective = {}
    for group, of in ESTIMANDS:
        n_users_published = None
        for weighting, population, hidden_groups, hidden_base, labels in samples:
            base = population if of == "all" else population.filter(in_group("affective"))
            member = base.select(in_group(group)).to_series().to_numpy().astype(float)
            clusters, size = base["cluster"].to_numpy(), base["size"].to_numpy()
            n_users = base.filter(in_group(group))["author"].n_unique() if users else None
            rng = np.random.default_rng([seed, len(rows)])
            naive = bootstrap_share(member, size, clusters, replicates=bootstrap, rng=rng)
            suppressed = group in hidden_groups or of in hidden_groups or hidden_base
            labelled = enough(labels, "all")
            rates = labels if labelled else elsewhere
            by_rates = powered = None
            if of == "all" and not suppressed and rates.height:
                decided, weight = held_out_pair(rates, group), (rates["weight"] * rates["size"]).to_numpy()
                draws = rogan_gladen_draws(naive, *decided, weight, rng=rng)
                if group == "affective":
                    affective[weighting] = np.nan_to_num(draws, nan=1)
                elif group != "content creation":
                    draws = np.minimum(draws, affective.get(weighting, 1))
                by_rates = summarise(draws, confidence=confidence)
                if labelled:
                    powered = prediction_powered(member, size, *decided, weight, confidence=confidence)
            # A generator of its own: how far the first one has run depends on counts that may have to stay hidden.
            estimate, correction = corrected(
                labels,
                dataset=dataset,
                group=group,
                of=of,
                carried_over=by_rates,
                replicates=bootstrap,
                confidence=confidence,
                rng=np.random.default_rng([seed, len(rows), 1]),
            )
            from_labels = correction.startswith("labelled")
            read = labels.filter(pl.col("true_included") == 1) if of == "affective" else labels
            own_positive = read.filter(pl.Series(held_out_pair(read, group)[1], dtype=pl.Boolean))
            if hidden_base or (not labels_public and small(own_positive, **floors)):
                estimate, by_rates, powered = NOTHING, None, None
            n_labels = read.height if from_labels and (labels_public or not small(read, **floors)) else None
            share = (member * size).sum() / size.sum() if base.height else None
            found = summarise(naive, confidence=confidence, value=share)
            # Keys that stand for no person, told from keys less persons, have the floor of users too.
            few_keys = n_users_published is not None and 0 < n_users_published - n_users < min_users
            shown = not suppressed and not few_keys and weighting != "first of the day"
            n_users_published = n_users if shown else None
            rows.append(
                {
                    "dataset": dataset,
                    "group": group,
                    "share_of": of,
                    "weighting": weighting,
                    "n_conversations": None if suppressed else int(member.sum()),
                    "n_users": n_users_published,
                    "n_of": None if hidden_base or of in hidden_groups else base.height,
                    "share_naive": None if suppressed else found["estimate"],
                    "naive_ci_low": None if suppressed else found["ci_low"],
                    "naive_ci_high": None if suppressed else found["ci_high"],
                    **estimate,
                    "n_labels": n_labels,
                    "from_labels": from_labels,
                    "correction": correction,
                    **named(by_rates or NOTHING, "rogan_gladen"),
                    **named(powered or NOTHING, "ppi"),
                    "suppressed": suppressed,
                }
            )
    shares = ["share_naive", "naive_ci_low", "naive_ci_high", *NOTHING]
    shares += [column for name in ("rogan_gladen", "ppi") for column in named(NOTHING, name)]
    types = dict.fromkeys(["n_conversations", "n_users", "n_of", "n_labels"], pl.Int64) | dict.fromkeys(
        shares, pl.Float64
    )
    return pl.DataFrame(rows, schema_overrides=types).with_columns(pl.col(shares).fill_nan(None))


def main():
    held_out = read_held_out(snakemake.input.held_out)
    floors = snakemake.params.privacy
    tables = [
        estimate_prevalence(
            pl.read_parquet(path),
            held_out,
            dataset=dataset,
            **floors,
            **snakemake.params.settings,
            seed=snakemake.params.seed,
            labels_public=dataset not in snakemake.params.own_labelled,
        )
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.measures, strict=True)
    ]
    pl.concat(tables).write_csv(snakemake.output.prevalence)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
