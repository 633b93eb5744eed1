"""Sources of kind hf and http, by the real client against a real server on this machine that speaks the hub's endpoints and misbehaves."""

import contextlib
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import polars as pl
import pytest
import yaml
from conftest import ROOT, snakemake
from fetch_shard import fetch_hub, fetch_url
from resolve_source import resolve_source, revision_to_ask

from shared.job import InputError

REPO, COMMIT, TOKEN = "someone/talks", "0123456789abcdef0123456789abcdef01234567", "hf_secretsecretsecret"
PATTERN = "data/train-{shard:05d}-of-{n_shards:05d}.parquet"
BYTES = bytes(range(256)) * 12_000  # 3 MB
QUICK = {"wait": 0.01, "tries": 4}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """The hub and the storage behind it, which it redirects to as the real one does."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, data=b"", **headers):
        self.send_response(status)
        for name, value in ({"Content-Length": len(data)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        world, path = self.server.world, unquote(urlsplit(self.path).path)
        world.requests.append((path, {name.title(): value for name, value in self.headers.items()}))
        stage = path.split("/")[1]  # api, datasets, storage
        fault = world.faults[stage].pop(0) if world.faults.get(stage) else {}
        if "status" in fault:
            return self.answer(fault["status"], b"no", **fault.get("headers", {}))
        if stage == "api":
            return self.dataset_info(world, path)
        if stage == "datasets":
            return self.resolve(world, path)
        self.bytes_of(world, path, fault)

    def dataset_info(self, world, path):
        found = re.fullmatch(rf"/api/datasets/{REPO}/revision/(.+)", path)
        if not found:
            return self.answer(401, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        if found[1] not in {COMMIT, *world.branches}:
            return self.answer(404, X_Error_Code="RevisionNotFound", X_Error_Message=f"Invalid rev id: {found[1]}")
        siblings = [{"rfilename": "README.md", "size": 3, "blobId": "0" * 40}] + [
            {
                "rfilename": name,
                "size": len(data),
                "blobId": "1" * 40,
                "lfs": {"size": len(data), "sha256": world.claimed.get(name, sha256(data)), "pointerSize": 132},
            }
            for name, data in world.files.items()
        ]
        info = {
            "_id": "1",
            "id": REPO,
            "author": "someone",
            "sha": world.branches.get(found[1], COMMIT),
            "private": False,
            "gated": "auto" if world.gated else False,
            "disabled": False,
            "tags": [],
            "siblings": siblings,
        }
        self.answer(200, json.dumps(info).encode(), Content_Type="application/json")

    def resolve(self, world, path):
        if world.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        name = path.removeprefix(f"/datasets/{REPO}/resolve/{COMMIT}/")
        if name not in world.files:
            return self.answer(404, X_Error_Code="EntryNotFound")
        self.answer(302, Location=f"{world.storage}/storage/{name}", X_Repo_Commit=COMMIT)

    def bytes_of(self, world, path, fault):
        data = world.files[path.removeprefix("/storage/")]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and world.resumes else 0
        if start >= len(data):
            return self.answer(416, Content_Range=f"bytes */{len(data)}")
        rest, cut = data[start:], fault.get("cut")
        self.send_response(206 if asked and world.resumes else 200)
        self.send_header("Content-Length", str(len(rest)))
        if asked and world.resumes:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(rest[:cut])
        if cut is not None:
            self.close_connection = True


class World:
    """What the servers hold, what they were asked, and how they will misbehave next (by api, datasets, storage)."""

    def __init__(self):
        self.files = {PATTERN.format(shard=n, n_shards=2): BYTES[n:] for n in range(2)}
        self.branches, self.claimed, self.faults, self.requests = {"main": COMMIT}, {}, {}, []
        self.gated, self.resumes = False, True

    def of(self, stage):
        return [headers for path, headers in self.requests if path.split("/")[1] == stage]

    def ranges(self):
        return [headers.get("Range") for headers in self.of("storage")]


@pytest.fixture
def hub(monkeypatch, tmp_path_factory):
    world = World()
    with contextlib.ExitStack() as stack:
        urls = []
        for _ in range(2):
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            server.world = world
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            urls.append(f"http://127.0.0.1:{server.server_port}")
        world.endpoint, world.storage = urls
        monkeypatch.setenv("HF_ENDPOINT", world.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        monkeypatch.setattr(
            "huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path_factory.mktemp("no-token") / "token")
        )
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield world


def resolved(**changes):
    return resolve_source(**{"repo": REPO, "n_shards": 2, "pattern": PATTERN} | QUICK | changes)


def fetched(target, manifest=None, shard="00000"):
    return fetch_hub(manifest or resolved(), shard, target, **QUICK)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


# resolve_source


def test_manifest_names_commit_sizes_and_checksums_as_the_hub_states_them(hub):
    manifest = resolved()
    assert (manifest["repo"], manifest["revision"], manifest["commit"]) == (REPO, "main", COMMIT)
    assert manifest["bytes"] == sum(map(len, hub.files.values()))
    assert manifest["files"] == {
        f"{n:05d}": {"path": name, "size": len(data), "sha256": sha256(data)}
        for n, (name, data) in enumerate(hub.files.items())
    }


def test_a_hash_in_the_published_names_is_matched_by_a_star(hub):
    hub.files = {f"data/train-{n:05d}-of-00002-{n}f{n}.parquet": BYTES for n in range(2)}
    files = resolved(pattern=PATTERN.replace(".parquet", "*.parquet"))["files"]
    assert [file["path"] for file in files.values()] == list(hub.files)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_again(hub, status):
    hub.faults["api"] = [{"status": status, "headers": {"Retry-After": 0}}] * 2
    assert resolved()["commit"] == COMMIT
    assert len(hub.of("api")) == 3


def test_a_hub_that_stays_busy_ends_in_a_sentence_without_its_address(hub):
    hub.faults["api"] = [{"status": 503}] * 9
    with pytest.raises(InputError, match="HTTP status 503") as error:
        resolved()
    assert "127.0.0.1" not in str(error.value) and len(hub.of("api")) == QUICK["tries"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"revision": "nowhere"}, ["no revision 'nowhere'", "`revision`"]),
        ({"repo": "someone/nothing"}, ["someone/nothing", "spelling", "HF_TOKEN"]),
        ({"n_shards": 3}, ["train-00000-of-00003.parquet", "found 0", "train-00000-of-00002.parquet"]),
        ({"n_shards": 1, "pattern": "data/train-{shard:05d}-of-00002.parquet"}, ["expected 1 shards", "`n_shards`"]),
        ({"pattern": "data/train-*-of-{n_shards:05d}.parquet"}, ["found 2"]),
        ({"n_shards": 1, "pattern": "README.md"}, ["no sha256 for 'README.md'"]),
    ],
)
def test_what_the_hub_does_not_have_is_named(hub, changes, words):
    with pytest.raises(InputError) as error:
        resolved(**changes)
    assert all(word in str(error.value) for word in words), error.value


def test_an_address_that_is_no_hub_ends_in_a_sentence(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://someone:password@127.0.0.1:1")
    with pytest.raises(InputError, match="HF_ENDPOINT") as error:
        resolved()
    assert "password" not in str(error.value)


def test_a_gated_set_without_a_token_is_refused_before_any_download(hub):
    hub.gated = True
    with pytest.raises(InputError) as error:
        resolved()
    assert f"https://huggingface.co/datasets/{REPO}" in str(error.value) and "HF_TOKEN" in str(error.value)


def test_a_branch_is_resolved_once(tmp_path):
    manifest, source = tmp_path / "MANIFEST.json", {"repo": REPO}
    assert revision_to_ask(source, manifest) == "main"
    manifest.write_text(json.dumps({"repo": REPO, "revision": "main", "commit": COMMIT}))
    assert revision_to_ask(source, manifest) == COMMIT
    assert revision_to_ask(source | {"revision": "v2"}, manifest) == "v2"
    assert revision_to_ask({"repo": "someone/else"}, manifest) == "main"


# fetch_shard, kind hf


def test_shard_arrives_unchanged_at_the_commit_of_the_manifest(hub, tmp_path):
    origin = fetched(tmp_path / "shard", shard="00001")
    assert (tmp_path / "shard").read_bytes() == BYTES[1:]
    assert left_in(tmp_path) == ["shard"]
    assert origin == {"kind": "hf", "repo": REPO, "commit": COMMIT, "file": PATTERN.format(shard=1, n_shards=2)}
    assert any(f"/resolve/{COMMIT}/" in path for path, _ in hub.requests)


def test_a_cut_connection_is_resumed_where_it_broke(hub, tmp_path):
    hub.faults["storage"] = [{"cut": 2_000_000}, {"cut": 500_000}]
    fetched(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == BYTES
    first, *others = hub.ranges()
    starts = [int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) for asked in others]
    assert first is None and starts[0] > 0 and starts == sorted(starts) and len(starts) == 2


def test_cuts_do_not_use_up_the_tries_while_bytes_arrive(hub, tmp_path):
    hub.faults["storage"] = [{"cut": 1_100_000}, {"cut": 1}, {"cut": 1_100_000}] + [{"cut": 0}] * 2
    fetched(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == BYTES


def test_an_unfinished_download_is_continued_by_the_next_run(hub, tmp_path):
    manifest = resolved()
    hub.faults["storage"] = [{"cut": 2_000_000}] + [{"status": 503}] * 9
    with pytest.raises(InputError, match="goes on from there"):
        fetched(tmp_path / "shard", manifest)
    (partial,) = tmp_path.iterdir()
    had = partial.stat().st_size
    hub.faults.clear()
    fetched(tmp_path / "shard", manifest)
    assert (tmp_path / "shard").read_bytes() == BYTES and left_in(tmp_path) == ["shard"]
    assert had > 0 and hub.ranges()[-1] == f"bytes={had}-"


def test_a_server_that_does_not_resume_sends_everything_again(hub, tmp_path):
    hub.resumes, hub.faults["storage"] = False, [{"cut": 2_000_000}]
    fetched(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == BYTES


@pytest.mark.parametrize("stage", ["datasets", "storage"])
@pytest.mark.parametrize("status", [429, 502])
def test_a_busy_server_is_asked_again(hub, tmp_path, stage, status):
    hub.faults[stage] = [{"status": status, "headers": {"Retry-After": 0}}]
    fetched(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == BYTES


def test_other_bytes_than_the_manifest_names_are_refused_and_nothing_is_left(hub, tmp_path):
    name = PATTERN.format(shard=0, n_shards=2)
    hub.claimed[name] = "0" * 64
    with pytest.raises(InputError) as error:
        fetched(tmp_path / "shard")
    assert all(word in str(error.value) for word in [name, COMMIT, "0" * 64, sha256(BYTES)])
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("change", [-1, 1])
def test_another_size_than_the_manifest_names_is_refused_and_nothing_is_left(hub, tmp_path, change):
    manifest = resolved()
    manifest["files"]["00000"]["size"] += change
    with pytest.raises(InputError, match=str(len(BYTES))):
        fetched(tmp_path / "shard", manifest)
    assert left_in(tmp_path) == []


def test_a_gated_shard_needs_the_token_and_only_the_hub_is_given_it(hub, tmp_path, monkeypatch):
    manifest, hub.gated = resolved(), True
    with pytest.raises(InputError, match="HF_TOKEN"):
        fetched(tmp_path / "shard", manifest)
    assert left_in(tmp_path) == []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetched(tmp_path / "shard", manifest)
    assert (tmp_path / "shard").read_bytes() == BYTES
    assert hub.of("datasets")[-1]["Authorization"] == f"Bearer {TOKEN}"
    assert not any("Authorization" in headers for headers in hub.of("storage"))


def test_a_shard_that_vanished_is_named(hub, tmp_path):
    manifest = resolved()
    hub.files.clear()
    with pytest.raises(InputError, match=f"{REPO}.*404"):
        fetched(tmp_path / "shard", manifest)
    assert left_in(tmp_path) == []


# fetch_shard, kind http


def test_url_is_resumed_and_verified_without_a_token(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.files, hub.faults["storage"] = {"a.jsonl": BYTES}, [{"status": 429}, {"cut": 2_000_000}]
    origin = fetch_url(f"{hub.storage}/storage/a.jsonl?key=k", sha256(BYTES), tmp_path / "shard", **QUICK)
    assert (tmp_path / "shard").read_bytes() == BYTES and left_in(tmp_path) == ["shard"]
    assert hub.ranges()[-1].startswith("bytes=") and origin["url"] == f"{hub.storage}/storage/a.jsonl"
    assert not any("Authorization" in headers for headers in hub.of("storage"))


def test_url_whose_download_was_complete_before_the_kill_is_not_fetched_again(hub, tmp_path):
    hub.files = {"a.jsonl": BYTES}
    (tmp_path / f".shard.{sha256(BYTES)[:16]}.partial").write_bytes(BYTES)
    fetch_url(f"{hub.storage}/storage/a.jsonl", sha256(BYTES), tmp_path / "shard", **QUICK)
    assert left_in(tmp_path) == ["shard"] and hub.ranges() == [f"bytes={len(BYTES)}-"]


def test_url_with_other_bytes_is_refused_and_nothing_is_left(hub, tmp_path):
    hub.files = {"a.jsonl": BYTES}
    with pytest.raises(InputError, match=sha256(BYTES)):
        fetch_url(f"{hub.storage}/storage/a.jsonl", "0" * 64, tmp_path / "shard", **QUICK)
    assert left_in(tmp_path) == []


def test_url_that_is_refused_is_named_without_its_query(hub, tmp_path):
    hub.faults["storage"] = [{"status": 404}]
    with pytest.raises(InputError, match="HTTP status 404") as error:
        fetch_url(f"{hub.storage}/storage/a.jsonl?key=k", "0" * 64, tmp_path / "shard", **QUICK)
    assert "key=k" not in str(error.value) and left_in(tmp_path) == []


# the workflow


def talks(n):
    """A shard in WildChat's columns, as far as they are read."""
    turns = [{"role": "user", "content": f"How are you, {n}?"}, {"role": "assistant", "content": "I am well."}]
    return pl.DataFrame({"conversation_hash": [f"c{n}"], "conversation": [turns], "model": ["gpt-4"]})


def parquet(frame, path):
    frame.write_parquet(path)
    return path.read_bytes()


TALKS = {"title": "Talks", "kind": "hf", "repo": REPO, "n_shards": 2, "pattern": PATTERN, "available": []}


@pytest.fixture
def preset(hub, project):
    """The command line of a run on the hub's data set; returns arguments of snakemake."""
    hub.files = {PATTERN.format(shard=n, n_shards=2): parquet(talks(n), project / f"{n}.parquet") for n in range(2)}
    write_preset(project, TALKS | {"available": ["model"]})
    return ["--configfile", "config/talks.yaml"]


def write_preset(project, source):
    run = {"run": "talks", "datasets": ["talks"], "sources": {"talks": source}}
    (project / "config" / "talks.yaml").write_text(yaml.safe_dump(run))


def written_words(folder):
    """Everything readable that a run wrote, file by file."""
    return "\n".join(
        path.read_text(errors="replace")
        for part in ["data", "logs", "benchmarks", ".snakemake"]
        for path in (folder / part).rglob("*")
        if path.is_file()
    )


def test_workflow_fetches_a_data_set_from_the_hub_once(hub, project, preset, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    targets = [f"data/interim/talks/conversations/{n:05d}.parquet" for n in range(2)]
    planned = snakemake("--dry-run", *targets, *preset, cwd=project)
    assert "To download: talks, 2 of 2 files, unknown size" in planned.stdout and not hub.requests
    done = snakemake("data/raw/talks/00000.parquet", *preset, cwd=project)
    assert done.returncode == 0, done.stdout
    raw = project / "data" / "raw" / "talks"
    assert (raw / "00000.parquet").read_bytes() == hub.files[PATTERN.format(shard=0, n_shards=2)]
    assert json.loads((raw / "MANIFEST.json").read_text())["commit"] == COMMIT
    assert json.loads((raw / "00000.parquet.origin.json").read_text())["commit"] == COMMIT
    done = snakemake(*targets, *preset, cwd=project)
    assert re.search(r"To download: talks, 1 of 2 files, 0\.0 MB", done.stdout), done.stdout
    assert done.returncode == 0 and len(hub.of("api")) == 1
    assert pl.read_parquet(project / targets[1])["conversation_id"].to_list() == ["c1"]
    for secret in [TOKEN, urlsplit(hub.endpoint).netloc]:
        assert secret not in written_words(project) and secret not in done.stdout
    assert left_in(raw) == ["00000.parquet", "00000.parquet.origin.json", "00001.parquet", "00001.parquet.origin.json", "MANIFEST.json"]  # fmt: skip


def test_resolving_again_keeps_the_commit_until_the_manifest_is_deleted(hub, project, preset):
    manifest = "data/raw/talks/MANIFEST.json"
    assert snakemake(manifest, *preset, cwd=project).returncode == 0
    hub.branches["main"] = "f" * 40
    assert snakemake("--force", manifest, *preset, cwd=project).returncode == 0
    assert json.loads((project / manifest).read_text())["commit"] == COMMIT
    assert json.loads((project / manifest).read_text())["revision"] == "main"
    (project / manifest).unlink()
    assert snakemake(manifest, *preset, cwd=project).returncode == 0
    assert json.loads((project / manifest).read_text())["commit"] == "f" * 40


def test_a_new_title_fetches_nothing_again(hub, project, preset):
    assert snakemake("data/raw/talks/00000.parquet", *preset, cwd=project).returncode == 0
    path = project / "config" / "talks.yaml"
    path.write_text(path.read_text().replace("title: Talks", "title: Talks of many"))
    assert "Nothing to be done" in snakemake("data/raw/talks/00000.parquet", *preset, cwd=project).stdout


def test_workflow_says_what_to_do_for_a_gated_data_set(hub, project, preset):
    hub.gated = True
    done = snakemake("data/raw/talks/00000.parquet", *preset, cwd=project)
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert f"https://huggingface.co/datasets/{REPO}" in done.stdout and "HF_TOKEN" in done.stdout
    assert not [path for path in (project / "data").rglob("*") if path.is_file()]


def test_workflow_fetches_from_plain_addresses(hub, project, preset):
    hub.files = {
        "a.jsonl": b'{"id": "1", "messages": []}\n',
        "b.parquet": hub.files[PATTERN.format(shard=0, n_shards=2)],
    }
    source = {
        "title": "Talks",
        "kind": "http",
        "urls": [f"{hub.storage}/storage/{name}" for name in hub.files],
        "sha256s": [sha256(data) for data in hub.files.values()],
        "bytes": 2_000_000,
        "available": [],
    }
    write_preset(project, source)
    done = snakemake("data/raw/talks/00000.jsonl", "data/raw/talks/00001.parquet", *preset, cwd=project)
    assert done.returncode == 0 and "To download: talks, 2 of 2 files, 2.0 MB." in done.stdout, done.stdout
    for name, shard in zip(hub.files, ["00000.jsonl", "00001.parquet"], strict=True):
        assert (project / "data" / "raw" / "talks" / shard).read_bytes() == hub.files[name]


# configuration


@pytest.mark.parametrize(("name", "n_shards"), [("wildchat-1m", 14), ("wildchat-4.8m", 86), ("lmsys-chat-1m", 6)])
def test_presets_plan_every_shard_and_announce_the_download(name, n_shards):
    done = snakemake("--configfile", f"config/{name}.yaml", "--dry-run", "--quiet", "rules", cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert f"To download: {name}, {n_shards} of {n_shards} files, unknown size" in done.stdout


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"repo": "no-owner"}, ["sources.talks.repo", "no-owner"]),
        ({"n_shards": None}, ["n_shards", "required"]),
        ({"pattern": "data/train.parquet"}, ["same file for every shard", "{shard:05d}"]),
        ({"pattern": "data/{shrad}.parquet"}, ["cannot fill in", "shrad"]),
        ({"shards": 3}, ["unknown key 'shards'"]),
        ({"kind": "http"}, ["'urls' is a required property"]),
        ({"kind": "http", "urls": ["https://a.example/1.jsonl"], "sha256s": ["0" * 64] * 2}, ["1 urls and 2 sha256s"]),
        ({"kind": "http", "urls": ["ftp://a.example/1.jsonl"], "sha256s": ["0" * 64]}, ["https://"]),
        ({"pattern": "data/{shard}.csv"}, ["cannot read 'data/0.csv'"]),
    ],
    ids=str,
)
def test_a_source_that_is_described_badly_is_refused_in_one_sentence(tmp_path, changes, words):
    source = {key: value for key, value in (TALKS | changes).items() if value is not None}
    preset = tmp_path / "talks.yaml"
    preset.write_text(yaml.safe_dump({"run": "talks", "datasets": ["talks"], "sources": {"talks": source}}))
    done = snakemake("--dry-run", "--configfile", str(preset), cwd=ROOT)
    sentences = [line for line in done.stdout.splitlines() if line.startswith("Configuration:")]
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert len(sentences) == 1 and all(word in sentences[0] for word in words), done.stdout


def test_presets_name_the_page_of_a_gated_set():
    preset = (ROOT / "config" / "lmsys-chat-1m.yaml").read_text(encoding="utf-8")
    assert "https://huggingface.co/datasets/lmsys/lmsys-chat-1m" in preset and "HF_TOKEN" in preset
