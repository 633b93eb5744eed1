"""Evaluation of the classifier: figures worked out by hand and by scikit-learn, groups, calibration, confusions."""

import numpy as np
import polars as pl
import pytest
from evaluate_classifier import confusions, evaluate_classifier
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from shared.contracts import CLASSES
from shared.evaluation import BANDS, average_precision, calibration, evaluate, figures
from shared.job import InputError

SETTINGS = {"bootstrap": 200, "confidence": 0.95, "seed": 2}
COLUMNS = [*CLASSES, "included"]


def held_out(*groups):
    """Each group is (n, true classes, predicted classes, {further columns}); one probability for whatever is predicted, one for the rest."""
    rows = [
        {"source": "own", "conversation_id": "c", "weight": 1.0, "n_human": 3, "sure": 3, "candidate": 1}
        | {f"p_{name}": 0.9 if name in predicted else 0.05 for name in CLASSES}
        | {f"predicted_{name}": int(name in predicted) for name in COLUMNS}
        | {f"true_{name}": int(name in true) for name in COLUMNS}
        | more
        for n, true, predicted, more in groups
        for _ in range(n)
    ]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides={"weight": pl.Float64, "sure": pl.Int8})


def figures_of(table, name="affective", labels="all", n_human="all", weighting="none"):
    found = evaluate(table, **SETTINGS).filter(
        pl.col("class") == name, labels=labels, n_human=n_human, weighting=weighting
    )
    assert found.height == 1
    return found.row(0, named=True)


# --- figures


def test_false_positive_rate_is_the_share_wrongly_found_of_what_is_not_of_the_class():
    true, predicted = np.array([1, 1, 0, 0, 0], bool), np.array([1, 0, 1, 0, 0], bool)
    assert figures(true, predicted, np.array([1, 1, 3, 1, 2.0]))["false_positive_rate"] == 0.5


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=30))
def test_average_precision_agrees_with_scikit_learn_on_weights_and_equal_scores(rows):
    true, score, weight = (np.array(column) for column in zip((True, 3, 1), *rows, strict=True))
    expected = average_precision_score(true, score, sample_weight=weight)
    assert average_precision(true, score.astype(float), weight) == pytest.approx(expected)


def test_average_precision_of_replicates_stands_on_the_last_axis():
    true, score = np.array([True, False, True]), np.array([0.9, 0.8, 0.1])
    found = average_precision(true, score, np.array([[1, 0], [1, 1], [1, 2]]))
    assert found.tolist() == pytest.approx([(1 + 2 / 3) / 2, 2 / 3])


def test_average_precision_without_positives_is_undefined():
    assert np.isnan(average_precision(np.zeros(3, bool), np.arange(3.0), np.ones(3)))


# --- groups and weights


YES, NO = {"affective", "coaching", "included"}, set()
TABLE = held_out(
    (6, YES, YES, {}),
    (2, YES, NO, {"n_human": 60}),
    (2, NO, YES, {"weight": 5.0, "n_human": 1}),
    (10, NO, NO, {}),
    (4, YES, NO, {"weight": None}),
    (3, NO, YES, {"source": "other", "weight": None, "n_human": 0}),
    (50, YES, NO, {"source": "control"}),
)


def test_unweighted_figures_pool_every_real_conversation_and_not_the_control_corpus():
    row = figures_of(TABLE)
    assert (row["n_labelled"], row["n_positive"], row["n_predicted"], row["n_false_positive"]) == (27, 12, 11, 5)
    assert (row["precision"], row["recall"]) == (round(6 / 11, 4), 0.5)
    assert row["false_positive_rate"] == round(5 / 15, 4)


def test_weighted_figures_are_of_the_probability_sample_alone():
    row = figures_of(TABLE, weighting="population")
    assert (row["n_labelled"], row["precision"], row["recall"]) == (20, round(6 / 16, 4), 0.75)


def test_a_source_without_a_probability_sample_has_no_weighted_figures():
    weightings = evaluate(TABLE, **SETTINGS).filter(labels="other")["weighting"].unique().to_list()
    assert weightings == ["none"]


def test_every_length_belongs_to_one_band():
    table = evaluate(TABLE, **SETTINGS).filter(pl.col("class") == "affective", labels="all", weighting="none")
    counted = {row["n_human"]: row["n_labelled"] for row in table.to_dicts()}
    assert counted == {"all": 27, "1": 5, "2-5": 20, "50+": 2}


@pytest.mark.parametrize(("n_human", "band"), [(1, "1"), (2, "2-5"), (10, "6-10"), (11, "11-49"), (50, "50+")])
def test_bands_reach_to_their_ends(n_human, band):
    table = held_out((1, YES, YES, {"n_human": n_human}))
    assert set(evaluate(table, **SETTINGS)["n_human"]) == {"all", band} and band in BANDS


def test_false_positives_of_a_band_are_counted_within_it():
    assert figures_of(TABLE, n_human="1")["false_positive_rate"] == 1.0
    assert figures_of(TABLE, n_human="2-5")["false_positive_rate"] == 0.0


def test_figures_are_empty_where_they_are_undefined():
    row = figures_of(held_out((5, NO, NO, {})))
    assert [row[name] for name in ("precision", "recall", "f1", "average_precision")] == [None] * 4
    assert row["false_positive_rate"] == 0.0


# --- intervals


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_a_perfect_figure_of_few_conversations_has_an_interval(name):
    row = figures_of(held_out((3, YES, YES, {}), (20, NO, NO, {})))
    assert row[name] == 1.0 and 0.2 < row[f"{name}_ci_low"] < 0.8


def test_jeffreys_interval_of_no_false_positive_in_a_hundred_is_that_of_the_books():
    # 97.5 % quantile of Beta(0.5, 100.5)
    row = figures_of(held_out((3, YES, YES, {}), (100, NO, NO, {})))
    assert row["false_positive_rate_ci_high"] == pytest.approx(0.0247, abs=0.006)


def test_a_figure_that_nothing_was_predicted_for_has_no_interval_of_f1():
    row = figures_of(held_out((3, YES, NO, {}), (20, NO, NO, {})))
    assert (row["precision"], row["f1"], row["f1_ci_low"]) == (None, 0.0, None)


def test_the_interval_of_recall_is_as_wide_as_the_binomial_says():
    row = figures_of(held_out((300, YES, YES, {}), (100, YES, NO, {}), (600, NO, NO, {})))
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert row["recall_ci_high"] - row["recall_ci_low"] == pytest.approx(2 * half, rel=0.25)


def test_the_same_seed_gives_the_same_tables():
    first, second = (evaluate_classifier(TABLE, **SETTINGS) for _ in range(2))
    assert all(first[name].equals(second[name]) for name in first)


# --- ranking


def test_a_conversation_that_the_sieve_drops_is_ranked_last():
    kept, dropped = (1, YES, NO, {"p_affective": 0.3}), (1, NO, NO, {"p_affective": 0.9, "candidate": 0})
    assert figures_of(held_out(kept, dropped))["average_precision"] == 1.0


def test_a_category_is_ranked_by_the_probability_of_being_affective_and_of_it():
    own = (1, {"affective", "coaching"}, NO, {"p_affective": 0.6, "p_coaching": 0.5})
    likelier_category = (1, NO, NO, {"p_affective": 0.1, "p_coaching": 0.9})
    assert figures_of(held_out(own, likelier_category), "coaching")["average_precision"] == 1.0


# --- calibration


def test_calibration_compares_weighted_means_within_each_bin():
    table = held_out(
        (1, YES, NO, {"p_affective": 0.12, "weight": 3.0}),
        (1, NO, NO, {"p_affective": 0.18, "weight": 1.0}),
        (1, YES, YES, {"p_affective": 1.0, "weight": 1.0}),
        (1, YES, YES, {"p_affective": 0.12, "weight": None}),
    )
    found = calibration(table, **SETTINGS).filter(pl.col("class") == "affective", labels="all")
    assert found.select("bin_low", "bin_high", "n_labelled", "predicted", "observed").rows() == [
        (0.1, 0.2, 2, 0.135, 0.75),
        (0.8, 1.0, 1, 1.0, 1.0),
    ]


def test_calibration_of_categories_is_among_affective_conversations_and_unweighted():
    table = held_out(
        (1, YES, NO, {"p_coaching": 0.5, "weight": 9.0}),
        (3, {"affective"}, NO, {"p_coaching": 0.5, "weight": None}),
        (6, NO, NO, {"p_coaching": 0.5}),
    )
    found = calibration(table, **SETTINGS).filter(pl.col("class") == "coaching", labels="all")
    assert found.select("among", "n_labelled", "observed").rows() == [("affective", 4, 0.25)]


# --- confusions


CONFUSED = held_out(
    (4, {"affective", "coaching"}, {"affective", "coaching"}, {}),
    (3, {"affective", "coaching"}, {"affective", "interpersonal", "counselling"}, {"sure": 1}),
    (2, {"affective", "coaching"}, {"content_creation"}, {"sure": 2}),
    (1, {"affective", "coaching"}, NO, {"candidate": 0, "sure": None}),
    (5, NO, {"affective", "coaching"}, {}),
    (9, {"affective", "coaching"}, NO, {"source": "control"}),
)


def confused(name, kind):
    found = confusions(CONFUSED).filter(pl.col("class") == name, kind=kind)
    return {row["instead"]: row["n_labelled"] for row in found.to_dicts()}


def test_missed_conversations_are_counted_by_what_they_were_taken_for():
    assert confused("coaching", "missed") == {
        "all": 6,
        "content_creation": 2,
        "interpersonal": 3,
        "counselling": 3,
        "dropped by the sieve": 1,
    }


def test_wrongly_found_conversations_are_counted_by_what_the_label_says():
    assert confused("coaching", "wrongly found") == {"all": 5, "none of these": 5}
    assert confused("interpersonal", "wrongly found") == {"all": 3, "coaching": 3}
    assert confused("content_creation", "wrongly found") == {"all": 2, "affective": 2}


@pytest.mark.parametrize(("kind", "n"), [("labelled", 10), ("found", 9)])
def test_confusions_say_of_how_many(kind, n):
    assert confused("coaching", kind) == {"all": n}


def test_confusions_are_counted_by_how_sure_the_reader_was():
    row = confusions(CONFUSED).filter(pl.col("class") == "coaching", kind="missed", instead="all").row(0, named=True)
    assert [row[f"sure_{level}"] for level in (1, 2, 3)] == [3, 2, 0]


def test_confusions_name_no_conversation():
    assert "conversation_id" not in confusions(CONFUSED).columns


def test_predictions_of_another_version_are_an_input_error_that_names_the_columns():
    with pytest.raises(InputError, match="missing: sure, candidate"):
        evaluate_classifier(TABLE.drop("sure", "candidate"), **SETTINGS)
