"""What a unit does: counted on gates that are known; and what it is held at is what every engine computes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue.errors import UsageError
from ensue.inspection.trace import TracedLayer
from ensue.inspection.units import dead_units, hold_unit, mean_output, read_out_size, saturation
from ensue.network import LSTM, Network
from ensue.runtime.engine import Engine
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.traces import GateSums

Make = Callable[..., TracedLayer]
Array = NDArray[Any]


def test_gates_are_counted_closed_and_open(make_layer: Make) -> None:
    gates = np.array([[0.05, 0.5], [0.95, 0.5], [0.99, 0.05], [0.5, 0.1]])
    layer = replace(make_layer(4, 2), i=gates, f=1 - gates, o=np.full((4, 2), 0.9))
    found = saturation(layer)
    assert found.closed_i.tolist() == [0.25, 0.25] and found.open_i.tolist() == [0.5, 0.0]
    assert found.closed_f.tolist() == [0.5, 0.0] and found.open_f.tolist() == [0.25, 0.25]
    assert found.closed_o.tolist() == found.open_o.tolist() == [0.0, 0.0]


def test_sums_over_rows_give_shares_of_all_steps() -> None:
    counted = np.array([[1.0, 4.0], [2.0, 0.0]])
    sums = replace(GateSums.zero("layers.0", "_l0", 2, 2), steps=np.array([4, 6]), open_f=counted)
    assert saturation(sums).open_f.tolist() == [0.3, 0.4] and saturation(sums).closed_o.tolist() == [0.0, 0.0]


def test_dead_is_what_hardly_moves_beside_the_others(make_layer: Make) -> None:
    layer = make_layer(200, 5)
    h = layer.h.copy()
    h[:, 1] = 0.7
    h[:, 3] = 0.7 + h[:, 3] * 1e-4
    assert dead_units(replace(layer, h=h)).tolist() == [False, True, False, True, False]
    assert not dead_units(replace(layer, h=layer.h * 1e-2)).any()


def test_all_can_be_dead(make_layer: Make) -> None:
    layer = make_layer(50, 4)
    assert dead_units(replace(layer, h=np.full((50, 4), 0.3))).all()
    one = np.zeros((50, 4))
    one[:, 2] = layer.h[:, 2]
    assert dead_units(replace(layer, h=one)).tolist() == [True, True, False, True]


def test_how_much_is_read_out_of_each_unit(make_layer: Make) -> None:
    layer = replace(make_layer(2, 3), h=np.array([[0.5, -0.5, 0.1], [0.5, 0.5, 0.3]]))
    assert np.allclose(read_out_size(layer, [[1.0, -1.0, 0.0], [0.0, 2.0, 0.0]]), [0.5, 1.5, 0.0])
    assert np.allclose(mean_output(layer), [0.5, 0.0, 0.2])


def random_weights(network: Network, seed: int) -> dict[str, Array]:
    generator = np.random.default_rng(seed)
    return {name: generator.normal(0, 0.8, shape).astype(np.float32) for name, shape in network.parameters().items()}


def by_hand(weights: dict[str, Array], x: Array, unit: int, value: float, hidden: int) -> Array:
    """An LSTM layer in float64 in which h of one unit is overwritten at every step."""
    weights = {name: array.astype(np.float64) for name, array in weights.items()}
    h, c, output = np.zeros(hidden), np.zeros(hidden), []
    for each in x.astype(np.float64):
        sums = weights["layers.0.weight_ih_l0"] @ each + weights["layers.0.weight_hh_l0"] @ h
        sums += weights["layers.0.bias_ih_l0"] + weights["layers.0.bias_hh_l0"]
        i, f, g, o = np.split(sums, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        h[unit] = value
        output.append(h)
    return np.array(output)


@pytest.mark.parametrize("executor", [NumPyEngine, Engine])
@given(value=st.floats(-0.76, 0.76), unit=st.integers(0, 4), seed=st.integers(0, 1000))
def test_a_held_unit_is_constant_and_the_others_feel_it(executor: Any, value: float, unit: int, seed: int) -> None:
    network = Network((LSTM(3, 5),))
    weights = random_weights(network, seed)
    layer = GateSums.zero("layers.0", "_l0", 1, 5)
    held = hold_unit(weights, layer, unit, value)
    x = np.random.default_rng(seed).normal(size=(1, 12, 3)).astype(np.float32)
    output, _ = executor(network, held).forward(x)
    assert np.abs(output[0, :, unit] - value).max() < 1e-6
    assert np.allclose(output[0], by_hand(weights, x[0], unit, value, 5), atol=2e-5)


@pytest.mark.parametrize("value", [-1.0, -0.9, 0.7601, float(np.tanh(1.0)), 0.99, 0.99999, 1.0])
def test_beyond_what_one_step_reaches_it_is_reached_in_a_few(value: float) -> None:
    network = Network((LSTM(3, 5),))
    held = hold_unit(random_weights(network, 0), GateSums.zero("layers.0", "_l0", 1, 5), 2, value)
    x = np.random.default_rng(0).normal(size=(1, 2000, 3))
    output, _ = NumPyEngine(network, held).forward(x)
    off = np.abs(output[0, :, 2] / value - 1)
    assert off[0] < 0.25 and off[2] < 0.01 and off[9] < 1e-5 and off[29:].max() < 2e-7
    state = [np.zeros((1, 1, 5), np.float32), np.full((1, 1, 5), -4.0 * np.sign(value), np.float32)]
    output, _ = NumPyEngine(network, held).forward(x, state=state)
    assert np.abs(output[0, 40:, 2] / value - 1).max() < 2e-7  # whatever the cell was before


def test_up_to_there_it_holds_whatever_the_state_before(make_layer: Make) -> None:
    network = Network((LSTM(3, 5, layers=2, bidirectional=True),))
    layer = replace(make_layer(1, 5), suffix="_l1_reverse")
    held = hold_unit(random_weights(network, 1), layer, 3, -0.4)
    generator = np.random.default_rng(0)
    state = [generator.normal(0, 5, shape) for shape in network.state_shapes(2)]
    output, _ = NumPyEngine(network, held).forward(generator.normal(size=(2, 9, 3)), state=state)
    assert np.abs(output[:, :, 5 + 3] + 0.4).max() < 1e-6
    assert output[:, :, 3].std() > 0.01  # its forward twin is free


@pytest.mark.parametrize("value", [-1.0, -0.6, 0.0, 0.3, 0.97])
def test_under_layer_norm_it_holds_as_well(value: float) -> None:
    network = Network((LSTM(3, 5, layer_norm=True),))
    weights = random_weights(network, 2)
    held = hold_unit(weights, GateSums.zero("layers.0", "_l0", 1, 5), 4, value)
    x = np.random.default_rng(0).normal(size=(1, 30, 3))
    output, _ = NumPyEngine(network, held).forward(x)
    free, _ = NumPyEngine(network, weights).forward(x)
    assert np.abs(output[0, :, 4] - value).max() < 1e-6
    assert np.allclose(output[0, 0, :4], free[0, 0, :4], atol=1e-6)  # before anything was read from the held unit
    assert np.abs(output[0, 5:, :4] - free[0, 5:, :4]).max() > 1e-3


def test_only_the_units_own_weights_are_new() -> None:
    network = Network((LSTM(3, 5, layers=2),))
    weights = random_weights(network, 3)
    before = {name: array.copy() for name, array in weights.items()}
    held = hold_unit(weights, GateSums.zero("layers.0", "_l1", 1, 5), 1, 0.2)
    assert held.keys() == weights.keys()
    for name, array in weights.items():
        assert np.array_equal(array, before[name]) and held[name].dtype == array.dtype
        rows = np.flatnonzero((held[name] != array).reshape(len(array), -1).any(axis=1))
        assert rows.tolist() == ([1, 6, 11, 16] if name.endswith("_l1") else [])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layer: dead_units(layer.between(0, 1)), "1 steps were traced, expected two or more to see which units move."),
        (lambda layer: read_out_size(layer, [1.0]), "the read-out has the shape (1,), expected (outputs, 5)."),
        (lambda layer: saturation(layer.between(0, 0)), "there are no steps to count gates over: expected one or more."),
        (
            lambda layer: hold_unit(random_weights(Network((LSTM(3, 5),)), 0), layer, 5, 0.0),
            "unit 5 was asked for, expected 0 to 4: so many units has the layer.",
        ),
        *(
            (
                lambda layer, value=value: hold_unit(random_weights(Network((LSTM(3, 5),)), 0), layer, 0, value),
                f"a unit was to be held at {value}, expected -1 to 1: no other value is an LSTM's output.",
            )
            for value in (1.01, float("nan"))
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make_layer: Make, call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        call(make_layer(3, 5))
