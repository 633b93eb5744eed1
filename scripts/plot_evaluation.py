"""Figure of the appendix: precision, recall and F1 of the classifier by class and source."""

from typing import TYPE_CHECKING

import polars as pl

from shared.evaluation import MIN_POSITIVE
from shared.figures import MUTED, OURS, TITLES, figure, finish_rows, interval_row, nothing_to_show
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PANELS = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
NAMES = TITLES | {
    "content_creation": "Content creation",
    "affective": "Affective",
    "included": "Counted by the study",
    "professional": "Professional use",
}


def plot_evaluation(evaluation: pl.DataFrame, path: str) -> None:
    """Draw the three figures with their intervals side by side: all sources in blue, each source in grey; unweighted."""
    shown = evaluation.filter(pl.col("n_positive") >= MIN_POSITIVE, n_human="all", weighting="none")
    rows = list(shown.iter_rows(named=True))
    with figure(path, width=7.2, height=0.9 + 0.29 * max(len(rows), 3), panels=len(PANELS)) as panels:
        for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
            axes.set_title(title)
            if not rows:
                nothing_to_show(axes, "Too few labels")
                continue
            for y, row in enumerate(rows):
                interval_row(
                    axes,
                    y,
                    estimate=row[name],
                    low=row[f"{name}_ci_low"],
                    high=row[f"{name}_ci_high"],
                    label="" if row[name] is None else f"{row[name]:.2f}",
                    color=OURS if row["labels"] == "all" else MUTED,
                )
            axes.set_xlim(-0.08, 1.08)
            axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
            finish_rows(axes, [_row_label(row) for row in rows])


def _row_label(row):
    """A class once, in the row of all sources; its sources beneath it."""
    n = f"(n = {row['n_positive']:,})"
    return f"{NAMES[row['class']]} {n}" if row["labels"] == "all" else f"{row['labels']} {n}"


def main():
    plot_evaluation(pl.read_csv(snakemake.input.evaluation, infer_schema_length=None), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
