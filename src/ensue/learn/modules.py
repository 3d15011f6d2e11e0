"""A network description as a PyTorch module, with the parameter names of the description.

Letters of shapes: `batch time features`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ensue import network
from ensue.learn.lstm import LSTM, WIDE
from ensue.learn.over_time import ACTIVATIONS, AttentionPooling, Convolution, Passage, Pooling
from ensue.learn.pictures import FrameConvolution
from ensue.learn.reference import LSTMState

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from numpy.typing import NDArray


class NetworkModule(nn.Module):
    """A network that can be trained; made by `build`."""

    def __init__(self, description: network.Network) -> None:
        super().__init__()
        self.description = description
        self.layers = nn.ModuleList(_build_layer(layer) for layer in description.layers)

    def forward(
        self,
        x: Float[Tensor, "batch time features"],
        anchors: Float[Tensor, "batch time anchors"] | None = None,
        state: Sequence[Tensor] | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch steps outputs"], list[Tensor]]:
        """The outputs, and the state after the last step (with `lengths`, after each row's own last step).

        The state is the flat list that `Network.state_shapes` describes, `steps` what `Network.output_time` says. What
        lies beyond a row's length changes nothing, and outputs there are zero. Raises `UsageError` for shapes that do
        not fit.
        """
        shapes = None if state is None else [each.shape for each in state]
        given_lengths = None if lengths is None else lengths.tolist()
        self.description.check_call(x.shape, None if anchors is None else anchors.shape, shapes, given_lengths)
        lengths = None if lengths is None else lengths.long()
        passage = Passage(anchors, lengths, None if state is None else iter(state))
        output = _through(self.layers, passage.hide_padding(x), passage)
        return passage.hide_padding(output), passage.after

    def initial_state(self, batch: int) -> list[Tensor]:
        like = next(self.parameters())
        return [like.new_zeros(shape) for shape in self.description.state_shapes(batch)]


def build(description: network.Network) -> NetworkModule:
    """The description as a module, its weights drawn from PyTorch's global generator.

    >>> module = build(network.Network((network.LSTM(2, 8), network.QuantileHead(8, (0.1, 0.5, 0.9)))))
    >>> output, state = module(torch.zeros(4, 10, 2))
    >>> output.shape, [each.shape for each in state]
    (torch.Size([4, 10, 3]), [torch.Size([1, 4, 8]), torch.Size([1, 4, 8])])
    """
    return NetworkModule(description)


def weights_to_numpy(module: nn.Module) -> dict[str, NDArray[Any]]:
    """A copy of every parameter, by name, as the engine and the model file take them."""
    return {name: parameter.detach().cpu().numpy().copy() for name, parameter in module.named_parameters()}


def load_weights(module: NetworkModule, weights: Mapping[str, NDArray[Any]]) -> None:
    """Copy the weights into the module. Raises `ModelFileError` where names or shapes are not its own."""
    module.description.check_weights({name: weight.shape for name, weight in weights.items()})
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(torch.from_numpy(np.array(weights[name])))


class _Recurrent(LSTM):
    """The LSTM within a network: its state comes from the passage and goes back into it."""

    def forward(self, x: Tensor, passage: Passage) -> Tensor:  # type: ignore[override]
        before = None
        if passage.before is not None:
            before = LSTMState(next(passage.before), next(passage.before))
        # Narrow layers lose more by 16 bits than they gain, and in 32 Ensue's own kernel runs them.
        narrow = torch.is_autocast_enabled("cpu") and self.description.hidden_size < WIDE and x.device.type == "cpu"
        with torch.autocast("cpu", enabled=False) if narrow else nullcontext():
            output, after = super().forward(x.float() if narrow else x, before, passage.lengths)
        passage.after += after
        return output


class _Residual(nn.Module):
    def __init__(self, description: network.Residual) -> None:
        super().__init__()
        self.inner = nn.ModuleList(_build_layer(layer) for layer in description.layers)

    def forward(self, x: Tensor, passage: Passage) -> Tensor:
        return x + _through(self.inner, x, passage)


class _QuantileHead(nn.Module):
    """See `network.QuantileHead`. It begins as the mean of the anchors, a unit normal's quantiles around it."""

    def __init__(self, description: network.QuantileHead) -> None:
        super().__init__()
        self.anchors, self.median = description.anchors, description.median
        linear = nn.Linear(description.input_size, description.anchors + len(description.levels))
        self.weight, self.bias = linear.weight, linear.bias
        quantiles = [NormalDist().inv_cdf(level) for level in description.levels]
        with torch.no_grad():
            self.weight[: self.anchors + 1] = 0.0
            self.bias[: self.anchors + 1] = 0.0
            for row, (lower, upper) in enumerate(pairwise(quantiles), start=self.anchors + 1):
                self.bias[row] = math.log(math.expm1(upper - lower))  # the inverse of softplus

    def forward(self, x: Tensor, passage: Passage) -> Tensor:
        raw = functional.linear(x, self.weight, self.bias)
        median = raw[..., self.anchors : self.anchors + 1]  # batch x time x 1
        if passage.anchors is not None:
            shares = torch.softmax(raw[..., : self.anchors], dim=-1)
            median = median + (shares * passage.hide_padding(passage.anchors)).sum(-1, keepdim=True)
        steps = functional.softplus(raw[..., self.anchors + 1 :])
        above = steps[..., self.median :].cumsum(-1)
        below = steps[..., : self.median].flip(-1).cumsum(-1).flip(-1)
        return torch.cat([median - below, median, median + above], dim=-1)


class _SoftmaxHead(nn.Linear):
    """See `network.SoftmaxHead`."""

    def __init__(self, description: network.SoftmaxHead) -> None:
        super().__init__(description.input_size, description.classes)

    def forward(self, input: Tensor) -> Tensor:
        return torch.log_softmax(super().forward(input), dim=-1)


class _Embedding(nn.Embedding):
    """See `network.Embedding`. Vectors begin small, so that a head that shares them begins near equal shares."""

    def __init__(self, description: network.Embedding) -> None:
        super().__init__(description.vocabulary_size, description.size)
        self.dropout = description.dropout
        nn.init.uniform_(self.weight, -0.1, 0.1)

    def forward(self, input: Tensor) -> Tensor:
        table = self.weight
        if self.training and self.dropout:
            table = table * functional.dropout(table.new_ones(len(table), 1), self.dropout)
        return functional.embedding(input[..., 0].long(), table)


class _Dropout(nn.Dropout):
    """See `network.Dropout`."""

    def __init__(self, description: network.Dropout) -> None:
        super().__init__(description.rate)
        self.locked = description.locked

    def forward(self, input: Tensor) -> Tensor:
        if not (self.locked and self.training and self.p):
            return super().forward(input)
        return input * functional.dropout(
            torch.ones_like(input[:, :1]), self.p
        )  # batch x 1 x features, one for all steps


class _EmbedColumns(nn.Module):
    kept: Tensor

    def __init__(self, description: network.EmbedColumns) -> None:
        super().__init__()
        tables = [nn.Embedding(categories + 1, size) for _, categories, size in description.columns]
        with torch.no_grad():
            for table in tables:
                nn.init.normal_(table.weight, std=0.1)
                table.weight[0] = 0.0  # the unknown category begins as the average one
        self.indices = [index for index, _, _ in description.columns]
        self.embeddings = nn.ModuleList(tables)
        self.register_buffer("kept", torch.tensor(description.kept, dtype=torch.long), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.indices, self.embeddings, strict=True)
        vectors = [table(x[..., index].long()) for index, table in pairs]
        return torch.cat([x.index_select(-1, self.kept), *vectors], dim=-1)


class _Linear(nn.Linear):
    def __init__(self, description: network.Linear) -> None:
        super().__init__(description.input_size, description.output_size, description.bias)
        self.activation = ACTIVATIONS[description.activation]

    def forward(self, input: Tensor) -> Tensor:
        return self.activation(super().forward(input))


class _RMSNorm(nn.Module):
    def __init__(self, description: network.RMSNorm) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(description.size))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + network.EPSILON) * self.weight


class _GatedFeedForward(nn.Module):
    def __init__(self, description: network.GatedFeedForward) -> None:
        super().__init__()
        self.gate_up = nn.Linear(description.size, 2 * description.inner_size, bias=False)
        self.down = nn.Linear(description.inner_size, description.size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        result: Tensor = self.down(functional.silu(gate) * up)
        return result


_MODULES: dict[str, Callable[[Any], nn.Module]] = {
    "embedding": _Embedding,
    "embed_columns": _EmbedColumns,
    "linear": _Linear,
    "lstm": lambda layer: _Recurrent(**vars(layer)),
    "layer_norm": lambda layer: nn.LayerNorm(layer.size, network.EPSILON),
    "rms_norm": _RMSNorm,
    "gated_feed_forward": _GatedFeedForward,
    "dropout": _Dropout,
    "residual": _Residual,
    "quantile_head": _QuantileHead,
    "softmax_head": _SoftmaxHead,
    "convolution": Convolution,
    "frame_convolution": FrameConvolution,
    "pooling": Pooling,
    "attention_pooling": AttentionPooling,
}


_ACCOMPANIED = (_Recurrent, _Residual, _QuantileHead, Convolution, Pooling, AttentionPooling)


def _build_layer(description: network.Layer) -> nn.Module:
    return _MODULES[description.kind](description)


def _through(layers: Iterable[nn.Module], x: Tensor, passage: Passage) -> Tensor:
    for layer in layers:
        x = layer(x, passage) if isinstance(layer, _ACCOMPANIED) else layer(x)
    return x
