"""The NumPy engine computes what the PyTorch module computes, outputs and state, and streams what it computes at once.

Tolerances: float64 to 1e-12; float32 to 1e-5 for outputs of a few units (single precision has some 6e-8 of each, summed
over layers and steps).
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue import network
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.learn.modules import build, load_weights
from ensue.network import (
    LSTM,
    Dropout,
    EmbedColumns,
    Embedding,
    GatedFeedForward,
    LayerNorm,
    Linear,
    Network,
    QuantileHead,
    Residual,
    RMSNorm,
)
from ensue.runtime import numpy_engine as room
from ensue.runtime.engine import Engine

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.95)
FORECASTER = Network(
    (
        EmbedColumns(4, ((2, 5, 3), (0, 2, 1))),
        Linear(6, 8),
        Residual((RMSNorm(8), LSTM(8, 8, 2, residual=True), Dropout(0.5))),
        Residual((LayerNorm(8), GatedFeedForward(8, 12))),
        Linear(8, 6, activation="gelu"),
        QuantileHead(6, LEVELS, 3),
    )
)
NETWORKS = {
    "forecaster": FORECASTER,
    "embedding": Network((Embedding(6, 5), LSTM(5, 4), Linear(4, 6))),
    "three layers": Network((LSTM(3, 4, 3), LSTM(4, 5))),
    "bidirectional": Network((LSTM(3, 4, 2, bidirectional=True), Linear(8, 2, bias=False))),
    "bidirectional residual": Network((LSTM(8, 4, 3, bidirectional=True, residual=True),)),
    "layer norm": Network((LSTM(3, 4, 2, layer_norm=True, residual=True),)),
    "layer norm both ways": Network((LSTM(3, 4, 2, layer_norm=True, bidirectional=True),)),
    "no anchors": Network((LSTM(3, 4), QuantileHead(4, (0.5, 0.6), 0))),
    "only below": Network((QuantileHead(3, (0.1, 0.5), 1),)),
    "only the median": Network((QuantileHead(3, (0.5,), 2),)),
} | {each: Network((Linear(3, 5, activation=each),)) for each in ("relu", "gelu", "silu", "tanh")}

Call = tuple[NDArray[Any], NDArray[Any] | None]


def random_weights(network: Network, seed: int = 0) -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(seed)
    return {name: generator.normal(0, 0.5, shape) for name, shape in network.parameters().items()}


def random_call(network: Network, batch: int = 3, time: int = 9, seed: int = 1) -> Call:
    """An input, with codes where the network embeds, and anchors where it takes them."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(batch, time, network.input_size))
    first = network.layers[0]
    if isinstance(first, Embedding):
        x[...] = generator.integers(0, first.vocabulary_size, x.shape)
    if isinstance(first, EmbedColumns):
        for index, categories, _ in first.columns:
            x[..., index] = generator.integers(0, categories + 1, (batch, time))
    return x, generator.normal(size=(batch, time, network.anchors)) if network.anchors else None


def random_state(network: Network, batch: int = 3) -> list[NDArray[Any]]:
    generator = np.random.default_rng(2)
    return [generator.normal(size=shape) for shape in network.state_shapes(batch)]


def part(call: Call, start: int, stop: int) -> Call:
    x, anchors = call
    return x[:, start:stop], None if anchors is None else anchors[:, start:stop]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize(("dtype", "room"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_equals_the_module(name: str, with_state: bool, dtype: type, room: float) -> None:
    network = NETWORKS[name]
    weights = random_weights(network)
    module = build(network).double().eval()
    load_weights(module, weights)
    x, anchors = random_call(network)
    state = random_state(network) if with_state else None
    output, end = Engine(network, weights, dtype).forward(x, anchors, state)
    with torch.no_grad():
        expected, expected_end = module(
            torch.tensor(x),
            None if anchors is None else torch.tensor(anchors),
            None if state is None else [torch.tensor(each) for each in state],
        )
    assert output.dtype == dtype
    assert output.shape == (3, 9, network.output_size)
    np.testing.assert_allclose(output, expected.numpy(), rtol=0, atol=room)
    assert [each.shape for each in end] == network.state_shapes(3)
    for mine, theirs in zip(end, expected_end, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=0, atol=room)


@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if network.streamable])
@given(cuts=st.sets(st.integers(1, 8)))
def test_any_chunking_equals_the_whole(name: str, cuts: set[int]) -> None:
    network = NETWORKS[name]
    engine, call = Engine(network, random_weights(network), np.float64), random_call(network)
    state, outputs = engine.initial_state(3), []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 9], strict=True):
        output, state = engine.forward(*part(call, start, stop), state)
        outputs.append(output)
    whole, end = engine.forward(*call)
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), whole, rtol=0, atol=1e-12)
    for mine, theirs in zip(state, end, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["forecaster", "layer norm", "bidirectional"])
def test_reading_in_blocks_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long sequence is read a block at a time to bound memory; here a block is one or two steps."""
    network = NETWORKS[name]
    engine, call = Engine(network, random_weights(network), np.float64), random_call(network)
    whole, end = engine.forward(*call)
    monkeypatch.setattr(room, "BLOCK", 3 * 4 * 8 * 2)
    blocks, blocks_end = engine.forward(*call)
    np.testing.assert_allclose(blocks, whole, rtol=0, atol=1e-12)
    for mine, theirs in zip(blocks_end, end, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if network.streamable])
def test_the_future_does_not_reach_the_past(name: str) -> None:
    network = NETWORKS[name]
    engine, (x, anchors) = Engine(network, random_weights(network), np.float64), random_call(network)
    other, other_anchors = random_call(network, seed=5)
    other[:, :5] = x[:, :5]
    if anchors is not None and other_anchors is not None:
        other_anchors[:, :5] = anchors[:, :5]
    before, after = engine.forward(x, anchors)[0], engine.forward(other, other_anchors)[0]
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).any()


@pytest.mark.parametrize("name", ["forecaster", "bidirectional"])
def test_rows_do_not_see_each_other(name: str) -> None:
    network = NETWORKS[name]
    engine, (x, anchors) = Engine(network, random_weights(network), np.float64), random_call(network)
    whole, end = engine.forward(x, anchors)
    for row in range(3):
        alone, alone_end = engine.forward(x[[row]], None if anchors is None else anchors[[row]])
        np.testing.assert_allclose(alone, whole[[row]], rtol=0, atol=1e-12)
        for mine, theirs in zip(alone_end, end, strict=True):
            np.testing.assert_allclose(mine, theirs[:, [row]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["forecaster", "bidirectional", "layer norm", "tanh"])
def test_what_is_given_is_not_written_to(name: str) -> None:
    network = NETWORKS[name]
    weights, call, state = random_weights(network), random_call(network), random_state(network)
    given_arrays = [*weights.values(), *state, *(each for each in call if each is not None)]
    for each in given_arrays:
        each.flags.writeable = False
    engine = Engine(network, weights, np.float64)
    first, first_end = engine.forward(*call, state)
    kept = [each.copy() for each in first_end]
    engine.forward(*call, first_end)
    for mine, theirs in zip(first_end, kept, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(engine.forward(*call, state)[0], first)


def test_extreme_inputs_saturate_without_a_warning() -> None:
    call = random_call(FORECASTER)
    call[0][..., [1, 3]] = 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for sign in (1, -1):
            call[0][..., [1, 3]] *= sign
            for name in ("forecaster", "silu", "gelu", "tanh", "no anchors"):
                network = NETWORKS[name]
                x, anchors = call if name == "forecaster" else (np.full((3, 9, 3), sign * 1e4), None)
                output, _ = Engine(network, random_weights(network)).forward(x, anchors)
                assert np.isfinite(output).all()


def test_a_missing_value_is_not_hidden() -> None:
    """The front end fills gaps; one that slips through must be seen."""
    engine = Engine(NETWORKS["three layers"], random_weights(NETWORKS["three layers"]))
    x, _ = random_call(NETWORKS["three layers"])
    x[1, 4] = np.nan
    output, _ = engine.forward(x)
    assert np.isnan(output[1, 4:]).all()
    assert np.isfinite(output[[0, 2]]).all()


@given(scale=st.floats(0, 1e4), seed=st.integers(0, 1000), anchors=st.integers(0, 2))
def test_quantiles_never_cross(scale: float, seed: int, anchors: int) -> None:
    network = Network((QuantileHead(3, LEVELS, anchors),))
    weights = {name: weight * scale for name, weight in random_weights(network, seed).items()}
    x, given_anchors = random_call(network, seed=seed)
    output, _ = Engine(network, weights).forward(x * scale, given_anchors)
    assert (np.diff(output, axis=-1) >= 0).all()


def test_one_engine_serves_many_threads() -> None:
    engine, call = Engine(FORECASTER, random_weights(FORECASTER)), random_call(FORECASTER, time=40)
    expected = engine.forward(*call)[0]
    with ThreadPoolExecutor(4) as pool:
        for output, _ in pool.map(lambda _: engine.forward(*call), range(20)):
            np.testing.assert_array_equal(output, expected)


def test_refuses_a_code_that_no_table_has() -> None:
    engine, (x, anchors) = Engine(FORECASTER, random_weights(FORECASTER)), random_call(FORECASTER)
    for code in (6.0, -1.0, np.nan):
        x[..., 2] = 1.0
        x[0, 0, 2] = code
        with pytest.raises(DataError) as error:
            engine.forward(x, anchors)
        low, high = ("nan", "nan") if np.isnan(code) else (f"{min(code, 1):g}", f"{max(code, 1):g}")
        assert str(error.value) == f"A category code lies between {low} and {high}, expected 0 to 5."


def test_refuses_what_does_not_fit() -> None:
    network = NETWORKS["three layers"]
    weights = random_weights(network)
    engine = Engine(network, weights)
    with pytest.raises(UsageError) as error:
        engine.forward(np.zeros((2, 3)))
    assert str(error.value) == "The input has shape (2, 3), expected (batch, time, 3)."
    with pytest.raises(UsageError) as error:
        engine.forward(np.zeros((2, 5, 3)), state=engine.initial_state(1))
    assert str(error.value) == (
        "The state given has shapes [(3, 1, 4), (3, 1, 4), (1, 1, 5), (1, 1, 5)], "
        "expected [(3, 2, 4), (3, 2, 4), (1, 2, 5), (1, 2, 5)]."
    )
    del weights["layers.1.bias_hh_l0"]
    with pytest.raises(ModelFileError) as model_error:
        Engine(network, weights)
    assert str(model_error.value) == "The weights lack the parameter 'layers.1.bias_hh_l0' of shape (20,)."


def test_needs_no_torch() -> None:
    program = "import sys, ensue.runtime.engine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_state_is_the_same_where_no_outputs_are_wanted() -> None:
    description = network.Network((network.LSTM(3, 5), network.QuantileHead(5, (0.1, 0.5, 0.9), anchors=2)))
    random = np.random.default_rng(0)
    weights = {name: random.normal(size=shape) for name, shape in description.parameters().items()}
    engine = Engine(description, weights)
    x, anchors = random.normal(size=(2, 7, 3)), random.normal(size=(2, 7, 2))
    _, full = engine.forward(x, anchors)
    _, silent = engine.forward(x, anchors, outputs=False)
    for one, other in zip(full, silent, strict=True):
        np.testing.assert_array_equal(one, other)
