"""Executes a network description in NumPy: no PyTorch in the process.

It is the contract of the native core, and what that core is tested on: the same call, the same state, the same numbers.
It keeps nothing between calls, so one engine serves any number of streams and threads.

Letters of shapes: `batch time features hidden`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ensue import network
from ensue.runtime.numpy_layers import Array, Executor, Passage, compile_layers, run_layers
from ensue.runtime.numpy_layers.records import Record, Sums, Trace
from ensue.runtime.traces import GateSums, LayerTrace, begin_sums, places


class NumPyEngine:
    """A network description with its weights, ready to run.

    Weights are a mapping from the description's parameter names to arrays. `dtype` is what is computed in: float32 as
    in training, or float64. Raises `ModelFileError` unless the weights are exactly those of the description.

    >>> description = network.Network((network.LSTM(2, 4), network.Linear(4, 1)))
    >>> weights = {name: np.full(shape, 0.1) for name, shape in description.parameters().items()}
    >>> engine = NumPyEngine(description, weights)
    >>> x = np.ones((1, 5, 2))
    >>> whole, _ = engine.forward(x)
    >>> first, state = engine.forward(x[:, :3])
    >>> rest, _ = engine.forward(x[:, 3:], state=state)
    >>> bool(np.allclose(whole, np.concatenate([first, rest], axis=1)))
    True
    """

    def __init__(
        self, description: network.Network, weights: Mapping[str, Array], dtype: DTypeLike = np.float32
    ) -> None:
        description.check_weights({name: weight.shape for name, weight in weights.items()})
        self.network = description
        self.dtype = np.dtype(dtype)
        arrays = {name: np.asarray(weight, self.dtype) for name, weight in weights.items()}
        self.digest = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()
        """Of the weights, to tell one model from another."""
        self._layers = compile_layers(description.layers, "layers", arrays)

    def forward(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        outputs: bool = True,
        lengths: ArrayLike | None = None,
    ) -> tuple[Array, list[Array]]:
        """Outputs `(batch, steps, outputs)` for `x` `(batch, time, features)`, and the state after the last step.

        The state is the flat list that `Network.state_shapes` describes; None begins at zero. What is given is never
        written to. One step is a call with one time step; `steps` is what `Network.output_time` says. Where only the
        state is wanted, `outputs=False` leaves the head out, and what comes back first is what it would have been
        given. With `lengths`, whole numbers, one a row, what lies beyond a row's length changes nothing, outputs there
        are zero, and the state is that at the row's own end. Raises `UsageError` for shapes that do not fit and
        `DataError` for a category code that no table has.
        """
        layers = self._layers if outputs or self.network.head is None else self._layers[:-1]
        return self._run(layers, *self._checked(x, anchors, state, lengths))

    def trace(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        lengths: ArrayLike | None = None,
    ) -> tuple[Array, list[Array], list[LayerTrace]]:
        """What `forward` gives, and every gate of every step of every LSTM layer and direction, in the order of the state.

        Takes six numbers of memory for each unit and step. Raises as `forward` does.
        """
        x, passage = self._checked(x, anchors, state, lengths)
        batch, time, _ = x.shape
        records = [Trace(each, batch, time, self.dtype) for each in places(self.network)]
        output, after = self._run(self._layers, x, passage, records)
        return output, after, [each.found for each in records]

    def watch(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        lengths: ArrayLike | None = None,
        sums: Sequence[GateSums] | None = None,
    ) -> tuple[Array, list[Array], list[GateSums]]:
        """What `forward` gives, and running sums over the steps of every LSTM layer and direction, in the order of the state.

        Sums given, those of the steps before, are gone on from and not written to. Raises as `forward` does, and
        `UsageError` where the sums are those of another network or batch.
        """
        x, passage = self._checked(x, anchors, state, lengths)
        batch, time, _ = x.shape
        there = places(self.network)
        begun = begin_sums(there, batch, sums)
        records = [
            Sums(each, before, each.steps(batch, time, passage.lengths))
            for each, before in zip(there, begun, strict=True)
        ]
        output, after = self._run(self._layers, x, passage, records)
        return output, after, [each.found for each in records]

    def _checked(
        self, x: Array, anchors: Array | None, state: Sequence[Array] | None, lengths: ArrayLike | None
    ) -> tuple[Array, Passage]:
        x = np.asarray(x, self.dtype)
        anchors = None if anchors is None else np.asarray(anchors, self.dtype)
        shapes = None if state is None else [np.shape(each) for each in state]
        given = None if lengths is None else np.asarray(lengths).tolist()
        self.network.check_call(x.shape, None if anchors is None else anchors.shape, shapes, given)
        ends = None if given is None else np.array(given, np.intp)
        return x, Passage(anchors, ends, None if state is None else iter(state))

    def _run(
        self, layers: Sequence[Executor], x: Array, passage: Passage, records: Sequence[Record] | None = None
    ) -> tuple[Array, list[Array]]:
        passage.records = None if records is None else iter(records)
        output = run_layers(layers, passage.hide_padding(x), passage)
        return passage.hide_padding(output), passage.after

    def initial_state(self, batch: int) -> list[Array]:
        """The state before the first step: zeros."""
        return [np.zeros(shape, self.dtype) for shape in self.network.state_shapes(batch)]
