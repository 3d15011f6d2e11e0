"""The description of a network: a short list of layers, with the name and shape of every parameter.

`learn.modules` builds it in PyTorch to train, the engines of `runtime` execute it without; all use the names written
here, so weights pass between them unchanged, and the model file checks them without either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any

from ensue.errors import ConfigError, ModelFileError, UsageError, nearest
from ensue.layers import (
    EPSILON,
    HEADS,
    KINDS,
    LARGEST,
    LARGEST_STATE,
    LSTM,
    AttentionPooling,
    Convolution,
    Dropout,
    EmbedColumns,
    Embedding,
    FrameConvolution,
    GatedFeedForward,
    Layer,
    LayerNorm,
    Linear,
    Pooling,
    QuantileHead,
    Residual,
    RMSNorm,
    Shape,
    SoftmaxHead,
    chain,
    named,
    short,
)

__all__ = [
    "EPSILON", "LSTM", "AttentionPooling", "Convolution", "Dropout", "EmbedColumns", "Embedding", "FrameConvolution",
    "GatedFeedForward", "Layer", "LayerNorm", "Linear", "Network", "Pooling", "QuantileHead", "RMSNorm", "Residual",
    "Shape", "SoftmaxHead",
]  # fmt: skip

DEEPEST = 32
"""No network nests layers deeper than this."""


@dataclass(frozen=True)
class Network:
    """Layers one after another. Raises `ConfigError` when their sizes do not fit together.

    >>> network = Network((Linear(3, 8), Residual((RMSNorm(8), LSTM(8, 8))), QuantileHead(8, (0.1, 0.5, 0.9))))
    >>> network.input_size, network.output_size, network.causal, network.state_shapes(batch=2)
    (3, 3, True, [(1, 2, 8), (1, 2, 8)])
    >>> network.parameters()["layers.1.inner.1.weight_hh_l0"]
    (32, 8)
    >>> Network.from_json(network.to_json()) == network
    True
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        chain("network", self.layers)
        self._check_heads()
        self._check_strides()
        if self.depth > DEEPEST:
            raise ConfigError(f"network: layers nest {self.depth} deep, expected at most {DEEPEST}.")
        if self.parameter_count > LARGEST:
            raise ConfigError(f"network: it has {self.parameter_count} parameters, expected at most {LARGEST}.")
        remembered = sum(math.prod(shape) for shape in self.state_shapes(1))
        if remembered > LARGEST_STATE:
            raise ConfigError(f"network: its state has {remembered} numbers a row, expected at most {LARGEST_STATE}.")

    def _check_heads(self) -> None:
        *others, last = self.layers
        inside = last.layers if isinstance(last, Residual) else ()
        for head in _heads((*others, *inside)):
            raise ConfigError(f"network: a {head.kind} stands before other layers, expected it last.")

    def _check_strides(self) -> None:
        stride, pooled = 1, False
        for layer in self.layers:
            if pooled and layer.stride > 1:
                raise ConfigError(
                    f"network: a {layer.kind} layer with stride {layer.stride} stands after a pooling, "
                    "which leaves one step; give it stride 1."
                )
            stride, pooled = stride * layer.stride, pooled or layer.pools
            if stride > LARGEST:  # told at once: the product of all could have a million digits
                raise ConfigError(f"network: its strides multiply to {stride}, expected at most {LARGEST}.")

    @cached_property
    def input_size(self) -> int:
        return chain("network", self.layers)[0]

    @cached_property
    def output_size(self) -> int:
        return chain("network", self.layers)[1]

    @property
    def head(self) -> Layer | None:
        """The last layer, where it is a head."""
        return self.layers[-1] if isinstance(self.layers[-1], HEADS) else None

    @property
    def anchors(self) -> int:
        """How many reference forecasts the head mixes; 0 where the network takes none."""
        return self.head.anchors if isinstance(self.head, QuantileHead) else 0

    @property
    def causal(self) -> bool:
        """Whether no output depends on later input; only then can the network stream."""
        return all(layer.causal for layer in self.layers)

    streamable = causal

    @cached_property
    def stride(self) -> int:
        """A call's time, and each row's length, must be a multiple of this: the product of the layers' strides."""
        return math.prod(layer.stride for layer in self.layers)

    @cached_property
    def pools(self) -> bool:
        """Whether the output has one step, whatever the time."""
        return any(layer.pools for layer in self.layers)

    def output_time(self, time: int) -> int:
        """How many steps come out for `time` steps, or for a row of that length."""
        return 1 if self.pools else time // self.stride

    @property
    def depth(self) -> int:
        return max(layer.depth for layer in self.layers)

    def parameters(self) -> dict[str, Shape]:
        """Every parameter's name and shape, in order."""
        return named("layers", self.layers)

    @property
    def parameter_count(self) -> int:
        return sum(math.prod(shape) for shape in self.parameters().values())

    def state_shapes(self, batch: int) -> list[Shape]:
        """The shapes of the state, a flat list in the order of the layers.

        Of each LSTM h then c, both `(layers * directions, batch, hidden)`; of each causal convolution that reaches back
        the last inputs, `(reach, batch, input)`.
        """
        return [shape for layer in self.layers for shape in layer.state_shapes(batch)]

    def check_weights(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Raise `ModelFileError` unless these are exactly the network's parameter names, each with its shape."""
        expected = self.parameters()
        for name in shapes:
            if name not in expected:
                raise ModelFileError(f"The weights hold a parameter '{name}' that the network does not have.")
        for name, shape in expected.items():
            if name not in shapes:
                raise ModelFileError(f"The weights lack the parameter '{name}' of shape {shape}.")
            if tuple(shapes[name]) != shape:
                raise ModelFileError(f"The parameter '{name}' has shape {tuple(shapes[name])}, expected {shape}.")

    def check_call(
        self,
        x: Sequence[int],
        anchors: Sequence[int] | None = None,
        state: Sequence[Sequence[int]] | None = None,
        lengths: object = None,
    ) -> None:
        """Raise `UsageError` unless the network can be called with such shapes; every executor asks here.

        `lengths` are not a shape but the numbers themselves, one a row, as a list.
        """
        if len(x) != 3 or x[2] != self.input_size or 0 in x:
            raise UsageError(f"The input has shape {tuple(x)}, expected (batch, time, {self.input_size}).")
        if x[1] % self.stride:
            raise UsageError(
                f"The input has {x[1]} time steps, expected a multiple of the network's stride {self.stride}."
            )
        wanted = (x[0], self.output_time(x[1]), self.anchors) if self.anchors else None
        if (None if anchors is None else tuple(anchors)) != wanted:
            given = "none" if anchors is None else f"of shape {tuple(anchors)}"
            raise UsageError(f"The anchors given are {given}, expected {wanted or 'none'}.")
        if state is not None and [tuple(shape) for shape in state] != self.state_shapes(x[0]):
            shapes = [tuple(shape) for shape in state]
            raise UsageError(f"The state given has shapes {shapes}, expected {self.state_shapes(x[0])}.")
        if lengths is not None:
            self._check_lengths(lengths, x[0], x[1])

    def _check_lengths(self, lengths: object, batch: int, time: int) -> None:
        def fits(length: object) -> bool:
            return type(length) is int and 0 < length <= time and length % self.stride == 0

        if not (isinstance(lengths, list) and len(lengths) == batch and all(map(fits, lengths))):
            what = "whole numbers" if self.stride == 1 else f"multiples of {self.stride}"
            wanted = f"{batch} {what} from {self.stride} to {time}, one a row"
            raise UsageError(f"The lengths are {short(lengths)}, expected {wanted}.")

    def to_json(self) -> dict[str, Any]:
        """The description as plain dicts, lists and numbers."""
        return {"layers": [_encode(layer) for layer in self.layers]}

    @classmethod
    def from_json(cls, data: object) -> Network:
        """The network that `to_json` described. Raises `ModelFileError` on anything else."""
        if not isinstance(data, dict) or set(data) != {"layers"}:
            raise ModelFileError("The network description is not a table with the one entry 'layers'.")
        try:
            return cls(_decode_layers(data["layers"], depth=1))
        except ConfigError as error:
            raise ModelFileError(f"The network description cannot be right: {error}") from error


def _heads(layers: Iterable[Layer]) -> Iterator[Layer]:
    for layer in layers:
        if isinstance(layer, Residual):
            yield from _heads(layer.layers)
        elif isinstance(layer, HEADS):
            yield layer


def _encode(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_encode(each) for each in value]
    if getattr(value, "kind", None) in KINDS:
        return {"kind": value.kind} | {each.name: _encode(getattr(value, each.name)) for each in fields(value)}
    return value


def _decode_layers(items: object, depth: int) -> tuple[Layer, ...]:
    if depth > DEEPEST:
        raise ConfigError(f"network: layers nest more than {DEEPEST} deep.")
    if not isinstance(items, list):
        raise ConfigError("network: layers is not a list.")
    return tuple(_decode_layer(item, depth) for item in items)


def _decode_layer(item: object, depth: int) -> Layer:
    if not isinstance(item, dict):
        raise ConfigError("network: a layer is not a table.")
    kind = item.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigError(f"network: the layer kind {short(kind)} is not known, {nearest(short(kind), KINDS)}")
    known = {each.name: each for each in fields(KINDS[kind])}
    for name in item:
        if name != "kind" and name not in known:
            raise ConfigError(f"{kind}: the field {short(name)} is not known, {nearest(short(name), known)}")
    for name, each in known.items():
        if each.default is MISSING and name not in item:
            raise ConfigError(f"{kind}: the field '{name}' is missing.")
    values = {name: _freeze(value) for name, value in item.items() if name not in ("kind", "layers")}
    if "layers" in item:
        values["layers"] = _decode_layers(item["layers"], depth + 1) if kind == Residual.kind else item["layers"]
    layer: Layer = KINDS[kind](**values)
    return layer


def _freeze(value: object, depth: int = 0) -> object:
    """Lists as tuples, at most two deep: no field nests further."""
    return tuple(_freeze(each, depth + 1) for each in value) if isinstance(value, list) and depth < 2 else value
