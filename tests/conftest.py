"""What several tests need: a copy of the project to run in, and the command line of the workflow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

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
