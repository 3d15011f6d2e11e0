"""Layers that make one step of all: what a whole sequence amounts to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ensue.layers.base import Shape, Stateless, check_choice, check_sizes

POOLS = ("mean", "max", "last")


class _OfAllSteps(Stateless):
    causal = False
    pools = True


@dataclass(frozen=True)
class Pooling(_OfAllSteps):
    """Each feature's mean, its largest value, or its last, over a row's own steps; the output has one step.

    The mean's sum is best held in double precision: a sequence may have millions of steps.
    """

    kind: ClassVar[str] = "pooling"
    how: str

    def __post_init__(self) -> None:
        check_choice(self.kind, "how", self.how, POOLS)

    @property
    def input_size(self) -> None:
        return None

    @property
    def output_size(self) -> None:
        return None


@dataclass(frozen=True)
class AttentionPooling(_OfAllSteps):
    """A mean of all steps in which learned scores decide the shares (Yang et al. 2016, sec. 2.2, eq. 5-7).

    The score is the additive one of Bahdanau, Cho & Bengio (2015), app. A.1.2, with a learned query. Over a row's own
    steps t, with W = `weight` `(inner, size)`, b = `bias` `(inner,)` and q = `query` `(inner,)`:

        s_t = q . tanh(W x_t + b)
        share_t = exp(s_t - max s) / sum over u of exp(s_u - max s)
        y = sum over t of share_t * x_t
    """

    kind: ClassVar[str] = "attention_pooling"
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
        return {"weight": (self.inner_size, self.size), "bias": (self.inner_size,), "query": (self.inner_size,)}
