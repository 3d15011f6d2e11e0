"""What training hears of single words: other voices, faster and slower, nearer, in noise, earlier and later in the clip.

To what speech models hear (`HeardAnew`: stretched time, moved spectra, hidden stretches) come noise, gain and shift, all of
them on mel bands, where they cost next to nothing: two sounds together have about the sum of their powers in each band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.tasks.speech_features import HeardAnew, stretched

Floats = NDArray[np.float32]

NEPERS = np.log(10) / 10
"""Of the natural logarithm of power in a decibel."""
QUIET = 10
"""In a hundred frames, the quietest that are taken for what is there between words."""


@dataclass(frozen=True)
class WordsAnew(HeardAnew):
    """Log-mel frames of a word, each time as somebody else might have said it elsewhere.

    >>> from ensue.data.audio.features import AudioFrontEnd
    >>> anew = WordsAnew(AudioFrontEnd(rate=8000))
    >>> raw = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)
    >>> anew(raw, np.random.default_rng(1)).shape[1]
    40
    """

    stretch: float = 0.2
    warp: float = 0.1
    noises: Sequence[Floats] = ()
    """Frames of recordings without speech, as `raw` gives them; without any, noise is made."""
    noise_share: float = 0.3
    """How often there is noise ..."""
    loudest_noise: float = 10.0
    """... and decibels by which speech is at least louder than it ..."""
    softest_noise: float = 40.0
    """... and at most."""
    gain: float = 8.0
    """Decibels louder or softer at most."""
    shift: float = 0.1
    """Seconds earlier or later at most."""
    colour: float = 8.0
    """Decibels by which a microphone is better or worse at one end of the spectrum at most."""
    band_masks: int = 2
    band_share: float = 0.15

    def raw(self, item: Any) -> Floats:
        """Frames before anything is normalised, and before the span, which is that of what the network is shown at once."""
        return replace(self.front_end, normalise="none", stack=1, stride=1, span=None, mean=(), scale=()).read(item)

    def read(self, raw: Floats) -> Floats:
        return super().read(self.front_end.within_span(raw))

    def __call__(self, raw: Floats, dice: np.random.Generator) -> Floats:
        return self.hidden(self.altered(raw, dice), dice)

    def altered(self, raw: Floats, dice: np.random.Generator) -> Floats:
        """Frames before normalisation, changed at random."""
        x = raw
        if self.warp and self._warps is not None:
            x = x @ self._warps[dice.integers(len(self._warps))]
        if self.stretch:
            x = stretched(x, float(np.exp(dice.uniform(-self.stretch, self.stretch))))
        x = self._shifted(x, dice)
        slope = dice.uniform(-self.colour, self.colour) * NEPERS
        x = x + np.linspace(-slope, slope, x.shape[1], dtype=np.float32)
        if dice.random() < self.noise_share:
            x = self._noisy(x, dice)
        x = x + np.float32(dice.uniform(-self.gain, self.gain) * NEPERS)
        return np.asarray(x, np.float32)

    def hidden(self, x: Floats, dice: np.random.Generator) -> Floats:
        """As the network reads such frames, with stretches of time and of bands hidden."""
        found = self.read(x).copy()
        self._hide(found, x.shape[1], dice)
        return found

    def _shifted(self, x: Floats, dice: np.random.Generator) -> Floats:
        """Frames taken away at one end, and quiet ones put at the other, or at both."""
        most = round(self.shift / self.front_end.hop)
        first, last = (int(each) for each in dice.integers(-most // 2, most + 1, 2))
        cut = x[max(0, -first) : len(x) - max(0, -last)]
        if len(cut) < 4:
            cut = x
        before, after = (self._quiet(x, max(0, each), dice) for each in (first, last))
        return np.concatenate([before, cut, after]).astype(np.float32)

    def _quiet(self, x: Floats, count: int, dice: np.random.Generator) -> Floats:
        """So many of the quietest frames of a recording, in any order."""
        order = np.argsort(x.mean(axis=1))[: max(1, len(x) * QUIET // 100)]
        return np.asarray(x[dice.choice(order, count)])

    def _noisy(self, x: Floats, dice: np.random.Generator) -> Floats:
        noise = self._some_noise(len(x), x.shape[1], dice)
        speech = np.sort(x.mean(axis=1))[-max(1, len(x) // 3) :].mean()
        level = speech - dice.uniform(self.loudest_noise, self.softest_noise) * NEPERS
        return np.asarray(np.logaddexp(x, noise - noise.mean() + np.float32(level)))

    def _some_noise(self, count: int, bands: int, dice: np.random.Generator) -> Floats:
        if len(self.noises) and dice.random() < 0.7:
            noise = self.noises[int(dice.integers(len(self.noises)))]
            at = int(dice.integers(0, len(noise)))
            return np.asarray(noise[np.arange(at, at + count) % len(noise)])
        return made_noise(count, bands, dice)


def made_noise(count: int, bands: int, dice: np.random.Generator) -> Floats:
    """Log power of steady noise of some colour `(count, bands)`, of mean about 0.

    A band of noise has the power of several squared normal numbers, the more the wider it is.
    """
    places = np.linspace(-1, 1, bands)
    shape = dice.normal(0, 2) * places + dice.normal(0, 1) * np.cos(np.pi * (places + dice.uniform(0, 2)))
    width = np.linspace(1.5, 8, bands)
    power = np.log(dice.standard_gamma(width, (count, bands)) / width + 1e-6)
    return np.asarray(power + shape, np.float32)
