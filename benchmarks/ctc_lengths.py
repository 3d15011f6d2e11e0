"""What rows of different lengths cost in training: Ensue's LSTM with lengths beside torch.nn.LSTM on packed sequences.

    python benchmarks/ctc_lengths.py

One step each (forward, CTC loss, backward) of a bidirectional LSTM of 64 units over 32 rows of 45 to 90 steps of 40
numbers. Equal threads, the same rows, medians of many steps, taken in turn. Padded input without lengths, where the
reverse direction begins in the padding, is there for scale. Writes results/ctc_lengths.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from duel import machine
from ensue.learn.lstm import LSTM

HERE = Path(__file__).resolve().parent
ROWS, STEPS, FEATURES, UNITS, CLASSES, LABELS = 32, 90, 40, 64, 30, 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="a few steps, nothing written")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    found = []
    for threads in given.threads:
        torch.set_num_threads(threads)
        found.append({"threads": threads} | measure(3 if given.quick else given.repeats))
        print(found[-1], flush=True)
    if not given.quick:
        text = json.dumps({"rows": found, "machine": machine()}, indent=1) + "\n"
        (given.out / "ctc_lengths.json").write_text(text)


def measure(repeats: int) -> dict[str, float]:
    """Milliseconds a training step of each way, medians."""
    torch.manual_seed(0)
    x = torch.randn(ROWS, STEPS, FEATURES)
    lengths = torch.randint(STEPS // 2, STEPS + 1, (ROWS,)).sort(descending=True).values
    lengths[0] = STEPS
    labels = torch.randint(1, CLASSES, (ROWS, LABELS))
    ours, theirs = (
        LSTM(FEATURES, UNITS, bidirectional=True),
        nn.LSTM(FEATURES, UNITS, bidirectional=True, batch_first=True),
    )
    theirs.load_state_dict(ours.state_dict())
    head = nn.Linear(2 * UNITS, CLASSES)

    def lengths_given() -> Tensor:
        return ours(x, lengths=lengths)[0]

    def packed() -> Tensor:
        output, _ = theirs(pack_padded_sequence(x, lengths, batch_first=True))
        return pad_packed_sequence(output, batch_first=True, total_length=STEPS)[0]

    def padded() -> Tensor:
        return theirs(x)[0]

    ways: dict[str, Callable[[], Tensor]] = {"ensue_lengths": lengths_given, "packed": packed, "padded": padded}
    torch.testing.assert_close(lengths_given(), packed(), atol=1e-4, rtol=1e-4)
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 3):
        for name, way in ways.items():
            began = time.perf_counter()
            step(way, head, labels, lengths, [*ours.parameters(), *theirs.parameters(), *head.parameters()])
            if turn >= 3:
                spent[name].append(1000 * (time.perf_counter() - began))
    medians: dict[str, Any] = {f"{name}_ms": round(statistics.median(each), 2) for name, each in spent.items()}
    return medians | {"packed_over_ensue": round(medians["packed_ms"] / medians["ensue_lengths_ms"], 2)}


def step(way: Callable[[], Tensor], head: nn.Module, labels: Tensor, lengths: Tensor, weights: list[Tensor]) -> None:
    for weight in weights:
        weight.grad = None
    log_p = torch.log_softmax(head(way()), dim=-1).transpose(0, 1)
    functional.ctc_loss(log_p, labels, lengths, torch.full((ROWS,), LABELS)).backward()


if __name__ == "__main__":
    main()
