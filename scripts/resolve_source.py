"""Resolve a Hugging Face data set to one commit and write down which files it has there, with their sizes and checksums."""

import fnmatch
import json
from pathlib import Path
from typing import TYPE_CHECKING

from shared.hub import endpoint, explained, gated, patiently
from shared.job import InputError, logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def resolve_source(
    *, repo: str, revision: str = "main", n_shards: int, pattern: str, tries: int = 6, wait: float = 1
) -> dict:
    """Ask the hub once what `revision` of a data set is, and which bytes its shards have.

    Args:
        repo: owner and name.
        revision: branch, tag or commit.
        n_shards: how many files the data set is published in.
        pattern: path of a shard in the repository, with {shard}, {n_shards} and `*` for what cannot be known beforehand.
        tries, wait: see `shared.hub.patiently`.

    Returns:
        The manifest: repo, revision, commit, total bytes, and path, size and sha256 of each shard by its number.

    Raises:
        InputError: the hub, the data set, its revision or a shard cannot be had.
    """
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub import HfApi, get_token

    api = HfApi(endpoint=endpoint())
    try:
        info = patiently(
            lambda: api.dataset_info(repo, revision=revision, files_metadata=True, timeout=30), tries=tries, wait=wait
        )
    except (HTTPError, InvalidURL, ConnectionError, ValueError) as error:  # the last: an answer that is not a hub's
        raise explained(error, repo=repo, revision=revision) from None
    if info.gated and not get_token():
        raise gated(repo)
    files = shard_files(info.siblings or [], n_shards=n_shards, pattern=pattern, place=f"{repo} at {info.sha}")
    return {
        "repo": repo,
        "revision": revision,
        "commit": info.sha,
        "bytes": sum(file["size"] for file in files.values()),
        "files": files,
    }


def shard_files(siblings: list, *, n_shards: int, pattern: str, place: str) -> dict[str, dict]:
    """{shard: path, size, sha256} of the files among `siblings` that are the shards, each of them exactly once.

    Raises:
        InputError: a shard is missing, ambiguous or without a checksum, or there are more shards than configured.
    """
    paths = {sibling.rfilename: sibling for sibling in siblings}
    files = {}
    for number in range(n_shards + 1):
        wanted = pattern.format(shard=number, n_shards=n_shards)
        found = fnmatch.filter(paths, wanted)
        taken = {file["path"] for file in files.values()}
        if number == n_shards:
            if set(found) - taken:
                raise InputError(
                    f"{place}: expected {n_shards} shards, found another one, '{min(set(found) - taken)}'. Set `n_shards` of this source to the number of its files."
                )
            break
        if len(found) != 1 or found[0] in taken:
            there = ", ".join(sorted(fnmatch.filter(paths, f"*{Path(pattern).suffix}"))[:5]) or "none of that kind"
            raise InputError(
                f"{place}: expected one file '{wanted}', found {len(set(found) - taken)}; its files are {there}. Set `pattern` and `n_shards` of this source accordingly."
            )
        sibling = paths[found[0]]
        if sibling.lfs is None:
            raise InputError(
                f"{place}: the hub states no sha256 for '{found[0]}'. Use a source of kind http with a checksum of your own, or download the file and run it as kind local."
            )
        files[f"{number:05d}"] = {"path": found[0], "size": sibling.lfs.size, "sha256": sibling.lfs.sha256}
    return files


def revision_to_ask(source: dict, manifest: Path) -> str:
    """The commit on record where the same revision of the same data set was resolved before; a branch is resolved once."""
    revision = source.get("revision", "main")
    if manifest.exists():
        known = json.loads(manifest.read_text(encoding="utf-8"))
        if (known["repo"], known["revision"]) == (source["repo"], revision):
            return known["commit"]
    return revision


def main():
    source, path = snakemake.params.source, Path(snakemake.output.manifest)
    asked = revision_to_ask(source, path)
    manifest = resolve_source(**source | {"revision": asked}) | {"revision": source.get("revision", "main")}
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    print(
        f"{manifest['repo']}: '{manifest['revision']}' is {manifest['commit']}, {len(manifest['files'])} shards, {manifest['bytes']} bytes"
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
