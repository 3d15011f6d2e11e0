"""What training says: progress while it runs, and a report of how it went. No tensors, so that both wings can hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where training stands, for whoever shows it."""

    step: int
    steps: int
    loss: float
    validation: float | None
    """The last score on the windows set aside; None before the first."""
    baseline: float | None
    """The baseline's score on the same windows."""
    seconds_left: float


@dataclass(frozen=True)
class TrainingReport:
    """How training went and why it stopped."""

    steps: int
    seconds: float
    stopped: str
    """'all steps done', 'no better validation score for ... steps' or 'interrupted'."""
    validation: float
    """The best score on the windows set aside: MASE, for a forecaster."""
    baseline: float
    """Seasonal naive's score on the same windows."""
    best_step: int
    curve: tuple[tuple[int, float, float], ...] = ()
    """(step, training loss, validation score) at each validation."""

    @classmethod
    def of(cls, members: Sequence[TrainingReport]) -> TrainingReport:
        """The report of an ensemble: steps and seconds together, scores on average, the curve of the first."""
        first = members[0]
        if len(members) == 1:
            return first
        return cls(
            steps=sum(each.steps for each in members),
            seconds=sum(each.seconds for each in members),
            stopped=members[-1].stopped,
            validation=sum(each.validation for each in members) / len(members),
            baseline=first.baseline,
            best_step=first.best_step,
            curve=first.curve,
        )
