"""A camera's frames as they come, through the system's own devices as PyAV opens them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.clips import pyav
from ensue.errors import DataError

SYSTEMS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}
"""The kind of device, and what the camera of a number is called, by system."""


def camera_frames(name: str, rate: float) -> Iterator[NDArray[np.uint8]]:
    """Frames `(rows, columns, 3)` of a camera, `rate` a second: of those that came since the last instant, the last one.

    Args:
        name: its number, such as "0", or what the system calls it.

    Raises `DataError` where there is no such camera.
    """
    av = pyav()
    kind, called = SYSTEMS.get(sys.platform, SYSTEMS["linux"])
    device = called.format(name) if name.isdecimal() else name
    try:
        container: Any = av.open(device, format=kind)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DataError(
            f"There is no camera {device} that can be opened ({getattr(error, 'strerror', None) or error}): check that it is "
            "plugged in and free, or give its name."
        ) from error
    with container:
        k, first = 0, None
        for frame in container.decode(video=0):
            time = frame.time
            first = time if first is None else first
            if time is None or first is None or time - first >= k / rate:
                k = k + 1 if time is None or first is None else int((time - first) * rate) + 1
                yield frame.to_ndarray(format="rgb24")
