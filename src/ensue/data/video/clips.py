"""Films as frames, by one rule of which frames are taken, so that training and use see the same of every file.

The rule: at each instant k / rate seconds after a film's first frame (k = 0, 1, 2 ... for as long as the film lasts), the
frame that is on the screen then. It goes by the times at which frames are shown and never by their number, so a film of
variable frame rate, or of another one than the model was trained on, is seen at the same pace. Rotated films are turned
upright.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.errors import ConfigError, DataError, MissingExtraError
from ensue.layers.base import is_number

Frame = NDArray[np.uint8]

FILMS = (".mp4", ".avi", ".mpg", ".mpeg", ".mov", ".webm", ".mkv", ".m4v", ".wmv", ".ogv", ".gif", ".3gp", ".ts")
"""Endings of files that are taken for films."""
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
"""Endings of files that are taken for single frames."""
ROUNDING = 0.002
"""Seconds by which a frame may be late: file formats round times, to milliseconds often."""
VARIES = 0.25
"""A film has a variable frame rate where the times between frames differ from their median by this share."""
MOST = 4_000_000_000
"""Bytes of frames that are kept of one film."""


@dataclass(frozen=True)
class FrameRule:
    """Which frames of a film are taken: `rate` a second, each the one that is shown at its instant.

    >>> FrameRule(rate=0)
    Traceback (most recent call last):
    ensue.errors.ConfigError: frames: rate is 0, expected frames a second, such as 25.
    """

    rate: float = 25.0

    def __post_init__(self) -> None:
        if not is_number(self.rate) or not 0 < self.rate <= 1000:
            raise ConfigError(f"frames: rate is {self.rate!r}, expected frames a second, such as 25.")


@dataclass(frozen=True)
class Clip:
    """What was taken of a film."""

    frames: Frame
    """`(frames, height, width, channels)`, red, green and blue."""
    times: NDArray[np.float64]
    """Seconds from the film's first frame to each instant."""
    findings: tuple[str, ...] = ()


def read_clip(path: str | Path, rule: FrameRule | None = None, change: Callable[[Frame], Frame] | None = None) -> Clip:
    """The frames of a film, or of a folder of pictures, which are taken for one frame an instant in their names' order.

    Args:
        change: done to every frame `(height, width, 3)` as it is read, such as making it smaller, so that a long film
            needs little memory.

    Raises `DataError` for a file that is missing, empty, without pictures or no film, and `MissingExtraError` without PyAV.
    """
    film = Film(path, rule or FrameRule())
    frames: list[Frame] = []
    times, kept = [], 0
    last: tuple[Frame, Frame] | None = None
    for time, frame in film:
        if last is None or last[0] is not frame:  # one that is shown for several instants is changed once
            last = frame, frame if change is None else change(frame)
        frames.append(last[1])
        times.append(time)
        kept += last[1].nbytes
        if kept > MOST:
            raise DataError(
                f"{path} is too long or too large: its frames take more than {MOST / 1e9:g} GB after {time:.0f} s; cut it "
                "into shorter clips, or take fewer or smaller frames."
            )
    shape = frames[0].shape
    if any(each.shape != shape for each in frames):
        raise DataError(f"The frames of {path} are not all of the same size: make them equal first.")
    return Clip(np.stack(frames), np.array(times), film.findings)


class Film:
    """The frames of a film one by one, by the rule: pairs of seconds and a frame `(height, width, 3)`.

    What was found in the file is in `findings` once all frames were taken.
    """

    def __init__(self, path: str | Path, rule: FrameRule) -> None:
        self.path, self.rule = Path(path), rule
        self.findings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[float, Frame]]:
        if self.path.is_dir():
            yield from self._pictures()
            return
        check_there(self.path)
        shown: Callable[[], Frame] | None = None
        k, starts = 0, []
        end = 0.0
        for start, length, pixels in self._shown():
            while shown is not None and k / self.rule.rate < start - ROUNDING:
                yield k / self.rule.rate, shown()
                k += 1
            shown = pixels
            starts.append(start)
            end = start + length
        if shown is None:
            raise DataError(f"{self.path} has no frame that can be shown: check that it plays.")
        while k == 0 or k / self.rule.rate < end - ROUNDING:
            yield k / self.rule.rate, shown()
            k += 1
        self._say(*_of_times(starts, self.rule.rate))

    def _shown(self) -> Iterator[tuple[float, float, Callable[[], Frame]]]:
        """Of every frame its start and length in seconds, and what gives its pixels, upright, where it is taken."""
        av = pyav()
        try:
            container = av.open(str(self.path))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise DataError(f"{self.path} is no film that can be read ({_why(error)}): check that it plays.") from error
        with container:
            if not container.streams.video:
                sound = " but sound" if container.streams.audio else ""
                raise DataError(f"{self.path} has no pictures in it{sound}, expected a film.")
            stream = container.streams.video[0]
            usual = float(1 / stream.average_rate) if stream.average_rate else 1 / self.rule.rate
            yield from self._frames_of(container, stream, usual, av)

    def _frames_of(
        self, container: Any, stream: Any, usual: float, av: Any
    ) -> Iterator[tuple[float, float, Callable[[], Frame]]]:
        """The frames of a stream; what follows a fault is left out, and that is said."""
        first, before, turned = None, None, 0
        try:
            for frame in container.decode(stream):
                at = frame.time
                if at is None or (before is not None and at < before):  # no time, or one that goes back
                    at = 0.0 if before is None else before + usual
                first, before = at if first is None else first, at
                length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else usual
                turned = int(frame.rotation) % 360
                yield at - first, length, cache(partial(_pixels, frame, turned))
        except (av.error.FFmpegError, ValueError) as error:
            if first is None or before is None:
                raise DataError(
                    f"{self.path} is no film that can be read ({_why(error)}): check that it plays."
                ) from error
            self._say(f"is damaged after {before - first:.2f} s ({_why(error)}); what is before that is read")
        if turned:
            self._say(f"is stored turned by {turned} degrees and was turned upright")

    def _pictures(self) -> Iterator[tuple[float, Frame]]:
        files = sorted((each for each in self.path.iterdir() if each.suffix.lower() in PICTURES), key=natural)
        if not files:
            raise DataError(f"The folder {self.path} holds no pictures, expected frames such as 0.png, 1.png.")
        for k, each in enumerate(files):
            yield k / self.rule.rate, next(iter(Film(each, self.rule)))[1]

    def _say(self, *findings: str) -> None:
        self.findings += tuple(f"{self.path.name} {each}." for each in findings)


def check_there(path: Path) -> None:
    """Raises `DataError` for a file that is not there, or has nothing in it."""
    if not path.exists():
        raise DataError(f"There is no file {path}: check its path.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes): make it again.")


def pyav() -> Any:
    """PyAV, or a sentence where it is missing."""
    try:
        import av
        import av.error
    except ModuleNotFoundError as error:
        raise MissingExtraError("Reading films", "av", "video") from error
    av.logging.set_level(None)  # FFmpeg's own words about a fault would stand between ours
    return av


def upright(frame: Frame, turned: int) -> Frame:
    """A frame as it is to be seen, from one that is stored turned by so many degrees, to the next quarter.

    >>> upright(np.array([[1, 2]], np.uint8), 90).tolist()
    [[2], [1]]
    """
    quarters = round(turned / 90) % 4
    return frame if not quarters else np.ascontiguousarray(np.rot90(frame, quarters))


def _pixels(frame: Any, turned: int) -> Frame:
    pixels: Frame = frame.to_ndarray(format="rgb24")
    return upright(pixels, turned)


def natural(path: Path) -> tuple[tuple[int, int, str], ...]:
    """For sorting names: numbers in them by their size.

    >>> sorted(map(Path, ("10.png", "9.png", "a.png")), key=natural)[0].name
    '9.png'
    """
    parts = re.split(r"([0-9]+)", path.stem)
    return tuple((0, int(each), "") if each.isdigit() else (1, 0, each) for each in parts if each)


def _of_times(starts: list[float], rate: float) -> list[str]:
    """What to say of when a film's frames are shown."""
    if len(starts) == 1:
        return ["has a single frame"]
    gaps = np.diff(starts)
    gaps, usual = gaps[gaps > 0], float(np.median(gaps))
    if usual <= 0:
        return []
    found = []
    if (np.abs(gaps - usual) > VARIES * usual).mean() > 0.05:
        found.append(
            f"has a variable frame rate, {1 / gaps.max():.3g} to {1 / gaps.min():.3g} frames a second; frames are taken by "
            f"their times, {rate:g} a second"
        )
    elif 1 / usual < 0.9 * rate:
        found.append(f"has {1 / usual:.3g} frames a second, and {rate:g} are taken: some come more than once")
    return found


def _why(error: Exception) -> str:
    """FFmpeg's reason, without number and path."""
    reason = getattr(error, "strerror", None) or str(error)
    return " ".join(str(reason).split()).rstrip(".")
