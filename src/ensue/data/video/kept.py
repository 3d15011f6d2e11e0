"""Many clips in memory: kept as pixels, made what a network reads when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Kept(Sequence[NDArray[np.float32]]):
    """What a network reads of clips, in a fraction of the memory.

    >>> some = Kept([np.full((2, 3), 7, np.uint8)], lambda pixels: pixels.astype(np.float32) / 255)
    >>> len(some), some[0].dtype
    (1, dtype('float32'))
    """

    def __init__(self, pixels: Sequence[NDArray[np.uint8]], numbers: Callable[[Any], NDArray[np.float32]]) -> None:
        self.pixels, self.numbers = pixels, numbers

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        return self.numbers(self.pixels[row])


def taken(features: Sequence[NDArray[np.float32]], rows: Sequence[int]) -> Sequence[NDArray[np.float32]]:
    """Some clips, those that are kept as pixels still so.

    >>> taken(Kept([np.zeros((1, 1), np.uint8)], np.float32), [0, 0])[1].tolist()
    [[0.0]]
    """
    if isinstance(features, Kept):
        return Kept([features.pixels[row] for row in rows], features.numbers)
    return [features[row] for row in rows]
