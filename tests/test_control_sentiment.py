"""Controls on the change of sentiment, its path, the specification curve, and what of them may be published."""

import numpy as np
import polars as pl
import pytest
from control_sentiment import (
    control_sentiment,
    drawn_without_replacement,
    path_of_sentiment,
    publishable,
    publishable_path,
)
from estimate_sentiment import estimate_sentiment
from hypothesis import given
from hypothesis import strategies as st
from plot_sentiment_controls import CONTROLS
from vary_sentiment import publishable as publishable_curve
from vary_sentiment import vary_sentiment

from shared import contracts
from shared.change import GROUPS, KNOWN, changes, hidden_together, hidden_too, is_among, lengths_shown, messages_of
from shared.contracts import CATEGORIES

CUTS = {"compound": [-0.5, -0.05, 0.05, 0.5], "linear": [-0.5, -0.05, 0.05, 0.5]}
OPTIONS = {"dataset": "own", "bootstrap": 300, "confidence": 0.95, "seed": 4}
RULE = {"min_human_messages": 6, "window": 3}
INTERVALS = [f"{prefix}{end}" for prefix in ("", "excess_") for end in ("ci_low", "ci_high")] + ["estimate", "excess"]
FALL, RISE = [0.8, 0.8, 0.8, -0.8, -0.8, -0.8], [-0.8, -0.8, -0.8, 0.8, 0.8, 0.8]


def messages(*groups):
    """Scored messages; each group is (number of conversations, affective, compound scores, columns that differ, categories)."""
    scored, known = [], []
    for n, affective, compound, *columns in groups:
        for _ in range(n):
            name = f"c{len(known):04}"
            other = columns[0] if columns else {}
            for place, value in enumerate(compound):
                scores = {column: value for column in SCORES} | {column: own[place] for column, own in other.items()}
                scored.append({"conversation_id": name, "turn": 2 * place, **scores})
            categories = columns[1] if len(columns) > 1 else ["coaching"] if affective else []
            own = {"affective": affective, "included": affective, "categories": categories}
            known.append(
                {
                    "conversation_id": name,
                    "cluster": name,
                    "author": name,
                    "user_id": None,
                    "n_human": len(compound),
                    "compared": True,
                }
                | own
            )
    kinds = {"user_id": pl.String, "categories": pl.List(pl.Enum(CATEGORIES)), **dict.fromkeys(SCORES, pl.Float64)}
    tables = [pl.DataFrame(rows, schema_overrides=kinds) for rows in (known, scored)]
    return messages_of(*tables, cut_points=CUTS)


SCORES = [name for name in contracts.Sentiment.column_names() if name.startswith(("compound", "linear"))]


def controls(*groups):
    return control_sentiment(messages(*groups), **RULE, **OPTIONS)


def found(table, **where):
    return table.row(
        by_predicate=pl.all_horizontal([pl.col(name) == value for name, value in where.items()]), named=True
    )


def test_the_declared_change_is_the_last_levels_less_the_first():
    row = found(controls((5, True, RISE), (5, False, FALL)), control="declared", group="coaching")
    assert (row["n_conversations"], row["mean_start"], row["estimate"], row["excess"]) == (5, -1, 2, 4)


def test_conversations_alike_in_opening_take_away_what_they_change_themselves():
    table = controls((12, True, RISE), (12, False, RISE), (12, False, FALL))
    assert found(table, control="declared", group="affective")["excess"] > 1
    assert found(table, control="matched", group="affective")["estimate"] == 0


def test_conversations_without_one_alike_are_left_out_of_the_match():
    row = found(controls((5, True, RISE), (5, False, FALL)), control="matched", group="affective")
    assert (row["n_conversations"], row["estimate"]) == (0, None)


@pytest.mark.parametrize(("n_alike", "n_matched"), [(4, 0), (5, 7)])
def test_conversations_with_too_few_alike_are_left_out_of_the_match(n_alike, n_matched):
    table = controls((7, True, RISE), (3, True, FALL), (n_alike, False, RISE), (9, False, FALL))
    assert found(table, control="matched", group="affective")["n_conversations"] == 3 + n_matched


def test_openings_that_a_draw_happens_to_have_are_no_uncertainty_of_what_is_left_beyond_conversations_alike():
    table = controls((10, True, RISE), (10, True, FALL), (30, False, RISE), (30, False, FALL))
    row = found(table, control="matched", group="affective")
    assert [row[name] for name in ("estimate", "ci_low", "ci_high")] == [0, 0, 0]
    assert found(table, control="declared", group="affective")["ci_high"] > 0.5


def test_conversations_that_vary_as_those_alike_do_leave_an_interval_as_wide_as_both_are():
    # Both open neutral; a mean of 100 of which half change by 1/3 and half by -1/3 has a standard error of 1/30.
    up, down = [0, 0, 0, 0, 0, 0.8], [0, 0, 0, 0, 0, -0.8]
    halves = [(50, affective, change) for affective in (True, False) for change in (up, down)]
    row = found(controls(*halves), control="matched", group="affective")
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 1.96 * 2**0.5 / 30, rel=0.15)


def test_every_control_has_a_title_in_the_figure():
    assert set(controls((5, True, RISE))["control"]) == set(CONTROLS)


def test_a_rise_of_every_conversation_is_rare_among_permutations_and_their_mean_is_no_change():
    row = found(controls((30, True, RISE), (5, False, RISE)), control="permuted", group="affective")
    assert row["p_value"] == pytest.approx(1 / 301, abs=1e-6)
    assert row["ci_low"] < 0 < row["ci_high"]


def test_a_shuffle_draws_each_message_of_a_conversation_as_often_in_each_place_and_none_twice():
    first, n = np.array([0, 7]), np.array([7, 6])
    drawn = drawn_without_replacement(
        np.arange(13.0), first, n, count=6, size=20_000, rng=np.random.default_rng(1)
    ).astype(int)
    assert drawn.shape == (6, 20_000, 2)
    for number in range(2):
        members = np.arange(first[number], first[number] + n[number])
        for place in drawn[:, :, number]:
            assert np.bincount(place, minlength=13)[members] / 20_000 == pytest.approx(1 / n[number], abs=0.01)
        assert (np.diff(np.sort(drawn[:, :, number], axis=0), axis=0) > 0).all()


def test_messages_all_alike_change_in_no_order():
    row = found(controls((5, True, [0.8] * 6)), control="permuted", group="affective")
    assert (row["estimate"], row["ci_low"], row["p_value"]) == (0, 0, 1)


def test_without_the_first_message_the_windows_begin_with_the_second():
    row = found(controls((5, True, [-0.8, 0, 0, 0, 0, 0])), control="without the first message", group="affective")
    assert (row["n_conversations"], row["estimate"]) == (5, 0)


def test_courtesy_at_the_end_is_no_rise_without_it():
    table = controls((5, True, [0, 0, 0, 0, 0, 0.8], {"compound_plain": [0, 0, 0, 0, 0, None]}))
    assert found(table, control="declared", group="affective")["estimate"] == pytest.approx(1 / 3, abs=1e-5)
    assert found(table, control="without courtesy", group="affective")["estimate"] == 0


def test_a_window_that_selects_regresses_and_a_later_one_does_not():
    generator = np.random.default_rng(2)
    noise = [(1, True, generator.choice([-0.8, 0, 0.8], 12).tolist()) for _ in range(400)]
    table = controls(*noise)
    chosen = found(table, control="by opening", part="negative", group="affective")
    later = found(table, control="by opening, later baseline", part="negative", group="affective")
    assert chosen["ci_low"] > 0.3
    assert later["ci_low"] < 0 < later["ci_high"]


def test_the_bands_of_length_are_all_conversations():
    table = controls((2, True, [0.0] * 6), (3, True, [0.0] * 9), (4, True, [0.0] * 19), (5, True, [0.0] * 25))
    bands = table.filter(control="by length", group="affective")
    assert dict(bands.select("part", "n_conversations").iter_rows()) == {
        "8 or fewer": 2,
        "9-11": 3,
        "12-19": 4,
        "20 or more": 5,
    }


def test_the_path_counts_messages_from_both_ends():
    table = path_of_sentiment(messages((5, True, [-0.8, 0, 0, 0, 0, 0, 0.8])), min_human_messages=6, **OPTIONS)
    first = found(table, group="affective", counted_from="start", message=1)
    last = found(table, group="affective", counted_from="end", message=1)
    assert (first["estimate"], last["estimate"]) == (-1, 1)


def test_every_message_of_the_path_is_of_the_same_conversations():
    table = path_of_sentiment(
        messages((5, True, [0.0] * 6), (3, True, [None, *[0.8] * 7])), min_human_messages=6, **OPTIONS
    )
    rows = table.filter(group="affective")
    assert (rows.height, rows["n_conversations"].unique().to_list()) == (12, [8])
    assert found(rows, counted_from="start", message=1)["estimate"] == 0  # nothing to score is neutral


def curve(*groups):
    declared = {"min_human_messages": 6, "window": 3}
    return vary_sentiment(messages(*groups), declared=declared, min_human_messages=[4, 6], windows=[1, 2, 3], **OPTIONS)


def test_the_curve_holds_every_combination_in_which_the_windows_fit():
    table = curve((5, True, RISE), (5, False, FALL))
    assert table.height == 2 * 3 * 2 * (2 + 3)
    assert table.filter("declared").select("instrument", "text", "scale", "window").rows() == [
        ("vader", "masked", "level", 3)
    ]


def test_a_specification_reads_the_score_that_it_names():
    table = curve((5, True, RISE, {"linear_plain": [0.1, 0, 0, 0, 0, 0.3]}))
    named = {"instrument": "linear", "text": "without courtesy", "min_human_messages": 6, "window": 1}
    assert found(table, scale="score", **named)["estimate"] == pytest.approx(0.2)
    assert found(table, scale="level", **named)["estimate"] == 0


def test_the_same_change_is_the_same_number_in_every_table():
    generator = np.random.default_rng(5)
    groups = [(1, n % 3 > 0, generator.choice([-0.8, -0.2, 0, 0.2, 0.8], 6 + n % 9).tolist()) for n in range(60)]
    controlled = found(controls(*groups), control="declared", group="affective")
    declared = found(curve(*groups), declared=True)
    scored = messages(*groups)
    ends = changes(scored, "level_compound", **RULE).select("conversation_id", "start", "end")
    measures = scored.select(KNOWN).unique("conversation_id").join(ends, on="conversation_id")
    measures = measures.rename({"start": "level_start", "end": "level_end"}).with_columns(
        compound_start="level_start", compound_end="level_end"
    )
    main = found(estimate_sentiment(measures, min_human_messages=6, **OPTIONS), group="affective")
    for name in ("n_conversations", "mean_start", "mean_end", *INTERVALS):
        assert main[name] == controlled[name] == declared[name]
    assert main["ci_low"] < main["estimate"] < main["ci_high"]


def test_what_is_left_beyond_conversations_alike_is_the_mean_of_what_is_left_in_each_stratum():
    # Alike in opening: affective ones rise by 2 and others by 1 from below, both fall by 2 from above. 7 of 10 open low.
    half = [-0.8, -0.8, -0.8, 0, 0, 0]
    table = controls((7, True, RISE), (3, True, FALL), (5, False, half), (9, False, FALL))
    assert found(table, control="matched", group="affective")["estimate"] == 0.7


# What may be published

FLOORS = {"min_conversations": 10, "min_users": 10}
LENGTHS = RULE | {"specifications": [4, 6, 9, 12], "drift": 6, "long": {"min_human_messages": 50, "share": 0.1}}
EVERY = {("own", group): set(range(99)) for group in GROUPS}


def shown(n_of_length, *, per_user=None):
    """lengths_shown of affective conversations: {human messages: number}, each of an author of its own or `per_user` of each user."""
    lengths = [length for length, n in n_of_length.items() for _ in range(n)]
    names = [str(number // (per_user or 1)) for number in range(len(lengths))]
    schema = {"n_human": pl.Int32, "author": pl.String, "user_id": pl.String}
    table = pl.DataFrame({"n_human": lengths, "author": names, "user_id": names}, schema=schema).with_columns(
        included=True, affective=True, user_id="user_id" if per_user else pl.lit(None, pl.String)
    )
    return lengths_shown(table, "affective", **LENGTHS, **FLOORS)


@pytest.mark.parametrize(
    ("n_of_length", "expected"),
    [
        ({2: 10, 4: 10, 6: 10, 9: 10, 12: 10, 20: 10}, {4, 6, 9, 12, 20}),
        ({2: 10, 4: 9, 6: 30, 20: 30}, {6, 9, 12, 20}),
        ({2: 9, 6: 30, 20: 30}, {9, 12, 20}),
        ({2: 10, 6: 30, 9: 9, 20: 30}, {4, 6, 9}),
        ({2: 10, 20: 9}, set()),
    ],
    ids=["all", "nine of four", "nine not of six", "nine not of twelve", "nine in all"],
)
def test_no_length_is_counted_that_would_tell_of_a_few_shorter_ones(n_of_length, expected):
    assert shown(n_of_length) == expected


@given(st.dictionaries(st.sampled_from([2, 4, 6, 8, 9, 12, 15, 20, 60]), st.integers(0, 30), min_size=1))
def test_no_two_published_numbers_differ_by_a_few(n_of_length):
    numbers = [sum(n for length, n in n_of_length.items() if length >= least) for least in shown(n_of_length)]
    numbers += [n for n in [sum(n_of_length.values())] if n >= 10]
    assert all(abs(n - other) >= 10 or n == other for n in numbers for other in numbers)
    assert all(n == 0 or n >= 10 for n in numbers)


def test_users_of_the_shorter_conversations_have_the_floor_too():
    assert 6 not in shown({2: 20, 6: 400}, per_user=4)
    assert 6 in shown({2: 40, 6: 400}, per_user=4)


def floored(*groups, shown=EVERY):
    return publishable(controls(*groups), shown, **RULE, **FLOORS)


@pytest.mark.parametrize("control", ["declared", "matched", "permuted", "linear score"])
def test_the_few_that_are_not_of_a_category_cannot_be_told_from_the_whole(control):
    table = floored((14, True, RISE), (5, True, FALL, {}, []), (30, False, RISE), (30, False, FALL))
    both, coaching = (found(table, control=control, group=group) for group in ("affective", "coaching"))
    assert both["n_conversations"] == 19
    assert [coaching[name] for name in ("n_conversations", "mean_start", "estimate", "suppressed")] == [
        None,
        None,
        None,
        True,
    ]


def test_a_category_is_shown_beside_enough_others():
    table = floored((14, True, RISE), (10, True, FALL, {}, []), (30, False, RISE))
    assert found(table, control="declared", group="coaching")["n_conversations"] == 14


def test_the_few_without_a_match_cannot_be_told():
    table = floored((20, True, RISE), (9, True, [0.0] * 6), (30, False, RISE))
    assert found(table, control="declared", group="affective")["n_conversations"] == 29
    assert found(table, control="matched", group="affective")["suppressed"]


def test_numbers_that_a_mean_would_give_back_are_those_of_its_row():
    """The attack: levels are halves, so that a mean times twice the number of conversations is whole."""
    silent = {"compound_plain": [None] * 6}
    table = controls((25, True, RISE), (3, True, RISE, silent), (30, False, FALL))
    declared, plain = (found(table, control=control, group="affective") for control in ("declared", "without courtesy"))
    assert declared["n_conversations"] == plain["n_conversations"] == 28
    assert plain["mean_start"] * 28 == pytest.approx(-25, abs=1e-4)  # the three count as neutral, not as absent


@pytest.mark.parametrize(("n_others", "told"), [(9, False), (10, True)])
def test_a_change_beyond_a_hidden_reference_is_hidden(n_others, told):
    row = found(floored((20, True, RISE), (n_others, False, FALL)), control="declared", group="affective")
    assert row["estimate"] is not None
    assert (row["excess"] is not None) == told


@pytest.mark.parametrize(
    ("hidden", "controls_hidden"),
    [
        (6, set(CONTROLS) - {"by opening", "by opening, later baseline"}),
        (9, {"by opening", "by opening, later baseline", "by length"}),
        (20, {"by length"}),
    ],
)
def test_a_control_that_counts_by_a_hidden_length_is_suppressed(hidden, controls_hidden):
    groups = [(15, affective, [0.0] * length) for affective in (True, False) for length in (6, 9, 12, 20)]
    shown = EVERY | {("own", "affective"): EVERY["own", "affective"] - {hidden}}
    mine = floored(*groups, shown=shown).filter(pl.col("group") == "affective")
    assert set(mine.filter("suppressed")["control"]) == controls_hidden
    assert mine.filter("suppressed")["estimate"].null_count() == mine.filter("suppressed").height
    assert not floored(*groups).filter(pl.col("group") == "affective")["suppressed"].any()


def test_the_path_is_suppressed_where_the_declared_length_is_hidden():
    path = path_of_sentiment(messages((20, True, RISE), (20, False, RISE)), min_human_messages=6, **OPTIONS)
    shown = EVERY | {("own", "affective"): {9, 12}}
    table = publishable_path(path, shown, min_human_messages=6, **FLOORS)
    assert table.filter(group="affective").select("suppressed", "estimate").unique().rows() == [(True, None)]
    assert not table.filter(group="not affective")["suppressed"].any()


def test_specifications_of_a_hidden_length_are_suppressed_and_lose_what_they_are_beyond_a_hidden_reference():
    table = curve((20, True, RISE), (20, False, [0.8] * 6))
    shown = {("own", "affective"): {6}, ("own", "not affective"): {4}}
    left = publishable_curve(table, shown, **FLOORS).group_by("min_human_messages", maintain_order=True)
    left = left.agg(pl.col("suppressed").all(), pl.col("estimate", "excess").count()).sort("min_human_messages")
    assert left.rows() == [(4, True, 0, 0), (6, False, 36, 0)]


def test_rows_of_a_hidden_length_are_suppressed():
    table = pl.DataFrame({"dataset": ["own"] * 3, "least": [4, 6, 9], "n_conversations": [40, 30, 20], "estimate": 0.5})
    table = table.with_columns(n_users=pl.lit(None, pl.Int64), suppressed=False)
    left = hidden_too(table, is_among(["dataset", "least"], [("own", 4), ("other", 6)]), hide=["estimate"])
    assert left.select("n_conversations", "estimate", "suppressed").rows() == [
        (None, None, True),
        (30, 0.5, False),
        (20, 0.5, False),
    ]
    assert hidden_too(table, is_among(["dataset"], []), hide=["estimate"]).equals(table)


def test_parts_are_hidden_together():
    parts = pl.DataFrame(
        {"control": "parts", "n_conversations": [40, 20], "estimate": 0.5, "suppressed": [False, True]}
    )
    table = hidden_together(parts.with_columns(n_users=pl.lit(None, pl.Int64)), by=["control"], hide=["estimate"])
    assert table.select("n_conversations", "estimate").rows() == [(None, None)] * 2
