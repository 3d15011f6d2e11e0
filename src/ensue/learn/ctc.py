"""Training a speech task by connectionist temporal classification: padded batches of similar length, and word errors.

The loss sums over all ways to say a transcript (Graves et al. 2006, sec. 4). The weights that are kept are those with the
fewest word errors on the validation rows, decoded greedily. Letters of shapes: `batch time features`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ensue.data.utterances import Steps, Utterances
from ensue.learn.batches_by_length import Order, side_by_side, together
from ensue.learn.checkpoint import fingerprint
from ensue.learn.devices import device_of, threads
from ensue.learn.loop import LoopOptions, train
from ensue.learn.modules import build, weights_to_numpy
from ensue.learn.precision import gaining, mixed
from ensue.reports import Measure, Progress, TrainingReport
from ensue.tasks.alphabet import BLANK
from ensue.tasks.speech import SpeechTask
from ensue.tasks.speech_options import SpeechOptions
from ensue.tasks.speech_scores import SpeechScores, score

if TYPE_CHECKING:
    from torch import Tensor

Weights = dict[str, NDArray[Any]]

POOL = 8
"""Batches whose recordings are put in order of length together."""
ROOM = 40_000
"""Steps of a batch at most, so that long recordings fit in memory."""
VALIDATIONS = 40
"""Validations in a training."""
SHOWN = 4
"""Times that a sample is shown while training."""
PATIENT = 600
"""Steps in which a network may say nothing but blanks, as all do at first."""
TIE = 1e-4
"""Of the loss, in the score: of weights with equally many word errors the surer ones are kept."""


@dataclass(frozen=True)
class Fitted:
    """What training leaves."""

    weights: Weights
    report: TrainingReport
    log_p: list[NDArray[np.float32]]
    """Of the validation rows: log probabilities `(steps, classes)` of each."""
    scores: SpeechScores
    """Of their greedy transcripts."""


def fit(
    training: Utterances,
    validation: Utterances,
    task: SpeechTask,
    options: SpeechOptions,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Fitted:
    """Train a speech task.

    Args:
        training, validation: with a number of steps that the task's stride divides, and no more labels than answers.
        say: is told what is heard as it is learned, and what is wrong.

    Raises `TrainingError` when the loss is no longer a number.
    """
    with threads(options.threads):
        steps = options.steps_for(len(training))
        objective = Objective(training, validation, task, options, say, steps)
        loop = LoopOptions(
            steps,
            options.learning_rate or 3e-3,
            warm_up=max(50, min(300, steps // 10)),
            weight_decay=0.01,
            validate_every=max(10, steps // VALIDATIONS),
            patience=VALIDATIONS,
            average_decay=0.998 if steps > 2000 else 0.99,
            seed=options.seed,
        )
        mark = fingerprint(options, training.digest(), validation.digest(), task.to_json())
        report = train(
            objective.module, objective, loop, checkpoint=checkpoint, resume=resume,
            fingerprint=mark, progress=progress,
            measure=Measure("word error rate", "saying nothing"),
        )  # fmt: skip
        log_p, _ = objective.answers()
        return Fitted(weights_to_numpy(objective.module), report, log_p, objective.heard(log_p)[1])


class Objective:
    """The loss of a step, and the word errors of the averaged weights."""

    def __init__(
        self,
        training: Utterances,
        validation: Utterances,
        task: SpeechTask,
        options: SpeechOptions,
        say: Callable[[str], None],
        steps: int,
    ) -> None:
        self.training, self.validation, self.task, self.options = training, validation, task, options
        self.say, self.steps, self.step, self.warned = say, steps, 0, False
        self.device = device_of(options.device)
        torch.manual_seed(options.seed)
        self.module = build(task.networks()["network"]).to(self.device)
        self.stride = task.networks()["network"].stride
        self.labels = [task.alphabet.encode(text) for text in training.texts]
        self.right = [task.alphabet.encode(text) for text in validation.texts]
        self.needs = [task.alphabet.steps_for(each) for each in self.labels]
        self.lengths = np.array([len(each) for each in training.features])
        self.order = Order(self.lengths, options.batch(len(training)), POOL, options.seed, ROOM)

    def loss(self, step: int) -> Tensor:
        """The negative log probability of the transcripts, in nats a label."""
        self.step = step
        places = self.order.at(step)
        features = [self._features(row, step) for row in places]
        with mixed(self.options.precision, self.module, gaining(self.task.networks(), max(self.task.sizes.hidden))):
            log_p, answers = self._answer(features)
        return self._cost(log_p, answers, [self.labels[row] for row in places])

    def validate(self) -> tuple[float, float]:
        """The word error rate of the validation rows, and that of saying nothing."""
        log_p, cost = self.answers()
        texts, scores = self.heard(log_p)
        self._tell(texts, scores)
        return scores.wer + TIE * cost, 1.0

    def answers(self) -> tuple[list[NDArray[np.float32]], float]:
        """Log probabilities of the validation rows, `(steps, classes)` each, and the loss in nats a label."""
        found: list[NDArray[np.float32]] = [np.zeros((0, 0), np.float32)] * len(self.validation)
        cost, labels = 0.0, sum(map(len, self.right))
        lengths = [len(each) for each in self.validation.features]
        with torch.no_grad():
            for rows in together(lengths, 32, ROOM):
                log_p, counts = self._answer([self.validation.features[row] for row in rows])
                right = [self.right[row] for row in rows]
                cost += float(self._cost(log_p, counts, right)) * sum(map(len, right))
                for row, each, count in zip(rows, log_p.cpu().numpy(), counts, strict=True):
                    found[row] = each[:count]
        return found, cost / max(labels, 1)

    def heard(self, log_p: Sequence[NDArray[np.float32]]) -> tuple[list[str], SpeechScores]:
        """The greedy transcripts of the validation rows, and their errors."""
        texts = [self.task.alphabet.write(each.argmax(axis=1).tolist()) for each in log_p]
        return texts, score(self.validation.texts, texts)

    def _features(self, row: int, step: int) -> Steps:
        """Of a training row, changed at random as far as the transcript still fits in."""
        if self.training.augment is None:
            return self.training.features[row]
        dice = np.random.default_rng((self.options.seed, 1, step, int(row)))
        changed = self.task.even(self.training.augment(int(row), dice))
        return changed if len(changed) >= self.needs[row] * self.stride else self.training.features[row]

    def _answer(self, features: Sequence[Steps]) -> tuple[Tensor, list[int]]:
        """Log probabilities `(batch, steps, classes)` and how many steps of each count."""
        x, lengths = side_by_side(features)
        output, _ = self.module(torch.from_numpy(x).to(self.device), lengths=torch.tensor(lengths, device=self.device))
        return output.float(), [length // self.stride for length in lengths]

    def _cost(self, log_p: Tensor, answers: Sequence[int], labels: Sequence[NDArray[np.int64]]) -> Tensor:
        counts = [len(each) for each in labels]
        total = functional.ctc_loss(
            log_p.transpose(0, 1),  # time x batch x classes
            torch.from_numpy(np.concatenate(labels)).to(self.device),
            torch.tensor(answers, device=self.device),
            torch.tensor(counts, device=self.device),
            blank=BLANK,
            reduction="sum",
            zero_infinity=True,
        )
        return total / max(1, sum(counts))

    def _tell(self, texts: list[str], scores: SpeechScores) -> None:
        """What is heard, now and then; and that nothing is, where that lasts."""
        done = (self.step + 1) / self.steps
        silent = sum(not text for text in texts) > 0.9 * len(texts)
        late = self.step + 1 >= PATIENT and done > 0.3
        if silent and (late or done >= 1) and not self.warned:
            self.warned = True
            self.say(
                f"Step {self.step + 1:,}: the network still says blanks only, in which CTC sometimes gets stuck: try a "
                "learning rate a third of this one or three times it, shorter recordings first, more of them, or --steps "
                "for longer."
            )
        if int(done * SHOWN) > int((done - 1 / VALIDATIONS) * SHOWN):
            row = sorted(range(len(texts)), key=lambda each: (len(self.validation.texts[each]), each))[len(texts) // 2]
            self.say(
                f"Step {self.step + 1:,}, word error rate {scores.wer:.1%}: '{self.validation.texts[row]}' is heard as "
                f"'{texts[row]}'."
            )
