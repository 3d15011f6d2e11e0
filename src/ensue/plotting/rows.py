"""Tables of history and forecasts as the rows of a chart: one row a point, times as numbers, words for the pointer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ensue.errors import DataError

if TYPE_CHECKING:
    import polars

OBSERVED, ENSUE, FOLD = "Observed", "Ensue (median)", "Backtest"
"""Kinds of rows; a baseline's kind is its name."""
NAMES = {"ensue": "Ensue", "SeasonalNaive": "Seasonal naive"}
"""How the columns of models are called in pictures, where it differs."""
MOST_POINTS = 2000
"""Points of history drawn a series; of more, the extremes of equal stretches are kept."""


def check(history: polars.DataFrame, forecast: polars.DataFrame) -> None:
    for name, frame, needed in (("history", history, "y"), ("forecasts", forecast, "ensue")):
        missing = [column for column in ("unique_id", "ds", needed) if column not in frame.columns]
        if missing:
            raise DataError(f"the table of {name} has no column '{missing[0]}', expected unique_id, ds and {needed}.")
    if forecast.is_empty():
        raise DataError("the table of forecasts has no rows, expected one or more: there is nothing to draw.")


def band_levels(forecast: polars.DataFrame) -> tuple[str, ...]:
    """Levels of Ensue's bands, narrowest first."""
    names = [name.removeprefix("ensue-lo-") for name in forecast.columns if name.startswith("ensue-lo-")]
    return tuple(sorted((level for level in names if f"ensue-hi-{level}" in forecast.columns), key=float))


@dataclass(frozen=True)
class Tables:
    """What is drawn, as it was given."""

    history: polars.DataFrame
    forecast: polars.DataFrame
    baseline: polars.DataFrame | None = None
    folds: polars.DataFrame | None = None

    def rows(self, ids: list[str], levels: tuple[str, ...], season: int) -> polars.DataFrame:
        """A row a point: id, x, when, kind, value, line (what one line joins), and the edges and text of the bands."""
        import polars

        parts = []
        for name in ids:
            history, forecast, baseline, folds = (_of(table, name) for table in self._all())
            parts += [_part(_recent(history, forecast, folds, season), "y", OBSERVED), _part(folds, "ensue", FOLD)]
            named = next((each for each in baseline.columns if each not in ("unique_id", "ds", "cutoff", "y")), "")
            parts += [_part(baseline, named, NAMES.get(named, named)), _part(forecast, "ensue", ENSUE, levels)]
        return _said(_timed(polars.concat([part for part in parts if part.height], how="diagonal_relaxed")), levels)

    def _all(self) -> tuple[polars.DataFrame, ...]:
        nothing = self.forecast.select("unique_id", "ds").clear()
        extras = (nothing if each is None else each for each in (self.baseline, self.folds))
        return (self.history, self.forecast, *extras)


def _of(table: polars.DataFrame, name: str) -> polars.DataFrame:
    import polars

    return table.filter(polars.col("unique_id").cast(polars.String) == name).sort("ds")


def _recent(
    history: polars.DataFrame, forecast: polars.DataFrame, folds: polars.DataFrame, season: int
) -> polars.DataFrame:
    """The end of the history: 6 horizons, 3 seasons or all folds, whichever is longest."""
    horizon = forecast.height
    length = max(6 * horizon, 3 * season)
    if folds.height:
        since = history.filter(history["ds"] >= folds["ds"].min()).height
        length = max(length, since + horizon)
    return _thinned(history.tail(length))


def _thinned(history: polars.DataFrame) -> polars.DataFrame:
    """At most `MOST_POINTS` rows: of equal stretches the lowest and the highest, so that no peak is lost."""
    if history.height <= MOST_POINTS:
        return history
    stretch = (np.arange(history.height) * (MOST_POINTS // 2)) // history.height
    order = np.lexsort((history["y"].fill_null(math.nan).to_numpy(), stretch))  # NaN sorts last
    first = np.searchsorted(stretch, np.unique(stretch))
    seen = np.bincount(stretch, np.isfinite(history["y"].fill_null(math.nan).to_numpy())).astype(int)
    kept = np.unique(np.r_[order[first], order[first + np.maximum(seen - 1, 0)]])
    return history[kept]


def _part(table: polars.DataFrame, column: str, kind: str, levels: tuple[str, ...] = ()) -> polars.DataFrame:
    """The rows of one kind."""
    import polars

    if not table.height:
        return table.clear()
    line = polars.col("cutoff").cast(polars.String) if "cutoff" in table.columns else polars.lit("")
    edges = [
        polars.col(f"ensue-{edge}-{level}").cast(polars.Float64).alias(f"{edge}_{place}")
        for place, level in enumerate(levels)
        for edge in ("lo", "hi")
    ]
    value = polars.col(column).cast(polars.Float64).fill_nan(None).alias("value")
    name = polars.col("unique_id").cast(polars.String).alias("id")
    return table.select(name, "ds", polars.lit(kind).alias("kind"), line.alias("line"), value, *edges)


def _timed(rows: polars.DataFrame) -> polars.DataFrame:
    """`ds` as a number to draw (`x`, stamps in ms as if UTC) and a text to read (`when`)."""
    import polars

    stamp = polars.col("ds")
    if not rows["ds"].dtype.is_temporal():
        return rows.with_columns(stamp.alias("x"), stamp.cast(polars.String).alias("when")).drop("ds")
    if isinstance(rows["ds"].dtype, polars.Datetime):
        stamp = stamp.dt.replace_time_zone(None)  # the chart shows the clock of the data, wherever it is opened
    stamp = stamp.cast(polars.Datetime("ms"))
    daily = rows.select((stamp.dt.time() == polars.time(0)).all()).item()
    text = stamp.dt.strftime("%Y-%m-%d" if daily else "%Y-%m-%d %H:%M")
    return rows.with_columns(stamp.dt.epoch("ms").alias("x"), text.alias("when")).drop("ds")


def _said(rows: polars.DataFrame, levels: tuple[str, ...]) -> polars.DataFrame:
    """`says`: the value, and for a forecast its bands, with digits enough for the largest."""
    import polars

    peak = float(np.nanmax(np.abs(rows["value"].fill_null(0.0).to_numpy()), initial=0.0))
    digits = min(max(3 - math.floor(math.log10(peak)), 0), 12) if peak > 0 else 0

    def text(row: dict[str, Any]) -> str:
        if row["value"] is None:
            return ""
        bands = [
            f"{level} %: {row[f'lo_{place}']:,.{digits}f} to {row[f'hi_{place}']:,.{digits}f}"
            for place, level in enumerate(levels)
            if row[f"lo_{place}"] is not None and row[f"hi_{place}"] is not None
        ]
        return f"{row['value']:,.{digits}f}" + (f" ({', '.join(bands)})" if bands else "")

    return rows.with_columns(polars.Series("says", [text(row) for row in rows.iter_rows(named=True)]))
