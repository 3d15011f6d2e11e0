"""Everything random in a made sequence, from one seed, on any device.

Letters: `rows` sequences side by side, `steps` of each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Dice:
    """Draws tensors; the same seed on the same device draws the same.

    Args:
        seed: any whole numbers of 0 or more, such as (seed, step).

    >>> Dice((1, 2)).uniform(0, 1, 3).shape
    torch.Size([3])
    """

    def __init__(self, seed: Sequence[int], device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self._generator = torch.Generator(self.device)
        # A seed of the generator for the processor keeps 32 bits only, so all numbers are mixed into these.
        self._generator.manual_seed(int(np.random.SeedSequence(tuple(seed)).generate_state(1)[0]))

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._generator, device=self.device) * (high - low) + low

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self.device)

    def heavy(self, tail: Tensor | float, *shape: int) -> Tensor:
        """Normal numbers of uncertain scale, of variance about 1: the larger `tail` (0 to 1.5), the rarer and the wilder."""
        scale = torch.exp(tail * self.normal(*shape).clamp(-4, 4) - torch.as_tensor(tail) ** 2)
        return self.normal(*shape) * scale

    def coin(self, chance: Tensor | float, *shape: int) -> Tensor:
        """True with that chance."""
        return torch.rand(shape, generator=self._generator, device=self.device) < chance

    def whole(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers from `low` to `high`, both among them."""
        return torch.randint(low, high + 1, shape, generator=self._generator, device=self.device)

    def poisson(self, rate: Tensor) -> Tensor:
        return torch.poisson(rate, generator=self._generator)

    def choice(self, weights: Sequence[float], *shape: int) -> Tensor:
        """Indices, each as often as its weight says."""
        shares = torch.tensor(weights, device=self.device)
        bounds = torch.cumsum(shares / shares.sum(), 0)[:-1]
        return torch.bucketize(self.uniform(0, 1, *shape), bounds)

    def order(self, count: int) -> Tensor:
        """A permutation."""
        return torch.randperm(count, generator=self._generator, device=self.device)
