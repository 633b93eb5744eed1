"""What a judge is shown, of which conversations, in whose words, and what that will cost."""

import json
import re

import polars as pl
import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from plan_judging import check_caps, in_words, plan_judging

from shared.codebook import codebook_text
from shared.contracts import CATEGORIES, CLASSES, MESSAGES, PUSHBACK_KINDS
from shared.job import InputError
from shared.judge import Answers, answer_key, conversation_lines, is_drawn, replies_in, replies_to_judge, to_judge
from shared.tasks import AffectAnswer, Task, affect_task, pushback_task

CODEBOOK = yaml.safe_load((ROOT / "config" / "codebook.yaml").read_text(encoding="utf-8"))
SETTINGS = {
    "base_url": "https://user.example.org/v1",
    "model": "judge",
    "temperature": 0,
    "max_calls": 100,
    "max_cost": 1,
    "price_per_million_tokens": {"input": 100, "output": 400},
    "sample_of_screened_out": 0.3,
    "max_characters": 1000,
}


def said(*texts):
    return [
        {"role": role, "text": text} for role, text in zip(["human", "assistant"] * len(texts), texts, strict=False)
    ]


def read(lines):
    return [next(iter(json.loads(line).items())) for line in lines.split("\n")]


# the codebook


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_all_that_a_reader_needs_and_the_prompt_says_it(name):
    prompt, entry = affect_task(CODEBOOK).prompt, CODEBOOK["classes"][name]
    for words in [entry["definition"], entry["counts"], entry["counts_not"], *entry["rulings"], *entry["examples"]]:
        assert words in prompt
    assert entry["rulings"] and entry["examples"]


def test_prompt_names_every_category_and_no_cue_of_the_matchers():
    prompt = affect_task(CODEBOOK).prompt
    assert all(f"## {name}:" in prompt for name in CATEGORIES)
    assert "my mother in law" not in prompt and "strong" not in prompt


@pytest.mark.parametrize("name", PUSHBACK_KINDS)
def test_the_prompt_on_pushback_says_all_of_each_kind_and_no_cue_of_the_matchers(name):
    prompt, entry = pushback_task(CODEBOOK).prompt, CODEBOOK["pushback"]["kinds"][name]
    for words in [f"## {name}:", entry["definition"], entry["counts_not"], *entry["rulings"]]:
        assert words in prompt
    assert ", ".join(entry["strong"][:2]) not in prompt


def test_the_prompt_on_pushback_names_every_reason():
    prompt = pushback_task(CODEBOOK).prompt
    assert all(f"- {reason}: " in prompt for reason in CODEBOOK["pushback"]["reasons"])


def test_kinds_of_pushback_are_put_into_words_for_annotators_too():
    text = codebook_text(CODEBOOK["pushback"]["kinds"])
    assert text.count("## ") == 4 and "Ruling:" in text and "i can't help with" not in text


# what is shown of a conversation


def test_a_short_conversation_is_shown_whole():
    shown = conversation_lines(said("Hello.\n\nHow are you?", "Well."), max_characters=1000)
    assert read(shown) == [("human", "Hello.\n\nHow are you?"), ("assistant", "Well.")]


def test_of_a_long_conversation_the_first_and_last_exchanges_are_shown_and_the_gap_is_counted():
    talk = said(*[f"{number:03d} " + "x" * 196 for number in range(200)])
    shown = read(conversation_lines(talk, max_characters=1600))
    numbers = [text[:3] if speaker != "left out" else f"-{text}" for speaker, text in shown]
    # An exchange takes 200 + 100 characters and what tells of the cut: five fit.
    assert numbers == ["000", "001", "002", "003", "004", "005", "-190", "196", "197", "198", "199"]
    assert [len(text) for speaker, text in shown[:2]] == [200, 103]


@given(
    st.lists(st.tuples(st.sampled_from(["human", "assistant", "system"]), st.text(max_size=3000)), max_size=30),
    st.integers(1000, 5000),
)
def test_no_text_breaks_out_of_its_line_or_its_length(messages, most):
    messages = [{"role": role, "text": text} for role, text in messages]
    shown = conversation_lines(messages, max_characters=most)
    pairs = read(shown) if shown else []
    texts = [text for speaker, text in pairs if speaker != "left out"]
    assert sum(map(len, texts)) <= most
    assert len(texts) + sum(text for speaker, text in pairs if speaker == "left out") == len(messages)


def test_a_long_first_message_is_shown_by_its_beginning():
    shown = read(conversation_lines(said("a" * 5000, "b" * 5000), max_characters=1600))
    assert shown == [("human", "a" * 200 + "[…]"), ("assistant", "b" * 100 + "[…]")]


def test_replies_are_numbered_by_their_position_and_nothing_else_is():
    shown = conversation_lines(said("Hello.", "Well.", "assistant 7", "No."), max_characters=1000, numbered=True)
    assert read(shown) == [
        ("human", "Hello."),
        ("assistant 1", "Well."),
        ("human", "assistant 7"),
        ("assistant 3", "No."),
    ]
    assert replies_in(shown) == {1, 3}


def test_of_a_long_conversation_only_the_replies_shown_have_numbers():
    talk = said(*["x" * 200] * 200)
    shown = conversation_lines(talk, max_characters=1600, numbered=True)
    assert replies_in(shown) == {1, 3, 5, 197, 199}


@given(st.lists(st.tuples(st.sampled_from(["human", "assistant", "system"]), st.text(max_size=40)), max_size=9))
def test_no_text_passes_for_a_reply(messages):
    messages = [{"role": role, "text": text} for role, text in messages]
    shown = conversation_lines(messages, max_characters=1000, numbered=True)
    assert replies_in(shown) == {n for n, message in enumerate(messages) if message["role"] == "assistant"}


def test_a_conversation_of_which_no_reply_is_shown_is_not_asked_about():
    talks = pl.DataFrame(
        {"conversation_id": ["a", "b"], "messages": [said("Hello."), said("Hello.", "Well.")]},
        schema={"conversation_id": pl.String, "messages": MESSAGES},
    )
    wanted = replies_to_judge(talks, task=pushback_task(CODEBOOK), settings=SETTINGS)
    assert [(item["conversation_id"], item["n_replies"]) for item in wanted] == [("b", 1)]


# which conversations


def conversations(n):
    schema = {"conversation_id": pl.String, "messages": MESSAGES}
    return pl.DataFrame([(f"c{number}", said(f"Text {number}.")) for number in range(n)], schema=schema, orient="row")


def drawn(n, candidate, **changes):
    options = {"task": Task("P", AffectAnswer), "settings": SETTINGS | changes, "seed": 7}
    return to_judge(conversations(n), pl.Series(candidate), **options)


def test_every_candidate_is_judged_and_a_sample_of_the_others_with_its_probability():
    items = drawn(2000, [number % 2 == 0 for number in range(2000)])
    candidates = [item for item in items if item["candidate"]]
    assert len(candidates) == 1000 and {item["probability"] for item in candidates} == {1.0}
    assert {item["probability"] for item in items if not item["candidate"]} == {0.3}
    assert 240 < len(items) - 1000 < 360  # four standard deviations


@pytest.mark.parametrize(("share", "n"), [(0, 0), (1, 50)])
def test_none_or_all_of_the_others_can_be_asked_for(share, n):
    assert len(drawn(50, [False] * 50, sample_of_screened_out=share)) == n


def test_the_draw_depends_on_seed_and_id_and_not_on_the_shard():
    names, chance = pl.Series([f"c{n}" for n in range(300)]), pl.Series([0.5] * 300)
    whole = is_drawn(names, chance, seed=1)
    assert is_drawn(names[100:200], chance[100:200], seed=1).equals(whole[100:200])
    assert not is_drawn(names, chance, seed=2).equals(whole)


@pytest.mark.parametrize("changes", [{"content": "b"}, {"prompt": "b"}, {"model": "b"}, {"temperature": 0.5}], ids=str)
def test_an_answer_is_found_only_by_the_same_text_prompt_model_and_temperature(changes):
    same = {"content": "a", "prompt": "a", "model": "a", "temperature": 0}
    assert answer_key(**same) == answer_key(**same) != answer_key(**same | changes)


# answers


def test_answers_are_kept_across_instances_and_hold_what_was_put(tmp_path):
    Answers(tmp_path).put("ab12", {"affective": True})
    assert Answers(tmp_path).get("ab12") == {"affective": True} and Answers(tmp_path).get("ab13") is None
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ab12.json"]


@pytest.mark.parametrize("line", ["no json", "[]", '{"affective": true}'])
def test_a_recording_that_is_none_is_refused_with_its_line(tmp_path, line):
    (tmp_path / "recording.jsonl").write_text('{"key": "a"}\n' + line, encoding="utf-8")
    with pytest.raises(InputError, match="recording.jsonl, line 2: expected a recorded answer"):
        Answers(tmp_path / "a", tmp_path / "recording.jsonl")


# the plan


def test_plan_counts_what_is_not_answered_once_for_each_text(tmp_path):
    items, answers = drawn(10, [True] * 10), Answers(tmp_path)
    answers.put(items[0]["key"], {})
    plan = plan_judging([*items, items[1]], prompt="P" * 2997, settings=SETTINGS, answers=answers)
    assert (plan["n_wanted"], plan["n_calls"], plan["tokens_out"]) == (11, 9, 540)
    assert 9 * 1060 < plan["tokens_in"] < 9 * 1080
    assert plan["cost"] == pytest.approx((plan["tokens_in"] * 100 + 540 * 400) / 1e6, abs=1e-6)


def test_plan_in_words_names_the_host_and_every_number():
    row = {"dataset": "own", "shard": "00000", "task": "affect", "n_wanted": 5000, "n_calls": 4000}
    plan = pl.DataFrame([row | {"tokens_in": 9_000_000, "tokens_out": 240_000, "cost": 1.25}] * 2)
    words = in_words(plan, settings=SETTINGS)
    assert re.search(r"10,000 .*2,000 .*8,000 calls to user\.example\.org.*18,000,000 .*480,000 .*2\.50", words)


def test_a_plan_of_both_tasks_says_that_one_is_a_guess():
    row = {
        "dataset": "own",
        "shard": "00000",
        "n_wanted": 50,
        "n_calls": 40,
        "tokens_in": 1,
        "tokens_out": 1,
        "cost": 0.0,
    }
    both = pl.DataFrame([{"task": task} | row for task in ("affect", "pushback")])
    assert "(50 for affect, 50 for pushback, the latter if the offline classes hold)" in in_words(
        both, settings=SETTINGS
    )
    assert "(50 for pushback)," in in_words(both.filter(task="pushback"), settings=SETTINGS)


@pytest.mark.parametrize(("calls", "cost", "stopped"), [(100, 1.0, False), (101, 0.5, True), (50, 1.01, True)])
def test_a_plan_over_a_cap_is_stopped(calls, cost, stopped):
    row = {"dataset": "own", "shard": "00000", "task": "affect", "n_wanted": calls, "n_calls": calls}
    row |= {"tokens_in": 1, "tokens_out": 1}
    plan = pl.DataFrame([row | {"cost": cost}])
    if stopped:
        with pytest.raises(InputError, match="Nothing was asked"):
            check_caps(plan, settings=SETTINGS)
    else:
        check_caps(plan, settings=SETTINGS)


@pytest.mark.parametrize(("spent", "stopped"), [((40, 0.5), False), ((41, 0.0), True), ((0, 0.51), True)])
def test_what_the_run_has_spent_counts_towards_its_caps(spent, stopped):
    row = {"dataset": "own", "shard": "00000", "task": "pushback", "n_wanted": 60, "n_calls": 60}
    plan = pl.DataFrame([row | {"tokens_in": 1, "tokens_out": 1, "cost": 0.5}])
    if stopped:
        with pytest.raises(InputError, match=f"spent by this run before: {spent[0]} calls"):
            check_caps(plan, settings=SETTINGS, spent=spent)
    else:
        check_caps(plan, settings=SETTINGS, spent=spent)


def test_a_run_that_has_nothing_left_to_ask_is_not_stopped_by_what_it_spent():
    row = {"dataset": "own", "shard": "00000", "task": "affect", "n_wanted": 60, "n_calls": 0}
    check_caps(pl.DataFrame([row | {"cost": 0.0}]), settings=SETTINGS, spent=(500, 9.0))
