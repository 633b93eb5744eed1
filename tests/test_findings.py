"""The findings as sentences: they say what the tables say, and no more."""

import pytest

from shared.findings import (
    STABLE,
    alt_text,
    on_claims,
    on_classifier,
    on_concerns,
    on_controls,
    on_drift,
    on_length,
    on_prevalence,
    on_pushback,
    on_sentiment,
    on_specifications,
    on_specifications_shown,
    on_topics,
    on_types,
    on_verdicts,
)
from shared.words import percent

SPACE = "\u00a0"


def share(estimate, low, high, n_of=2000, suppressed=False):
    row = {"estimate": estimate, "ci_low": low, "ci_high": high, "n_of": n_of, "suppressed": suppressed}
    return row | {"correction": "labelled probability sample of owls", "from_labels": True}


def test_a_share_is_told_with_its_interval_its_base_and_the_study_s():
    said = on_prevalence(share(0.011, 0.0066, 0.018), "Owls", "2.9 %").replace(SPACE, " ")
    assert said.startswith("1.1 % (0.66 % to 1.8 %) of 2,000 conversations of Owls are affective by our estimate")
    assert "2.9 %" in said


@pytest.mark.parametrize(
    "tell", [lambda row: on_prevalence(row, "Owls", "2.9 %"), lambda row: on_pushback(row, "Owls")]
)
def test_error_rates_of_other_data_are_told(tell):
    row, other = (
        share(0.011, 0.0066, 0.018),
        {"from_labels": False, "correction": "error rates carried over from other sources"},
    )
    assert "far off" not in tell(row)
    assert "measured on other sources, and may be far off here" in tell(row | other)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (share(None, None, None, n_of=0), "no conversation passed the filters"),
        (share(None, None, None, n_of=None), "too few conversations passed"),
        (share(None, None, None, suppressed=True), "no labels of this data set"),
        (share(None, None, None), "measured on other data do not fit"),
    ],
)
def test_a_share_that_cannot_be_estimated_is_not_told_but_its_reason_is(row, words):
    said = on_prevalence(row, "Owls", "2.9 %")
    assert words in said and "%" not in said


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (share(0.7, 0.51, 0.9), "Most affective conversations are interpersonal advice or coaching"),
        (share(0.7, 0.49, 0.9), "is open"),
        (share(0.3, 0.1, 0.49), "the smaller part"),
        (share(None, None, None), "cannot be said"),
    ],
)
def test_most_is_said_only_where_the_whole_interval_lies_above_one_half(row, words):
    assert words in on_types(row, "Owls")


def test_pushback_says_whether_labels_or_the_classifier_say_what_is_affective():
    row = share(0.07, 0.03, 0.13)
    assert "of the affective conversations hold pushback, by the labels" in on_pushback(row, "Owls")
    assert "that the classifier counts as affective" in on_pushback(row | {"from_labels": False}, "Owls")


def test_pushback_with_a_wide_interval_is_told_with_a_warning():
    assert "too wide" in on_pushback(share(0.3, 0.05, 0.6), "Owls")
    assert "too wide" not in on_pushback(share(0.3, 0.25, 0.36), "Owls")


def test_pushback_without_an_estimate_has_no_number():
    nothing = share(None, None, None) | {"correction": "error rates on labelled conversations", "share_naive": 0.2}
    assert "%" not in on_pushback(nothing, "Owls")


@pytest.mark.parametrize(
    ("naive", "words"), [(0.2, "20 % of the conversations"), (None, "Too few affective conversations with pushback")]
)
def test_pushback_that_no_labels_correct_is_told_as_uncorrected_unless_hidden(naive, words):
    uncorrected = share(None, None, None) | {"correction": "none: too few labels", "share_naive": naive}
    said = on_pushback(uncorrected, "Owls").replace(SPACE, " ")
    assert words in said and ("uncorrected" in said) == (naive is not None)


def change(estimate, low, high, excess=None):
    row = {"estimate": estimate, "ci_low": low, "ci_high": high, "n_conversations": 40, "excess": excess}
    return row | {"excess_ci_low": -0.2, "excess_ci_high": 0.2}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (change(0.1, -0.01, 0.2), "No change of expressed sentiment can be told"),
        (change(0.1, 0.02, 0.2), "Expressed sentiment rises"),
        (change(-0.1, -0.2, -0.02), "Expressed sentiment falls"),
        (
            change(0.1, 0.02, 0.2, excess=0.05),
            "beyond the change in other conversations that is +0.05 (-0.20 to +0.20)",
        ),
        (change(None, None, None), "Too few affective conversations of at least 6 human messages"),
    ],
)
def test_sentiment_rises_or_falls_only_where_its_interval_leaves_out_zero(row, words):
    assert words in on_sentiment(row, "Owls", min_human=6)


def controlled(changes, *, n_matched=40):
    """Rows of the controls; those that `changes` {(control, part, group): estimate} does not name are suppressed."""
    keys = [(control, "all") for control in ("declared", "matched", "permuted", "without courtesy")]
    keys += [(f"by opening{how}", "negative") for how in ("", ", later baseline")]
    rows = []
    for control, part in keys:
        for group in ("affective", "not affective"):
            value = changes.get((control, part, group))
            told = {
                "estimate": value,
                "ci_low": value,
                "ci_high": value,
                "p_value": value if control == "permuted" else None,
                "n_conversations": 40 if control == "declared" else n_matched,
            }
            rows.append({"control": control, "part": part, "group": group} | told)
    return rows


def test_too_few_conversations_for_controls_are_said_to_be_too_few():
    assert (
        on_controls(controlled({}), "Owls") == "Too few affective conversations of Owls are long enough for controls."
    )


def test_too_few_that_are_alike_are_not_said_to_be_too_short():
    shown = {("declared", "all", "affective"): 0.1, ("permuted", "all", "affective"): 0.3}
    told = on_controls(controlled(shown), "Owls")
    assert "Owls change beyond others alike in length and opening may not be told" in told
    assert "long enough" not in told


def test_regression_to_the_mean_is_told_of_those_who_can_show_it():
    shown = {
        ("by opening", "negative", "not affective"): 0.4,
        ("by opening, later baseline", "negative", "not affective"): 0.1,
    }
    matched = {("declared", "all", "affective"): 0.1, ("matched", "all", "affective"): 0.2}
    told = on_controls(controlled(shown | matched), "Owls")
    assert "change by +0.20 (+0.20 to +0.20)" in told
    assert (
        "Other conversations that open negative change by +0.40 (+0.40 to +0.40), and by +0.10 (+0.10 to +0.10)" in told
    )
    assert "Affective conversations that open" not in told


def test_conversations_left_out_of_the_match_are_told():
    shown = {("declared", "all", "affective"): 0.1, ("matched", "all", "affective"): 0.2}
    assert "opening, affective conversations of Owls change by" in on_controls(controlled(shown), "Owls")
    told = on_controls(controlled(shown, n_matched=30), "Owls")
    assert "the 30 of 40 affective conversations of Owls that have enough of these change by" in told


@pytest.mark.parametrize(
    ("p_value", "words"),
    [
        (
            0.001,
            "At most 0.1\u00a0% of random orders of the same messages change as much: the change is in their order.",
        ),
        (
            0.627,
            " 63\u00a0% of random orders of the same messages change at least as much: not clearly more than chance.",
        ),
    ],
)
def test_a_change_that_random_orders_show_too_is_told_as_chance(p_value, words):
    assert words in on_controls(controlled({("permuted", "all", "affective"): p_value}), "Owls")


def specified(*changes):
    """Rows of the specification curve: (instrument, estimate), each a tenth around its estimate; without one suppressed."""
    names = ("instrument", "estimate", "ci_low", "ci_high")
    return [
        dict(zip(names, (reader, value, value and value - 0.1, value and value + 0.1), strict=True))
        for reader, value in changes
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            [("vader", -0.07), ("vader", -0.01), ("linear", 0.02), ("linear", 0.3), ("linear", None)],
            "Of 4 specifications of Owls that may be published, 1 have an interval wholly above zero and 0 wholly below; the estimates go "
            "by VADER from -0.07 to -0.01, by the linear score from +0.02 to +0.30: which of the two reads decides the sign, whatever else is chosen.",
        ),
        (
            [("vader", 0.3), ("vader", 0.5), ("linear", 0.1), ("linear", 0.2)],
            "from +0.10 to +0.20: whatever else is chosen, the change is higher by VADER.",
        ),
        (
            [("vader", -0.1), ("vader", 0.3), ("linear", 0.1), ("linear", 0.2)],
            "by the linear score from +0.10 to +0.20.",
        ),
        ([("vader", None), ("linear", None)], "Too few affective conversations of Owls for any specification."),
    ],
)
def test_the_curve_is_told_by_instrument_and_whether_the_instrument_decides(changes, words):
    assert words in on_specifications(specified(*changes), "Owls")


def test_the_figure_of_specifications_says_how_many_it_shows():
    assert on_specifications_shown(specified(("vader", 0.1), ("linear", 0.2))) == "All 2 specifications"
    shown = on_specifications_shown(specified(("vader", 0.1), ("linear", None)))
    assert shown.startswith("1 of 2 specifications (the others")


def test_verdicts_are_counted_in_a_fixed_order_and_those_that_nothing_met_left_out():
    claims = [{"verdict": verdict} for verdict in ("not testable here", "supported", "not testable here")]
    assert on_verdicts(claims) == "1 supported, 2 not testable here"


def test_the_figure_of_verdicts_is_told_claim_by_claim():
    claim = {"dataset": "own", "unit": "share", "estimate": 0.029, "ci_low": 0.01, "ci_high": 0.2}
    judged = claim | {"short": "Owls", "verdict": "supported"}
    open_claim = claim | {"short": '"Foxes"', "verdict": "not testable here"}
    told = f"Owls: supported 2.9{SPACE}% (1.0{SPACE}% to 20{SPACE}%); 'Foxes': not testable here."
    assert on_claims([judged, open_claim], {"own": "Own logs"}) == f"Verdicts on the study's claims. {told}"
    assert "Owls, B: supported" in on_claims([judged, judged | {"dataset": "b"}], {"own": "Own logs", "b": "B"})


@pytest.mark.parametrize(
    ("share_of_top", "words"),
    [(0.4, f"In Own logs the concern most often spoken of is grief: 40{SPACE}%"), (None, "too few affective")],
)
def test_the_concern_most_spoken_of_is_named_if_any_may_be_shown(share_of_top, words):
    row = {"dataset": "own", "category": "affective", "concern": "Grief", "share": share_of_top}
    row["n_conversations"] = 40 if share_of_top else None
    smaller = row | {"concern": "Work", "share": share_of_top and 0.1}
    rows = [smaller | {"ci_low": 0.05, "ci_high": 0.2}, row | {"ci_low": 0.3, "ci_high": 0.5}]
    assert words in on_concerns(rows, {"own": "Own logs"})


def test_a_concern_is_not_called_the_most_frequent_where_a_larger_count_is_hidden():
    shown = {"dataset": "own", "category": "affective", "concern": "Work", "n_conversations": 30}
    shown |= {"share": 0.1, "ci_low": 0.05, "ci_high": 0.2}
    hidden = shown | {"concern": "Grief", "n_conversations": None, "share": None}
    of_a_category = hidden | {"category": "counselling", "n_conversations": 31, "share": 0.5}
    said = on_concerns([shown, hidden, of_a_category], {"own": "Own logs"})
    assert "most often spoken of among those whose number may be published is work" in said


def moves(share, null, whole):
    row = {"dataset": "own", "ci_low": share - 0.01, "ci_high": share + 0.01, "share": share, "null_share": null}
    row |= {"null_ci_low": null - 0.01, "null_ci_high": null + 0.01, "to_group": "companionship"}
    return [row, row | {"to_group": "another", "share": whole, "null_share": 0.74}]


def test_drift_is_told_beside_how_often_types_change_at_all():
    said = on_drift(moves(0.28, 0.2, 0.75), {"own": "Own logs"}).replace(SPACE, " ")
    assert "more than the 20 % of shuffled windows" in said
    assert "Over all types 75 % end as another than they began, and 74 % of shuffled ones" in said
    assert "Over all types" not in on_drift(moves(0.28, 0.2, None), {"own": "Own logs"})


@pytest.mark.parametrize(
    ("long_from", "words"), [(0.2, "makes it find content creation too often"), (0.05, "not clearly")]
)
def test_length_is_said_to_count_where_the_rates_of_short_and_long_conversations_lie_apart(long_from, words):
    rates = {"false_positive_rate_ci_low": 0.04, "false_positive_rate_ci_high": 0.08}
    short = {"class": "content_creation", "n_human": "1"} | rates
    long = short | {"n_human": "11-49", "false_positive_rate_ci_low": long_from}
    assert words in on_length([short, long], {"content_creation": "Content creation", "affective": "Affective"})


def test_alternative_text_names_each_value_that_is_shown():
    rows = [{"group": "coaching", "v": 0.5}, {"group": "romantic", "v": None}, {"group": "owls", "v": 0.25}]
    assert alt_text(rows, "Share", "v", percent) == f"Share. Coaching: 50{SPACE}%; owls: 25{SPACE}%."


def test_alternative_text_says_when_nothing_is_shown():
    rows = [{"group": "coaching", "v": None}]
    assert alt_text(rows, "Share", "v", percent) == "Share. Too few conversations to show any value."


def topic(label, n, *, share=0.5, stability=0.9):
    row = {"category": "coaching", "topic": label, "name": None, "n_conversations": n}
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
    text = on_topics([topic("a, b", 12), topic("c_d, e", 30), *UNNAMED])
    assert text.startswith("2 topics are large and stable enough")
    assert "in coaching, is marked by the words c\\_d, e." in text


def test_the_takeaway_says_who_named_the_largest_topic():
    text = on_topics([topic("a, b", 30) | {"name": "Boats_and sails"}])
    assert "which a language model calls “Boats\\_and sails”, is marked by the words a, b." in text


def test_topics_are_named_from_the_least_stability_on():
    text = on_topics([topic("a, b", 30, stability=STABLE - 0.001), topic("c, d", 12, stability=STABLE)])
    assert "c, d" in text and "a, b" not in text


@pytest.mark.parametrize("rows", [[], UNNAMED, *([row] for row in UNNAMED)])
def test_the_takeaway_says_when_no_topic_can_be_named(rows):
    assert on_topics(rows).startswith("No topic is large and stable enough")


def measured(labels, precision, recall, *, instrument="classifier", name="included"):
    row = {"instrument": instrument, "class": name, "labels": labels, "precision": precision, "recall": recall}
    return row | {"n_positive": 5, "n_labelled": 50}


AGREEMENT = [
    measured("all", 0.1, 0.2, name="affective"),
    measured("own", 0.9, 0.9, instrument="pushback"),
    measured("own", 0.3, 0.4),
    measured("elsewhere", 0.6, 0.7),
    measured("all", 0.75, 0.5),
]


def told(name, precision, recall):
    return (
        f"In {name}, {precision}{SPACE}% of what it includes is to be included by the labels, and it finds "
        f"{recall}{SPACE}% of what is."
    )


def test_the_classifier_is_described_by_the_labels_of_the_data_set():
    assert on_classifier(AGREEMENT, {"own": "Own logs"}) == told("Own logs", 30, 40)


def test_the_classifier_is_described_for_each_labelled_data_set_in_its_order():
    words = on_classifier(AGREEMENT, {"elsewhere": "Elsewhere", "unlabelled": "Unlabelled", "own": "Own logs"})
    assert words == told("Elsewhere", 60, 70) + " " + told("Own logs", 30, 40)


def test_the_classifier_is_described_by_what_it_includes():
    words = on_classifier(AGREEMENT, {"unlabelled": "Unlabelled"})
    assert words.startswith(
        f"Over all labelled sources, 75{SPACE}% of what it includes is to be included by the labels, and it finds "
        f"50{SPACE}% of what is"
    )
    assert "5 of 50 labelled conversations are" in words


def test_without_labels_the_classifier_has_no_figures():
    assert on_classifier([], {"own": "Own logs"}) == "No labels were at hand to measure it."
