"""One file from the web, kept where it is found again, and only if it is the file that was meant."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ensue.errors import DataError, UsageError
from ensue.storage import storage_error, write_atomically

_CHUNK = 1 << 20
_PATIENCE_S = 30.0
"""Seconds without any answer after which a server counts as unreachable."""


def cache_folder() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/ensue`, by default `~/.cache/ensue`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ensue"


def fetch(url: str, sha256: str, to: str | os.PathLike[str] | None = None) -> Path:
    """Download a file once and check that it is the one that was meant.

    Args:
        url: An http or https address.
        sha256: The file's SHA-256 in hexadecimal digits. A file that differs is not kept.
        to: Where to put it; None: in the cache, under its checksum and its own name.

    Returns:
        The path of the file. A file that is there already and has the checksum is not downloaded again.

    Raises:
        UsageError: An address or a checksum that cannot be one.
        DataError: The server is unreachable or refuses, or the file differs.
        StorageError: The file could not be written.
    """
    address, wanted = urllib.parse.urlsplit(url), sha256.lower()
    if address.scheme not in ("http", "https") or not address.netloc:
        raise UsageError(f"'{url}' is no web address, expected one that starts with http:// or https://.")
    if not re.fullmatch(r"[0-9a-f]{64}", wanted):
        raise UsageError(
            f"the checksum '{sha256}' is no SHA-256, expected 64 hexadecimal digits: copy it from the source."
        )
    name = Path(urllib.parse.unquote(address.path)).name or "download"
    path = Path(to) if to is not None else cache_folder() / wanted[:16] / name
    if path.is_file() and _checksum(path) == wanted:
        return path
    if to is None:
        _make_folder(path.parent)
    write_atomically(path, lambda file: _download(url, wanted, file))
    return path


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _download(url: str, wanted: str, file: BinaryIO) -> None:
    """Copy an answer into a file; whatever goes wrong, the caller removes what was written."""
    found = hashlib.sha256()
    for chunk in _chunks(url):
        found.update(chunk)
        file.write(chunk)
    if found.hexdigest() != wanted:
        raise DataError(
            f"the file at '{url}' has the SHA-256 {found.hexdigest()}, expected {wanted}: it is another file or was "
            "damaged on the way, so it was not kept."
        )


def _chunks(url: str) -> Iterator[bytes]:
    """The bytes at an address; only what goes wrong on the way is caught here, not what goes wrong with the disk."""
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:
            chunk = answer.read(_CHUNK)
            while chunk:
                yield chunk
                chunk = answer.read(_CHUNK)
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(
            f"'{url}' answered {error.code} ({error.reason}), expected a file: check the address."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"'{url}' cannot be reached ({reason}): check the address and the connection.") from error


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
