"""Forecasts to stand beside every learned one: naive, seasonal naive, M4's Naive2, and the classical AutoETS and Theta.

A history is one series, `(time,)`, NaN where a value is missing; a forecast is `(horizon,)`. `forecast_panel` and
`statistical` run over many histories of different lengths and give the columns of a table, with bands. NumPy only,
except that `statistical` asks statsforecast (extra `baselines`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import MissingExtraError, UsageError, nearest

Floats = NDArray[np.float64]

SEASONALITY_CONFIDENCE = 1.645
"""Normal quantile of M4's seasonality test: two-sided, 90 %."""
CLASSICAL = {"ets": "AutoETS", "theta": "Theta"}
"""Baselines of statsforecast: the name a user gives, and the column they get."""
CLASSICAL_CONTEXT = 1000
"""Points of history the classical baselines see; more makes them slow and hardly better."""


def naive(history: ArrayLike, horizon: int) -> Floats:
    """The last observed value, repeated; NaN where nothing was observed. Returns `(horizon,)`.

    >>> naive([1.0, 4.0, np.nan], horizon=2).tolist()
    [4.0, 4.0]
    """
    return seasonal_naive(history, 1, horizon)


def seasonal_naive(history: ArrayLike, season: int, horizon: int) -> Floats:
    """The last observed value of the same phase of the season (Hyndman & Athanasopoulos, FPP3, section 5.2).

    A phase whose last value is missing goes back to the one before, and so on; a phase never observed, and every phase
    of a history shorter than a season, takes the last observed value of all. `history`: `(time,)`; returns
    `(horizon,)`, NaN where nothing was observed. Raises UsageError for a season or horizon below 1.

    >>> seasonal_naive([1.0, 2.0, 3.0, 4.0, np.nan, 6.0], season=3, horizon=4).tolist()
    [4.0, 2.0, 6.0, 4.0]
    """
    return _last_of_phase(_checked(history, season, horizon), season, horizon)[0]


def seasonal_naive_band(history: ArrayLike, season: int, horizon: int, level: float) -> tuple[Floats, Floats]:
    """Lower and upper edge of seasonal naive's central band of `level` percent, each `(horizon,)`.

    Normal, around the forecast, with the spread of the in-sample seasonal differences times the root of the number of
    seasons since the value was observed (Hyndman & Athanasopoulos, FPP3, section 5.5, table 5.2). Where no seasonal
    difference was observed, the spread of the step-to-step ones grows with the root of the steps; NaN without those.

    >>> low, high = seasonal_naive_band([0.0, 1.0, 0.0, 1.0, 0.0], season=1, horizon=4, level=95)
    >>> (high - low).round(2).tolist()
    [3.92, 5.54, 6.79, 7.84]
    """
    if not 0 < level < 100:
        raise UsageError(f"level is {level:g}, expected percent between 0 and 100, such as 80.")
    history = _checked(history, season, horizon)
    forecast, seasons = _last_of_phase(history, season, horizon)
    spread = _spread(history, season)
    if np.isnan(spread):
        spread, seasons = _spread(history, 1), np.arange(1.0, horizon + 1.0)
    half = NormalDist().inv_cdf(0.5 + level / 200.0) * spread * np.sqrt(seasons)
    return forecast - half, forecast + half


def forecast_panel(
    histories: Sequence[ArrayLike], season: int, horizon: int, levels: Sequence[float] = ()
) -> dict[str, Floats]:
    """Seasonal naive of many histories, as the columns of a forecast table, each `(series, horizon)`.

    The columns are `SeasonalNaive` and, for each level in percent, `SeasonalNaive-lo-80` and `SeasonalNaive-hi-80`.

    >>> columns = forecast_panel([[1.0, 2.0, 1.0], [5.0, 5.0]], season=1, horizon=2, levels=[80])
    >>> sorted(columns), columns["SeasonalNaive"].tolist()
    (['SeasonalNaive', 'SeasonalNaive-hi-80', 'SeasonalNaive-lo-80'], [[1.0, 1.0], [5.0, 5.0]])
    """
    shape = (len(histories), horizon)
    columns = {"SeasonalNaive": np.reshape([seasonal_naive(each, season, horizon) for each in histories], shape)}
    for level in levels:
        bands = np.reshape([seasonal_naive_band(each, season, horizon, level) for each in histories], (-1, 2, horizon))
        columns[f"SeasonalNaive-lo-{level:g}"], columns[f"SeasonalNaive-hi-{level:g}"] = bands[:, 0], bands[:, 1]
    return columns


def naive2(history: ArrayLike, season: int, horizon: int) -> Floats:
    """M4's benchmark: naive on the seasonally adjusted history, with the season put back. Returns `(horizon,)`.

    The history counts as seasonal when it is three seasons long and its autocorrelation at the season passes a 90 %
    test; then a classical multiplicative decomposition gives the indices (Makridakis, Spiliotis & Assimakopoulos 2020,
    the competition's benchmarks; FPP3 section 3.4). Values of zero or below cannot be divided by a season: such a
    history counts as not seasonal. Missing values are filled by the last one before the test.

    >>> pattern = [10.0, 20.0, 30.0, 40.0]
    >>> naive2(pattern * 5, season=4, horizon=5).round(6).tolist()
    [10.0, 20.0, 30.0, 40.0, 10.0]
    """
    history = fill_forward(_checked(history, season, horizon))
    if not history.size:
        return np.full(horizon, np.nan)
    if season == 1 or history.min() <= 0 or not is_seasonal(history, season):
        return np.full(horizon, history[-1])
    indices = seasonal_indices(history, season)
    phase = (len(history) - 1 + np.arange(horizon + 1)) % season  # of the last value, then of the horizon
    return np.asarray(history[-1] / indices[phase[0]] * indices[phase[1:]], dtype=np.float64)


def is_seasonal(history: ArrayLike, season: int) -> bool:
    """M4's test: is the autocorrelation at the season outside Bartlett's 90 % bounds? Fewer than three seasons: no.

    >>> is_seasonal([1.0, 2.0, 3.0, 4.0] * 5, season=4), is_seasonal([1.0, 2.0, 4.0], season=2)
    (True, False)
    """
    values = np.asarray(history, dtype=np.float64)
    centred = values - values.mean()
    power = float(centred @ centred)
    if len(values) < 3 * season or power == 0:
        return False
    correlation = np.array([centred[lag:] @ centred[:-lag] / power for lag in range(1, season + 1)])
    variance = (1.0 + 2.0 * float((correlation[:-1] ** 2).sum())) / len(values)
    return bool(abs(correlation[-1]) > SEASONALITY_CONFIDENCE * np.sqrt(variance))


def seasonal_indices(history: ArrayLike, season: int) -> Floats:
    """Multiplicative seasonal indices by classical decomposition (FPP3, section 3.4), averaging 1. Returns `(season,)`.

    The trend is a centred moving average over one season; an index is the mean ratio of the values of a phase to it.

    >>> seasonal_indices([1.0, 3.0] * 4, season=2).tolist()
    [0.5, 1.5]
    """
    values = np.asarray(history, dtype=np.float64)
    weights = np.ones(season) if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5]
    trend = np.convolve(values, weights / season, mode="valid")
    start = len(weights) // 2
    phase = np.arange(start, start + len(trend)) % season
    totals = np.bincount(phase, values[start : start + len(trend)] / trend, minlength=season)
    indices = totals / np.bincount(phase, minlength=season)
    return np.asarray(indices / indices.mean(), dtype=np.float64)


def check_names(names: Sequence[str]) -> None:
    """Raise UsageError for a baseline that is not one, MissingExtraError where its library is not installed."""
    from importlib.util import find_spec

    for name in names:
        if name not in CLASSICAL:
            raise UsageError(f"'{name}' is not a baseline: {nearest(name, CLASSICAL)}")
    if names and find_spec("statsforecast") is None:
        raise MissingExtraError("statistical baselines", "statsforecast", "baselines")


def statistical(
    panel_histories: Sequence[Floats],
    names: Sequence[str] = tuple(CLASSICAL),
    *,
    horizon: int,
    season: int,
    levels: Sequence[float] = (),
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """Forecasts of AutoETS and dynamic optimised Theta, fitted to each history, by statsforecast.

    They see the last 1,000 points, missing ones filled by the value before. AutoETS knows seasons of up to 24 steps and
    forecasts without one beyond. Where a fit fails (fewer than a handful of points), seasonal naive stands in, and the
    findings say how often.

    Args:
        panel_histories: `blocks` arrays of `(time,)`, such as from `ensue.evaluation.histories`.
        names: 'ets', 'theta'.

    Returns:
        Columns `AutoETS`, `AutoETS-lo-80`, ... each `(blocks, horizon)`, and the findings.

    Raises:
        UsageError: An unknown name. MissingExtraError: statsforecast is not installed.
    """
    check_names(names)
    columns: dict[str, Floats] = {}
    findings: list[str] = []
    for name in names:
        model, label, failures = _classical(name, season), CLASSICAL[name], 0
        table = np.full((len(panel_histories), 1 + 2 * len(levels), horizon), np.nan)
        for row, history in enumerate(panel_histories):
            context = fill_forward(history)[-CLASSICAL_CONTEXT:]
            fitted = _fit(model, context, horizon, levels)
            failures += fitted is None
            table[row] = _stand_in(context, season, horizon, levels) if fitted is None else fitted
        columns |= {column: table[:, place] for place, column in enumerate(_columns(label, levels))}
        if failures:
            findings.append(
                f"{label} could not be fitted to {failures} of {len(table)} histories; seasonal naive stands in there."
            )
    return columns, tuple(findings)


def _checked(history: ArrayLike, season: int, horizon: int) -> Floats:
    if season < 1:
        raise UsageError(f"season is {season}, expected a length in steps of 1 or more.")
    if horizon < 1:
        raise UsageError(f"horizon is {horizon}, expected 1 step or more.")
    return np.asarray(history, dtype=np.float64)


def _last_of_phase(history: Floats, season: int, horizon: int) -> tuple[Floats, Floats]:
    """Last observed value of each future step's phase, and how many seasons back it lies: both `(horizon,)`."""
    observed = history[~np.isnan(history)]
    if not observed.size:
        return np.full(horizon, np.nan), np.full(horizon, np.nan)
    if len(history) < season:
        return np.full(horizon, observed[-1]), np.arange(1.0, horizon + 1.0)
    aligned = np.r_[np.full(-len(history) % season, np.nan), history]  # so that the last row is the newest season
    table = aligned.reshape(-1, season)[::-1]  # seasons season, newest first
    missing = np.isnan(table)
    back = np.argmin(missing, axis=0)  # the newest season in which the phase was observed
    value = np.where(missing.all(axis=0), observed[-1], table[back, np.arange(season)])
    ahead = np.arange(horizon)
    return value[ahead % season], back[ahead % season] + ahead // season + 1.0


def _spread(history: Floats, season: int) -> float:
    """Root of the mean squared seasonal difference; NaN where no pair is observed."""
    differences = history[season:] - history[:-season]
    differences = differences[~np.isnan(differences)]
    return float(np.sqrt(np.mean(differences**2))) if differences.size else float("nan")


def fill_forward(history: Floats) -> Floats:
    """The history from its first observed value on, gaps filled by the value before."""
    seen = np.flatnonzero(~np.isnan(history))
    if not seen.size:
        return history[:0]
    places = np.arange(seen[0], len(history))
    return history[seen[np.searchsorted(seen, places, side="right") - 1]]


def _classical(name: str, season: int) -> Any:
    """The model of statsforecast."""
    try:
        from statsforecast.models import AutoETS, DynamicOptimizedTheta
    except ImportError as error:
        raise MissingExtraError(f"The baseline '{name}'", "statsforecast", "baselines") from error
    return {"ets": AutoETS, "theta": DynamicOptimizedTheta}[name](season_length=season)


def _columns(label: str, levels: Sequence[float]) -> list[str]:
    return [label] + [f"{label}-{edge}-{level:g}" for level in levels for edge in ("lo", "hi")]


def _fit(model: Any, context: Floats, horizon: int, levels: Sequence[float]) -> Floats | None:
    """`(1 + 2 levels, horizon)`: the forecast and the edges of its bands; None where it cannot be fitted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = model.forecast(y=context, h=horizon, level=list(levels) or None)
    except Exception:  # statsforecast and the libraries below it raise nearly everything on awkward series
        return None
    rows = [found["mean"]] + [found[f"{edge}-{level}"] for level in levels for edge in ("lo", "hi")]
    return np.asarray(rows, dtype=np.float64) if np.isfinite(rows).all() else None


def _stand_in(context: Floats, season: int, horizon: int, levels: Sequence[float]) -> Floats:
    """Seasonal naive in the same shape."""
    columns = forecast_panel([context], season, horizon, levels)
    return np.concatenate([columns[name] for name in _columns("SeasonalNaive", levels)])
