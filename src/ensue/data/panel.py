"""Many series end to end in flat arrays, each on its regular grid, so that a batch of windows is one gather."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.days import Stamps
from ensue.data.schema import Schema
from ensue.errors import DataError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SeriesView:
    """One series of a panel: views, no copies. `past` and `future` are `(rows, columns)`, `static` is `(columns,)`."""

    id: str
    times: Stamps
    y: Floats
    past: Floats
    future: Floats
    static: Floats
    history: int


@dataclass(frozen=True)
class Panel:
    """All series of a table. Rows of series i are `offsets[i]:offsets[i + 1]`, the first `history[i]` of them past.

    Rows beyond the history carry known-future covariates only: there `y` and `past` are NaN.
    """

    schema: Schema
    ids: tuple[str, ...]
    offsets: Integers
    """int64 `(series + 1,)`."""
    history: Integers
    """int64 `(series,)`: rows up to the last known target, or up to the cut."""
    times: Stamps
    """datetime64[us] or int64 `(rows,)`: the grid; months and business days, and irregular rows, keep their own."""
    y: Floats
    """float64 `(rows,)`, NaN where missing."""
    past: Floats
    """float64 `(rows, columns)`: a number, or a category's code, 0 where unknown; NaN where missing."""
    future: Floats
    static: Floats
    """float64 `(series, columns)`."""
    findings: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of series."""
        return len(self.ids)

    @property
    def lengths(self) -> Integers:
        """Rows of each series, the future ones among them: int64 `(series,)`."""
        return np.diff(self.offsets)

    def future_rows(self) -> Integers:
        """Rows beyond the history for which covariates are known: int64 `(series,)`."""
        return self.lengths - self.history

    def series(self, index: int) -> SeriesView:
        rows = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return SeriesView(
            self.ids[index],
            self.times[rows],
            self.y[rows],
            self.past[rows],
            self.future[rows],
            self.static[index],
            int(self.history[index]),
        )

    def select(self, indices: NDArray[np.integer] | list[int]) -> Panel:
        """A panel of some of the series, in the order of `indices`; a series may be taken twice."""
        chosen = np.asarray(indices, np.int64)
        rows, offsets = gather_rows(self.offsets[:-1][chosen], self.lengths[chosen])
        return replace(
            self,
            ids=tuple(self.ids[i] for i in chosen),
            offsets=offsets,
            history=self.history[chosen],
            static=self.static[chosen],
            **self._rows(rows),
        )

    def cut(self, rows: int | Integers) -> Panel:
        """The panel as it was `rows` steps ago (one number, or one for each series).

        What came after is not known: `y` and `past` are gone, and with known-future covariates the rows stay as future
        rows. Raises DataError for a series that has not so many rows.
        """
        dropped = np.broadcast_to(np.asarray(rows, np.int64), self.history.shape)
        history = self.history - dropped
        if (history < 1).any():
            short = int(np.argmax(history < 1))
            raise DataError(
                f"series '{self.ids[short]}' has {self.history[short]} rows, too few to hold back {dropped[short]}: "
                "ask for fewer or shorter windows, or leave the series out."
            )
        kept = self.lengths if self.schema.future else history
        taken, offsets = gather_rows(self.offsets[:-1], kept)
        shorter = replace(self, offsets=offsets, history=history, **self._rows(taken))
        return hide_future(shorter)

    def future_times(self, horizon: int) -> Stamps:
        """Stamps of the steps after each history: `(series, horizon)`.

        Irregular series go on at their median spacing, after those future rows that the table holds.
        """
        last = self.times[self.offsets[:-1] + self.history - 1]
        ahead = np.arange(1, horizon + 1)
        frequency = self.schema.frequency
        if frequency.is_regular:
            return frequency.advance(last[:, None], ahead)
        known = np.minimum(self.future_rows(), horizon)
        place = self.offsets[:-1, None] + self.history[:, None] - 1 + np.minimum(ahead, known[:, None])
        beyond = np.maximum(ahead - known[:, None], 0)
        return frequency.advance(self.times[place], beyond)

    def deltas(self) -> Floats:
        """Time since the row before, in steps (irregular: in median spacings): float64 `(rows,)`; 1 for first rows."""
        spacing = np.ones(len(self.times))
        if not self.schema.frequency.is_regular:
            spacing[1:] = np.diff(self.times.astype(np.int64)) / self.schema.frequency.count
            spacing[self.offsets[:-1]] = 1.0
        return spacing

    def _rows(self, rows: Integers) -> dict[str, Any]:
        return {"times": self.times[rows], "y": self.y[rows], "past": self.past[rows], "future": self.future[rows]}


def gather_rows(starts: Integers, lengths: Integers) -> tuple[Integers, Integers]:
    """Indices of runs of rows laid end to end, `(rows,)`, and where each run then starts, `(series + 1,)`."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    return np.repeat(starts, lengths) + within, offsets


def hide_future(panel: Panel) -> Panel:
    """Rows beyond the history without their targets and past-only covariates."""
    if not panel.future_rows().any():
        return panel
    place = np.arange(len(panel.times)) - np.repeat(panel.offsets[:-1], panel.lengths)
    beyond = place >= np.repeat(panel.history, panel.lengths)
    y, past = panel.y.copy(), panel.past.copy()
    y[beyond] = np.nan
    past[beyond] = np.nan
    return replace(panel, y=y, past=past)
