"""A forecaster to stream with: two layers of 64 units over hourly values, calendar and seasons included.

It is trained for two steps: what was learned does not change what a step costs.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import ensue
from ensue import Forecaster

START = np.datetime64("2024-01-01T00", "us")
HORIZON = 24


def hourly(rows: int, seed: int = 0) -> np.ndarray:
    """Values with a daily and a weekly season."""
    random, hours = np.random.default_rng(seed), np.arange(rows)
    return 20 + 5 * np.sin(2 * np.pi * hours / 24) + 2 * np.sin(2 * np.pi * hours / 168) + random.normal(0, 0.5, rows)


def some_forecaster(executors: tuple[str, ...] = ("native",)) -> dict[str, Forecaster]:
    """The same model file, loaded once for each executor."""
    values = hourly(2000)
    table = pl.DataFrame({"ds": START + np.arange(len(values)) * np.timedelta64(1, "h"), "y": values})
    fitted = Forecaster(horizon=HORIZON, hidden_size=64, layers=2, steps=2, threads=1).fit(table)
    before = os.environ.get("ENSUE_EXECUTOR")
    loaded = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.ensue"
        fitted.save(path)
        for name in executors:
            os.environ["ENSUE_EXECUTOR"] = name
            loaded[name] = ensue.load(path)
            loaded[name].stream()  # the executor is chosen when it is first needed
        os.environ.pop("ENSUE_EXECUTOR")
    if before is not None:
        os.environ["ENSUE_EXECUTOR"] = before
    return loaded
