"""Layers one after another: how sizes and names follow from one to the next, and the sum with what came in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

from ensue.errors import ConfigError
from ensue.layers.base import Layer, Plain, Shape, short


@dataclass(frozen=True)
class Residual(Plain):
    """`x + layers(x)`; every step that goes in comes out of `layers` too."""

    kind: ClassVar[str] = "residual"
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        first, last = chain(self.kind, self.layers)
        if first != last:
            raise ConfigError(f"{self.kind}: its layers turn size {first} into {last}, expected the same size to add.")
        for layer in self.layers:
            if layer.stride > 1 or layer.pools:
                raise ConfigError(
                    f"{self.kind}: a {layer.kind} layer gives fewer steps than it takes, expected as many to add."
                )

    @cached_property
    def input_size(self) -> int:  # cached: asked again at each level of nesting it would cost 4 ** depth
        return chain(self.kind, self.layers)[0]

    @property
    def output_size(self) -> int:
        return self.input_size

    @property
    def causal(self) -> bool:
        return all(layer.causal for layer in self.layers)

    @cached_property
    def depth(self) -> int:  # type: ignore[override]
        return 1 + max(layer.depth for layer in self.layers)

    def parameters(self) -> dict[str, Shape]:
        return named("inner", self.layers)

    def state_shapes(self, batch: int) -> list[Shape]:
        return [shape for layer in self.layers for shape in layer.state_shapes(batch)]


def chain(owner: str, layers: tuple[Layer, ...]) -> tuple[int, int]:
    """The input size of the first layer and the output size of the last, after checking that all between agree."""
    if not isinstance(layers, tuple) or not all(isinstance(layer, Plain) for layer in layers):
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
