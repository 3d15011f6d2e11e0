"""The layers that look at more than one time step, but for the LSTM: convolution and pooling; and what such layers share.

Letters of shapes: `batch time features`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensue import network

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda values: values,
    "relu": torch.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}


@dataclass
class Passage:
    """What accompanies the values through the layers of one call."""

    anchors: Tensor | None
    lengths: Tensor | None
    """Of each row's steps as they reach the next layer: a stride divides them, a pooling leaves one step of each."""
    before: Iterator[Tensor] | None
    """The state of each layer in turn, or None to begin at zero."""
    after: list[Tensor] = field(default_factory=list)
    """The state of each layer passed, at the end of the sequence."""

    def hide_padding(self, values: Tensor, filler: float = 0.0) -> Tensor:
        """`values` `(batch, time, any)` with what lies beyond the lengths replaced, its gradient cut off."""
        if self.lengths is None:
            return values
        steps = torch.arange(values.shape[1], device=values.device)
        padding = steps >= self.lengths.to(values.device)[:, None]  # batch x time
        return values.masked_fill(padding.unsqueeze(2), filler)


class Convolution(nn.Module):
    """See `network.Convolution`; weights begin as PyTorch's."""

    def __init__(self, description: network.Convolution) -> None:
        super().__init__()
        self.description = description
        drawn = nn.Conv1d(description.input_size, description.output_size, description.width, bias=description.bias)
        self.weight, self.bias = drawn.weight, drawn.bias
        self.activation = ACTIVATIONS[description.activation]

    def forward(self, x: Tensor, passage: Passage) -> Tensor:
        stride, dilation, reach = self.description.stride, self.description.dilation, self.description.reach
        if self.description.causal:
            joined = torch.cat([self._before(x, passage), x], dim=1)  # batch x reach+time x features
            self._remember(joined, passage)
            seen = joined[:, stride - 1 :]
        else:
            seen = functional.pad(passage.hide_padding(x), (0, 0, reach // 2, reach // 2))
        sums = functional.conv1d(seen.transpose(1, 2), self.weight, self.bias, stride, 0, dilation)
        if passage.lengths is not None:
            passage.lengths = passage.lengths // stride
        return self.activation(sums.transpose(1, 2))

    def _before(self, x: Tensor, passage: Passage) -> Tensor:
        """The inputs before the first, `(batch, reach, features)`."""
        if passage.before is None or not self.description.reach:
            return x.new_zeros(x.shape[0], self.description.reach, x.shape[2])
        return next(passage.before).transpose(0, 1)

    def _remember(self, joined: Tensor, passage: Passage) -> None:
        """Leave the last `reach` inputs of each row in the passage; `joined` begins with those before the first."""
        reach = self.description.reach
        if not reach:
            return
        last = joined[:, -reach:]
        if passage.lengths is not None:
            steps = passage.lengths.to(joined.device)[:, None] + torch.arange(reach, device=joined.device)
            last = joined.gather(1, steps.unsqueeze(2).expand(-1, -1, joined.shape[2]))  # batch x reach x features
        passage.after.append(last.transpose(0, 1))


class Pooling(nn.Module):
    def __init__(self, description: network.Pooling) -> None:
        super().__init__()
        self.how = description.how

    def forward(self, x: Tensor, passage: Passage) -> Tensor:
        lengths = x.new_full((x.shape[0],), x.shape[1]).long() if passage.lengths is None else passage.lengths
        lengths = lengths.to(x.device)[:, None, None]
        if self.how == "mean":
            pooled = passage.hide_padding(x).sum(1, keepdim=True) / lengths
        elif self.how == "max":
            pooled = passage.hide_padding(x, -math.inf).amax(1, keepdim=True)
        else:
            pooled = x.gather(1, (lengths - 1).expand(-1, 1, x.shape[2]))
        passage.lengths = None
        return pooled


class AttentionPooling(nn.Module):
    """See `network.AttentionPooling`. It begins near the mean of all steps."""

    def __init__(self, description: network.AttentionPooling) -> None:
        super().__init__()
        linear = nn.Linear(description.size, description.inner_size)
        self.weight, self.bias = linear.weight, linear.bias
        self.query = nn.Parameter(torch.empty(description.inner_size))
        nn.init.normal_(self.query, std=0.1 * description.inner_size**-0.5)

    def forward(self, x: Tensor, passage: Passage) -> Tensor:
        scores = torch.tanh(functional.linear(x, self.weight, self.bias)) @ self.query  # batch x time
        shares = torch.softmax(passage.hide_padding(scores.unsqueeze(2), -math.inf), dim=1)
        pooled = (shares * passage.hide_padding(x)).sum(1, keepdim=True)
        passage.lengths = None
        return pooled
