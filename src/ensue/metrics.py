"""How far a forecast is from what came: pure functions of NumPy arrays, each with the paper it is from.

Every function works along the last axis, `time`, and keeps the axes before it: `(time,)` gives one number,
`(series, time)` gives one a series. A missing target (NaN) is skipped, and `observed` counts what was not; where
nothing is left the score is NaN. A missing *forecast* of an observed target is not skipped: the score is NaN, and so
shows it.

Letters: `...` any leading axes, `time` steps, `levels` quantile levels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import UsageError

Floats = NDArray[np.float64]


def observed(y: ArrayLike) -> NDArray[np.int64]:
    """Number of targets that are not missing. `y`: `(..., time)`; returns `(...)`.

    >>> int(observed([1.0, np.nan, 3.0]))
    2
    """
    return np.asarray((~np.isnan(_floats(y))).sum(axis=-1), dtype=np.int64)


def mae(y: ArrayLike, forecast: ArrayLike) -> Floats:
    """Mean absolute error, in the unit of `y`. Both `(..., time)`; returns `(...)`.

    >>> float(mae([1.0, np.nan, 3.0], [2.0, 9.0, 6.0]))
    2.0
    """
    return _mean(np.abs(_errors(y, forecast)), y)


def rmse(y: ArrayLike, forecast: ArrayLike) -> Floats:
    """Root of the mean squared error, in the unit of `y`. Both `(..., time)`; returns `(...)`.

    >>> float(rmse([0.0, 0.0], [3.0, 4.0])) == 12.5 ** 0.5
    True
    """
    return np.sqrt(_mean(_errors(y, forecast) ** 2, y))


def smape(y: ArrayLike, forecast: ArrayLike) -> Floats:
    """Symmetric mean absolute percentage error in percent, 0 to 200: the mean of 200 |y - f| / (|y| + |f|).

    The definition of the M4 competition (Makridakis, Spiliotis & Assimakopoulos 2020). A step where target
    and forecast are both zero counts as no error. Both `(..., time)`; returns `(...)`.

    >>> float(smape([1.0, 0.0], [3.0, 0.0]))
    50.0
    """
    error = np.abs(_errors(y, forecast))
    size = np.abs(_floats(y)) + np.abs(_floats(forecast))
    return _mean(200.0 * np.divide(error, size, out=np.where(np.isnan(error), np.nan, 0.0), where=size != 0), y)


def seasonal_scale(history: ArrayLike, season: int) -> Floats:
    """What seasonal naive errs by inside the history: the mean of |y_t - y_(t-m)| where both are observed.

    The denominator of MASE and MSIS (Hyndman & Koehler 2006, section 3; with the season as in M4, Makridakis et al.
    2020). NaN where no pair is observed. `history`: `(..., time)`; returns `(...)`. Raises UsageError for a season
    below 1.

    >>> float(seasonal_scale([1.0, 5.0, 2.0, 8.0], season=2))
    2.0
    """
    if season < 1:
        raise UsageError(f"season is {season}, expected a length in steps of 1 or more.")
    history = _floats(history)
    pairs = history[..., season:] - history[..., :-season]
    return _mean(np.abs(pairs), pairs)


def mase(y: ArrayLike, forecast: ArrayLike, scale: ArrayLike) -> Floats:
    """Mean absolute scaled error: the mean absolute error over the `seasonal_scale` of the history.

    Hyndman & Koehler (2006), section 3. `y`, `forecast`: `(..., time)`; `scale`: `(...)`; returns `(...)`. A scale of
    zero (a history that repeats itself exactly) gives NaN, so that such a series can be left out and counted.

    >>> float(mase([4.0, 6.0], [5.0, 8.0], scale=2.0))
    0.75
    """
    return _over(mae(y, forecast), scale)


def pinball(y: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> Floats:
    """Pinball loss of each quantile level: max(q (y - f), (q - 1) (y - f)), averaged over time.

    Koenker & Bassett (1978), section 3; a proper score of a quantile (Gneiting & Raftery 2007, section 6.1).
    `y`: `(..., time)`; `quantiles`: `(..., time, levels)`; returns `(..., levels)`, in the unit of `y`.

    >>> pinball([10.0], [[8.0, 12.0]], levels=[0.1, 0.9]).round(3).tolist()
    [0.2, 0.2]
    """
    loss = np.moveaxis(_pinballs(y, quantiles, levels), -1, -2)  # ... levels time
    return _mean(loss, np.broadcast_to(_floats(y)[..., None, :], loss.shape))


def wql(y: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> Floats:
    """Weighted quantile loss: twice the summed pinball loss over the summed |y|, averaged over the levels.

    Approximates the continuous ranked probability score (Gneiting & Raftery 2007, section 4.2), weighted by the size of
    the targets as in Park et al. (2022). `y`: `(..., time)`; `quantiles`: `(..., time, levels)`; returns
    `(...)`; NaN where all targets are zero. To pool series, put them end to end along `time`.

    >>> float(wql([10.0, 10.0], [[8.0], [11.0]], levels=[0.5]))
    0.15
    """
    loss = np.nansum(np.where(_missing(y)[..., None], np.nan, _pinballs(y, quantiles, levels)), axis=-2)
    gap = np.isnan(_floats(quantiles)).any(axis=-1) & ~_missing(y)
    total = 2.0 * loss.mean(axis=-1) + np.where(gap.any(axis=-1), np.nan, 0.0)
    return _over(total, np.nansum(np.abs(_floats(y)), axis=-1))


def coverage(y: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """Share of observed targets within the band, its edges included. All `(..., time)`; returns `(...)`, 0 to 1.

    >>> float(coverage([1.0, 5.0, np.nan], [0.0, 0.0, 0.0], [2.0, 2.0, 2.0]))
    0.5
    """
    y, low, high = _floats(y), _floats(low), _floats(high)
    inside = ((low <= y) & (y <= high)).astype(float)
    return _mean(np.where(np.isnan(low + high), np.nan, inside), y)


def width(y: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """Mean width of the band where the target is observed, in the unit of `y`. All `(..., time)`; returns `(...)`.

    >>> float(width([1.0, 5.0], [0.0, 0.0], [2.0, 4.0]))
    3.0
    """
    return _mean(_floats(high) - _floats(low), y)


def msis(y: ArrayLike, low: ArrayLike, high: ArrayLike, scale: ArrayLike, level: float) -> Floats:
    """Mean scaled interval score of the central band of `level` percent: width, plus 2/alpha for each unit outside it.

    Makridakis et al. (2020), after the interval score of Gneiting & Raftery (2007), section 6.2.
    `y`, `low`, `high`: `(..., time)`; `scale`: `(...)`; returns `(...)`; a scale of zero gives NaN.

    >>> float(msis([5.0], [0.0], [4.0], scale=2.0, level=50))
    4.0
    """
    y, low, high = _floats(y), _floats(low), _floats(high)
    outside = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)
    return _over(_mean((high - low) + 2.0 / (1.0 - level / 100.0) * outside, y), scale)


def nse(y: ArrayLike, simulation: ArrayLike) -> Floats:
    """Nash-Sutcliffe efficiency: 1 - (squared error) / (squared distance of `y` from its own mean).

    Nash & Sutcliffe (1970). 1 is perfect, 0 as good as the mean of `y`. Both `(..., time)`; returns `(...)`.

    >>> float(nse([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]))
    0.5
    """
    target = _floats(y)
    spread = _mean((target - _mean(target, target)[..., None]) ** 2, target)
    return 1.0 - _over(_mean(_errors(y, simulation) ** 2, y), spread)


def owa(smape: float, mase: float, smape_naive2: float, mase_naive2: float) -> float:
    """Overall weighted average of the M4 competition: the mean of both scores relative to Naive2's.

    Makridakis et al. (2020): the scores are averaged over all series first.

    >>> round(owa(9.328, 0.893, 18.383, 2.395), 3)
    0.44
    """
    return (smape / smape_naive2 + mase / mase_naive2) / 2.0


def skill(score: float, reference: float) -> float:
    """Share of the reference's error that is saved: 1 - score / reference; negative where the reference is better.

    Murphy (1988), for scores whose best value is 0. NaN where the reference is 0.

    >>> skill(0.75, 1.0)
    0.25
    """
    return 1.0 - score / reference if reference else float("nan")


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _missing(y: ArrayLike) -> NDArray[np.bool_]:
    return np.isnan(_floats(y))


def _errors(y: ArrayLike, forecast: ArrayLike) -> Floats:
    return _floats(y) - _floats(forecast)


def _mean(values: Floats, y: ArrayLike) -> Floats:
    """Mean of `values` over the steps where `y` is observed; NaN where there are none."""
    seen = ~_missing(y)
    return _over(np.where(seen, values, 0.0).sum(axis=-1), seen.sum(axis=-1))


def _over(total: Floats, count: ArrayLike) -> Floats:
    """`total / count`, NaN where `count` is zero."""
    count = _floats(count)
    empty = np.full(np.broadcast_shapes(np.shape(total), count.shape), np.nan)
    return np.asarray(np.divide(total, count, out=empty, where=count != 0), dtype=np.float64)


def _pinballs(y: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> Floats:
    """Pinball loss of each step and level: `(..., time, levels)`."""
    error = _floats(y)[..., None] - _floats(quantiles)
    level = _floats(levels)
    if error.shape[-1] != level.size:
        raise UsageError(
            f"quantiles has {error.shape[-1]} columns and levels has {level.size} entries, expected one column a level."
        )
    return np.maximum(level * error, (level - 1.0) * error)
