"""One call of the native core's LSTM, one layer in one direction, on tensors: what fits, the memory it takes, the addresses.

There is no autograd here; `learn.native_op` has that. What the way forward keeps for the way back, the gates, states and
inputs of all steps, lies in one tensor of bytes, the *reserve*. Letters of shapes: `batch time features hidden`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ensue.errors import UsageError

try:
    from ensue import _native as native
except ImportError as failure:
    ABSENCE = str(failure)
else:
    ABSENCE = ""
"""Why the native core is not there; empty where it is."""

TABLES = {torch.float32: "", torch.float64: "double"}
"""The kernels for each type of number; with no name the fastest of this machine, or those that ENSUE_ISA names."""

LARGE = 1 << 20
"""Bytes from which on a reserve is memory used before: clearing fresh memory takes longer than filling it."""


def forward(
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


def backward(
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


def forward_shapes(
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


def backward_shapes(
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
