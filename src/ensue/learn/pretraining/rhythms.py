"""How made sequences are spaced: their seasons in steps, how long they are, and how far ahead is asked.

A batch has one rhythm, since its rows are read side by side. The weights are a guess at what people forecast; no table was
counted for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rhythm:
    """One kind of spacing.

    Args:
        seasons: in steps, shortest first; as the reader is told them.
        lengths: shortest and longest history, in steps.
        horizons: shortest and longest horizon, in steps.
        weight: how often it is drawn.
    """

    name: str
    seasons: tuple[int, ...]
    lengths: tuple[int, int]
    horizons: tuple[int, int]
    weight: float

    @property
    def day(self) -> int | None:
        """Steps of a day, where steps are shorter than that: a day comes with its week."""
        first = self.seasons[0] if self.seasons else 0
        return first if first in DAYS else None


DAYS = (24, 48, 96, 144, 288)
"""Steps of a day at common spacings."""

RHYTHMS = (
    Rhythm("years", (), (6, 60), (2, 10), 1.2),
    Rhythm("positions", (), (20, 700), (4, 60), 1.2),
    Rhythm("quarters", (4,), (10, 160), (2, 12), 1.2),
    Rhythm("months", (12,), (16, 500), (4, 26), 2.0),
    Rhythm("weeks", (52,), (80, 900), (4, 30), 0.8),
    Rhythm("business days", (5,), (30, 700), (3, 40), 0.5),
    Rhythm("days", (7,), (16, 700), (5, 64), 1.2),
    Rhythm("days of years", (7, 365), (730, 1500), (7, 64), 0.7),
    Rhythm("hours of days", (24,), (40, 340), (8, 72), 0.8),
    Rhythm("hours", (24, 168), (336, 1000), (12, 96), 1.8),
    Rhythm("half hours", (48, 336), (500, 1400), (24, 96), 0.5),
    Rhythm("quarter hours", (96, 672), (700, 1800), (24, 96), 0.25),
    Rhythm("ten minutes", (144, 1008), (1008, 2200), (24, 144), 0.1),
    Rhythm("five minutes", (288,), (600, 1500), (24, 144), 0.1),
    Rhythm("any", (0,), (16, 700), (4, 60), 0.8),
)
"""`any` stands for one season of any length, or for two where the longer is a multiple."""
SHORTEST, LONGEST = 3, 60
"""Of the seasons of `any`."""


@dataclass(frozen=True)
class Shape:
    """What one batch looks like."""

    rhythm: Rhythm
    length: int
    horizon: int


def draw_shape(random: np.random.Generator) -> Shape:
    """A rhythm, a length and a horizon for a batch."""
    weights = np.array([each.weight for each in RHYTHMS])
    rhythm = RHYTHMS[int(random.choice(len(RHYTHMS), p=weights / weights.sum()))]
    if rhythm.seasons == (0,):
        rhythm = _any_season(rhythm, random)
    length = _log_uniform(random, *rhythm.lengths)
    most = max(rhythm.horizons[0], min(rhythm.horizons[1], length))
    return Shape(rhythm, length, _log_uniform(random, rhythm.horizons[0], most))


def _any_season(rhythm: Rhythm, random: np.random.Generator) -> Rhythm:
    season = _log_uniform(random, SHORTEST, LONGEST)
    seasons = (season,) if random.random() < 0.7 else (season, season * int(random.integers(2, 9)))
    lengths = (max(rhythm.lengths[0], 2 * seasons[-1]), max(rhythm.lengths[1], 4 * seasons[-1]))
    return Rhythm(rhythm.name, seasons, lengths, rhythm.horizons, rhythm.weight)


def _log_uniform(random: np.random.Generator, low: int, high: int) -> int:
    return round(math.exp(random.uniform(math.log(low), math.log(high))))
