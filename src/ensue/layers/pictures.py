"""The convolution over a picture: each time step is a frame, and is looked at alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ensue.errors import ConfigError
from ensue.layers.base import (
    ACTIVATIONS,
    LARGEST_STATE,
    Layer,
    Shape,
    Stateless,
    check_choice,
    check_flags,
    check_sizes,
)
from ensue.layers.residual import Residual


@dataclass(frozen=True)
class FrameConvolution(Stateless):
    """A two-dimensional convolution of each step's frame (LeCun et al. 1998, sec. II).

    A frame's numbers lie row by row, pixel by pixel, the channels of a pixel side by side: number
    `(y * width + x) * channels + c` of a step. That is so of what goes in and of what comes out. With x zero outside of
    the frame and `weight` in the shape of PyTorch's Conv2d, `(output_channels, input_channels, kernel, kernel)`, for each
    pixel of `output_height` x `output_width`

        out[y, x] = activation(bias + sum over i, j of weight[:, :, i, j] in[y * every + i - half, x * every + j - half])

    where `half = (kernel - 1) / 2`: the kernel, which is odd, stands with its middle on every `every`-th pixel of each
    `every`-th row, the first of them included. (A layer's `stride` is that over time, which is 1 here.)

    >>> layer = FrameConvolution(height=32, width=64, input_channels=3, output_channels=16, kernel=5, every=2)
    >>> layer.input_size, layer.output_height, layer.output_width, layer.output_size
    (6144, 16, 32, 8192)
    """

    kind: ClassVar[str] = "frame_convolution"
    height: int
    width: int
    input_channels: int
    output_channels: int
    kernel: int = 3
    every: int = 1
    bias: bool = True
    activation: str = "relu"

    def __post_init__(self) -> None:
        check_sizes(self, "height", "width", "input_channels", "output_channels", "kernel", "every")
        check_flags(self, "bias")
        check_choice(self.kind, "activation", self.activation, ACTIVATIONS)
        if self.kernel % 2 == 0:
            raise ConfigError(f"{self.kind}: kernel is {self.kernel}, expected an odd number.")
        for what, numbers in (("takes", self.input_size), ("gives", self.output_size)):
            if numbers > LARGEST_STATE:
                raise ConfigError(
                    f"{self.kind}: it {what} {numbers} numbers a frame, expected at most {LARGEST_STATE}."
                )

    @property
    def output_height(self) -> int:
        return -(-self.height // self.every)

    @property
    def output_width(self) -> int:
        return -(-self.width // self.every)

    @property
    def input_size(self) -> int:
        return self.height * self.width * self.input_channels

    @property
    def output_size(self) -> int:
        return self.output_height * self.output_width * self.output_channels

    def parameters(self) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.output_channels, self.input_channels, self.kernel, self.kernel)}
        return weight | ({"bias": (self.output_channels,)} if self.bias else {})


def has_pictures(layers: tuple[Layer, ...]) -> bool:
    """Whether one of these layers, or one within them, sees pictures.

    >>> has_pictures((FrameConvolution(2, 2, 1, 1),))
    True
    """
    inside = (each.layers for each in layers if isinstance(each, Residual))
    return any(isinstance(each, FrameConvolution) for each in layers) or any(map(has_pictures, inside))
