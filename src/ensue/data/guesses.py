"""Which column holds the times, the names of series and the values to forecast, where nobody said."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING

from ensue.errors import DataError

if TYPE_CHECKING:
    import polars as pl

TIME_NAMES = (
    *("ds", "date", "time", "timestamp", "datetime", "date_time", "day", "month", "week", "quarter", "year", "period"),
    *("hour", "dt", "ts", "datum", "index", "step", "t", "position", "idx"),
)
ID_NAMES = (
    *("unique_id", "uniqueid", "series_id", "seriesid", "series", "id", "item_id", "item", "sku", "store_id", "store"),
    *("shop_id", "shop", "product_id", "product", "station_id", "station", "sensor_id", "sensor", "meter_id", "meter"),
    *("building_id", "building", "device_id", "device", "machine_id", "machine", "site_id", "site", "location", "zone"),
    *("ticker", "symbol", "country", "state", "region", "city", "county", "name", "group", "key", "category"),
)
TARGET_NAMES = (
    *(
        "y",
        "target",
        "value",
        "values",
        "sales",
        "load",
        "demand",
        "consumption",
        "count",
        "cnt",
        "temp",
        "temperature",
    ),
    *(
        "price",
        "close",
        "power",
        "energy",
        "traffic",
        "traffic_volume",
        "quantity",
        "qty",
        "units",
        "revenue",
        "amount",
    ),
    *("total", "volume", "visitors", "passengers", "usage", "production", "level", "flow"),
)
OWN_IDS = 6
"""The first names of `ID_NAMES` can mean nothing else than a series."""
MOST_CATEGORIES = 1000


def by_name(columns: Iterable[str], names: Iterable[str]) -> list[str]:
    """The columns that have one of these names, whatever their case, the likeliest first.

    >>> by_name(["Value", "DS", "rain"], TIME_NAMES)
    ['DS']
    """
    known = {name: rank for rank, name in enumerate(names)}
    ranked = [(known[low], column) for column in columns if (low := column.strip().lower().replace(" ", "_")) in known]
    return [column for _, column in sorted(ranked, key=lambda pair: pair[0])]


def guess_time(frame: pl.DataFrame, columns: list[str]) -> str | None:
    """The column of stamps: times, or text that reads as times; of several the one with the likeliest name."""
    import polars as pl

    from ensue.data.stamps import share_of_stamps

    types = frame.schema
    times = [name for name in columns if types[name] in (pl.Date, pl.Datetime)]
    if times:  # which says all, and text takes long to read
        return (by_name(times, TIME_NAMES) or times)[0]
    text = [name for name in columns if types[name] == pl.String]
    written = [name for name in text if share_of_stamps(frame[name]) == 1.0]
    called = [name for name in by_name(text, TIME_NAMES) if share_of_stamps(frame[name]) >= 0.8]
    found = called or written
    return (by_name(found, TIME_NAMES) or found)[0] if found else None


def guess_position(frame: pl.DataFrame, columns: list[str], ids: list[str]) -> str | None:
    """A column of whole numbers that is called like a time and differs from row to row within each series."""
    for name in by_name(columns, TIME_NAMES):
        column = frame[name]
        whole = column.dtype.is_integer() or (column.dtype.is_float() and bool((column == column.floor()).all()))
        if whole and not column.null_count() and _distinct(frame, [*ids, name]) >= 0.99 * frame.height:
            return name
    return None


def guess_ids(frame: pl.DataFrame, columns: list[str], time: str | None) -> list[str]:
    """The columns that tell series apart: [] for one series; several where no single one does."""
    import polars as pl

    named = [name for name in by_name(columns, ID_NAMES) if _repeats(frame, name)]
    if time is None:
        return [name for name in named if name.lower() in ID_NAMES[:OWN_IDS]][:1]
    stamps = _distinct(frame, [time])
    if stamps == frame.height:
        alone = [name for name in named if frame[name].n_unique() == 1 or name.lower() in ID_NAMES[:OWN_IDS]]
        return alone[:1]
    types = frame.schema
    text = [name for name in columns if types[name] in (pl.String, pl.Categorical, pl.Enum) and name not in named]
    text = [name for name in text if _repeats(frame, name) and _covers(frame, name, stamps)]
    if named and named[0].lower() in ID_NAMES[:OWN_IDS]:
        return named[:1]
    for size in (1, 2, 3):
        for group in combinations((*named, *text)[:8], size):
            if _distinct(frame, [*group, time]) == frame.height:
                return list(group)
    return named[:1]


def guess_target(columns: list[str], numeric: list[str]) -> str | None:
    """The column to forecast: by its name, else the only one of numbers; None where that leaves several."""
    named = by_name(numeric, TARGET_NAMES) or by_name(columns, TARGET_NAMES[:3])
    if named:
        return named[0]
    return numeric[0] if len(numeric) == 1 else None


def categories_of(column: pl.Series) -> tuple[tuple[str, ...], int]:
    """Categories from the most frequent on, and how many were too many to keep."""
    import polars as pl

    counted = column.cast(pl.String).drop_nulls().value_counts().sort(["count", column.name], descending=[True, False])
    names = counted[column.name].to_list()
    if not names:
        raise DataError(f"column '{column.name}' holds no values: leave it out.")
    return tuple(names[:MOST_CATEGORIES]), max(0, len(names) - MOST_CATEGORIES)


def _distinct(frame: pl.DataFrame, names: list[str]) -> int:
    if len(names) == 1:
        return frame[names[0]].n_unique()
    import polars as pl

    return int(frame.select(pl.struct(names).hash().n_unique()).item())  # a third of the memory of the rows themselves


def _repeats(frame: pl.DataFrame, name: str) -> bool:
    """Whether a column can name series: it has two rows a name on average, no empty cells, and no fractions."""
    column = frame[name]
    if column.null_count() or column.dtype.is_float() or column.dtype.is_temporal():
        return False
    return 2 * column.n_unique() <= frame.height


def _covers(frame: pl.DataFrame, name: str, stamps: int) -> bool:
    """Whether stamps repeat about as often as there are names, which is true of shops but not of kinds of weather."""
    return frame.height / stamps >= 0.3 * frame[name].n_unique()
