"""The instrument check: planted against recovered, on a few conversations worked out by hand."""

from pathlib import Path

import polars as pl
import pytest
from check_instrument import check_instrument

from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.labels import read_control_labels

LABELS = Path(__file__).parents[1] / "resources" / "control" / "labels.csv"


def check(*conversations):
    """Check of conversations, each a pair of (planted, recovered) changes of a conversation that is nothing."""
    planted, recovered = [], []
    for number, (truth, found) in enumerate(conversations):
        planted.append(
            {
                "conversation_id": f"c{number}",
                "content_creation": False,
                "affective": bool(truth.get("categories")),
                "categories": [],
                "pushback": [],
                "sentiment_start": None,
                "sentiment_end": None,
            }
            | truth
        )
        kinds = found.get("kinds", [])
        included = bool(found.get("categories"))
        recovered.append(
            {
                "conversation_id": f"c{number}",
                "n_human": 6,
                "content_creation": False,
                "affective": included,
                "included": included,
                "categories": [],
                "pushback": bool(kinds),
                **{kind: kind in kinds for kind in PUSHBACK_KINDS},
                "level_start": None,
                "level_end": None,
            }
            | {key: value for key, value in found.items() if key != "kinds"}
        )
    floats = ["sentiment_start", "sentiment_end", "level_start", "level_end"]
    labels = pl.DataFrame(
        planted,
        infer_schema_length=None,
        schema_overrides={"categories": pl.List(pl.String), "pushback": pl.List(pl.String)}
        | dict.fromkeys(floats[:2], pl.Float64),
    )
    measures = pl.DataFrame(
        recovered,
        infer_schema_length=None,
        schema_overrides={"categories": pl.List(pl.Enum(CATEGORIES))} | dict.fromkeys(floats[2:], pl.Float64),
    )
    return check_instrument(measures, labels, min_human_messages_roleplay=4)


def quantity(table, name):
    found = table.filter(quantity=name)
    assert found.height == 1
    return found.row(0, named=True)


def of(*categories, **more):
    return {"categories": list(categories)} | more


def felt(start, end):
    """Sentiment as it is planted (-2 to 2)."""
    return {"sentiment_start": start, "sentiment_end": end}


def level(start, end):
    """Sentiment as it is recovered (-1 to 1)."""
    return {"level_start": start, "level_end": end}


def test_shares_precision_and_recall_of_a_category():
    found = quantity(
        check((of("coaching"), of("coaching")), (of("coaching"), {}), ({}, of("coaching")), ({}, {}), ({}, {})),
        "share coaching",
    )
    assert [found[name] for name in ("n_conversations", "planted", "recovered", "precision", "recall")] == [
        5,
        0.4,
        0.4,
        0.5,
        0.5,
    ]


def test_a_mixed_up_category_costs_the_one_precision_and_the_other_recall():
    table = check((of("coaching"), of("interpersonal")))
    assert (quantity(table, "share coaching")["recall"], quantity(table, "share interpersonal")["precision"]) == (0, 0)


def test_what_is_neither_planted_nor_recovered_has_no_precision_and_no_recall():
    found = quantity(check((of("coaching"), of("coaching"))), "share romantic")
    assert [found[name] for name in ("planted", "recovered", "precision", "recall")] == [0.0, 0.0, None, None]


@pytest.mark.parametrize(("n_human", "planted"), [(3, 0.0), (4, 1.0)])
def test_the_studys_rule_for_roleplay_holds_for_the_planted_truth_too(n_human, planted):
    table = check((of("roleplay"), {"n_human": n_human}))
    assert quantity(table, "share roleplay")["planted"] == planted
    assert quantity(table, "share included")["planted"] == planted
    assert quantity(table, "share affective")["planted"] == 1.0


def test_affective_content_creation_is_planted_as_affective_but_not_as_included():
    table = check((of("coaching", content_creation=True), {}))
    assert quantity(table, "share affective")["planted"] == 1.0
    assert quantity(table, "share content creation")["planted"] == 1.0
    assert quantity(table, "share included")["planted"] == 0.0


def test_pushback_is_compared_as_any_and_kind_by_kind():
    table = check(
        ({"pushback": ["refusal"]}, {"kinds": ["challenge"]}),
        ({"pushback": ["refusal", "boundary"]}, {"kinds": ["refusal"]}),
    )
    assert quantity(table, "share with any pushback")["recall"] == 1.0
    assert quantity(table, "share with refusal")["recall"] == 0.5
    assert quantity(table, "share with boundary")["recall"] == 0.0
    assert quantity(table, "share with challenge")["precision"] == 0.0


def test_planted_sentiment_is_halved_onto_the_recovered_scale():
    table = check((felt(-2, 1), level(-0.5, 0.5)), (felt(0, 1), level(0.0, 1.0)))
    start, end, change = (
        quantity(table, name)
        for name in ("mean sentiment, first messages", "mean sentiment, last messages", "mean change of sentiment")
    )
    assert (start["planted"], start["recovered"]) == (-0.5, -0.25)
    assert (end["planted"], end["recovered"]) == (0.5, 0.75)
    assert (change["planted"], change["recovered"]) == (1.0, 1.0)


def test_conversations_without_sentiment_on_either_side_are_left_out_of_its_means():
    table = check((felt(-2, 1), level(-0.5, 0.5)), (felt(2, 2), {}), ({}, level(1.0, 1.0)))
    found = quantity(table, "mean sentiment, first messages")
    assert (found["n_conversations"], found["planted"]) == (1, -1.0)


def test_changes_in_the_same_order_have_a_rank_correlation_of_one():
    table = check((felt(0, -1), level(0, -0.9)), (felt(0, 0), level(0, 0.1)), (felt(0, 2), level(0, 0.2)))
    assert quantity(table, "rank correlation of change, planted with recovered")["recovered"] == 1.0


def test_changes_in_the_opposite_order_have_a_rank_correlation_of_minus_one():
    table = check((felt(0, 2), level(0, -0.9)), (felt(0, 0), level(0, 0.1)), (felt(0, -1), level(0, 0.2)))
    assert quantity(table, "rank correlation of change, planted with recovered")["recovered"] == -1.0


def test_two_conversations_are_too_few_for_a_correlation():
    table = check((felt(0, 2), level(0, -0.9)), (felt(0, 0), level(0, 0.1)))
    assert quantity(table, "rank correlation of change, planted with recovered")["recovered"] is None


def test_only_conversations_with_both_measures_and_labels_are_compared():
    labels = read_control_labels(LABELS).head(3)
    measures = pl.DataFrame(
        {
            "conversation_id": ["control-001", "elsewhere"],
            "n_human": [6, 6],
            "content_creation": [False, False],
            "affective": [True, True],
            "included": [True, True],
            "categories": [["counselling"], ["coaching"]],
            "pushback": [False, True],
            **{kind: [False, True] for kind in PUSHBACK_KINDS},
            "level_start": [-0.5, 0.0],
            "level_end": [-0.5, 0.0],
        },
        schema_overrides={"categories": pl.List(pl.Enum(CATEGORIES))},
    )
    found = quantity(check_instrument(measures, labels, min_human_messages_roleplay=4), "share counselling")
    assert (found["n_conversations"], found["planted"], found["recovered"]) == (1, 1.0, 1.0)
