"""A training step of the forecaster's network, on the native core and on PyTorch's LSTM, in turns.

    python benchmarks/native/forecaster_train.py

Two residual layers of 64 units behind 30 inputs, 60 windows of 200 steps, quantile loss, backward and Adam, one thread;
processor seconds. The result goes to benchmarks/results/native_forecaster_train.json.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from duel import machine
from ensue.config import QUANTILES
from ensue.learn.losses import pinball
from ensue.learn.modules import build
from ensue.network import LSTM, Linear, Network, QuantileHead, Residual

ROUNDS = 60
INPUTS, HIDDEN, BATCH, TIME, ANCHORS = 30, 64, 60, 200, 9


def step_on(back_end: str) -> Callable[[], None]:
    """A step of training; which code runs the LSTMs is settled when they are made."""
    os.environ["ENSUE_LSTM"] = back_end
    torch.manual_seed(0)
    layers = [Residual((LSTM(HIDDEN, HIDDEN, forget_bias=1.0),)) for _ in range(2)]
    module = build(Network((Linear(INPUTS, HIDDEN), *layers, QuantileHead(HIDDEN, QUANTILES, ANCHORS))))
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)
    x, anchors, targets = (torch.randn(BATCH, TIME, *size) for size in ((INPUTS,), (ANCHORS,), ()))
    weights, levels = torch.ones(BATCH, TIME), torch.tensor(QUANTILES)

    def step() -> None:
        optimizer.zero_grad()
        pinball(module(x, anchors)[0], targets, weights, levels).backward()
        optimizer.step()

    return step


def main() -> None:
    torch.set_num_threads(1)
    steps = {name: step_on(name) for name in ("native", "torch")}
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(ROUNDS + 5):
        for name in sorted(steps, reverse=bool(round_ % 2)):
            began = time.process_time()
            steps[name]()
            if round_ >= 5:
                spent[name].append(1e3 * (time.process_time() - began))
    ratios = np.array(spent["torch"]) / np.array(spent["native"])
    result = {name: round(float(np.median(each)), 2) for name, each in spent.items()}
    low, middle, high = (round(float(each), 2) for each in np.percentile(ratios, (10, 50, 90)))
    found = {"milliseconds": result, "ratio": middle, "low": low, "high": high, "seed": 0, "machine": machine()}
    path = Path(__file__).resolve().parents[1] / "results" / "native_forecaster_train.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
