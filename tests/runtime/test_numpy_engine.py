"""What is the NumPy engine's own: its layers beside their equations step by step, blocks, and lengths it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue.errors import UsageError
from ensue.network import LSTM, AttentionPooling, Convolution, Linear, Network, Pooling, QuantileHead, SoftmaxHead
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.numpy_layers import passage

Array = NDArray[Any]


def random_weights(network: Network, seed: int = 0) -> dict[str, Array]:
    generator = np.random.default_rng(seed)
    return {name: generator.normal(0, 0.5, shape) for name, shape in network.parameters().items()}


def random_input(*shape: int) -> Array:
    return np.random.default_rng(1).normal(size=shape)


def convolved(layer: Convolution, weights: dict[str, Array], x: Array, past: Array) -> Array:
    """The equation of `network.Convolution` for one row, number by number; `past` is `(reach, input)`."""
    output = np.zeros((len(x) // layer.stride, layer.output_size))
    for j in range(len(output)):
        if layer.causal:
            at = j * layer.stride + layer.stride - 1 - (layer.width - 1) * layer.dilation
        else:
            at = j * layer.stride - (layer.width - 1) // 2 * layer.dilation
        for k in range(layer.width):
            seen = at + k * layer.dilation
            if 0 <= seen < len(x):
                output[j] += weights["layers.0.weight"][:, :, k] @ x[seen]
            elif seen < 0 and layer.causal:
                output[j] += weights["layers.0.weight"][:, :, k] @ past[seen]
    return output + weights["layers.0.bias"]


@given(
    width=st.integers(1, 5), stride=st.integers(1, 4), dilation=st.integers(1, 3), steps=st.integers(1, 4),
    causal=st.booleans(), with_state=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_a_convolution_is_its_equation(
    width: int, stride: int, dilation: int, steps: int, causal: bool, with_state: bool, seed: int
) -> None:
    layer = Convolution(2, 3, width if causal else width // 2 * 2 + 1, stride, dilation, causal)
    network = Network((layer,))
    weights, x = random_weights(network, seed), random_input(2, steps * stride, 2)
    state = None
    if with_state:
        state = [np.random.default_rng(2).normal(size=shape) for shape in network.state_shapes(2)]
    output, end = NumPyEngine(network, weights, np.float64).forward(x, state=state)
    past = state[0] if state else np.zeros((layer.reach, 2, 2))
    for row in range(2):
        expected = convolved(layer, weights, x[row], past[:, row])
        np.testing.assert_allclose(output[row], expected, rtol=0, atol=1e-12)
    if causal and layer.reach:
        np.testing.assert_array_equal(end[0], np.concatenate([past, x.transpose(1, 0, 2)])[-layer.reach :])
    else:
        assert end == []


@pytest.mark.parametrize(("how", "expected"), [("mean", [2.0, 0.0]), ("max", [4.0, 1.0]), ("last", [1.0, 0.0])])
def test_pooling_by_hand(how: str, expected: list[float]) -> None:
    network = Network((Linear(2, 2, bias=False), Pooling(how)))
    engine = NumPyEngine(network, {"layers.0.weight": np.eye(2)})
    x = np.array([[[1.0, -1.0], [4.0, 1.0], [1.0, 0.0], [9.0, 9.0]]])
    output, _ = engine.forward(x, lengths=[3])
    np.testing.assert_array_equal(output, [[expected]])


def test_attention_pooling_by_hand() -> None:
    network = Network((AttentionPooling(2, 3),))
    weights, x = random_weights(network), random_input(1, 5, 2)
    inner = np.tanh(x[0] @ weights["layers.0.weight"].T + weights["layers.0.bias"])
    scores = np.exp(inner @ weights["layers.0.query"])
    expected = (scores[:, None] * x[0]).sum(0) / scores.sum()
    output, _ = NumPyEngine(network, weights, np.float64).forward(x)
    np.testing.assert_allclose(output, [[expected]], rtol=0, atol=1e-14)


def test_attention_does_not_overflow() -> None:
    network = Network((AttentionPooling(1, 1),))
    weights = {"layers.0.weight": [[1.0]], "layers.0.bias": [0.0], "layers.0.query": [1e4]}
    engine = NumPyEngine(network, {name: np.array(each) for name, each in weights.items()})
    output, _ = engine.forward(np.array([[[-20.0], [20.0], [1.0]]]))
    assert output.ravel().tolist() == [20.0]


@given(scale=st.floats(0, 1e4), seed=st.integers(0, 1000))
def test_log_probabilities_add_up_to_one(scale: float, seed: int) -> None:
    network = Network((SoftmaxHead(3, 4),))
    output, _ = NumPyEngine(network, random_weights(network, seed)).forward(random_input(2, 5, 3) * scale)
    assert (output <= 0).all()
    np.testing.assert_allclose(np.exp(output).sum(-1), 1.0, rtol=0, atol=1e-5)


def test_a_mean_of_many_steps_loses_no_digits() -> None:
    network = Network((Linear(3, 3, bias=False), Pooling("mean")))
    x = 1e4 + random_input(1, 200_000, 3)  # float32 sums would be off by far more than one number's rounding
    output, _ = NumPyEngine(network, {"layers.0.weight": np.eye(3)}).forward(x)
    np.testing.assert_allclose(output[0, 0], x[0].mean(0), rtol=0, atol=2e-3)


BOTH_WAYS = Network((LSTM(3, 4, 2, bidirectional=True, residual=True), Linear(8, 2)))
LAYER_NORM = Network((LSTM(3, 4, 2, layer_norm=True),))
CONVOLUTIONS = Network((Convolution(3, 4, 4, dilation=2), Convolution(4, 2, 3, stride=3, causal=False)))


@pytest.mark.parametrize("network", [BOTH_WAYS, LAYER_NORM, CONVOLUTIONS])
@pytest.mark.parametrize("lengths", [None, [3, 9, 6]])
def test_reading_in_blocks_changes_nothing(
    network: Network, lengths: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long sequence is read a block at a time to bound memory; here a block is one or two steps."""
    engine, x = NumPyEngine(network, random_weights(network), np.float64), random_input(3, 9, 3)
    whole, end = engine.forward(x, lengths=lengths)
    monkeypatch.setattr(passage, "BLOCK", 3 * 4 * 8)
    blocks, blocks_end = engine.forward(x, lengths=lengths)
    np.testing.assert_allclose(blocks, whole, rtol=0, atol=1e-12)
    for mine, theirs in zip(blocks_end, end, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)


def test_the_heads_are_left_out_where_only_the_state_is_wanted() -> None:
    for head in (QuantileHead(4, (0.1, 0.5)), SoftmaxHead(4, 7)):
        network = Network((LSTM(3, 4), head))
        engine, x = NumPyEngine(network, random_weights(network)), random_input(2, 5, 3)
        silent, state = engine.forward(x, outputs=False, lengths=[5, 2])
        assert silent.shape == (2, 5, 4)
        for mine, theirs in zip(state, engine.forward(x, lengths=[5, 2])[1], strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_the_reverse_direction_begins_at_each_rows_own_end() -> None:
    """The reverse direction over a row is the forward one, with its weights, over the row turned round."""
    network = Network((LSTM(3, 4, bidirectional=True),))
    weights, x = random_weights(network), random_input(2, 6, 3)
    output, (h, _) = NumPyEngine(network, weights, np.float64).forward(x, lengths=[4, 6])
    turned = {name.removesuffix("_reverse"): each for name, each in weights.items() if name.endswith("_reverse")}
    forward = NumPyEngine(Network((LSTM(3, 4),)), turned, np.float64)
    expected, (expected_h, _) = forward.forward(x[[0], 3::-1])
    np.testing.assert_allclose(output[0, :4, 4:], expected[0, ::-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(h[1, 0], expected_h[0, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, list])
def test_lengths_are_whole_numbers_of_any_kind(kind: Any) -> None:
    engine, x = NumPyEngine(BOTH_WAYS, random_weights(BOTH_WAYS)), random_input(3, 9, 3)
    expected, _ = engine.forward(x, lengths=np.array([3, 9, 6]))
    output, _ = engine.forward(x, lengths=kind([3, 9, 6]))
    np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize(
    ("lengths", "given_lengths"),
    [
        ([3], "[3]"),
        ([3, 7], "[3, 7]"),
        ([0, 6], "[0, 6]"),
        ([3.0, 6.0], "[3.0, 6.0]"),
        ([True, True], "[True, True]"),
        ([[3], [6]], "[[3], [6]]"),
        (6, "6"),
        (np.array([3, np.nan]), "[3.0, nan]"),
    ],
)
def test_refuses_lengths_that_do_not_fit(lengths: Any, given_lengths: str) -> None:
    network = Network((LSTM(3, 4),))
    with pytest.raises(UsageError) as error:
        NumPyEngine(network, random_weights(network)).forward(random_input(2, 6, 3), lengths=lengths)
    expected = "expected 2 whole numbers from 1 to 6, one a row."
    assert str(error.value) == f"The lengths are {given_lengths}, {expected}"
