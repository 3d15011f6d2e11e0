"""Pictures of forecasts and backtests: Altair charts to look at, change and save.

A function takes tables and returns a chart; `save_chart` writes it as a page that needs no network, a PNG or an SVG.
Altair and vl-convert come with the extra `plot` and are imported inside the functions. `terminal_chart` draws without
them.

A history table has `unique_id, ds, y`; a forecast table `unique_id, ds, ensue` and the edges of its bands, such as
`ensue-lo-80, ensue-hi-80`; a baseline table `unique_id, ds` and one column of forecasts; a table of folds is the
`forecasts` of a backtest.
"""

from __future__ import annotations

import html
import json
import math
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ensue.errors import DataError, MissingExtraError, UsageError
from ensue.storage import write_atomically
from ensue.terminal_plot import terminal_chart

if TYPE_CHECKING:
    import altair
    import polars

    from ensue.evaluation import Backtest

__all__ = ["backtest_chart", "forecast_chart", "save_chart", "terminal_chart"]

MOST_PANELS = 6
"""Series drawn side by side; more get a list to choose from."""
MOST_CHOICES = 50
"""Series in that list; more make the page slow."""
MOST_POINTS = 2000
"""Points of history drawn a series; of more, the extremes of equal stretches are kept."""

OBSERVED, ENSUE, FOLD, BASELINE = "Observed", "Ensue (median)", "Backtest", "Baseline"
NAMES = {"ensue": "Ensue", "SeasonalNaive": "Seasonal naive"}
# Told apart by colour-blind eyes too (Okabe & Ito 2008, with a grey for what is only a ghost).
COLOURS = {OBSERVED: "#27303b", ENSUE: "#0072b2", FOLD: "#d55e00", BASELINE: "#8b929b"}
MODEL_COLOURS = ("#0072b2", "#8b929b", "#d55e00", "#009e73", "#cc79a7")
BAND_COLOURS = ("#9ccaea", "#d3e6f4", "#e8f2f9")  # narrowest first
INK, MUTED, GRID = "#1b222b", "#5d6773", "#e9edf1"


def forecast_chart(
    history: polars.DataFrame,
    forecast: polars.DataFrame,
    baseline: polars.DataFrame | None = None,
    folds: polars.DataFrame | None = None,
    *,
    title: str | None = None,
    y_title: str = "y",
    season: int = 1,
) -> altair.TopLevelMixin:
    """History, forecast and bands of each series; drag to pan, scroll to zoom, hover for the numbers.

    Up to 6 series are panels of one picture; more become one panel and a list of the first 50 to choose from. The
    history shown is the last 6 horizons, 3 seasons or all folds, whichever is longest.

    Args:
        baseline: Drawn as a dashed grey ghost, such as seasonal naive's forecast.
        folds: Past forecasts of a backtest, a thin line a cutoff.
        title: Above the picture; says how many steps are forecast unless given.
        y_title: Name and unit of the target, such as 'temperature (°C)'.
        season: Steps of a season, for the length of history shown.

    Raises:
        DataError: A table without its columns, or without rows. MissingExtraError: Altair is not installed.
    """
    alt = _altair()
    _check(history, forecast)
    ids = [str(name) for name in forecast["unique_id"].unique(maintain_order=True)]
    look = _look(alt, forecast, y_title)
    rows = _Tables(history, forecast, baseline, folds).rows(ids[:MOST_CHOICES], look.levels, season)
    longest = int(forecast["unique_id"].value_counts()["count"].to_numpy().max())
    heading = title or f"Forecast of the next {longest} steps"
    said = "median" + (f" with {' and '.join(look.levels)} % bands" if look.levels else "")
    if len(ids) == 1:
        return _finished(_panel(look, rows, (760, 340)), heading, f"{ids[0]}: {said}")
    if len(ids) <= MOST_PANELS:
        panels = [_panel(look, rows.filter(id=name), (420, 190), tag) for tag, name in enumerate(ids)]
        return _finished(alt.concat(*panels, columns=2, spacing=28), heading, f"{len(ids)} series: {said}")
    first = f", the first of {len(ids)}" if len(ids) > MOST_CHOICES else ""
    said = f"{said}; choose one of {min(len(ids), MOST_CHOICES)} series below the chart{first}"
    return _finished(_choice(look, rows, ids[:MOST_CHOICES]), heading, said)


def backtest_chart(backtest: Backtest, *, title: str | None = None, y_title: str = "y") -> altair.TopLevelMixin:
    """The backtest at a glance: its forecasts over what came, the error of each step, and what the bands held.

    The upper panel shows the first series; the lower ones all of them, step by step of the horizon: MASE of each model,
    and the share of values inside Ensue's bands beside what they promise (dashed). Raises as `forecast_chart` does.
    """
    alt = _altair()
    name = backtest.forecasts["unique_id"][0]
    one = backtest.forecasts.filter(unique_id=name)
    observed = one.select("unique_id", "ds", "y").unique(["ds"], keep="first").sort("ds")
    look = _look(alt, one, y_title)
    rows = _Tables(observed, one).rows([str(name)], look.levels, season=len(observed))
    folds = _panel(look, rows, (860, 220)).properties(title=f"{name}: what came, and what was forecast at each cutoff")
    lower = [_error_panel(alt, backtest)] + ([_coverage_panel(alt, backtest, look.levels)] if look.levels else [])
    chart = alt.vconcat(folds, alt.hconcat(*lower, spacing=48), spacing=28)
    return _finished(chart.resolve_scale(color="independent"), title or "Backtest", backtest.sentence)


def save_chart(chart: altair.TopLevelMixin, path: str | os.PathLike[str]) -> None:
    """Write a chart as `.html` (one page, no network needed), `.png` (twice the pixels) or `.svg`.

    The file is written whole or not at all. Raises UsageError for another ending, StorageError where it cannot be
    written, MissingExtraError where vl-convert is not installed.
    """
    kind = Path(path).suffix.lower()
    if kind not in (".html", ".png", ".svg"):
        raise UsageError(f"cannot save a chart as '{os.fspath(path)}': expected a name ending in .html, .png or .svg.")
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("Saving a chart", "vl-convert-python", "plot") from error
    specification = chart.to_dict()
    version = _altair().SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    if kind == ".png":
        content = vl_convert.vegalite_to_png(specification, vl_version=version, scale=2)
    elif kind == ".svg":
        content = vl_convert.vegalite_to_svg(specification, vl_version=version).encode()
    else:
        content = _page(specification, vl_convert.javascript_bundle(vl_version=version)).encode()

    def write(file: BinaryIO) -> None:
        file.write(content)

    write_atomically(path, write)


# ---- the page ----


def _page(specification: dict[str, Any], bundle: str) -> str:
    """One page with the libraries and the chart inside; its policy lets it ask the network for nothing."""
    title = specification.get("title") or "Ensue"
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'"
    )
    options = {"mode": "vega-lite", "renderer": "svg", "actions": {"export": True, "source": False, "editor": False}}
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(str(title["text"] if isinstance(title, dict) else title))}</title>
<style>
body {{ margin: 2rem auto; max-width: 62rem; padding: 0 1rem; font: 14px system-ui, sans-serif; color: {INK}; }}
.vega-bind {{ margin-top: 1rem; }}
.vega-bind select {{ font: inherit; padding: .25rem; margin-left: .5rem; }}
</style>
<script>{bundle}</script>
</head>
<body>
<main id="chart"></main>
<script>
vegaEmbed("#chart", {_script_json(specification)}, {_script_json(options)})
  .catch(error => {{ document.getElementById("chart").textContent = String(error); }});
</script>
</body>
</html>
"""


def _script_json(value: Any) -> str:
    """JSON for inside a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=True)  # also escapes U+2028 and U+2029, line ends in older JavaScript
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# ---- the rows of a chart ----


def _check(history: polars.DataFrame, forecast: polars.DataFrame) -> None:
    for name, frame, needed in (("history", history, "y"), ("forecasts", forecast, "ensue")):
        missing = [column for column in ("unique_id", "ds", needed) if column not in frame.columns]
        if missing:
            raise DataError(f"the table of {name} has no column '{missing[0]}', expected unique_id, ds and {needed}.")
    if forecast.is_empty():
        raise DataError("the table of forecasts has no rows, expected one or more: there is nothing to draw.")


def _levels(forecast: polars.DataFrame) -> tuple[str, ...]:
    """Levels of Ensue's bands, narrowest first."""
    names = [name.removeprefix("ensue-lo-") for name in forecast.columns if name.startswith("ensue-lo-")]
    return tuple(sorted((level for level in names if f"ensue-hi-{level}" in forecast.columns), key=float))


@dataclass(frozen=True)
class _Tables:
    """What is drawn, as it was given."""

    history: polars.DataFrame
    forecast: polars.DataFrame
    baseline: polars.DataFrame | None = None
    folds: polars.DataFrame | None = None

    def rows(self, ids: list[str], levels: tuple[str, ...], season: int) -> polars.DataFrame:
        """A row a point: id, x, when, kind, value, line (what one line joins), and the edges and text of the bands."""
        import polars

        parts = []
        for name in ids:
            history, forecast, baseline, folds = (_of(table, name) for table in self._all())
            parts += [_part(_recent(history, forecast, folds, season), "y", OBSERVED), _part(folds, "ensue", FOLD)]
            named = next((each for each in baseline.columns if each not in ("unique_id", "ds", "cutoff", "y")), "")
            parts += [_part(baseline, named, NAMES.get(named, named)), _part(forecast, "ensue", ENSUE, levels)]
        return _said(_timed(polars.concat([part for part in parts if part.height], how="diagonal_relaxed")), levels)

    def _all(self) -> tuple[polars.DataFrame, ...]:
        nothing = self.forecast.select("unique_id", "ds").clear()
        extras = (nothing if each is None else each for each in (self.baseline, self.folds))
        return (self.history, self.forecast, *extras)


def _of(table: polars.DataFrame, name: str) -> polars.DataFrame:
    import polars

    return table.filter(polars.col("unique_id").cast(polars.String) == name).sort("ds")


def _recent(
    history: polars.DataFrame, forecast: polars.DataFrame, folds: polars.DataFrame, season: int
) -> polars.DataFrame:
    """The end of the history: 6 horizons, 3 seasons or all folds, whichever is longest."""
    horizon = forecast.height
    length = max(6 * horizon, 3 * season)
    if folds.height:
        since = history.filter(history["ds"] >= folds["ds"].min()).height
        length = max(length, since + horizon)
    return _thinned(history.tail(length))


def _thinned(history: polars.DataFrame) -> polars.DataFrame:
    """At most `MOST_POINTS` rows: of equal stretches the lowest and the highest, so that no peak is lost."""
    if history.height <= MOST_POINTS:
        return history
    stretch = (np.arange(history.height) * (MOST_POINTS // 2)) // history.height
    order = np.lexsort((history["y"].fill_null(math.nan).to_numpy(), stretch))  # NaN sorts last
    first = np.searchsorted(stretch, np.unique(stretch))
    seen = np.bincount(stretch, np.isfinite(history["y"].fill_null(math.nan).to_numpy())).astype(int)
    kept = np.unique(np.r_[order[first], order[first + np.maximum(seen - 1, 0)]])
    return history[kept]


def _part(table: polars.DataFrame, column: str, kind: str, levels: tuple[str, ...] = ()) -> polars.DataFrame:
    """The rows of one kind."""
    import polars

    if not table.height:
        return table.clear()
    line = polars.col("cutoff").cast(polars.String) if "cutoff" in table.columns else polars.lit("")
    edges = [
        polars.col(f"ensue-{edge}-{level}").cast(polars.Float64).alias(f"{edge}_{place}")
        for place, level in enumerate(levels)
        for edge in ("lo", "hi")
    ]
    value = polars.col(column).cast(polars.Float64).fill_nan(None).alias("value")
    name = polars.col("unique_id").cast(polars.String).alias("id")
    return table.select(name, "ds", polars.lit(kind).alias("kind"), line.alias("line"), value, *edges)


def _timed(rows: polars.DataFrame) -> polars.DataFrame:
    """`ds` as a number to draw (`x`, stamps in ms as if UTC) and a text to read (`when`)."""
    import polars

    stamp = polars.col("ds")
    if not rows["ds"].dtype.is_temporal():
        return rows.with_columns(stamp.alias("x"), stamp.cast(polars.String).alias("when")).drop("ds")
    if isinstance(rows["ds"].dtype, polars.Datetime):
        stamp = stamp.dt.replace_time_zone(None)  # the chart shows the clock of the data, wherever it is opened
    stamp = stamp.cast(polars.Datetime("ms"))
    daily = rows.select((stamp.dt.time() == polars.time(0)).all()).item()
    text = stamp.dt.strftime("%Y-%m-%d" if daily else "%Y-%m-%d %H:%M")
    return rows.with_columns(stamp.dt.epoch("ms").alias("x"), text.alias("when")).drop("ds")


# ---- the marks ----


@dataclass(frozen=True)
class _Look:
    """What all panels of a picture share."""

    alt: Any
    levels: tuple[str, ...]
    x_type: str
    x_title: str
    y_title: str


def _look(alt: Any, forecast: polars.DataFrame, y_title: str) -> _Look:
    import polars

    kind = forecast["ds"].dtype
    zone = getattr(kind, "time_zone", None)
    title = "step" if not kind.is_temporal() else "date" if kind == polars.Date else "time"
    title += f" ({zone})" if zone else ""
    return _Look(alt, _levels(forecast), "T" if kind.is_temporal() else "Q", title, y_title)


def _panel(look: _Look, rows: polars.DataFrame, size: tuple[int, int], tag: int | None = None) -> Any:
    """One set of axes with everything of one series; `tag` tells it from the other panels, and titles it."""
    alt = look.alt
    # Rows as plain data, since Altair refuses tables of more than 5,000 rows.
    base = alt.Chart(alt.Data(values=rows.drop("id").to_dicts()), width=size[0], height=size[1])
    panel = _layers(look, base, rows, tag or 0)
    return panel if tag is None else panel.properties(title=rows["id"][0])


def _choice(look: _Look, rows: polars.DataFrame, ids: list[str]) -> Any:
    """One panel, and a list to choose its series from."""
    alt = look.alt
    listed = alt.param(name="series", value=ids[0], bind=alt.binding_select(options=ids, name="Series"))
    base = alt.Chart(alt.Data(values=rows.to_dicts()), width=760, height=340)
    shown = base.transform_filter("datum.id === series")
    return _layers(look, shown, rows).add_params(listed).properties(title=alt.Title(text=alt.expr("series")))


def _layers(look: _Look, base: Any, rows: polars.DataFrame, tag: int = 0) -> Any:
    """Bands, widest first; then the lines; then what answers the pointer."""
    alt = look.alt
    kinds = rows["kind"].unique(maintain_order=True).to_list()
    horizontal = alt.Scale(nice=False, type="utc") if look.x_type == "T" else alt.Scale(nice=False, zero=False)
    x = alt.X(f"x:{look.x_type}", title=look.x_title, scale=horizontal, axis=alt.Axis(grid=False, tickCount=7))
    colour = [COLOURS.get(kind, COLOURS[BASELINE]) for kind in kinds]
    dash = [[1, 0] if kind in COLOURS else [5, 4] for kind in kinds]
    legend = alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=2.5)
    lines = base.transform_filter("isValid(datum.value)").mark_line(clip=True, interpolate="linear")
    lines = lines.encode(
        x=x,
        y=alt.Y("value:Q", title=look.y_title, scale=alt.Scale(zero=False)),
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=colour), legend=legend),
        strokeDash=alt.StrokeDash("kind:N", scale=alt.Scale(domain=kinds, range=dash), legend=legend),
        strokeWidth=alt.condition(f"datum.kind === '{ENSUE}'", alt.value(2.2), alt.value(1.4)),
        detail="line:N",
    )
    return alt.layer(*_bands(look, base, x), lines, _hover(look, base, x, tag))


def _bands(look: _Look, base: Any, x: Any) -> list[Any]:
    alt = look.alt
    labels = [f"{level} % band" for level in look.levels]
    shades = [BAND_COLOURS[min(place, len(BAND_COLOURS) - 1)] for place in range(len(labels))]
    scale = alt.Scale(domain=labels, range=shades)
    forecast = base.transform_filter(f"datum.kind === '{ENSUE}'")
    return [
        forecast.transform_calculate(band=f"'{labels[place]}'")
        .mark_area(clip=True)
        .encode(
            x=x,
            y=alt.Y(f"lo_{place}:Q", title=look.y_title),
            y2=f"hi_{place}:Q",
            fill=alt.Fill("band:N", scale=scale, legend=alt.Legend(title=None, symbolStrokeWidth=0)),
            detail="line:N",
        )
        for place in reversed(range(len(labels)))
    ]


def _hover(look: _Look, base: Any, x: Any, tag: int) -> Any:
    """The point nearest to the pointer, with what it says; its layer also carries pan and zoom, along x.

    Both live in one layer, since Vega-Lite makes their signals twice where two layers of a panel have parameters.
    """
    alt = look.alt
    zoom = alt.selection_interval(name=f"zoom_{tag}", bind="scales", encodings=["x"])
    near = alt.selection_point(name=f"near_{tag}", on="pointerover", nearest=True, empty=False, clear="pointerout")
    tooltip = [
        alt.Tooltip("when:N", title=look.x_title),
        alt.Tooltip("kind:N", title=" "),
        alt.Tooltip("says:N", title="value"),
    ]
    points = base.transform_filter("isValid(datum.value)").mark_point(filled=True, size=70, color=INK, clip=True)
    opacity = alt.condition(near, alt.value(0.9), alt.value(0))
    return points.encode(x=x, y="value:Q", tooltip=tooltip, opacity=opacity).add_params(near, zoom)


def _said(rows: polars.DataFrame, levels: tuple[str, ...]) -> polars.DataFrame:
    """`says`: the value, and for a forecast its bands, with digits enough for the largest."""
    import polars

    peak = float(np.nanmax(np.abs(rows["value"].fill_null(0.0).to_numpy()), initial=0.0))
    digits = min(max(3 - math.floor(math.log10(peak)), 0), 12) if peak > 0 else 0

    def text(row: dict[str, Any]) -> str:
        if row["value"] is None:
            return ""
        bands = [
            f"{level} %: {row[f'lo_{place}']:,.{digits}f} to {row[f'hi_{place}']:,.{digits}f}"
            for place, level in enumerate(levels)
            if row[f"lo_{place}"] is not None and row[f"hi_{place}"] is not None
        ]
        return f"{row['value']:,.{digits}f}" + (f" ({', '.join(bands)})" if bands else "")

    return rows.with_columns(polars.Series("says", [text(row) for row in rows.iter_rows(named=True)]))


def _error_panel(alt: Any, backtest: Backtest) -> Any:
    """MASE of each model by step of the horizon."""
    table = backtest.by_step.select("model", "step", "MAE", "MASE")
    measure = "MASE" if table["MASE"].is_not_nan().any() else "MAE"
    models = table["model"].unique(maintain_order=True).to_list()
    rows = [row | {"model": NAMES.get(row["model"], row["model"])} for row in table.fill_nan(None).to_dicts()]
    scale = alt.Scale(domain=[NAMES.get(model, model) for model in models], range=list(MODEL_COLOURS[: len(models)]))
    base = alt.Chart(alt.Data(values=rows), width=390, height=200, title="Error by step of the horizon")
    return base.mark_line(point=len(rows) == len(models), strokeWidth=2).encode(
        x=alt.X("step:Q", title="step of the horizon", axis=alt.Axis(grid=False, tickMinStep=1)),
        y=alt.Y(f"{measure}:Q", title=measure),
        color=alt.Color("model:N", scale=scale, legend=alt.Legend(title=None, symbolType="stroke")),
        tooltip=["model:N", "step:Q", alt.Tooltip(f"{measure}:Q", format=".3f")],
    )


def _coverage_panel(alt: Any, backtest: Backtest, levels: tuple[str, ...]) -> Any:
    """Share of values inside Ensue's bands by step, and what the bands promise."""
    table = backtest.by_step.filter(model="ensue").fill_nan(None)
    rows = [
        {
            "band": f"{level} % band",
            "step": row["step"],
            "held": row[f"coverage-{level}"],
            "promised": float(level) / 100,
        }
        for level in levels
        for row in table.iter_rows(named=True)
    ]
    labels = [f"{level} % band" for level in levels]
    scale = alt.Scale(domain=labels, range=["#0072b2", "#56b4e9", "#009e73"][: len(labels)])
    base = alt.Chart(
        alt.Data(values=rows), width=390, height=200, title="Values inside Ensue's bands, and promised (dashed)"
    )
    x = alt.X("step:Q", title="step of the horizon", axis=alt.Axis(grid=False, tickMinStep=1))
    colour = alt.Color("band:N", scale=scale, legend=alt.Legend(title=None, symbolType="stroke"))
    y = alt.Y("held:Q", title="share inside", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    tooltip = ["band:N", "step:Q", alt.Tooltip("held:Q", format=".0%"), alt.Tooltip("promised:Q", format=".0%")]
    held = base.mark_line(point=table.height == 1, strokeWidth=2).encode(x=x, y=y, color=colour, tooltip=tooltip)
    return base.mark_line(strokeDash=[5, 4], strokeWidth=1).encode(x=x, y="promised:Q", color=colour) + held


def _finished(chart: Any, title: str, subtitle: str) -> Any:
    """Title, subtitle and the quiet clothes all pictures wear."""
    import altair as alt

    lines = textwrap.wrap(subtitle, 120)
    heading = alt.Title(title, subtitle=lines, anchor="start", offset=16)
    quiet = {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 12,
    }
    return (
        chart.properties(title=heading, padding=16, background="white")
        .configure_view(stroke=None)
        .configure_axis(
            gridColor=GRID, domainColor="#c9cfd6", tickColor="#c9cfd6", labelPadding=4, titlePadding=8, **quiet
        )
        .configure_title(fontSize=17, color=INK, subtitleFontSize=12, subtitleColor=MUTED, subtitlePadding=6)
        .configure_legend(orient="top", direction="horizontal", labelColor=INK, labelFontSize=12, columnPadding=18)
    )


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise MissingExtraError("A chart", "altair", "plot") from error
    return altair
