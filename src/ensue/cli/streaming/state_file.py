"""The state file of `ensue stream`: where every stream stands, written whole or not at all.

The first line is JSON: the format, a checksum of all that follows, and for each stream its id, its clock, its counts and
the size of its state; then come the states one after another.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ensue.cli.streaming.channels import Channel, Channels
from ensue.errors import ModelFileError
from ensue.storage import write_atomically

NAME = "ensue-streams"
FORMAT = 1
SECONDS = 1.0
"""Between two savings."""
SHARE = 5.0
"""A saving that takes long is followed by this many times its duration without one."""


@dataclass(frozen=True)
class Saved:
    """What the file says of one stream."""

    id: str | None
    last: int | None
    rows: int
    known: bool
    state: bytes

    def __post_init__(self) -> None:
        id_fits = self.id is None or isinstance(self.id, str)
        last_fits = self.last is None or (type(self.last) is int and abs(self.last) < 2**63)
        if not (id_fits and last_fits and type(self.rows) is int and self.rows >= 0 and type(self.known) is bool):
            raise ValueError("an entry holds something else")


class StateFile:
    """Keeps the streams of a run in a file.

    Args:
        every: rows after which to save, besides the savings by the clock; None: by the clock alone.
    """

    def __init__(self, path: Path, channels: Channels, every: int | None = None) -> None:
        self.path = path
        self._channels, self._every = channels, every
        self._saved_rows = 0
        self._states: dict[str | None, tuple[int, bytes]] = {}
        self._next = 0.0

    def restore(self) -> bool:
        """Set the streams to where the file says they stood; False where there is no file.

        Raises `ModelFileError` for a file that is damaged, foreign, or of another model.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ModelFileError(f"The state file '{self.path}' cannot be read: {error.strerror}.") from error
        for saved in self._entries(data):
            channel = self._channels.by_id[saved.id] = self._channels.new(saved.id)
            try:
                channel.stream.state = saved.state
            except ModelFileError as error:
                raise ModelFileError(
                    f"The state file '{self.path}' belongs to streams of another model: give the model it came from, or "
                    "--state another file."
                ) from error
            channel.last, channel.rows, channel.known = saved.last, saved.rows, saved.known
            channel.replayed = True
        self._saved_rows = self._channels.rows
        return True

    @property
    def room(self) -> int | None:
        """Rows that may be read before the next saving; None: any number."""
        return None if self._every is None else self._every - (self._channels.rows - self._saved_rows)

    def save_if_due(self) -> float | None:
        """Save where something was read and it is time to; the seconds until it will be, None where nothing is unsaved."""
        if self._channels.rows == self._saved_rows:
            return None
        left = self._next - time.monotonic()
        if left > 0 and (self.room is None or self.room > 0):
            return left
        self.save()
        return None

    def save_if_unsaved(self) -> None:
        """Save where something was read since the last saving."""
        if self._channels.rows != self._saved_rows:
            self.save()

    def save(self) -> None:
        """Write the file. Raises `StorageError` where that fails; the file is then as it was."""
        began = time.monotonic()
        entries, states = [], []
        for channel in self._channels.by_id.values():
            state = self._state(channel)
            states.append(state)
            entries.append(
                {
                    "id": channel.id,
                    "steps": channel.stream.steps,
                    "rows": channel.rows,
                    "last": channel.last,
                    "known": channel.known,
                    "bytes": len(state),
                }
            )
        header = {NAME: FORMAT, "sha256": _checksum(entries, states), "streams": entries}

        def write(file: BinaryIO) -> None:
            file.write(json.dumps(header).encode() + b"\n")
            file.writelines(states)

        write_atomically(self.path, write)
        self._saved_rows = self._channels.rows
        now = time.monotonic()
        self._next = now + max(SECONDS, SHARE * (now - began))

    def _state(self, channel: Channel) -> bytes:
        """The state of a stream; that of the last saving where it has read nothing since."""
        rows, state = self._states.get(channel.id, (-1, b""))
        if rows != channel.rows:
            state = channel.stream.state
            self._states[channel.id] = (channel.rows, state)
        return state

    def _entries(self, data: bytes) -> list[Saved]:
        """What the file says of each stream."""
        try:
            first, _, rest = data.partition(b"\n")
            header = json.loads(first)
            if header[NAME] > FORMAT:
                raise ModelFileError(
                    f"The state file '{self.path}' has format {header[NAME]}, and this Ensue reads up to format {FORMAT}: "
                    "upgrade Ensue."
                )
            entries = list(header["streams"])
            sizes = [int(entry["bytes"]) for entry in entries]
            ends = list(itertools.accumulate(sizes))
            states = [rest[end - size : end] for size, end in zip(sizes, ends, strict=True)]
            whole = min(sizes, default=0) >= 0 and sum(sizes) == len(rest)
            if not whole or header["sha256"] != _checksum(entries, states):
                raise ValueError("the checksum does not match")
            return [
                Saved(each["id"], each["last"], each["rows"], each["known"], state)
                for each, state in zip(entries, states, strict=True)
            ]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise ModelFileError(
                f"'{self.path}' is no state file of `ensue stream`, or a damaged one: give --state another file."
            ) from error


def _checksum(entries: list[dict[str, Any]], states: list[bytes]) -> str:
    digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode())
    for state in states:
        digest.update(state)
    return digest.hexdigest()
