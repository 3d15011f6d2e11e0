"""What is lost without a unit: its output held at its mean, everywhere, and the loss measured again.

A large gate, a large weight or a striking picture say little about whether a unit is needed; this does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.inspection.reading import SeriesReading
from ensue.inspection.subject import NetworkSubject
from ensue.inspection.trace import TracedLayer
from ensue.inspection.units import hold_unit, mean_output, read_out_size
from ensue.network import LSTM, Network, Residual
from ensue.runtime.engine import Engine

Floats = NDArray[np.float64]
Weights = Mapping[str, NDArray[Any]]

WORK = 10_000_000
"""Weights times units held of a layer: two layers of 64 units have 70 thousand weights, two of 512 four million."""
ROWS, STEPS, WARM = 16, 128, 64
"""Pieces of the sequence read side by side, steps of each that are scored, and steps before those."""


def ablation_losses(layers: Sequence[TracedLayer], weights: Weights, loss: Callable[[Weights], float]) -> list[Floats]:
    """Of each layer, how much worse each unit's absence makes it: 0.02 is 2 % worse, `(unit,)`; NaN where not measured.

    `loss` measures a network with the given weights; where it is NaN or zero with the weights as they are, nothing can
    be said. Of wide layers only the units that move most are held, since each costs a pass: see `measured_units`.
    """
    whole = loss(weights)
    found = []
    for layer in layers:
        losses, means = np.full(layer.units, np.nan), mean_output(layer)
        if whole > 0:
            for unit in np.argsort(-layer.h.std(axis=0))[: measured_units(weights)]:
                losses[unit] = loss(hold_unit(weights, layer, int(unit), float(means[unit]))) / whole - 1
        found.append(losses)
    return found


def measured_units(weights: Weights) -> int:
    """How many units of each layer are held: all of them in small networks, 16 in the largest."""
    size = sum(each.size for each in weights.values())
    return max(16, WORK // max(size, 1))


def one_step_loss(reading: SeriesReading, network: Network, output: int) -> Callable[[Weights], float]:
    """The mean absolute error of forecasts of the next step, in the data's unit, over pieces of the steps traced."""
    pieces = _pieces(len(reading.values))
    scored = _scored(pieces)
    at = pieces[:, scored]
    x, anchors, known = (
        reading.inputs[pieces],
        reading.anchors[pieces],
        reading.ready[at] & np.isfinite(reading.values[at]),
    )

    def loss(weights: Weights) -> float:
        median = Engine(network, weights).forward(x, anchors)[0][:, scored, output]
        wrong = np.abs(median * reading.spread[at] + reading.center[at] - reading.values[at])
        return float(wrong[known].mean()) if known.any() else float("nan")

    return loss


def answer_loss(subject: NetworkSubject) -> Callable[[Weights], float]:
    """The mean loss of a network's answers over its windows."""

    def loss(weights: Weights) -> float:
        other = subject.with_weights(weights)
        losses = other.losses(other.answers(other.windows, other.all()), other.all())
        return float(np.nanmean(losses)) if np.isfinite(losses).any() else float("nan")

    return loss


def read_out_shares(layers: Sequence[TracedLayer], network: Network, weights: Weights) -> list[Floats]:
    """Share of each unit of each layer in what the head reads out directly, `(unit,)`; all of them add up to 1.

    See `units.read_out_size`. A unit counts where its layer's output reaches the
    head as it is: right before it, or along residual connections. NaN elsewhere: what it does there is no linear map.
    """
    parts = []
    for layer in layers:
        weight = _head_weight(network, weights, layer)
        parts.append(np.full(layer.units, np.nan) if weight is None else read_out_size(layer, weight))
    total = float(np.nansum(np.concatenate(parts)))
    return [each / total if total > 0 else each for each in parts]


def _head_weight(network: Network, weights: Weights, layer: TracedLayer) -> NDArray[Any] | None:
    """What the head multiplies a layer's h by, `(row, unit)`; None where something stands between them."""
    position = int(layer.place.split(".")[1])
    own, between = network.layers[position], network.layers[position + 1 : -1]
    inner = own.layers[-1] if isinstance(own, Residual) else own
    is_last = layer.place.endswith(f".inner.{len(own.layers) - 1}") if isinstance(own, Residual) else True
    plain = isinstance(inner, LSTM) and inner.layers == 1 and inner.directions == 1 and is_last
    name = f"layers.{len(network.layers) - 1}.weight"
    if network.head is None or not plain or not all(isinstance(each, Residual) for each in between):
        return None
    return weights[name]


def _pieces(time: int) -> NDArray[np.int64]:
    """Steps of pieces spread evenly over the sequence, `(row, step)`; one piece of everything where it is short."""
    length = min(WARM + STEPS, time)
    starts = np.unique(np.linspace(0, time - length, ROWS).astype(np.int64))
    return starts[:, None] + np.arange(length)


def _scored(pieces: NDArray[np.int64]) -> slice:
    """Of each piece the steps after its warming up; of a short one its second half."""
    return slice(min(WARM, pieces.shape[1] // 2), None)
