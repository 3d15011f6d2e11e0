"""The description of a network: a short list of layers, with the name and shape of every parameter.

`learn.modules` builds it in PyTorch to train, `runtime.engine` executes it in NumPy; both use the names written here,
so weights pass between them unchanged, and the model file checks them without either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any

from ensue.errors import ConfigError, ModelFileError, UsageError, nearest
from ensue.layers import (
    EPSILON,
    KINDS,
    LARGEST,
    LSTM,
    Dropout,
    EmbedColumns,
    Embedding,
    GatedFeedForward,
    Layer,
    LayerNorm,
    Linear,
    QuantileHead,
    Residual,
    RMSNorm,
    Shape,
    chain,
    named,
    short,
)

__all__ = [
    "EPSILON", "LSTM", "Dropout", "EmbedColumns", "Embedding", "GatedFeedForward", "Layer", "LayerNorm", "Linear",
    "Network", "QuantileHead", "RMSNorm", "Residual", "Shape",
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
        if any(_holds_head(layer) for layer in self.layers[:-1]) or (
            isinstance(self.layers[-1], Residual) and _holds_head(self.layers[-1])
        ):
            raise ConfigError("network: a quantile_head stands before other layers, expected it last.")
        if self.depth > DEEPEST:
            raise ConfigError(f"network: layers nest {self.depth} deep, expected at most {DEEPEST}.")
        if self.parameter_count > LARGEST:
            raise ConfigError(f"network: it has {self.parameter_count} parameters, expected at most {LARGEST}.")

    @cached_property
    def input_size(self) -> int:
        return chain("network", self.layers)[0]

    @cached_property
    def output_size(self) -> int:
        return chain("network", self.layers)[1]

    @property
    def anchors(self) -> int:
        """How many reference forecasts the head mixes; 0 where the network takes none."""
        last = self.layers[-1]
        return last.anchors if isinstance(last, QuantileHead) else 0

    @property
    def causal(self) -> bool:
        """Whether no output depends on later input; only then can the network stream."""
        return all(layer.causal for layer in self.layers)

    streamable = causal

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
        """The shapes of the state, a flat list: h then c of each LSTM, both `(layers * directions, batch, hidden)`."""
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
        self, x: Sequence[int], anchors: Sequence[int] | None = None, state: Sequence[Sequence[int]] | None = None
    ) -> None:
        """Raise `UsageError` unless these are shapes the network can be called with; both executors ask here."""
        if len(x) != 3 or x[2] != self.input_size or 0 in x:
            raise UsageError(f"The input has shape {tuple(x)}, expected (batch, time, {self.input_size}).")
        wanted = (x[0], x[1], self.anchors) if self.anchors else None
        if (None if anchors is None else tuple(anchors)) != wanted:
            given = "none" if anchors is None else f"of shape {tuple(anchors)}"
            raise UsageError(f"The anchors given are {given}, expected {wanted or 'none'}.")
        if state is not None and list(state) != self.state_shapes(x[0]):
            shapes = [tuple(shape) for shape in state]
            raise UsageError(f"The state given has shapes {shapes}, expected {self.state_shapes(x[0])}.")

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


def _holds_head(layer: Layer) -> bool:
    if isinstance(layer, Residual):
        return any(_holds_head(inner) for inner in layer.layers)
    return isinstance(layer, QuantileHead)


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
