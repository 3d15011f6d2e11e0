"""The audio front end: what a network reads of a recording, whole or as it comes.

Frames of log-mel bands or cepstra, or features that somebody else computed; with deltas, normalised, and several frames
joined into one step where that is wanted. `spectra` has the definitions, `frame_stream` the same for sound in pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ensue.data.audio.recordings import Recording, read_audio
from ensue.data.audio.spectra import Floats, cosines, log_mel, mel_triangles, spectrum_size
from ensue.errors import ConfigError, DataError, UsageError, nearest
from ensue.layers.base import check_whole, is_number

if TYPE_CHECKING:
    from ensue.data.audio.frame_stream import AudioFrames

KINDS = ("log_mel", "mfcc", "given")
NORMALISATIONS = ("utterance", "running", "training", "none")
REACH = 2
"""Frames before and after, by which a delta is measured."""
RECENT = 3.0
"""Seconds that a running normalisation looks back ..."""
BEFOREHAND = 0.5
"""... and for how many seconds what training saw counts."""
LEAST_SCALE = 1e-3
DECIBELS = 10 / np.log(10)
"""In a unit of the natural logarithm of power."""


@dataclass(frozen=True)
class AudioFrontEnd:
    """How recordings are read. Raises `ConfigError` for what cannot be.

    >>> front_end = AudioFrontEnd(kind="mfcc", deltas=True, stack=3, stride=3)
    >>> front_end.size, front_end.seconds_per_step, front_end.read(np.zeros(16000, np.float32)).shape
    (117, 0.03, (33, 117))
    """

    name: ClassVar[str] = "audio"
    rate: int = 16_000
    """Samples a second."""
    kind: str = "log_mel"
    """'log_mel', 'mfcc', or 'given': features that come as they are, `coefficients` numbers a frame."""
    bands: int = 40
    coefficients: int = 13
    window: float = 0.025
    """Seconds of a frame ..."""
    hop: float = 0.010
    """... and from one to the next."""
    lowest: float = 20.0
    """Hz."""
    highest: float | None = None
    """Hz; None: half of the rate."""
    floor: float = 1e-10
    """No power of a band is taken to be less."""
    span: float | None = None
    """Decibels below a recording's loudest band at which everything is taken to be equally silent; None: no such limit.
    It keeps digital silence, and differences between quiet rooms, out of the normalisation of an utterance."""
    deltas: bool = False
    """With first and second differences over time (Furui 1986)."""
    stack: int = 1
    """Frames joined into one step of the network, which goes on by `stride` frames."""
    stride: int = 1
    normalise: str = "utterance"
    """Mean 0 and variance 1 in each 'utterance', over the last seconds ('running'), in 'training', or 'none'."""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, known in (("kind", KINDS), ("normalise", NORMALISATIONS)):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"audio: {name} is '{getattr(self, name)}', {nearest(str(getattr(self, name)), known)}"
                )
        check_whole(self.name, "rate", self.rate, 100, 1_000_000)
        for name in ("bands", "coefficients", "stack", "stride"):
            check_whole(self.name, name, getattr(self, name), 1, 10_000)
        _check_flags(self)
        for name in ("window", "hop"):
            value = getattr(self, name)
            if not is_number(value) or not 1 <= value * self.rate <= 1_000_000:
                raise ConfigError(f"audio: {name} is {value!r}, expected seconds, such as 0.01.")
        top = self.rate / 2 if self.highest is None else self.highest
        if not (is_number(self.lowest) and is_number(top) and 0 <= self.lowest < top <= self.rate / 2):
            raise ConfigError(
                f"audio: lowest is {self.lowest} and highest {top}, expected frequencies up to half of the rate, "
                f"{self.rate / 2:g} Hz."
            )
        if not (is_number(self.floor) and self.floor > 0):
            raise ConfigError(f"audio: floor is {self.floor!r}, expected a number above 0, such as 1e-10.")
        if self.span is not None and not (is_number(self.span) and self.span > 0):
            raise ConfigError(f"audio: span is {self.span!r}, expected decibels above 0, or none.")
        if self.kind == "mfcc" and self.coefficients > self.bands:
            raise ConfigError(f"audio: coefficients is {self.coefficients}, expected at most the {self.bands} bands.")
        for name in ("mean", "scale"):
            values = getattr(self, name)
            if values and (len(values) != self.width or not all(map(is_number, values))):
                raise ConfigError(f"audio: {name} has {len(values)} numbers, expected {self.width}.")

    @property
    def columns(self) -> int:
        """Numbers a frame before deltas."""
        return self.bands if self.kind == "log_mel" else self.coefficients

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return self.columns * (3 if self.deltas else 1)

    @property
    def size(self) -> int:
        """Numbers a step of the network."""
        return self.width * self.stack

    @property
    def seconds_per_step(self) -> float:
        return round(self.hop * self.stride, 9)

    @property
    def causal(self) -> bool:
        """Whether it can be read as it comes."""
        return self.normalise != "utterance" and self.span is None

    def read(self, item: Any) -> Floats:
        """What the network reads, `(steps, size)`.

        Args:
            item: a `Recording`, which is resampled; samples `(n,)` at `rate`; the path of a sound file; or, where the
                kind is 'given', features `(frames, coefficients)`.

        Raises `DataError` for what cannot be read.
        """
        x = self.frames(item)
        if self.deltas:
            x = with_deltas(x)
        return self.stacked(self.normalised(x))

    def frames(self, item: Any) -> Floats:
        """Frames before deltas and normalisation, `(frames, columns)`; a recording shorter than one gives one."""
        if self.kind == "given":
            return self.given(item)
        samples = self.samples(item)
        size = spectrum_size(self.window_samples)
        bands = self.spectra(np.pad(samples, (0, max(0, size - len(samples)))))
        return self.folded(self.within_span(bands))

    def spectra(self, samples: Floats) -> Floats:
        """Mel bands `(frames, bands)` of samples, for as long as a whole frame is left."""
        highest = self.rate / 2 if self.highest is None else self.highest
        triangles = mel_triangles(self.rate, self.window_samples, self.bands, self.lowest, highest)
        return log_mel(samples, self.window_samples, self.hop_samples, triangles, self.floor)

    def within_span(self, bands: Floats) -> Floats:
        """Mel bands `(frames, bands)` of a recording, none of them further below its loudest than the span."""
        return bands if self.span is None else np.maximum(bands, bands.max() - self.span / DECIBELS)

    def folded(self, bands: Floats) -> Floats:
        """Mel bands as the kind of front end has them."""
        return bands if self.kind == "log_mel" else bands @ cosines(self.bands, self.coefficients)

    def samples(self, item: Any) -> Floats:
        """The samples of an item at `rate`."""
        if isinstance(item, (str, Path)):
            item = read_audio(item)
        if isinstance(item, Recording):
            return item.at(self.rate).samples
        values = np.asarray(item)
        if values.ndim != 1 or not values.size or values.dtype.kind not in "fiu":
            raise DataError(f"An array of shape {values.shape} was given, expected samples (n,) from -1 to 1.")
        if not np.isfinite(values).all():
            raise DataError("The recording holds samples that are no finite numbers: make it again.")
        return values.astype(np.float32)

    def given(self, item: Any) -> Floats:
        """Features as they came, checked."""
        values = np.asarray(item)
        if (
            values.ndim != 2
            or values.shape[1] != self.coefficients
            or not len(values)
            or values.dtype.kind not in "fiu"
        ):
            raise DataError(
                f"An array of shape {values.shape} was given, expected features (frames, {self.coefficients}): this model "
                "reads such, and no sound."
            )
        if not np.isfinite(values).all():
            raise DataError("The features hold values that are no finite numbers: compute them again.")
        return values.astype(np.float32)

    def normalised(self, x: Floats) -> Floats:
        """Frames `(frames, width)` of a whole recording, normalised."""
        if self.normalise == "utterance":
            return np.asarray((x - x.mean(0)) / np.maximum(x.std(0), LEAST_SCALE), np.float32)
        if self.normalise == "running":
            return self.running(np.zeros((0, self.width), np.float32), x)
        return x if self.normalise == "none" or not self.mean else self.by_training(x)

    def by_training(self, x: Floats) -> Floats:
        mean, scale = np.array(self.mean, np.float32), np.array(self.scale, np.float32)
        return np.asarray((x - mean) / scale, np.float32)

    def running(self, recent: Floats, x: Floats) -> Floats:
        """Frames normalised by those of the last seconds; `recent` are the ones before the first, not more than count."""
        look = self.look_back
        mean, scale = np.array(self.mean or (0.0,) * self.width), np.array(self.scale or (1.0,) * self.width)
        weight = BEFOREHAND / self.hop if self.mean else 1e-3
        joined = np.concatenate([recent, x]).astype(np.float64)
        sums = _windowed(joined, len(recent), look) + weight * mean
        squares = _windowed(joined**2, len(recent), look) + weight * (scale**2 + mean**2)
        count = weight + np.minimum(np.arange(len(recent), len(joined)) + 1, look)[:, None]
        centre = sums / count
        spread = np.sqrt(np.maximum(squares / count - centre**2, LEAST_SCALE**2))
        return np.asarray((x - centre) / spread, np.float32)

    def stacked(self, x: Floats) -> Floats:
        """Frames joined into steps `(steps, size)`; after the last one it is repeated."""
        if self.stack == 1 and self.stride == 1:
            return x
        starts = np.arange(0, len(x), self.stride)
        places = np.minimum(starts[:, None] + np.arange(self.stack), len(x) - 1)  # steps x stack
        found: Floats = x[places].reshape(len(starts), self.size)
        return found

    def learn(self, recordings: Iterable[Any]) -> AudioFrontEnd:
        """With the mean and scale of these recordings, as `read` takes them, for 'training' and 'running'."""
        count, sums, squares = 0, np.zeros(self.width), np.zeros(self.width)
        for item in recordings:
            x = self.frames(item)
            x = (with_deltas(x) if self.deltas else x).astype(np.float64)
            count, sums, squares = count + len(x), sums + x.sum(0), squares + (x**2).sum(0)
        if not count:
            raise DataError("There is no recording to learn a normalisation from.")
        mean = sums / count
        scale = np.sqrt(np.maximum(squares / count - mean**2, LEAST_SCALE**2))
        return replace(self, mean=tuple(mean.tolist()), scale=tuple(scale.tolist()))

    def stream(self) -> AudioFrames:
        """Reads a recording as it comes. Raises `UsageError` where it is normalised as a whole."""
        from ensue.data.audio.frame_stream import AudioFrames

        if not self.causal:
            raise UsageError(
                "This front end looks at each recording as a whole, so it cannot be read as it comes: choose normalise "
                "'running' or 'training', and no span."
            )
        return AudioFrames(self)

    @property
    def window_samples(self) -> int:
        return max(2, round(self.window * self.rate))

    @property
    def hop_samples(self) -> int:
        return max(1, round(self.hop * self.rate))

    @property
    def look_back(self) -> int:
        """Frames of a running normalisation."""
        return max(1, round(RECENT / self.hop))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"kind of front end": self.name} | asdict(self) | {"mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> AudioFrontEnd:
        """What was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        own = {name: value for name, value in plain.items() if name != "kind of front end"}
        return cls(**own | {"mean": tuple(own["mean"]), "scale": tuple(own["scale"])})


def with_deltas(x: Floats) -> Floats:
    """Frames with their first and second differences `(frames, 3 columns)`: slopes over two frames before and after."""
    first = slopes(x)
    return np.concatenate([x, first, slopes(first)], axis=1)


def slopes(x: Floats) -> Floats:
    """The slope of a line through each frame and its neighbours (Furui 1986, eq. 1); beyond the ends the last counts.

    >>> slopes(np.array([[0.0], [10.0], [20.0], [30.0], [40.0]], np.float32)).ravel().tolist()
    [5.0, 8.0, 10.0, 8.0, 5.0]
    """
    padded = np.pad(x, ((REACH, REACH), (0, 0)), mode="edge")
    near, far = padded[3:-1] - padded[1:-3], padded[4:] - padded[:-4]
    return np.asarray((near + 2 * far) / 10, np.float32)


def _windowed(x: NDArray[np.float64], first: int, look: int) -> NDArray[np.float64]:
    """The sums of the last `look` rows at each row from `first` on."""
    sums = np.concatenate([np.zeros((1, x.shape[1])), x.cumsum(0)])
    ends = np.arange(first, len(x)) + 1
    return np.asarray(sums[ends] - sums[np.maximum(ends - look, 0)], np.float64)


def _check_flags(front_end: AudioFrontEnd) -> None:
    if not isinstance(front_end.deltas, bool):
        raise ConfigError(f"audio: deltas is {front_end.deltas!r}, expected true or false.")
