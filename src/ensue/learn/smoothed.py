"""Cross entropy over a large vocabulary with label smoothing, its gradient made on the way forward.

Left to autograd, softmax, its gradient and the smoothing each pass over a table of tokens by vocabulary once or twice more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def smoothed_cross_entropy(
    answers: Float[Tensor, "tokens features"],
    weight: Float[Tensor, "vocabulary features"],
    bias: Float[Tensor, " vocabulary"],
    wanted: Int[Tensor, " tokens"],
    smoothing: float,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, ""]:
    """The mean over tokens of -log softmax(weight answer + bias) at what was wanted (Szegedy et al. 2016, sec. 7).

    `smoothing` is the share of a token's probability that goes to the whole vocabulary evenly. Products are computed in
    `dtype`.

    >>> smoothed_cross_entropy(torch.zeros(1, 2), torch.zeros(4, 2), torch.zeros(4), torch.tensor([1]), 0.1).exp()
    tensor(4.)
    """
    loss: Tensor = _Smoothed.apply(answers, weight, bias, wanted, smoothing, dtype)  # type: ignore[no-untyped-call]
    return loss


class _Smoothed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        answers, weight, bias, wanted, smoothing, kind = given
        inputs, table = answers.to(kind), weight.to(kind)
        scores = (inputs @ table.T).to(bias.dtype).add_(bias)  # tokens x vocabulary
        tokens, vocabulary = scores.shape
        largest, mean = scores.max(1, keepdim=True).values, scores.mean(1)
        right = scores.gather(1, wanted.unsqueeze(1)).squeeze(1)
        total = scores.sub_(largest).exp_().sum(1, keepdim=True)
        loss = ((total.log() + largest).squeeze(1) - (1 - smoothing) * right - smoothing * mean).mean()
        # From here on it is the gradient: shares minus what was wanted, over the number of tokens.
        slope = scores.mul_(1 / (total * tokens)).sub_(smoothing / vocabulary / tokens)
        slope.scatter_add_(1, wanted.unsqueeze(1), slope.new_full((tokens, 1), (smoothing - 1) / tokens))
        ctx.save_for_backward(inputs, table, slope.to(kind), slope.sum(0))
        ctx.kinds = answers.dtype, weight.dtype
        result: Tensor = loss
        return result

    @staticmethod
    def backward(ctx: Any, *d_loss: Tensor) -> tuple[Tensor | None, ...]:
        inputs, table, slope, d_bias = ctx.saved_tensors
        d_answers, d_weight = (slope @ table).to(ctx.kinds[0]), (slope.T @ inputs).to(ctx.kinds[1])
        return d_answers * d_loss[0], d_weight * d_loss[0], d_bias * d_loss[0], None, None, None
