"""The sizes that the batched forward and the training step are measured at, with one and two threads in the same rounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conditions import HIDDEN, Run, flops
from timing import Side, take_turns

BATCHES = (1, 16, 64, 256)
TIMES = (16, 64, 1024)
MOST = 3e9
"""Floating point operations of one forward call: longer ones than that are left out, so that the grid takes minutes."""
NARROW = (64, 64)
"""Batch and time at which one input is measured too; in the grid there are as many inputs as units."""


def sizes(quick: bool) -> Iterator[tuple[int, int, int, int]]:
    """Inputs, hidden, batch and time."""
    for hidden in (16, 64) if quick else HIDDEN:
        for batch in (1, 32) if quick else BATCHES:
            for time in (16, 64) if quick else TIMES:
                if flops(hidden, hidden, batch * time) <= MOST or time == TIMES[0]:
                    yield hidden, hidden, batch, time
        yield 1, hidden, *NARROW


def measure(
    size: tuple[int, int, int, int], sides: dict[tuple[str, int], Side], run: Run, passes: int, seconds: float
) -> dict[str, Any]:
    """All sides, each a contender's name ('ours' among them) and a number of threads, at one size.

    Args:
        passes: 1 for the way forward, 3 with the way back.
    """
    inputs, hidden, batch, time = size
    named = {f"{name}@{threads}": side for (name, threads), side in sides.items()}
    timings = take_turns(named, 0.05 if run.quick else seconds, **({"least": 5} | run.rounds()))
    row: dict[str, Any] = {"I": inputs, "H": hidden, "B": batch, "T": time, "by_threads": {}}
    for threads in run.threads:
        mine = {name: timings[f"{name}@{threads}"] for name, each in sides if each == threads}
        ours = mine["ours"]
        row["by_threads"][str(threads)] = {
            "gflops": round(passes * flops(inputs, hidden, batch * time) / ours.median / 1e9, 2),
            "times": {name: timing.to_json() for name, timing in mine.items()},
            "over_ours": {name: timing.over(ours) for name, timing in mine.items() if name != "ours"},
            "ours_over_1_thread": ours.over(timings["ours@1"]) if threads != 1 and "ours@1" in timings else None,
        }
    return row


def show(row: dict[str, Any]) -> None:
    """A line while it runs."""
    for threads, each in row["by_threads"].items():
        ratios = ", ".join(f"{name} {ratio['ratio']:.2f} x" for name, ratio in each["over_ours"].items())
        size = f"I {row['I']} H {row['H']} B {row['B']} T {row['T']}, {threads} thread(s)"
        ours = f"ours {each['times']['ours']['us']:.0f} us, {each['gflops']:.1f} GFLOP/s"
        print(f"{size}: {ours}; {ratios}", flush=True)
