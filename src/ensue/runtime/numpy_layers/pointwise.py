"""The layers that look at one time step at a time, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ensue import network
from ensue.errors import DataError
from ensue.runtime.numpy_layers.passage import ACTIVATIONS, Array, Passage, normalised, root_mean_square, sigmoid, times


class Embedding:
    def __init__(self, layer: network.Embedding, weights: Mapping[str, Array]) -> None:
        self.table = weights["weight"]

    def __call__(self, x: Array, passage: Passage) -> Array:
        return _look_up(self.table, x[..., 0])


class EmbedColumns:
    def __init__(self, layer: network.EmbedColumns, weights: Mapping[str, Array]) -> None:
        self.kept = np.array(layer.kept, np.intp)
        indices = [index for index, _, _ in layer.columns]
        self.tables = [(index, weights[f"embeddings.{place}.weight"]) for place, index in enumerate(indices)]

    def __call__(self, x: Array, passage: Passage) -> Array:
        vectors = [_look_up(table, x[..., index]) for index, table in self.tables]
        return np.concatenate([x[..., self.kept], *vectors], axis=-1)


def _look_up(table: Array, codes: Array) -> Array:
    if not (codes.min() >= 0 and codes.max() < len(table)):  # so written that NaN is refused too
        raise DataError(
            f"A category code lies between {codes.min():g} and {codes.max():g}, expected 0 to {len(table) - 1}."
        )
    vectors: Array = table[codes.astype(np.intp)]
    return vectors


class Linear:
    def __init__(self, layer: network.Linear, weights: Mapping[str, Array]) -> None:
        self.weight = np.ascontiguousarray(weights["weight"].T)  # input x output
        self.bias = weights.get("bias")
        self.activation = ACTIVATIONS[layer.activation]

    def __call__(self, x: Array, passage: Passage) -> Array:
        values = times(x, self.weight)
        if self.bias is not None:
            values += self.bias
        return self.activation(values)


class LayerNorm:
    def __init__(self, layer: network.LayerNorm, weights: Mapping[str, Array]) -> None:
        self.gain, self.bias = weights["weight"], weights["bias"]

    def __call__(self, x: Array, passage: Passage) -> Array:
        values = normalised(x)
        values *= self.gain
        values += self.bias
        return values


class RMSNorm:
    def __init__(self, layer: network.RMSNorm, weights: Mapping[str, Array]) -> None:
        self.gain = weights["weight"]

    def __call__(self, x: Array, passage: Passage) -> Array:
        values: Array = x / root_mean_square(x)
        values *= self.gain
        return values


class GatedFeedForward:
    def __init__(self, layer: network.GatedFeedForward, weights: Mapping[str, Array]) -> None:
        self.inner_size = layer.inner_size
        self.gate_up = np.ascontiguousarray(weights["gate_up.weight"].T)  # size x 2*inner
        self.down = np.ascontiguousarray(weights["down.weight"].T)  # inner x size

    def __call__(self, x: Array, passage: Passage) -> Array:
        both = times(x, self.gate_up)
        gate, up = both[..., : self.inner_size], both[..., self.inner_size :]
        return times(gate * sigmoid(gate) * up, self.down)


class Dropout:
    def __init__(self, layer: network.Dropout, weights: Mapping[str, Array]) -> None:
        pass

    def __call__(self, x: Array, passage: Passage) -> Array:
        return x
