"""Processor seconds to predict the last window of the six panels of benchmarks/others, from a table to a table.

    python benchmarks/predict_time.py

Each panel is handed over with the rows a forecast reads, as it is to the other libraries. Two training steps are enough: what
was learned does not change what a prediction costs. Median of seven.
"""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path

import numpy as np

import duel_data
from duel import machine
from ensue import Forecaster
from race import SETS

HERE = Path(__file__).resolve().parent


def seconds(name: str) -> float:
    """Processor seconds of one prediction of all series."""
    data = duel_data.load_set(name)
    history = data.history_frame(data.windows - 1).select("unique_id", "ds", "y")
    forecaster = Forecaster(horizon=data.horizon, target="y", time="ds", id="unique_id", steps=2, threads=1)
    forecaster.fit(history)
    read = forecaster.describe()["rows_read"]
    recent = history.group_by("unique_id", maintain_order=True).tail(read)
    spent = []
    for _ in range(8):
        began = time.process_time()
        forecaster.predict(recent, levels=(80, 95))
        spent.append(time.process_time() - began)
    return float(np.median(spent[1:]))


def main() -> None:
    warnings.simplefilter("ignore")
    result = {}
    for name in SETS:
        result[name] = round(seconds(name), 4)
        print(name, result[name], flush=True)
    (HERE / "results" / "predict_time.json").write_text(json.dumps(result | {"machine": machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
