"""Where a film moves: the part of the picture that changes most, such as the lips of somebody who speaks.

Cut out, it is in the same place in every clip wherever the camera looked, and in the film's full sharpness.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensue.errors import DataError

STILL = 1.5
"""Changes below so many times the median of all pixels are taken for noise."""
SHARE = 0.62
"""Of the part's height and width, that is searched for the most change: the rest is room around it."""


def moving_part(frames: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The part `(frames, height, width, channels)` of frames `(frames, rows, columns, channels)` that changes most.

    It is one place for the whole clip. Of the mean change of each pixel from frame to frame, what is above noise is summed
    over every place of a window; the part's middle is the centre of mass in the best one. Raises `DataError` for frames
    that are smaller than the part.

    >>> frames = np.zeros((3, 20, 30, 1), np.uint8)
    >>> frames[1, 12:16, 20:26] = 255
    >>> moving_part(frames, 8, 10)[1, ..., 0].any(axis=1).tolist()
    [False, False, True, True, True, True, False, False]
    """
    _, rows, columns, _ = frames.shape
    if height > rows or width > columns:
        raise DataError(
            f"The clip's frames are {columns} x {rows} pixels, expected {width} x {height} at least, which are cut out of "
            "them: give a larger clip."
        )
    top, left = _corner(frames.mean(axis=3), height, width)
    return frames[:, top : top + height, left : left + width]


def _corner(grey: NDArray[np.float64], height: int, width: int) -> tuple[int, int]:
    rows, columns = grey.shape[1:]
    if len(grey) < 2:
        return (rows - height) // 2, (columns - width) // 2
    change = np.abs(np.diff(grey, axis=0)).mean(axis=0)
    change = np.maximum(change - STILL * np.median(change), 0)
    if not change.any():
        return (rows - height) // 2, (columns - width) // 2
    down, right = max(1, round(SHARE * height)), max(1, round(SHARE * width))
    sums = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    windows = sums[down:, right:] - sums[:-down, right:] - sums[down:, :-right] + sums[:-down, :-right]
    top, left = np.unravel_index(windows.argmax(), windows.shape)
    best = change[top : top + down, left : left + right]
    middle = top + best.sum(1) @ np.arange(down) / best.sum(), left + best.sum(0) @ np.arange(right) / best.sum()
    corner = middle[0] - (height - 1) / 2, middle[1] - (width - 1) / 2
    return int(np.clip(round(corner[0]), 0, rows - height)), int(np.clip(round(corner[1]), 0, columns - width))
