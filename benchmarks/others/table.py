"""The recorded results as one Markdown table: seasonal naive, then every library, set by set."""

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
    print("| set | library |", " | ".join(COLUMNS), "| train s | predict s | per window s |")
    print("|---" * (len(COLUMNS) + 5) + "|")
    for name in sorted({run["set"] for run in runs}):
        print(_row(name, "seasonal naive", naive[name]["seasonal_naive"], "", "", ""))
        for run in (each for each in runs if each["set"] == name):
            if "exceeded_minutes" in run:
                print(_row(name, run["library"], {}, f"> {60 * run['exceeded_minutes']:.0f}", "", ""))
                continue
            train, predict = run["train_seconds"], run["predict_seconds"]
            times = (f"{train:.1f}", f"{predict:.2f}", f"{predict / run['windows']:.3f}")
            print(_row(name, run["library"], run["scores"], *times))


def _row(name: str, library: str, scores: dict[str, Any], *times: str) -> str:
    cells = [f"{scores[column]:.3f}" if column in scores else "" for column in COLUMNS]
    return "| " + " | ".join([name, library, *cells, *times]) + " |"


if __name__ == "__main__":
    main()
