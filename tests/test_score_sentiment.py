"""Sentiment of human messages: masks, sentences, levels, and who is scored at all."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_sentiment import SCORED_CHARACTERS, Scorer, human_messages, mean_sentence_score, score_sentiment

from shared import contracts

CUTS = [-0.5, -0.05, 0.05, 0.5]


def conversation(*texts, conversation_id="c"):
    """Human messages, each with a reply."""
    messages = [
        {"role": role, "text": text}
        for human in texts
        for role, text in (("human", human), ("assistant", "I hate it."))
    ]
    return pl.DataFrame(
        [{"conversation_id": conversation_id, "n_human": len(texts), "messages": messages}],
        schema={"conversation_id": pl.String, "n_human": pl.Int32, "messages": contracts.MESSAGES},
    )


def score(*texts, cut_points=CUTS):
    return score_sentiment(conversation(*texts), min_human_messages=1, cut_points=cut_points)


def test_only_human_messages_are_scored_at_their_positions():
    assert score("Fine day.", "Good night.")["turn"].to_list() == [0, 2]


def test_a_conversation_with_too_few_human_messages_is_left_out():
    assert human_messages(conversation("Hi.", "Bye."), min_human_messages=3).height == 0


def test_a_conversation_with_just_enough_human_messages_is_kept():
    assert human_messages(conversation("Hi.", "Bye."), min_human_messages=2).height == 2


@pytest.mark.parametrize(
    ("text", "mask", "left"),
    [
        ("See `worst_case = kill()` there", "code", "See there"),
        ("See ```\nhate = 1\n``` there", "code", "See there"),
        ("> I hate this\nI agree", "quote", "I agree"),
        ('She wrote "I will never ever forgive you for what you did" today', "quote", "She wrote today"),
        ("Look at https://example.org/horrible now", "url", "Look at now"),
        ("Nothing hidden here", None, "Nothing hidden here"),
    ],
)
def test_code_quotations_and_links_are_hidden_and_named(text, mask, left):
    row = human_messages(conversation(text), min_human_messages=1).row(0, named=True)
    assert (row["mask"], " ".join(row["text"].split())) == (mask, left)


def test_two_masks_in_one_message_are_both_named():
    row = human_messages(conversation("`x` at www.example.org"), min_human_messages=1).row(0, named=True)
    assert row["mask"] == "code|url"


def test_a_short_quotation_stays_the_humans_own_word():
    assert human_messages(conversation('He said "great" and left'), min_human_messages=1)["mask"].to_list() == [None]


def test_text_is_cut_after_masking():
    text = "`" + "y" * SCORED_CHARACTERS + "` lovely"
    row = human_messages(conversation(text), min_human_messages=1).row(0, named=True)
    assert row["text"].strip() == "lovely"


@pytest.mark.parametrize(("text", "sign"), [("I love this, it is wonderful.", 1), ("I am sad and I hate it.", -1)])
def test_plain_feeling_has_the_expected_sign(text, sign):
    assert mean_sentence_score([text])[0] * sign > 0.3


def test_a_message_is_the_mean_of_its_sentences():
    apart = mean_sentence_score(["I love it.", "The table is brown."])
    assert mean_sentence_score(["I love it. The table is brown."])[0] == pytest.approx(sum(apart) / 2)


def test_repeating_a_sentence_does_not_raise_its_score():
    assert mean_sentence_score(["I love it. " * 10])[0] == pytest.approx(mean_sentence_score(["I love it."])[0])


def test_a_text_without_a_word_has_no_score():
    assert mean_sentence_score(["", "42!", "…"]) == [None, None, None]


def test_a_message_without_a_word_is_not_scorable_which_is_not_zero():
    row = score("1234").row(0, named=True)
    assert (row["scorable"], row["compound"], row["level"]) == (False, None, None)


def test_a_neutral_message_is_scorable_and_zero():
    row = score("The table is brown.").row(0, named=True)
    assert (row["scorable"], row["compound"], row["level"]) == (True, 0.0, 0.0)


@pytest.mark.parametrize(
    ("cut_points", "level"),
    [
        ([-0.9, -0.8, 0.1, 0.2], 1.0),
        ([-0.9, -0.8, 0.1, 0.9], 0.5),
        ([-0.9, -0.8, 0.8, 0.9], 0.0),
        ([-0.9, 0.8, 0.85, 0.9], -0.5),
        ([0.8, 0.82, 0.85, 0.9], -1.0),
    ],
)
def test_the_cut_points_part_the_five_levels(cut_points, level):
    row = score("I love it.", cut_points=cut_points).row(0, named=True)  # compound 0.6369 in VADER's lexicon
    assert (row["compound"], row["level"]) == (0.6369, level)


@pytest.mark.parametrize(
    ("text", "cut_points", "level"),
    [("I love it.", [-0.9, -0.8, 0.1, 0.6369], 0.5), ("I hate it.", [-0.5719, -0.1, 0.1, 0.6], -0.5)],
)
def test_a_score_on_a_cut_point_belongs_to_the_level_nearer_zero(text, cut_points, level):
    assert score(text, cut_points=cut_points)["level"].to_list() == [level]


def test_no_conversation_gives_an_empty_table_under_the_contract():
    table = score_sentiment(conversation("Hi."), min_human_messages=6, cut_points=CUTS)
    assert contracts.SENTIMENT.validate(table).height == 0


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_any_text_gives_one_valid_row_per_human_message(texts):
    table = contracts.SENTIMENT.validate(score(*texts))
    assert table["turn"].to_list() == [2 * number for number in range(len(texts))]


SCORER = Scorer()
TOKENS = st.sampled_from(
    [
        "good",
        "BAD!",
        "not",
        "very",
        "but",
        "tea",
        ":)",
        ":-(",
        "kind",
        "of",
        "least",
        "isn't",
        "🙂",
        "wow!!",
        "(sad)",
        "the",
        "bomb",
        "x",
        "?!",
        "😢tea",
        "né",
    ]
)


@given(st.lists(TOKENS, min_size=1, max_size=10))
def test_score_of_a_sentence_is_that_of_vader(tokens):
    sentence = " ".join(tokens)
    assert SCORER.compound(sentence) == SCORER.analyser.polarity_scores(sentence)["compound"]
