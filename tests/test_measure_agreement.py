"""Agreement with the labels: the figures against values worked out by hand and by scikit-learn."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measure_agreement import FIGURES, agreement_row, figures, measure_agreement
from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score

from shared.contracts import CATEGORIES, PUSHBACK_KINDS

CLASSES = ["content_creation", "affective", "included", *CATEGORIES]
SETTINGS = {"bootstrap": 200, "confidence": 0.95, "seed": 2}
TRUE = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
PREDICTED = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=bool)


def row(true=TRUE, predicted=PREDICTED, weight=None, **options):
    weight = np.ones(len(true)) if weight is None else weight
    options = {"bootstrap": 200, "confidence": 0.95} | options
    return agreement_row(true, predicted, weight, rng=np.random.default_rng(2), **options)


def test_figures_agree_with_values_worked_out_by_hand():
    found = figures(TRUE, PREDICTED, np.ones(10))
    assert [float(found[name]) for name in FIGURES] == pytest.approx([0.75, 0.75, 0.75, (0.8 - 0.52) / (1 - 0.52)])


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 9)), min_size=4, max_size=30))
def test_weighted_figures_agree_with_scikit_learn(rows):
    corners = [(True, True, 1), (True, False, 1), (False, True, 1), (False, False, 1)]
    true, predicted, weight = (np.array(column) for column in zip(*corners, *rows, strict=True))
    found = figures(true, predicted, weight.astype(float))
    expected = [
        score(true, predicted, sample_weight=weight)
        for score in (precision_score, recall_score, f1_score, cohen_kappa_score)
    ]
    assert [float(found[name]) for name in FIGURES] == pytest.approx(expected)


def test_weights_count_like_repeated_conversations():
    weight = np.array([3, 1, 1, 2, 1, 1, 1, 1, 1, 4])
    repeated = figures(np.repeat(TRUE, weight), np.repeat(PREDICTED, weight), np.ones(weight.sum()))
    weighted = figures(TRUE, PREDICTED, weight.astype(float))
    assert [weighted[name] for name in FIGURES] == pytest.approx([repeated[name] for name in FIGURES])


def test_replicates_stand_on_the_leading_axis():
    found = figures(TRUE, PREDICTED, np.stack([np.ones(10), TRUE.astype(float)]))
    assert found["precision"].tolist() == pytest.approx([0.75, 1.0])


def test_perfect_agreement_is_one_throughout():
    found = row(predicted=TRUE)
    assert [found[name] for name in FIGURES] == [1.0] * 4


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


def held_out(*groups):
    """Each group is (n, source, weight, predicted classes, true classes)."""
    rows = [
        {"source": source, "weight": weight}
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
            "weight": weight,
            "label_pushback": labelled,
            "pushback": bool(found),
            **{kind: kind in found for kind in PUSHBACK_KINDS},
        }
        for n, weight, labelled, found in groups
        for _ in range(n)
    ]
    schema = {"weight": pl.Float64, "label_pushback": pl.List(pl.String), "pushback": pl.Boolean}
    return pl.DataFrame(rows, infer_schema_length=None, schema=schema | dict.fromkeys(PUSHBACK_KINDS, pl.Boolean))


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


def measured(instrument, name, source):
    table = measure_agreement(HELD_OUT, LABELS, **SETTINGS).filter(
        pl.col("instrument") == instrument, pl.col("class") == name, pl.col("labels") == source
    )
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
    any_kind, refusal, challenge = (measured("pushback rules", name, "own") for name in ("any", "refusal", "challenge"))
    assert (any_kind["n_labelled"], any_kind["precision"], any_kind["recall"]) == (8, 1.0, 0.75)
    assert refusal["recall"] == 0.75
    assert (challenge["precision"], challenge["recall"]) == (None, 0.0)


def test_a_class_that_no_label_has_is_left_out():
    table = measure_agreement(HELD_OUT, LABELS, **SETTINGS)
    assert set(table["class"]) == {"affective", "any", "refusal", "challenge"}


def test_the_same_seed_gives_the_same_agreement():
    assert measure_agreement(HELD_OUT, LABELS, **SETTINGS).equals(measure_agreement(HELD_OUT, LABELS, **SETTINGS))
