"""What a forecaster loses when its weights are kept in fewer bits, measured on the windows it was validated on.

A model file holds the last rows of each series it was trained on. Training set the last horizon of them aside, so the
network has not learned from those values: they are forecast twice, with the weights as they are and as they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensue.data.panel import Panel
from ensue.metrics import pinball
from ensue.runtime.engine import Engine
from ensue.runtime.predictor import Predictor

MOST_SERIES = 256
"""Series measured; of more, so many are taken evenly."""


@dataclass(frozen=True)
class Change:
    """Quantile loss before and after, in the data's units, and how far the medians moved in widths of the 80 % band."""

    kept_as: str
    series: int
    steps: int
    before: float = float("nan")
    after: float = float("nan")
    moved: float = float("nan")

    def sentence(self) -> str:
        """What a user has to know.

        >>> print(Change("bf16", 3, 30, 1.2, 1.21, 0.004).sentence())
        Weights are kept as bf16: over the last 30 steps of 3 series of the model's own validation windows the quantile
        loss is 1.21 instead of 1.2 (+0.83 %), and medians move by 0.4 % of the 80 % band's width.
        """
        if not self.series:
            return (
                f"Weights are kept as {self.kept_as}, and what that changes could not be measured: no series in the model "
                "file is long enough. Compare on your own data."
            )
        share = 100 * (self.after / self.before - 1) if self.before else 0.0
        return (
            f"Weights are kept as {self.kept_as}: over the last {self.steps} steps of {self.series} series of the model's "
            f"own validation windows the quantile loss is {self.after:.4g} instead of {self.before:.4g} ({share:+.2f} %), "
            f"and medians move by {100 * self.moved:.2g} % of the 80 % band's width."
        )


def in_fewer_bits(predictor: Predictor, weights: tuple[dict[str, np.ndarray], ...], kept_as: str) -> Predictor:
    """The same forecaster with its matrices kept as "bf16" or "int8". Raises `UsageError` where that cannot run here."""
    network = predictor.task.network()
    return Predictor(predictor.task, tuple(Engine(network, each, weights_as=kept_as) for each in weights))


def measure(full: Predictor, reduced: Predictor, recent: Panel, kept_as: str) -> Change:
    """Forecast the last horizon of the model's own rows with both."""
    horizon = full.task.horizon
    long_enough = np.flatnonzero(recent.history >= 2 * horizon)
    if len(long_enough) > MOST_SERIES:
        long_enough = long_enough[np.linspace(0, len(long_enough) - 1, MOST_SERIES).astype(int)]
    if not len(long_enough):
        return Change(kept_as, 0, horizon)
    panel = recent.select(long_enough)
    ends = panel.offsets[:-1] + panel.history
    targets = panel.y[(ends - horizon)[:, None] + np.arange(horizon)]  # series x steps
    answers = [each.backtest(panel, horizon, 1, horizon)[:, 0] for each in (full, reduced)]  # series x steps x levels
    levels = full.task.levels
    before, after = (float(np.nanmean(pinball(targets, answer, levels))) for answer in answers)
    low, middle, high = (levels.index(level) for level in (0.1, 0.5, 0.9))
    width = np.mean(answers[0][..., high] - answers[0][..., low])
    moved = np.mean(np.abs(answers[1][..., middle] - answers[0][..., middle]))
    return Change(kept_as, len(panel), horizon, before, after, float(moved / width) if width else float("nan"))
