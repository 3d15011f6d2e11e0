"""The fast module is the definition: PyTorch's LSTM, our reference, and laws that need neither, whatever the back end.

Tolerances: float64 results agree to 1e-12 (orders of summation), float32 to 2e-6 for outputs that lie within -1 and 1
(some ten units in the last place), gradients ten times that, being sums over batch and time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import dropout
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ensue import network
from ensue.errors import ConfigError, UsageError
from ensue.learn import native_call
from ensue.learn.lstm import LSTM
from ensue.learn.reference import LSTMState, unroll_stack

LENGTHS = torch.tensor([7, 1, 4, 6])
ROOM = {torch.float64: 1e-12, torch.float32: 2e-6}


@pytest.fixture(scope="module", params=["native", "torch", "reference"])
def back_end(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "native" and native_call.ABSENCE:
        pytest.skip(native_call.ABSENCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENSUE_LSTM", request.param)
        yield request.param


on_every_back_end = pytest.mark.usefixtures("back_end")


def random_tensor(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def random_state(lstm: LSTM, batch: int, seed: int = 2, dtype: torch.dtype = torch.float64) -> LSTMState:
    h, c = lstm.description.state_shapes(batch)
    return LSTMState(random_tensor(*h, seed=seed, dtype=dtype), random_tensor(*c, seed=seed + 1, dtype=dtype))


def make(*sizes: int, seed: int = 0, dtype: torch.dtype = torch.float64, **options: Any) -> LSTM:
    """A module in which every parameter is random, those that begin at 0 or 1 included."""
    torch.manual_seed(seed)
    lstm = LSTM(*sizes, **options)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.normal_(std=0.5)
    return lstm.to(dtype)


def loss(output: Tensor, state: Any) -> Tensor:
    """A sum in which every output has its own weight, so that no two gradients agree by chance."""
    weights = random_tensor(*output.shape, seed=9, dtype=output.dtype)
    return (output * weights).sum() + 2 * state[0].sum() + 3 * state[1].sum()


@on_every_back_end
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_pytorch(
    layers: int, bidirectional: bool, with_lengths: bool, with_state: bool, dtype: torch.dtype
) -> None:
    """Outputs, states and gradients; the state dict passes unchanged, its order included."""
    torch.manual_seed(layers)
    theirs = torch.nn.LSTM(3, 5, layers, batch_first=True, bidirectional=bidirectional, dtype=dtype)
    ours = LSTM(3, 5, layers, bidirectional=bidirectional).to(dtype)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = random_tensor(4, 7, 3, dtype=dtype)
    state = random_state(ours, 4, dtype=dtype) if with_state else None
    if with_lengths:
        packed, their_state = theirs(pack_padded_sequence(x, LENGTHS, True, enforce_sorted=False), state)
        output, _ = pad_packed_sequence(packed, batch_first=True, total_length=7)
    else:
        output, their_state = theirs(x, state)
    our_output, our_state = ours(x, state, LENGTHS if with_lengths else None)
    near = {"rtol": 0.0, "atol": ROOM[dtype]}
    torch.testing.assert_close(our_output, output, **near)
    torch.testing.assert_close(our_state.h, their_state[0], **near)
    torch.testing.assert_close(our_state.c, their_state[1], **near)
    loss(output, their_state).backward()
    loss(our_output, our_state).backward()
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, parameter.grad, rtol=1e-5, atol=10 * ROOM[dtype])


@on_every_back_end
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_equals_the_reference(layer_norm: bool, bidirectional: bool, residual: bool, lengths: Tensor | None) -> None:
    size = 6 if bidirectional else 3  # so that even the first layer's input is added to its output
    lstm = make(size, 3, 3, layer_norm=layer_norm, bidirectional=bidirectional, residual=residual)
    x, state = random_tensor(4, 7, size), random_state(lstm, 4)
    output, end = lstm(x, state, lengths)
    expected, expected_end, _ = unroll_stack(x, state, dict(lstm.named_parameters()), lengths, residual)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(end.h, expected_end.h, rtol=0, atol=1e-12)
    torch.testing.assert_close(end.c, expected_end.c, rtol=0, atol=1e-12)
    gradients = torch.autograd.grad(loss(output, end), list(lstm.parameters()))
    expected_gradients = torch.autograd.grad(loss(expected, expected_end), list(lstm.parameters()))
    for mine, theirs in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10)


@on_every_back_end
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_agree_with_finite_differences(layer_norm: bool, bidirectional: bool) -> None:
    lstm = make(2, 2, 1 if bidirectional else 2, layer_norm=layer_norm, bidirectional=bidirectional, residual=True)
    names, values = zip(*lstm.named_parameters(), strict=True)
    lengths, state = torch.tensor([3, 2]), random_state(lstm, 2)

    def run(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        parameters = dict(zip(names, weights, strict=True))
        output, end = torch.func.functional_call(lstm, parameters, (x, LSTMState(h, c), lengths))
        return output, end.h, end.c

    inputs = [random_tensor(2, 3, 2), *state]
    assert torch.autograd.gradcheck(run, (*(each.requires_grad_() for each in inputs), *values))


@on_every_back_end
@pytest.mark.parametrize("layer_norm", [False, True])
@settings(max_examples=20)
@given(cuts=st.sets(st.integers(1, 8)))
def test_any_chunking_equals_the_whole(layer_norm: bool, cuts: set[int]) -> None:
    lstm = make(3, 4, 2, layer_norm=layer_norm)
    x = random_tensor(2, 9, 3)
    state, outputs = None, []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 9], strict=True):
        output, state = lstm(x[:, start:stop], state)
        outputs.append(output)
    whole, end = lstm(x)
    assert state is not None
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(state.c, end.c, rtol=0, atol=1e-12)


@settings(max_examples=20)
@given(lengths=st.lists(st.integers(1, 7), min_size=4, max_size=4))
@on_every_back_end
def test_equals_the_reference_for_any_lengths(lengths: list[int]) -> None:
    lstm = make(3, 3, 2, bidirectional=True, residual=True)
    x, state = random_tensor(4, 7, 3), random_state(lstm, 4)
    output, end = lstm(x, state, torch.tensor(lengths))
    expected, expected_end, _ = unroll_stack(x, state, dict(lstm.named_parameters()), torch.tensor(lengths), True)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(end.h, expected_end.h, rtol=0, atol=1e-12)


@on_every_back_end
@pytest.mark.parametrize("layer_norm", [False, True])
def test_the_future_does_not_reach_the_past(layer_norm: bool) -> None:
    lstm = make(3, 4, 2, layer_norm=layer_norm)
    x = random_tensor(2, 9, 3)
    changed = x.clone()
    changed[:, 5:] = 100.0
    before, after = lstm(x)[0], lstm(changed)[0]
    torch.testing.assert_close(before[:, :5], after[:, :5], rtol=0, atol=0)
    assert (before[:, 5:] != after[:, 5:]).any(dim=2).all()


@on_every_back_end
@pytest.mark.parametrize("layer_norm", [False, True])
def test_padding_and_the_order_of_rows_change_nothing(layer_norm: bool) -> None:
    lstm = make(3, 4, 2, layer_norm=layer_norm, bidirectional=True)
    x, state = random_tensor(4, 7, 3), random_state(lstm, 4)
    output, end = lstm(x, state, LENGTHS)
    longer = torch.cat([x, random_tensor(4, 3, 3, seed=5)], dim=1)
    for row, length in enumerate(LENGTHS.tolist()):
        longer[row, length:] = 1e6
        assert not output[row, length:].any()
    order = torch.tensor([2, 0, 3, 1])
    shuffled = LSTMState(*(each[:, order] for each in state))
    again, again_end = lstm(longer[order], shuffled, LENGTHS[order])
    torch.testing.assert_close(again[:, :7], output[order], rtol=0, atol=1e-12)
    torch.testing.assert_close(again_end.h, end.h[:, order], rtol=0, atol=1e-12)
    torch.testing.assert_close(again_end.c, end.c[:, order], rtol=0, atol=1e-12)


@on_every_back_end
def test_what_is_no_number_may_lie_in_the_padding() -> None:
    lstm = make(3, 3, 2, residual=True)
    x = random_tensor(4, 7, 3)
    expected, _ = lstm(x, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        x[row, length:] = float("nan")
    assert torch.equal(lstm(x, lengths=LENGTHS)[0], expected)


@on_every_back_end
def test_the_callers_state_is_not_written_to() -> None:
    lstm = make(3, 4)
    state = random_state(lstm, 2)
    kept = LSTMState(*(each.clone() for each in state))
    lstm(random_tensor(2, 5, 3), state)
    assert torch.equal(state.h, kept.h)
    assert torch.equal(state.c, kept.c)


@on_every_back_end
def test_recurrent_dropout_drops_weights_once_a_call_and_only_in_training() -> None:
    lstm, plain = make(3, 4, recurrent_dropout=0.5), make(3, 4)
    x = random_tensor(2, 6, 3)
    torch.manual_seed(7)
    trained, _ = lstm(x)
    torch.manual_seed(7)
    with torch.no_grad():
        plain.get_parameter("weight_hh_l0").copy_(dropout(lstm.get_parameter("weight_hh_l0"), 0.5))
    torch.testing.assert_close(trained, plain(x)[0], rtol=0, atol=1e-12)
    lstm.eval()
    torch.testing.assert_close(lstm(x)[0], make(3, 4)(x)[0], rtol=0, atol=0)


@on_every_back_end
def test_dropout_falls_between_layers_and_not_after_the_last() -> None:
    x = random_tensor(2, 6, 3)
    assert torch.equal(make(3, 4, 1, dropout=0.9)(x)[0], make(3, 4, 1)(x)[0])
    two = make(3, 4, 2, dropout=0.5)
    assert not torch.equal(two(x)[0], two(x)[0])
    assert (two(x)[0] != 0).all()
    assert torch.equal(two.eval()(x)[0], make(3, 4, 2)(x)[0])


def test_forget_bias_is_the_sum_of_both_biases() -> None:
    lstm = LSTM(3, 5, 2, bidirectional=True, forget_bias=1.5)
    for suffix in ("_l0", "_l0_reverse", "_l1", "_l1_reverse"):
        total = lstm.get_parameter("bias_ih" + suffix) + lstm.get_parameter("bias_hh" + suffix)
        assert (total[5:10] == 1.5).all()
        assert (total[:5] != 1.5).all()


def test_chrono_spreads_the_memory_up_to_the_longest_expected() -> None:
    torch.manual_seed(0)
    lstm = LSTM(2, 500, chrono=100)
    total = (lstm.get_parameter("bias_ih_l0") + lstm.get_parameter("bias_hh_l0")).detach()
    memory = total[500:1000].exp()
    assert 1 <= memory.min() < 3
    assert 97 < memory.max() <= 99
    assert 45 < memory.mean() < 55  # uniform between 1 and 99: mean 50, standard error 1.3
    assert torch.equal(total[:500], -total[500:1000])


def test_orthogonal_recurrent_matrices() -> None:
    lstm = LSTM(2, 6, orthogonal=True)
    for gate in lstm.get_parameter("weight_hh_l0").detach().split(6):
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=0, atol=1e-5)


def test_weights_begin_as_in_pytorch_and_gains_at_one() -> None:
    torch.manual_seed(0)
    lstm = LSTM(30, 64, layer_norm=True)
    weight = lstm.get_parameter("weight_ih_l0").detach()
    assert 0.12 < weight.abs().max() <= 64**-0.5
    assert abs(weight.mean()) < 0.01
    assert (lstm.get_parameter("gain_c_l0") == 1).all()
    assert (lstm.get_parameter("bias_c_l0") == 0).all()


@on_every_back_end
def test_the_same_seed_gives_the_same_weights_and_outputs() -> None:
    first, second = make(3, 4, 2, dropout=0.3), make(3, 4, 2, dropout=0.3)
    x = random_tensor(2, 6, 3)
    torch.manual_seed(3)
    expected = first(x)[0]
    torch.manual_seed(3)
    assert torch.equal(second(x)[0], expected)


def test_is_built_from_its_description() -> None:
    description = network.LSTM(3, 4, 2, bidirectional=True, layer_norm=True, dropout=0.1)
    lstm = LSTM(**vars(description))
    assert lstm.description == description
    assert {name: tuple(each.shape) for name, each in lstm.named_parameters()} == description.parameters()


def test_refuses_what_does_not_fit() -> None:
    lstm = LSTM(3, 4)
    x = torch.zeros(2, 5, 3)
    with pytest.raises(UsageError) as error:
        lstm(torch.zeros(2, 5, 7))
    assert str(error.value) == "The input of the LSTM has shape (2, 5, 7), expected (batch, time, 3)."
    with pytest.raises(UsageError) as error:
        lstm(x, LSTMState(torch.zeros(1, 2, 4), torch.zeros(1, 3, 4)))
    assert str(error.value) == "The LSTM's state c has shape (1, 3, 4), expected (1, 2, 4)."
    with pytest.raises(UsageError) as error:
        lstm(x, lengths=torch.tensor([5, 6]))
    assert str(error.value) == "The lengths are [5, 6], expected 2 whole numbers from 1 to 5, one a row."
    with pytest.raises(UsageError):
        lstm(x, lengths=torch.tensor([0, 3]))
    with pytest.raises(ConfigError) as config_error:
        LSTM(3, 4, dropout=1.5)
    assert str(config_error.value) == "lstm: dropout is 1.5, expected a number from 0 up to, not including, 1."


def test_says_what_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENSUE_LSTM", raising=False)
    monkeypatch.setattr(native_call, "ABSENCE", "")
    lstm = LSTM(3, 4)
    assert lstm.back_end == "native"
    assert lstm.double().back_end == "native"
    assert lstm.bfloat16().back_end == "torch"
    assert LSTM(3, 4).to("meta").back_end == "torch"
    assert LSTM(3, 4, layer_norm=True).back_end == "loop"
    with torch.autocast("cpu"):
        assert LSTM(3, 4).back_end == "torch"
    monkeypatch.setattr(native_call, "ABSENCE", "No module named 'ensue._native'")
    assert LSTM(3, 4).back_end == "torch"


def test_a_back_end_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    for forced, with_norm in [("native", "loop"), ("torch", "loop"), ("reference", "reference")]:
        monkeypatch.setenv("ENSUE_LSTM", forced)
        monkeypatch.setattr(native_call, "ABSENCE", "")
        assert LSTM(3, 4).back_end == forced
        assert LSTM(3, 4, layer_norm=True).back_end == with_norm
    monkeypatch.setenv("ENSUE_LSTM", "cudnn")
    with pytest.raises(UsageError) as error:
        LSTM(3, 4)
    assert str(error.value) == (
        "ENSUE_LSTM is 'cudnn', expected native, torch or reference: unset it or give one of these."
    )


def test_says_why_the_native_core_cannot_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSUE_LSTM", "native")
    rest = ": unset it, or set it to torch or reference."

    def refusal(lstm: LSTM) -> str:
        with pytest.raises(UsageError) as error:
            lstm(torch.zeros(2, 5, 3, dtype=lstm.weight_ih_l0.dtype))
        return str(error.value)

    lstm = LSTM(3, 4)
    assert refusal(LSTM(3, 4).to(torch.float16)) == "ENSUE_LSTM is native, but the weights are float16" + rest
    assert refusal(LSTM(3, 4).to("meta")) == "ENSUE_LSTM is native, but the weights are on meta" + rest
    with torch.autocast("cpu"):
        assert refusal(lstm) == "ENSUE_LSTM is native, but autocast is on" + rest
    monkeypatch.setattr(native_call, "ABSENCE", "No module named 'ensue._native'")
    assert refusal(lstm) == (
        "ENSUE_LSTM is native, but the native core is not there (No module named 'ensue._native')" + rest
    )


def test_transforms_of_functions_run_in_the_frameworks_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENSUE_LSTM", raising=False)
    lstm, x = make(3, 4), random_tensor(2, 5, 3)
    parameters = {name: each.detach() for name, each in lstm.named_parameters()}

    def total(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(lstm, parameters, (x,))[0].square().sum()

    gradients = torch.func.grad(total)(parameters)
    lstm(x)[0].square().sum().backward()
    for name, each in lstm.named_parameters():
        torch.testing.assert_close(each.grad, gradients[name], rtol=0, atol=1e-11)


@pytest.mark.parametrize("forced", ["torch", "reference"])
def test_other_back_ends_have_second_derivatives(forced: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSUE_LSTM", forced)
    lstm = make(2, 3)
    assert torch.autograd.gradgradcheck(lambda x: lstm(x)[0], [random_tensor(2, 3, 2).requires_grad_()])
