"""A file is written whole or not at all, and a full disk is one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from ensue.errors import StorageError
from ensue.storage import write_atomically


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, lambda file: file.write(b"one"))
    write_atomically(str(path), lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_new_file_has_ordinary_permissions_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    ordinary, ours = tmp_path / "ordinary", tmp_path / "ours"
    ordinary.write_bytes(b"")
    write_atomically(ours, lambda file: file.write(b""))
    assert ours.stat().st_mode == ordinary.stat().st_mode
    ours.chmod(0o600)
    write_atomically(ours, lambda file: file.write(b"again"))
    assert ours.stat().st_mode & 0o777 == 0o600


def test_disk_that_fills_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def fill(file: BinaryIO) -> None:
        file.write(b"half of")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageError) as caught:
        write_atomically(path, fill)
    assert str(caught.value) == (
        f"cannot write '{path}': there is no space left on the device: free some space or choose another place."
    )
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_disk_that_fills_at_the_last_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StorageError, match="there is no space left on the device"):
        write_atomically(tmp_path / "a.csv", lambda file: file.write(b"all of it"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mistake", [KeyboardInterrupt, ValueError])
def test_other_interruptions_pass_through_and_leave_nothing(tmp_path: Path, mistake: type[BaseException]) -> None:
    def stop(file: BinaryIO) -> None:
        file.write(b"half of")
        raise mistake

    with pytest.raises(mistake):
        write_atomically(tmp_path / "a.csv", stop)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_device_is_written_to_directly_and_stays_a_device() -> None:
    with pytest.raises(StorageError) as caught:
        write_atomically("/dev/full", lambda file: file.write(b"x" * 100_000))
    assert str(caught.value) == (
        "cannot write '/dev/full': there is no space left on the device: free some space or choose another place."
    )
    assert not Path("/dev/full").is_file()


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, lambda file: file.write(b"new"))
    assert link.is_symlink() and target.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere/a.csv", "its folder does not exist: create the folder first or choose another place."),
        (".", "it is a folder: give the name of a file."),
        ("file/a.csv", "a part of its path is a file, not a folder: correct the path."),
    ],
)
def test_places_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        write_atomically(tmp_path / name, lambda file: file.write(b""))
    assert str(caught.value) == f"cannot write '{tmp_path / name}': {reason}"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="permission is denied: choose a place you may write to"):
        write_atomically(tmp_path / "a.csv", lambda file: file.write(b""))
