"""Executes a network description in the native core: what `NumPyEngine` does, by the same call, some times faster.

It computes in float32. It keeps nothing between calls, so one engine serves any number of streams and threads; the
interpreter's lock is let go of while it computes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue import network
from ensue.errors import DataError, UsageError
from ensue.layers.base import ACTIVATIONS
from ensue.layers.pooling import POOLS
from ensue.runtime.traces import TRACED, GateSums, LayerTrace, begin_sums, places

Array = NDArray[Any]
Instruction = tuple[str, tuple[int, ...], tuple[str, ...]]

STORAGES = ("float32", "bf16", "int8")
"""How the matrices of LSTMs and linear maps may be kept; sums are in float32 in any case."""
MOST_THREADS = 1024


class NativeEngine:
    """A network description with its weights, ready to run.

    Args:
        description: the network.
        weights: a mapping from the description's parameter names to arrays. Raises `ModelFileError` unless they are
            exactly those of the description.
        isa: the instruction set, one of `ensue._native.isa_names()`; None: what ENSUE_ISA names, or else the fastest.
        weights_as: "float32", or "bf16" or "int8": half and a quarter of the memory to read, and less exact.
        threads: among so many the rows of a large batch are divided.

    Raises `ImportError` where there is no native core, and `UsageError` for options that cannot be.

    >>> description = network.Network((network.LSTM(2, 4), network.Linear(4, 1)))
    >>> weights = {name: np.full(shape, 0.1) for name, shape in description.parameters().items()}
    >>> engine = NativeEngine(description, weights)  # doctest: +SKIP
    >>> output, state = engine.forward(np.ones((1, 5, 2)))  # doctest: +SKIP
    """

    def __init__(
        self,
        description: network.Network,
        weights: Mapping[str, Array],
        *,
        isa: str | None = None,
        weights_as: str = "float32",
        threads: int = 1,
    ) -> None:
        from ensue import _native

        description.check_weights({name: weight.shape for name, weight in weights.items()})
        check_storage(weights_as)
        if not isinstance(threads, int) or isinstance(threads, bool) or not 1 <= threads <= MOST_THREADS:
            raise UsageError(f"threads is {threads!r}, expected a whole number from 1 to {MOST_THREADS}.")
        self.network = description
        self.dtype: np.dtype[Any] = np.dtype(np.float32)
        self.weights_as, self.threads = weights_as, threads
        self._places = places(description)
        self._weights = {name: np.ascontiguousarray(weight, np.float32) for name, weight in weights.items()}
        blocks = (self._weights[name].tobytes() for name in sorted(self._weights))
        self.digest = hashlib.sha256(b"".join(blocks)).hexdigest()
        """Of the weights, to tell one model from another; the same whatever executes them."""
        try:
            self.native = _native.Network(
                program(description), self._weights, isa or _native.kernels().name, weights_as
            )
        except ValueError as error:
            raise UsageError(str(error)) from error

    @property
    def isa(self) -> str:
        """The instruction set it computes with."""
        return self.native.isa

    def forward(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        outputs: bool = True,
        lengths: ArrayLike | None = None,
    ) -> tuple[Array, list[Array]]:
        """Outputs `(batch, steps, outputs)` for `x` `(batch, time, features)`, and the state after the last step.

        As `NumPyEngine.forward` in all: the state and the lengths, what is refused, and that what is given is never
        written to.
        """
        return self._run(x, anchors, state, outputs, lengths)

    def trace(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        lengths: ArrayLike | None = None,
    ) -> tuple[Array, list[Array], list[LayerTrace]]:
        """What `forward` gives, to single precision, and every gate of every LSTM layer; as `NumPyEngine.trace`."""
        x, before = self._checked(x, anchors, state, lengths)
        batch, time, _ = x.shape
        traces = [np.zeros((TRACED, batch, each.time(time), each.hidden_size), np.float32) for each in self._places]
        y, after = self._run(x, anchors, before, True, lengths, traces=traces)
        named = [
            LayerTrace.of(each.place, each.suffix, trace, before[each.state + 1][each.row])
            for each, trace in zip(self._places, traces, strict=True)
        ]
        return y, after, named

    def watch(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        lengths: ArrayLike | None = None,
        sums: Sequence[GateSums] | None = None,
    ) -> tuple[Array, list[Array], list[GateSums]]:
        """What `forward` gives, and running sums over the gates of every LSTM layer; as `NumPyEngine.watch`.

        What a call costs beside `forward` does not grow with the time that was read before.
        """
        x, before = self._checked(x, anchors, state, lengths)
        batch, time, _ = x.shape
        moving = begin_sums(self._places, batch, sums)
        stacked = [_spread(each) for each in moving]
        y, after = self._run(x, anchors, before, True, lengths, sums=stacked)
        ends = None if lengths is None else np.asarray(lengths)
        watched = [
            GateSums.of(each.place, each.suffix, then.steps + each.steps(batch, time, ends), _gathered(now, then))
            for each, then, now in zip(self._places, moving, stacked, strict=True)
        ]
        return y, after, watched

    def _checked(
        self, x: Array, anchors: Array | None, state: Sequence[Array] | None, lengths: ArrayLike | None
    ) -> tuple[Array, list[Array]]:
        """x and the state before, as they are computed with; raises `UsageError` where the call cannot be."""
        x = np.asarray(x, np.float32)
        shapes = None if state is None else [np.shape(each) for each in state]
        given = None if lengths is None else np.asarray(lengths).tolist()
        self.network.check_call(x.shape, None if anchors is None else np.shape(anchors), shapes, given)
        if state is None:
            return x, self.initial_state(len(x))
        return x, [np.array(each, np.float32) for each in state]

    def _run(
        self,
        x: Array,
        anchors: Array | None,
        state: Sequence[Array] | None,
        outputs: bool,
        lengths: ArrayLike | None,
        traces: list[Array] | None = None,
        sums: list[Array] | None = None,
    ) -> tuple[Array, list[Array]]:
        """`forward`, recording in these arrays."""
        x = np.asarray(x, np.float32, order="C")
        if anchors is not None:
            anchors = np.asarray(anchors, np.float32, order="C")
        ends = None if lengths is None else np.asarray(lengths)
        native = self.native
        try:
            batch, time, _ = x.shape
            size = native.output_size if outputs else native.silent_size
            y = np.empty((batch, native.output_time(time), size), np.float32)
            after = (
                self.initial_state(batch)
                if state is None
                else [np.array(each, np.float32, order="C") for each in state]
            )
            bad_code = native.run(x, anchors, after, y, _whole(ends), outputs, self.threads, traces=traces, sums=sums)
        except (ValueError, TypeError):
            shapes = None if state is None else [np.shape(each) for each in state]
            given = None if ends is None else ends.tolist()
            self.network.check_call(x.shape, None if anchors is None else anchors.shape, shapes, given)
            raise
        if bad_code is not None:
            low, high, categories = bad_code
            raise DataError(f"A category code lies between {low:g} and {high:g}, expected 0 to {categories - 1}.")
        return y, after

    def initial_state(self, batch: int) -> list[Array]:
        """The state before the first step: zeros."""
        return [np.zeros((rows, batch, size), np.float32) for rows, size in self.native.state_shapes]

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, in this process or another, is built anew from the weights."""
        return _rebuilt, (self.network, self._weights, self.isa, self.weights_as, self.threads)


def check_storage(weights_as: str) -> None:
    """Raise `UsageError` unless weights can be kept so."""
    if weights_as not in STORAGES:
        raise UsageError(f"Weights cannot be kept as {weights_as!r}, expected 'float32', 'bf16' or 'int8'.")


def program(description: network.Network) -> list[Instruction]:
    """The network as the native core takes it: for each layer its kind, its numbers and the names of its weights.

    >>> program(network.Network((network.Residual((network.RMSNorm(4), network.Dropout(0.1))),)))
    [('residual', (), ()), ('rms_norm', (4,), ('layers.0.inner.0.weight',)), ('end', (), ())]
    """
    return list(_instructions(description.layers, "layers", description.input_size))


def _instructions(layers: Sequence[network.Layer], prefix: str, size: int) -> Iterator[Instruction]:
    for position, layer in enumerate(layers):
        start = f"{prefix}.{position}"
        if isinstance(layer, network.Residual):
            yield "residual", (), ()
            yield from _instructions(layer.layers, f"{start}.inner", layer.input_size)
            yield "end", (), ()
        elif isinstance(layer, network.Pooling):
            yield layer.kind, (size, POOLS.index(layer.how)), ()
        elif not isinstance(layer, network.Dropout):
            yield layer.kind, _numbers(layer), tuple(f"{start}.{name}" for name in layer.parameters())
        size = layer.output_size or size


def _numbers(layer: Any) -> tuple[int, ...]:
    """What the native core wants to know of a layer beside its weights; the order stands beside its `make_` functions."""
    match layer:
        case network.Embedding():
            numbers = [layer.vocabulary_size, layer.size]
        case network.EmbedColumns():
            columns = [(index, categories + 1, size) for index, categories, size in layer.columns]
            numbers = [layer.input_size, *(number for column in columns for number in column)]
        case network.Linear():
            numbers = [layer.input_size, layer.output_size, layer.bias, ACTIVATIONS.index(layer.activation)]
        case network.LSTM():
            numbers = [layer.input_size, layer.hidden_size, layer.layers, layer.directions]
            numbers += [layer.layer_norm, layer.residual]
        case network.Convolution():
            numbers = [layer.input_size, layer.output_size, layer.width, layer.stride, layer.dilation]
            numbers += [layer.causal, layer.bias, ACTIVATIONS.index(layer.activation)]
        case network.LayerNorm() | network.RMSNorm():
            numbers = [layer.size]
        case network.GatedFeedForward() | network.AttentionPooling():
            numbers = [layer.size, layer.inner_size]
        case network.QuantileHead():
            numbers = [layer.input_size, len(layer.levels), layer.median, layer.anchors]
        case network.SoftmaxHead():
            numbers = [layer.input_size, layer.classes]
        case _:
            raise TypeError(f"The native core knows no layer {layer.kind!r}.")
    return tuple(map(int, numbers))


def _spread(sums: GateSums) -> Array:
    """A copy of all sums, `(sum, batch * hidden and some)`: so wide that no two fall on one place of a cache."""
    stacked = sums.stacked
    width = stacked[0].size
    lines = -(-width // 16) | 1  # an odd number of 128 bytes
    spread = np.empty((len(stacked), lines * 16))
    spread[:, :width] = stacked.reshape(len(stacked), width)
    return spread


def _gathered(spread: Array, like: GateSums) -> Array:
    """The sums of `_spread` again, `(sum, batch, hidden)`: views."""
    batch, hidden = like.log_forget.shape
    return spread[:, : batch * hidden].reshape(len(spread), batch, hidden)


def _whole(lengths: Array | None) -> Array | None:
    """Lengths as the native core takes them; raises `ValueError` where they are no whole numbers."""
    if lengths is None:
        return None
    if lengths.dtype.kind not in "iu":
        raise ValueError("The lengths are no whole numbers.")
    return np.ascontiguousarray(lengths, np.int64)


def _rebuilt(
    description: network.Network, weights: Mapping[str, Array], isa: str, weights_as: str, threads: int
) -> NativeEngine:
    from ensue import _native

    here = isa if isa in _native.isa_names() else None  # another machine may have others
    return NativeEngine(description, weights, isa=here, weights_as=weights_as, threads=threads)
