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


def node(parent, role, *parts, kind="text", **other):
    return {
        "parent": parent,
        "message": {"author": {"role": role}, "content": {"content_type": kind, "parts": list(parts)}} | other,
    }


SCAFFOLDING = {
    "custom instructions": node("q", "user", "I keep bees", kind="user_editable_context"),
    "memory": node("q", "assistant", "Keeps bees", kind="model_editable_context"),
    "thoughts": node("q", "assistant", "Peas freeze", kind="thoughts"),
    "recap": node("q", "assistant", "Thought for 3 s", kind="reasoning_recap"),
    "a call of a tool": node("q", "assistant", "search", kind="code", recipient="web"),
    "a text for a tool": node("q", "assistant", "search", recipient="dalle.text2im"),
    "weight 0": node("q", "assistant", "In May.", weight=0.0),
    "hidden": node("q", "user", "Go on.", metadata={"is_visually_hidden_from_conversation": True}),
    "empty": node("q", "assistant", ""),
    "an error": node("q", "tool", "failed", kind="system_error"),
}


@pytest.mark.parametrize("name", SCAFFOLDING)
def test_chatgpt_export_keeps_only_what_was_said_and_shown(name):
    picture = {"content_type": "image_asset_pointer"}
    nodes = {"q": node(None, "user", "When do I sow peas?"), "n": SCAFFOLDING[name]}
    nodes |= {"a": node("n", "assistant", "In March."), "p": node("a", "user", picture, kind="multimodal_text")}
    assert spoken({"id": "g", "mapping": nodes, "current_node": "p"}) == {
        "g": [("human", "When do I sow peas?"), ("assistant", "In March."), ("human", "")]
    }


@pytest.mark.parametrize("current", [None, "gone"])
def test_chatgpt_export_that_names_no_last_node_ends_in_the_newest(current):
    nodes = {
        "q": node(None, "user", "Peas?"),
        "new": node("q", "assistant", "March.", create_time=1700000002.5),
        "old": node("q", "assistant", "May.", create_time=1700000001.0),
    }
    record = {"id": "g", "mapping": nodes, "current_node": current}
    assert spoken(record) == {"g": [("human", "Peas?"), ("assistant", "March.")]}


@pytest.mark.parametrize("named", [{"default_model_slug": "model-x"}, {}])
def test_chatgpt_export_keeps_model_and_user(named):
    nodes = {"a": node(None, "assistant", "March.", metadata={"model_slug": "model-x"})}
    conversations, _ = normalise_shard([{"mapping": nodes, "user_id": 7, **named}], available=["model", "user"])
    assert conversations.select("model", "user_id").row(0) == ("model-x", "7")


def written(name, parent, role, text, time="", **other):
    return {"uuid": name, "parent_message_uuid": parent, "sender": role, "text": text, "created_at": time} | other


BRANCHED = [
    written("1", "0000", "human", "Is clay bad?", "2025-02-03T04:05:01Z"),
    written("2", "1", "assistant", "No.", "2025-02-03T04:05:02Z"),
    written("3", "2", "human", "Really?", "2025-02-03T04:05:03Z"),
    written("4", "3", "assistant", "Yes.", "2025-02-03T04:05:04Z"),
    written("5", "2", "human", "And sand?", "2025-02-03T04:05:05Z"),
    written("6", "5", "assistant", "It drains.", "2025-02-03T04:05:06Z"),
]


@pytest.mark.parametrize("leaf, last", [(None, ["And sand?", "It drains."]), ("4", ["Really?", "Yes."])])
@pytest.mark.parametrize("backwards", [True, False])
def test_claude_export_is_the_branch_of_its_current_leaf_or_of_the_newest(leaf, last, backwards):
    record = {"uuid": "c", "chat_messages": BRANCHED[:: -1 if backwards else 1], "current_leaf_message_uuid": leaf}
    assert [text for _, text in spoken(record)["c"]] == ["Is clay bad?", "No.", *last]


def test_messages_that_name_parents_but_not_themselves_stay_in_order():
    messages = [{name: value for name, value in said.items() if name != "uuid"} for said in BRANCHED[:2]]
    assert [text for _, text in spoken({"uuid": "c", "chat_messages": messages})["c"]] == ["Is clay bad?", "No."]


def test_claude_export_takes_blocks_before_notes_and_a_paste_for_an_empty_text():
    blocks = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "It holds water."}]
    record = {
        "uuid": "c",
        "account": {"uuid": "acct-7"},
        "chat_messages": [
            {"sender": "human", "text": "", "attachments": [{"extracted_content": "A pasted letter."}]},
            {"sender": "assistant", "text": "This block is not supported.", "content": blocks},
            {"sender": "human", "text": "Why?", "attachments": [{"extracted_content": "Another letter."}]},
        ],
    }
    assert [text for _, text in spoken(record)["c"]] == ["A pasted letter.", "It holds water.", "Why?"]
    assert normalise_shard([record], available=["user"])[0]["user_id"].to_list() == ["acct-7"]


SAID = [("human", "When do I sow peas?"), ("assistant", "In March.")]
OTHERS = {
    "LibreChat": [
        {"messageId": "1", "parentMessageId": "0", "sender": "User", "text": "Peas?", "isCreatedByUser": True},
        {"messageId": "2", "parentMessageId": "0", "sender": "User", "text": SAID[0][1], "isCreatedByUser": True},
        {"messageId": "3", "parentMessageId": "2", "sender": "GPT-4o", "text": "In March.", "isCreatedByUser": False},
    ],
    "HuggingChat": [
        {"id": "1", "from": "user", "content": SAID[0][1], "ancestors": [], "children": ["2", "3"]},
        {"id": "2", "from": "assistant", "content": "In May.", "ancestors": ["1"], "children": []},
        {"id": "3", "from": "assistant", "content": "In March.", "ancestors": ["1"], "children": []},
    ],
    "Open WebUI": [
        {"id": "1", "parentId": None, "role": "user", "content": SAID[0][1]},
        {"id": "2", "parentId": "1", "role": "assistant", "content": "In March."},
        {"id": "3", "parentId": "1", "role": "assistant", "content": "In May."},
    ],
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("as_table", [True, False])
def test_messages_that_name_their_parents_are_one_branch(name, as_table):
    record = {"id": "o", "messages": OTHERS[name]}
    if name == "Open WebUI":
        history = {"messages": {message["id"]: message for message in OTHERS[name]}, "currentId": "2"}
        record = {"id": "o", "chat": {"models": ["model-x"], "history": history}}
    conversations, _ = normalise_shard([pl.DataFrame([record])] if as_table else [record])
    assert [tuple(message.values()) for message in conversations["messages"][0]] == SAID


ASKED = {"messages": [{"role": "user", "content": "When do I sow peas?"}]}
ANSWER = {"role": "assistant", "content": "In March."}


@pytest.mark.parametrize(
    "record",
    [
        ASKED | {"choices": [{"message": ANSWER}]},
        ASKED | {"response": {"choices": [{"message": ANSWER}]}},
        ASKED | {"response": {"content": [{"type": "text", "text": "In March."}]}},
        ASKED | {"response": "In March."},
        {"request": ASKED, "response": "In March."},
        {"messages": [*ASKED["messages"], ANSWER], "response": "In May."},
    ],
)
@pytest.mark.parametrize("as_table", [True, False])
def test_reply_beside_the_messages_of_a_call_is_read_once(record, as_table):
    conversations, _ = normalise_shard([pl.DataFrame([record])] if as_table else [record])
    assert [tuple(message.values()) for message in conversations["messages"][0]] == SAID


@pytest.mark.parametrize("missing", [{"choices": []}, {"choices": [{"message": None}]}, {"response": None}])
def test_call_without_a_reply_keeps_its_messages(missing):
    assert list(spoken(ASKED | missing).values()) == [SAID[:1]]


@pytest.mark.parametrize("start", ["", "\n", "\r\n\r\n"])
def test_transcript_may_begin_with_its_speaker(start):
    transcript = f"{start}Human: When do I sow peas?\n\nAssistant: In March."
    assert list(spoken({"transcript": transcript}).values()) == [SAID]


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


def test_every_file_of_conversations_in_a_zip_is_read_in_whatever_folder(tmp_path):
    path = tmp_path / "export.zip"
    names = ["conversations-000.json", "conversations-001.json", "a/conversations.json", "b/c/conversations.json"]
    with zipfile.ZipFile(path, "w") as archive:
        for name in [*names, "shared_conversations.json", "__MACOSX/._conversations.json"]:
            archive.writestr(name, json.dumps([CHATGPT]))
    assert normalise_shard(read_records(path))[0]["conversation_id"].n_unique() == len(names)
    assert normalise_shard(read_records(path, member=names[2]))[0].height == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("zipped", [True, False])
def test_byte_order_mark_says_how_a_file_is_read(tmp_path, encoding, zipped):
    text = json.dumps([CLAUDE | {"uuid": "é"}], ensure_ascii=False)
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    path = tmp_path / ("export.zip" if zipped else "talks.json")
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("conversations.json", mark + text.encode(encoding))
    else:
        path.write_bytes(mark + text.encode(encoding))
    assert normalise_shard(read_records(path))[0]["conversation_id"].to_list() == ["é"]


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
