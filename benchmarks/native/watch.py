"""What looking costs: `NativeEngine.watch`, running sums over the gates, and `trace`, all of them, beside `forward`.

    python benchmarks/native/watch.py

One layer; with one input, and with as many as units; the same calls in the same rounds, from Python. The sums of a call are
those that the call before left. A trace is written to fresh memory, six numbers a row, step and unit. The calls are those of
a long series and of a batch of series; one of a single step shows what a call costs in Python whatever its length. "Layer
norm" has norms in the cell and runs on the slower path of the core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from conditions import HIDDEN, SEED, Run, check_close, flops
from timing import python_side, take_turns

from ensue import network
from ensue.runtime.native_engine import NativeEngine
from ensue.runtime.traces import GateSums

SIZES = tuple(each for each in HIDDEN if each <= 256)
CALLS = ((1, 4096), (64, 512))
"""Batch and time of a call."""
MIDDLE = 64
"""Units of the layer with layer norm, and of the one that reads a single step."""


def some_engine(inputs: int, hidden: int, layer_norm: bool, threads: int) -> NativeEngine:
    """With weights as large as at the beginning of training."""
    random = np.random.default_rng(SEED)
    description = network.Network((network.LSTM(inputs, hidden, layer_norm=layer_norm),))
    most = hidden**-0.5
    weights = {name: random.uniform(-most, most, shape) for name, shape in description.parameters().items()}
    return NativeEngine(description, weights, threads=threads)


def watching(engine: NativeEngine, x: Any) -> Callable[[], Any]:
    """Calls that carry the sums on."""
    sums: list[list[GateSums]] = [engine.watch(x)[2]]

    def call() -> Any:
        output, _, sums[0] = engine.watch(x, sums=sums[0])
        return output

    return call


def measure(size: tuple[int, int, int, int], layer_norm: bool, threads: int, run: Run) -> dict[str, Any]:
    """All three at one size: inputs, units, rows, steps."""
    inputs, hidden, batch, time = size
    engine = some_engine(inputs, hidden, layer_norm, threads)
    x = np.random.default_rng(SEED).standard_normal((batch, time, inputs)).astype(np.float32)
    expected, watch = engine.forward(x)[0], watching(engine, x)
    check_close(f"watch at {size}", watch(), expected, 1e-5)
    check_close(f"trace at {size}", engine.trace(x)[0], expected, 1e-5)
    sides = {
        "forward": python_side(lambda: engine.forward(x)),
        "watch": python_side(watch),
        "trace": python_side(lambda: engine.trace(x)),
    }
    timings = take_turns(sides, 0.1 if run.quick else 1.5, **({"least": 11} | run.rounds()))
    forward = timings["forward"]
    return {
        **dict(zip(("I", "H", "B", "T"), size, strict=True)),
        "layer_norm": layer_norm,
        "threads": threads,
        "gflops": round(flops(inputs, hidden, batch * time) / forward.median / 1e9, 2),
        "times": {name: timing.to_json() for name, timing in timings.items()},
        "over_forward": {name: timing.over(forward) for name, timing in timings.items() if name != "forward"},
    }


def sizes(quick: bool) -> Iterator[tuple[tuple[int, int, int, int], bool]]:
    """Each with whether it has layer norm."""
    for hidden in (16, 64) if quick else SIZES:
        for batch, time in CALLS:
            for inputs in (1, hidden):
                yield (inputs, hidden, batch, time), False
    yield (MIDDLE, MIDDLE, 1, 1), False
    for batch, time in CALLS:
        yield (MIDDLE, MIDDLE, batch, time), True


def main() -> None:
    run = Run("watch", __doc__)
    rows = []
    for threads in run.threads:
        for size, layer_norm in sizes(run.quick):
            row = measure(size, layer_norm, threads, run)
            rows.append(row)
            ratios = ", ".join(f"{name} {each['ratio']:.3f} x" for name, each in row["over_forward"].items())
            named = " ".join(f"{name} {row[name]}" for name in ("I", "H", "B", "T"))
            text = f"{named}{', layer norm' if layer_norm else ''}: forward {row['times']['forward']['us']:.0f} us; {ratios}"
            print(text, flush=True)
    run.write(rows)


if __name__ == "__main__":
    main()
