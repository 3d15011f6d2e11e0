"""From a table to a panel: order, duplicates, gaps, futures, and tables that must be refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.config import DataOptions
from ensue.data.frequency import Frequency
from ensue.data.roles import Covariate, Schema, find_roles
from ensue.data.series import Panel, build_panel
from ensue.errors import DataError

POSITIONS = Schema("id", "ds", "y", past=(Covariate("a"),), future=(Covariate("b"),))
PLAIN = Schema("id", "ds", "y")


def table(rows: list[tuple[Any, ...]], names: tuple[str, ...] = ("id", "ds", "y")) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=list(names), orient="row", infer_schema_length=None)


def refused(frame: pl.DataFrame, schema: Schema = PLAIN, **options: Any) -> str:
    with pytest.raises(DataError) as error:
        build_panel(frame, schema, **options)
    return str(error.value)


def same(left: Panel, right: Panel) -> bool:
    fields = ("offsets", "history", "times", "y", "past", "future", "static")
    equal = all(np.array_equal(getattr(left, f), getattr(right, f), equal_nan=f not in ("times",)) for f in fields)
    return equal and left.ids == right.ids


def slow_panel(rows: list[tuple[Any, ...]], policy: str) -> dict[str, tuple[int, list[list[float]]]]:
    """What a panel must hold, worked out row by row: id -> (first position, rows of y, a, b)."""
    series: dict[str, dict[int, list[tuple[Any, ...]]]] = {}
    for name, position, *values in rows:
        series.setdefault(name, {}).setdefault(position, []).append(tuple(values))
    panel = {}
    for name, steps in series.items():
        settled = {}
        for position, repeated in steps.items():
            columns = list(zip(*repeated, strict=True))
            if policy == "first":
                settled[position] = [np.nan if column[0] is None else column[0] for column in columns]
            else:
                known = [[value for value in column if value is not None] for column in columns]
                settled[position] = [float(np.mean(column)) if column else np.nan for column in known]
        targets = [position for position, values in settled.items() if not np.isnan(values[0])]
        if not targets:
            continue
        futures = [position for position, values in settled.items() if not np.isnan(values[2])]
        end = max([*targets, *futures])
        grid = []
        for position in range(min(targets), end + 1):
            y, past, future = settled.get(position, [np.nan] * 3)
            grid.append([y, past if position <= max(targets) else np.nan, future])
        panel[name] = (min(targets), grid)
    return panel


VALUE = st.one_of(st.none(), st.integers(-5, 5).map(float))
ROWS = st.lists(st.tuples(st.sampled_from("pqr"), st.integers(-6, 14), VALUE, VALUE, VALUE), min_size=1, max_size=40)


@given(rows=ROWS, policy=st.sampled_from(["first", "mean"]))
def test_any_table_gives_the_panel_of_the_slow_way(rows: list[tuple[Any, ...]], policy: str) -> None:
    names = {"id": pl.String, "ds": pl.Int64, "y": pl.Float64, "a": pl.Float64, "b": pl.Float64}
    # Steps of one, so that no series can pass for one of another frequency.
    rows += [(name, position, None, None, None) for name in {row[0] for row in rows} for position in (0, 1)]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    expected = slow_panel(rows, policy)
    if not expected:
        assert refused(frame, POSITIONS, duplicates=policy, for_training=False).startswith(
            "no series is left to forecast"
        )
        return
    panel = build_panel(frame, POSITIONS, duplicates=policy, for_training=False)
    assert set(panel.ids) == set(expected)
    for index, name in enumerate(panel.ids):
        view, (start, grid) = panel.series(index), expected[name]
        got = np.column_stack([view.y, view.past, view.future])
        assert np.allclose(got, np.array(grid), equal_nan=True)
        assert view.times.tolist() == list(range(start, start + len(grid)))
        assert view.history == max(i for i, row in enumerate(grid) if not np.isnan(row[0])) + 1


@given(seed=st.integers(0, 10**6))
def test_order_of_rows_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hours = [datetime(2024, 3, 1) + timedelta(hours=int(i)) for i in np.flatnonzero(rng.random(60) < 0.8)]
    frame = pl.DataFrame(
        {"id": ["a"] * len(hours) + ["b"] * len(hours), "ds": hours * 2, "y": rng.normal(size=2 * len(hours))}
    )
    schema = replace(PLAIN, frequency=Frequency("hour"))
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=seed)
    one, other = build_panel(frame, schema), build_panel(shuffled, schema)
    back = [other.ids.index(name) for name in one.ids]
    assert same(one, other.select(back))


def test_unsorted_rows_are_sorted_and_said() -> None:
    panel = build_panel(table([("a", 3, 3.0), ("a", 1, 1.0), ("a", 2, 2.0)]), PLAIN)
    assert panel.y.tolist() == [1, 2, 3] and panel.findings == ("rows sorted by 'ds'.",)
    interleaved = build_panel(
        table([("a", 1, 1.0), ("b", 1, 5.0), ("a", 2, 2.0), ("b", 2, 6.0), ("a", 3, 0.0)]), PLAIN, for_training=False
    )
    assert interleaved.findings == ()


def test_duplicates_are_refused_with_the_three_choices() -> None:
    frame = table([("a", 1, 1.0), ("a", 2, 2.0), ("a", 2, 4.0), ("a", 2, 6.0), ("a", 3, 3.0)])
    assert refused(frame) == (
        "series 'a' has 3 rows at 2 (2 rows too many in all), expected one: choose duplicates 'first' or 'mean' "
        "instead of 'error', or remove them."
    )
    first, mean = (build_panel(frame, PLAIN, duplicates=policy) for policy in ("first", "mean"))
    assert first.y.tolist() == [1, 2, 3] and mean.y.tolist() == [1, 4, 3]
    assert first.findings == ("2 rows repeat a time of their series: the first of each is kept.",)
    assert mean.findings == ("2 rows repeat a time of their series: the mean of each is taken.",)


def test_the_mean_of_categories_is_the_first_of_them() -> None:
    frame = table(
        [("a", 1, 1.0, "x"), ("a", 1, 3.0, "y"), ("a", 2, 2.0, "y"), ("a", 3, 1.0, None)], ("id", "ds", "y", "k")
    )
    schema = replace(PLAIN, past=(Covariate("k", ("x", "y")),))
    panel = build_panel(frame, schema, duplicates="mean")
    assert panel.y.tolist() == [2, 2, 1]
    assert np.array_equal(panel.past[:, 0], [1, 2, np.nan], equal_nan=True)


def autumn() -> pl.DataFrame:
    hours = [datetime(2024, 10, 26, 12) + timedelta(hours=i) for i in range(24)]
    return pl.DataFrame({"ds": [*hours, datetime(2024, 10, 27, 2)], "y": np.arange(25.0)})


def test_the_hour_repeated_in_autumn_has_its_own_sentence() -> None:
    schema = find_roles(autumn())
    assert schema.frequency == Frequency("hour")
    assert refused(autumn(), schema) == (
        "series 'y' has 2 rows at 2024-10-27 02:00, as clocks go back (1 row too many in all), expected one: "
        "choose duplicates 'first' or 'mean' instead of 'error', or write the stamps with their time zone."
    )
    panel = build_panel(autumn(), schema, duplicates="first")
    assert panel.findings[-1] == "1 row repeats an hour, as clocks go back: the first of each is kept."


def test_stamps_with_their_zone_have_no_lost_hours() -> None:
    zone = "Europe/Berlin"
    hours = pl.datetime_range(datetime(2024, 3, 30), datetime(2024, 4, 1), "1h", time_zone=zone, eager=True)
    frame = pl.DataFrame({"ds": hours, "y": np.arange(len(hours), dtype=float)})
    schema = find_roles(frame)
    panel = build_panel(frame, schema)
    assert panel.findings == () and len(panel.y) == len(hours) == 48
    midnights = frame.filter(pl.col("ds").dt.hour() == 0)
    daily = build_panel(midnights, find_roles(midnights))
    assert daily.times.astype("datetime64[D]").astype(str).tolist() == ["2024-03-30", "2024-03-31", "2024-04-01"]
    naive = frame.with_columns(pl.col("ds").dt.replace_time_zone(None))
    assert refused(naive, schema) == (
        "column 'ds' holds time stamps without a time zone, expected them with one as in training."
    )


def test_gaps_are_kept_and_said() -> None:
    days = [date(2024, 2, 27), date(2024, 2, 28), date(2024, 3, 2), date(2024, 3, 3)]
    panel = build_panel(
        pl.DataFrame({"ds": days, "y": [1.0, None, 3.0, 4.0]}), Schema(None, "ds", "y", frequency=Frequency("day"))
    )
    assert np.array_equal(panel.y, [1, np.nan, np.nan, np.nan, 3, 4], equal_nan=True)
    assert panel.times.astype("datetime64[D]").astype(str).tolist()[2:4] == ["2024-02-29", "2024-03-01"]
    assert panel.findings == ("2 missing rows (33 %) are kept as gaps.", "1 empty target (17 %) is kept as a gap.")


def test_series_of_no_use_are_named_and_left_out() -> None:
    rows = [*(("good", i, float(i)) for i in range(5)), ("short", 1, 1.0), ("short", 2, 2.0), ("empty", 1, None)]
    rows += [("empty", 2, None), *(("flat", i, 7.0) for i in range(5))]
    panel = build_panel(table(rows), PLAIN)
    assert panel.ids == ("good",)
    assert panel.findings[-3:] == (
        "left out 1 series without a value: 'empty'.",
        "left out 1 series with fewer than 3 values: 'short'.",
        "left out 1 series of one constant value: 'flat'.",
    )
    assert build_panel(table(rows), PLAIN, for_training=False).ids == ("good", "short", "flat")
    assert refused(table(rows[5:])) == (
        "no series is left to learn from: the table has 1 series without a value: 'empty', and 1 series with fewer "
        "than 3 values: 'short', and 1 series of one constant value: 'flat'."
    )
    assert refused(table([("empty", 1, None)]).cast({"y": pl.Float64}), for_training=False) == (
        "no series is left to forecast: the table has 1 series without a value: 'empty'."
    )


def test_rows_around_the_known_targets_are_left_out() -> None:
    rows = [("a", i, value) for i, value in enumerate([None, None, 1.0, 2.0, 3.0, None])]
    panel = build_panel(table(rows), PLAIN)
    assert panel.y.tolist() == [1, 2, 3] and panel.times.tolist() == [2, 3, 4]
    assert panel.findings == (
        "2 rows before the first known target of their series are left out.",
        "1 row after the last known target of their series is left out.",
    )


def test_rows_with_known_covariates_are_the_future() -> None:
    rows = [("a", i, float(i % 3), 5.0, 10.0 + i) for i in range(4)] + [
        ("a", 4, None, 6.0, 14.0),
        ("a", 5, None, 7.0, None),
    ]
    panel = build_panel(table(rows, ("id", "ds", "y", "a", "b")), POSITIONS)
    assert panel.history.tolist() == [4] and panel.future_rows().tolist() == [1]
    assert panel.future[:, 0].tolist() == [10, 11, 12, 13, 14]
    assert np.isnan(panel.y[4]) and np.isnan(panel.past[4, 0])


def with_future(rows: list[tuple[Any, ...]], **options: Any) -> Panel:
    history = [(name, i, float(i % 3), 5.0, 10.0 + i) for name in "ab" for i in range(4)]
    frame = table(history, ("id", "ds", "y", "a", "b"))
    return build_panel(frame, POSITIONS, future=table(rows, ("id", "ds", "b")), **options)


def test_a_future_table_follows_the_history() -> None:
    panel = with_future([("b", 5, 1.5), ("b", 4, 1.0), ("a", 4, 2.0), ("z", 9, 0.0)])
    assert panel.future_rows().tolist() == [1, 2]
    assert panel.series(1).future[:, 0].tolist() == [10, 11, 12, 13, 1, 1.5]
    assert panel.series(1).times.tolist() == [0, 1, 2, 3, 4, 5]
    assert np.isnan(panel.series(1).y[4:]).all() and not np.isnan(panel.series(1).y[:4]).any()
    assert panel.findings[-1] == "the future table tells of series that are not forecast: 'z'."


@pytest.mark.parametrize(
    ("rows", "found", "wanted"),
    [([("a", 3, 1.0)], 3, 4), ([("a", 5, 1.0)], 5, 4), ([("a", 4, 1.0), ("a", 6, 1.0)], 6, 5)],
)
def test_a_future_table_that_does_not_follow(rows: list[tuple[Any, ...]], found: int, wanted: int) -> None:
    with pytest.raises(DataError) as error:
        with_future(rows)
    assert str(error.value) == (
        f"the future table of series 'a' has a row at {found}, expected {wanted}: "
        "start it right after the history and leave no step out."
    )


def test_a_future_table_without_a_covariate_to_know() -> None:
    frame = table([("a", i, float(i)) for i in range(4)])
    assert refused(frame, future=frame) == (
        "a future table is given, but no covariate is known ahead: name its columns with future."
    )


def test_a_wide_table_has_one_future_for_all() -> None:
    frame = pl.DataFrame({"ds": range(5), "n": [1.0, 2, 1, 2, 1], "s": [3.0, 1, 3, 1, 3], "temp": [9.0, 8, 7, 6, 5]})
    schema = find_roles(frame, DataOptions(future=("temp",)))
    panel = build_panel(frame, schema, future=pl.DataFrame({"ds": [5, 6], "temp": [4.0, 3.0]}))
    assert panel.ids == ("n", "s") and panel.future_rows().tolist() == [2, 2]
    assert panel.series(1).future[:, 0].tolist() == [9, 8, 7, 6, 5, 4, 3]


def test_mixed_frequencies_name_two_series() -> None:
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(30)]
    rows = [("d", day, 1.0 + day.day) for day in days] + [("w", day, 1.0 + day.day) for day in days[::3]]
    schema = replace(PLAIN, frequency=Frequency("day"))
    sentence = (
        "series 'd' is daily and series 'w' is every 3 days, expected one frequency in a table: "
        "split the table or bring its series to one spacing."
    )
    assert refused(table(rows), schema) == sentence
    hours = [("h", datetime(2024, 1, 1) + timedelta(hours=i), 1.0 + i) for i in range(30)]
    assert refused(table([(n, datetime(d.year, d.month, d.day), y) for n, d, y in rows[:30]] + hours), schema) == (
        "series 'd' is daily and series 'h' is hourly, expected one frequency in a table: "
        "split the table or bring its series to one spacing."
    )
    assert refused(table(rows[30:]), schema) == (
        "series 'w' is every 3 days, expected daily: bring it to that spacing, or name another with freq."
    )


def test_sales_on_some_days_are_daily_with_gaps() -> None:
    rng = np.random.default_rng(0)
    sparse = [date(2024, 1, 1) + timedelta(days=int(i)) for i in np.cumsum(rng.integers(2, 9, 40))]
    rows = [("d", date(2024, 1, 1) + timedelta(days=i), float(i)) for i in range(200)]
    panel = build_panel(
        table([*rows, *(("s", day, float(day.day)) for day in sparse)]), replace(PLAIN, frequency=Frequency("day"))
    )
    assert len(panel) == 2 and np.isnan(panel.series(1).y).any()


def test_cells_that_are_no_numbers() -> None:
    frame = pl.DataFrame({"id": ["a"] * 3, "ds": [1, 2, 3], "y": ["1", "two", "3"]})
    assert refused(frame) == "column 'y' holds 'two' in row 3, expected a number: correct the cell or leave it empty."
    infinite = pl.DataFrame({"id": ["a"] * 3, "ds": [1, 2, 3], "y": [1.0, 2.0, float("inf")]})
    assert (
        refused(infinite)
        == "column 'y' holds 'inf' in row 4, expected a finite number: correct the cell or leave it empty."
    )


def test_times_of_another_kind_than_in_training() -> None:
    frame = pl.DataFrame({"id": ["a"] * 3, "ds": [date(2024, 1, 1 + i) for i in range(3)], "y": [1.0, 2.0, 3.0]})
    assert refused(frame) == "column 'ds' holds time stamps, expected whole numbers as in training."
    assert refused(frame.drop("ds")) == "there is no column 'ds': choose from 'id', 'y'."


def test_a_grid_far_longer_than_its_table_is_refused() -> None:
    frame = pl.DataFrame(
        {"ds": [datetime(2000, 1, 1), datetime(2000, 1, 1, 0, 0, 1), datetime(2024, 1, 1)], "y": [1.0, 2.0, 3.0]}
    )
    assert refused(frame, Schema(None, "ds", "y", frequency=Frequency("second"))) == (
        "3 rows would become 757,382,401 steps at the frequency 'every second', so it seems wrong: "
        "name another with freq, such as 'irregular'."
    )


def test_weekends_are_no_business_days() -> None:
    frame = pl.DataFrame({"ds": [date(2024, 1, 5 + i) for i in range(3)], "y": [1.0, 2.0, 3.0]})
    assert refused(frame, Schema(None, "ds", "y", frequency=Frequency("business day"))) == (
        "series 'y' has a row at 2024-01-06, a weekend, expected business days: use the frequency 'day'."
    )


def test_static_values_belong_to_series() -> None:
    rows = [
        ("a", 1, 1.0, "x"),
        ("a", 2, 2.0, None),
        ("a", 3, 3.0, "x"),
        ("b", 1, 1.0, "z"),
        ("b", 2, 5.0, "z"),
        ("b", 3, 1.0, "z"),
    ]
    schema = replace(PLAIN, static=(Covariate("kind", ("y", "x")),))
    panel = build_panel(table(rows, ("id", "ds", "y", "kind")), schema)
    assert panel.static.tolist() == [[2], [0]]
    assert panel.findings == ("column 'kind' holds categories that are not known ('z' in 3 rows).",)
    mixed = table([*rows[:2], ("a", 3, 3.0, "y")], ("id", "ds", "y", "kind"))
    assert refused(mixed, schema) == (
        "column 'kind' changes within series 'a', expected one value a series: name it as past or future instead of static."
    )


def test_empty_ids_are_refused() -> None:
    assert refused(table([("a", 1, 1.0), (None, 2, 2.0)])) == (
        "column 'id' is empty in row 3, expected the name of a series: fill the cell."
    )


def test_irregular_series_keep_their_stamps() -> None:
    rng = np.random.default_rng(3)
    seconds = np.cumsum(rng.integers(20, 200, 50))
    frame = pl.DataFrame(
        {"ds": [datetime(2024, 1, 1) + timedelta(seconds=int(s)) for s in seconds], "y": rng.normal(size=50)}
    )
    schema = find_roles(frame)
    panel = build_panel(frame, schema)
    assert schema.frequency.unit == "irregular"
    assert panel.times.tolist() == frame["ds"].to_list()
    spacing = schema.frequency.count / 1e6
    assert np.allclose(panel.deltas(), np.append(1.0, np.diff(seconds) / spacing))
    ahead = (panel.future_times(2)[0] - panel.times[-1]) / np.timedelta64(1, "s")
    assert np.allclose(ahead, [spacing, 2 * spacing])


def test_regular_rows_are_a_step_apart() -> None:
    panel = build_panel(table([("a", i, float(i)) for i in range(4)]), PLAIN)
    assert panel.deltas().tolist() == [1, 1, 1, 1]


@given(rows=st.integers(0, 3), seed=st.integers(0, 1000))
def test_a_cut_panel_is_the_panel_of_a_shorter_table(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = pl.DataFrame(
        {"id": ["a"] * 6 + ["b"] * 8, "ds": [*range(6), *range(8)], "y": rng.normal(size=14), "a": rng.normal(size=14)}
    ).with_columns(b=pl.col("a") * 2)
    shorter = whole.with_columns(y=pl.when(pl.col("ds") < pl.col("ds").max().over("id") + 1 - rows).then("y"))
    cut = build_panel(whole, POSITIONS).cut(rows)
    assert same(cut, build_panel(shorter, POSITIONS))
    assert cut.future_rows().tolist() == [rows, rows]
    past_only = replace(POSITIONS, future=())
    assert same(
        build_panel(whole, past_only).cut(np.array([rows, 0])),
        build_panel(
            shorter.filter((pl.col("id") == "b") | pl.col("y").is_not_null()).with_columns(
                y=whole.filter((pl.col("id") == "b") | shorter["y"].is_not_null())["y"]
            ),
            past_only,
        ),
    )


def test_a_cut_longer_than_a_series() -> None:
    panel = build_panel(table([("a", i, float(i)) for i in range(4)]), PLAIN)
    with pytest.raises(DataError) as error:
        panel.cut(4)
    assert str(error.value) == (
        "series 'a' has 4 rows, too few to hold back 4: ask for fewer or shorter windows, or leave the series out."
    )


def test_future_times_follow_each_history() -> None:
    rows = [
        ("a", date(2024, 1, 31), 1.0),
        ("a", date(2024, 2, 29), 2.0),
        ("b", date(2023, 11, 30), 1.0),
        ("b", date(2023, 12, 31), 0.0),
    ]
    panel = build_panel(table(rows), replace(PLAIN, frequency=Frequency("month", anchor=31)), min_length=2)
    assert panel.future_times(2).astype("datetime64[D]").astype(str).tolist() == [
        ["2024-03-31", "2024-04-30"],
        ["2024-01-31", "2024-02-29"],
    ]


def test_select_takes_series_in_order() -> None:
    panel = build_panel(table([(name, i, i + ord(name)) for name in "abc" for i in range(3)]), PLAIN)
    chosen = panel.select([2, 0])
    assert chosen.ids == ("c", "a") and len(chosen) == 2
    assert chosen.y.tolist() == [99, 100, 101, 97, 98, 99] and chosen.offsets.tolist() == [0, 3, 6]


def test_a_table_without_a_time_column() -> None:
    frame = pl.DataFrame({"y": [1.0, None, 3.0, 4.0]})
    panel = build_panel(frame, find_roles(frame))
    assert panel.times.tolist() == [0, 1, 2, 3] and panel.ids == ("y",)
    assert panel.future_times(2).tolist() == [[4, 5]]
