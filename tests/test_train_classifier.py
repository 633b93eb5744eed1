"""Training: truth, calibration, thresholds, and cross-validation on a small made-up corpus."""

import random

import numpy as np
import polars as pl
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from normalise_shard import normalise_shard
from train_classifier import (
    best_threshold,
    calibrate,
    held_out_by_source,
    held_out_scores,
    learning_curve,
    model_card,
    train_classifier,
    truth_of,
)

from shared.affect import AffectModel
from shared.contracts import CATEGORIES, CLASSES
from shared.evaluation import average_precision
from shared.features import Features
from shared.job import InputError

CODEBOOK = {"cues": {"kin": {"phrases": ["my uncle"]}, "task": {"phrases": ["write a"]}}, "sieve": ["i", "my"]}
POOLS = {
    "interpersonal": "uncle quarrel silence apology wedding invite trust",
    "coaching": "goal routine discipline promotion plan courage progress",
    "counselling": "grief panic numb crying nights therapist ache",
    "companionship": "company evening chat lonely tea listening friend",
    "roleplay": "tavern cloak lantern bow gate captain nods",
    "romantic": "kiss darling blush embrace candlelight whisper moonlit",
    "professional": "client session caseload intake assessment notes referral",
    "content_creation": "poem stanza headline slogan rhyme draft paragraph",
    "neither": "python compiler boiling distance capital voltage array",
}
FILLER = "today again really maybe somewhere often quite under between other little many"
EACH = 12


def examples():
    """Texts of words that their class prefers, with filler; one in six speaks the words of any class."""
    generator = random.Random(11)
    records, labels = [], []
    for pool in POOLS:
        for number in range(EACH):
            identifier = f"{pool}-{number}"
            spoken = generator.choice(sorted(POOLS)) if number % 6 == 5 else pool
            words = generator.sample(POOLS[spoken].split(), 5) + generator.sample(FILLER.split(), 4)
            generator.shuffle(words)
            talk = [{"role": "user", "content": f"I {' '.join(words)}"}, {"role": "assistant", "content": "Go on."}]
            records.append({"id": identifier, "messages": talk * (1 + number % 6)})
            category = "counselling" if pool == "professional" else pool
            labels.append(
                {
                    "source": "harbour" if number % 2 else "station",
                    "conversation_id": identifier,
                    "weight": None if number % 4 == 3 else 1.0 + number % 3,
                    "stratum": "1 a",
                    "content_creation": pool == "content_creation",
                    "affective": category in CATEGORIES,
                    "categories": [category] if category in CATEGORIES else [],
                    "professional": pool == "professional",
                    "sure": None if number == 0 else 1.0 + number % 3,
                }
            )
    texts = normalise_shard(records)[0].select("conversation_id", "n_human", "messages")
    return pl.DataFrame(labels, infer_schema_length=None).join(texts, on="conversation_id", maintain_order="left")


@pytest.fixture(scope="module")
def labelled():
    return examples()


@pytest.fixture(scope="module")
def trained(labelled):
    return train_classifier(labelled, CODEBOOK, min_human_messages_roleplay=4, seed=3)


# --- truth


def test_truth_has_a_column_for_each_class():
    labels = pl.DataFrame(
        {
            "content_creation": [True, False],
            "affective": [False, True],
            "categories": [[], ["roleplay", "coaching"]],
            "professional": [False, True],
        },
        schema_overrides={"categories": pl.List(pl.String)},
    )
    named = [{name for name, value in zip(CLASSES, row, strict=True) if value} for row in truth_of(labels)]
    assert named == [{"content_creation"}, {"affective", "coaching", "roleplay", "professional"}]


# --- calibration


@pytest.mark.parametrize("slope, offset", [(1.0, 0.0), (1.5, -1.0), (0.6, 0.8)])
def test_calibration_recovers_the_slope_and_offset_of_simulated_outcomes(slope, offset):
    generator = np.random.default_rng(4)
    scores = generator.normal(0, 2, 20_000)
    truth = generator.random(20_000) < 1 / (1 + np.exp(-(slope * scores + offset)))
    assert calibrate(scores, truth, np.ones(20_000)) == pytest.approx((slope, offset), abs=0.08)


def test_calibration_takes_a_weight_of_three_for_three_copies():
    generator = np.random.default_rng(4)
    scores = generator.normal(size=300)
    truth = generator.random(300) < 1 / (1 + np.exp(-scores))
    weight = generator.integers(1, 4, 300)
    copies = np.repeat(np.arange(300), weight)
    weighted = calibrate(scores, truth, weight)
    assert weighted == pytest.approx(calibrate(scores[copies], truth[copies], np.ones(len(copies))), abs=1e-3)


def test_calibration_takes_no_notice_of_a_weight_of_zero():
    generator = np.random.default_rng(4)
    scores = generator.normal(size=300)
    truth = generator.random(300) < 1 / (1 + np.exp(-scores))
    flipped = np.where(np.arange(300) < 100, ~truth, truth)
    weight = (np.arange(300) >= 100).astype(float)
    assert calibrate(scores, flipped, weight) == pytest.approx(
        calibrate(scores[100:], truth[100:], np.ones(200)), abs=1e-3
    )


# --- threshold


def f1(decided, truth):
    return 2 * (decided & truth).sum() / (decided.sum() + truth.sum())


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=30).filter(
        lambda x: any(b for _, b in x)
    )
)
def test_no_threshold_has_a_larger_f1_than_the_best_one(pairs):
    probability = np.array([number / 20 for number, _ in pairs])
    truth = np.array([value for _, value in pairs])
    best = max(f1(probability >= threshold, truth) for threshold in np.linspace(0, 1, 41))
    assert f1(probability >= best_threshold(probability, truth), truth) == pytest.approx(best)


def test_best_threshold_of_separated_classes_lies_at_the_lowest_positive():
    assert best_threshold(np.array([0.1, 0.2, 0.7, 0.9]), np.array([False, False, True, True])) == 0.7


# --- cross-validation


def test_conversations_with_the_same_beginning_are_held_out_together(labelled):
    # Twins that fell into different folds would be scored by different models.
    twins = labelled.head(5).with_columns(conversation_id=pl.col("conversation_id") + "-twin")
    scores = held_out_scores(pl.concat([labelled, twins]), CODEBOOK["cues"], seed=3)
    np.testing.assert_allclose(scores[:5], scores[-5:], rtol=1e-9)


def test_training_twice_with_one_seed_gives_the_same_decisions(labelled, trained):
    _, again = train_classifier(labelled, CODEBOOK, min_human_messages_roleplay=4, seed=3)
    assert again.equals(trained[1])


def test_every_labelled_conversation_is_held_out_once(labelled, trained):
    assert sorted(trained[1]["conversation_id"]) == sorted(labelled["conversation_id"])


def test_held_out_table_holds_no_text(trained):
    strings = [name for name, dtype in trained[1].schema.items() if dtype == pl.String]
    assert strings == ["source", "conversation_id", "stratum"]


@pytest.mark.parametrize("name", CLASSES)
def test_held_out_probabilities_lie_between_zero_and_one(trained, name):
    assert trained[1][f"p_{name}"].is_between(0, 1).all()


@pytest.mark.parametrize("name", ["content_creation", "affective"])
def test_held_out_probabilities_add_up_to_the_weighted_count(trained, name):
    # The intercept of a logistic regression without penalty makes fitted and observed counts equal.
    drawn = trained[1].filter(pl.col("weight").is_not_null())
    fitted, observed = ((drawn["weight"] * drawn[f"{kind}_{name}"]).sum() for kind in ("p", "true"))
    assert fitted == pytest.approx(observed, rel=0.01)


@pytest.mark.parametrize("name, least", [("affective", 0.85), ("content_creation", 0.6), ("counselling", 0.5)])
def test_classes_of_distinct_words_are_found_in_held_out_conversations(trained, name, least):
    predicted, true = (trained[1][f"{kind}_{name}"].to_numpy().astype(bool) for kind in ("predicted", "true"))
    assert f1(predicted, true) > least


def test_labels_dealt_out_by_chance_are_not_found_in_held_out_conversations(labelled):
    # Held-out scores would tell them apart only if the models had seen what they score.
    columns = ["content_creation", "affective", "categories", "professional"]
    dealt = labelled.select(columns).sample(fraction=1, shuffle=True, seed=1)
    shuffled = labelled.with_columns(dealt.get_columns())
    scores = held_out_scores(shuffled, CODEBOOK["cues"], seed=3)[:, CLASSES.index("affective")]
    affective = shuffled["affective"].to_numpy()
    higher = (scores[affective][:, None] > scores[~affective][None, :]).mean()
    assert 0.25 < higher < 0.65


@pytest.mark.parametrize("category", ["roleplay", "romantic"])
def test_short_roleplay_is_neither_true_nor_predicted(labelled, trained, category):
    short = (
        trained[1]
        .join(labelled.select("conversation_id", "n_human"), on="conversation_id")
        .filter(pl.col("n_human") < 4)
    )
    assert short.select(f"true_{category}", f"predicted_{category}").sum().row(0) == (0, 0)


def test_trained_model_finds_its_classes_in_new_conversations(trained):
    model, _ = trained
    texts = ["I quarrel with uncle about a wedding invite", "I draft a slogan and a headline with rhyme"]
    records = [{"messages": [{"role": "user", "content": text}]} for text in texts]
    conversations, _ = normalise_shard(records)
    over = model.probabilities(conversations) >= model.threshold
    assert over[:, CLASSES.index("affective")].tolist() == [True, False]
    assert over[:, CLASSES.index("content_creation")].tolist() == [False, True]


def test_trained_model_survives_saving_and_loading(trained, labelled, tmp_path):
    model, _ = trained
    model.save(tmp_path / "affect.csv")
    loaded = AffectModel.load(tmp_path / "affect.csv", CODEBOOK["cues"])
    np.testing.assert_allclose(loaded.probabilities(labelled), model.probabilities(labelled), atol=1e-4)


WEIGHTS = {
    "no weights": pl.lit(None, dtype=pl.Float64),
    "weights of the control corpus alone": pl.when(pl.col("source") == "control").then(1.0),
}


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
def test_training_without_a_probability_sample_is_an_input_error(labelled, weight):
    source = pl.when(pl.col("source") == "station").then(pl.lit("control")).otherwise("source")
    unweighted = labelled.with_columns(source=source).with_columns(weight=weight)
    with pytest.raises(InputError, match="probability sample"):
        train_classifier(unweighted, CODEBOOK, min_human_messages_roleplay=4, seed=3)


# --- cross-validation by source


@pytest.fixture(scope="module")
def by_source(labelled):
    return held_out_by_source(labelled, CODEBOOK, min_human_messages_roleplay=4, seed=3)


def test_every_real_source_is_tested_by_a_classifier_that_learnt_without_it(labelled, by_source):
    assert (
        by_source.select("source", "conversation_id")
        .sort("conversation_id")
        .equals(labelled.select("source", "conversation_id").sort("conversation_id"))
    )


def test_labels_of_a_source_do_not_change_what_is_said_of_it(labelled, by_source):
    here = pl.col("source") == "harbour"
    dealt = labelled.filter(here).with_columns(
        content_creation=~pl.col("content_creation"), weight=pl.lit(5.0), professional=pl.lit(True)
    )
    again = held_out_by_source(
        pl.concat([labelled.filter(~here), dealt]), CODEBOOK, min_human_messages_roleplay=4, seed=3
    )
    said = [name for name in by_source.columns if name.startswith(("p_", "predicted_"))]
    assert again.filter(here).select(said).equals(by_source.filter(here).select(said))


def test_a_source_without_which_no_probability_sample_is_left_is_not_tested(labelled):
    rename = pl.when(pl.col("source") == "station").then(pl.lit("control")).otherwise("source")
    alone = labelled.with_columns(source=rename)
    assert held_out_by_source(alone, CODEBOOK, min_human_messages_roleplay=4, seed=3).is_empty()


def test_a_class_that_no_conversation_has_is_learnt_as_never_there(labelled):
    without = labelled.filter(~pl.col("categories").list.contains("romantic"))
    model, held_out = train_classifier(without, CODEBOOK, min_human_messages_roleplay=4, seed=3)
    assert held_out["predicted_romantic"].sum() == 0
    assert (model.probabilities(without)[:, CLASSES.index("romantic")] < 0.05).all()


# --- learning curve


@pytest.fixture(scope="module")
def curve(labelled, trained):
    return learning_curve(labelled, trained[1], CODEBOOK["cues"], seed=3)


def test_learning_curve_ends_with_the_classifier_itself(curve, trained):
    assert list(curve) == [0.25, 0.5, 0.75, 1]
    assert curve[1].equals(trained[1])


def test_with_all_labels_the_class_affective_learnt_alone_is_that_of_the_classifier(labelled):
    scores = held_out_scores(labelled, CODEBOOK["cues"], seed=3, share=1, classes=["affective"])
    number = CLASSES.index("affective")
    np.testing.assert_array_equal(scores[:, number], held_out_scores(labelled, CODEBOOK["cues"], seed=3)[:, number])


def test_a_part_of_the_labels_teaches_less_than_all_of_them(curve):
    true = curve[1]["true_affective"].to_numpy().astype(bool)
    quarter, all_of_them = (
        average_precision(true, curve[share]["p_affective"].to_numpy(), np.ones(len(true))) for share in (0.25, 1)
    )
    assert quarter < all_of_them


def test_too_few_labels_make_no_learning_curve(labelled, trained):
    rows = np.arange(0, labelled.height, 5)
    assert list(learning_curve(labelled[rows], trained[1][rows], CODEBOOK["cues"], seed=3)) == [1]


# --- model card


def decided(source, affective):
    """Held-out rows of (probability, predicted, true) of the class affective; every other class is never there."""
    rows = [
        {"source": source, "conversation_id": f"{source}-{number}", "weight": 1.0, "n_human": 1, "candidate": 1}
        | {f"{kind}_{name}": 0 for name in [*CLASSES, "included"] for kind in ("p", "predicted", "true")}
        | {"p_affective": p, "predicted_affective": predicted, "true_affective": true}
        for number, (p, predicted, true) in enumerate(affective)
    ]
    return pl.DataFrame(rows, schema_overrides={"p_affective": pl.Float64})


CARD = (ROOT / "resources" / "cards" / "affect.md").read_text(encoding="utf-8")
FEATURES = Features(["uncle"], np.ones(1), CODEBOOK["cues"])
OPTIONS = {"features": FEATURES, "bootstrap": 200, "confidence": 0.95, "seed": 3}


def card_rows(held_out, by_source=None):
    by_source = pl.DataFrame() if by_source is None else by_source
    card = model_card(CARD, held_out, by_source, {0.5: held_out, 1: held_out}, **OPTIONS)
    lines = [line for line in card.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


HARBOUR = [(0.9, 1, 1), (0.8, 1, 0), (0.7, 1, 1), (0.2, 0, 1), (0.1, 0, 0)]
STATION = [(0.9, 1, 1), (0.3, 0, 0)]
BOTH = pl.concat([decided("station", STATION), decided("harbour", HARBOUR)])


def figures_of(rows, source, length):
    """Cells after the number of positives, without their intervals."""
    found = [row for row in rows if row[:2] == ["affective", source] and len(row) == length]
    return [cell.split(" ")[0] for cell in found[0][2:]] if found else None


def test_model_card_counts_conversations_and_positives_of_each_source():
    assert [row for row in card_rows(BOTH) if row[0] in ("harbour", "station")] == [
        ["harbour", "5", "3", "0", "5"],
        ["station", "2", "1", "0", "2"],
    ]


@pytest.mark.parametrize(
    "source, figures",
    [
        # 2 of 3 predictions are right, 2 of 3 positives are found; ranked, the positives stand first, third and fourth
        ("harbour", ["3", "0.67", "0.67", "0.67", "0.81", "–", "–"]),
        ("station", ["1", "1.00", "1.00", "1.00", "1.00", "–", "–"]),
        ("all", ["4", "0.75", "0.75", "0.75", "0.85", "–", "–"]),
    ],
)
def test_model_card_gives_precision_recall_f1_and_average_precision(source, figures):
    assert figures_of(card_rows(BOTH), source, 9) == figures


def test_model_card_gives_figures_of_training_without_the_source_beside_the_others():
    # One of two positives found, one of two decisions right.
    apart = decided("harbour", [(0.9, 1, 1), (0.8, 1, 0), (0.1, 0, 1)])
    rows = card_rows(BOTH, apart)
    assert figures_of(rows, "harbour", 9)[-2:] == ["0.50", "0.83"]
    # One source of two says nothing of all.
    assert figures_of(rows, "station", 9)[-2:] == figures_of(rows, "all", 9)[-2:] == ["–", "–"]


def test_model_card_leaves_out_classes_without_positives():
    assert {row[0] for row in card_rows(BOTH) if len(row) == 9} == {"class", ":---", "affective"}


def test_model_card_gives_the_learning_curve():
    rows = [row[:2] + [cell.split(" ")[0] for cell in row[2:]] for row in card_rows(BOTH) if row[0].endswith("%")]
    assert rows == [["50%", "4", "0.75", "0.85"], ["100%", "7", "0.75", "0.85"]]


def test_model_card_says_what_the_classifier_must_not_be_used_for():
    assert "## What it must not be used for" in model_card(CARD, BOTH, pl.DataFrame(), {1: BOTH}, **OPTIONS)
