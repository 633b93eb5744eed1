"""How the sentiment that humans express changes from the first to the last messages, in each type and beside non-affective conversations."""

from typing import TYPE_CHECKING

import polars as pl

from shared.change import all_lengths_shown, as_table, change_rows, hidden_too, is_among, without_hidden_reference
from shared.job import logged
from shared.tables import in_group, published

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SAME = 1e-9  # a change of level smaller than this is none
PARTS = ["share_improved", "share_same", "share_worsened"]


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
    scored = (
        measures.filter(pl.col("n_human") >= min_human_messages)
        .drop_nulls(["level_start", "level_end"])
        .rename({"level_start": "start", "level_end": "end"})
        .with_columns(change=pl.col("end") - pl.col("start"))
    )
    rows = []
    for row in change_rows(scored, bootstrap=bootstrap, confidence=confidence, seed=seed):
        base = scored.filter(in_group(row["group"]))
        kinds = (base["change"] > SAME, base["change"].abs() <= SAME, base["change"] < -SAME)
        rows.append(
            {"dataset": dataset, **row}
            | {"mean_change_compound": (base["compound_end"] - base["compound_start"]).mean()}
            | {part: kind.mean() for part, kind in zip(PARTS, kinds, strict=True)}
        )
    return as_table(rows)


def publishable(
    table: pl.DataFrame,
    shown: dict[tuple[str, str], set[int]],
    *,
    min_human_messages: int,
    min_conversations: int,
    min_users: int,
) -> pl.DataFrame:
    """The table without what would tell of a few.

    Args:
        table: estimate_sentiment, of several data sets.
        shown: shared.change.all_lengths_shown.
        min_human_messages: as declared.
        min_conversations, min_users: the floors.
    """
    # Improved, same and worsened of a few conversations each would give these few away.
    number = pl.col(PARTS) * pl.col("n_conversations")
    few = pl.any_horizontal(number.round().is_between(1, min_conversations - 1)).fill_null(False)
    hide = [name for name, kind in table.schema.items() if kind == pl.Float64]
    table = published(
        table.with_columns(pl.when(~few).then(pl.col(PARTS))),
        min_conversations=min_conversations,
        min_users=min_users,
        hide=hide,
    )
    told = [key for key, kept in shown.items() if min_human_messages not in kept]
    return without_hidden_reference(hidden_too(table, is_among(["dataset", "group"], told), hide=hide), by=["dataset"])


def main():
    params, tables, shown = snakemake.params, [], {}
    least = params.lengths["min_human_messages"]
    for dataset, path in zip(params.datasets, snakemake.input.measures, strict=True):
        measures = pl.read_parquet(path)
        tables.append(
            estimate_sentiment(measures, dataset=dataset, min_human_messages=least, **params.settings, seed=params.seed)
        )
        shown |= all_lengths_shown(measures, dataset=dataset, **params.lengths, **params.privacy)
    table = publishable(pl.concat(tables), shown, min_human_messages=least, **params.privacy)
    table.write_csv(snakemake.output.sentiment)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
