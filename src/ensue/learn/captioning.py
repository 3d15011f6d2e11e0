"""Training the captioning task: clips of similar length together, the objective, and scores of the validation clips.

The weights that are kept are those of the lowest loss on the validation captions, in nats a token. Letters of shapes:
`batch steps features`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensue.data.captioned import Captioned
from ensue.data.text import BEGIN, END
from ensue.learn.batches_by_length import Order, side_by_side
from ensue.learn.checkpoint import fingerprint
from ensue.learn.devices import device_of, threads
from ensue.learn.loop import LoopOptions, train
from ensue.learn.precision import gaining, mixed
from ensue.learn.sentence_batches import padded
from ensue.learn.writer_module import Batch, WriterModule
from ensue.reports import Measure, Progress, TrainingReport
from ensue.tasks.caption_scores import CaptionScores, score
from ensue.tasks.captioning import CaptionTask
from ensue.tasks.captioning_options import CaptionOptions
from ensue.tasks.task_file import Weights

MEASURE = Measure("nats per token", "token frequencies")
VALIDATIONS = 15
TOGETHER = 32
POOL = 8
"""Batches whose clips are put in order of length together."""


@dataclass(frozen=True)
class Fitted:
    """What training leaves."""

    weights: dict[str, Weights]
    report: TrainingReport


def fit(
    training: Captioned,
    validation: Captioned,
    task: CaptionTask,
    options: CaptionOptions,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Fitted:
    """Train a captioning task.

    Args:
        say: told the scores of greedy captions at each validation, with one of them.

    Raises `TrainingError` when the loss is no longer a number.
    """
    pairs = training.pairs
    steps = options.steps_for(len(pairs))
    loop = LoopOptions(
        steps,
        options.recipe.learning_rate,
        warm_up=100,
        validate_every=max(10, steps // VALIDATIONS),
        patience=VALIDATIONS,
        average_decay=0.995 if steps > 1000 else 0.98,
        seed=options.seed,
    )
    with threads(options.threads):
        objective = Objective(training, validation, task, options, say)
        mark = fingerprint(options, training.digest(), validation.digest(), task.to_json())
        report = train(
            objective.module, objective, loop, checkpoint=checkpoint, resume=resume,
            fingerprint=mark, progress=progress, measure=MEASURE,
        )  # fmt: skip
    return Fitted(objective.module.weights(), report)


class Objective:
    """The loss of a step, and the score of the averaged weights."""

    def __init__(
        self,
        training: Captioned,
        validation: Captioned,
        task: CaptionTask,
        options: CaptionOptions,
        say: Callable[[str], None],
    ) -> None:
        torch.manual_seed(options.seed)
        self.training, self.validation, self.task, self.options, self.say = training, validation, task, options, say
        self.device = device_of(options.device)
        self.module = WriterModule(task).to(self.device)
        self.pairs, self.held = _tokens(training, task), _tokens(validation, task)
        lengths = np.array([len(training.features[clip]) for clip, _ in self.pairs])
        counts = np.bincount(np.concatenate([ids for _, ids in self.pairs]), minlength=task.target.size) + 1.0
        counts[END] += len(self.pairs)
        logs = np.log(counts / counts.sum())
        self.module.begin_with(torch.from_numpy(logs))
        wanted = np.concatenate([np.append(ids, END) for _, ids in self.held])
        self.baseline = float(-logs[wanted].mean())
        self.order = Order(lengths, options.recipe.batch, POOL, options.seed)

    def loss(self, step: int) -> Tensor:
        rows = self.order.at(step)
        dice = [np.random.default_rng((self.options.seed, 1, step, place)) for place in range(len(rows))]
        features = [self._seen(self.pairs[row][0], each) for row, each in zip(rows, dice, strict=True)]
        batch = self._batch(features, [self.pairs[row][1] for row in rows])
        with mixed(self.options.precision, self.module, gaining(self.task.networks(), self.task.sizes.decoder)):
            return self.module.loss(batch, self.options.recipe.smoothing)

    def validate(self) -> tuple[float, float]:
        """Nats per token of the validation captions, and those that the frequencies of tokens give."""
        total, count = 0.0, 0
        for at in range(0, len(self.held), TOGETHER):
            some = self.held[at : at + TOGETHER]
            batch = self._batch([self.validation.features[clip] for clip, _ in some], [ids for _, ids in some])
            tokens = int(batch.inside.sum())
            total, count = total + float(self.module.loss(batch, 0.0)) * tokens, count + tokens
        self.tell(self.greedy())
        return total / count, self.baseline

    def greedy(self) -> list[str]:
        """Greedy captions of the validation clips."""
        said: list[str] = []
        for at in range(0, len(self.validation), TOGETHER):
            source, lengths = joined(self.validation.features[at : at + TOGETHER])
            found = self.module.write(source.to(self.device), lengths.to(self.device), self.task.longest_answer)
            said += [self.task.target.decode(ids).strip() for ids in found]
        return said

    def tell(self, said: Sequence[str]) -> None:
        """How good these captions are, and one of them."""
        references = [[plain(self.task, each) for each in own] for own in self.validation.captions]
        found: CaptionScores = score(said, references)
        self.say(f"Validation {found}, greedy; '{references[0][0]}' is written as '{said[0]}'.")

    def _seen(self, clip: int, dice: np.random.Generator) -> NDArray[np.float32]:
        augment = self.training.augment
        return self.training.features[clip] if augment is None else augment(clip, dice)

    def _batch(self, features: Sequence[NDArray[np.float32]], ids: Sequence[NDArray[np.int64]]) -> Batch:
        source, lengths = joined(features)
        given, counts = padded([np.append(BEGIN, each) for each in ids])
        wanted, _ = padded([np.append(each, END) for each in ids])
        inside = torch.arange(given.shape[1]) < counts.unsqueeze(1)
        return Batch(*(each.to(self.device) for each in (source, lengths, given, wanted, inside)))


def joined(features: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Clips as one tensor `(batch, steps, features)`, zeros after their ends, and their lengths."""
    x, lengths = side_by_side(features)
    return torch.from_numpy(x), torch.tensor(lengths)


def plain(task: CaptionTask, text: str) -> str:
    """A reference as the model would write it: with its case and its spaces."""
    return " ".join(task.target.prepare(text).split())


def _tokens(clips: Captioned, task: CaptionTask) -> list[tuple[int, NDArray[np.int64]]]:
    """The tokens of each caption, with the number of its clip."""
    return [(clip, task.target.encode(text)) for clip, text in clips.pairs]
