"""Joining the measures: one row per conversation, windows of sentiment, first reason of pushback."""

from datetime import UTC, datetime

import polars as pl
import pytest
from join_measures import join_measures

from shared import contracts
from shared.contracts import CATEGORIES, CLASSES, PUSHBACK_KINDS
from shared.job import InputError
from shared.levels import at_ends


def sentiment(levels, *, conversation_id="a"):
    return pl.DataFrame(
        {
            "conversation_id": [conversation_id] * len(levels),
            "turn": [2 * number for number in range(len(levels))],
            "compound": [None if level is None else level / 2 for level in levels],
            "level": levels,
            "scorable": [level is not None for level in levels],
            "mask": [None] * len(levels),
        },
        schema={
            "conversation_id": pl.String,
            "turn": pl.Int32,
            "compound": pl.Float64,
            "level": pl.Float64,
            "scorable": pl.Boolean,
            "mask": pl.String,
        },
    )


def conversations(users):
    return pl.DataFrame(
        {
            "conversation_id": list(users),
            "user_id": list(users.values()),
            "started_at": [datetime(2024, 1, 2, tzinfo=UTC)] * len(users),
            "n_human": [3] * len(users),
            "n_assistant": [3] * len(users),
        },
        schema={
            "conversation_id": pl.String,
            "user_id": pl.String,
            "started_at": pl.Datetime("us", "UTC"),
            "n_human": pl.Int32,
            "n_assistant": pl.Int32,
        },
    )


def origins(users):
    return pl.DataFrame(
        {
            "conversation_id": list(users),
            "cluster": [user or name for name, user in users.items()],
            "author": [number for number, _ in enumerate(users)],
            "person": [user is not None for user in users.values()],
        },
        schema={"conversation_id": pl.String, "cluster": pl.String, "author": pl.UInt64, "person": pl.Boolean},
    )


def affect(ids):
    return pl.DataFrame(
        {
            "conversation_id": ids,
            "candidate": [True] * len(ids),
            **{f"p_{name}": [0.5] * len(ids) for name in CLASSES},
            "content_creation": [False] * len(ids),
            "affective": [True] * len(ids),
            "included": [True] * len(ids),
            "categories": [["coaching"]] * len(ids),
            "professional": [False] * len(ids),
            "compared": [True] * len(ids),
        },
        schema_overrides={"categories": pl.List(pl.Enum(CATEGORIES))},
    )


def pushback(*rows):
    return pl.DataFrame(
        list(rows),
        schema={"conversation_id": pl.String, "turn": pl.Int32, "kind": pl.Enum(PUSHBACK_KINDS), "reason": pl.String},
        orient="row",
    )


def joined(*pushed, users=None, levels=(0.0, 0.5, 1.0)):
    users = users or {"a": "u1", "b": None}
    return contracts.Measures.checked(
        join_measures(
            conversations(users),
            origins(users),
            affect(list(users)),
            pushback(*pushed),
            sentiment(list(levels)),
            window=2,
        ).sort("conversation_id")
    )


def test_start_and_end_are_the_means_of_their_windows():
    row = at_ends(sentiment([-1.0, 0.0, 0.5, 1.0, 0.5]), ["level", "compound"], window=3).row(0, named=True)
    assert row["level_start"] == pytest.approx(-0.5 / 3)
    assert row["level_end"] == pytest.approx(2 / 3)
    assert row["compound_end"] == pytest.approx(1 / 3)


def test_the_window_follows_the_turns_and_not_the_order_of_rows():
    row = at_ends(sentiment([-1.0, 0.0, 1.0]).reverse(), ["level", "compound"], window=1).row(0, named=True)
    assert (row["level_start"], row["level_end"]) == (-1.0, 1.0)


def test_a_message_that_is_not_scorable_holds_its_place_in_the_window():
    row = at_ends(sentiment([None, 0.5, 1.0, -1.0]), ["level", "compound"], window=2).row(0, named=True)
    assert row["level_start"] == 0.5


def test_a_window_without_a_scorable_message_is_neutral():
    row = at_ends(sentiment([None, None, 1.0]), ["level", "compound"], window=2).row(0, named=True)
    assert (row["level_start"], row["level_end"]) == (0.0, 1.0)


def test_conversations_in_are_conversations_out():
    assert joined()["conversation_id"].to_list() == ["a", "b"]


def test_cluster_and_person_come_from_the_origins():
    assert joined().select("cluster", "person").rows() == [("u1", True), ("b", False)]


def test_a_conversation_without_pushback_has_false_and_zero_and_no_reason():
    row = joined().row(0, named=True)
    assert [row[kind] for kind in [*PUSHBACK_KINDS, "pushback"]] == [False] * 5
    assert (row["n_pushback"], row["reason"]) == (0, None)


def test_messages_with_pushback_are_counted_once_however_many_kinds_they_have():
    row = joined(
        ("a", 1, "refusal", "sexual"), ("a", 1, "redirect", "sexual"), ("a", 3, "refusal", "privacy")
    ).row(0, named=True)  # fmt: skip
    assert (row["n_pushback"], row["refusal"], row["redirect"], row["challenge"]) == (2, True, True, False)


def test_the_reason_is_that_of_the_first_pushback():
    row = joined(("a", 5, "refusal", "privacy"), ("a", 1, "challenge", "self_talk")).row(0, named=True)
    assert row["reason"] == "self_talk"


def test_pushback_stays_with_its_own_conversation():
    assert joined(("b", 1, "boundary", "ai_status"))["boundary"].to_list() == [False, True]


def test_a_conversation_too_short_for_sentiment_has_none():
    assert joined()["level_end"].to_list() == [0.75, None]


def test_no_text_comes_along():
    assert "messages" not in joined().columns


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"affect": affect(["a"])}, "selected conversations: 2 came in, 1 are"),
        ({"affect": affect(["a", "b", "c"])}, "rows of affect: 3 came in, 2 are"),
        ({"pushback": pushback(("c", 1, "refusal", "sexual"))}, "rows of pushback: 1 came in, 0 are"),
        ({"sentiment": sentiment([0.0, 1.0], conversation_id="c")}, "rows of sentiment: 2 came in, 0 are"),
    ],
    ids=["no affect", "other affect", "other pushback", "other sentiment"],
)
def test_measures_of_other_conversations_than_the_selected_ones_are_refused(tables, words):
    measured = {"affect": affect(["a", "b"]), "pushback": pushback(), "sentiment": sentiment([0.0])} | tables
    with pytest.raises(InputError, match=words):
        join_measures(conversations({"a": None, "b": None}), origins({"a": None, "b": None}), **measured, window=1)


def test_two_rows_for_one_conversation_are_refused():
    with pytest.raises(pl.exceptions.ComputeError):
        join_measures(
            conversations({"a": None}), origins({"a": None}), affect(["a", "a"]), pushback(), sentiment([0.0]), window=1
        )
