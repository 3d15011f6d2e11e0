"""Skeletons: which key points of a body or a hand lie where in an array, and what is known of them.

Known are Kinect's 20 joints, MediaPipe's pose, hand, both hands and holistic layouts, COCO's 17 points; any other points
(frames, points, 2 or 3) are read without knowing what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import ConfigError, DataError, nearest

Floats = NDArray[np.float64]
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Part:
    """Key points that are seen, or missing, together, such as a hand."""

    name: str
    first: int
    count: int
    anchor: tuple[int, ...]
    """Points whose mean the others are measured from."""
    zoom: float = 1.0
    """What positions are multiplied by: a hand is small beside a body."""


@dataclass(frozen=True)
class Skeleton:
    """What is known of key points."""

    name: str
    joints: int
    axes: int
    """Numbers in a position: 2, or 3."""
    parts: tuple[Part, ...]
    spine: Pairs = ()
    """Points below and above whose distance is the measure of size; those below are the centre."""
    across: Pairs = ()
    """Left and right points that say where the body faces, where depth is measured well enough."""
    mirrored: Pairs = ()
    """Points that are each other's picture in a mirror."""

    @property
    def swapped(self) -> NDArray[np.int64]:
        """For each point, the one it becomes in a mirror.

        >>> skeleton_of("coco", 17, 2).swapped[:5].tolist()
        [0, 2, 1, 4, 3]
        """
        places = np.arange(self.joints)
        for one, other in self.mirrored:
            places[[one, other]] = other, one
        return places


def _pairs(*starts: tuple[int, int], count: int = 1, step: int = 1) -> Pairs:
    return tuple((a + i * step, b + i * step) for a, b in starts for i in range(count))


POSE_PAIRS = _pairs((1, 4), count=3) + _pairs((7, 8), (9, 10)) + _pairs((11, 12), count=11, step=2)
HANDS = (Part("left hand", 0, 21, (0,)), Part("right hand", 21, 21, (21,)))
KNOWN: dict[str, Skeleton] = {
    "kinect": Skeleton(
        "kinect", 20, 3, (Part("body", 0, 20, (0,)),), ((0, 2),), ((4, 8), (12, 16)),
        _pairs((4, 8), count=4) + _pairs((12, 16), count=4),
    ),
    "mediapipe-pose": Skeleton(
        "mediapipe-pose", 33, 3, (Part("body", 0, 33, (23, 24)),), ((23, 11), (24, 12)), (), POSE_PAIRS
    ),
    "mediapipe-hand": Skeleton("mediapipe-hand", 21, 3, (HANDS[0],), ((0, 9),)),
    "mediapipe-hands": Skeleton("mediapipe-hands", 42, 3, HANDS, ((0, 9), (21, 30)), (), _pairs((0, 21), count=21)),
    "mediapipe-holistic": Skeleton(
        "mediapipe-holistic", 75, 3,
        (Part("body", 0, 33, (23, 24)), Part("left hand", 33, 21, (33,), 3.0), Part("right hand", 54, 21, (54,), 3.0)),
        ((23, 11), (24, 12)), (), POSE_PAIRS + _pairs((33, 54), count=21),
    ),
    "coco": Skeleton(
        "coco", 17, 2, (Part("body", 0, 17, (11, 12)),), ((11, 5), (12, 6)), (), _pairs((1, 2), count=8, step=2)
    ),
}  # fmt: skip
"""Skeletons by name."""
SHAPES = {
    (20, 3): "kinect", (33, 3): "mediapipe-pose", (33, 4): "mediapipe-pose", (21, 3): "mediapipe-hand",
    (42, 3): "mediapipe-hands", (17, 2): "coco", (17, 3): "coco",
}  # fmt: skip
"""By points and numbers a point."""
FLAT = {
    60: "kinect", 99: "mediapipe-pose", 132: "mediapipe-pose", 63: "mediapipe-hand", 126: "mediapipe-hands",
    258: "mediapipe-holistic", 1662: "mediapipe-holistic", 34: "coco", 51: "coco",
}  # fmt: skip
"""By the numbers of a frame where they lie in one row; 1662 are MediaPipe's pose, face and hands, the face left out."""


@cache
def skeleton_of(name: str, joints: int, axes: int) -> Skeleton:
    """The skeleton of that name; 'points' are any. Raises `ConfigError` for a name that is not known.

    >>> skeleton_of("points", 4, 2).parts[0].count
    4
    """
    if name == "points":
        return Skeleton(name, joints, axes, (Part("points", 0, joints, tuple(range(joints))),))
    if name not in KNOWN:
        raise ConfigError(f"keypoints: skeleton is '{name}', {nearest(name, [*KNOWN, 'points'])}")
    return KNOWN[name]


def recognised(values: ArrayLike) -> Skeleton:
    """The skeleton of an array of key points, by its shape. Raises `DataError` for what is none.

    >>> recognised(np.zeros((30, 1662))).name, recognised(np.zeros((30, 6, 2))).name
    ('mediapipe-holistic', 'points')
    """
    x = np.asarray(values)
    if x.ndim == 2 and x.shape[1] in FLAT:
        return KNOWN[FLAT[x.shape[1]]]
    if x.ndim == 3 and x.shape[1:] in SHAPES:
        return KNOWN[SHAPES[x.shape[1], x.shape[2]]]
    if x.ndim == 3 and x.shape[2] in (2, 3) and 2 <= x.shape[1] <= 2000:
        return skeleton_of("points", x.shape[1], x.shape[2])
    raise DataError(
        f"An array of shape {x.shape} was given, expected key points (frames, points, 2 or 3), or a layout of MediaPipe, "
        f"Kinect or COCO in rows of {', '.join(map(str, sorted(FLAT)))} numbers."
    )


def positions(values: ArrayLike, skeleton: Skeleton) -> Floats:
    """Positions `(frames, joints, axes)` of an array of key points, NaN where a point is missing.

    Missing is what holds no number, or zeros alone, as MediaPipe's scripts write it, or has a score of 0. Raises
    `DataError` for an array of another shape, or values that are infinite.
    """
    x = np.asarray(values)
    if x.dtype.kind not in "fiu":
        raise DataError(f"An array of {x.dtype} was given, expected numbers: the positions of key points.")
    x = x.astype(np.float64)
    if x.ndim == 2 and not len(x):
        x = x.reshape(0, skeleton.joints, skeleton.axes)
    if not len(x):
        raise DataError("There is no frame of key points, expected one at least.")
    points = _points(x, skeleton)
    if np.isinf(points).any():
        raise DataError("The key points hold infinite values, expected numbers: correct them.")
    score = points[..., skeleton.axes] if points.shape[2] > skeleton.axes else None
    points = points[..., : skeleton.axes].copy()
    missing = np.isnan(points).any(axis=2) | (points == 0).all(axis=2)
    if score is not None:
        missing |= score == 0
    points[missing] = np.nan
    return points


def _points(x: Floats, skeleton: Skeleton) -> Floats:
    """`(frames, joints, numbers)` of an array that may have them in rows."""
    if x.ndim == 3 and x.shape[1] == skeleton.joints and x.shape[2] in (skeleton.axes, skeleton.axes + 1):
        return x
    if x.ndim == 2 and skeleton.name == "mediapipe-holistic" and x.shape[1] in (258, 1662):
        pose = x[:, :132].reshape(len(x), 33, 4)[..., :3]
        hands = x[:, -126:].reshape(len(x), 42, 3)
        return np.concatenate([pose, hands], axis=1)
    if x.ndim == 2 and x.shape[1] in (skeleton.joints * skeleton.axes, skeleton.joints * (skeleton.axes + 1)):
        return x.reshape(len(x), skeleton.joints, -1)
    raise DataError(
        f"An array of shape {x.shape} was given, expected the {skeleton.joints} points of '{skeleton.name}', (frames, "
        f"{skeleton.joints}, {skeleton.axes})."
    )
