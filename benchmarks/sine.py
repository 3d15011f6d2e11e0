"""The seed of all this: a sine without noise, learned in seconds, the next value, then 200 steps with closed eyes.

    python benchmarks/sine.py          # writes results/sine.json and sine.md

Wanted: next-step error (RMSE) below 0.2 % of the amplitude, 200 steps closed-eyes within 5 %, less than 30 s of training.
First `ensue demo sine` itself, then other periods with its options, one no whole number of steps, and the same with
`season=()`: no season looked for, the LSTM alone keeps the time. Training seconds are processor seconds of one thread,
from the table to the fitted model; errors are over values never seen.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from duel import HERE, machine
from ensue import Forecaster, demo

PERIODS = (25, 31.4, 40)
WANTED = {"next_step": 0.2, "closed_eyes_largest": 5.0, "cpu_seconds": 30.0}


def learn(period: float, **options: Any) -> dict[str, Any]:
    """Errors in percent of the amplitude."""
    wave = np.sin(2 * np.pi * np.arange(demo.POINTS) / period + 0.3)
    seen, ahead = wave[: -demo.HELD_BACK], wave[-demo.HELD_BACK :]
    forecaster = Forecaster(
        **{
            "horizon": demo.HORIZON,
            "preset": "fast",
            "steps": demo.STEPS,
            "context_length": demo.CONTEXT,
            "learning_rate": demo.LEARNING_RATE,
            "threads": 1,
        }
        | options
    )
    with processor_seconds() as spent:
        forecaster.fit(seen)
    stream = forecaster.stream()
    stream.update(seen)
    median = stream.levels.index(0.5)
    closed_eyes = stream.forecast(demo.HORIZON)[:, median] - ahead[: demo.HORIZON]
    expected = stream.update(ahead)[:, median] - ahead
    found = forecaster.describe()["seasons"]
    return {"seasons": found, "steps": forecaster.report_.steps} | _percent(expected, closed_eyes) | spent


def of_demo() -> dict[str, Any]:
    """The demo as the command line runs it."""
    with processor_seconds() as spent:
        result = demo.learn_sine()
    error = result.forecast - result.truth
    scores = _percent(np.array([result.next_step_rmse]), error)
    return {"seasons": list(result.seasons), "steps": result.steps} | scores | spent


def _percent(next_step: np.ndarray, closed_eyes: np.ndarray) -> dict[str, float]:
    return {
        "next_step": round(100 * float(np.sqrt(np.mean(next_step**2))), 3),
        "closed_eyes_rmse": round(100 * float(np.sqrt(np.mean(closed_eyes**2))), 2),
        "closed_eyes_largest": round(100 * float(np.abs(closed_eyes).max()), 2),
    }


@contextmanager
def processor_seconds() -> Iterator[dict[str, float]]:
    spent: dict[str, float] = {}
    began = time.process_time()
    yield spent
    spent["cpu_seconds"] = round(time.process_time() - began, 1)


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    runs: dict[str, dict[str, Any]] = {"ensue demo sine (period 25)": of_demo()}
    for period in PERIODS:
        runs[f"period {period:g}"] = learn(period)
    for period in PERIODS:
        runs[f"period {period:g}, `season=()`"] = learn(period, season=())
    lines = [
        "## Sine",
        "`python benchmarks/sine.py`: errors in percent of the amplitude; seconds of one processor, reading to fitted model.",
        "Wanted: next step below 0.2, closed eyes within 5 (largest error of 200 steps), below 30 s.",
        "",
        "| run | seasons found | next step RMSE | closed eyes RMSE | closed eyes, largest | seconds | all reached |",
        "|" + "---|" * 7,
    ]
    for name, run in runs.items():
        reached = all(run[key] < most for key, most in WANTED.items())
        lines.append(
            f"| {name} | {run['seasons'] or '-'} | {run['next_step']:.3f} | {run['closed_eyes_rmse']:.2f} "
            f"| {run['closed_eyes_largest']:.2f} | {run['cpu_seconds']:.1f} | {'yes' if reached else 'no'} |"
        )
    print("\n".join(lines))
    (HERE / "results" / "sine.md").write_text("\n".join(lines) + "\n")
    (HERE / "results" / "sine.json").write_text(json.dumps({"runs": runs, "machine": machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
