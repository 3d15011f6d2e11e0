"""Rainfall to runoff: ten years of a river simulated from rain, temperature and evaporation, beside a published model.

    python benchmarks/runoff.py                    # settings below; writes results/runoff.json and runoff.md
    python benchmarks/runoff.py --steps 200 --horizon 730

The forecaster is trained on the first 20 years of `camels_runoff`. The last ten are one forecast with closed eyes: 3,652
steps ahead of the last runoff it has seen, with the three inputs as covariates known ahead. Scored by NSE (Nash &
Sutcliffe 1970: 1 is perfect, 0 is as good as the mean of what came) beside the published SAC-SMA simulation, which was
calibrated on this river. Two lines for ours: the median, which is what `predict` calls the forecast, and the mean of the
quantiles, since squared errors reward a mean and runoff is skewed.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from typing import Any

import numpy as np
import polars as pl

from duel import HERE, machine
from duel_data import data_folder
from ensue import Forecaster
from ensue.config import QUANTILES

YEARS = 10
INPUTS = ("prcp", "tair", "pet")
OPTIONS: dict[str, Any] = {"horizon": 730, "season": (365,), "context_length": 90, "hidden_size": 64, "layers": 1}
"""Hidden runs of up to two years, so that a simulation leans on its inputs; the year as season sets the half-life of the
scale, which has to stand for ten years, to a year."""


def simulate(options: dict[str, Any]) -> dict[str, Any]:
    """Train on what lies before the last ten years, simulate these, score."""
    rows = pl.read_parquet(data_folder() / "camels_us_sample" / "runoff_13331500_34y.parquet").sort("ds")
    first = rows["ds"][-1].replace(year=rows["ds"][-1].year - YEARS)
    past, ahead = rows.filter(pl.col("ds") <= first), rows.filter(pl.col("ds") > first)
    forecaster = Forecaster(target="y", time="ds", id="unique_id", future=INPUTS, threads=1, **options)
    began = time.process_time()
    forecaster.fit(past.select("unique_id", "ds", "y", *INPUTS))
    trained, began = time.process_time() - began, time.process_time()
    levels = [round(100 * (1 - 2 * level), 6) for level in QUANTILES if level < 0.5]
    frame = forecaster.predict(
        past.select("unique_id", "ds", "y", *INPUTS),
        horizon=len(ahead),
        levels=levels,
        future=ahead.select("unique_id", "ds", *INPUTS),
    )
    actual = ahead["y"].to_numpy()
    edges = [frame[name].to_numpy() for name in frame.columns if name.startswith("ensue-")]
    quantiles = np.sort(np.column_stack([*edges, frame["ensue"].to_numpy()]), axis=1)
    low, high = frame["ensue-lo-80"].to_numpy(), frame["ensue-hi-80"].to_numpy()
    # Straight lines between the quantiles, the outermost holding beyond themselves.
    inner = np.diff(QUANTILES) @ ((quantiles[:, 1:] + quantiles[:, :-1]) / 2).T
    mean = inner + QUANTILES[0] * (quantiles[:, 0] + quantiles[:, -1])
    report = forecaster.report_
    return {
        "days": len(actual),
        "from": str(ahead["ds"][0].date()),
        "to": str(ahead["ds"][-1].date()),
        "nse": {
            "ensue, median": nse(actual, frame["ensue"].to_numpy()),
            "ensue, mean": nse(actual, mean),
            "SAC-SMA": nse(actual, ahead["sacsma_runoff"].to_numpy()),
            "mean of each day of the year": nse(actual, _day_of_year(past, ahead)),
        },
        "coverage-80": round(float(100 * ((actual >= low) & (actual <= high)).mean()), 1),
        "train_cpu_seconds": round(trained, 1),
        "simulate_cpu_seconds": round(time.process_time() - began, 2),
        "steps": report.steps,
        "best_step": report.best_step,
        "stopped": report.stopped,
        "options": {key: str(value) for key, value in options.items()},
        "machine": machine(),
    }


def nse(actual: np.ndarray, simulated: np.ndarray) -> float:
    """Nash-Sutcliffe efficiency.

    >>> nse(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]))
    0.0
    """
    return round(float(1 - ((actual - simulated) ** 2).sum() / ((actual - actual.mean()) ** 2).sum()), 4)


def _day_of_year(past: pl.DataFrame, ahead: pl.DataFrame) -> np.ndarray:
    """What the years before had on that day, on average: a simulation that looks at no input."""
    day = pl.col("ds").dt.ordinal_day().alias("day")
    means = past.group_by(day).agg(pl.col("y").mean())
    return ahead.select(day).join(means, on="day", how="left", maintain_order="left")["y"].to_numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("horizon", "context-length", "hidden-size", "layers", "steps", "batch-size", "seed"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--learning-rate", type=float)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    warnings.simplefilter("ignore")
    result = simulate(OPTIONS | given)
    lines = [
        "## Rainfall-runoff",
        f"`python benchmarks/runoff.py`: {result['days']:,} days from {result["from"]}, one closed-eyes run; rain,",
        "temperature and potential evaporation known ahead; NSE, higher is better.",
        "",
        "| simulation | NSE |",
        "|---|---|",
        *(f"| {name} | {value:.3f} |" for name, value in result["nse"].items()),
        "",
        f"80 % band holds {result['coverage-80']:.1f} % of the days. Trained "
        f"{result['train_cpu_seconds']:.0f} processor seconds ({result['steps']} steps, best {result['best_step']}).",
    ]
    print("\n".join(lines), "\n", json.dumps(result))
    if not given:
        (HERE / "results" / "runoff.md").write_text("\n".join(lines) + "\n")
        (HERE / "results" / "runoff.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
