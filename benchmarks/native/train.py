"""A training step's LSTM, forward and backward through time: gradients of the input and of every weight.

    python benchmarks/native/train.py

`ensue.learn.lstm.LSTM` beside `torch.nn.LSTM`, given time first as oneDNN likes it; the same weights, the gradient of every
output given, gradients set to None before. As many inputs as units, where not said otherwise; one and two threads.
Same outputs and gradients, looked at before they are timed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import grid
import rivals
import torch
from conditions import Run, check_close
from timing import Side, python_side
from torch import Tensor, nn

from ensue.learn.lstm import LSTM


def step(module: nn.Module, x: Tensor, dy: Tensor) -> Tensor:
    """Forward and backward; the outputs."""
    for parameter in module.parameters():
        parameter.grad = None
    x.grad = None
    y: Tensor = module(x)[0]
    y.backward(dy)
    return y


def contenders(size: tuple[int, int, int, int], run: Run) -> dict[tuple[str, int], Side]:
    """Both, with every number of threads."""
    inputs, hidden, batch, time = size
    lstm = rivals.torch_lstm(inputs, hidden)
    own = rivals.own_lstm(lstm)
    x, dy = torch.randn(batch, time, inputs), torch.randn(batch, time, hidden) / (batch * time) ** 0.5
    turned, dy_turned = (each.transpose(0, 1).contiguous() for each in (x, dy))  # time x batch x features
    x.requires_grad_()
    turned.requires_grad_()
    sides = {}
    for threads in run.threads:
        torch.set_num_threads(threads)
        _check(own, step(own, x, dy), x, lstm, step(lstm, turned, dy_turned), turned, size)
        prepare = partial(torch.set_num_threads, threads)
        sides["ours", threads] = python_side(partial(step, own, x, dy), prepare)
        sides["nn.LSTM", threads] = python_side(partial(step, lstm, turned, dy_turned), prepare, settles=threads > 1)
    return sides


def _check(own: LSTM, y: Tensor, x: Tensor, lstm: nn.LSTM, expected: Tensor, turned: Tensor, size: Any) -> None:
    """Both gave the same outputs and gradients, up to rounding."""
    check_close(f"y at {size}", y.detach(), expected.detach().transpose(0, 1), 1e-4)
    assert x.grad is not None
    assert turned.grad is not None
    pairs = {"x": (x.grad, turned.grad.transpose(0, 1))}
    pairs |= {name: (each.grad, lstm.get_parameter(name).grad) for name, each in own.named_parameters()}
    for name, (mine, theirs) in pairs.items():
        check_close(f"gradient of {name} at {size}", mine, theirs, 1e-3 * float(theirs.abs().max()) + 1e-6)


def main() -> None:
    run = Run("train", __doc__, threads=(1, 2))
    rows: list[dict[str, Any]] = []
    for size in grid.sizes(run.quick):
        rows.append(grid.measure(size, contenders(size, run), run, passes=3, seconds=1.0))
        grid.show(rows[-1])
    run.write(rows)


if __name__ == "__main__":
    main()
