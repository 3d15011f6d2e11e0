"""The decoder is the reference LSTM with attention, and its hand-written gradient that of autograd."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ensue.learn import attention, attention_fast, reference
from ensue.learn.attention import DecoderWeights, Memory, Step
from ensue.learn.lstm import LSTM
from ensue.learn.reference import CellWeights, LSTMState

BATCH, SOURCE, TARGET, GIVEN, HIDDEN, MEMORY, FED = 3, 4, 5, 6, 7, 8, 5


def some(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture
def case() -> tuple[Tensor, LSTMState, Memory, nn.Module, nn.Module]:
    torch.manual_seed(0)
    cell = LSTM(GIVEN + FED, HIDDEN).double()
    combine = nn.Linear(HIDDEN + MEMORY, FED).double()
    beyond = torch.arange(SOURCE) >= torch.tensor([4, 1, 3])[:, None]
    memory = Memory(some(BATCH, SOURCE, MEMORY), some(BATCH, SOURCE, HIDDEN), beyond)
    return some(BATCH, TARGET, GIVEN), LSTMState(some(BATCH, HIDDEN), some(BATCH, HIDDEN)), memory, cell, combine


def test_a_step_is_the_reference_lstm_then_attention_then_the_combination(case: tuple) -> None:
    given, state, memory, cell, combine = case
    weights = DecoderWeights.of(cell, combine)
    answers = attention.decode(given, state, memory, weights)
    plain = CellWeights.of(dict(cell.named_parameters()))
    fed = torch.zeros(BATCH, FED, dtype=torch.float64)
    for t in range(TARGET):
        state, _ = reference.step(torch.cat([given[:, t], fed], dim=1), state, plain)
        scores = torch.einsum("bsh,bh->bs", memory.keys, state.h).masked_fill(memory.beyond, -torch.inf)
        seen = torch.einsum("bs,bsm->bm", scores.softmax(1), memory.values)
        fed = torch.tanh(combine(torch.cat([state.h, seen], dim=1)))
        torch.testing.assert_close(answers[:, t], fed, rtol=1e-12, atol=1e-12)


def test_what_is_beyond_a_sentence_changes_nothing(case: tuple) -> None:
    given, state, memory, cell, combine = case
    weights = DecoderWeights.of(cell, combine)
    hidden = memory.beyond.unsqueeze(2)
    other = Memory(memory.values.masked_fill(hidden, 7.0), memory.keys.masked_fill(hidden, -9.0), memory.beyond)
    for decode in (attention.decode, attention_fast.decode):
        torch.testing.assert_close(decode(given, state, memory, weights), decode(given, state, other, weights))


@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_by_hand_is_that_of_autograd(case: tuple, masked: bool) -> None:
    given, state, memory, cell, combine = case
    mask = (torch.rand(BATCH, FED) > 0.4).double() / 0.6 if masked else None
    slope = some(BATCH, TARGET, FED)
    inputs = [given, *state, memory.values, memory.keys]
    for each in inputs:
        each.requires_grad_()
    wanted = [*inputs, *cell.parameters(), *combine.parameters()]
    found = []
    for decode, more in ((attention.decode, {}), (attention_fast.decode, {"dtype": torch.float64})):
        answers = decode(given, state, memory, DecoderWeights.of(cell, combine), mask, **more)
        found.append((answers, torch.autograd.grad((answers * slope).sum(), wanted)))
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-10)


def test_products_in_16_bits_are_near_those_in_32(case: tuple) -> None:
    given, state, memory, cell, combine = case
    single = [each.float() for each in (given, *state, memory.values, memory.keys)]
    memory = Memory(single[3], single[4], memory.beyond)
    weights = DecoderWeights.of(cell.float(), combine.float())
    arguments = (single[0], LSTMState(single[1], single[2]), memory, weights)
    exact, near = (attention_fast.decode(*arguments, dtype=kind) for kind in (torch.float32, torch.bfloat16))
    assert near.dtype == torch.float32
    assert 0 < (exact - near).abs().max() < 0.05


def test_advance_goes_on_from_what_a_step_left(case: tuple) -> None:
    given, state, memory, cell, combine = case
    weights = DecoderWeights.of(cell, combine)
    sums = torch.nn.functional.linear(given, weights.given, weights.bias)
    step = attention.first_step(state, weights)
    assert isinstance(step, Step)
    said = []
    for t in range(TARGET):
        step, shares = attention.advance(sums[:, t], step, memory, weights)
        assert (shares[memory.beyond] == 0).all()
        torch.testing.assert_close(shares.sum(1), torch.ones(BATCH, dtype=torch.float64))
        said.append(step.fed)
    torch.testing.assert_close(torch.stack(said, 1), attention.decode(given, state, memory, weights))
