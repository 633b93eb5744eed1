"""Set numbers that others published on such conversations beside the nearest of ours."""

from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import polars as pl
import yaml

from shared.job import InputError, logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# What a weighting of ours needs beside the entry's own analysis.
BY_WEIGHTING = {"user": ["by person"], "first of the day": ["first of a person's day"]}

_WORDS, _NUMBER = {"type": "string", "pattern": r"\S"}, {"type": "number"}
_ROW = dict.fromkeys(["group", "share_of", "weighting"], _WORDS)
_OPTIONAL = {"low": _NUMBER, "high": _NUMBER, "reading": _WORDS}
REQUIRED = dict.fromkeys(["id", "study", "citation", "data", "unit", "definition", "needs"], _WORDS) | {
    "data_sets": {"type": "array", "items": _WORDS},
    "value": _NUMBER,
    "beside": {"type": "object", "required": [*_ROW], "additionalProperties": False, "properties": _ROW},
}


def check_external(entries: list[dict], *, analyses: list[str]) -> None:
    """Raise InputError for a published number without its unit, definition, source or counterpart, or with a part that is unknown or no such thing.

    Args:
        entries: config/external.yaml.
        analyses: of assess_capabilities, among which is what an entry `needs`.
    """
    parts = REQUIRED | _OPTIONAL | {"needs": {"enum": analyses}}
    entry = {"type": "object", "required": [*REQUIRED], "additionalProperties": False, "properties": parts}
    for fault in jsonschema.Draft202012Validator({"type": "array", "items": entry}).iter_errors(entries):
        path = list(fault.absolute_path)
        named = entries[path[0]].get("id", "?") if path and isinstance(entries[path[0]], dict) else "?"
        where = "".join(f", {part}" for part in path[1:])
        raise InputError(
            f"config/external.yaml: entry '{named}'{where}: {fault.message}. The head of the file says what each holds."
        )


def compare_external(
    entries: list[dict], prevalence: pl.DataFrame, capabilities: pl.DataFrame, *, datasets: list[str]
) -> pl.DataFrame:
    """Published numbers and ours, in the order declared, for each data set.

    Args:
        entries: config/external.yaml.
        prevalence: estimate_prevalence.
        capabilities: assess_capabilities.
        datasets: names of the data sets.

    Returns:
        dataset, id, study, citation, data, unit, definition, published with published_low and published_high (its interval, or how far it can be
        read), reading, same_data (they measured conversations of this data set), group and weighting of ours, estimate, ci_low, ci_high, and reason (why there is none of ours).
    """
    check_external(entries, analyses=capabilities["analysis"].unique(maintain_order=True).to_list())
    allowed = {(row["dataset"], row["analysis"]): row for row in capabilities.to_dicts()}
    rows = []
    for dataset in datasets:
        for entry in entries:
            ours = prevalence.filter(dataset=dataset, **entry["beside"])
            needs = [entry["needs"], *BY_WEIGHTING.get(entry["beside"]["weighting"], [])]
            refused = [allowed[dataset, name]["reason"] for name in needs if allowed[dataset, name]["testable"] == "no"]
            estimate = dict.fromkeys(["estimate", "ci_low", "ci_high"])
            if refused:
                reason = refused[0]
            elif ours.height != 1 or ours["estimate"][0] is None:
                reason = "The data set has no such estimate."
            else:
                estimate, reason = ours.select(*estimate).row(0, named=True), None
            said = {key: entry[key] for key in ("id", "study", "citation", "data", "unit", "definition")}
            published = {
                "published": entry["value"],
                "published_low": entry.get("low"),
                "published_high": entry.get("high"),
            }
            rows.append(
                {"dataset": dataset, **said, **published, "reading": entry.get("reading")}
                | {"same_data": dataset in entry["data_sets"]}
                | {"group": entry["beside"]["group"], "weighting": entry["beside"]["weighting"]}
                | {**estimate, "reason": reason}
            )
    shares = ["published", "published_low", "published_high", "estimate", "ci_low", "ci_high"]
    types = dict.fromkeys(shares, pl.Float64) | {"reading": pl.String, "reason": pl.String}
    return pl.DataFrame(rows, schema_overrides=types)


def main():
    compare_external(
        yaml.safe_load(Path(snakemake.input.external).read_text(encoding="utf-8"))["external"],
        pl.read_csv(snakemake.input.prevalence, infer_schema_length=None),
        pl.read_csv(snakemake.input.capabilities),
        datasets=snakemake.params.datasets,
    ).write_csv(snakemake.output.external)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
