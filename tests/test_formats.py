"""Every format of own logs, from a record as its source writes it to conversations in one schema."""

import json
import zipfile

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from normalise_shard import normalise_shard

from shared import contracts
from shared.formats import conversations_in
from shared.records import read_records

CHATGPT = {
    "title": "Seeds",
    "conversation_id": "gpt-1",
    "create_time": 1700000000.5,
    "current_node": "d2",
    "mapping": {
        "root": {"id": "root", "message": None, "parent": None, "children": ["s"]},
        "s": {
            "message": {"author": {"role": "system"}, "content": {"content_type": "text", "parts": [""]}},
            "parent": "root",
        },
        "a": {
            "message": {
                "author": {"role": "user"},
                "content": {"content_type": "text", "parts": ["When do I sow peas?"]},
            },
            "parent": "s",
        },
        "b1": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["In May."]}}, "parent": "a"},
        "b2": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["In March."]}}, "parent": "a"},
        "c2": {
            "message": {"author": {"role": "user"}, "content": {"parts": ["and beans", {"asset": 1}]}},
            "parent": "b2",
        },
        "d2": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["Later."]}}, "parent": "c2"},
    },
}
CLAUDE = {
    "uuid": "cl-1",
    "created_at": "2025-02-03T04:05:06Z",
    "chat_messages": [
        {"sender": "human", "text": "Is clay soil bad?"},
        {"sender": "assistant", "text": "", "content": [{"type": "text", "text": "It holds water."}]},
    ],
}
HH = {
    "chosen": "\n\nHuman: Can hens eat rice?\n\nAssistant: Yes.\n\nHuman: Raw?\n\nAssistant: Cooked is better.",
    "rejected": "\n\nHuman: Can hens eat rice?\n\nAssistant: Yes.\n\nHuman: Raw?\n\nAssistant: No idea.",
}
OASST = {
    "message_tree_id": "oa-1",
    "prompt": {
        "text": "Name a tree.",
        "role": "prompter",
        "replies": [
            {"text": "Oak.", "role": "assistant", "replies": [{"text": "Another?", "role": "prompter", "replies": []}]},
            {"text": "Elm.", "role": "assistant", "replies": []},
        ],
    },
}
ARENA = {
    "question_id": "ar-1",
    "model_a": "koala",
    "model_b": "alpaca",
    "conversation_a": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "4"}],
    "conversation_b": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "22"}],
    "tstamp": 1682351000.0,
}
FORMATS = {"chatgpt": CHATGPT, "claude": CLAUDE, "hh": HH, "oasst": OASST, "arena": ARENA}


def spoken(record):
    table = normalise_shard([record])[0]
    return {
        conversation_id: [(message["role"], message["text"]) for message in messages]
        for conversation_id, messages in table.select("conversation_id", "messages").iter_rows()
    }


def test_chatgpt_export_keeps_the_branch_that_was_last_seen():
    assert spoken(CHATGPT) == {
        "gpt-1": [
            ("human", "When do I sow peas?"),
            ("assistant", "In March."),
            ("human", "and beans"),
            ("assistant", "Later."),
        ]
    }


def test_chatgpt_export_with_a_circle_of_parents_ends():
    circle = {"id": "x", "current_node": "a", "mapping": {"a": {"message": None, "parent": "b"}, "b": {"parent": "a"}}}
    assert normalise_shard([circle])[1]["reason"].to_list() == ["no messages"]


def test_claude_export_reads_text_and_parts():
    assert spoken(CLAUDE) == {"cl-1": [("human", "Is clay soil bad?"), ("assistant", "It holds water.")]}


def test_transcript_of_a_pair_is_the_chosen_one():
    assert list(spoken(HH).values()) == [
        [("human", "Can hens eat rice?"), ("assistant", "Yes."), ("human", "Raw?"), ("assistant", "Cooked is better.")]
    ]


def test_each_way_through_a_tree_is_a_conversation():
    assert spoken(OASST) == {
        "oa-1-1": [("human", "Name a tree."), ("assistant", "Oak."), ("human", "Another?")],
        "oa-1-2": [("human", "Name a tree."), ("assistant", "Elm.")],
    }


@pytest.mark.parametrize("replies", [None, 7, True, "later", {"text": "Oak."}, [None, 3]])
def test_a_tree_whose_replies_are_no_list_ends_there(replies):
    tree = {"id": "t", "prompt": {"text": "Name a tree.", "role": "prompter", "replies": replies}}
    assert spoken(tree) == {"t": [("human", "Name a tree.")]}


def test_each_side_of_a_pair_is_a_conversation_with_its_model():
    table = normalise_shard([ARENA], available=["model", "time"])[0]
    assert table["conversation_id"].to_list() == ["ar-1-a", "ar-1-b"]
    assert table["model"].to_list() == ["koala", "alpaca"]


def test_a_plain_list_of_messages_is_left_as_it_is():
    record = {"id": "p", "messages": [{"role": "user", "content": "hi"}]}
    assert conversations_in(record) == [record]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("container", ["array", "lines", "lines.zst"])
def test_every_format_is_read_from_every_container(tmp_path, name, container):
    path = tmp_path / {"array": "x.json", "lines": "x.jsonl", "lines.zst": "x.jsonl.zst"}[container]
    text = json.dumps([FORMATS[name]] * 2) if container == "array" else "\n".join([json.dumps(FORMATS[name])] * 2)
    data = text.encode()
    path.write_bytes(zstandard.compress(data) if container == "lines.zst" else data)
    conversations, rejects = normalise_shard(read_records(path))
    expected = {"oasst": 4, "arena": 4}.get(name, 2)
    assert (conversations.height, rejects.height) == (expected, 0)
    assert contracts.Conversations.checked(conversations)["conversation_id"].n_unique() == expected


def test_a_zipped_export_is_read_as_it_comes(tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations.json", json.dumps([CHATGPT]))
    assert normalise_shard(read_records(path))[0].height == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "mapping",
                    "chat_messages",
                    "messages",
                    "conversation",
                    "prompt",
                    "replies",
                    "chosen",
                    "role",
                    "content",
                ]
                + [
                    "text",
                    "parent",
                    "message",
                    "current_node",
                    "conversation_a",
                    "conversation_b",
                    "sender",
                    "id",
                    "author",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "mapping",
                    "chat_messages",
                    "prompt",
                    "chosen",
                    "messages",
                    "conversation_a",
                    "conversation_b",
                    "id",
                    "current_node",
                ]
            ),
            JSON,
        ),
        max_size=4,
    )
)
def test_whatever_a_record_holds_it_is_counted_once_for_each_conversation(records):
    conversations, rejects = normalise_shard(records)
    entries = sum(len(conversations_in(record)) for record in records)
    assert conversations["n_records"].sum() + rejects.height == entries
    assert isinstance(conversations, pl.DataFrame)
