"""Training the forecasting task: the objective the loop minimises, the validation cut, and calibration on it.

The last windows of each series are set aside before anything is learned from; training never sees their values. They say
when to stop, which weights to keep and how wide the bands should be.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensue.baselines import seasonal_naive
from ensue.config import TrainOptions
from ensue.data.panel import Panel
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.learn.devices import device_of, threads
from ensue.learn.fine_tuning import (
    FINE_TUNING_RATE,
    FINE_TUNING_STEPS,
    check_sizes_left_alone,
    fine_tuned,
    reads_every_table,
    settled,
    widened,
)
from ensue.learn.loop import LoopOptions, train
from ensue.learn.losses import pinball
from ensue.learn.modules import NetworkModule, build, load_weights, weights_to_numpy
from ensue.learn.windows import Batch, Windows
from ensue.metrics import seasonal_scale
from ensue.reports import Progress, TrainingReport
from ensue.tasks.forecasting import ForecastingTask, Sizes, calibrate, design
from ensue.tasks.zero_shot import in_slots

Whole = NDArray[np.int64]
Weights = dict[str, NDArray[Any]]

STEPS_A_BATCH = 12_000
"""Time steps in a training batch: windows are as many as fit, so that a step costs about the same for every table."""
VALIDATION_WINDOWS = 64
"""Windows wanted in the validation cut; a panel of fewer series gives several of each."""
VALIDATION_MOST = 1024
VALIDATION_SHARE = 0.2
"""At most this share of a series is set aside, but always one horizon."""


@dataclass(frozen=True)
class Fitted:
    """What training leaves: the calibrated task, the weights of each network, and how it went."""

    task: ForecastingTask
    weights: tuple[Weights, ...]
    reports: tuple[TrainingReport, ...]


@dataclass(frozen=True)
class Validation:
    """Windows set aside: their batch, their targets' scale, and seasonal naive's score on them."""

    batch: Batch
    hidden: NDArray[np.bool_]  # windows time: the horizon
    unit: NDArray[np.float64]  # windows time: spread over MASE denominator
    baseline: float


def fit(
    panel: Panel,
    options: TrainOptions,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    start_from: tuple[ForecastingTask, tuple[Weights, ...]] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Train a forecaster on a panel.

    Args:
        checkpoint: file for going on after a crash; each network of an ensemble adds its number.
        start_from: a trained task with its weights, to go on learning from.

    Raises `DataError` when no series is long enough, `TrainingError` when the loss is no longer a number.
    """
    recipe = options.recipe
    task = design(panel, options.horizon, Sizes(recipe.hidden_size, recipe.layers), recipe.context_length)
    tuning = start_from is not None and reads_every_table(start_from[0])
    begun = None if start_from is None else start_from[0]
    if start_from is not None:
        task = fine_tuned(task, start_from[0], panel) if tuning else _continued(task, start_from[0])
        start_from = task, tuple(widened(weights, start_from[0], task) for weights in start_from[1])
    if tuning:
        check_sizes_left_alone(options)
    rate = FINE_TUNING_RATE if tuning and options.learning_rate is None else recipe.learning_rate
    cut, origins = set_aside(panel, task.horizon)
    training = panel.cut(cut)
    windows = Windows(training, task, batch_for(task, recipe.batch_size))
    steps = recipe.steps or steps_for(int(training.history.sum()))
    if tuning and recipe.steps is None:
        steps = min(steps, FINE_TUNING_STEPS)
    validation = _validation(panel, cut, origins, task)
    results = []
    with threads(options.threads):
        for member in range(recipe.ensemble):
            file = checkpoint if checkpoint is None or recipe.ensemble == 1 else Path(f"{checkpoint}-{member + 1}")
            again = resume and file is not None and file.exists()
            if (
                file is not None and not resume and member == 0
            ):  # what an earlier ensemble left is not to be gone on from
                for later in range(1, recipe.ensemble):
                    Path(f"{checkpoint}-{later + 1}").unlink(missing_ok=True)
            if resume and not again and member == 0 and file is not None:
                raise ModelFileError(f"There is no checkpoint {file} to resume from: train without --resume first.")
            member_options = replace(options, seed=options.seed + member)
            given = None if start_from is None else start_from[1][min(member, len(start_from[1]) - 1)]
            objective = _Objective(task, windows, validation, member_options, given)
            loop = LoopOptions(
                steps,
                rate,
                seed=member_options.seed,
                validate_every=_validate_every(steps),
                score_first=tuning,
            )
            mark = fingerprint(panel, task, member_options, given)
            report = train(
                objective.module, objective, loop, checkpoint=file, resume=again, fingerprint=mark, progress=progress
            )
            results.append((weights_to_numpy(objective.module), report, objective.expected()))
            if report.stopped == "interrupted":
                break
    quantiles = np.mean([expected for _, _, expected in results], axis=0)
    targets = np.where(validation.batch.weights > 0, validation.batch.targets, np.nan)
    rows = validation.hidden
    calibrated = calibrate(task, quantiles[rows], targets[rows].astype(np.float64), len(rows))
    if tuning:
        kept = all(report.best_step == 0 for _, report, _ in results)
        # What it was includes how far back it looked.
        as_it_was = replace(task, context_length=begun.context_length) if begun is not None else task
        calibrated = as_it_was if kept else settled(calibrated, task)
    return Fitted(calibrated, tuple(weights for weights, _, _ in results), tuple(report for _, report, _ in results))


def set_aside(panel: Panel, horizon: int) -> tuple[Whole, int]:
    """Rows at the end of each series that are kept from training, and how many horizons they are.

    A series too short to give any is learned from whole, and not validated on. Raises `DataError` when that is all.
    """
    history = panel.history
    able = history >= 2 * horizon + 4
    if not able.any():
        longest = int(np.argmax(history))
        raise DataError(
            f"The longest series '{panel.ids[longest]}' has {history[longest]} rows, and training for a horizon of "
            f"{horizon} needs {2 * horizon + 4}: give a shorter horizon or more history."
        )
    room = int(np.median(history[able]) * VALIDATION_SHARE / horizon)
    origins = max(1, min(-(-VALIDATION_WINDOWS // int(able.sum())), room))
    enough = history >= (origins + 1) * horizon + 4
    return np.where(enough, origins * horizon, np.where(able, horizon, 0)).astype(np.int64), origins


def batch_for(task: ForecastingTask, most: int) -> int:
    """Windows in a batch: as many as hold `STEPS_A_BATCH` steps, at least 16 and at most four times the recipe's."""
    return int(np.clip(STEPS_A_BATCH // (task.context_length + task.horizon), 16, 4 * most))


def steps_for(rows: int) -> int:
    """Training steps for a table of so many rows: a small one is learned, and over-learned, sooner.

    >>> [steps_for(rows) for rows in (1_000, 50_000, 400_000)]
    [300, 600, 1400]
    """
    return int(np.clip(round(12 * (rows / 50_000) ** 0.4) * 50, 300, 1600))


def fingerprint(panel: Panel, task: ForecastingTask, options: TrainOptions, begins_with: Weights | None = None) -> str:
    """Tells whether a checkpoint belongs to the same data, task, options and weights to begin with."""
    digest = hashlib.sha256(json.dumps([asdict(options), task.to_json()], sort_keys=True, default=str).encode())
    for array in (panel.offsets, panel.history, panel.times, panel.y, panel.past, panel.future, panel.static):
        digest.update(np.ascontiguousarray(array).tobytes())
    for name in sorted(begins_with or {}):
        digest.update(np.ascontiguousarray((begins_with or {})[name]).tobytes())
    return digest.hexdigest()


class _Objective:
    """The forecasting task as the loop sees it."""

    def __init__(
        self,
        task: ForecastingTask,
        windows: Windows,
        validation: Validation,
        options: TrainOptions,
        weights: Mapping[str, NDArray[Any]] | None,
    ) -> None:
        self.windows, self.validation, self.seed = windows, validation, options.seed
        torch.manual_seed(options.seed % 2**63)
        self.device = device_of(options.device)
        self.module = build(task.network())
        if weights is None:
            begin_near_the_anchors(self.module, len(task.levels))
        else:
            load_weights(self.module, dict(weights))
        self.module.to(self.device)
        self.levels = torch.tensor(task.levels, device=self.device)

    def loss(self, step: int) -> Tensor:
        batch = self.windows.draw(self.seed, step)
        features, anchors, targets, weights = (torch.from_numpy(each).to(self.device) for each in batch)
        quantiles, _ = self.module(features, anchors)
        return pinball(quantiles, targets, weights, self.levels)

    def validate(self) -> tuple[float, float]:
        """MASE of the median over the windows set aside, and seasonal naive's."""
        check = self.validation
        median = self.expected()[..., self.windows.task.levels.index(0.5)]
        counted = check.hidden & (check.batch.weights > 0)
        error = np.where(counted, np.abs(check.batch.targets - median) * check.unit, 0.0).sum(1) / np.maximum(
            counted.sum(1), 1
        )
        return float(error[counted.any(1)].mean()), check.baseline

    def expected(self) -> NDArray[np.float64]:
        """Normalised quantiles of the windows set aside: `(windows, time, level)`."""
        batch = self.validation.batch
        parts = []
        with torch.no_grad():
            for first in range(0, len(batch.features), 128):
                piece = slice(first, first + 128)
                features, anchors = (torch.from_numpy(each[piece]).to(self.device) for each in batch[:2])
                parts.append(self.module(features, anchors)[0].cpu().numpy())
        return np.concatenate(parts).astype(np.float64)


def _validation(panel: Panel, cut: Whole, origins: int, task: ForecastingTask) -> Validation:
    """The windows set aside, drawn evenly from the series where there are too many."""
    horizon, season = task.horizon, task.season
    pairs = [
        (series, panel.history[series] - back * horizon)
        for series in np.flatnonzero(cut)
        for back in range(int(cut[series]) // horizon)
    ]
    if len(pairs) > VALIDATION_MOST:
        pairs = [pairs[i] for i in np.linspace(0, len(pairs) - 1, VALIDATION_MOST).astype(int)]
    series, ends = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    batch, spread, hidden = Windows(panel, task, 1).at(series, ends)
    scales, naive = np.empty(len(series)), np.full(len(series), np.nan)
    for row, (each, end) in enumerate(zip(series, ends, strict=True)):
        y = panel.y[panel.offsets[each] : panel.offsets[each] + end]
        # A series that repeats its season exactly has no such error to measure by; a thousandth of its spread stands in.
        before = y[: len(y) - horizon]
        scales[row] = _scale(before, season)
        error = np.abs(y[-horizon:] - seasonal_naive(y[:-horizon], season, horizon)) / scales[row]
        if scales[row] > 0 and np.isfinite(error).any():
            naive[row] = np.nanmean(error)
    usable = np.isfinite(naive)
    if not usable.any():
        raise DataError(
            "No series has a known value to validate on in its last horizon: give a shorter horizon or fill the gaps."
        )
    unit = spread[usable] / scales[usable, None]
    return Validation(Batch(*(each[usable] for each in batch)), hidden[usable], unit, float(naive[usable].mean()))


def _scale(history: NDArray[np.float64], season: int) -> float:
    """MASE's denominator; without a whole season the step-to-step change, and at the least a thousandth of the spread."""
    if not np.isfinite(history).any():
        return 0.0
    error = float(seasonal_scale(history, season))
    if not np.isfinite(error):
        error = float(seasonal_scale(history, 1))
    return float(np.nanmax([error, 1e-3 * float(np.nanstd(history))]))


def begin_near_the_anchors(module: NetworkModule, levels: int) -> None:
    """Start the head as an even mixture of the reference forecasts with narrow bands, whatever the input."""
    weight, bias = (module.layers[-1].get_parameter(name) for name in ("weight", "bias"))
    with torch.no_grad():
        weight.mul_(0.3)
        bias.zero_()
        bias[-(levels - 1) :] = -2.0


def _continued(task: ForecastingTask, before: ForecastingTask) -> ForecastingTask:
    """The task of a model that goes on learning: its own sizes and scales, the new horizon and schema."""
    task = replace(task, sizes=before.sizes, scales=before.scales, slots=before.slots, alone=before.alone)
    if before.slots is not None:
        task = replace(task, schema=in_slots(task.schema, before.slots)[0])
    mine, theirs = task.schema, before.schema
    meanings = [(each.past, each.future, each.static, each.seasons) for each in (mine, theirs)]
    if task.network() != before.network() or meanings[0] != meanings[1]:
        raise UsageError(
            "The model to start from has other covariates, categories, seasons or calendar than this table, so its weights "
            "do not fit: train without --from, or give the same columns and --season."
        )
    return task


def _validate_every(steps: int) -> int:
    return max(10, min(50, steps // 10))
