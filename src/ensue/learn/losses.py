"""What each head is trained with.

Letters: `batch` sequences, `time` steps, `level` quantile levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float


def pinball(
    quantiles: Float[Tensor, "batch time level"],
    targets: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    levels: Float[Tensor, " level"],
) -> Float[Tensor, ""]:
    """The weighted mean over steps of twice the pinball loss, averaged over levels (Koenker & Bassett 1978, section 3).

    Twice, so that the loss of the median is the absolute error. Steps of weight 0 are out of it.

    >>> level = torch.tensor([0.5])
    >>> pinball(torch.zeros(1, 2, 1), torch.tensor([[1.0, 3.0]]), torch.ones(1, 2), level).item()
    2.0
    """
    error = targets[..., None] - quantiles  # batch x time x level
    loss = 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)  # batch x time
    return (loss * weights).sum() / weights.sum().clamp_min(1e-9)
