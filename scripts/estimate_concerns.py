"""How many conversations of each category speak of each of the study's concerns, beside how often a concern found was meant."""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import yaml

from shared.concerns import GROUPS, grouped, with_concern
from shared.job import logged
from shared.statistics import bootstrap_share, jeffreys_interval, summarise
from shared.tables import has_users, hidden_parts, small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

BY_USE = {"Professional counselling work": "professional", "Personal counselling": "personal"}
SCHEMA = {
    "dataset": pl.String,
    "category": pl.String,
    "concern": pl.String,
    "named": pl.Boolean,
    "n_conversations": pl.Int64,
    "n_users": pl.Int64,
    "n_of": pl.Int64,
    **dict.fromkeys(["share", "ci_low", "ci_high", "precision", "precision_ci_low", "precision_ci_high"], pl.Float64),
    "suppressed": pl.Boolean,
}


def estimate_concerns(
    measures: pl.DataFrame,
    found: pl.DataFrame,
    evaluation: pl.DataFrame,
    concerns: dict[str, dict[str, Any]],
    *,
    dataset: str,
    floors: dict[str, int],
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Shares of one data set, as they may be published.

    Args:
        measures: contracts.Measures.
        found: contracts.Concerns of the included conversations.
        evaluation: of evaluate_concerns.
        concerns: `concerns` of config/concerns.yaml.
        dataset: its name.
        floors: min_conversations, min_users.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.

    Returns:
        dataset, category (or affective: all of them), concern (its title), named (by the study for this category), n_conversations that
        have it, n_users, n_of (conversations of the category), share with ci_low and ci_high, precision (share of the labelled
        conversations with a phrase of it that are about it) with interval, suppressed. Counselling has two rows more: by professionals, as
        the classifier finds them, and by others; they have no precision here.
    """
    users = has_users(measures)
    included = measures.filter("included").join(found, on="conversation_id", how="left", validate="1:1")
    members = grouped(included)
    rows = []

    def add(group, title, part, *, hidden, named, precision):
        base = members[group]
        published = not hidden and base.height > 0
        shares = {}
        if published:
            member = base["conversation_id"].is_in(part["conversation_id"].to_list()).to_numpy().astype(float)
            rng = np.random.default_rng([seed, len(rows)])
            clusters, ones = base["cluster"].to_numpy(), np.ones(base.height)
            draws = bootstrap_share(member, ones, clusters, replicates=bootstrap, rng=rng)
            shares = summarise(draws, confidence=confidence, value=member.mean())
        rows.append(
            {
                "dataset": dataset,
                "category": group,
                "concern": title,
                "named": named,
                "n_conversations": None if hidden else part.height,
                "n_users": part["author"].n_unique() if users and not hidden else None,
                "n_of": None if small(base, **floors) else base.height,
                "share": shares.get("estimate"),
                "ci_low": shares.get("ci_low"),
                "ci_high": shares.get("ci_high"),
                **dict(zip(["precision", "precision_ci_low", "precision_ci_high"], precision, strict=True)),
                "suppressed": hidden,
            }
        )

    counts = {row["concern"]: row for row in evaluation.to_dicts()}
    for name, concern in concerns.items():
        parts, hidden = with_concern(members, name, **floors)
        precision = (None, None, None)
        if name in counts and counts[name]["n_found"]:
            precision = jeffreys_interval(counts[name]["n_both"], counts[name]["n_found"], confidence=confidence)
        for group in GROUPS:
            add(
                group,
                concern["title"],
                parts[group],
                hidden=group in hidden,
                named=group in concern["named_in"],
                precision=precision,
            )
    use = {
        title: members["counselling"].filter(pl.col("professional") == (use == "professional"))
        for title, use in BY_USE.items()
    }
    # The interval of none tells among how few.
    hidden = set(use) if small(members["counselling"], **floors) else hidden_parts(use, **floors)
    for title, part in use.items():
        add("counselling", title, part, hidden=title in hidden, named=True, precision=(None, None, None))
    return pl.DataFrame(rows, schema=SCHEMA)


def main():
    with open(snakemake.input.taxonomy, encoding="utf-8") as file:
        concerns = yaml.safe_load(file)["concerns"]
    evaluation = pl.read_csv(snakemake.input.evaluation)
    tables = [
        estimate_concerns(
            pl.read_parquet(measures),
            pl.read_parquet(found),
            evaluation,
            concerns,
            dataset=dataset,
            floors=snakemake.params.floors,
            **snakemake.params.settings,
            seed=snakemake.params.seed,
        )
        for dataset, measures, found in zip(
            snakemake.params.datasets, snakemake.input.measures, snakemake.input.concerns, strict=True
        )
    ]
    pl.concat(tables).write_csv(snakemake.output.concerns)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
