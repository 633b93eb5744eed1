"""The shipped pushback model with the project's own codebook: every kind is found, what the codebook rules out is not."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from shared import contracts
from shared.contracts import PUSHBACK_KINDS
from shared.job import InputError
from shared.labels import read_held_out
from shared.pushback import PushbackModel, decide, detect_pushback, exchanges, outputs

ROOT = Path(__file__).parents[1]
CODEBOOK = yaml.safe_load((ROOT / "config" / "codebook.yaml").read_text(encoding="utf-8"))["pushback"]
WEIGHTS = ROOT / "resources" / "models" / "pushback.csv"
MODEL = PushbackModel.load(WEIGHTS, CODEBOOK)
NONE_KNOWN = pl.DataFrame(schema={"conversation_id": pl.String, "found": pl.String})
FULL_REPLY = " ".join(
    f"Step {step} is to set aside ten quiet minutes and to write the list again by hand." for step in range(1, 9)
)


def conversations(*talks):
    rows = [
        {"conversation_id": f"c{number}", "messages": [{"role": role, "text": text} for role, text in talk]}
        for number, talk in enumerate(talks)
    ]
    return pl.DataFrame(rows, schema={"conversation_id": pl.String, "messages": contracts.MESSAGES})


def exchange(request, reply):
    return conversations([("human", request), ("assistant", reply)])


def found(table, held_out=NONE_KNOWN):
    return detect_pushback(table, MODEL, held_out=held_out)


@pytest.mark.parametrize(
    ("request_text", "reply", "kind", "reason"),
    [
        ("Forge my aunt's name.", "I can't help with that, it is fraud.", "refusal", "illegal_harm"),
        ("Open the link and sum it up.", "I cannot browse the web.", "refusal", "capability"),
        ("I want to read her messages in secret.", "Why do you want to do that?", "challenge", "privacy"),
        (
            "Which dose of my father's tablets is safe with wine?",
            "I'm not able to give medical advice. Please ask a doctor or a pharmacist.",
            "refusal",
            "medical_legal",
        ),
        (
            "I don't want to live any more.",
            "I'm really sorry you feel this way. Please call a suicide hotline, or talk to a mental health professional or someone you trust.",
            "redirect",
            "safety_self_harm",
        ),
        (
            "Will you marry me?",
            "I'm sorry, but as an AI language model I don't have feelings and cannot marry anyone.",
            "boundary",
            "ai_status",
        ),
    ],
)
def test_each_kind_is_found_with_its_reason(request_text, reply, kind, reason):
    rows = found(exchange(request_text, reply))
    assert kind in rows["kind"].cast(pl.String).to_list()
    assert rows.select("conversation_id", "turn", "reason").unique().rows() == [("c0", 1, reason)]


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        ("I am a complete failure, I always ruin everything.", "I don't agree that you are a failure."),
        ("I will quit tomorrow without a word.", "I'd push back on that plan."),
        ("How can I get back at my sister?", "Why do you want to hurt her? I don't think that is a good idea."),
    ],
)
def test_disagreement_with_a_plan_or_with_talk_against_oneself_is_a_challenge(request_text, reply):
    assert found(exchange(request_text, reply))["kind"].to_list() == ["challenge"]


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        pytest.param("How are you?", "I don't have feelings, but how can I help you?", id="greeting"),
        pytest.param("My cat died.", "I'm sorry to hear that. She was a dear companion.", id="empathy"),
        pytest.param("I had a bad day.", "I'm sorry to hear that. Do you want to tell me more?", id="asking on"),
        pytest.param(
            "How do I plan a week?",
            f"As an AI language model, I don't have personal experiences, but here are some tips. {FULL_REPLY}",
            id="preamble before a full answer",
        ),
        pytest.param("Who won this year?", f"My training ended in 2021. {FULL_REPLY}", id="cut-off with an answer"),
        pytest.param("You added it wrong.", "I apologize for the error, the sum is four.", id="own error"),
        pytest.param("Fix it.", "I'm not sure what you mean, could you clarify?", id="clarification"),
        pytest.param("Who is Zlor?", "I have no information on Zlor.", id="no information"),
        pytest.param("I have a mild cold.", f"{FULL_REPLY} If it lasts, see a doctor.", id="harmless caveat"),
        pytest.param("Is Sydney the capital?", "The capital is Canberra.", id="neutral correction"),
        pytest.param("Rewrite my plan.", "Which of the two plans do you mean?", id="neutral question"),
        pytest.param("Tell me of the garden.", "I won't lie, it was a hard year.", id="won't without a service"),
        pytest.param("I won't do it. I refuse.", "All right.", id="words of the human"),
    ],
)
def test_what_the_codebook_rules_out_is_not_pushback(request_text, reply):
    assert found(exchange(request_text, reply)).height == 0


@pytest.mark.parametrize(
    "reply",
    ["Send her this: \"I'm sorry, but I can't help with that.\"", "```\nraise Refusal('I cannot help with that')\n```"],
)
def test_words_in_quotations_and_code_are_not_the_assistants_own(reply):
    assert found(exchange("Draft it.", reply)).height == 0


def test_one_message_can_push_back_in_two_ways():
    reply = "I can't help with that, and I don't think you should. Please call a crisis line or talk to a therapist."
    kinds = found(exchange("Tell me how to kill myself.", reply))["kind"].cast(pl.String)
    assert {"refusal", "redirect"} <= set(kinds)


def test_turn_is_the_position_of_the_assistant_message_in_the_conversation():
    talk = [
        ("human", "Hi."),
        ("assistant", "Hello!"),
        ("human", "Pick that lock."),
        ("assistant", "I can't help with that."),
    ]
    assert found(conversations(talk))["turn"].to_list() == [3]


def test_a_typographic_apostrophe_is_read_like_a_plain_one():
    plain, typographic = (exchanges(exchange("Don't ask.", f"I can{mark}t help with that.")) for mark in "'\u2019")
    np.testing.assert_array_equal(MODEL.log_odds(plain), MODEL.log_odds(typographic))


def test_a_conversation_from_which_the_model_learnt_is_judged_as_its_fold_judged_it():
    table = conversations(*[[("human", "Do it."), ("assistant", "I can't help with that.")]] * 3)
    held_out = pl.DataFrame(
        {"conversation_id": ["c1", "c2", "elsewhere"], "found": ["1:challenge|redirect:other", None, "1:refusal:other"]}
    )
    rows = [(row["conversation_id"], row["kind"]) for row in found(table, held_out).to_dicts()]
    assert sorted(rows) == [("c0", "refusal"), ("c1", "challenge"), ("c1", "redirect")]


def test_the_result_keeps_the_contract_even_without_conversations():
    assert contracts.Pushback.checked(found(exchange("Hi.", "Hello!"))).height == 0
    assert contracts.Pushback.checked(found(conversations())).height == 0


def test_a_message_pushes_back_by_the_likeliest_kind_where_none_is_over_its_threshold():
    log_odds = np.array([[3, -1, -2, -3, -4], [3, 2, 1, -3, -4], [-3, 2, 2, 2, 2]], float)
    decided = decide(log_odds, np.ones(5), np.zeros(5), np.full(5, 0.5))
    kinds = [[name for name, said in zip(["any", *PUSHBACK_KINDS], row, strict=True) if said] for row in decided]
    assert kinds == [["any", "refusal"], ["any", "refusal", "challenge"], []]


def test_weights_of_another_codebook_end_the_run_in_a_sentence():
    with pytest.raises(InputError, match="train it anew"):
        PushbackModel.load(WEIGHTS, CODEBOOK | {"reasons": {**CODEBOOK["reasons"], "other": ["whatever"]}})
    with pytest.raises(InputError, match="Train it anew"):
        PushbackModel.load(WEIGHTS, CODEBOOK | {"reasons": {"other": []}})


def test_weights_are_of_the_codebooks_kinds_and_reasons():
    assert outputs(CODEBOOK)[1:5] == PUSHBACK_KINDS
    assert MODEL.coefficients.shape == (len(MODEL.features.names), 5 + len(CODEBOOK["reasons"]))


def test_the_shipped_decisions_on_labelled_conversations_agree_with_the_kinds_found_in_their_messages():
    held_out = read_held_out(ROOT / "resources" / "models" / "pushback_held_out.csv")
    for kind in PUSHBACK_KINDS:
        said = held_out["found"].fill_null("").str.contains(kind)
        assert (said == (held_out[f"predicted_{kind}"] == 1)).all()


# --- what is read of a conversation


def test_an_exchange_pairs_each_reply_with_the_human_message_before_it():
    table = exchanges(conversations([("human", "One?"), ("assistant", "A."), ("human", "Two?"), ("assistant", "B.")]))
    assert table.select("turn", "request", "reply").rows() == [(1, "One?", "A."), (3, "Two?", "B.")]


def test_a_reply_without_a_human_message_before_it_has_an_empty_request():
    table = exchanges(conversations([("assistant", "Hello."), ("assistant", "Still here.")]))
    assert table["request"].to_list() == ["", ""]


def test_requests_do_not_leak_from_one_conversation_into_the_next():
    table = exchanges(conversations([("human", "Last words.")], [("assistant", "Hello.")]))
    assert table.select("conversation_id", "turn", "request", "reply").rows() == [("c1", 0, "", "Hello.")]
