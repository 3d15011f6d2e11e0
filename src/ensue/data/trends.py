"""What a network that has never seen a table is handed beside the rest: trends, and what a season is worth.

A forecaster trained on a table learns how its series drift. One that comes trained must be told, in the same number of
inputs whatever the seasons: so each season has a slot, and the slots of seasons that are not there are empty.

Everything said at step t comes from the steps before it, as in `ensue.data.causal`.

Letters: `batch` sequences side by side, `time` steps of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensue.data.smoothing import Smoothed, smooth

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAMPING = 0.8
"""Of the recent trend, a step: what was gained in four steps goes on for five at the most (Gardner & McKenzie 1985)."""
LONGEST = 512.0
"""Steps that a trend is followed for; who knows what comes after so many."""
_FEATURES = 3
_FEATURES_PER_SLOT = 4
_ANCHORS = 2
_ANCHORS_PER_SLOT = 2


@dataclass(frozen=True)
class SeasonTrend:
    """How far a series stands from the mean of its phase, and how well that mean, so moved, foretold it."""

    shift: Smoothed
    miss: Smoothed


@dataclass(frozen=True)
class TrendMemory:
    """Changes a step, lately and over the longest season."""

    slow: Smoothed
    quick: Smoothed
    seasons: tuple[SeasonTrend, ...]


class Phases(NamedTuple):
    """What a season's phase was at each step: `(batch, time)`."""

    mean: Floats
    known: Bools


@dataclass(frozen=True)
class Surface:
    """What `causal` has worked out for a block, and trends are told from: `(batch, time)` each."""

    values: Floats
    observed: Floats
    last: Floats
    any_before: Bools
    age: Floats
    center: Floats
    spread: Floats


def feature_count(slots: int) -> int:
    return _FEATURES + _FEATURES_PER_SLOT * slots


def anchor_count(slots: int) -> int:
    return _ANCHORS + _ANCHORS_PER_SLOT * slots


def feature_names(seasons: tuple[int, ...], slots: int) -> list[str]:
    """Of the features, in order."""
    names = ["trend", "recent trend", "half-life of the level"]
    for slot in range(slots):
        season = _slot_name(seasons, slot)
        names += [
            f"{what}, {season}" for what in ("shift from the phase's mean", "error of that", "length", "is there")
        ]
    return names


def anchor_names(seasons: tuple[int, ...], slots: int) -> list[str]:
    """Of the anchors, in order."""
    names = ["last value and trend", "last value and damped recent trend"]
    for slot in range(slots):
        season = _slot_name(seasons, slot)
        names += [f"{what}, {season}" for what in ("mean of the phase and shift", "mean of the phase, shift and trend")]
    return names


def _slot_name(seasons: tuple[int, ...], slot: int) -> str:
    return f"season of {seasons[slot]}" if slot < len(seasons) else f"no season {slot + 1 - len(seasons)}"


def start(batch: int, seasons: int) -> TrendMemory:
    """The memory before anything was seen."""
    nothing = Smoothed(np.zeros(batch), np.zeros(batch))
    return TrendMemory(nothing, nothing, tuple(SeasonTrend(nothing, nothing) for _ in range(seasons)))


def read_trends(
    block: Surface,
    phases: list[Phases],
    memory: TrendMemory,
    decays: tuple[float, float],
    seasons: tuple[int, ...],
    slots: int,
    kept: slice,
) -> tuple[list[Floats], list[Floats], TrendMemory]:
    """Features and anchors of a block, and the memory after it.

    Args:
        phases: what each season's phase was.
        decays: what is left of the past after a step, slowly and quickly.
        kept: the steps that features and anchors are wanted of.
    """
    slow, quick = decays
    counted = block.observed * block.any_before
    rate = (block.values - block.last) / np.maximum(block.age, 1.0) * counted
    trend, _, slow_memory = smooth(rate, counted, slow, memory.slow)
    recent, _, quick_memory = smooth(rate, counted, quick, memory.quick)
    trend, recent, age, last = (each[:, kept] for each in (trend, recent, block.age, block.last))
    center, spread = block.center[:, kept], block.spread[:, kept]

    def unit(value: Floats) -> Floats:
        return (value - center) / spread

    half_life = np.log(0.5) / np.log(slow)
    features = [
        np.arcsinh(10 * trend / spread),
        np.arcsinh(10 * recent / spread),
        np.full_like(center, np.log(half_life) / 5),
    ]
    further = DAMPING * (1 - DAMPING**age) / (1 - DAMPING)
    ahead = np.minimum(age, LONGEST)
    anchors = [unit(last + trend * ahead), unit(last + recent * further)]
    after = []
    for season, phase, before in zip(seasons, phases, memory.seasons, strict=True):
        known = block.observed * phase.known
        gap = (block.values - phase.mean) * known
        shift, _, shifts = smooth(gap, known, quick, before.shift)
        miss, weight, misses = smooth(np.abs(gap - shift), known, slow, before.miss)
        miss = np.where(weight[:, kept] > 0, miss[:, kept], spread)
        moved = phase.mean[:, kept] + shift[:, kept]
        features += [
            np.arcsinh(shift[:, kept] / spread),
            np.log(np.clip(miss / spread, 1e-3, 1e3)),
            np.full_like(center, np.log(season) / 5),
            np.ones_like(center),
        ]
        anchors += [unit(moved), unit(moved + trend * ahead)]
        after.append(SeasonTrend(shifts, misses))
    empty = np.zeros_like(center)
    features += [empty] * (_FEATURES_PER_SLOT * (slots - len(seasons)))
    anchors += [empty] * (_ANCHORS_PER_SLOT * (slots - len(seasons)))
    return features, anchors, TrendMemory(slow_memory, quick_memory, tuple(after))
