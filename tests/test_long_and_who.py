"""Long conversations beside shorter ones, and who holds affective conversations."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from estimate_long_conversations import estimate_long_conversations
from estimate_who import OTHER, PERSONS, estimate_who, few, kept_values, top_draws, top_share
from hypothesis import given
from hypothesis import strategies as st
from test_concerns import FLOORS, SEA
from test_estimates import affective, measures, row
from write_report import long_shown, who_shown

from shared.findings import on_long, on_who
from shared.tables import long_from

SETTINGS = {"dataset": "own", "floors": FLOORS, "bootstrap": 200, "confidence": 0.95, "seed": 3}
WHO = {"by person", "by country", "by model", "over time"}


# Long conversations


def long(table, storms=0, **options):
    """`storms`: so many of the included, from the first on, speak of storms."""
    keys = table.filter("included").select("conversation_id").with_row_index("row")
    found = keys.select(
        "conversation_id",
        concerns=pl.when(pl.col("row") < storms)
        .then(pl.lit(["storms"]))
        .otherwise(pl.lit([], dtype=pl.List(pl.String))),
    )
    settings = SETTINGS | {"min_human_messages": 50, "share": 0.1} | options
    return estimate_long_conversations(table, found, SEA, **settings)


@pytest.mark.parametrize(
    ("lengths", "threshold"),
    [
        ([60] * 10 + [5] * 90, 50),
        ([60] * 9 + [5] * 91, 6),
        ([*range(1, 50)] * 2 + [1, 2], 45),
        ([1] * 30, 2),
        ([], 50),
    ],
)
def test_long_is_the_study_s_number_or_else_what_no_more_than_a_tenth_reach(lengths, threshold):
    found = long_from(pl.Series(lengths, dtype=pl.Int32), min_human_messages=50, share=0.1, at_least=10)
    assert found == threshold


TALKS = measures(
    (30, affective("companionship", n_human=60)),
    (20, affective("coaching", n_human=60)),
    (100, affective("coaching", n_human=6)),
    (25, affective("companionship", n_human=6)),
    (40, {"n_human": 70}),
    (400, {}),
)


def test_long_and_shorter_conversations_have_their_own_shares_and_their_difference():
    table = long(TALKS)
    found = row(table, name="companionship", length="long")
    assert (found["n_conversations"], found["n_of"], found["share"], found["min_human_messages"]) == (30, 50, 0.6, 50)
    assert row(table, name="companionship", length="shorter")["share"] == 0.2
    assert found["difference"] == 0.4
    assert found["difference_ci_low"] > 0.2
    assert row(table, name="affective", length="long")["n_of"] == 90


def test_concerns_are_compared_like_categories():
    found = row(long(TALKS, storms=40), name="Storms", length="long")
    assert (found["n_conversations"], found["share"], found["suppressed"]) == (40, 0.8, False)


def test_the_lengths_of_a_concern_are_hidden_where_their_sum_would_tell_of_a_small_category():
    # Storms among all: 3 romantic, 20 long and 20 shorter talks of coaching. The table of concerns shows the 40 of coaching and hides the 43.
    talks = measures(
        (3, affective("romantic", n_human=60)),
        (20, affective("coaching", n_human=60)),
        (20, affective("coaching", n_human=6)),
        (60, affective("counselling", n_human=60)),
        (60, affective("counselling", n_human=6)),
    )
    found = long(talks, storms=43).filter(name="Storms")
    assert found["suppressed"].to_list() == [True, True] and found["n_conversations"].null_count() == 2


def test_a_few_with_a_concern_in_either_length_hide_it_in_both():
    table = long(TALKS, storms=55).filter(name="Storms")  # all 50 of the long and 5 of the shorter
    assert table["suppressed"].all() and table["n_conversations"].null_count() == 2


@pytest.mark.parametrize("k", [1, 9])
def test_a_few_of_the_long_that_are_of_other_categories_cannot_be_told(k):
    table = long(
        pl.concat([TALKS, measures((k, affective("romantic", n_human=60)))]).with_columns(
            **dict.fromkeys(["conversation_id", "cluster", "author"], pl.int_range(pl.len()).cast(pl.String))
        )
    )
    counts = table.filter(kind="category", length="long").filter(pl.col("n_conversations") > 0)
    assert row(table, name="romantic", length="long")["n_conversations"] is None
    assert 50 + k - counts["n_conversations"].sum() >= 10


def test_too_few_long_conversations_say_nothing_of_long_or_shorter():
    table = long(measures((40, affective("coaching")), (4, affective("coaching", n_human=60))))
    assert table["min_human_messages"].unique().to_list() != [50]
    few_of_all = long(measures((9, affective("coaching")), (300, {})))
    assert few_of_all.filter(kind="category", length="long")["n_of"].unique().to_list() == [None]


def test_report_shows_long_conversations_with_numbers_and_says_how_many_there_are():
    table = long(TALKS).to_dicts()
    shown = {entry["name"]: entry["shorter"] for entry in long_shown(table)}
    assert shown["companionship"] == 0.2 and "Harbours" not in shown
    said = on_long(table, {"own": "Own logs"}, wanted=50)
    assert "50 affective conversations of at least 50 human messages" in said and "companionship" in said
    assert "too few affective conversations" in on_long(
        long(measures((9, affective("coaching")))).to_dicts(), {"own": "Own logs"}, wanted=50
    )


# Who


def origins(table, **columns):
    """Rows beside measures; each column given as a list that is repeated."""
    n = table.height
    absent = {name: pl.Series([None] * n, dtype=pl.String) for name in ("country", "language", "model")}
    given_columns = {name: pl.Series((values * n)[:n], dtype=pl.String) for name, values in columns.items()}
    return table.select("conversation_id", started_at=pl.lit(None, dtype=pl.Datetime("us", "UTC"))).with_columns(
        **(absent | given_columns)
    )


def who(table, beside, allowed=WHO):
    return estimate_who(table, beside, allowed=allowed, **SETTINGS)


def crowd(counts):
    """A person for each number, with so many affective conversations and one other."""
    rows = [(n, affective("coaching", user_id=f"u{number:04}")) for number, n in enumerate(counts) if n]
    return measures(*rows, *[(1, {"user_id": f"u{number:04}"}) for number in range(len(counts))])


def test_the_top_of_persons_hold_what_they_hold():
    table = crowd([5] * 20 + [1] * 100 + [0] * 1_880)
    found = row(who(table, origins(table)), dimension=PERSONS, value="top 1 %")
    assert (found["n_conversations"], found["n_users"], found["n_of"], found["share"]) == (100, 20, 200, 0.5)
    assert found["ci_low"] < 0.5 < found["ci_high"]
    five = row(who(table, origins(table)), dimension=PERSONS, value="top 5 %")
    assert (five["n_users"], five["n_conversations"]) == (100, 180)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.sampled_from([0.01, 0.05, 0.5, 1.0]))
def test_draws_of_the_top_lie_between_their_share_of_persons_and_all(counts, part):
    ordered = np.sort(np.array(counts))[::-1]
    draws = top_draws(ordered, part, replicates=50, rng=np.random.default_rng(1))
    finite = draws[np.isfinite(draws)]
    n, _ = top_share(ordered, part)
    assert ((finite >= n / len(counts) - 1e-12) & (finite <= 1)).all()


def test_draws_of_the_top_agree_with_drawing_persons_one_by_one():
    counts = np.sort(np.random.default_rng(5).poisson(0.7, 200))[::-1]
    rng = np.random.default_rng(2)
    plain = [np.sort(rng.choice(counts, 200))[::-1] for _ in range(2_000)]
    expected = np.mean([drawn[:10].sum() / drawn.sum() for drawn in plain])
    draws = top_draws(counts, 0.05, replicates=2_000, rng=np.random.default_rng(3))
    assert draws.mean() == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(
    "counts",
    [
        [5] * 20 + [0] * 400,  # the top 1 % are 4 persons
        [30] * 5 + [0] * 2_000,  # 5 persons hold all
        [5] * 20 + [1] * 4 + [0] * 1_976,  # 4 conversations beside the top
    ],
)
def test_a_few_persons_or_a_few_conversations_beside_them_are_hidden(counts):
    table = crowd(counts)
    found = row(who(table, origins(table)), dimension=PERSONS, value="top 1 %")
    assert found["suppressed"] and found["n_conversations"] is found["share"] is found["n_of"] is None


def test_nobody_is_counted_where_the_data_set_does_not_allow_it():
    table = crowd([5] * 20 + [0] * 1_980)
    assert who(table, origins(table, country=["Chile", "Kenya"]), allowed=set()).height == 0


MANY = measures(*[(30, affective("coaching")), (70, {})] * 4)


def test_shares_by_country_are_of_all_its_conversations():
    lands = ["Chile"] * 100 + ["Kenya"] * 100 + ["Norway"] * 200
    found = who(MANY, origins(MANY, country=lands)).filter(dimension="country")
    assert found.select("value", "n_conversations", "n_of").rows() == [
        ("Norway", 60, 200),
        ("Chile", 30, 100),
        ("Kenya", 30, 100),
    ]
    assert (found["ci_low"] < 0.3).all() and (found["ci_high"] > 0.3).all()


def test_a_single_value_is_no_dimension():
    assert who(MANY, origins(MANY, language=["en"])).height == 0


def test_months_follow_one_another_and_missing_ones_are_unknown():
    days = [datetime(2024, 5, 2, tzinfo=UTC)] * 200 + [datetime(2024, 4, 2, tzinfo=UTC)] * 100 + [None] * 100
    beside = origins(MANY).with_columns(started_at=pl.Series(days, dtype=pl.Datetime("us", "UTC")))
    assert who(MANY, beside)["value"].to_list() == ["2024-04", "2024-05", "unknown"]


def test_small_countries_are_one_and_take_the_smallest_other_along_where_they_are_too_few():
    # 300 in Chile, 90 in Kenya, 10 in Norway with five affective: alone under the floor.
    lands = ["Chile"] * 25 + ["Norway"] * 10 + ["Kenya"] * 90 + ["Chile"] * 275
    found = who(MANY, origins(MANY, country=lands)).filter(dimension="country")
    assert found["value"].to_list() == ["Chile", OTHER] and found["n_of"].to_list() == [300, 100]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6))
def test_no_value_shown_nor_the_rest_of_them_holds_a_few(sizes):
    rows = [(str(number), kind) for number, pair in enumerate(sizes) for kind, n in enumerate(pair) for _ in range(n)]
    table = pl.DataFrame(rows, schema={"value": pl.String, "kind": pl.Int64}, orient="row").with_row_index("key")
    keys = pl.col("key").cast(pl.String)
    table = table.with_columns(conversation_id=keys, author=keys, included=pl.col("kind") == 1)
    kept = kept_values(table, **FLOORS)
    for value in kept:
        others, found = sizes[int(value)]
        assert all(n == 0 or n >= 10 for n in (others, found))
    rest = [sum(pair[kind] for number, pair in enumerate(sizes) if str(number) not in kept) for kind in (0, 1)]
    assert not kept or all(n == 0 or n >= 10 for n in rest)


@pytest.mark.parametrize(("counts", "hidden"), [([0, 0], False), ([9], True), ([5] * 9, True), ([1] * 10, False)])
def test_persons_are_few_by_conversations_or_by_who_holds_any(counts, hidden):
    assert few(np.array(counts), **FLOORS) is hidden


def test_report_says_what_the_top_hold_or_why_it_does_not():
    table = crowd([5] * 20 + [1] * 100 + [0] * 1_880)
    assert "the top 1 % hold 50" in on_who(who(table, origins(table)).to_dicts(), {"own": "Own logs"})
    small_crowd = crowd([5] * 5 + [0] * 100)
    assert "too few persons" in on_who(who(small_crowd, origins(small_crowd)).to_dicts(), {"own": "Own logs"})
    assert "tells no persons apart" in on_who([], {"own": "Own logs"})


def test_report_prints_the_largest_values_of_a_dimension_and_all_months():
    countries = [
        {"dataset": "own", "dimension": "country", "value": str(n), "n_of": n, "share": 0.1} for n in range(20)
    ]
    months = [{"dataset": "own", "dimension": "month", "value": str(n), "n_of": n, "share": 0.1} for n in range(20)]
    shown = who_shown(countries + months)
    assert [entry["n_of"] for entry in shown if entry["dimension"] == "country"] == list(range(12, 20))
    assert sum(entry["dimension"] == "month" for entry in shown) == 20
