"""Pictures of forecasts and backtests: Altair charts to look at, change and save, and a chart in the terminal.

A function takes tables and returns a chart; `save_chart` writes it as a page that needs no network, a PNG or an SVG.
Altair and vl-convert come with the extra `plot` and are imported inside the functions.

A history table has `unique_id, ds, y`; a forecast table `unique_id, ds, ensue` and the edges of its bands, such as
`ensue-lo-80, ensue-hi-80`; a baseline table `unique_id, ds` and one column of forecasts; a table of folds is the
`forecasts` of a backtest.
"""

from __future__ import annotations

from ensue.plotting.charts import backtest_chart, forecast_chart
from ensue.plotting.saving import save_chart
from ensue.plotting.terminal import terminal_chart

__all__ = ["backtest_chart", "forecast_chart", "save_chart", "terminal_chart"]
