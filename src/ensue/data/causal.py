"""What a forecaster may know at each step: values scaled by the past alone, seasons remembered, gaps kept as gaps.

Everything that is said *at* step t is computed from steps before t. A missing or hidden value changes nothing but the age
of what was last seen, so the same code reads history, crosses a gap and walks into the future with its eyes closed. The
reading is block-wise: any split of a sequence into blocks, the state handed on, gives the same numbers.

Letters: `batch` sequences side by side, `time` steps of a block, `season` the steps of one season.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ensue.data import trends
from ensue.data.smoothing import Smoothed, smooth
from ensue.data.trends import Phases, Surface, TrendMemory
from ensue.errors import ConfigError, UsageError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_PHASE_MEMORY = 2.5
"""Cycles the mean of one phase looks back over: a new cycle gets a weight of at least 1 / 2.5."""
_LONG_PHASE_MEMORY = 8.0
"""The same where trends are told, which make good what a long mean lags behind."""
_FAST_HALF_LIFE = 4.0
"""Steps after which the fast level has forgotten half."""
_LEAST_SPREAD = 1e-20
"""Unit of a series of zeros; so small that data in farads or moles are no zeros."""
_ENOUGH = 3
"""Values seen before a spread means anything."""
_FEATURES = 8
_FEATURES_PER_SEASON = 6
_ANCHORS = 3
_ANCHORS_PER_SEASON = 3


@dataclass(frozen=True)
class PhaseMemory:
    """What each phase of one season last was, and its running mean over recent cycles."""

    last: Floats  # batch season
    mean: Floats  # batch season
    count: Floats  # batch season
    surprise: Smoothed
    error: Smoothed
    latest_surprise: Floats  # batch


@dataclass(frozen=True)
class CausalState:
    """All that is carried from one block to the next."""

    steps: int
    level: Smoothed
    spread: Smoothed
    fast: Smoothed
    jump: Smoothed
    deviation: Smoothed
    """Of all values ever seen, so that a long calm does not make the unit vanish."""
    last: Floats  # batch
    previous: Floats  # batch
    previous_seen: Floats  # batch
    age: Floats  # batch
    count: Floats  # batch
    phases: tuple[PhaseMemory, ...]
    trends: TrendMemory | None = None
    """Only where the reader has slots."""

    def rows(self, index: NDArray[np.int64]) -> CausalState:
        """The state of some sequences, some of them perhaps more than once."""
        return _rows_of(self, index)


@dataclass(frozen=True)
class Reading:
    """A block as the network sees it, and what turns its answers back into the data's own units.

    `value = normalised * spread + center`; `ready` says where enough was seen for that to mean anything.
    """

    features: Floats  # batch time features
    anchors: Floats  # batch time anchors
    center: Floats  # batch time
    spread: Floats  # batch time
    ready: Bools  # batch time


_State = TypeVar("_State")


@dataclass(frozen=True)
class CausalReader:
    """Reads sequences causally: `reader.read(values, seen, state) -> (Reading, state)`.

    Args:
        seasons: season lengths in steps, each 2 or more.
        half_life: steps after which level and spread have forgotten half.
        slots: seasons there is room for, so that every table is read in as many features; trends are told as well. None:
            as many as there are seasons, and no trends.

    >>> reader = CausalReader(seasons=(2,), half_life=8.0)
    >>> values = np.array([[1.0, 2.0, 1.0, 2.0, 1.0]])
    >>> reading, state = reader.read(values, np.ones_like(values, dtype=bool), reader.start(batch=1))
    >>> reading.features.shape, state.steps
    ((1, 5, 14), 5)
    """

    seasons: tuple[int, ...]
    half_life: float
    slots: int | None = None

    def __post_init__(self) -> None:
        if self.slots is not None and self.slots < len(self.seasons):
            raise ConfigError(
                f"{len(self.seasons)} seasons are given to a front end with room for {self.slots}: give the shortest ones."
            )

    @property
    def feature_count(self) -> int:
        if self.slots is None:
            return _FEATURES + _FEATURES_PER_SEASON * len(self.seasons)
        return _FEATURES + _FEATURES_PER_SEASON * self.slots + trends.feature_count(self.slots)

    @property
    def anchor_count(self) -> int:
        if self.slots is None:
            return _ANCHORS + _ANCHORS_PER_SEASON * len(self.seasons)
        return _ANCHORS + _ANCHORS_PER_SEASON * self.slots + trends.anchor_count(self.slots)

    @property
    def _empty(self) -> int:
        """Slots without a season."""
        return 0 if self.slots is None else self.slots - len(self.seasons)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Of the features, in order."""
        names = ["value one step ago", "was it seen", "last value seen", "age of the last value seen", "fast level"]
        names += ["size of the jumps", "level against spread", "values seen so far"]
        for season in self.seasons:
            of_phase = ("value", "was it seen", "recent mean", "latest surprise", "usual surprise", "drift")
            names += [f"{what}, season of {season}" for what in of_phase]
        names += [f"no season {i + 1}" for i in range(self._empty) for _ in range(_FEATURES_PER_SEASON)]
        more = [] if self.slots is None else trends.feature_names(self.seasons, self.slots)
        return (*names, *more)

    @property
    def anchor_names(self) -> tuple[str, ...]:
        """Of the anchors, in order."""
        names = ["last value", "fast level", "slow level"]
        for season in self.seasons:
            names += [
                f"{what}, season of {season}" for what in ("same phase", "mean of the phase", "same phase and drift")
            ]
        names += [f"no season {i + 1}" for i in range(self._empty) for _ in range(_ANCHORS_PER_SEASON)]
        more = [] if self.slots is None else trends.anchor_names(self.seasons, self.slots)
        return (*names, *more)

    def start(self, batch: int) -> CausalState:
        """The state before anything was seen."""
        zero = np.zeros(batch)
        nothing = Smoothed(zero, zero)
        phases = tuple(
            PhaseMemory(empty, empty, empty, nothing, nothing, zero)
            for empty in (np.zeros((batch, season)) for season in self.seasons)
        )
        memory = None if self.slots is None else trends.start(batch, len(self.seasons))
        return CausalState(0, nothing, nothing, nothing, nothing, nothing, zero, zero, zero, zero, zero, phases, memory)

    def read(
        self, values: Floats, seen: Bools, state: CausalState, keep: int | None = None
    ) -> tuple[Reading, CausalState]:
        """Read one block.

        Args:
            values: `(batch, time)`; what stands where `seen` is False does not matter.
            seen: `(batch, time)`, False where a value is missing, hidden or still to come.
            state: from `start` or the block before.
            keep: steps at the end of the block that the reading is wanted of; all of them unless given.
        """
        kept = slice(0 if keep is None else max(values.shape[1] - keep, 0), None)
        observed = seen.astype(np.float64)
        values = np.where(seen, values, 0.0)
        slow, quick = 0.5 ** (1 / self.half_life), 0.5 ** (1 / _FAST_HALF_LIFE)

        last, any_before, age, after = _last_seen(values, seen, state)
        center, weight, level = smooth(values, observed, slow, state.level)
        center = np.where(weight > 0, center, last)
        away, counted = np.abs(values - center), observed * any_before
        spread, _, spreads = smooth(away, counted, slow, state.spread)
        overall, _, deviation = smooth(away, counted, 1.0, state.deviation)
        count = _before(np.cumsum(observed, axis=1) + state.count[:, None], state.count)
        fast, weight, fast_level = smooth(values, observed, quick, state.fast)
        fast = np.where(weight > 0, fast, last)
        jump, _, jumps = smooth(np.abs(values - last), observed * any_before, slow, state.jump)
        # A series that has long been constant, or always was, still needs a unit to be measured in.
        spread = np.maximum(np.maximum(spread, 0.01 * overall), 1e-9 * np.abs(center) + _LEAST_SPREAD)
        whole = Surface(values, observed, last, any_before, age, center, spread)
        center, spread, count = center[:, kept], spread[:, kept], count[:, kept]

        def unit(value: Floats) -> Floats:
            return (value[:, kept] - center) / spread

        before = _before(values, state.previous)
        before_seen = _before(observed, state.previous_seen)[:, kept]
        features = [
            np.arcsinh(unit(before)) * before_seen,
            before_seen,
            np.arcsinh(unit(last)),
            np.log1p(np.minimum(age[:, kept], 2000.0)) / 4,
            np.arcsinh(unit(fast)),
            _log(jump[:, kept] / spread),
            np.log(np.clip(np.abs(center) / spread, 1e-2, 1e4)) / 3,
            np.log1p(count) / 5,
        ]
        anchors = [unit(last), unit(fast), np.zeros_like(center)]
        phases, shown = [], []
        for season, memory in zip(self.seasons, state.phases, strict=True):
            same_phase, phase_mean, known, memory = _read_phases(
                values, seen, memory, state.steps % season, _PHASE_MEMORY if self.slots is None else _LONG_PHASE_MEMORY
            )
            same_phase, phase_mean = np.where(known, same_phase, fast), np.where(known, phase_mean, fast)
            gap = (values - same_phase) * observed * known
            drift, _, surprise = smooth(gap, observed * known, quick, memory.surprise)
            error, weight, errors = smooth(np.abs(gap), observed * known, slow, memory.error)
            error = np.where(weight[:, kept] > 0, error[:, kept], spread)
            features += [
                np.arcsinh(unit(same_phase)),
                known[:, kept].astype(np.float64),
                np.arcsinh(unit(phase_mean)),
                np.arcsinh(_before(gap, memory.latest_surprise)[:, kept] / spread),
                _log(error / spread),
                np.arcsinh(drift[:, kept] / spread),
            ]
            anchors += [unit(same_phase), unit(phase_mean), unit(same_phase + drift)]
            phases.append(replace(memory, surprise=surprise, error=errors, latest_surprise=gap[:, -1]))
            shown.append(Phases(phase_mean, known))
        memories = None
        if self.slots is not None:
            if state.trends is None:
                raise UsageError("The state is that of a front end without trends: begin with this reader's `start`.")
            nothing = np.zeros_like(center)
            decays = (slow, quick)
            more = trends.read_trends(whole, shown, state.trends, decays, self.seasons, self.slots, kept)
            features += [nothing] * (_FEATURES_PER_SEASON * self._empty) + more[0]
            anchors += [nothing] * (_ANCHORS_PER_SEASON * self._empty) + more[1]
            memories = more[2]

        new_state = replace(
            after,
            level=level,
            spread=spreads,
            fast=fast_level,
            jump=jumps,
            deviation=deviation,
            previous=values[:, -1],
            previous_seen=observed[:, -1],
            count=state.count + observed.sum(axis=1),
            phases=tuple(phases),
            trends=memories,
        )
        # features: batch x time x feature
        return Reading(np.stack(features, -1), np.stack(anchors, -1), center, spread, count >= _ENOUGH), new_state


def _rows_of(state: _State, index: NDArray[np.int64]) -> _State:
    """What is carried, with some of its rows: a dataclass of arrays, of sums and of dataclasses like it."""

    def taken(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value[index]
        if isinstance(value, Smoothed):
            return Smoothed(value.total[index], value.weight[index])
        if isinstance(value, tuple):
            return tuple(taken(each) for each in value)
        return _rows_of(value, index) if is_dataclass(value) else value

    return replace(state, **{each.name: taken(getattr(state, each.name)) for each in fields(state)})  # type: ignore[type-var, arg-type]


def _before(block: Floats, first: Floats) -> Floats:
    """The block one step later: at t what was at t - 1."""
    return np.concatenate([first[:, None], block[:, :-1]], axis=1)


def _log(ratio: Floats) -> Floats:
    return np.log(np.clip(ratio, 1e-3, 1e3))


def _last_seen(values: Floats, seen: Bools, state: CausalState) -> tuple[Floats, Bools, Floats, CausalState]:
    """The last value seen before each step, whether there was one, its age in steps, and the state after the block."""
    steps = values.shape[1]
    index = np.maximum.accumulate(np.where(seen, np.arange(steps), -1), axis=1)
    inside = index >= 0
    latest = np.where(inside, np.take_along_axis(values, np.maximum(index, 0), axis=1), state.last[:, None])
    had = (state.count > 0)[:, None]
    age_after = np.where(
        inside, np.arange(steps) - index, np.where(had, state.age[:, None] + np.arange(steps) + 1, 0.0)
    )
    known_after = inside | had
    after = replace(state, steps=state.steps + steps, last=latest[:, -1], age=age_after[:, -1])
    known = np.concatenate([had, known_after[:, :-1]], axis=1)
    age = np.where(known, _before(age_after, state.age) + 1, 0.0)
    return _before(latest, state.last), known, age, after


def _read_phases(
    values: Floats, seen: Bools, memory: PhaseMemory, position: int, cycles_back: float
) -> tuple[Floats, Floats, Bools, PhaseMemory]:
    """At each step the last value and the recent mean of the same phase, and whether that phase was ever seen."""
    batch, steps = values.shape
    season = memory.last.shape[1]
    cycles = -(-(position + steps) // season)
    padded = np.zeros((batch, cycles * season))
    padded_seen = np.zeros((batch, cycles * season), dtype=bool)
    padded[:, position : position + steps] = values
    padded_seen[:, position : position + steps] = seen
    padded, padded_seen = (a.reshape(batch, cycles, season) for a in (padded, padded_seen))  # batch x cycle x phase
    lasts, means, known = np.empty_like(padded), np.empty_like(padded), np.empty_like(padded_seen)
    last, mean, count = memory.last, memory.mean, memory.count
    for cycle in range(cycles):
        lasts[:, cycle], means[:, cycle], known[:, cycle] = last, mean, count > 0
        value, here = padded[:, cycle], padded_seen[:, cycle]
        count = count + here
        gain = here / np.clip(count, 1.0, cycles_back)
        mean = mean + gain * (value - mean)
        last = np.where(here, value, last)
    block = slice(position, position + steps)
    flat = (a.reshape(batch, cycles * season)[:, block] for a in (lasts, means, known))
    same_phase, phase_mean, phase_known = flat
    return same_phase, phase_mean, phase_known, replace(memory, last=last, mean=mean, count=count)
