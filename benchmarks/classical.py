"""AutoETS and Theta on the duel sets, by the rules of index.json: the last 1,000 points, gaps filled by the last value.

    python benchmarks/classical.py [--method Theta] [SET ...]

Where a method was run on the same windows before (`forecast/published/classical_last_window.csv`: sets of one window),
its figure is taken from there and marked as such; `--again` runs it here. One JSON file a set and method goes
to benchmarks/results.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
import warnings
from pathlib import Path
from typing import Any

import duel_data
from duel import machine
from ensue.baselines import statistical

HERE = Path(__file__).resolve().parent
METHODS = {"AutoETS": "ets", "Theta": "theta"}
RECORDED = {
    "m3_monthly", "m3_quarterly", "m3_yearly", "web_traffic_daily", "m4_hourly",
}  # fmt: skip
"""Sets whose recorded figures are of the same windows, season and cut as here."""


def run(name: str, method: str) -> dict[str, Any]:
    """Forecast every window of a set."""
    data = duel_data.load_set(name)
    forecasts: dict[tuple[int, str], dict[str, Any]] = {}
    began = time.process_time()
    for window, panel in duel_data.origins(data):
        histories = [each.history for each in panel.values()]
        columns, _ = statistical(
            histories, (METHODS[method],), horizon=data.horizon, season=data.season, levels=(80, 95)
        )
        for row, series in enumerate(panel):
            forecasts[window, series] = {
                "mean": columns[method][row],
                **{key.removeprefix(f"{method}-"): each[row] for key, each in columns.items() if key != method},
            }
    spent = time.process_time() - began
    scores = {key: round(value, 4) for key, value in duel_data.score(data, forecasts).items()}
    return {"set": name, "method": method, **scores, "cpu_seconds": round(spent, 1), "machine": machine()}


def recorded(name: str, method: str) -> dict[str, Any] | None:
    """The figure of `published/`, where it is of the same windows."""
    if name not in RECORDED:
        return None
    wanted = {"AutoETS": "AutoETS", "Theta": "DynamicOptimizedTheta"}[method]
    with (duel_data.data_folder() / "published" / "classical_last_window.csv").open() as file:
        for row in csv.DictReader(file):
            if row["set"] == name and row["method"] == wanted:
                relative = float(row["relative_to_seasonal_naive"])
                return {
                    "set": name,
                    "method": method,
                    "MASE": float(row["MASE"]),
                    "relative": relative,
                    "recorded": True,
                }
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", help="names of duel sets; all by default")
    parser.add_argument("--method", choices=list(METHODS), help="one method only")
    parser.add_argument("--again", action="store_true", help="run what is recorded, too")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in given.sets or duel_data.duel_sets():
        for method in [given.method] if given.method else METHODS:
            path = HERE / "results" / f"classical-{name}-{method}.json"
            if path.exists() and not given.again:
                continue
            result = None if given.again else recorded(name, method)
            result = result or run(name, method)
            path.write_text(json.dumps(result, indent=1) + "\n")
            print(f"{name:20s} {method:8s} MASE {result['MASE']:.4f}  relative {result['relative']:.4f}", flush=True)


if __name__ == "__main__":
    main()
