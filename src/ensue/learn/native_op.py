"""The native core's LSTM as operators of PyTorch: `torch.ops.ensue.lstm_forward` and `torch.ops.ensue.lstm_backward`.

`unroll` runs one layer in one direction, and autograd knows its gradients. What PyTorch records of a program (compiled,
exported, traced) has the operators in it; a plain call goes past PyTorch's dispatcher, which for a small network takes
longer than the network does.

Sums run in the same order whenever sizes and the number of threads are the same, so results are equal bit for bit. On
the way forward the gates, states and inputs of all steps are kept in one tensor of bytes, the *reserve*. There is no
second derivative. Letters of shapes: `batch time features hidden`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode

from ensue.errors import UsageError
from ensue.learn.reference import LSTMState

try:
    from ensue import _native as native
except ImportError as failure:
    ABSENCE = str(failure)
else:
    ABSENCE = ""
"""Why the native core is not there; empty where it is."""

if TYPE_CHECKING:
    from jaxtyping import Float, Int

TABLES = {torch.float32: "", torch.float64: "double"}
"""The kernels for each type of number; with no name the fastest of this machine, or those that ENSUE_ISA names."""

LARGE = 1 << 20
"""Bytes from which on a reserve is memory used before: clearing fresh memory takes longer than filling it."""


def unroll(
    x: Float[Tensor, "batch time features"],
    state: LSTMState | None,
    weights: Sequence[Tensor],
    lengths: Int[Tensor, " batch"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Tensor, "batch time hidden"], LSTMState]:
    """Every hidden state, and the state at each row's end, as `learn.reference.unroll` has them.

    The weights are weight_ih, weight_hh, bias_ih and bias_hh in PyTorch's shapes. Everything is float32 or everything
    float64, on the CPU. As many threads run as PyTorch has. Raises `UsageError` for what does not fit.

    >>> weights = torch.zeros(12, 2), torch.zeros(12, 3), torch.zeros(12), torch.zeros(12)
    >>> y, state = unroll(torch.zeros(5, 7, 2), LSTMState(torch.zeros(5, 3), torch.ones(5, 3)), weights)
    >>> y.shape, state.c[0]
    (torch.Size([5, 7, 3]), tensor([0.0078, 0.0078, 0.0078]))
    """
    tensors = (x, *weights, *(state or (None, None)))
    keep = torch.is_grad_enabled() and any(each.requires_grad for each in tensors if each is not None)
    call = (*tensors, lengths, reverse, keep)
    if torch.compiler.is_compiling() or not _plain(tensors):
        y, h, c, _ = torch.ops.ensue.lstm_forward.default(*call)
    elif keep:
        y, h, c = _Plain.apply(*call)  # type: ignore[no-untyped-call]
    else:
        y, h, c, _ = _forward(*call)
    return y, LSTMState(h, c)


def _plain(tensors: Sequence[Tensor | None]) -> bool:
    """Whether every tensor is its own numbers and nobody records what is done with them."""
    if torch.jit.is_tracing() or _get_current_dispatch_mode() is not None:
        return False
    return all(each is None or (type(each) in _OWN_NUMBERS and not each.is_neg()) for each in tensors)


_OWN_NUMBERS = (Tensor, torch.nn.Parameter)


# ---- on numbers ----


def _forward(
    x: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    h: Tensor | None,
    c: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    _check_forward(x, weight_ih, weight_hh, bias_ih, bias_hh, h, c)
    (batch, time, features), hidden = x.shape, weight_hh.shape[1]
    x, steps = _rows(x), _steps(lengths, batch)
    weights = [each.contiguous() for each in (weight_ih, weight_hh, bias_ih, bias_hh)]
    y, h_after, c_after = x.new_empty(batch, time, hidden), x.new_empty(batch, hidden), x.new_empty(batch, hidden)
    if h is not None and c is not None:
        h_after.copy_(h)
        c_after.copy_(c)
    reserve = _bytes(_reserve_bytes(features, hidden, batch, time, x.element_size()) if keep else 0)
    inputs = (*_addresses(*weights, x), x.stride(0), x.stride(1))
    outputs = (*_addresses(y, h_after, c_after), h is None, *_addresses(steps), reverse, torch.get_num_threads())
    kept = (reserve.data_ptr(), reserve.numel())
    try:
        native.lstm_forward(TABLES[x.dtype], (features, hidden, batch, time), *inputs, *outputs, *kept)
    except ValueError as error:
        raise UsageError(f"The native LSTM cannot run: {error}.") from error
    return y, h_after, c_after, reserve


def _backward(
    dy: Tensor | None,
    dh: Tensor | None,
    dc: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    reserve: Tensor,
    lengths: Tensor | None,
    batch: int,
    time: int,
    reverse: bool,
    wants_x: bool,
    wants_state: bool,
) -> tuple[Tensor, ...]:
    _check_backward(dy, dh, dc, weight_ih, weight_hh, reserve, batch, time)
    if reserve.data_ptr() % 64 != 0 or not reserve.is_contiguous():
        reserve = reserve.clone(memory_format=torch.contiguous_format)
    weight_ih, weight_hh, steps = weight_ih.contiguous(), weight_hh.contiguous(), _steps(lengths, batch)
    results = _empty_gradients(weight_ih, weight_hh, batch, time, wants_x, wants_state)
    dx, dweight_ih, dweight_hh, dbias, dh_before, dc_before = results
    if wants_state:
        for before, after in ((dh_before, dh), (dc_before, dc)):
            before.zero_() if after is None else before.copy_(after)
        dh, dc = dh_before, dc_before
    else:  # read only to begin with, and then written over
        dh, dc = (None if each is None else each.clone(memory_format=torch.contiguous_format) for each in (dh, dc))
    dy = None if dy is None else _rows(dy)
    kept = (*_addresses(weight_ih, weight_hh, reserve), reserve.numel())
    given = (*_addresses(dy), *((0, 0) if dy is None else dy.stride()[:2]), *_addresses(dh, dc))
    wanted = _addresses(dx if wants_x else None, dweight_ih, dweight_hh, dbias)
    sizes = (weight_ih.shape[1], weight_hh.shape[1], batch, time)
    call = (*kept, *given, *wanted, *_addresses(steps), reverse)
    try:
        native.lstm_backward(TABLES[weight_hh.dtype], sizes, *call)
    except ValueError as error:
        raise UsageError(f"The native LSTM cannot go back: {error}.") from error
    return results


def _addresses(*tensors: Tensor | None) -> list[int]:
    return [0 if each is None else each.data_ptr() for each in tensors]


def _rows(values: Tensor) -> Tensor:
    """The same with features side by side; batch and time may lie any way."""
    return values if values.stride(2) == 1 else values.contiguous()


def _steps(lengths: Tensor | None, batch: int) -> Tensor | None:
    if lengths is None:
        return None
    if lengths.shape != (batch,) or lengths.is_floating_point():
        raise UsageError(f"The lengths have shape {tuple(lengths.shape)}, expected {batch} whole numbers, one a row.")
    return lengths.to("cpu", torch.int64).contiguous()


def _bytes(count: int) -> Tensor:
    return torch.from_numpy(native.buffer(count)) if count >= LARGE else torch.empty(count, dtype=torch.uint8)


def _empty_gradients(
    weight_ih: Tensor, weight_hh: Tensor, batch: int, time: int, wants_x: bool, wants_state: bool
) -> tuple[Tensor, ...]:
    features, hidden, empty = weight_ih.shape[1], weight_hh.shape[1], weight_ih.new_empty
    dx = empty(batch, time, features) if wants_x else empty(0)
    weights = empty(4 * hidden, features), empty(4 * hidden, hidden), empty(4 * hidden)
    state = (empty(batch, hidden), empty(batch, hidden)) if wants_state else (empty(0), empty(0))
    return dx, *weights, *state


def _reserve_bytes(features: int, hidden: int, batch: int, time: int, number: int) -> int:
    """Room for what training keeps, whatever the lengths and the instruction set; what is not touched costs nothing.

    A step of a row keeps four gates, h and c, filled up to the widest vector, and x; a row also its h and c before the
    first step. Each of four arrays of each of at most 64 threads begins at a multiple of 64 bytes, after 64 that say
    whose reserve it is.
    """
    padded = (hidden + 15) // 16 * 16
    numbers = batch * time * (6 * padded + features) + 2 * batch * padded
    return numbers * number + 64 * (4 * 64 + 1) + 256


# ---- what fits ----


def _check_forward(
    x: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    h: Tensor | None,
    c: Tensor | None,
) -> None:
    if x.dim() != 3 or weight_hh.dim() != 2 or 0 in x.shape or 0 in weight_hh.shape:
        shapes = f"an input {tuple(x.shape)} and recurrent weights {tuple(weight_hh.shape)}"
        raise UsageError(
            f"The native LSTM was given {shapes}, expected (batch, time, features) and (4 * hidden, hidden)."
        )
    (batch, _, features), hidden = x.shape, weight_hh.shape[1]
    gates, state = (4 * hidden,), (batch, hidden)
    fits = _Fits(x.dtype)
    fits("x", x, x.shape)
    fits("weight_ih", weight_ih, (4 * hidden, features))
    fits("weight_hh", weight_hh, (4 * hidden, hidden))
    fits("bias_ih", bias_ih, gates)
    fits("bias_hh", bias_hh, gates)
    if h is not None and c is not None:
        fits("h", h, state)
        fits("c", c, state)
    elif h is not c:
        raise UsageError("The native LSTM was given one of h and c, expected both or none.")


def _check_backward(
    dy: Tensor | None,
    dh: Tensor | None,
    dc: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    reserve: Tensor,
    batch: int,
    time: int,
) -> None:
    if reserve.dtype != torch.uint8 or reserve.dim() != 1 or reserve.numel() == 0:
        raise UsageError("The native LSTM kept nothing on the way forward: call lstm_forward with keep=True.")
    hidden, features, fits = weight_hh.shape[-1], weight_ih.shape[-1], _Fits(weight_hh.dtype)
    fits("weight_ih", weight_ih, (4 * hidden, features))
    fits("weight_hh", weight_hh, (4 * hidden, hidden))
    if dy is not None:
        fits("dy", dy, (batch, time, hidden))
    if dh is not None:
        fits("dh", dh, (batch, hidden))
    if dc is not None:
        fits("dc", dc, (batch, hidden))


class _Fits:
    """Raises `UsageError` for a tensor of another shape, another type of number, or elsewhere."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def __call__(self, name: str, given: Tensor, shape: Sequence[int]) -> None:
        if given.shape != shape:
            raise UsageError(f"The native LSTM's {name} has shape {tuple(given.shape)}, expected {tuple(shape)}.")
        if given.dtype != self.dtype or self.dtype not in TABLES or not given.is_cpu:
            kind = f"{given.dtype} on {given.device}".removeprefix("torch.")
            raise UsageError(
                f"The native LSTM's {name} is {kind}, expected float32 throughout, or float64, on the CPU."
            )


# ---- on shapes alone ----


def _forward_shapes(
    x: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    h: Tensor | None,
    c: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    keep: bool,
) -> tuple[Tensor, ...]:
    (batch, time, features), hidden = x.shape, weight_hh.shape[1]
    kept = _reserve_bytes(features, hidden, batch, time, x.element_size()) if keep else 0
    ends = (x.new_empty(batch, hidden) for _ in "hc")
    return x.new_empty(batch, time, hidden), *ends, x.new_empty(kept, dtype=torch.uint8)


def _backward_shapes(
    dy: Tensor | None,
    dh: Tensor | None,
    dc: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    reserve: Tensor,
    lengths: Tensor | None,
    batch: int,
    time: int,
    reverse: bool,
    wants_x: bool,
    wants_state: bool,
) -> tuple[Tensor, ...]:
    return _empty_gradients(weight_ih, weight_hh, batch, time, wants_x, wants_state)


# ---- gradients ----


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, weight_ih, weight_hh, _, _, _, _, lengths, reverse, _ = inputs
    ctx.call = (*x.shape[:2], reverse)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(weight_ih, weight_hh, output[3], lengths)


def _gradients(ctx: Any, dy: Tensor | None, dh: Tensor | None, dc: Tensor | None, _: None = None) -> Any:
    """In the order of lstm_forward's arguments."""
    if dy is None and dh is None and dc is None:
        return (None,) * 10
    batch, time, reverse = ctx.call
    wants_x, wants_state = ctx.needs_input_grad[0], any(ctx.needs_input_grad[5:7])
    # While gradients are recorded the operator stands for them, to say that they have none themselves.
    plain = not torch.is_grad_enabled() and not torch.compiler.is_compiling() and _plain((dy, dh, dc))
    run = _backward if plain else torch.ops.ensue.lstm_backward.default
    gradients = run(dy, dh, dc, *ctx.saved_tensors, batch, time, reverse, wants_x, wants_state)
    dx, dweight_ih, dweight_hh, dbias, dh, dc = gradients
    state = (dh, dc) if wants_state else (None, None)
    return dx if wants_x else None, dweight_ih, dweight_hh, dbias, dbias, *state, None, None, None


class _Plain(torch.autograd.Function):
    """The operator's gradients without its dispatcher. (A `setup_context` would cost more than all else here.)"""

    @staticmethod
    def forward(ctx: Any, *call: Any) -> tuple[Tensor, Tensor, Tensor]:
        output = _forward(*call)
        _remember(ctx, call, output)
        return output[:3]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        return _gradients(ctx, *gradients)


def _remember_nothing(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    pass


def _second_gradients(ctx: Any, *gradients: Tensor | None) -> None:
    raise UsageError(
        "The native LSTM has no second derivative: set the environment variable ENSUE_LSTM to torch before the module is "
        "made."
    )


# ---- the operators ----

_LIBRARY = torch.library.Library("ensue", "FRAGMENT")
_LIBRARY.define(
    "lstm_forward(Tensor x, Tensor weight_ih, Tensor weight_hh, Tensor bias_ih, Tensor bias_hh, Tensor? h, Tensor? c, "
    "Tensor? lengths, bool reverse, bool keep) -> (Tensor y, Tensor h_after, Tensor c_after, Tensor reserve)"
)
_LIBRARY.define(
    "lstm_backward(Tensor? dy, Tensor? dh, Tensor? dc, Tensor weight_ih, Tensor weight_hh, Tensor reserve, "
    "Tensor? lengths, SymInt batch, SymInt time, bool reverse, bool wants_x, bool wants_state) -> (Tensor dx, "
    "Tensor dweight_ih, Tensor dweight_hh, Tensor dbias, Tensor dh_before, Tensor dc_before)"
)
for _name, _run, _shapes, _setup, _back in (
    ("lstm_forward", _forward, _forward_shapes, _remember, _gradients),
    ("lstm_backward", _backward, _backward_shapes, _remember_nothing, _second_gradients),
):
    _LIBRARY.impl(_name, _run, "CPU")
    torch.library.register_fake(f"ensue::{_name}", _shapes, lib=_LIBRARY)
    torch.library.register_autograd(f"ensue::{_name}", _back, setup_context=_setup, lib=_LIBRARY)
