"""The fields of one record as published, whatever their source calls them: messages, ids, times, flags."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from shared import contracts
from shared.formats import SHAPES, THREADS

# How sources spell the same thing: ShareGPT, WildChat, LMSYS-Chat-1M, OpenAI messages.
MESSAGES_KEYS = ("conversation", "conversations", "messages")
ROLE_KEYS = ("role", "from", "sender")
TEXT_KEYS = ("content", "value", "text", "parts")
TOOL_KEYS, TOOL_PARTS = ("tool_calls", "function_call"), ("tool_use", "tool_result")
TEXT_TYPES = (None, "text", "input_text", "output_text")  # of a message's parts; others are no text, and may lack one
TEXTLESS = {*TEXT_KEYS, *TOOL_KEYS}  # a message with one of them may be without text
MINIMAL = '{"id": "a1", "messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'
GROUP = f"rows must be grouped by conversation, one record for each, such as {MINIMAL}"
ID_KEYS = ("conversation_hash", "conversation_id", "id", "uuid", "conversationId", "_id")
ROLES = {
    **dict.fromkeys(["human", "user"], "human"),
    **dict.fromkeys(["assistant", "gpt", "chatgpt", "bing", "bard", "model", "bot", "ai", "claude"], "assistant"),
    **dict.fromkeys(["system", "developer", "tool", "function"], "system"),
    **dict.fromkeys(["tool_call", "tool_response", "tool_result", "function_call", "observation"], "system"),
}
TIME_KEYS = ("timestamp", "created_at", "create_time", "created", "createdAt")
FLAG_KEY, FLAGS_KEY = "toxic", "openai_moderation"
USER_KEYS = ("hashed_ip", "user_id", "user", "account")
LATEST_SECONDS = 1e11  # since 1970: the year 5138; in milliseconds, March 1973, and so on for micro- and nanoseconds
MAX_POSITION = 100_000  # messages; what follows the "_" in an id may be something else, a time for instance
NUMBER = re.compile(r"-?\d{9,19}(\.\d*)?")  # not a year, nor a date written without signs
PART = re.compile(r"(?P<conversation>.+)_(?P<position>\d{1,9})")


class Reject(Exception):
    """A record that cannot become a conversation; the message is the reason."""


def first_present(record: dict, keys: Iterable[str]) -> Any:
    """The value of the first of `keys` that the record has and that is not null."""
    for key in keys:
        value = record.get(key)
        if value is not None:
            return value
    return None


def clean(text: str) -> str:
    """Text that can be stored as UTF-8: half of a surrogate pair, as cut exports hold it, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", errors="replace").decode("utf-8")


def first_read(record: dict, keys: Iterable[str], read: Callable[[Any], Any]) -> Any:
    """What `read` makes of the first of `keys` that it can make something of; None where it cannot."""
    for key in keys:
        value = record.get(key)
        if value is not None and (found := read(value)) is not None:
            return found
    return None


def keys_of(record: dict) -> str:
    """The names of an object's first keys, as a reject tells them: never its values."""
    return ", ".join(clean(str(key))[:30] for key in [*record][:12]) or "none"


def string_of(value: Any) -> str | None:
    """The value if it is a string, else None: an odd field must not cost the conversation."""
    return clean(value) if isinstance(value, str) else None


def user_of(value: Any) -> str | None:
    """A user's key: a string that is not empty, an integer, or either as the `id` or `uuid` of an object; None for anything else."""
    if isinstance(value, dict):
        value = first_present(value, ("id", "uuid"))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return string_of(value) or None


def truth_of(value: Any) -> bool | None:
    """The value if it is true or false, else None."""
    return value if isinstance(value, bool) else None


FIELDS = {  # column: keys in the record, how its value is read, what the source must be said to record
    "user_id": (USER_KEYS, user_of, "user"),
    "country": (("country",), string_of, "country"),
    "state": (("state",), string_of, "country"),
    "source_language": (("language",), string_of, None),
    "model": (("model",), string_of, "model"),
    "redacted": (("redacted",), truth_of, None),
}
KEYS = {*MESSAGES_KEYS, *ID_KEYS, *TIME_KEYS, FLAG_KEY, FLAGS_KEY}.union(*(keys for keys, *_ in FIELDS.values()))


def text_of(content: Any) -> str:
    """A message's text: a string as it is, a list of parts joined, nothing as the empty string.

    A part is a string or has it under `text`, there perhaps under `value`; one of another `type`, an image or a call, has none.

    Raises:
        Reject: the content, or all that might be text in it, is of another type.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return clean(content)
    if not isinstance(content, list):
        raise Reject(f"message content of type {type(content).__name__}")
    texts = [part.get("text") if isinstance(part, dict) else part for part in content]
    spoken = [text.get("value") if isinstance(text, dict) else text for text in texts]
    spoken = [text for text in spoken if isinstance(text, str)]
    if not spoken:
        for part in filter(lambda part: isinstance(part, dict) and "text" not in part, content):
            if first_present(part, ("type", "content_type")) in TEXT_TYPES:
                raise Reject(f"no text in the parts of a message; the keys of one are {keys_of(part)}")
    return clean("\n".join(spoken))


def folded(role: Any) -> str:
    """A role as ROLES spells it."""
    return clean(str(role)).strip().lower()


def of_a_tool(message: dict, content: Any) -> bool:
    """Whether a message is nothing but calls of tools or what they answered, in whose name ever it stands."""
    if isinstance(content, list) and content:
        return all(isinstance(part, dict) and part.get("type") in TOOL_PARTS for part in content)
    return not content and any(message.get(key) for key in TOOL_KEYS)


def messages_of(record: dict) -> list[dict]:
    """The record's messages as [{role: human|assistant|system, text}].

    Raises:
        Reject: no list of messages, an empty one, a role that is not known, or a message without a text that is known.
    """
    messages = first_read(record, MESSAGES_KEYS, lambda value: value if isinstance(value, list) else None)
    if messages is None:
        if first_present(record, ROLE_KEYS) and first_present(record, TEXT_KEYS):
            raise Reject(f"a single message: {GROUP}")
        raise Reject(f"no list of messages; the record's keys are {keys_of(record)}")
    if not messages:
        raise Reject("no messages")
    normalised = []
    for message in messages:
        if not isinstance(message, dict):
            raise Reject("a message is not an object")
        role = first_present(message, ROLE_KEYS)
        if role is None:
            raise Reject(f"no role ({', '.join(ROLE_KEYS)}) in a message; its keys are {keys_of(message)}")
        spelling = folded(role)
        if spelling not in ROLES:
            raise Reject(f"unknown role '{spelling[:20]}'")
        content, role = first_present(message, TEXT_KEYS), ROLES[spelling]
        if not content or not isinstance(content, str):
            if content is None and TEXTLESS.isdisjoint(message):
                raise Reject(f"no text ({', '.join(TEXT_KEYS)}) in a message; its keys are {keys_of(message)}")
            if of_a_tool(message, content):
                role = "system"
        normalised.append({"role": role, "text": text_of(content)})
    return normalised


def time_of(value: Any) -> datetime | None:
    """A time in UTC from a datetime, an ISO 8601 string, or seconds since 1970, or thousandths, millionths or billionths of them, as number or text; None where there is none or it cannot be read."""
    try:
        if isinstance(value, str):
            value = value.strip().removesuffix(" UTC")
            value = float(value) if NUMBER.fullmatch(value) else datetime.fromisoformat(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            while LATEST_SECONDS < abs(value) < LATEST_SECONDS * 1e9:
                value /= 1000
            value = datetime.fromtimestamp(value, tz=UTC)
        if not isinstance(value, datetime):
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def flag_of(record: dict) -> bool | None:
    """Whether moderation flagged the conversation: WildChat's `toxic`, or any turn of LMSYS's `openai_moderation`; None where nobody says."""
    if isinstance(record.get(FLAG_KEY), bool):
        return record[FLAG_KEY]
    turns = record.get(FLAGS_KEY)
    turns = turns if isinstance(turns, list) else []
    flags = [turn["flagged"] for turn in turns if isinstance(turn, dict) and isinstance(turn.get("flagged"), bool)]
    return any(flags) if flags else None


def source_id_of(record: dict) -> str | None:
    """The record's id as its source gives it."""
    return first_read(record, ID_KEYS, lambda value: clean(str(value)))


def entry_of(number: int, record: dict, *, parts: bool, available: Iterable[str]) -> dict:
    """What normalise_shard.ENTRIES say of a record beside its messages; a part that begins at position 3 misses 3 messages as long as it stands alone.

    Raises:
        Reject: parts are expected, and the id does not tell which one this is.
    """
    source_id, position = source_id_of(record), 0
    if parts:
        part = PART.fullmatch(source_id or "")
        if not part:
            raise Reject("the id does not end in _<position>")
        source_id, position = part["conversation"], int(part["position"])
        if position > MAX_POSITION:
            raise Reject("the position in the id is not that of a message")
    return {
        "record": number,
        "source_id": source_id,
        "started_at": first_read(record, TIME_KEYS, time_of) if "time" in available else None,
        "flagged": flag_of(record) if "moderation" in available else None,
        "n_records": 1,
        "n_missing": position,
    } | {
        column: first_read(record, keys, read) if needs is None or needs in available else None
        for column, (keys, read, needs) in FIELDS.items()
    }


def entries_in(table: pl.DataFrame, *, available: Iterable[str]) -> dict[str, Any]:
    """The same as entry_of of each row, none of them a part, as columns; the table's column `record` numbers them."""

    def first(keys, read):
        columns = [
            [value if value is None else read(value) for value in table[key].to_list()]
            for key in keys
            if key in table.columns
        ]
        if len(columns) < 2:
            return columns[0] if columns else [None] * table.height
        return [next((value for value in row if value is not None), None) for row in zip(*columns, strict=True)]

    turns = zip(*(first([key], lambda value: value) for key in (FLAG_KEY, FLAGS_KEY)), strict=True)
    return {
        "record": table["record"],
        "source_id": first(ID_KEYS, lambda value: clean(str(value))),
        "started_at": first(TIME_KEYS, time_of) if "time" in available else None,
        "flagged": [flag_of({FLAG_KEY: whole, FLAGS_KEY: each}) for whole, each in turns]
        if "moderation" in available
        else None,
        "n_records": 1,
        "n_missing": 0,
    } | {
        column: first(keys, read) if needs is None or needs in available else None
        for column, (keys, read, needs) in FIELDS.items()
    }


def messages_in(table: pl.DataFrame) -> pl.Series | None:
    """The messages of a table's rows as in normalise_shard.ENTRIES, null where messages_of has to look; None if their columns are not of a plain type.

    The same as messages_of, column by column.
    """
    name, *others = [key for key in MESSAGES_KEYS if key in table.columns] or [None]
    kind = table.schema.get(name)
    if others or SHAPES & {*table.columns} or not isinstance(kind, pl.List) or not isinstance(kind.inner, pl.Struct):
        return None
    fields = kind.inner.to_schema()
    if {*THREADS, *TOOL_KEYS} & fields.keys():
        return None
    keys = [[key for key in known if key in fields] for known in (ROLE_KEYS, TEXT_KEYS)]
    if not all(keys) or any(fields[key] != pl.String for known in keys for key in known):
        return None
    role, text = (pl.coalesce([pl.element().struct.field(key) for key in known]) for known in keys)
    spellings = table.select(pl.col(name).list.eval(role).explode().unique()).to_series()
    roles = ROLES | {spelling: ROLES.get(folded(spelling)) for spelling in spellings.drop_nulls()}
    messages = pl.struct(
        role=role.replace_strict(roles, default=None, return_dtype=contracts.MESSAGES.inner.to_schema()["role"]),
        text=text.fill_null(""),
    )
    spoken = pl.col(name).list.eval(messages)
    known = spoken.list.eval(pl.element().struct.field("role").is_not_null()).list.all() & (spoken.list.len() > 0)
    return table.select(messages=pl.when(known).then(spoken)).to_series()
