"""The `LSTM` module: what trains at full speed. It is proved equal to `learn.reference`, which has the equations.

Its *back end* is the code that runs it: on a CPU Ensue's native core, elsewhere (a GPU, another type of number, an
installation without the core) the framework's fused kernel, oneDNN or cuDNN; with layer norm, which no kernel has, a loop
over time. The environment variable ENSUE_LSTM, read when a module is made, forces one of native, torch and reference.
Letters of shapes: `batch time features hidden layers` (layers counts directions too).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._C import _are_functorch_transforms_active
from torch.autograd import forward_ad
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ensue import network
from ensue.errors import UsageError
from ensue.learn import native_call, native_op, normalised, reference
from ensue.learn.normalised import inside
from ensue.learn.reference import CellWeights, LSTMState

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Unroll = Callable[
    ["Tensor", "LSTMState | None", Sequence["Tensor"], "Tensor | None", bool], tuple["Tensor", "LSTMState"]
]


def _define(x: Tensor, state: LSTMState | None, weights: Sequence[Tensor], *rest: Any) -> tuple[Tensor, LSTMState]:
    return reference.unroll(x, state, CellWeights(*weights), *rest)[:2]


def _loop(x: Tensor, state: LSTMState | None, weights: Sequence[Tensor], *rest: Any) -> tuple[Tensor, LSTMState]:
    return normalised.unroll(x, state, CellWeights(*weights), *rest)


UNROLLS: dict[str, Unroll] = {"native": native_op.unroll, "loop": _loop, "reference": _define}
"""The back ends that run one layer in one direction: from input, state, weights, lengths and whether it is in reverse."""

PLAIN = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
NORMALISED = (*PLAIN, "gain_ih", "gain_hh", "gain_c", "bias_c")

WIDE = 200
"""Units from which a layer gains by products in 16 bits; of narrower ones the conversions cost more than is saved."""


class LSTM(nn.Module):
    """A stack of LSTM layers with PyTorch's parameter names: the state dict of a `torch.nn.LSTM` loads unchanged.

    Arguments are those of `ensue.network.LSTM`, which documents each; `LSTM(**vars(description))` builds one from its
    description. Weights begin as in `torch.nn.LSTM`, uniform within 1 / sqrt(hidden_size), unless `forget_bias`,
    `chrono` or `orthogonal` say otherwise. Raises `ConfigError` for an argument that cannot be right.

    >>> lstm = LSTM(3, 8, layers=2)
    >>> output, state = lstm(torch.zeros(5, 10, 3), lengths=torch.tensor([10, 9, 4, 1, 10]))
    >>> output.shape, state.h.shape
    (torch.Size([5, 10, 8]), torch.Size([2, 5, 8]))
    """

    def __init__(self, input_size: int, hidden_size: int, layers: int = 1, **options: Any) -> None:
        super().__init__()
        self.description = network.LSTM(input_size, hidden_size, layers, **options)
        self._forced = _forced_back_end()
        for name, shape in self.description.parameters().items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        self.reset_parameters()

    def forward(
        self,
        x: Float[Tensor, "batch time features"],
        state: LSTMState | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], LSTMState]:
        """Outputs of the last layer, and the state of all: h and c, each `(layers, batch, hidden)`.

        With `lengths`, outputs beyond a row's length are zero, its state is that at its own end, and the reverse
        direction begins there, so that padding changes nothing. Raises `UsageError` for shapes that do not fit.
        """
        self._check(x, state, lengths)
        back_end = self.back_end
        return self._run_fused(x, state, lengths) if back_end == "torch" else self._run(back_end, x, state, lengths)

    @property
    def back_end(self) -> str:
        """What runs it: "native" (Ensue's own core), "torch" (the framework's kernel), "reference", or "loop" (layer norm).

        Raises `UsageError` where ENSUE_LSTM forces the native core and that cannot be.

        >>> LSTM(3, 8, layer_norm=True).back_end, LSTM(3, 8).to(torch.bfloat16).back_end
        ('loop', 'torch')
        """
        if self._forced == "reference":
            return "reference"
        if self.description.layer_norm:
            return "loop"
        if self._forced == "torch":
            return "torch"
        obstacle = self._obstacle()
        if obstacle and self._forced == "native":
            raise UsageError(f"ENSUE_LSTM is native, but {obstacle}: unset it, or set it to torch or reference.")
        return "torch" if obstacle else "native"

    def _obstacle(self) -> str:
        """Why the native core cannot run this module; empty where it can."""
        weight: Tensor = self.weight_ih_l0  # type: ignore[assignment]
        if weight.device.type != "cpu":
            return f"the weights are on {weight.device}"
        if weight.dtype not in native_call.TABLES:
            return f"the weights are {str(weight.dtype).removeprefix('torch.')}"
        if torch.is_autocast_enabled("cpu"):
            return "autocast is on"
        if not torch.compiler.is_compiling() and _are_functorch_transforms_active():
            return "a transform of torch.func is being taken"
        if not torch.compiler.is_compiling() and getattr(forward_ad, "_current_level", -1) >= 0:
            return "a forward-mode derivative is being taken"
        return native_call.ABSENCE and f"the native core is not there ({native_call.ABSENCE})"

    def reset_parameters(self) -> None:
        """Draw fresh weights from PyTorch's global generator."""
        size, bound = self.description.hidden_size, self.description.hidden_size**-0.5
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.startswith("gain"):
                    parameter.fill_(1.0)
                elif name.startswith("bias_c"):
                    parameter.zero_()
                else:
                    parameter.uniform_(-bound, bound)
            for layer in range(self.description.layers):
                for suffix in self.description.suffixes(layer):
                    if self.description.orthogonal:
                        for gate in torch.split(self.get_parameter("weight_hh" + suffix), size):
                            nn.init.orthogonal_(gate)
                    self._set_gate_biases(suffix)

    def _set_gate_biases(self, suffix: str) -> None:
        """The bias of a gate is a sum of two: write it whole into `bias_ih` and zero into `bias_hh`."""
        size, chrono, forget_bias = self.description.hidden_size, self.description.chrono, self.description.forget_bias
        bias_ih, bias_hh = self.get_parameter("bias_ih" + suffix), self.get_parameter("bias_hh" + suffix)
        if forget_bias is not None:
            bias_ih[size : 2 * size] = forget_bias
            bias_hh[size : 2 * size] = 0.0
        if chrono is not None:
            # A forget gate of constant bias b remembers for about 1 + exp(b) steps: spread that over 2 .. chrono.
            memory = torch.log(1 + (chrono - 2) * torch.rand(size, device=bias_ih.device, dtype=bias_ih.dtype))
            bias_ih[:size] = -memory
            bias_ih[size : 2 * size] = memory
            bias_hh[: 2 * size] = 0.0

    def _check(self, x: Tensor, state: LSTMState | None, lengths: Tensor | None) -> None:
        if x.dim() != 3 or x.shape[2] != self.description.input_size or 0 in x.shape:
            wanted = f"(batch, time, {self.description.input_size})"
            raise UsageError(f"The input of the LSTM has shape {tuple(x.shape)}, expected {wanted}.")
        for name, given, shape in zip("hc", state or (), self.description.state_shapes(x.shape[0]), strict=False):
            if given.shape != shape:
                raise UsageError(f"The LSTM's state {name} has shape {tuple(given.shape)}, expected {shape}.")
        if lengths is not None and not torch.compiler.is_compiling():  # then the kernel looks at them as it runs
            _check_lengths(x, lengths)

    def _dropped(self, values: Tensor, layer: int) -> Tensor:
        """Dropout between layers: on the output of all but the last."""
        rate = self.description.dropout if layer < self.description.layers - 1 else 0.0
        return dropout(values, rate, self.training) if rate else values

    def _weights(self, suffix: str) -> list[Tensor]:
        """Those of one direction; of the recurrent matrix some entries dropped while training, the same at every step."""
        weights = [getattr(self, name + suffix) for name in (NORMALISED if self.description.layer_norm else PLAIN)]
        if rate := self.description.recurrent_dropout:
            weights[1] = dropout(weights[1], rate, self.training)
        return weights

    def _run_layers(self, values: Tensor, run: Callable[[int, Tensor], Tensor]) -> Tensor:
        """`run` takes the number of a layer and its input."""
        for layer in range(self.description.layers):
            output = self._dropped(run(layer, values), layer)
            values = output + values if self.description.skips(layer) else output
        return values

    def _run(
        self, back_end: str, x: Tensor, state: LSTMState | None, lengths: Tensor | None
    ) -> tuple[Tensor, LSTMState]:
        """A direction of a layer at a time."""
        unroll = UNROLLS[back_end]
        ends: list[LSTMState] = []

        def run(layer: int, values: Tensor) -> Tensor:
            outputs = []
            for suffix in self.description.suffixes(layer):
                begin = None if state is None else LSTMState(state.h[len(ends)], state.c[len(ends)])
                reverse = suffix.endswith("reverse")
                output, end = unroll(values, begin, self._weights(suffix), lengths, reverse)
                outputs.append(output)
                ends.append(end)
            return torch.cat(outputs, dim=2) if len(outputs) > 1 else outputs[0]  # batch x time x directions*hidden

        output = self._run_layers(x, run)
        if lengths is not None and self.description.residual:  # x was added, padding and all
            output = torch.where(inside(x, lengths), output, 0.0)
        if len(ends) == 1:
            return output, LSTMState(ends[0].h.unsqueeze(0), ends[0].c.unsqueeze(0))
        return output, LSTMState(
            *(torch.stack(each) for each in zip(*ends, strict=True))
        )  # each layers x batch x hidden

    def _run_fused(self, x: Tensor, state: LSTMState | None, lengths: Tensor | None) -> tuple[Tensor, LSTMState]:
        """In the framework's kernel: with lengths packed, the steps of all rows end to end, longest row first."""
        if state is None:
            zeros = x.new_zeros(self.description.state_shapes(x.shape[0])[0])
            state = LSTMState(zeros, zeros)
        if lengths is None:
            return self._run_kernels(x, state, None)
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None
        assert back is not None
        begin = LSTMState(*(each.index_select(1, order) for each in state))
        values, end = self._run_kernels(packed.data, begin, packed.batch_sizes)
        outputs = PackedSequence(values, packed.batch_sizes, order, back)
        padded, _ = pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])
        return padded, LSTMState(*(each.index_select(1, back) for each in end))

    def _run_kernels(self, x: Tensor, state: LSTMState, batch_sizes: Tensor | None) -> tuple[Tensor, LSTMState]:
        """A layer at a time, both directions at once; the arguments after the weights are the kernel's switches."""
        directions, ends = self.description.directions, []
        both = self.description.bidirectional
        kernel: Callable[..., tuple[Tensor, Tensor, Tensor]] = torch._VF.lstm

        def run(layer: int, values: Tensor) -> Tensor:
            begin = [each[layer * directions : (layer + 1) * directions] for each in state]
            weights = [each for suffix in self.description.suffixes(layer) for each in self._weights(suffix)]
            if batch_sizes is None:
                output, *end = kernel(values, begin, weights, True, 1, 0.0, self.training, both, True)
            else:
                output, *end = kernel(values, batch_sizes, begin, weights, True, 1, 0.0, self.training, both)
            ends.append(end)
            return output

        output = self._run_layers(x, run)
        return output, LSTMState(*(torch.cat(each) for each in zip(*ends, strict=True)))  # each layers x batch x hidden


def _forced_back_end() -> str:
    """What ENSUE_LSTM says; empty: whatever is fastest."""
    forced = os.environ.get("ENSUE_LSTM", "")
    if forced not in ("", "native", "torch", "reference"):
        raise UsageError(
            f"ENSUE_LSTM is '{forced}', expected native, torch or reference: unset it or give one of these."
        )
    return forced


def _check_lengths(x: Tensor, lengths: Tensor) -> None:
    if lengths.shape != x.shape[:1] or lengths.is_floating_point() or lengths.min() < 1 or lengths.max() > x.shape[1]:
        wanted = f"{x.shape[0]} whole numbers from 1 to {x.shape[1]}, one a row"
        raise UsageError(f"The lengths are {lengths.tolist()}, expected {wanted}.")
