"""Key points as they come: steps of a network equal to those of the whole, however they are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.video.bodies import Past, SoFar
from ensue.data.video.skeletons import positions
from ensue.errors import DataError, UsageError

if TYPE_CHECKING:
    from ensue.data.video.keypoints import KeypointFrontEnd

CARRIED = ("origin", "last", "before", "length", "lengths", "across", "ways")


class KeypointFrames:
    """Reads key points a few frames at a time. Raises `UsageError` for a front end that has to see the whole clip."""

    def __init__(self, front_end: KeypointFrontEnd) -> None:
        if not front_end.causal:
            raise UsageError(
                "This front end measures a body over the whole clip, so key points cannot be read as they come: choose "
                "reference 'so far'."
            )
        self.front_end = front_end
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._past = Past()

    def push(self, frames: ArrayLike) -> NDArray[np.float32]:
        """The steps `(frames, size)` of one frame `(points, axes)` or of several."""
        x, own = np.asarray(frames), self.front_end
        if x.ndim == 1 or (x.ndim == 2 and x.shape[0] == own.joints and x.shape[1] in (own.axes, own.axes + 1)):
            x = x[None]
        return own.features(own.bodily(positions(x, own.points), self._past), self._past)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What is carried from step to step; setting it goes on from there."""
        past = self._past
        values = {
            "origin": past.origin, "last": past.last, "before": past.before,
            "length": past.length.total, "lengths": past.length.count,
            "across": past.across.total, "ways": past.across.count,
        }  # fmt: skip
        return {name: np.array(value, np.float64) for name, value in values.items() if value is not None}

    @state.setter
    def state(self, state: dict[str, NDArray[Any]]) -> None:
        unknown = set(state) - set(CARRIED)
        if unknown:
            raise DataError(f"A state with {', '.join(sorted(unknown))} was given, expected one of key points.")
        got = {name: np.array(value, np.float64) for name, value in state.items()}
        self._past = Past(
            got.get("origin"),
            SoFar(got.get("length"), float(got.get("lengths", 0.0))),
            SoFar(got.get("across"), float(got.get("ways", 0.0))),
            got.get("last"),
            got.get("before"),
        )
