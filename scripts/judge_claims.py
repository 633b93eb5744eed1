"""Judge each of the study's claims by its declared rule, on the estimate's interval."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import polars as pl
import yaml

from shared.job import InputError, logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SUPPORTED, DIRECTION, INCONCLUSIVE = "supported", "direction only", "inconclusive"
REFUTED, UNTESTABLE = "not supported", "not testable here"
# Of a claim about several rows the row that does worst decides.
FROM_BEST = [SUPPORTED, DIRECTION, INCONCLUSIVE, UNTESTABLE, REFUTED]
COLUMNS = ["estimate", "ci_low", "ci_high"]
NO_FIT = "The error rates at hand do not fit what was found: no interval could be computed."
UNDER_FLOOR = "Too few conversations: the cell is under the privacy floor."

_WHOSE = {"share": "a count", "change": "sentiment"}  # unit: what an estimate of it is that is not corrected
# Fewer clusters than these make bootstrap intervals too short (Cameron, Gelbach & Miller 2008, Review of Economics and Statistics 90).
MIN_USERS = 30

_WORDS = {"type": "string", "pattern": r"\S"}
_BOUND = {"anyOf": [{"type": "number"}, _WORDS]}  # a number, or the column of the row that holds it
_COLUMNS = {"type": "array", "items": _WORDS, "minItems": 3, "maxItems": 3}
_BOUNDS = {"low": _BOUND, "high": _BOUND}
_WHERE = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"anyOf": [_WORDS, {"type": "integer"}, {"type": "array", "items": _WORDS, "minItems": 1}]},
}
CLAIM = {
    "type": "object",
    "required": [
        "id",
        "section",
        "statement",
        "short",
        "published",
        "estimand",
        "unit",
        "needs",
        "rule",
        "in_words",
        "min_n",
        "decided_by",
        "assumed",
    ],
    "oneOf": [{"required": ["value"]}, {"required": ["unmeasured"]}],
    "additionalProperties": False,
    "properties": dict.fromkeys(
        [
            "id",
            "section",
            "statement",
            "short",
            "published",
            "estimand",
            "needs",
            "in_words",
            "absent",
            "unmeasured",
            "wider",
        ],
        _WORDS,
    )
    | {
        "published_value": {"type": "number"},
        "unit": {"enum": ["share", "change"]},
        "value": {
            "type": "object",
            "required": ["table", "where"],
            "additionalProperties": False,
            "properties": {"table": _WORDS, "where": _WHERE, "columns": _COLUMNS, "n": _WORDS},
        },
        "corrected": {"anyOf": [{"type": "boolean"}, _WORDS]},  # or the column of the row that says so
        "rule": {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": _BOUNDS},
        "direction": {
            "type": "object",
            "required": ["in_words"],
            "minProperties": 2,
            "additionalProperties": False,
            "properties": _BOUNDS | {"columns": _COLUMNS, "in_words": _WORDS},
        },
        "min_n": {"type": "integer", "minimum": 1},
        "decided_by": {"enum": ["labels", "affective labels", "labels of the type", "conversations"]},
        "assumed": {"type": "number"},
    },
}


def check_claims(claims: list[dict]) -> None:
    """Raise InputError for a claim without a rule, an estimand or another required part, or with an id used twice.

    What a claim holds is said at the head of config/claims.yaml; CLAIM is its schema.
    """
    validator = jsonschema.Draft202012Validator(CLAIM)
    for claim in claims:
        named = claim.get("id", "?") if isinstance(claim, dict) else "?"
        for fault in validator.iter_errors(claim):
            where = ".".join(map(str, fault.absolute_path))
            said = (
                "it needs either a value or the reason why it is unmeasured"
                if fault.validator == "oneOf"
                else fault.message
            )
            raise InputError(
                f"config/claims.yaml: claim '{named}'{f', {where}' if where else ''}: {said}. A claim is judged only by a rule declared beforehand; the head of the file says what it holds."
            )
        rule = claim["rule"]
        numbers = [rule[edge] for edge in ("low", "high") if not isinstance(rule.get(edge, ""), str)]
        if numbers != sorted(numbers):
            raise InputError(f"config/claims.yaml: claim '{named}': its rule has low above high, {rule}.")
    ids = [claim["id"] for claim in claims]
    if len(set(ids)) < len(ids):
        raise InputError(f"config/claims.yaml: the id '{next(i for i in ids if ids.count(i) > 1)}' is used twice.")


def _region(bounds: dict, row: dict) -> tuple[float | None, float | None]:
    """(low, high) of a claimed region: a bound is a number, or the name of the row's column that holds it; None where there is none."""
    return tuple(row[bound] if isinstance(bound, str) else bound for bound in (bounds.get("low"), bounds.get("high")))


def _inside(low, high, region):
    return (region[0] is None or low > region[0]) and (region[1] is None or high < region[1])


def _outside(low, high, region):
    return (region[0] is not None and high < region[0]) or (region[1] is not None and low > region[1])


def _sentence(words):
    return f"{words[0].lower()}{words[1:].removesuffix('.')}"


def _judge_row(claim: dict, row: dict) -> dict[str, Any]:
    """Verdict by one row of the claim's table."""
    n, counted = row.get(claim["value"].get("n")), "labels"
    if n is None:
        n, counted = row["n_of"] if "n_of" in row else row["n_conversations"], "conversations"
    corrected = claim.get("corrected", True)
    estimate, low, high = (row[name] for name in claim["value"].get("columns", COLUMNS))
    region = _region(claim["rule"], row)
    found = {
        "estimate": estimate,
        "ci_low": low,
        "ci_high": high,
        "n": n,
        "region_low": region[0],
        "region_high": region[1],
        "corrected": row[corrected] if isinstance(corrected, str) else corrected,
    }
    if n is None:
        return found | dict.fromkeys(COLUMNS) | {"verdict": UNTESTABLE, "reason": UNDER_FLOOR}
    if n < claim["min_n"]:
        return found | {"verdict": UNTESTABLE, "reason": f"{n} {counted}; the rule asks for {claim['min_n']}."}
    if "n_of" not in row and (row.get("n_users") or MIN_USERS) < MIN_USERS:
        reason = f"{row['n_users']} users; fewer than {MIN_USERS} give no interval to be trusted."
        return found | {"verdict": UNTESTABLE, "reason": reason}
    if low is None or high is None:
        hidden = row.get("suppressed") or row.get("numerator_suppressed")
        without = (
            NO_FIT if (row.get("correction") or "").startswith("error rates") else "No interval could be computed."
        )
        return found | {"verdict": UNTESTABLE, "reason": UNDER_FLOOR if hidden else without}
    if len(claim["rule"]) > sum(edge is not None for edge in region):
        return found | {"verdict": UNTESTABLE, "reason": "The edge of the claimed region could not be computed."}
    inside, outside = _inside(low, high, region), _outside(low, high, region)
    if not found["corrected"] and (inside or outside):
        lies = "inside" if inside else "outside"
        by_rates = (row.get("correction") or "").startswith("error rates")
        but = (
            "it rests on what the instruments find and on their error rates, not on labels of this data set"
            if by_rates
            else f"it is that of {_WHOSE[claim['unit']]} not corrected for the instrument's errors"
        )
        return found | {
            "verdict": DIRECTION if inside else INCONCLUSIVE,
            "reason": f"The interval lies {lies} the claimed region, but {but}.",
        }
    if inside and "wider" in claim:
        reason = f"The interval lies inside the claimed region, but {claim['wider']}."
        return found | {"verdict": DIRECTION, "reason": reason}
    if inside:
        return found | {"verdict": SUPPORTED, "reason": claim["in_words"]}
    if outside:
        return found | {"verdict": REFUTED, "reason": "The whole interval lies outside the claimed region."}
    direction = claim.get("direction")
    if direction:
        wide_low, wide_high = (
            row[name] for name in direction.get("columns", claim["value"].get("columns", COLUMNS))[1:]
        )
        if wide_low is not None and _inside(wide_low, wide_high, _region(direction, row)):
            only = direction["in_words"].replace("or at least", "but")
            return found | {"verdict": DIRECTION, "reason": f"Not that {_sentence(claim['in_words'])}, {only}."}
    return found | {"verdict": INCONCLUSIVE, "reason": "The interval reaches over the edge of the claimed region."}


def rows_of(claim: dict) -> list[dict[str, str | int]]:
    """The rows that a claim is about, as {column: value}: one, or one for each of several values listed."""
    where = {name: wanted if isinstance(wanted, list) else [wanted] for name, wanted in claim["value"]["where"].items()}
    return [dict(zip(where, values, strict=True)) for values in product(*where.values())]


def judge_claim(claim: dict, table: pl.DataFrame, *, not_testable: str | None) -> dict[str, Any]:
    """Verdict on one claim in one data set.

    Args:
        claim: an entry of config/claims.yaml.
        table: the data set's rows of the claim's table; empty for a claim that nothing measures.
        not_testable: why the data set does not allow the analysis that the claim needs (assess_capabilities), or None.

    Returns:
        estimate, ci_low, ci_high, n, region_low, region_high, corrected, verdict, reason. Of a claim about several rows, of the one that does worst: where
        each has to lie in the region, no interval need be widened for there being several (an intersection-union test; Berger 1982,
        Technometrics 24).
    """
    empty = dict.fromkeys([*COLUMNS, "n", "region_low", "region_high", "corrected"]) | {"verdict": UNTESTABLE}
    if "unmeasured" in claim:
        return empty | {"reason": claim["unmeasured"]}
    found = []
    for where in rows_of(claim):
        rows = table.filter(**where)
        if rows.height != 1:
            return empty | {"reason": claim.get("absent", "The data set has no such estimate.")}
        found.append(_judge_row(claim, rows.row(0, named=True)) | {"where": where})
    worst = max(found, key=lambda verdict: FROM_BEST.index(verdict["verdict"]))
    where = worst.pop("where")
    if not_testable:
        return worst | {"verdict": UNTESTABLE, "reason": not_testable}
    if len(found) > 1 and worst["verdict"] != SUPPORTED:
        which = " ".join(where[name] for name, wanted in claim["value"]["where"].items() if isinstance(wanted, list))
        worst["reason"] = f"{which[0].upper()}{which[1:]}: {_sentence(worst['reason'])}."
    return worst


def judge_claims(
    claims: list[dict], tables: dict[str, pl.DataFrame], capabilities: pl.DataFrame, *, datasets: list[str]
) -> pl.DataFrame:
    """Verdicts on all claims for each data set, in the order declared.

    Returns:
        dataset; id, section, statement, short, published, published_value (a number that the study gives), estimand, unit (share or change) as
        declared; rule (in words); what judge_claim returns; limits (what limits an analysis that the data set allows).

    Raises:
        InputError: a claim is not complete, or needs an analysis that `capabilities` does not name.
    """
    check_claims(claims)
    allowed = {(row["dataset"], row["analysis"]): row for row in capabilities.to_dicts()}
    said = ["id", "section", "statement", "short", "published", "published_value", "estimand", "unit"]
    rows = []
    for dataset in datasets:
        for claim in claims:
            if (dataset, claim["needs"]) not in allowed:
                known = ", ".join(capabilities["analysis"].unique(maintain_order=True))
                raise InputError(
                    f"config/claims.yaml: claim '{claim['id']}' needs '{claim['needs']}', expected one of: {known}."
                )
            capability = allowed[dataset, claim["needs"]]
            why = {"no": None, "limited": None} | {capability["testable"]: capability["reason"]}
            table = tables[claim["value"]["table"]].filter(dataset=dataset) if "value" in claim else pl.DataFrame()
            verdict = judge_claim(claim, table, not_testable=why["no"])
            told = {key: claim.get(key) for key in said} | {"rule": claim["in_words"]}
            rows.append({"dataset": dataset, **told, **verdict, "limits": why["limited"]})
    numbers = [*COLUMNS, "region_low", "region_high", "published_value"]
    return pl.DataFrame(
        rows,
        infer_schema_length=None,
        schema_overrides=dict.fromkeys(numbers, pl.Float64)
        | {"n": pl.Int64, "corrected": pl.Boolean, "limits": pl.String},
    )


def main():
    claims = yaml.safe_load(Path(snakemake.input.claims).read_text(encoding="utf-8"))["claims"]
    tables = {Path(path).stem: pl.read_csv(path, infer_schema_length=None) for path in snakemake.input.tables}
    capabilities = pl.read_csv(snakemake.input.capabilities)
    judge_claims(claims, tables, capabilities, datasets=snakemake.params.datasets).write_csv(snakemake.output.claims)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
