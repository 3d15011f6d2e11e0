"""The layers that look at more than one time step, but for the LSTM, in NumPy: convolution and pooling."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ensue import network
from ensue.runtime.numpy_layers import passage as room
from ensue.runtime.numpy_layers.passage import ACTIVATIONS, Array, Passage, softmax, times


class Convolution:
    """See `network.Convolution`: the inputs that an output sees lie side by side, and are one row of a product."""

    def __init__(self, layer: network.Convolution, weights: Mapping[str, Array]) -> None:
        self.layer = layer
        flat = weights["weight"].transpose(2, 1, 0).reshape(-1, layer.output_size)
        self.weight = np.ascontiguousarray(flat)  # width*input x output
        self.bias = weights.get("bias")
        self.activation = ACTIVATIONS[layer.activation]

    def __call__(self, x: Array, passage: Passage) -> Array:
        if self.layer.causal:
            joined, first = self._after_the_past(x, passage), self.layer.stride - 1
        else:
            half = self.layer.reach // 2
            joined, first = np.pad(passage.hide_padding(x), ((0, 0), (half, half), (0, 0))), 0
        if passage.lengths is not None:
            passage.lengths = passage.lengths // self.layer.stride
        return self._slide(joined, first, x.shape[1] // self.layer.stride)

    def _after_the_past(self, x: Array, passage: Passage) -> Array:
        """The last inputs of the call before, then `x`; leaves those of this call in the passage."""
        reach, (batch, time, size) = self.layer.reach, x.shape
        if not reach:
            return x
        joined = np.empty((batch, reach + time, size), x.dtype)
        joined[:, :reach] = 0.0 if passage.before is None else next(passage.before).transpose(1, 0, 2)
        joined[:, reach:] = x
        ends = np.full(batch, time) if passage.lengths is None else passage.lengths
        steps = ends + np.arange(reach)[:, None]  # reach x batch
        passage.after.append(joined[np.arange(batch), steps])
        return joined

    def _slide(self, joined: Array, first: int, steps: int) -> Array:
        """Outputs `(batch, steps, output)`; the first output's first input is at `first`."""
        layer, batch = self.layer, joined.shape[0]
        output = np.empty((batch, steps, layer.output_size), joined.dtype)
        block = max(1, room.BLOCK // (batch * len(self.weight)))  # so many steps at once that memory stays bounded
        within = np.arange(layer.width) * layer.dilation
        for start in range(0, steps, block):
            at = first + np.arange(start, min(start + block, steps)) * layer.stride
            seen = joined[:, at[:, None] + within]  # batch x steps x width x input
            sums = times(seen.reshape(batch, len(at), -1), self.weight)
            if self.bias is not None:
                sums += self.bias
            output[:, start : start + block] = self.activation(sums)
        return output


class Pooling:
    def __init__(self, layer: network.Pooling, weights: Mapping[str, Array]) -> None:
        self.how = layer.how

    def __call__(self, x: Array, passage: Passage) -> Array:
        lengths = np.full(len(x), x.shape[1]) if passage.lengths is None else passage.lengths
        if self.how == "mean":
            sums = np.add.reduce(passage.hide_padding(x), 1, dtype=np.float64, keepdims=True)
            pooled: Array = (sums / lengths[:, None, None]).astype(x.dtype)
        elif self.how == "max":
            pooled = np.maximum.reduce(passage.hide_padding(x, -math.inf), 1, keepdims=True)
        else:
            pooled = x[np.arange(len(x)), lengths - 1][:, None]
        passage.lengths = None
        return pooled


class AttentionPooling:
    def __init__(self, layer: network.AttentionPooling, weights: Mapping[str, Array]) -> None:
        self.weight = np.ascontiguousarray(weights["weight"].T)  # size x inner
        self.bias, self.query = weights["bias"], weights["query"]

    def __call__(self, x: Array, passage: Passage) -> Array:
        inner = times(x, self.weight)
        inner += self.bias
        scores = np.dot(np.tanh(inner), self.query)[:, :, None]  # batch x time x 1
        shares = softmax(passage.hide_padding(scores, -math.inf), 1)
        pooled: Array = np.matmul(shares.transpose(0, 2, 1), passage.hide_padding(x))  # batch x 1 x size
        passage.lengths = None
        return pooled
