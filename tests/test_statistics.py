"""Intervals and corrections, against formulas worked out by hand and against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.statistics import (
    beta_draws,
    bootstrap_ratio,
    bootstrap_share,
    effective_size,
    quantile_interval,
    rogan_gladen_draws,
    summarise,
    two_phase_draws,
)


def generator(seed=1):
    return np.random.default_rng(seed)


def test_effective_size_of_equal_weights_is_their_number():
    assert effective_size(np.full(7, 3.2)) == pytest.approx(7)


def test_effective_size_of_unequal_weights_follows_kish():
    assert effective_size(np.array([1.0, 2.0, 3.0])) == pytest.approx(36 / 14)


@pytest.mark.parametrize("weight", [np.array([]), np.zeros(3)])
def test_effective_size_without_weight_is_zero(weight):
    assert effective_size(weight) == 0.0


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_effective_size_lies_between_one_and_the_number_of_observations(weights):
    assert 1 - 1e-9 <= effective_size(np.array(weights)) <= len(weights) + 1e-9


def test_quantile_interval_cuts_equal_tails():
    assert quantile_interval(np.arange(101.0), confidence=0.9) == pytest.approx((5, 95))


def test_quantile_interval_leaves_out_draws_that_are_not_finite():
    assert quantile_interval(np.array([np.nan, 1.0, 1.0, np.inf]), confidence=0.9) == (1.0, 1.0)


def test_quantile_interval_of_no_finite_draw_is_nan():
    assert np.isnan(quantile_interval(np.array([np.nan]), confidence=0.9)).all()


def test_summary_is_median_and_interval_rounded():
    assert summarise(np.arange(101.0) / 300, confidence=0.9) == {
        "estimate": 0.166667,
        "ci_low": 0.016667,
        "ci_high": 0.316667,
    }


def test_summary_of_no_finite_draw_is_nan():
    assert np.isnan(list(summarise(np.full(3, np.nan), confidence=0.95).values())).all()


def test_bootstrap_without_variation_gives_the_ratio_itself():
    draws = bootstrap_ratio(np.full(8, 3.0), np.full(8, 4.0), np.arange(8), replicates=20, rng=generator())
    assert draws.tolist() == [0.75] * 20


def test_bootstrap_of_independent_observations_has_the_binomial_standard_error():
    member = np.repeat([1.0, 0.0], [60, 140])
    draws = bootstrap_ratio(member, np.ones(200), np.arange(200), replicates=20_000, rng=generator())
    assert draws.mean() == pytest.approx(0.3, abs=0.002)
    assert draws.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 200), rel=0.03)


def test_bootstrap_of_clusters_is_as_wide_as_the_number_of_clusters_demands():
    member = np.repeat([1.0] * 6 + [0.0] * 14, 10)  # 20 users with ten equal conversations each
    draws = bootstrap_ratio(member, np.ones(200), np.repeat(np.arange(20), 10), replicates=20_000, rng=generator())
    assert draws.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 20), rel=0.03)


def test_bootstrap_agrees_with_drawing_whole_clusters_one_by_one():
    rng = generator(3)
    top, bottom, cluster = rng.integers(0, 4, 60), rng.integers(1, 6, 60), rng.integers(0, 15, 60)
    tops, bottoms = np.bincount(cluster, top, 15), np.bincount(cluster, bottom, 15)
    picks = rng.integers(0, 15, (20_000, 15))
    plain = tops[picks].sum(1) / bottoms[picks].sum(1)
    draws = bootstrap_ratio(top, bottom, cluster, replicates=20_000, rng=rng)
    assert np.quantile(draws, [0.025, 0.5, 0.975]) == pytest.approx(np.quantile(plain, [0.025, 0.5, 0.975]), rel=0.02)


def test_bootstrap_takes_text_as_cluster_labels():
    draws = bootstrap_ratio(np.array([1, 1]), np.array([2, 2]), np.array(["u", "v"]), replicates=3, rng=generator())
    assert draws.tolist() == [0.5] * 3


def test_a_replicate_with_an_empty_denominator_is_nan():
    assert np.isnan(bootstrap_ratio(np.zeros(2), np.zeros(2), np.arange(2), replicates=4, rng=generator())).all()


def test_bootstrap_of_no_observation_is_nan_for_every_replicate():
    draws = bootstrap_ratio(np.array([]), np.array([]), np.array([]), replicates=5, rng=generator())
    assert draws.shape == (5,)
    assert np.isnan(draws).all()


def test_bootstrap_gives_as_many_draws_as_asked_for_when_there_are_too_many_clusters_to_draw_them_at_once():
    sizes = np.arange(1.0, 2_001.0)
    draws = bootstrap_ratio(sizes, np.ones(2_000), np.arange(2_000), replicates=2_500, rng=generator())
    assert draws.shape == (2_500,)
    assert draws.std() == pytest.approx(sizes.std() / np.sqrt(2_000), rel=0.1)


def test_the_same_seed_gives_the_same_draws():
    first, second = (
        bootstrap_ratio(np.array([0, 1.0, 1.0]), np.ones(3), np.arange(3), replicates=9, rng=generator(4))
        for _ in range(2)
    )
    assert first.tolist() == second.tolist()


def test_bootstrap_interval_covers_the_true_share_about_as_often_as_it_claims():
    rng, covered = generator(5), 0
    for _ in range(300):
        member = (rng.random(150) < 0.2).astype(float)
        draws = bootstrap_share(member, np.ones(150), np.arange(150), replicates=300, rng=rng)
        low, high = quantile_interval(draws, confidence=0.9)
        covered += low <= 0.2 <= high
    assert 0.84 <= covered / 300 <= 0.95


def test_share_follows_the_weights():
    member, weight = np.tile([1.0, 0.0], 200), np.tile([3.0, 1.0], 200)
    draws = bootstrap_share(member, weight, np.arange(400), replicates=2_000, rng=generator())
    assert np.median(draws) == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(("member", "a", "b"), [(0.0, 0.5, 10.5), (1.0, 10.5, 0.5)])
def test_where_nobody_or_everybody_is_a_member_jeffreys_posterior_stands_in(member, a, b):
    draws = bootstrap_share(np.full(10, member), np.ones(10), np.arange(10), replicates=50_000, rng=generator())
    assert draws.mean() == pytest.approx(a / (a + b), abs=0.002)


def test_certainty_about_nobody_grows_with_clusters_and_not_with_observations():
    clusters = np.repeat(np.arange(5), 100)
    draws = bootstrap_share(np.zeros(500), np.ones(500), clusters, replicates=50_000, rng=generator())
    assert draws.mean() == pytest.approx(0.5 / 6, abs=0.003)


def test_share_of_no_observation_is_nan():
    empty = np.array([])
    assert np.isnan(bootstrap_share(empty, empty, empty, replicates=3, rng=generator())).all()


def test_posterior_draws_have_the_mean_of_jeffreys_posterior():
    draws = beta_draws(np.array([1, 1, 1, 0]), np.ones(4), replicates=50_000, rng=generator())
    assert draws.mean() == pytest.approx(3.5 / 5, abs=0.003)


def test_posterior_draws_without_observations_are_the_prior():
    draws = beta_draws(np.array([]), np.array([]), replicates=50_000, rng=generator())
    assert draws.mean() == pytest.approx(0.5, abs=0.01)
    assert draws.var() == pytest.approx(0.125, abs=0.01)


def labelled(n, *, share, sensitivity, specificity, rng):
    true = rng.random(n) < share
    return np.where(true, rng.random(n) < sensitivity, rng.random(n) >= specificity), true


def test_two_phase_corrects_the_naive_share_to_the_value_worked_out_by_hand():
    predicted = np.repeat([True, False], [1_000, 4_000])
    true = np.concatenate([np.repeat([True, False], [700, 300]), np.repeat([True, False], [400, 3_600])])
    draws = two_phase_draws(np.full(4_000, 0.2), predicted, true, np.ones(5_000), rng=generator())
    assert np.median(draws) == pytest.approx(0.2 * 0.7 + 0.8 * 0.1, abs=0.005)


def test_two_phase_heeds_the_inclusion_weights():
    predicted = np.repeat(True, 2_000)
    true, weight = np.tile([True, False], 1_000), np.tile([1.0, 3.0], 1_000)
    draws = two_phase_draws(np.ones(4_000), predicted, true, weight, rng=generator())
    assert np.median(draws) == pytest.approx(0.25, abs=0.01)


def test_two_phase_interval_covers_the_true_share_about_as_often_as_it_claims():
    rng, covered = generator(6), 0
    for _ in range(300):
        predicted, true = labelled(4_000, share=0.1, sensitivity=0.7, specificity=0.95, rng=rng)
        sample = rng.choice(4_000, 400, replace=False)
        naive = bootstrap_share(predicted.astype(float), np.ones(4_000), np.arange(4_000), replicates=400, rng=rng)
        draws = two_phase_draws(naive, predicted[sample], true[sample], np.ones(400), rng=rng)
        low, high = quantile_interval(draws, confidence=0.9)
        covered += low <= 0.1 <= high
    assert 0.83 <= covered / 300 <= 0.97


def test_rogan_gladen_corrects_the_naive_share_to_the_value_worked_out_by_hand():
    true = np.repeat([True, False], [5_000, 5_000])
    predicted = np.concatenate([np.repeat([True, False], [4_000, 1_000]), np.repeat([True, False], [500, 4_500])])
    draws = rogan_gladen_draws(np.full(4_000, 0.24), predicted, true, np.ones(10_000), rng=generator())
    assert np.median(draws) == pytest.approx((0.24 + 0.9 - 1) / (0.8 + 0.9 - 1), abs=0.01)


def test_rogan_gladen_interval_covers_the_true_share_about_as_often_as_it_claims():
    rng, covered = generator(7), 0
    for _ in range(300):
        known = labelled(1_000, share=0.4, sensitivity=0.8, specificity=0.9, rng=rng)
        predicted, _ = labelled(1_000, share=0.2, sensitivity=0.8, specificity=0.9, rng=rng)
        naive = bootstrap_share(predicted.astype(float), np.ones(1_000), np.arange(1_000), replicates=400, rng=rng)
        low, high = quantile_interval(rogan_gladen_draws(naive, *known, np.ones(1_000), rng=rng), confidence=0.9)
        covered += low <= 0.2 <= high
    assert 0.83 <= covered / 300 <= 0.97


def test_rogan_gladen_never_leaves_zero_to_one():
    predicted, true = labelled(200, share=0.5, sensitivity=0.7, specificity=0.7, rng=generator())
    naive = np.repeat([0.0, 1.0, 0.5], [100, 100, 800])
    draws = rogan_gladen_draws(naive, predicted, true, np.ones(200), rng=generator())
    assert draws[:100].max() == 0.0
    assert draws[100:200].min() == 1.0


def test_an_instrument_no_better_than_chance_carries_no_information():
    true = np.tile([True, True, False, False], 5_000)
    predicted = np.tile([True, False, True, False], 5_000)
    draws = rogan_gladen_draws(np.full(20_000, 0.5), predicted, true, np.ones(20_000), rng=generator())
    # uniform on 0-1
    np.testing.assert_allclose(np.quantile(draws, [0.1, 0.25, 0.5, 0.75, 0.9]), [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.02)


def test_an_instrument_worse_than_chance_carries_no_information():
    true = np.tile([True, False], 5_000)
    draws = rogan_gladen_draws(np.full(20_000, 0.01), ~true, true, np.ones(10_000), rng=generator())
    assert (draws.mean(), draws.var()) == pytest.approx((1 / 2, 1 / 12), abs=0.01)


def test_draws_without_labels_are_probabilities_about_one_half():
    draws = rogan_gladen_draws(np.full(20_000, 0.5), *np.zeros((2, 0), bool), np.array([]), rng=generator())
    assert draws.mean() == pytest.approx(0.5, abs=0.02)


# An instrument of sensitivity and specificity 0.9: where nobody is a member it finds 0.1.
FAIR = np.repeat([True, False], 10_000)
FOUND = np.where(np.arange(20_000) % 10 == 0, ~FAIR, FAIR)


@pytest.mark.parametrize("fitting", [0, 499])
def test_where_most_draws_fall_below_zero_the_error_rates_do_not_fit_and_all_are_nan(fitting):
    naive = np.where(np.arange(1_000) < fitting, 0.5, 0.02)
    draws = rogan_gladen_draws(naive, FOUND, FAIR, np.ones(20_000), rng=generator())
    assert np.isnan(draws).all()


@pytest.mark.parametrize("impossible", [0.02, 0.98], ids=["below zero", "above one"])
def test_where_half_of_the_draws_fall_on_one_side_outside_nothing_is_said(impossible):
    naive = np.repeat([0.5, impossible], 500)
    assert np.isnan(rogan_gladen_draws(naive, FOUND, FAIR, np.ones(20_000), rng=generator())).all()


def test_where_a_fifth_of_the_draws_fall_below_zero_they_are_clipped_to_it():
    naive = np.repeat([0.5, 0.02], [800, 200])
    draws = rogan_gladen_draws(naive, FOUND, FAIR, np.ones(20_000), rng=generator())
    assert draws[:800] == pytest.approx(0.5, abs=0.02)
    assert draws[800:].tolist() == [0.0] * 200


def test_where_nothing_was_measured_nothing_is_corrected():
    draws = rogan_gladen_draws(np.full(50, np.nan), FOUND, FAIR, np.ones(20_000), rng=generator())
    assert draws.shape == (50,) and np.isnan(draws).all()


@given(st.floats(0, 1), st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.1, 10)), max_size=20))
def test_corrected_shares_are_probabilities_whatever_the_labels(share, labels):
    predicted, true = (np.array([row[column] for row in labels], dtype=bool) for column in (0, 1))
    weight = np.array([row[2] for row in labels], dtype=float)
    naive = np.full(50, share)
    two_phase = two_phase_draws(naive, predicted, true, weight, rng=generator())
    rogan_gladen = rogan_gladen_draws(naive, predicted, true, weight, rng=generator())
    assert ((two_phase >= 0) & (two_phase <= 1)).all()
    assert (np.isnan(rogan_gladen) | ((rogan_gladen >= 0) & (rogan_gladen <= 1))).all()
