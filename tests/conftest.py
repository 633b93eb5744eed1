"""What several tests need: a copy of the project to run in, and the command line of the workflow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from endpoint import KEY, NOT_AFFECTIVE, serving
from hypothesis import settings

from shared.labels import read_control_labels

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
PARTS = [
    "Snakefile",
    "environment.yml",
    "requirements.txt",
    "config",
    "profiles",
    "report",
    "resources",
    "rules",
    "scripts",
]


def snakemake(*arguments: str, cwd: Path, timeout: float | None = None) -> subprocess.CompletedProcess:
    """Run snakemake as a user would, with both streams in `stdout`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=cwd,
        env={**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )


def copy_project(target: Path) -> Path:
    """The files of the project that a run needs, without anything that a run made."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / part)
    return target


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of the project."""
    return copy_project(tmp_path)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the control corpus has been run from the raw file to the report."""
    folder = copy_project(tmp_path_factory.mktemp("demo"))
    done = snakemake("--configfile", "config/demo.yaml", cwd=folder)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def world(monkeypatch):
    """An endpoint on this machine, see endpoint.World, and the key to it."""
    monkeypatch.setenv("JUDGE_KEY", KEY)
    with serving() as world:
        yield world


@pytest.fixture(scope="session")
def control():
    """A judge that knows the planted truth, by the first human message: classes, or pushback where replies have numbers."""
    labels = {
        row["conversation_id"]: row for row in read_control_labels(ROOT / "resources/control/labels.csv").to_dicts()
    }
    truth = {}
    for line in (ROOT / "resources/control/conversations.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        first = next(message["content"] for message in record["conversation"] if message["role"] == "user")
        truth[first.strip()] = labels[record["conversation_hash"]]

    def judge(conversation):
        label = truth[next(said["human"] for said in conversation if "human" in said).strip()]
        if not any(speaker.startswith("assistant ") for said in conversation for speaker in said):
            return {name: label[name] for name in NOT_AFFECTIVE}
        found = {}
        for turn in label["pushback_turns"]:
            message = found.setdefault(turn["turn"], {"message": turn["turn"], "kinds": [], "reason": turn["reason"]})
            message["kinds"].append(turn["kind"])
        return {"pushback": list(found.values())}

    return judge
