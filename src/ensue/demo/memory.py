"""How long is something remembered? The first of many symbols decides, and is asked for ever later.

A plain recurrent network, a GRU and LSTMs of as many units learn it from the same sequences, each lag anew. The task is
`data.memory_tasks.FirstSymbol`, where guessing is right one time in eight.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ensue.data.memory_tasks import FirstSymbol
from ensue.reports import Progress

LAGS = (5, 10, 20, 50, 100)
"""Distracting steps between the symbol and the question."""
LEARNERS = {
    "LSTM (chrono)": ("lstm", "chrono"),
    "LSTM": ("lstm", "default"),
    "GRU": ("gru", "default"),
    "plain RNN": ("rnn", "default"),
}
"""Who learns: cell and start, as `learn.memory.Learner` has them. Chrono gates begin by keeping for up to the lag."""
UNITS, STEPS, BATCH, LEARNING_RATE = 32, 400, 32, 1e-2
KEPT = 0.95
"""From this share of right answers on we say that something is remembered."""
BAR = 10
"""Characters of a full bar."""


@dataclass(frozen=True)
class MemoryDemo:
    """Who remembered what."""

    lags: tuple[int, ...]
    right: dict[str, tuple[float, ...]]
    """Of each learner the share of right answers at each lag, on 1,024 sequences no training has seen."""
    steps: int
    """Training steps each had at most; it stops early where everything is right."""
    seconds: float
    """Wall seconds of everything."""

    def picture(self) -> str:
        """The shares as bars, a line a lag, as lines of text for a terminal."""
        width = max(BAR + 7, *(len(name) + 2 for name in self.right))
        lines = ["   lag  " + "".join(f"{name:<{width}}" for name in self.right).rstrip()]
        for place, lag in enumerate(self.lags):
            cells = [_bar(shares[place]) + f" {shares[place]:4.0%}" for shares in self.right.values()]
            lines.append(f"{lag:6}  " + "".join(f"{cell:<{width}}" for cell in cells).rstrip())
        lines.append(
            f"Right answers after so many distracting steps; guessing is right {FirstSymbol.chance:.1%} of the time."
        )
        return "\n".join(lines)

    def sentence(self) -> str:
        """What was seen: up to which lag each kept the symbol."""
        kept = [f"the {name} {self._reach(shares)}" for name, shares in self.right.items()]
        return (
            f"After {self.steps} steps of training or fewer, at least {KEPT:.0%} of the answers are right for "
            f"{', '.join(kept[:-1])} and for {kept[-1]}."
        )

    def scores(self) -> dict[str, Any]:
        """The numbers, for programs."""
        return {
            "lags": list(self.lags),
            "right": {name: list(shares) for name, shares in self.right.items()},
            "chance": FirstSymbol.chance,
            "steps": self.steps,
            "seconds": self.seconds,
        }

    def _reach(self, shares: Sequence[float]) -> str:
        lost = [lag for lag, share in zip(self.lags, shares, strict=True) if share < KEPT]
        kept = [lag for lag in self.lags if not lost or lag < lost[0]]
        return f"up to lag {kept[-1]}" if kept else "at no lag"


def show_memory(
    lags: Sequence[int] = LAGS,
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> MemoryDemo:
    """Let every learner learn every lag, and count right answers on fresh sequences.

    Args:
        lags: Distracting steps, each at least 1.
        steps: Training steps of each learner at each lag.
        seed: Of weights and sequences: the same seed gives the same answers on the same machine.
        progress: Called while training.

    Raises:
        UsageError: A lag or a seed that cannot be one.
    """
    from ensue.learn.memory import Budget, Learner, learn_memory

    began, right = time.monotonic(), {name: [0.0] * len(lags) for name in LEARNERS}
    tasks = [FirstSymbol(lag) for lag in lags]
    budget = Budget(steps, enough=1.0, batch=BATCH, learning_rate=LEARNING_RATE)
    for place, task in enumerate(tasks):
        for number, (name, (cell, start)) in enumerate(LEARNERS.items()):
            shown = _shown(progress, place * len(LEARNERS) + number, len(tasks) * len(LEARNERS))
            result = learn_memory(task, Learner(cell, UNITS, start), budget, seed=seed, progress=shown)
            right[name][place] = result.score
    shares = {name: tuple(each) for name, each in right.items()}
    return MemoryDemo(tuple(lags), shares, steps, time.monotonic() - began)


def _shown(progress: Callable[[Progress], None] | None, done: int, runs: int) -> Callable[[Progress], None] | None:
    """The progress of one of many runs as that of all; how long the rest takes is not known, since lags grow."""
    if progress is None:
        return None

    def show(now: Progress) -> None:
        step, steps = done * now.steps + now.step, runs * now.steps
        progress(replace(now, step=step, steps=steps, seconds_left=math.inf))

    return show


def _bar(share: float) -> str:
    """A share as a bar, to an eighth of a character.

    >>> _bar(1.0), _bar(0.125), _bar(0.0)
    ('██████████', '█▎        ', '          ')
    """
    eighths = round(share * BAR * 8)
    full, rest = divmod(eighths, 8)
    return f"{'█' * full + (' ▏▎▍▌▋▊▉'[rest] if rest else ''):<{BAR}}"
