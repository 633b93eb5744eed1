"""The sample to be labelled: its strata, its sizes and its inclusion probabilities."""

import numpy as np
import polars as pl
import pytest
from draw_label_sample import draw_label_sample
from hypothesis import given
from hypothesis import strategies as st

from shared.sampling import FLOOR, STRATA

SCHEMA = {"conversation_id": pl.String, "candidate": pl.Boolean, "p_affective": pl.Float64}


def affect(scores):
    """One conversation for each score; None is screened out."""
    rows = [(f"c{number:05}", score is not None, score) for number, score in enumerate(scores)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


EVERYWHERE = affect([None, 0.01, 0.05, 0.2, 0.4, 0.9] * 100)


def draw(table, budget=100, seed=1, shares=None):
    return draw_label_sample(table, np.full(len(STRATA), 0.1) if shares is None else shares, budget=budget, seed=seed)


def test_where_more_may_be_found_more_is_drawn():
    shares = np.array([0.001, 0.001, 0.01, 0.1, 0.3, 0.5])
    sizes = dict(draw(EVERYWHERE, 150, shares=shares).group_by("stratum").len().iter_rows())
    drawn = [sizes[name] for name in STRATA]
    assert drawn == sorted(drawn) and sum(drawn) == 150
    assert drawn[0] == FLOOR


@pytest.mark.parametrize(
    ("score", "stratum"),
    [
        (None, "screened out"),
        (0.0, "under .02"),
        (0.0199, "under .02"),
        (0.02, ".02 to .1"),
        (0.1, ".1 to .3"),
        (0.3, ".3 to .6"),
        (0.6, "over .6"),
        (1.0, "over .6"),
    ],
)
def test_a_score_belongs_to_its_stratum(score, stratum):
    assert draw(affect([score] * 5))["stratum"].unique().to_list() == [stratum]


def test_a_stratum_smaller_than_its_part_is_taken_whole():
    sample = draw(affect([0.9] * 3 + [0.01] * 500)).filter(stratum="over .6")
    assert sorted(sample["conversation_id"]) == ["c00000", "c00001", "c00002"]
    assert sample["inclusion_probability"].unique().to_list() == [1.0]


def test_inclusion_probabilities_are_drawn_over_size():
    row = draw(EVERYWHERE, 150).filter(stratum="under .02").row(0, named=True)
    assert (row["n_stratum"], row["n_drawn"], row["inclusion_probability"]) == (100, 25, 0.25)


def test_the_inverse_probabilities_add_up_to_the_population():
    sample = draw(EVERYWHERE, 150)
    assert (1 / sample["inclusion_probability"]).sum() == pytest.approx(600)


def test_over_many_draws_each_conversation_is_drawn_as_often_as_its_probability_says():
    table = affect([0.01] * 20)
    drawn = pl.concat([draw(table, 5, seed) for seed in range(600)])
    counts = drawn.group_by("conversation_id").len()["len"]
    assert counts.len() == 20
    assert (counts.min(), counts.max()) == (pytest.approx(150, abs=45), pytest.approx(150, abs=45))


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    first, again, other = (draw(EVERYWHERE, seed=seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert set(first["conversation_id"]) != set(other["conversation_id"])


def test_the_order_does_not_tell_the_stratum():
    strata = draw(EVERYWHERE, 300)["stratum"]
    changes = (strata != strata.shift(1)).sum()
    assert changes > 150


def test_of_no_conversation_none_is_drawn():
    assert draw(affect([])).height == 0


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=60), st.integers(0, 100))
def test_nobody_is_drawn_twice_and_every_probability_is_one(scores, budget):
    sample = draw(affect(scores), budget)
    assert sample.height == min(budget, len(scores))
    assert sample["conversation_id"].n_unique() == sample.height <= len(scores)
    assert all(0 < share <= 1 for share in sample["inclusion_probability"])
    assert all(row["n_drawn"] <= row["n_stratum"] for row in sample.iter_rows(named=True))
