"""Sounds that stand for words: tones that rise and fall, said by three voices, and murmur that is none of them."""

from __future__ import annotations

import numpy as np

RATE = 8000
WORDS = {"rise": (400, 1600), "fall": (1600, 400)}


def said(word: str, seed: int) -> np.ndarray:
    """A tone that goes up or down for a third of a second, by one of three voices, in a faint noise."""
    dice = np.random.default_rng(seed)
    first, last = WORDS[word]
    pitch = np.linspace(first, last, RATE // 3) * (1 + 0.1 * (seed % 3 - 1))
    tone = 0.4 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.hanning(len(pitch)) ** 0.3
    return (np.pad(tone, (400, 400)) + dice.normal(0, 0.003, len(tone) + 800)).astype(np.float32)


def murmur(seconds: float, seed: int) -> np.ndarray:
    """Other sound: steady tones and noise, that change every half second."""
    dice = np.random.default_rng(seed)
    times = np.arange(RATE // 2) / RATE
    parts = [0.2 * np.sin(2 * np.pi * dice.uniform(200, 2500) * times) for _ in range(round(2 * seconds))]
    found = np.concatenate(parts)
    return (found + dice.normal(0, 0.02, len(found))).astype(np.float32)


QUIET = np.random.default_rng(9).normal(0, 0.003, RATE).astype(np.float32)
LONG = np.concatenate([QUIET, said("rise", 100), QUIET, said("fall", 101), QUIET, said("fall", 102), QUIET])
