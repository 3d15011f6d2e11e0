"""A batch forward, one layer, without gradients: every output and the state after.

    python benchmarks/native/forward.py

Ours: the module `ensue.learn.lstm.LSTM`, which packs its weights anew in every call, and the runtime's `NativeEngine`, which
packed them once. Beside them `torch.nn.LSTM` under inference_mode, given time first as oneDNN likes it. As many inputs as
units, where not said otherwise; one and two threads. Same weights, same answers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import grid
import rivals
import torch
from conditions import Run, check_close
from timing import Side, python_side


def contenders(size: tuple[int, int, int, int], run: Run) -> dict[tuple[str, int], Side]:
    """Every contender with every number of threads."""
    inputs, hidden, batch, time = size
    lstm = rivals.torch_lstm(inputs, hidden)
    own = rivals.own_lstm(lstm)
    x = torch.randn(batch, time, inputs)
    turned, values = x.transpose(0, 1).contiguous(), x.numpy()  # time x batch x inputs
    expected = lstm(turned)[0].transpose(0, 1)
    check_close(f"module at {size}", own(x)[0], expected, 1e-4)
    sides = {}
    for threads in run.threads:
        engine = rivals.engine_of(lstm, threads=threads)
        check_close(f"engine at {size}", engine.forward(values)[0], expected, 1e-4)
        prepare = partial(torch.set_num_threads, threads)
        sides["ours", threads] = python_side(partial(engine.forward, values), prepare)
        sides["module", threads] = python_side(partial(own, x), prepare)
        sides["nn.LSTM", threads] = python_side(partial(lstm, turned), prepare, settles=threads > 1)
    return sides


def main() -> None:
    run = Run("forward", __doc__, threads=(1, 2))
    rows: list[dict[str, Any]] = []
    with torch.inference_mode():
        for size in grid.sizes(run.quick):
            rows.append(grid.measure(size, contenders(size, run), run, passes=1, seconds=0.5))
            grid.show(rows[-1])
    run.write(rows)


if __name__ == "__main__":
    main()
