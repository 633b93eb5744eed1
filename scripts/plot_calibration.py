"""Figure of the appendix: the classifier's predicted probabilities against the share that is so by the labels."""

from typing import TYPE_CHECKING

import polars as pl

from shared.figures import MUTED, OURS, figure, nothing_to_show
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

LINES = {"content_creation": ("Content creation", "#009E73"), "affective": ("Affective", OURS)}  # Okabe & Ito's green


def plot_calibration(calibration: pl.DataFrame, path: str) -> None:
    """Draw both classes over all real sources, weighted to their populations; on the diagonal the probabilities are right."""
    shown = calibration.filter(pl.col("class").is_in(LINES), labels="all")
    with figure(path, width=5.4, height=4.4) as axes:
        if not shown.height:
            nothing_to_show(axes, "No probability sample among the labels")
            return
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        axes.text(1.02, 1, "perfect", va="center", fontsize=9, color=MUTED)
        for name, (title, color) in LINES.items():
            line = shown.filter(pl.col("class") == name).sort("predicted")
            if not line.height:
                continue
            x, y = line["predicted"].to_numpy(), line["observed"].to_numpy()
            axes.vlines(x, line["ci_low"].to_numpy(), line["ci_high"].to_numpy(), color=color, linewidth=1.5, alpha=0.6)
            axes.plot(x, y, "o-", color=color, markersize=5, linewidth=1.2)
            axes.annotate(title, (x[-1], y[-1]), textcoords="offset points", xytext=(8, -3), fontsize=9, color=color)
        axes.set(
            xlim=(-0.02, 1.2), ylim=(-0.03, 1.04), xlabel="Mean predicted probability", ylabel="Share by the labels"
        )
        axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])


def main():
    plot_calibration(pl.read_csv(snakemake.input.calibration, infer_schema_length=None), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
