"""Put the records of one shard into one schema, join the parts of a conversation, and set aside what cannot be read."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from shared import contracts
from shared.formats import conversations_in
from shared.job import logged
from shared.records import read_records

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

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
MAX_POSITION = 100_000  # messages; what follows the "_" in an id may be something else, a time for instance
PART = re.compile(r"(?P<conversation>.+)_(?P<position>\d{1,9})")


class Reject(Exception):
    """A record that cannot become a conversation; the message is the reason."""


def first_present(record: dict, keys: Iterable[str]) -> Any:
    """The value of the first of `keys` that the record has and that is not null."""
    return next((record[key] for key in keys if record.get(key) is not None), None)


def clean(text: str) -> str:
    """Text that can be stored as UTF-8: half of a surrogate pair, as cut exports hold it, becomes a question mark."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


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
        spelling = clean(str(first_present(message, ROLE_KEYS))).strip().lower()
        if spelling not in ROLES:
            raise Reject(f"unknown role '{spelling[:20]}'")
        normalised.append({"role": ROLES[spelling], "text": text_of(first_present(message, TEXT_KEYS))})
    return normalised


def time_of(value: Any) -> datetime | None:
    """A time in UTC from a datetime, an ISO 8601 string or seconds since 1970; None where there is none or it cannot be read."""
    try:
        if isinstance(value, datetime):
            time = value
        elif isinstance(value, (int, float)):
            time = datetime.fromtimestamp(value, tz=UTC)
        elif isinstance(value, str):
            time = datetime.fromisoformat(value)
        else:
            return None
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def flag_of(record: dict) -> bool | None:
    """Whether moderation flagged the conversation: WildChat's `toxic`, or any turn of LMSYS's `openai_moderation`; None where nobody says."""
    if isinstance(record.get("toxic"), bool):
        return record["toxic"]
    turns = of_type(record.get("openai_moderation"), list) or []
    flags = [turn["flagged"] for turn in turns if isinstance(turn, dict) and isinstance(turn.get("flagged"), bool)]
    return any(flags) if flags else None


def join_parts(parts: list[tuple[int, list[dict]]]) -> tuple[list[dict], int]:
    """Join the parts of one conversation by the position of their first message.

    Parts may overlap: a message that two parts carry stands once. Positions that no part covers are missing messages.

    Args:
        parts: (position of the part's first message, its messages).

    Returns:
        The messages in order, and how many are missing from position 0 to the last.

    Raises:
        Reject: two parts carry different messages for the same position.
    """
    by_position = {}
    for start, messages in parts:
        for position, message in enumerate(messages, start):
            if by_position.setdefault(position, message) != message:
                raise Reject("its parts disagree about a message")
    return [by_position[position] for position in sorted(by_position)], max(by_position) + 1 - len(by_position)


def entries_of(records: Iterable[dict | str]) -> Iterator[dict | str]:
    """Records with a plain list of messages each: one that holds several conversations counts once for each of them."""
    for record in records:
        if isinstance(record, str):
            yield record
        else:
            yield from conversations_in(record)


def normalise_shard(
    records: Iterable[dict | str], *, parts: bool = False, available: Iterable[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Conversations and rejects of one shard; every record is in exactly one of the two (`n_records` adds up).

    Args:
        records: dicts as published, or the reason why a record could not be read.
        parts: ids are `<conversation>_<position of the first message>`, and the parts of a conversation are joined.
        available: which of user, time, country, model, moderation the source records.

    Returns:
        Tables under contracts.CONVERSATIONS and contracts.REJECTS.
    """
    rejects, groups = [], {}
    for number, record in enumerate(entries_of(records)):
        source_id = None
        try:
            if isinstance(record, str):
                raise Reject(record)
            source_id = first_present(record, ID_KEYS)
            source_id = None if source_id is None else clean(str(source_id))
            key, position = source_id, 0
            if parts:
                part = PART.fullmatch(source_id or "")
                if not part:
                    raise Reject("the id does not end in _<position>")
                key, position = part["conversation"], int(part["position"])
                if position > MAX_POSITION:
                    raise Reject("the position in the id is not that of a message")
            # Without parts every record is its own conversation, even where ids repeat.
            messages = messages_of(record)
            group = key if parts else number
            groups.setdefault(group, (key, []))[1].append((number, position, messages, record))
        except Reject as reason:
            rejects.append({"record": number, "source_id": source_id, "reason": str(reason)})

    keys, conversations = Counter(key for key, _ in groups.values()), {}
    for key, members in groups.values():
        try:
            messages, n_missing = join_parts([(position, messages) for _, position, messages, _ in members])
        except Reject as reason:
            rejects += [{"record": number, "source_id": key, "reason": str(reason)} for number, *_ in members]
            continue
        number, _, _, record = members[0]
        conversation_id = f"record-{number}" if key is None else key
        while conversation_id in conversations or (keys[key] > 1 and conversation_id == key):
            conversation_id = f"{conversation_id}-{number}"
        roles = [message["role"] for message in messages]
        conversations[conversation_id] = {
            "conversation_id": conversation_id,
            "source_id": key,
            "user_id": of_type(record.get("hashed_ip"), str) if "user" in available else None,
            "started_at": time_of(record.get("timestamp")) if "time" in available else None,
            "country": of_type(record.get("country"), str) if "country" in available else None,
            "state": of_type(record.get("state"), str) if "country" in available else None,
            "source_language": of_type(record.get("language"), str),
            "model": of_type(record.get("model"), str) if "model" in available else None,
            "flagged": flag_of(record) if "moderation" in available else None,
            "redacted": of_type(record.get("redacted"), bool),
            "n_records": len(members),
            "n_missing": n_missing,
            "n_human": roles.count("human"),
            "n_assistant": roles.count("assistant"),
            "messages": messages,
        }
    columns = {name: column.dtype.type for name, column in contracts.CONVERSATIONS.columns.items()}
    reject_columns = {name: column.dtype.type for name, column in contracts.REJECTS.columns.items()}
    return (
        pl.DataFrame(list(conversations.values()), schema=columns),
        pl.DataFrame(sorted(rejects, key=lambda reject: reject["record"]), schema=reject_columns),
    )


def main():
    source = snakemake.params.source
    records = read_records(snakemake.input.shard, member=source.get("member"))
    conversations, rejects = normalise_shard(records, parts=source.get("parts", False), available=source["available"])
    contracts.CONVERSATIONS.validate(conversations).write_parquet(snakemake.output.conversations)
    contracts.REJECTS.validate(rejects).write_parquet(snakemake.output.rejects)
    print(
        f"{conversations.height} conversations of {conversations['n_records'].sum()} records; {rejects.height} rejects"
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
