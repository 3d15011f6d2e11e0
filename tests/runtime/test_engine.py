"""Every engine computes what the PyTorch module computes, outputs and state, and streams what it computes at once.

All tests run on NumPy in both precisions and on the native core with every instruction set of this machine. Tolerances:
float64 to 1e-12; float32 to 1e-5 for outputs of a few units (single precision has some 6e-8 of each, summed over layers
and steps).
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue import network
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.learn.modules import build, load_weights
from ensue.network import (
    LSTM,
    AttentionPooling,
    Convolution,
    Dropout,
    EmbedColumns,
    Embedding,
    GatedFeedForward,
    LayerNorm,
    Linear,
    Network,
    Pooling,
    QuantileHead,
    Residual,
    RMSNorm,
    SoftmaxHead,
)
from ensue.runtime.engine import Executor
from ensue.runtime.native_engine import NativeEngine
from ensue.runtime.numpy_engine import NumPyEngine

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
    "convolution": Network((Convolution(3, 5, 4, dilation=2, activation="silu"), LSTM(5, 4), Linear(4, 2))),
    "convolutions": Network((Convolution(3, 4, 2), Residual((RMSNorm(4), Convolution(4, 4, 3))), LSTM(4, 3))),
    "stride": Network((Convolution(3, 4, 5, stride=3, bias=False), LSTM(4, 4), QuantileHead(4, LEVELS, 2))),
    "stride without a past": Network((Convolution(3, 4, 1, stride=3, activation="gelu"),)),
    "convolution both ways": Network((Convolution(3, 4, 3, dilation=2, causal=False, activation="relu"),)),
    "stride both ways": Network((Convolution(3, 4, 5, stride=3, causal=False), LSTM(4, 2, bidirectional=True))),
    "mean": Network((LSTM(3, 4), Pooling("mean"), Linear(4, 2))),
    "max": Network((Convolution(3, 4, 2, stride=3), Pooling("max"), QuantileHead(4, LEVELS, 2))),
    "last": Network((LSTM(3, 4), Pooling("last"))),
    "attention": Network((LSTM(3, 4, bidirectional=True), AttentionPooling(8, 5), SoftmaxHead(8, 4))),
    "classes": Network((LSTM(3, 4), SoftmaxHead(4, 5))),
} | {each: Network((Linear(3, 5, activation=each),)) for each in ("relu", "gelu", "silu", "tanh")}

Call = tuple[NDArray[Any], NDArray[Any] | None]


@dataclass(frozen=True)
class Way:
    """How a network is executed, and how exactly."""

    name: str
    dtype: type = np.float32
    room: float = 1e-5

    def __str__(self) -> str:
        return self.name

    def engine(self, network: Network, weights: dict[str, NDArray[Any]]) -> Executor:
        if self.name.startswith("numpy"):
            return NumPyEngine(network, weights, self.dtype)
        return NativeEngine(network, weights, isa=self.name)


def instruction_sets() -> list[str]:
    try:
        from ensue import _native
    except ImportError:
        return []
    return _native.isa_names()


NATIVE = [Way(name) for name in instruction_sets()]  # none where it is not built
WAYS = [Way("numpy float64", np.float64, 1e-12), Way("numpy float32"), *NATIVE]
every_way = pytest.mark.parametrize("way", WAYS, ids=str)


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
    anchors = generator.normal(size=(batch, network.output_time(time), network.anchors))
    return x, anchors if network.anchors else None


def random_state(network: Network, batch: int = 3) -> list[NDArray[Any]]:
    generator = np.random.default_rng(2)
    return [generator.normal(size=shape) for shape in network.state_shapes(batch)]


def part(network: Network, call: Call, start: int, stop: int) -> Call:
    (x, anchors), first, last = call, network.output_time(start), network.output_time(stop)
    return x[:, start:stop], None if anchors is None else anchors[:, first:last]


def only(network: Network, call: Call, row: int, length: int) -> Call:
    """The call of one row alone, without its padding."""
    x, anchors = call
    return x[[row], :length], None if anchors is None else anchors[[row], : network.output_time(length)]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("with_state", [False, True])
@every_way
def test_equals_the_module(name: str, with_state: bool, way: Way) -> None:
    network = NETWORKS[name]
    weights = random_weights(network)
    module = build(network).double().eval()
    load_weights(module, weights)
    x, anchors = random_call(network)
    state = random_state(network) if with_state else None
    output, end = way.engine(network, weights).forward(x, anchors, state)
    with torch.no_grad():
        expected, expected_end = module(
            torch.tensor(x),
            None if anchors is None else torch.tensor(anchors),
            None if state is None else [torch.tensor(each) for each in state],
        )
    assert output.dtype == way.dtype
    assert output.shape == (3, network.output_time(9), network.output_size)
    np.testing.assert_allclose(output, expected.numpy(), rtol=0, atol=way.room)
    assert [each.shape for each in end] == network.state_shapes(3)
    for mine, theirs in zip(end, expected_end, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=0, atol=way.room)


@every_way
@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if network.streamable])
@settings(max_examples=15)
@given(cuts=st.sets(st.integers(1, 8)))
def test_any_chunking_equals_the_whole(name: str, cuts: set[int], way: Way) -> None:
    network = NETWORKS[name]
    engine, call = way.engine(network, random_weights(network)), random_call(network)
    state, outputs = engine.initial_state(3), []
    borders = [0, *sorted(cut for cut in cuts if cut % network.stride == 0), 9]
    for start, stop in pairwise(borders):
        output, state = engine.forward(*part(network, call, start, stop), state)
        outputs.append(output)
    whole, end = engine.forward(*call)
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), whole, rtol=0, atol=way.room)
    for mine, theirs in zip(state, end, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=way.room)


@every_way
@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if network.streamable])
def test_the_future_does_not_reach_the_past(name: str, way: Way) -> None:
    network = NETWORKS[name]
    engine, (x, anchors) = way.engine(network, random_weights(network)), random_call(network)
    other, other_anchors = random_call(network, seed=5)
    known = 5 // network.stride * network.stride
    now = network.output_time(known)
    other[:, :known] = x[:, :known]
    if anchors is not None and other_anchors is not None:
        other_anchors[:, :now] = anchors[:, :now]
    before, after = engine.forward(x, anchors)[0], engine.forward(other, other_anchors)[0]
    np.testing.assert_array_equal(before[:, :now], after[:, :now])
    assert (before[:, now:] != after[:, now:]).any()


@every_way
@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=15)
@given(data=st.data())
def test_padding_changes_nothing(name: str, data: st.DataObject, way: Way) -> None:
    """Rows of different lengths in one call, whatever lies beyond their ends, are the rows one by one."""
    network = NETWORKS[name]
    engine, call, state = way.engine(network, random_weights(network)), random_call(network), None
    if data.draw(st.booleans()):
        state = random_state(network)
    lengths = np.array(data.draw(st.lists(st.integers(1, 9 // network.stride), min_size=3, max_size=3)))
    lengths *= network.stride
    filler = data.draw(st.sampled_from([0.0, 1e30, np.nan, np.inf]))
    for row, length in enumerate(lengths):
        call[0][row, length:] = filler
        if call[1] is not None:
            call[1][row, network.output_time(length) :] = filler
    output, end = engine.forward(*call, state, lengths=lengths)
    assert output.shape == (3, network.output_time(9), network.output_size)
    for row, length in enumerate(lengths):
        begin = None if state is None else [each[:, [row]] for each in state]
        alone, alone_end = engine.forward(*only(network, call, row, length), begin)
        np.testing.assert_allclose(output[[row], : alone.shape[1]], alone, rtol=0, atol=way.room)
        assert (output[row, alone.shape[1] :] == 0).all()
        for mine, theirs in zip(end, alone_end, strict=True):
            np.testing.assert_allclose(mine[:, [row]], theirs, rtol=0, atol=way.room)


@every_way
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_the_module_where_rows_end_early(name: str, way: Way) -> None:
    network = NETWORKS[name]
    weights, state, (x, anchors) = random_weights(network), random_state(network), random_call(network)
    module = build(network).double().eval()
    load_weights(module, weights)
    lengths = [3, 9, 6]
    output, end = way.engine(network, weights).forward(x, anchors, state, lengths=lengths)
    with torch.no_grad():
        tensors = torch.tensor(x), None if anchors is None else torch.tensor(anchors)
        expected, expected_end = module(*tensors, [torch.tensor(each) for each in state], torch.tensor(lengths))
    np.testing.assert_allclose(output, expected.numpy(), rtol=0, atol=way.room)
    for mine, theirs in zip(end, expected_end, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=0, atol=way.room)


@every_way
@pytest.mark.parametrize("name", ["forecaster", "bidirectional"])
def test_rows_do_not_see_each_other(name: str, way: Way) -> None:
    network = NETWORKS[name]
    engine, (x, anchors) = way.engine(network, random_weights(network)), random_call(network)
    whole, end = engine.forward(x, anchors)
    for row in range(3):
        alone, alone_end = engine.forward(x[[row]], None if anchors is None else anchors[[row]])
        np.testing.assert_allclose(alone, whole[[row]], rtol=0, atol=way.room)
        for mine, theirs in zip(alone_end, end, strict=True):
            np.testing.assert_allclose(mine, theirs[:, [row]], rtol=0, atol=way.room)


@every_way
@pytest.mark.parametrize(
    "name", ["forecaster", "bidirectional", "layer norm", "tanh", "stride", "convolution both ways"]
)
def test_what_is_given_is_not_written_to(name: str, way: Way) -> None:
    network = NETWORKS[name]
    weights, call, state = random_weights(network), random_call(network), random_state(network)
    given_arrays = [*weights.values(), *state, *(each for each in call if each is not None)]
    for each in given_arrays:
        each.flags.writeable = False
    engine = way.engine(network, weights)
    first, first_end = engine.forward(*call, state)
    kept = [each.copy() for each in first_end]
    engine.forward(*call, first_end)
    for mine, theirs in zip(first_end, kept, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(engine.forward(*call, state)[0], first)


@every_way
def test_extreme_inputs_saturate_without_a_warning(way: Way) -> None:
    call = random_call(FORECASTER)
    call[0][..., [1, 3]] = 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for sign in (1, -1):
            call[0][..., [1, 3]] *= sign
            for name in ("forecaster", "silu", "gelu", "tanh", "no anchors"):
                network = NETWORKS[name]
                x, anchors = call if name == "forecaster" else (np.full((3, 9, 3), sign * 1e4), None)
                output, _ = way.engine(network, random_weights(network)).forward(x, anchors)
                assert np.isfinite(output).all()


@every_way
def test_a_missing_value_is_not_hidden(way: Way) -> None:
    """The front end fills gaps; one that slips through must be seen."""
    engine = way.engine(NETWORKS["three layers"], random_weights(NETWORKS["three layers"]))
    x, _ = random_call(NETWORKS["three layers"])
    x[1, 4] = np.nan
    output, _ = engine.forward(x)
    assert np.isnan(output[1, 4:]).all()
    assert np.isfinite(output[[0, 2]]).all()


@every_way
@given(scale=st.floats(0, 1e4), seed=st.integers(0, 1000), anchors=st.integers(0, 2))
def test_quantiles_never_cross(scale: float, seed: int, anchors: int, way: Way) -> None:
    network = Network((QuantileHead(3, LEVELS, anchors),))
    weights = {name: weight * scale for name, weight in random_weights(network, seed).items()}
    x, given_anchors = random_call(network, seed=seed)
    output, _ = way.engine(network, weights).forward(x * scale, given_anchors)
    assert (np.diff(output, axis=-1) >= 0).all()


@every_way
def test_one_engine_serves_many_threads(way: Way) -> None:
    engine, call = way.engine(FORECASTER, random_weights(FORECASTER)), random_call(FORECASTER, time=40)
    expected = engine.forward(*call)[0]
    with ThreadPoolExecutor(4) as pool:
        for output, _ in pool.map(lambda _: engine.forward(*call), range(20)):
            np.testing.assert_array_equal(output, expected)


@every_way
def test_refuses_a_code_that_no_table_has(way: Way) -> None:
    engine, (x, anchors) = way.engine(FORECASTER, random_weights(FORECASTER)), random_call(FORECASTER)
    for code in (6.0, -1.0, np.nan):
        x[..., 2] = 1.0
        x[0, 0, 2] = code
        with pytest.raises(DataError) as error:
            engine.forward(x, anchors)
        low, high = ("nan", "nan") if np.isnan(code) else (f"{min(code, 1):g}", f"{max(code, 1):g}")
        assert str(error.value) == f"A category code lies between {low} and {high}, expected 0 to 5."


@every_way
def test_refuses_what_does_not_fit(way: Way) -> None:
    network = NETWORKS["three layers"]
    weights = random_weights(network)
    engine = way.engine(network, weights)
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
        way.engine(network, weights)
    assert str(model_error.value) == "The weights lack the parameter 'layers.1.bias_hh_l0' of shape (20,)."


def test_needs_no_torch() -> None:
    program = "import sys, ensue.runtime.engine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@every_way
def test_the_state_is_the_same_where_no_outputs_are_wanted(way: Way) -> None:
    description = network.Network((network.LSTM(3, 5), network.QuantileHead(5, (0.1, 0.5, 0.9), anchors=2)))
    random = np.random.default_rng(0)
    weights = {name: random.normal(size=shape) for name, shape in description.parameters().items()}
    engine = way.engine(description, weights)
    x, anchors = random.normal(size=(2, 7, 3)), random.normal(size=(2, 7, 2))
    _, full = engine.forward(x, anchors)
    _, silent = engine.forward(x, anchors, outputs=False)
    for one, other in zip(full, silent, strict=True):
        np.testing.assert_array_equal(one, other)
