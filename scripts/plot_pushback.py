"""Figure 3: share of conversations in which the assistant pushes back, by type."""

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.ticker import MaxNLocator

from shared.figures import (
    NARROW,
    STUDY,
    datasets_of,
    figure,
    nothing_to_show,
    percent_axis,
    published_of,
    read_table,
    share_rows,
)
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def plot_pushback(pushback: pl.DataFrame, path: str, *, bound: tuple[float, str]) -> None:
    """Draw corrected shares with intervals and naive shares; the study's bound (its value and words) for its four types is a line."""
    rows, several = list(pushback.iter_rows(named=True)), len(datasets_of(pushback)) > 1
    with figure(path, width=NARROW, height=0.9 + 0.5 * max(len(rows), 3)) as axes:
        if not any(row["estimate"] is not None for row in rows):
            nothing_to_show(axes, "Too few conversations of every type")
            return
        share_rows(axes, rows, several=several)
        value, words = bound
        axes.axvline(value, color=STUDY, linewidth=1, linestyle="--", zorder=0)
        axes.annotate(
            f"study: {words}", (value, -0.6), textcoords="offset points", xytext=(4, -4), fontsize=8, color=STUDY
        )
        reach = max(row[end] or 0 for row in rows for end in ("ci_high", "share_naive"))
        axes.set_xlim(0, min(1, 1.1 * max(reach, 2 * value)))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        percent_axis(axes.xaxis)
        axes.set_xlabel("Conversations with pushback")


def main():
    table, published = snakemake.input.pushback, published_of(snakemake.input.claims, "pushback")
    (bound,) = set(published.values())  # one for all types: the study gave no other
    plot_pushback(read_table(table, snakemake.params.titles), snakemake.output.figure, bound=bound)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
