"""Any dataframe in, the same kind out."""

from __future__ import annotations

import decimal
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ensue.data.frames import like, to_polars
from ensue.errors import DataError

DAYS = pd.date_range("2024-01-01", periods=3)
TIMES = [datetime(2024, 1, day) for day in (1, 2, 3)]


@pytest.mark.parametrize(
    ("index", "name", "times"),
    [
        (DAYS, "ds", TIMES),
        (DAYS.rename("Datum"), "Datum", TIMES),
        (pd.period_range("2024-01", periods=3, freq="M"), "ds", [datetime(2024, month, 1) for month in (1, 2, 3)]),
        (DAYS.tz_localize("Europe/Rome"), "ds", [each.replace(tzinfo=ZoneInfo("Europe/Rome")) for each in TIMES]),
        (DAYS.tz_localize("+02:00"), "ds", TIMES),  # an offset without a name: the local clock
        (pd.Index([3, 4, 5], name="ds"), "ds", [3, 4, 5]),
    ],
)
def test_a_pandas_index_of_times_or_with_a_name_is_a_column(index: Any, name: str, times: list[Any]) -> None:
    frame = to_polars(pd.DataFrame({"y": [1, 2, 3]}, index=index))
    assert frame.columns == [name, "y"]
    assert frame[name].to_list() == times


def test_other_pandas_indexes() -> None:
    numbered = pd.DataFrame({"y": [1, 2, 3]}, index=[5, 6, 7])
    assert to_polars(numbered).columns == ["y"]
    levels = pd.MultiIndex.from_arrays([["a"] * 3, DAYS], names=["unique_id", None])
    assert to_polars(pd.DataFrame({"y": [1, 2, 3]}, index=levels)).columns == ["unique_id", "ds", "y"]
    assert to_polars(pd.DataFrame({"ds": [1, 2, 3]}, index=DAYS))["ds"].to_list() == [1, 2, 3]
    assert to_polars(pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))).columns == [
        "a_x",
        "a_y",
    ]


PANDAS: dict[str, tuple[Any, pl.DataType, list[Any]]] = {
    "Int64": (pd.array([1, None, 3], dtype="Int64"), pl.Float64(), [1.0, None, 3.0]),
    "whole": (pd.array([1, 2, 3], dtype="Int32"), pl.Int64(), [1, 2, 3]),
    "Float32": (pd.array([1.5, None, 3], dtype="Float32"), pl.Float64(), [1.5, None, 3.0]),
    "nan": (np.array([1.5, np.nan, 3.0], np.float32), pl.Float64(), [1.5, None, 3.0]),
    "boolean": (pd.array([True, None, False], dtype="boolean"), pl.Boolean(), [True, None, False]),
    "truths": (np.array([True, True, False]), pl.Boolean(), [True, True, False]),
    "category": (pd.Categorical(["a", None, "b"]), pl.String(), ["a", None, "b"]),
    "numbers as categories": (pd.Categorical([1, 2, 1]), pl.Int64(), [1, 2, 1]),
    "string": (pd.array(["a", None, "b"], dtype="string"), pl.String(), ["a", None, "b"]),
    "objects": (np.array(["a", np.nan, "b"], object), pl.String(), ["a", None, "b"]),
    "mixed": (np.array(["a", 2, None], object), pl.String(), ["a", "2", None]),
    "numbers as objects": (np.array([1, None, 2.5], object), pl.Float64(), [1.0, None, 2.5]),
    "decimals": (np.array([decimal.Decimal("1.5")] * 3, object), pl.Float64(), [1.5] * 3),
    "dates": (np.array([date(2024, 1, 1)] * 3, object), pl.Datetime("us"), [TIMES[0]] * 3),
    "nat": (pd.to_datetime(["2024-01-01", None, "2024-01-03"]), pl.Datetime("us"), [TIMES[0], None, TIMES[2]]),
    "periods": (
        pd.period_range("2024Q1", periods=3, freq="Q"),
        pl.Datetime("us"),
        [datetime(2024, m, 1) for m in (1, 4, 7)],
    ),
    "unsigned": (np.array([0, 1, 2**63], np.uint64), pl.Float64(), [0.0, 1.0, 2.0**63]),
    "arrow": (pd.array([1.5, None, 2.0], dtype="double[pyarrow]"), pl.Float64(), [1.5, None, 2.0]),
    "arrow times": (pd.array(TIMES, dtype="timestamp[ns][pyarrow]"), pl.Datetime("us"), TIMES),
}


@pytest.mark.parametrize("kind", PANDAS)
def test_pandas_types(kind: str) -> None:
    values, dtype, expected = PANDAS[kind]
    column = to_polars(pd.DataFrame({"c": values}))["c"]
    assert column.dtype == dtype
    assert column.to_list() == expected


def test_polars_types() -> None:
    frame = pl.DataFrame(
        {"e": ["a", None], "d": [date(2024, 1, 1)] * 2, "f": [1.0, float("nan")], "n": [None, None], "i": [1, 2]}
    ).with_columns(
        pl.col("e").cast(pl.Categorical), pl.col("i").cast(pl.UInt8), ms=pl.lit(TIMES[0]).cast(pl.Datetime("ms"))
    )
    plain = to_polars(frame.lazy())
    assert plain.dtypes == [pl.String, pl.Datetime("us"), pl.Float64, pl.Float64, pl.Int64, pl.Datetime("us")]
    assert plain["f"].to_list() == [1.0, None]


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 2.5],
        (1, None, 2.5),
        np.array([1, np.nan, 2.5]),
        pl.Series([1.0, None, 2.5]),
        pd.Series([1, None, 2.5]),
    ],
)
def test_bare_numbers_get_positions(values: Any) -> None:
    frame = to_polars(values)
    assert frame.schema == {"ds": pl.Int64, "y": pl.Float64}
    assert frame.rows() == [(0, 1.0), (1, None), (2, 2.5)]


def test_a_pandas_series_with_times() -> None:
    assert to_polars(pd.Series([1, 2, 3], index=DAYS, name="sales")).rows()[2] == (TIMES[2], 3.0)


@given(
    st.lists(st.one_of(st.none(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False)), min_size=1, max_size=10)
)
def test_any_numbers(values: list[int | float | None]) -> None:
    assert to_polars(values)["y"].to_list() == [None if value is None else float(value) for value in values]


TABLE = pl.DataFrame(
    {
        "unique_id": ["a", None],
        "ds": [TIMES[0], TIMES[1]],
        "zoned": [TIMES[0], TIMES[1]],
        "n": [1, 2],
        "ensue": [1.5, None],
        "flag": [True, None],
    }
).with_columns(pl.col("zoned").dt.replace_time_zone("Europe/Rome"))


@pytest.mark.parametrize(
    ("original", "kind"),
    [
        (pd.DataFrame({"y": [1]}), pd.DataFrame),
        (pd.Series([1]), pd.DataFrame),
        (pl.DataFrame({"y": [1]}), pl.DataFrame),
        (pl.LazyFrame({"y": [1]}), pl.LazyFrame),
        (pa.table({"y": [1]}), pa.Table),
        ({"y": [1]}, dict),
        (np.ones(2), pl.DataFrame),
        ([1, 2], pl.DataFrame),
    ],
)
def test_the_same_kind_comes_out(original: object, kind: type) -> None:
    out = like(TABLE, original)
    assert isinstance(out, kind)
    assert_frame_equal(to_polars(out), TABLE)


def test_pandas_comes_out_in_ordinary_columns() -> None:
    out = like(TABLE, pd.DataFrame({"y": [1]}))
    assert [str(dtype) for dtype in out.dtypes] == [
        "object" if pd.__version__ < "3" else "str",
        "datetime64[us]",
        "datetime64[us, Europe/Rome]",
        "int64",
        "float64",
        "object",
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            3,
            "the data is of the type int, expected a pandas, Polars or PyArrow table, a dict of lists, or a sequence of "
            "numbers: convert it to one of these.",
        ),
        (
            datetime(2024, 1, 1),
            "the data is of the type datetime.datetime, expected a pandas, Polars or PyArrow table, a dict of lists, or a "
            "sequence of numbers: convert it to one of these.",
        ),
        (np.zeros((2, 2)), "the array has 2 dimensions, expected one: give a table with a column for every series."),
        (["a", "b"], "the sequence holds String, expected numbers: give numbers, or a table with columns."),
        ({"y": 5}, "column 'y' is 5, expected a list: give a list of numbers, texts or times."),
        (
            {"a": [1, 2], "b": [1]},
            "the columns have different lengths ({'a': 2, 'b': 1}): give all of them as many values.",
        ),
        (
            {"y": [1, date(2024, 1, 1)]},
            "column 'y' holds values of the types date, int, expected numbers, texts or times: give it one type.",
        ),
        (
            pl.DataFrame({"y": [[1], [2]]}),
            "column 'y' holds values of the type List(Int64), expected numbers, text or times: convert it or leave it out.",
        ),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "the table has two columns called 'a', expected one: rename one.",
        ),
    ],
)
def test_what_is_no_table(data: object, said: str) -> None:
    with pytest.raises(DataError) as caught:
        to_polars(data)
    assert str(caught.value) == said
