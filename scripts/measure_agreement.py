"""How far the instruments agree with the labels: precision, recall, F1 and Cohen's kappa, with bootstrap intervals."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.evaluation import figures
from shared.job import logged
from shared.labels import read_held_out
from shared.statistics import quantile_interval

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

FIGURES = ["precision", "recall", "f1", "kappa"]


def agreement_row(
    true, predicted, weight, *, bootstrap: int, confidence: float, rng: np.random.Generator
) -> dict[str, float]:
    """The figures and their bootstrap intervals over labelled conversations, in columns figure, figure_ci_low, figure_ci_high."""
    true, predicted, weight = np.asarray(true, bool), np.asarray(predicted, bool), np.asarray(weight, float)
    resampled = rng.multinomial(len(true), np.full(len(true), 1 / len(true)), size=bootstrap) * weight
    point, draws = figures(true, predicted, weight), figures(true, predicted, resampled)
    row = {"n_labelled": len(true), "n_positive": int(true.sum()), "n_predicted": int(predicted.sum())}
    for name in FIGURES:
        low, high = quantile_interval(draws[name], confidence=confidence)
        row |= {name: float(point[name]), f"{name}_ci_low": low, f"{name}_ci_high": high}
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def measure_agreement(
    held_out: pl.DataFrame, labels: dict[str, pl.DataFrame], *, bootstrap: int, confidence: float, seed: int
) -> pl.DataFrame:
    """Agreement of classifier (cross-validated) and pushback rules with the labels.

    Args:
        held_out: the classifier's cross-validated decisions, by source.
        labels: import_labels' tables by data set.
        bootstrap, confidence, seed: of the intervals.

    Returns:
        instrument, class, labels (source; "all" pools the sources unweighted), n_*, the figures and their intervals. Rows of one source are
        weighted to its population by the inclusion weights, so they speak of precision and recall in the data set.
    """
    rng, options = np.random.default_rng(seed), {"bootstrap": bootstrap, "confidence": confidence}
    rows = []

    def add(instrument, name, source, true, predicted, weight):
        if np.asarray(true, bool).any():
            rows.append(
                {"instrument": instrument, "class": name, "labels": source}
                | agreement_row(true, predicted, weight, rng=rng, **options)
            )

    real = held_out.filter(pl.col("source") != "control")
    for name in ["content_creation", "affective", "included", *CATEGORIES]:
        add("classifier", name, "all", real[f"true_{name}"], real[f"predicted_{name}"], np.ones(real.height))
        for dataset in labels:
            own = held_out.filter(pl.col("source") == dataset, pl.col("weight").is_not_null())
            add("classifier", name, dataset, own[f"true_{name}"], own[f"predicted_{name}"], own["weight"])
    for dataset, table in labels.items():
        sampled = table.filter(pl.col("weight").is_not_null())
        add(
            "pushback rules",
            "any",
            dataset,
            sampled["label_pushback"].list.len() > 0,
            sampled["pushback"],
            sampled["weight"],
        )
        for kind in PUSHBACK_KINDS:
            add(
                "pushback rules",
                kind,
                dataset,
                sampled["label_pushback"].list.contains(pl.lit(kind)),
                sampled[kind],
                sampled["weight"],
            )
    schema = {
        "instrument": pl.String,
        "class": pl.String,
        "labels": pl.String,
        "n_labelled": pl.Int64,
        "n_positive": pl.Int64,
        "n_predicted": pl.Int64,
    }
    schema |= {f"{name}{end}": pl.Float64 for name in FIGURES for end in ("", "_ci_low", "_ci_high")}
    return pl.DataFrame(rows, schema=schema).with_columns(pl.col(pl.Float64).fill_nan(None))


def main():
    labels = {
        dataset: pl.read_parquet(path)
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.labels, strict=True)
    }
    table = measure_agreement(
        read_held_out(snakemake.input.held_out), labels, **snakemake.params.settings, seed=snakemake.params.seed
    )
    table.write_csv(snakemake.output.agreement)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
