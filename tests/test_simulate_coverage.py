"""The intervals against a truth that is known: what the simulation makes, and what it finds of the estimators."""

import numpy as np
import polars as pl
import pytest
from plot_coverage import TITLES, plot_coverage
from simulate_coverage import ESTIMATORS, N_CONVERSATIONS, N_LABELS, simulate, simulate_coverage

REPLICATIONS = 12


@pytest.fixture(scope="module")
def coverage():
    return simulate_coverage(replications=REPLICATIONS, bootstrap=600, confidence=0.95, seed=5)


def of(coverage, estimator):
    return coverage.filter(pl.col("sensitivity").is_null(), estimator=estimator)


def test_simulated_decisions_err_as_often_as_they_should_and_users_differ():
    data = simulate(0.1, 0.8, 0.98, np.random.default_rng(1))
    true, decided, user = data["true"], data["decided"], data["user"]
    assert true.mean() == pytest.approx(0.1, abs=0.015)
    assert (decided[true].mean(), 1 - decided[~true].mean()) == pytest.approx((0.8, 0.98), abs=0.04)
    both = true[1:][user[1:] == user[:-1]] & true[:-1][user[1:] == user[:-1]]
    assert both.mean() == pytest.approx(0.1 * (0.1 + 0.2 * 0.9), abs=0.01)


@pytest.mark.parametrize("prevalence", [0.001, 0.1])
def test_simulated_labels_stand_for_every_conversation_once(prevalence):
    data = simulate(prevalence, 0.8, 0.98, np.random.default_rng(2))
    assert data["weight"].sum() == pytest.approx(N_CONVERSATIONS)
    assert len(set(data["labelled"])) == len(data["labelled"]) <= N_LABELS
    assert (data["stratum"] == 0).tolist() == data["decided"][data["labelled"]].tolist()


def test_intervals_of_the_label_sample_hold_the_truth_as_often_as_they_claim(coverage):
    found = of(coverage, "stratified")
    assert found["n_estimated"].to_list() == [12 * REPLICATIONS] * 4
    assert found["coverage_ci_high"].min() > 0.95
    assert 0.93 < found["coverage"].mean() < 0.98


def test_where_every_interval_holds_the_truth_the_share_that_does_may_be_one(coverage):
    ends = coverage.filter(pl.col("coverage").is_in([0.0, 1.0])).select(
        "coverage", "coverage_ci_low", "coverage_ci_high"
    )
    assert ends.height and all(share == (high if share else low) for share, low, high in ends.rows())


def test_the_label_sample_is_hardly_biased_and_never_below_zero(coverage):
    found = of(coverage, "stratified")
    assert found["bias"][1:].abs().max() < 0.1  # three standard errors of so few replications
    assert found["bias"][2:].abs().max() < 0.05
    assert found["negative"].to_list() == [0] * 4


def test_the_naive_count_misses_the_truth_more_often_than_not(coverage):
    found = of(coverage, "naive")
    assert (found["coverage"] < 0.7).all()
    assert found["bias"][0] > 3


def test_error_rates_do_not_fit_what_is_rarest_and_prediction_powered_bounds_fall_below_zero(coverage):
    assert of(coverage, "rogan-gladen")["n_estimated"][0] < 12 * REPLICATIONS / 4
    assert of(coverage, "ppi")["negative"][0] > 0.03


def test_every_setting_has_a_row_for_each_estimator(coverage):
    assert coverage.height == (48 + 4) * len(ESTIMATORS)
    assert coverage.drop_nulls("sensitivity")["n_simulations"].unique().to_list() == [REPLICATIONS]


def test_the_same_seed_gives_the_same_coverage():
    one, other = (simulate_coverage(replications=1, bootstrap=50, confidence=0.9, seed=3) for _ in range(2))
    assert one.equals(other)


def test_the_figure_names_every_estimator_and_leaves_out_what_was_never_estimated(coverage, tmp_path):
    plot_coverage(coverage, 0.95, tmp_path / "coverage.svg")
    text = (tmp_path / "coverage.svg").read_text(encoding="utf-8")
    assert all(title in text for title in TITLES.values())
    assert ("too few to say" in text) == (coverage["n_estimated"].min() == 0)
