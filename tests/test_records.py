"""Reading records from every container, whole or damaged."""

import contextlib
import gzip
import itertools
import json
import re
import tracemalloc
import zipfile
from datetime import UTC, datetime

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.job import InputError
from shared.records import CHUNK, Spill, read_records

TALKS = [{"id": "a", "messages": []}, {"id": "b", "note": "zwölf Möwen ☂"}]
RECORDS = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text())), max_size=6)


def as_lines(records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


@pytest.mark.parametrize(
    "name, content",
    [
        ("talks.json", json.dumps(TALKS).encode()),
        ("talks.json", json.dumps(TALKS, indent=4, ensure_ascii=False).encode()),
        ("talks.json", as_lines(TALKS).encode()),
        ("talks.jsonl", as_lines(TALKS).encode()),
        ("talks.jsonl", as_lines(TALKS).replace("\n", "\r\n").encode()),
        ("talks.jsonl", as_lines(TALKS).rstrip("\n").encode()),
        ("talks.jsonl", b"\xef\xbb\xbf" + as_lines(TALKS).encode()),
        ("talks.json", b"\xef\xbb\xbf\n " + json.dumps(TALKS).encode()),
        ("talks.jsonl.gz", gzip.compress(as_lines(TALKS).encode())),
    ],
    ids=["array", "indented array", "lines in .json", "lines", "CRLF", "no last newline", "BOM", "BOM array", "gzip"],
)
def test_records_are_the_same_from_every_text_container(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert list(read_records(tmp_path / name)) == TALKS


@pytest.mark.parametrize("suffix", [".whl", ".zip"])
def test_member_of_an_archive_is_read(tmp_path, suffix):
    path = tmp_path / f"archive{suffix}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.json", "[]")
        archive.writestr("inside/talks.json", json.dumps(TALKS))
    assert list(read_records(path, member="inside/talks.json")) == TALKS


def rows_of(path, **options):
    return [row for table in read_records(path, **options) for row in table.iter_rows(named=True)]


def test_parquet_rows_are_read_as_tables(tmp_path):
    rows = [
        {"id": "a", "messages": [{"role": "user", "content": "Is the bakery open?"}]},
        {"id": "b", "messages": []},
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "talks.parquet")
    assert rows_of(tmp_path / "talks.parquet") == rows


def test_parquet_rows_keep_their_order_over_several_batches(tmp_path):
    pl.DataFrame({"number": range(5_000)}).write_parquet(tmp_path / "many.parquet", row_group_size=700)
    assert [row["number"] for row in rows_of(tmp_path / "many.parquet")] == list(range(5_000))


def test_only_the_columns_asked_for_are_read_from_parquet(tmp_path):
    pl.DataFrame({"id": ["a"], "scores": [[0.5]], "text": ["tea"]}).write_parquet(tmp_path / "talks.parquet")
    assert rows_of(tmp_path / "talks.parquet", columns=lambda names: names[::2]) == [{"id": "a", "text": "tea"}]


def test_time_in_parquet_beyond_the_calendar_is_none_and_costs_no_other(tmp_path):
    micros = pl.Series("time", [10**18, 0, None, -(10**18)]).cast(pl.Datetime("us", "UTC"))
    micros.to_frame().write_parquet(tmp_path / "times.parquet")
    assert [row["time"] for row in rows_of(tmp_path / "times.parquet")] == [
        None,
        datetime(1970, 1, 1, tzinfo=UTC),
        None,
        None,
    ]


@pytest.fixture
def damaged(tmp_path):
    """A Parquet file of 5,000 rows in row groups of 1,000; a page of the fourth is overwritten."""
    path = tmp_path / "damaged.parquet"
    texts = [f"talk {number} " * 20 for number in range(5_000)]
    pl.DataFrame({"text": texts}).write_parquet(path, row_group_size=1_000, compression="snappy")
    content = bytearray(path.read_bytes())
    start = len(content) * 7 // 10
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    return path


def test_damaged_row_group_is_named_by_the_row_at_which_it_ends_the_run(damaged):
    with pytest.raises(InputError) as refusal:
        rows_of(damaged)
    sentence = str(refusal.value)
    assert sentence.count("\n") == 0 and "delete it and run again" in sentence
    row = int(
        re.search(r"damaged\.parquet: the row group that holds its row ([\d,]+) is damaged", sentence)[1].replace(
            ",", ""
        )
    )
    assert 3_001 <= row <= 4_000


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_parquet_file_with_any_bytes_overwritten_is_read_whole_or_refused(tmp_path, data):
    path = tmp_path / "any.parquet"
    rows = [
        {"id": str(number), "messages": [{"role": "user", "content": "tea " * (number % 9)}]} for number in range(300)
    ]
    pl.DataFrame(rows).write_parquet(
        path, row_group_size=100, compression=data.draw(st.sampled_from(["zstd", "snappy", "uncompressed"]))
    )
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        wrong = data.draw(st.binary(min_size=1, max_size=12))
        content[start : start + len(wrong)] = wrong
    path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    try:
        assert len(rows_of(path)) == 300
    except InputError as refusal:
        assert "any.parquet: " in str(refusal)


@settings(deadline=None)
@given(records=RECORDS)
def test_lines_are_read_back_as_they_were_written(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("lines") / "talks.jsonl"
    path.write_bytes(as_lines(records).encode())
    assert list(read_records(path)) == records


@settings(deadline=None)
@given(records=RECORDS)
def test_array_is_read_back_as_it_was_written(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("array") / "talks.json"
    path.write_bytes(json.dumps(records, ensure_ascii=False).encode())
    assert list(read_records(path)) == records


@settings(deadline=None)
@given(records=RECORDS, data=st.data())
def test_array_cut_anywhere_yields_its_first_records_and_one_reason(tmp_path_factory, records, data):
    text = json.dumps(records)
    path = tmp_path_factory.mktemp("cut") / "talks.json"
    path.write_text(text[: data.draw(st.integers(1, len(text) - 1))])
    *found, reason = read_records(path)
    assert isinstance(reason, str) and found == records[: len(found)]


def test_array_cut_inside_its_last_element_keeps_the_others(tmp_path):
    path = tmp_path / "talks.json"
    path.write_text('[{"id": 1}, {"id": 2}, {"id": 3, "te')
    assert [record for record in read_records(path) if isinstance(record, dict)] == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("indent", [0, 1, 4])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("name", ["talk.json", "talk.jsonl"])
def test_one_object_printed_over_many_lines_is_one_record(tmp_path, name, end, indent):
    talk = {"id": "a", "messages": [{"role": "user", "content": "Is the bakery open?"}], "note": {"kept": True}}
    (tmp_path / name).write_bytes(json.dumps(talk, indent=indent).replace("\n", end).encode())
    assert list(read_records(tmp_path / name)) == [talk]


def test_printed_object_that_breaks_off_is_one_reason(tmp_path):
    path = tmp_path / "talk.json"
    path.write_text(json.dumps(TALKS[0], indent=2)[:-5])
    found = list(read_records(path))
    assert len(found) == 1 and "breaks off" in found[0]


def test_line_that_is_not_json_is_a_reason_between_the_other_records(tmp_path):
    path = tmp_path / "talks.jsonl"
    path.write_text('{"id": 1}\n{"id": \n{"id": 3}\n')
    assert list(read_records(path)) == [{"id": 1}, "the line is not JSON", {"id": 3}]


@pytest.mark.parametrize(
    "name, text",
    [("talks.jsonl", '{"id": 1}\n"word"\n12\nnull\n'), ("talks.json", '[{"id": 1}, "word", 12, null]')],
)
def test_record_that_is_not_an_object_is_a_reason(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert list(read_records(tmp_path / name)) == [{"id": 1}] + ["the record is not an object"] * 3


def test_blank_lines_are_no_records(tmp_path):
    path = tmp_path / "talks.jsonl"
    path.write_text('\n{"id": 1}\n   \n\n{"id": 2}\n\n')
    assert list(read_records(path)) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_unicode_line_separators_inside_a_string_do_not_end_a_record(tmp_path, separator):
    path = tmp_path / "talks.jsonl"
    path.write_bytes(f'{{"text": "one{separator}two"}}\n'.encode())
    assert list(read_records(path)) == [{"text": f"one{separator}two"}]


def test_bytes_that_are_not_utf8_become_replacement_characters(tmp_path):
    path = tmp_path / "talks.jsonl"
    path.write_bytes(b'{"text": "caf\xe9"}\n{"text": "tea"}\n')
    assert list(read_records(path)) == [{"text": "caf\ufffd"}, {"text": "tea"}]


@pytest.mark.parametrize("name, content", [("none.jsonl", b""), ("none.json", b"[]"), ("none.json", b"[ \n ]")])
def test_file_without_records_yields_nothing(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert list(read_records(tmp_path / name)) == []


def test_missing_member_is_an_input_error_that_lists_what_is_inside(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("found.json", "[]")
    with pytest.raises(InputError, match=r"wanted\.json.*found\.json"):
        list(read_records(path, member="wanted.json"))


@pytest.mark.parametrize(
    "name, content",
    [
        ("broken.whl", b"not an archive"),
        ("broken.jsonl.gz", b"not compressed"),
        ("cut.jsonl.gz", gzip.compress(as_lines(TALKS * 50).encode())[:-20]),
        ("empty.jsonl.gz", b""),
        ("broken.jsonl.zst", b"not compressed"),
        ("cut.jsonl.zst", zstandard.compress(as_lines(TALKS * 50).encode())[:-20]),
        (
            "second.jsonl.zst",
            zstandard.compress(as_lines(TALKS).encode()) + zstandard.compress(as_lines(TALKS).encode())[:-3],
        ),
        ("empty.jsonl.zst", b""),
        ("empty.parquet", b""),
        ("malformed.json", b'[{"id": 1}, {"id" 2}, {"id": 3}, {"id": 4}]'),
        ("nested.json", b"[" * 50_000),
        ("endless.json", b'[{"id": 1}, ' + b"7" * 5_000 + b', {"id": 3}]'),
        ("broken.parquet", b"not a table, not at all"),
    ],
)
def test_damaged_file_is_an_input_error_that_names_the_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        list(read_records(tmp_path / name, member="talks.json"))


def test_compressed_file_of_several_frames_is_read_to_its_end(tmp_path):
    frames = [as_lines([record]).encode() for record in TALKS]
    (tmp_path / "two.jsonl.gz").write_bytes(b"".join(map(gzip.compress, frames)))
    (tmp_path / "two.jsonl.zst").write_bytes(b"".join(map(zstandard.compress, frames)))
    assert list(read_records(tmp_path / "two.jsonl.gz")) == list(read_records(tmp_path / "two.jsonl.zst")) == TALKS


@settings(deadline=None)
@given(records=RECORDS, cut=st.integers(1, 10**6), size=st.integers(1, 40))
def test_zstandard_file_is_read_whole_or_refused_wherever_it_is_cut(tmp_path_factory, records, cut, size):
    path = tmp_path_factory.mktemp("frames") / "talks.jsonl.zst"
    lines = as_lines(records).encode() or b"\n"
    frames = [zstandard.compress(lines[start : start + size]) for start in range(0, len(lines), size)]
    whole = b"".join(frames)
    path.write_bytes(whole)
    assert list(read_records(path)) == records
    ends = set(itertools.accumulate(map(len, frames)))
    path.write_bytes(whole[: cut % len(whole)])
    if cut % len(whole) in ends:  # between two frames nothing tells that another one should follow
        list(read_records(path))
    else:
        with pytest.raises(InputError, match=r"talks\.jsonl\.zst: the archive is damaged"):
            list(read_records(path))


@pytest.mark.parametrize("name", ["long.jsonl", "long.json", "long.jsonl.gz", "long.jsonl.zst"])
def test_records_longer_than_what_is_read_at_a_time_come_back_whole(tmp_path, name):
    talks = [
        {"id": str(number), "text": "möwe " * (size // 5)} for number, size in enumerate([10, 3 * CHUNK, 10, CHUNK, 7])
    ]
    content = (json.dumps(talks) if name.endswith(".json") else as_lines(talks)).encode()
    pack = {"gz": gzip.compress, "zst": zstandard.compress}.get(name.rsplit(".")[-1], bytes)
    (tmp_path / name).write_bytes(pack(content))
    assert list(read_records(tmp_path / name)) == talks


def test_arrays_one_after_the_other_are_all_read(tmp_path):
    (tmp_path / "talks.json").write_text('[{"id": 1}]\n[{"id": 2}, {"id": 3}]\n')
    assert list(read_records(tmp_path / "talks.json")) == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_lines_that_are_arrays_are_counted_element_by_element(tmp_path):
    (tmp_path / "talks.jsonl").write_text('[{"role": "user"}, {"role": "assistant"}]\n[{"role": "user"}]\n')
    assert len(list(read_records(tmp_path / "talks.jsonl"))) == 3


@pytest.mark.parametrize("name, content", [("tab.jsonl", b'{"id": "a\tb"}\n'), ("tab.json", b'[{"id": "a\tb"}]')])
def test_control_characters_inside_a_string_cost_no_record(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert list(read_records(tmp_path / name)) == [{"id": "a\tb"}]


def test_compressed_lines_are_not_held_in_memory(tmp_path):
    path = tmp_path / "large.jsonl.gz"
    line = json.dumps({"text": "tea " * 25_000}).encode() + b"\n"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(1_000):  # 100 MB
            file.write(line)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_records(path)) == 1_000
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("in_folder", [True, False])
@pytest.mark.parametrize("sizes", [[3], [0], [2, 0, 5], [1_000, 30_000, 1]], ids=str)  # 8 bytes each
def test_tables_that_wait_come_back_in_order(tmp_path, sizes, in_folder):
    tables = [pl.DataFrame({"number": range(size)}, schema={"number": pl.Int64}) for size in sizes]
    small = Spill(tmp_path / "waiting", kept=10_000, largest=100_000)
    with small if in_folder else contextlib.nullcontext(Spill()) as waiting:
        for table in tables:
            waiting.append(table)
        assert pl.concat(waiting).equals(pl.concat(tables))
    assert not list(tmp_path.iterdir())


def test_what_a_killed_run_left_waiting_makes_room(tmp_path):
    (tmp_path / "waiting").mkdir()
    (tmp_path / "waiting" / "000000.arrow").write_bytes(b"half a table")
    with Spill(tmp_path / "waiting") as waiting:
        waiting.append(pl.DataFrame({"number": [1]}))
        assert pl.concat(waiting)["number"].to_list() == [1]


# The first byte of a deflate stream holds its kind of block; 7 is the last block, of a kind that there is not.
NO_SUCH_BLOCK = 7


def test_corrupt_stream_in_a_gzip_file_is_an_input_error_that_names_the_file(tmp_path):
    content = bytearray(gzip.compress(as_lines(TALKS).encode()))
    content[10] = NO_SUCH_BLOCK
    (tmp_path / "corrupt.jsonl.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"corrupt\.jsonl\.gz: the archive is damaged"):
        list(read_records(tmp_path / "corrupt.jsonl.gz"))


@pytest.mark.parametrize("suffix", [".whl", ".zip"])
def test_corrupt_stream_in_an_archive_is_an_input_error_that_names_the_file(tmp_path, suffix):
    path = tmp_path / f"corrupt{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("talks.json", json.dumps(TALKS * 20))
    content = bytearray(path.read_bytes())
    content[30 + len("talks.json")] = NO_SUCH_BLOCK
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"corrupt\{suffix}: the archive is damaged"):
        list(read_records(path, member="talks.json"))
