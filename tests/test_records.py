"""Reading records from every container, whole or damaged."""

import gzip
import json
import zipfile

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.job import InputError
from shared.records import read_records

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


def test_parquet_rows_are_read_as_dicts(tmp_path):
    rows = [
        {"id": "a", "messages": [{"role": "user", "content": "Is the bakery open?"}]},
        {"id": "b", "messages": []},
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "talks.parquet")
    assert list(read_records(tmp_path / "talks.parquet")) == rows


def test_parquet_rows_keep_their_order_over_several_batches(tmp_path):
    pl.DataFrame({"number": range(5_000)}).write_parquet(tmp_path / "many.parquet", row_group_size=700)
    assert [record["number"] for record in read_records(tmp_path / "many.parquet")] == list(range(5_000))


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
        ("broken.parquet", b"not a table, not at all"),
    ],
)
def test_damaged_file_is_an_input_error_that_names_the_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        list(read_records(tmp_path / name, member="talks.json"))


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
