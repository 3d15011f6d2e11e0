"""Exponentially weighted means over time, in blocks: a gap leaves a mean as it was.

Letters: `batch` sequences side by side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 64
"""Steps smoothed by one matrix product; longer blocks are walked in pieces of this size."""
_FAINT = 1e-300
"""A weight so small, after thousands of steps without a value, is none: what lies below has no digits left to divide."""


class Smoothed(NamedTuple):
    """An exponentially weighted mean as two sums, so that a gap leaves their ratio alone."""

    total: Floats  # batch
    weight: Floats  # batch


def smooth(values: Floats, weights: Floats, decay: float, start: Smoothed) -> tuple[Floats, Floats, Smoothed]:
    """Exponentially weighted means *before* each step, their weights, and the sums after the last step.

    A weight of zero decays both sums alike and leaves the mean as it was.
    """
    batch, steps = values.shape
    totals, sums = np.empty((batch, steps + 1)), np.empty((batch, steps + 1))
    totals[:, 0], sums[:, 0] = start
    for begin in range(0, steps, _BLOCK):
        end = min(begin + _BLOCK, steps)
        kernel, fading = _decay_kernel(end - begin, decay)
        piece = weights[:, begin:end]
        totals[:, begin + 1 : end + 1] = (values[:, begin:end] * piece) @ kernel + totals[:, begin, None] * fading
        sums[:, begin + 1 : end + 1] = piece @ kernel + sums[:, begin, None] * fading
    faint = sums < _FAINT
    totals[faint], sums[faint] = 0.0, 0.0
    weight = sums[:, :-1]
    mean = totals[:, :-1] / np.where(weight > 0, weight, 1.0)
    return mean, weight, Smoothed(totals[:, -1].copy(), sums[:, -1].copy())


@lru_cache(maxsize=64)
def _decay_kernel(steps: int, decay: float) -> tuple[Floats, Floats]:
    """How much of each step of a block (rows) is left at each later one (columns), and of what came before the block."""
    index = np.arange(steps)
    lag = index[None, :] - index[:, None]
    kernel: Floats = np.where(lag >= 0, decay ** np.maximum(lag, 0), 0.0)
    fading: Floats = np.power(decay, index + 1.0)
    return kernel, fading
