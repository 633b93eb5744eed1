"""The fields of one record as published, whatever their source calls them: messages, ids, times, flags."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from shared import contracts
from shared.formats import SHAPES

# How sources spell the same thing: ShareGPT, WildChat, LMSYS-Chat-1M, OpenAI messages.
MESSAGES_KEYS = ("conversation", "conversations", "messages")
ROLE_KEYS = ("role", "from", "sender")
TEXT_KEYS = ("content", "value", "text")
ID_KEYS = ("conversation_hash", "conversation_id", "id", "uuid")
ROLES = {
    **dict.fromkeys(["human", "user"], "human"),
    **dict.fromkeys(["assistant", "gpt", "chatgpt", "bing", "bard", "model", "bot", "ai", "claude"], "assistant"),
    **dict.fromkeys(["system", "developer", "tool", "function"], "system"),
}
TIME_KEYS = ("timestamp", "created_at", "create_time", "created")
FLAG_KEY, FLAGS_KEY = "toxic", "openai_moderation"
FIELDS = {  # column: keys in the record, type, what the source must be said to record
    "user_id": (("hashed_ip", "user_id", "user"), str, "user"),
    "country": (("country",), str, "country"),
    "state": (("state",), str, "country"),
    "source_language": (("language",), str, None),
    "model": (("model",), str, "model"),
    "redacted": (("redacted",), bool, None),
}
KEYS = {*MESSAGES_KEYS, *ID_KEYS, *TIME_KEYS, FLAG_KEY, FLAGS_KEY}.union(*(keys for keys, *_ in FIELDS.values()))
LATEST_SECONDS = 1e11  # since 1970: the year 5138; in milliseconds, March 1973
MAX_POSITION = 100_000  # messages; what follows the "_" in an id may be something else, a time for instance
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


def of_type(value: Any, kind: type) -> Any:
    """The value if it is of `kind`, else None: an odd field must not cost the conversation."""
    if isinstance(value, str) and kind is str:
        return clean(value)
    return value if isinstance(value, kind) else None


def text_of(content: Any) -> str:
    """A message's text: a string as it is, a list of parts joined, nothing as the empty string.

    Raises:
        Reject: the content is of another type.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return clean(content)
    if isinstance(content, list):
        spoken = [part.get("text") if isinstance(part, dict) else part for part in content]
        return clean("\n".join(part for part in spoken if isinstance(part, str)))
    raise Reject(f"message content of type {type(content).__name__}")


def folded(role: Any) -> str:
    """A role as ROLES spells it."""
    return clean(str(role)).strip().lower()


def messages_of(record: dict) -> list[dict]:
    """The record's messages as [{role: human|assistant|system, text}].

    Raises:
        Reject: no list of messages, an empty one, or a role that is not known.
    """
    messages = first_present(record, MESSAGES_KEYS)
    if not isinstance(messages, list):
        raise Reject("no list of messages")
    if not messages:
        raise Reject("no messages")
    normalised = []
    for message in messages:
        if not isinstance(message, dict):
            raise Reject("a message is not an object")
        spelling = folded(first_present(message, ROLE_KEYS))
        if spelling not in ROLES:
            raise Reject(f"unknown role '{spelling[:20]}'")
        normalised.append({"role": ROLES[spelling], "text": text_of(first_present(message, TEXT_KEYS))})
    return normalised


def time_of(value: Any) -> datetime | None:
    """A time in UTC from a datetime, an ISO 8601 string, or seconds or milliseconds since 1970; None where there is none or it cannot be read."""
    try:
        if isinstance(value, datetime):
            time = value
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            time = datetime.fromtimestamp(value / 1000 if abs(value) > LATEST_SECONDS else value, tz=UTC)
        elif isinstance(value, str):
            time = datetime.fromisoformat(value)
        else:
            return None
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def flag_of(record: dict) -> bool | None:
    """Whether moderation flagged the conversation: WildChat's `toxic`, or any turn of LMSYS's `openai_moderation`; None where nobody says."""
    if isinstance(record.get(FLAG_KEY), bool):
        return record[FLAG_KEY]
    turns = of_type(record.get(FLAGS_KEY), list) or []
    flags = [turn["flagged"] for turn in turns if isinstance(turn, dict) and isinstance(turn.get("flagged"), bool)]
    return any(flags) if flags else None


def source_id_of(record: dict) -> str | None:
    """The record's id as its source gives it."""
    source_id = first_present(record, ID_KEYS)
    return None if source_id is None else clean(str(source_id))


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
        "started_at": time_of(first_present(record, TIME_KEYS)) if "time" in available else None,
        "flagged": flag_of(record) if "moderation" in available else None,
        "n_records": 1,
        "n_missing": position,
    } | {
        column: of_type(first_present(record, keys), kind) if needs is None or needs in available else None
        for column, (keys, kind, needs) in FIELDS.items()
    }


def entries_in(table: pl.DataFrame, *, available: Iterable[str]) -> dict[str, Any]:
    """The same as entry_of of each row, none of them a part, as columns; the table's column `record` numbers them."""

    def first(keys):
        columns = [table[key].to_list() for key in keys if key in table.columns]
        if len(columns) < 2:
            return columns[0] if columns else [None] * table.height
        return [next((value for value in row if value is not None), None) for row in zip(*columns, strict=True)]

    turns = zip(first([FLAG_KEY]), first([FLAGS_KEY]), strict=True)
    return {
        "record": table["record"],
        "source_id": [None if value is None else clean(str(value)) for value in first(ID_KEYS)],
        "started_at": [time_of(value) for value in first(TIME_KEYS)] if "time" in available else None,
        "flagged": [flag_of({FLAG_KEY: whole, FLAGS_KEY: each}) for whole, each in turns]
        if "moderation" in available
        else None,
        "n_records": 1,
        "n_missing": 0,
    } | {
        column: [of_type(value, kind) for value in first(keys)] if needs is None or needs in available else None
        for column, (keys, kind, needs) in FIELDS.items()
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
