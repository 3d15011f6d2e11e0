"""The LSTM's equations in plain tensor code: the definition that everything else is tested on. Nothing here is fast.

For one cell, with input x_t, hidden state h and cell state c (Hochreiter & Schmidhuber 1997; the forget gate is from
Gers, Schmidhuber & Cummins 2000), `*` being element by element:

    i_t = sigmoid(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)      input gate:  how much of g is written
    f_t = sigmoid(W_if x_t + b_if + W_hf h_{t-1} + b_hf)      forget gate: how much of c is kept
    g_t = tanh   (W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)      cell gate:   what would be written
    o_t = sigmoid(W_io x_t + b_io + W_ho h_{t-1} + b_ho)      output gate: how much of c is shown
    c_t = f_t * c_{t-1} + i_t * g_t
    h_t = o_t * tanh(c_t)

Names, shapes and the gate order i, f, g, o are PyTorch's: `weight_ih_l0` is `(4 * hidden, features)`, W_ii on top.

With layer norm (Ba, Kiros & Hinton 2016, supplement, eq. 20-22) the two products are normalised over all four gates
together, each with its own gain, before the biases are added, and the cell state is normalised where it is shown:

    i, f, g, o from  gain_ih * norm(W_ih x_t) + gain_hh * norm(W_hh h_{t-1}) + b_ih + b_hh
    h_t = o_t * tanh(gain_c * norm(c_t) + bias_c)

Letters of shapes: `batch time features hidden layers` (layers counts directions too, as PyTorch does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from ensue.network import EPSILON

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class LSTMState(NamedTuple):
    """What an LSTM remembers, owned by the caller."""

    h: Tensor
    """Hidden state, `(batch, hidden)` for one cell, `(layers, batch, hidden)` for a stack."""
    c: Tensor
    """Cell state, of the same shape."""


class GateTrace(NamedTuple):
    """Everything a cell computed, `(batch, hidden)` for one step, `(batch, time, hidden)` for a sequence."""

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c: Tensor
    h: Tensor


@dataclass(frozen=True)
class CellWeights:
    """The parameters of one layer in one direction."""

    weight_ih: Float[Tensor, "4*hidden features"]
    weight_hh: Float[Tensor, "4*hidden hidden"]
    bias_ih: Float[Tensor, " 4*hidden"]
    bias_hh: Float[Tensor, " 4*hidden"]
    gain_ih: Float[Tensor, " 4*hidden"] | None = None
    gain_hh: Float[Tensor, " 4*hidden"] | None = None
    gain_c: Float[Tensor, " hidden"] | None = None
    bias_c: Float[Tensor, " hidden"] | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, Tensor], suffix: str = "_l0") -> CellWeights:
        """Those parameters of a stack whose names end in `suffix`: '_l0', '_l0_reverse', '_l1', ..."""
        return cls(**{name: parameters[name + suffix] for name in cls.__annotations__ if name + suffix in parameters})

    def zero_state(self, batch: int) -> LSTMState:
        zeros = self.weight_hh.new_zeros(batch, self.weight_hh.shape[1])
        return LSTMState(zeros, zeros)


def step(x: Float[Tensor, "batch features"], state: LSTMState, weights: CellWeights) -> tuple[LSTMState, GateTrace]:
    """One time step of one cell: the state after it, and every gate.

    >>> weights = CellWeights(torch.zeros(8, 3), torch.zeros(8, 2), torch.zeros(8), torch.zeros(8))
    >>> state, gates = step(torch.ones(1, 3), LSTMState(torch.zeros(1, 2), torch.ones(1, 2)), weights)
    >>> gates.f.tolist(), state.c.tolist()
    ([[0.5, 0.5]], [[0.5, 0.5]])
    """
    from_input, from_hidden = x @ weights.weight_ih.T, state.h @ weights.weight_hh.T
    if weights.gain_ih is not None and weights.gain_hh is not None:
        from_input = weights.gain_ih * normalise(from_input)
        from_hidden = weights.gain_hh * normalise(from_hidden)
    sums = from_input + weights.bias_ih + from_hidden + weights.bias_hh  # batch x 4*hidden
    i, f, g, o = sums.chunk(4, dim=1)  # each batch x hidden
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    c = f * state.c + i * g
    shown = c if weights.gain_c is None or weights.bias_c is None else weights.gain_c * normalise(c) + weights.bias_c
    h = o * torch.tanh(shown)
    return LSTMState(h, c), GateTrace(i, f, g, o, c, h)


def normalise(values: Float[Tensor, "*any features"]) -> Float[Tensor, "*any features"]:
    """Mean 0 and variance 1 over the last dimension."""
    centred = values - values.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + EPSILON)


def unroll(
    x: Float[Tensor, "batch time features"],
    state: LSTMState | None,
    weights: CellWeights,
    lengths: Int[Tensor, " batch"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], LSTMState, GateTrace]:
    """One cell over a sequence: every hidden state, the state at the end, and every gate.

    Beyond a row's length its state stands still and its output is zero; in reverse a row begins at its own last step.
    """
    batch, time = x.shape[:2]
    state = weights.zero_state(batch) if state is None else state
    lengths = torch.full((batch,), time, device=x.device) if lengths is None else lengths
    trace: list[GateTrace] = []
    for t in reversed(range(time)) if reverse else range(time):
        inside = (t < lengths).unsqueeze(1)  # batch x 1
        after, gates = step(x[:, t], state, weights)
        state = LSTMState(torch.where(inside, after.h, state.h), torch.where(inside, after.c, state.c))
        trace.append(GateTrace(*(torch.where(inside, each, 0.0) for each in gates)))
    if reverse:
        trace.reverse()
    whole = GateTrace(*(torch.stack(each, dim=1) for each in zip(*trace, strict=True)))  # each batch x time x hidden
    return whole.h, state, whole


def unroll_stack(
    x: Float[Tensor, "batch time features"],
    state: LSTMState | None,
    parameters: Mapping[str, Tensor],
    lengths: Int[Tensor, " batch"] | None = None,
    residual: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], LSTMState, list[GateTrace]]:
    """A stack of layers, in both directions where the names say so.

    The state is `(layers, batch, hidden)`, layer by layer, forward before reverse; so is the list of traces. With
    `residual`, a layer whose input and output sizes agree adds its input to its output.
    """
    ends: list[LSTMState] = []
    traces: list[GateTrace] = []
    layer = 0
    while f"weight_ih_l{layer}" in parameters:
        outputs = []
        for suffix in (f"_l{layer}", f"_l{layer}_reverse"):
            if "weight_ih" + suffix in parameters:
                begin = None if state is None else LSTMState(state.h[len(ends)], state.c[len(ends)])
                cell = CellWeights.of(parameters, suffix)
                output, end, trace = unroll(x, begin, cell, lengths, suffix.endswith("reverse"))
                outputs.append(output)
                ends.append(end)
                traces.append(trace)
        joined = torch.cat(outputs, dim=2)  # batch x time x directions*hidden
        x = joined + x if residual and joined.shape == x.shape else joined
        layer += 1
    if residual and lengths is not None:
        x = x * (torch.arange(x.shape[1], device=x.device) < lengths[:, None]).unsqueeze(2)
    return x, LSTMState(torch.stack([end.h for end in ends]), torch.stack([end.c for end in ends])), traces
