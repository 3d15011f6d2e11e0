"""The recorded results as one Markdown table: seasonal naive, then every library, set by set.

Times are processor seconds of the one thread: wall seconds hold whatever else the machine was doing. `busy` is wall
over processor seconds of training; near 1, the machine was free.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("MASE", "relative", "MASE_published", "sMAPE", "OWA", "coverage-80", "coverage-95")


def main() -> None:
    """Print the table."""
    naive = json.loads((RESULTS / "seasonal_naive.json").read_text())
    runs = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*-*.json"))]
    print("| set | library |", " | ".join(COLUMNS), "| train cpu s | predict cpu s | per window cpu s | busy |")
    print("|---" * (len(COLUMNS) + 6) + "|")
    for name in sorted({run["set"] for run in runs}):
        print(_row(name, "seasonal naive", naive[name]["seasonal_naive"], "", "", "", ""))
        for run in (each for each in runs if each["set"] == name):
            if "exceeded_cpu_minutes" in run:
                print(_row(name, run["library"], {}, f"> {60 * run['exceeded_cpu_minutes']:.0f}", "", "", ""))
                continue
            train, predict = run["train_cpu_seconds"], run["predict_cpu_seconds"]
            busy = run["train_seconds"] / train
            times = (f"{train:.1f}", f"{predict:.2f}", f"{predict / run['windows']:.3f}", f"{busy:.2f}")
            print(_row(name, run["library"], run["scores"], *times))


def _row(name: str, library: str, scores: dict[str, Any], *times: str) -> str:
    cells = [f"{scores[column]:.3f}" if column in scores else "" for column in COLUMNS]
    return "| " + " | ".join([name, library, *cells, *times]) + " |"


if __name__ == "__main__":
    main()
