"""The layers of which a network is described: frozen dataclasses, each with the name and shape of its parameters.

They know no arithmetic: `learn.modules` and `runtime.engine` do. What cannot be right is refused with a `ConfigError`.
Every layer maps `(batch, time, input_size)` to `(batch, time, output_size)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Protocol, runtime_checkable

from ensue.errors import ConfigError, nearest

Shape = tuple[int, ...]

LARGEST = 1_000_000_000
"""No size, and no network's number of parameters, may exceed this."""
EPSILON = 1e-5
"""Added to the variance in every normalisation, so that a constant input divides by no zero."""
ACTIVATIONS = ("none", "relu", "gelu", "silu", "tanh")


@runtime_checkable
class Layer(Protocol):
    """What every layer of a description says of itself."""

    kind: ClassVar[str]

    @property
    def input_size(self) -> int | None: ...
    @property
    def output_size(self) -> int | None: ...
    @property
    def causal(self) -> bool: ...
    @property
    def depth(self) -> int: ...
    def parameters(self) -> dict[str, Shape]: ...
    def state_shapes(self, batch: int) -> list[Shape]: ...


class _Stateless:
    """What most layers have in common: they look at one time step and remember nothing."""

    causal = True
    depth = 1

    def parameters(self) -> dict[str, Shape]:
        return {}

    def state_shapes(self, batch: int) -> list[Shape]:
        return []


@dataclass(frozen=True)
class Embedding(_Stateless):
    """A learned vector for each code `0 .. vocabulary_size - 1`; the input is one column of codes."""

    kind: ClassVar[str] = "embedding"
    vocabulary_size: int
    size: int

    def __post_init__(self) -> None:
        _check_sizes(self, "vocabulary_size", "size")

    @property
    def input_size(self) -> int:
        return 1

    @property
    def output_size(self) -> int:
        return self.size

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.vocabulary_size, self.size)}


@dataclass(frozen=True)
class EmbedColumns(_Stateless):
    """Takes the columns that hold category codes out of the input, and appends a learned vector for each, in order.

    `columns` holds `(index, categories, size)`: codes `1 .. categories` are the known categories and 0 is the unknown
    one, so the table has `categories + 1` rows.
    """

    kind: ClassVar[str] = "embed_columns"
    input_size: int
    columns: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        _check_sizes(self, "input_size")
        if not isinstance(self.columns, tuple) or any(not isinstance(c, tuple) or len(c) != 3 for c in self.columns):
            given = short(self.columns)
            raise ConfigError(f"{self.kind}: columns is {given}, expected (index, categories, size) for each.")
        for index, categories, size in self.columns:
            _check_whole(self.kind, "a column's index", index, 0, self.input_size - 1)
            _check_whole(self.kind, "a column's categories", categories, 0)
            _check_whole(self.kind, "a column's size", size)
        indices = [index for index, _, _ in self.columns]
        if len(set(indices)) < len(indices):
            raise ConfigError(f"{self.kind}: columns names indices {indices}, expected each at most once.")

    @property
    def output_size(self) -> int:
        return self.input_size - len(self.columns) + sum(size for _, _, size in self.columns)

    @property
    def kept(self) -> tuple[int, ...]:
        """The indices of the columns that pass unchanged."""
        embedded = {index for index, _, _ in self.columns}
        return tuple(index for index in range(self.input_size) if index not in embedded)

    def parameters(self) -> dict[str, Shape]:
        return {
            f"embeddings.{position}.weight": (categories + 1, size)
            for position, (_, categories, size) in enumerate(self.columns)
        }


@dataclass(frozen=True)
class Linear(_Stateless):
    """`activation(W x + b)`."""

    kind: ClassVar[str] = "linear"
    input_size: int
    output_size: int
    bias: bool = True
    activation: str = "none"

    def __post_init__(self) -> None:
        _check_sizes(self, "input_size", "output_size")
        _check_flags(self, "bias")
        if self.activation not in ACTIVATIONS:
            raise ConfigError(
                f"{self.kind}: activation is {short(self.activation)}, {nearest(short(self.activation), ACTIVATIONS)}"
            )

    def parameters(self) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.output_size, self.input_size)}
        return weight | ({"bias": (self.output_size,)} if self.bias else {})


@dataclass(frozen=True)
class LSTM:
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
        _check_sizes(self, "input_size", "hidden_size")
        _check_whole(self.kind, "layers", self.layers, 1, 100)
        _check_flags(self, "bidirectional", "layer_norm", "residual", "orthogonal")
        _check_rate(self.kind, "dropout", self.dropout)
        _check_rate(self.kind, "recurrent_dropout", self.recurrent_dropout)
        if self.chrono is not None:
            _check_whole(self.kind, "chrono", self.chrono, 2)
        if self.forget_bias is not None and not (_is_number(self.forget_bias) and abs(self.forget_bias) <= 100):
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

    @property
    def depth(self) -> int:
        return 1

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


@dataclass(frozen=True)
class _Norm(_Stateless):
    size: int

    def __post_init__(self) -> None:
        _check_sizes(self, "size")

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
class GatedFeedForward(_Stateless):
    """SwiGLU: `W_down (silu(W_gate x) * W_up x)`, without biases (Shazeer 2020, eq. 6).

    `gate_up.weight` holds W_gate above W_up, so that both are one matrix product.
    """

    kind: ClassVar[str] = "gated_feed_forward"
    size: int
    inner_size: int

    def __post_init__(self) -> None:
        _check_sizes(self, "size", "inner_size")

    @property
    def input_size(self) -> int:
        return self.size

    @property
    def output_size(self) -> int:
        return self.size

    def parameters(self) -> dict[str, Shape]:
        return {"gate_up.weight": (2 * self.inner_size, self.size), "down.weight": (self.size, self.inner_size)}


@dataclass(frozen=True)
class Dropout(_Stateless):
    """Sets a share `rate` of the values to zero while training; passes its input unchanged afterwards."""

    kind: ClassVar[str] = "dropout"
    rate: float

    def __post_init__(self) -> None:
        _check_rate(self.kind, "rate", self.rate)

    @property
    def input_size(self) -> None:
        return None

    @property
    def output_size(self) -> None:
        return None


@dataclass(frozen=True)
class Residual:
    """`x + layers(x)`."""

    kind: ClassVar[str] = "residual"
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        first, last = chain(self.kind, self.layers)
        if first != last:
            raise ConfigError(f"{self.kind}: its layers turn size {first} into {last}, expected the same size to add.")

    @cached_property
    def input_size(self) -> int:  # cached: asked again at each level of nesting it would cost 4 ** depth
        return chain(self.kind, self.layers)[0]

    @property
    def output_size(self) -> int:
        return self.input_size

    @property
    def causal(self) -> bool:
        return all(layer.causal for layer in self.layers)

    @property
    def depth(self) -> int:
        return 1 + max(layer.depth for layer in self.layers)

    def parameters(self) -> dict[str, Shape]:
        return named("inner", self.layers)

    def state_shapes(self, batch: int) -> list[Shape]:
        return [shape for layer in self.layers for shape in layer.state_shapes(batch)]


@dataclass(frozen=True)
class QuantileHead(_Stateless):
    """Quantiles that cannot cross, around a median mixed from `anchors` reference forecasts (Ensue's own head).

    One linear map of the input gives, in this order, `anchors` gate logits, one correction, and one raw step for each
    level other than 0.5. Then

        median = sum(softmax(gates) * anchors) + correction
        quantile above = the next lower quantile + softplus(its step), and likewise downwards below the median

    so quantiles are in order for every input and every weight. The anchors come in with the call, in the units of the
    output, `(batch, time, anchors)`; with none, the median is the correction. The output is `(batch, time, levels)`.
    """

    kind: ClassVar[str] = "quantile_head"
    input_size: int
    levels: tuple[float, ...]
    anchors: int = 0

    def __post_init__(self) -> None:
        _check_sizes(self, "input_size")
        _check_whole(self.kind, "anchors", self.anchors, 0)
        levels = self.levels
        if not isinstance(levels, tuple) or not all(_is_number(level) and 0 < level < 1 for level in levels):
            raise ConfigError(f"{self.kind}: levels is {short(levels)}, expected numbers between 0 and 1.")
        if list(levels) != sorted(set(levels)):
            raise ConfigError(f"{self.kind}: levels is {list(levels)}, expected ascending levels without repeats.")
        if 0.5 not in levels:
            raise ConfigError(f"{self.kind}: levels is {list(levels)}, expected 0.5 among them, the median.")

    @property
    def output_size(self) -> int:
        return len(self.levels)

    @property
    def median(self) -> int:
        """The position of the median among the levels."""
        return self.levels.index(0.5)

    def parameters(self) -> dict[str, Shape]:
        rows = self.anchors + len(self.levels)  # gates, the correction, and a step for each level but the median
        return {"weight": (rows, self.input_size), "bias": (rows,)}


KINDS: dict[str, type[Any]] = {
    each.kind: each
    for each in (
        Embedding, EmbedColumns, Linear, LSTM, LayerNorm, RMSNorm, GatedFeedForward, Dropout, Residual, QuantileHead,
    )
}  # fmt: skip


def chain(owner: str, layers: tuple[Layer, ...]) -> tuple[int, int]:
    """The input size of the first layer and the output size of the last, after checking that all between agree."""
    if not isinstance(layers, tuple) or any(getattr(layer, "kind", None) not in KINDS for layer in layers):
        raise ConfigError(f"{owner}: layers is {short(layers)}, expected a tuple of layers.")
    sized = [layer for layer in layers if layer.input_size is not None]
    for before, after in pairwise(sized):
        if before.output_size != after.input_size:
            raise ConfigError(
                f"{owner}: a {before.kind} layer gives size {before.output_size} to a {after.kind} layer "
                f"that takes {after.input_size}; make them equal."
            )
    if not sized:
        raise ConfigError(f"{owner}: no layer has a size, expected at least one that does.")
    first, last = sized[0].input_size, sized[-1].output_size
    assert first is not None
    assert last is not None
    return first, last


def named(prefix: str, layers: tuple[Layer, ...]) -> dict[str, Shape]:
    return {
        f"{prefix}.{position}.{name}": shape
        for position, layer in enumerate(layers)
        for name, shape in layer.parameters().items()
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _check_whole(kind: str, name: str, value: object, least: int = 1, most: int = LARGEST) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{kind}: {name} is {short(value)}, expected a whole number from {least} to {most}.")


def _check_sizes(layer: Any, *names: str) -> None:
    for name in names:
        _check_whole(layer.kind, name, getattr(layer, name))


def _check_flags(layer: Any, *names: str) -> None:
    for name in names:
        if not isinstance(getattr(layer, name), bool):
            raise ConfigError(f"{layer.kind}: {name} is {short(getattr(layer, name))}, expected true or false.")


def _check_rate(kind: str, name: str, value: object) -> None:
    if not (isinstance(value, int | float) and _is_number(value) and 0 <= value < 1):
        raise ConfigError(f"{kind}: {name} is {short(value)}, expected a number from 0 up to, not including, 1.")


def short(value: object) -> str:
    """A value for a message; a hostile file may hold numbers of thousands of digits, or worse."""
    text = "a very large number" if isinstance(value, int) and value.bit_length() > 200 else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
