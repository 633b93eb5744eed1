"""Verdicts on the study's claims: each of them is reached by its own rule, and no claim goes without one."""

from pathlib import Path

import polars as pl
import pytest
import yaml
from assess_capabilities import ANALYSES
from hypothesis import given
from hypothesis import strategies as st
from judge_claims import REQUIRED, check_claims, judge_claim, judge_claims

from shared.job import InputError

CLAIMS = yaml.safe_load((Path(__file__).parents[1] / "config" / "claims.yaml").read_text(encoding="utf-8"))["claims"]
CLAIM = {
    "id": "rare",
    "section": "How common?",
    "statement": "Foxes are rare.",
    "published": "< 10 %",
    "estimand": "Share of foxes among animals seen.",
    "needs": "counting",
    "value": {"table": "prevalence", "where": {"group": "fox"}},
    "rule": {"high": 0.10},
    "in_words": "The interval lies below 10 %.",
    "direction": {"high": 0.5, "in_words": "or at least below one half"},
    "min_n": 30,
}


def estimates(low, high, *, n=100, **more):
    row = {"dataset": "own", "group": "fox", "n_conversations": n, "estimate": 0.05, "ci_low": low, "ci_high": high}
    return pl.DataFrame(
        [row | more],
        schema_overrides={"n_conversations": pl.Int64, "ci_low": pl.Float64, "ci_high": pl.Float64},
    )


def verdict(claim, rows, *, not_testable=None):
    return judge_claim(claim, rows, not_testable=not_testable)["verdict"]


def capabilities(**testable):
    """What each data set allows of the analysis that the claim needs."""
    rows = [(dataset, "counting", how, None if how == "yes" else f"{how}, alas") for dataset, how in testable.items()]
    return pl.DataFrame(rows, schema=["dataset", "analysis", "testable", "reason"], orient="row")


def without(*keys):
    return {key: value for key, value in CLAIM.items() if key not in keys}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.01, 0.05, "supported"),
        (0.01, 0.10, "supported"),
        (0.01, 0.11, "direction only"),
        (0.10, 0.40, "direction only"),
        (0.11, 0.40, "not supported"),
        (0.20, 0.40, "not supported"),
        (0.05, 0.60, "inconclusive"),
        (0.10, 0.60, "inconclusive"),
        (0.20, 0.60, "not supported"),
    ],
)
def test_an_upper_bound_is_judged_on_the_whole_interval(low, high, expected):
    assert verdict(CLAIM, estimates(low, high)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.01, 0.11, "inconclusive"), (0.2, 0.4, "not supported"), (0.1, 0.4, "inconclusive")]
)
def test_without_a_wider_region_there_is_no_direction_only(low, high, expected):
    assert verdict(without("direction"), estimates(low, high)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.02, 0.05, "supported"),
        (0.0145, 0.058, "supported"),
        (0.01, 0.05, "inconclusive"),
        (0.001, 0.01, "not supported"),
        (0.06, 0.07, "not supported"),
        (0.001, 0.9, "inconclusive"),
    ],
)
def test_a_region_with_two_bounds_is_judged_at_both(low, high, expected):
    claim = without("direction") | {"rule": {"low": 0.0145, "high": 0.058}}
    assert verdict(claim, estimates(low, high)) == expected


def test_a_rule_may_bound_from_below_by_zero():
    claim = without("direction") | {"rule": {"low": 0}}
    assert (verdict(claim, estimates(0.1, 0.2)), verdict(claim, estimates(-0.2, -0.1))) == (
        "supported",
        "not supported",
    )


def test_the_prefix_names_the_columns_that_are_judged():
    claim = without("direction") | {"value": CLAIM["value"] | {"prefix": "excess"}, "rule": {"low": 0}}
    found = judge_claim(
        claim, estimates(-0.5, -0.4, excess=0.2, excess_ci_low=0.1, excess_ci_high=0.3), not_testable=None
    )
    assert (found["verdict"], found["estimate"], found["ci_low"], found["ci_high"]) == ("supported", 0.2, 0.1, 0.3)


def test_the_wider_region_may_look_at_other_columns():
    claim = CLAIM | {
        "value": CLAIM["value"] | {"prefix": "excess"},
        "rule": {"low": 0},
        "direction": {"low": 0, "prefix": "estimate", "in_words": "or at least that of the change itself"},
    }
    rows = estimates(0.1, 0.2, excess=-0.1, excess_ci_low=-0.3, excess_ci_high=0.1)
    assert verdict(claim, rows) == "direction only"


def test_an_interval_outside_the_claimed_region_is_not_supported_even_where_the_wider_one_holds_it():
    found = judge_claim(CLAIM, estimates(0.2, 0.4), not_testable=None)
    assert found["verdict"] == "not supported"
    assert "outside" in found["reason"]


def test_direction_only_says_what_does_not_and_what_does_hold():
    found = judge_claim(CLAIM, estimates(0.05, 0.4), not_testable=None)
    assert found["reason"] == "Not that the interval lies below 10 %, but below one half."


@given(st.floats(0, 1), st.floats(0, 1))
def test_direction_only_means_that_the_interval_reaches_into_the_claimed_region(one, other):
    low, high = sorted((one, other))
    assert (verdict(CLAIM, estimates(low, high)) == "direction only") == (low <= 0.10 < high <= 0.5)


def test_too_few_conversations_are_not_testable():
    found = judge_claim(CLAIM, estimates(0.01, 0.05, n=29), not_testable=None)
    assert (found["verdict"], found["n"]) == ("not testable here", 29)
    assert "29" in found["reason"]
    assert "30" in found["reason"]


def test_just_enough_conversations_are_testable():
    assert verdict(CLAIM, estimates(0.01, 0.05, n=30)) == "supported"


def test_where_the_table_has_a_base_the_base_is_what_must_be_large_enough():
    assert verdict(CLAIM, estimates(0.01, 0.05, n=3, n_of=500)) == "supported"


def test_a_cell_under_the_privacy_floor_is_not_testable():
    found = judge_claim(CLAIM, estimates(0.01, 0.05, n=None), not_testable=None)
    assert (found["verdict"], found["estimate"]) == ("not testable here", None)
    assert "floor" in found["reason"]


def test_an_estimate_without_an_interval_is_not_testable():
    assert verdict(CLAIM, estimates(None, None)) == "not testable here"


def test_what_a_data_set_does_not_allow_is_not_testable_but_shows_its_value():
    found = judge_claim(CLAIM, estimates(0.01, 0.05), not_testable="It holds no owls.")
    assert (found["verdict"], found["estimate"], found["reason"]) == ("not testable here", 0.05, "It holds no owls.")


@pytest.mark.parametrize(
    ("testable", "verdict", "limits"),
    [("yes", "supported", None), ("limited", "supported", "limited, alas"), ("no", "not testable here", None)],
)
def test_the_capabilities_decide_whether_a_claim_is_judged_and_what_limits_it(testable, verdict, limits):
    tables = {"prevalence": estimates(0.01, 0.05)}
    found = judge_claims([CLAIM], tables, capabilities(own=testable), datasets=["own"])
    assert found.select("verdict", "limits").rows() == [(verdict, limits)]


def test_a_claim_that_needs_an_unknown_analysis_is_refused_by_name():
    with pytest.raises(InputError, match="'rare' needs 'telepathy', expected one of: counting"):
        judge_claims([CLAIM | {"needs": "telepathy"}], {}, capabilities(own="yes"), datasets=["own"])


def test_every_declared_claim_needs_an_analysis_that_is_assessed():
    assert {claim["needs"] for claim in CLAIMS} <= set(ANALYSES)


@pytest.mark.parametrize("copies", [0, 2])
def test_an_estimate_that_is_missing_or_ambiguous_is_not_testable(copies):
    rows = pl.concat([estimates(0.01, 0.05)] * 3).head(copies)
    assert verdict(CLAIM, rows) == "not testable here"


@given(st.floats(0, 1), st.floats(0, 1))
def test_supported_means_that_the_whole_interval_lies_in_the_claimed_region(one, other):
    low, high = sorted((one, other))
    assert (verdict(CLAIM, estimates(low, high)) == "supported") == (high <= 0.10)


def test_the_declared_claims_pass_the_check():
    check_claims(CLAIMS)
    assert len(CLAIMS) == len({claim["id"] for claim in CLAIMS}) > 10


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["id"])
def test_every_declared_claim_is_supported_somewhere_and_not_everywhere(claim):
    prefix = claim["value"].get("prefix", "estimate")
    columns = ("ci_low", "ci_high") if prefix == "estimate" else (f"{prefix}_ci_low", f"{prefix}_ci_high")

    def at(value):
        row = {"estimate": value, "ci_low": value, "ci_high": value, "n_conversations": 5_000}
        return verdict(claim, pl.DataFrame([row | {prefix: value, columns[0]: value, columns[1]: value}]))

    bounds = claim["rule"]
    assert at((bounds.get("low", 0) + bounds.get("high", 1)) / 2) == "supported"
    assert at(2.0 if "high" in bounds else -2.0) == "not supported"


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if "direction" in claim], ids=lambda claim: claim["id"])
def test_the_wider_region_of_a_declared_claim_holds_the_claimed_one(claim):
    rule, wide = claim["rule"], claim["direction"]
    assert wide.get("low", -9) <= rule.get("low", -9)
    assert wide.get("high", 9) >= rule.get("high", 9)


@pytest.mark.parametrize("key", REQUIRED)
def test_a_claim_that_lacks_a_part_is_refused_by_name(key):
    with pytest.raises(InputError, match=key):
        check_claims([without(key)])


@pytest.mark.parametrize("rule", [{}, {"near": 0.029}])
def test_a_rule_without_a_bound_is_refused(rule):
    with pytest.raises(InputError, match="rare"):
        check_claims([CLAIM | {"rule": rule}])


def test_an_id_used_twice_is_refused():
    with pytest.raises(InputError, match="'rare' is used twice"):
        check_claims([CLAIM, CLAIM])


def test_no_claim_is_judged_while_one_lacks_its_rule():
    with pytest.raises(InputError):
        judge_claims(
            [CLAIM, without("rule") | {"id": "b"}],
            {"prevalence": estimates(0, 0.01)},
            capabilities(own="yes"),
            datasets=["own"],
        )


def test_every_claim_is_judged_for_every_data_set_in_the_order_declared():
    claims = [CLAIM, CLAIM | {"id": "again", "rule": {"low": 0.5}}]
    tables = {"prevalence": pl.concat([estimates(0.01, 0.05), estimates(0.6, 0.7).with_columns(dataset=pl.lit("b"))])}
    found = judge_claims(claims, tables, capabilities(own="yes", b="no"), datasets=["own", "b"])
    assert found.select("dataset", "id", "verdict").rows() == [
        ("own", "rare", "supported"),
        ("own", "again", "not supported"),
        ("b", "rare", "not testable here"),
        ("b", "again", "not testable here"),
    ]


def test_the_rule_is_told_beside_the_verdict():
    tables = {"prevalence": estimates(0.01, 0.05)}
    found = judge_claims([CLAIM], tables, capabilities(own="yes"), datasets=["own"])
    assert found["rule"].to_list() == ["The interval lies below 10 %."]
