"""Where a picture goes: a file by its ending, or the terminal; and the tables a picture of a forecast is drawn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ensue.cli.console import Voice
from ensue.cli.results import check_writable, print_line
from ensue.errors import UsageError

if TYPE_CHECKING:
    import polars

    from ensue.data.panel import Panel
    from ensue.estimators import Forecaster
    from ensue.evaluation import Backtest

PICTURE_KINDS = (".html", ".png", ".svg")
"""Endings a picture can be saved under."""


def check_picture_path(plot: str | None) -> None:
    """Refuse a picture that cannot be drawn or saved, before any work is done."""
    if plot is None or plot == "-":
        return
    if Path(plot).suffix.lower() not in PICTURE_KINDS:
        raise UsageError(
            f"--plot is '{plot}', expected a file that ends in .html, .png or .svg, or - for the terminal."
        )
    check_writable("--plot", Path(plot))
    from ensue.plotting.saving import check_installed

    check_installed()


def draw_forecast(
    forecaster: Forecaster, table: polars.DataFrame, forecast: polars.DataFrame, plot: str, voice: Voice
) -> None:
    """The history, the forecast with its bands, and seasonal naive's ghost beside it."""
    from ensue import plotting

    _, panel = forecaster._ready(table)
    drawn = forecast.rename({forecast.columns[0]: "unique_id", forecast.columns[1]: "ds"})
    history = _history(panel)
    if plot == "-":
        print_line(plotting.terminal_chart(history, drawn))
        return
    season = max(panel.schema.seasons[:1], default=1)
    ghost = _seasonal_naive(panel, drawn, season)
    chart = plotting.forecast_chart(history, drawn, ghost, season=season, y_title=panel.schema.target)
    plotting.save_chart(chart, plot)
    voice.say(f"The picture is in {plot}.")


def draw_backtest(result: Backtest, plot: str, voice: Voice) -> None:
    """The forecasts of all windows over what came, and the error by step."""
    from ensue import plotting

    if plot == "-":
        last = result.forecasts.filter(unique_id=result.forecasts["unique_id"][0])
        last = last.filter(cutoff=last["cutoff"].max())
        seen = result.forecasts.select("unique_id", "ds", "y").unique(["unique_id", "ds"]).sort("ds")
        print_line(plotting.terminal_chart(seen.filter(seen["ds"] < last["ds"].min()), last))
        return
    plotting.save_chart(plotting.backtest_chart(result), plot)
    voice.say(f"The picture is in {plot}.")


def _history(panel: Panel) -> polars.DataFrame:
    """The known rows of every series as `unique_id, ds, y`, in the table's own time zone."""
    import numpy as np
    import polars

    from ensue.runtime.frames import in_own_zone

    series = np.repeat(np.arange(len(panel)), np.diff(panel.offsets))
    known = np.arange(len(series)) - panel.offsets[series] < panel.history[series]
    columns = {
        "unique_id": np.array(panel.ids, dtype=object)[series[known]].tolist(),
        "ds": panel.times[known],
        "y": panel.y[known],
    }
    return in_own_zone(polars.DataFrame(columns), "ds", panel.schema)


def _seasonal_naive(panel: Panel, forecast: polars.DataFrame, season: int) -> polars.DataFrame:
    """Seasonal naive at the rows of the forecast: `unique_id, ds, SeasonalNaive`."""
    import polars

    from ensue import baselines

    starts = panel.offsets[:-1]
    histories = [panel.y[start : start + known] for start, known in zip(starts, panel.history, strict=True)]
    columns = baselines.forecast_panel(histories, season, forecast.height // len(panel))
    values = polars.Series("SeasonalNaive", columns["SeasonalNaive"].ravel())
    return forecast.select("unique_id", "ds").with_columns(values)
