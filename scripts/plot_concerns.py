"""The study's concerns within each category: shares with intervals; those named by the study for a category stand out."""

from typing import TYPE_CHECKING

import polars as pl

from shared.figures import (
    MUTED,
    OURS,
    TITLES,
    datasets_of,
    figure,
    finish_rows,
    interval_row,
    nothing_to_show,
    percent_axis,
    read_table,
)
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

MOST = 6  # concerns of a category that are drawn


def drawn(concerns: pl.DataFrame) -> pl.DataFrame:
    """The most frequent published concerns of each category, none that nobody has, in the table's order of categories."""
    shown = concerns.filter(~pl.col("suppressed"), pl.col("n_conversations") > 0, pl.col("category") != "affective")
    place = pl.col("n_conversations").rank("ordinal", descending=True).over("dataset", "category")
    order = {name: number for number, name in enumerate(concerns["category"].unique(maintain_order=True))}
    return (
        shown.with_columns(place=place, order=pl.col("category").replace_strict(order, return_dtype=pl.Int64))
        .filter(pl.col("place") <= MOST)
        .sort("dataset", "order", "place", maintain_order=True)
    )


def plot_concerns(concerns: pl.DataFrame, path: str) -> None:
    """Draw what drawn() chooses; grey: the study does not name the concern for this category."""
    rows, several = drawn(concerns).to_dicts(), len(datasets_of(concerns)) > 1
    with figure(path, height=0.9 + 0.34 * max(len(rows), 3)) as axes:
        if not rows:
            nothing_to_show(axes, "No concern is spoken of in enough conversations of a category to be shown")
            return
        labels = []
        for y, row in enumerate(rows):
            interval_row(
                axes,
                y,
                estimate=row["share"],
                low=row["ci_low"],
                high=row["ci_high"],
                label=f"{100 * row['share']:.0f} %",
                color=OURS if row["named"] else MUTED,
            )
            title = TITLES[row["category"]] + (f", {row['dataset']}" if several else "")
            labels.append(f"{row['concern']}\n{title} (n = {row['n_conversations']:,})")
        finish_rows(axes, labels)
        axes.tick_params(axis="y", labelsize=9)
        axes.set_xlim(0, 1)
        percent_axis(axes.xaxis)
        axes.set_xlabel(
            "Share of the category's conversations,\nnot corrected; blue: the study names\nit for this category"
        )


def main():
    plot_concerns(read_table(snakemake.input.concerns, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
