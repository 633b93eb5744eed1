"""The report's values: rows of tables, what several lines of a template need, and that a missing value ends the run."""

import jinja2
import pytest
from write_report import Tables, beside_weighted, differing, errors_by_ruling, headline_rows, write_report

SPACE = "\u00a0"


@pytest.fixture
def tables(tmp_path):
    path = tmp_path / "prevalence.csv"
    path.write_text("dataset,group,n\nown,fox,3\nown,owl,\nb,fox,5\n", encoding="utf-8")
    return Tables([str(path)])


def test_a_row_is_found_by_its_values(tables):
    assert tables.row("prevalence", dataset="b", group="fox")["n"] == 5


def test_an_empty_cell_is_none(tables):
    assert tables.row("prevalence", group="owl")["n"] is None


@pytest.mark.parametrize(("group", "n"), [("hare", 0), ("fox", 2)])
def test_a_row_that_is_missing_or_ambiguous_is_an_error_that_says_so(tables, group, n):
    with pytest.raises(KeyError, match=rf"prevalence\.csv: expected one row with .*{group}.*, found {n}"):
        tables.row("prevalence", group=group)


def test_a_table_that_is_missing_is_an_error(tables):
    with pytest.raises(KeyError, match="sentiment"):
        tables.row("sentiment", group="fox")


def test_a_column_that_is_missing_is_an_error(tables):
    with pytest.raises(KeyError, match="colour"):
        tables.row("prevalence", colour="red")


def written(tmp_path, template, **values):
    (tmp_path / "report.qmd").write_text(template, encoding="utf-8")
    return write_report(tmp_path / "report.qmd", values)


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("{{ v | percent }}", 0.5, f"50{SPACE}%"),
        ("{{ v | signed }}", 0.5, "+0.50"),
        ("{{ v | number }}", 0.5, "0.50"),
        ("{{ v | count }}", 1500, "1,500"),
        ("{{ v | md }}", "a|b", "a\\|b"),
    ],
)
def test_templates_know_the_filters(tmp_path, template, value, text):
    assert written(tmp_path, template, v=value) == text


@pytest.mark.parametrize("template", ["{{ absent }}", "{{ v.absent }}", "{% if absent %}x{% endif %}", "{{ v['b'] }}"])
def test_a_value_that_is_missing_is_an_error(tmp_path, template):
    with pytest.raises(jinja2.UndefinedError):
        written(tmp_path, template, v={"a": 1})


def test_a_section_is_taken_from_beside_the_template(tmp_path):
    (tmp_path / "sections").mkdir()
    (tmp_path / "sections" / "one.qmd").write_text("# One {#sec-one}\n", encoding="utf-8")
    assert written(tmp_path, '{% include "sections/one.qmd" %}') == "# One {#sec-one}\n"


def test_identifiers_in_braces_are_not_read_as_comments(tmp_path):
    assert written(tmp_path, "# Head {#sec-a}\n\nText {#tbl-b}\n") == "# Head {#sec-a}\n\nText {#tbl-b}\n"


def evaluation_row(weighting, **values):
    return {"class": "coaching", "labels": "own", "n_human": "all", "weighting": weighting, "f1": 0.5} | values


def test_weighted_figures_stand_beside_the_unweighted_ones_of_the_same_group():
    rows = [
        evaluation_row("none"),
        evaluation_row("population", f1=0.4),
        evaluation_row("none", labels="other"),
        evaluation_row("population", n_human="1"),
    ]
    assert [(row["labels"], row["weighted"] and row["weighted"]["f1"]) for row in beside_weighted(rows)] == [
        ("own", 0.4),
        ("other", None),
    ]


def confusion(kind, instead, n, unsure=0):
    row = {"class": "coaching", "kind": kind, "instead": instead, "n_labelled": n}
    return row | {"sure_1": unsure, "sure_2": 0, "sure_3": n - unsure}


def test_errors_name_the_ruling_at_stake_and_what_stands_instead_most_frequent_first():
    classes = {"coaching": {"title": "Coaching", "counts": "A goal.", "counts_not": "Lists of tips."}}
    rows = [
        confusion("labelled", "all", 9),
        confusion("found", "all", 7),
        confusion("missed", "all", 5, unsure=2),
        confusion("missed", "content_creation", 1),
        confusion("missed", "none of these", 4),
        confusion("wrongly found", "all", 3),
        confusion("wrongly found", "counselling", 3),
    ]
    shown = [
        [row[key] for key in ("title", "kind", "ruling", "n_labelled", "n_of", "unsure", "parts")]
        for row in errors_by_ruling(rows, classes)
    ]
    assert shown == [
        ["Coaching", "missed", "A goal.", 5, 9, "2 of 5", "none of these 4; content creation 1"],
        ["Coaching", "wrongly found", "Lists of tips.", 3, 7, "0 of 3", "counselling 3"],
    ]


def test_a_class_without_errors_of_a_kind_has_no_row():
    assert errors_by_ruling([confusion("missed", "all", 0)], {"coaching": {}}) == []


def test_settings_that_differ_are_named_with_their_default_at_any_depth():
    defaults = {"seed": 1, "select": {"languages": ["en"], "person": {"countries": 3}}}
    settings = {"seed": 1, "select": {"languages": ["en", "de"], "person": {"countries": 2, "states": 5}}}
    assert differing(settings, defaults) == [
        ("select.languages", ["en"], ["en", "de"]),
        ("select.person.countries", 3, 2),
        ("select.person.states", None, 5),
    ]


def test_settings_like_the_default_are_not_named():
    assert differing({"select": {"a": 1}}, {"select": {"a": 1}}) == []


def test_a_main_claim_has_one_row_with_each_data_set_s_verdict_in_order():
    claims = [
        {"id": "affective-rare", "dataset": dataset, "statement": "Rare.", "verdict": verdict}
        for dataset, verdict in (("a", "supported"), ("b", "inconclusive"))
    ]
    (row,) = headline_rows([*claims, {"id": "minor", "dataset": "a"}], ["b", "a"])
    assert row["statement"] == "Rare."
    assert [claim["verdict"] for claim in row["here"]] == ["inconclusive", "supported"]
