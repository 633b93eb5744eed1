"""Figure of the appendix: how often the intervals of each estimator hold a known truth."""

from typing import TYPE_CHECKING

import polars as pl

from shared.figures import MUTED, OURS, figure, finish_rows, interval_row
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TITLES = {
    "stratified": "Label sample, by strata",
    "ppi": "Prediction-powered",
    "rogan-gladen": "Rogan-Gladen",
    "naive": "Naive count",
}


def plot_coverage(coverage: pl.DataFrame, confidence: float, path: str) -> None:
    """Draw coverage over all sensitivities and specificities, a panel for each prevalence; the line is what the intervals claim."""
    pooled = coverage.filter(pl.col("sensitivity").is_null())
    prevalences = pooled["prevalence"].unique(maintain_order=True).to_list()
    with figure(path, width=7.6, height=2.6, panels=len(prevalences)) as panels:
        for axes, prevalence in zip(panels, prevalences, strict=True):
            axes.set_title(f"{100 * prevalence:g} %")
            axes.axvline(confidence, color=MUTED, linestyle="--", linewidth=1)
            for y, name in enumerate(TITLES):
                row = pooled.row(
                    by_predicate=(pl.col("prevalence") == prevalence) & (pl.col("estimator") == name), named=True
                )
                interval_row(
                    axes,
                    y,
                    estimate=row["coverage"],
                    low=row["coverage_ci_low"],
                    high=row["coverage_ci_high"],
                    label="" if row["coverage"] is None else f"{row['coverage']:.2f}",
                    color=OURS if name == "stratified" else MUTED,
                )
            axes.set_xlim(0, 1.05)
            axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
            finish_rows(axes, list(TITLES.values()))


def main():
    table = pl.read_csv(snakemake.input.coverage, infer_schema_length=None)
    plot_coverage(table, snakemake.params.confidence, snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
