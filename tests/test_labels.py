"""Reading labels, and the labels that come with the workflow."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import polars as pl
import pytest
from normalise_shard import normalise_shard

from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.fields import messages_of
from shared.job import InputError
from shared.labels import OPTIONAL, REQUIRED, labelled_texts, read_control_labels, read_labels
from shared.records import read_records

RESOURCES = Path(__file__).parents[1] / "resources"

ROW = {
    "source": "harbour",
    "conversation_id": "h1",
    "weight": "2.5",
    "content_creation": "0",
    "affective": "1",
    "categories": "coaching|counselling",
    "professional": "0",
    "pushback": "refusal",
    "sentiment_start": "-1",
    "sentiment_end": "2",
}


def write(path, *rows, columns=None):
    pl.DataFrame([ROW | row for row in rows]).select(columns or pl.all()).write_csv(path)
    return path


# --- label files


@pytest.mark.parametrize(
    "column, value",
    [
        ("source", "harbour"),
        ("weight", 2.5),
        ("content_creation", False),
        ("affective", True),
        ("categories", ["coaching", "counselling"]),
        ("pushback", ["refusal"]),
        ("sentiment_start", -1.0),
        ("sentiment_end", 2.0),
    ],
)
def test_cell_is_read_as_its_type(tmp_path, column, value):
    assert read_labels(write(tmp_path / "labels.csv", {}))[column].to_list() == [value]


@pytest.mark.parametrize(
    "column, value",
    [("weight", None), ("categories", []), ("pushback", []), ("sentiment_start", None), ("sentiment_end", None)],
)
def test_empty_cell_is_no_value(tmp_path, column, value):
    assert read_labels(write(tmp_path / "labels.csv", {column: ""}))[column].to_list() == [value]


def test_id_of_digits_stays_as_it_is_written(tmp_path):
    labels = read_labels(write(tmp_path / "labels.csv", {"conversation_id": "007"}))
    assert labels["conversation_id"].to_list() == ["007"]


def test_columns_beyond_the_required_ones_are_left_out(tmp_path):
    kept = [name for name in (*REQUIRED, *OPTIONAL) if name != "draw"]
    assert read_labels(write(tmp_path / "labels.csv", {"remark": "read twice"})).columns == kept


@pytest.mark.parametrize(
    "cells, stratum", [({"draw": "3", "stratum": "top"}, "3 top"), ({"stratum": "top"}, "top"), ({}, "")]
)
def test_strata_of_different_draws_are_different_strata(tmp_path, cells, stratum):
    assert read_labels(write(tmp_path / "labels.csv", cells))["stratum"].to_list() == [stratum]


@pytest.mark.parametrize("cell, shortened", [("1", True), ("0", False), ("", False)])
def test_label_says_whether_its_conversation_was_read_shortened(tmp_path, cell, shortened):
    labels = read_labels(write(tmp_path / "labels.csv", {"shortened": cell}))
    assert labels["shortened"].to_list() == [shortened]


def test_labels_without_the_column_shortened_were_read_whole(tmp_path):
    assert read_labels(write(tmp_path / "labels.csv", {}))["shortened"].to_list() == [False]


@pytest.mark.parametrize("row, sure", [({"sure": "2"}, 2.0), ({"sure": ""}, None), ({}, None)])
def test_label_says_how_sure_its_reader_was_where_that_was_noted(tmp_path, row, sure):
    assert read_labels(write(tmp_path / "labels.csv", row))["sure"].to_list() == [sure]


def test_files_with_and_without_the_column_shortened_become_one_table(tmp_path):
    one = write(tmp_path / "one.csv", {"conversation_id": "h1"})
    two = write(tmp_path / "two.csv", {"conversation_id": "h2", "shortened": "1"})
    assert read_labels([one, two]).select("conversation_id", "shortened").rows() == [("h1", False), ("h2", True)]


def test_several_files_become_one_table_in_their_order(tmp_path):
    paths = [write(tmp_path / f"{name}.csv", {"conversation_id": name}) for name in ("h2", "h1")]
    assert read_labels(paths)["conversation_id"].to_list() == ["h2", "h1"]


@pytest.mark.parametrize("column", REQUIRED)
def test_file_without_a_required_column_is_an_input_error_that_names_it(tmp_path, column):
    path = write(tmp_path / "labels.csv", {}, columns=[name for name in REQUIRED if name != column])
    with pytest.raises(InputError, match=rf"labels\.csv.*missing: {column}\."):
        read_labels(path)


def test_conversation_labelled_twice_in_one_file_is_an_input_error_that_names_it(tmp_path):
    path = write(tmp_path / "labels.csv", {}, {"conversation_id": "h2"}, {"affective": "0"})
    with pytest.raises(InputError, match="harbour:h1 is labelled twice"):
        read_labels(path)


def test_conversation_labelled_in_two_files_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="harbour:h1 is labelled twice"):
        read_labels([write(tmp_path / "one.csv", {}), write(tmp_path / "two.csv", {})])


@pytest.mark.parametrize("cell", ["", "2", "true", "yes", "1.0", " 1"])
@pytest.mark.parametrize("column", ["content_creation", "affective", "professional"])
def test_cell_that_is_not_0_or_1_is_an_input_error_that_names_the_conversation(tmp_path, column, cell):
    path = write(tmp_path / "labels.csv", {}, {"conversation_id": "h2", column: cell})
    with pytest.raises(InputError, match="harbour:h2: expected 0 or 1"):
        read_labels(path)


@pytest.mark.parametrize("cell", ["many", "1,5", "-"])
@pytest.mark.parametrize("column", ["weight", "sentiment_start", "sentiment_end", "sure"])
def test_cell_that_is_not_a_number_is_an_input_error_that_shows_it(tmp_path, column, cell):
    path = write(tmp_path / "labels.csv", {}, {"conversation_id": "h2", column: cell})
    with pytest.raises(InputError, match=f"harbour:h2: expected .* found .*{cell}"):
        read_labels(path)


def test_same_id_in_two_sources_is_two_conversations(tmp_path):
    assert read_labels(write(tmp_path / "labels.csv", {}, {"source": "station"})).height == 2


# --- the file of planted truth


def write_control(path, pushback="", **changes):
    row = ROW | {"conversation_id": "k1", "split": "train", "language": "en", "pushback": pushback} | changes
    pl.DataFrame([{name: row[name] for name in row if name not in ("source", "weight")}]).write_csv(path)
    return path


@pytest.mark.parametrize(
    "cell, turns",
    [
        ("", []),
        ("3:refusal:capability", [(3, "refusal", "capability")]),
        ("3:refusal|boundary:ai_status", [(3, "refusal", "ai_status"), (3, "boundary", "ai_status")]),
        ("1:challenge:factual;5:redirect:privacy", [(1, "challenge", "factual"), (5, "redirect", "privacy")]),
    ],
)
def test_planted_pushback_is_read_by_message_kind_and_reason(tmp_path, cell, turns):
    labels = read_control_labels(write_control(tmp_path / "labels.csv", cell))
    assert [tuple(turn.values()) for turn in labels["pushback_turns"][0]] == turns


def test_planted_kinds_of_pushback_are_listed_once(tmp_path):
    labels = read_control_labels(write_control(tmp_path / "labels.csv", "1:refusal:other;3:refusal|challenge:other"))
    assert labels["pushback"].to_list() == [["challenge", "refusal"]]


def test_planted_truth_has_the_columns_of_labels(tmp_path):
    labels = read_labels(write(tmp_path / "labels.csv", {}))
    planted = read_control_labels(write_control(tmp_path / "control.csv", "1:refusal:other")).select(labels.columns)
    assert planted.schema == labels.schema


def test_planted_truth_is_never_of_shortened_conversations(tmp_path):
    assert read_control_labels(write_control(tmp_path / "labels.csv"))["shortened"].to_list() == [False]


def test_planted_truth_is_of_the_source_control_with_weight_one(tmp_path):
    labels = read_control_labels(write_control(tmp_path / "labels.csv"))
    assert labels.select("source", "weight").rows() == [("control", 1.0)]


# --- labels beside their texts


def interim(tmp_path, source, *identifiers, shard="one"):
    folder = tmp_path / source / "conversations"
    folder.mkdir(parents=True, exist_ok=True)
    talk = [{"role": "user", "content": "When is high tide?"}, {"role": "assistant", "content": "At noon."}]
    conversations, _ = normalise_shard([{"id": identifier, "messages": talk} for identifier in identifiers])
    conversations.write_parquet(folder / f"{shard}.parquet")
    return str(folder / f"{shard}.parquet")


def test_labels_are_joined_to_texts_by_source_and_id(tmp_path):
    labels = read_labels(write(tmp_path / "labels.csv", {}, {"source": "station"}, {"conversation_id": "h9"}))
    joined = labelled_texts(labels, [interim(tmp_path, "harbour", "h1", "h5"), interim(tmp_path, "station", "s1")])
    assert joined.select("source", "conversation_id", "n_human").rows() == [("harbour", "h1", 1)]


def test_labelled_texts_are_sorted_whatever_the_order_of_shards(tmp_path):
    labels = read_labels(write(tmp_path / "labels.csv", {"conversation_id": "h2"}, {}, {"source": "dock"}))
    paths = [interim(tmp_path, "harbour", "h2"), interim(tmp_path, "harbour", "h1", shard="two")]
    joined = labelled_texts(labels, [*paths, interim(tmp_path, "dock", "h1")])
    assert joined.select("source", "conversation_id").rows() == [("dock", "h1"), ("harbour", "h1"), ("harbour", "h2")]


def test_labels_without_any_text_are_an_input_error(tmp_path):
    labels = read_labels(write(tmp_path / "labels.csv", {}))
    with pytest.raises(InputError, match="found none"):
        labelled_texts(labels, [interim(tmp_path, "harbour", "h7")])


# --- resources/labels


@pytest.fixture(scope="module")
def labels():
    return read_labels(RESOURCES / "labels" / "conversations.csv")


@pytest.fixture(scope="module")
def labels_as_written():
    return pl.read_csv(RESOURCES / "labels" / "conversations.csv")


@pytest.fixture(scope="module")
def control():
    return read_control_labels(RESOURCES / "control" / "labels.csv")


@pytest.fixture(scope="module")
def messages():
    """Messages of each control conversation by its id."""
    records = read_records(RESOURCES / "control" / "conversations.jsonl")
    return {record["conversation_hash"]: messages_of(record) for record in records}


@pytest.fixture(params=["labels", "control"])
def either(request):
    return request.getfixturevalue(request.param)


def test_labels_have_categories_exactly_where_they_are_affective(either):
    assert either.filter((pl.col("categories").list.len() > 0) != pl.col("affective")).height == 0


def test_labels_name_known_categories_only(either):
    assert set(either["categories"].explode().drop_nulls()) <= set(CATEGORIES)


def test_labels_name_known_kinds_of_pushback_only(either):
    assert set(either["pushback"].explode().drop_nulls()) <= set(PUSHBACK_KINDS)


def test_labels_of_professional_use_are_affective_counselling(either):
    professional = either.filter("professional")
    assert professional.height > 0
    assert set(professional["categories"].to_list()[0]) == {"counselling"}
    assert professional.filter(~pl.col("affective") | ~pl.col("categories").list.contains("counselling")).height == 0


def test_labels_of_sentiment_lie_on_the_codebook_scale_and_come_in_pairs(either):
    start, end = either["sentiment_start"], either["sentiment_end"]
    assert set(start.drop_nulls()) | set(end.drop_nulls()) <= {-2.0, -1.0, 0.0, 1.0, 2.0}
    assert (start.is_null() == end.is_null()).all()


def test_labels_of_sentiment_stand_for_six_human_messages_or_more(labels_as_written):
    assert labels_as_written.filter(pl.col("sentiment_start").is_not_null())["n_human"].min() >= 6


def test_every_conversation_of_the_other_sources_is_read_and_stands_for_itself(labels_as_written):
    others = labels_as_written.filter(pl.col("source") != "sharegpt")
    assert set(others["weight"]) == {1.0}
    assert dict(others.group_by("source").len().iter_rows()) == {"arena": 1049, "hh": 1111}


def test_labels_of_sharegpt_stand_for_themselves_or_for_the_rest_of_their_stratum(labels_as_written):
    weighted = labels_as_written.filter(pl.col("weight").is_not_null(), source="sharegpt")
    assert weighted.filter((pl.col("draw") < 3) & (pl.col("weight") != 1)).height == 0
    assert weighted.group_by("draw", "stratum").agg(pl.col("weight").n_unique())["weight"].max() == 1
    assert weighted["weight"].sum() == pytest.approx(8886, abs=0.1)


def test_label_weights_are_at_least_one_conversation(labels):
    assert labels["weight"].min() >= 1


def test_labels_give_a_reason_exactly_where_there_is_pushback(labels_as_written):
    both = pl.col("pushback").fill_null("") != "", pl.col("pushback_reason").fill_null("") != ""
    assert labels_as_written.filter(both[0] != both[1]).height == 0


def test_labels_hold_no_text(labels_as_written):
    longest = labels_as_written.select(pl.col(pl.String).str.len_chars().max())
    words = labels_as_written.select(pl.col(pl.String).str.contains(" ").any())
    assert max(longest.row(0)) < 60 and not any(words.row(0))


# --- resources/control


def test_control_corpus_has_at_least_240_conversations(control):
    assert control.height >= 240


def test_every_control_conversation_has_one_label(control, messages):
    assert Counter(control["conversation_id"]) == Counter(list(messages))


def test_every_planted_pushback_points_at_an_assistant_message(control, messages):
    planted = control.select("conversation_id", "pushback_turns").explode("pushback_turns").drop_nulls()
    wrong = [
        (identifier, turn["turn"])
        for identifier, turn in planted.rows()
        if turn["turn"] not in range(len(messages[identifier]))
        or messages[identifier][turn["turn"]]["role"] != "assistant"
    ]
    assert planted.height > 0 and wrong == []


def test_no_pushback_is_planted_twice(control):
    planted = control.select("conversation_id", "pushback_turns").explode("pushback_turns").drop_nulls()
    assert planted.unnest("pushback_turns").select("conversation_id", "turn", "kind").is_duplicated().sum() == 0


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("split", ["train", "check"])
def test_every_category_is_planted_in_both_halves(control, category, split):
    assert control.filter(pl.col("categories").list.contains(category), split=split).height > 0


@pytest.mark.parametrize("kind", PUSHBACK_KINDS)
def test_every_kind_of_pushback_is_planted(control, kind):
    assert control.filter(pl.col("pushback").list.contains(kind)).height > 0


@pytest.mark.parametrize("column", ["content_creation", "affective", "professional"])
def test_both_values_of_every_class_are_planted(control, column):
    assert set(control[column]) == {True, False}


def test_control_conversations_belong_to_one_of_two_halves(control):
    assert set(control["split"]) == {"train", "check"}


def test_control_sentiment_is_planted_where_there_are_six_human_messages_only(control, messages):
    planted = control.filter(pl.col("sentiment_start").is_not_null())["conversation_id"]
    short = [name for name in planted if sum(m["role"] == "human" for m in messages[name]) < 6]
    assert short == []


GREETING = re.compile(r"(hi|hey|hello|good (morning|evening|night)|how are you|how can i help)\b")


def test_no_sentence_of_four_words_stands_in_two_control_conversations_but_greetings(messages):
    found = defaultdict(set)
    for identifier, conversation in messages.items():
        for message in conversation:
            for sentence in re.split(r"[.!?…。！？\n]+", message["text"].lower()):
                words = re.findall(r"[\w'’]+", sentence)
                if len(words) >= 4:
                    found[" ".join(words)].add(identifier)
    shared = {sentence for sentence, identifiers in found.items() if len(identifiers) > 1}
    assert {sentence for sentence in shared if not GREETING.match(sentence)} == set()


def test_control_records_look_like_those_of_a_public_release_with_users():
    with open(RESOURCES / "control" / "conversations.jsonl", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    keys = {"conversation_hash", "conversation", "model", "timestamp", "hashed_ip", "country", "toxic", "redacted"}
    assert all(keys <= set(record) for record in records)
