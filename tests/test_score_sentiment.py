"""Sentiment of human messages: masks, sentences, levels, and who is scored at all."""

import polars as pl
import pytest
import yaml
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from score_sentiment import score_sentiment

from shared import contracts
from shared.job import InputError
from shared.levels import levels
from shared.sentiment import SCORED_CHARACTERS, LinearSentiment, Vader, human_messages, scores

CUTS = [-0.5, -0.05, 0.05, 0.5]
CUES = yaml.safe_load((ROOT / "config" / "codebook.yaml").read_text(encoding="utf-8"))["sentiment"]
MODEL = LinearSentiment.load(ROOT / "resources" / "models" / "sentiment.csv", CUES)


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
    return score_sentiment(conversation(*texts), MODEL, min_human_messages=1, cut_points=cut_points)


def compound(text):
    return scores(pl.Series([text]), MODEL)["compound"][0]


def linear(*texts):
    """Levels of the linear score."""
    return levels(scores(pl.Series(texts), MODEL)["linear"].to_numpy(), MODEL.cut_points).tolist()


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
    assert (row["mask"], " ".join(row["masked"].split())) == (mask, left)


def test_two_masks_in_one_message_are_both_named():
    row = human_messages(conversation("`x` at www.example.org"), min_human_messages=1).row(0, named=True)
    assert row["mask"] == "code|url"


LIST = "Weights: " + ", ".join(f"part {number} of the terrible old engine" for number in range(50))


def test_a_long_list_among_short_messages_is_taken_for_a_paste_and_what_introduces_it_kept():
    rows = human_messages(conversation("Hi there.", f"{LIST}\nWhich is heaviest?", "Thanks."), min_human_messages=1)
    assert rows["mask"].to_list() == [None, "paste", None]
    assert rows["masked"][1] == "Weights:\nWhich is heaviest?"


def test_a_long_message_about_oneself_is_no_paste():
    text = "I was afraid of my boss and I told my sister that I would leave. " * 30
    assert human_messages(conversation("Hi.", text, "Yes."), min_human_messages=1)["mask"].to_list() == [None] * 3


def test_a_long_list_among_messages_as_long_is_no_paste():
    assert human_messages(conversation(LIST, LIST, LIST), min_human_messages=1)["mask"].to_list() == [None] * 3


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hello there! My cat is ill.", "! My cat is ill."),
        ("Thank you so much for your help. Next one.", ". Next one."),
        ("Good morning, how do I boil rice?", ", how do I boil rice?"),
        ("That is lovely. Have a nice day!", "That is lovely. !"),
        ("Thanks, goodbye", ", "),
        ("I am thankful that he is here.", "I am thankful that he is here."),
        ("The thanks were hollow and hidden.", "The thanks were hollow and hidden."),
    ],
)
def test_courtesy_is_left_out_of_the_plain_text_and_nothing_else(text, left):
    assert human_messages(conversation(text), min_human_messages=1)["plain"].to_list() == [left]


def test_a_message_of_mere_courtesy_has_a_score_with_it_and_none_without():
    row = score("Thanks a lot!").row(0, named=True)
    assert (row["courtesy"], row["compound_plain"], row["linear_plain"]) == (True, None, None)
    assert row["compound"] > 0


def test_what_is_masked_counts_only_in_the_unmasked_score():
    row = score("The sign says `I hate horrible losers` here.").row(0, named=True)
    assert (row["compound"], row["linear"] == row["linear_plain"]) == (0.0, True)
    assert row["compound_unmasked"] < 0


def test_the_linear_score_knows_praise_and_complaint_of_the_assistant_from_requests():
    praise, complaint, request = linear(
        "That is awesome, well done!", "Wrong again, you are useless.", "Write a story about a good king and a bad war."
    )
    assert (praise > 0, complaint < 0, request) == (True, True, 0)


def test_the_weights_survive_being_written(tmp_path):
    MODEL.save(tmp_path / "sentiment.csv")
    shipped = ROOT / "resources" / "models" / "sentiment.csv"
    assert (tmp_path / "sentiment.csv").read_bytes() == shipped.read_bytes()


def test_weights_of_other_cues_than_the_codebooks_are_refused(tmp_path):
    MODEL.save(tmp_path / "sentiment.csv")
    with pytest.raises(InputError, match="praise:"):
        LinearSentiment.load(tmp_path / "sentiment.csv", {name: own for name, own in CUES.items() if name != "praise"})


def test_a_short_quotation_stays_the_humans_own_word():
    assert human_messages(conversation('He said "great" and left'), min_human_messages=1)["mask"].to_list() == [None]


def test_text_is_cut_after_masking():
    text = "`" + "y" * SCORED_CHARACTERS + "` lovely"
    row = human_messages(conversation(text), min_human_messages=1).row(0, named=True)
    assert row["masked"].strip() == "lovely"


@pytest.mark.parametrize(("text", "sign"), [("I love this, it is wonderful.", 1), ("I am sad and I hate it.", -1)])
def test_plain_feeling_has_the_expected_sign(text, sign):
    assert compound(text) * sign > 0.3


def test_a_message_is_the_mean_of_its_sentences():
    apart = [compound("I love it."), compound("The table is brown.")]
    assert compound("I love it. The table is brown.") == pytest.approx(sum(apart) / 2)


def test_repeating_a_sentence_does_not_raise_its_score():
    assert compound("I love it. " * 10) == pytest.approx(compound("I love it."))


def test_a_text_without_a_word_has_no_score():
    assert scores(pl.Series(["", "42!", "…"]), MODEL).rows() == [(None, None)] * 3


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
    table = score_sentiment(conversation("Hi."), MODEL, min_human_messages=6, cut_points=CUTS)
    assert contracts.Sentiment.checked(table).height == 0


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_any_text_gives_one_valid_row_per_human_message(texts):
    table = contracts.Sentiment.checked(score(*texts))
    assert table["turn"].to_list() == [2 * number for number in range(len(texts))]


SCORER = Vader()
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
