"""Any dataframe in, the same kind out: pandas by a room of its own, every other kind through Narwhals.

Narwhals is imported where a table is neither of Polars nor a file, so that a forecast at the command line starts sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ensue.data import pandas_frames
from ensue.data.columns import plain_column
from ensue.data.pandas_frames import TIME, VALUE
from ensue.errors import DataError

if TYPE_CHECKING:
    import narwhals as nw


def to_polars(data: object) -> pl.DataFrame:
    """Any kind of table, or a bare sequence of numbers, as a Polars frame of plain columns.

    Args:
        data: A pandas, Polars (eager or lazy) or PyArrow table, or any other that Narwhals knows; a dict of lists; or a
            series, a one-dimensional NumPy array or a list of numbers, which becomes `ds` = 0, 1, ... (or the pandas
            index, where it holds times) and `y`.

    Returns:
        Columns Int64, Float64 (missing: null, never NaN), Boolean, String or Datetime("us"), time zones kept. A pandas
        index that has a name or holds times is a column.

    Raises:
        DataError: Something else, named by its type; or a column that holds lists, records or objects of mixed types.

    >>> to_polars([1.5, 2.5]).rows()
    [(0, 1.5), (1, 2.5)]
    """
    frame = _to_polars(data)
    columns = []
    for column in frame:
        plain = plain_column(column)
        if plain is None:
            raise DataError(
                f"column '{column.name}' holds values of the type {column.dtype}, expected numbers, text or times: "
                "convert it or leave it out."
            )
        columns.append(plain)
    return pl.DataFrame(columns)


def like(frame: pl.DataFrame, original: object) -> Any:
    """A Polars frame as the kind of table that `original` is; bare sequences and kinds that cannot be made give Polars.

    >>> like(pl.DataFrame({"y": [1.0]}), {"y": [0.0]})
    {'y': [1.0]}
    """
    if isinstance(original, pl.DataFrame):
        return frame
    if isinstance(original, pl.LazyFrame):
        return frame.lazy()
    if isinstance(original, dict):
        return frame.to_dict(as_series=False)
    import narwhals as nw

    if nw.dependencies.is_pandas_dataframe(original) or nw.dependencies.is_pandas_series(original):
        return pandas_frames.from_polars(frame)
    native = nw.from_native(original, pass_through=True, eager_only=True)
    if isinstance(native, nw.DataFrame) and native.implementation is not nw.Implementation.POLARS:
        if native.implementation is nw.Implementation.PYARROW:
            return nw.from_native(frame, eager_only=True).to_arrow()
        return _by_columns(frame, native)
    return frame


def _by_columns(frame: pl.DataFrame, native: nw.DataFrame[Any]) -> Any:
    import narwhals as nw

    columns = {column.name: column.to_list() for column in frame}
    return nw.from_dict(columns, backend=native.implementation).to_native()


def _to_polars(data: object) -> pl.DataFrame:
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    import narwhals as nw

    if nw.dependencies.is_pandas_dataframe(data):
        return pandas_frames.from_table(data)
    if isinstance(data, dict):
        return _from_dict(data)
    if isinstance(data, (list, tuple, np.ndarray, pl.Series)) or nw.dependencies.is_pandas_series(data):
        return _from_sequence(data)
    native = nw.from_native(data, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        native = native.collect("polars")
    if isinstance(native, nw.DataFrame):
        return native.to_polars()
    raise _unknown(data)


def _unknown(data: object) -> DataError:
    kind = f"{type(data).__module__}.{type(data).__qualname__}".removeprefix("builtins.")
    return DataError(
        f"the data is of the type {kind}, expected a pandas, Polars or PyArrow table, a dict of lists, or a sequence "
        "of numbers: convert it to one of these."
    )


def _from_dict(data: dict[Any, Any]) -> pl.DataFrame:
    try:
        return pl.DataFrame({str(name): _from_values(str(name), values) for name, values in data.items()})
    except pl.exceptions.PolarsError as error:
        lengths = {str(name): len(values) for name, values in data.items()}
        raise DataError(f"the columns have different lengths ({lengths}): give all of them as many values.") from error


def _from_values(name: str, values: Any) -> pl.Series:
    import narwhals as nw

    if nw.dependencies.is_pandas_series(values) or nw.dependencies.is_pandas_index(values):
        return pandas_frames.from_column(name, values)
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise DataError(f"column '{name}' is {values!r}, expected a list: give a list of numbers, texts or times.")
    return (
        pandas_frames.from_objects(name, list(values)) if isinstance(values, (list, tuple)) else pl.Series(name, values)
    )


def _from_sequence(data: Any) -> pl.DataFrame:
    """Bare numbers: their position is their time, unless a pandas index holds it."""
    if isinstance(data, np.ndarray) and data.ndim != 1:
        raise DataError(
            f"the array has {data.ndim} dimensions, expected one: give a table with a column for every series."
        )
    values = _from_values(VALUE, data).alias(VALUE)
    if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null)):
        raise DataError(f"the sequence holds {values.dtype}, expected numbers: give numbers, or a table with columns.")
    index = getattr(data, "index", None)
    times = pl.Series(TIME, np.arange(len(values)))
    if index is not None and pandas_frames.holds_times(index):
        times = pandas_frames.from_column(TIME if index.name is None else str(index.name), index)
    return pl.DataFrame([times, values.cast(pl.Float64)])
