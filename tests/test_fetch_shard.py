"""Fetching: checksums, local copies, and packages taken from a folder of handmade wheels (no network)."""

import hashlib
import os
import zipfile

import pytest
from fetch_shard import copy_local, fetch_package, sha256_of

from shared.job import InputError


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel of a package that is in no index, in a folder that pip is told to look in."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "handmade_dialogues-0.1.0-py3-none-any.whl"
    info = "handmade_dialogues-0.1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("handmade_dialogues/talk.json", "[]")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: handmade-dialogues\nVersion: 0.1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return path


def source(wheel, **changes):
    return {
        "package": "handmade-dialogues",
        "version": "0.1.0",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
    } | changes


@pytest.mark.parametrize(
    "content, digest",
    [
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ],
)
def test_sha256_of_a_file_is_the_published_test_vector(tmp_path, content, digest):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert sha256_of(path) == digest


def test_local_copy_has_the_same_bytes(tmp_path):
    original = tmp_path / "talks.jsonl"
    original.write_bytes(b'{"id": "1"}\r\n\xff\n')
    copy_local(original, tmp_path / "copy.jsonl", name="talks.jsonl")
    assert (tmp_path / "copy.jsonl").read_bytes() == original.read_bytes()


def test_local_copy_stays_as_it_was_when_the_original_changes(tmp_path):
    original, copy = tmp_path / "talks.jsonl", tmp_path / "copy.jsonl"
    original.write_text("before")
    copy_local(original, copy, name="talks.jsonl")
    original.write_text("after")
    assert copy.read_text() == "before"


def test_local_origin_names_the_file_without_its_folder(tmp_path):
    original = tmp_path / "talks.jsonl"
    original.write_text("")
    origin = copy_local(original, tmp_path / "copy.jsonl", name="mine/talks.jsonl")
    assert origin == {"kind": "local", "file": "mine/talks.jsonl"}


def test_package_with_the_expected_checksum_arrives_unchanged(tmp_path, wheel):
    target = tmp_path / "shard.whl"
    fetch_package(source(wheel), target)
    assert target.read_bytes() == wheel.read_bytes()


def test_package_origin_names_package_and_version(tmp_path, wheel):
    origin = fetch_package(source(wheel), tmp_path / "shard.whl")
    assert origin == {"kind": "pypi", "package": "handmade-dialogues", "version": "0.1.0"}


def test_package_with_another_checksum_is_refused_with_both_checksums_named(tmp_path, wheel):
    with pytest.raises(InputError) as error:
        fetch_package(source(wheel, sha256="0" * 64), tmp_path / "shard.whl")
    assert "0" * 64 in str(error.value) and sha256_of(wheel) in str(error.value)


def test_package_with_another_checksum_leaves_no_shard_behind(tmp_path, wheel):
    with pytest.raises(InputError):
        fetch_package(source(wheel, sha256="0" * 64), tmp_path / "shard.whl")
    assert [path.name for path in tmp_path.iterdir()] == ["wheels"]


@pytest.mark.parametrize("change", [{"version": "9.9"}, {"package": "handmade-dialogues-that-nobody-made"}])
def test_package_that_cannot_be_had_is_an_input_error_naming_the_requirement(tmp_path, wheel, change):
    wanted = source(wheel, **change)
    with pytest.raises(InputError, match=f"{wanted['package']}=={wanted['version']}"):
        fetch_package(wanted, tmp_path / "shard.whl")
