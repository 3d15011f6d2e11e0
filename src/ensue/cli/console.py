"""What the program says while it works, all of it on stderr: findings, notes and one line of progress."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ensue.reports import Progress

PLAIN_SECONDS = 5.0
"""Seconds between two lines of progress where stderr is no terminal."""


@dataclass
class Voice:
    """Speaks to the person at the terminal, or stays silent."""

    quiet: bool = False
    said: set[str] = field(default_factory=set)

    def say(self, sentence: str) -> None:
        """One line on stderr, unless quiet."""
        if not self.quiet:
            print(sentence, file=sys.stderr, flush=True)  # noqa: T201

    def findings(self, sentences: Iterable[str]) -> None:
        """What was found in the data, each sentence once."""
        for sentence in sentences:
            if sentence not in self.said:
                self.said.add(sentence)
                self.say(f"- {sentence}")

    @contextmanager
    def progress(self, found: Callable[[], Iterable[str]]) -> Iterator[Callable[[Progress], None]]:
        """A function to hand to `fit`: one line that changes on a terminal, a line every five seconds elsewhere.

        `found` gives the findings: what was found in the data is said before the first step is shown.
        """
        if self.quiet:
            yield lambda _: None
            return
        with _live_line() if sys.stderr.isatty() else _line_now_and_then(self.say) as show:

            def report(progress: Progress) -> None:
                self.findings(found())
                show(progress)

            yield report


def progress_line(progress: Progress) -> str:
    """Where training stands.

    >>> from ensue.reports import Progress
    >>> print(progress_line(Progress(400, 2000, loss=0.812, validation=0.71, baseline=0.95, seconds_left=40.2)))
    step 400/2000  loss 0.812  validation 0.71 (seasonal naive 0.95)  about 40 s left
    """
    parts = [f"step {progress.step}/{progress.steps}", f"loss {progress.loss:.3g}"]
    if progress.validation is not None:
        name, known = progress.measure.baseline, progress.baseline is not None and math.isfinite(progress.baseline)
        beside = f" ({name} {progress.baseline:.3g})" if name and known else ""
        parts.append(f"validation {progress.validation:.4g}{beside}")
    if progress.step < progress.steps and math.isfinite(progress.seconds_left):
        parts.append(f"about {duration(progress.seconds_left)} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(40.2), duration(600), duration(7300)
    ('40 s', '10 min', '2 h 2 min')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def _live_line() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(stderr=True), refresh_per_second=8, transient=True) as live:
        yield lambda progress: live.update(Text(progress_line(progress), overflow="ellipsis", no_wrap=True))


@contextmanager
def _line_now_and_then(say: Callable[[str], None]) -> Iterator[Callable[[Progress], None]]:
    """A line at most every few seconds, and for the last step always."""
    last = time.monotonic() - PLAIN_SECONDS

    def show(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_SECONDS or progress.step >= progress.steps:
            last = now
            say(progress_line(progress))

    yield show
