"""The memory ledger: what a cell holds now, step by step when it was written, and how old it is.

Unrolled, the cell's equation c_t = f_t * c_{t-1} + i_t * g_t is a sum over the past (the algebra is also that of Murdoch &
Szlam 2017, section 3):

    c_t = P(0, t) * c_0 + sum over s <= t of P(s, t) * i_s * g_s        P(s, t) = f_{s+1} * ... * f_t

No gradient and no assumption: it is what happened. It follows the cell alone; what a gate read from h and wrote again
counts as new, which is why influence is measured beside it.

Age is counted in steps: 0 is what was written at the step itself. A layer that reads backwards ages towards the
beginning. All is computed in float64 from i, f and g; a float32 trace's own c carries its rounding along.

Letters of shapes: `time unit entry output`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import UsageError
from ensue.inspection.trace import TracedLayer

Floats = NDArray[np.float64]

UNITS_AT_ONCE = 32
"""So many that the arrays of a long sequence stay in the processor's caches."""


@dataclass(frozen=True)
class Ledger:
    """Parts that add up to a cell state, or to what is read out of it, by the step that wrote them."""

    at: int
    """The step at which this was so."""
    steps: NDArray[np.int64]
    """The steps read until then, oldest entry first, `(entry,)`."""
    weights: Floats
    """Signed, `(entry, unit)`, or `(entry, output)` of what is read out."""
    from_start: Floats
    """What is left of the state before the first step, `(unit,)` or `(output,)`."""

    @property
    def total(self) -> Floats:
        """What it all adds up to, `(unit,)` or `(output,)`."""
        return np.asarray(self.weights.sum(axis=0) + self.from_start)

    @property
    def ages(self) -> NDArray[np.int64]:
        """Steps since each entry was written, `(entry,)`."""
        return np.abs(self.at - self.steps)


@dataclass(frozen=True)
class Holdings:
    """Running sums from which the age of memory follows, `(time, unit)`; w = |i * g| is what a step writes.

    written_t = f_t * written_{t-1} + w_t        aged_t = f_t * (aged_{t-1} + written_{t-1})
    """

    written: Floats
    aged: Floats


def ledger(layer: TracedLayer, at: int) -> Ledger:
    """What each step up to `at` wrote into each unit's cell and what has survived of it; it adds up to the cell.

    Raises `UsageError` for a step outside the trace.

    >>> from ensue.inspection.trace import TracedLayer
    >>> f, i, g = np.array([[0.5], [0.5]]), np.ones((2, 1)), np.array([[0.8], [-0.1]])
    >>> layer = TracedLayer("layer 1", "", "_l0", i, f, g, i, g, g, c_before=np.array([2.0]))
    >>> book = ledger(layer, at=1)
    >>> book.weights.tolist(), book.from_start.tolist(), book.total.round(3).tolist()  # 2 / 4 + 0.8 / 2 - 0.1
    ([[0.4], [-0.1]], [0.5], [0.8])
    """
    if not 0 <= at < len(layer):
        raise UsageError(f"step {at} was asked for, expected 0 to {len(layer) - 1}: so many steps were traced.")
    read = slice(at, None) if layer.reverse else slice(None, at + 1)
    i, f, g = (layer.ordered(each[read]).astype(np.float64) for each in (layer.i, layer.f, layer.g))
    since = np.cumprod(f[::-1], axis=0)[::-1]  # entry x unit: of what was there before the entry, what is left
    survived = np.concatenate([since[1:], np.ones((1, layer.units))])
    steps = layer.ordered(np.arange(len(layer))[read])
    return Ledger(at, steps, survived * i * g, since[0] * layer.c_before)


def read_out(layer: TracedLayer, at: int, weight: ArrayLike) -> Ledger:
    """What each past step contributes to a linear map `weight` `(output, unit)` of the layer's h at step `at`.

    The ratio rule: a unit shows o * tanh(c), and each entry m of its ledger gets the share m / c of it. As
    tanh(c) / c goes to 1 where c goes to 0, nothing has to be kept from dividing by zero. It adds up to `weight @ h`,
    without the map's bias. Raises `UsageError` where h is not o * tanh(c), as it is not under layer norm.
    """
    book = ledger(layer, at)
    weight = np.asarray(weight, np.float64)
    if weight.ndim != 2 or weight.shape[1] != layer.units:
        raise UsageError(f"the read-out has the shape {weight.shape}, expected (outputs, {layer.units}).")
    c, o = book.total, layer.o[at].astype(np.float64)
    if np.abs(o * np.tanh(c) - layer.h[at]).max() > 1e-3:
        raise UsageError(
            f"{layer.name} shows a normalised cell state, which mixes its units: "
            "entries of its ledger cannot be read out one by one; look at the cell's ledger instead."
        )
    slope = o * np.divide(np.tanh(c), c, out=np.ones_like(c), where=c != 0)  # unit
    return Ledger(at, book.steps, (book.weights * slope) @ weight.T, weight @ (book.from_start * slope))


def holdings(layer: TracedLayer, before: Holdings | None = None) -> Holdings:
    """How much each cell holds at each step, counted without signs, and how much that has aged; a few operations a step.

    `before` is what the steps read before led to: any split of a sequence gives the same. None counts from nothing, and
    what `c_before` held is left out, as no one knows when it was written. These are the sums of `traces.GateSums`.
    """
    f = layer.ordered(layer.f).astype(np.float64)
    news = np.abs(layer.ordered(layer.i).astype(np.float64) * layer.ordered(layer.g))
    written, aged = np.empty_like(f), np.empty_like(f)
    last = 0 if layer.reverse else -1  # the step read last
    mass, age = (np.zeros(layer.units),) * 2 if before is None else (before.written[last], before.aged[last])
    for t in range(len(f)):
        age = np.multiply(age + mass, f[t], out=aged[t])
        mass = np.add(mass * f[t], news[t], out=written[t])
    return Holdings(layer.ordered(written), layer.ordered(aged))


def mean_age(layer: TracedLayer) -> Floats:
    """Mean age in steps of what each cell holds, `(time, unit)`; NaN where it holds nothing."""
    held = holdings(layer)
    return _ratio(held.aged, held.written)


def mean_age_of_layer(layer: TracedLayer) -> Floats:
    """Mean age in steps of what all cells of the layer hold together, `(time,)`; NaN where they hold nothing."""
    held = holdings(layer)
    return _ratio(held.aged.sum(axis=1), held.written.sum(axis=1))


def default_ages(time: int) -> tuple[tuple[int, int], ...]:
    """Buckets of ages for a sequence of so many steps, first and last of each; -1 as last: and older.

    >>> default_ages(20)
    ((0, 0), (1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, -1))
    """
    buckets, last = [(0, 0), (1, 1), (2, 2)], 2
    while 2 * last < time - 1:
        buckets.append((last + 1, 2 * last))
        last *= 2
    return (*buckets, (last + 1, -1))


def mass_by_age(layer: TracedLayer, ages: Sequence[tuple[int, int]]) -> Floats:
    """Share of what all cells of the layer hold at each step by when it was written, `(time, bucket)`.

    What is held is counted without signs: the sum of |P(s, t) * i_s * g_s|. Rows add up to 1; where nothing is held they
    are 0. What was there before the first step counts as oldest. Raises `UsageError` unless the buckets follow each
    other from age 0 and the last is open, as those of `default_ages` do.

    Exact, in O(time * log(age)): what k steps wrote and what is left after k steps follow from the same for k/2, so
    only positive numbers are added up.
    """
    _check_ages(ages)
    held = np.zeros((len(ages), len(layer)))
    for first in range(0, layer.units, UNITS_AT_ONCE):
        units = slice(first, first + UNITS_AT_ONCE)
        f = layer.ordered(layer.f[:, units]).astype(np.float64)
        news = np.abs(layer.ordered(layer.i[:, units]).astype(np.float64) * layer.ordered(layer.g[:, units]))
        held += _held_by_age(f, news, np.abs(layer.c_before[units].astype(np.float64)), ages)
    total = held.sum(axis=0)
    shares = np.divide(held, total, out=np.zeros_like(held), where=total > 0)
    return np.ascontiguousarray(layer.ordered(shares.T))


@dataclass(frozen=True)
class _Window:
    """The last `width` steps as seen from each step, `(time, unit)`; before the first step nothing was written or lost."""

    width: int
    kept: Floats
    """Product of the forget gates."""
    written: Floats
    """What was written in the window and is still held."""

    def then(self, older: _Window) -> _Window:
        """This window and an older one that ends where it begins."""
        kept, written = self.kept.copy(), self.written.copy()
        back = self.width
        if back < len(kept):
            kept[back:] *= older.kept[:-back] if back else older.kept
            written[back:] += self.kept[back:] * (older.written[:-back] if back else older.written)
        return _Window(back + older.width, kept, written)


def _held_by_age(f: Floats, news: Floats, start: Floats, ages: Sequence[tuple[int, int]]) -> Floats:
    """What the units hold together, `(bucket, time)`, in the order of reading; `start` was there before the first step."""
    time, held = len(f), np.zeros((len(ages), len(f)))
    doubled = [_Window(1, f, news)]
    younger = np.ones_like(f)  # what is left after all ages before the bucket
    for bucket, (first, last) in enumerate(ages):
        if first >= time:
            break
        width = min(last, time - 1) - first + 1 if last >= 0 else time - first
        window = _window(doubled, width)
        held[bucket, first:] = np.einsum("tu,tu->t", younger[first:], window.written[: time - first])
        younger[first:] *= window.kept[: time - first]
    held[-1] += younger @ start
    return held


def _window(doubled: list[_Window], width: int) -> _Window:
    """Of any width, from windows of 1, 2, 4, ... steps; `doubled` grows as needed."""
    whole: _Window | None = None
    for power in range(width.bit_length()):
        if power == len(doubled):
            doubled.append(doubled[-1].then(doubled[-1]))
        if width >> power & 1:
            whole = doubled[power] if whole is None else whole.then(doubled[power])
    assert whole is not None  # a width is at least 1
    return whole


def _check_ages(ages: Sequence[tuple[int, int]]) -> None:
    follow = [last + 1 for _, last in ages[:-1]]
    whole = all(first <= last for first, last in ages[:-1])
    if not ages or ages[0][0] != 0 or ages[-1][1] != -1 or not whole or follow != [first for first, _ in ages[1:]]:
        given = ", ".join(f"{first} to {last}" for first, last in ages)
        raise UsageError(
            f"the ages are {given or 'empty'}, expected buckets that follow each other from 0, the last to -1 (and older)."
        )


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
