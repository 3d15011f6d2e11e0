"""What a stream answers, as lines: CSV with a header, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.cli.streaming.clock import Clock
from ensue.cli.streaming.lines import NO_ID, Row
from ensue.data.schema import Schema
from ensue.runtime.frames import band_columns
from ensue.tasks.forecasting import levels_between

Floats = NDArray[np.float64]
AHEAD = "ahead"
"""Column that says how many steps ahead a line looks: 0 for a value that was read, 1, 2, ... for its forecast."""


@dataclass(frozen=True)
class Layout:
    """What a line of answers holds."""

    has_ids: bool
    has_times: bool
    has_forecasts: bool


class Answers(ABC):
    """Writes what was expected of each value, and forecasts.

    Args:
        levels: quantile levels of the model.
        percents: bands to show, in percent.
    """

    def __init__(self, schema: Schema, levels: tuple[float, ...], percents: Sequence[float], layout: Layout) -> None:
        self._clock = Clock(schema)
        columns = band_columns(np.eye(len(levels)), levels, levels_between(levels, tuple(percents)))
        self._bands = list(columns)
        self._weights = np.stack(list(columns.values()), axis=-1)  # level x column: bands are straight lines between
        self._layout = layout
        self._id = [schema.id or NO_ID] if layout.has_ids else []
        self._time = [schema.time or "ds"] if layout.has_times else []
        self._target = schema.target
        self._template = ",".join(["%.10g"] * len(self._bands)) + "\n"

    def table(self, quantiles: Floats) -> list[list[float]]:
        """The median and the edges of the bands, a list a step, from quantiles `(steps, level)`."""
        rows: list[list[float]] = (quantiles @ self._weights).tolist()
        return rows

    @abstractmethod
    def header(self) -> str:
        """The first line; empty where there is none."""

    @abstractmethod
    def lines(self, rows: Sequence[Row], ticks: Sequence[int | None], expected: Floats) -> list[str]:
        """What was expected of the values of rows: quantiles `(rows, level)`, NaN where nothing was."""

    @abstractmethod
    def with_forecast(self, line: str, id: str | None, ticks: NDArray[np.int64] | None, ahead: Floats) -> str:
        """A line with the forecast `(horizon, level)` from there on."""

    def _times(self, rows: Sequence[Row], ticks: Sequence[int | None]) -> list[Any]:
        """Times as they were given, or as the clock knows them."""
        if not self._layout.has_times:
            return [None] * len(rows)
        untold = [tick for row, tick in zip(rows, ticks, strict=True) if row.time is None and tick is not None]
        shown = iter(self._shown(untold) if untold else ())
        return [
            row.time if row.time is not None else None if tick is None else next(shown)
            for row, tick in zip(rows, ticks, strict=True)
        ]

    def _shown(self, ticks: Sequence[int] | NDArray[np.int64]) -> Sequence[Any]:
        return self._clock.show(ticks)


class CsvAnswers(Answers):
    """A line of cells a value; the lines of its forecast follow, with `ahead` 1, 2, ... and no value."""

    def header(self) -> str:
        ahead = [AHEAD] if self._layout.has_forecasts else []
        return _joined([*self._id, *self._time, *ahead, self._target, *self._bands])

    def lines(self, rows: Sequence[Row], ticks: Sequence[int | None], expected: Floats) -> list[str]:
        ahead = "0," if self._layout.has_forecasts else ""
        found = []
        for row, time, numbers in zip(rows, self._times(rows, ticks), self.table(expected), strict=True):
            value = f"{row.value:.15g}" if row.value == row.value else ""
            found.append(f"{self._names(row.id, time)}{ahead}{value},{self._cells(numbers)}")
        return found

    def with_forecast(self, line: str, id: str | None, ticks: NDArray[np.int64] | None, ahead: Floats) -> str:
        times = [None] * len(ahead) if ticks is None else self._shown(ticks)
        below = [
            f"{self._names(id, time)}{step},,{self._cells(numbers)}"
            for step, (time, numbers) in enumerate(zip(times, self.table(ahead), strict=True), 1)
        ]
        return line + "".join(below)

    def _cells(self, numbers: Sequence[float]) -> str:
        """The last cells of a line: ten digits, more than a forecast holds; empty where nothing was expected."""
        if numbers[0] != numbers[0]:
            return "," * (len(numbers) - 1) + "\n"
        return self._template % tuple(numbers)

    def _names(self, id: str | None, time: Any) -> str:
        cells = [id] if self._id else []
        cells += [time] if self._time else []
        return "".join(_cell(each) + "," for each in cells)


class JsonAnswers(Answers):
    """An object a value; its forecast is the list `forecast` within."""

    def header(self) -> str:
        return ""

    def lines(self, rows: Sequence[Row], ticks: Sequence[int | None], expected: Floats) -> list[str]:
        found = []
        for row, time, numbers in zip(rows, self._times(rows, ticks), self.table(expected), strict=True):
            value = {self._target: None if math.isnan(row.value) else row.value}
            found.append(_dumped({**self._named(row.id, time), **value, **self._banded(numbers)}))
        return found

    def with_forecast(self, line: str, id: str | None, ticks: NDArray[np.int64] | None, ahead: Floats) -> str:
        times = [None] * len(ahead) if ticks is None else self._shown(ticks)
        steps = [
            (dict(zip(self._time, [time], strict=False)) if time is not None else {}) | self._banded(numbers)
            for time, numbers in zip(times, self.table(ahead), strict=True)
        ]
        return line.removesuffix("}\n") + f', "forecast": {json.dumps(steps, ensure_ascii=False)}}}\n'

    def _named(self, id: str | None, time: Any) -> dict[str, Any]:
        names = dict(zip(self._id, [id], strict=False))
        return names | dict(zip(self._time, [time], strict=False))

    def _banded(self, numbers: Sequence[float]) -> dict[str, float | None]:
        return dict(zip(self._bands, map(_plain, numbers), strict=True))

    def _shown(self, ticks: Sequence[int] | NDArray[np.int64]) -> Sequence[Any]:
        if self._clock.has_stamps:
            return self._clock.show(ticks, "T")
        return [int(each) for each in ticks]


def _plain(number: float) -> float | None:
    return None if math.isnan(number) else float(f"{number:.10g}")


def _cell(given: Any) -> str:
    text = "" if given is None else str(given)
    return _joined([text]).removesuffix("\n") if "," in text or '"' in text else text


def _joined(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _dumped(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"
