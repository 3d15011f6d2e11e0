"""Pretraining: the objective that the training loop minimises, on made sequences alone.

Letters: `rows` sequences side by side, `steps` the network reads, `level` quantile levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ensue.config import PretrainOptions
from ensue.learn.losses import pinball
from ensue.learn.pretraining.batches import Batches, Prefetched
from ensue.learn.windows import HIDDEN_WEIGHT, Batch
from ensue.tasks.forecasting import ForecastingTask, calibrate

HELD_OUT_SEED = 2**31 - 1
"""No training uses it: what is drawn with it was never learned from."""


@dataclass(frozen=True)
class HeldOut:
    """Made sequences to score on: batches, and which of their steps are hidden."""

    batches: tuple[tuple[Batch, NDArray[np.bool_]], ...]
    baseline: float


def hold_out(task: ForecastingTask, count: int, size: int) -> HeldOut:
    """So many batches that no training draws."""
    source = Batches(task, size, HELD_OUT_SEED)
    drawn = []
    naive = []
    for step in range(count):
        batch, shape, hidden = source.shaped(step)
        drawn.append((batch, hidden))
        # The same phase of the first season, or the last value where there is none.
        anchor = batch.anchors[..., 3 if shape.rhythm.seasons else 0]
        naive.append(_mean(np.abs(batch.targets - anchor), batch, hidden))
    return HeldOut(tuple(drawn), float(np.mean(naive)))


class Objective:
    """Made sequences as the training loop sees them."""

    def __init__(self, module: nn.Module, task: ForecastingTask, held_out: HeldOut, options: PretrainOptions) -> None:
        self.module, self.task, self.held_out = module, task, held_out
        self.device = next(module.parameters()).device
        self.source = Prefetched(Batches(task, options.batch_steps, options.seed))
        self.levels = torch.tensor(task.levels, device=self.device)

    def close(self) -> None:
        """End the thread that makes sequences."""
        self.source.close()

    def loss(self, step: int) -> Tensor:
        features, anchors, targets, weights = self._tensors(self.source.draw(step))
        quantiles, _ = self.module(features, anchors)
        return pinball(quantiles, targets, weights, self.levels)

    def validate(self) -> tuple[float, float]:
        """Pinball loss of hidden steps in units of the seasonal change, and the absolute error of seasonal naive."""
        losses = []
        for batch, hidden in self.held_out.batches:
            quantiles = self._expected(batch)
            error = torch.from_numpy(batch.targets)[..., None] - quantiles
            levels = self.levels.cpu()
            loss = 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)
            losses.append(_mean(loss.numpy(), batch, hidden))
        return float(np.mean(losses)), self.held_out.baseline

    def widths(self) -> tuple[float, ...]:
        """The factors that give each band its share of the held-out hidden steps."""
        quantiles, targets = [], []
        with torch.no_grad():
            for batch, hidden in self.held_out.batches:
                counted = hidden & (batch.weights > 0)
                quantiles.append(self._expected(batch).numpy()[counted].astype(np.float64))
                targets.append(batch.targets[counted].astype(np.float64))
        rows = sum(len(batch.targets) for batch, _ in self.held_out.batches)
        return calibrate(self.task, np.concatenate(quantiles), np.concatenate(targets), rows).widths

    def _expected(self, batch: Batch) -> Tensor:
        """Normalised quantiles `(rows, steps, level)`."""
        features, anchors, _, _ = self._tensors(batch)
        expected: Tensor = self.module(features, anchors)[0].detach().cpu()
        return expected

    def _tensors(self, batch: Batch) -> list[Tensor]:
        return [torch.from_numpy(each).to(self.device) for each in batch]


def _mean(loss: NDArray[Any], batch: Batch, hidden: NDArray[np.bool_]) -> float:
    """The mean over hidden steps, in units of the seasonal change."""
    weights = np.where(hidden, batch.weights / HIDDEN_WEIGHT, 0.0)
    return float((loss * weights).sum() / max(float((weights > 0).sum()), 1.0))
