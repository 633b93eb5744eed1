"""How the talk drifts: windows of a conversation, moves between them, shuffled windows, and what of it is published."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from classify_windows import classify_windows, windows_of
from estimate_drift import ALL, ANOTHER, MOVES, STATES, STUDY, ends, estimate_drift, hidden_moves, shuffled_flows
from hypothesis import given
from hypothesis import strategies as st
from plot_drift import plot_drift
from test_concerns import FLOORS, gathered
from test_estimates import affective, measures, row

from shared import contracts
from shared.affect import AffectModel
from shared.contracts import CATEGORIES
from shared.features import WINDOW
from shared.findings import on_drift

ROOT = Path(__file__).parents[1]
CODEBOOK = yaml.safe_load((ROOT / "config" / "codebook.yaml").read_text(encoding="utf-8"))
MODEL = AffectModel.load(ROOT / "resources" / "models" / "affect.csv", CODEBOOK["cues"])
SORROW = "I feel so lonely and hopeless since my mother died, I cry every night and my anxiety is unbearable."
QUARREL = "My husband lied to me again and my sister says I should leave him. How do I talk to my husband about it?"
TASK = "Which cable fits the second socket of the meter?"


@given(st.integers(2, 95))
def test_windows_hold_every_message_once_in_order_and_are_even(n):
    windows = windows_of(gathered([str(number) for number in range(n)]), min_human_messages=2)
    sizes = windows["n_human"].to_list()
    said = [message["text"] for messages in windows["messages"] for message in messages]
    assert said == [str(number) for number in range(n)]
    assert len(sizes) >= 2 and max(sizes) <= WINDOW and max(sizes) - min(sizes) <= 1
    assert windows["window"].to_list() == list(range(len(sizes)))


def test_short_conversations_have_no_windows():
    assert (
        windows_of(gathered(["a"] * 5, ["b"] * 6), min_human_messages=6)["conversation_id"].to_list() == ["c0001"] * 2
    )


def read(*texts):
    windows = classify_windows(
        gathered(*texts),
        model=MODEL,
        sieve_words=CODEBOOK["sieve"],
        min_human_messages=6,
        min_human_messages_roleplay=4,
    )
    return contracts.Windows.checked(windows)["category"].to_list()


def test_each_window_is_read_by_itself():
    assert read([QUARREL] * 3 + [SORROW] * 3) == ["interpersonal", "counselling"]
    assert read([SORROW] * 3 + [TASK] * 3) == ["counselling", None]


def test_no_window_at_all_keeps_the_contract():
    assert read() == read(["a", "b"]) == []


# Moves


def windows(*groups):
    """(conversations, states) of each group; ids run as in test_estimates.measures."""
    rows, number = [], 0
    for n, states in groups:
        for _ in range(n):
            rows += [(f"c{number:04}", place, state if state != "task" else None) for place, state in enumerate(states)]
            number += 1
    schema = {"conversation_id": pl.String, "window": pl.Int32, "category": pl.Enum(CATEGORIES)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def drift(*groups, **options):
    table = measures((sum(n for n, _ in groups), affective("coaching")))
    settings = {"dataset": "own", "floors": FLOORS, "bootstrap": 200, "confidence": 0.95, "seed": 3} | options
    return estimate_drift(table, windows(*groups), **settings)


def move(table, start, end):
    return row(table, from_group=start, to_group=end)


COACHING, COMPANY, COUNSEL = "coaching", "companionship", "counselling"


def test_a_move_is_counted_from_the_first_window_to_the_last():
    table = drift((20, [COACHING, COUNSEL, COMPANY]), (60, [COACHING, COMPANY, COACHING]))
    found = move(table, COACHING, COMPANY)
    assert (found["n_conversations"], found["n_of"], found["share"]) == (20, 80, 0.25)
    assert found["ci_low"] < 0.25 < found["ci_high"]


def test_the_study_s_move_joins_coaching_and_counselling():
    found = move(drift((20, [COACHING, COMPANY]), (15, [COUNSEL, COMPANY]), (25, [COUNSEL, COUNSEL])), *STUDY)
    assert (found["n_conversations"], found["n_of"]) == (35, 60)


def test_all_moves_are_those_that_end_otherwise_than_they_began():
    found = move(drift((20, [COACHING, "task"]), (30, [COACHING, COACHING])), ALL, ANOTHER)
    assert (found["n_conversations"], found["n_of"]) == (20, 50)


def test_a_drift_stands_out_against_shuffled_windows_and_mere_wavering_does_not():
    drifting = move(drift((60, [COACHING, COACHING, COMPANY, COMPANY])), *STUDY)
    # Two thirds of the other three windows are companionship whenever a coaching window comes first.
    assert drifting["share"] == 1.0 and drifting["null_share"] == pytest.approx(2 / 3, abs=0.05)
    assert drifting["ci_low"] > drifting["null_ci_high"]
    wavering = move(drift((30, [COACHING, COMPANY]), (30, [COMPANY, COACHING]), (60, [COACHING, COACHING])), *STUDY)
    assert wavering["null_ci_low"] < wavering["share"] < wavering["null_ci_high"]


def test_shuffles_never_take_one_window_for_both_ends():
    states = ends(windows((40, [COACHING, COMPANY, COUNSEL])))["states"]
    flows = shuffled_flows(states, replicates=50, rng=np.random.default_rng(1))
    assert flows.sum() == 50 * 40 and np.trace(flows, axis1=1, axis2=2).sum() == 0


def test_shuffles_are_uniform_over_the_order_of_windows():
    states = ends(windows((300, [COACHING, COACHING, COMPANY])))["states"]
    flows = shuffled_flows(states, replicates=50, rng=np.random.default_rng(1)).sum(axis=0) / (50 * 300)
    coaching, company = STATES.index(COACHING), STATES.index(COMPANY)
    found = [flows[coaching, coaching], flows[coaching, company], flows[company, coaching]]
    assert found == pytest.approx([1 / 3] * 3, abs=0.02)


@pytest.mark.parametrize("k", [1, 9])
def test_a_few_moves_are_hidden_with_what_would_tell_them(k):
    table = drift((k, [COACHING, COMPANY]), (30, [COACHING, COACHING]), (40, [COACHING, "task"]))
    shown = {(m["from_group"], m["to_group"]): m["n_conversations"] for m in table.to_dicts() if m["n_conversations"]}
    assert shown == {(COACHING, "not affective"): 40}
    assert move(table, *STUDY)["suppressed"] and move(table, ALL, ANOTHER)["suppressed"]


def test_too_few_conversations_leave_no_number():
    table = drift((9, [COACHING, COMPANY]))
    assert table["suppressed"].sum() == sum(start in (COACHING, *{STUDY[0], ALL}) for start, _ in MOVES)
    assert table.select(pl.col("n_of", "share", "null_share").max()).row(0) == (0, None, None)


def counts(table):
    """{move: number} of a table of first and last states."""
    return {tuple(pair): n for *pair, n in table.group_by("first", "last").len().iter_rows()}


@given(
    st.lists(st.tuples(st.integers(1, 25), st.sampled_from(STATES), st.sampled_from(STATES)), min_size=1, max_size=9)
)
def test_no_hidden_move_can_be_told_from_its_row_or_from_all_moves(groups):
    rows = [(start, end) for n, start, end in groups for _ in range(n)]
    table = pl.DataFrame(rows, schema=["first", "last"], orient="row").with_row_index("key")
    keys = pl.col("key").cast(pl.String)
    table = table.with_columns(conversation_id=keys, author=keys)
    hidden, true = hidden_moves(table, **FLOORS), counts(table)
    for start in STATES:
        row_hidden = [true.get((start, end), 0) for end in STATES if (start, end) in hidden]
        if any((start, end) not in hidden and (start, end) in true for end in STATES):
            assert sum(row_hidden) == 0 or sum(row_hidden) >= 10
    if (ALL, ANOTHER) not in hidden:
        for changes in (True, False):
            untold = sum(n for (start, end), n in true.items() if (start != end) == changes and (start, end) in hidden)
            assert untold == 0 or untold >= 10


def test_figure_draws_published_moves_and_says_where_there_are_none(tmp_path):
    path = tmp_path / "figure.svg"
    plot_drift(drift((20, [COACHING, COMPANY]), (30, [COACHING, COACHING])), str(path))
    assert "Companionship" in path.read_text(encoding="utf-8")
    both = pl.concat([drift((20, [COACHING, COMPANY])), drift((5, [COACHING, COMPANY]), dataset="few")])
    plot_drift(both, str(path))
    assert "few: too few conversations" in path.read_text(encoding="utf-8")


def test_takeaway_says_whether_the_drift_is_more_than_wavering():
    drifting = drift((60, [COACHING, COACHING, COMPANY, COMPANY])).to_dicts()
    wavering = drift((30, [COACHING, COMPANY]), (30, [COMPANY, COACHING]), (60, [COACHING, COACHING])).to_dicts()
    assert "more than the" in on_drift(drifting, {"own": "own"}) and "not clearly" not in on_drift(
        drifting, {"own": "own"}
    )
    assert "not clearly more than" in on_drift(wavering, {"own": "own"})
    assert "too few conversations" in on_drift(drift((9, [COACHING, COMPANY])).to_dicts(), {"own": "own"})
