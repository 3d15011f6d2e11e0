"""The duel sets: real series, where to cut them, and how a forecast of them is scored.

Everything follows `forecast/index.json` under `$ENSUE_DATA`. This file knows no forecasting library, so that every
contender, each in its own environment, is measured on the same rows by the same formulas.

    python benchmarks/duel_data.py        # seasonal naive on every set; writes others/results/seasonal_naive.json

Letters: a set has `windows` origins, one `horizon` apart, the last one `horizon` steps before the end of each series.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

Array = np.ndarray
Forecasts = Mapping[tuple[int, str], Mapping[str, Array]]

# Naive2 of the M4 organisers on their own test files: what OWA divides by (sMAPE, MASE).
M4_NAIVE2 = {"m4_hourly": (18.383, 2.395), "m4_weekly": (9.161, 2.777)}
STEPS = {"hourly": "1h", "30 minutes": "30m", "daily": "1d", "monthly": "1mo"}


def data_folder() -> Path:
    """The folder of the duel sets: `$ENSUE_DATA`/forecast, by default beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("ENSUE_DATA", beside)) / "forecast"


def index() -> list[dict[str, Any]]:
    """The entries of index.json, in its order."""
    sets: list[dict[str, Any]] = json.loads((data_folder() / "index.json").read_text())["sets"]
    return sets


def duel_sets() -> list[str]:
    """Names of the sets that count in the comparison."""
    return [entry["name"] for entry in index() if entry["duel"]]


@dataclass(frozen=True)
class Origin:
    """One series at one origin: what a forecaster may see, and what came next."""

    history: Array
    """float64 (time,): every target up to the origin on the regular grid; NaN where missing."""
    times: Array
    """datetime64[us] or int64 (time,): the stamps or positions of the history."""
    actual: Array
    """float64 (horizon,): what came next; NaN where missing."""
    actual_times: Array
    """Stamps or positions of the horizon."""


@dataclass(frozen=True)
class DuelSet:
    """A set with its rules; `frame` holds whole series end to end on their regular grid, missing rows with null."""

    name: str
    horizon: int
    season: int
    published_season: int | None
    windows: int
    step: str | int
    """Spacing: a Polars duration such as '1h', or 1 where `ds` is a position or irregular business days."""
    frame: pl.DataFrame
    """unique_id, ds, y (Float64, null: missing), then the covariates of `past_only` and `known_future`."""
    past_only: tuple[str, ...] = ()
    known_future: tuple[str, ...] = ()

    @cached_property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First row and the row after the last, of each series."""
        counts = self.frame.group_by("unique_id", maintain_order=True).len()
        ends = np.cumsum(counts["len"].to_numpy()).tolist()
        return {name: (end - rows, end) for (name, rows), end in zip(counts.iter_rows(), ends, strict=True)}

    @cached_property
    def y(self) -> Array:
        """float64 (rows,): the targets of the frame, NaN where missing."""
        return self.frame["y"].fill_null(float("nan")).to_numpy()

    @cached_property
    def times(self) -> Array:
        """(rows,): the stamps of the frame."""
        return self.frame["ds"].to_numpy()

    @cached_property
    def _rows_left(self) -> Array:
        return np.concatenate([np.arange(end - start, 0, -1) for start, end in self.spans.values()])

    def history_frame(self, window: int = 0) -> pl.DataFrame:
        """Rows up to the origin of a window; window 0 is the training part that no scored target is in."""
        return self.frame.filter(pl.Series(self._rows_left > (self.windows - window) * self.horizon))

    def future_frame(self, window: int = 0) -> pl.DataFrame:
        """unique_id, ds and the known-future covariates over the horizon of a window."""
        left = self._rows_left - (self.windows - window - 1) * self.horizon
        return self.frame.filter(pl.Series((left >= 1) & (left <= self.horizon))).select(
            "unique_id", "ds", *self.known_future
        )

    def validation_cut(self) -> DuelSet:
        """The training part alone, its last horizons (as many as windows, at most 5) as a test to tune on."""
        windows = min(self.windows, 5)
        train = self.history_frame(0)
        enough = pl.len().over("unique_id") >= windows * self.horizon + 2
        return replace(self, windows=windows, frame=train.filter(enough))


def load_set(name: str) -> DuelSet:
    """A duel set by name, cut and cleaned by the rules of index.json."""
    entry = next((each for each in index() if each["name"] == name), None)
    if entry is None or "horizon" not in entry:
        known = ", ".join(each["name"] for each in index() if "horizon" in each)
        raise ValueError(f"'{name}' is not a set with rolling windows: choose from {known}.")
    covariates = (*entry.get("past_only", ()), *entry.get("known_future", ()))
    rows = _rows(entry)
    step = _step(entry, rows)
    rows = rows.select("unique_id", "ds", pl.col("y").cast(pl.Float64).fill_nan(None), *covariates)
    frame = pl.concat([_regular(part, step) for part in _series(rows)])
    return DuelSet(
        name=name,
        horizon=entry["horizon"],
        season=entry["season"],
        published_season=entry.get("published_season"),
        windows=entry["windows"],
        step=step,
        frame=frame,
        past_only=tuple(entry.get("past_only", ())),
        known_future=tuple(entry.get("known_future", ())),
    )


def origins(data: DuelSet) -> Iterator[tuple[int, dict[str, Origin]]]:
    """Each window with all its series, earliest window first."""
    for window in range(data.windows):
        yield window, {name: _origin(data, span, window) for name, span in data.spans.items()}


def seasonal_naive(history: Array, season: int, horizon: int) -> Array:
    """(horizon,): the last observed value of the same phase, or the last observed of all where a phase has none.

    >>> seasonal_naive(np.array([1.0, 2.0, 3.0, np.nan]), 2, 3)
    array([3., 2., 3.])
    """
    padded = np.concatenate([np.full(-len(history) % season, np.nan), history]).reshape(-1, season)  # cycles season
    seen = ~np.isnan(padded)
    last = np.where(seen.any(0), padded[len(padded) - 1 - seen[::-1].argmax(0), np.arange(season)], np.nan)
    last = np.where(np.isnan(last), history[~np.isnan(history)][-1], last)
    return np.resize(last, horizon)


def naive_forecasts(data: DuelSet, season: int) -> dict[tuple[int, str], dict[str, Array]]:
    """Seasonal naive for every series and window (season 1: the last value)."""
    return {
        (window, name): {"mean": seasonal_naive(each.history, season, data.horizon)}
        for window, panel in origins(data)
        for name, each in panel.items()
    }


def scales(data: DuelSet, season: int) -> dict[str, float]:
    """The MASE denominators: mean |y[t] - y[t - season]| of each series before its first window; NaN: none."""
    result = {}
    for name, (start, end) in data.spans.items():
        y = data.y[start : end - data.windows * data.horizon]
        change = np.abs(y[season:] - y[:-season])
        change = change[~np.isnan(change)]
        result[name] = float(change.mean()) if len(change) and change.mean() > 0 else float("nan")
    return result


def score(data: DuelSet, forecasts: Forecasts) -> dict[str, float]:
    """Mean scores over all series and windows.

    Args:
        forecasts: (window, id) -> {"mean": (horizon,), and where there are bands "lo-80", "hi-80", "lo-95", "hi-95"}.

    Returns:
        MASE (season of the index), relative (to seasonal naive's), sMAPE in percent, MASE_published (where the index
        has another season), OWA (M4), coverage-80 and coverage-95 in percent, and what was left out: missing
        (targets), without_scale (series).
    """
    result = _points(data, forecasts, data.season)
    reference = _points(data, naive_forecasts(data, data.season), data.season)
    result["relative"] = result["MASE"] / reference["MASE"]
    published = data.published_season or data.season
    as_published = _points(data, forecasts, published)["MASE"]
    if published != data.season:
        result["MASE_published"] = as_published
    if data.name in M4_NAIVE2:
        smape, mase = M4_NAIVE2[data.name]
        result["OWA"] = (result["sMAPE"] / smape + as_published / mase) / 2
    return result | _coverage(data, forecasts)


def _points(data: DuelSet, forecasts: Forecasts, season: int) -> dict[str, float]:
    scale = scales(data, season)
    mase, smape, missing = [], [], 0
    for window, name, each in _flat(data):
        mean = _checked(forecasts, window, name, "mean", data.horizon)
        seen = ~np.isnan(each.actual)
        missing += int((~seen).sum())
        if not seen.any():
            continue
        actual, mean = each.actual[seen], mean[seen]
        error, size = np.abs(actual - mean), np.abs(actual) + np.abs(mean)
        smape.append(200 * np.divide(error, size, out=np.zeros_like(error), where=size > 0).mean())
        if not np.isnan(scale[name]):
            mase.append(error.mean() / scale[name])
    left_out = int(np.isnan(list(scale.values())).sum())
    return {
        "MASE": float(np.mean(mase)),
        "sMAPE": float(np.mean(smape)),
        "missing": missing,
        "without_scale": left_out,
    }


def _coverage(data: DuelSet, forecasts: Forecasts) -> dict[str, float]:
    result = {}
    first = next(iter(forecasts.values()))
    for level in (80, 95):
        if f"lo-{level}" not in first:
            continue
        inside = []
        for window, name, each in _flat(data):
            low, high = (_checked(forecasts, window, name, f"{side}-{level}", data.horizon) for side in ("lo", "hi"))
            seen = ~np.isnan(each.actual)
            inside.append(((each.actual >= low) & (each.actual <= high))[seen])
        result[f"coverage-{level}"] = float(100 * np.concatenate(inside).mean())
    return result


def _checked(forecasts: Forecasts, window: int, name: str, column: str, horizon: int) -> Array:
    if (window, name) not in forecasts:
        raise ValueError(f"no forecast of series '{name}' in window {window}: give one for every series and window.")
    values = np.asarray(forecasts[window, name][column], dtype=np.float64)
    if values.shape != (horizon,) or np.isnan(values).any():
        raise ValueError(f"'{column}' of '{name}' in window {window} is not {horizon} numbers: got {values!r}.")
    return values


def _flat(data: DuelSet) -> Iterator[tuple[int, str, Origin]]:
    return ((window, name, each) for window, panel in origins(data) for name, each in panel.items())


def _origin(data: DuelSet, span: tuple[int, int], window: int) -> Origin:
    start, end = span
    cut = end - (data.windows - window) * data.horizon
    ahead = slice(cut, cut + data.horizon)
    return Origin(data.y[start:cut], data.times[start:cut], data.y[ahead], data.times[ahead])


def _rows(entry: dict[str, Any]) -> pl.DataFrame:
    files = [entry[part] for part in ("train", "test") if part in entry]
    rows = pl.concat([pl.read_parquet(data_folder() / file) for file in files], how="vertical_relaxed")
    if "ids" in entry:  # "m3/meta.parquet where lower(period) == 'monthly'"
        file, _, period = entry["ids"].split(" ", 2)
        meta = pl.read_parquet(data_folder() / file)
        rows = rows.join(
            meta.filter(pl.col("period").str.to_lowercase() == period.split("'")[1]), on="unique_id", how="semi"
        )
    if entry["name"] == "gefcom2012":
        rows = rows.filter(pl.col("unique_id").str.starts_with("load_zone"))
    if entry["name"].startswith("ETT"):  # scored inside split == "test": what follows it is not used
        rows = rows.filter(pl.col("split") != "unused")
    if entry["duplicates"] == "first":
        rows = rows.unique(["unique_id", "ds"], keep="first", maintain_order=True)
    if entry["name"] == "fred_md":
        rows = rows.filter(pl.int_range(pl.len()).over("unique_id") < 728).drop_nulls("y")
    return rows.sort("unique_id", "ds", maintain_order=True)


def _step(entry: dict[str, Any], rows: pl.DataFrame) -> str | int:
    frequency: str = entry["frequency"]
    if rows["ds"].dtype.is_integer() or frequency.startswith("business"):
        return 1
    return next(step for word, step in STEPS.items() if frequency.startswith(word))


def _series(rows: pl.DataFrame) -> list[pl.DataFrame]:
    return rows.partition_by("unique_id", maintain_order=True)


def _regular(part: pl.DataFrame, step: str | int) -> pl.DataFrame:
    """One series with a row for every step, absent ones with nulls."""
    stamps = part["ds"]
    if stamps.is_duplicated().any():
        raise ValueError(f"series '{part['unique_id'][0]}' has duplicate stamps, which index.json does not allow.")
    if isinstance(step, int):
        if stamps.dtype.is_integer() and stamps[-1] - stamps[0] + 1 != len(stamps):
            raise ValueError(f"series '{part['unique_id'][0]}' has holes in its positions.")
        return part
    grid = pl.datetime_range(stamps[0], stamps[-1], step, time_unit="us", eager=True).alias("ds")
    if len(grid) == len(part):
        return part
    return (
        pl.DataFrame({"ds": grid})
        .join(part, on="ds", how="left", maintain_order="left")
        .with_columns(pl.lit(part["unique_id"][0]).alias("unique_id"))
        .select(part.columns)
    )


def main() -> None:
    """Print and record what seasonal naive and the last value reach on every duel set."""
    table = {}
    print(f"{'set':22s} {'series':>6s} {'rows':>8s} {'H':>3s} {'win':>3s} {'m':>3s} {'MASE':>7s} {'naive':>7s}  notes")
    for name in duel_sets():
        data = load_set(name)
        seasonal = score(data, naive_forecasts(data, data.season))
        last = score(data, naive_forecasts(data, 1))
        table[name] = {"seasonal_naive": seasonal, "naive": last, "series": len(data.spans), "rows": len(data.frame)}
        table[name] |= {"horizon": data.horizon, "windows": data.windows, "season": data.season}
        if data.published_season not in (None, data.season):
            published = score(data, naive_forecasts(data, data.published_season or data.season))
            table[name]["seasonal_naive_of_published_season"] = published
            seasonal = seasonal | {key: published[key] for key in ("MASE_published", "OWA") if key in published}
        notes = ", ".join(f"{k} {v:.4g}" for k, v in seasonal.items() if v and k not in ("MASE", "relative", "sMAPE"))
        print(
            f"{name:22s} {len(data.spans):6d} {len(data.frame):8d} {data.horizon:3d} {data.windows:3d} "
            f"{data.season:3d} {seasonal['MASE']:7.3f} {last['MASE']:7.3f}  {notes}",
            flush=True,
        )
    out = Path(__file__).parent / "others" / "results" / "seasonal_naive.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
