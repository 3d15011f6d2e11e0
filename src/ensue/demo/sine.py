"""The seed of all this: an LSTM learns a sine wave, predicts the next value, then goes on with its eyes closed.

Nothing is handed over but the numbers: no formula, no period, and no value after the ones trained on. As in every table
whose time is a mere position, the season is looked for in the data, and told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.estimators import Forecaster

if TYPE_CHECKING:
    from ensue.reports import Progress

Floats = NDArray[np.float64]

PERIOD = 25
"""Steps of one wave."""
POINTS = 2000
"""Points of the wave; the first are trained on, the last are kept back."""
HELD_BACK = 400
"""Points no training sees: the next-step error is measured over all of them, the closed-eyes error over the first."""
HORIZON = 200
"""Steps gone on with closed eyes: eight waves."""
STEPS = 450
CONTEXT = 64
"""Steps of history in a training window: two and a half waves are enough."""
LEARNING_RATE = 1e-2
"""High: there is no noise to be careful of."""
SHOWN = 100
"""Points of history in the picture."""


@dataclass(frozen=True)
class SineResult:
    """How well the wave was learned. Errors are shares of the amplitude, which is 1."""

    history: Floats
    """The wave up to the last point trained on, `(time,)`."""
    truth: Floats
    """What came, `(horizon,)`."""
    forecast: Floats
    """What was expected with closed eyes, `(horizon,)`."""
    next_step_rmse: float
    """Root mean squared error one step ahead, over all points held back."""
    seasons: tuple[int, ...]
    """Seasons found in the wave, in steps."""
    steps: int
    """Training steps."""
    seconds: float
    """Time trained."""

    @property
    def closed_eyes_rmse(self) -> float:
        """Root mean squared error over the horizon."""
        return float(np.sqrt(np.mean((self.forecast - self.truth) ** 2)))

    @property
    def closed_eyes_largest(self) -> float:
        """Largest error over the horizon."""
        return float(np.abs(self.forecast - self.truth).max())

    def picture(self) -> str:
        """The end of the wave and how it was gone on with, as lines of text for a terminal."""
        import polars

        from ensue.plotting import terminal_chart

        start = len(self.history)
        seen = {"ds": np.arange(start - SHOWN, start), "y": self.history[-SHOWN:]}
        ahead = {"ds": np.arange(start, start + len(self.forecast)), "ensue": self.forecast}
        name = polars.lit("sine").alias("unique_id")
        return terminal_chart(polars.DataFrame(seen).with_columns(name), polars.DataFrame(ahead).with_columns(name))

    def scores(self) -> dict[str, Any]:
        """The numbers, for programs."""
        return {
            "next_step_rmse": self.next_step_rmse,
            "closed_eyes_rmse": self.closed_eyes_rmse,
            "closed_eyes_largest": self.closed_eyes_largest,
            "horizon": len(self.truth),
            "seasons": list(self.seasons),
            "steps": self.steps,
            "seconds": self.seconds,
        }


def sine_wave(points: int = POINTS, period: int = PERIOD) -> Floats:
    """A sine of amplitude 1 without noise, `(time,)`.

    >>> sine_wave(points=5, period=4).round(6).tolist()
    [0.0, 1.0, 0.0, -1.0, -0.0]
    """
    return np.sin(2 * np.pi * np.arange(points) / period)


def learn_sine(*, steps: int | None = None, progress: Callable[[Progress], None] | None = None) -> SineResult:
    """Train on the wave's first points and measure on those held back.

    Args:
        steps: Training steps, `STEPS` unless given.
        progress: Called while training, as `Forecaster.fit` does.
    """
    wave = sine_wave()
    seen, ahead = wave[:-HELD_BACK], wave[-HELD_BACK:]
    forecaster = Forecaster(
        horizon=HORIZON, preset="fast", steps=steps or STEPS, context_length=CONTEXT, learning_rate=LEARNING_RATE
    )
    forecaster.fit(seen, progress=progress)
    stream = forecaster.stream()
    stream.update(seen)
    median = stream.levels.index(0.5)
    closed_eyes = stream.forecast(HORIZON)[:, median]
    expected = stream.update(ahead)[:, median]
    return SineResult(
        history=seen,
        truth=ahead[:HORIZON],
        forecast=closed_eyes,
        next_step_rmse=float(np.sqrt(np.mean((expected - ahead) ** 2))),
        seasons=tuple(forecaster.describe()["seasons"]),
        steps=forecaster.report_.steps,
        seconds=forecaster.report_.seconds,
    )
