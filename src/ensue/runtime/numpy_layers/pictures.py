"""The convolution over pictures in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ensue import network
from ensue.runtime.numpy_layers import passage as room
from ensue.runtime.numpy_layers.passage import ACTIVATIONS, Array, Passage


class FrameConvolution:
    """See `network.FrameConvolution`: the pixels that an output sees lie side by side, and are one row of a product."""

    def __init__(self, layer: network.FrameConvolution, weights: Mapping[str, Array]) -> None:
        self.layer = layer
        flat = weights["weight"].transpose(2, 3, 1, 0).reshape(-1, layer.output_channels)
        self.weight = np.ascontiguousarray(flat)  # kernel*kernel*input x output
        self.bias = weights.get("bias")
        self.activation = ACTIVATIONS[layer.activation]

    def __call__(self, x: Array, passage: Passage) -> Array:
        layer, half = self.layer, self.layer.kernel // 2
        frames = x.reshape(-1, layer.height, layer.width, layer.input_channels)
        output = np.empty((len(frames), layer.output_height * layer.output_width, layer.output_channels), x.dtype)
        block = max(1, room.BLOCK // (output.shape[1] * len(self.weight)))  # frames at once: memory stays bounded
        for start in range(0, len(frames), block):
            some = frames[start : start + block]
            framed = np.pad(some, ((0, 0), (half, half), (half, half), (0, 0)))
            sums = np.dot(self._seen(framed), self.weight)
            if self.bias is not None:
                sums += self.bias
            output[start : start + block] = self.activation(sums).reshape(len(some), -1, layer.output_channels)
        return output.reshape(*x.shape[:2], layer.output_size)

    def _seen(self, framed: Array) -> Array:
        """The pixels that each output pixel sees, `(frames * outputs, kernel * kernel * input)`."""
        layer = self.layer
        rows, columns, kernel = layer.output_height, layer.output_width, layer.kernel
        seen = np.empty((len(framed), rows, columns, kernel, kernel, layer.input_channels), framed.dtype)
        for i in range(kernel):
            for j in range(kernel):
                down = slice(i, i + (rows - 1) * layer.every + 1, layer.every)
                right = slice(j, j + (columns - 1) * layer.every + 1, layer.every)
                seen[:, :, :, i, j] = framed[:, down, right]
        return seen.reshape(-1, len(self.weight))
