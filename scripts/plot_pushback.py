"""Figure 3: share of conversations in which the assistant pushes back, by type."""

from typing import TYPE_CHECKING

import polars as pl

from shared.figures import STUDY, datasets_of, figure, nothing_to_show, percent_axis, read_table, share_rows
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PUBLISHED = 0.10  # the study's bound for its four types


def plot_pushback(pushback: pl.DataFrame, path: str) -> None:
    """Draw corrected shares with intervals and naive shares; the study's bound of 10 % is a line."""
    rows, several = list(pushback.iter_rows(named=True)), len(datasets_of(pushback)) > 1
    with figure(path, height=0.9 + 0.46 * max(len(rows), 3)) as axes:
        if not any(row["estimate"] is not None for row in rows):
            nothing_to_show(axes, "Too few conversations of every type")
            return
        share_rows(axes, rows, several=several, label=lambda share: f"{100 * share:.2g} %")
        axes.axvline(PUBLISHED, color=STUDY, linewidth=1, linestyle="--")
        axes.annotate(
            "study: < 10 %", (PUBLISHED, -0.6), textcoords="offset points", xytext=(4, -4), fontsize=8, color=STUDY
        )
        reach = max(row[end] or 0 for row in rows for end in ("ci_high", "share_naive"))
        axes.set_xlim(0, min(1, 1.1 * max(reach, 2 * PUBLISHED)))
        percent_axis(axes.xaxis)
        axes.set_xlabel("Conversations with any pushback")


def main():
    plot_pushback(read_table(snakemake.input.pushback, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
