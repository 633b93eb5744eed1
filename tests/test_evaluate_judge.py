"""The judge's own error rates, and what is published of what it was asked."""

import math

import numpy as np
import polars as pl
import pytest
from estimate_prevalence import corrected
from evaluate_judge import evaluate_judge, what_was_asked
from scipy.stats import beta

from shared.contracts import CATEGORIES
from shared.evaluation import beside_labels
from shared.labels import own_labels, read_held_out

CATEGORY_LIST = pl.List(pl.Enum(CATEGORIES))


def measures(rows):
    """Rows of (id, affective, categories): what beside_labels reads of contracts.Measures."""
    return pl.DataFrame(
        [
            {"conversation_id": name, "cluster": name, "n_human": 5, "content_creation": False, "affective": affective}
            | {"included": affective, "categories": categories, "professional": False}
            for name, affective, categories in rows
        ],
        schema_overrides={"categories": CATEGORY_LIST, "n_human": pl.Int32},
    )


def labels(rows, weight=2.0):
    return pl.DataFrame(
        [
            {"source": "own", "conversation_id": name, "weight": weight, "stratum": "", "content_creation": False}
            | {"affective": bool(categories), "categories": categories, "professional": False}
            for name, categories in rows
        ],
        schema_overrides={"categories": pl.List(pl.String), "weight": pl.Float64},
    )


def test_decisions_stand_beside_labels_of_the_same_conversation():
    found = beside_labels(
        labels([("b", ["coaching"]), ("a", []), ("elsewhere", ["coaching"])]),
        measures([("a", True, ["romantic"]), ("b", True, ["coaching"]), ("unlabelled", False, [])]),
        min_human_messages_roleplay=4,
    )
    assert found["conversation_id"].to_list() == ["a", "b"]
    assert found["predicted_affective"].to_list() == [1, 1] and found["true_affective"].to_list() == [0, 1]
    assert found["predicted_romantic"].to_list() == [1, 0] and found["true_coaching"].to_list() == [0, 1]


def test_labels_go_through_the_study_s_filters_like_decisions():
    found = beside_labels(
        labels([("a", ["roleplay"])]), measures([("a", True, ["roleplay"])]), min_human_messages_roleplay=6
    )
    assert found.select("true_affective", "true_roleplay", "true_included").row(0) == (1, 0, 0)


def test_each_data_set_is_held_to_its_own_labels():
    judged = {"own": measures([("a", True, ["romantic"])]), "other": measures([("a", False, [])])}
    found = evaluate_judge(labels([("a", ["romantic"])]), judged, min_human_messages_roleplay=4)
    assert found.select("source", "predicted_romantic").rows() == [("own", 1)]


def held_out(tmp_path, n, source="own"):
    """As estimate_prevalence reads it, of n conversations of which each second is affective."""
    rows = [(f"c{number}", ["coaching"] if number % 2 else []) for number in range(n)]
    judged = measures([(name, bool(categories), categories) for name, categories in rows])
    table = beside_labels(labels(rows), judged, min_human_messages_roleplay=4)
    table.with_columns(source=pl.lit(source)).write_csv(tmp_path / "held_out.csv")
    return read_held_out(tmp_path / "held_out.csv")


def share_of(table, n):
    """The affective share of n conversations by the labels of `table`."""
    measured = pl.DataFrame({"conversation_id": [f"c{number}" for number in range(n)]})
    known = own_labels(table, measured, dataset="own").with_columns(size=pl.lit(1.0), cluster="conversation_id")
    options = {"dataset": "own", "group": "affective", "of": "all", "carried_over": None}
    return corrected(known, **options, replicates=200, confidence=0.95, rng=np.random.default_rng(1))


def test_the_labels_that_the_judge_was_tried_on_say_how_common_a_class_is(tmp_path):
    share, correction = share_of(held_out(tmp_path, 400), 800)
    assert correction == "labelled probability sample of own" and share["estimate"] == 0.5


@pytest.mark.parametrize("source", ["own", "control"])
def test_without_a_label_of_the_data_set_nothing_is_said(tmp_path, source):
    table = held_out(tmp_path, 400, source=source)
    share, correction = share_of(table.clear() if source == "own" else table, 800)
    assert correction.startswith("none") and all(math.isnan(value) for value in share.values())


# what_was_asked


def asked(n_sampled, n_affective, n_unanswered=0, **floors):
    lines = [
        {"conversation_id": f"s{number}", "candidate": False, "probability": 0.1, "answered_by": "m-2"}
        for number in range(n_sampled)
    ]
    lines += [{"conversation_id": f"c{number}", "candidate": True, "probability": 1.0} for number in range(50)]
    lines = [line | {"model": "m", "prompt": "abc", "temperature": 0} for line in lines]
    for line in lines[n_sampled : n_sampled + n_unanswered]:
        line["unanswered"] = "HTTP status 400"
    rows = [(line["conversation_id"], number < n_affective, []) for number, line in enumerate(lines)]
    floors = {"min_conversations": 10, "min_users": 10} | floors
    return what_was_asked(lines, measures(rows), dataset="own", confidence=0.95, **floors)


def test_what_the_sieve_loses_is_estimated_from_the_sample():
    row = asked(400, 20)
    assert (row["n_judged"], row["n_screened_out_judged"], row["sample_of_screened_out"]) == (450, 400, 0.1)
    assert row["affective_of_screened_out_ci_low"] == pytest.approx(beta.ppf(0.025, 20, 381), abs=1e-6)
    assert row["affective_of_screened_out_ci_high"] == pytest.approx(beta.ppf(0.975, 21, 380), abs=1e-6)


@pytest.mark.parametrize("n_affective", range(10))
def test_no_count_under_the_floor_can_be_told_from_the_interval(n_affective):
    assert asked(400, n_affective) == asked(400, 0)
    assert 0 < asked(400, n_affective)["affective_of_screened_out_ci_high"] < 0.06


@pytest.mark.parametrize(("n", "n_affective"), [(0, 0), (5, 2), (30, 25), (400, 400)])
def test_where_too_little_is_known_the_interval_says_nothing(n, n_affective):
    row = asked(n, n_affective)
    assert row["affective_of_screened_out_ci_high"] == 1


def test_affective_conversations_of_few_users_are_not_told_either():
    row = asked(400, 20, min_users=21)
    assert (row["affective_of_screened_out_ci_low"], row["affective_of_screened_out_ci_high"]) == (0, 1)


@pytest.mark.parametrize(("n", "shown"), [(0, 0), (3, None), (12, 12)])
def test_conversations_without_a_label_are_counted_from_the_floor_on(n, shown):
    assert asked(20, 0, n_unanswered=n)["n_unanswered"] == shown
