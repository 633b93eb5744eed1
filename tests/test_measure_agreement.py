"""Agreement with the labels and among readers: the figures against values worked out by hand, by scikit-learn and in the literature."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measure_agreement import FIGURES, FLAGS, agreement_row, measure_agreement
from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score

from shared.agreement import coefficients, crossed
from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.evaluation import figures

CLASSES = [*FLAGS, "included", *CATEGORIES]
SETTINGS = {"bootstrap": 200, "confidence": 0.95, "seed": 2, "min_conversations": 10, "min_users": 10}
OF_CLASSES = ["precision", "recall", "f1"]
TRUE = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
PREDICTED = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=bool)


def row(true=TRUE, predicted=PREDICTED, weight=None, **options):
    weight = np.ones(len(true)) if weight is None else weight
    options = {"bootstrap": 200, "confidence": 0.95} | options
    return agreement_row(true, predicted, weight, rng=np.random.default_rng(2), **options)


def test_figures_agree_with_values_worked_out_by_hand():
    found = figures(TRUE, PREDICTED, np.ones(10))
    assert [float(found[name]) for name in OF_CLASSES] == pytest.approx([0.75, 0.75, 0.75])
    assert row()["kappa"] == pytest.approx((0.8 - 0.52) / (1 - 0.52), abs=1e-4)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 9)), min_size=4, max_size=30))
def test_weighted_figures_agree_with_scikit_learn(rows):
    corners = [(True, True, 1), (True, False, 1), (False, True, 1), (False, False, 1)]
    true, predicted, weight = (np.array(column) for column in zip(*corners, *rows, strict=True))
    found = figures(true, predicted, weight.astype(float))
    scores = [precision_score, recall_score, f1_score, cohen_kappa_score]
    expected = [score(true, predicted, sample_weight=weight) for score in scores]
    kappa = coefficients(crossed(true * 1, predicted * 1, weight, n_kinds=2), n=len(true))["kappa"]
    assert [*(float(found[name]) for name in OF_CLASSES), float(kappa)] == pytest.approx(expected)


def test_weights_count_like_repeated_conversations():
    weight = np.array([3, 1, 1, 2, 1, 1, 1, 1, 1, 4])
    repeated = figures(np.repeat(TRUE, weight), np.repeat(PREDICTED, weight), np.ones(weight.sum()))
    weighted = figures(TRUE, PREDICTED, weight.astype(float))
    assert [weighted[name] for name in OF_CLASSES] == pytest.approx([repeated[name] for name in OF_CLASSES])


def test_replicates_stand_on_the_last_axis():
    found = figures(TRUE, PREDICTED, np.column_stack([np.ones(10), TRUE]))
    assert found["precision"].tolist() == pytest.approx([0.75, 1.0])


def test_perfect_agreement_is_one_throughout():
    found = row(predicted=TRUE)
    assert [found[name] for name in FIGURES] == [1.0] * len(FIGURES)


@pytest.mark.parametrize("weight", [np.ones(10), np.arange(1, 11) / 7], ids=["whole", "sevenths"])
def test_perfect_agreement_has_a_share_with_an_interval_and_coefficients_without_whatever_the_weights(weight):
    found = row(predicted=TRUE, weight=weight)
    assert found["agreement_ci_low"] < 0.9 and np.isnan(found["kappa_ci_low"])


def test_precision_is_undefined_where_nothing_is_predicted():
    found = row(predicted=np.zeros(10, bool))
    assert np.isnan(found["precision"])
    assert (found["recall"], found["f1"]) == (0.0, 0.0)


def test_agreement_no_better_than_chance_has_a_kappa_of_zero():
    true, predicted = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert row(true, predicted)["kappa"] == 0.0


def test_counts_are_of_labelled_conversations_and_not_of_weights():
    found = row(weight=np.full(10, 7.0))
    assert (found["n_labelled"], found["n_positive"], found["n_predicted"]) == (10, 4, 4)


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_lies_inside_its_interval(name):
    found = row(np.tile(TRUE, 20), np.tile(PREDICTED, 20))
    assert found[f"{name}_ci_low"] < found[name] < found[f"{name}_ci_high"]


def test_the_interval_of_recall_is_as_wide_as_the_binomial_says():
    found = row(np.tile(TRUE, 50), np.tile(PREDICTED, 50), bootstrap=4_000)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 200)
    assert found["recall_ci_high"] - found["recall_ci_low"] == pytest.approx(2 * half, rel=0.1)


NUMBER = itertools.count()


def held_out(*groups):
    """Each group is (n, source, weight, predicted classes, true classes)."""
    rows = [
        {"source": source, "weight": weight, "conversation_id": f"h{next(NUMBER)}"}
        | {f"predicted_{name}": int(name in predicted) for name in CLASSES}
        | {f"true_{name}": int(name in true) for name in CLASSES}
        for n, source, weight, predicted, true in groups
        for _ in range(n)
    ]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides={"weight": pl.Float64})


def pushback_labels(*groups):
    """Each group is (n, weight, labelled kinds, found kinds)."""
    rows = [
        {
            "conversation_id": f"c{next(NUMBER)}",
            "cluster": "",
            "author": "",
            "user_id": None,
            "weight_compared": weight,
            "label_pushback": labelled,
            "pushback": bool(found),
            **{kind: kind in found for kind in PUSHBACK_KINDS},
        }
        for n, weight, labelled, found in groups
        for _ in range(n)
    ]
    none = {f"label_{name}": pl.lit(False) for name in FLAGS} | {
        "label_categories": pl.lit([], dtype=pl.List(pl.String))
    }
    none |= {f"label_sentiment_{end}": pl.lit(None, dtype=pl.Float64) for end in ("start", "end")}
    types = {"weight_compared": pl.Float64, "label_pushback": pl.List(pl.String), "user_id": pl.String}
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=types).with_columns(**none)


HELD_OUT = held_out(
    (6, "own", 1.0, ["affective"], ["affective"]),
    (2, "own", 1.0, [], ["affective"]),
    (2, "own", 2.0, ["affective"], []),
    (9, "own", None, [], ["affective"]),
    (5, "control", 1.0, [], ["affective"]),
    (3, "other", None, ["affective"], ["affective"]),
)
LABELS = {
    "own": pushback_labels(
        (3, 1.0, ["refusal"], ["refusal"]),
        (1, 1.0, ["refusal", "challenge"], []),
        (4, 1.0, [], []),
        (9, None, ["refusal"], []),
    )
}


def label_file(n):
    """read_labels' table of n conversations c0, c1, ... of which every second is affective."""
    names = [*FLAGS, "categories", "pushback", "sentiment_start", "sentiment_end"]
    columns = {name: f"label_{name}" for name in names}
    return own_labels(n).select("conversation_id", source=pl.lit("own"), weight=pl.lit(2.0), **columns)


def measure(held_out=HELD_OUT, labels=LABELS, readings=None, n_others=0):
    return measure_agreement(held_out, labels, readings or {}, label_file(60).head(n_others), **SETTINGS)


def measured(instrument, name, source):
    table = measure().filter(pl.col("instrument") == instrument, pl.col("class") == name, pl.col("labels") == source)
    assert table.height == 1
    return table.row(0, named=True)


def test_a_data_set_is_measured_on_its_probability_sample_by_its_weights():
    found = measured("classifier", "affective", "own")
    assert (found["n_labelled"], found["precision"], found["recall"]) == (10, 0.6, 0.75)


def test_all_sources_are_pooled_without_weights_and_without_the_control_corpus():
    found = measured("classifier", "affective", "all")
    assert (found["n_labelled"], found["n_positive"]) == (22, 20)
    assert (found["precision"], found["recall"]) == (round(9 / 11, 4), 0.45)


def test_the_pushback_rules_are_measured_as_any_and_by_kind():
    any_kind, refusal, challenge = (measured("pushback model", name, "own") for name in ("any", "refusal", "challenge"))
    assert (any_kind["n_labelled"], any_kind["precision"], any_kind["recall"]) == (8, 1.0, 0.75)
    assert refusal["recall"] == 0.75
    assert (challenge["precision"], challenge["recall"]) == (None, 0.0)


def test_a_class_that_no_label_has_is_left_out():
    table = measure()
    assert set(table["class"]) == {"affective", "any", "refusal", "challenge"}


def test_the_same_seed_gives_the_same_agreement():
    assert measure().equals(measure())


# --- coefficients


def of_two(one, two, n_kinds, **options):
    one, two = np.array(one), np.array(two)
    found = coefficients(crossed(one, two, np.ones(len(one)), n_kinds=n_kinds), n=len(one), **options)
    return {name: float(value) for name, value in found.items()}


def letters(text):
    return ["abcde".index(letter) for letter in text]


@pytest.mark.parametrize(
    ("one", "two", "n_kinds", "alpha"),
    [
        ([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0], 2, 0.095),
        (letters("aabbdcccedda"), letters("babbbcccedd" + "d"), 5, 0.692),
    ],
    ids=["binary", "nominal"],
)
def test_alpha_is_krippendorff_s_in_his_worked_examples(one, two, n_kinds, alpha):
    assert of_two(one, two, n_kinds)["alpha"] == pytest.approx(alpha, abs=5e-4)


def test_ac1_does_not_collapse_as_kappa_does_where_nearly_all_is_of_one_kind():
    """Gwet's example: 118 both yes, 5 and 2 apart, none both no."""
    found = of_two([1] * 123 + [0] * 2, [1] * 118 + [0] * 5 + [1] * 2, 2)
    assert (found["kappa"], found["ac1"]) == (pytest.approx(-0.0234, abs=1e-4), pytest.approx(0.9408, abs=1e-4))


# By the packages krippendorff 0.9.0 and irrCAC 0.4.4.
LEVELS_ONE = [-2, -1, 0, 0, 1, 2, 0, -1, 1, 0, 0, 2, -2, 0, 1]
LEVELS_TWO = [-1, -1, 0, 1, 1, 2, 0, -2, 0, 0, 0, 1, -2, -1, 1]


def test_coefficients_of_levels_are_those_of_other_packages():
    one, two = np.array(LEVELS_ONE) + 2, np.array(LEVELS_TWO) + 2
    found = of_two(one, two, 5)
    assert found["alpha"] == pytest.approx(0.488235, abs=1e-6)
    assert (found["ac1"], found["kappa"]) == (pytest.approx(0.50685, abs=1e-5), pytest.approx(0.47368, abs=1e-5))
    assert of_two(one, two, 5, ordinal=True)["alpha"] == pytest.approx(0.865337, abs=1e-6)


def test_negative_agreement_is_f1_of_the_other_class():
    assert float(row()["negative_agreement"]) == pytest.approx(f1_score(~TRUE, ~PREDICTED), abs=1e-4)


def test_replicates_of_coefficients_are_those_of_each_alone():
    weight = np.random.default_rng(1).integers(0, 4, (5, 10)).astype(float)
    together = coefficients(crossed(TRUE * 1, PREDICTED * 1, weight, n_kinds=2), n=10)
    alone = [coefficients(crossed(TRUE * 1, PREDICTED * 1, one, n_kinds=2), n=10) for one in weight]
    for name, values in together.items():
        assert values.tolist() == pytest.approx([float(found[name]) for found in alone], nan_ok=True)


def test_perfect_agreement_is_not_said_to_be_certain():
    found = row(predicted=TRUE)
    assert 0.5 < found["agreement_ci_low"] < 0.99
    assert np.isnan(found["kappa_ci_low"]) and np.isnan(found["ac1_ci_low"])


# --- readers


def reading(reader, name, affective, pushback="", start="", third=False):
    row = {"conversation_id": name, "reader": reader, "sheet": "", "third_reading": third, "content_creation": "0"}
    row |= {
        "affective": affective,
        "sure": "",
        "categories": "coaching" if affective == "1" else "",
        "professional": "",
    }
    return row | {
        "pushback": pushback,
        "pushback_reason": "",
        "sentiment_start": start,
        "sentiment_end": start,
        "notes": "",
    }


def own_labels(n, weight=1.0):
    """import_labels' table of n conversations c0, c1, ... of which every second is affective."""
    table = pushback_labels((n, weight, [], []))
    names = [f"c{number}" for number in range(n)]
    return table.with_columns(
        conversation_id=pl.Series(names), cluster=pl.Series(names), author=pl.Series(names), weight=pl.lit(weight, dtype=pl.Float64),
        label_affective=pl.int_range(n) % 2 == 1,
    )  # fmt: skip


def two_readers(n=60, apart=6):
    """ann and ben read n conversations, half of them affective to ann; they differ on the first `apart`."""
    flags = [str(number % 2) for number in range(n)]
    ann = [reading("ann", f"c{number}", flag, start="0") for number, flag in enumerate(flags)]
    ben = [
        reading("ben", f"c{number}", flag if number >= apart else str(1 - int(flag)), start=str(number % 2))
        for number, flag in enumerate(flags)
    ]
    return pl.DataFrame(ann + ben)


def among_readers(readings, n=60, weight=1.0, n_others=0):
    table = measure(HELD_OUT.clear(), {"own": own_labels(n, weight)}, {"own": readings}, n_others)
    return {row["class"]: row for row in table.filter(pl.col("instrument").str.contains("beside|other")).to_dicts()}


def test_two_readers_stand_beside_one_another_on_every_field_that_they_use():
    found = among_readers(two_readers())
    assert set(found) == {"affective", "coaching", "sentiment_start", "sentiment_end"}
    assert found["affective"]["instrument"] == "reader 2 beside reader 1"
    assert (found["affective"]["n_labelled"], found["affective"]["agreement"]) == (60, 0.9)
    assert found["affective"]["precision"] is None and found["affective"]["f1"] == 0.9
    assert found["sentiment_start"]["agreement"] == 0.5 and found["sentiment_start"]["f1"] is None


def test_readers_are_weighted_like_the_labels_and_unweighted_where_nothing_was_drawn():
    assert among_readers(two_readers(), weight=None)["affective"]["agreement"] == 0.9
    weights = pl.when(pl.int_range(60) < 6).then(9.0).otherwise(1.0)
    table = measure(HELD_OUT.clear(), {"own": own_labels(60).with_columns(weight=weights)}, {"own": two_readers()})
    assert table.filter(pl.col("class") == "affective", instrument="reader 2 beside reader 1")[
        "agreement"
    ].to_list() == [0.5]


def test_a_third_reading_is_no_part_of_the_agreement_of_readers():
    third = pl.DataFrame([reading("eve", f"c{number}", "0", third=True) for number in range(60)])
    assert set(row["instrument"] for row in among_readers(pl.concat([two_readers(), third])).values()) == {
        "reader 2 beside reader 1"
    }


def test_labels_that_were_there_before_stand_beside_own_ones():
    one = two_readers().filter(reader="ann")
    found = among_readers(one, n_others=40)["affective"]
    assert (found["instrument"], found["n_labelled"], found["agreement"], found["recall"]) == (
        "other labels",
        40,
        1.0,
        1.0,
    )


@pytest.mark.parametrize(("n", "hidden"), [(60, False), (18, True)])
def test_small_counts_of_labels_of_one_s_own_stay_hidden(n, hidden):
    found = among_readers(two_readers(n, apart=0), n)["affective"]
    assert found["suppressed"] == hidden
    assert all(
        (found[name] is None) == hidden for name in ("n_labelled", "n_positive", "n_predicted", "agreement", "f1")
    )


def test_labels_that_few_users_stand_behind_stay_hidden():
    few = own_labels(60).with_columns(author=pl.format("u{}", pl.int_range(60) % 3))
    table = measure(HELD_OUT.clear(), {"own": few}, {"own": two_readers()})
    assert table["suppressed"].all()
