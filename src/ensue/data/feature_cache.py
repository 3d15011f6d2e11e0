"""Features that take long to compute, kept on disk: computed once for each content of a file and each way of reading it.

They lie in `features` of Ensue's cache folder (`$XDG_CACHE_HOME/ensue`, by default `~/.cache/ensue`), under a digest of the
file's bytes and of how it was read, so that a file that was renamed is known again, and one that was changed is not. Each is
written whole or not at all: a run that is stopped leaves what it has finished. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.download import cache_folder
from ensue.errors import StorageError
from ensue.storage import write_atomically

BLOCK = 1 << 20


def cached(path: Path, way: str, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """What `compute` gives for a file, or what it gave before.

    Args:
        path: a file, or a folder of files, that is read.
        way: how it is read; another way is another entry.

    A cache that cannot be written is done without.
    """
    if not path.exists():
        return compute()
    place = cache_folder() / "features" / f"{digest(path, way)}.npy"
    try:
        return np.asarray(np.load(place, allow_pickle=False))
    except (OSError, ValueError, EOFError):  # not there, or cut off
        found = compute()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, lambda file: np.save(file, found, allow_pickle=False))
    except (OSError, StorageError):
        return found
    return found


def digest(path: Path, way: str) -> str:
    """Of the bytes of a file, or of all files in a folder, and of how they are read."""
    found = hashlib.blake2b(way.encode("utf-8", "surrogatepass"), digest_size=20)
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for each in files:
        if path.is_dir():
            found.update(each.relative_to(path).as_posix().encode("utf-8", "surrogatepass"))
        with each.open("rb") as file:
            while block := file.read(BLOCK):
                found.update(block)
    return found.hexdigest()
