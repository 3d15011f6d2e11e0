"""An LSTM layer with layer norm, which no kernel has: a loop over time, with what need not wait taken out of it.

The equations are in `learn.reference`. Letters of shapes: `batch time features hidden`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from ensue.learn.reference import CellWeights, LSTMState
from ensue.network import EPSILON

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


def unroll(
    x: Float[Tensor, "batch time features"],
    state: LSTMState | None,
    weights: CellWeights,
    lengths: Int[Tensor, " batch"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], LSTMState]:
    """One cell over a sequence: every hidden state, and the state at each row's end."""
    state = weights.zero_state(x.shape[0]) if state is None else state
    size, weight_hh, within = weights.weight_hh.shape[1], weights.weight_hh.T, inside(x, lengths)
    gates, bias = (4 * size,), weights.bias_ih + weights.bias_hh
    products = x @ weights.weight_ih.T  # batch x time x 4*hidden
    from_input = layer_norm(products, gates, weights.gain_ih, bias, EPSILON).unbind(1)
    (h, c), outputs = state, []
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        sums = from_input[t] + layer_norm(h @ weight_hh, gates, weights.gain_hh, None, EPSILON)
        i, f, g, o = sums.chunk(4, dim=1)  # each batch x hidden
        written = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        shown = torch.sigmoid(o) * torch.tanh(layer_norm(written, (size,), weights.gain_c, weights.bias_c, EPSILON))
        h, c = torch.where(within[:, t], shown, h), torch.where(within[:, t], written, c)
        outputs.append(shown)
    if reverse:
        outputs.reverse()
    output = torch.stack(outputs, dim=1)
    return output if lengths is None else torch.where(within, output, 0.0), LSTMState(h, c)


def inside(
    x: Float[Tensor, "batch time features"], lengths: Int[Tensor, " batch"] | None
) -> Bool[Tensor, "batch time 1"]:
    """Which steps are data and not padding."""
    if lengths is None:
        return torch.ones(1, 1, 1, dtype=torch.bool, device=x.device).expand(x.shape[0], x.shape[1], 1)
    return (torch.arange(x.shape[1], device=x.device) < lengths.to(x.device)[:, None]).unsqueeze(2)
