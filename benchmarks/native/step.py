"""One step of one layer, batch 1, one thread: inside C++, and from Python.

    python benchmarks/native/step.py

Inside C++: the core's `lstm_step`, float32, bf16 and int8 weights, and a plain loop over Eigen in the manner of RTNeural
(sizes known to the compiler, one matrix [W U b] times [x; h; 1]) compiled with the same flags. From Python: a pre-bound pass
of our runtime, its input written before each step; `torch.nn.LSTMCell` under inference_mode; ONNX Runtime's LSTM node over
bound buffers. All have the same weights, and answer the same before they are timed. p50 and p99: steps timed one by one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

import building
import numpy as np
import rivals
import torch
from building import Cell, Floats
from conditions import HIDDEN, Run, check_close, flops
from timing import Side, percentiles, take_turns
from torch import nn

from ensue import _native

ROWS = 64
"""Different inputs, read over and over."""
CHECKED = 50
"""Steps after which all must answer the same."""
ALLOWED = {"bf16": 0.02, "int8": 0.1}
"""Difference of h; 1e-5 for all that compute with float32 weights."""


def measure(inputs: int, hidden: int, run: Run) -> dict[str, Any]:
    """All contenders at one size."""
    lstm = rivals.torch_lstm(inputs, hidden)
    x = np.random.default_rng(0).standard_normal((ROWS, inputs)).astype(np.float32)
    cells = _cells(lstm, x)
    steps = {"python": Bound(lstm, x), "LSTMCell": TorchCell(lstm, x)}
    if rivals.HAS_ONNX:
        steps["onnxruntime"] = Onnx(lstm, x)
    with torch.inference_mode():
        differences = _check(cells | steps)
        timings = take_turns(
            {name: Side(each.run) for name, each in (cells | steps).items()}, 0.2 if run.quick else 2.0, **run.rounds()
        )
    ours = timings["ours"]
    count = 200 if run.quick else 20_000 if hidden <= 128 else 2_000
    each = {name: percentiles(cell.run_each(count), building.empty_clock()) for name, cell in cells.items()}
    return {
        "I": inputs,
        "H": hidden,
        "threads": 1,
        "gflops": round(flops(inputs, hidden) / ours.median / 1e9, 2),
        "times": {name: timing.to_json() | each.get(name, {}) for name, timing in timings.items()},
        "over_ours": {name: timing.over(ours) for name, timing in timings.items() if name != "ours"},
        "python_over_c": round((timings["python"].median - ours.median) * 1e6, 4),
        "h_differs_from_LSTMCell": differences,
    }


def _cells(lstm: nn.LSTM, x: Floats) -> dict[str, Cell]:
    isa, weights = _native.kernels().name, rivals.plain_weights(lstm)
    cells = {"ours": Cell("steps_ours", isa, "float32", weights, x)}
    if building.library(f"steps_eigen_{isa}") is not None:
        cells["eigen"] = Cell(f"steps_eigen_{isa}", isa, "float32", weights, x)
    return cells | {storage: Cell("steps_ours", isa, storage, weights, x) for storage in ("bf16", "int8")}


class Bound:
    """Our runtime: a pass bound to its arrays once, its input written before each step."""

    def __init__(self, lstm: nn.LSTM, x: Floats) -> None:
        engine = rivals.engine_of(lstm)
        state, self._y = engine.initial_state(1), np.zeros((1, 1, lstm.hidden_size), np.float32)
        given = np.zeros((1, 1, lstm.input_size), np.float32)
        self._step = _native.Pass(engine.native, given, None, state, self._y).run
        self._row, self._where = given[0, 0], 0 if lstm.input_size == 1 else slice(None)
        self._x = [float(each[0]) for each in x] if lstm.input_size == 1 else list(x)

    def run(self, count: int) -> float:
        row, where, step = self._row, self._where, self._step
        values = islice(cycle(self._x), count)
        began = time.perf_counter()
        for value in values:
            row[where] = value
            step()
        return time.perf_counter() - began

    def hidden(self) -> Floats:
        return self._y.ravel()


class TorchCell:
    """PyTorch's cell, its inputs made tensors before."""

    def __init__(self, lstm: nn.LSTM, x: Floats) -> None:
        self._cell, self._x = rivals.cell_of(lstm), list(torch.from_numpy(x)[:, None])
        self._state = (torch.zeros(1, lstm.hidden_size),) * 2

    def run(self, count: int) -> float:
        cell, state = self._cell, self._state
        values = islice(cycle(self._x), count)
        began = time.perf_counter()
        for value in values:
            state = cell(value, state)
        spent = time.perf_counter() - began
        self._state = state
        return spent

    def hidden(self) -> Floats:
        return self._state[0].numpy().ravel()


class Onnx:
    """ONNX Runtime over bound buffers."""

    def __init__(self, lstm: nn.LSTM, x: Floats) -> None:
        self._node, self._x = rivals.OnnxStep(lstm, threads=1), list(x)

    def run(self, count: int) -> float:
        row, step = self._node.x[0, 0], self._node.step
        values = islice(cycle(self._x), count)
        began = time.perf_counter()
        for value in values:
            row[:] = value
            step()
        return time.perf_counter() - began

    def hidden(self) -> Floats:
        return self._node.hidden()


def _check(contenders: Mapping[str, Any]) -> dict[str, float]:
    """All answer the same from the first step on; how far each is from LSTMCell."""
    for each in contenders.values():
        each.run(CHECKED)
    expected = contenders["LSTMCell"].hidden()
    return {
        name: float(f"{check_close(name, each.hidden(), expected, ALLOWED.get(name, 1e-5)):.2g}")
        for name, each in contenders.items()
        if name != "LSTMCell"
    }


def main() -> None:
    run = Run("step", __doc__)
    torch.set_num_threads(1)
    isa = _native.kernels().name
    rows = []
    for hidden in (16, 64) if run.quick else HIDDEN:
        for inputs in (1, hidden):
            row = measure(inputs, hidden, run)
            rows.append(row)
            shown = ", ".join(f"{name} {each['us']:.3f}" for name, each in row["times"].items())
            print(f"H {hidden} I {inputs}: us {shown}; ours {row['gflops']} GFLOP/s", flush=True)
    run.write(rows, isa=isa, eigen=building.eigen_release(isa))


if __name__ == "__main__":
    main()
