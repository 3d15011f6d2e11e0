"""How soon Ensue reaches the final score of neuralforecast's LSTM (500 steps): in a fifth of its training time?

    python benchmarks/race.py                 # the six sets of benchmarks/others
    python benchmarks/race.py --share 0.1 ETTh1

For each set a few steps are trained to learn what one costs here; then a network is trained from the start with as many
steps as fit into the given share of neuralforecast's processor seconds (benchmarks/others/results, one thread as here),
season detection and validation included, and scored on the same windows.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

from duel import machine, run

HERE = Path(__file__).resolve().parent
SETS = ("m4_hourly", "m4_weekly", "ETTh1", "vic_elec", "nn5_daily", "pjm_hourly")
PROBE = 20


def race(name: str, share: float) -> dict[str, Any]:
    """Ours within a share of their time, beside theirs."""
    theirs = json.loads((HERE / "others" / "results" / f"neuralforecast-{name}.json").read_text())
    allowed = share * theirs["train_cpu_seconds"]
    options: dict[str, Any] = {"threads": 1, "bare": True}
    _cost(name, options | {"steps": 1})  # imports and caches
    fixed = _cost(name, options | {"steps": 1})
    each = (_cost(name, options | {"steps": 1 + PROBE}) - fixed) / PROBE
    steps = max(10, int((allowed - fixed) / each * 0.85))
    began = time.process_time()
    ours = run(name, options | {"steps": steps}, validation=False)
    return {
        "set": name,
        "steps": steps,
        "train_and_predict_cpu_seconds": round(time.process_time() - began, 1),
        "allowed_cpu_seconds": round(allowed, 1),
        "MASE": ours["MASE"],
        "predict_cpu_seconds": ours["predict_cpu_seconds"],
        "neuralforecast": {
            "MASE": round(theirs["scores"]["MASE"], 4),
            "train_cpu_seconds": theirs["train_cpu_seconds"],
        },
        "reached": ours["MASE"] <= theirs["scores"]["MASE"],
    }


def _cost(name: str, options: dict[str, Any]) -> float:
    began = time.process_time()
    run(name, options, validation=False)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", help="names of duel sets; the six by default")
    parser.add_argument("--share", type=float, default=0.2, help="share of neuralforecast's training time")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    where = machine()
    for name in given.sets or SETS:
        result = race(name, given.share)
        (HERE / "results" / f"race-{name}.json").write_text(json.dumps(result | {"machine": where}, indent=1) + "\n")
        print(
            f"{name:12s} MASE {result['MASE']:.4f} after {result['steps']} steps, "
            f"{result['train_and_predict_cpu_seconds']:.0f} s of {result['allowed_cpu_seconds']:.0f} s allowed; "
            f"neuralforecast {result['neuralforecast']['MASE']:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
