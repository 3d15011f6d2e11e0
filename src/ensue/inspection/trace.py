"""Every gate of every layer over one sequence, each step under its own label.

The engines give a `LayerTrace` for a batch; a `Trace` is one row of it, with the row's stamps, positions or words.

Letters of shapes: `time unit`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import UsageError, nearest
from ensue.runtime.traces import LayerTrace

if TYPE_CHECKING:
    import polars

Array = NDArray[Any]

GATES = ("i", "f", "g", "o", "c", "h")
"""What is known of every step: input, forget, cell and output gate, cell state, hidden state (`learn.reference`)."""


class Placed(Protocol):
    """Whatever says which layer it is of: a `TracedLayer`, a `LayerTrace`, its `GateSums`."""

    @property
    def place(self) -> str: ...

    @property
    def suffix(self) -> str: ...


def parameter(layer: Placed, kind: str) -> str:
    """The name of a layer's parameter in the network: `layers.0.bias_hh_l1`."""
    return f"{layer.place}.{kind}{layer.suffix}"


@dataclass(frozen=True)
class TracedLayer:
    """What one LSTM layer computed in one direction over one sequence; arrays are `(time, unit)`."""

    name: str
    """`layer 1`, `layer 2, backwards`, ..."""
    place: str
    """The layer's name in the network; its weights are `place + ".weight_hh" + suffix`."""
    suffix: str
    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array
    c_before: Array
    """The cell state before the first step read, `(unit,)`."""

    @property
    def reverse(self) -> bool:
        """Whether it reads from the end to the beginning."""
        return self.suffix.endswith("_reverse")

    @property
    def units(self) -> int:
        return int(self.c.shape[1])

    def __len__(self) -> int:
        return int(self.c.shape[0])

    def ordered(self, values: Array) -> Array:
        """`values` `(time, ...)` from the order of steps to the order of reading, or back: a view."""
        return values[::-1] if self.reverse else values

    def between(self, start: int, stop: int) -> TracedLayer:
        """The steps from `start` to before `stop`; `c_before` is the cell as it was before the first of them was read."""
        read_before = stop if self.reverse else start - 1
        inside = 0 <= read_before < len(self)
        before = self.c[read_before] if inside else self.c_before
        return replace(self, **{gate: getattr(self, gate)[start:stop] for gate in GATES}, c_before=before)


@dataclass(frozen=True)
class Trace:
    """Every gate of every layer over one sequence.

    >>> from ensue.runtime.traces import LayerTrace
    >>> half = {gate: np.full((1, 3, 2), 0.5) for gate in "ifgoch"}  # one row, three steps, two units
    >>> trace = Trace.of([LayerTrace("layers.0", "_l0", **half, c_before=np.zeros((1, 2)))], ["so", "it", "goes"])
    >>> trace
    Trace(3 steps from so to goes, layer 1 of 2 units)
    >>> trace.layer(0).f.shape, trace["layer 1"].f[0].tolist(), trace[1:].labels.tolist()
    ((3, 2), [0.5, 0.5], ['it', 'goes'])
    >>> trace.to_frame().columns
    ['step', 'label', 'layer', 'unit', 'i', 'f', 'g', 'o', 'c', 'h']
    """

    labels: Array
    """Of the steps: stamps, positions or words, `(time,)`."""
    layers: tuple[TracedLayer, ...]
    """In the order of the network, forwards before backwards."""

    @classmethod
    def of(cls, layers: Sequence[LayerTrace], labels: ArrayLike, row: int = 0) -> Trace:
        """One row of a batch under its labels, one for each of the row's own steps; nothing is copied.

        Raises `UsageError` where there are more labels than steps, or fewer than the row has steps of its own.
        """
        if not layers:
            raise UsageError("there is no LSTM layer to trace: expected a network with at least one.")
        given = np.asarray(labels)
        if given.ndim != 1:
            raise UsageError(f"labels have the shape {given.shape}, expected one label for each step.")
        traced = []
        for name, each in zip(layer_names(layers), layers, strict=True):
            _check(name, each, len(given), row)
            own = {gate: getattr(each, gate)[row, : len(given)] for gate in GATES}
            traced.append(TracedLayer(name, each.place, each.suffix, **own, c_before=each.c_before[row]))
        return cls(given, tuple(traced))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the layers."""
        return tuple(each.name for each in self.layers)

    def layer(self, which: int | str) -> TracedLayer:
        """A layer by its number, from 0, or by its name. Raises `UsageError` where there is none."""
        if isinstance(which, str):
            if which not in self.names:
                raise UsageError(f"there is no layer '{which}': {nearest(which, self.names)}")
            return self.layers[self.names.index(which)]
        if not -len(self.layers) <= which < len(self.layers):
            raise UsageError(f"there is no layer {which}: expected a number from 0 to {len(self.layers) - 1}.")
        return self.layers[which]

    @overload
    def __getitem__(self, which: slice) -> Trace: ...

    @overload
    def __getitem__(self, which: int | str) -> TracedLayer: ...

    def __getitem__(self, which: slice | int | str) -> Trace | TracedLayer:
        """`trace[100:200]` is the trace of those steps; `trace["layer 1"]` and `trace[0]` are layers."""
        if not isinstance(which, slice):
            return self.layer(which)
        start, stop, stride = which.indices(len(self))
        if stride != 1 or stop <= start:
            raise UsageError(
                f"the slice {start}:{stop}:{stride} is not a run of steps: expected one step or more, each."
            )
        return Trace(self.labels[start:stop], tuple(each.between(start, stop) for each in self.layers))

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.labels)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{each.name} of {each.units} units" for each in self.layers)
        reach = f"{len(self)} steps from {self.labels[0]} to {self.labels[-1]}" if len(self) else "no steps"
        return f"Trace({reach}, {sizes})"

    def to_frame(self) -> polars.DataFrame:
        """A row for each layer, step and unit: `step` (position from 0), `label`, `layer`, `unit`, i, f, g, o, c, h."""
        import polars

        frames = []
        for each in self.layers:
            place = {
                "step": np.repeat(np.arange(len(self), dtype=np.int32), each.units),
                "label": polars.Series(self.labels).gather(np.repeat(np.arange(len(self)), each.units)),
                "layer": polars.repeat(each.name, len(self) * each.units, dtype=polars.Enum(self.names), eager=True),
                "unit": np.tile(np.arange(each.units, dtype=np.int32), len(self)),
            }
            frames.append(polars.DataFrame(place | {gate: getattr(each, gate).reshape(-1) for gate in GATES}))
        return polars.concat(frames)


def layer_names(layers: Sequence[LayerTrace]) -> list[str]:
    """What a person calls them: layers are counted through the whole network, directions share their number.

    >>> empty = [np.zeros((1, 0, 1))] * 6 + [np.zeros((1, 1))]
    >>> layer_names([LayerTrace("layers.0", suffix, *empty) for suffix in ("_l0", "_l0_reverse", "_l1")])
    ['layer 1', 'layer 1, backwards', 'layer 2']
    """
    own = [(each.place, re.sub("_reverse$", "", each.suffix)) for each in layers]
    numbers = {which: number for number, which in enumerate(dict.fromkeys(own), start=1)}
    return [
        f"layer {numbers[which]}" + (", backwards" if each.reverse else "")
        for which, each in zip(own, layers, strict=True)
    ]


def _check(name: str, layer: LayerTrace, labels: int, row: int) -> None:
    batch, time, _ = layer.c.shape
    if not 0 <= row < batch:
        raise UsageError(f"row {row} was asked for, expected 0 to {batch - 1}: so many rows were traced.")
    beyond = bool(np.any(layer.f[row, labels:]))  # a forget gate is never 0 where something was read
    if labels > time or beyond:
        raise UsageError(f"{name} was traced over {time} steps and {labels} labels were given: give one for each step.")
