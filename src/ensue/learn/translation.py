"""Training the translation task: the objective, and BLEU of the validation sentences.

The weights that are kept are those of the lowest loss on the validation pairs, in nats a token. Validation and the
result use the loop's running average of weights, which stands in for averaging checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensue.data.sentence_pairs import SentencePairs
from ensue.data.text import END
from ensue.learn.checkpoint import fingerprint
from ensue.learn.devices import device_of, threads
from ensue.learn.loop import LoopOptions, train
from ensue.learn.precision import mixed
from ensue.learn.sentence_batches import SentenceBatches, padded
from ensue.learn.writer_module import Batch, WriterModule
from ensue.reports import Measure, Progress, TrainingReport
from ensue.tasks.bleu import Bleu, bleu, can_score
from ensue.tasks.task_file import Weights
from ensue.tasks.translation import TranslationTask, longest_translation
from ensue.tasks.translation_data import in_tokens, learn_front_ends
from ensue.tasks.translation_recipe import TranslationOptions

MEASURE = Measure("nats per token", "frequencies of the target's tokens")
VALIDATIONS = 15
"""Validations in a training, each with its BLEU."""
VALIDATION_BATCH = 100


@dataclass(frozen=True)
class Fitted:
    """What training leaves."""

    task: TranslationTask
    weights: dict[str, Weights]
    report: TrainingReport


def fit(
    training: SentencePairs,
    validation: SentencePairs,
    options: TranslationOptions,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Train a translation model on sentence pairs.

    Args:
        checkpoint: file for going on after a crash.
        say: told each finding, and BLEU at each validation.

    Raises `DataError` where every pair is too long, `TrainingError` when the loss is no longer a number.
    """
    recipe = options.recipe
    front_ends = learn_front_ends(training, options)
    for sentence in dict.fromkeys(each for front_end in front_ends for each in front_end.findings):
        say(sentence)
    training, source, target = in_tokens(training, front_ends, "training", say)
    batches = SentenceBatches(source, target, recipe.batch)
    validation, source, target = in_tokens(validation, front_ends, "validation", say)
    held = SentenceBatches(source, target, VALIDATION_BATCH)
    longest = int(batches.lengths[1].max()) + 1
    task = TranslationTask(*front_ends, recipe.sizes, shared=options.shares, longest=longest)
    say(_amounts(task, batches, held))
    steps = options.steps or max(recipe.epochs * batches.steps, recipe.least_steps)
    loop = LoopOptions(
        steps,
        recipe.learning_rate,
        warm_up=400,
        validate_every=max(10, steps // VALIDATIONS),
        average_decay=recipe.average_decay,
        seed=options.seed,
    )
    with threads(options.threads):
        objective = _Objective(task, batches, held, validation.target, options, say)
        mark = fingerprint(options, training.digest(), validation.digest(), task.to_json())
        report = train(
            objective.module, objective, loop, checkpoint=checkpoint, resume=resume, fingerprint=mark,
            progress=progress, measure=MEASURE,
        )  # fmt: skip
    return Fitted(task, objective.module.weights(), report)


class _Objective:
    """The loss of a step, and the score of the averaged weights."""

    def __init__(
        self,
        task: TranslationTask,
        training: SentenceBatches,
        validation: SentenceBatches,
        references: tuple[str, ...],
        options: TranslationOptions,
        say: Callable[[str], None],
    ) -> None:
        torch.manual_seed(options.seed)
        self.task, self.training, self.validation, self.options, self.say = task, training, validation, options, say
        self.references = references
        self.device = device_of(options.device)
        self.module = WriterModule(task).to(self.device)
        logs = log_frequencies(training, task.target.size)
        self.module.begin_with(torch.from_numpy(logs))
        self.smoothing = options.recipe.smoothing
        self.baseline = float(-(logs * _counts(validation, task.target.size)).sum() / validation.tokens)
        self.scores_bleu = can_score()
        if not self.scores_bleu:
            say("No BLEU at validations: sacrebleu is not installed; pip install 'ensue[text]' brings it.")

    def loss(self, step: int) -> Tensor:
        batch = self._here(self.training.at(self.options.seed, step))
        with mixed(self.options.precision, self.module, self.task.sizes.decoder):
            return self.module.loss(batch, self.smoothing)

    def validate(self) -> tuple[float, float]:
        """Nats per token of the validation pairs, and those that the frequencies of the training's tokens give."""
        total = 0.0
        for rows in self.validation.in_order():
            batch = self._here(self.validation.batch(rows))
            total += float(self.module.loss(batch, 0.0)) * int(batch.inside.sum())
        score = total / self.validation.tokens
        if self.scores_bleu:
            self.say(f"Validation {score:.4g} {MEASURE.name}, {self.bleu()}, greedy, {len(self.validation)} sentences.")
        return score, self.baseline

    def bleu(self) -> Bleu:
        """Of greedy translations of the validation sentences."""
        said = [""] * len(self.validation)
        for rows in self.validation.in_order():
            tokens, lengths = padded([np.append(self.validation.source[row], END) for row in rows])
            most = longest_translation(tokens.shape[1])
            found = self.module.write(tokens.to(self.device), lengths.to(self.device), most)
            for row, ids in zip(rows, found, strict=True):
                said[row] = self.task.target.decode(ids)
        return bleu(said, self.references)

    def _here(self, batch: Batch) -> Batch:
        return Batch(*(each.to(self.device) for each in batch))


def log_frequencies(training: SentenceBatches, size: int) -> NDArray[np.float64]:
    """The log share of each token of the target, each counted once more than it is there."""
    counts = 1.0 + _counts(training, size)
    logs: NDArray[np.float64] = np.log(counts / counts.sum())
    return logs


def _counts(batches: SentenceBatches, size: int) -> NDArray[np.int64]:
    counts = np.bincount(np.concatenate(batches.target), minlength=size)
    counts[END] += len(batches)
    return counts


def _amounts(task: TranslationTask, training: SentenceBatches, validation: SentenceBatches) -> str:
    """How much there is to learn from, and how it is cut; unknown tokens are always counted."""
    unknown = [
        sum(front_end.unknown(ids) for ids in side) / max(1, sum(map(len, side)))
        for front_end, side in ((task.source, validation.source), (task.target, validation.target))
    ]
    vocabulary = f"{task.target.size:,} {task.target.kind}"
    vocabulary += ", shared by both languages" if task.shared else f" in the target, {task.source.size:,} in the source"
    return (
        f"{len(training):,} pairs to learn from, {training.tokens:,} target tokens; {len(validation):,} to validate on; "
        f"{vocabulary}; unknown in validation: {unknown[0]:.2%} of the source, {unknown[1]:.2%} of the target."
    )
