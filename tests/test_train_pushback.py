"""Training of the pushback model: what is known of each message, decisions on conversations held out, and the model card."""

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from conftest import ROOT
from normalise_shard import normalise_shard
from train_pushback import labelled_messages, largest, model_card, train_pushback

from shared.contracts import PUSHBACK_KINDS
from shared.evaluation import evaluate_pushback
from shared.job import InputError
from shared.labels import parse_turns, read_message_labels
from shared.pushback import PushbackModel, exchanges

CODEBOOK = yaml.safe_load((Path(__file__).parents[1] / "config" / "codebook.yaml").read_text(encoding="utf-8"))[
    "pushback"
]
REPLIES = {
    "refusal": ["I can't help with that", "I cannot do that", "I must decline to answer"],
    "challenge": ["Why do you want that", "I don't think you should", "That is not a good idea"],
    "redirect": ["Please call a hotline", "Please talk to a therapist", "Please see a doctor at once"],
    "boundary": ["I'm not a real person", "As an AI I cannot love", "I don't have feelings"],
    None: ["Here is the plan", "Sure, that is easy", "The kettle stands there"],
}
ENDINGS = [
    "and the pear tree by the gate",
    "since the river rose again",
    "before the long winter",
    "as the old song goes",
]
EACH = 20


def examples():
    """Conversations of two exchanges, of which the second may push back; half of them labelled message by message as well."""
    generator = random.Random(5)
    records, labels, messages = [], [], []
    for kind, replies in REPLIES.items():
        for number in range(EACH):
            identifier = f"{kind}-{number}"
            ending = generator.choice(ENDINGS)
            talk = [f"Number {identifier}, how do I begin?", "Sure, begin with tea.", "And then?"]
            talk.append(f"{generator.choice(replies)}, {ending}.")
            records.append(
                {
                    "id": identifier,
                    "messages": [
                        {"role": "assistant" if place % 2 else "user", "content": text}
                        for place, text in enumerate(talk)
                    ],
                }
            )
            labels.append(
                {
                    "source": "harbour",
                    "conversation_id": identifier,
                    "weight": 2.0 if number % 2 else 1.0,
                    "stratum": "1 a",
                    "affective": number % 3 == 0,
                    "pushback": [kind] if kind else [],
                    "shortened": number == 0,
                }
            )
            if kind and number % 4:
                reason = "ai_status" if kind == "boundary" else "other"
                messages.append(("harbour", identifier, 3, [kind], reason))
    texts = normalise_shard(records)[0].select("conversation_id", "n_human", "messages")
    labelled = pl.DataFrame(labels, schema_overrides={"pushback": pl.List(pl.String)})
    schema = {
        "source": pl.String,
        "conversation_id": pl.String,
        "turn": pl.Int32,
        "kinds": pl.List(pl.String),
        "reason": pl.String,
    }
    return labelled.join(texts, on="conversation_id", maintain_order="left"), pl.DataFrame(
        messages, schema, orient="row"
    )


@pytest.fixture(scope="module")
def corpus():
    return examples()


@pytest.fixture(scope="module")
def trained(corpus):
    return train_pushback(*corpus, CODEBOOK, seed=3)


def known_of(corpus, identifier):
    table = labelled_messages(*corpus).filter(conversation_id=identifier)
    return [None if kinds is None else list(kinds) for kinds in table["kinds"]]


# --- what is known of a message


def test_a_listed_message_is_what_its_label_says_and_the_others_do_not_push_back(corpus):
    assert known_of(corpus, "refusal-1") == [[], ["refusal"]]


def test_no_message_pushes_back_in_a_conversation_without_pushback(corpus):
    assert known_of(corpus, "None-1") == [[], []]


def test_of_a_conversation_with_pushback_somewhere_nothing_more_is_known(corpus):
    assert known_of(corpus, "refusal-4") == [None, None]


def test_of_a_conversation_that_is_not_labelled_as_a_whole_only_listed_messages_are_known(corpus):
    labelled, messages = corpus
    alone = labelled.with_columns(pushback=pl.lit(None, dtype=pl.List(pl.String)))
    assert known_of((alone, messages), "redirect-1") == [None, ["redirect"]]


# --- held-out decisions


def test_kinds_are_found_in_conversations_that_the_model_did_not_see(trained):
    _, held_out, _ = trained
    right = [(held_out[f"predicted_{kind}"] == held_out[f"true_{kind}"]).mean() for kind in ["any", *PUSHBACK_KINDS]]
    assert min(right) > 0.9


def test_held_out_decisions_name_the_messages_they_were_found_in(trained):
    _, held_out, _ = trained
    for row in held_out.filter(predicted_any=1).to_dicts():
        entries = parse_turns(pl.Series([row["found"]]))[0].to_list()
        assert {entry["kind"] for entry in entries} == {kind for kind in PUSHBACK_KINDS if row[f"predicted_{kind}"]}
        assert {entry["turn"] for entry in entries} <= {1, 3}
    assert held_out.filter(predicted_any=0)["found"].null_count() == held_out.filter(predicted_any=0).height


def test_single_exchanges_labelled_message_by_message_are_judged_too(corpus):
    labelled, messages = corpus
    whole = ["pushback", "affective", "shortened", "weight", "stratum"]
    single = pl.col("conversation_id") == "refusal-1"
    alone = labelled.with_columns(pl.when(single).then(None).otherwise(pl.col(whole)).name.keep())
    first = pl.DataFrame([("harbour", "refusal-1", 1, [], "")], messages.schema, orient="row")
    listed = pl.concat([messages, first])
    elsewhere = [
        table.with_columns(source=pl.when(single).then(pl.lit("letters")).otherwise("source"))
        for table in (alone, messages, listed)
    ]
    partly = train_pushback(*elsewhere[:2], CODEBOOK, seed=3)[1]
    complete = train_pushback(elsewhere[0], elsewhere[2], CODEBOOK, seed=3)[1]
    picked = train_pushback(alone, listed, CODEBOOK, seed=3)[1]
    assert partly.filter(single).height == 0
    assert complete.filter(single).select("true_any", "true_refusal", "true_affective").rows() == [(1, 1, None)]
    assert (
        picked.filter(single).height == 0
    )  # beside a sample of whole conversations it would be one more that nobody drew


def test_training_twice_gives_the_same_bytes(corpus, trained, tmp_path):
    again = train_pushback(*corpus, CODEBOOK, seed=3)
    for name, (model, held_out, _) in (("one", trained), ("two", again)):
        model.save(tmp_path / f"{name}.csv")
        held_out.write_csv(tmp_path / f"{name}_held_out.csv")
    for ending in (".csv", "_held_out.csv"):
        assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


def test_saved_weights_judge_like_the_model_they_were_saved_from(corpus, trained, tmp_path):
    trained[0].save(tmp_path / "model.csv")
    table = exchanges(corpus[0])
    loaded = PushbackModel.load(tmp_path / "model.csv", CODEBOOK)
    np.testing.assert_allclose(loaded.log_odds(table), trained[0].log_odds(table), atol=1e-3)


def test_reasons_are_compared_where_they_are_labelled(corpus, trained):
    _, _, reasons = trained
    assert reasons.height == corpus[1].height
    assert set(reasons["reason"]) == {"other", "ai_status"}


def test_training_without_messages_that_push_back_ends_in_a_sentence(corpus):
    labelled, messages = corpus
    with pytest.raises(InputError, match="probability sample"):
        train_pushback(labelled, messages.clear(), CODEBOOK, seed=3)


def test_the_largest_of_no_messages_is_zero():
    assert largest(np.array([0.2, 0.7, 0.1]), np.array([0, 0, 2]), 3).tolist() == [0.7, 0, 0.1]


# --- figures and model card


def beside(source, rows, affective=1):
    """Held-out rows of (predicted, true) of any pushback, all of it refusal."""
    return pl.DataFrame(
        [
            {"source": source, "true_affective": affective, "shortened": 0}
            | {f"{said}_{kind}": 0 for said in ("predicted", "true") for kind in PUSHBACK_KINDS}
            | {"predicted_any": predicted, "true_any": true, "predicted_refusal": predicted, "true_refusal": true}
            for predicted, true in rows
        ]
    ).with_columns(pl.col("true_affective").cast(pl.Int8))


HARBOUR = [(1, 1), (1, 1), (1, 0), (0, 1), (0, 0)]
OPTIONS = {"bootstrap": 200, "confidence": 0.95, "seed": 3}


def test_figures_count_conversations_by_kind_source_and_whether_they_are_affective():
    table = evaluate_pushback(pl.concat([beside("harbour", HARBOUR), beside("station", [(1, 1)], 0)]), **OPTIONS)
    rows = {(row["kind"], row["labels"], row["among"]): row for row in table.to_dicts()}
    assert set(rows) == {
        (kind, *where)
        for kind in ("any", "refusal")
        for where in [
            ("all", "all"),
            ("all", "affective"),
            ("harbour", "all"),
            ("harbour", "affective"),
            ("station", "all"),
        ]
    }
    assert [rows["any", "harbour", "all"][name] for name in ("n_positive", "n_predicted", "precision", "recall")] == [
        3,
        3,
        0.6667,
        0.6667,
    ]
    assert rows["any", "all", "all"]["n_labelled"] == 6


def test_single_exchanges_stand_beside_the_sources_of_conversations_not_among_them():
    table = evaluate_pushback(pl.concat([beside("harbour", HARBOUR), beside("singles", [(1, 1)], None)]), **OPTIONS)
    assert table.filter(labels="all", among="all", kind="any")["n_labelled"].to_list() == [5]
    assert table.filter(labels="singles")["among"].unique().to_list() == ["all"]


def test_conversations_that_were_read_shortened_and_made_up_ones_are_no_evidence():
    odd = pl.concat(
        [beside("harbour", HARBOUR).with_columns(shortened=pl.lit(1, pl.Int64)), beside("control", HARBOUR)]
    )
    table = evaluate_pushback(pl.concat([beside("harbour", HARBOUR), odd]), **OPTIONS)
    assert table.filter(labels="all", among="all", kind="any")["n_labelled"].to_list() == [5]


def test_model_card_gives_figures_and_limits_of_use(trained):
    model, held_out, reasons = trained
    template = (ROOT / "resources" / "cards" / "pushback.md").read_text(encoding="utf-8")
    card = model_card(template, held_out, reasons, model=model, **OPTIONS)
    assert "## What it must not be used for" in card
    rows = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| any | all | all")]
    assert [row[3:5] for row in rows] == [["95", "76"]]


# --- label file


def test_message_labels_are_read_with_their_kinds_as_a_list(tmp_path):
    path = tmp_path / "messages.csv"
    path.write_text("source,conversation_id,turn,kinds,reason\nharbour,a,3,refusal|redirect,other\nharbour,a,5,,\n")
    assert read_message_labels(path).rows() == [
        ("harbour", "a", 3, ["refusal", "redirect"], "other"),
        ("harbour", "a", 5, [], ""),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("source,conversation_id,kinds,reason\nharbour,a,refusal,other\n", "missing: turn"),
        ("source,conversation_id,turn,kinds,reason\nharbour,a,third,refusal,other\n", "third"),
        ("source,conversation_id,turn,kinds,reason\nharbour,a,3,refusal,other\nharbour,a,3,,\n", "harbour, a, 3"),
    ],
)
def test_message_labels_at_fault_end_in_a_sentence(tmp_path, text, sentence):
    path = tmp_path / "messages.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_message_labels(path)


def test_the_shipped_message_labels_are_of_the_codebooks_kinds_and_reasons():
    table = read_message_labels(Path(__file__).parents[1] / "resources" / "labels" / "messages.csv")
    assert set(table["kinds"].explode().drop_nulls()) == set(PUSHBACK_KINDS)
    assert set(table["reason"]) - {""} <= set(CODEBOOK["reasons"])
    assert ((table["kinds"].list.len() == 0) == (table["reason"] == "")).all()
