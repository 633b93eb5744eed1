"""How many labels or conversations decide a claim: hand-worked numbers, and the intervals that these numbers promise."""

import math
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from estimate_power import (
    estimate_power,
    holds_for_all,
    needed_by_scaling,
    needed_for_share,
    plan_claim,
)
from scipy.stats import binom
from test_judge_claims import CLAIM, without

Z = NormalDist().inv_cdf(0.975)
BELOW_TENTH = (None, 0.10)


def judged(low, high, *, estimate=0.05, verdict="inconclusive", region=BELOW_TENTH, n=100, corrected=True):
    found = {"estimate": estimate, "ci_low": low, "ci_high": high, "n": n, "verdict": verdict, "corrected": corrected}
    return found | {"region_low": region[0], "region_high": region[1]}


def plan(claim, found, *, labels=None):
    made = plan_claim(claim, found, labels=labels or {}, confidence=0.95)
    return made["n_now"], made["n_needed"], made["basis"]


@pytest.mark.parametrize(
    ("estimate", "low", "high", "region", "n", "needed"),
    [
        (
            0.03,
            0.02,
            0.05,
            (None, 0.04),
            100,
            818,
        ),  # inside: the upper arm of 0.02 must shrink to 0.01 / (1 + 0.8416 / 1.96)
        (0.011, 0.007, 0.018, (0.0145, 0.058), 1000, 8173),  # below: the upper arm of 0.007: 0.0035
        (0.6, 0.4, 0.7, (None, 0.5), 50, 409),  # above: the lower arm of 0.2: 0.1
        (0.2, 0.1, 0.5, (0.1, 0.3), 10, 184),  # between two edges: the longer of the two ways
        (0.1, 0.05, 0.2, (None, 0.1), 10, None),  # on the edge
    ],
)
def test_an_arm_must_shrink_to_less_than_the_distance_from_the_edge(estimate, low, high, region, n, needed):
    assert needed_by_scaling(estimate, low, high, region, n, confidence=0.95) == needed


def test_labels_of_a_whole_data_set_leave_nothing_open():
    # Arms shrink as sqrt(1/n - 1/N): 1/2.859 as long with n of 1/(1/900 + (1/300 - 1/900)/8.173) = 723.1 of 900.
    options = {"confidence": 0.95, "population": 900}
    assert needed_by_scaling(0.03, 0.02, 0.05, (None, 0.04), 300, **options) == 724
    assert needed_by_scaling(0.0399999, 0.02, 0.05, (None, 0.04), 300, **options) == 900


def wilson(share, n):
    """Score interval of a share (Wilson 1927)."""
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    arm = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return middle - arm, middle + arm


def test_the_number_for_a_share_is_the_textbook_s():
    # ((1.96 * sqrt(0.1 * 0.9) + 0.8416 * sqrt(0.05 * 0.95)) / 0.05)**2 = 238.0
    assert needed_for_share(0.05, BELOW_TENTH, confidence=0.95) == 239


@pytest.mark.parametrize(
    ("share", "region"),
    [(0.05, (None, 0.1)), (0.03, (None, 0.1)), (0.2, (0.1, None)), (0.7, (0.5, None)), (0.0025, (None, 0.005))],
)
def test_so_many_units_clear_the_score_interval_of_the_edge_in_four_of_five_studies(share, region):
    n = needed_for_share(share, region, confidence=0.95)
    found = np.arange(n + 1)
    low, high = wilson(found / n, n)
    clear = high <= region[1] if region[0] is None else low >= region[0]
    assert binom.pmf(found[clear], n, share).sum() == pytest.approx(0.8, abs=0.04)


def test_scaled_so_far_an_interval_clears_the_edge_in_four_of_five_studies():
    # A mean of 0.3 with a standard error of 1/sqrt(n), beside an edge at 0.
    arm = Z / math.sqrt(50)
    n = needed_by_scaling(0.3, 0.3 - arm, 0.3 + arm, (0, None), 50, confidence=0.95)
    assert NormalDist(0.3, 1 / math.sqrt(n)).cdf(Z / math.sqrt(n)) == pytest.approx(0.2, abs=0.01)


def test_a_decided_claim_needs_nothing_more():
    assert plan(CLAIM, judged(0.01, 0.05, verdict="supported")) == (100, None, "decided")


def test_an_open_claim_with_an_interval_is_planned_from_it():
    assert plan(CLAIM, judged(0.02, 0.15)) == (100, 818, "if the truth is what is estimated")


def test_a_claim_on_too_few_conversations_needs_at_least_what_its_rule_asks_for():
    assert plan(CLAIM, judged(0.02, 0.06, verdict="not testable here", n=9)) == (
        9,
        30,
        "if the truth is what is estimated",
    )


def test_a_claim_that_labels_decide_is_planned_in_labels():
    claim = CLAIM | {"decided_by": "labels"}
    assert plan(claim, judged(0.02, 0.15), labels={"labels": 50})[:2] == (50, 90)  # of 100


def test_without_an_interval_the_declared_value_stands_in():
    hidden = judged(None, None, estimate=None, verdict="not testable here", region=(None, None), n=None)
    assert plan(CLAIM, hidden) == (None, 239, "if the truth is 5 %")
    assert plan(CLAIM | {"unit": "change"}, hidden) == (None, None, "no spread is known")


@pytest.mark.parametrize(("estimate", "outcome"), [(0.05, "supported"), (0.12, "not supported"), (0.1, None)])
def test_the_plan_says_which_verdict_it_would_come_to(estimate, outcome):
    found = judged(0.02, 0.15, estimate=estimate)
    assert plan_claim(CLAIM, found, labels={}, confidence=0.95)["outcome"] == outcome


def test_no_number_lets_an_uncorrected_count_decide():
    uncorrected = CLAIM | {"corrected": False}
    assert plan(uncorrected, judged(0.02, 0.15)) == (100, None, "an uncorrected estimate decides nothing")
    by_labels = CLAIM | {"corrected": "from_labels"}
    alone = "labels of the data set itself alone decide it"
    assert plan(by_labels, judged(0.02, 0.15, corrected=False)) == (100, None, alone)
    assert plan(by_labels, judged(0.02, 0.15)) == plan(CLAIM, judged(0.02, 0.15))


def test_labels_cannot_make_up_for_conversations_that_the_rule_asks_for():
    claim = CLAIM | {"decided_by": "labels", "min_n": 1000}
    found = judged(0.02, 0.15, n=400, verdict="not testable here")
    assert plan(claim, found, labels={"labels": 300})[1:] == (None, "the rule asks for 1000 of what there are 400")


def test_where_all_is_labelled_nothing_more_would_decide():
    claim = CLAIM | {"decided_by": "labels"}
    assert plan(claim, judged(0.05, 0.05), labels={"labels": 100})[1] is None


def test_a_claim_that_nothing_measures_is_not_planned():
    claim = without("value") | {"unmeasured": "Nobody counts owls."}
    hidden = judged(None, None, estimate=None, verdict="not testable here", region=(None, None), n=None)
    assert plan(claim, hidden) == (None, None, "not measured")


@pytest.mark.parametrize(("n_tests", "stands"), [(1, True), (3, True), (10, False)])
def test_a_verdict_stands_for_all_claims_if_the_widened_interval_stays_inside(n_tests, stands):
    # The upper arm of 0.04 grows by z(1 - 0.025/m) / 1.96: 1.22 for three claims, 1.43 for ten; 0.05 are free.
    found = judged(0.01, 0.09, verdict="supported")
    assert holds_for_all(found, n_tests=n_tests, confidence=0.95) is stands


def test_a_refutation_stands_if_the_widened_interval_stays_outside():
    found = judged(0.13, 0.30, estimate=0.2, verdict="not supported")
    assert holds_for_all(found, n_tests=2, confidence=0.95) is True
    assert holds_for_all(found, n_tests=20, confidence=0.95) is False


def test_an_open_verdict_has_nothing_to_stand():
    assert holds_for_all(judged(0.01, 0.2), n_tests=3, confidence=0.95) is None


def test_each_data_set_counts_its_own_claims_and_labels():
    rows = [
        {"dataset": "a", "id": "rare", **judged(0.01, 0.05, verdict="supported")},
        {"dataset": "b", "id": "rare", **judged(0.02, 0.15)},
        {"dataset": "b", "id": "again", **judged(None, None, estimate=None, verdict="not testable here", n=None)},
        {"dataset": "a", "id": "again", **judged(0.02, 0.15, verdict="direction only")},
    ]
    claims = [CLAIM | {"decided_by": "labels"}, CLAIM | {"id": "again"}]
    held_out = pl.DataFrame(
        {"source": ["a", "b", "b", "b"], "weight": [1.0, 2.0, 2.0, None], "true_included": [1, 0, 1, 1]}
    )
    table = estimate_power(claims, pl.DataFrame(rows, infer_schema_length=None), held_out, confidence=0.95)
    assert table.select("dataset", "id", "decided", "n_tests", "holds_for_all", "n_now", "n_needed").rows() == [
        ("a", "rare", True, 2, True, 1, None),
        ("a", "again", False, 2, None, 100, 818),
        ("b", "rare", False, 1, None, 2, 15),  # 1/(1/100 + (1/2 - 1/100)/8.173) = 14.3
        ("b", "again", False, 1, None, None, 239),
    ]
