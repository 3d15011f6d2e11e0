"""The front end of key points: bodies and hands in motion as a network reads them, wherever they stand and however large.

Positions are measured from where the body stood in the first frame, in lengths of its spine, and, where depth is measured,
turned about the vertical so that its shoulders face the camera. A step holds each part's points from the part's own middle
(posture), where that middle is (travel), how both have changed since the step before (velocity), and whether the part is
seen at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.video.bodies import Past, mean, measures, turned
from ensue.data.video.skeletons import Floats, Skeleton, positions, recognised, skeleton_of
from ensue.errors import ConfigError
from ensue.layers.base import check_whole, is_number

if TYPE_CHECKING:
    from ensue.data.video.keypoint_stream import KeypointFrames

Steps = NDArray[np.float32]

REFERENCES = ("whole", "so far")
PER_SECOND = 6.0
"""Velocities are told in spine lengths per sixth of a second, about as large as positions are."""
LEAST_SPINE = 1e-6
FAR = 20.0
"""Spine lengths beyond which a position is held to be a fault and cut off."""


@dataclass(frozen=True)
class KeypointFrontEnd:
    """How key points are read. Raises `ConfigError` for what cannot be.

    >>> front_end = KeypointFrontEnd("kinect", 20, 3)
    >>> front_end.read(np.random.default_rng(0).normal(size=(30, 20, 3))).shape, front_end.causal
    ((30, 127), True)
    """

    name: ClassVar[str] = "keypoints"
    skeleton: str = "points"
    """One of `ensue.data.video.skeletons.KNOWN`, or 'points'."""
    joints: int = 2
    axes: int = 2
    """Numbers in a position: 2 or 3."""
    rate: float = 30.0
    """Frames a second."""
    reference: str = "so far"
    """Size and facing are means over the 'whole' clip, or over what was seen 'so far', as a stream has to."""
    velocities: bool = True

    def __post_init__(self) -> None:
        check_whole(self.name, "joints", self.joints, 1, 2000)
        check_whole(self.name, "axes", self.axes, 2, 3)
        known = skeleton_of(self.skeleton, self.joints, self.axes)
        if (known.joints, known.axes) != (self.joints, self.axes):
            raise ConfigError(
                f"keypoints: {self.joints} joints with {self.axes} axes were given, expected the {known.joints} with "
                f"{known.axes} of '{self.skeleton}'."
            )
        if not is_number(self.rate) or not 0 < self.rate <= 1000:
            raise ConfigError(f"keypoints: rate is {self.rate!r}, expected frames a second, such as 30.")
        if self.reference not in REFERENCES:
            raise ConfigError(f"keypoints: reference is '{self.reference}', expected 'whole' or 'so far'.")
        if not isinstance(self.velocities, bool):
            raise ConfigError(f"keypoints: velocities is {self.velocities!r}, expected true or false.")

    @classmethod
    def recognise(cls, values: ArrayLike, **more: Any) -> KeypointFrontEnd:
        """The front end that suits an array of key points. Raises `DataError` for what is none."""
        found = recognised(values)
        return cls(found.name, found.joints, found.axes, **more)

    @property
    def points(self) -> Skeleton:
        return skeleton_of(self.skeleton, self.joints, self.axes)

    @property
    def size(self) -> int:
        """Numbers a step."""
        places = self.axes * (self.joints + len(self.points.parts))
        return places * (2 if self.velocities else 1) + len(self.points.parts)

    @property
    def seconds_per_step(self) -> float:
        return 1 / self.rate

    @property
    def causal(self) -> bool:
        """Whether key points can be read as they come."""
        return self.reference == "so far"

    def read(self, item: Any) -> Steps:
        """What the network reads, `(frames, size)`.

        Args:
            item: the path of a file or folder of key points, or an array `(frames, points, axes)` or `(frames, numbers)`.

        Raises `DataError` for what cannot be read.
        """
        return self.features(self.bodily(self.raw(item)))

    def raw(self, item: Any) -> Floats:
        """Positions as they came, `(frames, joints, axes)`, NaN where one is missing."""
        if isinstance(item, str | Path):
            from ensue.data.video.keypoint_files import read_keypoints

            item = read_keypoints(item)
        return positions(item, self.points)

    def bodily(self, raw: Floats, past: Past | None = None) -> Floats:
        """Positions from where the body first stood, in spine lengths, facing the camera; NaN where one is missing."""
        past = Past() if past is None else past
        own = self.points
        centre, length, across = measures(raw, own)
        if past.origin is None:
            seen = np.flatnonzero(~np.isnan(centre).any(axis=1))
            if not len(seen):
                return np.full_like(raw, np.nan)
            if not np.isnan(centre[0]).any() or self.reference == "whole":
                past.origin = centre[seen[0]]
            else:  # nothing is known before the first frame in which something is seen
                first = int(seen[0])
                rest = self.bodily(raw[first:], past)
                return np.concatenate([np.full_like(raw[:first], np.nan), rest])
        size = past.length.mean(length, self.reference)[:, None, None]
        found = (raw - past.origin) / np.maximum(size, LEAST_SPINE)
        if own.across:
            faces = past.across.mean(across, self.reference)  # frames x 2
            found = turned(found, np.arctan2(faces[:, 1], faces[:, 0]))
        return np.clip(found, -FAR, FAR)

    def features(self, bodily: Floats, past: Past | None = None) -> Steps:
        """Steps `(frames, size)` of positions that `bodily` gave."""
        past = Past() if past is None else past
        parts = self.points.parts
        posture, seen = [], []
        for part in parts:
            own = bodily[:, part.first : part.first + part.count]
            seen.append(1 - np.isnan(own[..., 0]).mean(axis=1))
            middle = mean(bodily[:, list(part.anchor)])  # frames x axes
            posture.append((own - middle[:, None]) * part.zoom)
            posture.append(middle[:, None])
        places = np.concatenate(posture, axis=1).reshape(len(bodily), -1)
        places = past.held(places)
        columns = [np.nan_to_num(places)]
        if self.velocities:
            before = places[:1] if past.before is None else past.before
            changes = np.diff(np.concatenate([before, places]), axis=0)
            columns.append(np.nan_to_num(changes) * (self.rate / PER_SECOND))  # what is seen first has not moved
        past.before = places[-1:]
        return np.concatenate([*columns, np.stack(seen, axis=1)], axis=1).astype(np.float32)

    def stream(self) -> KeypointFrames:
        """Reads key points as they come. Raises `UsageError` where the whole clip is looked at first."""
        from ensue.data.video.keypoint_stream import KeypointFrames

        return KeypointFrames(self)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"kind of front end": self.name} | vars(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> KeypointFrontEnd:
        """What was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        return cls(**{name: value for name, value in plain.items() if name != "kind of front end"})
