"""What key points are measured by: a body's middle, size and facing, and what is carried of them from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.skeletons import Skeleton

Floats = NDArray[np.float64]


@dataclass
class SoFar:
    """A mean that goes on: of all rows seen, missing ones left out."""

    total: Floats | None = None
    count: float = 0.0

    def mean(self, rows: Floats, reference: str) -> Floats:
        """For each row `(frames, ...)` the mean over the 'whole' of them, or over those 'so far'; 1 before there is any."""
        here = ~np.isnan(rows)
        present = here.reshape(len(rows), -1).all(axis=1)
        values = np.where(here, rows, 0.0)
        values[~present] = 0.0
        before = np.zeros(rows.shape[1:]) if self.total is None else self.total
        totals, counts = values.cumsum(axis=0) + before, present.cumsum() + self.count
        self.total, self.count = totals[-1], float(counts[-1])
        if reference == "whole":
            totals, counts = np.broadcast_to(totals[-1], totals.shape), np.full(len(rows), counts[-1])
        found: Floats = totals / np.maximum(counts, 1).reshape(-1, *(1,) * (rows.ndim - 1))
        found[counts == 0] = 1.0
        return found


@dataclass
class Past:
    """What is carried from the frames before: nothing yet, at a clip's beginning."""

    origin: Floats | None = None
    """Where the body stood first."""
    length: SoFar = field(default_factory=SoFar)
    across: SoFar = field(default_factory=SoFar)
    last: Floats | None = None
    """The last number that was seen in each column; NaN where none was."""
    before: Floats | None = None
    """The last frame's places `(1, columns)`."""

    def held(self, places: Floats) -> Floats:
        """Places `(frames, columns)` with each missing one as it was last seen, NaN where it never was."""
        last = np.full(places.shape[1], np.nan) if self.last is None else self.last
        whole = np.concatenate([last[None], places])
        rows = np.where(np.isnan(whole), 0, np.arange(len(whole))[:, None])
        held: Floats = np.take_along_axis(whole, np.maximum.accumulate(rows, axis=0), axis=0)[1:]
        self.last = held[-1]
        return held


def measures(raw: Floats, skeleton: Skeleton) -> tuple[Floats, Floats, Floats]:
    """Of each frame its centre `(frames, axes)`, its size `(frames,)`, and the way across it on the floor `(frames, 2)`.

    Without a spine the centre is the mean of all points, and the size the root of their mean squared distance from it.
    """
    if skeleton.spine:
        low, high = (raw[:, list(each)] for each in zip(*skeleton.spine, strict=True))
        centre, length = mean(low), mean(np.linalg.norm(high - low, axis=2))
    else:
        centre = mean(raw)
        length = np.sqrt(mean(((raw - centre[:, None]) ** 2).sum(axis=2)))
    if not skeleton.across:
        return centre, length, np.zeros((len(raw), 2))
    left, right = (raw[:, list(each)] for each in zip(*skeleton.across, strict=True))
    return centre, length, mean((right - left)[:, :, [0, 2]])


def mean(values: Floats) -> Floats:
    """Over the second axis, of what is not NaN; NaN where all is.

    >>> mean(np.array([[1.0, np.nan, 3.0], [np.nan] * 3])).tolist()
    [2.0, nan]
    """
    here = ~np.isnan(values)
    count = here.sum(axis=1)
    total = np.where(here, values, 0.0).sum(axis=1)
    found: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


def turned(places: Floats, angle: Floats | float) -> Floats:
    """Places `(frames, joints, 3)` turned about the vertical axis, the second one, back by an angle in each frame.

    >>> turned(np.array([[[0.0, 5.0, 2.0]]]), np.pi / 2).round(3).tolist()
    [[[2.0, 5.0, 0.0]]]
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    if np.ndim(angle):
        cosine, sine = cosine[:, None], sine[:, None]
    x, z = places[..., 0], places[..., 2]
    return np.stack([cosine * x + sine * z, places[..., 1], cosine * z - sine * x], axis=-1)
