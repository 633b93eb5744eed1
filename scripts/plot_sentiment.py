"""Figure 4: change of the sentiment that humans express, by type of conversation, and how many improve, stay or worsen."""

from typing import TYPE_CHECKING

import polars as pl

from shared.figures import (
    MUTED,
    OURS,
    STUDY,
    datasets_of,
    figure,
    finish_rows,
    interval_row,
    nothing_to_show,
    percent_axis,
    read_table,
    row_label,
    row_title,
    value_beside,
)
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


SHARES = {"share_worsened": (STUDY, "worse"), "share_same": ("#cccccc", "same"), "share_improved": (OURS, "better")}


def plot_sentiment(sentiment: pl.DataFrame, path: str) -> None:
    """Draw the mean change with its interval for each type and, in grey, for non-affective conversations; beside it the shares of SHARES."""
    rows, several = list(sentiment.iter_rows(named=True)), len(datasets_of(sentiment)) > 1
    with figure(path, width=7.2, height=0.9 + 0.46 * max(len(rows), 3), panels=2) as (axes, beside):
        if not any(row["estimate"] is not None for row in rows):
            nothing_to_show(axes, "Too few conversations of every type")
            beside.set_axis_off()
            return
        axes.axvline(0, color="#999999", linewidth=1)
        for y, row in enumerate(rows):
            color = MUTED if row["group"] == "not affective" else OURS
            interval_row(
                axes,
                y,
                estimate=row["estimate"],
                low=row["ci_low"],
                high=row["ci_high"],
                color=color,
            )
            value_beside(axes, y, row["estimate"], color=color)
            _bar(beside, y, row)
        labels = [row_label(row_title(row, several), row["n_conversations"]) for row in rows]
        finish_rows(beside, labels)
        finish_rows(axes, labels)
        reach = max(0.1, *(abs(row[end]) for row in rows for end in ("ci_low", "ci_high") if row[end] is not None))
        axes.set_xlim(-1.1 * reach, 1.1 * reach)
        axes.set_xlabel("Mean change of sentiment\n(scale -1 to +1)")
        beside.set_xlim(0, 1)
        percent_axis(beside.xaxis)
        beside.set_xlabel("Conversations that end\nworse, the same, better")


def _bar(axes, y, row):
    """The three shares of a row side by side, each named where it is wide enough."""
    if any(row[name] is None for name in SHARES):
        axes.text(0, y, "  too few to say", va="center", color=MUTED, style="italic", fontsize=9)
        return
    left = 0
    for name, (color, word) in SHARES.items():
        axes.barh(y, row[name], left=left, height=0.5, color=color)
        if row[name] > 0.15:
            ink = "black" if word == "same" else "white"
            axes.text(left + row[name] / 2, y, word, ha="center", va="center", color=ink, fontsize=8)
        left += row[name]


def main():
    plot_sentiment(read_table(snakemake.input.sentiment, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
