"""The inspection: whether it finds a lag that is known, and what a report costs.

    python benchmarks/inspection.py            # the known lags, then the report of 10,000 steps
    python benchmarks/inspection.py --lags     # only the first
    python benchmarks/inspection.py --report   # only the second

*Known lags*: an LSTM of 16 units learns to answer with what was marked exactly 5, 20 and 100 steps ago, in windows of 1.6
times that and more with distractors on both sides; three seeds each. Then the reach is measured on fresh windows.

*The report*: `ensue inspect DATA -m MODEL -o report.html` in fresh processes, on 10,000 hours with two seasons and the
default network (2 layers of 64 units), briefly trained: what was learned does not change what a look costs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from duel import machine

HERE = Path(__file__).resolve().parent
LAGS, SEEDS = (5, 20, 100), (0, 1, 2)
HOURS, RUNS = 10_000, 5


def known_lag(lag: int, seed: int) -> dict[str, Any]:
    """What the three measurements say of a network that looks back `lag` steps."""
    from ensue.data.memory_tasks import KnownLag
    from ensue.inspection.reach import measure_reach
    from ensue.inspection.subject import NetworkSubject
    from ensue.learn.memory import learn_known_lag

    learned = learn_known_lag(lag, seed)
    assert learned.network is not None
    fresh = (KnownLag(lag).batch(128, seed=10**6 + seed, step=step) for step in range(1000))
    batch = next(each for each in fresh if each.x.shape[1] >= 1.6 * lag)
    reach = measure_reach(NetworkSubject(learned.network, learned.weights, batch.x, batch.target[:, -1]), seed=seed)
    assert reach.gradients is not None
    assert reach.truncation is not None
    return {
        "lag": lag,
        "seed": seed,
        "window": int(batch.x.shape[1]),
        "mse": learned.score,
        "train_cpu_seconds": round(learned.seconds, 1),
        "resampled_90": reach.resampled.horizon(0.9),
        "gradients_50": reach.gradients.horizon(0.5),
        "gradients_90": reach.gradients.horizon(0.9),
        "effective_context": reach.truncation.effective(),
    }


def report(folder: Path) -> dict[str, Any]:
    """Seconds from the start of the process to the file, and its size."""
    from ensue import Forecaster

    random = np.random.default_rng(0)
    hours = np.datetime64("2023-01-01T00", "s") + np.arange(HOURS) * np.timedelta64(1, "h")
    rhythm = 20 * np.sin(2 * np.pi * np.arange(HOURS) / 24) + 8 * np.sin(2 * np.pi * np.arange(HOURS) / 168)
    load = 100 + rhythm + random.normal(0, 3, HOURS)
    lines = [f"{str(hour).replace('T', ' ')},{value:.2f}" for hour, value in zip(hours, load, strict=True)]
    (folder / "load.csv").write_text("\n".join(["ds,load", *lines]) + "\n")
    Forecaster(horizon=24, steps=60).fit(folder / "load.csv").save(folder / "load.ensue")
    command = [sys.executable, "-m", "ensue", "inspect", "load.csv", "-m", "load.ensue", "-q"]
    seconds: dict[str, list[float]] = {"report": [], "terminal": []}
    for _ in range(RUNS):
        for name, more in (("report", ["-o", "report.html"]), ("terminal", [])):
            began = time.perf_counter()
            subprocess.run([*command, *more], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - began)
    medians = {f"{name}_seconds": round(statistics.median(each), 2) for name, each in seconds.items()}
    slowest = {f"{name}_slowest": round(max(each), 2) for name, each in seconds.items()}
    return medians | slowest | {"report_mb": round((folder / "report.html").stat().st_size / 1e6, 2), "runs": RUNS}


def main() -> None:
    parser = argparse.ArgumentParser(description="The inspection: known lags, and what a report costs.")
    parser.add_argument("--lags", action="store_true", help="only the known lags")
    parser.add_argument("--report", action="store_true", help="only the report")
    chosen = parser.parse_args()
    path = HERE / "results" / "inspection.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if not chosen.report:
        results["lags"] = []
        for lag in LAGS:
            for seed in SEEDS:
                results["lags"].append(known_lag(lag, seed))
                print(results["lags"][-1], flush=True)
    if not chosen.lags:
        with tempfile.TemporaryDirectory() as folder:
            results["report"] = report(Path(folder))
        print(results["report"], flush=True)
    results["machine"] = machine()
    path.write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "results" / "inspection.md").write_text("\n".join(_page(results)) + "\n")


def _page(results: dict[str, Any]) -> list[str]:
    lines = ["## Looking inside", "`python benchmarks/inspection.py`.", ""]
    if "lags" in results:
        lines += [
            "Known lags; asked for: the horizon within 10 % of the lag. The history that is enough is counted in steps, the "
            "last one among them, so the truth is one more than the lag.",
            "",
            "| lag | seed | window | MSE | nine tenths, resampled | half, gradients | nine tenths, gradients "
            "| history that is enough | train s (cpu) |",
            "|" + "---|" * 9,
        ]
        lines += [
            f"| {row['lag']} | {row['seed']} | {row['window']} | {row['mse']:.1e} | {row['resampled_90']:g} "
            f"| {row['gradients_50']:g} | {row['gradients_90']:g} | {row['effective_context']} | {row['train_cpu_seconds']} |"
            for row in results["lags"]
        ]
    if "report" in results:
        found = results["report"]
        lines += [
            "",
            f"A report of 10,000 hours and 2 x 64 units, from a cold process, median (slowest) of {found['runs']}: "
            f"{found['report_seconds']} s ({found['report_slowest']} s), {found['report_mb']} MB; asked for: 20 s, 8 MB. "
            f"In the terminal: {found['terminal_seconds']} s ({found['terminal_slowest']} s).",
        ]
    return lines


if __name__ == "__main__":
    main()
