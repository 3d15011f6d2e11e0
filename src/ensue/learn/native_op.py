"""The native core's LSTM as operators of PyTorch: `torch.ops.ensue.lstm_forward` and `torch.ops.ensue.lstm_backward`.

`unroll` runs one layer in one direction, and autograd knows its gradients. What PyTorch records of a program (compiled,
exported, traced) has the operators in it; a plain call goes past PyTorch's dispatcher, which for a small network takes
longer than the network does. Sums run in the same order whenever sizes and the number of threads are the same, so results
are equal bit for bit. There is no second derivative. Letters of shapes: `batch time features hidden`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode

from ensue.errors import UsageError
from ensue.learn.native_call import backward, backward_shapes, forward, forward_shapes
from ensue.learn.reference import LSTMState

if TYPE_CHECKING:
    from jaxtyping import Float, Int


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
        y, h, c, _ = forward(*call)
    return y, LSTMState(h, c)


def _plain(tensors: Sequence[Tensor | None]) -> bool:
    """Whether every tensor is its own numbers and nobody records what is done with them."""
    recorded = torch.jit.is_tracing() or _get_current_dispatch_mode() is not None  # type: ignore[attr-defined, no-untyped-call]
    if recorded:
        return False
    return all(each is None or (type(each) in _OWN_NUMBERS and not each.is_neg()) for each in tensors)


_OWN_NUMBERS = (Tensor, torch.nn.Parameter)


# ---- gradients ----


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, weight_ih, weight_hh, _, _, _, _, lengths, reverse, _ = inputs
    ctx.call = (*x.shape[:2], reverse)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(weight_ih, weight_hh, output[3], lengths)


def _gradients(ctx: Any, dy: Tensor | None, dh: Tensor | None, dc: Tensor | None, *_: None) -> Any:
    """In the order of lstm_forward's arguments."""
    if dy is None and dh is None and dc is None:
        return (None,) * 10
    batch, time, reverse = ctx.call
    wants_x, wants_state = ctx.needs_input_grad[0], any(ctx.needs_input_grad[5:7])
    # While gradients are recorded the operator stands for them, to say that they have none themselves.
    plain = not torch.is_grad_enabled() and not torch.compiler.is_compiling() and _plain((dy, dh, dc))
    run: Any = backward if plain else torch.ops.ensue.lstm_backward.default
    gradients = run(dy, dh, dc, *ctx.saved_tensors, batch, time, reverse, wants_x, wants_state)
    dx, dweight_ih, dweight_hh, dbias, dh, dc = gradients
    state = (dh, dc) if wants_state else (None, None)
    return dx if wants_x else None, dweight_ih, dweight_hh, dbias, dbias, *state, None, None, None


class _Plain(torch.autograd.Function):
    """The operator's gradients without its dispatcher. (A `setup_context` would cost more than all else here.)"""

    @staticmethod
    def forward(ctx: Any, *call: Any) -> tuple[Tensor, Tensor, Tensor]:
        output = forward(*call)
        _remember(ctx, call, output)
        return output[:3]

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dh: Tensor | None, dc: Tensor | None) -> Any:
        return _gradients(ctx, dy, dh, dc)


def _remember_nothing(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    pass


def _second_gradients(ctx: Any, *gradients: Tensor | None) -> None:
    raise UsageError(
        "The native LSTM has no second derivative: set the environment variable ENSUE_LSTM to torch before the module is "
        "made."
    )


# ---- the operators ----

_LIBRARY: Any = torch.library.Library("ensue", "FRAGMENT")  # type: ignore[no-untyped-call]
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
    ("lstm_forward", forward, forward_shapes, _remember, _gradients),
    ("lstm_backward", backward, backward_shapes, _remember_nothing, _second_gradients),
):
    _LIBRARY.impl(_name, _run, "CPU")
    torch.library.register_fake(f"ensue::{_name}", _shapes, lib=_LIBRARY)
    torch.library.register_autograd(f"ensue::{_name}", _back, setup_context=_setup, lib=_LIBRARY)
