"""How long affective conversations differ from shorter ones: in how many are affective, in their categories and in their concerns."""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import yaml

from shared.concerns import grouped, of_concern, with_concern
from shared.contracts import CATEGORIES
from shared.job import logged
from shared.statistics import bootstrap_share, summarise
from shared.tables import has_users, hidden_parts, in_group, long_from

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

LENGTHS = ["long", "shorter"]
SCHEMA = {
    "dataset": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "length": pl.String,
    "min_human_messages": pl.Int64,
    **dict.fromkeys(["n_conversations", "n_users", "n_of"], pl.Int64),
    **dict.fromkeys(
        ["share", "ci_low", "ci_high", "difference", "difference_ci_low", "difference_ci_high"], pl.Float64
    ),
    "suppressed": pl.Boolean,
}


def estimate_long_conversations(
    measures: pl.DataFrame,
    found: pl.DataFrame,
    concerns: dict[str, dict[str, Any]],
    *,
    dataset: str,
    min_human_messages: int,
    share: float,
    floors: dict[str, int],
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Shares among long and among shorter conversations of one data set, as they may be published.

    Args:
        measures: contracts.Measures.
        found: contracts.Concerns of the included conversations.
        concerns: `concerns` of config/concerns.yaml.
        dataset: its name.
        min_human_messages, share: of long_from.
        floors: min_conversations, min_users.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.

    Returns:
        dataset, kind (type: affective among all conversations; category, concern: among the affective ones), name, length (long, shorter),
        min_human_messages from which it is long, n_conversations, n_users, n_of (conversations of that length), share with ci_low and
        ci_high, and for the long ones the difference of their share from that of the shorter with its interval; suppressed.
    """
    users = has_users(measures)
    included = measures.filter("included").join(found, on="conversation_id", how="left", validate="1:1")
    threshold = long_from(
        included["n_human"],
        min_human_messages=min_human_messages,
        share=share,
        at_least=max(floors.values()),
    )
    entries = [("type", "affective", measures, in_group("affective"))]
    entries += [("category", name, included, in_group(name)) for name in CATEGORIES]
    entries += [("concern", concern["title"], included, of_concern(name)) for name, concern in concerns.items()]
    by_length = [included.filter(test) for test in (pl.col("n_human") >= threshold, pl.col("n_human") < threshold)]
    # Categories of which a few could be told from the others of the same length.
    told = set().union(
        *(hidden_parts({name: part.filter(in_group(name)) for name in CATEGORIES}, **floors) for part in by_length)
    )
    # Concerns whose number among all may not be known: long and shorter ones add up to it.
    members = grouped(included)
    told |= {
        concern["title"]
        for name, concern in concerns.items()
        if "affective" in with_concern(members, name, **floors)[1]
    }
    rows = []
    for number, (kind, name, base, member) in enumerate(entries):
        lengths = dict(
            zip(
                LENGTHS,
                (base.filter(test) for test in (pl.col("n_human") >= threshold, pl.col("n_human") < threshold)),
                strict=True,
            )
        )
        with_it, without = ({key: part.filter(test) for key, part in lengths.items()} for test in (member, ~member))
        few = hidden_parts(lengths, **floors)
        hidden = name in told or any((few, hidden_parts(with_it, **floors), hidden_parts(without, **floors)))
        draws, shares = {}, {}
        for place, (length, part) in enumerate(lengths.items()):
            if part.height and not hidden:
                is_member = part.select(member).to_series().to_numpy().astype(float)
                rng, shares[length] = np.random.default_rng([seed, number, place]), is_member.mean()
                draws[length] = bootstrap_share(
                    is_member, np.ones(part.height), part["cluster"].to_numpy(), replicates=bootstrap, rng=rng
                )
        for length, part in lengths.items():
            values = summarise(draws[length], confidence=confidence, value=shares[length]) if length in draws else {}
            between = {}
            if length == "long" and len(draws) == len(LENGTHS):
                between = summarise(
                    draws["long"] - draws["shorter"], confidence=confidence, value=shares["long"] - shares["shorter"]
                )
            rows.append(
                {
                    "dataset": dataset,
                    "kind": kind,
                    "name": name,
                    "length": length,
                    "min_human_messages": threshold,
                    "n_conversations": None if hidden else with_it[length].height,
                    "n_users": with_it[length]["author"].n_unique() if users and not hidden else None,
                    "n_of": None if few or (hidden and kind == "type") else part.height,
                    "share": values.get("estimate"),
                    "ci_low": values.get("ci_low"),
                    "ci_high": values.get("ci_high"),
                    "difference": between.get("estimate"),
                    "difference_ci_low": between.get("ci_low"),
                    "difference_ci_high": between.get("ci_high"),
                    "suppressed": hidden,
                }
            )
    return pl.DataFrame(rows, schema=SCHEMA)


def main():
    with open(snakemake.input.taxonomy, encoding="utf-8") as file:
        concerns = yaml.safe_load(file)["concerns"]
    tables = [
        estimate_long_conversations(
            pl.read_parquet(measures),
            pl.read_parquet(found),
            concerns,
            dataset=dataset,
            **snakemake.params.long,
            floors=snakemake.params.floors,
            **snakemake.params.settings,
            seed=snakemake.params.seed,
        )
        for dataset, measures, found in zip(
            snakemake.params.datasets, snakemake.input.measures, snakemake.input.concerns, strict=True
        )
    ]
    pl.concat(tables).write_csv(snakemake.output.long)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
