"""The definition is right: by hand, by PyTorch, by finite differences.

Comparisons are in float64, where two orders of summation differ by about 1e-15 a step; 1e-12 leaves room for some
dozens of steps and is far below what a wrong gate or a missing bias would give.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, tanh

import pytest
import torch
from torch import Tensor

from ensue.learn.reference import CellWeights, LSTMState, normalise, step, unroll, unroll_stack

CLOSE = {"rtol": 0.0, "atol": 1e-12}


def random_cell(features: int, hidden: int, layer_norm: bool = False, seed: int = 0) -> CellWeights:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    gates = 4 * hidden
    plain = (draw(gates, features), draw(gates, hidden), draw(gates), draw(gates))
    return (
        CellWeights(*plain, draw(gates), draw(gates), draw(hidden), draw(hidden)) if layer_norm else CellWeights(*plain)
    )


def random_tensor(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_step_by_hand() -> None:
    """One unit, one feature, every number its own, computed with the standard library."""

    def sigmoid(z: float) -> float:
        return 1 / (1 + exp(-z))

    x, h, c = 0.7, -0.3, 0.9
    w, u = [0.5, -1.1, 0.8, 1.7], [0.2, 0.6, -0.4, 0.9]
    a, b = [0.1, 0.3, -0.2, 0.05], [-0.6, 0.4, 0.15, -0.7]
    sums = [w[k] * x + u[k] * h + a[k] + b[k] for k in range(4)]
    i, f, g, o = sigmoid(sums[0]), sigmoid(sums[1]), tanh(sums[2]), sigmoid(sums[3])
    expected_c = f * c + i * g
    expected = [i, f, g, o, expected_c, o * tanh(expected_c)]

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64).reshape(4, 1)

    weights = CellWeights(column(w), column(u), column(a).ravel(), column(b).ravel())
    state = LSTMState(torch.tensor([[h]], dtype=torch.float64), torch.tensor([[c]], dtype=torch.float64))
    after, gates = step(torch.tensor([[x]], dtype=torch.float64), state, weights)
    assert [each.item() for each in gates] == pytest.approx(expected, abs=1e-15)
    assert [each.item() for each in after] == pytest.approx([expected[5], expected[4]], abs=1e-15)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("with_state", [False, True])
def test_equals_pytorch_in_outputs_state_and_gradients(layers: int, bidirectional: bool, with_state: bool) -> None:
    torch.manual_seed(layers)
    theirs = torch.nn.LSTM(3, 5, layers, batch_first=True, bidirectional=bidirectional, dtype=torch.float64)
    parameters = {name: each.detach().clone().requires_grad_() for name, each in theirs.named_parameters()}
    x = random_tensor(4, 7, 3)
    shape = (layers * (2 if bidirectional else 1), 4, 5)
    state = LSTMState(random_tensor(*shape, seed=2), random_tensor(*shape, seed=3)) if with_state else None

    output, (h, c) = theirs(x, state)
    ours, (our_h, our_c), traces = unroll_stack(x, state, parameters)
    torch.testing.assert_close(ours, output, **CLOSE)
    torch.testing.assert_close(our_h, h, **CLOSE)
    torch.testing.assert_close(our_c, c, **CLOSE)
    assert len(traces) == shape[0]

    weighting = random_tensor(
        *output.shape, seed=4
    )  # each output with its own weight: no two gradients agree by chance
    ((output * weighting).sum() + (h * 2).sum() + (c * 3).sum()).backward()
    ((ours * weighting).sum() + (our_h * 2).sum() + (our_c * 3).sum()).backward()
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(parameters[name].grad, parameter.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_row_with_a_length_is_the_row_alone(reverse: bool) -> None:
    weights, x, lengths = random_cell(3, 4), random_tensor(3, 6, 3), torch.tensor([6, 1, 4])
    begin = LSTMState(random_tensor(3, 4, seed=5), random_tensor(3, 4, seed=6))
    output, end, trace = unroll(x, begin, weights, lengths, reverse)
    for row, length in enumerate(lengths.tolist()):
        state = LSTMState(*(each[row : row + 1] for each in begin))
        alone, alone_end, alone_trace = unroll(x[row : row + 1, :length], state, weights, None, reverse)
        torch.testing.assert_close(output[row : row + 1, :length], alone, **CLOSE)
        torch.testing.assert_close(end.c[row : row + 1], alone_end.c, **CLOSE)
        torch.testing.assert_close(end.h[row : row + 1], alone_end.h, **CLOSE)
        torch.testing.assert_close(trace.f[row : row + 1, :length], alone_trace.f, **CLOSE)
        assert not output[row, length:].any()


def test_the_trace_keeps_the_books_of_the_cell_state() -> None:
    """What stands in the cell is what was kept plus what was written; the output gate shows it."""
    weights, x = random_cell(2, 3), random_tensor(2, 5, 2)
    output, end, trace = unroll(x, None, weights)
    before = torch.cat([torch.zeros(2, 1, 3, dtype=torch.float64), trace.c[:, :-1]], dim=1)
    torch.testing.assert_close(trace.c, trace.f * before + trace.i * trace.g, **CLOSE)
    torch.testing.assert_close(trace.h, trace.o * torch.tanh(trace.c), **CLOSE)
    torch.testing.assert_close(output, trace.h, **CLOSE)
    torch.testing.assert_close(end.c, trace.c[:, -1], **CLOSE)


def test_normalise_is_pytorchs_layer_norm() -> None:
    values = random_tensor(3, 4, 6) * 7 + 2
    torch.testing.assert_close(normalise(values), torch.nn.functional.layer_norm(values, (6,)), **CLOSE)


def test_layer_norm_does_not_see_the_scale_of_the_weights() -> None:
    weights, x = random_cell(3, 4, layer_norm=True), random_tensor(2, 5, 3)
    scaled = CellWeights(
        **{**vars(weights), "weight_ih": weights.weight_ih * 100, "weight_hh": weights.weight_hh * 100}
    )
    # Not exactly equal: epsilon stands beside a variance that is 10,000 times larger.
    torch.testing.assert_close(unroll(x, None, scaled)[0], unroll(x, None, weights)[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_agree_with_finite_differences(layer_norm: bool, reverse: bool) -> None:
    weights, lengths = random_cell(2, 3, layer_norm), torch.tensor([4, 2])
    names = [name for name, each in vars(weights).items() if each is not None]
    values = [getattr(weights, name) for name in names]
    inputs = [random_tensor(2, 4, 2), random_tensor(2, 3, seed=7), random_tensor(2, 3, seed=8)]

    def run(x: Tensor, h: Tensor, c: Tensor, *cell: Tensor) -> tuple[Tensor, ...]:
        own = CellWeights(**dict(zip(names, cell, strict=True)))
        output, end, _ = unroll(x, LSTMState(h, c), own, lengths, reverse)
        return output, end.h, end.c

    check: Callable[..., bool] = torch.autograd.gradcheck
    assert check(run, (*(each.requires_grad_() for each in inputs), *values))
