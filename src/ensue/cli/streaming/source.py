"""Lines as they come from a pipe, a file or a terminal, and what interrupts the waiting for them."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from ensue.errors import DataError

CHUNK = 1 << 16
"""Bytes read at once, where there are as many."""
MOST_LINES = 512
"""Lines handed on at once: between two such portions there is time to save and to stop."""
LONGEST = 1 << 24
"""Bytes of a line beyond which the input is taken for no text."""


class Interrupts:
    """Turns Ctrl-C, SIGTERM and a closed terminal into an exception where it harms nothing: while waiting, or at `check`.

    `KeyboardInterrupt` for Ctrl-C, `SystemExit(143)` for SIGTERM, `SystemExit(129)` for SIGHUP, unless that is ignored
    already, as `nohup` has it.
    """

    SIGNALS = tuple(
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    )  # Windows has no SIGHUP

    def __init__(self) -> None:
        self._caught: int | None = None
        self._waiting = False

    def __enter__(self) -> Interrupts:
        self._before = {}
        with contextlib.suppress(ValueError):  # handlers can be set in the main thread only
            heard = [each for each in self.SIGNALS if each.name != "SIGHUP" or signal.getsignal(each) != signal.SIG_IGN]
            self._before = {each: signal.signal(each, self._handle) for each in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Within, a signal interrupts at once."""
        self._waiting = True
        try:
            self.check()
            yield
        finally:
            self._waiting = False

    def check(self) -> None:
        """Raise where a signal has come."""
        if self._caught == signal.SIGINT:
            raise KeyboardInterrupt
        if self._caught is not None:
            raise SystemExit(128 + self._caught)

    def _handle(self, number: int, _: FrameType | None) -> None:
        self._caught = number
        if self._waiting:
            self._waiting = False
            self.check()


class Source:
    """Standard input, or a file in its place."""

    def __init__(self, name: str, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._file, self._own = _open(name)
        try:
            self._number: int | None = self._file.fileno()
        except (OSError, io.UnsupportedOperation):  # bytes in memory
            self._number = None

    def portions(self, pause: Callable[[], float | None]) -> Iterator[list[str]]:
        """The lines as they come, without their ends, a portion at a time; the last may lack its end.

        `pause` is called before every waiting; it returns the seconds after which it wants to be called again.
        """
        rest = b""
        first = True
        try:
            while chunk := self._next(pause):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                if len(rest) > LONGEST:
                    raise DataError(f"A line of the input is longer than {LONGEST} bytes, expected text, a row a line.")
                if lines and first:
                    lines[0], first = lines[0].removeprefix(b"\xef\xbb\xbf"), False
                yield from self._cut(lines)
            if rest:
                yield from self._cut([rest.removeprefix(b"\xef\xbb\xbf") if first else rest])
        finally:
            if self._own:
                self._file.close()

    def _cut(self, lines: list[bytes]) -> Iterator[list[str]]:
        for start in range(0, len(lines), MOST_LINES):
            # What is no UTF-8 goes through as it is: names of series are only compared and written again.
            text = b"\n".join(lines[start : start + MOST_LINES]).decode("utf-8", "surrogateescape")
            yield [line.removesuffix("\r") for line in text.split("\n")]

    def _next(self, pause: Callable[[], float | None]) -> bytes:
        if self._number is None:
            return self._file.read(CHUNK)
        while not self._ready(0.0):
            seconds = pause()
            with self._interrupts.waiting():
                if self._ready(seconds):
                    break
        with self._interrupts.waiting():
            try:
                return os.read(self._number, CHUNK)
            except OSError as error:
                raise DataError(f"The input cannot be read on: {error.strerror}; give it again.") from error

    def _ready(self, seconds: float | None) -> bool:
        """Whether something can be read within some seconds."""
        if os.name != "posix":  # elsewhere only sockets can be waited for: `pause` has to do with being called once
            return seconds != 0.0
        return bool(select.select([self._file], [], [], seconds)[0])


def _open(name: str) -> tuple[BinaryIO, bool]:
    if name == "-":
        return sys.stdin.buffer, False
    try:
        return Path(name).open("rb"), True
    except OSError as error:
        raise DataError(f"'{name}' cannot be read: {error.strerror}; give a file, or - for standard input.") from error
