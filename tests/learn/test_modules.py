"""A description becomes a module with its names and shapes, and the head keeps its promises."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ensue.errors import ModelFileError, UsageError
from ensue.learn.modules import NetworkModule, build, load_weights, weights_to_numpy
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

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.95, 0.975)
EVERY_KIND = Network(
    (
        EmbedColumns(4, ((2, 5, 3), (0, 2, 1))),
        Linear(6, 8, activation="gelu"),
        Residual((LayerNorm(8), LSTM(8, 8, 2, layer_norm=True), Dropout(0.5))),
        Residual((RMSNorm(8), GatedFeedForward(8, 12))),
        LSTM(8, 6, residual=True),
        QuantileHead(6, LEVELS, 3),
    )
)
CLASSIFIER = Network(
    (
        Convolution(4, 6, 4, stride=2, dilation=2, activation="gelu"),
        Residual((RMSNorm(6), Convolution(6, 6, 3, causal=False, bias=False))),
        LSTM(6, 3, bidirectional=True),
        AttentionPooling(6, 5),
        SoftmaxHead(6, 3),
    )
)
POOLED = [Network((Convolution(4, 5, 3), LSTM(5, 3), Pooling(how), Linear(3, 2))) for how in ("mean", "max", "last")]


def random_module(description: Network, seed: int = 0) -> NetworkModule:
    """A module in float64, evaluating, in which every parameter is random, those that begin at 0 or 1 included."""
    torch.manual_seed(seed)
    module = build(description).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5)
    return module


def random_call(batch: int = 3, time: int = 7) -> tuple[Tensor, Tensor]:
    """An input for `EVERY_KIND`, codes in columns 0 and 2, and its anchors."""
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(batch, time, 4, generator=generator, dtype=torch.float64)
    x[..., 0] = torch.randint(0, 3, (batch, time), generator=generator)
    x[..., 2] = torch.randint(0, 6, (batch, time), generator=generator)
    return x, torch.randn(batch, time, 3, generator=generator, dtype=torch.float64)


def test_names_and_shapes_are_the_descriptions() -> None:
    for description in (EVERY_KIND, CLASSIFIER, Network((Embedding(9, 4), LSTM(4, 3, bidirectional=True)))):
        module = build(description)
        shapes = {name: tuple(each.shape) for name, each in module.named_parameters()}
        assert shapes == description.parameters()
        assert list(module.state_dict()) == list(description.parameters())
        assert module.description == description


def test_weights_pass_through_numpy() -> None:
    first, second = random_module(EVERY_KIND, 1), random_module(EVERY_KIND, 2)
    weights = weights_to_numpy(first)
    load_weights(second, weights)
    x, anchors = random_call()
    assert torch.equal(first(x, anchors)[0], second(x, anchors)[0])
    weights["layers.5.bias"][:] = 7.0  # copies: neither module sees it
    assert torch.equal(first(x, anchors)[0], second(x, anchors)[0])
    del weights["layers.5.bias"]
    with pytest.raises(ModelFileError) as error:
        load_weights(second, weights)
    assert str(error.value) == "The weights lack the parameter 'layers.5.bias' of shape (9,)."


@settings(max_examples=20)
@given(cuts=st.sets(st.integers(1, 6)))
def test_any_chunking_equals_the_whole(cuts: set[int]) -> None:
    module = random_module(EVERY_KIND)
    x, anchors = random_call()
    state, outputs = module.initial_state(3), []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 7], strict=True):
        output, state = module(x[:, start:stop], anchors[:, start:stop], state)
        outputs.append(output)
    whole, end = module(x, anchors)
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole, rtol=0, atol=1e-12)
    assert [tuple(each.shape) for each in state] == EVERY_KIND.state_shapes(3)
    for mine, theirs in zip(state, end, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_padding_changes_nothing_within_the_lengths() -> None:
    module, lengths = random_module(EVERY_KIND), torch.tensor([7, 2, 4])
    x, anchors = random_call()
    output, state = module(x, anchors, lengths=lengths)
    padded = x.clone()
    for row, length in enumerate(lengths.tolist()):
        padded[row, length:, 1] = 1e3
        alone, alone_state = module(x[row : row + 1, :length], anchors[row : row + 1, :length])
        torch.testing.assert_close(output[row : row + 1, :length], alone, rtol=0, atol=1e-12)
        for mine, theirs in zip(state, alone_state, strict=True):
            torch.testing.assert_close(mine[:, row : row + 1], theirs, rtol=0, atol=1e-12)
    again, again_state = module(padded, anchors, lengths=lengths)
    assert torch.equal(again[1, :2], output[1, :2])
    assert all(torch.equal(*pair) for pair in zip(again_state, state, strict=True))


@pytest.mark.parametrize("description", [EVERY_KIND, CLASSIFIER, *POOLED])
def test_every_parameter_learns(description: Network) -> None:
    module = random_module(description)
    x, anchors = random_call(batch=8, time=20)
    output, _ = module(x, anchors if description.anchors else None)
    output.square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None
        rows = parameter.grad.abs().flatten(1).amax(1) if parameter.dim() > 1 else parameter.grad.abs()
        assert (rows > 0).all(), name


@pytest.mark.parametrize("description", [EVERY_KIND, CLASSIFIER, *POOLED])
@pytest.mark.parametrize("filler", [0.0, 1e30, float("nan"), float("inf")])
def test_padding_teaches_nothing(description: Network, filler: float) -> None:
    """Gradients of a padded batch are the sums of those of its rows one by one, whatever the padding holds."""
    module, lengths = random_module(description), [8, 2, 4]
    x, anchors = random_call(time=8)
    for row, length in enumerate(lengths):
        x[row, length:], anchors[row, length:] = filler, filler
    module(x, anchors if description.anchors else None, lengths=torch.tensor(lengths))[0].square().sum().backward()
    padded = [parameter.grad for parameter in module.parameters()]
    module.zero_grad()
    for row, length in enumerate(lengths):
        given_anchors = anchors[[row], :length] if description.anchors else None
        module(x[[row], :length], given_anchors)[0].square().sum().backward()
    for mine, parameter in zip(padded, module.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("description", [CLASSIFIER, *POOLED])
def test_gradients_over_time_agree_with_finite_differences(description: Network) -> None:
    module, (x, _) = random_module(description), random_call(time=6)
    lengths = torch.tensor([6, 2, 4])

    def run(x: Tensor) -> Any:
        return module(x, lengths=lengths)[0]

    assert torch.autograd.gradcheck(run, (x.requires_grad_(),))


def test_gradients_of_the_head_agree_with_finite_differences() -> None:
    module = random_module(Network((Linear(2, 3, activation="silu"), QuantileHead(3, LEVELS, 2))))
    x, anchors = torch.randn(2, 3, 2, dtype=torch.float64), torch.randn(2, 3, 2, dtype=torch.float64)
    names, values = zip(*module.named_parameters(), strict=True)

    def run(x: Tensor, anchors: Tensor, *weights: Tensor) -> Any:
        return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x, anchors))[0]

    assert torch.autograd.gradcheck(run, (x.requires_grad_(), anchors.requires_grad_(), *values))


def test_the_head_by_hand() -> None:
    """Two anchors, levels on both sides; the input's only feature is 0, so that the biases are the raw values."""
    module = build(Network((QuantileHead(1, (0.1, 0.2, 0.5, 0.7), 2),))).double()
    raw = np.array([0.0, np.log(3.0), 0.25, -1.0, 2.0, 0.5])
    weights = {"layers.0.weight": np.zeros((6, 1)), "layers.0.bias": raw}
    load_weights(module, weights)
    output, _ = module(torch.zeros(1, 1, 1, dtype=torch.float64), torch.tensor([[[8.0, 4.0]]], dtype=torch.float64))
    median = 0.25 * 8 + 0.75 * 4 + 0.25  # shares 1 : 3, then the correction
    near, far, up = np.log1p(np.exp([2.0, -1.0, 0.5]))  # ascending levels: the first raw step is the farthest below
    expected = [median - near - far, median - near, median, median + up]
    np.testing.assert_allclose(output.detach().numpy().ravel(), expected, rtol=0, atol=1e-12)


@given(scale=st.floats(0, 1e4), seed=st.integers(0, 1000), anchors=st.integers(0, 2))
def test_quantiles_never_cross(scale: float, seed: int, anchors: int) -> None:
    """In float32, whatever the weights and inputs: equal at worst."""
    torch.manual_seed(seed)
    module = build(Network((QuantileHead(3, LEVELS, anchors),)))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=scale)
    given_anchors = torch.randn(4, 5, anchors) * scale if anchors else None
    output, _ = module(torch.randn(4, 5, 3) * scale, given_anchors)
    assert (output.diff(dim=-1) >= 0).all()


def test_the_head_begins_as_a_unit_normal_around_the_mean_of_the_anchors() -> None:
    module = build(Network((QuantileHead(2, LEVELS, 2),)))
    with torch.no_grad():
        module.get_parameter("layers.0.weight").zero_()
    output, _ = module(torch.randn(1, 1, 2), torch.tensor([[[1.0, 3.0]]]))
    expected = [2 + NormalDist().inv_cdf(level) for level in LEVELS]
    assert output.ravel().tolist() == pytest.approx(expected, abs=1e-5)


def test_the_unknown_category_begins_at_zero() -> None:
    module = build(Network((EmbedColumns(2, ((1, 3, 2),)),)))
    output, _ = module(torch.tensor([[[0.5, 0.0], [0.5, 2.0]]]))
    assert output[0, 0].tolist() == [0.5, 0.0, 0.0]
    assert (output[0, 1, 1:] != 0).all()


def test_dropout_is_for_training() -> None:
    module = build(Network((Linear(2, 50), Dropout(0.5))))
    x = torch.randn(2, 3, 2)
    assert 0.3 < (module(x)[0] == 0).float().mean() < 0.7  # 300 values: within seven standard deviations of a half
    assert (module.eval()(x)[0] != 0).all()


def test_locked_dropout_takes_the_same_features_at_every_step() -> None:
    module = build(Network((Linear(9, 9), Dropout(0.5, locked=True))))
    with torch.no_grad():
        module.get_parameter("layers.0.weight").copy_(torch.eye(9))
        module.get_parameter("layers.0.bias").zero_()
    x = torch.ones(40, 7, 9)
    dropped = module.train()(x)[0].detach()
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
    assert torch.equal(module.eval()(x)[0], x)


def test_embedding_dropout_takes_whole_codes() -> None:
    module = build(Network((Embedding(50, 4, dropout=0.4),)))
    codes = torch.arange(50).repeat(3, 1)[..., None].float()
    vectors, _ = module.train()(codes)
    gone = (vectors == 0).all(-1)
    assert torch.equal(gone, gone[:1].expand_as(gone)) and 0 < int(gone[0].sum()) < 50
    kept = ~gone[0]
    table = module.get_parameter("layers.0.weight").detach()
    torch.testing.assert_close(vectors[0, kept].detach(), table[kept] / 0.6)
    torch.testing.assert_close(module.eval()(codes)[0][0].detach(), table)


def test_refuses_what_does_not_fit() -> None:
    module = random_module(EVERY_KIND)
    x, anchors = random_call()
    with pytest.raises(UsageError) as error:
        module(x)
    assert str(error.value) == "The anchors given are none, expected (3, 7, 3)."
    with pytest.raises(UsageError) as error:
        module(x[..., :2], anchors)
    assert str(error.value) == "The input has shape (3, 7, 2), expected (batch, time, 4)."
    with pytest.raises(UsageError) as error:
        random_module(CLASSIFIER)(x)
    assert str(error.value) == "The input has 7 time steps, expected a multiple of the network's stride 2."
    with pytest.raises(UsageError) as error:
        random_module(CLASSIFIER)(x[:, :6], lengths=torch.tensor([6, 3, 2]))
    assert str(error.value) == "The lengths are [6, 3, 2], expected 3 multiples of 2 from 2 to 6, one a row."
