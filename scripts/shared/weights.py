"""A linear model as a plain table: what each feature weighs in each output, readable by anyone and the same bytes wherever it is trained."""

import csv
from pathlib import Path

import numpy as np
import polars as pl

from shared.job import InputError

SPECIAL = ["intercept", "slope", "offset", "threshold"]  # of the regression; Platt's calibration; the decision


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), elementwise."""
    return 1 / (1 + np.exp(-x))


def _digits(value: float) -> str:
    return f"{value:.6g}"


def write_weights(
    path: str | Path,
    outputs: list[str],
    *,
    names: list[str],
    idf: dict[str, float],
    coefficients: np.ndarray,
    special: dict[str, np.ndarray],
) -> None:
    """Write a table: kind, name, idf, one column of weights per output; six significant digits.

    Args:
        outputs: of the model.
        names: of the features, each "kind:name".
        idf: inverse document frequency of the features that have one, by their whole name.
        coefficients: (features, outputs).
        special: (outputs,) for each of SPECIAL.
    """
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "name", "idf", *outputs])
        for name in SPECIAL:
            writer.writerow([name, "", "", *map(_digits, special[name])])
        for name, weights in zip(names, coefficients, strict=True):
            kind, _, rest = name.partition(":")
            writer.writerow([kind, rest, _digits(idf[name]) if name in idf else "", *map(_digits, weights)])


def read_weights(path: str | Path, outputs: list[str], *, retrain: str) -> tuple[pl.DataFrame, dict[str, np.ndarray]]:
    """Read what write_weights wrote: the features' rows, and (outputs,) for each of SPECIAL.

    Raises:
        InputError: the table's outputs are not those of this code and codebook; `retrain` says what to do then.
    """
    types = {"name": pl.String, "idf": pl.Float64, **dict.fromkeys(outputs, pl.Float64)}
    table = pl.read_csv(path, schema_overrides=types).with_columns(pl.col("name").fill_null(""))
    if table.columns != ["kind", "name", "idf", *outputs]:
        raise InputError(
            f"{path}: expected the columns kind, name, idf, {', '.join(outputs)}; found {', '.join(table.columns)}. Train it anew: {retrain}"
        )
    special = {name: table.filter(kind=name).select(outputs).to_numpy().ravel() for name in SPECIAL}
    return table.filter(~pl.col("kind").is_in(SPECIAL)), special


def check_names(path: str | Path, found: list[str], expected: list[str], *, retrain: str) -> None:
    """
    Raises:
        InputError: a table of weights is about other features than those that the code and the codebook make.
    """
    if found != expected:
        differing = sorted(set(found) ^ set(expected))[:5]
        raise InputError(
            f"{path}: the model's features differ from the codebook's, e.g. {', '.join(differing)}. The codebook's cue groups changed since training: train it anew with {retrain}"
        )
