"""What an answer of the bundled forecaster costs: one series, a thousand, a streamed step, a cold process with its pictures.

    python benchmarks/zero_shot_speed.py            # medians; writes results/zero_shot_speed.json and .md

Series of 2,048 hourly points and 48 steps ahead. Warm figures are of one process with one thread; a thousand series also of
two processes with 1,000 each, which is what two cores do. Cold ones are wall clock from the start of
`ensue forecast data.csv` to its end, with the byte code compiled and the files in the system's cache; `torch` must not
be loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import ensue
from cold_start import FOLDER, loaded_by, measure, prepare
from duel import machine

HERE = Path(__file__).resolve().parent
POINTS, AHEAD, MANY = 2048, 48, 1000


def table(series: int) -> pl.DataFrame:
    """Hourly series of a day and a week."""
    random = np.random.default_rng(0)
    hours = np.arange(POINTS)
    shape = 10 + 3 * np.sin(2 * np.pi * hours / 24) + np.sin(2 * np.pi * hours / 168)
    y = shape + random.normal(0, 0.5, (series, POINTS))
    stamps = np.datetime64("2024-01-01T00", "us") + hours * np.timedelta64(1, "h")
    names = np.repeat([f"s{i}" for i in range(series)], POINTS)
    return pl.DataFrame({"unique_id": names, "ds": np.tile(stamps, series), "y": y.reshape(-1)})


def warm(runs: int) -> dict[str, Any]:
    """Milliseconds of a call on one series, series a second on many, microseconds of a streamed step."""
    forecaster = ensue.Forecaster.pretrained()
    one, many = table(1), table(MANY)
    forecaster.predict(one, horizon=AHEAD)
    spent = [_seconds(lambda: forecaster.predict(one, horizon=AHEAD)) for _ in range(runs)]
    forecaster.predict(many, horizon=AHEAD)
    both = [_seconds(lambda: forecaster.predict(many, horizon=AHEAD)) for _ in range(max(runs // 8, 3))]
    stream = forecaster.stream(one)
    values = np.random.default_rng(1).normal(10, 3, 2000).tolist()
    steps = []
    for _ in range(runs):
        began = time.perf_counter()
        for value in values:
            stream.update(value)
        steps.append((time.perf_counter() - began) / len(values))
    return {
        "one_ms": round(1000 * statistics.median(spent), 2),
        "many_seconds": round(statistics.median(both), 3),
        "series_a_second": round(MANY / statistics.median(both)),
        "step_us": round(1e6 * statistics.median(steps), 2),
    }


def _seconds(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def on_two_cores() -> float:
    """Series a second of two processes that forecast a thousand each, timed inside: 2,000 over the slower one's seconds."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import zero_shot_speed as z, ensue; t = z.table(z.MANY);"
        "f = ensue.Forecaster.pretrained(); f.predict(t, horizon=z.AHEAD); b = time.perf_counter();"
        "[f.predict(t, horizon=z.AHEAD) for _ in range(3)]; print((time.perf_counter() - b) / 3)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(HERE)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    return 2 * MANY / max(float(each.communicate()[0]) for each in both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=25)
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    prepare()
    (FOLDER / "one.csv").write_bytes(table(1).drop("unique_id").write_csv().encode())
    command = [sys.executable, "-m", "ensue", "forecast", "one.csv", "--horizon", str(AHEAD)]
    cold = {
        "`ensue forecast one.csv`": measure(command, 15),
        "with the picture in the terminal": measure([*command, "--plot", "-"], 15),
        "with an HTML picture": measure([*command, "--plot", "one.html"], 7),
    }
    result = {
        "warm": warm(given.runs),
        "two_cores_series_a_second": round(on_two_cores()),
        "cold": cold,
        "loaded": loaded_by(["forecast", "one.csv"]),
        "machine": machine(),
    }
    (HERE / "results" / "zero_shot_speed.json").write_text(json.dumps(result, indent=1) + "\n")
    lines = _lines(result)
    (HERE / "results" / "zero_shot_speed.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def _lines(result: dict[str, Any]) -> list[str]:
    warm_ = result["warm"]
    lines = [
        "## The bundled forecaster: what an answer costs",
        f"`python benchmarks/zero_shot_speed.py`: series of {POINTS:,} points, {AHEAD} steps ahead, medians.",
        "",
        "| | measured | asked for |",
        "|---|---|---|",
        f"| one series, warm process, one thread | {warm_['one_ms']} ms | 20 ms |",
        f"| {MANY:,} series in one call, one thread | {warm_['series_a_second']:,} a second | |",
        f"| two processes, {MANY:,} series each | {result['two_cores_series_a_second']:,} a second | 500 |",
        f"| a streamed step, from Python | {warm_['step_us']} us | 20 us |",
    ]
    asked = ("1 s", "1.5 s", "4 s")
    for (name, row), limit in zip(result["cold"].items(), asked, strict=True):
        lines.append(f"| {name}, cold process | {row['wall_seconds']} s, {row['peak_mib']} MiB | {limit} |")
    return [*lines, "", f"Loaded by it of PyTorch, Polars, Narwhals, pandas: {result['loaded'] or 'none'}."]


if __name__ == "__main__":
    main()
