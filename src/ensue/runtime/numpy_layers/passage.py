"""What the layers in NumPy share: what accompanies a call, and the arithmetic of more than one of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ensue import network

if TYPE_CHECKING:
    from ensue.runtime.numpy_layers.records import Record

Array = NDArray[Any]

BLOCK = 1 << 20
"""Numbers held at once while a long sequence is read: about the size of a processor's cache."""


@dataclass
class Passage:
    """What accompanies the values through the layers of one call."""

    anchors: Array | None
    lengths: Array | None
    """Of each row's steps as they reach the next layer: a stride divides them, a pooling leaves one step of each."""
    before: Iterator[Array] | None
    """The state of each layer in turn, or None to begin at zero."""
    after: list[Array] = field(default_factory=list)
    """The state of each layer passed, at the end of the sequence."""
    records: Iterator[Record] | None = None
    """What is left of each LSTM layer and direction in turn, or None: nothing."""

    def hide_padding(self, values: Array, filler: float = 0.0) -> Array:
        """`values` `(batch, time, any)` with what lies beyond the lengths replaced."""
        if self.lengths is None:
            return values
        inside = np.arange(values.shape[1]) < self.lengths[:, None]  # batch x time
        hidden: Array = np.where(inside[:, :, None], values, values.dtype.type(filler))
        return hidden


def in_reverse(values: Array, lengths: Array | None) -> Array:
    """`(time, batch, any)` with each row's own steps in reverse order."""
    if lengths is None:
        return values[::-1]
    steps = np.arange(len(values))[:, None]
    steps = np.where(steps < lengths, lengths - 1 - steps, steps)  # time x batch
    return np.take_along_axis(values, steps[:, :, None], 0)


class Executor(Protocol):
    """A layer with its weights: `(batch, time, input_size)` to `(batch, steps, output_size)`."""

    def __call__(self, x: Array, passage: Passage) -> Array: ...


def times(x: Array, weight: Array) -> Array:
    """`x @ weight` as one product of two matrices, which is quicker than one a row of the batch."""
    product: Array = np.dot(x.reshape(-1, x.shape[-1]), weight).reshape(*x.shape[:-1], weight.shape[1])
    return product


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), by way of tanh, which cannot overflow."""
    result: Array = np.tanh(x * 0.5)
    result *= 0.5
    result += 0.5
    return result


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), which does not overflow so written."""
    result: Array = np.logaddexp(x, 0.0, dtype=x.dtype)
    return result


def _gelu(x: Array) -> Array:
    """x times the normal distribution function of x (Hendrycks & Gimpel 2016)."""
    # NumPy has no erf; the standard library's is exact, and as quick here as a polynomial in array operations.
    erf = np.fromiter(map(math.erf, (x * math.sqrt(0.5)).ravel().tolist()), x.dtype, x.size).reshape(x.shape)
    result: Array = 0.5 * x * (1.0 + erf)
    return result


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "gelu": _gelu,
    "silu": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
}


def normalised(x: Array) -> Array:
    """Mean 0 and variance 1 over the last dimension."""
    centred: Array = x - np.add.reduce(x, -1, keepdims=True) / x.shape[-1]
    centred /= root_mean_square(centred)
    return centred


def root_mean_square(x: Array) -> Array:
    result: Array = np.sqrt(np.add.reduce(x * x, -1, keepdims=True) / x.shape[-1] + network.EPSILON)
    return result


def softmax(x: Array, axis: int) -> Array:
    """Shares that add up to 1 along an axis."""
    shares: Array = np.exp(x - np.maximum.reduce(x, axis, keepdims=True))
    shares /= np.add.reduce(shares, axis, keepdims=True)
    return shares
