"""How many conversations to label, and where, to know the affective share as exactly as wanted."""

from typing import TYPE_CHECKING

import polars as pl

from shared.job import logged
from shared.labels import read_held_out
from shared.sampling import STRATA, allocate, expected_shares, half_width, sizes_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def plan_labels(
    scores: pl.DataFrame, held_out: pl.DataFrame, *, dataset: str, half_widths: list[float], confidence: float
) -> pl.DataFrame:
    """The fewest labels for each half width wanted, by stratum of the classifier's score.

    Args:
        scores: candidate and p_affective of every selected conversation.
        held_out: the classifier's cross-validated scores beside the labels: how often each stratum is affective.
        dataset: its name.
        half_widths: wanted, in shares of all conversations (0.005: half a percentage point).
        confidence: of the interval.

    Returns:
        half_width, stratum ("all": their sum), n_stratum, share_expected (affective, by the labels), n_labels, half_width_expected (of all alone).
    """
    sizes, shares = sizes_of(scores), expected_shares(held_out, dataset=dataset)
    rows = []
    for wanted in half_widths:
        low, high = len(STRATA), max(len(STRATA), int(sizes.sum()))
        while low < high:
            middle = (low + high) // 2
            width = half_width(sizes, shares, allocate(sizes, shares, middle), confidence=confidence)
            low, high = (low, middle) if width <= wanted else (middle + 1, high)
        drawn = allocate(sizes, shares, low)
        reached = half_width(sizes, shares, drawn, confidence=confidence)
        mean = float((sizes * shares).sum() / sizes.sum()) if sizes.sum() else None
        for part in [("all", int(sizes.sum()), mean, int(drawn.sum()), reached)] + [
            (*of_stratum, None)
            for of_stratum in zip(STRATA, sizes.tolist(), shares.tolist(), drawn.tolist(), strict=True)
        ]:
            rows.append((wanted, *part))
    columns = ["half_width", "stratum", "n_stratum", "share_expected", "n_labels", "half_width_expected"]
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None).with_columns(
        pl.col("share_expected", "half_width_expected").cast(pl.Float64).round(6)
    )


def main():
    scores = pl.concat([pl.read_parquet(path, columns=["candidate", "p_affective"]) for path in snakemake.input.affect])
    plan_labels(scores, read_held_out(snakemake.input.held_out), **snakemake.params.settings).write_csv(
        snakemake.output.plan
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
