"""Training on rows of different lengths: forward and backward, lengths drawn evenly from 1 to T.

    python benchmarks/native/lengths.py

`ensue.learn.lstm.LSTM` with `lengths=`, beside `torch.nn.LSTM` with `pack_padded_sequence` and `pad_packed_sequence`, which
does the same, and beside `torch.nn.LSTM` over the padding, which does less: its states at the end are wrong. GFLOP/s count
what lies inside the lengths. 64 rows of up to 128 steps, as many inputs as units.
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
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from train import step

BATCH, TIME = 64, 128
SIZES = (16, 64, 128, 256)


class WithLengths(nn.Module):
    """A module that is called as `step` calls it, its lengths known."""

    def __init__(self, lstm: nn.Module, lengths: Tensor) -> None:
        super().__init__()
        self.lstm, self.lengths = lstm, lengths


class Ours(WithLengths):
    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.lstm(x, lengths=self.lengths)[0],)


class Packed(WithLengths):
    def forward(self, x: Tensor) -> tuple[Tensor]:
        packed = pack_padded_sequence(x, self.lengths, enforce_sorted=False)
        return (pad_packed_sequence(self.lstm(packed)[0], total_length=len(x))[0],)


def contenders(hidden: int, lengths: Tensor, run: Run) -> dict[tuple[str, int], Side]:
    """All three, with every number of threads."""
    lstm = rivals.torch_lstm(hidden, hidden)
    ours, packed = Ours(rivals.own_lstm(lstm), lengths), Packed(lstm, lengths)
    inside = (torch.arange(TIME) < lengths[:, None]).unsqueeze(2)  # batch x time x 1
    x, dy = torch.randn(BATCH, TIME, hidden), torch.randn(BATCH, TIME, hidden) * inside
    turned, dy_turned = (each.transpose(0, 1).contiguous() for each in (x, dy))  # time x batch x features
    x.requires_grad_()
    turned.requires_grad_()
    y, expected = step(ours, x, dy), step(packed, turned, dy_turned)
    check_close(f"y at H={hidden}", y.detach(), expected.detach().transpose(0, 1), 1e-4)
    assert x.grad is not None
    assert turned.grad is not None
    check_close(f"gradient of x at H={hidden}", x.grad, turned.grad.transpose(0, 1), 1e-3)
    sides = {}
    for threads in run.threads:
        prepare = partial(torch.set_num_threads, threads)
        sides["ours", threads] = python_side(partial(step, ours, x, dy), prepare)
        for name, module in (("packed", packed), ("padded", lstm)):
            sides[name, threads] = python_side(partial(step, module, turned, dy_turned), prepare, settles=threads > 1)
    return sides


def main() -> None:
    run = Run("lengths", __doc__, threads=(1, 2))
    lengths = torch.randint(1, TIME + 1, (BATCH,))
    share = float(lengths.sum()) / (BATCH * TIME)
    rows: list[dict[str, Any]] = []
    for hidden in (16,) if run.quick else SIZES:
        row = grid.measure((hidden, hidden, BATCH, TIME), contenders(hidden, lengths, run), run, passes=3, seconds=2.0)
        for each in row["by_threads"].values():
            each["gflops"] = round(each["gflops"] * share, 2)
        rows.append(row)
        grid.show(row)
    run.write(rows, share_inside=round(share, 3))


if __name__ == "__main__":
    main()
