"""Every choice a user can make, as small frozen objects that refuse what cannot be right.

A choice out of range is an error that names it, never clamped and never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ensue.errors import ConfigError

QUANTILES = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
"""Quantile levels every forecaster learns; other levels between them are interpolated, beyond them refused."""


@dataclass(frozen=True)
class DataOptions:
    """How to read a table of series. Whatever is None is found in the data, and said."""

    target: str | None = None
    """Column to forecast."""
    time: str | None = None
    """Column of time stamps, or of integer positions."""
    id: str | None = None
    """Column that tells series apart."""
    past: tuple[str, ...] = ()
    """Covariates known only up to now."""
    future: tuple[str, ...] = ()
    """Covariates known ahead of time."""
    static: tuple[str, ...] = ()
    """Covariates that never change within a series."""
    freq: str | None = None
    """Spacing of the rows: 'hour', '30min', 'day', 'business day', 'week', 'month', ...; None: found in the stamps."""
    season: tuple[int, ...] | None = None
    """Season lengths in steps, shortest first; None: from the stamps, or from the data where there are only positions."""
    duplicates: str = "error"
    """Rows with the same id and time: 'error', 'first' or 'mean'."""
    holidays: str | None = None
    """Country code whose public holidays are given to the network, such as 'US' (extra `holidays`)."""

    def __post_init__(self) -> None:
        if self.duplicates not in ("error", "first", "mean"):
            raise ConfigError(f"duplicates is '{self.duplicates}', expected 'error', 'first' or 'mean'.")
        if self.season is not None and any(length < 1 for length in self.season):
            raise ConfigError(f"season is {list(self.season)}, expected lengths in steps of 1 or more, such as 24,168.")
