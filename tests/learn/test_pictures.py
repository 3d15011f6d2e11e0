"""The convolution over pictures: its equation, PyTorch's and NumPy's the same, and what executes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue.errors import ConfigError
from ensue.learn.lstm import WIDE
from ensue.learn.modules import build, load_weights
from ensue.learn.precision import gaining
from ensue.network import LSTM, FrameConvolution, Linear, Network, Residual
from ensue.runtime.engine import Engine, slower
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.numpy_layers import passage

Array = NDArray[Any]


def drawn(network: Network, seed: int = 0) -> dict[str, Array]:
    dice = np.random.default_rng(seed)
    return {name: dice.normal(0, 0.5, shape) for name, shape in network.parameters().items()}


def equation(layer: FrameConvolution, weight: Array, bias: Array, frame: Array) -> Array:
    """The equation of the description, number by number, for one frame `(height, width, channels)`."""
    half = layer.kernel // 2
    out = np.tile(bias, (layer.output_height, layer.output_width, 1))
    for y in range(layer.output_height):
        for x in range(layer.output_width):
            for i in range(layer.kernel):
                for j in range(layer.kernel):
                    row, column = y * layer.every + i - half, x * layer.every + j - half
                    if 0 <= row < layer.height and 0 <= column < layer.width:
                        out[y, x] += weight[:, :, i, j] @ frame[row, column]
    return out.reshape(-1)


sizes = st.builds(
    FrameConvolution, st.integers(1, 6), st.integers(1, 6), st.integers(1, 2), st.integers(1, 3),
    st.sampled_from([1, 3, 5]), st.integers(1, 3), st.just(True), st.just("none"),
)  # fmt: skip


@given(layer=sizes, seed=st.integers(0, 99))
def test_it_is_its_equation_in_pytorch_and_in_numpy(layer: FrameConvolution, seed: int) -> None:
    network = Network((layer,))
    weights = drawn(network, seed)
    x = np.random.default_rng(seed).normal(size=(2, 3, layer.input_size))
    frames = x.reshape(6, layer.height, layer.width, layer.input_channels)
    own = weights["layers.0.weight"], weights["layers.0.bias"]
    right = np.stack([equation(layer, *own, frame) for frame in frames]).reshape(2, 3, -1)
    np.testing.assert_allclose(NumPyEngine(network, weights, np.float64).forward(x)[0], right, atol=1e-12)
    module = build(network).double()
    load_weights(module, weights)
    np.testing.assert_allclose(module(torch.from_numpy(x))[0].detach().numpy(), right, atol=1e-12)


def seeing() -> Network:
    first = FrameConvolution(5, 7, 2, 3, 3, 2)
    return Network((first, FrameConvolution(3, 4, 3, 2, bias=False), Linear(24, 6), LSTM(6, 4, bidirectional=True)))


def test_a_network_that_sees_is_the_same_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage, "BLOCK", 700)  # less than all frames at once
    network, x = seeing(), np.random.default_rng(0).normal(size=(2, 5, 70)).astype(np.float32)
    module = build(network)
    weights = {name: each.detach().numpy() for name, each in module.named_parameters()}
    x[1, 3:] = np.nan  # beyond the second row's end
    theirs, _ = module(torch.from_numpy(x), lengths=torch.tensor([5, 3]))
    ours, _ = Engine(network, weights).forward(x, lengths=[5, 3])
    np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-5)


def test_it_has_gradients_and_begins_with_signals_of_even_size() -> None:
    torch.manual_seed(0)
    module = build(Network((FrameConvolution(16, 16, 3, 32), FrameConvolution(16, 16, 32, 32))))
    output, _ = module(torch.randn(2, 3, 16 * 16 * 3))
    assert 0.5 < float(output.std().detach()) < 2.0
    output.sum().backward()
    assert all(bool((each.grad != 0).any()) for each in module.parameters())


def test_the_native_core_is_not_asked_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENSUE_EXECUTOR", raising=False)
    inside = Network((Residual((FrameConvolution(2, 2, 1, 1),)),))
    for network in (seeing(), inside):
        assert isinstance(Engine(network, drawn(network)), NumPyEngine)
    if slower() == ():  # where the core is built
        sentence = "Runs on NumPy, several times slower: the native core knows no layers that see pictures."
        assert slower(seeing()) == (sentence,)
        assert slower(Network((Linear(1, 1), LSTM(1, 1, 2)))) == ()


def test_it_goes_into_a_file_and_back() -> None:
    assert Network.from_json(seeing().to_json()) == seeing()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kernel": 4}, "frame_convolution: kernel is 4, expected an odd number."),
        ({"every": 0}, "frame_convolution: every is 0, expected a whole number from 1 to 1000000000."),
        ({"height": 10_000}, "frame_convolution: it takes 20000000 numbers a frame, expected at most 10000000."),
        (
            {"output_channels": 50_000},
            "frame_convolution: it gives 12500000 numbers a frame, expected at most 10000000.",
        ),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, int], sentence: str) -> None:
    sizes = {"height": 10, "width": 25, "input_channels": 1, "output_channels": 1}
    if "height" in given:
        sizes["width"] = 2000
    with pytest.raises(ConfigError) as refused:
        FrameConvolution(**sizes | given)
    assert str(refused.value) == sentence


def test_in_16_bits_pictures_are_seen_and_narrow_layers_remember_in_32() -> None:
    torch.manual_seed(0)
    network = Network((FrameConvolution(8, 8, 1, 4, every=2), Linear(64, 6), LSTM(6, 5, bidirectional=True)))
    module, x = build(network), torch.randn(2, 4, 64)
    exact, state = module(x)
    with torch.autocast("cpu", torch.bfloat16):
        seen = module.layers[0](x)
        near, near_state = module(x)
    assert seen.dtype == torch.bfloat16
    assert near.dtype == torch.float32
    assert all(each.dtype == torch.float32 for each in near_state)
    torch.testing.assert_close(near, exact, rtol=0.05, atol=0.02)
    assert not torch.equal(near, exact)
    assert len(state) == len(near_state)


def test_pictures_decide_for_16_bits() -> None:
    assert gaining({"network": seeing()}, 4) == WIDE
    assert gaining({"network": Network((Linear(1, 1), LSTM(1, 1, 2)))}, 4) == 4
    assert gaining({"network": seeing()}, WIDE + 1) == WIDE + 1
