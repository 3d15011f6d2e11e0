"""The bundled forecaster after training on a duel set, beside what it was and a network trained from nothing.

    python benchmarks/fine_tuning.py                      # M4 Hourly and Weekly, ETTh1, nn5
    python benchmarks/fine_tuning.py m4_hourly

Default settings; no covariates. The set's test windows are scored once, at the end; whether to keep what was learned is
decided on validation windows of the training part. Writes results/fine_tuning.json.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import duel_data
import ensue
import zero_shot
from duel import machine

HERE = Path(__file__).resolve().parent
SETS = ("m4_hourly", "m4_weekly", "ETTh1", "nn5_daily")


def run(name: str) -> dict[str, Any]:
    """Score as it comes, train, score again."""
    data = duel_data.load_set(name)
    roles = {"target": "y", "time": "ds", "id": "unique_id"}
    forecaster = ensue.Forecaster.pretrained(horizon=data.horizon, **roles)
    before = zero_shot.run(forecaster, data)
    began, began_cpu = time.perf_counter(), time.process_time()
    forecaster.fit(data.history_frame(0).select("unique_id", "ds", "y"))
    spent, spent_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    after = zero_shot.run(forecaster, data)
    recorded = HERE / "results" / "bare" / f"duel-{name}.json"
    recorded = recorded if recorded.exists() else HERE / "results" / f"duel-{name}.json"
    return {
        "set": name,
        "zero_shot": before["relative"],
        "fine_tuned": after["relative"],
        "from_nothing": json.loads(recorded.read_text())["relative"],
        "coverage": [after["coverage-80"], after["coverage-95"]],
        "OWA": after.get("OWA"),
        "steps": forecaster.report_.steps,
        "best_step": forecaster.report_.best_step,
        "seconds": round(spent, 1),
        "cpu_seconds": round(spent_cpu, 1),
        "said": forecaster.findings_[-1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    where, rows = machine(), []
    for name in given.sets:
        rows.append(run(name))
        print(rows[-1], flush=True)
        text = json.dumps({"sets": rows, "machine": where}, indent=1) + "\n"
        (HERE / "results" / "fine_tuning.json").write_text(text)


if __name__ == "__main__":
    main()
