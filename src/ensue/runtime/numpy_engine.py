"""Executes a network description in NumPy: no PyTorch in the process.

It is the contract of a native core, and what that core is tested on: the same call, the same state, the same numbers.
It keeps nothing between calls, so one engine serves any number of streams and threads.

Letters of shapes: `batch time features hidden`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ensue import network
from ensue.errors import DataError

Array = NDArray[Any]

BLOCK = 1 << 20
"""Gate sums held at once while a sequence is read, in numbers: about the size of a processor's cache."""


@dataclass
class _Passage:
    """What accompanies the values through the layers of one call."""

    anchors: Array | None
    before: Iterator[Array] | None
    after: list[Array] = field(default_factory=list)


class _Executor(Protocol):
    def __call__(self, x: Array, passage: _Passage) -> Array: ...


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
        self._layers = _compile(description.layers, "layers", arrays)

    def forward(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        outputs: bool = True,
    ) -> tuple[Array, list[Array]]:
        """Outputs `(batch, time, outputs)` for `x` `(batch, time, features)`, and the state after the last step.

        The state is the flat list that `Network.state_shapes` describes; None begins at zero. What is given is never
        written to. One step is a call with one time step. Where only the state is wanted, `outputs=False` leaves a
        quantile head out, and what comes back first is what it would have been given. Raises `UsageError` for shapes
        that do not fit and `DataError` for a category code that no table has.
        """
        x = np.asarray(x, self.dtype)
        anchors = None if anchors is None else np.asarray(anchors, self.dtype)
        shapes = None if state is None else [each.shape for each in state]
        self.network.check_call(x.shape, None if anchors is None else anchors.shape, shapes)
        passage = _Passage(anchors, None if state is None else iter(state))
        ends_in_head = isinstance(self._layers[-1], _QuantileHead)
        for layer in self._layers if outputs or not ends_in_head else self._layers[:-1]:
            x = layer(x, passage)
        return x, passage.after

    def initial_state(self, batch: int) -> list[Array]:
        """The state before the first step: zeros."""
        return [np.zeros(shape, self.dtype) for shape in self.network.state_shapes(batch)]


def _compile(layers: Sequence[network.Layer], prefix: str, weights: Mapping[str, Array]) -> list[_Executor]:
    """An executor for each layer; weights are taken by the names that follow `prefix`."""
    executors = []
    for position, layer in enumerate(layers):
        start = f"{prefix}.{position}."
        own = {name[len(start) :]: weight for name, weight in weights.items() if name.startswith(start)}
        executors.append(_EXECUTORS[layer.kind](layer, own))
    return executors


class _Embedding:
    def __init__(self, layer: network.Embedding, weights: Mapping[str, Array]) -> None:
        self.table = weights["weight"]

    def __call__(self, x: Array, passage: _Passage) -> Array:
        return _look_up(self.table, x[..., 0])


class _EmbedColumns:
    def __init__(self, layer: network.EmbedColumns, weights: Mapping[str, Array]) -> None:
        self.kept = np.array(layer.kept, np.intp)
        indices = [index for index, _, _ in layer.columns]
        self.tables = [(index, weights[f"embeddings.{place}.weight"]) for place, index in enumerate(indices)]

    def __call__(self, x: Array, passage: _Passage) -> Array:
        vectors = [_look_up(table, x[..., index]) for index, table in self.tables]
        return np.concatenate([x[..., self.kept], *vectors], axis=-1)


def _look_up(table: Array, codes: Array) -> Array:
    if not (codes.min() >= 0 and codes.max() < len(table)):  # so written that NaN is refused too
        raise DataError(
            f"A category code lies between {codes.min():g} and {codes.max():g}, expected 0 to {len(table) - 1}."
        )
    vectors: Array = table[codes.astype(np.intp)]
    return vectors


class _Linear:
    def __init__(self, layer: network.Linear, weights: Mapping[str, Array]) -> None:
        self.weight = np.ascontiguousarray(weights["weight"].T)  # input x output
        self.bias = weights.get("bias")
        self.activation = _ACTIVATIONS[layer.activation]

    def __call__(self, x: Array, passage: _Passage) -> Array:
        values = _times(x, self.weight)
        if self.bias is not None:
            values += self.bias
        return self.activation(values)


def _times(x: Array, weight: Array) -> Array:
    """`x @ weight` as one product of two matrices, which is quicker than one a row of the batch."""
    product: Array = np.dot(x.reshape(-1, x.shape[-1]), weight).reshape(*x.shape[:-1], weight.shape[1])
    return product


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), by way of tanh, which cannot overflow."""
    result: Array = np.tanh(x * 0.5)
    result *= 0.5
    result += 0.5
    return result


def _softplus(x: Array) -> Array:
    """log(1 + exp(x)), which does not overflow so written."""
    result: Array = np.logaddexp(x, 0.0, dtype=x.dtype)
    return result


def _gelu(x: Array) -> Array:
    """x times the normal distribution function of x (Hendrycks & Gimpel 2016)."""
    # NumPy has no erf; the standard library's is exact, and as quick here as a polynomial in array operations.
    erf = np.fromiter(map(math.erf, (x * math.sqrt(0.5)).ravel().tolist()), x.dtype, x.size).reshape(x.shape)
    result: Array = 0.5 * x * (1.0 + erf)
    return result


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
}


class _LayerNorm:
    def __init__(self, layer: network.LayerNorm, weights: Mapping[str, Array]) -> None:
        self.gain, self.bias = weights["weight"], weights["bias"]

    def __call__(self, x: Array, passage: _Passage) -> Array:
        values = _normalised(x)
        values *= self.gain
        values += self.bias
        return values


def _normalised(x: Array) -> Array:
    """Mean 0 and variance 1 over the last dimension."""
    centred: Array = x - np.add.reduce(x, -1, keepdims=True) / x.shape[-1]
    centred /= _root_mean_square(centred)
    return centred


def _root_mean_square(x: Array) -> Array:
    result: Array = np.sqrt(np.add.reduce(x * x, -1, keepdims=True) / x.shape[-1] + network.EPSILON)
    return result


class _RMSNorm:
    def __init__(self, layer: network.RMSNorm, weights: Mapping[str, Array]) -> None:
        self.gain = weights["weight"]

    def __call__(self, x: Array, passage: _Passage) -> Array:
        values: Array = x / _root_mean_square(x)
        values *= self.gain
        return values


class _GatedFeedForward:
    def __init__(self, layer: network.GatedFeedForward, weights: Mapping[str, Array]) -> None:
        self.inner_size = layer.inner_size
        self.gate_up = np.ascontiguousarray(weights["gate_up.weight"].T)  # size x 2*inner
        self.down = np.ascontiguousarray(weights["down.weight"].T)  # inner x size

    def __call__(self, x: Array, passage: _Passage) -> Array:
        both = _times(x, self.gate_up)
        gate, up = both[..., : self.inner_size], both[..., self.inner_size :]
        return _times(gate * _sigmoid(gate) * up, self.down)


class _Dropout:
    def __init__(self, layer: network.Dropout, weights: Mapping[str, Array]) -> None:
        pass

    def __call__(self, x: Array, passage: _Passage) -> Array:
        return x


class _Residual:
    def __init__(self, layer: network.Residual, weights: Mapping[str, Array]) -> None:
        self.inner = _compile(layer.layers, "inner", weights)

    def __call__(self, x: Array, passage: _Passage) -> Array:
        values = x
        for layer in self.inner:
            values = layer(values, passage)
        return x + values


class _QuantileHead:
    def __init__(self, layer: network.QuantileHead, weights: Mapping[str, Array]) -> None:
        self.anchors, self.median = layer.anchors, layer.median
        self.weight, self.bias = np.ascontiguousarray(weights["weight"].T), weights["bias"]

    def __call__(self, x: Array, passage: _Passage) -> Array:
        raw = _times(x, self.weight)
        raw += self.bias
        median = raw[..., self.anchors : self.anchors + 1]  # batch x time x 1
        if passage.anchors is not None:
            gates = raw[..., : self.anchors]
            shares = np.exp(gates - np.maximum.reduce(gates, -1, keepdims=True))
            mixed = np.add.reduce(shares * passage.anchors, -1, keepdims=True)
            median = median + mixed / np.add.reduce(shares, -1, keepdims=True)
        steps = _softplus(raw[..., self.anchors + 1 :])
        quantiles = np.empty((*x.shape[:-1], steps.shape[-1] + 1), x.dtype)
        below, above = quantiles[..., : self.median][..., ::-1], quantiles[..., self.median + 1 :]
        quantiles[..., self.median : self.median + 1] = median
        np.subtract(median, np.add.accumulate(steps[..., : self.median][..., ::-1], -1), out=below)
        np.add(median, np.add.accumulate(steps[..., self.median :], -1), out=above)
        return quantiles


class _LSTM:
    """All layers and directions; time runs along the first axis inside, so that a step is one block of memory."""

    def __init__(self, layer: network.LSTM, weights: Mapping[str, Array]) -> None:
        self.layer = layer
        self.cells = [
            [_Cell(layer.hidden_size, suffix, weights) for suffix in layer.suffixes(each)]
            for each in range(layer.layers)
        ]

    def __call__(self, x: Array, passage: _Passage) -> Array:
        h, c = self._begin(x, passage)
        values, place = np.ascontiguousarray(x.transpose(1, 0, 2)), 0  # time x batch x features
        for position, cells in enumerate(self.cells):
            outputs = []
            for reverse, cell in enumerate(cells):
                ordered = values[::-1] if reverse else values
                output = cell.run(ordered, h[place], c[place])
                outputs.append(output[::-1] if reverse else output)
                place += 1
            joined = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=2)
            if self.layer.skips(position):
                joined += values
            values = joined
        passage.after += (h, c)
        return np.ascontiguousarray(values.transpose(1, 0, 2))

    def _begin(self, x: Array, passage: _Passage) -> tuple[Array, Array]:
        """h and c before the first step; the call's own, to be moved on in place."""
        if passage.before is None:
            h, c = (np.zeros(shape, x.dtype) for shape in self.layer.state_shapes(x.shape[0]))
        else:
            h, c = (np.array(next(passage.before), x.dtype, order="C") for _ in "hc")
        return h, c


class _Cell:
    """One layer in one direction; the equations are in `learn.reference`.

    The gates are stored as i, f, o, g, and what leads to i, f and o is halved, so that a single tanh serves all four:
    sigmoid(z) = (1 + tanh(z / 2)) / 2. Halving is exact.
    """

    def __init__(self, size: int, suffix: str, weights: Mapping[str, Array]) -> None:
        own = {name.removesuffix(suffix): array for name, array in weights.items() if name.endswith(suffix)}
        order = np.arange(4 * size).reshape(4, size)[[0, 1, 3, 2]].ravel()
        halves = np.repeat(np.array([0.5, 1.0], own["weight_hh"].dtype), [3 * size, size])
        self.size = size
        self.normalises = "gain_ih" in own
        scale = np.ones_like(halves) if self.normalises else halves  # a norm would undo it: there the gains are halved
        self.weight_ih = np.ascontiguousarray((own["weight_ih"][order] * scale[:, None]).T)  # features x 4*hidden
        self.weight_hh = np.ascontiguousarray((own["weight_hh"][order] * scale[:, None]).T)  # hidden x 4*hidden
        self.bias = (own["bias_ih"] + own["bias_hh"])[order] * halves
        if self.normalises:
            self.gain_ih, self.gain_hh = own["gain_ih"][order] * halves, own["gain_hh"][order] * halves
            self.gain_c, self.bias_c = own["gain_c"], own["bias_c"]

    def run(self, x: Array, h: Array, c: Array) -> Array:
        """Hidden states `(time, batch, hidden)` for `x` `(time, batch, features)`; leaves the last h and c in place."""
        time, batch, _ = x.shape
        output = np.empty((time, batch, self.size), x.dtype)
        block = max(1, BLOCK // (batch * 4 * self.size))  # so many steps at once that memory stays bounded
        before = h
        for start in range(0, time, block):
            before = self._run_block(x[start : start + block], before, c, output[start : start + block])
        h[...] = before
        return output

    def _run_block(self, x: Array, h: Array, c: Array, output: Array) -> Array:
        """Fills `output`, moves `c` on in place, returns the last h; what depends on x alone is done for all steps."""
        size, batch = self.size, x.shape[1]
        from_input = _times(x, self.weight_ih)  # time x batch x 4*hidden
        if self.normalises:
            from_input = _normalised(from_input)
            from_input *= self.gain_ih
        from_input += self.bias
        gates, scratch = np.empty((batch, 4 * size), x.dtype), np.empty((batch, size), x.dtype)
        ifo, i, f = gates[:, : 3 * size], gates[:, :size], gates[:, size : 2 * size]
        o, g = gates[:, 2 * size : 3 * size], gates[:, 3 * size :]
        for sums, shown in zip(from_input, output, strict=True):
            np.dot(h, self.weight_hh, gates)
            if self.normalises:
                gates[...] = _normalised(gates) * self.gain_hh
            np.add(gates, sums, gates)
            np.tanh(gates, gates)
            np.multiply(ifo, 0.5, ifo)
            np.add(ifo, 0.5, ifo)
            np.multiply(c, f, c)
            np.multiply(i, g, scratch)
            np.add(c, scratch, c)
            np.tanh(self._shown(c), scratch)
            np.multiply(o, scratch, shown)
            h = shown
        return h

    def _shown(self, c: Array) -> Array:
        return _normalised(c) * self.gain_c + self.bias_c if self.normalises else c


_EXECUTORS: dict[str, Callable[[Any, Mapping[str, Array]], _Executor]] = {
    "embedding": _Embedding,
    "embed_columns": _EmbedColumns,
    "linear": _Linear,
    "lstm": _LSTM,
    "layer_norm": _LayerNorm,
    "rms_norm": _RMSNorm,
    "gated_feed_forward": _GatedFeedForward,
    "dropout": _Dropout,
    "residual": _Residual,
    "quantile_head": _QuantileHead,
}
