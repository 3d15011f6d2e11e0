"""Batches of made sequences as the network sees them: read by the same front end as real ones.

A batch has one rhythm, one length and one horizon. Its end is hidden, and in two rows of three some runs before: a gap is
read as the future is, with closed eyes. What is drawn depends on the seed and the step alone.

Letters: `rows` sequences side by side, `steps` the network reads.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ensue.data.causal import Reading
from ensue.learn.pretraining.dice import Dice
from ensue.learn.pretraining.mixture import draw, outages
from ensue.learn.pretraining.rhythms import Shape, draw_shape
from ensue.learn.windows import HIDDEN_WEIGHT, Batch
from ensue.tasks.forecasting import ForecastingTask

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST, MOST = 8, 1024
"""Rows of a batch."""
RUNS = 3
"""Hidden runs before the horizon, at most."""
AHEAD = 3
"""Batches made before they are asked for, while the network learns from others."""
LEAST_UNIT, MOST_UNIT = 0.2, 6.0
"""How much lighter and heavier a sequence may count than its spread says."""


@dataclass(frozen=True)
class Batches:
    """Draws batches of about `size` steps.

    Args:
        task: gives front end, context and levels; its seasons are replaced by each batch's own.
    """

    task: ForecastingTask
    size: int
    seed: int

    def draw(self, step: int) -> Batch:
        """The batch of a training step; weights are 0 where nothing is to be learned."""
        return self.shaped(step)[0]

    def shaped(self, step: int) -> tuple[Batch, Shape, Bools]:
        """The batch, its shape, and which steps are hidden `(rows, steps)`."""
        random = np.random.default_rng((self.seed, step))
        shape = draw_shape(random)
        task = replace(self.task, schema=replace(self.task.schema, seasons=shape.rhythm.seasons))
        history = min(shape.length, task.memory)
        steps = min(history, task.context_length) + shape.horizon
        rows = int(np.clip(self.size // steps, FEWEST, MOST))
        dice = Dice((self.seed, step))
        with torch.no_grad():
            made = draw(dice, shape.rhythm, rows, history + shape.horizon)
            known = outages(dice, rows, history + shape.horizon)
        values, measured = made.double().cpu().numpy(), known.cpu().numpy()
        hidden = _hide(random, rows, history, shape.horizon, steps)
        reading, _ = task.reader.read(values, measured & ~hidden, task.reader.start(rows), keep=steps)
        batch = _batch(reading, values, measured, hidden, _unit(values[:, :history], shape.rhythm.seasons))
        return batch, shape, hidden[:, -steps:]


class Prefetched:
    """The same batches, made by a thread while the network learns."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self._workers = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
        self._waiting: dict[int, Future[Batch]] = {}

    def draw(self, step: int) -> Batch:
        """The batch of a step; those of the next steps are begun."""
        for each in range(step, step + AHEAD + 1):
            if each not in self._waiting:
                self._waiting[each] = self._workers.submit(self.batches.draw, each)
        return self._waiting.pop(step).result()

    def close(self) -> None:
        self._workers.shutdown(cancel_futures=True)


def _hide(random: np.random.Generator, rows: int, history: int, horizon: int, steps: int) -> Bools:
    """The horizon, and in half of the rows some runs among the steps before it that the network reads: `(rows, all)`."""
    index = np.arange(history + horizon)
    hidden = np.broadcast_to(index >= history, (rows, len(index))).copy()
    first = history + horizon - steps
    for _ in range(RUNS):
        run = np.exp(random.random(rows) * np.log(horizon + 1)).astype(int)
        start = first + (random.random(rows) * (history - first)).astype(int)
        inside = (index >= start[:, None]) & (index < (start + run)[:, None])
        hidden |= inside & (random.random(rows) < 0.3)[:, None]
    return hidden


def _unit(history: Floats, seasons: tuple[int, ...]) -> Floats:
    """Mean change from season to season of each row: what its errors are measured in."""
    season = seasons[0] if seasons and seasons[0] < history.shape[1] else 1
    return np.asarray(np.abs(history[:, season:] - history[:, :-season]).mean(1))


def _batch(reading: Reading, values: Floats, known: Bools, hidden: Bools, unit: Floats) -> Batch:
    steps = reading.center.shape[1]
    values, known, hidden = values[:, -steps:], known[:, -steps:], hidden[:, -steps:]
    counts = known & reading.ready
    relative = np.clip(reading.spread / np.maximum(unit, 1e-12)[:, None], LEAST_UNIT, MOST_UNIT)
    # Of a constant sequence there is nothing to learn but that it is one, and its unit is none.
    relative = np.where(unit[:, None] > 0, relative, LEAST_UNIT)
    weights = counts * relative * np.where(hidden, HIDDEN_WEIGHT, 1.0)
    targets = np.where(counts, (values - reading.center) / reading.spread, 0.0)
    return Batch(
        reading.features.astype(np.float32),
        reading.anchors.clip(-1e4, 1e4).astype(np.float32),
        np.clip(targets, -50.0, 50.0).astype(np.float32),
        weights.astype(np.float32),
    )
