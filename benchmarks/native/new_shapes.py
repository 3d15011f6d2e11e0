"""Training on batches of ever new shapes: batch and time are drawn anew for every step.

    python benchmarks/native/new_shapes.py

`ensue.learn.lstm.LSTM` and `torch.nn.LSTM` in turn on the same shapes, forward and backward, one layer of 64 units and as
many inputs: the first 200 steps, the same shapes once more, and 200 steps of further new shapes. Microseconds for a thousand
rows and steps, and the median over the steps of the ratio. oneDNN makes a program for every shape it has not seen.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import rivals
import torch
from conditions import SEED, Run, flops
from torch import nn
from train import step

HIDDEN = 64
BATCH, TIME = (16, 64), (16, 128)
"""Smallest and largest, drawn evenly."""


def shapes(count: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """Batch and time of each step."""
    batches, times = (random.integers(low, high + 1, count) for low, high in (BATCH, TIME))
    return list(zip(batches.tolist(), times.tolist(), strict=True))


def measure(modules: dict[str, nn.Module], steps: list[tuple[int, int]]) -> dict[str, np.ndarray[Any, Any]]:
    """Seconds of each step of each, in turn; whoever was first is second at the next step."""
    seconds: dict[str, list[float]] = {name: [] for name in modules}
    for number, (batch, length) in enumerate(steps):
        x, dy = torch.randn(batch, length, HIDDEN), torch.randn(batch, length, HIDDEN)
        given = {"ours": (x, dy), "nn.LSTM": tuple(each.transpose(0, 1).contiguous() for each in (x, dy))}
        for name in list(modules)[:: -1 if number % 2 else 1]:
            values, gradient = given[name][0].requires_grad_(), given[name][1]
            began = time.perf_counter()
            step(modules[name], values, gradient)
            seconds[name].append(time.perf_counter() - began)
    return {name: np.array(each) for name, each in seconds.items()}


def rows_of(threads: int, run: Run) -> list[dict[str, Any]]:
    """The three parts with one number of threads."""
    torch.set_num_threads(threads)
    random = np.random.default_rng(SEED + threads)
    lstm = rivals.torch_lstm(HIDDEN, HIDDEN)
    modules: dict[str, nn.Module] = {"ours": rivals.own_lstm(lstm), "nn.LSTM": lstm}
    measure(modules, [(BATCH[0] - 1, TIME[0] - 1)] * 3)  # a shape that is not drawn: what is loaded once is no news
    count = 10 if run.quick else 200
    first, later = shapes(count, random), shapes(count, random)
    known = measure(modules, first), measure(modules, first)
    parts = {f"first {count} steps": (first, known[0]), "the same shapes again": (first, known[1])}
    parts[f"{count} further new shapes"] = (later, measure(modules, later))
    rows = []
    for name, (steps, seconds) in parts.items():
        work = sum(batch * length for batch, length in steps)
        rows.append(
            {
                "part": name,
                "threads": threads,
                "I": HIDDEN,
                "H": HIDDEN,
                "us_a_thousand": {side: round(float(each.sum()) / work * 1e9, 2) for side, each in seconds.items()},
                "gflops": round(3 * flops(HIDDEN, HIDDEN, work) / float(seconds["ours"].sum()) / 1e9, 2),
                "over_ours": spread(seconds["nn.LSTM"] / seconds["ours"]),
            }
        )
    for side in modules:
        rows[0].setdefault("new_over_known", {})[side] = spread(known[0][side] / known[1][side])
    return rows


def spread(ratios: np.ndarray[Any, Any]) -> dict[str, float]:
    """The median, and what a tenth is below and above."""
    low, median, high = np.percentile(ratios, (10, 50, 90))
    return {"ratio": round(float(median), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def main() -> None:
    run = Run("new_shapes", __doc__, threads=(1, 2))
    rows = []
    for threads in run.threads:
        for row in rows_of(threads, run):
            rows.append(row)
            ratio = f"{row['over_ours']['ratio']:.2f} x"
            print(f"{threads} thread(s), {row['part']}: us {row['us_a_thousand']}, {ratio}", flush=True)
    run.write(rows)


if __name__ == "__main__":
    main()
