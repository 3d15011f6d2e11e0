"""The `LSTM` module: what trains at full speed. It is proved equal to `learn.reference`, which has the equations.

Each layer runs in the framework's fused kernel (oneDNN on a CPU, cuDNN on a GPU); with layer norm, which no
kernel has, in a loop over time. Letters of shapes: `batch time features hidden layers` (layers counts directions too).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, layer_norm
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ensue import network
from ensue.errors import UsageError
from ensue.learn.reference import LSTMState

if TYPE_CHECKING:
    from jaxtyping import Float, Int


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
        state = self._checked_state(x, state)
        _check_lengths(x, lengths)
        run = self._run_normalised if self.description.layer_norm else self._run_fused
        output, h, c = run(x, state, lengths)
        return output, LSTMState(h, c)

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

    def _checked_state(self, x: Tensor, state: LSTMState | None) -> LSTMState:
        if x.dim() != 3 or x.shape[2] != self.description.input_size or 0 in x.shape:
            wanted = f"(batch, time, {self.description.input_size})"
            raise UsageError(f"The input of the LSTM has shape {tuple(x.shape)}, expected {wanted}.")
        shape = self.description.state_shapes(x.shape[0])[0]
        if state is None:
            zeros = x.new_zeros(shape)
            return LSTMState(zeros, zeros)
        for name, given in zip("hc", state, strict=True):
            if given.shape != shape:
                raise UsageError(f"The LSTM's state {name} has shape {tuple(given.shape)}, expected {shape}.")
        return LSTMState(*state)

    def _dropped(self, values: Tensor, layer: int) -> Tensor:
        """Dropout between layers: on the output of all but the last."""
        rate = self.description.dropout if layer < self.description.layers - 1 else 0.0
        return dropout(values, rate, self.training) if rate else values

    def _weight_hh(self, suffix: str) -> Tensor:
        """The recurrent matrix, while training with some entries dropped, the same ones at every step."""
        weight, rate = self.get_parameter("weight_hh" + suffix), self.description.recurrent_dropout
        return dropout(weight, rate, self.training) if rate else weight

    def _run_fused(self, x: Tensor, state: LSTMState, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if lengths is None:
            return self._run_layers(x, state, None)
        # Packed: the steps of all rows end to end, without padding, longest row first.
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None
        assert back is not None
        begin = LSTMState(state.h.index_select(1, order), state.c.index_select(1, order))
        values, h, c = self._run_layers(packed.data, begin, packed.batch_sizes)
        outputs = PackedSequence(values, packed.batch_sizes, order, back)
        padded, _ = pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])
        return padded, h.index_select(1, back), c.index_select(1, back)

    def _run_layers(
        self, values: Tensor, state: LSTMState, batch_sizes: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        directions, ends = self.description.directions, []
        for layer in range(self.description.layers):
            begin = [each[layer * directions : (layer + 1) * directions] for each in state]
            output, *end = self._run_kernel(layer, values, begin, batch_sizes)
            output = self._dropped(output, layer)
            values = output + values if self.description.skips(layer) else output
            ends.append(end)
        h, c = (torch.cat(each) for each in zip(*ends, strict=True))  # each layers x batch x hidden
        return values, h, c

    def _run_kernel(
        self, layer: int, values: Tensor, begin: list[Tensor], batch_sizes: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One layer, both directions, in the framework's kernel; the arguments after the weights are its switches."""
        weights = []
        for suffix in self.description.suffixes(layer):
            biases = [self.get_parameter("bias_ih" + suffix), self.get_parameter("bias_hh" + suffix)]
            weights += [self.get_parameter("weight_ih" + suffix), self._weight_hh(suffix), *biases]
        both = self.description.bidirectional
        kernel: Callable[..., tuple[Tensor, Tensor, Tensor]] = torch._VF.lstm
        if batch_sizes is None:
            return kernel(values, begin, weights, True, 1, 0.0, self.training, both, True)
        return kernel(values, batch_sizes, begin, weights, True, 1, 0.0, self.training, both)

    def _run_normalised(self, x: Tensor, state: LSTMState, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        inside = _inside(x, lengths)
        ends: list[LSTMState] = []
        for layer in range(self.description.layers):
            outputs = []
            for suffix in self.description.suffixes(layer):
                begin = LSTMState(state.h[len(ends)], state.c[len(ends)])
                output, end = self._unroll_normalised(x, begin, suffix, inside)
                outputs.append(output)
                ends.append(end)
            joined = self._dropped(torch.cat(outputs, dim=2), layer)  # batch x time x directions*hidden
            x = joined + x if self.description.skips(layer) else joined
        if lengths is not None:
            x = x * inside
        return x, torch.stack([end.h for end in ends]), torch.stack([end.c for end in ends])

    def _unroll_normalised(self, x: Tensor, state: LSTMState, suffix: str, inside: Tensor) -> tuple[Tensor, LSTMState]:
        """One cell with layer norm; what does not wait for the previous step is done for all steps at once."""
        size, weight_hh = self.description.hidden_size, self._weight_hh(suffix).T
        gain_ih, gain_hh, gain_c = (self.get_parameter(name + suffix) for name in ("gain_ih", "gain_hh", "gain_c"))
        bias_ih, bias_hh, bias_c = (self.get_parameter(name + suffix) for name in ("bias_ih", "bias_hh", "bias_c"))
        products = x @ self.get_parameter("weight_ih" + suffix).T  # batch x time x 4*hidden
        from_input = layer_norm(products, (4 * size,), gain_ih, bias_ih + bias_hh, network.EPSILON).unbind(1)
        reverse, (h, c), outputs = suffix.endswith("reverse"), state, []
        for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
            sums = from_input[t] + layer_norm(h @ weight_hh, (4 * size,), gain_hh, None, network.EPSILON)
            i, f, g, o = sums.chunk(4, dim=1)  # each batch x hidden
            written = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            shown = torch.sigmoid(o) * torch.tanh(layer_norm(written, (size,), gain_c, bias_c, network.EPSILON))
            h, c = torch.where(inside[:, t], shown, h), torch.where(inside[:, t], written, c)
            outputs.append(shown)
        if reverse:
            outputs.reverse()
        return torch.stack(outputs, dim=1), LSTMState(h, c)


def _check_lengths(x: Tensor, lengths: Tensor | None) -> None:
    if lengths is None:
        return
    if lengths.shape != x.shape[:1] or lengths.is_floating_point() or lengths.min() < 1 or lengths.max() > x.shape[1]:
        wanted = f"{x.shape[0]} whole numbers from 1 to {x.shape[1]}, one a row"
        raise UsageError(f"The lengths are {lengths.tolist()}, expected {wanted}.")


def _inside(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Which steps are data and not padding, `(batch, time, 1)`."""
    if lengths is None:
        return torch.ones(1, 1, 1, dtype=torch.bool, device=x.device).expand(x.shape[0], x.shape[1], 1)
    return (torch.arange(x.shape[1], device=x.device) < lengths.to(x.device)[:, None]).unsqueeze(2)
