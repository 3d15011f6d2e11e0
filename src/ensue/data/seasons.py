"""Season lengths: which of those the calendar suggests fit into the history, and which the data show by themselves.

Where rows have positions only, a season is searched for in all series at once. Each series is seen through a Haar
wavelet (the mean of the next few values less the mean of the last few), a width for every range of lags: a trend
becomes a constant, and a random walk and white noise both lose all memory beyond twice the width. What is left of the
rank autocorrelation at a lag, above that of the lags half a season away, speaks for a season of that length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CALENDAR = (4, 5, 7, 12, 13, 24, 26, 48, 52, 96, 144, 168, 288, 336, 365, 672)
"""Lengths in steps that days, weeks and years have at common frequencies; less evidence is asked of them."""
DAYS = (24, 48, 96, 144)
"""Steps of a day at common frequencies: a day brings its week along, as it would with stamps."""
WIDTHS = (1, 2, 4, 8, 16, 32, 64)
"""Widths of the wavelet. A lag is judged at the widest that is no more than a sixth of it."""
MOST_SERIES, MOST_ROWS, SHORTEST, MOST_SEASONS = 200, 2000, 3, 3
LEAST_CONTRAST = 0.15
"""Autocorrelation above that half a season away; less is not worth a season even where it is beyond doubt."""
INDEPENDENT = 16
"""Series counted as independent witnesses at most: the series of a panel share their shocks."""


@dataclass(frozen=True)
class _Evidence:
    """What speaks for each lag: `contrast` and its `strength` in standard errors, and autocorrelations by width."""

    contrast: Floats
    strength: Floats
    correlation: dict[int, Floats]  # width: lags, the mean over series
    pairs: float  # independent values in the panel

    def at(self, lag: int, width: int) -> float:
        return float(self.correlation[width][lag])

    def persists(self, lag: int) -> bool:
        """Whether it repeats after two periods as well; an echo that dies out is no season."""
        correlation = self.correlation[_width(lag)]
        return 2 * lag >= len(correlation) or bool(correlation[2 * lag] >= 0.4 * correlation[lag])

    def repeats_better(self, longer: int, lag: int) -> bool:
        """Whether the longer of two seasons explains the shorter, as the year explains its months."""
        width = _width(lag)
        gain = self.at(longer, width) - self.at(lag, width)
        return gain > 0.3 * self.at(lag, width) and gain > 3 * np.sqrt(1.4 * width / self.pairs)


def confirm_seasons(lengths: Sequence[int] | NDArray[np.int64], candidates: Sequence[int]) -> tuple[int, ...]:
    """The candidates of which the median series holds two periods; `lengths` are the series' lengths in steps.

    >>> confirm_seasons([400, 500, 600], (7, 365))
    (7,)
    """
    median = float(np.median(lengths)) if len(lengths) else 0.0
    return tuple(sorted(season for season in candidates if 2 * season <= median))


def find_seasons(series: Sequence[Floats]) -> tuple[int, ...]:
    """Season lengths in steps that a panel of series shows, shortest first, three at most; () where it shows none.

    `series` are regular, oldest value first, NaN where missing. Up to 200 of them and their last 2000 values are read.

    >>> find_seasons([np.sin(np.arange(400) * 2 * np.pi / 25)])
    (25,)
    """
    panel = _sample(series)
    if panel is None:
        return ()
    first = _shortest_season(panel)
    if first is None:
        return ()
    rows = np.isfinite(panel).sum(axis=1)
    if first in DAYS:
        return (first, *confirm_seasons(rows, (7 * first,)))
    remainder = panel[:, first:] - panel[:, :-first]
    if not _spread(remainder) > 1e-3 * _spread(panel):
        return (first,)
    second = _shortest_season(remainder, at_least=3 * first, certainty=1.5)
    return (first, second) if second in CALENDAR or (second and second % first == 0) else (first,)


def _sample(series: Sequence[Floats]) -> Floats | None:
    """Some series, right-aligned in one array `(series, rows)` padded with NaN; None where all are too short."""
    usable = [each[-MOST_ROWS:] for each in series if np.isfinite(each[-MOST_ROWS:]).sum() >= 3 * SHORTEST]
    if not usable:
        return None
    chosen = [usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, MOST_SERIES).astype(int))]
    panel = np.full((len(chosen), max(len(each) for each in chosen)), np.nan)
    for row, each in zip(panel, chosen, strict=True):
        row[len(row) - len(each) :] = each
    return panel


def _spread(panel: Floats) -> float:
    return float(np.nanmean(np.abs(panel - np.nanmean(panel, axis=1, keepdims=True))))


def _shortest_season(panel: Floats, at_least: int = SHORTEST, certainty: float = 1.0) -> int | None:
    """The shortest lag that stands out and that no longer one explains; `certainty` scales the evidence asked for."""
    evidence = _weigh(panel, at_least)
    peaks = [lag for lag in _peaks(evidence.strength) if _stands_out(evidence, lag, len(panel), certainty)]
    seasons = [_refine(evidence, lag) for lag in peaks]
    for index, season in enumerate(seasons):
        if not any(evidence.repeats_better(longer, season) for longer in seasons[index + 1 :]):
            return season
    return None


def _weigh(panel: Floats, at_least: int) -> _Evidence:
    rows = np.isfinite(panel).sum(axis=1)
    longest = int(np.median(rows) / 2.2)
    lags = int(1.5 * longest) + 2
    ranked = {width: _ranks(_haar(panel, width)) for width in WIDTHS}
    witnesses = _witnesses(ranked[1])
    by_width = {width: _autocorrelation(values, lags) for width, values in ranked.items()}
    contrast, strength = np.full(longest + 1, np.nan), np.full(longest + 1, -np.inf)
    for lag in range(at_least, longest + 1):
        width = _width(lag)
        away = np.arange(-(-lag // 4), lag // 2 + 1)
        each = by_width[width][:, lag] - by_width[width][:, np.append(lag - away, lag + away)].mean(axis=1)
        seen = np.isfinite(each)
        if 2 * seen.sum() < len(panel) or not seen.any():
            continue
        # Overlapping windows repeat each other: a wavelet of width w leaves about one independent value in 1.4 w.
        error = np.sqrt(1.4 * width / np.maximum(rows[seen] - lag, 1))
        contrast[lag] = each[seen].mean()
        strength[lag] = (each[seen] / error).mean() * np.sqrt(min(seen.sum(), witnesses))
    pairs = witnesses * float(np.median(rows))
    return _Evidence(contrast, strength, {width: _mean(values) for width, values in by_width.items()}, pairs)


def _witnesses(ranked: Floats) -> float:
    """How many independent series the panel amounts to, from how far its series move together."""
    seen = np.isfinite(ranked)
    values = np.where(seen, ranked, 0.0)
    length = np.maximum(np.sqrt((values**2).sum(axis=1)), 1e-12)
    together = (values @ values.T / length / length[:, None]) ** 2
    count = len(ranked)
    shared = (together.sum() - np.trace(together)) / max(count * (count - 1), 1)
    return float(min(count / (1 + (count - 1) * shared), INDEPENDENT))


def _stands_out(evidence: _Evidence, lag: int, series: int, certainty: float) -> bool:
    usual = any(abs(lag - season) <= max(1, 0.04 * season) for season in CALENDAR)
    needed = (4.0 if series == 1 else 5.0) if usual else 6.0
    strong = evidence.contrast[lag] >= LEAST_CONTRAST and evidence.strength[lag] >= certainty * needed
    return bool(strong and evidence.persists(lag))


def _peaks(strength: Floats) -> list[int]:
    """Lags that are stronger than all within a tenth of them."""
    found = []
    for lag in np.flatnonzero(np.isfinite(strength)):
        near = strength[max(int(0.9 * lag) - 1, 0) : int(1.1 * lag) + 2]
        if strength[lag] >= near.max():
            found.append(int(lag))
    return found


def _refine(evidence: _Evidence, lag: int) -> int:
    """The exact length, from where the lag's multiples peak; a length of the calendar where it is as near as that."""
    if lag < 8:
        return lag
    correlation = evidence.correlation[_width(lag)]
    lengths = np.arange(0.92 * lag, 1.08 * lag, 0.1)
    times = np.arange(1, max(1, min(8, int((len(correlation) - 1) / (1.08 * lag)))) + 1)
    multiples = np.minimum(np.rint(lengths[:, None] * times).astype(int), len(correlation) - 1)  # lengths x times
    score = correlation[multiples].mean(axis=1)
    best = float(lengths[score >= score.max() - 1e-9].mean())
    near = [season for season in CALENDAR if abs(best - season) <= max(0.5, 0.008 * season)]
    return near[0] if near else round(best)


def _width(lag: int) -> int:
    return max((width for width in WIDTHS if 6 * width <= lag), default=1)


def _haar(panel: Floats, width: int) -> Floats:
    """Mean of the next `width` values less that of the last `width`: `(series, rows - 2 width + 1)`; gaps stay gaps."""
    if panel.shape[1] < 2 * width:
        return np.full((len(panel), 1), np.nan)
    seen = np.isfinite(panel)
    start = np.zeros((len(panel), 1))
    total = np.hstack([start, np.cumsum(np.where(seen, panel, 0.0), axis=1)])
    count = np.hstack([start, np.cumsum(seen, axis=1)])
    total, count = total[:, width:] - total[:, :-width], count[:, width:] - count[:, :-width]
    mean = np.where(2 * count >= width, total / np.maximum(count, 1), np.nan)
    return np.asarray(mean[:, width:] - mean[:, :-width])


def _ranks(panel: Floats) -> Floats:
    """Each series' values as centred ranks, ties sharing theirs, so that outliers weigh no more than others."""
    ranked = np.full_like(panel, np.nan)
    for row, values in zip(ranked, panel, strict=True):
        seen = np.isfinite(values)
        _, place, count = np.unique(values[seen], return_inverse=True, return_counts=True)
        if len(count) > 1:
            rank = (np.cumsum(count) - (count - 1) / 2)[place]
            row[seen] = rank - rank.mean()
    return ranked


def _autocorrelation(panel: Floats, lags: int) -> Floats:
    """Autocorrelation of centred values over the pairs that are there: `(series, lags)`; NaN below eight pairs."""
    seen = np.isfinite(panel)
    size = 1 << int(panel.shape[1] + lags).bit_length()
    products = _self_product(np.where(seen, panel, 0.0), size, lags)
    pairs = np.rint(_self_product(seen.astype(float), size, lags))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = products / np.maximum(pairs, 1) / (products[:, :1] / np.maximum(pairs[:, :1], 1))
    return np.where(pairs >= 8, correlation, np.nan)


def _self_product(values: Floats, size: int, lags: int) -> Floats:
    spectrum = np.fft.rfft(values, size)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2, size)[:, :lags])


def _mean(values: Floats) -> Floats:
    """The mean over series, 0 where no series says anything."""
    seen = np.isfinite(values)
    return np.asarray(np.where(seen, values, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1))
