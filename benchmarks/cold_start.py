"""From a cold process to an answer: `ensue forecast DATA -m MODEL` on 10,000 rows, and what an import costs.

    python benchmarks/cold_start.py            # 15 runs of each, in fresh processes, one after another
    python benchmarks/cold_start.py --runs 5

The model is trained once, for a few steps, and kept in a temporary folder: what was learned does not change what an answer
costs. Wall seconds from the start of the process to its end, processor seconds and peak resident memory as the system
counts them (wait4). The files are in the system's cache and the byte code is compiled before the runs that count, as after
any first use. A bare interpreter and the imports nobody can do without are beside it, so that it shows what is ours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROWS = 10_000
FOLDER = Path(tempfile.gettempdir()) / "ensue-cold-start"
HEAVY = ("torch", "polars", "narwhals", "pandas")
FORECAST = ["forecast", "load.csv", "-m", "load.ensue"]


def prepare() -> None:
    """A table of 10,000 hours and a model of the default size, where they are not there yet."""
    FOLDER.mkdir(exist_ok=True)
    if (FOLDER / "load.ensue").exists():
        return
    import numpy as np

    from ensue import Forecaster

    random = np.random.default_rng(0)
    hours = np.datetime64("2023-01-01T00", "s") + np.arange(ROWS) * np.timedelta64(1, "h")
    load = 100 + 20 * np.sin(2 * np.pi * np.arange(ROWS) / 24) + random.normal(0, 3, ROWS)
    lines = [f"{str(hour).replace('T', ' ')},{value:.2f}" for hour, value in zip(hours, load, strict=True)]
    (FOLDER / "load.csv").write_text("\n".join(["ds,load", *lines]) + "\n")
    (FOLDER / "numbers.txt").write_text("\n".join(f"{value:.2f}" for value in load) + "\n")
    Forecaster(horizon=24, steps=20, threads=1).fit(FOLDER / "load.csv").save(FOLDER / "load.ensue")


def measure(command: list[str], runs: int) -> dict[str, Any]:
    """Medians and spread over fresh processes, after two that do not count."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(FOLDER / "bytecode")
    wall, processor, memory = [], [], []
    for run in range(runs + 2):
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=FOLDER, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} returned {process.returncode}")
        if run >= 2:
            wall.append(seconds)
            processor.append(usage.ru_utime + usage.ru_stime)
            memory.append(usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2))
    return {
        "wall_seconds": round(statistics.median(wall), 3),
        "wall_fastest": round(min(wall), 3),
        "wall_slowest": round(max(wall), 3),
        "cpu_seconds": round(statistics.median(processor), 3),
        "peak_mib": round(max(memory), 1),
    }


def loaded_by(arguments: list[str]) -> str:
    """Which of the heavy packages a command has loaded when it is done."""
    code = (
        "import sys; from ensue import cli; code = cli.run(sys.argv[1:]); "
        f"print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=FOLDER, capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--prepare", action="store_true", help="only write the table and train the model")
    options = parser.parse_args()
    if options.prepare:
        prepare()
        return
    # In a process of its own: a child's peak memory begins with that of the parent it was forked from.
    subprocess.run([sys.executable, __file__, "--prepare"], check=True)
    runs = options.runs
    python = [sys.executable]
    ensue = [*python, "-m", "ensue"]
    commands = {
        "`python -c pass`": [*python, "-c", "pass"],
        "`import ensue`": [*python, "-c", "import ensue"],
        "`import numpy, polars`": [*python, "-c", "import numpy, polars"],
        "`ensue --version`": [*ensue, "--version"],
        "`ensue forecast`, 10,000 rows": [*ensue, *FORECAST],
        "`ensue stream`, 10,000 numbers": [
            *ensue,
            "stream",
            "numbers.txt",
            "-m",
            "load.ensue",
            "--start",
            "2023-01-01",
        ],
    }
    rows = {}
    for name, command in commands.items():
        rows[name] = measure(command, runs)
        print(name, rows[name], flush=True)
    heavy = loaded_by(FORECAST)
    lines = [
        "## Cold start",
        f"`python benchmarks/cold_start.py`: fresh processes, median of {runs}; asked for: `ensue forecast` below 1 s and",
        "150 MB, no PyTorch.",
        "",
        "| | wall s | fastest ... slowest | processor s | peak memory MiB |",
        "|" + "---|" * 5,
    ]
    lines += [
        f"| {name} | {row['wall_seconds']} | {row['wall_fastest']} ... {row['wall_slowest']} | {row['cpu_seconds']} "
        f"| {row['peak_mib']} |"
        for name, row in rows.items()
    ]
    lines += ["", f"Loaded by `ensue forecast`, of {', '.join(HEAVY)}: {heavy or 'none'}."]
    print("\n".join(lines[3:]))
    from duel import machine

    record = {"rows": rows, "loaded": heavy.split(), "runs": runs, "machine": machine()}
    (HERE / "results" / "cold_start.md").write_text("\n".join(lines) + "\n")
    (HERE / "results" / "cold_start.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
