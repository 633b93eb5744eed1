"""Reading a file of conversation records, whatever its container: wheel or zip, JSON array, JSON lines, Parquet."""

import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import zstandard

from shared.job import InputError

Unreadable = str  # why a record could not be read

_BETWEEN_ELEMENTS = re.compile(r"[\s,]*")


def read_records(path: str | Path, *, member: str | None = None) -> Iterator[dict | Unreadable]:
    """Yield each record of a file as a dict, or the reason why it could not be read.

    Args:
        path: a .whl or .zip (then `member` names the file inside), .json (one array, or lines), .jsonl, either with .gz or .zst, or .parquet.
        member: name of the file inside an archive.

    Raises:
        InputError: the file as a whole cannot be read.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        yield from _parquet_records(path)
        return
    text = _text(path, member)
    if text.lstrip()[:1] == "[":
        yield from _array_records(text)
    else:
        yield from _line_records(text)


def _text(path, member):
    try:
        if path.suffix in {".whl", ".zip"}:
            member = member or "conversations.json"  # what the exports of ChatGPT and Claude are zipped with
            with zipfile.ZipFile(path) as archive:
                if member not in archive.namelist():
                    inside = ", ".join(archive.namelist()[:10])
                    raise InputError(
                        f"{path}: expected the file '{member}' inside, found {inside}. Set `member` of this source in the configuration."
                    )
                data = archive.read(member)
        elif path.suffix == ".gz":
            data = gzip.decompress(path.read_bytes())
        elif path.suffix == ".zst":
            with zstandard.open(path, "rb") as file:
                data = file.read()
        else:
            data = path.read_bytes()
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, zstandard.ZstdError, EOFError) as error:
        raise InputError(
            f"{path}: the archive is damaged ({error}). If it was downloaded, delete it and run again; if it is yours, mend or leave out the file."
        ) from error
    return data.decode("utf-8", errors="replace").removeprefix("\ufeff")


def _array_records(text):
    """Elements of one JSON array, one at a time, so that an array that breaks off loses only its last element."""
    decoder = json.JSONDecoder()
    position = text.index("[") + 1
    while True:
        position = _BETWEEN_ELEMENTS.match(text, position).end()
        if text[position : position + 1] == "]":
            return
        if position >= len(text):
            yield "the file ends before the array does"
            return
        try:
            record, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):  # malformed, or numbers and nesting beyond all reason
            yield "the JSON breaks off or is malformed; what follows in the file cannot be read"
            return
        yield record if isinstance(record, dict) else "the record is not an object"


def _line_records(text):
    if text.lstrip()[:2] in {"{\n", "{\r"}:  # one object, printed over many lines
        yield from _array_records(f"[{text}]")
        return
    # Only "\n" ends a record: str.splitlines would also cut at U+2028 and the like, which JSON allows inside a string.
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            yield "the line is not JSON"
            continue
        yield record if isinstance(record, dict) else "the record is not an object"


def _parquet_records(path):
    try:
        for batch in pl.scan_parquet(path).collect_batches(chunk_size=2_000):
            yield from batch.iter_rows(named=True)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{path}: expected a Parquet file, could not read it ({error}). If it was downloaded, delete it and run again; if it is yours, mend or leave out the file."
        ) from error
