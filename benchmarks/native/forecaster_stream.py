"""A whole forecaster as a stream: front end, calendar, two layers of 64 units, quantiles.

    python benchmarks/native/forecaster_stream.py

From Python, the native core beside NumPy (ENSUE_EXECUTOR=numpy): a value read (`update`, and a bound stream), 24 steps
forecast, a value of each of 10,000 streams read in one call with one and two threads, and their states saved and restored.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
from conditions import Run, check_close
from some_forecaster import HORIZON, START, hourly, some_forecaster
from timing import Side, Timing, percentiles, python_side, take_turns

from ensue import Forecaster

EXECUTORS = ("native", "numpy")
STREAMS = 10_000
READ = 400
"""Values a stream has read before it is timed: two of the longest season."""


def main() -> None:
    run = Run("forecaster_stream", __doc__, threads=(1, 2))
    forecasters = some_forecaster(EXECUTORS)
    rows = []
    for what, (sides, units) in {**_single(forecasters, run), **_batched(forecasters, run)}.items():
        timings = take_turns(sides, 0.2 if run.quick else 4.0, **({"least": 3} | run.rounds()))
        row = {
            "what": what,
            "units": units,
            "us_a_unit": {name: round(timing.median * 1e6 / units, 4) for name, timing in timings.items()},
            "times": {name: timing.to_json() for name, timing in timings.items()},
            "over_native": _over_native(timings),
        }
        rows.append(row)
        print(f"{what}: us {row['us_a_unit']}", flush=True)
    count = 200 if run.quick else 20_000
    rows.append({"what": "update, one by one", "units": 1, "native": _one_by_one(forecasters["native"], count)})
    print(rows[-1])
    state = forecasters["native"].streams(1).state
    run.write(rows, state_bytes=len(state), horizon=HORIZON, hidden_size=64, layers=2)


Measured = dict[str, tuple[dict[str, Side], int]]
"""By what is measured: the sides, and the streams in each call."""


def _single(forecasters: dict[str, Forecaster], run: Run) -> Measured:
    values = hourly(READ)
    streams = {name: each.stream() for name, each in forecasters.items()}
    expected = {name: stream.update(values, time=START)[3:] for name, stream in streams.items()}
    check_close("streams", expected["native"], expected["numpy"], 1e-3)
    single = {name: python_side(partial(stream.update, 20.5)) for name, stream in streams.items()}
    bound = {name: Side(_bound_loop(stream.bind())) for name, stream in streams.items()}
    ahead = {name: python_side(partial(stream.forecast, HORIZON)) for name, stream in streams.items()}
    return {"update": (single, 1), "bound step": (bound, 1), f"forecast({HORIZON})": (ahead, 1)}


def _bound_loop(bound: Any) -> Callable[[int], float]:
    values = [float(each) for each in hourly(100)]

    def run(count: int) -> float:
        x, step = bound.x, bound.step
        began = time.perf_counter()
        for _, value in zip(range(count), cycle(values), strict=False):
            x[0] = value
            step()
        return time.perf_counter() - began

    return run


def _batched(forecasters: dict[str, Forecaster], run: Run) -> Measured:
    count = 500 if run.quick else STREAMS
    levels = np.random.default_rng(0).lognormal(3, 1, (count, 1))
    history = levels * (1 + 0.2 * hourly(READ) / 20)
    sides, saving, restoring = {}, {}, {}
    for name, forecaster in forecasters.items():
        for threads in run.threads if name == "native" else run.threads[:1]:
            batch = forecaster.streams(count, threads=threads)
            batch.update(history[:, :48], time=START)
            sides[f"{name}, {threads} thread(s)"] = python_side(partial(batch.update, history[:, 48]))
        saved = batch.state
        saving[name] = python_side(lambda batch=batch: batch.state)  # type: ignore[misc]
        restoring[name] = python_side(partial(setattr, batch, "state", saved))
    return {
        f"a step of {count:,} streams": (sides, count),
        f"{count:,} states saved": (saving, count),
        f"{count:,} states restored": (restoring, count),
    }


def _over_native(timings: dict[str, Timing]) -> dict[str, Any]:
    """Every side over the first, which is the native core's."""
    first, *others = timings
    return {name: timings[name].over(timings[first]) for name in others}


def _one_by_one(forecaster: Forecaster, count: int) -> dict[str, float]:
    """Every update with the clock read around it."""
    stream, values, clock = forecaster.stream(), [float(each) for each in hourly(count)], time.perf_counter
    stream.update(values[:READ], time=START)
    seconds, empty = np.zeros(count), np.zeros(1000)
    for number, value in enumerate(values):
        began = clock()
        stream.update(value)
        seconds[number] = clock() - began
    for number in range(len(empty)):
        began = clock()
        empty[number] = clock() - began
    return percentiles(seconds, float(np.median(empty)))


if __name__ == "__main__":
    main()
