"""How the sentiment that humans express changes from the first to the last messages, in each type and beside non-affective conversations."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.change import hidden_too, is_among, lengths_shown, less, mean_draws, without_hidden_reference
from shared.job import logged
from shared.statistics import summarise
from shared.tables import TYPES, beside, counted, has_users, in_group, published

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

GROUPS = ["affective", *TYPES, "not affective"]
SAME = 1e-9  # a change of level smaller than this is none


def estimate_sentiment(
    measures: pl.DataFrame, *, dataset: str, min_human_messages: int, bootstrap: int, confidence: float, seed: int
) -> pl.DataFrame:
    """Mean level at start and end and its change, by group.

    Args:
        measures: contracts.Measures.
        dataset: its name.
        min_human_messages: conversations with fewer are left out.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.

    Returns:
        dataset, group, n_conversations, n_users, mean_start, mean_end, estimate (mean change on -1..+1) with interval, excess (change beyond
        that of non-affective conversations) with interval, mean change of the compound score, share_improved, share_same, share_worsened.
    """
    users = has_users(measures)
    scored = (
        measures.filter(pl.col("n_human") >= min_human_messages)
        .drop_nulls(["level_start", "level_end"])
        .with_columns(change=pl.col("level_end") - pl.col("level_start"))
    )

    def draws(base, number):
        return mean_draws(base, "change", replicates=bootstrap, rng=np.random.default_rng([seed, number]))

    others = scored.filter(in_group("not affective"))
    control = draws(others, len(GROUPS))
    rows = []
    for number, group in enumerate(GROUPS):
        base = scored.filter(in_group(group))
        change = base["change"]
        own = draws(base, number)
        beyond = (
            summarise(own - control, confidence=confidence, value=less(change.mean(), others["change"].mean()))
            if group != "not affective"
            else dict.fromkeys(["estimate", "ci_low", "ci_high"])
        )
        rows.append(
            {
                "dataset": dataset,
                "group": group,
                **counted(base, users=users, rests=[beside(scored, group)]),
                "mean_start": base["level_start"].mean(),
                "mean_end": base["level_end"].mean(),
                **summarise(own, confidence=confidence, value=change.mean()),
                "excess": beyond["estimate"],
                "excess_ci_low": beyond["ci_low"],
                "excess_ci_high": beyond["ci_high"],
                "mean_change_compound": (base["compound_end"] - base["compound_start"]).mean(),
                "share_improved": (change > SAME).mean(),
                "share_same": (change.abs() <= SAME).mean(),
                "share_worsened": (change < -SAME).mean(),
            }
        )
    kinds = {name: pl.Int64 if name.startswith("n_") else pl.Float64 for name in rows[0]}
    numbers = kinds | dict.fromkeys(["dataset", "group"], pl.String)
    return pl.DataFrame(rows, schema_overrides=numbers).with_columns(pl.col(pl.Float64).fill_nan(None).round(6))


def main():
    params, tables, told = snakemake.params, [], []
    least = params.lengths["sentiment"]["min_human_messages"]
    for dataset, path in zip(params.datasets, snakemake.input.measures, strict=True):
        measures = pl.read_parquet(path)
        tables.append(
            estimate_sentiment(measures, dataset=dataset, min_human_messages=least, **params.settings, seed=params.seed)
        )
        shown = {group: lengths_shown(measures, group, **params.lengths, **params.privacy) for group in GROUPS}
        told += [(dataset, group) for group in GROUPS if least not in shown[group]]
    table = pl.concat(tables)
    # Improved, same and worsened of a few conversations each would give these few away.
    floor = params.privacy["min_conversations"]
    parts = ["share_improved", "share_same", "share_worsened"]
    few = pl.any_horizontal(
        [(pl.col(part) * pl.col("n_conversations")).round().is_between(1, floor - 1) for part in parts]
    )
    table = table.with_columns(pl.when(~few.fill_null(False)).then(pl.col(parts)))
    hide = [name for name, kind in table.schema.items() if kind == pl.Float64]
    table = hidden_too(published(table, **params.privacy, hide=hide), is_among(["dataset", "group"], told), hide=hide)
    without_hidden_reference(table, by=["dataset"]).write_csv(snakemake.output.sentiment)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
