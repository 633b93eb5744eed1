"""Judge each of the study's claims by its declared rule, on the estimate's interval."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from shared.job import InputError, logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

REQUIRED = ["id", "section", "statement", "published", "estimand", "needs", "value", "rule", "in_words", "min_n"]


def check_claims(claims: list[dict]) -> None:
    """Raise InputError for a claim without a rule, an estimand or another required part, or with an id used twice."""
    for claim in claims:
        missing = [key for key in REQUIRED if not claim.get(key)]
        if missing or not {"low", "high"} & set(claim["rule"]):
            raise InputError(
                f"config/claims.yaml: claim '{claim.get('id', '?')}' lacks {', '.join(missing) or 'a bound (low or high) in its rule'}. A claim is judged only by a rule declared beforehand."
            )
    ids = [claim["id"] for claim in claims]
    if len(set(ids)) < len(ids):
        raise InputError(f"config/claims.yaml: the id '{next(i for i in ids if ids.count(i) > 1)}' is used twice.")


def _inside(low, high, region):
    return low >= region.get("low", float("-inf")) and high <= region.get("high", float("inf"))


def _outside(low, high, region):
    return high < region.get("low", float("-inf")) or low > region.get("high", float("inf"))


def _interval(row, prefix):
    columns = ("ci_low", "ci_high") if prefix == "estimate" else (f"{prefix}_ci_low", f"{prefix}_ci_high")
    return row[prefix], row[columns[0]], row[columns[1]]


def judge_claim(claim: dict, rows: pl.DataFrame, *, not_testable: str | None) -> dict[str, Any]:
    """Verdict on one claim in one data set.

    Args:
        claim: an entry of config/claims.yaml.
        rows: the rows of its table that its `where` selects.
        not_testable: why the data set does not allow the analysis that the claim needs (assess_capabilities), or None.

    Returns:
        estimate, ci_low, ci_high, n, verdict, reason.
    """
    untestable = {"verdict": "not testable here"}
    empty = {"estimate": None, "ci_low": None, "ci_high": None, "n": None} | untestable
    if rows.height != 1:
        return empty | {"reason": "The data set has no such estimate."}
    row = rows.row(0, named=True)
    n = row["n_of"] if row.get("n_of") is not None else row["n_conversations"]
    estimate, low, high = _interval(row, claim["value"].get("prefix", "estimate"))
    found = {"estimate": estimate, "ci_low": low, "ci_high": high, "n": n}
    if not_testable:
        return found | untestable | {"reason": not_testable}
    if n is None:
        return empty | {"reason": "Too few conversations: the cell is under the privacy floor."}
    if n < claim["min_n"]:
        return found | untestable | {"reason": f"{n} conversations; the rule asks for {claim['min_n']}."}
    if low is None or high is None:
        return found | untestable | {"reason": "No interval could be computed."}
    if _inside(low, high, claim["rule"]):
        return found | {"verdict": "supported", "reason": claim["in_words"]}
    if _outside(low, high, claim["rule"]):
        return found | {
            "verdict": "not supported",
            "reason": f"The interval lies outside the claimed region. Claimed: {claim['in_words']}",
        }
    direction = claim.get("direction")
    if direction:
        _, wide_low, wide_high = _interval(row, direction.get("prefix", claim["value"].get("prefix", "estimate")))
        if wide_low is not None and _inside(wide_low, wide_high, direction):
            return found | {
                "verdict": "direction only",
                "reason": f"Not that {claim['in_words'][0].lower()}{claim['in_words'][1:-1]}, {direction['in_words'].replace('or at least', 'but')}.",
            }
    return found | {
        "verdict": "inconclusive",
        "reason": f"The interval reaches over the edge of the claimed region. Claimed: {claim['in_words']}",
    }


def judge_claims(
    claims: list[dict], tables: dict[str, pl.DataFrame], capabilities: pl.DataFrame, *, datasets: list[str]
) -> pl.DataFrame:
    """Verdicts on all claims for each data set, in the order declared; `limits` says what limits an analysis that a data set allows.

    Raises:
        InputError: a claim is not complete, or needs an analysis that `capabilities` does not name.
    """
    check_claims(claims)
    allowed = {(row["dataset"], row["analysis"]): row for row in capabilities.to_dicts()}
    rows = []
    for dataset in datasets:
        for claim in claims:
            if (dataset, claim["needs"]) not in allowed:
                known = ", ".join(capabilities["analysis"].unique(maintain_order=True))
                raise InputError(
                    f"config/claims.yaml: claim '{claim['id']}' needs '{claim['needs']}', expected one of: {known}."
                )
            capability = allowed[dataset, claim["needs"]]
            table = tables[claim["value"]["table"]].filter(dataset=dataset, **claim["value"]["where"])
            said = {key: claim[key] for key in ("id", "section", "statement", "published", "estimand")} | {
                "rule": claim["in_words"]
            }
            why = {"no": None, "limited": None} | {capability["testable"]: capability["reason"]}
            verdict = judge_claim(claim, table, not_testable=why["no"])
            rows.append({"dataset": dataset, **said, **verdict, "limits": why["limited"]})
    return pl.DataFrame(
        rows,
        infer_schema_length=None,
        schema_overrides=dict.fromkeys(["estimate", "ci_low", "ci_high"], pl.Float64)
        | {"n": pl.Int64, "limits": pl.String},
    )


def main():
    claims = yaml.safe_load(Path(snakemake.input.claims).read_text(encoding="utf-8"))["claims"]
    tables = {Path(path).stem: pl.read_csv(path, infer_schema_length=None) for path in snakemake.input.tables}
    capabilities = pl.read_csv(snakemake.input.capabilities)
    judge_claims(claims, tables, capabilities, datasets=snakemake.params.datasets).write_csv(snakemake.output.claims)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
