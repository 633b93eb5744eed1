"""Published numbers of others beside ours: each with its source, and ours only where the data allow it."""

import re
from pathlib import Path

import polars as pl
import pytest
import yaml
from assess_capabilities import ANALYSES
from compare_external import REQUIRED, check_external, compare_external

from shared.job import InputError

ROOT = Path(__file__).parents[1]
ENTRIES = yaml.safe_load((ROOT / "config" / "external.yaml").read_text(encoding="utf-8"))["external"]
ENTRY = {
    "id": "owls",
    "study": "Owl Watch 2024",
    "citation": "owl2024",
    "data": "a wood",
    "data_sets": ["wood"],
    "unit": "night",
    "definition": "an owl was heard",
    "value": 0.2,
    "needs": "counting",
    "beside": {"group": "owl", "share_of": "all", "weighting": "conversation"},
}


def prevalence(*datasets, estimate=0.1):
    rows = [
        {"dataset": name, **ENTRY["beside"], "estimate": estimate, "ci_low": 0.05, "ci_high": 0.15} for name in datasets
    ]
    return pl.DataFrame(rows)


def capabilities(**testable):
    rows = [(name, "counting", how, "" if how == "yes" else "No ears.") for name, how in testable.items()]
    return pl.DataFrame(rows, schema=["dataset", "analysis", "testable", "reason"], orient="row")


def test_ours_stands_beside_theirs_and_says_whether_the_data_are_the_same():
    table = compare_external(
        [ENTRY], prevalence("wood", "park"), capabilities(wood="yes", park="limited"), datasets=["wood", "park"]
    )
    assert table.select("dataset", "published", "estimate", "same_data", "reason").rows() == [
        ("wood", 0.2, 0.1, True, None),
        ("park", 0.2, 0.1, False, None),
    ]


def test_where_the_data_do_not_allow_ours_the_reason_stands_in():
    table = compare_external([ENTRY], prevalence("wood"), capabilities(wood="no"), datasets=["wood"])
    assert table.select("published", "estimate", "ci_low", "reason").row(0) == (0.2, None, None, "No ears.")


@pytest.mark.parametrize(
    ("weighting", "analysis"), [("user", "by person"), ("first of the day", "first of a person's day")]
)
def test_a_number_by_person_needs_persons(weighting, analysis):
    by_user = ENTRY | {"beside": ENTRY["beside"] | {"weighting": weighting}}
    allowed = pl.concat([capabilities(wood="yes"), capabilities(wood="no").with_columns(analysis=pl.lit(analysis))])
    ours = prevalence("wood").with_columns(weighting=pl.lit(weighting))
    table = compare_external([by_user], ours, allowed, datasets=["wood"])
    assert table.select("estimate", "reason").row(0) == (None, "No ears.")


@pytest.mark.parametrize("ours", [prevalence("park"), prevalence("wood", estimate=None)])
def test_where_there_is_no_estimate_of_ours_it_says_so(ours):
    table = compare_external([ENTRY], ours, capabilities(wood="yes"), datasets=["wood"])
    assert table.select("estimate", "reason").row(0) == (None, "The data set has no such estimate.")


@pytest.mark.parametrize("key", REQUIRED)
def test_a_published_number_that_lacks_a_part_is_refused_by_name(key):
    with pytest.raises(InputError, match=rf"entry '.*': '{key}' is a required property"):
        check_external([{name: value for name, value in ENTRY.items() if name != key}], analyses=["counting"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"valeu": 0.2}, "'owls': .*'valeu' was unexpected"),
        ({"value": "a fifth"}, "'owls', value: 'a fifth' is not of type 'number'"),
        ({"needs": "conuting"}, r"'owls', needs: 'conuting' is not one of \['counting'\]"),
        ({"data_sets": None}, "'owls', data_sets: None is not of type 'array'"),
        ({"beside": {"group": "owl", "share_of": "all"}}, "'owls', beside: 'weighting' is a required property"),
        ({"beside": ENTRY["beside"] | {"gruop": "owl"}}, "'owls', beside: .*'gruop' was unexpected"),
    ],
    ids=str,
)
def test_a_part_that_is_misspelt_is_refused_in_a_sentence(change, said):
    with pytest.raises(InputError, match=said):
        compare_external([ENTRY | change], prevalence("wood"), capabilities(wood="yes"), datasets=["wood"])


@pytest.mark.parametrize("entries", [None, {}, [None], ["owls"]], ids=str)
def test_what_is_no_list_of_numbers_is_refused_in_a_sentence(entries):
    with pytest.raises(InputError, match="config/external.yaml: entry '.': .* is not of type"):
        check_external(entries, analyses=["counting"])


def test_every_declared_number_has_a_reference_an_analysis_and_a_range_around_it():
    check_external(ENTRIES, analyses=list(ANALYSES))
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "report/references.bib").read_text(encoding="utf-8"), re.MULTILINE))
    assert {entry["citation"] for entry in ENTRIES} <= keys
    assert all(entry.get("low", 0) <= entry["value"] <= entry.get("high", 1) for entry in ENTRIES)
    assert len({entry["id"] for entry in ENTRIES}) == len(ENTRIES)


def test_what_stands_beside_a_declared_number_is_a_row_of_the_run_s_table(demo):
    table = pl.read_csv(demo / "results/demo/tables/prevalence.csv", infer_schema_length=None)
    assert [entry["id"] for entry in ENTRIES if table.filter(**entry["beside"]).height != 1] == []
