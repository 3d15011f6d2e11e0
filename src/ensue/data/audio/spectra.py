"""Samples to frames: mel bands, their logarithm, and cepstra, as librosa defines them.

A frame is a power spectrum under a Hann window, gathered in triangles of equal area on Slaney's mel scale (librosa's
defaults: htk=False, norm="slaney", power=2, center=False); its natural logarithm, of a floor at least; and for cepstra the
orthonormal cosine transform of that (Davis & Mermelstein 1980).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TOGETHER = 4000
"""Frames computed together, so that an hour fits in memory."""


def spectrum_size(window: int) -> int:
    """Samples of a frame: the next power of two.

    >>> spectrum_size(400)
    512
    """
    return 1 << max(1, (window - 1).bit_length())


def log_mel(samples: Floats, window: int, hop: int, triangles: Floats, floor: float) -> Floats:
    """Frames `(frames, bands)` of samples, one every `hop` of them, for as long as a whole one is left."""
    size = spectrum_size(window)
    count = 1 + (len(samples) - size) // hop if len(samples) >= size else 0
    found = np.empty((count, len(triangles)), np.float32)
    if not count:
        return found
    weights = _window(window)
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]  # frames x size
    for at in range(0, count, TOGETHER):
        spectra = np.fft.rfft(frames[at : at + TOGETHER] * weights, axis=1)
        power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
        found[at : at + TOGETHER] = np.log(np.maximum(power @ triangles.T, floor))
    return found


@lru_cache(maxsize=16)
def mel_triangles(rate: int, window: int, bands: int, lowest: float, highest: float) -> Floats:
    """The weights of each band `(bands, size / 2 + 1)`."""
    frequencies = np.linspace(0, rate / 2, spectrum_size(window) // 2 + 1)
    corners = mel_to_hertz(np.linspace(hertz_to_mel(lowest), hertz_to_mel(highest), bands + 2))
    widths = np.diff(corners)[:, None]
    ramps = corners[:, None] - frequencies
    rising, falling = -ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2 / (corners[2:] - corners[:-2]))[:, None]
    return np.asarray(triangles, np.float32)


@lru_cache(maxsize=16)
def cosines(bands: int, coefficients: int) -> Floats:
    """The matrix `(bands, coefficients)` of the orthonormal cosine transform of type II."""
    angle = np.pi * np.arange(coefficients) * (np.arange(bands)[:, None] + 0.5) / bands
    scale = np.where(np.arange(coefficients) == 0, np.sqrt(1 / bands), np.sqrt(2 / bands))
    return np.asarray(np.cos(angle) * scale, np.float32)


def hertz_to_mel(hertz: float) -> float:
    """Slaney's scale: linear up to 1,000 Hz, then 27 mels to the logarithm of 6.4.

    >>> hertz_to_mel(1000.0), float(mel_to_hertz(np.array([15.0]))[0])
    (15.0, 1000.0)
    """
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * float(np.log(hertz / 1000)) / float(np.log(6.4))


def mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


@lru_cache(maxsize=16)
def _window(window: int) -> Floats:
    """A periodic Hann window in the middle of a frame."""
    size = spectrum_size(window)
    found = np.zeros(size, np.float32)
    first = (size - window) // 2
    found[first : first + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    return found
