"""Every number of the report comes from a table of its run or from a declared file; none is typed into a template."""

import csv
import re

import pytest
import yaml
from conftest import ROOT

TEMPLATES = [ROOT / "report" / "report.qmd", *sorted((ROOT / "report" / "sections").glob("*.qmd"))]
# What is no prose: settings of the renderers, code of the template, identifiers and citations, addresses, code, numbers of a list.
NOT_PROSE = [
    r"(?s)\A---.*?\n---\n",
    r"(?s)<#.*?#>|\{%.*?%\}|\{\{.*?\}\}",
    r"\{[#.][^}]*\}",
    r"@[\w-]+",
    r"\]\([^)]*\)",
    r"`[^`]*`",
    r"(?m)^\d+\. ",
]
NAMES_WITH_DIGITS = r"\bF1\b|\bAC1\b|\bsha256\b"
NUMBER = r"(?<![\w.])[+-]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?:\u00a0%)?"


def prose(text):
    for pattern in [*NOT_PROSE, NAMES_WITH_DIGITS]:
        text = re.sub(pattern, " ", text)
    return text


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_number_is_typed_into_a_template(template):
    typed = [
        line.strip() for line in prose(template.read_text(encoding="utf-8")).splitlines() if re.search(r"\d", line)
    ]
    assert typed == [], "take it from a table of the run, from config/study.yaml or from config/claims.yaml"


def cells(folder):
    """Every cell of every table of a run, as text."""
    for path in [*sorted((folder / "tables").glob("*.csv")), folder / "claims.csv"]:
        with open(path, encoding="utf-8", newline="") as file:
            yield from (value for row in csv.DictReader(file) for value in row.values() if value)


def as_share(value):
    """A share as the report shows it, worked out by hand: two significant digits, whole per cents from ten on."""
    value *= 100
    if value == 0 or value >= 9.95:
        return f"{round(value)}"
    if value < 0.01:
        return "0.01"
    digits = 1 if value >= 0.95 else next(d for d in range(2, 6) if value >= 0.95 * 10.0 ** (1 - d))
    return f"{value:.{digits}f}".rstrip("0") if digits > 1 else f"{value:.1f}"


def derivable(folder):
    """Every number that the tables of a run and the declared files hold, as the report may show it."""
    numbers = set()
    for cell in cells(folder):
        try:
            value = float(cell)
        except ValueError:
            numbers |= set(re.findall(NUMBER, cell))
            continue
        numbers |= {cell, f"{value:.2f}", f"{value:+.2f}", as_share(value) + "\u00a0%"}
        if value == int(value):
            numbers.add(f"{int(value):,}")
    return numbers


def declared():
    """Numbers of the files that the report is allowed to quote."""
    files = [*(ROOT / "config").glob("*.yaml"), ROOT / "report" / "references.bib", ROOT / "requirements.txt"]
    text = " ".join(path.read_text(encoding="utf-8") for path in files)
    confidence = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["estimate"]["confidence"]
    plain = set(re.findall(NUMBER, text)) | set(re.findall(r"\d[\d.,]*\d|\d", text))
    return plain | {f"{int(n):,}" for n in plain if n.isdigit()} | {as_share(confidence) + "\u00a0%"}


def counted(folder):
    """Counts of rows, and sums of cells, that the report makes."""
    with open(folder / "claims.csv", encoding="utf-8", newline="") as file:
        verdicts = [row["verdict"] for row in csv.DictReader(file)]
    numbers = {f"{verdicts.count(verdict)}" for verdict in verdicts} | {f"{len(verdicts)}"}
    with open(folder / "tables" / "classifier_confusions.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            clear, leaned, boundary = (int(row[f"sure_{n}"]) for n in (3, 2, 1))
            numbers |= {f"{boundary + leaned}", f"{boundary + leaned + clear}"}
    with open(folder / "tables" / "classifier_evaluation.csv", encoding="utf-8", newline="") as file:
        numbers |= {f"{int(row['n_labelled']) - int(row['n_positive']):,}" for row in csv.DictReader(file)}
    return numbers


def orphans(text, folder):
    """Numbers in the prose and tables of a resolved report that neither the run nor a declared file holds."""
    known = derivable(folder) | declared() | counted(folder)
    return sorted({number for number in re.findall(NUMBER, prose(text)) if number.rstrip(",") not in known})


@pytest.fixture(scope="module")
def resolved(demo):
    folder = demo / "results" / "demo"
    return (folder / "report" / "report.qmd").read_text(encoding="utf-8"), folder


def test_every_number_of_the_report_is_derived_anew_from_its_tables(resolved):
    text, folder = resolved
    assert len(re.findall(NUMBER, prose(text))) > 300
    assert orphans(text, folder) == []


def test_a_number_that_is_in_no_table_would_be_found(resolved):
    text, folder = resolved
    assert orphans(text + "\n\nIt was 77.77\u00a0% of 123,457.\n", folder) == ["123,457", "77.77\u00a0%"]


def test_the_study_s_numbers_are_the_same_in_its_claims():
    study = yaml.safe_load((ROOT / "config" / "study.yaml").read_text(encoding="utf-8"))
    claims = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text(encoding="utf-8"))["claims"]
    published = " ".join(claim["published"] for claim in claims)
    for key in ("affective", "affective_share", "companionship_or_roleplay_share", "romantic_share", "pushback_share"):
        assert re.search(r"[\d.,]+\d(?: %)?|\d+ %", study[key])[0] in published, key
