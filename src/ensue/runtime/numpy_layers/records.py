"""What an LSTM in NumPy leaves of its gates while it runs: all of them, or running sums.

A record is told of one step after the other in the order of reading; where rows have lengths the longest come first, and
only those that go on are told of. Letters of shapes: `batch time hidden`.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ensue.runtime.numpy_layers.passage import in_reverse
from ensue.runtime.traces import CLOSED, OPEN, SMALLEST_FORGET, SUMS, TRACED, GateSums, LayerTrace, Place

Array = NDArray[Any]


class Record(Protocol):
    """What is told of one layer in one direction."""

    def begin(self, c: Array, order: Array | None) -> None:
        """The cell before the first step, its rows in this order of the batch's; None: as they are."""

    def step(self, i: Array, f: Array, g: Array, o: Array, c: Array, h: Array) -> None:
        """One step of the first rows, each `(rows, hidden)`; arrays that change afterwards."""

    def end(self, lengths: Array | None) -> None:
        """No more steps; the rows had these lengths, in the order that `begin` was told."""


class Trace:
    """Every gate of every step."""

    def __init__(self, place: Place, batch: int, time: int, dtype: DTypeLike) -> None:
        self._place, self._time = place, 0
        self._values = np.zeros((TRACED, place.time(time), batch, place.hidden_size), dtype)

    def begin(self, c: Array, order: Array | None) -> None:
        self._order, self._c = order, c.copy()

    def step(self, i: Array, f: Array, g: Array, o: Array, c: Array, h: Array) -> None:
        for to, value in zip(self._values, (i, f, g, o, c, h), strict=True):
            to[self._time, : len(value)] = value
        self._time += 1

    def end(self, lengths: Array | None) -> None:
        values = self._values
        if self._place.reverse:
            values = np.stack([in_reverse(each, lengths) for each in values])
        values = np.ascontiguousarray(values.transpose(0, 2, 1, 3))  # 6 x batch x time x hidden
        if self._order is not None:
            back = np.argsort(self._order)
            values, self._c = values[:, back], self._c[back]
        self.found = LayerTrace.of(self._place.place, self._place.suffix, values, self._c)


class Sums:
    """Running sums over the steps; those given are not written to."""

    def __init__(self, place: Place, before: GateSums, steps: NDArray[np.int64]) -> None:
        self._place, self._steps = place, before.steps + steps
        self._sums = before.stacked.copy()

    def begin(self, c: Array, order: Array | None) -> None:
        self._order = order
        if order is not None:
            self._sums = self._sums[:, order]

    def step(self, i: Array, f: Array, g: Array, o: Array, c: Array, h: Array) -> None:
        rows = dict(zip(SUMS, self._sums[:, : len(i)], strict=True))  # each rows x hidden, a view
        i, f, g, o, c = (each.astype(np.float64) for each in (i, f, g, o, c))
        rows["log_forget"] += np.log(np.maximum(f, SMALLEST_FORGET))
        for name, gate in (("i", i), ("f", f), ("o", o)):
            rows[f"closed_{name}"] += gate < CLOSED
            rows[f"open_{name}"] += gate > OPEN
        rows["cell"] += c
        rows["cell_squared"] += c * c
        rows["aged"] += rows["written"]
        rows["aged"] *= f
        rows["written"] *= f
        rows["written"] += np.abs(i * g)

    def end(self, lengths: Array | None) -> None:
        if self._order is not None:
            self._sums = self._sums[:, np.argsort(self._order)]
        self.found = GateSums.of(self._place.place, self._place.suffix, self._steps, self._sums)
