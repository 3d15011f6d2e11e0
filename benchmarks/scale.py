"""Memory and time by the size of the table: 10,000 series of 1,000 points within 4 GB, and cost that grows in proportion.

    python benchmarks/scale.py            # 10^5, 10^6 and 10^7 points, each in a process of its own

Each process makes series of 1,000 hourly points, finds the roles, builds the panel, trains a few steps and predicts 24 steps
of every series. Peak memory is that of the whole process, the table included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
POINTS = (10**5, 10**6, 10**7)
STEPS = 20


def measure(points: int) -> dict[str, Any]:
    """Processor seconds of each part, and the peak memory of this process."""
    import numpy as np
    import polars as pl

    from ensue import Forecaster

    series, length = points // 1000, 1000
    random = np.random.default_rng(0)
    hours = np.datetime64("2024-01-01T00", "us") + np.arange(length) * np.timedelta64(1, "h")
    level = random.lognormal(3, 1, (series, 1))
    day = 1 + 0.3 * np.sin(2 * np.pi * (np.arange(length) / 24 + random.random((series, 1))))
    values = level * day + random.normal(0, 0.1, (series, length)) * level
    table = pl.DataFrame(
        {
            "unique_id": np.repeat([f"s{i:05d}" for i in range(series)], length),
            "ds": np.tile(hours, series),
            "y": values.ravel(),
        }
    )
    del values
    forecaster = Forecaster(horizon=24, steps=STEPS, threads=1)
    clock = time.process_time()
    panel, _ = forecaster._training_panel(table)
    built = time.process_time() - clock
    clock = time.process_time()
    forecaster._learn(panel)
    trained = time.process_time() - clock
    clock = time.process_time()
    forecaster._predictor.predict(panel, 24)
    predicted = time.process_time() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"points": points, "build": built, "train": trained, "predict": predicted, "peak_gb": peak}


def main() -> None:
    if len(sys.argv) > 1:
        warnings.simplefilter("ignore")
        print(json.dumps(measure(int(sys.argv[1]))))
        return
    from duel import machine

    rows = []
    for points in POINTS:
        done = subprocess.run([sys.executable, __file__, str(points)], capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    lines = [
        "## Scale",
        f"`python benchmarks/scale.py`: series of 1,000 points; processor seconds of one thread; {STEPS} training steps with",
        "the fixed cost of validation (at most 1,024 windows); prediction of 24 steps of every series.",
        "",
        "| points | read and build s | build us a point | train s | predict s | predict us a point | peak memory GB |",
        "|" + "---|" * 7,
    ]
    lines += [
        f"| {row['points']:,} | {row['build']:.2f} | {1e6 * row['build'] / row['points']:.2f} | {row['train']:.1f} "
        f"| {row['predict']:.2f} | {1e6 * row['predict'] / row['points']:.2f} | {row['peak_gb']:.2f} |"
        for row in rows
    ]
    (HERE / "results" / "scale.md").write_text("\n".join(lines) + "\n")
    (HERE / "results" / "scale.json").write_text(json.dumps({"rows": rows, "machine": machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
