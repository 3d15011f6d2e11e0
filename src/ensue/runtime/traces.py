"""What an LSTM computed on its way: every gate of every step, or running sums of them.

Both come from the engines: `engine.trace(...)` keeps all of it, `engine.watch(...)` only sums, at a constant cost per step.
The equations, and what i, f, g, o, c and h are, stand in `learn.reference`.

Letters of shapes: `batch time hidden`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue import network
from ensue.errors import UsageError

Array = NDArray[Any]

CLOSED, OPEN = 0.1, 0.9
"""A gate below the first counts as closed, above the second as open (Karpathy, Johnson & Fei-Fei 2016, section 4.2)."""
TRACED = 6
"""Of a layer in a trace: i, f, g, o, c, h."""
SMALLEST_FORGET = 2.0**-63
"""A forget gate below it counts as this where its logarithm is taken: in float32 a gate can be exactly 0."""


@dataclass(frozen=True)
class LayerTrace:
    """Everything one LSTM layer computed in one direction, each `(batch, time, hidden)`.

    Beyond a row's length everything is zero. In reverse, step t still stands at t: it is the order of reading that differs.
    """

    place: str
    """The layer's name in the network, such as `layers.1.inner.0`; its weights are `place + ".weight_hh" + suffix`."""
    suffix: str
    """Which of its own layers and directions: `_l0`, `_l0_reverse`, `_l1`, ..."""
    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array
    c_before: Array
    """The cell state before the first step read, `(batch, hidden)`."""

    @classmethod
    def of(cls, place: str, suffix: str, values: Array, c_before: Array) -> LayerTrace:
        """With one array `(6, batch, time, hidden)` of i, f, g, o, c and h."""
        i, f, g, o, c, h = values
        return cls(place, suffix, i, f, g, o, c, h, c_before)

    @property
    def reverse(self) -> bool:
        """Whether it reads from the end to the beginning."""
        return self.suffix.endswith("_reverse")

    @property
    def hidden_size(self) -> int:
        return int(self.c.shape[-1])


@dataclass(frozen=True)
class GateSums:
    """Running sums over the steps that one LSTM layer read in one direction, each `(batch, hidden)` in float64.

    `written` and `aged` are those of the memory's mean age (`inspection.ledger`): with w = |i * g|,

        written_t = f_t * written_{t-1} + w_t        aged_t = f_t * (aged_{t-1} + written_{t-1})

    so `aged / written` is the mean age, in steps, of what is in the cell.
    """

    place: str
    suffix: str
    steps: NDArray[np.int64]
    """Steps read so far, `(batch,)`."""
    log_forget: Array
    """Sum of ln f."""
    closed_i: Array
    open_i: Array
    closed_f: Array
    open_f: Array
    closed_o: Array
    open_o: Array
    """Steps at which a gate was below `CLOSED` or above `OPEN`."""
    cell: Array
    cell_squared: Array
    """Sums of c and of its square."""
    written: Array
    aged: Array

    @classmethod
    def zero(cls, place: str, suffix: str, batch: int, hidden: int) -> GateSums:
        """The sums before the first step."""
        return cls.of(place, suffix, np.zeros(batch, np.int64), np.zeros((len(SUMS), batch, hidden)))

    @classmethod
    def of(cls, place: str, suffix: str, steps: NDArray[np.int64], sums: Array) -> GateSums:
        """With one array `(sum, batch, hidden)` of all sums in the order of `SUMS`."""
        found = cls(place, suffix, steps, *sums)
        object.__setattr__(found, "_whole", sums)  # of which its arrays are views: quicker to copy than eleven
        return found

    @property
    def stacked(self) -> Array:
        """All sums in the order of `SUMS`, `(sum, batch, hidden)` in float64; not to be written to."""
        whole: Array | None = getattr(self, "_whole", None)
        return np.stack([getattr(self, name) for name in SUMS], dtype=np.float64) if whole is None else whole

    @property
    def mean_age(self) -> Array:
        """Mean age of what each cell holds, in steps; NaN where it holds nothing."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.aged / self.written)


SUMS = tuple(each.name for each in fields(GateSums) if each.name not in ("place", "suffix", "steps"))
"""The sums of `GateSums`; the native core has them in this order (`enum ensue_sum`)."""


@dataclass(frozen=True)
class Place:
    """Where one LSTM layer in one direction stands in a network."""

    place: str
    suffix: str
    hidden_size: int
    stride: int | None
    """Steps of the call for each of its own; None: it stands after a pooling, and reads one step of each row."""
    state: int
    """Where h is in the list of the state; c follows."""
    row: int
    """Which row of them is its own."""

    @property
    def reverse(self) -> bool:
        return self.suffix.endswith("_reverse")

    def time(self, time: int) -> int:
        """Steps that it reads in a call with so many."""
        return 1 if self.stride is None else time // self.stride

    def steps(self, batch: int, time: int, lengths: Array | None) -> Array:
        """Steps that it reads of each row, `(batch,)`, in a call with so many and with these lengths."""
        if lengths is None or self.stride is None:
            return np.full(batch, self.time(time), np.int64)
        return np.asarray(lengths, np.int64) // self.stride


def places(description: network.Network) -> list[Place]:
    """Every LSTM layer and direction, in the order of the state.

    >>> stack = network.Network((network.Residual((network.LSTM(4, 4),)), network.LSTM(4, 3, bidirectional=True)))
    >>> [(each.place, each.suffix) for each in places(stack)]
    [('layers.0.inner.0', '_l0'), ('layers.1', '_l0'), ('layers.1', '_l0_reverse')]
    """
    return list(_places(description.layers, "layers", 1, 0))


def _places(layers: Sequence[network.Layer], prefix: str, stride: int | None, state: int) -> Iterator[Place]:
    for position, layer in enumerate(layers):
        place = f"{prefix}.{position}"
        if isinstance(layer, network.Residual):
            yield from _places(layer.layers, f"{place}.inner", stride, state)
        elif isinstance(layer, network.LSTM):
            suffixes = [suffix for each in range(layer.layers) for suffix in layer.suffixes(each)]
            for row, suffix in enumerate(suffixes):
                yield Place(place, suffix, layer.hidden_size, stride, state, row)
        state += len(layer.state_shapes(1))
        if layer.pools:
            stride = None
        elif stride is not None:
            stride *= layer.stride


def begin_sums(places: Sequence[Place], batch: int, given: Sequence[GateSums] | None) -> list[GateSums]:
    """The sums to go on from: those given, or zero. Raises `UsageError` where the given ones are of another network."""
    if given is None:
        return [GateSums.zero(each.place, each.suffix, batch, each.hidden_size) for each in places]
    found = [(each.place + each.suffix, *each.log_forget.shape) for each in given]
    wanted = [(each.place + each.suffix, batch, each.hidden_size) for each in places]
    if found != wanted:
        raise UsageError(f"The sums given are of {_listed(found)}, expected those of {_listed(wanted)}.")
    return list(given)


def _listed(sizes: Sequence[tuple[Any, ...]]) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, *shape in sizes) or "no layer"
