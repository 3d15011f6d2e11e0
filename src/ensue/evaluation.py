"""Rolling-origin backtests: where the origins lie, how the forecasts scored, and one honest sentence about it.

Knows panels and tables of forecasts; knows nothing about how Ensue makes its own. The baselines are in
`ensue.baselines`.

Letters: `series`, `windows` origins of each series, `blocks` = series x windows, `steps` 1 to the horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue import metrics
from ensue.baselines import statistical
from ensue.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars

    from ensue.data.panel import Panel

Floats = NDArray[np.float64]

__all__ = [
    "Backtest",
    "compare",
    "cutoffs",
    "forecast_table",
    "histories",
    "rows_needed",
    "score_forecasts",
    "statistical",
    "training_scales",
]

KEYS = ("unique_id", "ds", "cutoff", "y")
FEWEST_TO_COMPARE = 4
"""Windows or series below which no claim of being better is made."""
HAIRS_BREADTH = 0.01
"""Share of the reference's error below which a difference counts as none."""


@dataclass(frozen=True)
class Backtest:
    """What a backtest found."""

    forecasts: polars.DataFrame
    """A row a series, cutoff and step: `unique_id, ds, cutoff, y`, then a column a model and edge of a band."""
    scores: polars.DataFrame
    """A row a model: MAE, RMSE, sMAPE, MASE, WQL, coverage and width of each band, skill, points scored and skipped."""
    by_step: polars.DataFrame
    """A row a model and step of the horizon: MAE, MASE, coverage and width of each band."""
    sentence: str
    """Whether Ensue is better than seasonal naive here, and whether its band holds what it promises."""
    findings: tuple[str, ...]
    """What was left out, and why."""


def rows_needed(horizon: int, windows: int, *, step: int | None = None, minimum: int = 1) -> int:
    """Known rows a series must have for `windows` origins `step` apart, with `minimum` rows before the first.

    >>> rows_needed(horizon=30, windows=8)
    241
    """
    step = horizon if step is None else step
    for name, value in {"horizon": horizon, "windows": windows, "step": step, "minimum": minimum}.items():
        if value < 1:
            raise UsageError(f"{name} is {value}, expected 1 or more.")
    return (windows - 1) * step + horizon + minimum


def cutoffs(
    panel: Panel, horizon: int, windows: int, *, step: int | None = None, minimum: int = 1
) -> NDArray[np.int64]:
    """Rows of the panel's flat arrays after which the last `windows` forecasts of each series start, oldest first.

    A cutoff is the last row a forecaster may see; the forecast covers the `horizon` rows after it. Cutoffs are `step`
    rows apart (the horizon unless given), and the last forecast ends with the series. Returns `(series, windows)`.
    Raises DataError naming the series that are shorter than `rows_needed`.
    """
    needed = rows_needed(horizon, windows, step=step, minimum=minimum)
    short = np.flatnonzero(panel.history < needed)
    if short.size:
        others = f" ({short.size - 1} more are too short)" if short.size > 1 else ""
        raise DataError(
            f"series '{panel.ids[short[0]]}' has {panel.history[short[0]]} known rows{others}, and {windows} windows "
            f"of {horizon} steps need {needed}: ask for fewer windows or a shorter horizon."
        )
    last = panel.offsets[:-1] + panel.history - 1 - horizon
    back = np.arange(windows - 1, -1, -1) * (horizon if step is None else step)
    return np.asarray(last[:, None] - back[None, :], dtype=np.int64)


def histories(panel: Panel, origins: NDArray[np.int64]) -> list[Floats]:
    """Targets up to each origin, series by series and window by window: `blocks` arrays of `(time,)`."""
    return [panel.y[start : row + 1] for start, rows in zip(panel.offsets, origins, strict=False) for row in rows]


def training_scales(panel: Panel, origins: NDArray[np.int64], season: int) -> dict[str, float]:
    """MASE's denominator of each series, from the rows up to its first origin only."""
    parts = (panel.y[start : rows[0] + 1] for start, rows in zip(panel.offsets, origins, strict=False))
    return {name: float(metrics.seasonal_scale(part, season)) for name, part in zip(panel.ids, parts, strict=True)}


def forecast_table(
    panel: Panel, origins: NDArray[np.int64], horizon: int, columns: Mapping[str, Floats]
) -> polars.DataFrame:
    """The long table of forecasts beside what came.

    `columns`: name to `(blocks, horizon)`, in the order of `histories`.
    """
    import polars

    rows = (origins.reshape(-1, 1) + np.arange(1, horizon + 1)).ravel()
    windows = origins.shape[1]
    frame = {
        "unique_id": np.repeat(np.asarray(panel.ids, dtype=object), windows * horizon).tolist(),
        "ds": panel.times[rows],
        "cutoff": panel.times[np.repeat(origins.ravel(), horizon)],
        "y": panel.y[rows],
        **{name: np.asarray(values, dtype=np.float64).ravel() for name, values in columns.items()},
    }
    return polars.DataFrame(frame).with_columns(polars.col("y").fill_nan(None))


def score_forecasts(forecasts: polars.DataFrame, scales: Mapping[str, float], *, season: int) -> Backtest:
    """Score every model of a table of forecasts, and say how Ensue did.

    Args:
        forecasts: `unique_id, ds, cutoff, y`, a column `ensue`, a column `SeasonalNaive`, perhaps other models, and the
            edges of their bands (`ensue-lo-80`, `ensue-hi-80`).
        scales: MASE's denominator of each series, from `training_scales`. A series whose denominator is zero or
            missing is left out of MASE, and counted.
        season: The season of seasonal naive and of the scales; 1 makes it naive.

    A point counts only where the target is observed and every model has a forecast, so that all are scored on the same
    points. MAE, RMSE, sMAPE, WQL, coverage and width are over all points; MASE is the mean over windows and series.
    Raises DataError for missing columns, or when there is nothing to score.

    >>> import polars
    >>> table = polars.DataFrame({"unique_id": ["a"] * 4, "ds": [2, 3, 4, 5], "cutoff": [1, 2, 3, 4], "y": [5.0] * 4})
    >>> table = table.with_columns(ensue=polars.Series([5.5, 4.5, 5.0, 5.0]), SeasonalNaive=6.0)
    >>> score_forecasts(table, {"a": 1.0}, season=7).sentence
    "Ensue's error is 75 % below seasonal naive's (MASE 0.25 against 1.00 over 4 windows)."
    """
    import polars

    blocks = _blocks(forecasts, scales)
    scores = polars.DataFrame([_scores(blocks, model) for model in blocks.models], infer_schema_length=None)
    by_step = polars.concat([polars.DataFrame(_steps(blocks, model)) for model in blocks.models], how="diagonal")
    return Backtest(forecasts, scores, by_step, _sentence(blocks, scores, season), _findings(blocks))


# ---- the tables ----


@dataclass(frozen=True)
class _Blocks:
    """A table of forecasts as matrices: a row a series and cutoff, a column a step."""

    ids: list[str]
    origins: list[Any]
    y: Floats  # blocks steps; NaN where it is not scored
    columns: dict[str, Floats]  # each blocks steps
    scale: Floats  # blocks
    models: tuple[str, ...]
    rows: int
    missing: int
    unanswered: dict[str, int]

    def mase(self, model: str) -> Floats:
        """MASE of each block: `(blocks,)`, NaN where it has none."""
        return metrics.mase(self.y, self.columns[model], self.scale)

    def bands(self, model: str) -> dict[str, tuple[Floats, Floats]]:
        """The model's bands by level, as written in the column names."""
        lows = [name for name in self.columns if name.startswith(f"{model}-lo-")]
        levels = [name.removeprefix(f"{model}-lo-") for name in lows]
        return {
            level: (self.columns[f"{model}-lo-{level}"], self.columns[f"{model}-hi-{level}"])
            for level in sorted(levels, key=float)
            if f"{model}-hi-{level}" in self.columns
        }

    @property
    def levels(self) -> list[str]:
        """Levels of all models' bands, narrowest first."""
        return sorted({level for model in self.models for level in self.bands(model)}, key=float)


def _blocks(forecasts: polars.DataFrame, scales: Mapping[str, float]) -> _Blocks:
    import polars

    for name in (*KEYS, "ensue", "SeasonalNaive"):
        if name not in forecasts.columns:
            expected = ", ".join((*KEYS, "ensue", "SeasonalNaive"))
            raise DataError(f"the table of forecasts has no column '{name}', expected {expected}.")
    ordered = forecasts.sort("unique_id", "cutoff", "ds", maintain_order=True)
    keys = polars.struct("unique_id", "cutoff")
    block = (keys.rle_id()).alias("block")
    step = polars.int_range(polars.len()).over("unique_id", "cutoff").alias("step")
    places = ordered.select(block, step)
    heads = ordered.select("unique_id", "cutoff").unique(maintain_order=True)
    shape = (heads.height, int(places["step"].to_numpy().max(initial=-1)) + 1)
    at = (places["block"].to_numpy(), places["step"].to_numpy())
    values = {name: _matrix(ordered[name], shape, at) for name in ordered.columns if name not in KEYS[:3]}
    models = tuple(name for name in values if name != "y" and "-lo-" not in name and "-hi-" not in name)
    return _masked(heads, values, models, scales)


def _masked(
    heads: polars.DataFrame, values: dict[str, Floats], models: tuple[str, ...], scales: Mapping[str, float]
) -> _Blocks:
    """The blocks, with the targets hidden that cannot be scored for every model."""
    y = values.pop("y")
    observed = ~np.isnan(y)
    unanswered = {model: int((observed & np.isnan(values[model])).sum()) for model in models}
    answered = np.all([~np.isnan(values[model]) for model in models], axis=0)
    ids = heads["unique_id"].to_list()
    blocks = _Blocks(
        ids=ids,
        origins=heads["cutoff"].to_list(),
        y=np.where(answered, y, np.nan),
        columns=values,
        scale=np.array([scales.get(name, np.nan) for name in ids], dtype=np.float64),
        models=models,
        rows=int((observed | answered).sum()),
        missing=int((~observed & answered).sum()),
        unanswered={model: count for model, count in unanswered.items() if count},
    )
    if not (observed & answered).any():
        raise DataError(
            f"there is nothing to score: of {blocks.rows} targets after the cutoffs {blocks.missing} are missing and "
            "the others have no forecast: choose other windows."
        )
    return blocks


def _matrix(column: polars.Series, shape: tuple[int, int], at: tuple[Any, Any]) -> Floats:
    import polars

    matrix = np.full(shape, np.nan)
    matrix[at] = column.cast(polars.Float64).to_numpy()
    return matrix


def _scores(blocks: _Blocks, model: str) -> dict[str, Any]:
    """A row of the table of scores."""
    y, forecast = blocks.y.ravel(), blocks.columns[model].ravel()
    mase = _mean(blocks.mase(model))
    row: dict[str, Any] = {
        "model": model,
        "MAE": float(metrics.mae(y, forecast)),
        "RMSE": float(metrics.rmse(y, forecast)),
        "sMAPE": float(metrics.smape(y, forecast)),
        "MASE": mase,
        "WQL": _wql(blocks, model),
    }
    for level in blocks.levels:  # of all models, so that the columns stand in one order
        row |= {f"coverage-{level}": None, f"width-{level}": None}
    for level, (low, high) in blocks.bands(model).items():
        row[f"coverage-{level}"] = float(metrics.coverage(y, low.ravel(), high.ravel()))
        row[f"width-{level}"] = float(metrics.width(y, low.ravel(), high.ravel()))
    scored = int(metrics.observed(y))
    skill = metrics.skill(mase, _mean(blocks.mase("SeasonalNaive")))
    return row | {"skill": skill, "scored": scored, "skipped": blocks.rows - scored}


def _steps(blocks: _Blocks, model: str) -> dict[str, Any]:
    """The model's columns of the table by step; each step is scored over all blocks."""
    y, forecast, scale = blocks.y.T, blocks.columns[model].T, np.where(blocks.scale > 0, blocks.scale, np.nan)
    steps = np.arange(1, len(y) + 1)
    columns: dict[str, Any] = {"model": [model] * len(y), "step": steps, "MAE": metrics.mae(y, forecast)}
    columns["MASE"] = metrics.mae(y / scale, forecast / scale)
    for level, (low, high) in blocks.bands(model).items():
        columns[f"coverage-{level}"] = metrics.coverage(y, low.T, high.T)
        columns[f"width-{level}"] = metrics.width(y, low.T, high.T)
    return columns


def _wql(blocks: _Blocks, model: str) -> float | None:
    """WQL over the median and the edges of the model's bands; None for a model without bands."""
    bands = blocks.bands(model)
    if not bands:
        return None
    levels, columns = [0.5], [blocks.columns[model].ravel()]
    for level, (low, high) in bands.items():
        levels += [0.5 - float(level) / 200.0, 0.5 + float(level) / 200.0]
        columns += [low.ravel(), high.ravel()]
    return float(metrics.wql(blocks.y.ravel(), np.stack(columns, axis=-1), levels))


def _mean(values: Floats) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")


# ---- the sentence ----


def _sentence(blocks: _Blocks, scores: polars.DataFrame, season: int) -> str:
    """How Ensue did beside the reference, in one line; see `compare` for when it claims to be better."""
    reference = "seasonal naive" if season > 1 else "naive"
    errors = dict(zip(scores["model"], scores["MASE"], strict=True))
    ours, theirs = errors["ensue"], errors["SeasonalNaive"]
    if np.isnan(ours) or np.isnan(theirs):
        return f"Ensue cannot be compared with {reference} here: no series changes before its first cutoff."
    pair, saved = f"MASE {ours:.2f} against {theirs:.2f} over {_extent(blocks)}", metrics.skill(ours, theirs)
    verdict = compare(blocks.mase("ensue") - blocks.mase("SeasonalNaive"), blocks.ids, blocks.origins)
    if verdict == "unknown":
        said = f"Ensue beside {reference}: {pair}, too few to tell skill from luck; backtest more windows"
    elif verdict == "better" and saved >= HAIRS_BREADTH:
        said = f"Ensue's error is {100 * saved:.0f} % below {reference}'s ({pair})"
    elif verdict == "worse" and saved <= -HAIRS_BREADTH:
        said = f"Ensue is worse than {reference} here ({pair}): use {reference}, or train on more history"
    else:
        luck = ", within chance" if abs(saved) >= HAIRS_BREADTH else ""
        said = f"Ensue is no better than {reference} here ({pair}{luck}): use {reference}, or train on more history"
    return said + _rival_clause(errors) + _band_clause(scores) + "."


def compare(difference: Floats, ids: Sequence[Any], origins: Sequence[Any]) -> str:
    """Whether the mean of paired differences in error is below zero by more than chance: 'better', 'worse', 'none'.

    A one-sided 95 % t-test on the mean, with a standard error robust to clusters (Liang & Zeger 1986): once with each
    block on its own, once by series and once by cutoff, since the windows of a series, and the series at one time, err
    together. A grouping of fewer than four groups is not used; where none is left, the answer is 'unknown'. The claim
    is made only when every grouping makes it.

    Args:
        difference: `(blocks,)`, our error less the reference's; NaN where there is none.
        ids, origins: The series and the cutoff of each block.

    >>> compare(np.array([-0.3, -0.2, -0.4, -0.3]), ["a"] * 4, [1, 2, 3, 4])
    'better'
    >>> compare(np.array([-0.3, 0.4, -0.4, 0.3]), ["a"] * 4, [1, 2, 3, 4])
    'none'
    """
    kept = ~np.isnan(difference)
    difference, mean = difference[kept], _mean(difference)
    groupings: list[Sequence[Any]] = [range(kept.size), ids, origins]
    codes = [_codes([label for label, keep in zip(labels, kept, strict=True) if keep]) for labels in groupings]
    enough = [code for code in codes if code.size and code.max() + 1 >= FEWEST_TO_COMPARE]
    signals = [_t_over_critical(difference, code) for code in enough]
    if not signals:
        return "unknown"
    if min(abs(signal) for signal in signals) <= 1:
        return "none"
    return "better" if mean < 0 else "worse"


def _codes(labels: Sequence[Any]) -> NDArray[np.int64]:
    """The labels as 0, 1, 2, ... in order of appearance."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(label, len(known)) for label in labels], dtype=np.int64)


def _t_over_critical(difference: Floats, group: NDArray[np.int64]) -> float:
    """The t statistic of the mean with clustered errors over its critical value: beyond 1 in size is no chance."""
    count = int(group.max()) + 1
    mean = difference.mean()
    sums = np.bincount(group, difference - mean)
    error = np.sqrt(count / (count - 1) * (sums**2).sum()) / difference.size
    if error == 0:
        return float(np.sign(mean) * np.inf) if mean else 0.0
    return float(mean / error) / _student(count - 1)


def _student(freedom: int) -> float:
    """95 % quantile of Student's t by the expansion of Cornish & Fisher, within 2 % from 3 degrees of freedom on."""
    z = NormalDist().inv_cdf(0.95)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _extent(blocks: _Blocks) -> str:
    """Such as '8 windows of 3 series'."""
    series = len(set(blocks.ids))
    windows = len(set(blocks.origins)) if series == 1 else round(len(blocks.ids) / series)
    return _count(windows, "window") + (f" of {series} series" if series > 1 else "")


def _band_clause(scores: polars.DataFrame) -> str:
    """What the narrowest band held, beside what it promised; empty where there are no bands."""
    levels = [name.removeprefix("coverage-") for name in scores.columns if name.startswith("coverage-")]
    if not levels:
        return ""
    level = min(levels, key=float)
    held = dict(zip(scores["model"], scores[f"coverage-{level}"], strict=True))["ensue"]
    return "" if held is None or np.isnan(held) else f"; its {level} % band held {100 * held:.0f} % of the values"


def _rival_clause(errors: Mapping[str, float]) -> str:
    """The other baseline that did best, where it did better than Ensue by more than a hair's breadth."""
    others = {model: error for model, error in errors.items() if model not in ("ensue", "SeasonalNaive")}
    best = min(others, key=lambda model: others[model], default="")
    beaten = bool(best) and others[best] < errors["ensue"] * (1 - HAIRS_BREADTH)
    return f"; {best} did better (MASE {others[best]:.2f})" if beaten else ""


def _findings(blocks: _Blocks) -> tuple[str, ...]:
    found = []
    if blocks.missing:
        found.append(f"{blocks.missing} of {blocks.rows} targets after the cutoffs are missing and were skipped.")
    for model, count in blocks.unanswered.items():
        found.append(f"{model} has no forecast for {_count(count, 'target')}; skipped for every model.")
    still = sorted({name for name, scale in zip(blocks.ids, blocks.scale, strict=True) if not scale > 0})
    if still:
        found.append(
            f"{len(still)} series left out of MASE, having no change from season to season before the first cutoff: "
            + ", ".join(f"'{name}'" for name in still[:5])
            + (f" and {len(still) - 5} more." if len(still) > 5 else ".")
        )
    return tuple(found)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
