"""Join what the instruments say of each selected conversation into one row; no text comes along."""

from typing import TYPE_CHECKING

import polars as pl

from shared import contracts
from shared.contracts import PUSHBACK_KINDS
from shared.job import logged
from shared.levels import at_ends

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def join_measures(
    conversations: pl.DataFrame,
    origins: pl.DataFrame,
    affect: pl.DataFrame,
    pushback: pl.DataFrame,
    sentiment: pl.DataFrame,
    *,
    window: int,
) -> pl.DataFrame:
    """One row per conversation under contracts.Measures.

    Args:
        conversations: contracts.Selected without messages.
        origins: contracts.Origins, from which cluster, author and person come.
        affect, pushback, sentiment: tables under their contracts.
        window: human messages at each end for the sentiment of start and end.

    Raises:
        InputError: a table says nothing of a conversation that it must know, or something of one that is not among them.
    """
    pushed = (
        pushback.sort("conversation_id", "turn")
        .group_by("conversation_id")
        .agg(
            **{kind: (pl.col("kind") == kind).any() for kind in PUSHBACK_KINDS},
            n_pushback=pl.col("turn").n_unique().cast(pl.Int32),
            reason=pl.col("reason").first(),
        )
    )
    joined = (
        conversations.join(
            origins.select("conversation_id", "cluster", "author", "person"),
            on="conversation_id",
            how="left",
            validate="1:1",
        )
        .join(affect, on="conversation_id", validate="1:1")
        .join(pushed, on="conversation_id", how="left", validate="1:1")
        .join(
            at_ends(sentiment, ["level", "compound"], window=window), on="conversation_id", how="left", validate="1:1"
        )
    )
    contracts.accounted("join_measures, selected conversations", conversations.height, joined.height)
    for name, table in {"affect": affect, "pushback": pushback, "sentiment": sentiment}.items():
        known = table.join(joined, on="conversation_id", how="semi").height
        contracts.accounted(f"join_measures, rows of {name}", table.height, known)
    return joined.with_columns(
        pl.col(*PUSHBACK_KINDS).fill_null(False),
        pl.col("n_pushback").fill_null(0),
        pushback=pl.col("n_pushback").fill_null(0) > 0,
    ).select(contracts.Measures.column_names())


def main():
    columns = ["conversation_id", "user_id", "started_at", "n_human", "n_assistant"]
    measures = join_measures(
        pl.concat([pl.read_parquet(path, columns=columns) for path in snakemake.input.selected]),
        pl.read_parquet(snakemake.input.origins, columns=["conversation_id", "cluster", "author", "person"]),
        *(
            pl.concat([pl.read_parquet(path) for path in paths])
            for paths in (snakemake.input.affect, snakemake.input.pushback, snakemake.input.sentiment)
        ),
        window=snakemake.params.window,
    )
    contracts.Measures.checked(measures).write_parquet(snakemake.output.measures)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
