"""Changing the sample rate of sound that comes in pieces, by soxr."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ensue.errors import MissingExtraError, UsageError

Samples = NDArray[np.float32]


def resampler(rate: int, wanted: int) -> Callable[[Samples, bool], Samples]:
    """What turns pieces at one rate into pieces at another; it is told which piece is the last.

    Raises `UsageError` for a rate that cannot be, and `MissingExtraError` without soxr.
    """
    if rate == wanted:
        return lambda samples, last: samples
    if not 100 <= rate <= 1_000_000:
        raise UsageError(f"The rate is {rate}, expected samples a second, such as 16000.")
    try:
        import soxr
    except ImportError as error:
        raise MissingExtraError("Changing the sample rate of a stream", "soxr", "audio") from error
    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
    return lambda samples, last: np.asarray(stream.resample_chunk(samples, last=last), np.float32)
