"""Date arithmetic on arrays of stamps: the day and the month of each, and how far the month's ends are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[Any]
"""datetime64[us], or int64 where a table has positions only; sorted within each series."""


def days(stamps: Stamps) -> Stamps:
    return np.asarray(stamps.astype("datetime64[D]"))


def month_index(stamps: Stamps) -> NDArray[np.int64]:
    return np.asarray(stamps.astype("datetime64[M]").astype(np.int64))


def day_of_month(stamps: Stamps) -> NDArray[np.int64]:
    return np.asarray((days(stamps) - stamps.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1)


def days_left(stamps: Stamps) -> NDArray[np.int64]:
    """Days from each stamp to the last day of its month."""
    following = (stamps.astype("datetime64[M]") + 1).astype("datetime64[D]")
    return np.asarray((following - days(stamps)).astype(np.int64) - 1)
