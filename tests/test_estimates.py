"""The published tables: prevalence, pushback, sentiment, topics, funnel, and the privacy floors over all of them."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from count_funnel import count_funnel
from estimate_prevalence import estimate_prevalence, groups_under_floor
from estimate_pushback import MIN_LABELS, NAIVE, count_by, error_rates_for, estimate_pushback, residual_hidden
from estimate_reasons import REASONS, estimate_reasons, shown_sets, told
from estimate_sentiment import estimate_sentiment
from estimate_sentiment import publishable as publishable_sentiment
from estimate_topics import UNNAMED, estimate_topics
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.counts import STUDY_FILTERS, cells_under_floor
from shared.job import InputError
from shared.labels import MIN_COVERED, held_out_pair
from shared.statistics import rogan_gladen_draws
from shared.tables import MERGED, TYPES, UNIONS, in_group, published

SETTINGS = {"dataset": "own", "bootstrap": 400, "confidence": 0.95, "seed": 3}
FLOORS = {"min_conversations": 10, "min_users": 10}
NO_FLOORS = {"min_conversations": 1, "min_users": 1}
CLASS_COLUMNS = ["content_creation", "affective", *CATEGORIES, "included"]


def measures(*groups):
    """Rows of measures; each group is (number of rows, changes of the default row)."""
    rows = []
    for n, changes in groups:
        for _ in range(n):
            row = {
                "conversation_id": f"c{len(rows):04}",
                "user_id": None,
                "person": None,
                "started_at": None,
                "n_human": 6,
                "n_assistant": 5,
                "compared": True,
                "content_creation": False,
                "affective": False,
                "included": False,
                "categories": [],
                "professional": False,
                **dict.fromkeys(PUSHBACK_KINDS, False),
                "pushback": False,
                "n_pushback": 0,
                "reason": None,
                "level_start": None,
                "level_end": None,
                "compound_start": None,
                "compound_end": None,
            } | changes
            person = row["user_id"] is not None if row["person"] is None else row["person"]
            cluster = row["user_id"] or row["conversation_id"]
            rows.append({"author": cluster} | row | {"cluster": cluster, "person": person})
    floats = {f"{scale}_{end}": pl.Float64 for scale in ("level", "compound") for end in ("start", "end")}
    return pl.DataFrame(
        rows,
        infer_schema_length=None,
        schema_overrides={
            "user_id": pl.String,
            "started_at": pl.Datetime("us", "UTC"),
            "reason": pl.String,
            "categories": pl.List(pl.Enum(CATEGORIES)),
            **floats,
        },
    )


def affective(*categories, **changes):
    return {"affective": True, "included": True, "categories": list(categories)} | changes


def held_out(*groups, source="own", weight=1.0, stratum="s"):
    """Labelled conversations, the first ones of `measures`; each group is (n, predicted classes, true classes)."""
    rows = [
        {"source": source, "weight": weight, "stratum": stratum}
        | {f"predicted_{name}": int(name in predicted) for name in CLASS_COLUMNS}
        | {f"true_{name}": int(name in true) for name in CLASS_COLUMNS}
        for n, predicted, true in groups
        for _ in range(n)
    ]
    table = pl.DataFrame(rows, schema_overrides={"weight": pl.Float64}).with_row_index("conversation_id")
    return table.with_columns(conversation_id=pl.format("c{}", pl.col("conversation_id").cast(pl.String).str.zfill(4)))


def prevalence(table, labels, **options):
    """Of labels whose weights, where they are of the data set itself, are scaled to stand for all of it."""
    own = (pl.col("source") == "own") & pl.col("conversation_id").is_in(table["conversation_id"].to_list())
    scale = table.height / pl.col("weight").filter(own).sum()
    scaled = labels.with_columns(weight=pl.when(own).then(pl.col("weight") * scale).otherwise("weight"))
    return estimate_prevalence(table, scaled, **(SETTINGS | FLOORS | options))


COACHING = {"affective", "included", "coaching"}
PERFECT = held_out((25, COACHING, COACHING), (25, set(), set()))


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
    table = prevalence(measures((20, affective("coaching")), (80, {})), PERFECT)
    found = row(table, group="affective", share_of="all")
    assert (found["n_conversations"], found["n_of"], found["share_naive"]) == (20, 100, 0.2)


def test_shares_of_affective_have_the_affective_as_their_base():
    table = prevalence(measures((30, affective("coaching")), (10, affective("romantic")), (60, {})), PERFECT)
    found = row(table, group="coaching", share_of="affective")
    assert (found["n_conversations"], found["n_of"], found["share_naive"]) == (30, 40, 0.75)


@pytest.mark.parametrize("found", [10, 500])
def test_the_share_is_that_of_the_labels_whatever_the_classifier_finds(found):
    table = measures((found, affective("coaching")), (1_000 - found, {}))
    labels = held_out((50, COACHING, COACHING), (50, set(), COACHING), (200, COACHING, set()), (100, set(), set()))
    share = row(prevalence(table, labels, bootstrap=4_000), group="affective", share_of="all")
    assert share["estimate"] == 0.25
    assert share["ci_low"] == pytest.approx(0.25 - 1.96 * np.sqrt(0.25 * 0.75 / 400 * 0.6), abs=0.004)
    assert share["ci_high"] == pytest.approx(0.25 + 1.96 * np.sqrt(0.25 * 0.75 / 400 * 0.6), abs=0.004)
    assert share["correction"] == "labelled probability sample of own"


def test_strata_count_by_what_their_labels_stand_for_and_those_read_whole_are_known():
    few = held_out((20, COACHING, COACHING), (80, set(), set()), stratum="likely", weight=1.0)
    many = held_out((100, set(), set()), stratum="unlikely", weight=9.0)
    many = many.with_columns(conversation_id=pl.Series([f"c{number:04}" for number in range(100, 200)]))
    share = row(prevalence(measures((1_000, {})), pl.concat([few, many])), group="coaching", share_of="all")
    assert (share["estimate"], share["ci_low"]) == (0.02, 0.02)
    assert 0.02 < share["ci_high"] < 0.05


def test_a_share_of_the_affective_weighs_its_strata():
    likely = held_out((60, COACHING, COACHING), stratum="likely", weight=1.0)
    rest = held_out((60, COACHING, ROMANTIC), (80, set(), set()), stratum="rest", weight=3.0)
    rest = rest.with_columns(conversation_id=pl.Series([f"c{number:04}" for number in range(60, 200)]))
    share = row(prevalence(measures((480, affective("coaching"))), pl.concat([likely, rest])),
                group="coaching", share_of="affective")  # fmt: skip
    assert share["estimate"] == 0.25
    assert 0.2 < share["ci_low"] < 0.25 < share["ci_high"] < 0.32


def test_a_data_set_that_is_labelled_throughout_leaves_nothing_uncertain():
    table = prevalence(measures((100, {})), held_out((20, COACHING, COACHING), (80, set(), set())))
    share = row(table, group="coaching", share_of="all")
    assert (share["ci_low"], share["estimate"], share["ci_high"]) == (0.2, 0.2, 0.2)


def test_one_affective_conversation_among_the_labels_is_a_share_with_an_interval_above_zero():
    labels = held_out((1, set(), COACHING), (199, set(), set()))
    share = row(prevalence(measures((20, affective("coaching")), (980, {})), labels), group="affective", share_of="all")
    assert share["estimate"] == 0.005
    assert 0 < share["ci_low"] < 0.002 and 0.015 < share["ci_high"] < 0.03


def test_labels_that_stand_for_too_few_of_the_conversations_are_no_sample_of_them():
    labels = held_out((200, COACHING, COACHING), (200, set(), set()), weight=MIN_COVERED)
    for n, correction in (
        (400, "labelled probability sample of own"),
        (401, "error rates carried over from other sources"),
    ):
        table = estimate_prevalence(measures((50, affective("coaching")), (n - 50, {})), labels, **SETTINGS, **FLOORS)
        assert row(table, group="affective", share_of="all")["correction"] == correction


def test_labels_of_conversations_that_are_not_selected_do_not_count():
    labels = held_out((60, COACHING, COACHING), (60, set(), set()))
    table = prevalence(measures((60, affective("coaching"))), labels)
    assert row(table, group="affective", share_of="all")["estimate"] == 1


def test_beside_the_share_stand_the_other_corrections_of_what_was_found():
    table = measures((400, affective("coaching")), (600, {}))
    labels = held_out((100, COACHING, COACHING), (100, COACHING, set()), (300, set(), set()))
    share = row(prevalence(table, labels), group="affective", share_of="all")
    assert share["share_naive"] == 0.4
    assert share["rogan_gladen"] == pytest.approx((0.4 + 0.75 - 1) / (1 + 0.75 - 1), abs=0.02)
    assert share["rogan_gladen_ci_low"] < share["rogan_gladen"] < share["rogan_gladen_ci_high"]
    assert share["ppi"] == pytest.approx(0.2, abs=0.001)  # 0.4 of all found and of the labels, half of them rightly
    assert share["ppi_ci_low"] < share["ppi"] < share["ppi_ci_high"]


def test_without_own_labels_error_rates_come_from_other_sources():
    labels = held_out((800, COACHING, COACHING), (200, set(), COACHING), (1_000, set(), set()), source="other")
    table = prevalence(measures((160, affective("coaching")), (840, {})), labels)
    found = row(table, group="affective", share_of="all")
    assert found["estimate"] == found["rogan_gladen"] == pytest.approx(0.16 / 0.8, abs=0.02)
    assert found["ppi"] is None
    assert found["correction"] == "error rates carried over from other sources"


def test_of_no_category_is_more_possible_than_of_all_affective_conversations():
    companionship = {"affective", "included", "companionship"}
    labels = held_out((300, COACHING, COACHING), (9, set(), companionship), (300, set(), set()), source="other")
    table = prevalence(measures((160, affective("coaching")), (20, affective("companionship")), (820, {})), labels)
    whole, part = (row(table, group=group, share_of="all") for group in ("affective", "companionship"))
    assert part["ci_low"] < part["estimate"] < part["ci_high"] <= whole["ci_high"]
    assert part["rogan_gladen_ci_high"] <= whole["rogan_gladen_ci_high"]


def test_affective_conversations_that_error_rates_do_not_fit_bound_no_category():
    found, member = {"affective", "included"}, {"affective", "included", "coaching"}
    labels = held_out((500, member, member), (200, found, set()), (800, set(), set()), source="other")
    table = prevalence(measures((50, affective("coaching")), (950, {})), labels)
    assert row(table, group="affective", share_of="all")["rogan_gladen"] is None
    assert row(table, group="coaching", share_of="all")["rogan_gladen"] == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("of", ["all", "affective"])
def test_labels_of_the_control_corpus_correct_nothing_elsewhere(of):
    elsewhere = held_out((200, COACHING, COACHING), (200, {"included"}, {"included"}), (400, set(), set()), source="x")
    control = held_out((5_000, COACHING, {"included"}), (5_000, {"included"}, COACHING), source="control")
    table = measures((100, affective("coaching")), (100, affective("romantic")), (200, {}))
    both = prevalence(table, pl.concat([elsewhere, control]))
    assert both.filter(share_of=of).equals(prevalence(table, elsewhere).filter(share_of=of))


def test_a_handful_of_own_labels_gives_way_to_other_sources():
    labels = pl.concat([held_out((20, COACHING, COACHING)), held_out((200, set(), set()), source="other")])
    table = prevalence(measures((50, affective("coaching")), (50, {})), labels)
    assert set(table.filter(share_of="all")["correction"]) == {"error rates carried over from other sources"}


def test_without_users_there_is_one_weighting_and_no_count_of_users():
    table = prevalence(measures((5, affective("coaching")), (5, {})), PERFECT)
    assert set(table["weighting"]) == {"conversation"}
    assert table["n_users"].to_list() == [None] * table.height


def test_by_user_every_user_counts_once():
    table = prevalence(
        measures((9, affective("coaching", user_id="busy")), (1, {"user_id": "b"}), (1, {"user_id": "c"})),
        PERFECT,
        **NO_FLOORS,
    )
    by_user = row(table, group="affective", share_of="all", weighting="user")
    by_conversation = row(table, group="affective", share_of="all", weighting="conversation")
    assert (by_user["share_naive"], by_conversation["share_naive"]) == (0.333333, 0.818182)
    assert by_user["n_users"] == 1


def test_by_user_the_labels_count_each_user_once_too():
    busy = ((60, affective("coaching", user_id="busy")), *((1, {"user_id": f"u{n}"}) for n in range(60)))
    labels = held_out((60, COACHING, COACHING), (60, set(), set()))
    table = prevalence(measures(*busy), labels, **NO_FLOORS)
    by_user = row(table, group="affective", share_of="all", weighting="user")
    assert by_user["estimate"] == by_user["share_naive"] == round(1 / 61, 6)
    assert row(table, group="affective", share_of="all", weighting="conversation")["estimate"] == 0.5


def on_day(day, hour, **changes):
    return {"started_at": datetime(2024, 5, day, hour, tzinfo=UTC)} | changes


def test_of_a_day_of_a_user_the_first_conversation_counts():
    table = measures(
        (1, affective("coaching", user_id="u") | on_day(1, 23)),
        (1, {"user_id": "u"} | on_day(1, 22)),
        (1, affective("coaching", user_id="u") | on_day(2, 0)),
        (1, affective("coaching", user_id="v") | on_day(1, 9)),
        (1, {"user_id": "v"}),
        (1, affective("coaching", user_id="crowd", person=False) | on_day(1, 1)),
    )
    found = row(
        prevalence(table, PERFECT, **NO_FLOORS), group="affective", share_of="all", weighting="first of the day"
    )
    assert (found["n_conversations"], found["n_of"], found["n_users"]) == (2, 3, None)


def test_without_times_nobody_has_a_first_conversation_of_the_day():
    table = prevalence(measures((30, affective("coaching", user_id="u")), (30, {"user_id": "v"})), PERFECT)
    assert set(table["weighting"]) == {"conversation", "user"}


def days(n_second):
    """Each of 30 users has a first conversation on a day; of `n_second` of them there is a second one, affective, later that day."""
    first = [(1, affective("coaching", user_id=f"u{n}") | on_day(1, 8)) for n in range(30)]
    second = [(1, affective("coaching", user_id=f"u{n}") | on_day(1, 9)) for n in range(n_second)]
    return measures(*first, *second)


@pytest.mark.parametrize(("n", "shown"), [(0, 30), (5, None), (15, 30)])
def test_few_later_conversations_are_not_told_by_what_the_first_of_the_day_leave(n, shown):
    table = prevalence(days(n), PERFECT).filter(group="coaching", share_of="all", weighting="first of the day")
    assert table["n_conversations"].to_list() == [shown]


def test_every_estimand_has_a_row_even_where_no_conversation_is_affective():
    table = prevalence(measures((30, {})), PERFECT)
    assert table.height == 16
    assert row(table, group="coaching", share_of="affective")["share_naive"] is None


def test_the_same_seed_gives_the_same_prevalence():
    table = measures((20, affective("coaching")), (80, {}))
    assert prevalence(table, PERFECT).equals(prevalence(table, PERFECT))


def test_all_shares_are_probabilities_with_the_estimate_inside_its_interval():
    table = prevalence(
        measures((30, affective("coaching", "interpersonal")), (70, {"content_creation": True})), PERFECT
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
        ("not affective", True, True),
    ],
)
def test_labels_and_decisions_of_a_group_are_paired(group, predicted, true):
    table = held_out((1, {"included", "coaching"}, {"included", "interpersonal"}))
    assert [value.tolist() for value in held_out_pair(table, group)] == [[predicted], [true]]


def test_a_category_counts_only_in_a_conversation_that_is_included():
    table = held_out((1, {"coaching"}, {"coaching", "content_creation"}))
    assert [value.tolist() for value in held_out_pair(table, "coaching")] == [[False], [False]]


# Prevalence: what rests on labels alone

ROMANTIC = {"affective", "included", "romantic"}
SHARED_OUT = held_out((150, COACHING, COACHING), (50, COACHING, ROMANTIC), (300, set(), set()))
NO_LABELS = "none: no labels of this data set"


@pytest.mark.parametrize(("n_coaching", "n_romantic"), [(450, 50), (50, 450)])
def test_a_share_of_the_affective_is_that_of_the_labels(n_coaching, n_romantic):
    table = measures((n_coaching, affective("coaching")), (n_romantic, affective("romantic")), (500, {}))
    found = row(prevalence(table, SHARED_OUT), group="coaching", share_of="affective")
    assert found["estimate"] == 0.75
    assert found["ci_low"] == pytest.approx(0.75 - 1.96 * np.sqrt(0.75 * 0.25 / 200 / 2), abs=0.01)
    assert (found["suppressed"], found["rogan_gladen"], found["ppi"]) == (False, None, None)


@pytest.mark.parametrize("source", ["other", "control"])
def test_without_own_labels_nothing_is_estimated_of_the_affective(source):
    labels = held_out((300, COACHING, COACHING), (300, set(), set()), source=source)
    table = prevalence(measures((50, affective("coaching")), (50, {})), labels).filter(share_of="affective")
    assert table.select("estimate", "ci_low", "ci_high").unique().rows() == [(None, None, None)]
    assert set(table["correction"]) == {NO_LABELS}
    assert row(table, group="coaching")["n_conversations"] == 50


def test_labels_without_a_weight_are_no_sample_of_the_affective():
    picked = held_out((50, COACHING, ROMANTIC), weight=None)
    picked = picked.with_columns(conversation_id=pl.Series([f"c{number:04}" for number in range(50, 100)]))
    labels = pl.concat([held_out((50, COACHING, COACHING)), picked])
    found = row(prevalence(measures((100, affective("coaching"))), labels), group="coaching", share_of="affective")
    assert found["estimate"] == 1


@pytest.mark.parametrize(("n", "correction"), [(9, NO_LABELS), (10, "labelled probability sample of own")])
def test_too_few_affective_labels_say_nothing_of_the_affective(n, correction):
    labels = held_out((n, COACHING, COACHING), (80, set(), set()))
    table = prevalence(measures((50, affective("coaching")), (50, {})), labels)
    assert row(table, group="coaching", share_of="affective")["correction"] == correction


@pytest.mark.parametrize(
    ("n", "correction"),
    [(49, "error rates carried over from other sources"), (50, "labelled probability sample of own")],
)
def test_own_labels_speak_from_fifty_on(n, correction):
    labels = held_out((n - 20, set(), set()), (20, COACHING, COACHING))
    table = prevalence(measures((50, affective("coaching")), (50, {})), labels)
    found = row(table, group="affective", share_of="all")
    assert (found["correction"], found["from_labels"], found["n_labels"]) == (
        correction,
        n == 50,
        50 if n == 50 else None,
    )
    of_affective = row(table, group="coaching", share_of="affective")
    assert of_affective["n_labels"] == 20


def test_a_group_under_the_floor_has_the_share_of_the_labels_and_no_other():
    found = row(
        prevalence(measures((9, affective("coaching")), (991, {})), SHARED_OUT), group="coaching", share_of="all"
    )
    assert (found["estimate"], found["suppressed"]) == (0.3, True)
    assert [found[name] for name in ("share_naive", "rogan_gladen", "ppi")] == [None, None, None]


@pytest.mark.parametrize(
    ("n", "public", "shown"), [(9, True, True), (9, False, False), (10, False, True), (0, False, True)]
)
def test_labels_that_are_not_public_have_the_floor_themselves(n, public, shown):
    labels = held_out((n, COACHING, COACHING), (100 - n, set(), set()))
    table = prevalence(measures((30, affective("coaching")), (70, {})), labels, labels_public=public)
    found = row(table, group="coaching", share_of="all")
    assert [found[name] is not None for name in ("estimate", "ppi", "rogan_gladen")] == [shown] * 3


def test_a_group_under_the_floor_has_no_estimate_without_own_labels():
    labels = held_out((300, COACHING, COACHING), (300, set(), set()), source="other")
    found = row(prevalence(measures((9, affective("coaching")), (991, {})), labels), group="coaching", share_of="all")
    assert [found[name] for name in ("estimate", "ci_low", "ci_high", "correction")] == [None, None, None, NO_LABELS]


def test_where_fewer_are_found_than_false_positives_alone_would_be_there_is_no_estimate():
    labels = held_out((500, COACHING, COACHING), (200, COACHING, set()), (800, set(), set()), source="other")
    found = row(prevalence(measures((50, affective("coaching")), (950, {})), labels), group="affective", share_of="all")
    assert (found["share_naive"], found["suppressed"]) == (0.05, False)
    assert [found[name] for name in ("estimate", "ci_low", "ci_high")] == [None, None, None]


# Prevalence: floors

HIDDEN_COLUMNS = ["n_conversations", "n_users", "share_naive", "naive_ci_low", "naive_ci_high"]
HIDDEN_COLUMNS += [f"{name}{end}" for name in ("rogan_gladen", "ppi") for end in ("", "_ci_low", "_ci_high")]


@pytest.mark.parametrize(("n", "suppressed"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_group_of_one_to_nine_is_suppressed(n, suppressed):
    table = prevalence(measures((n, affective("coaching")), (20, affective("romantic")), (80, {})), PERFECT)
    found = row(table, group="coaching", share_of="all")
    assert (found["suppressed"], found["n_conversations"]) == (suppressed, None if suppressed else n)


def test_what_a_suppressed_count_would_show_in_is_null_whatever_it_is_a_share_of():
    table = prevalence(measures((5, affective("coaching")), (20, affective("romantic")), (80, {})), PERFECT)
    found = table.filter(group="coaching")
    assert found["share_of"].to_list() == ["all", "affective"]
    assert found.select(HIDDEN_COLUMNS).unique().rows() == [(None,) * len(HIDDEN_COLUMNS)]
    assert found["n_of"].to_list() == [105, 25]


def test_a_group_of_many_conversations_by_few_users_is_suppressed_by_either_weighting():
    table = prevalence(
        measures(
            *((5, affective("coaching", user_id=f"few{number}")) for number in range(9)),
            *((1, affective("romantic", user_id=f"many{number}")) for number in range(30)),
            *((1, affective("counselling", user_id=f"other{number}")) for number in range(30)),
        ),
        PERFECT,
    )
    assert table.filter(group="coaching", share_of="all")["suppressed"].to_list() == [True, True]
    assert table.filter(group="romantic", share_of="all")["n_users"].to_list() == [30, 30]


def same_prompt(n, *others):
    """n conversations of coaching without users that open with one and the same prompt, beside others that do not."""
    return measures((n, affective("coaching", author="the same")), *others)


def test_without_users_conversations_with_the_same_first_prompt_are_under_the_floor():
    alike = same_prompt(12, (30, affective("romantic")), (500, {}))
    assert row(prevalence(alike, PERFECT), group="coaching", share_of="all")["n_conversations"] is None
    apart = measures((12, affective("coaching")), (30, affective("romantic")), (500, {}))
    assert row(prevalence(apart, PERFECT), group="coaching", share_of="all")["n_conversations"] == 12


def test_without_users_the_same_first_prompt_hides_pushback_topics_and_the_steps_of_the_funnel():
    table = same_prompt(12, (88, {}))
    kinds = published(count_by(table, ["refusal"], "kind", **SETTINGS), **FLOORS, hide=NAIVE)
    assert row(kinds, group="affective")["n_of"] is None
    assert count_funnel(READ, table, min_conversations=10, min_users=10)["n_left"][-1] is None
    few_out = same_prompt(12, (88, affective("coaching"))).with_columns(content_creation=pl.col("author") == "the same")
    assert count_funnel(READ, few_out, min_conversations=10, min_users=10)["n_removed"][1] is None


def test_nothing_of_a_data_set_under_the_floor_is_published():
    table = prevalence(measures((5, affective("coaching")), (4, {})), PERFECT)
    assert table["suppressed"].all()
    assert table.select(*HIDDEN_COLUMNS, "n_of").unique().rows() == [(None,) * (len(HIDDEN_COLUMNS) + 1)]
    assert table.filter(share_of="all")["estimate"].to_list() == [None] * 9


def test_where_the_affective_are_too_few_every_share_of_them_is_hidden_with_its_base():
    table = prevalence(measures((9, affective("coaching")), (91, {})), PERFECT).filter(share_of="affective")
    assert table["suppressed"].all()
    assert table.select(*HIDDEN_COLUMNS, "n_of").unique().rows() == [(None,) * (len(HIDDEN_COLUMNS) + 1)]


def test_where_the_affective_are_of_too_few_users_even_a_zero_among_them_is_hidden():
    table = prevalence(
        measures(
            (20, affective("coaching", user_id="one")), *((1, {"user_id": f"many{number}"}) for number in range(30))
        ),
        PERFECT,
    )
    found = table.filter(group="romantic")
    assert found.select("share_of", "n_conversations").unique().sort("share_of").rows() == [
        ("affective", None),
        ("all", 0),
    ]


@pytest.mark.parametrize(
    ("groups", "hidden"),
    [
        ([(30, ["interpersonal"]), (5, ["coaching"])], {"interpersonal", "coaching", "interpersonal or coaching"}),
        ([(30, ["interpersonal"]), (30, ["coaching"])], set()),
        ([(30, ["interpersonal"])], set()),
        ([(30, ["interpersonal"]), (30, ["coaching"]), (5, ["interpersonal", "coaching"])], {"interpersonal or coaching"}),
        ([(30, ["interpersonal"]), (30, ["coaching"]), (10, ["interpersonal", "coaching"])], set()),
        ([(30, ["companionship"]), (30, ["roleplay"]), (5, ["romantic"])], {"romantic", "companionship or roleplay"}),
        ([(30, ["companionship"]), (30, ["roleplay"]), (3, ["companionship", "roleplay"])], {"companionship or roleplay"}),
        ([(30, ["companionship"]), (5, ["coaching"])], {"companionship", "coaching", *UNIONS}),
        ([(30, ["companionship"]), (25, ["interpersonal"]), (5, ["coaching"])], {"coaching", "interpersonal or coaching"}),
        ([(30, ["interpersonal"]), (9, ["counselling"])], {"interpersonal", "counselling", "interpersonal or coaching"}),
        ([(30, ["interpersonal"]), (10, ["counselling"])], set()),
    ],
)  # fmt: skip
def test_a_group_that_would_give_a_hidden_count_away_is_hidden(groups, hidden):
    table = measures(*((n, affective(*categories)) for n, categories in groups), (100, {}))
    assert groups_under_floor(table, **FLOORS) == hidden


def test_a_union_with_a_hidden_member_is_null_in_the_published_table():
    table = prevalence(measures((30, affective("interpersonal")), (5, affective("coaching")), (65, {})), SHARED_OUT)
    found = table.filter(group="interpersonal or coaching")
    assert found["suppressed"].to_list() == [True]
    assert found.select(HIDDEN_COLUMNS).unique().rows() == [(None,) * len(HIDDEN_COLUMNS)]


@given(st.lists(st.tuples(st.sets(st.sampled_from(CATEGORIES), min_size=1), st.integers(1, 25)), max_size=5))
def test_no_count_of_one_to_nine_is_published_or_told_from_a_union_of_two(groups):
    table = measures((50, {}), *((n, affective(*sorted(names, key=CATEGORIES.index))) for names, n in groups))
    shown = {
        name: table.filter(in_group(name)).height
        for name in [*CATEGORIES, "interpersonal or coaching"]
        if name not in groups_under_floor(table, **FLOORS)
    }
    one, other, union = (shown.get(name) for name in ("interpersonal", "coaching", "interpersonal or coaching"))
    affected = table.filter("included").height
    assert not any(0 < n < 10 or 0 < affected - n < 10 for n in shown.values() if n)
    if union is not None:
        assert one is not None
        assert other is not None
        assert not 0 < one + other - union < 10


def hidden_coaching(k):
    return measures((30 - k, affective("interpersonal")), (k, affective("interpersonal", "coaching")), (970, {}))


def hidden_content_creation(k):
    return measures((30, affective("interpersonal")), (k, {"content_creation": True}), (970 - k, {}))


def hidden_union_member(k):
    return measures((30 - k, affective("companionship")), (k, affective("companionship", "romantic")), (970, {}))


def hidden_overlap(k):
    return measures(
        (40 - k, affective("interpersonal")),
        (k, affective("interpersonal", "coaching")),
        (40 - k, affective("coaching")),
        (k, affective("counselling")),
        (60, affective("counselling")),
        (800, {}),
    )


def hidden_coaching_with_users(k):
    """The same, every conversation by a user of its own."""
    return hidden_coaching(k).with_columns(user_id=pl.col("cluster"), author=pl.col("cluster"))


@pytest.mark.parametrize(
    "table", [hidden_coaching, hidden_content_creation, hidden_union_member, hidden_coaching_with_users]
)
@pytest.mark.parametrize(("one", "other"), [(1, 9), (3, 7)])
def test_data_sets_that_differ_in_a_hidden_count_alone_are_published_alike(table, one, other):
    assert prevalence(table(one), SHARED_OUT).equals(prevalence(table(other), SHARED_OUT))


@pytest.mark.parametrize("k", [1, 9])
def test_a_hidden_overlap_leaves_its_union_no_count_while_the_members_keep_theirs(k):
    table = prevalence(hidden_overlap(k), SHARED_OUT).filter(share_of="affective")
    union = row(table, group="interpersonal or coaching")
    assert [union[name] for name in HIDDEN_COLUMNS] == [None] * len(HIDDEN_COLUMNS)
    assert union["suppressed"]
    assert [row(table, group=name)["n_conversations"] for name in ("interpersonal", "coaching")] == [40, 40]


# Pushback


def rule_labels(*groups, source="own"):
    """Labels of the first conversations of `measures`; each group is (n, true_affective, predicted_any, true_any, weight)."""
    columns = ["source", "true_affective", "predicted_any", "true_any", "weight"]
    rows = [(source, *values) for n, *values in groups for _ in range(n)]
    table = pl.DataFrame(rows, schema=columns, orient="row", schema_overrides={"weight": pl.Float64})
    return table.with_columns(conversation_id=pl.Series([f"c{number:04}" for number in range(len(rows))]))


FAULTLESS_RULES = rule_labels((500, 1, 1, 1, 1.0), (500, 1, 0, 0, 1.0), (500, 0, 1, 1, 1.0), (500, 0, 0, 0, 1.0))
NO_CLASSES = held_out((1, set(), set())).clear()


def pushback(table, labels, classes=NO_CLASSES, **options):
    return estimate_pushback(table, labels, classes, **(SETTINGS | options))


PUSHED = {"pushback": True, "n_pushback": 1, "refusal": True, "reason": "privacy"}


def test_share_with_pushback_is_a_plain_count_of_the_group():
    table = pushback(
        measures((3, affective("coaching") | PUSHED), (9, affective("coaching")), (8, PUSHED)), FAULTLESS_RULES
    )
    found = row(table, group="coaching")
    assert (found["n_conversations"], found["n_with_pushback"], found["share_naive"]) == (12, 3, 0.25)


def test_share_of_messages_counts_messages_and_not_conversations():
    table = pushback(measures((40, affective("coaching", n_assistant=5) | PUSHED | {"n_pushback": 2})), FAULTLESS_RULES)
    found = row(table, group="coaching")
    assert (found["share_of_assistant_messages"], found["message_ci_low"], found["message_ci_high"]) == (0.4, 0.4, 0.4)


def test_shares_and_ratios_of_pushback_are_those_of_the_sample_itself():
    pushing = affective("coaching", n_assistant=3) | PUSHED | {"n_pushback": 1}
    found = row(pushback(measures((7, pushing), (13, affective("coaching"))), FAULTLESS_RULES), group="coaching")
    assert (found["share_naive"], found["share_of_assistant_messages"]) == (0.35, round(7 / 86, 6))


def test_rules_that_miss_half_are_corrected_by_double():
    labels = rule_labels((500, 1, 1, 1, 1.0), (500, 1, 0, 1, 1.0), (2_000, 1, 0, 0, 1.0), (9, 0, 1, 1, 1.0))
    table = pushback(measures((200, affective("coaching") | PUSHED), (800, affective("coaching"))), labels)
    assert row(table, group="coaching")["estimate"] == pytest.approx(0.4, abs=0.05)


def test_a_group_without_conversations_has_counts_of_zero_and_no_share():
    found = row(pushback(measures((5, {})), FAULTLESS_RULES), group="romantic")
    assert (found["n_conversations"], found["n_with_pushback"], found["share_naive"], found["estimate"]) == (
        0,
        0,
        None,
        None,
    )


def test_error_rates_of_affective_groups_come_from_affective_labels():
    labels = rule_labels((2, 1, 1, 0, None), (1, 0, 0, 1, 4.0), (1, 0, 1, 1, None))
    predicted, true, weight, _ = error_rates_for(labels, "coaching", dataset="own")
    assert (predicted.tolist(), true.tolist(), weight.tolist()) == ([True, True], [False, False], [1.0, 1.0])


def test_error_rates_of_the_not_affective_come_from_weighted_labels():
    labels = rule_labels((2, 1, 1, 0, None), (1, 0, 0, 1, 4.0), (1, 0, 1, 1, None))
    predicted, true, weight, _ = error_rates_for(labels, "not affective", dataset="own")
    assert (predicted.tolist(), true.tolist(), weight.tolist()) == ([False], [True], [4.0])


@pytest.mark.parametrize(("n", "n_used"), [(MIN_LABELS - 1, MIN_LABELS + 4), (MIN_LABELS, MIN_LABELS)])
@pytest.mark.parametrize(("group", "is_affective"), [("coaching", 1), ("not affective", 0)])
def test_enough_labels_of_the_data_set_itself_stand_alone(group, is_affective, n, n_used):
    own = rule_labels((n, is_affective, 1, 1, 2.0))
    elsewhere = rule_labels((5, is_affective, 0, 1, 1.0), source="other")
    predicted, true, weight, _ = error_rates_for(pl.concat([own, elsewhere]), group, dataset="own")
    assert (len(predicted), len(true), len(weight)) == (n_used,) * 3
    assert predicted.sum() == n


def test_error_rates_of_another_data_set_do_not_stand_in_for_enough_own_ones():
    missing_half = rule_labels((50, 1, 1, 1, 1.0), (50, 1, 0, 1, 1.0), (100, 1, 0, 0, 1.0), (9, 0, 1, 1, 1.0))
    labels = pl.concat([FAULTLESS_RULES, missing_half.with_columns(source=pl.lit("other"))])
    table = measures((200, affective("coaching") | PUSHED), (800, affective("coaching")))
    found = row(pushback(table, labels), group="coaching")
    assert found["estimate"] == pytest.approx(0.2, abs=0.03)


def test_rules_that_raise_more_false_alarms_than_there_are_finds_give_no_estimate_of_pushback():
    labels = rule_labels((500, 1, 1, 1, 1.0), (200, 1, 1, 0, 1.0), (800, 1, 0, 0, 1.0))
    table = measures((50, affective("coaching") | PUSHED), (950, affective("coaching")))
    found = row(pushback(table, labels), group="coaching")
    assert (found["share_naive"], found["n_with_pushback"]) == (0.05, 50)
    assert [found[name] for name in ("estimate", "ci_low", "ci_high")] == [None, None, None]


def test_rules_no_better_than_chance_leave_all_shares_of_pushback_possible():
    labels = rule_labels((2_000, 1, 1, 1, 1.0), (2_000, 1, 0, 1, 1.0), (2_000, 1, 1, 0, 1.0), (2_000, 1, 0, 0, 1.0))
    table = measures((100, affective("coaching") | PUSHED), (100, affective("coaching")))
    found = row(pushback(table, labels, bootstrap=2_000), group="coaching")
    assert [found[name] for name in ("ci_low", "estimate", "ci_high")] == pytest.approx([0.025, 0.5, 0.975], abs=0.05)


def read_for_pushback(n_read, n_true):
    """So many labels of pushback, the first of them with pushback."""
    return rule_labels((n_true, 1, 0, 1, 1.0), (n_read - n_true, 1, 0, 0, 1.0))


# 40 of 100 labels are affective, of 400 conversations.
SAMPLE = held_out((40, set(), COACHING), (60, set(), set()), weight=4.0)


@pytest.mark.parametrize("n_found", [5, 60])
def test_pushback_is_that_of_the_affective_labels_whatever_the_rules_find(n_found):
    table = measures((n_found, affective("coaching") | PUSHED), (60, affective("coaching")), (340 - n_found, {}))
    found = row(pushback(table, read_for_pushback(40, 10), SAMPLE), group="coaching")
    assert found["estimate"] == 0.25
    assert found["ci_low"] == pytest.approx(0.25 - 1.96 * np.sqrt(0.25 * 0.75 / 40 * 0.75), abs=0.04)
    assert found["correction"] == "labelled probability sample of own"


@pytest.mark.parametrize(
    ("n_true", "min_positive", "from_labels"), [(9, 10, False), (10, 10, True), (9, 1, True), (0, 10, True)]
)
def test_labels_of_pushback_that_are_not_public_have_the_floor_themselves(n_true, min_positive, from_labels):
    table = measures((60, affective("coaching") | PUSHED), (340, {}))
    found = row(pushback(table, read_for_pushback(40, n_true), SAMPLE, min_positive=min_positive), group="coaching")
    assert found["correction"].startswith("labelled") == from_labels == found["from_labels"]
    assert found["n_labels"] == (40 if from_labels else None)


@pytest.mark.parametrize(
    ("n_read", "classes"),
    [(35, SAMPLE), (40, SAMPLE.with_columns(weight=2.0)), (40, SAMPLE.with_columns(source=pl.lit("other")))],
    ids=["not all were read for pushback", "no sample of all conversations", "labels of another data set"],
)
def test_labels_that_say_nothing_of_the_whole_group_give_error_rates_alone(n_read, classes):
    table = measures((60, affective("coaching") | PUSHED), (60, affective("coaching")), (280, {}))
    found = row(pushback(table, read_for_pushback(n_read, 10), classes), group="coaching")
    assert found["correction"] == "error rates of this data set"
    assert (found["from_labels"], found["n_labels"]) == (False, None)


def test_error_rates_of_other_data_are_called_so():
    labels = read_for_pushback(40, 10).with_columns(source=pl.lit("other"))
    found = row(pushback(measures((60, affective("coaching")), (340, {})), labels), group="coaching")
    assert found["correction"] == "error rates carried over from other sources"


def test_conversations_outside_the_group_need_no_reading_for_pushback():
    table = pushback(measures((400, {})), read_for_pushback(40, 10), SAMPLE)
    assert row(table, group="affective")["estimate"] == 0.25
    assert row(table, group="not affective")["correction"].startswith("none")
    assert row(table, group="romantic")["correction"] == "error rates of this data set"


@pytest.mark.parametrize(("n", "corrected"), [(MIN_LABELS - 1, False), (MIN_LABELS, True)])
def test_too_few_labels_leave_the_share_uncorrected_and_say_so(n, corrected):
    labels = rule_labels((10, 1, 1, 1, 1.0), (n - 10, 1, 0, 0, 1.0), (500, 0, 0, 0, 1.0))
    table = measures((60, affective("coaching") | PUSHED), (60, affective("coaching")), (280, {}))
    found = row(pushback(table, labels), group="coaching")
    assert found["share_naive"] == 0.5
    assert (found["estimate"] is not None) == corrected
    assert found["correction"] == ("error rates of this data set" if corrected else "none: too few labels")


# Corrections with carried-over error rates


def known_rates(sensitivity, specificity, n):
    """Labels of n conversations that are and n that are not, decided with these rates: (predicted, true, weight)."""
    predicted = np.r_[np.arange(n) < sensitivity * n, np.arange(n) >= specificity * n]
    return predicted, np.repeat([True, False], n), np.ones(2 * n)


@pytest.mark.parametrize("naive", [0.02, 0.5, 0.9])
def test_draws_of_an_uninformative_instrument_are_uniform_whatever_it_finds(naive):
    draws = rogan_gladen_draws(np.full(4_000, naive), *known_rates(0.5, 0.5, 5_000), rng=np.random.default_rng(1))
    assert np.quantile(draws, [0.1, 0.25, 0.5, 0.75, 0.9]) == pytest.approx([0.1, 0.25, 0.5, 0.75, 0.9], abs=0.03)


@pytest.mark.parametrize("naive", [0.0, 0.05, 0.09])
def test_where_most_draws_fall_below_zero_none_is_left(naive):
    draws = rogan_gladen_draws(np.full(500, naive), *known_rates(0.9, 0.9, 100), rng=np.random.default_rng(1))
    assert np.isnan(draws).all()


def test_fewer_than_a_quarter_of_the_draws_below_zero_are_clipped_to_it():
    draws = rogan_gladen_draws(np.full(500, 0.14), *known_rates(0.9, 0.9, 100), rng=np.random.default_rng(1))
    assert np.isfinite(draws).all()
    assert draws.min() == 0
    assert 0.02 < (draws == 0).mean() < 0.25


# Pushback: kinds and reasons


def test_kinds_are_counted_in_each_group_with_users():
    table = count_by(
        measures((2, affective("coaching", user_id="u") | PUSHED), (2, affective("coaching", user_id="v"))),
        PUSHBACK_KINDS,
        "kind",
        **SETTINGS,
    )
    found = row(table, group="coaching", kind="refusal")
    assert (found["n_conversations"], found["n_users"], found["n_of"], found["share_naive"]) == (2, 1, 4, 0.5)
    assert found["ci_low"] <= 0.5 <= found["ci_high"]


def test_a_kind_in_a_group_without_conversations_has_no_share():
    table = count_by(measures((2, {})), ["refusal"], "kind", **SETTINGS)
    assert row(table, group="coaching")["share_naive"] is None


def pushed_for(**sizes):
    """Coaching conversations with pushback, so many for each reason."""
    return measures(*((n, affective("coaching") | PUSHED | {"reason": reason}) for reason, n in sizes.items()))


def named_reasons(table, labels=FAULTLESS_RULES, classes=NO_CLASSES, true_reasons=(), **options):
    """estimate_reasons after estimate_pushback and the counts of single reasons, all published; the reasons by the labels are those of the first ones."""
    listed = published(
        pl.concat(
            count_by(table.with_columns(**{name: pl.col("reason").eq_missing(name)}), [name], "reason", **SETTINGS)
            for name in sorted(set(table["reason"].drop_nulls()))
        ),
        **FLOORS,
        hide=NAIVE,
    )
    few = pl.col("n_with_pushback").is_between(1, FLOORS["min_conversations"] - 1)
    totals = pushback(table, labels, classes).with_columns(pl.when(~few).then("n_with_pushback"))
    listed = residual_hidden(listed, totals.select("dataset", "group", total="n_with_pushback"), **FLOORS)
    said = {"conversation_id": [f"c{n:04}" for n in range(len(true_reasons))], "label_pushback_reason": true_reasons}
    said = pl.DataFrame(said, schema=dict.fromkeys(said, pl.String))
    return estimate_reasons(table, labels, classes, said, (totals, listed), floors=FLOORS, **(SETTINGS | options))


def test_reasons_are_shares_of_the_conversations_with_pushback():
    table = pl.concat([pushed_for(safety_other=30, capability=60, sexual=10), measures((40, affective("coaching")))])
    found = row(
        named_reasons(table.with_columns(conversation_id=pl.int_range(pl.len()).cast(pl.String))),
        group="coaching",
        reasons="safety or policy",
    )
    assert (found["n_conversations"], found["n_of"], found["share_naive"], found["estimate"]) == (40, 100, 0.4, 0.4)
    assert found["ci_low"] < 0.4 < found["ci_high"]
    assert not found["from_labels"]


def test_reasons_are_those_of_the_labels_where_enough_of_them_hold_pushback():
    table = measures((60, affective("coaching") | PUSHED), (340, {}))
    labels = read_for_pushback(40, 20), SAMPLE, ["safety_other"] * 5 + ["factual"] * 15 + [""] * 20
    found = row(named_reasons(table, *labels), group="coaching", reasons="self-harm or other safety")
    assert (found["estimate"], found["from_labels"]) == (0.25, True)
    assert found["correction"] == "labelled probability sample of own"
    private = row(named_reasons(table, *labels, min_positive=10), group="coaching", reasons="self-harm or other safety")
    assert not private["from_labels"]


def test_labels_without_a_reason_say_nothing_of_reasons():
    table = measures((60, affective("coaching") | PUSHED), (340, {}))
    labels = read_for_pushback(40, 20), SAMPLE, ["safety_other"] * 10 + [""] * 30
    assert not row(named_reasons(table, *labels), group="coaching", reasons="safety or policy")["from_labels"]


def test_a_few_with_pushback_are_not_parted_by_reasons():
    found = named_reasons(pl.concat([pushed_for(safety_other=5, capability=4)])).filter(group="coaching")
    assert found["suppressed"].all()
    assert found["n_of"].null_count() == found["estimate"].null_count() == len(REASONS)


def test_sums_of_sets_tell_what_adding_and_subtracting_them_leaves():
    everybody, first_two, first = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0]])
    assert told([everybody, first_two]) == {(True, True, True), (True, True, False), (False, False, True)}
    assert (False, True, False) in told([everybody, first_two, first])


@pytest.mark.parametrize(
    ("sizes", "listed", "shown"),
    [
        ({"safety_other": 20, "sexual": 20, "capability": 20}, {"safety_other", "sexual", "capability"}, 3),
        # Self-harm is what is left of either small set beside a reason that is listed.
        ({"safety_self_harm": 4, "safety_other": 20, "capability": 20}, {"safety_other", "capability"}, 0),
        ({"safety_self_harm": 4, "sexual": 8, "privacy": 8, "capability": 20}, {"capability"}, 1),
        ({"safety_other": 12, "capability": 4}, {"safety_other"}, 0),
    ],
)
def test_sets_of_reasons_complete_no_count_that_is_hidden(sizes, listed, shown):
    assert len(shown_sets(pushed_for(**sizes), listed, **FLOORS)) == shown


@given(st.lists(st.integers(0, 25), min_size=5, max_size=5))
def test_no_count_of_one_to_nine_is_told_by_sets_of_reasons(counts):
    names = ["safety_self_harm", "safety_other", "medical_legal", "sexual", "capability"]
    sizes = dict(zip(names, counts, strict=True))
    pushed = pushed_for(**{name: n for name, n in sizes.items() if n} or {"capability": 1})
    listed = {name for name in names if sizes[name] >= 10}
    for name in shown_sets(pushed, listed, **FLOORS):
        left = sum(n for reason, n in sizes.items() if reason in REASONS[name] and reason not in listed)
        assert not 0 < left < 10


def reasons_of(sizes, *, group="coaching"):
    """Rows of reasons a, b, ... of one group, with these sizes."""
    table = pl.DataFrame(
        {
            "dataset": "own",
            "group": group,
            "reason": list("abcdef")[: len(sizes)],
            "n_conversations": sizes,
            "n_users": [None] * len(sizes),
            "n_authors": sizes,
            "share_naive": [n / 500 for n in sizes],
            "ci_low": [n / 600 for n in sizes],
            "ci_high": [n / 400 for n in sizes],
        },
        schema_overrides=dict.fromkeys(["n_users", "n_authors", "n_conversations"], pl.Int64),
    )
    return published(table, **FLOORS, hide=NAIVE)


def totals_of(**totals):
    """Conversations with pushback by group."""
    return pl.DataFrame(
        {"dataset": "own", "group": list(totals), "total": list(totals.values())}, schema_overrides={"total": pl.Int64}
    )


def reasons_shown(sizes, total):
    """Reasons of one group after both ways of hiding."""
    return residual_hidden(reasons_of(sizes), totals_of(coaching=total), **FLOORS)


def test_the_smallest_shown_reason_is_hidden_where_a_hidden_one_could_be_told_from_the_rest():
    table = reasons_shown([30, 12, 4], 46)
    assert table.select("n_conversations", "share_naive", "suppressed").rows() == [
        (30, 0.06, False),
        (None, None, True),
        (None, None, True),
    ]


def test_reasons_of_the_same_size_are_hidden_in_the_order_of_their_names():
    assert reasons_shown([12, 12, 4], 28)["n_conversations"].to_list() == [None, 12, None]


@pytest.mark.parametrize("sizes", [[30, 12], [30, 12, 0], [30, 6, 6]])
def test_reasons_stay_where_nothing_is_left_or_enough(sizes):
    shown = [n if n == 0 or n >= 10 else None for n in sizes]
    assert reasons_shown(sizes, sum(sizes))["n_conversations"].to_list() == shown


def test_where_the_number_with_pushback_is_hidden_no_reason_is_shown_but_those_nobody_met():
    assert reasons_shown([12, 4, 0], None)["n_conversations"].to_list() == [None, None, 0]


def test_what_is_left_of_one_group_hides_no_reason_of_another():
    table = pl.concat([reasons_of([30, 12, 4]), reasons_of([30, 12, 0], group="romantic")])
    found = residual_hidden(table, totals_of(coaching=46, romantic=42), **FLOORS)
    assert found["n_conversations"].to_list() == [30, None, None, 30, 12, 0]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_no_hidden_count_of_reasons_is_told_from_what_the_shown_ones_leave(sizes):
    total = sum(sizes)
    shown = reasons_shown(sizes, None if 0 < total < 10 else total)["n_conversations"]
    residual = total - shown.sum()
    assert residual == 0 or residual >= 10 or not shown.drop_nulls().sum()
    assert not shown.drop_nulls().is_between(1, 9).any()


@pytest.mark.parametrize(("one", "other"), [([28, 14, 2], [28, 10, 6]), ([25, 11, 9], [25, 19, 1])])
def test_reasons_that_differ_in_hidden_counts_alone_are_published_alike(one, other):
    assert reasons_shown(one, sum(one)).equals(reasons_shown(other, sum(other)))


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


def test_start_end_and_change_add_up():
    feelings = [(0.0, 0.5), (-0.5, 0.5), (0.3, 0.1), (-0.2, 0.6), (0.5, 0.5), (0.1, -0.9), (0.0, 1.0)]
    table = sentiment(
        *((n + 1, affective("coaching") | felt(*ends)) for n, ends in enumerate(feelings)),
        *((n + 2, felt(*ends)) for n, ends in enumerate(feelings[2:])),
    )
    mine, others = row(table, group="coaching"), row(table, group="not affective")
    for found in (mine, others):
        assert found["estimate"] == pytest.approx(found["mean_end"] - found["mean_start"], abs=2e-6)
        assert found["ci_low"] <= found["estimate"] <= found["ci_high"]
    assert mine["excess"] == pytest.approx(mine["estimate"] - others["estimate"], abs=2e-6)


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


def test_the_few_that_are_not_of_a_category_have_no_mean():
    """The attack: 19 times the mean of all less 14 times the mean of coaching is the sum over the five others."""
    five = (5, affective("roleplay") | felt(-1.0, 0.0))
    table = published_sentiment((14, affective("coaching") | felt(0.0, 0.5)), five)
    assert row(table, group="affective")["n_conversations"] == 19
    coaching = row(table, group="coaching")
    assert coaching["suppressed"] and {
        coaching[name] for name in ("n_conversations", "mean_start", "mean_end", "estimate")
    } == {None}
    enough = published_sentiment((14, affective("coaching") | felt(0.0, 0.5)), five, five)
    assert row(enough, group="coaching")["n_conversations"] == 14


def published_sentiment(*groups, hidden=()):
    shown = {("own", group): {6} - set(hidden) for group in ("affective", *TYPES, "not affective")}
    return publishable_sentiment(sentiment(*groups), shown, min_human_messages=6, **FLOORS)


@pytest.mark.parametrize(("worse", "shown"), [(0, True), (9, False), (10, True)])
def test_shares_are_hidden_where_one_of_them_is_of_a_few(worse, shown):
    table = published_sentiment(
        (20, affective("coaching") | felt(0, 1)), (worse, affective("coaching") | felt(0.0, -0.5))
    )
    found = row(table, group="affective")
    assert {found[name] is not None for name in ("share_improved", "share_same", "share_worsened")} == {shown}
    assert found["estimate"] is not None


def test_a_group_of_a_hidden_length_has_no_numbers():
    found = row(published_sentiment((20, affective("coaching") | felt(0.0, 0.5)), hidden=[6]), group="affective")
    assert (found["suppressed"], found["n_conversations"], found["estimate"]) == (True, None, None)


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


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([25, 14, 4], [("a", 25), (MERGED, 18)]),
        ([25, 4], [(MERGED, 29)]),
        ([25, 14, 4, 6], [("a", 25), ("b", 14), (MERGED, 10)]),
        ([25, 14, 4, 5], [("a", 25), (MERGED, 23)]),
        ([4, 5], [(MERGED, 9)]),
    ],
)
def test_the_smallest_topic_joins_a_merged_row_under_the_floor(sizes, expected):
    table = topics_of(sizes, terms=("a", "b", "c", "d"))
    assert table.select("topic", "n_conversations").rows() == expected


def test_topics_of_the_same_size_come_in_the_order_of_their_numbers():
    table = topics_of([15, 20, 15, 20], terms=("a", "b", "c", "d"))
    assert table["topic"].to_list() == ["b", "d", "a", "c"]


def test_of_the_smallest_topics_of_the_same_size_the_last_joins_the_merged_row():
    table = topics_of([15, 15, 15, 3], terms=("a", "b", "c", "d"))
    assert table.select("topic", "n_conversations").rows() == [("a", 15), ("b", 15), (MERGED, 18)]


@pytest.mark.parametrize(("one", "other"), [([30, 12, 3], [30, 10, 5]), ([12, 3], [10, 5])])
def test_topics_that_differ_in_hidden_counts_alone_are_published_alike(one, other):
    assert topics_of(one, terms=("a", "b", "c")).equals(topics_of(other, terms=("a", "b", "c")))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_no_topic_under_the_floor_is_told_from_the_size_of_its_category(sizes):
    table = published(topics_of(sizes), **FLOORS, hide=["share_of_category"])
    left = sum(sizes) - table["n_conversations"].sum()
    assert left == 0 or sum(sizes) < 10
    assert not table["n_conversations"].drop_nulls().is_between(1, 9).any()


def test_a_large_topic_of_too_few_users_is_merged():
    table = topics_of([20, 20], users=lambda number: f"u{number % 3 if number < 20 else number}", terms=("a", "b"))
    assert table.select("topic", "n_conversations", "n_users").rows() == [(MERGED, 40, 23)]


def test_the_size_of_a_category_of_too_few_users_is_not_published():
    table = topics_of([20, 20], users=lambda number: f"u{number % 9}", terms=("a", "b"))
    shown = published(table, **FLOORS, hide=["share_of_category"])
    assert shown.select("n_conversations", "n_users", "n_of", "share_of_category").rows() == [(None,) * 4]


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
    table = count_funnel(pl.concat([shard, shard]), measures((10, {})), min_conversations=10, min_users=10)
    assert table.rows()[:2] == [("read", "record", 0, 18), ("english", "record", 8, 10)]


@pytest.mark.parametrize(
    ("n_removed", "n_left", "n_measured", "step"),
    [([0, 4], [9, 5], 4, "measures"), ([0, 4], [9, 5], 6, "measures"), ([0, 3], [9, 5], 5, "english")],
    ids=["a measured conversation is missing", "one is measured that was not selected", "a step loses one"],
)
def test_a_funnel_that_does_not_add_up_is_refused(n_removed, n_left, n_measured, step):
    selection = pl.DataFrame(
        {"step": ["read", "english"], "unit": ["record"] * 2, "n_removed": n_removed, "n_left": n_left}
    )
    with pytest.raises(InputError, match=f"count_funnel, {step}: . came in, . are accounted for"):
        count_funnel(selection, measures((n_measured, {})), min_conversations=10, min_users=10)


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
        min_conversations=1,
        min_users=1,
    )
    assert table.select("n_removed", "n_left").rows()[1:] == [(1, 9), (3, 6), (2, 4)]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_what_a_filter_removes_and_leaves_adds_up_to_what_came_in(rows):
    table = measures(*((1, {"content_creation": cc, "affective": aff, "included": aff and not cc}) for cc, aff in rows))
    selection = pl.DataFrame({"step": ["read"], "unit": ["record"], "n_removed": [0], "n_left": [table.height]})
    funnel = count_funnel(selection, table, min_conversations=1, min_users=1)
    before = funnel["n_left"].shift(1).drop_nulls()
    assert (funnel["n_removed"][1:] + funnel["n_left"][1:]).to_list() == before.to_list()


READ = pl.DataFrame({"step": ["read"], "unit": ["record"], "n_removed": [0], "n_left": [100]})


def affective_steps(n_included, n_removed):
    """(n_removed, n_left) of the last two steps: so many affective conversations are included, so many are too short."""
    short = affective("roleplay") | {"included": False}
    table = measures((n_included, affective("coaching")), (n_removed, short), (100 - n_included - n_removed, {}))
    return count_funnel(READ, table, min_conversations=10, min_users=10).select("n_removed", "n_left").rows()[-2:]


@pytest.mark.parametrize(
    ("n_included", "n_removed", "expected"),
    [
        (30, 20, [(50, 50), (20, 30)]),
        (30, 0, [(70, 30), (0, 30)]),
        (10, 10, [(80, 20), (10, 10)]),
        (30, 9, [(None, None), (None, 30)]),
        (9, 30, [(None, None), (None, None)]),
        (9, 0, [(None, None), (None, None)]),
        (0, 9, [(None, None), (None, 0)]),
        (0, 0, [(100, 0), (0, 0)]),
    ],
)
def test_counts_from_which_a_few_affective_conversations_could_be_told_are_null(n_included, n_removed, expected):
    assert affective_steps(n_included, n_removed) == expected


@pytest.mark.parametrize(("one", "other"), [((30, 3), (30, 7)), ((3, 30), (7, 26)), ((2, 2), (9, 9)), ((0, 1), (0, 9))])
def test_funnels_that_differ_in_hidden_counts_alone_are_alike(one, other):
    assert affective_steps(*one) == affective_steps(*other)


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_end_of_the_funnel_tells_no_affective_count_under_the_floor(n_included, n_removed):
    (_, n_affective), (removed, left) = affective_steps(n_included, n_removed)
    told = [n for n in (n_affective, removed, left) if n is not None]
    if n_affective is not None and left is not None:
        told.append(n_affective - left)
    assert not any(0 < n < 10 for n in told)


def test_the_steps_before_the_studys_filters_keep_their_counts():
    table = count_funnel(READ, measures((5, affective("coaching")), (95, {})), min_conversations=10, min_users=10)
    assert table.select("n_removed", "n_left").rows()[:2] == [(0, 100), (0, 100)]


def test_a_step_of_the_study_has_its_floor_whatever_it_is_called(monkeypatch):
    monkeypatch.setitem(STUDY_FILTERS, "kept", STUDY_FILTERS["roleplay only if long enough"])
    table = measures((9, affective("coaching")), (91, {}))
    funnel = count_funnel(READ, table, min_conversations=1, min_users=1).filter(step="kept")
    assert cells_under_floor("funnel", funnel.write_csv(), **FLOORS) == 1


# Floors


def cells(n, users=None, *, authors=None, **more):
    counts = {"n_conversations": n, "n_users": users, "n_authors": authors or users or n, **more}
    table = pl.DataFrame([counts | {"share": 0.5}], schema_overrides=dict.fromkeys(counts, pl.Int64))
    return published(table, **FLOORS, hide=["share"]).row(0, named=True)


@pytest.mark.parametrize(("n", "users"), [(9, None), (1, None), (9, 30), (50, 9), (50, 1)])
def test_a_cell_under_a_floor_is_blanked_and_marked(n, users):
    assert cells(n, users) == {"n_conversations": None, "n_users": None, "share": None, "suppressed": True}


@pytest.mark.parametrize("n", [10, 12, 500])
def test_a_cell_of_too_few_first_prompts_is_blanked_where_nobody_knows_the_users(n):
    assert cells(n, None, authors=9)["n_conversations"] is None
    assert cells(n, None, authors=10)["n_conversations"] == n


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
        {
            "group": ["a", "b"],
            "n_conversations": [3, 30],
            "n_users": [None, None],
            "n_authors": [3, 30],
            "share": [0.1, 0.2],
        },
        schema_overrides={"n_users": pl.Int64},
    )
    found = published(table, **FLOORS, hide=["share"])
    assert found.select("group", "n_conversations", "share").rows() == [("a", None, None), ("b", 30, 0.2)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans(), st.integers(0, 80)), min_size=1))
def test_no_published_cell_is_ever_under_a_floor(rows):
    schema = {"n_conversations": pl.Int64, "n_authors": pl.Int64, "users": pl.Boolean, "n_of": pl.Int64}
    table = pl.DataFrame(rows, schema=schema, orient="row").with_row_index()
    table = table.with_columns(n_users=pl.when("users").then("n_authors"), share=0.5)
    found = published(table, **FLOORS, hide=["share"]).join(table.select("index", "n_authors"), on="index")
    assert found.filter(pl.col("n_conversations").is_between(1, 9)).height == 0
    assert found.filter(pl.col("n_of").is_between(1, 9)).height == 0
    assert found.filter((pl.col("n_conversations") > 0) & (pl.col("n_authors") < 10)).height == 0
    assert found.filter(pl.col("suppressed") & pl.col("share").is_not_null()).height == 0


@pytest.mark.parametrize(("one", "other"), [(1, 9), (3, 7)])
def test_a_hidden_overlap_cannot_be_told_from_the_estimate_of_its_union(one, other):
    tables = [prevalence(hidden_overlap(k), SHARED_OUT).filter(group="interpersonal or coaching") for k in (one, other)]
    assert tables[0].equals(tables[1])


def two_each(k):
    users = pl.Series([f"u{number // 2}" for number in range(1_000)])
    return hidden_coaching(k).with_columns(user_id=users, cluster=users, author=users, person=pl.lit(True))


def test_a_hidden_count_of_users_with_several_conversations_cannot_be_told_from_an_estimate():
    assert prevalence(two_each(3), SHARED_OUT).equals(prevalence(two_each(7), SHARED_OUT))


def test_a_hidden_count_of_content_creation_is_not_told_by_the_funnel():
    table = measures((3, {"content_creation": True}), (97, {}))
    assert count_funnel(READ, table, min_conversations=10, min_users=10)["n_removed"][1] is None


def few_users():
    return measures((20, affective("coaching", user_id="p")), *((1, {"user_id": f"u{n}"}) for n in range(80)))


def test_affective_of_too_few_users_is_not_told_by_the_base_of_its_shares():
    assert prevalence(few_users(), PERFECT).filter(share_of="affective")["n_of"].null_count() == 14


def test_a_group_of_too_few_users_is_not_told_by_the_base_of_its_kinds():
    kinds = count_by(few_users(), ["refusal"], "kind", **SETTINGS)
    assert row(published(kinds, **FLOORS, hide=NAIVE), group="affective")["n_of"] is None


def test_affective_of_too_few_users_is_not_told_by_the_funnel():
    assert count_funnel(READ, few_users(), min_conversations=10, min_users=10)["n_left"][-1] is None


def test_a_reason_of_too_few_users_is_not_told_by_what_the_others_leave():
    table = reasons_of([25, 15]).with_columns(n_users=pl.Series([25, 3]), n_authors=pl.Series([25, 3]))
    table = published(table.drop("suppressed"), **FLOORS, hide=NAIVE)
    found = residual_hidden(table, totals_of(coaching=40), **FLOORS)
    assert found["n_conversations"].to_list() == [None, None]


def test_a_topic_of_too_few_users_is_not_told_by_what_the_others_leave():
    table = topics_of([20, 20], users=lambda number: f"u{number % 3 if number < 20 else number}", terms=("a", "b"))
    assert published(table, **FLOORS, hide=[])["n_conversations"].to_list() == [40]


def test_own_labels_without_weights_do_not_displace_weighted_ones_of_other_sources():
    own, other = rule_labels((40, 0, 0, 0, None)), rule_labels((500, 0, 0, 0, 1.0), source="other")
    assert len(error_rates_for(pl.concat([own, other]), "not affective", dataset="own")[0]) == 500


def test_a_count_is_not_told_by_the_few_who_are_left():
    table = measures((57, affective("coaching")), (1, {}))
    found = row(prevalence(table, PERFECT), group="affective", share_of="all")
    assert found["suppressed"] and found["n_conversations"] is None and found["share_naive"] is None
    funnel = count_funnel(READ.with_columns(n_left=58), table, min_conversations=10, min_users=10)
    assert funnel["n_left"][-1] is None
