"""Writing films: frames out to a file, and what was told of a film drawn on its own frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.clips import Film, FrameRule, pyav
from ensue.data.video.lettering import write
from ensue.errors import DataError, StorageError, UsageError

Frame = NDArray[np.uint8]

ENDINGS = (".mp4", ".mov", ".mkv", ".avi")
CODECS = ("libx264", "mpeg4")
"""The first that is there is taken."""
QUALITY = "18"
"""Of H.264: the constant rate factor; 18 is hardly to be told from the frames themselves."""


def write_film(path: str | Path, frames: Iterable[Frame], rate: float) -> int:
    """Write frames `(rows, columns, 3)` to a film, whole or not at all; returns their number.

    An odd number of rows or columns loses the last one, as the format has it. Raises `UsageError` for another ending,
    `DataError` where there is no frame, `StorageError` where the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path} is no name of a film, expected one that ends in {', '.join(ENDINGS)}.")
    if not path.parent.is_dir():
        raise StorageError(f"The folder {path.parent} does not exist: make it first.")
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        count = _encode(part, frames, rate)
        if not count:
            raise DataError("There is no frame to write.")
        os.replace(part, path)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{path} could not be written ({error.strerror or error}): choose another place.") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def with_words(path: str | Path, words: Iterable[tuple[float, list[str]]], rate: float) -> Iterator[Frame]:
    """The frames of a film with lines of words on them, from the second on at which each set of lines holds.

    >>> list(with_words("no_such_film.mp4", [], 25.0))
    Traceback (most recent call last):
    ensue.errors.DataError: There is no file no_such_film.mp4: check its path.
    """
    told, place = list(words), -1
    for time, frame in Film(path, FrameRule(rate)):
        while place + 1 < len(told) and told[place + 1][0] <= time + 1e-6:
            place += 1
        yield write(frame, told[place][1]) if place >= 0 else frame


def _encode(path: Path, frames: Iterable[Frame], rate: float) -> int:
    av = pyav()
    count, stream = 0, None
    with av.open(str(path), "w") as container:
        for pixels in frames:
            rows, columns = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
            if stream is None:
                codec = next(each for each in CODECS if each in av.codecs_available)
                stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1000))
                stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
                stream.options = {"crf": QUALITY} if codec == "libx264" else {"qscale": "3"}
            whole = np.ascontiguousarray(pixels[:rows, :columns])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(whole, format="rgb24")))
            count += 1
        if stream is not None:
            container.mux(stream.encode())
    return count
