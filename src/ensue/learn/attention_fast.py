"""What `attention.decode` computes, with its gradient written by hand: the gradients of all weights are one product each.

Left to autograd, each step adds its own full-size gradient of every matrix to the sum so far, in 16 bits where products
are. Here a step backwards computes what the step before it needs, and the rest is done once, for all steps together.
The loop of `attention` is what this is tested on.

Letters of shapes: `batch`, `source` and `target` steps, `memory`, `hidden` and `fed` features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from ensue.learn.attention import FAR, DecoderWeights, Memory
from ensue.learn.reference import LSTMState

if TYPE_CHECKING:
    from jaxtyping import Float


def decode(
    given: Float[Tensor, "batch target given"],
    state: LSTMState,
    memory: Memory,
    weights: DecoderWeights,
    mask: Float[Tensor, "batch fed"] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "batch target fed"]:
    """As `attention.decode`; products are computed in `dtype`, all else in the numbers of the state."""
    if mask is None:
        mask = state.h.new_ones(len(given), len(weights.combine))
    sums = functional.linear(given, weights.given, weights.bias).to(state.h.dtype)
    by_step = sums.transpose(0, 1).contiguous()  # target x batch x 4*hidden
    seen = memory.keys.to(dtype), memory.values.to(dtype), memory.beyond
    answers: Tensor = _Decode.apply(  # type: ignore[no-untyped-call]
        by_step, *state, *seen, weights.recurrent, weights.combine, weights.combine_bias, mask
    )
    return answers.transpose(0, 1)  # batch x target x fed


class _Decode(torch.autograd.Function):
    """Forward keeps, of every step, the gates, both states, the shares and the answer."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:
        sums_given, h, c, keys, values, beyond, recurrent, combine, bias, mask = given
        kind = keys.dtype
        recurrent_t, combine_t = recurrent.to(kind).T, combine.to(kind).T
        time, batch, _ = sums_given.shape
        hidden, fed_size = h.shape[1], combine.shape[0]
        backs = keys.new_zeros(time + 1, batch, fed_size + hidden)  # what goes into a step: the answer before, and h
        joints = keys.new_empty(time, batch, combine.shape[1])  # what goes into the combination
        gates = h.new_empty(time, batch, 4 * hidden)
        cells = h.new_empty(time + 1, batch, hidden)
        shown = h.new_empty(time, batch, hidden)
        shares = h.new_empty(time, batch, keys.shape[1])
        answers = h.new_empty(time, batch, fed_size)
        backs[0, :, fed_size:], cells[0] = h, c
        for t in range(time):
            sums = torch.add(sums_given[t], backs[t] @ recurrent_t, out=gates[t])
            sums[:, : 2 * hidden].sigmoid_()
            sums[:, 2 * hidden : 3 * hidden].tanh_()
            sums[:, 3 * hidden :].sigmoid_()
            i, f, g, o = sums.chunk(4, dim=1)
            torch.addcmul(f * cells[t], i, g, out=cells[t + 1])
            torch.tanh(cells[t + 1], out=shown[t])
            joints[t, :, :hidden] = o * shown[t]
            scores = torch.bmm(keys, joints[t, :, :hidden].unsqueeze(2)).squeeze(2).to(h.dtype)  # batch x source
            torch.softmax(scores.masked_fill_(beyond, FAR), dim=1, out=shares[t])
            joints[t, :, hidden:] = torch.bmm(shares[t].to(kind).unsqueeze(1), values).squeeze(1)
            torch.add(joints[t] @ combine_t, bias, out=answers[t]).tanh_()
            backs[t + 1, :, :fed_size] = answers[t] * mask
            backs[t + 1, :, fed_size:] = joints[t, :, :hidden]
        ctx.save_for_backward(keys, values, recurrent, combine, mask)
        ctx.kept = backs, joints, gates, cells, shown, shares, answers
        return answers * mask

    @staticmethod
    def backward(ctx: Any, *d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        keys, values, recurrent, combine, mask = ctx.saved_tensors
        backs, joints, gates, cells, shown, shares, answers = ctx.kept
        del ctx.kept
        kind, (time, batch, width), hidden = keys.dtype, gates.shape, cells.shape[2]
        fed_size = combine.shape[0]
        recurrent_k, combine_k = recurrent.to(kind), combine.to(kind)
        d_sums, d_before = gates, answers  # each overwritten where it was needed last
        d_scores = torch.empty_like(shares)
        d_seen = keys.new_empty(time, batch, values.shape[2])
        d_back = cells.new_zeros(batch, fed_size + hidden)
        d_c = cells.new_zeros(batch, hidden)
        for t in reversed(range(time)):
            d_fed = (d_outputs[0][t] + d_back[:, :fed_size]) * mask
            torch.mul(d_fed, 1 - answers[t].square(), out=d_before[t])
            d_joint = d_before[t].to(kind) @ combine_k  # batch x hidden+memory
            d_seen[t] = d_joint[:, hidden:]
            d_shares = torch.bmm(values, d_seen[t].unsqueeze(2)).squeeze(2)  # batch x source
            own = shares[t] * d_shares
            torch.addcmul(own, shares[t], own.sum(1, keepdim=True), value=-1, out=d_scores[t])
            asked = torch.bmm(d_scores[t].to(kind).unsqueeze(1), keys).squeeze(1)  # batch x hidden
            d_h = d_back[:, fed_size:] + d_joint[:, :hidden] + asked
            i, f, g, o = gates[t].chunk(4, dim=1)
            d_c = torch.addcmul(d_c, d_h * o, 1 - shown[t].square())
            d_o = d_h * shown[t] * o * (1 - o)
            d_i, d_g = d_c * g * i * (1 - i), d_c * i * (1 - g.square())
            d_f = d_c * cells[t] * f * (1 - f)
            d_c = d_c * f
            torch.cat([d_i, d_f, d_g, d_o], dim=1, out=d_sums[t])
            d_back = (d_sums[t].to(kind) @ recurrent_k).to(d_c.dtype)
        flat_sums, flat_before = d_sums.view(-1, width).to(kind), d_before.view(-1, fed_size).to(kind)
        d_recurrent = flat_sums.T @ backs[:-1].reshape(time * batch, -1)
        d_combine = flat_before.T @ joints.view(time * batch, -1)
        by_row = joints.transpose(0, 1)  # batch x target x hidden+memory
        d_keys = torch.bmm(d_scores.permute(1, 2, 0).to(kind), by_row[:, :, :hidden])
        d_values = torch.bmm(shares.permute(1, 2, 0).to(kind), d_seen.transpose(0, 1))
        return (
            d_sums, d_back[:, fed_size:], d_c, d_keys, d_values, None, d_recurrent.to(recurrent.dtype),
            d_combine.to(combine.dtype), d_before.sum((0, 1)), None,
        )  # fmt: skip
