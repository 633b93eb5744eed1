"""Pushback where a comparison would mislead without more: at equal lengths, and by model family and period apart."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES
from shared.job import logged
from shared.statistics import bootstrap_share, summarise
from shared.tables import counted, has_users, hidden_parts, in_group, published

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

GROUPS = ["affective", *CATEGORIES, "not affective"]
BANDS = [1, 2, 4, 10]  # fewest assistant messages of each band of lengths
# What conversations are parted by, and the analysis of assess_capabilities that must be possible for it.
PARTED = {"model family": "by model", "period": "over time"}
# "gpt-4o-2024-08-06" is of the family gpt-4o, "vicuna-13b" of vicuna, "gpt4all-13b" of gpt4all: a number counts where it stands alone.
FAMILIES = [r"^([a-z]+-?\d+(?:\.\d+)?o?)(?:-|$)", r"^([a-z][a-z\d.]*)"]  # the first that fits
UNREADABLE, UNKNOWN = "other", "not recorded"


def standardised_pushback(
    measures: pl.DataFrame, *, dataset: str, min_conversations: int, bootstrap: int, confidence: float, seed: int
) -> pl.DataFrame:
    """Share of conversations with any pushback had all groups the lengths of the affective conversations (direct standardisation).

    A longer conversation has more chances. The share of each band of lengths (assistant messages, BANDS) is weighted by the share of affective
    conversations in that band; a group with fewer than `min_conversations` in a band that counts has no figure. Not corrected for error.

    Args:
        measures: contracts.Measures.
        dataset: its name.
        min_conversations: in each band.
        bootstrap, confidence, seed: of the intervals, band by band; clusters are users where there are users.

    Returns:
        dataset, group, n_conversations, n_users, n_with_pushback, share_naive, estimate (standardised) with ci_low and ci_high.
    """
    band = sum((pl.col("n_assistant") >= low).cast(pl.Int8) for low in BANDS)
    banded = measures.filter(pl.col("n_assistant") > 0).with_columns(band=band)
    lengths = banded.filter(in_group("affective")).group_by("band").len().sort("band")
    standard = {number: n / lengths["len"].sum() for number, n in lengths.rows()}
    rows, users = [], has_users(measures)
    for number, group in enumerate(GROUPS):
        base, rng = banded.filter(in_group(group)), np.random.default_rng([seed, number])
        draws, share = (np.zeros(bootstrap), 0.0) if standard else (np.full(bootstrap, np.nan), None)
        for step, weight in standard.items():
            part = base.filter(band=step)
            if part.height < min_conversations:
                draws, share = np.full(bootstrap, np.nan), None
                break
            said = part["pushback"].to_numpy().astype(float)
            cluster = part["cluster"].to_numpy()
            share += weight * said.mean()
            draws = draws + weight * bootstrap_share(said, np.ones(part.height), cluster, replicates=bootstrap, rng=rng)
        rows.append(
            {
                "dataset": dataset,
                "group": group,
                **counted(base, users=users),
                "n_with_pushback": base["pushback"].sum(),
                "share_naive": round(float(base["pushback"].mean()), 6) if base.height else None,
                **summarise(draws, confidence=confidence, value=share),
            }
        )
    types = {"n_users": pl.Int64, "share_naive": pl.Float64}
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=types).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def compare_pushback(
    measures: pl.DataFrame,
    origins: pl.DataFrame,
    *,
    dataset: str,
    analyses: set[str],
    floors: dict[str, int],
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Share of conversations with any pushback by model family and by quarter, in affective and in other conversations; not corrected for error.

    Assistants refuse in different ways and less and less, so that families and periods are never pooled here.

    Args:
        measures: contracts.Measures.
        origins: conversation_id and model of each.
        dataset: its name.
        analyses: those that the data set allows, see assess_capabilities.
        floors: min_conversations, min_users; what lies under them, or could be told by subtracting, is blank.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.

    Returns:
        dataset, by (model family or period), value, group, n_conversations, n_users, share_naive, ci_low, ci_high, suppressed.
    """
    name = pl.col("model").str.to_lowercase().str.replace("^.*/", "")  # of who offers it
    family = pl.coalesce(*(name.str.extract(pattern) for pattern in FAMILIES), pl.lit(UNREADABLE))
    values = {
        "model family": pl.when(pl.col("model").is_not_null()).then(family),
        "period": pl.format("{} Q{}", pl.col("started_at").dt.year(), pl.col("started_at").dt.quarter()),
    }
    table = measures.join(origins.select("conversation_id", "model"), on="conversation_id", how="left")
    rows, users = [], has_users(measures)
    for by in (name for name, analysis in PARTED.items() if analysis in analyses):
        valued = table.with_columns(value=values[by].fill_null(UNKNOWN))
        for group in ("affective", "not affective"):
            members = valued.filter(in_group(group)).partition_by("value", as_dict=True)
            parts = {value: members[value,] for (value,) in sorted(members)}
            sides = [
                {name: part.filter(side) for name, part in parts.items()}
                for side in (pl.col("pushback"), ~pl.col("pushback"))
            ]
            blank = set().union(*(hidden_parts(side, **floors) for side in (parts, *sides)))
            for name, part in parts.items():
                rng, cluster = np.random.default_rng([seed, len(rows)]), part["cluster"].to_numpy()
                said = part["pushback"].to_numpy().astype(float)
                draws = bootstrap_share(said, np.ones(part.height), cluster, replicates=bootstrap, rng=rng)
                figures = summarise(draws, confidence=confidence, value=said.mean())
                cells = {
                    "n_conversations": part.height,
                    "n_users": part["author"].n_unique() if users else None,
                    "share_naive": figures["estimate"],
                    "ci_low": figures["ci_low"],
                    "ci_high": figures["ci_high"],
                }
                shown = dict.fromkeys(cells) if name in blank else cells
                row = {"dataset": dataset, "by": by, "value": name, "group": group}
                rows.append(row | shown | {"suppressed": name in blank})
    numbers = {"n_conversations": pl.Int64, "n_users": pl.Int64, "share_naive": pl.Float64}
    numbers |= {"ci_low": pl.Float64, "ci_high": pl.Float64}
    text = dict.fromkeys(["dataset", "by", "value", "group"], pl.String)
    return pl.DataFrame(rows, schema=text | numbers | {"suppressed": pl.Boolean})


def main():
    params, settings = snakemake.params, snakemake.params.settings
    allowed = pl.read_csv(snakemake.input.capabilities).filter(pl.col("testable") != "no")
    tables, parted = [], []
    for dataset, path, origins in zip(params.datasets, snakemake.input.measures, snakemake.input.origins, strict=True):
        measures = pl.read_parquet(path)
        own = {"dataset": dataset, **settings, "seed": params.seed}
        least = params.floors["min_conversations"]
        tables.append(standardised_pushback(measures, min_conversations=least, **own))
        analyses = set(allowed.filter(dataset=dataset)["analysis"])
        parted.append(
            compare_pushback(measures, pl.read_parquet(origins), analyses=analyses, floors=params.floors, **own)
        )
    hide = ["n_with_pushback", "share_naive", "estimate", "ci_low", "ci_high"]
    table = published(pl.concat(tables), **params.floors, hide=hide)
    # A numerator under the floor, or the rest, must not be told from a share that rests on it.
    told = pl.col("n_with_pushback"), pl.col("n_conversations") - pl.col("n_with_pushback")
    few = pl.any_horizontal([count.is_between(1, params.floors["min_conversations"] - 1) for count in told])
    table.with_columns(pl.when(~few.fill_null(False)).then(pl.col(hide))).write_csv(snakemake.output.standardised)
    pl.concat(parted).write_csv(snakemake.output.parted)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
