"""The charts: history, bands, forecast and baseline of one or many series, and a backtest at a glance."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ensue.errors import MissingExtraError
from ensue.plotting.rows import ENSUE, FOLD, NAMES, OBSERVED, Tables, band_levels, check

if TYPE_CHECKING:
    import altair
    import polars

    from ensue.evaluation import Backtest

MOST_PANELS = 6
"""Series drawn side by side; more get a list to choose from."""
MOST_CHOICES = 50
"""Series in that list; more make the page slow."""

# Told apart by colour-blind eyes too (Okabe & Ito 2008), with a grey for what is only a ghost.
COLOURS = {OBSERVED: "#27303b", ENSUE: "#0072b2", FOLD: "#d55e00"}
BASELINE_COLOUR = "#8b929b"
MODEL_COLOURS = ("#0072b2", "#8b929b", "#d55e00", "#009e73", "#cc79a7")
BAND_COLOURS = ("#9ccaea", "#d3e6f4", "#e8f2f9")  # narrowest first
INK, MUTED, GRID = "#1b222b", "#5d6773", "#e9edf1"
SWATCH = "M-1,-0.5H1V0.5H-1Z"
"""The band's sign in the legend: a rectangle as wide and high as the line of the other signs needs."""


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

    >>> import polars
    >>> history = polars.DataFrame({"unique_id": ["a"] * 3, "ds": [1, 2, 3], "y": [2.0, 3.0, 5.0]})
    >>> forecast = polars.DataFrame({"unique_id": ["a"] * 2, "ds": [4, 5], "ensue": [6.0, 7.0]})
    >>> forecast_chart(history, forecast).to_dict()["title"]["text"]
    'Forecast of the next 2 steps'
    """
    alt = _altair()
    check(history, forecast)
    ids = [str(name) for name in forecast["unique_id"].unique(maintain_order=True)]
    look = _look(alt, forecast, y_title)
    rows = Tables(history, forecast, baseline, folds).rows(ids[:MOST_CHOICES], look.levels, season)
    longest = int(forecast["unique_id"].value_counts()["count"].to_numpy().max())
    heading = title or f"Forecast of the next {longest} steps"
    said = "median" + (f" with {' and '.join(look.levels)} % bands" if look.levels else "")
    if len(ids) == 1:
        return _finished(_panel(look, rows, (760, 340)), heading, f"{ids[0]}: {said}")
    if len(ids) <= MOST_PANELS:
        panels = [_panel(look, rows.filter(id=name), (420, 190), tag) for tag, name in enumerate(ids)]
        return _finished(alt.concat(*panels, columns=2, spacing=28), heading, f"{len(ids)} series: {said}")
    first = f", the first of {len(ids)}" if len(ids) > MOST_CHOICES else ""
    said = f"{min(len(ids), MOST_CHOICES)} series to choose from below the chart{first}: {said}"
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
    rows = Tables(observed, one).rows([str(name)], look.levels, season=len(observed))
    heading = _heading(alt, f"{name}: what came, and what was forecast at each cutoff")
    folds = _panel(look, rows, (860, 220)).properties(title=heading)
    lower = [_error_panel(alt, backtest)] + ([_coverage_panel(alt, backtest, look.levels)] if look.levels else [])
    apart = {"color": "independent", "strokeDash": "independent", "fill": "independent"}
    below = alt.hconcat(*lower, spacing=56).resolve_scale(**apart)
    return _finished(
        alt.vconcat(folds, below, spacing=28).resolve_scale(**apart), title or "Backtest", backtest.sentence
    )


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
    return _Look(alt, band_levels(forecast), "T" if kind.is_temporal() else "Q", title, y_title)


def _panel(look: _Look, rows: polars.DataFrame, size: tuple[int, int], tag: int | None = None) -> Any:
    """One set of axes with everything of one series; `tag` tells it from the other panels, and titles it."""
    alt = look.alt
    # Rows as plain data: Altair refuses tables of more than 5,000 rows, and checks its own data objects row by row.
    base = alt.Chart({"values": rows.drop("id").to_dicts()}, width=size[0], height=size[1])
    panel = _layers(look, base, rows, tag or 0)
    return panel if tag is None else panel.properties(title=_heading(alt, rows["id"][0]))


def _choice(look: _Look, rows: polars.DataFrame, ids: list[str]) -> Any:
    """One panel, and a list to choose its series from."""
    alt = look.alt
    listed = alt.param(name="series", value=ids[0], bind=alt.binding_select(options=ids, name="Series"))
    base = alt.Chart({"values": rows.to_dicts()}, width=760, height=340)
    shown = base.transform_filter("datum.id === series")
    chart = _layers(look, shown, rows).properties(title=_heading(alt, alt.expr("series")))
    return alt.concat(chart).add_params(listed)


def _layers(look: _Look, base: Any, rows: polars.DataFrame, tag: int = 0) -> Any:
    """Bands, widest first; then the lines; then what answers the pointer."""
    alt = look.alt
    kinds = rows["kind"].unique(maintain_order=True).to_list()
    horizontal = alt.Scale(nice=False, type="utc") if look.x_type == "T" else alt.Scale(nice=False, zero=False)
    x = alt.X(
        f"x:{look.x_type}",
        title=look.x_title,
        scale=horizontal,
        axis=alt.Axis(grid=False, tickCount=7, labelFlush=False),
    )
    colour = [COLOURS.get(kind, BASELINE_COLOUR) for kind in kinds]
    dash = [[1, 0] if kind in COLOURS else [5, 4] for kind in kinds]
    legend = alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=2.5, symbolSize=400)
    lines = base.mark_line(clip=True).encode(  # a missing value breaks the line: a gap is a gap
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
            fill=alt.Fill(
                "band:N",
                scale=scale,
                legend=alt.Legend(
                    title=None,
                    symbolType=SWATCH,
                    symbolSize=400,
                    symbolStrokeWidth=2.5,
                    symbolStrokeColor="transparent",
                ),
            ),
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


def _heading(alt: Any, text: Any) -> Any:
    """The title of one panel."""
    return alt.Title(text, anchor="start", frame="group", fontSize=13, fontWeight=600, offset=10)


def _error_panel(alt: Any, backtest: Backtest) -> Any:
    """MASE of each model by step of the horizon."""
    table = backtest.by_step.select("model", "step", "MAE", "MASE")
    measure = "MASE" if table["MASE"].is_not_nan().any() else "MAE"
    models = table["model"].unique(maintain_order=True).to_list()
    rows = [row | {"model": NAMES.get(row["model"], row["model"])} for row in table.fill_nan(None).to_dicts()]
    scale = alt.Scale(domain=[NAMES.get(model, model) for model in models], range=list(MODEL_COLOURS[: len(models)]))
    base = alt.Chart({"values": rows}, width=390, height=200, title=_heading(alt, "Error by step of the horizon"))
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
        {"values": rows},
        width=390,
        height=200,
        title=_heading(alt, "Share of values inside the bands (dashed: promised)"),
    )
    x = alt.X("step:Q", title="step of the horizon", axis=alt.Axis(grid=False, tickMinStep=1))
    colour = alt.Color("band:N", scale=scale, legend=alt.Legend(title=None, symbolType="stroke"))
    y = alt.Y("held:Q", title="share inside", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    tooltip = ["band:N", "step:Q", alt.Tooltip("held:Q", format=".0%"), alt.Tooltip("promised:Q", format=".0%")]
    held = base.mark_line(point=table.height == 1, strokeWidth=2).encode(x=x, y=y, color=colour, tooltip=tooltip)
    return base.mark_line(strokeDash=[5, 4], strokeWidth=1).encode(x=x, y="promised:Q", color=colour) + held


def _finished(chart: Any, title: str, subtitle: str) -> altair.TopLevelMixin:
    """Title, subtitle and the quiet clothes all pictures wear."""
    alt = _altair()
    lines = textwrap.wrap(subtitle.replace(" %", "\u00a0%"), 120)
    heading = alt.Title(title, subtitle=lines, anchor="start", offset=16)
    quiet = {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 12,
    }
    finished: altair.TopLevelMixin = (
        chart.properties(title=heading, padding=16, background="white")
        .configure_view(stroke=None)
        .configure_axis(
            gridColor=GRID, domainColor="#c9cfd6", tickColor="#c9cfd6", labelPadding=4, titlePadding=8, **quiet
        )
        .configure_title(fontSize=17, color=INK, subtitleFontSize=12, subtitleColor=MUTED, subtitlePadding=6)
        .configure_legend(
            orient="top", direction="horizontal", labelColor=INK, labelFontSize=12, columnPadding=18, padding=6
        )
    )
    return finished


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise MissingExtraError("A chart", "altair", "plot") from error
    return altair
