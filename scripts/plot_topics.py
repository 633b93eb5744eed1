"""Figure 2: topics within each category, by their names or else their distinctive words."""

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.ticker import MaxNLocator

from shared.figures import MUTED, OURS, TITLES, datasets_of, figure, nothing_to_show, percent_axis, read_table
from shared.findings import STABLE
from shared.job import logged
from shared.tables import MERGED, UNNAMED

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def plot_topics(topics: pl.DataFrame, path: str) -> None:
    """Draw the share of each published topic in its category, with its stability; topics under the floor are not drawn."""
    several, shown = len(datasets_of(topics)) > 1, topics.filter(pl.col("share_of_category").is_not_null())
    named = shown.filter(~pl.col("topic").is_in([MERGED, UNNAMED])).height
    rows = list(shown.iter_rows(named=True)) if named else []
    with figure(path, width=7.6, height=max(2.0, 0.8 + 0.27 * len(rows))) as axes:
        if not rows:
            nothing_to_show(
                axes,
                "No topic can be named: each category has too few conversations\nto be parted into groups over the privacy floor",
            )
            return
        for y, row in enumerate(rows):
            # The only group of a category has no stability: it is the category again.
            spoken_of = row["topic"] not in (MERGED, UNNAMED) and (row["stability"] or 0) >= STABLE
            axes.barh(y, row["share_of_category"], color=OURS if spoken_of else MUTED, height=0.6)
            axes.text(row["share_of_category"], y, f" {row['name'] or row['topic']}", va="center", fontsize=8.5)
        titles = [TITLES[row["category"]] + (f", {row['dataset']}" if several else "") for row in rows]
        stabilities = [f", stability {row['stability']:.2f}" if row["stability"] is not None else "" for row in rows]
        axes.set_yticks(
            range(len(rows)),
            [
                f"{title} (n = {row['n_conversations']}){stability}"
                for title, row, stability in zip(titles, rows, stabilities, strict=True)
            ],
            fontsize=8.5,
        )
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        # The widest bar takes a third, so that six words have room beside it.
        widest = max(row["share_of_category"] for row in rows)
        axes.set_xlim(0, 3 * widest)
        axes.set_xticks(
            [
                tick
                for tick in MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]).tick_values(0, widest)
                if 0 <= tick <= 1.01 * widest
            ]
        )
        percent_axis(axes.xaxis)
        axes.set_xlabel("Share of the category's conversations", loc="left")


def main():
    plot_topics(read_table(snakemake.input.topics, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
