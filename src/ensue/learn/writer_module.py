"""The networks of a task that writes as one module that trains: tied tables, teacher forcing, greedy writing.

A translation is written about a sentence, a caption about a film (`tasks.writing`).

Letters of shapes: `batch`, `source` and `target` steps, `memory`, `hidden` and `fed` features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ensue.data.text import BEGIN, END
from ensue.layers.pictures import has_pictures
from ensue.learn import attention, attention_fast
from ensue.learn.attention import DecoderWeights, Memory
from ensue.learn.modules import NetworkModule, build
from ensue.learn.reference import LSTMState
from ensue.learn.smoothed import smoothed_cross_entropy
from ensue.tasks.task_file import Weights
from ensue.tasks.writing import Writing

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class Batch(NamedTuple):
    """What was read and what was written about it, padded with zeros."""

    source: Tensor
    """`(batch, source)` tokens, or `(batch, source, features)` numbers."""
    source_lengths: Int[Tensor, " batch"]
    given: Int[Tensor, "batch target"]
    """The target, from the mark of its begin on."""
    wanted: Int[Tensor, "batch target"]
    """The target, up to the mark of its end."""
    inside: Tensor
    """Which target steps are within their text, `(batch, target)`."""


class WriterModule(nn.Module):
    """The seven networks of `tasks.writing`, by their names there; tables that are one are one parameter."""

    def __init__(self, task: Writing) -> None:
        super().__init__()
        self.task = task
        networks = task.networks()
        self.names = list(networks)
        self.networks = nn.ModuleList(build(network) for network in networks.values())
        table = self._layer("target").weight
        self._layer("answer", last=True).weight = table
        if task.shared:
            self._layer("source").weight = table
        self._sees = has_pictures(networks["source"].layers)

    def begin_with(self, log_shares: Float[Tensor, " vocabulary"]) -> None:
        """Let every token be as likely at first as it is in the target texts, whatever stands before it."""
        with torch.no_grad():
            self._layer("answer", last=True).get_parameter("bias").copy_(log_shares)

    @property
    def parts(self) -> dict[str, NetworkModule]:
        """The networks by name."""
        return dict(zip(self.names, cast(Iterable[NetworkModule], self.networks), strict=True))

    def _layer(self, part: str, last: bool = False) -> Any:
        return self.parts[part].layers[-1 if last else 0]

    def remember(self, source: Tensor, lengths: Int[Tensor, " batch"]) -> tuple[Memory, LSTMState]:
        """The memory of what was read, see `Batch.source`, and the state that a text about it begins with."""
        x = source.unsqueeze(2) if source.dim() == 2 else source
        # On a processor Ensue's own LSTM is faster in 32 bits than the framework's in 16; pictures gain from these.
        with torch.autocast("cpu", enabled=self._sees and torch.is_autocast_enabled("cpu")):
            values, _ = self.parts["source"](x, lengths=lengths)  # batch x source x memory
        values = values.float()
        mean = values.sum(1) / lengths.unsqueeze(1)
        begin, _ = self.parts["bridge"](mean.unsqueeze(1))
        h, c = begin.squeeze(1).float().chunk(2, dim=1)  # each batch x hidden
        beyond = torch.arange(source.shape[1], device=source.device) >= lengths.unsqueeze(1)
        return Memory(values, self.parts["keys"](values)[0], beyond), LSTMState(h.contiguous(), c.contiguous())

    def decoder_weights(self) -> DecoderWeights:
        return DecoderWeights.of(self._layer("cell"), self._layer("combine"))

    def forward(self, batch: Batch) -> Float[Tensor, "inside fed"]:
        """The answers at all target steps within their texts, row by row."""
        memory, state = self.remember(batch.source, batch.source_lengths)
        given = self.parts["target"](batch.given.unsqueeze(2))[0]  # batch x target x embedding
        drop: nn.Dropout = self._layer("combine", last=True)
        mask = functional.dropout(given.new_ones(len(given), given.shape[2]), drop.p, self.training)
        answers = attention_fast.decode(given, state, memory, self.decoder_weights(), mask, product_type(given))
        return answers[batch.inside]

    def scores(self, answers: Float[Tensor, "*any fed"]) -> Float[Tensor, "*any vocabulary"]:
        """What stands before the softmax of `answer`."""
        head = self._layer("answer", last=True)
        return functional.linear(answers, head.weight, head.bias)

    def loss(self, batch: Batch, smoothing: float) -> Tensor:
        """The mean over target tokens; see `smoothed`."""
        answers, head = self(batch), self._layer("answer", last=True)
        wanted = batch.wanted[batch.inside]
        return smoothed_cross_entropy(answers, head.weight, head.bias, wanted, smoothing, product_type(answers))

    @torch.no_grad()
    def write(self, source: Tensor, lengths: Int[Tensor, " batch"], most: int) -> list[list[int]]:
        """The likeliest next token each time, until the end or for `most` steps: for scores while training."""
        memory, state = self.remember(source, lengths)
        weights = self.decoder_weights()
        step = attention.first_step(state, weights)
        tokens = torch.full((len(source),), BEGIN, device=source.device)
        ended = torch.zeros_like(tokens, dtype=torch.bool)
        said: list[Tensor] = []
        for _ in range(most):
            given = self.parts["target"](tokens.reshape(-1, 1, 1))[0].squeeze(1)
            step, _ = attention.advance(functional.linear(given, weights.given, weights.bias), step, memory, weights)
            scores = self.scores(step.fed)
            scores[:, BEGIN] = -torch.inf
            if not said:
                scores[:, END] = -torch.inf
            tokens = torch.where(ended, END, scores.argmax(1))
            said.append(tokens)
            ended |= tokens == END
            if bool(ended.all()):
                break
        rows = torch.stack(said, dim=1).tolist()
        return [row[: row.index(END)] if END in row else row for row in rows]

    def weights(self) -> dict[str, Weights]:
        """A copy of every network's parameters; what is one while training is written for each."""
        return {
            part: {
                name: parameter.detach().cpu().numpy().copy()
                for name, parameter in module.named_parameters(remove_duplicate=False)
            }
            for part, module in self.parts.items()
        }

    def load(self, weights: Mapping[str, Weights]) -> None:
        """Copy in what `weights` gave. Raises `ModelFileError` where names or shapes are not its own."""
        for part, module in self.parts.items():
            module.description.check_weights({name: array.shape for name, array in weights[part].items()})
            with torch.no_grad():
                for name, parameter in module.named_parameters(remove_duplicate=False):
                    parameter.copy_(torch.from_numpy(np.array(weights[part][name])))


def product_type(like: Tensor) -> torch.dtype:
    """What products are computed in: 32 bits, or 16 within `precision.mixed`."""
    device = like.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
