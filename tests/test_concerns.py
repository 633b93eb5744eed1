"""The study's concerns: what the phrases find, how right they are, and what of it is published."""

from pathlib import Path

import polars as pl
import pytest
import yaml
from estimate_concerns import BY_USE, estimate_concerns
from evaluate_concerns import evaluate_concerns
from find_concerns import find_concerns
from gather_affective import gather_affective
from hypothesis import given
from hypothesis import strategies as st
from plot_concerns import MOST, drawn, plot_concerns
from test_estimates import affective, measures, row

from shared import contracts
from shared.contracts import CATEGORIES
from shared.features import MESSAGE_CHARACTERS, in_words
from shared.figures import read_table
from shared.findings import on_concerns
from shared.statistics import jeffreys_interval
from shared.tables import hidden_parts, small

ROOT = Path(__file__).parents[1]
TAXONOMY = yaml.safe_load((ROOT / "config" / "concerns.yaml").read_text(encoding="utf-8"))["concerns"]
SEA = {
    "harbours": {"title": "Harbours", "named_in": ["coaching"], "phrases": ["the harbour", "can't moor"]},
    "storms": {"title": "Storms", "named_in": ["long"], "phrases": ["a storm", "gale"]},
}
FLOORS = {"min_conversations": 10, "min_users": 10}


def gathered(*texts):
    """Conversations of the human messages given, each a list."""
    schema = contracts.Gathered.types()
    rows = [
        {
            "conversation_id": f"c{number:04}",
            "author": number,
            "categories": ["coaching"],
            "n_human": len(messages),
            "messages": [{"role": "human", "text": text} for text in messages],
        }
        for number, messages in enumerate(texts)
    ]
    return pl.DataFrame(rows, schema=schema)


def concerns_of(*texts):
    return find_concerns(gathered(*texts), SEA)["concerns"].to_list()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("We left THE HARBOUR at noon.", ["harbours"]),
        ("I cannot see the harbourmaster, nor a regale", []),
        ("I can\u2019t moor her in a  storm!", ["harbours", "storms"]),
        ("the. harbour", ["harbours"]),
        ("", []),
    ],
)
def test_a_concern_is_found_by_whole_phrases_whatever_their_case_and_punctuation(text, names):
    assert concerns_of([text]) == [names]


def test_a_phrase_in_any_message_is_enough_but_none_runs_over_two_messages():
    assert concerns_of(["hello", "and then a storm came"], ["so I said the", "gulls left"]) == [["storms"], []]


def test_found_concerns_keep_their_contract_without_any_conversation():
    assert contracts.Concerns.checked(find_concerns(gathered(), SEA)).height == 0


def test_every_declared_concern_has_a_definition_and_phrases_each_once():
    named_in = {*CATEGORIES, "long"}
    for concern in TAXONOMY.values():
        assert set(concern) == {"title", "named_in", "definition", "counts_not", "phrases"}
        assert concern["named_in"] and set(concern["named_in"]) <= named_in
        spelt = in_words(concern["phrases"])
        assert len(set(spelt)) == len(spelt) and all(spelt)


def test_shipped_evaluation_knows_every_declared_concern():
    evaluation = pl.read_csv(ROOT / "resources" / "models" / "concerns_evaluation.csv")
    assert evaluation["concern"].to_list() == list(TAXONOMY)
    assert evaluation.filter(pl.col("n_both") > pl.min_horizontal("n_found", "n_meant", "n_read")).height == 0


def test_labels_name_declared_concerns_and_each_conversation_once():
    labels = pl.read_csv(ROOT / "resources" / "labels" / "concerns.csv", infer_schema=False)
    named = labels["concerns"].drop_nulls().str.split("|").explode()
    assert set(named) <= set(TAXONOMY)
    assert labels.select(pl.struct("source", "conversation_id").is_duplicated().any()).item() is False


def test_evaluation_counts_what_was_found_meant_and_both():
    labelled = gathered(["a gale"], ["a gale in the harbour"], ["calm"]).with_columns(
        concerns=pl.Series([["storms"], [], ["storms", "harbours"]], dtype=pl.List(pl.String))
    )
    found = evaluate_concerns(labelled, SEA).rows_by_key("concern", named=True, unique=True)
    assert found["storms"] == {"n_read": 3, "n_found": 2, "n_meant": 2, "n_both": 1}
    assert found["harbours"] == {"n_read": 3, "n_found": 1, "n_meant": 1, "n_both": 0}


def test_gathered_are_the_included_with_their_human_messages_cut():
    said = [("human", "x" * 2_000), ("assistant", "no"), ("human", "so")]
    selected = pl.DataFrame(
        {
            "conversation_id": ["a", "b"],
            "user_id": [None, "u"],
            "first_prompt": [1, 1],
            "n_human": [2, 2],
            "messages": [[{"role": role, "text": text} for role, text in said]] * 2,
        },
        schema={
            "conversation_id": pl.String,
            "user_id": pl.String,
            "first_prompt": pl.UInt64,
            "n_human": pl.Int32,
            "messages": contracts.MESSAGES,
        },
    )
    affect = pl.DataFrame(
        {"conversation_id": ["b", "a"], "included": [True, False], "categories": [["coaching"], []]},
        schema_overrides={"categories": pl.List(pl.Enum(CATEGORIES))},
    )
    kept = contracts.Gathered.checked(gather_affective(selected.lazy(), affect)).to_dicts()
    assert [(entry["conversation_id"], entry["n_human"]) for entry in kept] == [("b", 2)]
    assert [message["text"] for message in kept[0]["messages"]] == ["x" * MESSAGE_CHARACTERS, "so"]


# Shares


def published(table, has, evaluation=None, **options):
    """Concerns of measures in which the first `has[name]` rows that are included have a concern."""
    included = table.filter("included")
    found = included.select("conversation_id").with_row_index("row")
    lists = [[name for name in SEA if row < has.get(name, 0)] for row in found["row"]]
    empty = pl.DataFrame(schema={"concern": pl.String, "n_found": pl.Int64, "n_both": pl.Int64})
    return estimate_concerns(
        table,
        found.drop("row").with_columns(concerns=pl.Series(lists, dtype=pl.List(pl.String))),
        empty if evaluation is None else evaluation,
        SEA,
        **{"dataset": "own", "floors": FLOORS, "bootstrap": 200, "confidence": 0.95, "seed": 3, **options},
    )


def test_shares_are_of_the_category_with_intervals_around_them():
    found = row(published(measures((60, affective("coaching"))), {"storms": 24}), category="coaching", concern="Storms")
    assert (found["n_conversations"], found["n_of"], found["share"]) == (24, 60, 0.4)
    assert 0.2 < found["ci_low"] < 0.4 < found["ci_high"] < 0.6


def test_named_says_where_the_study_names_a_concern():
    table = published(measures((60, affective("coaching"))), {})
    assert table.filter("named", category="coaching")["concern"].to_list() == ["Harbours"]


def test_precision_is_that_of_the_labels_with_its_interval():
    evaluation = pl.DataFrame({"concern": ["storms"], "n_found": [20], "n_both": [15]})
    table = published(measures((60, affective("coaching"))), {}, evaluation)
    found = row(table, category="coaching", concern="Storms")
    assert (found["precision"], found["precision_ci_low"], found["precision_ci_high"]) == jeffreys_interval(
        15, 20, confidence=0.95
    )
    assert row(table, category="coaching", concern="Harbours")["precision"] is None


@pytest.mark.parametrize("k", [1, 9, 51, 59])
def test_a_few_with_a_concern_or_a_few_without_it_are_hidden(k):
    found = row(published(measures((60, affective("coaching"))), {"storms": k}), category="coaching", concern="Storms")
    assert found["suppressed"] and found["n_conversations"] is found["share"] is found["ci_low"] is None
    assert found["n_of"] == 60


def test_a_concern_that_nobody_has_is_published_as_such():
    found = row(published(measures((60, affective("coaching"))), {}), category="coaching", concern="Storms")
    assert (found["suppressed"], found["n_conversations"], found["share"]) == (False, 0, 0.0)


def test_a_hidden_count_cannot_be_told_from_the_other_categories_since_the_whole_is_hidden_too():
    table = measures((4, affective("romantic")), (30, affective("coaching")), (60, affective("counselling")))
    shown = published(table, {"storms": 54}).filter(concern="Storms")
    # 4 romantic, 30 coaching, 20 counselling: were the 54 shown, 54 - 30 - 20 would tell the 4.
    assert {r["category"]: r["n_conversations"] for r in shown.to_dicts() if r["n_conversations"]} == {
        "coaching": 30,
        "counselling": 20,
    }


def test_the_whole_is_shown_where_no_category_can_be():
    table = measures((4, affective("romantic")), (8, affective("coaching")), (60, affective("counselling")))
    shown = published(table, {"storms": 14}).filter(concern="Storms")
    # 4 romantic, 8 coaching, 2 counselling.
    assert {r["category"]: r["n_conversations"] for r in shown.to_dicts() if r["n_conversations"]} == {"affective": 14}


def test_counselling_is_parted_into_professional_and_personal_unless_one_of_them_is_small():
    counselling = affective("counselling")
    large = measures((20, counselling | {"professional": True}), (40, counselling | {"professional": False}))
    few = measures((5, counselling | {"professional": True}), (40, counselling | {"professional": False}))
    counts = [
        [row(published(table, {}), concern=title)["n_conversations"] for title in BY_USE] for table in (large, few)
    ]
    assert counts == [[20, 40], [None, None]]


def test_of_few_in_counselling_not_even_that_none_is_a_professional_is_said():
    found = row(
        published(measures((3, affective("counselling")), (40, {})), {}), concern="Professional counselling work"
    )
    assert found["suppressed"] and found["n_conversations"] is found["share"] is found["ci_high"] is None


def test_too_few_users_hide_a_concern_however_many_conversations_they_have():
    rows = [(1, affective("coaching", user_id=f"u{number % 30}")) for number in range(90)]
    table = measures(*rows)
    found = row(published(table.sort("cluster"), {"storms": 15}), category="coaching", concern="Storms")
    assert found["suppressed"]


# Which parts of a whole may be shown


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_what_is_left_of_a_whole_beside_the_parts_shown_is_never_small(sizes):
    parts, start = {}, 0
    for name, size in enumerate(sizes):
        keys = [f"c{start + number}" for number in range(size)]
        parts[str(name)] = pl.DataFrame(
            {"conversation_id": keys, "author": keys}, schema=[("conversation_id", pl.String), ("author", pl.String)]
        )
        start += size
    hidden = hidden_parts(parts, **FLOORS)
    assert not any(small(part, **FLOORS) for name, part in parts.items() if name not in hidden)
    rest = sum(parts[name].height for name in hidden)
    assert rest == 0 or rest >= 10 or hidden == {name for name in parts if parts[name].height}


def test_no_part_is_hidden_for_one_that_stands_wholly_inside_another():
    keys = pl.DataFrame({"conversation_id": [f"c{n}" for n in range(30)], "author": [f"c{n}" for n in range(30)]})
    parts = {"all of it": keys, "a few of the same": keys.head(4)}
    assert hidden_parts(parts, **FLOORS) == {"a few of the same"}


@pytest.mark.parametrize(
    ("successes", "n", "share", "low", "high"), [(0, 10, 0, 0, 0.22), (10, 10, 1, 0.78, 1), (5, 10, 0.5, 0.22, 0.78)]
)
def test_interval_of_a_precision_follows_jeffreys(successes, n, share, low, high):
    found = jeffreys_interval(successes, n, confidence=0.95)
    assert found == pytest.approx((share, low, high), abs=0.006)


# What the report shows of it


def test_figure_draws_the_most_frequent_concerns_of_each_category_and_none_that_is_hidden(tmp_path):
    table = published(measures((60, affective("coaching"))), {"storms": 24, "harbours": 40})
    assert drawn(table)["concern"].to_list() == ["Harbours", "Storms"]
    wide = pl.concat([table.with_columns(pl.col("concern") + str(number)) for number in range(5)])
    assert drawn(wide).height == MOST
    path = tmp_path / "figure.svg"
    plot_concerns(table, str(path))
    assert "Harbours" in path.read_text(encoding="utf-8")


def test_a_table_of_which_everything_is_hidden_is_read_and_drawn(tmp_path):
    table = published(measures((60, affective("coaching"))), {"storms": 24}).with_columns(
        n_conversations=pl.lit(None, pl.Int64), suppressed=pl.lit(True)
    )
    table.write_csv(tmp_path / "concerns.csv")
    plot_concerns(read_table(tmp_path / "concerns.csv", {"own": "Own logs"}), str(tmp_path / "figure.svg"))
    assert "No concern" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_figure_without_anything_to_draw_says_so(tmp_path):
    path = tmp_path / "figure.svg"
    plot_concerns(published(measures((5, affective("coaching"))), {"storms": 2}), str(path))
    assert "No concern is spoken of" in path.read_text(encoding="utf-8")


def test_takeaway_names_the_most_frequent_concern_or_says_that_there_are_too_few():
    table = published(measures((60, affective("coaching"))), {"storms": 24, "harbours": 40}).to_dicts()
    few = published(measures((60, affective("coaching"))), {"storms": 4}).to_dicts()
    assert "most often spoken of is harbours" in on_concerns(table, {"own": "own"})
    assert "too few" in on_concerns(few, {"own": "own"})
