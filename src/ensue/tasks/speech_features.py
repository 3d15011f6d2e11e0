"""What a speech model hears while it is trained: features changed at random, as other voices would have said the same.

A recording is stretched in time, its spectrum is moved up or down as longer and shorter vocal tracts do (vocal tract
length perturbation, Jaitly & Hinton 2013), and stretches of time and of bands are hidden (SpecAugment, Park et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.audio.features import AudioFrontEnd

Floats = NDArray[np.float32]

PLACES = 41
"""Different warps that are prepared."""
CEPSTRA = 13
"""Features that come as so many numbers a frame are taken for cepstra, the first for the energy."""
BANDS = 40
"""Mel bands that cepstra are unfolded to, to be warped."""


@dataclass(frozen=True)
class HeardAnew:
    """Features of a recording, each time another way.

    >>> anew = HeardAnew(AudioFrontEnd(kind="given", coefficients=13, deltas=True))
    >>> raw = np.random.default_rng(0).normal(size=(50, 13)).astype(np.float32)
    >>> anew(raw, np.random.default_rng(1)).shape[1], len(anew(raw, np.random.default_rng(1))) != 50
    (39, True)
    """

    front_end: AudioFrontEnd
    stretch: float = 0.1
    """At most so much faster or slower, as a logarithm."""
    warp: float = 0.08
    """At most so much higher or lower, as a logarithm of frequency."""
    time_masks: int = 2
    longest_mask: float = 0.1
    """Seconds hidden at most ..."""
    mask_share: float = 0.125
    """... and this share of the recording."""
    band_masks: int = 1
    band_share: float = 0.2
    """Share of the bands hidden at most."""

    def raw(self, item: Any) -> Floats:
        """Frames before normalisation `(frames, bands)`: what is kept of a recording while training."""
        if self.front_end.kind == "given":
            return np.asarray(item, np.float32)
        plain = replace(self.front_end, deltas=False, normalise="none", stack=1, stride=1, mean=(), scale=())
        return plain.read(item)

    def learned(self, raw: Sequence[Floats]) -> AudioFrontEnd:
        """The front end with the mean and scale of such frames."""
        found = self._finish.learn(raw)
        return replace(self.front_end, mean=found.mean, scale=found.scale)

    def read(self, raw: Floats) -> Floats:
        """What the network reads of such frames; the same as `front_end.read` of the recording."""
        return self._finish.read(raw)

    def __call__(self, raw: Floats, dice: np.random.Generator) -> Floats:
        """The same, changed at random."""
        x = raw
        if self.warp and self._warps is not None:
            x = x @ self._warps[dice.integers(PLACES)]
        if self.stretch:
            x = stretched(x, float(np.exp(dice.uniform(-self.stretch, self.stretch))))
        found = self.read(x.astype(np.float32)).copy()
        self._hide(found, raw.shape[1], dice)
        return found

    @cached_property
    def _finish(self) -> AudioFrontEnd:
        if self.front_end.kind == "given":
            return self.front_end
        width = self.front_end.bands if self.front_end.kind == "log_mel" else self.front_end.coefficients
        return replace(self.front_end, kind="given", coefficients=width)

    @cached_property
    def _warps(self) -> NDArray[np.float32] | None:
        """Matrices by which frames are multiplied, from the lowest voice to the highest; None where there is none."""
        front_end, factors = self.front_end, np.exp(np.linspace(-self.warp, self.warp, PLACES))
        highest = front_end.highest or front_end.rate / 2
        if front_end.kind == "log_mel":
            return np.stack([_moved(front_end.bands, front_end.lowest, highest, each) for each in factors])
        width = front_end.coefficients
        if not CEPSTRA - 1 <= width <= BANDS // 2:
            return None  # not cepstra
        wave = np.cos(np.pi * np.arange(width)[:, None] * (np.arange(BANDS) + 0.5) / BANDS)  # cepstra x bands
        unfold = wave * np.where(np.arange(width) == 0, 1.0, 2.0)[:, None]
        fold = wave.T / BANDS
        moved = [unfold @ _moved(BANDS, front_end.lowest, highest, each) @ fold for each in factors]
        return np.stack(moved).astype(np.float32)

    def _hide(self, x: Floats, width: int, dice: np.random.Generator) -> None:
        """Replace stretches by zero, which is the mean where features are normalised."""
        longest = max(1, round(self.longest_mask / self.front_end.seconds_per_step))
        for _ in range(self.time_masks):
            size = int(dice.integers(0, min(longest, int(len(x) * self.mask_share)) + 1))
            at = int(dice.integers(0, len(x) - size + 1))
            x[at : at + size] = 0.0
        for _ in range(self.band_masks):
            size = int(dice.integers(0, int(width * self.band_share) + 1))
            at = int(dice.integers(0, width - size + 1))
            for first in range(0, x.shape[1], width):  # in the features, and in their deltas
                x[:, first + at : first + at + size] = 0.0


def stretched(x: Floats, factor: float) -> Floats:
    """Frames `(frames, any)` as many times as `factor` says, by linear interpolation.

    >>> stretched(np.arange(3, dtype=np.float32)[:, None], 5 / 3).ravel().tolist()
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    if len(x) < 2:
        return x
    at = np.linspace(0, len(x) - 1, max(2, round(len(x) * factor)))
    before = np.minimum(at.astype(np.int64), len(x) - 2)
    share = (at - before)[:, None].astype(np.float32)
    return np.asarray(x[before] * (1 - share) + x[before + 1] * share, np.float32)


def _moved(bands: int, lowest: float, highest: float, factor: float) -> NDArray[np.float32]:
    """The matrix that moves mel bands: frame @ matrix is the frame of a voice whose frequencies are `factor` as high."""
    low, high = _mel(np.array([lowest, highest]))
    centres = low + (high - low) * (np.arange(bands) + 1) / (bands + 1)
    asked = (_mel(_hertz(centres) / factor) - low) / (high - low) * (bands + 1) - 1
    asked = np.clip(asked, 0, bands - 1)
    before = np.minimum(asked.astype(int), bands - 2)
    share = asked - before
    matrix = np.zeros((bands, bands))
    matrix[before, np.arange(bands)] = 1 - share
    matrix[before + 1, np.arange(bands)] += share
    return matrix.astype(np.float32)


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2595 * np.log10(1 + hertz / 700)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700 * (10 ** (mel / 2595) - 1)
