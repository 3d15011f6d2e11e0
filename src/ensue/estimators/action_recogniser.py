"""`ActionRecogniser`: what somebody does in a clip, told from film, from key points or from features of each frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ensue.baselines.pooled import MEAN, SINGLE, linear, mean_frame, middle_frame
from ensue.data.labelled import Labelled
from ensue.data.labelled_files import LabelledFiles
from ensue.errors import MissingExtraError, UsageError
from ensue.estimators.base import Estimator
from ensue.reports import Progress, TrainingReport
from ensue.runtime.acting import ActionRuntime, ActionStream, Moment
from ensue.tasks.action_data import clips_of, prepare
from ensue.tasks.action_options import ActionOptions
from ensue.tasks.actions import ActionTask
from ensue.tasks.class_findings import results
from ensue.tasks.class_scores import ClassScores, doubt, score
from ensue.tasks.task_file import Weights


class ActionRecogniser(Estimator[ActionTask]):
    """Learns to tell actions apart: gestures, signs, exercises, from films or from key points of bodies and hands.

        model = ensue.ActionRecogniser().fit("clips")     # a sub-folder an action
        model.predict(["mine.mp4"])
        model.moments("mine.mp4")

    An LSTM reads each clip in both directions, and the mean over its frames is judged. With `streaming=True` it reads
    forward only, answers at every frame, and its stream carries the network's state instead of a window.

    Args:
        preset: 'fast', 'default' or 'thorough'.
        streaming: answer while a clip runs.
        augment, mirror: show clips changed at random; mirrored ones too (None: unless a class is named for left or right).
        height, width, colour, before: of films: pixels the network sees, and frames before each that are seen with it.
        frame_rate: frames a second; None: 10 of films, 30 of key points, 5 with `features`.
        features: path of an ONNX network through which films are looked at; what it gives is kept on disk.
        skeleton: which key points they are; None: told by their number.
        hidden_size, layers, dropout: of the network; None: those of the preset.
        class_weights: 'equal', or 'balanced' by how rare a class is.
        label_smoothing: share of the probability that a label gives away while training.
        calibrate: correct probabilities on the validation clips.
        epochs, steps, batch_size, learning_rate, seed: of the training.
        device, threads, precision: where, on how many threads and in what numbers to train.

    After `fit`, `scores_` holds accuracy, F1 and the confusion matrix on the validation clips, `baselines_` the accuracy of
    the mean frame and of a single one. Raises `ConfigError` for an argument that cannot be right.
    """

    task_type: ClassVar[type[Any]] = ActionTask
    scores_: ClassScores
    baselines_: dict[str, float]

    def __init__(
        self,
        *,
        preset: str = "default",
        streaming: bool = False,
        augment: bool = True,
        mirror: bool | None = None,
        height: int = 48,
        width: int = 48,
        frame_rate: float | None = None,
        colour: bool = False,
        before: int = 1,
        features: str | None = None,
        skeleton: str | None = None,
        hidden_size: int | None = None,
        layers: int | None = None,
        dropout: float | None = None,
        class_weights: str = "equal",
        label_smoothing: float = 0.1,
        calibrate: bool = True,
        epochs: float | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        seed: int = 0,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        self.preset, self.streaming, self.augment, self.mirror = preset, streaming, augment, mirror
        self.height, self.width, self.frame_rate, self.colour = height, width, frame_rate, colour
        self.before, self.features, self.skeleton = before, features, skeleton
        self.hidden_size, self.layers, self.dropout = hidden_size, layers, dropout
        self.class_weights, self.label_smoothing, self.calibrate = class_weights, label_smoothing, calibrate
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self.learning_rate, self.seed = learning_rate, seed
        self.device, self.threads, self.precision = device, threads, precision
        self._options()

    def _options(self) -> ActionOptions:
        return ActionOptions(**{each.name: getattr(self, each.name) for each in fields(ActionOptions)})

    def fit(
        self,
        data: Any,
        labels: Sequence[Any] | None = None,
        *,
        subjects: Sequence[Any] | None = None,
        valid: Any = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Learn from labelled clips.

        Args:
            data: a folder with a sub-folder for each action, a table of files and labels (and subject, and split); or, with
                `labels`, a list of paths or arrays: frames `(frames, rows, columns, 3)` as bytes, key points
                `(frames, points, axes)`, or features `(frames, numbers)`.
            labels: one for each.
            subjects: who is seen in each; whole subjects are set aside for validation.
            valid: clips to validate on: a folder, a table, or a pair of clips and labels; None: a part is set aside.
            checkpoint: file that training can go on from with `resume` after it was stopped.
            progress: called after every step.

        Ctrl-C keeps the best so far. Raises `DataError` for clips that cannot be learned from.
        """
        try:
            from ensue.learn.classification import fit
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingExtraError("Training", "torch", "train") from error

        options, self.findings_ = self._options(), ()
        ready = prepare(clips_of(data, labels, subjects), self._valid(valid), options, self._say)
        task = ActionTask(ready.front_end, ready.training.classes, options.sizes(), usual=ready.usual)
        baseline = self._baselines(task, ready.training, ready.validation)
        fitted = fit(
            ready.training,
            ready.validation,
            task,
            options,
            augment=ready.augment,
            baseline=baseline,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            resume=resume,
            progress=progress,
        )
        self._learned(fitted.task, {"network": fitted.weights}, fitted.report)
        self.scores_ = fitted.scores
        for finding in results(fitted.scores, fitted.before, fitted.task.temperature, baseline):
            self._say(finding)
        return self

    @property
    def classes_(self) -> tuple[str, ...]:
        """The names of the actions, in the order of `predict_proba`."""
        self._check_fitted()
        return self.task_.classes

    def predict(self, clips: Sequence[Any]) -> list[str]:
        """The likeliest action of each clip: paths, or arrays as for `fit`."""
        return [self.classes_[place] for place in self.predict_proba(clips).argmax(axis=1)]

    def predict_proba(self, clips: Sequence[Any]) -> NDArray[np.float64]:
        """The probability of every action for each clip, `(clips, classes)`, without PyTorch.

        Raises `DataError` for a clip that cannot be read, or is of another kind than the model was trained on.
        """
        self._check_fitted()
        if isinstance(clips, str | Path):
            raise UsageError("A single file was given, expected a list of them: give predict([file]).")
        return self._runtime.probabilities(list(clips))

    def moments(self, clip: Any, *, smooth: float = 0.0) -> list[Moment]:
        """What is done when: the action and its probability at moments of a clip, and all probabilities.

        Args:
            clip: a path or an array.
            smooth: seconds over which probabilities are averaged, those of the past exponentially.
        """
        self._check_fitted()
        return self._runtime.moments(clip, smooth)

    def evaluate(
        self, data: Any, labels: Sequence[Any] | None = None, subjects: Sequence[Any] | None = None
    ) -> ClassScores:
        """Accuracy, F1, confusion matrix and calibration on labelled clips that were not learned from."""
        self._check_fitted()
        clips = clips_of(data, labels, subjects)
        known = Labelled((), clips.labels).numbers(self.classes_)
        return score(self._runtime.log_probabilities(list(clips.items)), known, self.classes_)

    def stream(self, *, smooth: float = 0.3, every: float = 0.0, window: float | None = None) -> ActionStream:
        """Watches frames or key points as they come, without PyTorch.

        Args:
            smooth: seconds over which probabilities are averaged.
            every: seconds between answers; 0: every frame.
            window: seconds that are looked back at; None: the network's own state, where it reads forward only, and else as
                long as clips in training usually were.
        """
        self._check_fitted()
        return ActionStream(self._runtime, smooth=smooth, every=every, window=window)

    def describe(self) -> dict[str, Any]:
        """What the fitted model is, as plain values."""
        task = self.task_
        own = {"classes": list(task.classes), "front_end": task.front_end.to_json(), "temperature": task.temperature}
        return super().describe() | own | {"causal": task.streams, "usual_steps": task.usual}

    def _learned(self, task: ActionTask, weights: dict[str, Weights], report: TrainingReport) -> None:
        super()._learned(task, weights, report)
        self._runtime = ActionRuntime(task, weights, self.threads or 1)

    def _valid(self, valid: Any) -> LabelledFiles | None:
        if valid is None:
            return None
        return clips_of(valid[0], valid[1], None) if isinstance(valid, tuple) else clips_of(valid, None, None)

    def _baselines(self, task: ActionTask, training: Labelled, validation: Labelled) -> tuple[str, float]:
        """Measure the baselines; the name and the error rate of the better one."""
        known, right = training.numbers(task.classes), validation.numbers(task.classes)
        read, held = ([task.read(each) for each in rows.items] for rows in (training, validation))
        found = []
        self.baselines_ = {}
        for name, frame in ((MEAN, mean_frame), (SINGLE, middle_frame)):
            answers = linear(frame(read), known, frame(held), len(task.classes))
            found.append((doubt(answers, right), name))
            self.baselines_[name] = float((answers.argmax(axis=1) == right).mean())
        told = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in self.baselines_.items())
        self._say(f"Baselines on the same {len(right):,} validation clips: {told}.")
        errors, name = min(found)
        return name, errors

    def _say(self, sentence: str) -> None:
        self.findings_ = (*self.findings_, sentence)
