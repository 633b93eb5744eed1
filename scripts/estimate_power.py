"""Which claims could be decided with what there is, and how many labels or conversations would decide the others."""

import math
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from shared.job import logged
from shared.labels import read_held_out

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

DECIDED = ["supported", "not supported"]


def needed_by_scaling(
    estimate: float, low: float, high: float, region: tuple, n: int, *, population: float = math.inf
) -> int | None:
    """How many units in place of n would put the interval wholly inside or wholly outside the region, if the estimate stayed where it is.

    The arms of an interval shrink as sqrt(1/n - 1/N) in a population of N (Cochran 1977, Sampling Techniques, sections 2.5 and 4.4), and an arm
    must shrink to the distance between the estimate and the edge on its side. None where the estimate lies on an edge: no n decides that.
    """
    below, above = region
    if below is not None and estimate < below:
        pairs = [(high - estimate, below - estimate)]
    elif above is not None and estimate > above:
        pairs = [(estimate - low, estimate - above)]
    else:
        sides = [(estimate - low, below, 1), (high - estimate, above, -1)]
        pairs = [(arm, side * (estimate - edge)) for arm, edge, side in sides if edge is not None]
    if min(gap for _, gap in pairs) <= 0:
        return None
    ratio = max((arm / gap) ** 2 for arm, gap in pairs)
    return math.ceil(round(1 / (1 / population + (1 / n - 1 / population) / ratio), 6))


def needed_for_share(share: float, region: tuple, *, confidence: float) -> int:
    """How many units put the score interval of a share (Wilson 1927, JASA 22) wholly inside or outside the region, if `share` is found.

    The interval ends at the edge e where |share - e| = z sqrt(e (1 - e) / n), so n = z**2 e (1 - e) / (share - e)**2. For a simple random sample.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return math.ceil(max(z**2 * edge * (1 - edge) / (share - edge) ** 2 for edge in _edges(share, region)))


def needed_for_mean(mean: float, region: tuple, *, deviation: float, confidence: float) -> int:
    """How many units put the normal interval of a mean wholly inside or outside the region, if `mean` is found: n = (z s / d)**2 for standard
    deviation s and distance d to the edge (Cochran 1977, Sampling Techniques, section 4.4)."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return math.ceil(max((z * deviation / (mean - edge)) ** 2 for edge in _edges(mean, region)))


def _edges(value, region):
    """The edges that an interval around `value` must keep clear of."""
    below, above = region
    if below is not None and value < below:
        return [below]
    if above is not None and value > above:
        return [above]
    return [edge for edge in region if edge is not None]


def verdict_at(value: float, region: tuple) -> str:
    """What a claim comes to if the interval closes around `value`."""
    low, high = region
    return "supported" if (low is None or value >= low) and (high is None or value <= high) else "not supported"


def deviation_of_changes(sentiment: pl.DataFrame, *, confidence: float) -> float | None:
    """Standard deviation of a conversation's change of sentiment, back from the interval of the non-affective conversations' mean."""
    rows = sentiment.filter(group="not affective").drop_nulls(["n_conversations", "ci_low", "ci_high"])
    if rows.height != 1:
        return None
    row, z = rows.row(0, named=True), NormalDist().inv_cdf(0.5 + confidence / 2)
    return (row["ci_high"] - row["ci_low"]) / (2 * z) * math.sqrt(row["n_conversations"])


def labels_of(held_out: pl.DataFrame, dataset: str) -> dict[str, int]:
    """{labels, affective labels}: conversations of the data set's labelled probability sample, and those among them found affective."""
    own = held_out.filter(pl.col("source") == dataset, pl.col("weight").is_not_null())
    return {"labels": own.height, "affective labels": int(own["true_included"].sum())}


def plan_claim(
    claim: dict, judged: dict, *, labels: dict[str, int], deviation: float | None, confidence: float
) -> dict[str, Any]:
    """What would decide one claim: n_now, n_needed (null where it is decided, or nothing can be said), to which verdict (`outcome`), and on what
    that rests (`basis`)."""
    n_now = labels.get(claim["decided_by"], judged["n"])
    plan = {"unit": claim["decided_by"], "n_now": n_now, "n_needed": None, "outcome": None}
    if judged["verdict"] in DECIDED:
        return plan | {"basis": "decided"}
    if "unmeasured" in claim:
        return plan | {"basis": "not measured"}
    if claim.get("corrected", True) is not True:
        by_labels = isinstance(claim["corrected"], str)
        basis = "labels of the data set itself alone decide it" if by_labels else "an uncorrected count decides nothing"
        return plan | {"basis": basis}
    rule = claim["rule"]
    region = (rule.get("low"), rule.get("high"))
    if judged["region_low"] is not None or judged["region_high"] is not None:
        region = (judged["region_low"], judged["region_high"])
    if any(isinstance(edge, str) for edge in region):
        return plan | {"basis": "the edge of its rule is not known"}
    least = claim["min_n"] if claim["decided_by"] == "conversations" else 1
    # Labels are drawn from the data set's conversations: when all are labelled nothing is uncertain.
    population = judged["n"] if claim["decided_by"] == "labels" and judged["n"] else math.inf
    if judged["ci_low"] is not None and n_now:
        interval = (judged["estimate"], judged["ci_low"], judged["ci_high"])
        needed = needed_by_scaling(*interval, region, n_now, population=population)
        outcome = needed and verdict_at(judged["estimate"], region)
        basis = "if the estimate stays where it is"
        return plan | {"n_needed": needed and max(needed, least), "outcome": outcome, "basis": basis}
    assumed = claim["assumed"]
    plan |= {"outcome": verdict_at(assumed, region)}
    if claim["unit"] == "share":
        needed = needed_for_share(assumed, region, confidence=confidence)
        return plan | {"n_needed": max(needed, least), "basis": f"if {100 * assumed:g} % is found"}
    if deviation is None:
        return plan | {"outcome": None, "basis": "no spread is known"}
    needed = needed_for_mean(assumed, region, deviation=deviation, confidence=confidence)
    return plan | {"n_needed": max(needed, least), "basis": f"if a change of {assumed:+g} is found"}


def holds_for_all(judged: dict, *, n_tests: int, confidence: float) -> bool | None:
    """A decided verdict stands with the interval widened for n_tests tests at once (Bonferroni): arms lengthened by the ratio of the normal
    quantiles. None where nothing was decided."""
    if judged["verdict"] not in DECIDED:
        return None
    normal = NormalDist()
    longer = normal.inv_cdf(1 - (1 - confidence) / (2 * n_tests)) / normal.inv_cdf(0.5 + confidence / 2)
    low = judged["estimate"] - longer * (judged["estimate"] - judged["ci_low"])
    high = judged["estimate"] + longer * (judged["ci_high"] - judged["estimate"])
    below = float("-inf") if judged["region_low"] is None else judged["region_low"]
    above = float("inf") if judged["region_high"] is None else judged["region_high"]
    return below <= low and high <= above if judged["verdict"] == "supported" else high < below or low > above


def estimate_power(
    claims: list[dict], judged: pl.DataFrame, held_out: pl.DataFrame, sentiment: pl.DataFrame, *, confidence: float
) -> pl.DataFrame:
    """What decides the claims, data set by data set, from published numbers alone.

    Args:
        claims: config/claims.yaml.
        judged: judge_claims.
        held_out: the classifier's decisions beside the labels.
        sentiment: estimate_sentiment.
        confidence: level of the intervals.

    Returns:
        dataset, id, verdict, decided, n_tests (claims of the data set that have a verdict other than not testable), holds_for_all (null where nothing
        was decided), unit (of n: labels, affective labels or conversations), n_now, n_needed, outcome, basis.
    """
    rows = []
    declared = {claim["id"]: claim for claim in claims}
    for dataset in judged["dataset"].unique(maintain_order=True):
        own = judged.filter(dataset=dataset)
        n_tests = own.filter(pl.col("verdict") != "not testable here").height
        labels = labels_of(held_out, dataset)
        deviation = deviation_of_changes(sentiment.filter(dataset=dataset), confidence=confidence)
        for row in own.iter_rows(named=True):
            said = {
                "dataset": dataset,
                "id": row["id"],
                "verdict": row["verdict"],
                "decided": row["verdict"] in DECIDED,
            }
            plan = plan_claim(declared[row["id"]], row, labels=labels, deviation=deviation, confidence=confidence)
            stands = holds_for_all(row, n_tests=n_tests, confidence=confidence)
            rows.append(said | {"n_tests": n_tests, "holds_for_all": stands} | plan)
    return pl.DataFrame(
        rows,
        schema_overrides={"holds_for_all": pl.Boolean, "n_now": pl.Int64, "n_needed": pl.Int64, "outcome": pl.String},
    )


def main():
    claims = yaml.safe_load(Path(snakemake.input.rules).read_text(encoding="utf-8"))["claims"]
    estimate_power(
        claims,
        pl.read_csv(snakemake.input.claims, infer_schema_length=None),
        read_held_out(snakemake.input.held_out),
        pl.read_csv(snakemake.input.sentiment, infer_schema_length=None),
        confidence=snakemake.params.confidence,
    ).write_csv(snakemake.output.power)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
