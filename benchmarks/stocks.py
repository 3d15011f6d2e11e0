"""An honesty test: 31 share prices. The last price is as good a forecast as any, and the backtest has to say so.

    python benchmarks/stocks.py        # writes results/stocks.json and stocks.md

`Forecaster(horizon=5).backtest(windows=20)` on daily closes of 2006 to 2017, default settings. A week is a season of five
trading days to seasonal naive; `season=()` makes the last price the reference, the harder one, and the one that counts.
"""

from __future__ import annotations

import json
import time
import warnings
from typing import Any

import polars as pl

from duel import HERE, machine
from duel_data import data_folder
from ensue import Forecaster

HORIZON, WINDOWS = 5, 20


def backtest(**options: Any) -> dict[str, Any]:
    """The sentence and the scores."""
    rows = pl.read_parquet(data_folder() / "stocks_daily" / "djia_2006_2017.parquet").select("unique_id", "ds", "y")
    forecaster = Forecaster(horizon=HORIZON, target="y", time="ds", id="unique_id", threads=1, **options)
    began = time.process_time()
    found = forecaster.backtest(rows, windows=WINDOWS)
    scores = found.scores.select("model", "MAE", "MASE", *(c for c in found.scores.columns if c.startswith("coverage")))
    return {
        "sentence": found.sentence,
        "honest": "no better than naive" in found.sentence or "worse than naive" in found.sentence,
        "scores": scores.to_dicts(),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def main() -> None:
    warnings.simplefilter("ignore")
    result = {"last price as reference": backtest(season=()), "default settings": backtest(), "machine": machine()}
    lines = [
        "## Stocks: must be no better than naive",
        "`python benchmarks/stocks.py`: 31 shares, 20 windows of 5 days.",
        "",
    ]
    lines += [f'- {name}: "{result[name]["sentence"]}"' for name in ("last price as reference", "default settings")]
    lines += ["", f"It says so: **{'yes' if result['last price as reference']['honest'] else 'NO'}**."]
    print("\n".join(lines), "\n", json.dumps(result))
    (HERE / "results" / "stocks.md").write_text("\n".join(lines) + "\n")
    (HERE / "results" / "stocks.json").write_text(json.dumps(result, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
