"""The honesty test: daily closing prices of the Dow's companies, 20 windows of 5 days. It must say: no better than naive.

python benchmarks/stocks.py
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

import duel_data
from duel import machine
from ensue import Forecaster

HERE = Path(__file__).resolve().parent


def main() -> None:
    entry = next(each for each in duel_data.index() if each["name"] == "stocks")
    table = pl.read_parquet(duel_data.data_folder() / entry["train"]).select("unique_id", "ds", "y")
    forecaster = Forecaster(
        horizon=entry["horizon"], target="y", time="ds", id="unique_id", season=(entry["season"],), threads=1
    )
    backtest = forecaster.backtest(table, windows=entry["windows"])
    print(backtest.sentence)
    rows = backtest.scores.select("model", "MASE", "coverage-80", "coverage-95").to_dicts()
    lines = ["## Stocks", "`python benchmarks/stocks.py` says:", "", f"> {backtest.sentence}", ""]
    lines += [f"- {row['model']}: " + ", ".join(f"{key} {row[key]:.3f}" for key in list(row)[1:]) for row in rows]
    (HERE / "results" / "stocks.md").write_text("\n".join(lines) + "\n")
    result = {"sentence": backtest.sentence, "scores": rows, "machine": machine()}
    (HERE / "results" / "stocks.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
