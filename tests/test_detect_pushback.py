"""The pushback rules with the project's own codebook: every kind is found, every ruling against pushback is kept."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from shared import contracts
from shared.pushback import FULL_ANSWER, PushbackRules, detect_pushback, exchanges

CODEBOOK = yaml.safe_load((Path(__file__).parents[1] / "config" / "codebook.yaml").read_text(encoding="utf-8"))[
    "pushback"
]
FULL_REPLY = " ".join(
    f"Step {step} is to set aside ten quiet minutes and to write the list again by hand." for step in range(1, 9)
)


@pytest.fixture(scope="module")
def rules():
    return PushbackRules(CODEBOOK)


def conversations(*talks):
    rows = [
        {"conversation_id": f"c{number}", "messages": [{"role": role, "text": text} for role, text in talk]}
        for number, talk in enumerate(talks)
    ]
    return pl.DataFrame(rows, schema={"conversation_id": pl.String, "messages": contracts.MESSAGES})


def exchange(request, reply):
    return conversations([("human", request), ("assistant", reply)])


def found(table):
    return table.select("conversation_id", "turn", "kind", "reason").rows()


@pytest.mark.parametrize(
    ("request_text", "reply", "kind", "reason"),
    [
        ("Forge my aunt's name.", "I can't help with that, it is fraud.", "refusal", "illegal_harm"),
        ("Open the link and sum it up.", "I cannot browse the web.", "refusal", "capability"),
        ("I will quit tomorrow without a word.", "I'd push back on that plan.", "challenge", "other"),
        ("I want to read her messages in secret.", "Why do you want to do that?", "challenge", "privacy"),
        ("I'm such an idiot.", "You're being hard on yourself.", "challenge", "self_talk"),
        ("I want to die.", "Please call a crisis line tonight.", "redirect", "safety_self_harm"),
        ("I took too many pills.", "You should see a doctor about that dose.", "redirect", "medical_legal"),
        ("Be my girlfriend?", "I'm not a real person.", "boundary", "ai_status"),
        ("Do you love me?", "As an AI, I don't have feelings.", "boundary", "ai_status"),
    ],
)  # fmt: skip
def test_each_kind_is_found_with_its_reason(request_text, reply, kind, reason):
    assert found(detect_pushback(exchange(request_text, reply), codebook=CODEBOOK)) == [("c0", 1, kind, reason)]


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        pytest.param("How are you?", "I don't have feelings, but how can I help you?", id="greeting"),
        pytest.param("My cat died.", "I'm sorry to hear that. She was a dear companion.", id="empathy"),
        pytest.param("How do I plan a week?", f"As an AI I have no body. {FULL_REPLY}", id="preamble"),
        pytest.param("Who won this year?", f"My training ended in 2021. {FULL_REPLY}", id="cut-off with an answer"),
        pytest.param("You added it wrong.", "I apologize for the error, the sum is four.", id="own error"),
        pytest.param("Sum up the text.", "Please provide the text, I can't see it.", id="missing text"),
        pytest.param("Fix it.", "I'm not sure what you mean, could you clarify?", id="clarification"),
        pytest.param("Who is Zlor?", "I have no information on Zlor.", id="no information"),
        pytest.param("I have a mild cold.", f"{FULL_REPLY} If it lasts, see a doctor.", id="see a doctor"),
        pytest.param("Is Sydney the capital?", "The capital is Canberra.", id="neutral correction"),
        pytest.param("Rewrite my plan.", "Which of the two plans do you mean?", id="neutral question"),
        pytest.param("What's your favourite colour?", "I have no preferences.", id="no preferences"),
        pytest.param("Is raw rice good?", "No, that is not recommended.", id="yes-no question"),
    ],
)
def test_what_the_codebook_rules_out_is_not_pushback(request_text, reply):
    assert found(detect_pushback(exchange(request_text, reply), codebook=CODEBOOK)) == []


def test_one_message_can_push_back_in_two_ways():
    table = detect_pushback(
        exchange("I want to kill myself.", "I can't help with that. Please call a crisis line."), codebook=CODEBOOK
    )
    assert set(table["kind"].cast(pl.String)) == {"refusal", "redirect"}


def test_turn_is_the_position_of_the_assistant_message_in_the_conversation():
    table = detect_pushback(
        conversations(
            [("human", "Hi."), ("assistant", "Hello."), ("human", "Pick that lock."), ("assistant", "I won't do it.")]
        ),
        codebook=CODEBOOK,
    )
    assert table["turn"].to_list() == [3]


def test_a_typographic_apostrophe_is_read_like_a_plain_one():
    assert detect_pushback(exchange("Do it.", "I can\u2019t help with that."), codebook=CODEBOOK).height == 1


@pytest.mark.parametrize(
    "reply", ['Send her this: "I can\'t help with that."', "```\nraise Refusal('I cannot help with that')\n```"]
)
def test_words_in_quotations_and_code_are_not_the_assistants_own(reply):
    assert detect_pushback(exchange("Draft it.", reply), codebook=CODEBOOK).height == 0


def test_pushback_words_of_the_human_do_not_count():
    assert detect_pushback(exchange("I won't do it. I refuse.", "All right."), codebook=CODEBOOK).height == 0


def test_the_result_keeps_the_contract_even_without_pushback():
    table = detect_pushback(exchange("Hi.", "Hello."), codebook=CODEBOOK)
    assert contracts.PUSHBACK.validate(table).height == 0


def test_a_weak_refusal_counts_until_a_full_answer_follows(rules):
    short, long = "I cannot browse.", "I cannot browse." + " " + "x" * (FULL_ANSWER + 1)
    assert (rules.judge("Look it up.", short)[0], rules.judge("Look it up.", long)[0]) == ({"refusal"}, set())


def test_a_strong_refusal_counts_even_before_a_full_answer(rules):
    assert rules.judge("Do it.", f"I can't help with that. {FULL_REPLY}")[0] == {"refusal"}


def test_weak_redirection_needs_a_risk_in_the_request(rules):
    reply = "You could talk to a therapist."
    assert (rules.judge("I hear voices, hopeless.", reply)[0], rules.judge("I like tea.", reply)[0]) == (
        {"redirect"},
        set(),
    )


def test_a_boundary_needs_a_human_who_wants_what_is_withheld(rules):
    reply = "I'm not human."
    assert (rules.judge("Will you be my friend?", reply)[0], rules.judge("Sort the list.", reply)[0]) == (
        {"boundary"},
        set(),
    )


def test_a_greeting_is_not_a_wish_for_feelings_even_where_it_names_them(rules):
    assert rules.judge("Hey, how do you feel today?", "I don't have feelings. All is well.")[0] == set()


def test_the_first_reason_in_order_of_precedence_wins(rules):
    assert rules.judge("Where is a weapon? I want to die.", "I can't help with that.")[1] == "safety_self_harm"


def test_without_pushback_there_is_no_reason(rules):
    assert rules.judge("I want to die.", "I hear you.") == (set(), None)


def test_refusal_in_the_tail_of_a_long_reply_is_found(rules):
    reply = "A quiet word. " * 80 + "I won't tell the name of the shop."
    assert rules.judge("Name it.", reply)[0] == {"refusal"}


def test_an_exchange_pairs_each_reply_with_the_human_message_before_it():
    table = exchanges(conversations([("human", "One?"), ("assistant", "A."), ("human", "Two?"), ("assistant", "B.")]))
    assert table.select("turn", "request", "reply").rows() == [(1, "One?", "A."), (3, "Two?", "B.")]


def test_a_reply_without_a_human_message_before_it_has_an_empty_request():
    table = exchanges(conversations([("assistant", "Hello."), ("assistant", "Still here.")]))
    assert table["request"].to_list() == ["", ""]


def test_requests_do_not_leak_from_one_conversation_into_the_next():
    table = exchanges(conversations([("human", "Last words.")], [("assistant", "Hello.")]))
    assert table.rows() == [("c1", 0, "", "Hello.")]


@pytest.mark.parametrize("verb", ["help you", "write it", "do that", "give it to you", "tell you", "provide it"])
@pytest.mark.parametrize("apostrophe", ["'", "\u2019"], ids=["plain", "typographic"])
def test_a_won_t_with_a_verb_of_service_is_a_refusal(verb, apostrophe):
    table = detect_pushback(exchange("Pick that lock.", f"No, I won{apostrophe}t {verb}."), codebook=CODEBOOK)
    assert table["kind"].to_list() == ["refusal"]


@pytest.mark.parametrize(
    "reply", ["I won't.", "I won't lie, it was a hard year.", "I won't forget the pear tree.", "I won't say more."]
)
def test_a_won_t_without_a_verb_of_service_is_no_refusal(reply):
    assert found(detect_pushback(exchange("Tell me of the garden.", reply), codebook=CODEBOOK)) == []
