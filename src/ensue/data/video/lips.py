"""The front end of lip reading: the part of a film that moves, cut out, in grey, several neighbouring frames at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.clips import FrameRule, read_clip
from ensue.data.video.front_end import GREY, as_frames
from ensue.data.video.moving_part import moving_part
from ensue.errors import DataError, UsageError
from ensue.layers.base import check_whole

Frames = NDArray[np.uint8]
Floats = NDArray[np.float32]

LEAST_SCALE = 1.0
"""Of 255: a film with less contrast than this is not spread further."""


@dataclass(frozen=True)
class LipsFrontEnd:
    """Films as a network reads them to see lips move. Raises `ConfigError` for what cannot be.

    The part of the picture that changes most is cut out (`moving_part`), made to mean 0 and variance 1 over the clip, and
    each step holds its frame's pixels row by row, with those of its neighbours in time as channels, the earliest first.

    >>> front_end = LipsFrontEnd(height=8, width=12, margin=0)
    >>> film = np.random.default_rng(0).integers(0, 255, (5, 20, 30), dtype=np.uint8)
    >>> front_end.read(film).shape, front_end.picture
    ((5, 288), (8, 12, 3))
    """

    name: ClassVar[str] = "lips"
    height: int = 32
    """Pixels of what the network sees ..."""
    width: int = 64
    margin: int = 3
    """... and on each side so many more are cut out, within which training moves it."""
    shrink: int = 1
    """So many pixels of the film on each side make one, before all else."""
    neighbours: int = 1
    """Frames before, and as many behind, that are seen together with each."""
    rate: float = 25.0
    """Frames a second."""

    def __post_init__(self) -> None:
        for name, least, most in (("height", 8, 1000), ("width", 8, 1000), ("margin", 0, 100), ("shrink", 1, 50)):
            check_whole(self.name, name, getattr(self, name), least, most)
        check_whole(self.name, "neighbours", self.neighbours, 0, 20)
        FrameRule(self.rate)

    @property
    def picture(self) -> tuple[int, int, int]:
        """Height, width and channels of a step."""
        return self.height, self.width, 2 * self.neighbours + 1

    @property
    def size(self) -> int:
        """Numbers a step."""
        return int(np.prod(self.picture))

    @property
    def seconds_per_step(self) -> float:
        return 1 / self.rate

    causal: ClassVar[bool] = False
    """Where the film moves is known at its end alone."""

    def read(self, item: Any) -> Floats:
        """What the network reads, `(frames, size)`.

        Args:
            item: the path of a film, or its frames `(frames, rows, columns)` or `(frames, rows, columns, channels)`, uint8.

        Raises `DataError` for what cannot be read.
        """
        return self.numbers(self.inside(self.cut_out(item)))

    def cut_out(self, item: Any) -> Frames:
        """The part that moves, with its margin: `(frames, height + 2 margin, width + 2 margin)`."""
        frames = grey(self._frames(item))
        if self.shrink > 1:
            frames = shrunk(frames, self.shrink)
        part = moving_part(frames[..., None], self.height + 2 * self.margin, self.width + 2 * self.margin)
        return part[..., 0]

    def inside(self, part: Frames, down: int = 0, right: int = 0) -> Frames:
        """What is seen of what was cut out, moved by so many pixels, at most the margin."""
        top, left = self.margin + down, self.margin + right
        return part[:, top : top + self.height, left : left + self.width]

    def numbers(self, part: NDArray[Any]) -> Floats:
        """Frames `(frames, height, width)` as the network reads them."""
        x = part.astype(np.float32)
        x = (x - x.mean()) / max(float(x.std()), LEAST_SCALE)
        n = self.neighbours
        around = np.pad(x, ((n, n), (0, 0), (0, 0)), mode="edge")
        stacked = np.stack([around[at : at + len(x)] for at in range(2 * n + 1)], axis=-1)
        return stacked.reshape(len(x), -1)

    def _frames(self, item: Any) -> Frames:
        if isinstance(item, (str, Path)):
            return read_clip(item, FrameRule(self.rate), lambda frame: grey(frame[None])[0]).frames
        return as_frames(item)

    def stream(self) -> NoReturn:
        """Refused. Raises `UsageError`."""
        raise UsageError("Lips cannot be read as they come: where a film moves is known at its end; give whole clips.")

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"kind of front end": self.name} | asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> LipsFrontEnd:
        """What was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        return cls(**{name: value for name, value in plain.items() if name != "kind of front end"})


@dataclass(frozen=True)
class LipsAnew:
    """What training sees of clips: moved, mirrored, lighter or darker, faster or slower, with frames lost and said twice.

    (The last is how Assael et al. 2016, sec. 4.1, vary the pace.)

    >>> anew = LipsAnew(LipsFrontEnd(8, 8, 1), [np.zeros((20, 10, 10), np.uint8)])
    >>> anew(0, np.random.default_rng(0)).shape[1]
    192
    """

    front_end: LipsFrontEnd
    parts: Sequence[Frames]
    """What was cut out of each clip, with its margin."""
    mirror: bool = True
    stretch: float = 0.1
    """At most so much faster or slower."""
    repeats: float = 0.04
    """The share of frames that is lost, and of those that come twice."""
    masks: int = 2
    longest_mask: float = 0.1
    """The share of frames hidden at most: none of a single word."""

    def __call__(self, row: int, dice: np.random.Generator) -> Floats:
        own, part = self.front_end, self.parts[row]
        down, right = dice.integers(-own.margin, own.margin + 1, 2)
        part = own.inside(part, int(down), int(right))
        if self.mirror and dice.random() < 0.5:
            part = part[:, :, ::-1]
        x = own.numbers(part[self._moments(len(part), dice)])
        x += np.float32(dice.normal(0, 0.1))
        for _ in range(self.masks):
            length = int(dice.integers(0, int(self.longest_mask * len(x)) + 1))
            at = int(dice.integers(0, len(x) - length + 1))
            x[at : at + length] = 0
        return x

    def _moments(self, count: int, dice: np.random.Generator) -> NDArray[np.int64]:
        """Which frames are shown, in order."""
        pace = dice.uniform(1 - self.stretch, 1 + self.stretch)
        at = np.minimum(np.round(np.arange(0, count - 0.5, pace)).astype(np.int64), count - 1)
        chance = dice.random(len(at))
        times = np.where(chance < self.repeats, 0, np.where(chance < 2 * self.repeats, 2, 1))
        return np.repeat(at, times) if times.any() else at


def grey(frames: Frames) -> Frames:
    """Frames `(frames, rows, columns[, channels])` without colour.

    >>> grey(np.full((1, 1, 1, 3), 7, np.uint8)).tolist()
    [[[7]]]
    """
    if frames.ndim == 3:
        return frames
    if frames.shape[3] == 1:
        return frames[..., 0]
    found: Frames = np.round(frames[..., :3] @ GREY).astype(np.uint8)
    return found


def shrunk(frames: Frames, times: int) -> Frames:
    """Frames `(frames, rows, columns)` with squares of pixels made one; what is over at the edges is left out."""
    rows, columns = frames.shape[1] // times, frames.shape[2] // times
    if not rows or not columns:
        raise DataError(f"The clip is {frames.shape[2]} x {frames.shape[1]} pixels, too small to shrink {times} times.")
    whole = frames[:, : rows * times, : columns * times].reshape(len(frames), rows, times, columns, times)
    means: Frames = np.round(whole.mean(axis=(2, 4))).astype(np.uint8)
    return means
