"""Verdicts on the study's claims: each of them is reached by its own rule, and no claim goes without one."""

import hashlib
from pathlib import Path

import polars as pl
import pytest
import yaml
from assess_capabilities import ANALYSES
from hypothesis import given
from hypothesis import strategies as st
from judge_claims import CLAIM as SCHEMA
from judge_claims import COLUMNS, UNDER_FLOOR, check_claims, judge_claim, judge_claims, rows_of

from shared.job import InputError

CLAIMS = yaml.safe_load((Path(__file__).parents[1] / "config" / "claims.yaml").read_text(encoding="utf-8"))["claims"]
CLAIM = {
    "id": "rare",
    "section": "How common?",
    "statement": "Foxes are rare.",
    "short": "Rare foxes",
    "published": "< 10 %",
    "estimand": "Share of foxes among animals seen.",
    "unit": "share",
    "needs": "counting",
    "value": {"table": "prevalence", "where": {"group": "fox"}},
    "rule": {"high": 0.10},
    "in_words": "The interval lies below 10 %.",
    "direction": {"high": 0.5, "in_words": "or at least below one half"},
    "min_n": 30,
    "decided_by": "conversations",
    "assumed": 0.05,
}
REQUIRED = SCHEMA["required"]


MEASURED = [claim for claim in CLAIMS if "value" in claim]


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
        (0.01, 0.10, "direction only"),
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
        (0.0145, 0.058, "inconclusive"),
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


EXCESS = ["excess", "excess_ci_low", "excess_ci_high"]


def test_the_columns_that_are_judged_can_be_named():
    claim = without("direction") | {"value": CLAIM["value"] | {"columns": EXCESS}, "rule": {"low": 0}}
    found = judge_claim(
        claim, estimates(-0.5, -0.4, excess=0.2, excess_ci_low=0.1, excess_ci_high=0.3), not_testable=None
    )
    assert (found["verdict"], found["estimate"], found["ci_low"], found["ci_high"]) == ("supported", 0.2, 0.1, 0.3)


def test_the_wider_region_may_look_at_other_columns():
    claim = CLAIM | {
        "value": CLAIM["value"] | {"columns": EXCESS},
        "rule": {"low": 0},
        "direction": {"low": 0, "columns": COLUMNS, "in_words": "or at least that of the change itself"},
    }
    rows = estimates(0.1, 0.2, excess=-0.1, excess_ci_low=-0.3, excess_ci_high=0.1)
    assert verdict(claim, rows) == "direction only"


def test_an_interval_outside_the_claimed_region_is_not_supported_even_where_the_wider_one_holds_it():
    found = judge_claim(CLAIM, estimates(0.2, 0.4), not_testable=None)
    assert found["verdict"] == "not supported"
    assert found["reason"] == "The whole interval lies outside the claimed region."


def test_direction_only_says_what_does_not_and_what_does_hold():
    found = judge_claim(CLAIM, estimates(0.05, 0.4), not_testable=None)
    assert found["reason"] == "Not that the interval lies below 10 %, but below one half."


@given(st.floats(0, 1), st.floats(0, 1))
def test_direction_only_means_that_the_interval_reaches_into_the_claimed_region(one, other):
    low, high = sorted((one, other))
    assert (verdict(CLAIM, estimates(low, high)) == "direction only") == (low <= 0.10 <= high < 0.5)


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


@pytest.mark.parametrize("flag", ["suppressed", "numerator_suppressed"])
def test_a_share_that_is_hidden_for_its_numerator_is_not_testable_for_the_floor(flag):
    found = judge_claim(CLAIM, estimates(None, None, **{flag: True}), not_testable=None)
    assert (found["verdict"], "floor" in found["reason"]) == ("not testable here", True)
    assert "floor" not in judge_claim(CLAIM, estimates(None, None, **{flag: False}), not_testable=None)["reason"]


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
    assert (verdict(CLAIM, estimates(low, high)) == "supported") == (high < 0.10)


def test_the_declared_claims_pass_the_check():
    check_claims(CLAIMS)
    assert len(CLAIMS) == len({claim["id"] for claim in CLAIMS}) > 10


@pytest.mark.parametrize("claim", MEASURED, ids=lambda claim: claim["id"])
def test_every_declared_claim_can_be_met_and_can_be_missed(claim):
    columns, bounds = claim["value"].get("columns", COLUMNS), claim["rule"]
    null = {bound: 0.02 for bound in bounds.values() if isinstance(bound, str)}
    low, high = (null.get(bounds.get(edge), bounds.get(edge, end)) for edge, end in (("low", 0), ("high", 1)))

    def at(value):
        row = dict.fromkeys([*COLUMNS, *columns], value) | null | {"n_conversations": 5_000, "from_labels": True}
        return verdict(claim, pl.DataFrame([row | where for where in rows_of(claim)]))

    corrected = claim.get("corrected", True)
    assert at((low + high) / 2) == ("supported" if corrected and "wider" not in claim else "direction only")
    assert at(2.0 if "high" in bounds else -2.0) == ("not supported" if corrected else "inconclusive")


@pytest.mark.parametrize("claim", MEASURED, ids=lambda claim: claim["id"])
def test_every_declared_claim_finds_its_rows_and_columns_in_the_tables_of_a_run(claim, demo):
    table = pl.read_csv(demo / f"results/demo/tables/{claim['value']['table']}.csv", infer_schema_length=None)
    for where in rows_of(claim):
        # A number is what a row may fail to reach, and `absent` says so.
        named = {name: value for name, value in where.items() if isinstance(value, str)}
        assert table.filter(dataset="control", **named).height == 1, where
        assert named == where or "absent" in claim
    judged = [*claim["value"].get("columns", COLUMNS), *claim.get("direction", {}).get("columns", [])]
    edges = [bound for bound in claim["rule"].values() if isinstance(bound, str)]
    assert {*judged, *edges} <= set(table.columns)
    assert {"n_of", "n_conversations"} & set(table.columns)


def test_the_report_prints_the_checksum_of_the_rules_that_it_used(demo):
    checksum = hashlib.sha256((demo / "config" / "claims.yaml").read_bytes()).hexdigest()
    assert checksum[:16] in (demo / "results/demo/report/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if "direction" in claim], ids=lambda claim: claim["id"])
def test_the_wider_region_of_a_declared_claim_holds_the_claimed_one(claim):
    rule, wide = claim["rule"], claim["direction"]
    assert wide.get("low", -9) <= rule.get("low", -9)
    assert wide.get("high", 9) >= rule.get("high", 9)


def sightings(*, where="wood", **intervals):
    """A row for each animal, with its interval."""
    rows = [
        {"dataset": "own", "group": name, "place": where, "n_conversations": n, "estimate": (low + high) / 2}
        | {"ci_low": low, "ci_high": high}
        for name, (low, high, n) in intervals.items()
    ]
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("fox", "owl", "expected", "judged_by"),
    [
        ((0.01, 0.05, 99), (0.02, 0.06, 99), "supported", 0.01),
        ((0.01, 0.05, 99), (0.02, 0.2, 99), "direction only", 0.02),
        ((0.01, 0.7, 99), (0.02, 0.2, 99), "inconclusive", 0.01),
        ((0.01, 0.7, 99), (0.02, 0.06, 9), "not testable here", 0.02),
        ((0.01, 0.7, 9), (0.2, 0.6, 99), "not supported", 0.2),
    ],
)
def test_of_a_claim_about_several_rows_the_worst_decides(fox, owl, expected, judged_by):
    claim = CLAIM | {"value": {"table": "prevalence", "where": {"place": "wood", "group": ["fox", "owl"]}}}
    found = judge_claim(claim, sightings(fox=fox, owl=owl), not_testable=None)
    assert (found["verdict"], found["ci_low"]) == (expected, judged_by)


def test_of_a_claim_about_several_rows_the_reason_names_the_one_that_decided():
    claim = CLAIM | {"value": {"table": "prevalence", "where": {"place": "wood", "group": ["fox", "owl"]}}}
    found = judge_claim(claim, sightings(fox=(0.01, 0.05, 99), owl=(0.2, 0.6, 99)), not_testable=None)
    assert found["reason"] == "Owl: the whole interval lies outside the claimed region."


def test_a_claim_may_say_why_there_may_be_no_such_row():
    found = judge_claim(CLAIM | {"absent": "No fox that old."}, estimates(0, 0.1).clear(), not_testable=None)
    assert (found["verdict"], found["reason"]) == ("not testable here", "No fox that old.")


def test_a_claim_about_several_rows_is_not_testable_where_one_is_absent():
    claim = CLAIM | {"value": {"table": "prevalence", "where": {"place": "wood", "group": ["fox", "owl"]}}}
    assert verdict(claim, sightings(fox=(0.01, 0.05, 99))) == "not testable here"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.02, 0.05, "direction only"),
        (0.2, 0.4, "inconclusive"),
        (0.6, 0.7, "inconclusive"),
        (0.05, 0.7, "inconclusive"),
    ],
)
def test_a_count_that_is_not_corrected_supports_the_direction_at_most_and_refutes_nothing(low, high, expected):
    assert verdict(CLAIM | {"corrected": False}, estimates(low, high)) == expected


@pytest.mark.parametrize(("unit", "words"), [("share", "a count not corrected"), ("change", "sentiment not corrected")])
def test_the_reason_says_what_is_not_corrected(unit, words):
    claim = CLAIM | {"corrected": False, "unit": unit}
    assert words in judge_claim(claim, estimates(0.02, 0.05), not_testable=None)["reason"]


def test_no_claim_on_sentiment_says_that_it_is_corrected():
    assert {claim.get("corrected") for claim in MEASURED if claim["unit"] == "change"} == {False}


def test_where_what_a_share_is_of_is_hidden_the_reason_is_the_floor_and_not_the_count_of_none():
    table = estimates(0.01, 0.05, n=0, n_of=None).with_columns(pl.col("n_of").cast(pl.Int64))
    found = judge_claim(CLAIM, table, not_testable=None)
    assert (found["n"], found["ci_low"], found["reason"]) == (None, None, UNDER_FLOOR)


@pytest.mark.parametrize(
    ("correction", "words"), [("error rates carried over from other sources", "do not fit"), ("none", "No interval")]
)
def test_without_an_interval_the_reason_says_whether_error_rates_did_not_fit(correction, words):
    assert words in judge_claim(CLAIM, estimates(None, None, correction=correction), not_testable=None)["reason"]


@pytest.mark.parametrize(("corrected", "expected"), [(True, "supported"), (False, "direction only")])
def test_a_row_may_say_itself_whether_it_is_corrected(corrected, expected):
    assert verdict(CLAIM | {"corrected": "by_labels"}, estimates(0.02, 0.05, by_labels=corrected)) == expected


@pytest.mark.parametrize("correction", ["error rates carried over from other sources", "error rates of this data set"])
def test_an_estimate_that_rests_on_error_rates_alone_says_so_and_decides_nothing(correction):
    claim = CLAIM | {"corrected": "from_labels"}
    for low, high, expected in ((0.02, 0.05, "direction only"), (0.6, 0.7, "inconclusive")):
        found = judge_claim(claim, estimates(low, high, from_labels=False, correction=correction), not_testable=None)
        assert (found["verdict"], found["corrected"]) == (expected, False)
        assert "not on labels of this data set" in found["reason"]


@pytest.mark.parametrize("claim", MEASURED, ids=lambda claim: claim["id"])
def test_every_claim_on_a_share_is_decided_by_labels_of_the_data_set_or_not_at_all(claim):
    assert claim["corrected"] in (False, "from_labels")


@pytest.mark.parametrize(
    ("n_labels", "expected", "words"), [(29, "not testable here", "29 labels"), (30, "supported", "below 10 %")]
)
def test_what_rests_on_labels_is_counted_in_labels(n_labels, expected, words):
    claim = CLAIM | {"value": CLAIM["value"] | {"n": "n_labels"}}
    found = judge_claim(claim, estimates(0.02, 0.05, n_labels=n_labels), not_testable=None)
    assert (found["verdict"], found["n"]) == (expected, n_labels) and words in found["reason"]


def test_without_labels_conversations_are_counted():
    claim = CLAIM | {"value": CLAIM["value"] | {"n": "n_labels"}}
    assert judge_claim(claim, estimates(0.02, 0.05, n_labels=None), not_testable=None)["n"] == 100


@pytest.mark.parametrize(("n_users", "expected"), [(None, "supported"), (29, "not testable here"), (30, "supported")])
def test_few_people_give_no_interval_to_be_trusted(n_users, expected):
    assert verdict(CLAIM, estimates(0.02, 0.05, n_users=n_users)) == expected


def test_of_a_part_the_users_are_not_those_that_the_interval_rests_on():
    assert verdict(CLAIM, estimates(0.02, 0.05, n_users=12, n_of=5_000)) == "supported"


def test_an_interval_that_ends_at_the_edge_does_not_lie_beyond_it():
    claim = without("direction") | {"rule": {"low": 0}}
    assert verdict(claim, estimates(0.0, 0.0)) == "inconclusive"


@pytest.mark.parametrize(("low", "high", "expected"), [(0.02, 0.05, "direction only"), (0.6, 0.7, "not supported")])
def test_a_count_of_more_than_the_claim_speaks_of_supports_the_direction_at_most(low, high, expected):
    found = judge_claim(CLAIM | {"wider": "jackals are counted too"}, estimates(low, high), not_testable=None)
    assert found["verdict"] == expected
    assert ("jackals" in found["reason"]) == (expected == "direction only")


@pytest.mark.parametrize(
    ("null", "expected"),
    [(0.01, "supported"), (0.03, "inconclusive"), (0.06, "not supported"), (None, "not testable here")],
)
def test_a_bound_may_be_a_column_of_the_row(null, expected):
    claim = without("direction") | {"rule": {"low": "null_ci_high", "high": 0.5}}
    found = judge_claim(claim, estimates(0.02, 0.05, null_ci_high=null), not_testable=None)
    assert (found["verdict"], found["region_low"], found["region_high"]) == (expected, null, 0.5)


def test_a_claim_that_nothing_measures_says_so():
    claim = without("value") | {"unmeasured": "Nobody counts owls."}
    found = judge_claims([claim], {}, capabilities(own="yes"), datasets=["own"])
    assert found.select("verdict", "reason", "n").row(0) == ("not testable here", "Nobody counts owls.", None)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"unmeasured": "Nobody counts."}, "either a value or the reason"),
        ({"certain": True}, "certain"),
        ({"unit": "furlong"}, "furlong"),
        ({"min_n": 0}, "min_n"),
        ({"min_n": "many"}, "many"),
        ({"short": "  "}, "short"),
        ({"rule": {"low": 0.5, "high": 0.1}}, "low above high"),
        ({"value": {"table": "prevalence"}}, "where"),
        ({"value": {"table": "prevalence", "where": {}}}, "where"),
        ({"value": CLAIM["value"] | {"columns": ["estimate"]}}, "columns"),
        ({"value": CLAIM["value"] | {"prefix": "excess"}}, "prefix"),
        ({"direction": {"high": 0.5}}, "direction"),
        ({"decided_by": "luck"}, "luck"),
    ],
)
def test_a_claim_that_is_declared_wrongly_is_refused_by_name(changed, words):
    with pytest.raises(InputError, match=f"'rare'.*{words}"):
        check_claims([CLAIM | changed])


def test_a_claim_with_neither_value_nor_reason_is_refused():
    with pytest.raises(InputError, match="'rare'.*either a value or the reason"):
        check_claims([without("value")])


def test_what_is_no_claim_at_all_is_refused():
    with pytest.raises(InputError, match=r"claim '\?'"):
        check_claims(["foxes are rare"])


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
