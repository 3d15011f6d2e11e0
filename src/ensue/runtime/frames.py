"""Quantiles as a table: one row a series and step, the user's own column names, bands named as other tools expect them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensue.data.calendar import keeps_utc
from ensue.data.panel import Panel
from ensue.data.schema import Schema
from ensue.tasks.forecasting import at_levels

if TYPE_CHECKING:
    import polars


def forecast_frame(
    panel: Panel, quantiles: NDArray[np.float64], levels: tuple[float, ...], wanted: tuple[float, ...]
) -> polars.DataFrame:
    """The forecast after each series' history as a table.

    Args:
        quantiles: `(series, horizon, level)` at the model's `levels`.
        wanted: pairs of levels, lower and upper, as `levels_between` gives them.

    Columns: the id (`unique_id` where the table had none), the time (`ds`), `ensue` (the median), and for each pair
    `ensue-lo-80`, `ensue-hi-80`.
    """
    import polars

    horizon = quantiles.shape[1]
    schema = panel.schema
    columns = {
        schema.id or "unique_id": np.repeat(np.array(panel.ids, dtype=object), horizon).tolist(),
        schema.time or "ds": panel.future_times(horizon).reshape(-1),
        **band_columns(quantiles.reshape(-1, len(levels)), levels, wanted),
    }
    return in_own_zone(polars.DataFrame(columns), schema.time or "ds", schema)


def band_columns(
    quantiles: NDArray[np.float64], levels: tuple[float, ...], wanted: tuple[float, ...]
) -> dict[str, NDArray[np.float64]]:
    """`ensue` and the edges of its bands, from quantiles `(..., level)`."""
    columns = {"ensue": quantiles[..., levels.index(0.5)]}
    edges = at_levels(quantiles, levels, wanted) if wanted else None
    for pair in range(len(wanted) // 2):
        assert edges is not None
        percent = f"{100 * (wanted[2 * pair + 1] - wanted[2 * pair]):.6g}"
        columns[f"ensue-lo-{percent}"] = edges[..., 2 * pair]
        columns[f"ensue-hi-{percent}"] = edges[..., 2 * pair + 1]
    return columns


def in_zone(frame: polars.DataFrame, time: str, time_zone: str | None) -> polars.DataFrame:
    """The frame with its stamps, which are in UTC, in a time zone."""
    import polars

    if time_zone is None or frame[time].dtype != polars.Datetime("us"):
        return frame
    return frame.with_columns(polars.col(time).dt.replace_time_zone("UTC").dt.convert_time_zone(time_zone))


def in_own_zone(frame: polars.DataFrame, time: str, schema: Schema) -> polars.DataFrame:
    """The frame with its stamps, which are a panel's, in the time zone of the table the panel was read from."""
    import polars

    zone = schema.time_zone
    if zone is None or keeps_utc(schema.frequency):
        return in_zone(frame, time, zone)
    # Local dates: where the clock is put forward at midnight, the day begins an hour later.
    local, later = polars.col(time), polars.col(time) + polars.duration(hours=1)
    begin = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return frame.with_columns(
        begin.fill_null(later.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null"))
    )
