"""Figure 1: how common each type of affective conversation is, corrected estimate beside naive count."""

from typing import TYPE_CHECKING

import polars as pl

from shared.figures import STUDY, datasets_of, figure, in_figure, nothing_to_show, percent_axis, read_table, share_rows
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PUBLISHED = {
    "affective": (0.029, "study: 2.9 %"),
    "companionship or roleplay": (0.005, "study: < 0.5 %"),
    "romantic": (0.001, "study: < 0.1 %"),
}


def plot_prevalence(prevalence: pl.DataFrame, path: str) -> None:
    """Draw shares of all conversations, weighted by conversation, in the table's order; the study's published values and bounds are marked."""
    several = len(datasets_of(prevalence)) > 1
    rows = [row for row in prevalence.iter_rows(named=True) if in_figure(row)]
    with figure(path, height=0.9 + 0.48 * max(len(rows), 3)) as axes:
        if not rows or all(row["estimate"] is None for row in rows):
            nothing_to_show(axes, "No conversations to estimate from")
            return
        share_rows(axes, rows, several=several, label=lambda share: f"{100 * share:.2g} %")
        published = [(y, *PUBLISHED[row["group"]]) for y, row in enumerate(rows) if row["group"] in PUBLISHED]
        for y, value, _ in published:
            axes.plot([value], [y], "D", color=STUDY, markersize=5)
        reach = axes.get_xlim()[1]
        axes.set_xlim(-0.02 * reach, reach)  # a diamond near zero is whole
        for y, value, words in published:
            # Centred words would reach over the labels of the rows.
            beside = "left" if value < 0.1 * reach else "center"
            axes.annotate(
                words, (value, y), textcoords="offset points", xytext=(0, -13), ha=beside, fontsize=8, color=STUDY
            )
        percent_axis(axes.xaxis)
        axes.set_xlabel("Share of all conversations")


def main():
    plot_prevalence(read_table(snakemake.input.prevalence, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
