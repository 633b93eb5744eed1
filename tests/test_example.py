"""docs/example holds what the code makes: from its tables come its figures and verdicts, byte for byte."""

import re
import shutil

import pytest
from conftest import ROOT, copy_project, snakemake

EXAMPLE = ROOT / "docs" / "example"
REPORT_RULES = (ROOT / "rules" / "report.smk").read_text(encoding="utf-8")
HINT = "`make example` refreshes docs/example"


def listed(name):
    """The file names in one of the lists at the head of rules/report.smk, without what only a run with a judge has."""
    return set(re.findall(r'^    "(\w+)",', REPORT_RULES.split(f"{name} = [")[1].split("\n]")[0], re.MULTILINE))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The example's tables judged and drawn anew, without any conversation."""
    folder = copy_project(tmp_path_factory.mktemp("example"))
    shutil.copytree(EXAMPLE, folder / "results" / "sharegpt")
    (folder / "results" / "sharegpt" / "claims.csv").unlink()
    shutil.rmtree(folder / "results" / "sharegpt" / "figures")
    figures = [f"results/sharegpt/figures/{path.name}" for path in sorted((EXAMPLE / "figures").glob("*.svg"))]
    plots = sorted(path.stem for path in (ROOT / "scripts").glob("plot_*.py"))
    done = snakemake(
        "--allowed-rules", "judge_claims", *plots, "--", *figures, "results/sharegpt/claims.csv", cwd=folder
    )
    assert done.returncode == 0, done.stdout
    return folder / "results" / "sharegpt"


def test_the_example_holds_every_table_and_figure_of_the_report():
    assert {path.stem for path in (EXAMPLE / "tables").glob("*.csv")} >= listed("TABLES"), HINT
    assert {path.stem for path in (EXAMPLE / "figures").glob("*.svg")} == listed("FIGURES"), HINT


def test_the_example_s_verdicts_follow_from_its_tables(drawn):
    assert (drawn / "claims.csv").read_bytes() == (EXAMPLE / "claims.csv").read_bytes(), HINT


def test_the_example_s_figures_are_drawn_from_its_tables(drawn):
    other = [
        path.name
        for path in sorted((EXAMPLE / "figures").glob("*.svg"))
        if (drawn / "figures" / path.name).read_bytes() != path.read_bytes()
    ]
    assert other == [], HINT
