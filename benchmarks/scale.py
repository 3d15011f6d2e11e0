"""What training and predicting cost as a table grows: 100, 1,000 and 10,000 series of 1,000 points each.

    python benchmarks/scale.py                # 10^5, 10^6 and 10^7 points; writes results/scale.json
    python benchmarks/scale.py 1000           # that many series only

Each size runs in a process of its own, which reads a Parquet file of hourly rows as a user's would be read; its peak
resident memory is the operating system's figure. Costs are processor seconds, so that a busy machine does not change
them; wall seconds stand beside them. The claim to check: 10,000 series of 1,000 points train within 4 GB, and no cost
grows faster than the points.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from duel import HERE, machine

LENGTH = 1000
HORIZON = 24
STEPS = 20
LIMIT_GB = 4.0
COSTS = ("read table", "find roles", "build panel", "train, before the first step", "train, one step", "predict all")


def write_table(path: Path, series: int, seed: int = 0) -> None:
    """Hourly series with a day, a random level, spread and phase, and noise, as `unique_id, ds, y`."""
    random = np.random.default_rng(seed)
    hours = np.arange(LENGTH)
    wave = np.sin(2 * np.pi * (hours[None, :] + random.integers(0, 24, (series, 1))) / 24)
    values = random.lognormal(3, 1, (series, 1)) * (3 + wave + 0.3 * random.standard_normal((series, LENGTH)))
    stamps = np.datetime64("2024-01-01", "us") + hours * np.timedelta64(1, "h")
    names = pl.Series(np.arange(series)).cast(pl.String).str.zfill(5).gather(np.repeat(np.arange(series), LENGTH))
    pl.DataFrame({"unique_id": names, "ds": np.tile(stamps, series), "y": values.reshape(-1)}).write_parquet(path)


def measure(path: Path) -> dict[str, Any]:
    """Read, train a few steps and predict in this process; what each took."""
    import torch

    import ensue
    from ensue.config import DataOptions
    from ensue.data.roles import find_roles
    from ensue.data.series import build_panel
    from ensue.data.tables import read_table

    spent: dict[str, tuple[float, float]] = {}

    @contextmanager
    def clock(name: str) -> Iterator[None]:
        processor, wall = time.process_time(), time.perf_counter()
        yield
        spent[name] = (time.process_time() - processor, time.perf_counter() - wall)
        memory[name] = peak_gb()

    memory = {"imports": peak_gb()}
    torch.set_num_threads(1)
    with clock("read table"):
        frame = read_table(path).frame
    with clock("find roles"):
        schema = find_roles(frame, DataOptions())
    with clock("build panel"):
        panel = build_panel(frame, schema)
    del frame, panel
    began, ticks = (time.process_time(), time.perf_counter()), []
    forecaster = ensue.Forecaster(horizon=HORIZON, steps=STEPS, threads=1)
    forecaster.fit(path, progress=lambda _: ticks.append((time.process_time(), time.perf_counter())))
    memory["train"] = peak_gb()
    known = ("read table", "find roles", "build panel")
    steps = np.median(np.diff(ticks, axis=0), axis=0)
    before = np.subtract(ticks[0], began) - steps - np.sum([spent[name] for name in known], axis=0)
    spent["train, before the first step"] = tuple(np.maximum(before, 0.0))
    spent["train, one step"] = tuple(steps)
    with clock("predict all"):
        forecast = forecaster.predict()
    return {
        "series": len(forecast) // HORIZON,
        "points": len(forecast) // HORIZON * LENGTH,
        "cpu_seconds": {name: round(spent[name][0], 4) for name in COSTS},
        "wall_seconds": {name: round(spent[name][1], 4) for name in COSTS},
        "peak_gb_after": {name: round(value, 3) for name, value in memory.items()},
        "peak_gb": round(peak_gb(), 3),
        "machine": machine(),
    }


def peak_gb() -> float:
    """Peak resident memory of this process in GB (2^30 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", nargs="*", type=int, default=[100, 1_000, 10_000])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    results = []
    for series in given.series:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.parquet"
            # In a process of its own: a child's peak memory begins at that of the parent it was forked from.
            subprocess.run([sys.executable, "-c", f"import scale; scale.write_table(scale.Path({str(path)!r}), {series})"],
                           cwd=HERE, check=True)  # fmt: skip
            words = [sys.executable, __file__, "--measure", str(path)]
            results.append(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
        print(f"{series:,} series done: peak {results[-1]['peak_gb']:.2f} GB", file=sys.stderr, flush=True)
    print(table(results))
    if not parser.parse_args().series or given.series == [100, 1_000, 10_000]:
        out = HERE / "results" / "scale.json"
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps(results, indent=1) + "\n")


def table(results: list[dict[str, Any]]) -> str:
    """The costs side by side, in processor seconds."""
    lines = [f"{'processor seconds':30s}" + "".join(f"{each['points']:>14,}" for each in results)]
    for name in COSTS:
        lines.append(f"{name:30s}" + "".join(f"{each['cpu_seconds'][name]:14.3f}" for each in results))
    whole = [sum(each["cpu_seconds"][name] for name in COSTS[:4]) for each in results]
    lines.append(f"{'all before the first step':30s}" + "".join(f"{each:14.3f}" for each in whole))
    lines.append(f"{'peak memory, GB':30s}" + "".join(f"{each['peak_gb']:14.2f}" for each in results))
    largest = max(results, key=lambda each: each["points"])
    verdict = "within" if largest["peak_gb"] <= LIMIT_GB else "ABOVE"
    lines.append(f"{largest['series']:,} series of {LENGTH:,} points: {verdict} {LIMIT_GB:g} GB")
    about = largest["machine"]
    return "\n".join([*lines, ", ".join(f"{name} {value}" for name, value in about.items())])


if __name__ == "__main__":
    main()
