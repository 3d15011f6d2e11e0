"""Sound files as samples: WAV, FLAC, OGG and MP3 by soundfile, resampled by soxr; what was found in them is said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ensue.errors import DataError, MissingExtraError, UsageError

Samples = NDArray[np.float32]

CLIPPED = 0.005
"""The share of samples at the largest value from which a recording is called clipped."""
SILENT = 1e-4
"""The largest sample of a recording that is called silent."""


@dataclass(frozen=True)
class Recording:
    """Samples of one channel `(n,)`, from -1 to 1."""

    samples: Samples
    rate: int
    """Of them a second."""
    findings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def at(self, rate: int) -> Recording:
        """The same at another rate, and that is said. Raises `MissingExtraError` without soxr."""
        if rate == self.rate:
            return self
        try:
            import soxr
        except ImportError as error:
            raise MissingExtraError("Changing the sample rate of a recording", "soxr", "audio") from error
        changed = np.asarray(soxr.resample(self.samples, self.rate, rate), np.float32)
        said = f"Resampled from {self.rate:,} to {rate:,} samples a second, the rate that is listened to."
        return Recording(changed, rate, (*self.findings, said))


def read_audio(path: str | Path | BinaryIO, rate: int | None = None) -> Recording:
    """The recording of a file, its channels mixed to one.

    Args:
        path: of a file, or an open one.
        rate: samples a second that are wanted; None: as they are.

    Raises `DataError` for a file that is missing, damaged, empty or no sound, and `MissingExtraError` without soundfile.
    """
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtraError("Reading sound files", "soundfile", "audio") from error
    name = str(path) if isinstance(path, (str, Path)) else "the open file"
    if isinstance(path, (str, Path)):
        if not Path(path).is_file():
            raise DataError(f"There is no file '{name}': check its path.")
        if not Path(path).stat().st_size:
            raise DataError(f"'{name}' is empty, expected a sound file: record it again, or leave it out.")
    try:
        samples, found = soundfile.read(str(path) if isinstance(path, Path) else path, dtype="float32", always_2d=True)
    except (RuntimeError, OSError, TypeError, ValueError) as error:
        reason = str(error).rstrip(".").rpartition(": ")[2]
        raise DataError(f"'{name}' cannot be read as sound ({reason}), expected WAV, FLAC, OGG or MP3.") from error
    recording = recording_of(samples, int(found), name)
    return recording if rate is None else recording.at(rate)


def rate_of(path: str | Path) -> int:
    """Samples a second of a file, told by its header; 0 where it cannot be read."""
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtraError("Reading sound files", "soundfile", "audio") from error
    try:
        return int(soundfile.info(str(path)).samplerate)
    except (RuntimeError, OSError):
        return 0


def recording_of(samples: Any, rate: int, name: str = "The recording") -> Recording:
    """A recording of samples `(n,)` or `(n, channels)`, and what is to be said of them.

    Raises `DataError` where there are none, or some are no numbers; `UsageError` for a rate that cannot be.

    >>> recording_of(np.zeros((100, 2)), 8000).findings
    ('Has 2 channels, mixed to one.', 'Is silent.')
    """
    if not isinstance(rate, int) or not 100 <= rate <= 1_000_000:
        raise UsageError(f"The rate is {rate!r}, expected samples a second, such as 16000.")
    values = np.asarray(samples)
    if values.ndim not in (1, 2) or values.dtype.kind not in "fiu":
        raise DataError(
            f"{_subject(name)} is an array of shape {values.shape}, expected samples (n,) or (n, channels)."
        )
    if not values.size:
        raise DataError(f"{_subject(name)} holds no samples, expected some sound: leave it out.")
    if values.dtype.kind in "iu":
        bits = 8 * values.dtype.itemsize
        values = (values.astype(np.float64) - (2 ** (bits - 1) if values.dtype.kind == "u" else 0)) / 2 ** (bits - 1)
    if not np.isfinite(values).all():
        raise DataError(f"{_subject(name)} holds samples that are no finite numbers: make the file again.")
    findings = []
    if values.ndim == 2:
        if values.shape[1] > 1:
            findings.append(f"Has {values.shape[1]} channels, mixed to one.")
        values = values.mean(axis=1)
    largest = float(np.abs(values).max())
    if largest < SILENT:
        findings.append("Is silent.")
    elif largest > 0.99 and float((np.abs(values) > 0.999 * largest).mean()) > CLIPPED:
        findings.append("Is clipped: it was recorded too loud.")
    return Recording(np.ascontiguousarray(values, np.float32), rate, tuple(findings))


def _subject(name: str) -> str:
    return name if name == "The recording" else f"'{name}'"
