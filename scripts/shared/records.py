"""Reading a file of conversation records, whatever its container: wheel or zip, JSON array, JSON lines, Parquet; never all of it at once."""

import codecs
import gzip
import io
import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

import polars as pl
import polars.selectors as cs
import zstandard

from shared.job import InputError

Unreadable = str  # why a record could not be read

CHUNK = 1 << 20
ROWS = 2_000  # of a table at a time
WHAT_TO_DO = "If it was downloaded, delete it and run again; if it is yours (.origin.json beside it names it), mend or leave out the file."
_BETWEEN_ELEMENTS = re.compile(r"[\s,]*")
_EXPORTED = re.compile(
    r"(.*/)?conversations[^/]*\.json"
)  # in the zips of ChatGPT and Claude: one or several, maybe in a folder
_LONGEST_TOKEN = 16  # characters: what a file that breaks off may leave of a number, a literal or an escape


def read_records(
    path: str | Path, *, member: str | None = None, columns: Callable[[list[str]], list[str]] = list
) -> Iterator[dict | Unreadable | pl.DataFrame]:
    """Yield each record of a file as a dict, or the reason why it could not be read; the rows of a Parquet file as tables.

    Args:
        path: a .whl or .zip, .json (one array, or lines), .jsonl, either with .gz or .zst, or .parquet.
        member: name of the file inside an archive; without it every conversations*.json there, in whatever folder.
        columns: of the names of a table's columns, those to read.

    Raises:
        InputError: the file as a whole cannot be read.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        yield from _tables(path, columns)
        return
    try:
        for name in _members(path, member):
            with _opened(path, name) as file:
                wide = file.peek(2)[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
                encoding = "utf-16" if wide else "utf-8-sig"
                yield from _json_records(io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="\n"))
    except _Malformed as error:
        raise InputError(f"{path}: {error}, and what follows cannot be read. {WHAT_TO_DO}") from error
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, zstandard.ZstdError, EOFError, RuntimeError) as error:
        raise InputError(f"{path}: the archive is damaged ({error}). {WHAT_TO_DO}") from error


def _members(path: Path, member: str | None) -> list[str | None]:
    """Names of the files that are read of an archive; of what is none, that it is read itself."""
    if path.suffix not in {".whl", ".zip"}:
        return [None]
    with zipfile.ZipFile(path) as archive:
        inside = archive.namelist()
    names = sorted(name for name in inside if (name == member if member else _EXPORTED.fullmatch(name)))
    if not names:
        raise InputError(
            f"{path}: expected the file '{member or 'conversations.json'}' inside, found {', '.join(inside[:10]) or 'nothing'}. "
            "Set `member` of this source in the configuration."
        )
    return names


def _opened(path: Path, member: str | None) -> BinaryIO:
    if member:
        return zipfile.ZipFile(path).open(member)
    if path.suffix in {".gz", ".zst"} and not path.stat().st_size:
        raise EOFError("it holds no byte")
    if path.suffix == ".gz":
        return gzip.open(path)
    if path.suffix == ".zst":
        return io.BufferedReader(_Zstandard(open(path, "rb")), CHUNK)
    return open(path, "rb")


class _Zstandard(io.RawIOBase):
    """The bytes inside a .zst file. The package's own reader takes a file that is cut short for one that ends there."""

    def __init__(self, file: BinaryIO):
        self._file, self._frame, self._pending = file, None, memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer) -> int:
        while not self._pending:
            unused = self._frame.unused_data if self._frame and self._frame.eof else b""
            packed = unused or self._file.read(CHUNK)
            if not packed:
                if not self._frame.eof:
                    raise EOFError("it ends within a frame")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._pending = memoryview(self._frame.decompress(packed))
        n = min(len(buffer), len(self._pending))
        buffer[:n], self._pending = self._pending[:n], self._pending[n:]
        return n


class _Malformed(Exception):
    """An array goes on after an element that is not JSON."""


def _json_records(text: TextIO) -> Iterator[dict | Unreadable]:
    head, chunk = "", None
    while len(head) < 2 and chunk != "":
        chunk = text.read(CHUNK)
        head = (head + chunk).lstrip()
    # One object, printed over many lines, is read like an element of an array.
    if head[:1] == "[" or head[:2] in {"{\n", "{\r"}:
        yield from _elements(head, text)
    else:
        yield from _lines(head, text)


def _elements(pending: str, text: TextIO) -> Iterator[dict | Unreadable]:
    """Elements of a JSON array, one at a time, so that an array that breaks off loses only its last element."""
    decoder = json.JSONDecoder(strict=False)
    position, in_array, at_end = 0, False, False
    while True:
        position = _BETWEEN_ELEMENTS.match(pending, position).end()
        bracket = pending[position : position + 1]
        if bracket in {"[", "]"} and in_array == (bracket == "]"):
            in_array, position = not in_array, position + 1
            continue
        record, end = None, None
        try:
            record, end = decoder.raw_decode(pending, position)
        except json.JSONDecodeError as error:
            broken_off = error.msg.startswith("Unterminated") or error.pos > len(pending) - _LONGEST_TOKEN
            if not broken_off:
                raise _Malformed(f"an element of the array is not JSON ({error.msg})") from error
        except (ValueError, RecursionError) as error:  # numbers and nesting beyond all reason
            raise _Malformed("an element of the array is beyond all reason") from error
        if at_end:
            if end is None:
                if in_array or bracket:
                    yield "the file breaks off here"
                return
        elif end is None or end == len(pending):  # a number may go on in the next chunk
            chunk = text.read(max(CHUNK, len(pending)))  # doubling: an element is not tried again too often
            pending, position, at_end = pending[position:] + chunk, 0, not chunk
            continue
        yield record if isinstance(record, dict) else "the record is not an object"
        position = end


def _lines(head: str, text: TextIO) -> Iterator[dict | Unreadable]:
    # Only "\n" ends a record: str.splitlines would also cut at U+2028 and the like, which JSON allows inside a string.
    *lines, last = head.split("\n")
    for part in (lines, [last + text.readline()], text):
        for line in part:
            if not line.strip():
                continue
            try:
                record = json.loads(line, strict=False)
            except (ValueError, RecursionError):
                yield "the line is not JSON"
                continue
            yield record if isinstance(record, dict) else "the record is not an object"


class Spill:
    """Tables of one schema that wait to be read together: the first in memory, what does not fit in a folder.

    Used by `with`, it leaves no folder behind; that of a run that was killed makes room for the next.
    """

    def __init__(self, folder: str | Path | None = None, *, kept: int = 512 << 20, largest: int = 64 << 20):
        """`kept`: bytes that may stay in memory; `largest`: of one file in the folder. Without a folder all stays in memory."""
        self._folder, self._kept, self._largest = folder and Path(folder), kept, largest
        self._tables, self._files, self._pending = [], [], []

    def __enter__(self) -> "Spill":
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self._folder)

    def append(self, table: pl.DataFrame) -> None:
        """Put a table at the end."""
        self._kept -= table.estimated_size()
        if self._kept > 0 or not self._folder:
            self._tables.append(table)
            return
        self._pending.append(table)
        if sum(table.estimated_size() for table in self._pending) > self._largest:
            self._files.append(self._folder / f"{len(self._files):06d}.arrow")
            pl.concat(self._pending).write_ipc(self._files[-1], compression="uncompressed")  # to be read once, soon
            self._pending = []

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """All of them in order, those that were put on disk together as one."""
        yield from self._tables
        yield from map(pl.read_ipc, self._files)
        yield from self._pending


def _tables(path: Path, columns: Callable[[list[str]], list[str]]) -> Iterator[pl.DataFrame]:
    rows, n_read = None, 0
    try:
        scan = pl.scan_parquet(path, glob=False)
        try:
            rows = scan.select(columns(scan.collect_schema().names())).with_columns(
                # A time beyond Python's calendar is no time.
                pl.when(cs.datetime().dt.year().is_between(1, 9999)).then(cs.datetime()),
                cs.categorical().cast(pl.String),
                cs.enum().cast(pl.String),
            )
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        for table in rows.collect_batches(chunk_size=ROWS):
            n_read += table.height
            yield table
        n_rows = scan.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        where = "expected a Parquet file"
        if rows is not None:
            where = f"the row group that holds its row {_readable(rows) + 1:,} is damaged"
        raise InputError(f"{path}: {where} ({str(error).splitlines()[0]}). {WHAT_TO_DO}") from error
    if n_read != n_rows:
        raise InputError(f"{path}: its metadata name {n_rows:,} rows, {n_read:,} could be read. {WHAT_TO_DO}")


def _readable(rows: pl.LazyFrame) -> int:
    """How many rows from the first one on can be read of a table that is damaged somewhere."""
    readable, n_rows = 0, rows.select(pl.len()).collect().item()
    while n_rows - readable > 1:
        middle = (readable + n_rows) // 2
        try:
            rows.head(middle).collect()
            readable = middle
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            n_rows = middle
    return readable
