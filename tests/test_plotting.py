"""Charts by what their specification says, files by what is in them, the terminal by its characters."""

from __future__ import annotations

import datetime
import json
import re
import sys

import numpy as np
import polars as pl
import pytest

from ensue import evaluation, plotting
from ensue.errors import DataError, MissingExtraError, StorageError, UsageError
from ensue.plotting import terminal
from ensue.plotting.rows import MOST_POINTS, Tables

altair = pytest.importorskip("altair")
pytest.importorskip("vl_convert")

HOSTILE = "</script><script>alert(1)</script>"
HORIZON = 4


def tables(*names, length=40, start=None):
    """History and forecast of each named series; daily from `start`, or by position."""
    total = length + HORIZON
    ds = list(range(total)) if start is None else [start + datetime.timedelta(days=day) for day in range(total)]
    y = 10 + 3 * np.sin(np.arange(total))
    history = [pl.DataFrame({"unique_id": [name] * length, "ds": ds[:length], "y": y[:length]}) for name in names]
    ahead = y[length:]
    forecast = {"ds": ds[length:], "ensue": ahead}
    for level, half in ((80, 1.0), (95, 2.0)):
        forecast |= {f"ensue-lo-{level}": ahead - half, f"ensue-hi-{level}": ahead + half}
    forecasts = [pl.DataFrame({"unique_id": [name] * HORIZON, **forecast}) for name in names]
    return pl.concat(history), pl.concat(forecasts)


def baseline_of(forecast):
    return forecast.select("unique_id", "ds", pl.lit(9.0).alias("SeasonalNaive"))


def rows_of(chart):
    """All rows a chart draws, of all its panels."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def marks_of(specification):
    """Types of all marks, however deep."""
    if isinstance(specification, list):
        return [mark for each in specification for mark in marks_of(each)]
    if not isinstance(specification, dict):
        return []
    own = [specification["mark"]["type"]] if isinstance(specification.get("mark"), dict) else []
    deeper = (value for key, value in specification.items() if key != "datasets")
    return own + [mark for value in deeper for mark in marks_of(value)]


# ---- the rows ----


def test_history_is_shown_for_six_horizons_or_three_seasons():
    history, forecast = tables("a", length=100)
    for season, shown in ((1, 6 * HORIZON), (12, 36), (50, 100)):
        rows = Tables(history, forecast).rows(["a"], ("80",), season)
        assert rows.filter(kind="Observed").height == shown


def test_history_reaches_back_over_all_folds():
    history, forecast = tables("a", length=100)
    folds = pl.DataFrame({"unique_id": ["a", "a"], "ds": [30, 80], "cutoff": [29, 79], "ensue": [1.0, 2.0]})
    rows = Tables(history, forecast, None, folds).rows(["a"], (), 1)
    assert rows.filter(kind="Observed")["x"].min() == 30 - HORIZON
    assert rows.filter(kind="Backtest")["line"].to_list() == ["29", "79"]


def test_a_long_history_keeps_its_peaks():
    history, forecast = tables("a", length=30_000)
    peak = history.with_columns(y=pl.when(pl.col("ds") == 12_345).then(99.0).otherwise("y"))
    seen = Tables(peak, forecast).rows(["a"], (), 10_000).filter(kind="Observed")
    assert seen.height <= MOST_POINTS
    assert seen.filter(value=99.0)["x"].to_list() == [12_345]
    assert seen["x"].is_sorted()


def test_a_gap_stays_a_gap():
    history, forecast = tables("a")
    missing = pl.when(pl.col("ds") == 30).then(None).when(pl.col("ds") == 31).then(float("nan")).otherwise("y")
    gappy = history.with_columns(y=missing)
    rows = Tables(gappy, forecast).rows(["a"], (), 1).filter(kind="Observed")
    assert rows.filter(pl.col("value").is_null())["x"].to_list() == [30, 31]


def test_the_chart_shows_the_clock_of_the_data():
    history, forecast = tables("a", start=datetime.datetime(2024, 3, 1, tzinfo=datetime.UTC))
    local = [frame.with_columns(pl.col("ds").dt.convert_time_zone("America/New_York")) for frame in (history, forecast)]
    row = Tables(*local).rows(["a"], (), 1).row(-1, named=True)
    assert row["when"] == "2024-04-12 20:00"  # midnight in UTC, after the clocks went forward
    assert datetime.datetime.fromtimestamp(row["x"] / 1000, datetime.UTC).hour == 20
    title = str(plotting.forecast_chart(*local).to_dict())
    assert "time (America/New_York)" in title


def test_what_the_pointer_reads():
    history, forecast = tables("a", start=datetime.date(2024, 1, 1))
    rows = Tables(history, forecast).rows(["a"], ("80", "95"), 1)
    last = rows.row(-1, named=True)
    assert last["when"] == "2024-02-13"
    assert last["says"] == "7.50 (80 %: 6.50 to 8.50, 95 %: 5.50 to 9.50)"
    assert rows.filter(kind="Observed")["says"][-1] == "12.89"


# ---- the charts ----


def test_one_series_is_one_panel_with_all_its_parts():
    history, forecast = tables("a", start=datetime.date(2024, 1, 1))
    chart = plotting.forecast_chart(history, forecast, baseline_of(forecast), title="Load", y_title="load (MW)")
    specification = chart.to_dict()
    assert specification["title"]["text"] == "Load"
    assert specification["title"]["subtitle"] == ["a: median with 80 and 95\u00a0% bands"]
    assert marks_of(specification) == ["area", "area", "line", "point"]  # bands, lines, pointer
    assert {row["kind"] for row in rows_of(chart)} == {"Observed", "Ensue (median)", "Seasonal naive"}
    lines = next(layer for layer in specification["layer"] if layer["mark"]["type"] == "line")
    assert lines["encoding"]["y"]["title"] == "load (MW)"
    assert lines["encoding"]["x"]["title"] == "date"
    scale = lines["encoding"]["strokeDash"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True))["Seasonal naive"] == [5, 4]
    assert [each["name"] for each in specification["params"]] == ["near_0", "zoom_0"]


def test_without_bands_there_is_no_area():
    history, forecast = tables("a")
    chart = plotting.forecast_chart(history, forecast.select("unique_id", "ds", "ensue"))
    assert marks_of(chart.to_dict()) == ["line", "point"]


def test_six_series_are_six_panels_and_seven_are_a_list():
    panels = plotting.forecast_chart(*tables(*"abcdef")).to_dict()
    assert [panel["title"]["text"] for panel in panels["concat"]] == list("abcdef")
    choice = plotting.forecast_chart(*tables(*"abcdefg")).to_dict()
    listed = next(each for each in choice["params"] if each["name"] == "series")
    assert listed["bind"]["options"] == list("abcdefg")


def test_a_list_has_fifty_series_and_says_so():
    chart = plotting.forecast_chart(*tables(*(f"s{number}" for number in range(60)), length=10))
    assert chart.to_dict()["title"]["subtitle"] == [
        "50 series to choose from below the chart, the first of 60: median with 80 and 95\u00a0% bands"
    ]
    assert len({row["id"] for row in rows_of(chart)}) == 50


def test_more_rows_than_altair_lets_through_are_drawn():
    chart = plotting.forecast_chart(*tables(*(f"s{number}" for number in range(8)), length=1000), season=1000)
    assert len(rows_of(chart)) == 8 * (1000 + HORIZON)  # Altair refuses tables of more than 5,000


@pytest.mark.parametrize(
    ("drop", "sentence"),
    [
        ("y", "the table of history has no column 'y', expected unique_id, ds and y."),
        ("ensue", "the table of forecasts has no column 'ensue', expected unique_id, ds and ensue."),
    ],
)
@pytest.mark.parametrize("draw", [plotting.forecast_chart, plotting.terminal_chart])
def test_a_table_without_a_column_is_refused(draw, drop, sentence):
    history, forecast = (frame.drop(drop, strict=False) for frame in tables("a"))
    with pytest.raises(DataError) as error:
        draw(history, forecast)
    assert str(error.value) == sentence


def test_a_table_without_rows_is_refused():
    history, forecast = tables("a")
    with pytest.raises(DataError) as error:
        plotting.forecast_chart(history, forecast.clear())
    assert str(error.value) == "the table of forecasts has no rows, expected one or more: there is nothing to draw."


@pytest.fixture
def backtest():
    rng = np.random.default_rng(0)
    rows = [
        {
            "unique_id": name,
            "ds": cutoff + step,
            "cutoff": cutoff,
            "y": 5 + rng.normal(),
            "ensue": 5.0,
            "SeasonalNaive": 6.0,
        }
        for name in ("a", HOSTILE)
        for cutoff in (10, 13, 16, 19)
        for step in (1, 2, 3)
    ]
    table = pl.DataFrame(rows).with_columns(
        (pl.col("ensue") - 1).alias("ensue-lo-80"), (pl.col("ensue") + 1).alias("ensue-hi-80")
    )
    return evaluation.score_forecasts(table, {"a": 1.0, HOSTILE: 2.0}, season=7)


def test_a_backtest_is_a_picture_with_its_sentence(backtest, tmp_path):
    chart = plotting.backtest_chart(backtest)
    assert "".join(chart.to_dict()["title"]["subtitle"]).replace("\u00a0", " ").startswith("Ensue")
    assert {row.get("model") for row in rows_of(chart)} == {None, "Ensue", "Seasonal naive"}
    held = [row["held"] for row in rows_of(chart) if "held" in row]
    assert held == backtest.by_step.filter(model="ensue")["coverage-80"].to_list()
    plotting.save_chart(chart, tmp_path / "backtest.png")
    assert (tmp_path / "backtest.png").read_bytes().startswith(b"\x89PNG\r\n")


# ---- the files ----


def test_a_page_holds_everything_and_asks_the_network_for_nothing(tmp_path):
    plotting.save_chart(plotting.forecast_chart(*tables("a")), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    head, body = page.partition("<script>")[0], page.rpartition("</head>")[2]
    assert not re.search(r"\b(src|href)\s*=", head + body)
    assert "default-src 'none'" in head
    assert "window.vegaEmbed" in page


@pytest.mark.parametrize("names", [(HOSTILE,), (HOSTILE, "b"), (HOSTILE, *"bcdefgh")], ids=["one", "panels", "list"])
def test_markup_in_names_stays_text(names, tmp_path):
    history, forecast = tables(*names)
    named = baseline_of(forecast).rename({"SeasonalNaive": "<img src=x onerror=alert(2)>"})
    chart = plotting.forecast_chart(history, forecast, named, title=f"{HOSTILE}&", y_title="<!--<script>")
    plotting.save_chart(chart, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("<script>") == page.count("</script>") == 2  # the libraries and the chart
    body = page.rpartition("</head>")[2]  # the libraries above it have strings with markup of their own
    assert "<img" not in body
    assert "<!--" not in body
    assert "<title>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;</title>" in page
    assert "\\u003c/script\\u003e" in page
    (embedded,) = re.findall(r'vegaEmbed\("#chart", (\{.*\}), \{"mode"', page)
    assert json.loads(embedded) == chart.to_dict()
    plotting.save_chart(chart, tmp_path / "picture.svg")
    assert "<script" not in (tmp_path / "picture.svg").read_text("utf-8")


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG\r\n"), ("a.SVG", b"<svg ")])
def test_pictures_begin_as_they_should(name, begins, tmp_path):
    plotting.save_chart(plotting.forecast_chart(*tables("a", start=datetime.date(2024, 1, 1))), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_another_ending_is_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "chart.pdf"
    with pytest.raises(UsageError) as error:
        plotting.save_chart(plotting.forecast_chart(*tables("a")), path)
    assert str(error.value) == f"cannot save a chart as '{path}': expected a name ending in .html, .png or .svg."
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError):
        plotting.save_chart(plotting.forecast_chart(*tables("a")), tmp_path / "nowhere" / "chart.svg")


def test_missing_libraries_are_named(monkeypatch, tmp_path):
    chart = plotting.forecast_chart(*tables("a"))
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(MissingExtraError) as error:
        plotting.save_chart(chart, tmp_path / "chart.svg")
    assert str(error.value) == (
        "Saving a chart needs the package 'vl-convert-python', which is not installed: "
        "install it with pip install 'ensue[plot]'."
    )
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(MissingExtraError) as error:
        plotting.forecast_chart(*tables("a"))
    assert str(error.value) == (
        "A chart needs the package 'altair', which is not installed: install it with pip install 'ensue[plot]'."
    )


# ---- the terminal ----

by_both = pytest.mark.parametrize("plotext", [True, False], ids=["plotext", "braille"])


@pytest.fixture
def choose(monkeypatch):
    def choose(plotext):
        if plotext:
            pytest.importorskip("plotext", minversion="6")
        else:
            monkeypatch.setitem(sys.modules, "plotext", None)

    return choose


@by_both
@pytest.mark.parametrize("width", [40, 100])
def test_the_terminal_gets_a_chart_of_its_width(plotext, width, choose):
    choose(plotext)
    text = plotting.terminal_chart(*tables("a", start=datetime.date(2024, 1, 1)), width)
    lines = text.splitlines()
    assert lines[0] == "a: observed, then the forecast (median, 80 % band)"
    assert len(lines) == 1 + terminal.HEIGHT
    assert max(map(len, lines[1:])) <= width
    assert max(map(len, lines[1:])) > width - 3
    assert "░" in text
    assert re.search("[\u2801-\u28ff]", text)
    assert "2024-01-17" in text


@by_both
def test_colours_only_where_they_are_wanted(plotext, choose, monkeypatch):
    choose(plotext)
    drawn = tables("a")
    assert "\x1b[" not in plotting.terminal_chart(*drawn)  # pytest's stdout is no terminal
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in plotting.terminal_chart(*drawn)
    monkeypatch.delenv("NO_COLOR")
    if plotext:
        assert "\x1b[" in plotting.terminal_chart(*drawn)
        assert re.sub(r"\x1b\[[0-9;]*m", "", plotting.terminal_chart(*drawn)) == plotting.terminal_chart(
            *drawn, colour=False
        )


@by_both
def test_awkward_series_can_be_drawn(plotext, choose):
    choose(plotext)
    history, forecast = tables("a")
    flat = forecast.select("unique_id", "ds", pl.lit(7.0).alias("ensue"))
    for y in (pl.lit(7.0), pl.lit(None, pl.Float64), pl.when(pl.col("ds") % 2 == 0).then(7.0)):
        assert len(plotting.terminal_chart(history.with_columns(y=y), flat, 60).splitlines()) == 1 + terminal.HEIGHT
    assert len(plotting.terminal_chart(history.clear(), forecast.head(1), 60).splitlines()) == 1 + terminal.HEIGHT


@by_both
def test_the_picture_rises_where_the_series_rises(plotext, choose):
    choose(plotext)
    history, forecast = tables("a")
    rising = history.with_columns(y=pl.col("ds").cast(pl.Float64))
    lines = plotting.terminal_chart(
        rising, forecast.select("unique_id", "ds", pl.col("ds").cast(pl.Float64).alias("ensue")), 60
    )
    columns = [match.start() for line in lines.splitlines() if (match := re.search("[\u2801-\u28ff]", line))]
    assert columns == sorted(columns, reverse=True)
    assert len(set(columns)) > 10


def test_other_series_are_counted():
    last = plotting.terminal_chart(*tables("a", "b", "c"), 60).splitlines()[-1]
    assert last == "2 more series are not drawn here: save the picture as .html to see them."
