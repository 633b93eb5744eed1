"""Put the records of one shard into one schema, join the parts of a conversation, and set aside what cannot be read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from shared import contracts
from shared.fields import (
    FLAG_KEY,
    FLAGS_KEY,
    GROUP,
    KEYS,
    MESSAGES_KEYS,
    MINIMAL,
    USER_KEYS,
    Reject,
    entries_in,
    entry_of,
    messages_in,
    messages_of,
    source_id_of,
    user_of,
)
from shared.fingerprints import fingerprints_of
from shared.formats import SHAPES, conversations_in
from shared.job import InputError, logged
from shared.records import Spill, read_records

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

CONVERSATIONS = contracts.Conversations.types()
REJECTS = contracts.Rejects.types()
# An entry is what becomes a conversation, alone or with the other parts of it; the other columns follow when all are known.
ENTRIES = {"record": pl.Int64} | {
    name: kind for name, kind in CONVERSATIONS.items() if name not in {"conversation_id", "n_human", "n_assistant"}
}
SIDES = ("human", "assistant")
RECORDS_AT_A_TIME = 500
REASONS_TOLD = 20
ROWS_IN_GROUP = 4_000  # of the Parquet file, so that it can be read in pieces


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


def columns_read(names: list[str]) -> list[str]:
    """Of a table's columns those that are read: all of them where its records may be of another shape than a list of messages.

    Raises:
        InputError: no column can hold messages.
    """
    other_shape = SHAPES & {*names}
    if not other_shape and not {*MESSAGES_KEYS} & {*names}:
        raise InputError(
            f"expected a column of messages ({', '.join(MESSAGES_KEYS)}), found {', '.join(names) or 'no column'}. "
            f"Rename the column that holds the lists of messages; where a row holds one message, {GROUP}."
        )
    return [name for name in names if other_shape or name in KEYS]


def rows_of(table: pl.DataFrame) -> Iterator[dict | str]:
    """A table's rows as records."""
    for number in range(table.height):
        try:
            yield table.row(number, named=True)
        except (ValueError, OverflowError):
            yield "a value, a time for instance, is beyond what can be read"


def counting_users(
    records: Iterable[dict | str | pl.DataFrame], odd: Counter[str]
) -> Iterator[dict | str | pl.DataFrame]:
    """The records as they come; what stands under a user's key and names none is counted in `odd` by key and type."""
    for record in records:
        told = [key for key in USER_KEYS if not isinstance(record, str) and key in record]
        if isinstance(record, pl.DataFrame):
            told = [(key, record[key].to_list()) for key in told if record.schema[key] != pl.String]
        else:
            told = [(key, [record[key]]) for key in told]
        for key, users in told:
            users = [user for user in users if user is not None and user != "" and user_of(user) is None]
            odd.update(f"{key} of type {type(user).__name__}" for user in users)
        yield record


def refusal(rejects: pl.DataFrame) -> str:
    """What to do about a file in which no record could be read, by its commonest reason."""
    reason, n = Counter(rejects["reason"]).most_common(1)[0]
    return (
        f"none of its {rejects.height:,} records can be read; of {n:,} the reason is: {reason}. "
        f"Expected records such as {MINIMAL}, one a line, or another format of config/README.md. "
        "Convert the file or leave it out (.origin.json beside it names it)."
    )


def read_each(
    numbered: Iterable[tuple[int, dict | str]], *, parts: bool, available: Iterable[str]
) -> tuple[pl.DataFrame, list[dict]]:
    """ENTRIES and rejects of numbered records, read one by one."""
    entries, rejects = [], []
    for number, record in numbered:
        try:
            if isinstance(record, str):
                raise Reject(record)
            entry = entry_of(number, record, parts=parts, available=available)
            entries.append(entry | {"messages": messages_of(record)})
        except Reject as reason:
            source_id = None if isinstance(record, str) else source_id_of(record)
            rejects.append({"record": number, "source_id": source_id, "reason": str(reason)})
    return pl.DataFrame(entries, schema=ENTRIES), rejects


def read_table(
    table: pl.DataFrame, messages: pl.Series, *, first: int, available: Iterable[str]
) -> tuple[pl.DataFrame, list[dict]]:
    """ENTRIES and rejects of a table with the messages of messages_in; its first row has the number `first`."""
    flags = table.schema.get(FLAGS_KEY)
    if isinstance(flags, pl.List) and isinstance(flags.inner, pl.Struct) and "flagged" in flags.inner.to_schema():
        # Only what flag_of looks at becomes Python's objects, not scores by the dozen.
        asked = pl.col(FLAG_KEY).is_null() if table.schema.get(FLAG_KEY) == pl.Boolean else pl.lit(True)
        flagged = pl.col(FLAGS_KEY).list.eval(pl.struct(pl.element().struct.field("flagged")))
        table = table.with_columns(pl.when(asked).then(flagged))
    table = table.with_row_index("record", offset=first)
    known = table.drop(MESSAGES_KEYS, strict=False).filter(messages.is_not_null())
    entries = entries_in(known, available=available)
    odd = table.filter(messages.is_null())
    other, rejects = read_each(
        zip(odd["record"], rows_of(odd.drop("record")), strict=True), parts=False, available=available
    )
    scalars = {name: kind for name, kind in ENTRIES.items() if name != "messages"}
    return pl.concat([pl.DataFrame(entries, schema=scalars).with_columns(messages.drop_nulls()), other]), rejects


def batches_of(records: Iterable[dict | str | pl.DataFrame], *, parts: bool) -> Iterator[list | tuple]:
    """Records, RECORDS_AT_A_TIME; tables with their messages, where these are plain.

    A record that holds several conversations counts once for each of them.
    """
    pending = []
    for record in records:
        rows = [record]
        if isinstance(record, pl.DataFrame):
            messages = None if parts else messages_in(record)
            if messages is not None:
                yield pending
                yield record, messages
                pending = []
                continue
            rows = rows_of(record)
        for row in rows:
            pending += [row] if isinstance(row, str) else conversations_in(row)
            if len(pending) >= RECORDS_AT_A_TIME:
                yield pending
                pending = []
    yield pending


def joined(entries: pl.DataFrame) -> tuple[pl.DataFrame, list[dict]]:
    """ENTRIES with the parts of a conversation joined into one, in the order of first parts; and the rejects where they disagree."""
    several, rows, rejects = pl.col("source_id").is_duplicated(), [], []
    for _, group in entries.filter(several).group_by("source_id", maintain_order=True):
        members = group.to_dicts()
        try:
            messages, n_missing = join_parts([(member["n_missing"], member["messages"]) for member in members])
        except Reject as reason:
            rejects += [{key: m[key] for key in ("record", "source_id")} | {"reason": str(reason)} for m in members]
            continue
        rows.append(members[0] | {"n_records": len(members), "n_missing": n_missing, "messages": messages})
    return pl.concat([entries.filter(~several), pl.DataFrame(rows, schema=ENTRIES)]).sort("record"), rejects


def unique_ids(source_ids: Sequence[str | None], records: Sequence[int]) -> list[str]:
    """An id for each conversation: its source's; with the record's number where the source gives it twice, and that alone where it gives none."""
    uses, taken = Counter(source_ids), {}
    for source_id, record in zip(source_ids, records, strict=True):
        unique = f"record-{record}" if source_id is None else source_id
        while unique in taken or (uses[source_id] > 1 and unique == source_id):
            unique = f"{unique}-{record}"
        taken[unique] = None
    return list(taken)


def finished(tables: Iterable[pl.DataFrame], ids: list[str]) -> Iterator[pl.DataFrame]:
    """Conversations from ENTRIES, piece by piece, with the ids of all of them."""
    by = {side: pl.col("messages").list.eval(pl.element().struct.field("role") == side).list.sum() for side in SIDES}
    counts = {f"n_{side}": count.cast(pl.Int32) for side, count in by.items()}
    start = 0
    for table in tables:
        named = pl.Series(ids[start : start + table.height], dtype=pl.String)
        yield table.with_columns(conversation_id=named, **counts).select(list(CONVERSATIONS)).rechunk()
        start += table.height
    contracts.accounted("normalise_shard, conversations", len(ids), start)


def normalise_shard(
    records: Iterable[dict | str | pl.DataFrame],
    *,
    parts: bool = False,
    available: Iterable[str] = (),
    waiting: Spill | None = None,
) -> tuple[pl.DataFrame | Iterator[pl.DataFrame], pl.DataFrame]:
    """Conversations and rejects of one shard; every record is in exactly one of the two (`n_records` adds up).

    Args:
        records: dicts as published, tables of them, or the reason why a record could not be read.
        parts: ids are `<conversation>_<position of the first message>`, and the parts of a conversation are joined, in memory.
        available: which of user, time, country, model, moderation the source records.
        waiting: where conversations wait until the ids of all are known; without it in memory.

    Returns:
        Tables under contracts.Conversations (piece by piece where they wait on disk) and contracts.Rejects.
    """
    tables, known, rejects, n_read = Spill() if waiting is None else waiting, [], [], 0
    for batch in batches_of(records, parts=parts):
        if isinstance(batch, tuple):
            entries, rejected = read_table(*batch, first=n_read, available=available)
            n_read += batch[0].height
        else:
            entries, rejected = read_each(enumerate(batch, n_read), parts=parts, available=available)
            n_read += len(batch)
        tables.append(entries)
        known.append(entries.select("source_id", "record", "n_records"))
        rejects += rejected
    if parts:
        entries, rejected = joined(pl.concat(tables))
        tables, known = [entries], [entries]
        rejects += rejected
    known = pl.concat(known)
    contracts.accounted("normalise_shard, records", n_read, known["n_records"].sum() + len(rejects))
    pieces = finished(tables, unique_ids(known["source_id"], known["record"]))
    return (
        pieces if waiting else pl.concat(pieces),
        pl.DataFrame(sorted(rejects, key=lambda reject: reject["record"]), schema=REJECTS),
    )


def main():
    source, written, odd_users = snakemake.params.source, Path(snakemake.output.conversations), Counter()
    records = read_records(snakemake.input.shard, member=source.get("member"), columns=columns_read)
    if "user" in source["available"]:
        records = counting_users(records, odd_users)
    with Spill(written.with_suffix(".waiting")) as waiting:
        pieces, rejects = normalise_shard(
            records,
            parts=source.get("parts", False),
            available=source["available"],
            waiting=waiting,
        )
        logs = source["kind"] == "local"
        keys = [fingerprints_of(pl.DataFrame(schema=CONVERSATIONS), logs=logs)]

        def checked():
            for piece in pieces:
                keys.append(fingerprints_of(piece, logs=logs))  # while its text is at hand
                yield contracts.Conversations.checked(piece)

        # Written as they come, and not by the streaming engine's own expressions: their bytes depend on the number of threads.
        conversations = register_io_source(lambda *_: checked(), schema=CONVERSATIONS)
        conversations.sink_parquet(written, row_group_size=ROWS_IN_GROUP, compression="lz4", statistics=False)
    contracts.Fingerprints.checked(pl.concat(keys)).write_parquet(snakemake.output.fingerprints)
    contracts.Rejects.checked(rejects).write_parquet(snakemake.output.rejects)
    n_written, n_records = pl.scan_parquet(written).select(pl.len(), pl.col("n_records").sum()).collect().row(0)
    print(f"{n_written} conversations of {n_records} records; {rejects.height} rejects")
    for reason, n in Counter(rejects["reason"]).most_common(REASONS_TOLD):
        print(f"{n} rejects: {reason}")
    for key, n in odd_users.items():
        print(f"{n} records have no user: {key} is neither text nor a whole number, which floors and intervals need")
    if rejects.height and not n_written:
        raise InputError(f"{snakemake.input.shard}: {refusal(rejects)}")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
