"""Training the melody task: tunes in other keys in every epoch, and the likelihood of those set aside.

Letters of shapes: `batch` tunes, `time` tokens, `classes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ensue.data.notes.coding import Coding, read
from ensue.data.notes.piano_roll import KEYS, LOWEST, Keys
from ensue.data.notes.tune import Stepped
from ensue.errors import DataError
from ensue.learn.batches_by_length import bucketed
from ensue.learn.checkpoint import fingerprint
from ensue.learn.devices import device_of, threads
from ensue.learn.loop import LoopOptions, train
from ensue.learn.modules import NetworkModule, build, weights_to_numpy
from ensue.learn.precision import mixed
from ensue.reports import Measure, Progress, TrainingReport
from ensue.tasks.melody import MelodyOptions, MelodyTask

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

Weights = dict[str, NDArray[Any]]

LONGEST = 1024
"""Tokens of a tune that are learned from at a time; a longer one is cut into pieces."""
OWN_KEY = 0.5
"""The share of tunes that an epoch leaves in their own key: tunes to come will not be in all keys alike."""
BUCKET = 8
"""Batches whose tunes are put in order of length together, so that a batch has little padding."""


@dataclass(frozen=True)
class Fitted:
    """What training leaves."""

    task: MelodyTask
    weights: Weights
    report: TrainingReport


class Batch(NamedTuple):
    """Tunes side by side, padded."""

    rows: Tensor  # batch time width
    targets: Tensor  # batch time, or batch time keys
    legal: Tensor | None  # batch time classes
    lengths: Tensor  # batch


def fit(
    training: Sequence[Stepped],
    validation: Sequence[Stepped],
    task: MelodyTask,
    options: MelodyOptions,
    *,
    baseline: tuple[str, float],
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Train a composer.

    Args:
        training, validation: tunes on the task's grid; those set aside are never learned from.
        baseline: what the tunes set aside are foretold with otherwise: its name, and its nats per step.
        checkpoint: file for going on after a crash, with `resume`.

    Raises `TrainingError` when the loss is no longer a number.
    """
    recipe = options.recipe
    with threads(options.threads):
        objective = _Objective(training, validation, task, options, baseline[1])
        steps = recipe.steps or steps_for(objective.tokens, recipe.batch_tokens)
        loop = LoopOptions(
            steps,
            recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            seed=options.seed,
            validate_every=max(10, min(100, steps // 10)),
            patience=12,
            average_decay=0.995,
        )
        known = (*training, *validation)
        tunes = [[len(training)], *([tune.steps, tune.pickup, str(tune.meter), len(tune.notes)] for tune in known)]
        report = train(
            objective.module,
            objective,
            loop,
            checkpoint=checkpoint,
            resume=resume,
            fingerprint=fingerprint(options, task.to_json(), tunes, arrays=[tune.notes for tune in known]),
            progress=progress,
            measure=Measure("nats per step", baseline[0]),
        )
        return Fitted(task, weights_to_numpy(objective.module), report)


def steps_for(tokens: int, batch_tokens: int) -> int:
    """Training steps for tunes of so many tokens: some hundred epochs of a small folder, ten of a large one.

    >>> [steps_for(tokens, 2500) for tokens in (2_000, 70_000, 1_000_000)]
    [500, 3000, 6000]
    """
    epochs = np.clip(107 * (70_000 / max(tokens, 1)) ** 0.5, 10, 1000)
    return int(np.clip(round(epochs * tokens / batch_tokens / 50) * 50, 400, 6000))


def nll(
    log_p: Float[Tensor, "batch time classes"],
    targets: Int[Tensor, "batch time"],
    legal: Bool[Tensor, "batch time classes"],
) -> Float[Tensor, "batch time"]:
    """The negative log probability of each token among those that may come, in nats.

    >>> even = torch.full((1, 1, 4), 0.25).log()
    >>> nll(even, torch.tensor([[1]]), torch.tensor([[[False, True, True, False]]])).item()
    0.6931471824645996
    """
    among = log_p.masked_fill(~legal, -torch.inf).logsumexp(-1)
    return among - log_p.gather(-1, targets[..., None])[..., 0]


class _Objective:
    """The melody task as the loop sees it."""

    def __init__(
        self,
        training: Sequence[Stepped],
        validation: Sequence[Stepped],
        task: MelodyTask,
        options: MelodyOptions,
        baseline: float,
    ) -> None:
        self.task, self.seed, self.baseline = task, options.seed, baseline
        self.recipe, self.precision = options.recipe, options.precision
        torch.manual_seed(options.seed)
        self.device = device_of(options.device)
        self.module = build(task.network())
        _begin_with_distinct_codes(self.module)
        self.module.to(self.device)
        self.pieces = [
            (tune, first, min(first + LONGEST, count))
            for tune in training
            for count in [self._count(tune)]
            for first in range(0, count, LONGEST)
        ]
        self.tokens = sum(last - first for _, first, last in self.pieces)
        if not self.tokens:
            raise DataError("The tunes to learn from have no steps: give longer ones.")
        self.rows = max(2, round(self.recipe.batch_tokens * len(self.pieces) / self.tokens))
        self.held_out = sorted(map(self._read, validation), key=lambda read: len(read[0]))
        self.held_out_steps = sum(tune.steps for tune in validation)
        self.epoch, self.batches = -1, [np.zeros(0, np.int64)]
        self.shifts = np.zeros(0, np.int64)

    def loss(self, step: int) -> Tensor:
        """Nats per token, of this step's tunes in this epoch's keys."""
        per_epoch = -(-len(self.pieces) // self.rows)
        epoch, place = divmod(step, per_epoch)
        if epoch != self.epoch:
            self._begin(epoch)
        batch = self._batch([self._piece(int(each)) for each in self.batches[place]])
        with mixed(self.precision, self.module, self.task.sizes.hidden_size):
            losses = self._losses(batch)
        return losses.sum() / batch.lengths.sum()

    def validate(self) -> tuple[float, float]:
        """Nats per step of the tunes set aside."""
        total = 0.0
        for first in range(0, len(self.held_out), 32):
            with torch.no_grad():
                total += float(self._losses(self._batch(self.held_out[first : first + 32])).double().sum())
        return total / self.held_out_steps, self.baseline

    def _begin(self, epoch: int) -> None:
        """The order and the keys of an epoch, which depend on seed and epoch alone."""
        rng = np.random.default_rng((self.seed, epoch))
        lengths = np.array([last - first for _, first, last in self.pieces])
        self.batches = bucketed(lengths, self.rows, BUCKET, rng)
        shifts = rng.integers(-self.recipe.transpose, self.recipe.transpose + 1, len(self.pieces))
        self.shifts = np.where(rng.random(len(self.pieces)) < OWN_KEY, 0, shifts)
        self.epoch = epoch

    def _piece(self, number: int) -> tuple[NDArray[Any], ...]:
        tune, first, last = self.pieces[number]
        moved = _moved(tune, int(self.shifts[number]), self._lowest, self._highest)
        return tuple(each[first:last] for each in self._read(moved))

    @property
    def _lowest(self) -> int:
        return LOWEST if self.task.coding.kind != "melody" else 0

    @property
    def _highest(self) -> int:
        return LOWEST + KEYS - 1 if self.task.coding.kind != "melody" else 127

    def _count(self, tune: Stepped) -> int:
        return tune.steps if isinstance(self.task.coding, Keys) else len(self.task.coding.tokens(tune))

    def _read(self, tune: Stepped) -> tuple[NDArray[Any], ...]:
        """Rows and targets, and what may come where that is not everything."""
        if isinstance(self.task.coding, Keys):
            return self.task.coding.rows(tune)
        coding: Coding = self.task.coding
        rows, legal, tokens, _ = read(coding, tune)
        return rows, tokens, legal

    def _batch(self, tunes: Sequence[tuple[NDArray[Any], ...]]) -> Batch:
        lengths = [len(tune[0]) for tune in tunes]
        arrays = []
        for each in range(len(tunes[0])):
            like = tunes[0][each]
            padded = np.full((len(tunes), max(lengths), *like.shape[1:]), each == 2, like.dtype)
            for row, tune in enumerate(tunes):
                padded[row, : lengths[row]] = tune[each]
            arrays.append(torch.from_numpy(padded).to(self.device))
        legal = arrays[2] if len(arrays) > 2 else None
        return Batch(arrays[0], arrays[1], legal, torch.tensor(lengths, device=self.device))

    def _losses(self, batch: Batch) -> Tensor:
        """Of each token, or of each step's keys together, zero beyond a tune's end: `(batch, time)`."""
        output, _ = self.module(batch.rows, lengths=batch.lengths)
        if batch.legal is None:
            each = functional.binary_cross_entropy_with_logits(output.float(), batch.targets.float(), reduction="none")
            losses = each.sum(-1)
        else:
            losses = nll(output.float(), batch.targets, batch.legal)
        inside = torch.arange(losses.shape[1], device=losses.device) < batch.lengths[:, None]
        return losses * inside


def _begin_with_distinct_codes(module: NetworkModule) -> None:
    """Vectors of codes begin as large as the other numbers: of tokens they are most of what there is to see."""
    with torch.no_grad():
        for name, weight in module.layers[0].named_parameters():
            if name.startswith("embeddings."):
                weight.normal_()


def _moved(tune: Stepped, semitones: int, lowest: int, highest: int) -> Stepped:
    """In another key, or in the one nearest to it in which all pitches are there."""
    if not (semitones and len(tune.notes)):
        return tune
    pitches = tune.notes[:, 2]
    semitones = int(np.clip(semitones, lowest - pitches.min(), highest - pitches.max()))
    return replace(tune, notes=np.column_stack([tune.notes[:, :2], pitches + semitones]))
