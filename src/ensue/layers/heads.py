"""Heads: the last layer of a network, whose outputs are what the network was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ensue.errors import ConfigError
from ensue.layers.base import Shape, Stateless, check_sizes, check_whole, is_number, short


@dataclass(frozen=True)
class QuantileHead(Stateless):
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
        check_sizes(self, "input_size")
        check_whole(self.kind, "anchors", self.anchors, 0)
        levels = self.levels
        if not isinstance(levels, tuple) or not all(is_number(level) and 0 < level < 1 for level in levels):
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


@dataclass(frozen=True)
class SoftmaxHead(Stateless):
    """Log probabilities of classes, `(batch, time, classes)` (Bridle 1990): of z = W x + b the log softmax,

        y = z - max z - log(sum(exp(z - max z)))

    with W = `weight` `(classes, input_size)` and b = `bias` `(classes,)`.
    """

    kind: ClassVar[str] = "softmax_head"
    input_size: int
    classes: int

    def __post_init__(self) -> None:
        check_sizes(self, "input_size")
        check_whole(self.kind, "classes", self.classes, 2)

    @property
    def output_size(self) -> int:
        return self.classes

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.classes, self.input_size), "bias": (self.classes,)}
