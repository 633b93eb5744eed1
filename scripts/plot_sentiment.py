"""Figure 4: change of the sentiment that humans express, by type of conversation."""

from typing import TYPE_CHECKING

import polars as pl

from shared.figures import (
    MUTED,
    OURS,
    datasets_of,
    figure,
    finish_rows,
    interval_row,
    nothing_to_show,
    row_label,
    row_title,
)
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def plot_sentiment(sentiment: pl.DataFrame, path: str) -> None:
    """Draw the mean change with its interval for each type and, in grey, for non-affective conversations."""
    rows, several = list(sentiment.iter_rows(named=True)), len(datasets_of(sentiment)) > 1
    with figure(path, height=0.9 + 0.46 * max(len(rows), 3)) as axes:
        if not any(row["estimate"] is not None for row in rows):
            nothing_to_show(axes, "Too few conversations of every type")
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
                label=f"{row['estimate']:+.2f}" if row["estimate"] is not None else "",
            )
        finish_rows(axes, [row_label(row_title(row, several), row["n_conversations"]) for row in rows])
        reach = max(0.1, *(abs(row[end]) for row in rows for end in ("ci_low", "ci_high") if row[end] is not None))
        axes.set_xlim(-1.1 * reach, 1.1 * reach)
        axes.set_xlabel("Mean change from the first to the last three\nhuman messages (scale -1 to +1)")


def main():
    plot_sentiment(pl.read_csv(snakemake.input.sentiment, infer_schema_length=None), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
