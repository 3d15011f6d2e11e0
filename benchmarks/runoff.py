"""Rainfall to runoff: ten years of a river from rain, temperature and evaporation alone, beside the published SAC-SMA.

    python benchmarks/runoff.py

The forecaster learns the years before with a horizon of a year, then reads the last ten with closed eyes: it never sees
the flow there, only the inputs. Score: Nash-Sutcliffe efficiency; 1 is perfect, 0 is the mean.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

import duel_data
from duel import machine
from ensue import Forecaster
from ensue.metrics import nse

HERE = Path(__file__).resolve().parent
YEARS = 10
INPUTS = ("prcp", "tair", "pet")


def main() -> None:
    entry = next(each for each in duel_data.index() if each["name"] == "camels_runoff")
    table = pl.read_parquet(duel_data.data_folder() / entry["train"]).sort("ds")
    border = table["ds"].max().replace(year=table["ds"].max().year - YEARS)
    seen, rest = table.filter(pl.col("ds") <= border), table.filter(pl.col("ds") > border)
    days = pl.DataFrame({"ds": pl.datetime_range(border, table["ds"].max(), "1d", closed="right", eager=True)})
    inputs = days.join(rest.select("ds", *INPUTS), on="ds", how="left", maintain_order="left")
    forecaster = Forecaster(
        horizon=365, target="y", time="ds", future=INPUTS, season=(365,), context_length=365, steps=500, threads=1
    )
    forecaster.fit(seen.select("ds", "y", *INPUTS))
    forecast = forecaster.predict(seen.select("ds", "y", *INPUTS), horizon=days.height, future=inputs, levels=(80,))
    scored = rest.join(forecast, on="ds", how="inner").filter(pl.col("y").is_not_null())
    truth = scored["y"].to_numpy()
    ours = float(nse(truth, scored["ensue"].to_numpy()))
    published = float(nse(truth, scored["sacsma_runoff"].to_numpy()))
    inside = (truth >= scored["ensue-lo-80"].to_numpy()) & (truth <= scored["ensue-hi-80"].to_numpy())
    held = 100 * float(np.mean(inside))
    said = f"NSE over {len(truth)} days never seen: Ensue {ours:.3f}, SAC-SMA {published:.3f}; 80 % band {held:.0f} %."
    print(said)
    lines = ["## Rainfall to runoff", f"`python benchmarks/runoff.py`: {said}"]
    (HERE / "results" / "runoff.md").write_text("\n".join(lines) + "\n")
    result = {"nse": ours, "sacsma": published, "coverage-80": held, "days": len(truth), "machine": machine()}
    (HERE / "results" / "runoff.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
