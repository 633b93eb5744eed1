"""Normalising: spellings of four sources, parts joined, rejects with their reasons, no record lost."""

import json
from collections import Counter
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from normalise_shard import columns_read, counting_users, join_parts, normalise_shard, refusal

from shared import contracts
from shared.fields import Reject, first_present, flag_of, messages_in, messages_of, text_of, time_of
from shared.job import InputError
from shared.records import Spill, read_records

TALK = [
    {"role": "user", "content": "Which bus goes to the lake?"},
    {"role": "assistant", "content": "Number nine, from the square."},
]
NORMALISED = [
    {"role": "human", "text": "Which bus goes to the lake?"},
    {"role": "assistant", "text": "Number nine, from the square."},
]


def message(number):
    return {"role": "human" if number % 2 == 0 else "assistant", "text": f"message {number}"}


# --- one message, one record


@pytest.mark.parametrize(
    "record, expected",
    [({"a": 1, "b": 2}, 1), ({"a": None, "b": 2}, 2), ({"a": 0, "b": 2}, 0), ({"a": "", "b": 2}, ""), ({}, None)],
)
def test_first_present_passes_over_absent_and_null_keys_only(record, expected):
    assert first_present(record, ["a", "b"]) == expected


@pytest.mark.parametrize(
    "content, expected",
    [
        ("plain words", "plain words"),
        (None, ""),
        (["one", "two"], "one\ntwo"),
        ([{"type": "text", "text": "look"}, {"type": "image_url"}, "here"], "look\nhere"),
        ([{"type": "image_url"}, {"type": "text", "text": "look"}], "look"),
        ([{"text": None}], ""),
        ([{"type": "text", "text": {"value": "look", "annotations": []}}], "look"),
        ([{"type": "image_url"}], ""),
        ([{"type": "context", "data": 7}], ""),
        ([{"text": None}, None, 7, "here"], "here"),
        ([], ""),
    ],
)
def test_text_of_strings_parts_and_nothing(content, expected):
    assert text_of(content) == expected


@pytest.mark.parametrize(
    "content, expected",
    [
        ("cut off \ud83d", "cut off ?"),
        ("\ude42 cut in front", "? cut in front"),
        (["one \ud83d", {"text": "\ude42 two"}], "one ?\n? two"),
        ("whole \U0001f642", "whole \U0001f642"),
    ],
    ids=["first half", "second half", "parts", "a whole pair"],
)
def test_half_of_a_surrogate_pair_becomes_a_question_mark(content, expected):
    assert text_of(content) == expected


@pytest.mark.parametrize("content", [3, True, {"text": "inside"}])
def test_text_of_another_type_is_rejected_by_its_name(content):
    with pytest.raises(Reject, match=type(content).__name__):
        text_of(content)


@pytest.mark.parametrize(
    "record",
    [
        {"conversation": TALK},
        {"messages": TALK},
        {
            "conversations": [
                {"from": "human", "value": "Which bus goes to the lake?"},
                {"from": "gpt", "value": "Number nine, from the square."},
            ]
        },
        {
            "messages": [
                {"role": "user", "text": "Which bus goes to the lake?"},
                {"role": "assistant", "text": "Number nine, from the square."},
            ]
        },
        {"messages": [{"role": said["role"], "parts": [{"text": said["content"]}]} for said in TALK]},
        {"conversation": None, "messages": TALK},
        {"conversation": "A title", "messages": TALK},
    ],
    ids=["WildChat", "OpenAI", "ShareGPT", "text key", "Gemini", "null key first", "a title first"],
)
def test_messages_are_the_same_in_every_spelling(record):
    assert messages_of(record) == NORMALISED


@pytest.mark.parametrize(
    "spelling, role",
    [
        ("human", "human"),
        ("User", "human"),
        (" USER ", "human"),
        ("gpt", "assistant"),
        ("chatgpt", "assistant"),
        ("bing", "assistant"),
        ("bard", "assistant"),
        ("model", "assistant"),
        ("Claude", "assistant"),
        ("system", "system"),
        ("developer", "system"),
        ("tool", "system"),
        ("function_call", "system"),
        ("observation", "system"),
    ],
)
def test_role_spellings_become_three_roles(spelling, role):
    assert messages_of({"messages": [{"role": spelling, "content": "words"}]}) == [{"role": role, "text": "words"}]


@pytest.mark.parametrize(
    "record, reason",
    [
        ({}, "no list of messages; the record's keys are none"),
        ({"id": 1, "talk": "Which bus?"}, "no list of messages; the record's keys are id, talk"),
        ({"messages": "Which bus goes to the lake?"}, "no list of messages; the record's keys are messages"),
        ({"role": "user", "content": "Which bus?"}, "a single message: rows must be grouped by conversation, .*"),
        ({"messages": []}, "no messages"),
        ({"messages": ["Which bus?"]}, "a message is not an object"),
        ({"messages": [{"role": "narrator", "content": "Night fell."}]}, "unknown role 'narrator'"),
        (
            {"messages": [{"content": "Which bus?"}]},
            r"no role \(role, from, sender\) in a message; its keys are content",
        ),
        (
            {"messages": [{"role": "user", "said": "Which bus?"}]},
            r"no text \(.*\) in a message; its keys are role, said",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "said": "Which bus?"}]}]},
            "no text in the parts of a message; the keys of one are type, said",
        ),
    ],
)
def test_record_without_readable_messages_is_rejected_with_its_reason(record, reason):
    with pytest.raises(Reject, match=f"^{reason}$"):
        messages_of(record)


def test_reason_shows_no_more_than_twenty_characters_of_an_unknown_role():
    with pytest.raises(Reject, match=f"'{'x' * 20}'$"):
        messages_of({"messages": [{"role": "x" * 500, "content": ""}]})


NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-01T12:00:00+00:00",
        "2024-03-01T12:00:00Z",
        "2024-03-01 12:00:00",
        "2024-03-01T14:00:00+02:00",
        1709294400,
        1709294400.0,
        1709294400000,
        1709294400000.0,
        1709294400000000,
        1709294400000000000,
        "1709294400",
        "1709294400.0",
        "1709294400000",
        "2024-03-01 12:00:00 UTC",
        datetime(2024, 3, 1, 12, 0),
        NOON,
    ],
)
def test_time_of_every_spelling_is_the_same_moment_in_utc(value):
    assert time_of(value).isoformat() == "2024-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    "value", [None, "", "last spring", [2024], 1e300, float("nan"), float("inf"), True, "9" * 5_000]
)
def test_time_that_cannot_be_read_is_none(value):
    assert time_of(value) is None


# --- parts


def test_parts_are_joined_by_position_whatever_their_order():
    joined, n_missing = join_parts([(2, [message(2), message(3)]), (0, [message(0), message(1)])])
    assert (joined, n_missing) == ([message(number) for number in range(4)], 0)


def test_message_that_two_parts_carry_stands_once():
    joined, _ = join_parts([(0, [message(0), message(1)]), (1, [message(1), message(2)])])
    assert joined == [message(number) for number in range(3)]


def test_gap_between_parts_is_counted_as_missing():
    joined, n_missing = join_parts([(0, [message(0)]), (3, [message(3)])])
    assert (joined, n_missing) == ([message(0), message(3)], 2)


def test_parts_that_disagree_about_a_message_are_rejected():
    with pytest.raises(Reject, match="disagree"):
        join_parts([(0, [message(0), message(1)]), (1, [message(5)])])


@settings(deadline=None)
@given(
    n=st.integers(1, 12),
    cuts=st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12)), max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_overlapping_parts_that_cover_a_conversation_give_it_back(n, cuts, order):
    whole = [message(number) for number in range(n)]
    parts = [(start, whole[start : start + length]) for start, length in cuts if start < n]
    parts += [(start, whole[start : start + 3]) for start in range(0, n, 3)]
    order.shuffle(parts)
    assert join_parts(parts) == (whole, 0)


@settings(deadline=None)
@given(kept=st.sets(st.integers(1, 15)))
def test_joined_and_missing_messages_together_fill_the_positions(kept):
    parts = [(position, [message(position)]) for position in {0, *kept}]
    joined, n_missing = join_parts(parts)
    assert len(joined) + n_missing == max([0, *kept]) + 1


# --- a shard


def test_parts_become_one_conversation_of_several_records():
    records = [{"id": "lake_2", "messages": TALK}, {"id": "lake_0", "messages": TALK}]
    conversations, _ = normalise_shard(records, parts=True)
    row = conversations.row(0, named=True)
    assert (conversations.height, row["conversation_id"], row["n_records"], row["messages"]) == (
        1,
        "lake",
        2,
        NORMALISED * 2,
    )


def test_parts_of_different_conversations_stay_apart():
    records = [{"id": "lake_0", "messages": TALK}, {"id": "hill_0", "messages": TALK}]
    conversations, _ = normalise_shard(records, parts=True)
    assert conversations["conversation_id"].to_list() == ["lake", "hill"]


def test_conversation_id_may_hold_an_underscore_before_the_position():
    conversations, _ = normalise_shard([{"id": "to_the_lake_0", "messages": TALK}], parts=True)
    assert conversations["conversation_id"].to_list() == ["to_the_lake"]


@pytest.mark.parametrize("identifier", ["lake", "lake_", "_0", "lake_x", None])
def test_id_without_position_is_rejected_where_parts_are_expected(identifier):
    conversations, rejects = normalise_shard([{"id": identifier, "messages": TALK}], parts=True)
    assert (conversations.height, rejects.rows()) == (0, [(0, identifier, "the id does not end in _<position>")])


def test_id_that_ends_in_a_number_is_kept_whole_where_parts_are_not_expected():
    conversations, _ = normalise_shard([{"id": "lake_0", "messages": TALK}, {"id": "lake_2", "messages": TALK}])
    assert conversations["conversation_id"].to_list() == ["lake_0", "lake_2"]


def test_every_record_of_a_conversation_that_disagrees_is_a_reject():
    other = [{"role": "user", "content": "Which train goes to the lake?"}]
    records = [
        {"id": "lake_0", "messages": TALK},
        {"id": "hill_0", "messages": TALK},
        {"id": "lake_0", "messages": other},
    ]
    conversations, rejects = normalise_shard(records, parts=True)
    assert (conversations["conversation_id"].to_list(), rejects["record"].to_list()) == (["hill"], [0, 2])


def test_records_with_the_same_id_become_different_conversations_with_the_same_source_id():
    conversations, _ = normalise_shard([{"id": "lake", "messages": TALK}] * 3)
    assert conversations["conversation_id"].n_unique() == 3
    assert conversations["source_id"].to_list() == ["lake"] * 3


@pytest.mark.parametrize("identifiers", [["a", "a-2", "a"], ["a-2", "a", "a"], ["a", "a", "a-0", "a-1"]])
def test_ids_that_look_like_a_repeated_id_made_unique_stay_conversations_of_their_own(identifiers):
    conversations, _ = normalise_shard([{"id": identifier, "messages": TALK} for identifier in identifiers])
    assert conversations["conversation_id"].n_unique() == len(identifiers)
    assert conversations["source_id"].to_list() == identifiers


def test_id_that_stands_twice_names_none_of_its_conversations():
    conversations, _ = normalise_shard([{"id": identifier, "messages": TALK} for identifier in ["a", "b", "a"]])
    assert conversations["conversation_id"].to_list() == ["a-0", "b", "a-2"]


def test_id_that_looks_like_a_position_does_not_take_the_record_of_that_position():
    conversations, _ = normalise_shard([{"messages": TALK}, {"id": "record-0", "messages": TALK}])
    assert conversations["source_id"].to_list() == [None, "record-0"]
    assert conversations["conversation_id"].n_unique() == 2


def test_half_of_a_surrogate_pair_in_an_id_becomes_a_question_mark():
    conversations, _ = normalise_shard([{"id": "lake\ud83d", "messages": TALK}])
    assert conversations.select("conversation_id", "source_id").row(0) == ("lake?", "lake?")


def test_record_without_id_is_named_by_its_position():
    conversations, _ = normalise_shard(["the line is not JSON", {"messages": TALK}])
    assert conversations.select("conversation_id", "source_id").row(0) == ("record-1", None)


def test_unreadable_record_is_a_reject_with_its_position_and_reason():
    _, rejects = normalise_shard([{"id": "lake", "messages": TALK}, "the line is not JSON"])
    assert rejects.rows() == [(1, None, "the line is not JSON")]


def test_rejects_keep_the_id_of_their_record():
    _, rejects = normalise_shard([{"conversation_hash": "hill", "messages": []}])
    assert rejects.rows() == [(0, "hill", "no messages")]


def test_messages_are_counted_by_role():
    talk = [{"role": "system", "content": "Be brief."}, *TALK, {"role": "user", "content": "And back?"}]
    conversations, _ = normalise_shard([{"messages": talk}])
    assert conversations.select("n_human", "n_assistant").row(0) == (2, 1)


FIELDS = {
    "user": ("user_id", "hashed_ip", "9f2c"),
    "country": ("country", "country", "Norway"),
    "model": ("model", "model", "model-x"),
    "moderation": ("flagged", "toxic", True),
    "time": ("started_at", "timestamp", "2024-03-01T12:00:00+00:00"),
}
RECORD = {"id": "lake", "messages": TALK} | {key: value for _, key, value in FIELDS.values()}


@pytest.mark.parametrize("name", FIELDS)
def test_field_that_the_source_records_is_kept(name):
    column, _, value = FIELDS[name]
    conversations, _ = normalise_shard([RECORD], available=[name])
    assert conversations[column].to_list() == [NOON if name == "time" else value]


@pytest.mark.parametrize(
    ("fields", "column", "value"),
    [
        ({"user_id": "u7"}, "user_id", "u7"),
        ({"user": "u7"}, "user_id", "u7"),
        ({"hashed_ip": None, "user": "u7"}, "user_id", "u7"),
        ({"hashed_ip": "", "user": "u7"}, "user_id", "u7"),
        ({"user_id": 7}, "user_id", "7"),
        ({"user": {"id": 7}}, "user_id", "7"),
        ({"account": {"uuid": "u7"}}, "user_id", "u7"),
        ({"timestamp": "last spring", "created_at": "2024-03-01T12:00:00Z"}, "started_at", NOON),
        ({"created_at": "2024-03-01T14:00:00+02:00"}, "started_at", NOON),
        ({"create_time": 1709294400.0}, "started_at", NOON),
        ({"created": 1709294400}, "started_at", NOON),
        ({"createdAt": "2024-03-01T12:00:00.000Z"}, "started_at", NOON),
        ({"conversationId": "a"}, "conversation_id", "a"),
        ({"_id": "a"}, "conversation_id", "a"),
        ({"timestamp": 1709294400000, "created": 7}, "started_at", NOON),
    ],
)
@pytest.mark.parametrize("as_table", [True, False])
def test_user_time_and_id_are_found_under_every_key(fields, column, value, as_table):
    records = [{"messages": TALK} | fields]
    conversations, _ = normalise_shard([pl.DataFrame(records)] if as_table else records, available=["user", "time"])
    assert conversations[column].to_list() == [value]


@pytest.mark.parametrize("name", FIELDS)
def test_field_that_the_source_is_not_said_to_record_is_null(name):
    conversations, _ = normalise_shard([RECORD], available=[other for other in FIELDS if other != name])
    assert conversations[FIELDS[name][0]].to_list() == [None]


ODD = [
    ("user_id", "hashed_ip", 7.5),
    ("user_id", "hashed_ip", True),
    ("user_id", "hashed_ip", ""),
    ("user_id", "hashed_ip", {"v4": "9f2c"}),
    ("country", "country", ["Norway"]),
    ("model", "model", 4),
    ("flagged", "toxic", "yes"),
    ("flagged", "toxic", 1),
    ("redacted", "redacted", "no"),
    ("started_at", "timestamp", {"year": 2024}),
    ("started_at", "timestamp", "last spring"),
]


@pytest.mark.parametrize("column, key, value", ODD)
def test_field_of_an_odd_type_is_null_and_costs_no_conversation(column, key, value):
    conversations, rejects = normalise_shard([RECORD | {key: value}], available=list(FIELDS))
    assert (conversations[column].to_list(), rejects.height) == ([None], 0)


@pytest.mark.parametrize("as_table", [True, False])
def test_what_names_no_user_under_a_user_s_key_is_counted_by_key_and_type(as_table):
    odd, records = Counter(), [{"messages": TALK, "user_id": user} for user in (7.5, None, 8.5)]
    told = [pl.DataFrame(records)] if as_table else [*records, {"user": ""}, {"user": 7}, "the line is not JSON"]
    assert len(list(counting_users(told, odd))) == len(told)
    assert odd == {"user_id of type float": 2}


def test_file_without_a_readable_record_is_refused_with_its_commonest_reason_and_what_would_be_read():
    _, rejects = normalise_shard([{"id": "a", "talk": "Which bus?"}, {"id": "b", "talk": "Nine."}, {"messages": []}])
    sentence = refusal(rejects)
    assert "none of its 3 records can be read; of 2 the reason is: no list of messages" in sentence
    assert "keys are id, talk" in sentence and "bus" not in sentence
    shown = json.loads(sentence[sentence.index('{"id"') : sentence.index(", one a line")])
    assert normalise_shard([shown])[0].height == 1


def test_messages_of_tools_are_nobody_s_words():
    talk = [
        {"role": "user", "content": "Look it up."},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "nine"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "name": "search"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Nine."}, {"type": "tool_use", "name": "search"}]},
    ]
    roles = [message["role"] for message in messages_of({"messages": talk})]
    assert roles == ["human", "system", "system", "system", "assistant"]


def test_field_of_an_odd_type_leaves_the_other_fields_as_they_are():
    conversations, _ = normalise_shard([RECORD | {"model": 4}], available=list(FIELDS))
    assert conversations.select("user_id", "country", "model", "flagged").row(0) == ("9f2c", "Norway", None, True)


@pytest.mark.parametrize("records", [[], [RECORD], ["the line is not JSON"]], ids=["nothing", "one", "a reject"])
def test_both_tables_keep_their_contract(records):
    conversations, rejects = normalise_shard(records, available=list(FIELDS))
    contracts.Conversations.checked(conversations)
    contracts.Rejects.checked(rejects)


# --- tables


def fields(**kinds):
    return pl.Struct(kinds)


WILDCHAT = fields(
    content=pl.String,
    country=pl.String,
    hashed_ip=pl.String,
    header=fields(**{"accept-language": pl.String, "user-agent": pl.String}),
    language=pl.String,
    redacted=pl.Boolean,
    role=pl.String,
    state=pl.String,
    timestamp=pl.Datetime("us", "UTC"),
    toxic=pl.Boolean,
    turn_identifier=pl.Int64,
)
MODERATION = pl.List(
    fields(categories=fields(hate=pl.Boolean), category_scores=fields(hate=pl.Float64), flagged=pl.Boolean)
)
SCHEMAS = {
    "WildChat": {
        "conversation_hash": pl.String,
        "model": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "conversation": pl.List(WILDCHAT),
        "turn": pl.Int64,
        "language": pl.String,
        "openai_moderation": MODERATION,
        "detoxify_moderation": pl.List(fields(toxicity=pl.Float64)),
        "toxic": pl.Boolean,
        "redacted": pl.Boolean,
        "state": pl.String,
        "country": pl.String,
        "hashed_ip": pl.String,
        "header": fields(**{"accept-language": pl.String}),
    },
    "LMSYS": {
        "conversation_id": pl.String,
        "model": pl.Categorical(),
        "conversation": pl.List(fields(content=pl.String, role=pl.String)),
        "turn": pl.Int64,
        "language": pl.String,
        "openai_moderation": MODERATION,
        "redacted": pl.Boolean,
    },
    "ShareGPT": {"id": pl.String, "conversations": pl.List(fields(**{"from": pl.String, "value": pl.String}))},
    "two spellings of role and text": {
        "id": pl.Int64,
        "messages": pl.List(
            fields(role=pl.String, **{"from": pl.String}, text=pl.String, content=pl.String, name=pl.String)
        ),
        "timestamp": pl.String,
    },
    "content in parts": {
        "uuid": pl.String,
        "messages": pl.List(fields(role=pl.String, content=pl.List(fields(type=pl.String, text=pl.String)))),
        "timestamp": pl.Float64,
    },
    "types nobody expects": {
        "id": pl.Float64,
        "messages": pl.List(fields(role=pl.String, content=pl.String)),
        "timestamp": pl.Date,
        "model": pl.Int64,
        "toxic": pl.String,
        "openai_moderation": pl.List(pl.Boolean),
        "hashed_ip": pl.List(pl.String),
    },
    "calls of tools": {
        "messages": pl.List(fields(role=pl.String, content=pl.String, tool_calls=pl.List(pl.String))),
        "user_id": pl.Int64,
        "account": fields(uuid=pl.String),
    },
    "messages that name their parents": {
        "messages": pl.List(fields(messageId=pl.String, parentMessageId=pl.String, role=pl.String, text=pl.String))
    },
    "two lists of messages": {
        "conversation": pl.List(fields(role=pl.String, content=pl.String)),
        "messages": pl.List(fields(role=pl.String, content=pl.String)),
    },
    "roles of few kinds": {"messages": pl.List(fields(role=pl.Enum(["user", "gpt", "x"]), content=pl.String))},
    "no roles": {"messages": pl.List(fields(speaker=pl.String, content=pl.String))},
    "messages without fields": {"messages": pl.List(pl.String)},
}
SPELLINGS = st.sampled_from(
    ["user", "assistant", "USER", " Human\n", "ChatGPT", "system", "\x1fbot", "narrator", "", "İ"]
)
TEXTS = st.text(max_size=4) | st.sampled_from(["", "\x00", "\u2028", "tea"])


def values(kind, name=""):
    """Values of a Polars type, now and then null; strings that may be roles or ids where the field's name says so."""
    if isinstance(kind, pl.Struct):
        found = st.fixed_dictionaries({field.name: values(field.dtype, field.name) for field in kind.fields})
    elif isinstance(kind, pl.List):
        found = st.lists(values(kind.inner), max_size=4)
    elif name in {"role", "from"}:
        found = st.sampled_from(kind.categories.to_list()) if isinstance(kind, pl.Enum) else SPELLINGS
    elif name == "timestamp" and kind == pl.String:
        found = st.sampled_from(["2024-03-01T12:00:00", "2024-03-01T12:00:00+02:00", "1709294400", "soon"])
    elif "id" in name or "hash" in name:
        found = {pl.Float64: st.floats(-9, 9), pl.Int64: st.integers(0, 3)}.get(
            kind, st.sampled_from(["a", "b", "a-1", ""])
        )
    else:
        found = {
            pl.Boolean: st.booleans(),
            pl.Int64: st.integers(-9, 9),
            pl.Float64: st.floats(allow_nan=False),
            pl.Date: st.dates(),
        }.get(kind, st.datetimes(timezones=st.just(UTC)) if isinstance(kind, pl.Datetime) else TEXTS)
    return found if name == "" and isinstance(kind, pl.String) else st.none() | found


@settings(max_examples=400, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(SCHEMAS)), parts=st.booleans())
def test_a_table_gives_what_its_rows_give_one_by_one(data, name, parts):
    schema = SCHEMAS[name]
    drawn = st.fixed_dictionaries({key: values(kind, key) for key, kind in schema.items()})
    rows = data.draw(st.lists(drawn, max_size=6))
    table = pl.DataFrame(rows, schema=schema)
    by_column = normalise_shard([table.head(2), table.slice(2)], parts=parts, available=list(FIELDS))
    by_row = normalise_shard(table.iter_rows(named=True), parts=parts, available=list(FIELDS))
    for one, other in zip(by_column, by_row, strict=True):
        assert one.equals(other)


@pytest.mark.parametrize("name", ["WildChat", "LMSYS", "ShareGPT", "two spellings of role and text"])
def test_tables_of_known_sources_are_read_by_column(name):
    assert messages_in(pl.DataFrame(schema=SCHEMAS[name])) is not None


def test_first_present_key_of_a_table_s_messages_is_that_of_records_in_whatever_order_its_fields_stand():
    message = {"text": "second choice", "content": "tea", "from": "assistant", "role": "user"}
    conversations, _ = normalise_shard(
        [pl.DataFrame({"messages": [[message, message | {"content": None, "role": None}]]})]
    )
    assert [tuple(m.values()) for m in conversations["messages"][0]] == [
        ("human", "tea"),
        ("assistant", "second choice"),
    ]


def test_roles_of_a_table_are_those_of_records_whatever_their_spelling():
    spelt = ["USER", "Human", " user ", "chatgpt", "GPT", "Claude", "Developer"]
    table = pl.DataFrame({"messages": [[{"role": role, "content": "tea"} for role in spelt]]})
    conversations, _ = normalise_shard([table])
    assert [message["role"] for message in conversations["messages"][0]] == ["human"] * 3 + ["assistant"] * 3 + [
        "system"
    ]


def test_malformed_rows_of_a_table_are_rejects_with_the_reasons_of_records():
    rows = [
        TALK,
        None,
        [],
        [TALK[0], None],
        [{"role": "narrator", "content": "Night fell."}],
        [{"role": None, "content": "?"}],
    ]
    table = pl.DataFrame({"id": list("abcdef"), "messages": rows})
    conversations, rejects = normalise_shard([table])
    assert conversations["conversation_id"].to_list() == ["a"]
    assert rejects.rows() == [
        (1, "b", "no list of messages; the record's keys are id, messages"),
        (2, "c", "no messages"),
        (3, "d", "a message is not an object"),
        (4, "e", "unknown role 'narrator'"),
        (5, "f", "no role (role, from, sender) in a message; its keys are role, content"),
    ]


@pytest.mark.parametrize("name", ["WildChat", "two lists of messages"])
def test_row_with_a_time_beyond_the_calendar_inside_is_a_reject_and_costs_no_other(name):
    told = pl.DataFrame({"messages": [TALK] * 3}).explode("messages").unnest("messages")
    told = told.with_columns(timestamp=pl.Series([0, 0, 10**18, 0, 0, 0]).cast(pl.Datetime("us")))
    if name == "WildChat":  # the second row is read by itself, for its role
        told = told.with_columns(role=pl.Series(["user", "assistant", "narrator", "assistant", "user", "assistant"]))
    lists = (
        told.with_columns(row=pl.Series([0, 0, 1, 1, 2, 2]))
        .group_by("row", maintain_order=True)
        .agg(messages=pl.struct("role", "content", "timestamp"))
    )
    table = lists.drop("row") if name == "WildChat" else lists.drop("row").with_columns(conversation=pl.lit(None))
    conversations, rejects = normalise_shard([table])
    assert conversations["conversation_id"].to_list() == ["record-0", "record-2"]
    assert rejects.rows() == [(1, None, "a value, a time for instance, is beyond what can be read")]


def test_records_and_tables_are_numbered_one_after_the_other():
    table = pl.DataFrame({"messages": [TALK, TALK]})
    conversations, rejects = normalise_shard([{"messages": TALK}, "the line is not JSON", table, {"messages": TALK}])
    assert conversations["conversation_id"].to_list() == ["record-0", "record-2", "record-3", "record-4"]
    assert rejects["record"].to_list() == [1]


@pytest.mark.parametrize(
    "long", [[{"role": "user", "content": "tea " * 500_000}], TALK * 250], ids=["2 MB", "500 messages"]
)
@pytest.mark.parametrize("as_table", [True, False])
def test_long_messages_and_long_conversations_are_kept_whole(long, as_table):
    records = [{"messages": TALK}, {"messages": long}]
    conversations, rejects = normalise_shard([pl.DataFrame(records)] if as_table else records)
    kept = conversations["messages"][1]
    assert (len(kept), kept[0]["text"], rejects.height) == (len(long), long[0]["content"], 0)


def test_conversations_that_wait_on_disk_are_those_that_wait_in_memory(tmp_path):
    records = [{"id": f"{number % 700}_0", "messages": TALK[: 1 + number % 2]} for number in range(1_500)]
    for parts in (False, True):
        with Spill(tmp_path / "waiting", kept=1_000, largest=1_000) as waiting:
            on_disk, rejects = normalise_shard(records, parts=parts, waiting=waiting)
            in_memory, same_rejects = normalise_shard(records, parts=parts)
            assert pl.concat(on_disk).equals(in_memory) and rejects.equals(same_rejects)


# --- columns


@pytest.mark.parametrize(
    "names, read",
    [
        (["id", "messages", "scores"], ["id", "messages"]),
        (["detoxify_moderation", "conversation", "toxic"], ["conversation", "toxic"]),
        (["id", "mapping", "current_node"], ["id", "mapping", "current_node"]),
        (["chosen", "rejected"], ["chosen", "rejected"]),
    ],
)
def test_columns_that_nothing_is_read_from_stay_unread(names, read):
    assert columns_read(names) == read


@pytest.mark.parametrize("names", [["id", "dialogue"], []])
def test_table_without_a_column_of_messages_is_refused_with_what_is_there(tmp_path, names):
    path = tmp_path / "talks.parquet"
    pl.DataFrame({name: ["a"] for name in names}).write_parquet(path)
    with pytest.raises(InputError) as refusal:
        list(read_records(path, columns=columns_read))
    sentence = str(refusal.value)
    assert "talks.parquet: expected a column of messages (conversation, conversations, messages)" in sentence
    assert f"found {', '.join(names) or 'no column'}." in sentence
    assert "where a row holds one message, rows must be grouped by conversation" in sentence


SHARDS = st.lists(
    st.one_of(
        st.just("the line is not JSON"),
        st.fixed_dictionaries(
            {
                "id": st.sampled_from(["a_0", "a_1", "a_2", "b_0", "b_4", "c", "d_x"]),
                "messages": st.lists(
                    st.fixed_dictionaries(
                        {"role": st.sampled_from(["user", "assistant", "narrator"]), "content": st.sampled_from("xy")}
                    ),
                    max_size=3,
                ),
            }
        ),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(records=SHARDS, parts=st.booleans())
def test_every_record_is_in_a_conversation_or_a_reject(records, parts):
    conversations, rejects = normalise_shard(records, parts=parts)
    assert conversations["n_records"].sum() + rejects.height == len(records)


@settings(deadline=None)
@given(records=SHARDS, parts=st.booleans())
def test_no_record_is_rejected_twice(records, parts):
    _, rejects = normalise_shard(records, parts=parts)
    assert rejects["record"].n_unique() == rejects.height


@settings(deadline=None)
@given(records=SHARDS, parts=st.booleans())
def test_conversation_ids_are_unique(records, parts):
    conversations, _ = normalise_shard(records, parts=parts)
    assert conversations["conversation_id"].n_unique() == conversations.height


@pytest.mark.parametrize(
    ("record", "flagged"),
    [
        ({"toxic": True, "openai_moderation": [{"flagged": False}]}, True),
        ({"openai_moderation": [{"flagged": False}, {"flagged": True}]}, True),
        ({"openai_moderation": [{"flagged": False}, None]}, False),
        ({"openai_moderation": None}, None),
        ({"openai_moderation": [{"categories": {}}]}, None),
    ],
)
def test_flag_is_that_of_the_conversation_or_of_any_turn(record, flagged):
    assert flag_of(record) is flagged
