"""Fewer numbers where a screen could not show more: means over columns of steps, and the extremes of equal stretches.

Letters of shapes: `time unit column`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

HEAT_BYTES = 2_600_000
"""What all heat maps of a report may take before compression."""
LEAST_COLUMNS = 600
"""Columns a heat map has at least, however many units there are; fewer would show on a wide screen."""
MOST_POINTS = 50_000
"""Points of a series kept whole; of more, the extremes of equal stretches are kept."""


def steps_per_column(steps: int, rows: int) -> int:
    """How many steps one column of the heat maps stands for, where they have `rows` rows in all.

    >>> steps_per_column(1_000, 768), steps_per_column(10_000, 768), steps_per_column(10_000, 9216)
    (1, 3, 17)
    """
    columns = max(HEAT_BYTES // max(rows, 1), LEAST_COLUMNS)
    return -(-steps // columns)


def column_means(values: Floats, steps: int) -> NDArray[np.float32]:
    """Mean of every `steps` steps, the last column of what is left.

    Args:
        values: `(time, unit)`; NaN is left out of the means.
        steps: Of one column, 1 or more.

    Returns:
        `(unit, column)`; NaN where a column has no number at all.

    >>> column_means(np.array([[1.0], [3.0], [np.nan], [5.0], [np.nan]]), 2)
    array([[ 2.,  5., nan]], dtype=float32)
    """
    if steps == 1:
        return np.ascontiguousarray(values.T, dtype=np.float32)
    starts = np.arange(0, len(values), steps)
    sums = np.add.reduceat(values, starts, axis=0, dtype=np.float32)  # column unit
    if np.isfinite(sums).all():
        counts = np.diff(starts, append=len(values))[:, None].astype(np.float32)
    else:
        known = np.isfinite(values)
        sums = np.add.reduceat(np.where(known, values, 0.0), starts, axis=0, dtype=np.float32)
        counts = np.add.reduceat(known, starts, axis=0, dtype=np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.ascontiguousarray((sums / counts).T)


def extremes(values: Floats, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Places of the points to keep: all, or the lowest and the highest of equal stretches and both ends.

    A stretch without any number keeps its first place, so that a gap stays a gap.

    >>> extremes(np.array([0.0, 5.0, 1.0, 2.0, 9.0, 3.0, 4.0, 6.0]), most=4)
    array([0, 1, 4, 5, 7])
    """
    if len(values) <= most:
        return np.arange(len(values))
    stretches = max(most // 2, 1)
    wide = -(-len(values) // stretches)
    padded = np.full(-(-len(values) // wide) * wide, np.nan)
    padded[: len(values)] = values
    rows = padded.reshape(-1, wide)  # stretch step
    lowest = np.argmin(np.where(np.isfinite(rows), rows, np.inf), axis=1)
    highest = np.argmax(np.where(np.isfinite(rows), rows, -np.inf), axis=1)
    starts = np.arange(len(rows)) * wide
    return np.unique(np.r_[0, starts + lowest, starts + highest, len(values) - 1])
