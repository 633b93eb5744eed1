"""Controls on the change of sentiment, its path, the specification curve, and what of them may be published."""

import numpy as np
import polars as pl
import pytest
from control_sentiment import control_sentiment, drawn_without_replacement, path_of_sentiment
from estimate_sentiment import estimate_sentiment
from vary_sentiment import vary_sentiment

from shared import contracts
from shared.change import KNOWN, changes, hidden_together, messages_of, without_small_differences
from shared.contracts import CATEGORIES

CUTS = {"compound": [-0.5, -0.05, 0.05, 0.5], "linear": [-0.5, -0.05, 0.05, 0.5]}
OPTIONS = {"dataset": "own", "bootstrap": 300, "confidence": 0.95, "seed": 4}
RULE = {"min_human_messages": 6, "window": 3}
FALL, RISE = [0.8, 0.8, 0.8, -0.8, -0.8, -0.8], [-0.8, -0.8, -0.8, 0.8, 0.8, 0.8]


def messages(*groups):
    """Scored messages; each group is (number of conversations, affective, compound scores, columns that differ)."""
    scored, known = [], []
    for n, affective, compound, *columns in groups:
        for _ in range(n):
            name = f"c{len(known):04}"
            other = columns[0] if columns else {}
            for place, value in enumerate(compound):
                scores = {column: value for column in SCORES} | {column: own[place] for column, own in other.items()}
                scored.append({"conversation_id": name, "turn": 2 * place, **scores})
            own = {"affective": affective, "included": affective, "categories": ["coaching"] if affective else []}
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
    table = controls((2, True, [0.0] * 6), (3, True, [0.0] * 8), (4, True, [0.0] * 19), (5, True, [0.0] * 25))
    bands = table.filter(control="by length", group="affective")
    assert dict(bands.select("part", "n_conversations").iter_rows()) == {
        "7 or fewer": 2,
        "8-11": 3,
        "12-19": 4,
        "20 or more": 5,
    }


def test_the_path_counts_messages_from_both_ends():
    table = path_of_sentiment(messages((5, True, [-0.8, 0, 0, 0, 0, 0, 0.8])), min_human_messages=6, **OPTIONS)
    first = found(table, group="affective", counted_from="start", message=1)
    last = found(table, group="affective", counted_from="end", message=1)
    assert (first["estimate"], last["estimate"]) == (-1, 1)


def test_later_messages_of_the_path_are_of_those_that_stayed():
    table = path_of_sentiment(messages((5, True, [0.0] * 6), (3, True, [0.8] * 8)), min_human_messages=6, **OPTIONS)
    row = found(table, group="affective", counted_from="start", message=7)
    assert (row["n_conversations"], row["estimate"]) == (3, 1)


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
    for name in ("n_conversations", "mean_start", "mean_end", "estimate", "excess"):
        assert main[name] == controlled[name] == declared[name]


def test_what_is_left_beyond_conversations_alike_is_the_mean_of_what_is_left_in_each_stratum():
    # Alike in opening: affective ones rise by 2 and others by 1 from below, both fall by 2 from above. 7 of 10 open low.
    half = [-0.8, -0.8, -0.8, 0, 0, 0]
    table = controls((7, True, RISE), (3, True, FALL), (4, False, half), (9, False, FALL))
    assert found(table, control="matched", group="affective")["estimate"] == 0.7


def published(*numbers, part=None):
    columns = {
        "control": [f"k{n}" for n in range(len(numbers))] if part is None else part,
        "n_conversations": list(numbers),
    }
    return pl.DataFrame(columns).with_columns(
        dataset=pl.lit("own"), n_users=pl.lit(None, pl.Int64), estimate=0.5, suppressed=False
    )


def test_a_number_nearly_that_of_a_row_above_is_blank():
    table = without_small_differences(published(30, 30, 25, 20), by=["dataset"], rows=["control"], floor=10)
    assert table["n_conversations"].to_list() == [30, 30, None, 20]
    assert table["estimate"].null_count() == 0


def test_parts_whose_sum_is_nearly_that_of_the_whole_are_suppressed_where_the_same_scores_are_averaged():
    parts = published(40, 20, 15, part=["whole", "parts", "parts"])
    table = without_small_differences(parts, by=["dataset"], rows=["control"], floor=10, hide=("estimate",))
    assert (
        table.select("n_conversations", "estimate", "suppressed").rows()
        == [(40, 0.5, False)] + [(None, None, True)] * 2
    )


def test_parts_are_hidden_together():
    parts = published(40, 20, part=["parts", "parts"]).with_columns(suppressed=pl.Series([False, True]))
    table = hidden_together(parts, by=["control"], hide=["estimate"])
    assert table.select("n_conversations", "estimate").rows() == [(None, None)] * 2
