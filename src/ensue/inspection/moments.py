"""Moments of a memory: others that looked like it, those at which much was let go at once, and the path it took.

Letters of shapes: `time unit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import UsageError
from ensue.inspection.ledger import holdings
from ensue.inspection.trace import TracedLayer
from ensue.runtime.traces import CLOSED

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

ROWS_AT_ONCE = 16_384
"""States turned into float64 at a time."""
UNUSUAL = 4.0
"""Standard deviations above what would be if each unit closed its forget gate independently of the others."""
FEWEST = 2
"""Units that have to close together."""


@dataclass(frozen=True)
class Similar:
    """Steps at which the memory looked as it did at another, most alike first."""

    step: int
    others: Whole
    likeness: Floats
    """Cosine of the standardised states, -1 to 1, for each of the others."""


def similar(states: ArrayLike, step: int, count: int = 5, apart: int = 1) -> Similar:
    """The steps whose state is most like that at `step`, at least `apart` steps from it and from each other.

    `states` are `(time, unit)`, such as a layer's c. Each unit is measured from its own mean in its own standard
    deviations, so that no unit counts for being large; likeness is the cosine. Fewer than `count` come back where the
    sequence has no more. Raises `UsageError` for a step that is not there, and where the state at `step` is the mean
    state, which has no direction.

    >>> steps = np.arange(100)
    >>> found = similar(np.stack([np.sin(steps * np.pi / 10), np.cos(steps * np.pi / 10)], axis=1), 50, count=3, apart=5)
    >>> sorted(found.others.tolist()), found.likeness.round(6).tolist()
    ([10, 30, 70], [1.0, 1.0, 1.0])
    """
    return similar_to_each(states, [step], count, apart)[0]


def similar_to_each(states: ArrayLike, steps: Sequence[int], count: int = 5, apart: int = 1) -> list[Similar]:
    """As `similar`, for several steps: the states are standardised once."""
    values = np.asarray(states)
    for step in steps:
        if values.ndim != 2 or not 0 <= step < len(values):
            raise UsageError(
                f"step {step} of states of the shape {values.shape} was asked for, expected a row of theirs."
            )
    if count < 1 or apart < 1:
        raise UsageError(f"{count} moments {apart} steps apart were asked for, expected 1 or more of both.")
    directions = _directions(values)
    return [_nearest(directions, step, count, apart) for step in steps]


def _nearest(directions: Floats, step: int, count: int, apart: int) -> Similar:
    if not directions[step].any():
        raise UsageError(f"the state at step {step} is the mean state, which is like no other: choose another step.")
    likeness = directions @ directions[step]
    free = np.ones(len(directions), np.bool_)
    found: list[int] = []
    latest = step
    while True:
        free[max(0, latest - apart + 1) : latest + apart] = False
        if len(found) == count or not free.any():
            break
        latest = int(np.argmax(np.where(free, likeness, -np.inf)))
        found.append(latest)
    others = np.array(found, np.int64)
    return Similar(step, others, likeness[others])


def _directions(states: NDArray[Any]) -> Floats:
    """The standardised states, each of length 1, or 0 where it is the mean state: `(time, unit)`."""
    mean = states.mean(axis=0, dtype=np.float64)
    spread = states.std(axis=0, dtype=np.float64)
    moves = spread > 1e-9 * np.maximum(np.abs(mean), 1e-30)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=moves)
    directions = np.empty(states.shape)
    for start in range(0, len(states), ROWS_AT_ONCE):
        rows = (states[start : start + ROWS_AT_ONCE] - mean) * scale
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        directions[start : start + len(rows)] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return directions


def participation_ratio(states: ArrayLike) -> float:
    """Effective number of directions in which states `(time, unit)` move: (sum l)^2 / sum l^2 of their variances l.

    From 1 (all on a line) to the number of units (alike in every direction); 0 where nothing moves.

    >>> round(participation_ratio(np.eye(4)), 9), participation_ratio(np.ones((5, 3)))
    (3.0, 0.0)
    """
    covariance = _covariance(np.asarray(states, np.float64))
    squares = float(np.square(covariance).sum())
    return float(np.trace(covariance)) ** 2 / squares if squares > 0 else 0.0


@dataclass(frozen=True)
class Path:
    """The way of a state through the plane (or space) in which it moves most."""

    points: Floats
    """`(time, dimensions)`, from the mean state."""
    shares: Floats
    """Of the variance, that each dimension shows, `(dimensions,)`; 0 where nothing moves."""
    axes: Floats
    """`(unit, dimensions)`: unit vectors; of each, the largest entry is positive."""


def path(states: ArrayLike, dimensions: int = 2) -> Path:
    """Principal components of states `(time, unit)`. Raises `UsageError` for more dimensions than there are units."""
    values = np.asarray(states, np.float64)
    if not 1 <= dimensions <= values.shape[1]:
        raise UsageError(
            f"{dimensions} dimensions were asked for, expected 1 to {values.shape[1]}, the number of units."
        )
    covariance = _covariance(values)
    variances, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, ::-1][:, :dimensions]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dimensions)])
    total = float(np.trace(covariance))
    shares = variances[::-1][:dimensions] / total if total > 0 else np.zeros(dimensions)
    return Path((values - values.mean(axis=0)) @ axes, shares, axes)


def _covariance(states: Floats) -> Floats:
    centred = states - states.mean(axis=0)
    return np.asarray(centred.T @ centred / len(states))


@dataclass(frozen=True)
class Letting:
    """A step at which the forget gates of many units closed together."""

    step: int
    units: tuple[int, ...]
    """Those whose gate was below 0.1 here and not at the step read before."""
    of: int
    """Units of the layer."""
    lost: float
    """Share of what all cells of the layer held, of what was written in this trace, that was let go at this step."""
    age_before: float
    age_after: float
    """Mean age of what those units held together, in steps, at the step read before and here; NaN where it was nothing."""


def lettings_go(layer: TracedLayer, count: int = 5, apart: int = 1) -> list[Letting]:
    """The steps at which most forget gates closed at once, at least `apart` steps from each other, in order of steps.

    Only steps count at which more units closed than would by chance: if each closed as often as it does over the
    sequence, but independently of the others, the number at a step would have a mean and a standard deviation
    (Poisson binomial), and it has to be four of these above that mean, and two units at least. Among steps with as many
    those at which most was let go come first. Often there is none, and the list is empty.
    """
    if count < 1 or apart < 1:
        raise UsageError(f"{count} moments {apart} steps apart were asked for, expected 1 or more of both.")
    closing = _closing(layer)
    held = holdings(layer)
    written, aged, f = (layer.ordered(each) for each in (held.written, held.aged, layer.f))
    unusual = _together(closing)
    before = written[unusual - 1]  # a gate has no step before the first: it does not close there
    lost = _ratio((before * (1.0 - f[unusual])).sum(axis=1), before.sum(axis=1))
    chosen: list[int] = []
    for rank in np.lexsort((-np.nan_to_num(lost), -closing[unusual].sum(axis=1))).tolist():
        if len(chosen) < count and all(abs(unusual[rank] - unusual[other]) >= apart for other in chosen):
            chosen.append(rank)
    steps, found = layer.ordered(np.arange(len(layer))), []
    for rank in chosen:
        t, units = int(unusual[rank]), np.flatnonzero(closing[unusual[rank]])
        ages = _ratio(aged[t - 1 : t + 1, units].sum(axis=1), written[t - 1 : t + 1, units].sum(axis=1)).tolist()
        found.append(Letting(int(steps[t]), tuple(units.tolist()), layer.units, float(lost[rank]), *ages))
    return sorted(found, key=lambda each: each.step)


def _closing(layer: TracedLayer) -> NDArray[np.bool_]:
    """Whether a unit's forget gate closed at a step, `(time, unit)`, in the order of reading."""
    shut = layer.ordered(layer.f) < CLOSED
    return np.concatenate([np.zeros_like(shut[:1]), shut[1:] & ~shut[:-1]])


def _together(closing: NDArray[np.bool_]) -> Whole:
    """The steps at which unusually many units did."""
    number, chance = closing.sum(axis=1), closing.sum(axis=0) / max(1, len(closing))
    expected, spread = chance.sum(), np.sqrt((chance * (1 - chance)).sum())
    return np.flatnonzero((number >= FEWEST) & (number > expected + UNUSUAL * spread))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
