"""The seed of it all: next-step error on a sine wave, and 200 steps with closed eyes, in seconds of training.

    python benchmarks/sine.py

As `ensue demo sine` (period 25, the season found in the numbers), then two harder ones: a period that is no whole number of
steps, and no season given or looked for, so that the network alone must carry the phase through 200 hidden steps.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from duel import machine
from ensue import Forecaster, demo

HERE = Path(__file__).resolve().parent


def measure(period: float, **options: Any) -> dict[str, Any]:
    """Errors in percent of the amplitude, and processor seconds of training."""
    wave = np.sin(2 * np.pi * np.arange(demo.POINTS) / period)
    seen, ahead = wave[: -demo.HELD_BACK], wave[-demo.HELD_BACK :]
    forecaster = Forecaster(
        horizon=demo.HORIZON,
        preset="fast",
        steps=demo.STEPS,
        context_length=demo.CONTEXT,
        learning_rate=demo.LEARNING_RATE,
        threads=1,
        **options,
    )
    began, clock = time.perf_counter(), time.process_time()
    forecaster.fit(seen)
    wall, spent = time.perf_counter() - began, time.process_time() - clock
    stream = forecaster.stream()
    stream.update(seen)
    median = stream.levels.index(0.5)
    closed = stream.forecast(demo.HORIZON)[:, median] - ahead[: demo.HORIZON]
    step = stream.update(ahead)[:, median] - ahead
    return {
        "period": period,
        "season": forecaster.describe()["seasons"],
        "next_step_rmse_percent": round(100 * float(np.sqrt(np.mean(step**2))), 3),
        "closed_eyes_rmse_percent": round(100 * float(np.sqrt(np.mean(closed**2))), 2),
        "closed_eyes_largest_percent": round(100 * float(np.abs(closed).max()), 2),
        "train_seconds": round(wall, 1),
        "train_cpu_seconds": round(spent, 1),
    }


def main() -> None:
    rows = [measure(25), measure(31.4), measure(25, season=())]
    lines = [
        "## Sine",
        "`python benchmarks/sine.py`: percent of the amplitude; asked for: next step below 0.2, closed eyes within 5, 30 s.",
        "",
        "| period | season found | next step RMSE | 200 closed-eyes steps: RMSE | largest | train s (cpu) |",
        "|" + "---|" * 6,
    ]
    for row in rows:
        print(row, flush=True)
        lines.append(
            f"| {row['period']} | {row['season']} | {row['next_step_rmse_percent']} | {row['closed_eyes_rmse_percent']} "
            f"| {row['closed_eyes_largest_percent']} | {row['train_seconds']} ({row['train_cpu_seconds']}) |"
        )
    (HERE / "results" / "sine.md").write_text("\n".join(lines) + "\n")
    (HERE / "results" / "sine.json").write_text(json.dumps({"rows": rows, "machine": machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
