"""The native LSTM as an operator: equal to the reference on every instruction set, and well-behaved within PyTorch.

Float32 is compared with the reference in float64. Tolerances are in units of the largest number of its kind: 1e-12 in
float64 (orders of summation), in float32 2e-6 for outputs and 5e-6 for gradients, being sums over batch and time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ensue.errors import UsageError
from ensue.learn import native_call, native_op, reference
from ensue.learn.lstm import LSTM
from ensue.learn.reference import CellWeights, LSTMState

native = pytest.importorskip("ensue._native")

ISAS = native.isa_names()
ROOM = {torch.float64: (1e-12, 1e-12), torch.float32: (2e-6, 5e-6)}
OP = torch.ops.ensue.lstm_forward.default
BACK = torch.ops.ensue.lstm_backward.default
LENGTHS = torch.tensor([6, 1, 3, 4])


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(native_call.TABLES, torch.float32, request.param)
    return str(request.param)


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


class Case:
    """Random tensors of a call; every one needs gradients."""

    def __init__(
        self,
        features: int = 3,
        hidden: int = 5,
        batch: int = 4,
        time: int = 6,
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
    ) -> None:
        self.generator, self.dtype = torch.Generator().manual_seed(seed), dtype
        self.x = self.random(batch, time, features)
        gates = 4 * hidden
        matrices = self.random(gates, features, scale=features**-0.5), self.random(gates, hidden, scale=hidden**-0.5)
        self.weights = [*matrices, self.random(gates), self.random(gates)]
        self.state = LSTMState(self.random(batch, hidden), self.random(batch, hidden))
        self.about = [self.random(batch, time, hidden), self.random(batch, hidden), self.random(batch, hidden)]

    def random(self, *shape: int, scale: float = 1.0) -> Tensor:
        values = scale * torch.randn(*shape, generator=self.generator, dtype=torch.float64)
        return values.to(self.dtype).requires_grad_()

    @property
    def inputs(self) -> list[Tensor]:
        return [self.x, *self.weights, *self.state]

    def native(self, lengths: Tensor | None = None, reverse: bool = False) -> list[Tensor]:
        y, end = native_op.unroll(self.x, self.state, self.weights, lengths, reverse)
        return [y, *end]

    def reference(self, lengths: Tensor | None = None, reverse: bool = False) -> list[Tensor]:
        y, end, _ = reference.unroll(self.x, self.state, CellWeights(*self.weights), lengths, reverse)
        return [y, *end]

    def exact(self) -> Case:
        """The same in float64."""
        other = copy(self)
        other.dtype = torch.float64
        x, *weights, h, c = (each.detach().double().requires_grad_() for each in self.inputs)
        other.x, other.weights, other.state = x, weights, LSTMState(h, c)
        return other

    def gradients(self, outputs: list[Tensor], **options: Any) -> tuple[Tensor, ...]:
        """Those of a sum in which every output has its own weight."""
        about = [each.detach().to(self.dtype) for each in self.about]
        return torch.autograd.grad(outputs, self.inputs, about, **options)


def assert_close(given: Sequence[Tensor], expected: Sequence[Tensor], room: float) -> None:
    for each, right in zip(given, expected, strict=True):
        torch.testing.assert_close(
            each.double(), right, rtol=0, atol=room * max(1.0, float(right.detach().abs().max()))
        )


def assert_equals_the_reference(case: Case, lengths: Tensor | None, reverse: bool) -> None:
    exact, room = case.exact(), ROOM[case.dtype]
    outputs, expected = case.native(lengths, reverse), exact.reference(lengths, reverse)
    assert_close(outputs, expected, room[0])
    assert_close(case.gradients(outputs), exact.gradients(expected), room[1])


@pytest.mark.parametrize(
    ("features", "hidden", "batch"), [(1, 16, 3), (3, 5, 1), (17, 33, 40), (20, 64, 7), (64, 48, 30)]
)
@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_equals_the_reference(
    isa: str, threads: int, features: int, hidden: int, batch: int, with_lengths: bool, reverse: bool
) -> None:
    case = Case(features, hidden, batch, 30, torch.float32)
    lengths = torch.randint(1, 31, (batch,), generator=case.generator) if with_lengths else None
    assert_equals_the_reference(case, lengths, reverse)


@settings(max_examples=30)
@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 18), st.integers(1, 7), st.integers(1, 12)),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_equals_the_reference_for_any_lengths(sizes: tuple[int, int, int, int], seed: int, data: st.DataObject) -> None:
    case = Case(*sizes, seed=seed)
    lengths = data.draw(st.none() | st.lists(st.integers(1, sizes[3]), min_size=sizes[2], max_size=sizes[2]))
    assert_equals_the_reference(case, None if lengths is None else torch.tensor(lengths), data.draw(st.booleans()))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("through", ["unroll", "operator"])
def test_gradients_agree_with_finite_differences(lengths: Tensor | None, reverse: bool, through: str) -> None:
    case = Case(2, 3, 4, 6)

    def unroll(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        if through == "operator":
            return OP(x, *rest, lengths, reverse, True)[:3]  # type: ignore[no-any-return]
        y, end = native_op.unroll(x, LSTMState(*rest[4:]), rest[:4], lengths, reverse)
        return y, *end

    assert torch.autograd.gradcheck(unroll, case.inputs)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_the_operators_keep_pytorchs_rules(
    lengths: Tensor | None, with_state: bool, keep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a reserve holds where nothing was written is not compared.
    monkeypatch.setattr(native_call, "_bytes", lambda count: torch.zeros(count, dtype=torch.uint8))
    case = Case()
    state = case.state if with_state else (None, None)
    call = (case.x, *case.weights, *state, lengths, False, keep)
    if not keep:
        call = tuple(each.detach() if isinstance(each, Tensor) else each for each in call)
    results = torch.library.opcheck(OP, call)
    assert set(results.values()) == {"SUCCESS"}
    if keep:
        y, h, _, reserve = OP(*call)
        weights = [each.detach() for each in case.weights[:2]]
        gradients = (torch.ones_like(y), torch.ones_like(h), None)
        for wanted in (True, False):
            back = (*gradients, *weights, reserve, lengths, 4, 6, False, wanted, wanted)
            assert set(torch.library.opcheck(BACK, back).values()) == {"SUCCESS"}


def test_the_operator_is_what_unroll_computes() -> None:
    case = Case()
    outputs = list(OP(*case.inputs, LENGTHS, True, True)[:3])
    expected = case.native(LENGTHS, True)
    assert all(map(torch.equal, outputs, expected))
    assert all(map(torch.equal, case.gradients(outputs), case.gradients(expected)))


def test_the_same_call_gives_the_same_bits(threads: int) -> None:
    def run() -> list[Tensor]:
        case = Case(24, 48, 20, 50, torch.float32)
        outputs = case.native()
        return [*outputs, *case.gradients(outputs)]

    assert all(map(torch.equal, run(), run()))


def test_no_state_is_a_state_of_zeros() -> None:
    case = Case()
    zeros = LSTMState(*(torch.zeros_like(each) for each in case.state))
    y, end = native_op.unroll(case.x, None, case.weights)
    expected, expected_end = native_op.unroll(case.x, zeros, case.weights)
    assert all(map(torch.equal, [y, *end], [expected, *expected_end]))
    both = [torch.autograd.grad(each.sum(), [case.x, *case.weights]) for each in (y, expected)]
    assert all(map(torch.equal, *both))


def test_padding_is_never_looked_at_and_the_order_of_rows_changes_nothing() -> None:
    case = Case()
    y, *_ = outputs = case.native(LENGTHS)
    dx, *_ = gradients = case.gradients(outputs)
    order = torch.tensor([2, 0, 3, 1])
    other = Case()
    with torch.no_grad():
        for row, length in enumerate(LENGTHS.tolist()):
            other.x[row, length:] = float("nan")
            assert not y[row, length:].any()
            assert not dx[row, length:].any()
        other.about[0][torch.isnan(other.x).any(dim=2)] = float("nan")
        for each in (other.x, *other.state, *other.about):
            each.copy_(each[order])
    again = other.native(LENGTHS[order])
    padded = torch.isnan(other.x).any(dim=2, keepdim=True)
    assert not again[0].isnan().any()
    other_gradients = torch.autograd.grad(again, other.inputs, [each.detach() for each in other.about])
    assert not other_gradients[0].masked_select(padded).any()
    for each, right in zip([*again, *other_gradients], [*outputs, *gradients], strict=True):
        mine = each if each.shape[0] == 20 else each[order.argsort()]
        torch.testing.assert_close(mine, right, rtol=0, atol=1e-12)


def _sliced(values: Tensor) -> Tensor:
    wide = torch.full([2 * size for size in values.shape], 7.0, dtype=values.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in values.shape)]
    return view.copy_(values)


@pytest.mark.parametrize(
    "change",
    [
        _sliced,
        lambda values: values.transpose(0, -1).contiguous().transpose(0, -1),
        lambda values: torch.cat([values, values])[: len(values)],
        lambda values: torch.complex(values, -values).conj().imag,  # its sign is only noted, not in memory
    ],
)
def test_tensors_may_lie_any_way_in_memory(change: Callable[[Tensor], Tensor]) -> None:
    straight, other = Case(), Case()
    outputs, about = straight.native(LENGTHS), [each.detach() for each in straight.about]
    expected = torch.autograd.grad(outputs, straight.inputs, about)
    x, *weights, h, c = changed = [change(each) for each in other.inputs]
    y, end = native_op.unroll(x, LSTMState(h, c), weights, _sliced(LENGTHS))
    assert all(map(torch.equal, [y, *end], outputs))
    gradients = torch.autograd.grad([y, *end], changed, [change(each) for each in about])
    assert all(map(torch.equal, gradients, expected))


def test_one_row_may_stand_for_many() -> None:
    case = Case(batch=1)
    x = case.x.expand(4, 6, 3)
    y, _ = native_op.unroll(x, None, case.weights)
    y.sum().backward()  # whose gradient is one number, expanded
    expected = reference.unroll(case.x.detach(), None, CellWeights(*case.weights))[0]
    torch.testing.assert_close(y, expected.expand(4, 6, 5), rtol=0, atol=1e-12)
    gradient = torch.autograd.grad(4 * expected.sum(), case.weights[0])[0]
    torch.testing.assert_close(case.weights[0].grad, gradient, rtol=0, atol=1e-11)


@pytest.mark.parametrize("used", [0, 1, 2])
def test_outputs_may_go_unused(used: int) -> None:
    case = Case()
    wanted = [*case.weights, case.x, case.state.h]
    mine = torch.autograd.grad(case.native()[used].square().sum(), wanted)
    expected = torch.autograd.grad(case.reference()[used].square().sum(), wanted)
    for each, right in zip(mine, expected, strict=True):
        torch.testing.assert_close(each, right, rtol=0, atol=1e-11)


def test_only_what_is_wanted_has_a_gradient() -> None:
    case = Case()
    expected = case.gradients(case.reference())[1:5]
    x, state = case.x.detach(), LSTMState(*(each.detach() for each in case.state))
    y, end = native_op.unroll(x, state, case.weights)
    mine = torch.autograd.grad([y, *end], case.weights, [each.detach() for each in case.about])
    assert_close(mine, expected, 1e-12)
    *_, reserve = OP(*(each.detach() for each in case.inputs), None, False, True)
    weights, about = [each.detach() for each in case.weights[:2]], [each.detach() for each in case.about]
    back = BACK(*about, *weights, reserve, None, 4, 6, False, False, False)
    assert [each.numel() for each in back] == [0, 60, 100, 20, 0, 0]
    assert_close(back[1:3], expected[:2], 1e-12)


def test_going_back_twice_gives_the_same() -> None:
    case = Case()
    outputs = case.native(LENGTHS)
    first = case.gradients(outputs, retain_graph=True)
    assert all(map(torch.equal, first, case.gradients(outputs)))
    with pytest.raises(RuntimeError, match="second time"):
        case.gradients(outputs)


def test_calls_do_not_share_what_they_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_call, "LARGE", 0)  # all from the pool
    cases = [Case(8, 64, 8, 20, seed=seed) for seed in range(3)]
    expected = [case.gradients(case.native()) for case in cases]
    outputs = [case.native() for case in cases]
    for case, output, right in reversed(list(zip(cases, outputs, expected, strict=True))):
        assert all(map(torch.equal, case.gradients(output), right))


def test_a_large_buffer_is_used_again_once_nobody_holds_it() -> None:
    size = 40 << 20  # more than other tests leave in the pool
    first = torch.from_numpy(native.buffer(size))
    second = torch.from_numpy(native.buffer(size))
    assert {each.data_ptr() % 64 for each in (first, second)} == {0}
    assert abs(first.data_ptr() - second.data_ptr()) >= size
    address, view = first.data_ptr(), first[5:]
    del first
    assert native.buffer(size).ctypes.data != address
    del view
    assert native.buffer(size - 1000).ctypes.data == address


def test_what_was_kept_may_have_been_elsewhere() -> None:
    """Saved tensors may be packed, as for gradients of a long sequence kept on disk, and come back at any address."""
    case = Case()
    expected = case.gradients(case.native())

    def unpack(values: Tensor) -> Tensor:
        if values.dtype != torch.uint8:
            return values
        return torch.cat([torch.zeros(8, dtype=torch.uint8), values])[8:]

    with torch.autograd.graph.saved_tensors_hooks(lambda values: values.clone(), unpack):
        outputs = case.native()
    assert all(map(torch.equal, case.gradients(outputs), expected))


def test_the_number_of_threads_may_change_before_going_back(threads: int) -> None:
    case = Case(24, 48, 20, 50, torch.float32)
    expected = case.gradients(case.native())
    outputs = case.native()
    torch.set_num_threads(2 if threads == 1 else 1)
    assert all(map(torch.equal, case.gradients(outputs), expected))


def test_many_python_threads_at_once() -> None:
    cases = [Case(8, 32, 6, 40, torch.float32, seed=seed) for seed in range(8)]
    expected = [case.gradients(case.native()) for case in cases]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda case: case.gradients(case.native()), cases * 4))
    for each, right in zip(results, expected * 4, strict=True):
        assert all(map(torch.equal, each, right))


@pytest.mark.parametrize("quiet", [torch.no_grad, torch.inference_mode])
def test_nothing_is_kept_where_no_gradient_is_wanted(quiet: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        native_call, "_bytes", lambda count: asked.append(count) or torch.empty(count, dtype=torch.uint8)
    )
    case = Case()
    with quiet():
        outputs = case.native(LENGTHS)
    native_op.unroll(case.x.detach(), None, [each.detach() for each in case.weights])
    assert asked == [0, 0]
    for each, right in zip(outputs, case.native(LENGTHS), strict=True):
        torch.testing.assert_close(each, right, rtol=0, atol=1e-12)
    assert asked[2] > 0


@pytest.mark.parametrize("through", ["unroll", "operator"])
def test_there_is_no_second_derivative(through: str) -> None:
    case = Case()
    y = case.native()[0] if through == "unroll" else OP(*case.inputs, None, False, True)[0]
    (dx,) = torch.autograd.grad(y.square().sum(), case.x, create_graph=True)
    (expected,) = torch.autograd.grad(case.reference()[0].square().sum(), case.x)
    torch.testing.assert_close(dx, expected, rtol=0, atol=1e-11)
    with pytest.raises(UsageError) as error:
        dx.square().sum().backward()
    assert str(error.value) == (
        "The native LSTM has no second derivative: set the environment variable ENSUE_LSTM to torch before the module is "
        "made."
    )


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(UsageError) as error:
        call()
    return str(error.value)


def test_refuses_what_does_not_fit() -> None:
    case = Case()
    x, (weight_ih, weight_hh, *biases), state = case.x, case.weights, case.state

    def run(x: Tensor = x, state: LSTMState = state, lengths: Tensor | None = None, **changed: Tensor) -> str:
        first, second = changed.get("weight_ih", weight_ih), changed.get("weight_hh", weight_hh)
        return refusal(lambda: native_op.unroll(x, state, [first, second, *biases], lengths))

    assert run(x[0]) == (
        "The native LSTM was given an input (6, 3) and recurrent weights (20, 5), expected (batch, time, features) and "
        "(4 * hidden, hidden)."
    )
    assert run(weight_hh=weight_hh[:19]) == "The native LSTM's weight_hh has shape (19, 5), expected (20, 5)."
    assert run(weight_ih=weight_ih[:, :2]) == "The native LSTM's weight_ih has shape (20, 2), expected (20, 3)."
    assert run(state=LSTMState(state.h, state.c[:3])) == "The native LSTM's c has shape (3, 5), expected (4, 5)."
    assert run(x.float()) == (
        "The native LSTM's weight_ih is float64 on cpu, expected float32 throughout, or float64, on the CPU."
    )
    assert run(x.half()) == (
        "The native LSTM's x is float16 on cpu, expected float32 throughout, or float64, on the CPU."
    )
    assert run(lengths=torch.tensor([6, 6, 7, 6])) == ("The native LSTM cannot run: a length is below 1 or above time.")
    assert run(lengths=torch.tensor([6, 0, 6, 6])) == ("The native LSTM cannot run: a length is below 1 or above time.")
    assert run(lengths=torch.tensor([6, 6])) == "The lengths have shape (2,), expected 4 whole numbers, one a row."
    call = (x, *case.weights, state.h, None, None, False, False)
    assert refusal(lambda: OP(*call)) == "The native LSTM was given one of h and c, expected both or none."


def test_the_way_back_refuses_what_another_call_kept() -> None:
    case = Case()
    y, *_, reserve = OP(*(each.detach() for each in case.inputs), LENGTHS, False, True)
    weights = [each.detach() for each in case.weights[:2]]

    def back(reserve: Tensor = reserve, dy: Tensor = y, batch: int = 4, lengths: Tensor | None = LENGTHS) -> str:
        return refusal(lambda: BACK(dy, None, None, *weights, reserve, lengths, batch, 6, False, True, True))

    nothing = torch.empty(0, dtype=torch.uint8)
    assert back(nothing) == "The native LSTM kept nothing on the way forward: call lstm_forward with keep=True."
    assert back(reserve[:256]) == "The native LSTM cannot go back: the reserve is too small or not aligned to 64 bytes."
    assert back(batch=5) == "The native LSTM's dy has shape (4, 6, 5), expected (5, 6, 5)."
    wrong = (
        "The native LSTM cannot go back: the reserve is not that of this call, expected what lstm_forward returned for "
    )
    assert back(torch.zeros_like(reserve)) == wrong + "the same sizes and direction."
    other = OP(*(each.detach() for each in Case(time=7).inputs), None, False, True)[3]
    assert back(other) == wrong + "the same sizes and direction."
    garbage = torch.full_like(reserve, 0x7F)
    garbage[:64] = reserve[:64]
    dx = BACK(y, None, None, *weights, garbage, LENGTHS, 4, 6, False, True, True)[0]
    assert dx.shape == (4, 6, 3)  # and whatever in it


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_room_for_what_is_kept_always_suffices(isa: str, dtype: torch.dtype) -> None:
    """The core refuses less than it needs."""
    before = torch.get_num_threads()
    for threads, sizes in [(1, (1, 1, 1, 1)), (2, (5, 17, 3, 4)), (300, (1, 1, 300, 3)), (300, (33, 31, 70, 300))]:
        torch.set_num_threads(threads)
        y = Case(*sizes, dtype).native()[0]
        torch.set_num_threads(before)
        assert y.requires_grad


def test_is_recorded_where_a_program_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSUE_LSTM", "native")
    lstm = LSTM(3, 5)
    x = torch.randn(2, 4, 3)
    program = torch.export.export(lstm, (x,))
    assert "ensue.lstm_forward.default" in {str(node.target) for node in program.graph.nodes}
    other = torch.randn(2, 4, 3)
    torch.testing.assert_close(program.module()(other)[0], lstm(other)[0], rtol=0, atol=0)


COMPILED = """
import torch
from ensue.learn.lstm import LSTM

lstm = LSTM(3, 5, 2, bidirectional=True)
compiled = torch.compile(lstm, fullgraph=True)
for batch, time in [(2, 4), (5, 9), (7, 11)]:
    x, lengths = torch.randn(batch, time, 3), torch.randint(1, time + 1, (batch,))
    for call in ((x,), (x, None, lengths)):
        outputs = [run(*call)[0] for run in (compiled, lstm)]
        torch.testing.assert_close(*outputs, rtol=0, atol=0)
        gradients = [torch.autograd.grad(each.square().sum(), list(lstm.parameters())) for each in outputs]
        for each, right in zip(*gradients, strict=True):
            torch.testing.assert_close(each, right)
"""


@pytest.mark.slow
def test_compiles_as_one_graph_for_any_batch_and_time() -> None:
    """In a process of its own: here shapes are checked by code that cannot be compiled."""
    subprocess.run([sys.executable, "-c", COMPILED], check=True, env={**os.environ, "ENSUE_LSTM": "native"})
