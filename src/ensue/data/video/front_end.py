"""The video front end: what a network reads of a film, frame by frame, whole or as it comes.

Frames are taken by one rule (`clips`), cut and made small, in grey or in colour, with the frames before them or what has
changed since as further channels, and their values brought to about mean 0 and variance 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.clips import FrameRule, read_clip
from ensue.errors import ConfigError, DataError, nearest
from ensue.layers.base import check_whole, is_number

Frames = NDArray[np.uint8]
Floats = NDArray[np.float32]

GREY = np.array([0.299, 0.587, 0.114])
"""Shares of red, green and blue (ITU-R BT.601)."""
MIDDLE, SPREAD = 127.5, 63.75
"""What a pixel is taken from and divided by, so that values lie from -2 to 2."""
FITS = ("squeeze", "middle")


@dataclass(frozen=True)
class VideoFrontEnd:
    """How films are read. Raises `ConfigError` for what cannot be.

    A step's numbers lie row by row, pixel by pixel, the channels of a pixel side by side: first the frame itself, then the
    `before` frames before it, the latest first (at the beginning the first frame stands for them), each in grey or in
    red, green and blue; with `differences`, each of these is what the frame has changed since.

    >>> front_end = VideoFrontEnd(height=8, width=12, before=1, colour=False)
    >>> front_end.read(np.zeros((5, 20, 30, 3), np.uint8)).shape, front_end.picture
    ((5, 192), (8, 12, 2))
    """

    name: ClassVar[str] = "video"
    height: int = 48
    """Pixels of what the network sees."""
    width: int = 48
    rate: float = 10.0
    """Frames a second."""
    colour: bool = False
    """Red, green and blue; or grey."""
    fit: str = "squeeze"
    """'squeeze' the whole picture into height and width, or cut out its 'middle' in their proportions."""
    crop: tuple[float, float, float, float] | None = None
    """What is looked at: top, left, bottom and right as shares of the picture, 0 to 1."""
    before: int = 0
    """Frames before each that are seen together with it."""
    differences: bool = False
    """Show what has changed since the frames before, instead of them."""

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            check_whole(self.name, name, getattr(self, name), 1, 2000)
        check_whole(self.name, "before", self.before, 0, 50)
        FrameRule(self.rate)
        for name in ("colour", "differences"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"video: {name} is {getattr(self, name)!r}, expected true or false.")
        if self.fit not in FITS:
            raise ConfigError(f"video: fit is '{self.fit}', {nearest(str(self.fit), FITS)}")
        if self.differences and not self.before:
            raise ConfigError("video: differences is true and before is 0, expected before to be 1 at least.")
        if self.crop is not None:
            _check_crop(self.crop)

    @property
    def picture(self) -> tuple[int, int, int]:
        """Height, width and channels of a step."""
        return self.height, self.width, (3 if self.colour else 1) * (1 + self.before)

    @property
    def size(self) -> int:
        """Numbers a step."""
        return int(np.prod(self.picture))

    @property
    def seconds_per_step(self) -> float:
        return 1 / self.rate

    causal: ClassVar[bool] = True
    """A step holds nothing of frames that are still to come."""

    @property
    def rule(self) -> FrameRule:
        return FrameRule(self.rate)

    def read(self, item: Any) -> Floats:
        """What the network reads, `(frames, size)`.

        Args:
            item: the path of a film or of a folder of pictures, or frames `(frames, rows, columns)` or
                `(frames, rows, columns, channels)`, uint8, `rate` a second.

        Raises `DataError` for what cannot be read.
        """
        return self.numbers(self.small(item))

    def small(self, item: Any) -> Frames:
        """The frames cut and made small: `(frames, height, width, 1 or 3)`, uint8, a fraction of the memory of `read`."""
        if isinstance(item, str | Path):
            return read_clip(item, self.rule, self.smaller).frames
        frames = as_frames(item)
        return np.stack([self.smaller(each) for each in frames])

    def smaller(self, frame: Frames) -> Frames:
        """One frame `(rows, columns[, channels])` as `(height, width, 1 or 3)`."""
        if frame.ndim == 2:
            frame = frame[..., None]
        if self.crop is not None:
            frame = _cut(frame, self.crop)
        if self.fit == "middle":
            frame = middle(frame, self.height, self.width)
        coloured = frame.shape[2] >= 3
        pixels = resized(frame[..., :3] if coloured else frame[..., :1], self.height, self.width)
        if not self.colour and coloured:
            pixels = pixels @ GREY[:, None]
        elif self.colour and not coloured:
            pixels = np.repeat(pixels, 3, axis=2)
        return np.round(pixels).astype(np.uint8)

    def numbers(self, small: Frames) -> Floats:
        """Small frames as the network reads them, `(frames, size)`."""
        x = (small.astype(np.float32) - np.float32(MIDDLE)) / np.float32(SPREAD)
        return self.together(np.concatenate([np.repeat(x[:1], self.before, axis=0), x]))

    def together(self, x: Floats) -> Floats:
        """Frames, with `before` ones in front, as steps `(frames - before, size)`."""
        count = len(x) - self.before
        channels = [x[self.before :]]
        for back in range(1, self.before + 1):
            earlier = x[self.before - back : self.before - back + count]
            channels.append(channels[0] - earlier if self.differences else earlier)
        return np.concatenate(channels, axis=3).reshape(count, -1)

    def stream(self) -> VideoFrames:
        """Reads frames as they come."""
        return VideoFrames(self)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        crop = None if self.crop is None else list(self.crop)
        return {"kind of front end": self.name} | asdict(self) | {"crop": crop}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> VideoFrontEnd:
        """What was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        own = {name: value for name, value in plain.items() if name != "kind of front end"}
        return cls(**own | {"crop": None if own["crop"] is None else tuple(own["crop"])})


class VideoFrames:
    """Frames of a camera, or of a film that is still running, `rate` a second, as steps of a network."""

    def __init__(self, front_end: VideoFrontEnd) -> None:
        self.front_end = front_end
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._past: Floats | None = None

    def push(self, frames: Any) -> Floats:
        """The steps `(frames, size)` of one frame `(rows, columns, 3)` or several; equal to `read` however they are cut."""
        given = np.asarray(frames)
        if given.ndim == 2 or (given.ndim == 3 and given.shape[2] in (1, 3, 4)):
            given = given[None]
        own = self.front_end
        x = (own.small(given).astype(np.float32) - np.float32(MIDDLE)) / np.float32(SPREAD)
        past = np.repeat(x[:1], own.before, axis=0) if self._past is None else self._past
        joined = np.concatenate([past, x])
        self._past = joined[len(joined) - own.before :]
        return own.together(joined)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What is carried from step to step; setting it goes on from there."""
        return {} if self._past is None else {"past": self._past.copy()}

    @state.setter
    def state(self, state: dict[str, NDArray[Any]]) -> None:
        past = state.get("past")
        own = self.front_end
        shape = own.before, own.height, own.width, 3 if own.colour else 1
        if past is not None and np.shape(past) != shape:
            raise DataError(
                f"A state of shape {np.shape(past)} was given, expected {shape}: it is of another front end."
            )
        self._past = None if past is None else np.asarray(past, np.float32)


def as_frames(item: Any) -> Frames:
    """Frames `(frames, rows, columns[, channels])`, checked."""
    frames = np.asarray(item)
    fits = frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] in (1, 3, 4))
    if not fits or frames.dtype != np.uint8 or not frames.size:
        raise DataError(
            f"An array of shape {frames.shape} and {frames.dtype} was given, expected the frames of a film (frames, rows, "
            "columns, 3), uint8."
        )
    return frames


def resized(frame: Frames, height: int, width: int) -> NDArray[np.float32]:
    """A frame `(rows, columns, channels)` as `(height, width, channels)`: each new pixel is the mean of what it covers.

    Where the new frame is the larger one, it is interpolated between the middles of pixels.

    >>> resized(np.array([[[0], [10], [20], [30]]], np.uint8), 1, 2)[..., 0].tolist()
    [[5.0, 25.0]]
    """
    down, across = covering(frame.shape[0], height), covering(frame.shape[1], width)
    narrow = np.einsum("rxc,wx->rwc", frame.astype(np.float32), across, optimize=True)
    found: NDArray[np.float32] = np.einsum("hr,rwc->hwc", down, narrow, optimize=True)
    return found


def covering(count: int, wanted: int) -> NDArray[np.float32]:
    """The share of each of `count` pixels in each of `wanted` ones, `(wanted, count)`; rows sum to 1.

    >>> covering(4, 2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    if wanted >= count:
        middles = np.clip((np.arange(wanted) + 0.5) * count / wanted - 0.5, 0, count - 1)
        distance = np.abs(middles[:, None] - np.arange(count))
        return np.asarray(np.maximum(0, 1 - distance), np.float32)
    edges = np.arange(wanted + 1) * count / wanted
    pixels = np.arange(count)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.maximum(covered, 0) * wanted / count, np.float32)


def middle(frame: Frames, height: int, width: int) -> Frames:
    """The largest part around the middle that is in the proportions of height and width."""
    rows, columns = frame.shape[:2]
    down = min(rows, max(1, round(columns * height / width)))
    across = min(columns, max(1, round(rows * width / height)))
    top, left = (rows - down) // 2, (columns - across) // 2
    return frame[top : top + down, left : left + across]


def _cut(frame: Frames, crop: tuple[float, float, float, float]) -> Frames:
    rows, columns = frame.shape[:2]
    top, left = round(crop[0] * rows), round(crop[1] * columns)
    return frame[top : max(top + 1, round(crop[2] * rows)), left : max(left + 1, round(crop[3] * columns))]


def _check_crop(crop: Any) -> None:
    fits = isinstance(crop, tuple) and len(crop) == 4 and all(is_number(each) and 0 <= each <= 1 for each in crop)
    if not fits or not (crop[0] < crop[2] and crop[1] < crop[3]):
        raise ConfigError(f"video: crop is {crop!r}, expected top, left, bottom and right as shares from 0 to 1.")
