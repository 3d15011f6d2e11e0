"""The language-modelling task as the loop sees it: long texts in parallel rows, the state carried from batch to batch.

Backpropagation through time is cut at each batch (Williams & Peng 1990); what is carried is the state, not its gradient.
Letters of shapes: `batch time vocabulary`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ensue.baselines.ngrams import n_grams
from ensue.errors import DataError
from ensue.learn.devices import device_of, threads
from ensue.learn.loop import LoopOptions, train
from ensue.learn.modules import NetworkModule, build, load_weights, weights_to_numpy
from ensue.learn.precision import mixed
from ensue.reports import Measure, Progress, TrainingReport
from ensue.tasks.language_model import LanguageModelTask
from ensue.tasks.language_options import LanguageRecipe

Tokens = NDArray[Any]
Weights = dict[str, NDArray[Any]]

LOOKED_AT, SELDOM = 1_000_000, 20
"""Tokens that are looked at for the one that is read before a text, and how often it has to be there to be learned so."""
MOST_SCORED = 200_000
"""Tokens of the validation text that a validation looks at."""
ROWS_SCORED = 16
"""Rows that the validation text is divided into."""


@dataclass(frozen=True)
class Corpus:
    """The token numbers of a text: what is learned from, and what is set aside."""

    train: Tokens
    valid: Tokens


def learn(
    task: LanguageModelTask,
    corpus: Corpus,
    options: LanguageRecipe,
    *,
    begin: Weights | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    fingerprint: str = "",
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Weights, TrainingReport]:
    """Train the task's network on a corpus.

    Args:
        options: with every choice made: `LanguageOptions.chosen`.
        begin: weights to begin with.

    Raises `DataError` where the text is too short to learn from.
    """
    device = device_of(options.device)
    with threads(options.threads):
        torch.manual_seed(options.seed)
        module = build(task.networks()["network"])
        if task.sizes.tied:
            tie(module)
        if begin is not None:
            load_weights(module, begin)
        module.to(device)
        objective = LanguageObjective(module, corpus, options, device, task.first)
        steps = options.steps or round(options.epochs * objective.steps_in_epoch)
        loop = LoopOptions(
            steps=max(1, steps),
            learning_rate=options.learning_rate,
            weight_decay=options.weight_decay,
            warm_up=200,
            clip=options.clip,
            validate_every=max(20, min(objective.steps_in_epoch // 2, steps // 10)),
            patience=options.patience,
            seed=options.seed,
            betas=(0.9, 0.99),
            average_decay=options.average_decay,
            schedule=options.schedule,
        )
        report = train(
            module, objective, loop, checkpoint=checkpoint, resume=resume, fingerprint=fingerprint, progress=progress,
            measure=Measure("nats per token", objective.baseline[0]),
        )  # fmt: skip
        weights = weights_to_numpy(module)
    if task.sizes.tied:
        weights[_head(module)] = weights["layers.0.weight"]
    return weights, report


def tie(module: NetworkModule) -> None:
    """Let the softmax share the matrix of the embedding."""
    embedding, head = module.layers[0], module.layers[-1]
    assert isinstance(embedding, nn.Embedding)
    assert isinstance(head, nn.Linear)
    head.weight = embedding.weight
    with torch.no_grad():
        head.bias.zero_()


def _head(module: NetworkModule) -> str:
    return f"layers.{len(module.layers) - 1}.weight"


class LanguageObjective:
    """Batches of a corpus and what they cost: the cross entropy, and what keeps activations small and slow."""

    def __init__(
        self,
        module: NetworkModule,
        corpus: Corpus,
        options: LanguageRecipe,
        device: torch.device,
        first: int | None = None,
    ) -> None:
        self.module, self.corpus, self.options, self.device = module, corpus, options, device
        self.width = module.description.state_shapes(1)[0][-1]
        tokens = len(corpus.train)
        self.length = min(options.context_length, max(1, (tokens - 1) // 2))
        self.rows = max(1, min(options.batch_size, (tokens - 1) // self.length))
        self.steps_in_epoch = max(1, (tokens - 1) // self.rows // self.length)
        if tokens < 3 or len(corpus.valid) < 2:
            raise DataError(
                f"The text has {tokens} tokens to learn from and {len(corpus.valid)} set aside, expected at least 3 and 2: "
                "give more text."
            )
        self._state: list[Tensor] = []
        self._heard: dict[str, Tensor] = {}
        self._listen()
        often = first is None or int((corpus.train[:LOOKED_AT] == first).sum()) >= SELDOM
        self._first = None if often else first
        scored = corpus.valid[: MOST_SCORED + 1]
        self.baseline = n_grams(corpus.train, scored, module.description.output_size)

    def loss(self, step: int) -> Tensor:
        """The cross entropy of one batch, with what is added to it: nats per token."""
        epoch, place = divmod(step, self.steps_in_epoch)
        if place == 0:
            self._state = []
        read, wanted = self._batch(epoch, place)
        if self._first is not None:
            self._begin_anew(step % self.rows, read, self._first)
        options = self.options
        with mixed(options.precision, self.module, self.width):
            answers, state = self.module(read, state=self._state or None)
            self._state = [each.detach().float() for each in state]
            loss = -answers.gather(2, wanted[..., None]).float().mean()
            if options.label_smoothing:
                loss = (1 - options.label_smoothing) * loss - options.label_smoothing * answers.float().mean()
            if (
                options.activation
            ):  # Merity, McCann & Socher 2017, eq. 1 and 2: AR on what is read, TAR on what was said
                loss = loss + options.activation * self._heard["dropped"].float().square().mean()
            if options.change and self.length > 1:
                said = self._heard["said"].float()
                loss = loss + options.change * (said[:, 1:] - said[:, :-1]).square().mean()
        cost: Tensor = loss
        return cost

    def validate(self) -> tuple[float, float]:
        """Nats per token of the text set aside, its parts read side by side; and those of n-grams."""
        valid = np.asarray(self.corpus.valid[: MOST_SCORED + 1]).astype(np.int64)
        rows = min(ROWS_SCORED, max(1, (len(valid) - 1) // 64))
        each = (len(valid) - 1) // rows
        starts = np.arange(rows) * each
        nats, state = 0.0, None
        for first in range(0, each, 256):
            last = min(first + 256, each)
            places = starts[:, None] + np.arange(first, last + 1)  # rows x time + 1
            block = torch.from_numpy(valid[places]).to(self.device)
            with mixed(self.options.precision, self.module, self.width):
                answers, after = self.module(block[:, :-1, None].float(), state=state)
            state = [each.float() for each in after]
            nats -= float(answers.gather(2, block[:, 1:, None]).double().sum())
        return nats / (rows * each), self.baseline[1]

    def snapshot(self) -> dict[str, Tensor]:
        return {str(i): each for i, each in enumerate(self._state)}

    def restore(self, carried: dict[str, Tensor]) -> None:
        self._state = [carried[str(i)].to(self.device) for i in range(len(carried))]

    def _batch(self, epoch: int, place: int) -> tuple[Tensor, Tensor]:
        """What is read and what comes next: `(batch, time, 1)` and `(batch, time)`.

        Rows begin somewhere else in each epoch, so that the same tokens are not always cut at the same place.
        """
        total = len(self.corpus.train) - 1
        shift = int(np.random.default_rng((self.options.seed, epoch)).integers(total))
        each = self.steps_in_epoch * self.length
        first = shift + np.arange(self.rows) * each + place * self.length
        places = (first[:, None] + np.arange(self.length + 1)) % (total + 1)  # batch x time + 1
        block = torch.from_numpy(np.asarray(self.corpus.train[places]).astype(np.int64)).to(self.device)
        return block[:, :-1, None].float(), block[:, 1:]

    def _begin_anew(self, row: int, read: Tensor, first: int) -> None:
        """Let a row be read as a text is from its beginning: a token that stands nowhere in the text is learned so."""
        read[row, 0] = first
        for each in self._state:
            each[:, row] = 0.0

    def _listen(self) -> None:
        """Keep what the last LSTM layer says and what dropout leaves of it."""
        kinds = [layer.kind for layer in self.module.description.layers]
        last = len(kinds) - 1 - kinds[::-1].index("lstm")

        def keep(name: str) -> Callable[..., None]:
            def hook(_: nn.Module, __: Any, output: Tensor) -> None:
                self._heard[name] = output

            return hook

        self.module.layers[last].register_forward_hook(keep("said"))
        self.module.layers[len(kinds) - 2].register_forward_hook(keep("dropped"))
