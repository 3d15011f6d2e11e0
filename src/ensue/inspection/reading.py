"""One series as a forecaster reads it, with everything its network computed on the way.

It is read on from its beginning, as a stream does; of a long series the last steps are traced.

Letters of shapes: `time` steps traced.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.calendar import local_times
from ensue.data.panel import Panel
from ensue.errors import UsageError
from ensue.inspection.trace import Trace
from ensue.network import LSTM, Layer, Network, Residual
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
    center: Floats
    """What turns the network's answers into values, `answer * spread + center`, `(time,)`."""
    spread: Floats
    ready: NDArray[np.bool_]
    """Whether enough was known for that to mean anything, `(time,)`."""
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
        Trace.of(layers, local_times(own.times[first:history], task.schema.time_zone, task.schema.frequency)),
        features[0],
        reading.anchors[0],
        reading.center[0],
        reading.spread[0],
        reading.ready[0],
        state.networks[0],
        first,
    )


def retrace(reading: SeriesReading, network: Network, weights: Mapping[str, NDArray[Any]]) -> Trace:
    """The same sequence read by the same network with other weights."""
    layers = Engine(network, weights).trace(reading.inputs[None], reading.anchors[None])[2]
    return Trace.of(layers, reading.trace.labels)


def untrained_weights(network: Network, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Weights as training begins with: those of `learn.modules.build`, without PyTorch.

    Uniform within 1 / sqrt(inputs) (of an LSTM: units), norms at 1, and the gates' biases as the description says.

    >>> from ensue.network import LSTM
    >>> weights = untrained_weights(Network((LSTM(3, 4, forget_bias=1.0),)))
    >>> weights["layers.0.bias_ih_l0"][4:8].tolist(), bool(abs(weights["layers.0.weight_ih_l0"]).max() <= 0.5)
    ([1.0, 1.0, 1.0, 1.0], True)
    """
    generator, shapes = np.random.default_rng(seed), network.parameters()
    lstms = dict(_lstms(network.layers, "layers"))
    weights = {}
    for name, shape in shapes.items():
        place, own = name.rsplit(".", 1)
        matrix = shapes.get(f"{place}.weight", shape)
        if own.startswith("gain") or (own == "weight" and len(shape) == 1):
            drawn = np.ones(shape)
        elif own.startswith("bias_c") or (own == "bias" and len(matrix) == 1):
            drawn = np.zeros(shape)
        else:
            bound = (lstms[place].hidden_size if place in lstms else math.prod(matrix[1:])) ** -0.5
            drawn = generator.uniform(-bound, bound, shape)
        weights[name] = drawn.astype(np.float32)
    for place, layer in lstms.items():
        for suffix in (suffix for each in range(layer.layers) for suffix in layer.suffixes(each)):
            _begin_gates(layer, weights[f"{place}.bias_ih{suffix}"], weights[f"{place}.bias_hh{suffix}"], generator)
    return weights


def _lstms(layers: Sequence[Layer], prefix: str) -> Iterator[tuple[str, LSTM]]:
    for position, layer in enumerate(layers):
        if isinstance(layer, Residual):
            yield from _lstms(layer.layers, f"{prefix}.{position}.inner")
        elif isinstance(layer, LSTM):
            yield f"{prefix}.{position}", layer


def _begin_gates(layer: LSTM, bias_ih: Any, bias_hh: Any, generator: np.random.Generator) -> None:
    """The biases of input and forget gates, as `learn.lstm` sets them."""
    size = layer.hidden_size
    if layer.forget_bias is not None:
        bias_ih[size : 2 * size], bias_hh[size : 2 * size] = layer.forget_bias, 0.0
    if layer.chrono is not None:
        memory = np.log(1 + (layer.chrono - 2) * generator.random(size))
        bias_ih[:size], bias_ih[size : 2 * size], bias_hh[: 2 * size] = -memory, memory, 0.0


def _rows(panel: Panel, first: int, last: int) -> tuple[Floats, Any]:
    """Values of rows of the one series of a panel, `(1, time)`, and what stands beside them."""
    rows = np.arange(first, last)[None]
    return panel.y[rows], surroundings(panel, np.zeros(1, np.int64), rows)
