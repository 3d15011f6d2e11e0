"""How slowly each unit forgets, read off its forget gate.

With no new input a cell decays as the product of its forget gates, so over a sequence a unit's time scale follows from
the geometric mean of f (the mean of 1 / (1 - f) would be ruled by single steps):

    e-fold = -1 / E[ln f]        half-life = ln 2 * e-fold

Reading a forget gate as a time scale leaves out what is read from h and written again (Ohno & Kumagai 2021 say when it
holds). It is shown beside the measured reach, never alone.

Letters of shapes: `unit`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import UsageError
from ensue.inspection.trace import Placed, TracedLayer, parameter
from ensue.runtime.traces import SMALLEST_FORGET, GateSums

Floats = NDArray[np.float64]

MINUTE, HOUR, DAY, WEEK = 60, 3_600, 86_400, 7 * 86_400
MONTH, YEAR = 365.2425 / 12 * DAY, 365.2425 * DAY

SPANS: tuple[tuple[str, float, float], ...] = (
    ("year", YEAR, 2 * YEAR),
    ("month", MONTH, 2 * MONTH),
    ("week", WEEK, 3 * WEEK),
    ("day", DAY, 2 * DAY),
    ("hour", HOUR, 2 * HOUR),
    ("minute", MINUTE, 2 * MINUTE),
    ("second", 1, 1),
    ("millisecond", 1e-3, 1e-3),
    ("microsecond", 1e-6, 0),
)
"""Name, seconds, and from how many seconds on a person counts in it: 31 hours, but 2.4 days."""


@dataclass(frozen=True)
class TimeScales:
    """How slowly the units of a layer forget, each `(unit,)`; inf where nothing is forgotten, 0 where all is."""

    forget: Floats
    """Geometric mean of the forget gate."""
    e_fold: Floats
    """After so many steps 1 / e of what was held is left."""
    half_life: Floats
    """After so many steps half of what was held is left."""

    @classmethod
    def of(cls, log_forget: ArrayLike) -> TimeScales:
        """From the mean of ln f of each unit.

        >>> TimeScales.of(np.log([0.5, 1.0])).half_life.tolist()
        [1.0, inf]
        """
        rate = -np.asarray(log_forget, np.float64)
        e_fold = np.divide(1.0, rate, out=np.full_like(rate, np.inf), where=rate > 0)
        return cls(np.exp(-rate), e_fold, math.log(2) * e_fold)


def time_scales(layer: TracedLayer | GateSums) -> TimeScales:
    """Of each unit, over all steps of a traced sequence, or over all rows and steps of running sums.

    In float32 a gate that is open for good is exactly 1: its unit never forgets. Raises `UsageError` where no step was
    read.
    """
    if isinstance(layer, GateSums):
        steps, logs = int(layer.steps.sum()), layer.log_forget.sum(axis=0)
    else:
        steps, logs = len(layer), np.log(np.maximum(layer.f.astype(np.float64), SMALLEST_FORGET)).sum(axis=0)
    if steps == 0:
        raise UsageError("there are no steps to take a time scale from: expected one or more.")
    return TimeScales.of(logs / steps)


def from_biases(weights: Mapping[str, NDArray[Any]], layer: Placed) -> TimeScales:
    """From the forget gate's biases alone: what the units would do with inputs and hidden states of zero.

    T = -1 / ln sigmoid(b) (Mahto, Vo, Turek & Huth 2021, section 3). `weights` are the network's, by name.
    """
    both = (weights[parameter(layer, kind)].astype(np.float64) for kind in ("bias_ih", "bias_hh"))
    bias = np.split(next(both) + next(both), 4)[1]  # the gates are i, f, g, o
    return TimeScales.of(-np.logaddexp(0.0, -bias))


def tenths(values: ArrayLike) -> tuple[float, float, float]:
    """What 10, 50 and 90 % of the units lie at or below; values of units, never between two of them.

    >>> tenths([1.0, 2.0, 3.0, np.inf])
    (1.0, 2.0, inf)
    """
    low, middle, high = np.quantile(np.asarray(values, np.float64), [0.1, 0.5, 0.9], method="inverted_cdf")
    return float(low), float(middle), float(high)


@dataclass(frozen=True)
class Histogram:
    """How many units have which time scale; bins of a log axis."""

    edges: Floats
    """In steps, ascending, `(bins + 1,)`; each bin holds its lower edge."""
    counts: NDArray[np.int64]
    none: int
    """Units that keep nothing, with a time scale of 0."""
    endless: int
    """Units that forget nothing, with a time scale of inf."""


def histogram(values: ArrayLike, bins_per_decade: int = 4) -> Histogram:
    """Time scales in steps, counted in bins whose edges are the same for every model: powers of 10^(1 / bins_per_decade).

    >>> found = histogram([0.0, 1.0, 2.0, 2.5, 9.0, np.inf], bins_per_decade=1)
    >>> found.edges.tolist(), found.counts.tolist(), found.none, found.endless
    ([1.0, 10.0], [4], 1, 1)
    """
    values = np.asarray(values, np.float64)
    inside = values[(values > 0) & np.isfinite(values)]
    places = np.floor(np.log10(inside) * bins_per_decade + 1e-9).astype(np.int64)  # what is 10 belongs to 10
    first = int(places.min()) if len(inside) else 0
    counts = np.bincount(places - first, minlength=1).astype(np.int64)
    edges = 10.0 ** (np.arange(first, first + len(counts) + 1) / bins_per_decade)
    return Histogram(edges, counts, int(np.sum(values == 0)), int(np.sum(np.isposinf(values))))


def in_words(steps: float, step_seconds: float | None = None, step: str = "step") -> str:
    """A number of steps as a person says it: in the data's own time where a step has a length, else in steps.

    >>> in_words(31, 3600), in_words(58, 3600), in_words(1, 86_400), in_words(0.4, 3600)
    ('31 hours', '2.4 days', '24 hours', '24 minutes')
    >>> in_words(12.3), in_words(1, step="word"), in_words(0.26), in_words(math.inf)
    ('12 steps', '1 word', '0.3 steps', 'without end')
    """
    if math.isnan(steps) or steps < 0:
        raise UsageError(f"{steps} steps cannot be said in words: expected 0 or more.")
    if math.isinf(steps):
        return "without end"
    if step_seconds is None or steps == 0:
        return _counted(steps, step)
    seconds = steps * step_seconds
    name, length = next((name, length) for name, length, begin in SPANS if seconds >= begin * (1 - 1e-9))
    return _counted(seconds / length, name)


def _counted(value: float, name: str) -> str:
    """No more digits than are of use: '2.4 days', '31 hours', '1 step', '0.04 steps'."""
    if 0 < value < 0.005:
        return f"less than 0.01 {name}s"
    text = f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.095 else f"{value:.2f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {name}" + ("" if text == "1" else "s")
