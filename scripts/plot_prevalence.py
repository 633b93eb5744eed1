"""Figure 1: how common each type of affective conversation is, corrected estimate beside naive count."""

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.ticker import MaxNLocator

from shared.figures import (
    NARROW,
    STUDY,
    datasets_of,
    figure,
    in_figure,
    nothing_to_show,
    percent_axis,
    published_of,
    read_table,
    share_rows,
)
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def plot_prevalence(prevalence: pl.DataFrame, path: str, *, published: dict[str, tuple[float, str]]) -> None:
    """Draw shares of all conversations, weighted by conversation, in the table's order; what the study published (published_of) is marked."""
    several = len(datasets_of(prevalence)) > 1
    rows = [row for row in prevalence.iter_rows(named=True) if in_figure(row)]
    with figure(path, width=NARROW, height=0.9 + 0.5 * max(len(rows), 3)) as axes:
        if not rows or all(row["estimate"] is None for row in rows):
            nothing_to_show(axes, "No conversations to estimate from")
            return
        share_rows(axes, rows, several=several, kind="found")
        marked = [(y, *published[row["group"]]) for y, row in enumerate(rows) if row["group"] in published]
        for y, value, _ in marked:
            axes.plot([value], [y], "D", color=STUDY, markersize=5)
        reach = axes.get_xlim()[1]
        axes.set_xlim(-0.02 * reach, reach)  # a diamond near zero is whole
        for y, value, words in marked:
            # Centred words would reach over the labels of the rows.
            beside = "left" if value < 0.1 * reach else "center"
            axes.annotate(
                f"study: {words}",
                (value, y),
                textcoords="offset points",
                xytext=(0, -13),
                ha=beside,
                fontsize=8,
                color=STUDY,
            )
        axes.xaxis.set_major_locator(MaxNLocator(4))
        percent_axis(axes.xaxis)
        axes.set_xlabel("Share of all conversations")


def main():
    table = read_table(snakemake.input.prevalence, snakemake.params.titles)
    plot_prevalence(table, snakemake.output.figure, published=published_of(snakemake.input.claims, "prevalence"))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
