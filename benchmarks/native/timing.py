"""Sides that take turns: A B A B ..., the other way round in every other round, each turn many calls under one clock.

What disturbs one side (a busy neighbour, a clock that slows down) then disturbs the other too. Medians of the turns, and
what a tenth of them were below and above; ratios are medians of the ratios of turns in the same round.
"""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TURN = 0.002
"""Seconds that a turn of many short calls takes."""
LONG = 0.05
"""Seconds from which on a call needs none before it to warm up."""
VERY_LONG = 1.0
"""Seconds from which on a call is not made once more to find out how long it takes."""
SETTLE = 0.006
"""Seconds until the threads of OpenMP, which wait for more work in a loop, have gone to sleep."""


@dataclass(frozen=True)
class Side:
    """One contender: `run(count)` makes so many calls and returns the seconds they took."""

    run: Callable[[int], float]
    prepare: Callable[[], object] = field(default=lambda: None)
    """Called before each turn, outside the clock."""
    settles: bool = False
    """Whether it leaves threads that are busy for a while after it."""


@dataclass(frozen=True)
class Timing:
    """Seconds a call, one number a round."""

    turns: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.turns))

    def to_json(self) -> dict[str, float]:
        """Microseconds a call: the median, a tenth of the turns below `low`, a tenth above `high`."""
        low, median, high = np.percentile(self.turns, (10, 50, 90)) * 1e6
        return {"us": round(median, 4), "low": round(low, 4), "high": round(high, 4), "rounds": len(self.turns)}

    def over(self, other: Timing) -> dict[str, float]:
        """How many times as long as the other: the median over the rounds, and the spread."""
        low, median, high = np.percentile(np.array(self.turns) / np.array(other.turns), (10, 50, 90))
        return {"ratio": round(median, 4), "low": round(low, 4), "high": round(high, 4)}


def python_side(
    call: Callable[[], object], prepare: Callable[[], object] = lambda: None, settles: bool = False
) -> Side:
    """A side that is a Python call."""

    def run(count: int) -> float:
        calls = itertools.repeat(None, count)
        began = time.perf_counter()
        for _ in calls:
            call()
        return time.perf_counter() - began

    return Side(run, prepare, settles)


def take_turns(sides: Mapping[str, Side], seconds: float, least: int = 5, most: int = 101) -> dict[str, Timing]:
    """Time all sides, for about so many seconds altogether and at least `least` rounds."""
    counts = {name: _calls_a_turn(side) for name, side in sides.items()}
    turns: dict[str, list[float]] = {name: [] for name in sides}
    gc.collect()
    gc.disable()
    try:
        ends = time.perf_counter() + seconds
        for number in range(most):
            if number >= least and time.perf_counter() > ends:
                break
            for name in list(sides)[:: -1 if number % 2 else 1]:
                turns[name].append(_turn(sides[name], counts[name]))
    finally:
        gc.enable()
    return {name: Timing(tuple(each)) for name, each in turns.items()}


def _calls_a_turn(side: Side) -> tuple[int, int]:
    """Calls before the clock, to warm up, and calls under it: so many that a turn takes TURN."""
    side.prepare()
    spent, count = side.run(1), 1
    if spent < VERY_LONG:  # the first call has much to do once
        while (spent := side.run(count)) < TURN / 4:
            count *= 4
    if side.settles:
        time.sleep(SETTLE)
    turn = max(1, round(count * TURN / spent))
    return 0 if spent / count > LONG else 1 + turn // 8, turn


def _turn(side: Side, counts: tuple[int, int]) -> float:
    side.prepare()
    before, count = counts
    if before:
        side.run(before)
    a_call = side.run(count) / count
    if side.settles:
        time.sleep(SETTLE)
    return a_call


def percentiles(seconds: np.ndarray[Any, np.dtype[np.float64]], empty: float) -> dict[str, float]:
    """Of steps timed one by one: microseconds at the 50th and 99th percentile, without what an empty clock shows."""
    half, most = (np.percentile(seconds, (50, 99)) - empty) * 1e6
    return {"p50": round(float(half), 4), "p99": round(float(most), 4)}
