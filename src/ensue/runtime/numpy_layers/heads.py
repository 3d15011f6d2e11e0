"""The heads in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ensue import network
from ensue.runtime.numpy_layers.passage import Array, Passage, softmax, softplus, times


class QuantileHead:
    def __init__(self, layer: network.QuantileHead, weights: Mapping[str, Array]) -> None:
        self.anchors, self.median = layer.anchors, layer.median
        self.weight, self.bias = np.ascontiguousarray(weights["weight"].T), weights["bias"]

    def __call__(self, x: Array, passage: Passage) -> Array:
        raw = times(x, self.weight)
        raw += self.bias
        median = raw[..., self.anchors : self.anchors + 1]  # batch x time x 1
        if passage.anchors is not None:
            shares = softmax(raw[..., : self.anchors], -1)
            median = median + np.add.reduce(shares * passage.hide_padding(passage.anchors), -1, keepdims=True)
        steps = softplus(raw[..., self.anchors + 1 :])
        quantiles = np.empty((*x.shape[:-1], steps.shape[-1] + 1), x.dtype)
        below, above = quantiles[..., : self.median][..., ::-1], quantiles[..., self.median + 1 :]
        quantiles[..., self.median : self.median + 1] = median
        np.subtract(median, np.add.accumulate(steps[..., : self.median][..., ::-1], -1), out=below)
        np.add(median, np.add.accumulate(steps[..., self.median :], -1), out=above)
        return quantiles


class SoftmaxHead:
    def __init__(self, layer: network.SoftmaxHead, weights: Mapping[str, Array]) -> None:
        self.weight, self.bias = np.ascontiguousarray(weights["weight"].T), weights["bias"]

    def __call__(self, x: Array, passage: Passage) -> Array:
        logits = times(x, self.weight)
        logits += self.bias
        logits -= np.maximum.reduce(logits, -1, keepdims=True)
        logits -= np.log(np.add.reduce(np.exp(logits), -1, keepdims=True))
        return logits
