"""Layers that look at one time step at a time: linear maps, norms, dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ensue.layers.base import ACTIVATIONS, Shape, Stateless, check_choice, check_flags, check_rate, check_sizes


@dataclass(frozen=True)
class Linear(Stateless):
    """`activation(W x + b)`."""

    kind: ClassVar[str] = "linear"
    input_size: int
    output_size: int
    bias: bool = True
    activation: str = "none"

    def __post_init__(self) -> None:
        check_sizes(self, "input_size", "output_size")
        check_flags(self, "bias")
        check_choice(self.kind, "activation", self.activation, ACTIVATIONS)

    def parameters(self) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.output_size, self.input_size)}
        return weight | ({"bias": (self.output_size,)} if self.bias else {})


@dataclass(frozen=True)
class _Norm(Stateless):
    size: int

    def __post_init__(self) -> None:
        check_sizes(self, "size")

    @property
    def input_size(self) -> int:
        return self.size

    @property
    def output_size(self) -> int:
        return self.size


@dataclass(frozen=True)
class LayerNorm(_Norm):
    """Subtract the mean over features, divide by the standard deviation, scale and shift (Ba, Kiros & Hinton 2016)."""

    kind: ClassVar[str] = "layer_norm"

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.size,), "bias": (self.size,)}


@dataclass(frozen=True)
class RMSNorm(_Norm):
    """Divide by the root mean square over features and scale (Zhang & Sennrich 2019)."""

    kind: ClassVar[str] = "rms_norm"

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.size,)}


@dataclass(frozen=True)
class GatedFeedForward(Stateless):
    """SwiGLU: `W_down (silu(W_gate x) * W_up x)`, without biases (Shazeer 2020, eq. 6).

    `gate_up.weight` holds W_gate above W_up, so that both are one matrix product.
    """

    kind: ClassVar[str] = "gated_feed_forward"
    size: int
    inner_size: int

    def __post_init__(self) -> None:
        check_sizes(self, "size", "inner_size")

    @property
    def input_size(self) -> int:
        return self.size

    @property
    def output_size(self) -> int:
        return self.size

    def parameters(self) -> dict[str, Shape]:
        return {"gate_up.weight": (2 * self.inner_size, self.size), "down.weight": (self.size, self.inner_size)}


@dataclass(frozen=True)
class Dropout(Stateless):
    """Sets a share `rate` of the values to zero while training; passes its input unchanged afterwards.

    A `locked` one takes the same features away at every step of a sequence (Gal & Ghahramani 2016, sec. 4.1).
    """

    kind: ClassVar[str] = "dropout"
    rate: float
    locked: bool = False

    def __post_init__(self) -> None:
        check_rate(self.kind, "rate", self.rate)
        check_flags(self, "locked")

    @property
    def input_size(self) -> None:
        return None

    @property
    def output_size(self) -> None:
        return None
