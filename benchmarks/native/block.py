"""A block of one stream, T steps in one call: batch 1, one layer, one thread, state before it zero, outputs and state wanted.

    python benchmarks/native/block.py

Ours is the runtime's `NativeEngine.forward` as anybody calls it; beside it `torch.nn.LSTM` under inference_mode, given time
first as oneDNN likes it, and ONNX Runtime's LSTM node. Same weights, same answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import rivals
import torch
from conditions import HIDDEN, Run, check_close, flops
from timing import python_side, take_turns

TIMES = (1, 10, 100, 1000)


def measure(inputs: int, hidden: int, time: int, run: Run) -> dict[str, Any]:
    """All contenders at one size."""
    lstm = rivals.torch_lstm(inputs, hidden)
    engine = rivals.engine_of(lstm)
    x = np.random.default_rng(0).standard_normal((1, time, inputs)).astype(np.float32)
    given = torch.from_numpy(x).transpose(0, 1).contiguous()  # time x 1 x inputs
    state = (torch.zeros(1, 1, hidden),) * 2
    calls = {"ours": lambda: engine.forward(x), "nn.LSTM": lambda: lstm(given, state)}
    if rivals.HAS_ONNX:
        session = rivals.onnx_session(lstm, time, threads=1)
        feeds = {"x": given.numpy()} | {name: np.zeros((1, 1, hidden), np.float32) for name in "hc"}
        calls["onnxruntime"] = lambda: session.run(None, feeds)
    with torch.inference_mode():
        for name, call in calls.items():
            check_close(f"{name} H={hidden} T={time}", np.ravel(call()[0]), np.ravel(lstm(given, state)[0]), 1e-4)
        sides = {name: python_side(call) for name, call in calls.items()}
        timings = take_turns(sides, 0.1 if run.quick else 0.7, **run.rounds())
    ours = timings["ours"]
    return {
        "I": inputs,
        "H": hidden,
        "T": time,
        "threads": 1,
        "gflops": round(flops(inputs, hidden, time) / ours.median / 1e9, 2),
        "times": {name: timing.to_json() for name, timing in timings.items()},
        "over_ours": {name: timing.over(ours) for name, timing in timings.items() if name != "ours"},
    }


def main() -> None:
    run = Run("block", __doc__)
    torch.set_num_threads(1)
    rows = []
    for hidden in (16, 64) if run.quick else HIDDEN:
        for inputs in (1, hidden):
            for time in (1, 100) if run.quick else TIMES:
                row = measure(inputs, hidden, time, run)
                rows.append(row)
                shown = ", ".join(f"{name} {each['us'] / time:.3f}" for name, each in row["times"].items())
                print(f"H {hidden} I {inputs} T {time}: us a step {shown}; ours {row['gflops']} GFLOP/s", flush=True)
    run.write(rows)


if __name__ == "__main__":
    main()
