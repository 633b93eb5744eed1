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
    named,
    prediction_powered,
    quantile_interval,
    rogan_gladen_draws,
    stratified_draws,
    stratified_interval,
    stratified_share,
    summarise,
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


@pytest.mark.parametrize(("value", "low", "high"), [(0.1, 0.016667, 0.316667), (0.4, 0.016667, 0.4), (0, 0, 0.316667)])
def test_a_sample_s_own_value_is_the_estimate_and_lies_in_the_interval(value, low, high):
    found = summarise(np.arange(101.0) / 300, confidence=0.9, value=value)
    assert found == {"estimate": value, "ci_low": low, "ci_high": high}


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


@pytest.mark.parametrize(
    "values", [np.arange(60.0), np.arange(60.0) % 3]
)  # drawn one by one; drawn together where equal
def test_ratios_of_the_same_resamples_are_each_what_they_are_alone_and_move_together(values):
    columns = np.column_stack([values, values + 1, values])
    there = np.column_stack([np.ones(60), np.ones(60), np.arange(60) < 30])
    draws = bootstrap_ratio(columns * there, there, np.arange(60), replicates=20_000, rng=generator())
    alone = bootstrap_ratio(values, np.ones(60), np.arange(60), replicates=20_000, rng=generator(2))
    part = bootstrap_ratio(values[:30], np.ones(30), np.arange(30), replicates=20_000, rng=generator(3))
    assert draws[:, 1] - draws[:, 0] == pytest.approx(1)
    for found, wanted in ((draws[:, 0], alone), (draws[:, 2], part)):
        assert found.mean() == pytest.approx(wanted.mean(), rel=0.01)
        assert found.std() == pytest.approx(wanted.std(), rel=0.04)


def test_clusters_named_by_numbers_or_by_words_give_the_same_draws():
    values, numbers = np.arange(40.0), np.repeat([7, 2, 30, 4], 10)
    by_number, by_word = (
        bootstrap_ratio(values, np.ones(40), names, replicates=50, rng=generator())
        for names in (numbers, np.array([f"{number:02d}" for number in numbers]))
    )
    assert by_number.tolist() == by_word.tolist()


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


@pytest.mark.parametrize(("member", "end"), [(0, "ci_low"), (1, "ci_high")])
@pytest.mark.parametrize("confidence", [0.51, 0.95, 0.99])
def test_the_interval_of_nobody_begins_at_none_and_that_of_everybody_ends_at_all(member, end, confidence):
    members = np.full(30, float(member))
    draws = bootstrap_share(members, np.ones(30), np.arange(30), replicates=1_000, rng=np.random.default_rng(3))
    found = summarise(draws, confidence=confidence)
    assert found[end] == member
    assert 0 < found["ci_high"] - found["ci_low"] < 0.2


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


def sample(*strata):
    """(member, size, weight, stratum, cluster) of strata given as (labelled, members, weight); everybody is a cluster."""
    n = sum(labelled for labelled, _, _ in strata)
    member = np.concatenate([np.arange(labelled) < members for labelled, members, _ in strata])
    weight = np.concatenate([np.full(labelled, float(weight)) for labelled, _, weight in strata])
    return member, np.ones(n), weight, np.repeat(np.arange(len(strata)), [row[0] for row in strata]), np.arange(n)


def stratified(*strata, replicates=20_000, seed=1):
    return stratified_draws(*sample(*strata), replicates=replicates, rng=generator(seed))


def test_stratified_share_is_the_value_worked_out_by_hand():
    member, size, weight, *_ = sample((4, 1, 1), (5, 2, 4))
    assert stratified_share(member, size, weight) == pytest.approx((1 + 2 * 4) / (4 + 5 * 4))


def test_stratified_share_of_sizes_is_a_ratio():
    member, weight = np.array([True, False, True]), np.array([1.0, 2.0, 2.0])
    assert stratified_share(member, np.array([0.5, 1.0, 0.0]), weight) == pytest.approx(0.5 / 2.5)


def test_where_all_is_labelled_nothing_is_uncertain():
    assert set(stratified((4, 1, 1), (6, 2, 1), replicates=50)) == {0.3}


def test_what_was_labelled_is_known_and_the_rest_alone_is_drawn():
    draws = stratified((90, 9, 1), (10, 0, 2))
    assert draws.min() == 9 / 110
    assert draws.max() <= 19 / 110


def test_draws_of_one_stratum_are_the_beta_binomial_of_its_rest():
    draws, a, b = stratified((50, 10, 4)), 10 + 1 / 2, 40 + 1 / 2
    mean = a / (a + b)
    variance = 150 * mean * (1 - mean) * (a + b + 150) / (a + b + 1)
    assert draws.mean() == pytest.approx((10 + 150 * mean) / 200, abs=0.001)
    assert draws.std() == pytest.approx(np.sqrt(variance) / 200, rel=0.02)


def test_what_no_label_showed_does_not_grow_with_the_number_of_strata():
    whole, split = stratified((1_000, 0, 10)), stratified(*[(50, 0, 10)] * 20)
    assert split.mean() == pytest.approx(whole.mean(), rel=0.05)
    assert np.quantile(split, 0.975) == pytest.approx(np.quantile(whole, 0.975), rel=0.1)


def test_labels_of_a_stratum_that_weigh_differently_are_strata_of_their_own():
    member, size, weight, stratum, cluster = sample((40, 20, 1), (40, 10, 3))
    apart, together = (
        stratified_draws(member, size, weight, names, cluster, replicates=200, rng=generator())
        for names in (stratum, np.zeros(80))
    )
    assert apart.tolist() == together.tolist()


def test_users_with_many_labels_leave_more_uncertain_than_as_many_users():
    member, size, weight, stratum, alone = sample((100, 20, 50))
    by_five = alone // 5
    wide, narrow = (
        stratified_draws(member, size, weight, stratum, cluster, replicates=5_000, rng=generator())
        for cluster in (by_five, alone)
    )
    assert wide.std() == pytest.approx(np.sqrt(5) * narrow.std(), rel=0.1)
    assert wide.mean() == pytest.approx(narrow.mean(), abs=0.005)


def test_a_share_of_a_part_does_not_depend_on_what_lies_outside_it():
    member, size, weight, stratum, cluster = sample((300, 30, 1), (300, 30, 1))
    inside = np.arange(600) % 300 < 60
    draws = stratified_draws(member, size * inside, weight, stratum, cluster, replicates=50, rng=generator())
    assert draws == pytest.approx(0.5)


@pytest.mark.parametrize("n", [0, 3])
def test_where_nothing_has_a_size_there_is_no_stratified_share(n):
    empty = np.zeros(n)
    draws = stratified_draws(empty > 0, empty, empty + 2, empty, empty, replicates=4, rng=generator())
    assert draws.shape == (4,) and np.isnan(draws).all()
    assert np.isnan(stratified_share(empty > 0, empty, empty + 2))


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.floats(0, 1), st.sampled_from([1.0, 2.5, 40.0]), st.integers(0, 2), st.integers(0, 4)
        ),
        max_size=20,
    )
)
def test_stratified_intervals_are_probabilities_around_their_estimate(rows):
    member, size, weight, stratum, cluster = (np.array([row[column] for row in rows]) for column in range(5))
    options = {"replicates": 60, "confidence": 0.9, "rng": generator()}
    interval = stratified_interval(member.astype(bool), size.astype(float), weight, stratum, cluster, **options)
    if not (size.size and size.any()):
        assert np.isnan(list(interval.values())).all()
    else:
        assert 0 <= interval["ci_low"] <= interval["estimate"] <= interval["ci_high"] <= 1


# Prediction-powered inference, beside values of ppi-python 0.2.3 (ppi_mean_ci and ppi_mean_pointestimate, alpha .05)

EVERYWHERE = np.repeat([1, 0], [30, 170])
DECIDED, TRUE = np.repeat([1, 1, 0, 0], [12, 4, 3, 21]), np.repeat([1, 0, 1, 0], [12, 4, 3, 21])
EQUAL, UNEQUAL = np.ones(40), np.tile([1.0, 3.0, 3.0, 5.0, 8.0], 8)


@pytest.mark.parametrize(
    ("size", "weight", "expected"),
    [
        (np.ones(200), EQUAL, (0.174137, 0.048360, 0.299915)),
        (np.tile([1.0, 1.0, 0.5, 0.25], 50), UNEQUAL, (0.151750, 0.009685, 0.293815)),
        (np.ones(200), UNEQUAL, (0.113968, -0.039072, 0.267008)),
    ],
)
def test_prediction_powered_shares_are_those_of_the_reference_implementation(size, weight, expected):
    interval = prediction_powered(EVERYWHERE, size, DECIDED, TRUE, weight, confidence=0.95)
    assert tuple(interval.values()) == pytest.approx(expected, abs=1e-6)


def test_predictions_that_say_nothing_leave_the_mean_of_the_labels_and_its_normal_interval():
    true = np.tile([1, 0, 0, 0], 25)
    interval = prediction_powered(np.ones(500), np.ones(500), np.ones(100), true, np.ones(100), confidence=0.95)
    half = 1.959964 * np.sqrt(0.25 * 0.75 / 100)
    assert tuple(interval.values()) == pytest.approx((0.25, 0.25 - half, 0.25 + half), abs=1e-6)


def test_an_interval_becomes_columns_of_its_name():
    assert named({"estimate": 1, "ci_low": 2, "ci_high": 3}, "ppi") == {"ppi": 1, "ppi_ci_low": 2, "ppi_ci_high": 3}


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
    rogan_gladen = rogan_gladen_draws(naive, predicted, true, weight, rng=generator())
    assert (np.isnan(rogan_gladen) | ((rogan_gladen >= 0) & (rogan_gladen <= 1))).all()
