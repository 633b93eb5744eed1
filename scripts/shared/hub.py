"""Talking to the Hugging Face Hub and to plain web servers: patient, resumed, verified, and silent about tokens and endpoints."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.job import InputError

# Read by huggingface_hub when it is imported, which is why the functions below import it themselves.
os.environ |= {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_VERBOSITY": "error",  # its warnings name the endpoint, which may hold a password
    "HF_DEBUG": "0",
    "HF_HUB_CACHE": "data/raw/.hub",  # nothing is cached: shards go where the workflow keeps them
    "HF_ASSETS_CACHE": "data/raw/.hub",
    "HF_XET_CACHE": "data/raw/.hub",
}

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
TIMEOUT = 30  # seconds without a byte
LONGEST_WAIT = 300
CHUNK = 1 << 20


def page_of(repo: str) -> str:
    """The page of a data set, for people: never the endpoint in use."""
    return f"https://huggingface.co/datasets/{repo}"


def endpoint() -> str | None:
    """The hub that HF_ENDPOINT names, if any."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None


def shown(url: str) -> str:
    """A URL without user, password, query and fragment, as far as a log may name it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def patiently(action: Callable[[], Any], *, tries: int, wait: float, progress: Callable[[], int] = lambda: 0) -> Any:
    """Result of `action`, tried again with growing pauses after what may pass: a cut connection, 429, 5xx.

    Args:
        action: called without arguments.
        tries: how often in a row it may fail without any progress.
        wait: seconds before the second try; doubles from try to try. Where the server says how long, that counts.
        progress: a number that grows with what is already had.
    """
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError

    failures, before = 0, progress()
    while True:
        try:
            return action()
        except (HfHubHTTPError, TransportError) as error:
            response = getattr(error, "response", None)
            if response is not None and response.status_code not in TRANSIENT:
                raise
            failures, before = (1 if progress() > before else failures + 1), progress()
            if failures >= tries:
                raise
            asked = "" if response is None else response.headers.get("Retry-After", "")
            pause = min(int(asked) if asked.isdecimal() else wait * 2 ** (failures - 1), LONGEST_WAIT)
            print(f"{reason(error)}; had {before} bytes; trying again in {pause:g} s")
            time.sleep(pause)


def reason(error: Exception) -> str:
    """What went wrong in a few words, without the address that the client's own message names."""
    response = getattr(error, "response", None)
    return type(error).__name__ if response is None else f"HTTP status {response.status_code}"


def explained(error: Exception, *, repo: str, revision: str) -> InputError:
    """The sentence for a hub that does not give what was asked for."""
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RevisionNotFoundError

    page, status = page_of(repo), getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, RevisionNotFoundError):
        return InputError(
            f"{repo} has no revision '{revision}'. Set `revision` of this source to a branch, tag or commit that {page}/commits/main lists."
        )
    if isinstance(error, GatedRepoError):
        return gated(repo)
    if status in {401, 403}:
        return InputError(
            f"{repo}: the hub refused access (HTTP status {status}). No such data set exists, or it is private or gated, or HF_TOKEN is wrong or has expired: check the spelling of `repo`, visit {page}, accept its terms where it asks, and set HF_TOKEN to a valid read token of that account."
        )
    if status == 404:
        return InputError(
            f"{repo}: the hub does not know it, or a file of it at '{revision}' (HTTP status 404). Check `repo` and `revision` against {page}."
        )
    if isinstance(error, OfflineModeIsEnabled):
        return InputError(
            f"{repo} cannot be fetched because HF_HUB_OFFLINE is set. Unset it, or run files that you have with config/own-logs.yaml."
        )
    return InputError(
        f"{repo} could not be had from the hub ({reason(error)}). Check the network, and HF_ENDPOINT if you set it; then run again: what was downloaded is kept, and the download goes on from there."
    )


def gated(repo: str) -> InputError:
    """The sentence for a data set whose terms must be accepted first."""
    return InputError(
        f"{repo} is gated: visit {page_of(repo)}, log in and accept its terms, then set the variable HF_TOKEN to a read token of that account (made at https://huggingface.co/settings/tokens) and run again."
    )


def download(
    url: str,
    target: Path,
    *,
    sha256: str,
    size: int | None = None,
    headers: dict[str, str] | None = None,
    name: str | None = None,
    tries: int = 6,
    wait: float = 1,
) -> None:
    """Download `url` to `target`, resumed where an earlier attempt or an earlier run broke off, and verify it.

    Args:
        sha256: what the bytes must have; also names the unfinished file beside the target, so that it is only ever continued with the same bytes.
        size: in bytes, where it is known.
        headers: sent with every request; the client drops the authorization where another host takes over.
        name: what a sentence calls the file; the URL, if nothing is given.
        tries: how often in a row it may fail without a byte gained.
        wait: seconds before the second try.

    Raises:
        InputError: the bytes are not those that `sha256` and `size` name. Nothing is left behind then.
    """
    name = name or shown(url)
    partial = target.with_name(f".{target.name}.{sha256[:16]}.partial")
    for stale in set(target.parent.glob(f".{target.name}.*.partial")) - {partial}:
        stale.unlink()
    partial.touch()

    def had():
        return partial.stat().st_size

    try:
        if size is None or had() < size:
            patiently(
                lambda: _continue(url, partial, size=size, headers=headers or {}),
                tries=tries,
                wait=wait,
                progress=had,
            )
        with open(partial, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256 or size not in {None, had()}:
            expected = f"sha256 {sha256}" + ("" if size is None else f" and {size} bytes")
            message = f"{name}: expected {expected}, found sha256 {found} and {had()} bytes. The download is damaged or the file was changed; nothing of it was kept. Run again; if it stays so, do not use the file."
            partial.unlink()
            raise InputError(message)
        partial.replace(target)
    finally:
        if partial.exists() and not had():
            partial.unlink()


def _continue(url, partial, *, size, headers):
    """One request for the bytes that `partial` still lacks."""
    from httpx2 import RemoteProtocolError
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import get_session, hf_raise_for_status

    start = partial.stat().st_size
    asked = {"Accept-Encoding": "identity"} | headers | ({"Range": f"bytes={start}-"} if start else {})
    with get_session().stream("GET", url, headers=asked, timeout=TIMEOUT) as response:
        try:
            hf_raise_for_status(response)
        except HfHubHTTPError:
            if response.status_code != 416:
                raise
            return  # nothing lies behind what is here: the checksum says whether that is all
        goes_on = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(
            f"bytes {start}-"
        )
        if start:
            print(f"Went on at byte {start}" if goes_on else "The server does not resume: from the beginning")
        with open(partial, "ab" if goes_on else "wb") as file:
            for chunk in response.iter_bytes(CHUNK):
                file.write(chunk)
    if size is not None and partial.stat().st_size < size:
        raise RemoteProtocolError("the connection ended before the file did")
