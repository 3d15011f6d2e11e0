"""A decoder that looks back: an LSTM cell, attention over a memory, and its answer fed into the next step.

The equations are those of `tasks.translation`: Luong, Pham & Manning (2015), eq. 5-8, with input feeding (sec. 3.3). The
targets are given while training (teacher forcing), so all that depends on them alone is one product for all steps; what
a step needs of the one before it is a loop.

Letters of shapes: `batch`, `source` and `target` steps, `memory`, `hidden` and `fed` features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensue.learn.lstm import PLAIN
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

    given: Float[Tensor, "4*hidden given"]
    """What a gate makes of the given vector."""
    recurrent: Float[Tensor, "4*hidden fed+hidden"]
    """What it makes of the answer before, and of the hidden state."""
    bias: Float[Tensor, " 4*hidden"]
    """The sum of a gate's two biases."""
    combine: Float[Tensor, "fed hidden+memory"]
    combine_bias: Float[Tensor, " fed"]

    @classmethod
    def of(cls, cell: nn.Module, combine: nn.Module) -> DecoderWeights:
        """Those of an `LSTM` module of one layer whose input is `[given; fed]`, and of a linear one."""
        weight_ih, weight_hh, bias_ih, bias_hh = (cell.get_parameter(name + "_l0") for name in PLAIN)
        weight, bias = combine.get_parameter("weight"), combine.get_parameter("bias")
        given = weight_ih.shape[1] - len(weight)
        recurrent = torch.cat([weight_ih[:, given:], weight_hh], dim=1)
        return cls(weight_ih[:, :given], recurrent, bias_ih + bias_hh, weight, bias)


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
    """One step; `from_given` is the given vector's part of the gates' sums, biases included. Also what it looked at."""
    sums = from_given + functional.linear(torch.cat([before.fed, before.state.h], dim=1), weights.recurrent)
    i, f, g, o = sums.chunk(4, dim=1)  # each batch x hidden
    c = torch.sigmoid(f) * before.state.c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    seen, shares = attend(h, memory)
    fed = torch.tanh(functional.linear(torch.cat([h, seen], dim=1), weights.combine, weights.combine_bias))
    return Step(LSTMState(h, c), fed), shares


def first_step(state: LSTMState, weights: DecoderWeights) -> Step:
    """What the first step needs of the one before it: the state, and an answer of zero."""
    return Step(state, state.h.new_zeros(len(state.h), len(weights.combine)))


def decode(
    given: Float[Tensor, "batch target given"],
    state: LSTMState,
    memory: Memory,
    weights: DecoderWeights,
    mask: Float[Tensor, "batch fed"] | None = None,
) -> Float[Tensor, "batch target fed"]:
    """The answers of all steps. `mask` multiplies each, before it is fed on as well."""
    step = first_step(state, weights)
    answers = []
    for now in functional.linear(given, weights.given, weights.bias).unbind(1):
        step, _ = advance(now, step, memory, weights)
        if mask is not None:
            step = step._replace(fed=step.fed * mask)
        answers.append(step.fed)
    return torch.stack(answers, dim=1)
