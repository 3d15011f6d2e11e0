"""The convolution over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ensue.errors import ConfigError
from ensue.layers.base import (
    ACTIVATIONS,
    LARGEST_STATE,
    Plain,
    Shape,
    check_choice,
    check_flags,
    check_sizes,
)


@dataclass(frozen=True)
class Convolution(Plain):
    """A convolution over time (van den Oord et al. 2016, sec. 2.1: causal and dilated), one output step a stride.

    With x zero before the first step and from the row's own end on, and `weight` in the shape of PyTorch's Conv1d,
    `(output, input, width)`, output j of `time / stride` is

        y_j = activation(bias + sum over k of weight[:, :, k] x_{at + k * dilation})

        causal      at = j * stride + stride - 1 - (width - 1) * dilation
                    the last input seen is the last of the stride, (j + 1) * stride - 1
        not causal  at = j * stride - (width - 1) / 2 * dilation
                    the middle one is the first of the stride, j * stride; width is odd

    A call's time, and each row's length, must be a multiple of the stride: then a stride is never cut in two, a call
    needs no phase from the one before, and a row of `length` steps gives `length / stride`.

    A causal convolution remembers the last `(width - 1) * dilation` inputs, the oldest first, in one array
    `(reach, batch, input)`, where that is more than 0: those before the sequence take the place of the zeros, and
    after it they are those before each row's own end. One that is not causal has no state and cannot stream.
    """

    kind: ClassVar[str] = "convolution"
    input_size: int
    output_size: int
    width: int
    stride: int = 1
    dilation: int = 1
    causal: bool = True
    bias: bool = True
    activation: str = "none"

    def __post_init__(self) -> None:
        check_sizes(self, "input_size", "output_size", "width", "stride", "dilation")
        check_flags(self, "causal", "bias")
        check_choice(self.kind, "activation", self.activation, ACTIVATIONS)
        if not self.causal and self.width % 2 == 0:
            raise ConfigError(f"{self.kind}: width is {self.width} and causal is false, expected an odd width.")
        if self.reach * self.input_size > LARGEST_STATE:
            raise ConfigError(
                f"{self.kind}: it reaches back {self.reach} steps of size {self.input_size}, "
                f"expected at most {LARGEST_STATE} numbers in all."
            )

    @property
    def reach(self) -> int:
        """How many steps lie between the first input that an output sees and the last."""
        return (self.width - 1) * self.dilation

    def parameters(self) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.output_size, self.input_size, self.width)}
        return weight | ({"bias": (self.output_size,)} if self.bias else {})

    def state_shapes(self, batch: int) -> list[Shape]:
        return [(self.reach, batch, self.input_size)] if self.causal and self.reach else []
