"""Pushback at equal lengths of conversation, and by model family and period, with what must not be shown left blank."""

from datetime import UTC, datetime

import polars as pl
import pytest
from compare_pushback import compare_pushback, standardised_pushback

from shared import contracts
from shared.contracts import CATEGORIES

SETTINGS = {"dataset": "own", "bootstrap": 300, "confidence": 0.95, "seed": 3}
FLOORS = {"min_conversations": 10, "min_users": 10}


def measures(*groups):
    """Rows of measures; each group is (number of rows, of which push back, changes of the default row)."""
    rows = []
    for n, pushing, changes in groups:
        for number in range(n):
            key = f"c{len(rows):05}"
            row = {
                "conversation_id": key,
                "cluster": key,
                "author": len(rows),
                "compared": True,
                "n_assistant": 1,
                "categories": [],
            }
            row |= dict.fromkeys(["affective", "included", "pushback"], False) | changes
            rows.append(row | {"pushback": number < pushing})
    columns = contracts.Measures.types()
    named = ["conversation_id", "cluster", "author", "user_id", "started_at", "n_assistant", "categories"]
    named += ["compared", "affective", "included", "pushback"]
    return pl.DataFrame(rows, schema={name: columns[name] for name in named})


def affective(**changes):
    return {"affective": True, "included": True, "categories": ["coaching"]} | changes


def of(table, **where):
    return table.filter(**where).to_dicts()[0]


def standardised(*groups):
    return standardised_pushback(measures(*groups), min_conversations=10, **SETTINGS)


SHORT, LONG = {"n_assistant": 1}, {"n_assistant": 12}


def test_groups_of_equal_rates_at_each_length_have_equal_standardised_shares():
    # A tenth of the short and half of the long ones push back in both groups; the affective ones are mostly long.
    table = standardised(
        (100, 10, affective(**SHORT)), (300, 150, affective(**LONG)), (900, 90, SHORT), (100, 50, LONG)
    )
    here, there = of(table, group="affective"), of(table, group="not affective")
    assert here["estimate"] == there["estimate"] == 0.4
    assert there["share_naive"] == pytest.approx(0.14)
    assert there["ci_low"] < 0.4 < there["ci_high"]


def test_a_group_with_too_few_conversations_of_some_length_is_not_standardised():
    table = standardised((100, 10, affective(**SHORT)), (100, 50, affective(**LONG)), (900, 90, SHORT), (9, 4, LONG))
    assert of(table, group="not affective")["estimate"] is None


def test_a_length_that_no_affective_conversation_has_does_not_count():
    table = standardised((100, 10, affective(**SHORT)), (900, 90, SHORT), (400, 400, LONG))
    assert of(table, group="not affective")["estimate"] == pytest.approx(0.1, abs=0.02)


def test_without_affective_conversations_there_is_no_standard():
    table = standardised((100, 10, SHORT))
    assert table["estimate"].null_count() == table.height == 2 + len(CATEGORIES)


def parted(table, models, analyses=("by model", "over time"), **floors):
    origins = table.select("conversation_id").with_columns(model=pl.Series(models, dtype=pl.String))
    return compare_pushback(table, origins, analyses=set(analyses), floors=FLOORS | floors, **SETTINGS)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-3.5-turbo-0301", "gpt-3.5"),
        ("gpt-4-1106-preview", "gpt-4"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4.1-mini", "gpt-4.1"),
        ("o1-mini", "o1"),
        ("Claude-2", "claude-2"),
        ("vicuna-13b", "vicuna"),
        ("llama-2-13b-chat", "llama-2"),
        ("gpt4all-13b-snoozy", "gpt4all"),
        ("h2ogpt-oasst-open-llama-13b", "h2ogpt"),
        ("openai/gpt-4o", "gpt-4o"),
        ("models/us/Claude-2", "claude-2"),
        ("qwen2.5:7b", "qwen2.5"),
        ("4o", "other"),
        ("", "other"),
        (None, "not recorded"),
    ],
)
def test_models_belong_to_the_family_that_their_name_begins_with(model, family):
    table = measures((20, 0, {}))
    assert of(parted(table, [model] * 20, analyses=["by model"]), group="not affective")["value"] == family


def test_shares_are_given_for_each_family_and_each_quarter():
    day = datetime(2023, 5, 2, tzinfo=UTC)
    table = measures((100, 20, {"started_at": day}), (100, 60, {"started_at": day.replace(month=11)}))
    shares = parted(table, ["gpt-3.5-turbo"] * 150 + ["gpt-4"] * 50)
    cells = [(row["by"], row["value"], row["n_conversations"], row["share_naive"]) for row in shares.to_dicts()]
    assert cells == [
        ("model family", "gpt-3.5", 150, pytest.approx(70 / 150, abs=1e-6)),
        ("model family", "gpt-4", 50, 0.2),
        ("period", "2023 Q2", 100, 0.2),
        ("period", "2023 Q4", 100, 0.6),
    ]


@pytest.mark.parametrize("analyses", [[], ["by model"], ["over time"]])
def test_a_data_set_is_parted_only_by_what_it_allows(analyses):
    table = measures((50, 20, {"started_at": datetime(2023, 5, 2, tzinfo=UTC)}))
    found = set(parted(table, ["gpt-4"] * 50, analyses=analyses)["by"])
    assert found == {{"by model": "model family", "over time": "period"}[name] for name in analyses}


def test_what_lies_under_the_floor_is_blank_and_so_is_what_would_tell_it():
    table = measures((150, 50, {}), (60, 20, {}), (9, 0, {}))
    shares = parted(table, ["gpt-4"] * 150 + ["gpt-3.5"] * 60 + ["o1"] * 9, analyses=["by model"])
    assert {row["value"]: row["suppressed"] for row in shares.to_dicts()} == {
        "gpt-3.5": True,
        "gpt-4": False,
        "o1": True,
    }
    assert (
        shares.filter("suppressed")
        .select("n_conversations", "share_naive", "ci_low", "ci_high")
        .null_count()
        .sum_horizontal()
        .item()
        == 8
    )


def test_a_share_that_rests_on_few_conversations_with_pushback_is_blank():
    table = measures((150, 50, {}), (150, 40, {}), (150, 3, {}))
    shares = parted(table, ["gpt-4"] * 150 + ["gpt-3.5"] * 150 + ["o1"] * 150, analyses=["by model"])
    assert of(shares, value="o1")["share_naive"] is None
    # With both others shown, the three would follow from the total.
    assert of(shares, value="gpt-3.5")["share_naive"] is None
    assert of(shares, value="gpt-4")["share_naive"] is not None
