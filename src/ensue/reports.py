"""What training says: progress while it runs, and a report of how it went. No tensors, so that both wings can hold it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measure:
    """What a validation score is, and what it is compared with."""

    name: str
    """Such as "nats per token"; lower is better."""
    baseline: str | None
    """What the baseline is called; None where there is none."""


MASE = Measure("MASE", "seasonal naive")


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
    measure: Measure = MASE


@dataclass(frozen=True)
class TrainingReport:
    """How training went and why it stopped."""

    steps: int
    seconds: float
    stopped: str
    """'all steps done', 'no better validation score for ... steps' or 'interrupted'."""
    validation: float
    """The best score on what was set aside; `measure` says what it is."""
    baseline: float
    """The baseline's score on the same; NaN where there is none."""
    best_step: int
    curve: tuple[tuple[int, float, float], ...] = ()
    """(step, training loss, validation score) at each validation; the loss is NaN where no step was done before it."""
    measure: Measure = MASE

    def to_json(self) -> dict[str, Any]:
        """As plain values; JSON knows no number that is none, so these become None.

        >>> TrainingReport(0, 0.5, "interrupted", 1.5, 1.0, 0, ((0, math.nan, 1.5),)).to_json()["curve"]
        [[0, None, 1.5]]
        """
        plain = asdict(self) | {"curve": [list(point) for point in self.curve]}
        return {name: _finite(value) for name, value in plain.items()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> TrainingReport:
        """The report that `to_json` wrote."""
        return cls(
            steps=int(plain["steps"]),
            seconds=_number(plain["seconds"]),
            stopped=str(plain["stopped"]),
            validation=_number(plain["validation"]),
            baseline=_number(plain["baseline"]),
            best_step=int(plain["best_step"]),
            curve=tuple((int(step), _number(loss), _number(score)) for step, loss, score in plain["curve"]),
            measure=Measure(**plain["measure"]) if "measure" in plain else MASE,
        )

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
            measure=first.measure,
        )


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
