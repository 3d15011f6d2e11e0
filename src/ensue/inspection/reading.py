"""One series as a forecaster reads it, with everything its network computed on the way.

It is read on from its beginning, as a stream does; of a long series the last steps are traced.

Letters of shapes: `time` steps traced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.panel import Panel
from ensue.errors import UsageError
from ensue.inspection.trace import Trace
from ensue.network import Network
from ensue.runtime.engine import Engine
from ensue.runtime.predictor import Predictor, surroundings

Floats = NDArray[np.float64]

LONGEST = 10_000
"""Steps traced unless asked otherwise: every gate of a network of 128 units is then 30 MB."""

BLOCK = 1 << 15
"""Rows read at once before those."""


@dataclass(frozen=True)
class SeriesReading:
    """A series, and what the first network of a forecaster made of it."""

    values: Floats
    """`(time,)`, NaN where missing."""
    expected: Floats
    """The median of each value one step before it was seen, `(time,)`; NaN while too little was known."""
    trace: Trace
    inputs: Floats
    """What the network was shown, `(time, features)`."""
    anchors: Floats
    """The reference forecasts, `(time, anchors)`."""
    normalised: Floats
    """The values in the front end's unit, which the network answers in, `(time,)`."""
    state: tuple[NDArray[Any], ...]
    """The network's state before the first of these steps."""
    first: int
    """Row of the series at which the trace begins."""


def read_series(predictor: Predictor, panel: Panel, series: int = 0, steps: int = LONGEST) -> SeriesReading:
    """Read a series of a panel, and trace its last `steps` rows.

    Raises `UsageError` for a number of steps that is none.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise UsageError(f"steps is {steps!r}, expected 1 or more steps to trace.")
    task, own = predictor.task, panel.select([series])
    history = int(own.history[0])
    first = max(history - steps, 0)
    state = predictor.start(1)
    for begin in range(0, first, BLOCK):
        state = predictor.listen(*_rows(own, begin, min(begin + BLOCK, first)), state)
    values, block = _rows(own, first, history)
    reading, features, _ = predictor.see(values, block, state)
    outputs, before = [], [list(each) for each in state.networks]
    for number, (engine, own_state) in enumerate(zip(predictor.engines, before, strict=True)):
        if number == 0:
            output, _, layers = engine.trace(features, reading.anchors, own_state)
        else:
            output, _ = engine.forward(features, reading.anchors, own_state)
        outputs.append(output)
    quantiles = task.answer(np.mean(outputs, axis=0), reading.center, reading.spread)
    expected = np.where(reading.ready, quantiles[..., task.levels.index(0.5)], np.nan)
    return SeriesReading(
        values[0],
        expected[0],
        Trace.of(layers, own.times[first:history]),
        features[0],
        reading.anchors[0],
        ((values - reading.center) / reading.spread)[0],
        state.networks[0],
        first,
    )


def retrace(reading: SeriesReading, network: Network, weights: Mapping[str, NDArray[Any]]) -> Trace:
    """The same sequence read by the same network with other weights."""
    layers = Engine(network, weights).trace(reading.inputs[None], reading.anchors[None])[2]
    return Trace.of(layers, reading.trace.labels)


def untrained_weights(network: Network, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Weights as before any training: uniform within 1 / sqrt(inputs), biases and all, as `torch.nn` begins.

    >>> from ensue.network import Linear
    >>> weights = untrained_weights(Network((Linear(4, 1),)))["layers.0.weight"]
    >>> weights.shape, bool(abs(weights).max() <= 0.5)
    ((1, 4), True)
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in network.parameters().items():
        bound = shape[-1] ** -0.5
        weights[name] = generator.uniform(-bound, bound, shape).astype(np.float32)
    return weights


def _rows(panel: Panel, first: int, last: int) -> tuple[Floats, Any]:
    """Values of rows of the one series of a panel, `(1, time)`, and what stands beside them."""
    rows = np.arange(first, last)[None]
    return panel.y[rows], surroundings(panel, np.zeros(1, np.int64), rows)
