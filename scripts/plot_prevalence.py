"""Figure 1: how common each type of affective conversation is, corrected estimate beside naive count."""

from typing import TYPE_CHECKING

import polars as pl

from shared.contracts import CATEGORIES
from shared.figures import STUDY, datasets_of, figure, nothing_to_show, percent_axis, share_rows
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PUBLISHED = {
    "affective": (0.029, "study: 2.9 %"),
    "companionship or roleplay": (0.005, "study: < 0.5 %"),
    "romantic": (0.001, "study: < 0.1 %"),
}


def plot_prevalence(prevalence: pl.DataFrame, path: str) -> None:
    """Draw shares of all conversations, weighted by conversation; the study's published values and bounds are marked."""
    groups = ["affective", *CATEGORIES[:4], "companionship or roleplay", *CATEGORIES[4:]]
    rows = prevalence.filter(
        pl.col("share_of") == "all", pl.col("weighting") == "conversation", pl.col("group").is_in(groups)
    )
    several = len(datasets_of(rows)) > 1
    rows = sorted(rows.iter_rows(named=True), key=lambda row: groups.index(row["group"]))
    with figure(path, height=0.9 + 0.48 * max(len(rows), 3)) as axes:
        if not rows or all(row["estimate"] is None for row in rows):
            nothing_to_show(axes, "No conversations to estimate from")
            return
        share_rows(axes, rows, several=several, label=lambda share: f"{100 * share:.2g} %")
        for y, row in enumerate(rows):
            if row["group"] in PUBLISHED:
                value, words = PUBLISHED[row["group"]]
                beside = "left" if value < 0.004 else "center"
                axes.plot([value], [y], "D", color=STUDY, markersize=5)
                axes.annotate(
                    words, (value, y), textcoords="offset points", xytext=(0, -13), ha=beside, fontsize=8, color=STUDY
                )
        axes.set_xlim(left=0)
        percent_axis(axes.xaxis, 1)
        axes.set_xlabel("Share of all conversations")


def main():
    plot_prevalence(pl.read_csv(snakemake.input.prevalence, infer_schema_length=None), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
