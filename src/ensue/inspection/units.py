"""What each unit of a layer does: how its gates stand, whether it moves at all, what it adds, and what happens without it.

Letters of shapes: `time unit output`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import UsageError
from ensue.inspection.trace import Placed, TracedLayer, parameter
from ensue.runtime.traces import CLOSED, OPEN, GateSums

Floats = NDArray[np.float64]
Array = NDArray[Any]

HARDLY = 1e-3
"""A unit is dead whose h moves less than this share of what the layer's median unit does,"""
STILL = 1e-6
"""or less than this: h lies between -1 and 1, and float32 tells no smaller moves from rounding."""

SURE = 30.0
"""A gate with this bias alone is open: sigmoid(30) is 1 to 1e-13."""
REACH = 0.76
"""Just below tanh(1), the most that h can be after one write into an empty cell."""
KEPT = 0.9
"""Forget gate of a unit held beyond that: its cell goes to 1 / (1 - 0.9) = 10, and tanh(10) is 1 to 4e-9."""


@dataclass(frozen=True)
class Saturation:
    """Shares of the steps at which each unit's gates were closed (below 0.1) or open (above 0.9), each `(unit,)`.

    After Karpathy, Johnson & Fei-Fei 2016, section 4.2: a forget gate that is mostly open keeps for long; one that is
    mostly closed makes its unit forget at once.
    """

    closed_i: Floats
    open_i: Floats
    closed_f: Floats
    open_f: Floats
    closed_o: Floats
    open_o: Floats


def saturation(layer: TracedLayer | GateSums) -> Saturation:
    """Over all steps of a traced sequence, or over all rows and steps of running sums.

    Raises `UsageError` where no step was read.
    """
    steps = int(layer.steps.sum()) if isinstance(layer, GateSums) else len(layer)
    if steps == 0:
        raise UsageError("there are no steps to count gates over: expected one or more.")
    shares: dict[str, Floats] = {}
    for gate in "ifo":
        if isinstance(layer, GateSums):
            closed, opened = (getattr(layer, f"{side}_{gate}").sum(axis=0) for side in ("closed", "open"))
        else:
            values = getattr(layer, gate)
            closed, opened = (values < CLOSED).sum(axis=0), (values > OPEN).sum(axis=0)
        shares |= {f"closed_{gate}": closed / steps, f"open_{gate}": opened / steps}
    return Saturation(**shares)


def mean_output(layer: TracedLayer) -> Floats:
    """Mean h of each unit, `(unit,)`: what it is held at to see what the model does without it."""
    return np.asarray(layer.h.astype(np.float64).mean(axis=0))


def dead_units(layer: TracedLayer) -> NDArray[np.bool_]:
    """Units whose output hardly moves over the sequence, `(unit,)`; where none moves, all are.

    Raises `UsageError` for fewer than two steps: nothing moves in one.
    """
    if len(layer) < 2:
        raise UsageError(f"{len(layer)} steps were traced, expected two or more to see which units move.")
    moves = layer.h.astype(np.float64).std(axis=0)
    return np.asarray(moves < max(HARDLY * float(np.median(moves)), STILL))


def read_out_size(layer: TracedLayer, weight: ArrayLike) -> Floats:
    """How much a linear map `weight` `(output, unit)` reads out of each unit of the layer, `(unit,)`.

    The mean over steps of |weight * h|, summed over outputs.
    """
    weight = np.asarray(weight, np.float64)
    if weight.ndim != 2 or weight.shape[1] != layer.units:
        raise UsageError(f"the read-out has the shape {weight.shape}, expected (outputs, {layer.units}).")
    return np.asarray(np.abs(layer.h.astype(np.float64)).mean(axis=0) * np.abs(weight).sum(axis=0))


def hold_unit(weights: Mapping[str, Array], layer: Placed, unit: int, value: float) -> dict[str, Array]:
    """Weights with which one unit of an LSTM layer gives `value` at every step, whatever is read; the rest is as it was.

    It is done with the unit's own weights, so that any engine runs it and every other unit feels the constant:

    - up to |value| = 0.76, just below tanh(1), exactly and from the first step: its rows are zero, its biases make
      i = o = 1 and f = 0, and g = atanh(value), so that c = g and h = tanh(c);
    - beyond, where no single g reaches: g = ±1, f = 0.9 and o = |value|, so that c goes to ±10. From a cell of 0, h is
      a quarter short at the first step, 1 % at the third, 0.001 % at the tenth, and right to float32 from the thirtieth;
    - under layer norm, exactly and from the first step, by the gain and bias with which the cell is shown; the cell
      itself goes on and takes part in the norm as before.

    `weights` are the network's, by name, and are not written to. Raises `UsageError` for a unit that is not there and a
    value beyond -1 to 1, which no unit gives.
    """
    size = weights[parameter(layer, "weight_hh")].shape[1]
    if not 0 <= unit < size:
        raise UsageError(f"unit {unit} was asked for, expected 0 to {size - 1}: so many units has the layer.")
    if not abs(value) <= 1:
        raise UsageError(f"a unit was to be held at {value}, expected -1 to 1: no other value is an LSTM's output.")
    rows = dict(zip("ifgo", unit + size * np.arange(4), strict=True))
    if parameter(layer, "gain_c") in weights:
        return dict(weights) | _held_under_norm(weights, layer, unit, rows["o"], value)
    changed = {
        name: weights[name].copy()
        for name in (parameter(layer, kind) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    }
    for array in changed.values():
        array[list(rows.values())] = 0.0
    if abs(value) <= REACH:
        wanted = {"i": SURE, "f": -SURE, "g": math.atanh(math.atanh(value)), "o": SURE}
    else:
        wanted = {
            "i": SURE,
            "f": _before_sigmoid(KEPT),
            "g": math.copysign(SURE, value),
            "o": _before_sigmoid(abs(value)),
        }
    for gate, bias in wanted.items():
        changed[parameter(layer, "bias_ih")][rows[gate]] = bias
    return dict(weights) | changed


def _held_under_norm(
    weights: Mapping[str, Array], layer: Placed, unit: int, row: int, value: float
) -> dict[str, Array]:
    """h = o * tanh(gain_c * norm(c) + bias_c) with gain_c = 0 and o = |value|."""
    kinds = ("gain_ih", "gain_hh", "bias_ih", "bias_hh", "gain_c", "bias_c")
    changed = {kind: weights[parameter(layer, kind)].copy() for kind in kinds}
    changed["gain_ih"][row] = changed["gain_hh"][row] = changed["bias_hh"][row] = 0.0
    changed["bias_ih"][row] = _before_sigmoid(abs(value))
    changed["gain_c"][unit] = 0.0
    changed["bias_c"][unit] = math.copysign(SURE, value)
    return {parameter(layer, kind): array for kind, array in changed.items()}


def _before_sigmoid(share: float) -> float:
    """What a sigmoid makes `share` of, between -30 and 30, beyond which float32 sees 0 and 1."""
    if share in (0.0, 1.0):
        return SURE if share else -SURE
    return max(-SURE, min(SURE, math.log(share / (1 - share))))
