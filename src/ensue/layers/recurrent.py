"""The LSTM as a layer of a description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ensue.errors import ConfigError
from ensue.layers.base import Plain, Shape, check_flags, check_rate, check_sizes, check_whole, is_number, short


@dataclass(frozen=True)
class LSTM(Plain):
    """A stack of LSTM layers, in one direction or both; the equations are in `learn.reference`.

    The cell is Hochreiter & Schmidhuber (1997) with the forget gate of Gers, Schmidhuber & Cummins (2000); `layer_norm`
    is that of Ba, Kiros & Hinton (2016), supplement eq. 20-22. With `residual`, a layer whose input and output sizes
    agree adds its input to its output. What only training uses: `dropout` between layers, `recurrent_dropout` on the
    entries of `weight_hh` (weight drop, Merity, Keskar & Socher 2018, sec. 2), and how weights begin: `forget_bias`,
    `chrono` (the longest memory expected, in steps: Tallec & Ollivier 2018, sec. 2), `orthogonal` recurrent matrices.
    """

    kind: ClassVar[str] = "lstm"
    input_size: int
    hidden_size: int
    layers: int = 1
    bidirectional: bool = False
    layer_norm: bool = False
    residual: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    forget_bias: float | None = None
    chrono: int | None = None
    orthogonal: bool = False

    def __post_init__(self) -> None:
        check_sizes(self, "input_size", "hidden_size")
        check_whole(self.kind, "layers", self.layers, 1, 100)
        check_flags(self, "bidirectional", "layer_norm", "residual", "orthogonal")
        check_rate(self.kind, "dropout", self.dropout)
        check_rate(self.kind, "recurrent_dropout", self.recurrent_dropout)
        if self.chrono is not None:
            check_whole(self.kind, "chrono", self.chrono, 2)
        if self.forget_bias is not None and not (is_number(self.forget_bias) and abs(self.forget_bias) <= 100):
            given = short(self.forget_bias)
            raise ConfigError(f"{self.kind}: forget_bias is {given}, expected a number from -100 to 100.")
        if self.forget_bias is not None and self.chrono is not None:
            raise ConfigError(f"{self.kind}: forget_bias and chrono both set the forget gate's bias; give one of them.")

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        return self.hidden_size * self.directions

    @property
    def causal(self) -> bool:
        return not self.bidirectional

    def layer_input_size(self, layer: int) -> int:
        return self.input_size if layer == 0 else self.output_size

    def skips(self, layer: int) -> bool:
        """Whether `layer` adds its input to its output."""
        return self.residual and self.layer_input_size(layer) == self.output_size

    def suffixes(self, layer: int) -> tuple[str, ...]:
        """How the parameter names of `layer` end, one ending for each direction: '_l0' and '_l0_reverse'."""
        return (f"_l{layer}", f"_l{layer}_reverse")[: self.directions]

    def parameters(self) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {}
        size, gates = self.hidden_size, 4 * self.hidden_size
        for layer in range(self.layers):
            for suffix in self.suffixes(layer):
                shapes["weight_ih" + suffix] = (gates, self.layer_input_size(layer))
                shapes["weight_hh" + suffix] = (gates, size)
                shapes["bias_ih" + suffix] = (gates,)
                shapes["bias_hh" + suffix] = (gates,)
                if self.layer_norm:
                    shapes["gain_ih" + suffix] = (gates,)
                    shapes["gain_hh" + suffix] = (gates,)
                    shapes["gain_c" + suffix] = (size,)
                    shapes["bias_c" + suffix] = (size,)
        return shapes

    def state_shapes(self, batch: int) -> list[Shape]:
        """Hidden state h, then cell state c, as PyTorch lays them out: layer by layer, forward before reverse."""
        shape = (self.layers * self.directions, batch, self.hidden_size)
        return [shape, shape]
