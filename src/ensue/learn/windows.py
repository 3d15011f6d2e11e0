"""Training windows, gathered from a panel already in memory: no loader processes, one gather a batch.

A window ends in a horizon that is hidden; half of them hide another run inside, so that any gap and any horizon come from
one set of weights. What is drawn for a step depends on the seed and the step alone, so a resumed run draws the same.

Letters: `batch` windows, `time` steps the network sees, `rows` rows of the gather (the network's steps and their warm-up).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensue.data.panel import Panel
from ensue.tasks.forecasting import ForecastingTask, Surroundings

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

HIDDEN_WEIGHT = 4.0
"""How much heavier a hidden step counts than one whose past is all seen."""
COLD_SHARE = 0.25
"""Share of windows that begin with empty memory, as a stream or a short series does."""


class Batch(NamedTuple):
    """What the network reads, and what it should have said, in normalised units."""

    features: NDArray[np.float32]  # batch time features
    anchors: NDArray[np.float32]  # batch time anchors
    targets: NDArray[np.float32]  # batch time
    weights: NDArray[np.float32]  # batch time


@dataclass(frozen=True)
class Windows:
    """Draws batches of windows from the history of a panel.

    Args:
        panel: history to learn from; rows beyond `panel.history` are never drawn as targets.
        task: what a window looks like.
        batch_size: windows in a batch.
    """

    panel: Panel
    task: ForecastingTask
    batch_size: int

    def __post_init__(self) -> None:
        history = self.panel.history.astype(np.float64)
        # Long series have more to tell, but not in proportion: many short ones would never be seen.
        share = np.sqrt(history)
        object.__setattr__(self, "_cumulative", np.cumsum(share) / share.sum())
        object.__setattr__(self, "_deltas", None if self.task.schema.frequency.is_regular else self.panel.deltas())

    @property
    def length(self) -> int:
        """Steps of a window that the network sees."""
        return self.task.context_length + self.task.horizon

    def draw(self, seed: int, step: int) -> Batch:
        """The batch of a training step."""
        random = np.random.default_rng((seed, step))
        cumulative: Floats = self._cumulative  # type: ignore[attr-defined]
        # Rounding may leave the last sum just below 1, so all but the last are enough to look among.
        series = np.searchsorted(cumulative[:-1], random.random(self.batch_size)).astype(np.int64)
        history = self.panel.history[series]
        shortest = np.minimum(self.task.horizon + 8, history)
        ends = shortest + (random.random(self.batch_size) * (history - shortest + 1)).astype(np.int64)
        reach = np.where(random.random(self.batch_size) < COLD_SHARE, 0, self.task.warm_up) + self.length
        rows = np.minimum(reach, ends)
        hidden = self._hide(rows, random)
        return self._gather(series, ends, rows, hidden)[0]

    def at(self, series: Whole, ends: Whole) -> tuple[Batch, Floats, NDArray[np.bool_]]:
        """Windows ending at given rows of given series, only their horizon hidden.

        Returns the batch, the spread at each step in the data's units and which steps are the horizon, `(batch, time)`.
        """
        rows = np.minimum(self.task.warm_up + self.length, ends)
        return self._gather(series, ends, rows, _index(rows) >= (rows - self.task.horizon)[:, None])

    def _hide(self, rows: Whole, random: np.random.Generator) -> NDArray[np.bool_]:
        """Which rows of each window are hidden: the horizon, and in half of them one more run: `(batch, rows)`."""
        horizon = self.task.horizon
        tail = np.minimum(horizon, np.maximum(rows // 2, 1))
        index = _index(rows)
        hidden = index >= (rows - tail)[:, None]
        first = np.maximum(rows - self.length, 0)
        run = 1 + (random.random(len(rows)) * horizon).astype(np.int64)
        room = np.maximum(rows - tail - run - first, 0)
        start = first + (random.random(len(rows)) * room).astype(np.int64)
        fits = (rows - tail - run - first > 0) & (random.random(len(rows)) < 0.5)
        inner = (index >= start[:, None]) & (index < (start + run)[:, None]) & fits[:, None]
        either: NDArray[np.bool_] = hidden | inner
        return either

    def _gather(
        self, series: Whole, ends: Whole, rows: Whole, hidden: NDArray[np.bool_]
    ) -> tuple[Batch, Floats, NDArray[np.bool_]]:
        panel, task = self.panel, self.task
        index = _index(rows)
        width = index.shape[1]
        begins = panel.offsets[series] + ends - rows
        where = begins[:, None] + np.maximum(index, 0)  # batch x rows
        values = np.where(index >= 0, panel.y[where], np.nan)
        known = np.isfinite(values)
        reading, _ = task.reader.read(
            np.where(known, values, 0.0), known & ~hidden, task.reader.start(len(series)), keep=self.length
        )

        # The network begins at the warm-up's end where there is one; shorter windows are padded at their end.
        kept = reading.center.shape[1]
        inside_steps = np.arange(self.length)[None, :] < rows[:, None]
        steps = np.maximum(kept - rows, 0)[:, None] + np.arange(self.length)[None, :]
        steps = np.minimum(steps, kept - 1)  # batch x time, among the steps that were kept
        pick = np.arange(len(series))[:, None]
        column = steps + width - kept
        at = where[pick, column]
        earlier = np.maximum(at - 1, panel.offsets[series][:, None])
        past_known = (index[pick, column] > 0) & ~hidden[pick, np.maximum(column - 1, 0)]
        deltas = np.ones(at.shape) if self._deltas is None else self._deltas[at]  # type: ignore[attr-defined]
        block = Surroundings(panel.times[at], deltas, panel.past[at], panel.future[at], panel.static[series])
        beside = task.beside(block, panel.past[earlier], past_known)
        features = np.concatenate([reading.features[pick, steps], beside], axis=-1)
        center, spread = reading.center[pick, steps], reading.spread[pick, steps]
        target, hidden = values[pick, column], hidden[pick, column]
        counts = inside_steps & reading.ready[pick, steps] & np.isfinite(target)
        weights = counts * np.where(hidden, HIDDEN_WEIGHT, 1.0)
        targets = np.where(counts, (np.nan_to_num(target) - center) / spread, 0.0)
        batch = Batch(
            features.astype(np.float32),
            reading.anchors[pick, steps].astype(np.float32),
            # A value a thousand spreads away would drown every other; it says no more than one at fifty.
            np.clip(targets, -50.0, 50.0).astype(np.float32),
            weights.astype(np.float32),
        )
        return batch, spread, hidden & inside_steps


def _index(rows: Whole) -> Whole:
    """Windows of so many rows with their ends side by side: the row of each place, negative before a window begins."""
    width = int(rows.max())
    return np.arange(width)[None, :] - (width - rows)[:, None]
