"""The report's values: how numbers read, what markdown must not read, and that a missing value ends the run."""

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from write_report import (
    STABLE,
    Tables,
    alt_claims,
    alt_text,
    beside_weighted,
    classifier_words,
    count,
    errors_by_ruling,
    escape,
    found,
    interval,
    number,
    percent,
    signed,
    topics_takeaway,
    write_report,
)

SPACE = "\u00a0"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0"),
        (1.0, "100"),
        (0.423, "42"),
        (0.0995, "10"),
        (0.0994, "9.9"),
        (0.029, "2.9"),
        (0.01, "1.0"),
        (0.00996, "1.0"),
        (0.0042, "0.42"),
        (0.00012, "0.012"),
        (0.00005, "< 0.01"),
    ],
)
def test_shares_read_as_per_cent_with_two_digits(share, text):
    assert percent(share) == f"{text}{SPACE}%"


@given(st.floats(0, 1))
def test_per_cent_is_never_far_from_the_share(share):
    digits = percent(share).removesuffix(f"{SPACE}%")
    shown = 0.005 if digits.startswith("<") else float(digits)
    assert shown == pytest.approx(100 * share, rel=0.055, abs=0.0051)


@pytest.mark.parametrize(("value", "text"), [(0.126, "+0.13"), (-0.5, "-0.50"), (0.0, "+0.00"), (None, "–")])
def test_changes_carry_their_sign(value, text):
    assert signed(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.126, "0.13"), (None, "–")])
def test_plain_numbers_have_two_decimals(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1234567, "1,234,567"), (None, "suppressed")])
def test_counts_have_thousands_and_say_when_they_are_suppressed(value, text):
    assert count(value) == text


def test_a_share_that_is_missing_is_a_dash():
    assert percent(None) == "–"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain words, and more", "plain words, and more"),
        ("a_b*c", "a\\_b\\*c"),
        ("cell | cell", "cell \\| cell"),
        ("see @fig-x [1]", "see \\@fig-x \\[1\\]"),
        ("{{ value }}", "\\{\\{ value \\}\\}"),
        ("<b>bold</b>", "\\<b\\>bold\\</b\\>"),
        ("back\\slash `code`", "back\\\\slash \\`code\\`"),
        ("# no heading\n\nnext line", "\\# no heading next line"),
    ],
)
def test_markdown_reads_nothing_in_escaped_text(text, escaped):
    assert escape(text) == escaped


@given(st.text())
def test_escaped_text_is_one_line(text):
    assert "\n" not in escape(text)


ROW = {"ci_low": 0.01, "ci_high": 0.2, "excess_ci_low": -0.1, "excess_ci_high": 0.3}


def test_an_interval_reads_in_per_cent():
    assert interval(ROW) == f"1.0{SPACE}% to 20{SPACE}%"


def test_an_interval_of_a_change_reads_with_signs():
    assert interval(ROW, "excess", signed=True) == "-0.10 to +0.30"


def test_an_interval_of_a_plain_number_reads_without_a_unit():
    assert interval(ROW, plain=True) == "0.01 to 0.20"


def test_an_interval_with_a_missing_end_is_a_dash():
    assert interval(ROW | {"ci_high": None}) == "–"


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


CLAIM = {"unit": "share", "estimate": 0.029, "ci_low": 0.01, "ci_high": 0.2}


def test_a_claim_on_a_share_is_told_in_per_cent():
    assert found(CLAIM) == f"2.9{SPACE}% (1.0{SPACE}% to 20{SPACE}%)"


def test_a_claim_on_a_change_is_told_with_its_sign():
    assert found(CLAIM | {"unit": "change"}) == "+0.03 (+0.01 to +0.20)"


def test_the_figure_of_verdicts_is_told_claim_by_claim():
    judged = CLAIM | {"dataset": "own", "short": "Owls", "verdict": "supported"}
    open_claim = judged | {"short": '"Foxes"', "verdict": "not testable here"}
    told = f"Owls: supported 2.9{SPACE}% (1.0{SPACE}% to 20{SPACE}%); 'Foxes': not testable here."
    assert alt_claims([judged, open_claim]) == f"Verdicts on the study's claims. {told}"
    assert "Owls, b: supported" in alt_claims([judged, judged | {"dataset": "b"}])


@pytest.mark.parametrize("missing", ["estimate", "ci_low"])
def test_a_claim_without_an_estimate_or_interval_is_a_dash(missing):
    assert found(CLAIM | {missing: None}) == "–"


def test_alternative_text_names_each_value_that_is_shown():
    rows = [{"group": "coaching", "v": 0.5}, {"group": "romantic", "v": None}, {"group": "owls", "v": 0.25}]
    assert alt_text(rows, "Share", "v", percent) == f"Share. Coaching: 50{SPACE}%; owls: 25{SPACE}%."


def test_alternative_text_says_when_nothing_is_shown():
    rows = [{"group": "coaching", "v": None}]
    assert alt_text(rows, "Share", "v", percent) == "Share. Too few conversations to show any value."


def topic(label, n, *, share=0.5, stability=0.9):
    row = {"category": "coaching", "topic": label, "n_conversations": n}
    return row | {"share_of_category": share, "stability": stability}


# Rows that are not named: merged, without distinctive words, under the floor, unstable.
UNNAMED = [
    topic("other topics", 99, stability=None),
    topic("no distinctive word", 98, stability=None),
    topic("f", None, share=None),
    topic("g", 97, stability=STABLE - 0.01),
    topic("h", 96, stability=-0.2),
]


def test_the_takeaway_counts_topics_and_names_the_largest_with_its_words_escaped():
    text = topics_takeaway([topic("a, b", 12), topic("c_d, e", 30), *UNNAMED])
    assert text.startswith("2 topics are large and stable enough")
    assert "in coaching, is marked by the words c\\_d, e." in text


def test_topics_are_named_from_the_least_stability_on():
    text = topics_takeaway([topic("a, b", 30, stability=STABLE - 0.001), topic("c, d", 12, stability=STABLE)])
    assert "c, d" in text and "a, b" not in text


@pytest.mark.parametrize("rows", [[], UNNAMED, *([row] for row in UNNAMED)])
def test_the_takeaway_says_when_no_topic_can_be_named(rows):
    assert topics_takeaway(rows).startswith("These data name no topics")


def measured(labels, precision, recall, *, instrument="classifier", name="included"):
    return {"instrument": instrument, "class": name, "labels": labels, "precision": precision, "recall": recall}


AGREEMENT = [
    measured("all", 0.1, 0.2, name="affective"),
    measured("own", 0.9, 0.9, instrument="pushback"),
    measured("own", 0.3, 0.4),
    measured("elsewhere", 0.6, 0.7),
    measured("all", 0.75, 0.5),
]


def told(name, precision, recall):
    return (
        f"In {name}, {precision}{SPACE}% of what it includes is affective by the labels, and it finds "
        f"{recall}{SPACE}% of what is."
    )


def test_the_classifier_is_described_by_the_labels_of_the_data_set():
    assert classifier_words(AGREEMENT, ["own"]) == told("own", 30, 40)


def test_the_classifier_is_described_for_each_labelled_data_set_in_its_order():
    words = classifier_words(AGREEMENT, ["elsewhere", "unlabelled", "own"])
    assert words == told("elsewhere", 60, 70) + " " + told("own", 30, 40)


def test_the_classifier_is_described_by_what_it_includes():
    words = classifier_words(AGREEMENT, ["unlabelled"])
    assert words.startswith(
        f"Over all labelled sources, 75{SPACE}% of what it includes is affective by the labels, and it finds "
        f"50{SPACE}% of what is"
    )
    assert "richer in affective conversations" in words


def test_without_labels_the_classifier_has_no_figures():
    assert classifier_words([], ["own"]) == "No labels were at hand to measure it."


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
