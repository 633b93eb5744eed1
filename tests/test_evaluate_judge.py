"""The judge's own error rates, and what is published of what it was asked."""

import math

import numpy as np
import polars as pl
import pytest
from estimate_prevalence import corrected
from evaluate_judge import evaluate_judge, evaluate_replies, what_was_asked, what_was_asked_of_replies
from scipy.stats import beta

from shared import contracts
from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.evaluation import beside_labels, evaluate_pushback
from shared.labels import own_labels, read_held_out

CATEGORY_LIST = pl.List(pl.Enum(CATEGORIES))


def measures(rows):
    """Rows of (id, affective, categories): what beside_labels reads of contracts.Measures."""
    return pl.DataFrame(
        [
            {"conversation_id": name, "cluster": name, "author": name, "n_human": 5}
            | {
                "content_creation": False,
                "affective": affective,
                "included": affective,
                "categories": categories,
                "professional": False,
            }
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


# evaluate_replies


def replies_measured(rows):
    """Rows of (id, compared, kinds that the judge found): what pushback_beside_labels reads of contracts.Measures."""
    return pl.DataFrame(
        [
            {
                "conversation_id": name,
                "cluster": name,
                "author": name,
                "user_id": None,
                "affective": True,
                "included": True,
            }
            | {"compared": compared, "n_assistant": 2, "pushback": bool(kinds)}
            | {kind: kind in kinds for kind in PUSHBACK_KINDS}
            for name, compared, kinds in rows
        ],
        schema_overrides={"n_assistant": pl.Int32, "user_id": pl.String},
    )


def read_whole(rows):
    """Labels of whole conversations: rows of (id, kinds)."""
    none = {"professional": False, "categories": [], "sentiment_start": None, "sentiment_end": None}
    return pl.DataFrame(
        [
            {"source": "own", "conversation_id": name, "weight": 2.0, "stratum": "", "content_creation": False}
            | {"affective": True, "pushback": kinds, "pushback_reason": "other" if kinds else "", "shortened": False}
            | none
            for name, kinds in rows
        ],
        schema_overrides={"pushback": pl.List(pl.String)},
    )


def read_messages(rows):
    columns = {"source": pl.String, "conversation_id": pl.String, "turn": pl.Int32, "kinds": pl.List(pl.String)}
    table = pl.DataFrame([("own", *row) for row in rows], schema=columns, orient="row")
    return table.with_columns(reason=pl.lit(""))


NO_FINDS = pl.DataFrame(schema=contracts.Pushback.types())


def beside(labels, measures, messages=(), finds=NO_FINDS):
    return evaluate_replies(labels, read_messages(messages), {"own": measures}, {"own": finds})


def test_the_judge_s_pushback_stands_beside_the_labels_of_what_was_compared():
    finds = [("a", 3, "refusal", "privacy"), ("a", 3, "boundary", "privacy"), ("a", 5, "refusal", "other")]
    table = beside(
        read_whole([("a", ["refusal"]), ("b", ["challenge"]), ("not compared", []), ("elsewhere", [])]),
        replies_measured([("a", True, ["refusal", "boundary"]), ("b", True, []), ("not compared", False, [])]),
        finds=pl.DataFrame(finds, schema=NO_FINDS.schema, orient="row"),
    )
    assert table.select("conversation_id", "predicted_any", "true_any").rows() == [("a", 1, 1), ("b", 0, 1)]
    assert table.row(0, named=True)["found"] == "3:refusal|boundary:privacy;5:refusal:other"
    assert table.select("predicted_boundary", "true_boundary", "true_challenge").rows() == [(1, 0, 0), (0, 0, 1)]


def test_a_conversation_of_which_every_message_is_labelled_counts_as_labelled():
    messages = [("a", 1, []), ("a", 3, ["redirect"]), ("b", 1, ["refusal"]), ("c", 1, []), ("c", 3, [])]
    measured = replies_measured([(name, True, ["redirect"]) for name in "abc"])
    table = beside(read_whole([("c", ["refusal"])]), measured, messages)
    # Of b one message is not labelled; c is labelled as a whole.
    assert table.sort("conversation_id").select("conversation_id", "true_redirect", "true_refusal").rows() == [
        ("a", 1, 0),
        ("c", 0, 1),
    ]
    assert table.filter(conversation_id="a").select("weight", "true_affective").row(0) == (None, None)


def test_how_well_the_judge_finds_pushback_is_evaluated_like_the_model(tmp_path):
    rows = [(f"c{number}", ["refusal"] if number % 4 == 0 else []) for number in range(80)]
    measured = replies_measured([(name, True, kinds if name != "c0" else []) for name, kinds in rows])
    beside(read_whole(rows), measured).write_csv(tmp_path / "held_out.csv")
    table = evaluate_pushback(read_held_out(tmp_path / "held_out.csv"), bootstrap=100, confidence=0.95, seed=1)
    found = table.filter(kind="any", labels="own", among="affective").row(0, named=True)
    assert (found["n_labelled"], found["n_positive"], found["n_predicted"]) == (80, 20, 19)
    assert (found["precision"], found["recall"]) == (1, 0.95)


def test_a_table_of_nothing_but_planted_truth_evaluates_to_an_empty_table_with_its_columns(tmp_path):
    planted = read_whole([("a", ["refusal"])]).with_columns(source=pl.lit("control"))
    measured = {"control": replies_measured([("a", True, [])])}
    evaluate_replies(planted, read_messages([]), measured, {"control": NO_FINDS}).write_csv(tmp_path / "held_out.csv")
    table = evaluate_pushback(read_held_out(tmp_path / "held_out.csv"), bootstrap=10, confidence=0.95, seed=1)
    assert table.height == 0 and {"kind", "among", "f1", "f1_ci_low"} <= set(table.columns)


# what_was_asked_of_replies


def asked_of_replies(n, n_unanswered=0, **changes):
    lines = [
        {"conversation_id": f"c{number}", "n_replies": 1, "model": "m", "answered_by": "m-2", "prompt": "abc"}
        | {"temperature": 0}
        | ({"unanswered": "HTTP status 400"} if number < n_unanswered else {})
        for number in range(n)
    ]
    measured = replies_measured([(f"c{number}", True, []) for number in range(n + 20)]).with_columns(**changes)
    return what_was_asked_of_replies(lines, measured, dataset="own", min_conversations=10, min_users=10)


def test_the_share_of_replies_that_the_judge_saw_is_told():
    row = asked_of_replies(40)
    assert (row["n_judged"], row["n_selected"], row["replies_shown"]) == (40, 60, 0.5)


@pytest.mark.parametrize(("n", "shown"), [(0, 0), (3, None), (12, 12)])
def test_conversations_whose_replies_got_no_label_are_counted_from_the_floor_on(n, shown):
    assert asked_of_replies(40, n_unanswered=n)["n_unanswered"] == shown


@pytest.mark.parametrize(("n_affective", "told"), [(0, 40), (9, None), (10, 40)])
def test_a_number_judged_that_would_tell_a_small_number_of_affective_ones_is_hidden(n_affective, told):
    affective = pl.int_range(pl.len()) < n_affective
    assert asked_of_replies(40, affective=affective, included=affective)["n_judged"] == told


@pytest.mark.parametrize(("n_excluded", "told"), [(0, 40), (9, None), (10, 40)])
def test_so_is_one_that_would_tell_how_few_affective_ones_are_not_counted(n_excluded, told):
    assert asked_of_replies(40, included=pl.int_range(pl.len()) >= n_excluded)["n_judged"] == told
