"""A decoder that looks back: an LSTM cell, attention over a memory, and its answer fed into the next step.

The equations are those of `tasks.translation`: Luong, Pham & Manning (2015), eq. 5-8, with input feeding (sec. 3.3). The
targets are given while training (teacher forcing), so all that depends on them alone is one product for all steps; what
a step needs of the one before it is a loop.

Letters of shapes: `batch`, `source` and `target` steps, `memory`, `hidden` and `fed` features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ensue.learn.reference import LSTMState

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

FAR = -1e4
"""The score of a step beyond a sentence's end: its share becomes exactly zero, in 16 bits too."""


class Memory(NamedTuple):
    """What a decoder looks back at."""

    values: Float[Tensor, "batch source memory"]
    keys: Float[Tensor, "batch source hidden"]
    beyond: Bool[Tensor, "batch source"]
    """Steps that are beyond their sentence's end."""


class DecoderWeights(NamedTuple):
    """The parameters of cell and combination; gates are in the order of `learn.reference`."""

    weight_ih: Float[Tensor, "4*hidden given+fed"]
    weight_hh: Float[Tensor, "4*hidden hidden"]
    bias: Float[Tensor, " 4*hidden"]
    """Of a gate the sum of its two biases."""
    combine: Float[Tensor, "fed hidden+memory"]
    combine_bias: Float[Tensor, " fed"]


class Step(NamedTuple):
    """What the next step needs of this one."""

    state: LSTMState
    fed: Float[Tensor, "batch fed"]


def attend(
    h: Float[Tensor, "batch hidden"], memory: Memory
) -> tuple[Float[Tensor, "batch memory"], Float[Tensor, "batch source"]]:
    """The mean of the memory that a state asks for, and the share of each step in it.

    >>> memory = Memory(torch.eye(2)[None], torch.tensor([[[9.0], [9.0]]]), torch.tensor([[False, True]]))
    >>> mean, shares = attend(torch.ones(1, 1), memory)
    >>> mean.tolist(), shares.tolist()
    ([[1.0, 0.0]], [[1.0, 0.0]])
    """
    scores = torch.bmm(memory.keys, h.unsqueeze(2)).squeeze(2)  # batch x source
    shares = torch.softmax(scores.masked_fill(memory.beyond, FAR), dim=1)
    mean = torch.bmm(shares.unsqueeze(1), memory.values).squeeze(1)  # batch x memory
    return mean, shares


def advance(
    from_given: Float[Tensor, "batch 4*hidden"], before: Step, memory: Memory, weights: DecoderWeights
) -> tuple[Step, Float[Tensor, "batch source"]]:
    """One step; `from_given` is the given vector's share of the gate sums, biases included. Also what it looked at."""
    given = weights.weight_ih.shape[1] - before.fed.shape[1]
    recurrent = torch.cat([weights.weight_ih[:, given:], weights.weight_hh], dim=1)  # 4*hidden x fed+hidden
    return _advance(from_given, before, memory, weights, recurrent)


def decode(
    given: Float[Tensor, "batch target given"],
    state: LSTMState,
    memory: Memory,
    weights: DecoderWeights,
    mask: Float[Tensor, "batch fed"] | None = None,
) -> Float[Tensor, "batch target fed"]:
    """The answers of all steps, from a zero one before the first. `mask` multiplies each, before it is fed on as well."""
    size = given.shape[2]
    from_given = functional.linear(given, weights.weight_ih[:, :size], weights.bias)  # batch x target x 4*hidden
    recurrent = torch.cat([weights.weight_ih[:, size:], weights.weight_hh], dim=1)  # 4*hidden x fed+hidden
    step = Step(state, given.new_zeros(len(given), weights.combine.shape[0]))
    answers = []
    for now in from_given.unbind(1):
        step, _ = _advance(now, step, memory, weights, recurrent)
        if mask is not None:
            step = step._replace(fed=step.fed * mask)
        answers.append(step.fed)
    return torch.stack(answers, dim=1)


def _advance(
    from_given: Tensor, before: Step, memory: Memory, weights: DecoderWeights, recurrent: Tensor
) -> tuple[Step, Tensor]:
    sums = from_given + functional.linear(torch.cat([before.fed, before.state.h], dim=1), recurrent)
    i, f, g, o = sums.chunk(4, dim=1)  # each batch x hidden
    c = torch.sigmoid(f) * before.state.c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    seen, shares = attend(h, memory)
    fed = torch.tanh(functional.linear(torch.cat([h, seen], dim=1), weights.combine, weights.combine_bias))
    return Step(LSTMState(h, c), fed), shares
