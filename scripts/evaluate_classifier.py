"""How good the affect classifier is: its cross-validated decisions beside the labels, by class, source and length; what it confuses."""

from typing import TYPE_CHECKING

import polars as pl

from shared.contracts import CATEGORIES, CLASSES
from shared.evaluation import calibration, evaluate
from shared.job import InputError, logged
from shared.labels import read_held_out

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# What a conversation can be instead of a class.
INSTEAD = {"content_creation": ["affective"], "affective": ["content_creation"], "professional": []} | {
    name: ["content_creation", *(other for other in CATEGORIES if other != name)] for name in CATEGORIES
}


def confusions(held_out: pl.DataFrame) -> pl.DataFrame:
    """What stands in the place of each class where decision and label differ, over all real sources.

    Returns:
        class, kind, instead, n_labelled, sure_1 to sure_3 (of them, by how sure the reader was of `affective`: boundary, leaning, clear).
        Kinds: `labelled` and `found` count the class itself; `missed` is labelled and not found, `wrongly found` the reverse, and `instead` is
        what the decision, or the label, says: another class, `dropped by the sieve`, or `none of these`. A conversation with two other classes
        counts under both; `all` counts each once.
    """
    real = held_out.filter(pl.col("source") != "control")
    dropped = pl.col("candidate") == 0
    rows = []
    for name in CLASSES:
        true, found = pl.col(f"true_{name}") == 1, pl.col(f"predicted_{name}") == 1
        kinds = {
            "labelled": (real.filter(true), None),
            "found": (real.filter(found), None),
            "missed": (real.filter(true & ~found), "predicted"),
            "wrongly found": (real.filter(~true & found), "true"),
        }
        for kind, (table, side) in kinds.items():
            parts = {"all": table}
            if side:
                others = {other: pl.col(f"{side}_{other}") == 1 for other in INSTEAD[name]}
                left = table.filter(~pl.any_horizontal(pl.lit(False), *others.values()))
                # The sieve says nothing of content creation.
                unread = dropped if side == "predicted" and name != "content_creation" else pl.lit(False)
                parts |= {other: table.filter(is_it) for other, is_it in others.items()}
                parts |= {"dropped by the sieve": left.filter(unread), "none of these": left.filter(~unread)}
            rows += [
                {"class": name, "kind": kind, "instead": instead, "n_labelled": part.height}
                | {f"sure_{level}": part.filter(pl.col("sure") == level).height for level in (1, 2, 3)}
                for instead, part in parts.items()
                if part.height or instead == "all"
            ]
    return pl.DataFrame(rows)


def evaluate_classifier(held_out: pl.DataFrame, *, bootstrap: int, confidence: float, seed: int) -> dict:
    """The tables `evaluation`, `calibration` and `confusions`; see shared.evaluation and confusions.

    Raises:
        InputError: the held-out table was written by another version.
    """
    missing = [name for name in ("n_human", "sure", "candidate") if name not in held_out.columns]
    if missing:
        raise InputError(
            f"Held-out predictions: expected the columns n_human, sure, candidate; missing: {', '.join(missing)}. "
            "Another version of the workflow wrote them: train anew with classify.model: data/models/affect.csv."
        )
    options = {"bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    return {
        "evaluation": evaluate(held_out, **options),
        "calibration": calibration(held_out, **options),
        "confusions": confusions(held_out),
    }


def main():
    tables = evaluate_classifier(
        read_held_out(snakemake.input.held_out), **snakemake.params.settings, seed=snakemake.params.seed
    )
    for name, table in tables.items():
        table.write_csv(snakemake.output[name])


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
