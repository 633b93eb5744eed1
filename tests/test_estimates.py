"""The published tables: prevalence, pushback, sentiment, topics, funnel, and the privacy floors over all of them."""

import numpy as np
import polars as pl
import pytest
from count_funnel import count_funnel
from estimate_prevalence import estimate_prevalence, held_out_pair
from estimate_pushback import count_by, error_rates_for, estimate_pushback
from estimate_sentiment import estimate_sentiment
from estimate_topics import MERGED, UNNAMED, estimate_topics
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.tables import in_group, published

SETTINGS = {"dataset": "own", "bootstrap": 400, "confidence": 0.95, "seed": 3}
FLOORS = {"min_conversations": 10, "min_users": 10}
CLASS_COLUMNS = ["content_creation", "affective", *CATEGORIES, "included"]


def measures(*groups):
    """Rows of measures; each group is (number of rows, changes of the default row)."""
    rows = []
    for n, changes in groups:
        for _ in range(n):
            row = {
                "conversation_id": f"c{len(rows):04}",
                "user_id": None,
                "n_human": 6,
                "n_assistant": 5,
                "content_creation": False,
                "affective": False,
                "included": False,
                "categories": [],
                **dict.fromkeys(PUSHBACK_KINDS, False),
                "pushback": False,
                "n_pushback": 0,
                "reason": None,
                "level_start": None,
                "level_end": None,
                "compound_start": None,
                "compound_end": None,
            } | changes
            rows.append(row | {"cluster": row["user_id"] or row["conversation_id"]})
    floats = {f"{scale}_{end}": pl.Float64 for scale in ("level", "compound") for end in ("start", "end")}
    return pl.DataFrame(
        rows,
        infer_schema_length=None,
        schema_overrides={
            "user_id": pl.String,
            "reason": pl.String,
            "categories": pl.List(pl.Enum(CATEGORIES)),
            **floats,
        },
    )


def affective(*categories, **changes):
    return {"affective": True, "included": True, "categories": list(categories)} | changes


def held_out(*groups, source="own", weight=1.0):
    """Labelled conversations; each group is (n, predicted classes, true classes)."""
    rows = [
        {"source": source, "weight": weight}
        | {f"predicted_{name}": int(name in predicted) for name in CLASS_COLUMNS}
        | {f"true_{name}": int(name in true) for name in CLASS_COLUMNS}
        for n, predicted, true in groups
        for _ in range(n)
    ]
    return pl.DataFrame(rows, schema_overrides={"weight": pl.Float64})


COACHING = {"affective", "included", "coaching"}
PERFECT = held_out((300, COACHING, COACHING), (300, set(), set()))


def row(table, **where):
    found = table.filter(**where)
    assert found.height == 1
    return found.row(0, named=True)


# Groups


@pytest.mark.parametrize(
    ("group", "members"),
    [
        ("affective", [0, 1]),
        ("not affective", [2]),
        ("content creation", [2, 3]),
        ("coaching", [1]),
        ("roleplay", [0]),
        ("companionship or roleplay", [0]),
        ("interpersonal or coaching", [1]),
    ],
)
def test_groups_hold_what_the_study_counts(group, members):
    table = measures(
        (1, affective("roleplay")),
        (1, affective("interpersonal", "coaching")),
        (1, {"content_creation": True}),
        (1, affective("coaching") | {"content_creation": True, "included": False}),
    )
    found = table.with_row_index().filter(in_group(group))["index"].to_list()
    assert found == members


# Prevalence


def test_shares_found_are_plain_counts():
    table = estimate_prevalence(measures((20, affective("coaching")), (80, {})), PERFECT, **SETTINGS)
    found = row(table, group="affective", share_of="all")
    assert (found["n_conversations"], found["n_of"], found["share_naive"]) == (20, 100, 0.2)


def test_shares_of_affective_have_the_affective_as_their_base():
    table = estimate_prevalence(
        measures((15, affective("coaching")), (5, affective("romantic")), (80, {})), PERFECT, **SETTINGS
    )
    found = row(table, group="coaching", share_of="affective")
    assert (found["n_conversations"], found["n_of"], found["share_naive"]) == (15, 20, 0.75)


def test_a_faultless_classifier_is_hardly_corrected():
    table = estimate_prevalence(measures((200, affective("coaching")), (800, {})), PERFECT, **SETTINGS)
    assert row(table, group="affective", share_of="all")["estimate"] == pytest.approx(0.2, abs=0.02)


def test_a_classifier_that_is_right_in_half_of_its_finds_is_corrected_by_half():
    labels = held_out((500, COACHING, COACHING), (500, COACHING, set()), (2_000, set(), set()))
    table = estimate_prevalence(measures((400, affective("coaching")), (600, {})), labels, **SETTINGS)
    found = row(table, group="affective", share_of="all")
    assert found["estimate"] == pytest.approx(0.2, abs=0.02)
    assert found["ci_low"] < 0.2 < found["ci_high"]
    assert found["correction"] == "labelled probability sample of own"


def test_without_own_labels_error_rates_come_from_other_sources():
    labels = held_out((800, COACHING, COACHING), (200, set(), COACHING), (1_000, set(), set()), source="other")
    table = estimate_prevalence(measures((160, affective("coaching")), (840, {})), labels, **SETTINGS)
    found = row(table, group="affective", share_of="all")
    assert found["estimate"] == pytest.approx(0.16 / 0.8, abs=0.02)
    assert found["correction"] == "error rates carried over from other sources"


def test_a_handful_of_own_labels_gives_way_to_other_sources():
    labels = pl.concat([held_out((20, COACHING, COACHING)), held_out((200, set(), set()), source="other")])
    table = estimate_prevalence(measures((50, affective("coaching")), (50, {})), labels, **SETTINGS)
    assert set(table.filter(share_of="all")["correction"]) == {"error rates carried over from other sources"}


def test_without_users_there_is_one_weighting_and_no_count_of_users():
    table = estimate_prevalence(measures((5, affective("coaching")), (5, {})), PERFECT, **SETTINGS)
    assert set(table["weighting"]) == {"conversation"}
    assert table["n_users"].to_list() == [None] * table.height


def test_by_user_every_user_counts_once():
    table = estimate_prevalence(
        measures((9, affective("coaching", user_id="busy")), (1, {"user_id": "b"}), (1, {"user_id": "c"})),
        PERFECT,
        **SETTINGS,
    )
    by_user = row(table, group="affective", share_of="all", weighting="user")
    by_conversation = row(table, group="affective", share_of="all", weighting="conversation")
    assert (by_user["share_naive"], by_conversation["share_naive"]) == (0.333333, 0.818182)
    assert by_user["n_users"] == 1


def test_every_estimand_has_a_row_even_where_no_conversation_is_affective():
    table = estimate_prevalence(measures((30, {})), PERFECT, **SETTINGS)
    assert table.height == 16
    assert row(table, group="coaching", share_of="affective")["share_naive"] is None


def test_the_same_seed_gives_the_same_prevalence():
    table = measures((20, affective("coaching")), (80, {}))
    assert estimate_prevalence(table, PERFECT, **SETTINGS).equals(estimate_prevalence(table, PERFECT, **SETTINGS))


def test_all_shares_are_probabilities_with_the_estimate_inside_its_interval():
    table = estimate_prevalence(
        measures((30, affective("coaching", "interpersonal")), (70, {"content_creation": True})), PERFECT, **SETTINGS
    ).drop_nulls("estimate")
    for low, middle, high in table.select("ci_low", "estimate", "ci_high").iter_rows():
        assert 0 <= low <= middle <= high <= 1


@pytest.mark.parametrize(
    ("group", "predicted", "true"),
    [
        ("affective", True, True),
        ("coaching", True, False),
        ("interpersonal or coaching", True, True),
        ("content creation", False, False),
        ("roleplay", False, False),
    ],
)
def test_labels_and_decisions_of_a_group_are_paired(group, predicted, true):
    table = held_out((1, {"included", "coaching"}, {"included", "interpersonal"}))
    assert [value.tolist() for value in held_out_pair(table, group)] == [[predicted], [true]]


def test_a_category_counts_only_in_a_conversation_that_is_included():
    table = held_out((1, {"coaching"}, {"coaching", "content_creation"}))
    assert [value.tolist() for value in held_out_pair(table, "coaching")] == [[False], [False]]


# Pushback


def rule_labels(*groups):
    """Each group is (n, true_affective, predicted_any, true_any, weight)."""
    columns = ["true_affective", "predicted_any", "true_any", "weight"]
    rows = [values for n, *values in groups for _ in range(n)]
    return pl.DataFrame(rows, schema=columns, orient="row", schema_overrides={"weight": pl.Float64})


FAULTLESS_RULES = rule_labels((500, 1, 1, 1, 1.0), (500, 1, 0, 0, 1.0), (500, 0, 1, 1, 1.0), (500, 0, 0, 0, 1.0))
PUSHED = {"pushback": True, "n_pushback": 1, "refusal": True, "reason": "privacy"}


def test_share_with_pushback_is_a_plain_count_of_the_group():
    table = estimate_pushback(
        measures((3, affective("coaching") | PUSHED), (9, affective("coaching")), (8, PUSHED)),
        FAULTLESS_RULES,
        **SETTINGS,
    )
    found = row(table, group="coaching")
    assert (found["n_conversations"], found["n_with_pushback"], found["share_naive"]) == (12, 3, 0.25)


def test_share_of_messages_counts_messages_and_not_conversations():
    table = estimate_pushback(
        measures((40, affective("coaching", n_assistant=5) | PUSHED | {"n_pushback": 2})), FAULTLESS_RULES, **SETTINGS
    )
    found = row(table, group="coaching")
    assert (found["share_of_assistant_messages"], found["message_ci_low"], found["message_ci_high"]) == (0.4, 0.4, 0.4)


def test_rules_that_miss_half_are_corrected_by_double():
    labels = rule_labels((500, 1, 1, 1, 1.0), (500, 1, 0, 1, 1.0), (2_000, 1, 0, 0, 1.0), (9, 0, 1, 1, 1.0))
    table = estimate_pushback(
        measures((200, affective("coaching") | PUSHED), (800, affective("coaching"))), labels, **SETTINGS
    )
    assert row(table, group="coaching")["estimate"] == pytest.approx(0.4, abs=0.05)


def test_a_group_without_conversations_has_counts_of_zero_and_no_share():
    found = row(estimate_pushback(measures((5, {})), FAULTLESS_RULES, **SETTINGS), group="romantic")
    assert (found["n_conversations"], found["n_with_pushback"], found["share_naive"], found["estimate"]) == (
        0,
        0,
        None,
        None,
    )


def test_error_rates_of_affective_groups_come_from_affective_labels():
    labels = rule_labels((2, 1, 1, 0, None), (1, 0, 0, 1, 4.0), (1, 0, 1, 1, None))
    predicted, true, weight = error_rates_for(labels, "coaching")
    assert (predicted.tolist(), true.tolist(), weight.tolist()) == ([True, True], [False, False], [1.0, 1.0])


def test_error_rates_of_the_not_affective_come_from_weighted_labels():
    labels = rule_labels((2, 1, 1, 0, None), (1, 0, 0, 1, 4.0), (1, 0, 1, 1, None))
    predicted, true, weight = error_rates_for(labels, "not affective")
    assert (predicted.tolist(), true.tolist(), weight.tolist()) == ([False], [True], [4.0])


def test_kinds_are_counted_in_each_group_with_users():
    table = count_by(
        measures((2, affective("coaching", user_id="u") | PUSHED), (2, affective("coaching", user_id="v"))),
        PUSHBACK_KINDS,
        "kind",
        dataset="own",
    )
    found = row(table, group="coaching", kind="refusal")
    assert (found["n_conversations"], found["n_users"], found["n_of"], found["share_naive"]) == (2, 1, 4, 0.5)


def test_a_kind_in_a_group_without_conversations_has_no_share():
    table = count_by(measures((2, {})), ["refusal"], "kind", dataset="own")
    assert row(table, group="coaching")["share_naive"] is None


# Sentiment


def felt(start, end, **changes):
    return {"level_start": start, "level_end": end, "compound_start": start / 2, "compound_end": end / 2} | changes


def sentiment(*groups, min_human_messages=6):
    return estimate_sentiment(measures(*groups), min_human_messages=min_human_messages, **SETTINGS)


def test_change_is_end_less_start():
    found = row(sentiment((10, affective("coaching") | felt(-0.5, 0.25)), (10, felt(0.0, 0.0))), group="coaching")
    assert [found[name] for name in ("mean_start", "mean_end", "estimate", "ci_low", "ci_high")] == [
        -0.5,
        0.25,
        0.75,
        0.75,
        0.75,
    ]
    assert found["mean_change_compound"] == 0.375


def test_excess_is_the_change_beyond_that_of_conversations_that_are_not_affective():
    table = sentiment((10, affective("coaching") | felt(0.0, 0.5)), (10, felt(0.0, 0.2)))
    found = row(table, group="coaching")
    assert [found[name] for name in ("excess", "excess_ci_low", "excess_ci_high")] == [0.3, 0.3, 0.3]


def test_the_not_affective_have_no_excess_over_themselves():
    assert row(sentiment((10, felt(0.0, 0.5))), group="not affective")["excess"] is None


def test_improved_same_and_worsened_share_out_the_conversations():
    found = row(
        sentiment(
            (5, affective("coaching") | felt(0.0, 0.5)),
            (3, affective("coaching") | felt(0.5, 0.5)),
            (2, affective("coaching") | felt(0.5, 0.0)),
        ),
        group="coaching",
    )
    assert (found["share_improved"], found["share_same"], found["share_worsened"]) == (0.5, 0.3, 0.2)


def test_short_and_unscored_conversations_are_left_out():
    table = sentiment((4, affective("coaching") | felt(0.0, 0.5)), (3, affective("coaching", n_human=5) | felt(0, 0)),
                      (2, affective("coaching")))  # fmt: skip
    assert row(table, group="coaching")["n_conversations"] == 4


def test_a_group_without_conversations_has_no_change():
    found = row(sentiment((4, felt(0.0, 0.5))), group="companionship")
    assert (found["n_conversations"], found["estimate"], found["share_improved"]) == (0, None, None)


# Topics


def topics_of(sizes, *, users=None, terms=("garden, paths",), stability=0.8):
    """A table of topics of `coaching` with these sizes, made by the rule itself."""
    n = sum(sizes)
    table = measures(*((1, affective("coaching", user_id=users and users(number))) for number in range(n)))
    topic = np.repeat(np.arange(len(sizes)), sizes)
    topics = pl.DataFrame({"conversation_id": table["conversation_id"], "category": ["coaching"] * n, "topic": topic})
    names = pl.DataFrame(
        [
            {"category": "coaching", "topic": number, "rank": rank, "term": term, "stability": stability}
            for number, label in enumerate(terms)
            for rank, term in reversed(list(enumerate(label.split(", "), 1)))
        ]
    )
    return estimate_topics(table, topics, names, dataset="own", **FLOORS)


def test_a_topic_is_named_by_its_terms_in_order_of_rank():
    found = topics_of([30]).row(0, named=True)
    assert (found["topic"], found["n_conversations"], found["share_of_category"], found["stability"]) == (
        "garden, paths",
        30,
        1.0,
        0.8,
    )


def test_topics_come_largest_first_and_the_small_ones_are_merged():
    table = topics_of([12, 25, 6, 7], terms=("a", "b", "c", "d"))
    assert table.select("topic", "n_conversations").rows() == [("b", 25), ("a", 12), (MERGED, 13)]


def test_a_large_topic_of_too_few_users_is_merged():
    table = topics_of([20, 20], users=lambda number: f"u{number % 3 if number < 20 else number}", terms=("a", "b"))
    assert table.select("topic", "n_conversations", "n_users").rows() == [("b", 20, 20), (MERGED, 20, 3)]


def test_a_topic_without_terms_says_so():
    assert topics_of([30, 20])["topic"].to_list() == ["garden, paths", UNNAMED]


def test_without_users_topics_have_no_count_of_users():
    assert topics_of([30])["n_users"].to_list() == [None]


def test_a_category_for_which_no_topics_were_sought_is_one_row():
    table = measures((4, affective("romantic")))
    topics = pl.DataFrame(schema={"conversation_id": pl.String, "category": pl.String, "topic": pl.Int32})
    terms = pl.DataFrame(
        schema={"category": pl.String, "topic": pl.Int32, "rank": pl.Int32, "term": pl.String, "stability": pl.Float64}
    )
    found = estimate_topics(table, topics, terms, dataset="own", **FLOORS)
    assert found.select("category", "topic", "n_conversations").rows() == [("romantic", MERGED, 4)]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_no_conversation_is_lost_between_topics(sizes):
    assert topics_of(sizes)["n_conversations"].sum() == sum(sizes)


# Funnel


def test_shards_are_added_up_step_by_step():
    shard = pl.DataFrame({"step": ["read", "english"], "unit": ["record"] * 2, "n_removed": [0, 4], "n_left": [9, 5]})
    table = count_funnel(pl.concat([shard, shard]), measures((10, {})))
    assert table.rows()[:2] == [("read", "record", 0, 18), ("english", "record", 8, 10)]


def test_the_studys_filters_follow_in_its_order():
    selection = pl.DataFrame({"step": ["read"], "unit": ["record"], "n_removed": [0], "n_left": [10]})
    table = count_funnel(
        selection,
        measures(
            (4, affective("coaching")),
            (2, affective("roleplay") | {"included": False}),
            (1, affective("coaching") | {"content_creation": True, "included": False}),
            (3, {}),
        ),
    )
    assert table.select("n_removed", "n_left").rows()[1:] == [(1, 9), (3, 6), (2, 4)]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_what_a_filter_removes_and_leaves_adds_up_to_what_came_in(rows):
    table = measures(*((1, {"content_creation": cc, "affective": aff, "included": aff and not cc}) for cc, aff in rows))
    selection = pl.DataFrame({"step": ["read"], "unit": ["record"], "n_removed": [0], "n_left": [table.height]})
    funnel = count_funnel(selection, table)
    before = funnel["n_left"].shift(1).drop_nulls()
    assert (funnel["n_removed"][1:] + funnel["n_left"][1:]).to_list() == before.to_list()


# Floors


def cells(n, users=None, **more):
    schema = {"n_conversations": pl.Int64, "n_users": pl.Int64, **dict.fromkeys(more, pl.Int64), "share": pl.Float64}
    table = pl.DataFrame([(n, users, *more.values(), 0.5)], schema=schema, orient="row")
    return published(table, **FLOORS, hide=["share"]).row(0, named=True)


@pytest.mark.parametrize(("n", "users"), [(9, None), (1, None), (9, 30), (50, 9), (50, 1)])
def test_a_cell_under_a_floor_is_blanked_and_marked(n, users):
    assert cells(n, users) == {"n_conversations": None, "n_users": None, "share": None, "suppressed": True}


@pytest.mark.parametrize(("n", "users"), [(10, None), (10, 10), (500, 77)])
def test_a_cell_on_or_over_the_floors_is_published_as_it_is(n, users):
    assert cells(n, users) == {"n_conversations": n, "n_users": users, "share": 0.5, "suppressed": False}


def test_a_row_of_no_conversation_is_published():
    assert cells(0, 0)["n_conversations"] == 0


def test_a_share_of_a_base_under_the_floor_is_blanked_with_its_base():
    found = cells(0, None, n_of=9)
    assert (found["n_conversations"], found["n_of"], found["share"], found["suppressed"]) == (None, None, None, True)


def test_a_cell_under_the_floor_keeps_the_base_that_is_over_it():
    found = cells(5, None, n_of=100)
    assert (found["n_conversations"], found["n_of"], found["share"]) == (None, 100, None)


def test_other_columns_and_other_rows_stay():
    table = pl.DataFrame(
        {"group": ["a", "b"], "n_conversations": [3, 30], "n_users": [None, None], "share": [0.1, 0.2]},
        schema_overrides={"n_users": pl.Int64},
    )
    found = published(table, **FLOORS, hide=["share"])
    assert found.select("group", "n_conversations", "share").rows() == [("a", None, None), ("b", 30, 0.2)]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.one_of(st.none(), st.integers(0, 40)), st.integers(0, 80)), min_size=1)
)
def test_no_published_cell_is_ever_under_a_floor(rows):
    schema = {"n_conversations": pl.Int64, "n_users": pl.Int64, "n_of": pl.Int64}
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(share=0.5)
    found = published(table, **FLOORS, hide=["share"])
    assert found.filter(pl.col("n_conversations").is_between(1, 9)).height == 0
    assert found.filter(pl.col("n_of").is_between(1, 9)).height == 0
    assert found.filter((pl.col("n_conversations") > 0) & (pl.col("n_users") < 10)).height == 0
    assert found.filter(pl.col("suppressed") & pl.col("share").is_not_null()).height == 0
