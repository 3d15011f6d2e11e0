"""Clips with what people wrote about them: each has one caption or several."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.kept import taken
from ensue.errors import DataError

Steps = NDArray[np.float32]
Augment = Callable[[int, np.random.Generator], Steps]


@dataclass(frozen=True)
class Captioned:
    """What a network reads of each clip `(steps, size)`, and its captions.

    >>> some = Captioned([np.zeros((4, 2), np.float32)], (("a cat", "one cat"),))
    >>> len(some), some.pairs
    (1, [(0, 'a cat'), (0, 'one cat')])
    """

    features: Sequence[Steps]
    captions: tuple[tuple[str, ...], ...]
    augment: Augment | None = None
    """What is read of the clip of that number, changed at random as training sees it."""

    def __post_init__(self) -> None:
        if len(self.features) != len(self.captions) or not self.captions:
            raise DataError(
                f"{len(self.features)} clips and captions of {len(self.captions)} were given, expected equally many, one at "
                "least."
            )
        for number, own in enumerate(self.captions, start=1):
            if not own or not all(each.strip() for each in own):
                raise DataError(f"Clip {number} has no caption or a blank one, expected a sentence: leave it out.")

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def pairs(self) -> list[tuple[int, str]]:
        """Each caption with the number of its clip."""
        return [(clip, text) for clip, own in enumerate(self.captions) for text in own]

    def take(self, rows: Iterable[int]) -> Captioned:
        """Some of the clips, in the order given."""
        chosen, augment = [int(row) for row in rows], self.augment
        renumbered = None if augment is None else (lambda row, dice: augment(chosen[row], dice))
        return Captioned(taken(self.features, chosen), tuple(self.captions[row] for row in chosen), renumbered)

    def digest(self) -> str:
        """Of all that is in them, to know the same ones again."""
        found = hashlib.sha256(repr(self.captions).encode("utf-8", "surrogatepass"))
        for each in self.features:
            found.update(np.ascontiguousarray(each).tobytes())
        return found.hexdigest()


def set_aside(clips: Captioned, share: float = 0.1, seed: int = 0) -> tuple[Captioned, Captioned]:
    """Clips to learn from and clips to validate on; a clip stays whole. Raises `DataError` for a single clip.

    >>> some = Captioned([np.zeros((1, 1), np.float32)] * 5, (("a",),) * 5)
    >>> [len(part) for part in set_aside(some)]
    [4, 1]
    """
    if len(clips) < 2:
        raise DataError("One clip was given, expected two at least: one to learn from and one to validate on.")
    order = np.random.default_rng(seed).permutation(len(clips))
    count = max(1, round(share * len(clips)))
    return clips.take(np.sort(order[count:])), clips.take(np.sort(order[:count]))
