"""A forecast in the terminal: history, band and median in characters, coloured where somebody looks at a terminal.

Drawn by plotext (extra `plot`); where that is not installed, with our own few lines of braille dots.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.plotting.rows import ENSUE, OBSERVED, Tables, band_levels, check

if TYPE_CHECKING:
    import polars

Floats = NDArray[np.float64]

DOTS = np.array([0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80])
"""Unicode's numbers of the dots of a braille character, row by row."""
HEIGHT = 18
"""Lines of a chart."""
WIDEST, NARROWEST = 120, 40
"""Columns; a wider terminal is not filled, since a line is easier to follow when it is not flat."""


def terminal_chart(
    history: polars.DataFrame, forecast: polars.DataFrame, width: int | None = None, *, colour: bool | None = None
) -> str:
    """The first series as lines of text; the others are named in the last line.

    Args:
        history, forecast: As for `forecast_chart`.
        width: Columns; the terminal's unless given.
        colour: Whether to colour; unless given, only where stdout is a terminal and NO_COLOR is not set.

    Raises:
        DataError: A table without its columns, or without rows.

    >>> import polars
    >>> history = polars.DataFrame({"unique_id": ["a"] * 3, "ds": [1, 2, 3], "y": [2.0, 3.0, 5.0]})
    >>> forecast = polars.DataFrame({"unique_id": ["a"] * 2, "ds": [4, 5], "ensue": [6.0, 7.0]})
    >>> terminal_chart(history, forecast, width=60).splitlines()[0]
    'a: observed, then the forecast (median)'
    """
    check(history, forecast)
    ids = [str(name) for name in forecast["unique_id"].unique(maintain_order=True)]
    levels = band_levels(forecast)
    drawing = _drawing(Tables(history, forecast).rows(ids[:1], levels, 1), levels)
    columns = width or min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    coloured = _wants_colour() if colour is None else colour
    body = _by_plotext(drawing, columns, coloured) or _by_braille(drawing, columns)
    band = f", {levels[0]} % band" if levels else ""
    lines = [f"{ids[0]}: observed, then the forecast (median{band})", body]
    if len(ids) > 1:
        lines.append(f"{len(ids) - 1} more series are not drawn here: save the picture as .html to see them.")
    return "\n".join(lines)


@dataclass(frozen=True)
class _Drawing:
    """What is drawn, over the positions 0, 1, 2, ... of history and forecast together."""

    seen: Floats  # time
    median: Floats  # horizon
    low: Floats  # horizon; NaN where there is no band
    high: Floats
    words: list[str]  # the stamp of each position

    @property
    def ahead(self) -> Floats:
        """Positions of the forecast."""
        return np.arange(len(self.seen), len(self.words), dtype=np.float64)

    @property
    def ticks(self) -> list[int]:
        """Positions whose stamps are written: the first, where the forecast begins, and the last."""
        return sorted({0, min(len(self.seen), len(self.words) - 1), len(self.words) - 1})

    def band(self, points: int) -> tuple[Floats, Floats, Floats]:
        """Positions and edges of the band at `points` places close enough to shade without holes."""
        known = np.isfinite(self.low) & np.isfinite(self.high)
        if not known.any():
            return np.empty(0), np.empty(0), np.empty(0)
        ahead = self.ahead[known]
        x = np.linspace(ahead[0], ahead[-1], points)
        return x, np.interp(x, ahead, self.low[known]), np.interp(x, ahead, self.high[known])


def _drawing(rows: polars.DataFrame, levels: tuple[str, ...]) -> _Drawing:
    seen, forecast = rows.filter(kind=OBSERVED), rows.filter(kind=ENSUE)
    none = np.full(forecast.height, np.nan)
    low, high = (_numbers(forecast, f"{edge}_0") if levels else none for edge in ("lo", "hi"))
    words = [*seen["when"], *forecast["when"]]
    return _Drawing(_numbers(seen, "value"), _numbers(forecast, "value"), low, high, words)


def _numbers(table: polars.DataFrame, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


# ---- by plotext ----


def _by_plotext(drawing: _Drawing, width: int, coloured: bool) -> str | None:
    """The chart by plotext 6; None where there is none."""
    try:
        import plotext

        figure, limit = plotext.figure, plotext.terminal.limit
    except (ImportError, AttributeError):  # plotext 5 has another interface
        return None
    limit(False, False)
    figure.clear()
    figure.theme("colorless")
    x, low, high = drawing.band(2 * width)
    if x.size:
        figure.draw(_signal(plotext, x, high, "░", "cyan").fill(_signal(plotext, x, low, "░", "cyan")))
    figure.draw(_signal(plotext, np.arange(float(len(drawing.seen))), drawing.seen, "braille", None))
    figure.draw(_signal(plotext, drawing.ahead, drawing.median, "braille", "blue"))
    figure.ruler(0, 0).ticks(drawing.ticks, [drawing.words[tick] for tick in drawing.ticks]).alignment(tick="dynamic")
    figure.axes(False, side=1)
    figure.plot_size(width, HEIGHT)
    text = str(figure.build().string(colorless=not coloured))
    figure.clear()  # plotext has one figure for the whole process: leave it as it was found
    return text.rstrip("\n")


def _signal(plotext: Any, x: Floats, y: Floats, symbol: str, colour: str | None) -> Any:
    """A line through the points, broken where a value is missing."""
    kept = np.flatnonzero(np.isfinite(y))
    marker = plotext.marker(symbol, pixel=plotext.pixel(colour) if colour else plotext.pixel())
    signal = plotext.figure.signal(x[kept].tolist(), y[kept].tolist(), marker=marker).lines(True)
    for place in np.flatnonzero(np.diff(kept) > 1) + 1:
        signal.line(int(place), False)
    return signal


# ---- by ourselves ----


def _by_braille(drawing: _Drawing, width: int) -> str:
    """The same chart without plotext: each character is two dots wide and four high, the band a shade behind them."""
    everything = np.concatenate([drawing.seen, drawing.median, drawing.low, drawing.high])
    bottom, top = _limits(everything)
    labels = [f"{value:.4g}" for value in (top, (top + bottom) / 2, bottom)]
    margin = max(map(len, labels))
    rows, columns = HEIGHT - 2, width - margin - 1

    def place(x: Floats, y: Floats, across: int, down: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        right = x / max(len(drawing.words) - 1, 1) * (columns * across - 1)
        low = (top - y) / (top - bottom) * (rows * down - 1)
        return np.rint(right).astype(np.int64), np.rint(low).astype(np.int64)

    picture = np.full((rows, columns), " ", dtype="<U1")
    x, low, high = drawing.band(2 * width)
    for column, first, last in zip(*place(x, high, 1, 1), place(x, low, 1, 1)[1], strict=True):
        picture[first : last + 1, column] = "░"
    dots = np.zeros((rows, 4, columns, 2), dtype=bool)
    for start, values in ((0, drawing.seen), (len(drawing.seen), drawing.median)):
        for x, y in _strokes(values, 8 * width):
            right, down = place(x + start, y, 2, 4)
            dots[down // 4, down % 4, right // 2, right % 2] = True
    codes = (dots.transpose(0, 2, 1, 3).reshape(rows, columns, 8) * DOTS).sum(axis=-1)  # rows columns
    picture = np.where(codes > 0, _characters(codes), picture)
    sides = {0: labels[0], rows // 2: labels[1], rows - 1: labels[2]}
    lines = [f"{sides.get(row, ''):>{margin}}┤{''.join(picture[row])}".rstrip() for row in range(rows)]
    first, last = drawing.words[0], drawing.words[-1]
    return "\n".join(
        [*lines, " " * margin + "└" + "─" * columns, f"{' ' * margin} {first}{last:>{columns - len(first)}}"]
    )


def _strokes(values: Floats, points: int) -> list[tuple[Floats, Floats]]:
    """Straight lines through runs of known values, as close points."""
    known = np.flatnonzero(np.isfinite(values))
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    strokes = []
    for run in runs:
        if run.size:
            x = np.linspace(run[0], run[-1], points if run.size > 1 else 1)
            strokes.append((x, np.interp(x, run, values[run])))
    return strokes


def _characters(codes: NDArray[np.int64]) -> NDArray[np.str_]:
    """Braille characters of dot patterns."""
    return np.array([chr(0x2800 + code) for code in range(256)])[codes]


def _limits(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    bottom, top = float(known.min()), float(known.max())
    return (bottom, top) if top > bottom else (bottom - 0.5, top + 0.5)
