"""What stands beside every learned answer: `forecasts`, by older and simpler methods; `linear`, classes by a linear model."""

from __future__ import annotations

from ensue.baselines.forecasts import (
    CLASSICAL,
    CLASSICAL_CONTEXT,
    SEASONALITY_CONFIDENCE,
    check_names,
    fill_forward,
    forecast_panel,
    is_seasonal,
    naive,
    naive2,
    seasonal_indices,
    seasonal_naive,
    seasonal_naive_band,
    statistical,
)

__all__ = [
    "CLASSICAL", "CLASSICAL_CONTEXT", "SEASONALITY_CONFIDENCE", "check_names", "fill_forward", "forecast_panel",
    "is_seasonal", "naive", "naive2", "seasonal_indices", "seasonal_naive", "seasonal_naive_band", "statistical",
]  # fmt: skip
