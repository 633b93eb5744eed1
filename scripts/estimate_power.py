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
# Share of studies that decide: an interval that is just long enough to touch the edge where the estimate is the truth does so in half of them.
POWER = 0.8
NORMAL = NormalDist()


def needed_by_scaling(
    estimate: float,
    low: float,
    high: float,
    region: tuple,
    n: int,
    *,
    confidence: float,
    population: float = math.inf,
) -> int | None:
    """How many units in place of n would put the interval clear of each edge of the region with probability POWER, if the estimate is the truth.

    The arms of an interval shrink as sqrt(1/n - 1/N) in a population of N (Cochran 1977, Sampling Techniques, sections 2.5 and 4.4). An arm is z
    standard errors, and must shrink until z and the quantile of POWER together fit between the estimate and the edge on its side. None where the
    estimate lies on an edge: no n decides that.
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
    longer = 1 + NORMAL.inv_cdf(POWER) / _quantile(confidence)
    ratio = max((longer * arm / gap) ** 2 for arm, gap in pairs)
    if not ratio:  # an interval without width: all there is has been labelled
        return None
    return math.ceil(round(1 / (1 / population + (1 / n - 1 / population) / ratio), 6))


def needed_for_share(share: float, region: tuple, *, confidence: float) -> int:
    """How many units put the score interval of a share (Wilson 1927, JASA 22) clear of each edge of the region with probability POWER, if `share` is
    the truth.

    The interval of a share found, p, ends at the edge e where |p - e| = z sqrt(e (1 - e) / n), and p lies beyond that with probability POWER where
    |share - e| = z sqrt(e (1 - e) / n) + z' sqrt(share (1 - share) / n), z' its quantile (Fleiss, Levin & Paik 2003, Statistical Methods for Rates
    and Proportions, chapter 2). For a simple random sample whose outcomes are known without error.
    """
    z, beyond = _quantile(confidence), NORMAL.inv_cdf(POWER) * math.sqrt(share * (1 - share))
    return math.ceil(
        max(((z * math.sqrt(edge * (1 - edge)) + beyond) / (share - edge)) ** 2 for edge in _edges(share, region))
    )


def _quantile(confidence):
    """How many standard errors an arm of an interval is."""
    return NORMAL.inv_cdf(0.5 + confidence / 2)


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


def labels_of(held_out: pl.DataFrame, dataset: str) -> dict[str, int]:
    """{labels, affective labels}: conversations of the data set's labelled probability sample, and those among them found affective."""
    own = held_out.filter(pl.col("source") == dataset, pl.col("weight").is_not_null())
    return {"labels": own.height, "affective labels": int(own["true_included"].sum())}


def plan_claim(claim: dict, judged: dict, *, labels: dict[str, int], confidence: float) -> dict[str, Any]:
    """What would decide one claim: n_now, n_needed (null where it is decided, or nothing can be said), to which verdict (`outcome`), and on what
    that rests (`basis`)."""
    n_now = labels.get(claim["decided_by"], judged["n"])
    plan = {"unit": claim["decided_by"], "n_now": n_now, "n_needed": None, "outcome": None}
    if judged["verdict"] in DECIDED:
        return plan | {"basis": "decided"}
    if "unmeasured" in claim:
        return plan | {"basis": "not measured"}
    if judged["corrected"] is False or claim.get("corrected") is False:
        by_labels = isinstance(claim["corrected"], str)
        basis = (
            "labels of the data set itself alone decide it" if by_labels else "an uncorrected estimate decides nothing"
        )
        return plan | {"basis": basis}
    if claim["decided_by"] != "conversations" and judged["n"] is not None and judged["n"] < claim["min_n"]:
        return plan | {"basis": f"the rule asks for {claim['min_n']} of what there are {judged['n']}"}
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
        needed = needed_by_scaling(*interval, region, n_now, confidence=confidence, population=population)
        outcome = needed and verdict_at(judged["estimate"], region)
        basis = "if the truth is what is estimated"
        return plan | {"n_needed": needed and max(needed, least), "outcome": outcome, "basis": basis}
    if claim["unit"] == "change":
        return plan | {"basis": "no spread is known"}
    assumed = claim["assumed"]
    needed, basis = needed_for_share(assumed, region, confidence=confidence), f"if the truth is {100 * assumed:g} %"
    return plan | {"n_needed": max(needed, least), "outcome": verdict_at(assumed, region), "basis": basis}


def holds_for_all(judged: dict, *, n_tests: int, confidence: float) -> bool | None:
    """A decided verdict stands with the interval widened for n_tests tests at once (Bonferroni): arms lengthened by the ratio of the normal
    quantiles. None where nothing was decided."""
    if judged["verdict"] not in DECIDED:
        return None
    longer = NORMAL.inv_cdf(1 - (1 - confidence) / (2 * n_tests)) / _quantile(confidence)
    low = judged["estimate"] - longer * (judged["estimate"] - judged["ci_low"])
    high = judged["estimate"] + longer * (judged["ci_high"] - judged["estimate"])
    below = float("-inf") if judged["region_low"] is None else judged["region_low"]
    above = float("inf") if judged["region_high"] is None else judged["region_high"]
    return below <= low and high <= above if judged["verdict"] == "supported" else high < below or low > above


def estimate_power(
    claims: list[dict], judged: pl.DataFrame, held_out: pl.DataFrame, *, confidence: float
) -> pl.DataFrame:
    """What decides the claims, data set by data set, from published numbers alone.

    Args:
        claims: config/claims.yaml.
        judged: judge_claims.
        held_out: the classifier's decisions beside the labels.
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
        for row in own.iter_rows(named=True):
            said = {
                "dataset": dataset,
                "id": row["id"],
                "verdict": row["verdict"],
                "decided": row["verdict"] in DECIDED,
            }
            plan = plan_claim(declared[row["id"]], row, labels=labels, confidence=confidence)
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
        confidence=snakemake.params.confidence,
    ).write_csv(snakemake.output.power)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
