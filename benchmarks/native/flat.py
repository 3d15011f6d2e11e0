"""What a step costs after 100, 1,000, ... 1,000,000 steps: it must not grow.

    python benchmarks/native/flat.py

A bound stream of a whole forecaster (2 x 64 units, front end and calendar), and a pass of the network alone. One stream reads
a million values and its state is kept on the way; then turns are taken, each from the state at one of these places on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import Any

import numpy as np
from conditions import Run
from some_forecaster import START, hourly, some_forecaster
from timing import Side, take_turns

from ensue import _native, network
from ensue.runtime.native_engine import NativeEngine

READ = 10_000
"""Values, read over and over: as many hours as are known before the stream goes on through the years."""


def loop(x: Any, where: Any, step: Callable[[], object]) -> Callable[[int], float]:
    """Write a value, read a step, so many times: the seconds."""
    source = cycle([float(each) for each in hourly(READ)])

    def run(count: int) -> float:
        values = islice(source, count)
        began = time.perf_counter()
        for value in values:
            x[where] = value
            step()
        return time.perf_counter() - began

    return run


def forecaster_sides(places: list[int]) -> dict[int, Side]:
    """A side for each place; before a turn the stream stands there again."""
    stream = some_forecaster()["native"].stream()
    stream.update(20.0, time=START)
    bound = stream.bind()
    run = loop(bound.x, 0, bound.step)
    sides = {}
    for place in places:
        run(place - stream.steps)
        sides[place] = Side(run, partial(setattr, stream, "state", stream.state))
    return sides


def network_sides(places: list[int]) -> dict[int, Side]:
    """The same for two layers of 64 units and a linear head, one input."""
    description = network.Network((network.LSTM(1, 64, layers=2), network.Linear(64, 1)))
    random = np.random.default_rng(0)
    weights = {name: random.uniform(-0.125, 0.125, shape) for name, shape in description.parameters().items()}
    engine = NativeEngine(description, weights)
    state, x, y = engine.initial_state(1), np.zeros((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.float32)
    run = loop(x[0, 0], 0, _native.Pass(engine.native, x, None, state, y).run)

    def go_back(to: list[Any]) -> None:
        for now, then in zip(state, to, strict=True):
            now[:] = then

    sides, read = {}, 0
    for place in places:
        run(place - read)
        read = place
        sides[place] = Side(run, partial(go_back, [each.copy() for each in state]))
    return sides


def main() -> None:
    run = Run("flat", __doc__)
    places = [10**power for power in ((2, 3, 4) if run.quick else (2, 3, 4, 5, 6))]
    rows = []
    for what, make in {"forecaster": forecaster_sides, "network": network_sides}.items():
        sides = make(places)
        named = {str(place): side for place, side in sides.items()}
        timings = take_turns(named, 0.2 if run.quick else 3.0, **run.rounds())
        first = timings[str(places[0])]
        for place, timing in timings.items():
            over_first, times = timing.over(first), {"ours": timing.to_json()}
            rows.append({"what": what, "steps": int(place), "times": times, "over_first": over_first})
            print(f"{what} after {place} steps: {times['ours']['us']} us, {over_first['ratio']} x", flush=True)
    run.write(rows)


if __name__ == "__main__":
    main()
