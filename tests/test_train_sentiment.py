"""Training the linear score of sentiment: windows, cut points, cross-validation, agreement with labels."""

import random

import numpy as np
import polars as pl
import pytest
from conftest import ROOT
from train_sentiment import agreement_elsewhere, best_cut_points, model_card, texts_at_ends, train_sentiment

from shared.contracts import MESSAGES
from shared.job import InputError
from shared.levels import levels
from shared.sentiment_agreement import evaluate_sentiment

CUES = {"warmth": ["splendid", "delightful"], "gloom": ["dreadful", "miserable"]}
CUTS = [-0.5, -0.05, 0.3, 0.6]
WORDS = [
    "kettle",
    "ladder",
    "compass",
    "lantern",
    "violin",
    "blanket",
    "barrel",
    "clock",
    "mirror",
    "teapot",
    "bicycle",
    "ribbon",
    "harbour",
    "orchard",
]
SAID = {-1: "That is dreadful and miserable.", 0: "It stands over there.", 1: "That is splendid and delightful."}


def corpus(n):
    """Conversations of six human messages whose first and last three say what their labels say, in words of their own."""
    generator = random.Random(5)
    rows = []
    for number in range(n):
        labels = generator.choices([-1, 0, 1], [1, 4, 1], k=2)
        texts = [f"The {' '.join(generator.sample(WORDS, 4))}. {SAID[labels[place // 3]]}" for place in range(6)]
        rows.append(
            {
                "source": "harbour",
                "conversation_id": f"c{number}",
                "weight": 1.0,
                "n_human": 6,
                "affective": number % 2 == 0,
                "sentiment_start": 2.0 * labels[0],
                "sentiment_end": 2.0 * labels[1],
                "messages": [
                    m for text in texts for m in ({"role": "human", "text": text}, {"role": "assistant", "text": "So."})
                ],
            }
        )
    return pl.DataFrame(rows, schema_overrides={"messages": MESSAGES, "n_human": pl.Int32})


@pytest.fixture(scope="module")
def trained():
    return train_sentiment(corpus(90), CUES, window=3, cut_points=CUTS, seed=1)


def test_the_texts_at_the_ends_are_the_first_and_the_last_human_messages():
    texts = ["one", "two", "three", "four", "five"]
    messages = [{"role": "human", "text": text} for text in texts]
    table = pl.DataFrame(
        [{"conversation_id": "c", "n_human": 5, "messages": messages}],
        schema_overrides={"messages": MESSAGES, "n_human": pl.Int32},
    )
    assert texts_at_ends(table, window=2).to_list() == ["one", "two", "four", "five"]


def test_cut_points_part_the_scores_that_the_labels_part():
    score = np.repeat([[-0.45], [-0.11], [0.0], [0.15], [0.5]], 3, axis=1)
    truth = np.array([-0.5, 0, 0, 0, 0.5])
    assert levels(score, best_cut_points(score, truth)).mean(axis=1).round(9).tolist()[1:4] == [0, 0, 0]


def test_what_the_folds_did_not_see_is_scored_as_it_was_labelled(trained):
    _, held_out, _ = trained
    table = evaluate_sentiment(held_out, bootstrap=20, confidence=0.9, seed=1).filter(
        instrument="linear", scale="level", group="all"
    )
    assert table["spearman"].min() > 0.95


def test_bias_is_the_instruments_mean_less_the_labels(trained):
    _, held_out, _ = trained
    table = evaluate_sentiment(held_out, bootstrap=20, confidence=0.9, seed=1)
    assert table.select(((pl.col("mean_instrument") - pl.col("mean_label")) - pl.col("bias")).abs().max()).item() < 2e-4


def test_the_weights_have_the_sign_of_their_cue(trained):
    model, _, _ = trained
    scores = dict(zip(CUES, model.weights[: len(CUES)], strict=True))
    assert scores["warmth"] > 0 > scores["gloom"]


def test_training_twice_gives_the_same_bytes(trained, tmp_path):
    again, held_out, _ = train_sentiment(corpus(90), CUES, window=3, cut_points=CUTS, seed=1)
    trained[0].save(tmp_path / "one.csv")
    again.save(tmp_path / "two.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert held_out.equals(trained[1])


def test_the_card_names_the_cut_points_and_a_row_for_each_figure(trained):
    model, held_out, best = trained
    table = evaluate_sentiment(held_out, bootstrap=20, confidence=0.9, seed=1)
    template = (ROOT / "resources" / "cards" / "sentiment.md").read_text(encoding="utf-8")
    cuts, elsewhere = {"best_of_vader": best, "cut_points": CUTS}, {"vader": (0.5, 0.25)}
    card = model_card(template, table, model, n_cues=4, **cuts, elsewhere=elsewhere)
    assert "-0.5, -0.05, 0.3, 0.6" in card
    assert "VADER 0.50 for windows and 0.25 for changes" in card
    assert card.count("| linear score |") == table.filter(instrument="linear").height


def test_conversations_of_elsewhere_are_scored_by_the_whole_model(trained):
    found = agreement_elsewhere(corpus(20), trained[0], window=3, cut_points=CUTS)
    assert min(found["linear"]) > 0.95
    assert set(found) == {"vader", "linear"}


def test_too_few_labels_end_training_with_a_hint():
    with pytest.raises(InputError, match="found 9"):
        train_sentiment(corpus(9), CUES, window=3, cut_points=CUTS, seed=1)
