"""Writing a file whole or not at all.

The bytes go to a temporary file in the same folder, are flushed to the disk, and only then take the file's name.
Whatever goes wrong before that leaves the old file as it was and no temporary file behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ensue.errors import StorageError

_REASONS = {
    errno.ENOSPC: "there is no space left on the device: free some space or choose another place.",
    errno.EDQUOT: "your disk quota is used up: free some space or choose another place.",
    errno.EROFS: "the file system is read-only: choose another place.",
    errno.EACCES: "permission is denied: choose a place you may write to.",
    errno.EPERM: "permission is denied: choose a place you may write to.",
    errno.EISDIR: "it is a folder: give the name of a file.",
    errno.ENOTDIR: "a part of its path is a file, not a folder: correct the path.",
    errno.ENOENT: "its folder does not exist: create the folder first or choose another place.",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one.",
}


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all.

    Args:
        path: Where the file shall stand; an existing file is replaced at the very end, a symbolic link is followed.
            A device or a pipe, such as `/dev/stdout`, is written to directly.
        write: Called once with the open binary file; it writes all the bytes.

    Raises:
        StorageError: The file could not be written. An existing file is unchanged and no temporary file is left.

    Whatever else `write` raises passes through, after the same cleaning up.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "note.txt", lambda file: file.write(b"whole"))
    ...     (Path(folder) / "note.txt").read_bytes(), len(os.listdir(folder))
    (b'whole', 1)
    """
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        if target.exists() and not target.is_file():
            with open(target, "wb") as device:
                write(device)
            return
        _write_and_rename(target, write)
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: str | os.PathLike[str], error: OSError) -> StorageError:
    """The sentence for an operating system's refusal to write `path`."""
    reason = _REASONS.get(error.errno or 0, f"the system says '{error.strerror or error}': choose another place.")
    return StorageError(f"cannot write '{os.fspath(path)}': {reason}")


def _write_and_rename(target: Path, write: Callable[[BinaryIO], object]) -> None:
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    # Opened by hand and not by `tempfile`, so that the file gets the permissions an ordinary new file would get.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(descriptor, "wb") as file:
            if target.exists():
                with contextlib.suppress(OSError):  # a file system without permissions keeps its own
                    os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system can do that for a folder."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
