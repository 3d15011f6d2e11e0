"""Training the classification task: batches of sequences of similar length, and how good the answers are.

The weights that are kept are those with the fewest errors on the validation rows, the surer ones among equals. The
temperature that makes probabilities believable is found on the same rows. Letters of shapes: `batch time features`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ensue.data.labelled import Labelled
from ensue.data.text import UNKNOWN, TextFrontEnd
from ensue.learn.batches_by_length import Order, side_by_side, together
from ensue.learn.checkpoint import fingerprint
from ensue.learn.devices import device_of, threads
from ensue.learn.loop import LoopOptions, train
from ensue.learn.modules import build, load_weights, weights_to_numpy
from ensue.learn.precision import mixed
from ensue.reports import Measure, Progress, TrainingReport
from ensue.tasks.class_scores import ClassScores, clear_temperature, doubt, score, tempered
from ensue.tasks.classifying import Augment, Classifying, Teaching

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

T = TypeVar("T", bound=Classifying)
Weights = dict[str, NDArray[Any]]
Sequences = Sequence[NDArray[np.float32]]

ERRORS = "error rate"
POOL = 50
"""Batches whose sequences are put in order of length together."""
ROOM = 30_000
"""Steps of a batch at most, so that long sequences fit in memory."""
RARE = 0.25
"""A token seen n times is read as unknown with probability r / (r + n) while training (Kiperwasser & Goldberg 2016, sec.
4.1), so that the unknown token means a rare one."""
VALIDATIONS = 25
"""Validations in a training."""
LONG = 1500
"""Steps from which weights are averaged over more of them, and a training may end early."""


@dataclass(frozen=True)
class Fitted(Generic[T]):
    """What training leaves."""

    task: T
    weights: Weights
    report: TrainingReport
    scores: ClassScores
    """On the validation rows, as calibrated."""
    before: ClassScores
    """The same before the temperature."""


def fit(
    training: Labelled,
    validation: Labelled,
    task: T,
    options: Teaching,
    *,
    augment: Augment | None = None,
    begin: Weights | None = None,
    baseline: tuple[str, float],
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Fitted[T]:
    """Train a classifier.

    Args:
        task: with the front end and the classes of the training rows.
        augment: what is read of a training row instead of what `task.read` gives.
        begin: weights of some of the network's parameters, such as those of a language model; for the first third of the
            training they stay as they are (gradual unfreezing, Howard & Ruder 2018, sec. 3.3).
        baseline: what the answers are compared with: its name and its error rate.
        checkpoint: file for going on after a crash, with `resume`.

    Raises `TrainingError` when the loss is no longer a number.
    """
    with threads(options.threads):
        objective = _Objective(training, validation, task, options, begin or {}, baseline[1], augment)
        steps = steps_for(len(training), options)
        objective.frozen_until = steps // 3 if begin else 0
        loop = LoopOptions(
            steps,
            options.rate(len(training)),
            warm_up=100,
            weight_decay=0.02,
            validate_every=max(10, steps // VALIDATIONS),
            patience=12 if steps > LONG else VALIDATIONS,  # a short training may learn nothing for half of its time
            average_decay=0.998 if steps > LONG else 0.99,
            seed=options.seed,
        )
        given = sorted((begin or {}).items())
        digests = [training.digest(), validation.digest(), [name for name, _ in given]]
        mark = fingerprint(options, *digests, task.to_json(), arrays=[each for _, each in given])
        report = train(
            objective.module, objective, loop, checkpoint=checkpoint, resume=resume,
            fingerprint=mark, progress=progress,
            measure=Measure(ERRORS, baseline[0]),
        )  # fmt: skip
        log_p = objective.answers()
        weights = weights_to_numpy(objective.module)
    right = objective.right
    before = score(log_p, right, task.classes)
    if not options.calibrate:
        return Fitted(task, weights, report, before, before)
    temperature = clear_temperature(log_p, right)
    after = score(tempered(log_p, temperature), right, task.classes)
    calibrated: T = replace(task, temperature=temperature)  # type: ignore[type-var]  # a dataclass, as all tasks are
    return Fitted(calibrated, weights, report, after, before)


def steps_for(rows: int, options: Teaching) -> int:
    """Training steps for so many rows.

    >>> from ensue.tasks.classification_options import ClassificationOptions
    >>> [steps_for(rows, ClassificationOptions()) for rows in (100, 10_000, 67_000)]
    [1200, 1878, 6282]
    """
    if options.steps is not None:
        return options.steps
    in_epoch = -(-rows // options.batch(rows))
    if options.epochs is not None:
        return max(1, round(options.epochs * in_epoch))
    epochs, least = options.usual_epochs
    return max(round(epochs * in_epoch), least)


class _Objective:
    """The loss of a step, and the error rate of the averaged weights."""

    def __init__(
        self,
        training: Labelled,
        validation: Labelled,
        task: Classifying,
        options: Teaching,
        begin: Weights,
        baseline: float,
        augment: Augment | None = None,
    ) -> None:
        self.task, self.options, self.baseline, self.augment = task, options, baseline, augment
        self.device = device_of(options.device)
        torch.manual_seed(options.seed)
        self.module = build(task.networks()["network"]).to(self.device)
        self.frozen_until, self.step = 0, 0
        self._take(begin)
        # what is changed anew in each step is not kept: films would fill the memory
        self.items = [task.read(item) for item in training.items] if augment is None else []
        self.held = [task.read(item) for item in validation.items]
        self.labels, self.right = training.numbers(task.classes), validation.numbers(task.classes)
        self.lengths = np.array([len(each) for each in self.items or map(task.read, training.items)])
        self.order = Order(self.lengths, options.batch(len(training)), POOL, options.seed, ROOM)
        front_end = getattr(task, "front_end", None)
        self.hidden = None
        if isinstance(front_end, TextFrontEnd):
            self.hidden = chances(self.items, front_end.size, getattr(options, "word_dropout", 0.0))
        weights = class_weights(self.labels, len(task.classes), options.class_weights)
        self.weights = torch.from_numpy(weights).to(self.device)

    def loss(self, step: int) -> Tensor:
        """The cross entropy with smoothed labels, in nats, each row weighted by its class."""
        self.step = step
        places = self.order.at(step)
        x, lengths = side_by_side(self._seen(places, step))
        if self.hidden is not None:
            dice = np.random.default_rng((self.options.seed, 1, step)).random(x.shape[:2])
            x[..., 0][dice < self.hidden[x[..., 0].astype(np.int64)]] = UNKNOWN
        labels = torch.from_numpy(self.labels[places]).to(self.device)
        with mixed(self.options.precision, self.module, max(self.task.sizes.hidden)):
            log_p = self._answer(x, lengths)
            cost: Tensor = functional.cross_entropy(
                log_p, labels, self.weights, label_smoothing=self.options.label_smoothing
            )
        return cost

    def _seen(self, places: NDArray[np.int64], step: int) -> Sequences:
        """What the network reads of some training rows in that step."""
        if self.augment is None:
            return [self.items[row] for row in places]
        dice = np.random.default_rng((self.options.seed, 3, step))
        return [self.augment(int(row), dice) for row in places]

    def validate(self) -> tuple[float, float]:
        """The error rate of the validation rows, ties broken by how sure the answers are; and the baseline's."""
        return doubt(self.answers(), self.right), self.baseline

    def answers(self) -> NDArray[np.float64]:
        """Log probabilities of the validation rows, `(rows, classes)`."""
        found = np.zeros((len(self.held), len(self.task.classes)))
        with torch.no_grad():
            for rows in together([len(each) for each in self.held], 256, ROOM):
                found[rows] = self._answer(*side_by_side([self.held[row] for row in rows])).double().cpu().numpy()
        return found

    def _answer(self, x: NDArray[np.float32], lengths: list[int]) -> Float[Tensor, "batch classes"]:
        inside = torch.tensor(lengths, device=self.device)
        output, _ = self.module(torch.from_numpy(x).to(self.device), lengths=inside)
        last = (inside - 1) if self.task.sizes.causal else torch.zeros_like(inside)
        answers: Tensor = output[torch.arange(len(output), device=self.device), last].float()
        return answers

    def _take(self, begin: Weights) -> None:
        """Begin with these weights, and hold them still while `step` is below `frozen_until`."""
        if not begin:
            return
        load_weights(self.module, weights_to_numpy(self.module) | begin)
        for name, parameter in self.module.named_parameters():
            if name in begin:
                parameter.register_hook(self._held_still)  # type: ignore[no-untyped-call]

    def _held_still(self, gradient: Tensor) -> Tensor:
        return gradient * float(self.step >= self.frozen_until)


def class_weights(labels: NDArray[np.int64], classes: int, how: str) -> NDArray[np.float32]:
    """What a row of each class counts: one, or so much that all classes count the same.

    >>> class_weights(np.array([0, 0, 0, 1]), 2, "balanced").tolist()
    [0.6666666865348816, 2.0]
    """
    if how == "equal":
        return np.ones(classes, np.float32)
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return (len(labels) / classes / counts).astype(np.float32)


def chances(items: Sequences, vocabulary: int, least: float) -> NDArray[np.float64]:
    """How likely each token is to be read as unknown: `least` for a frequent one, more for a rare one.

    >>> chances([np.array([[1.0], [1.0], [1.0]], np.float32)], 2, least=0.1).round(3).tolist()
    [1.0, 0.169]
    """
    counts = np.bincount(np.concatenate(list(items))[:, 0].astype(np.int64), minlength=vocabulary)
    return np.asarray(least + (1 - least) * RARE / (RARE + counts), np.float64)
