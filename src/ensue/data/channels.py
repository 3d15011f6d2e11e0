"""Numeric sequences as a network reads them: each channel in units of its own spread over the training sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import ConfigError, DataError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Channels:
    """The channels of a sequence and their scales; made by `learn`.

    A missing value is read as the channel's mean. Where the training sequences had gaps, a column beside each channel
    says which values are missing.

    >>> channels = Channels.learn([np.array([[1.0], [3.0]])], ("volt",))
    >>> channels.read([[1.0], [5.0], [np.nan]]).tolist()
    [[-1.0], [3.0], [0.0]]
    """

    names: tuple[str, ...]
    center: tuple[float, ...]
    spread: tuple[float, ...]
    gaps: bool = False

    def __post_init__(self) -> None:
        if not self.names or not len(self.names) == len(self.center) == len(self.spread):
            raise ConfigError(
                f"channels: {len(self.names)} names, {len(self.center)} centers and {len(self.spread)} spreads, expected "
                "equally many."
            )
        if not all(np.isfinite(self.center)) or not all(np.isfinite(each) and each > 0 for each in self.spread):
            raise ConfigError("channels: a center or spread is no number, or a spread is not above 0.")

    @classmethod
    def learn(cls, sequences: Sequence[Values], names: Sequence[str]) -> Channels:
        """Mean and standard deviation of each channel; a constant channel keeps its unit. Sequences: `(time, channels)`."""
        every = np.concatenate(list(sequences))
        seen = np.isfinite(every)
        if not seen.any(axis=0).all():
            empty = names[int(np.flatnonzero(~seen.any(axis=0))[0])]
            raise DataError(f"The channel '{empty}' has no value in any sequence: leave it out.")
        center = np.nanmean(every, axis=0)
        spread = np.nanstd(every, axis=0)
        spread = np.where(spread > 1e-12 * np.maximum(1.0, np.abs(center)), spread, 1.0)
        return cls(tuple(names), tuple(center.tolist()), tuple(spread.tolist()), bool((~seen).any()))

    @property
    def width(self) -> int:
        """Numbers a step that the network reads."""
        return len(self.names) * (2 if self.gaps else 1)

    def read(self, values: ArrayLike) -> Values:
        """The sequence `(time, channels)`, or `(time,)` of a single channel, in the units of the network: `(time, width)`.

        Raises `DataError` for another number of channels, and for no steps at all.
        """
        given = as_sequence(values)
        if given.shape[1] != len(self.names):
            raise DataError(
                f"The sequence has {given.shape[1]} channels, expected {len(self.names)}: {', '.join(self.names)}."
            )
        scaled = (given - np.array(self.center)) / np.array(self.spread)
        missing = np.isnan(scaled)
        filled = np.where(missing, 0.0, scaled)
        return np.concatenate([filled, missing], axis=1) if self.gaps else filled

    def to_json(self) -> dict[str, Any]:
        """As plain values for the model file."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Channels:
        """What `to_json` described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        names = tuple(str(each) for each in plain["names"])
        center, spread = (tuple(float(each) for each in plain[name]) for name in ("center", "spread"))
        return cls(names, center, spread, bool(plain["gaps"]))


def as_sequence(values: ArrayLike) -> Values:
    """Numbers as `(time, channels)` in double precision. Raises `DataError` for what is no sequence of numbers.

    >>> as_sequence([1, 2, 3]).shape
    (3, 1)
    """
    try:
        given = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"A sequence is no table of numbers ({error}): give an array (time,) or (time, channels)."
        ) from error
    given = given[:, None] if given.ndim == 1 else given
    if given.ndim != 2 or 0 in given.shape:
        raise DataError(
            f"A sequence has shape {given.shape}, expected (time,) or (time, channels) with one step or more."
        )
    if np.isinf(given).any():
        raise DataError("A sequence holds an infinite value, expected numbers: correct it, or leave it empty (NaN).")
    return given
