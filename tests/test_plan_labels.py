"""How many labels: the plan against what drawing and labelling so many does."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_labels import plan_labels

from shared.sampling import FLOOR, STRATA, allocate, expected_shares, half_width

SCORES = [None, 0.01, 0.05, 0.2, 0.4, 0.9]  # one of each stratum
SIZES = np.array([4000, 4000, 800, 200, 60, 40])
RATES = np.array([0.004, 0.004, 0.03, 0.08, 0.3, 0.5])


def table(scores, **columns):
    rows = {"candidate": [score is not None for score in scores], "p_affective": scores}
    return pl.DataFrame(rows | columns, schema_overrides={"p_affective": pl.Float64})


def held_out(source="harbour", n=1000, weight=1.0):
    """Labels of n conversations of each stratum, of which RATES are affective."""
    parts = [
        table([score] * n, true_included=[int(i < round(rate * n)) for i in range(n)])
        for score, rate in zip(SCORES, RATES, strict=True)
    ]
    return pl.concat(parts).with_columns(source=pl.lit(source), weight=pl.lit(weight, dtype=pl.Float64))


POPULATION = table(np.repeat(np.array(SCORES, dtype=object), SIZES).tolist())
OPTIONS = {"dataset": "harbour", "confidence": 0.95}


def total(half_widths, known=None):
    known = held_out() if known is None else known
    return plan_labels(POPULATION, known, half_widths=half_widths, **OPTIONS).filter(stratum="all")


def test_labels_drawn_by_the_plan_give_the_half_width_that_it_promises():
    plan = plan_labels(POPULATION, held_out(), half_widths=[0.005], **OPTIONS).filter(pl.col("stratum") != "all")
    drawn, rng = plan["n_labels"].to_numpy(), np.random.default_rng(1)
    positives = np.round(RATES * SIZES).astype(int)
    found = rng.hypergeometric(positives, SIZES - positives, drawn, size=(20_000, len(SIZES)))
    estimates = (found / drawn) @ (SIZES / SIZES.sum())
    assert estimates.mean() == pytest.approx((positives / SIZES.sum()).sum(), rel=0.01)
    assert 1.96 * estimates.std() == pytest.approx(0.005, rel=0.06)


def test_half_the_width_costs_almost_four_times_the_labels():
    wide, narrow = total([0.01, 0.005])["n_labels"]
    assert 3 < narrow / wide < 4


def test_stratified_labels_are_fewer_than_simple_random_ones():
    share, n = RATES @ SIZES / SIZES.sum(), SIZES.sum()
    simple = 1 / (0.005**2 / (1.96**2 * share * (1 - share)) + 1 / n)
    assert total([0.005])["n_labels"][0] < 0.75 * simple


def test_the_plan_reaches_what_is_wanted_with_no_label_to_spare():
    row = total([0.005]).row(0, named=True)
    fewer = allocate(SIZES, expected_shares(held_out(), dataset="harbour"), row["n_labels"] - 1)
    assert row["half_width_expected"] <= 0.005
    assert half_width(SIZES, expected_shares(held_out(), dataset="harbour"), fewer, confidence=0.95) > 0.005


def test_a_width_finer_than_the_data_allow_asks_for_every_conversation():
    row = total([1e-9]).row(0, named=True)
    assert (row["n_labels"], row["half_width_expected"]) == (SIZES.sum(), 0)


def test_of_a_data_set_with_labels_of_its_own_only_these_count():
    others = held_out("station").with_columns(true_included=pl.lit(1, dtype=pl.Int64))
    assert total([0.005], pl.concat([held_out(), others])).equals(total([0.005]))


def test_labels_that_were_not_drawn_by_chance_and_the_control_corpus_do_not_count():
    picked = held_out(weight=None).with_columns(true_included=pl.lit(1, dtype=pl.Int64))
    control = held_out("control").with_columns(true_included=pl.lit(1, dtype=pl.Int64))
    assert total([0.005], pl.concat([held_out(), picked, control])).equals(total([0.005]))


def test_without_any_label_the_plan_is_for_the_worst_case():
    none = held_out().clear()
    assert expected_shares(none, dataset="harbour").tolist() == [0.5] * len(STRATA)
    assert total([0.02], none)["n_labels"][0] > total([0.02])["n_labels"][0]


def test_strata_add_up_to_the_whole():
    plan = plan_labels(POPULATION, held_out(), half_widths=[0.005, 0.02], **OPTIONS)
    parts = plan.filter(pl.col("stratum") != "all").group_by("half_width").agg(pl.col("n_labels", "n_stratum").sum())
    whole = plan.filter(stratum="all").select("half_width", "n_labels", "n_stratum")
    assert parts.sort("half_width").equals(whole.sort("half_width"))


def test_no_conversation_needs_no_label():
    plan = plan_labels(POPULATION.clear(), held_out(), half_widths=[0.005], **OPTIONS)
    assert plan["n_labels"].sum() == 0


@given(
    st.lists(st.integers(0, 500), min_size=6, max_size=6),
    st.lists(st.floats(0.001, 0.999), min_size=6, max_size=6),
    st.integers(0, 1500),
)
def test_an_allocation_spends_what_there_is_and_reads_nobody_twice(sizes, shares, n):
    sizes, shares = np.array(sizes), np.array(shares)
    drawn = allocate(sizes, shares, n)
    assert drawn.sum() == min(n, sizes.sum())
    assert (drawn >= 0).all() and (drawn <= sizes).all()
    if n >= FLOOR * len(STRATA):
        assert (drawn >= np.minimum(sizes, FLOOR)).all()


def test_an_allocation_is_neyman_s_where_nothing_binds():
    sizes, shares = np.array([1000, 2000, 1000, 1000, 1000, 1000]), np.array([0.5, 0.5, 0.2, 0.1, 0.5, 0.2])
    pull = sizes * np.sqrt(shares * (1 - shares))
    assert allocate(sizes, shares, 500) == pytest.approx(500 * pull / pull.sum(), abs=1)
