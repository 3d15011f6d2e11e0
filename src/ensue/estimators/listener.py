"""`Listener`: single words told apart, in clips and in sound that goes on and on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ensue.baselines.pooled import MEAN, linear, mean_frame
from ensue.data.audio.labelled_recordings import long_recordings, noise_of, recordings_of
from ensue.data.labelled import Labelled
from ensue.data.labelled_files import LabelledFiles
from ensue.errors import UsageError
from ensue.estimators.base import Estimator, needs_torch
from ensue.reports import Progress, TrainingReport
from ensue.runtime.hearing import CommandRuntime, CommandStream, Heard, words_in
from ensue.tasks.class_findings import results
from ensue.tasks.class_scores import ClassScores, doubt, score
from ensue.tasks.classifying import Raw
from ensue.tasks.command_data import Ready, prepare
from ensue.tasks.command_options import CommandOptions
from ensue.tasks.commands import CommandTask, Hearing
from ensue.tasks.task_file import Weights

if TYPE_CHECKING:
    from ensue.learn.classification import Fitted


class Listener(Estimator[CommandTask]):
    """Learns words such as "yes", "stop" or "seven" from recordings of them, and hears them in sound as it comes.

        model = ensue.Listener().fit("words", negatives="other speech")     # a sub-folder a word
        model.predict(["mine.wav"])
        model.listen("a long recording.wav")

    An LSTM reads the mel bands of a clip in both directions, and attention over its steps tells the word; in a stream it is
    shown the last moment ten times a second. With `streaming=True` it reads forward only, and a stream carries its state.

    Args:
        preset: 'fast', 'default' or 'thorough'.
        streaming: read forward only.
        augment: hear each word changed at random: voice, speed, loudness, noise, place in the clip.
        sample_rate: samples a second; None: those of most recordings, at most 16,000.
        bands: mel bands.
        hidden_size, layers, dropout: of the network; None: those of the preset.
        class_weights: 'equal', or 'balanced' by how rare a class is.
        label_smoothing: share of the probability that a label gives away while training.
        refit: at last, learn anew from all recordings, those among them that were set aside to validate on; that takes as
            long again, and the scores are those of before.
        calibrate: correct probabilities on the validation recordings.
        false_alarms: an hour at most, by which the threshold is chosen where there are negatives.
        epochs, steps, batch_size, learning_rate, seed: of the training.
        device, threads, precision: where, on how many threads and in what numbers to train.

    After `fit`, `scores_` holds accuracy, F1 and the confusion matrix on the validation recordings, `baselines_` the accuracy
    of a linear model of the mean frame, `hearing_` the threshold and what was measured of it. Raises `ConfigError` for an
    argument that cannot be right.
    """

    task_type: ClassVar[type[Any]] = CommandTask
    scores_: ClassScores
    baselines_: dict[str, float]
    prediction_findings_: tuple[str, ...] = ()
    """What was found in the files that were asked about last."""

    def __init__(
        self,
        *,
        preset: str = "default",
        streaming: bool = False,
        augment: bool = True,
        sample_rate: int | None = None,
        bands: int = 40,
        hidden_size: int | None = None,
        layers: int | None = None,
        dropout: float | None = None,
        class_weights: str = "equal",
        label_smoothing: float = 0.1,
        refit: bool = True,
        calibrate: bool = True,
        false_alarms: float = 1.0,
        epochs: float | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        seed: int = 0,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        self.preset, self.streaming, self.augment = preset, streaming, augment
        self.sample_rate, self.bands = sample_rate, bands
        self.hidden_size, self.layers, self.dropout = hidden_size, layers, dropout
        self.class_weights, self.label_smoothing = class_weights, label_smoothing
        self.refit, self.calibrate = refit, calibrate
        self.false_alarms, self.epochs, self.steps = false_alarms, epochs, steps
        self.batch_size, self.learning_rate, self.seed = batch_size, learning_rate, seed
        self.device, self.threads, self.precision = device, threads, precision
        self._options()

    def _options(self) -> CommandOptions:
        return CommandOptions(**{each.name: getattr(self, each.name) for each in fields(CommandOptions)})

    def fit(
        self,
        data: Any,
        labels: Sequence[Any] | None = None,
        *,
        speakers: Sequence[Any] | None = None,
        valid: Any = None,
        negatives: Any = None,
        noise: Any = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Learn from labelled recordings.

        Args:
            data: a folder with a sub-folder for each word, a table of files and labels (and speaker, and split); or, with
                `labels`, a list of paths, or of samples `(n,)` from -1 to 1. Classes called `_silence_` or `_unknown_` are
                no words; without one, silence is made.
            labels: one for each.
            speakers: who speaks in each; whole speakers are set aside for validation.
            valid: recordings to validate on: a folder, a table, or a pair of recordings and labels; None: a part is set
                aside.
            negatives: long recordings of other speech, without these words: a folder or files. From half of them it learns
                what to let pass, the other half chooses the threshold.
            noise: recordings without speech, to be added to the words; None: the folder's `_background_noise_`.
            checkpoint: file that training can go on from with `resume` after it was stopped.
            progress: called after every step.

        Ctrl-C keeps the best so far. Raises `DataError` for recordings that cannot be learned from.
        """
        with needs_torch():
            from ensue.learn.classification import fit

        from ensue.runtime.thresholds import careful_enough, missed_by

        options, self.findings_ = self._options(), ()
        others = long_recordings(negatives)
        ready = prepare(
            recordings_of(data, labels, speakers),
            self._valid(valid),
            options,
            self._say,
            noise=long_recordings(noise) if noise is not None else noise_of(data),
            negatives=others,
        )
        baseline = self._baseline(ready.task, ready.training, ready.validation)
        how: dict[str, Any] = {"baseline": baseline, "resume": resume, "progress": progress}
        place = None if checkpoint is None else Path(checkpoint)
        fitted = fit(
            ready.training, ready.validation, ready.task, options, augment=ready.augment, checkpoint=place, **how
        )
        weights, report = (
            self._refit(ready, fitted, options, place, how) if options.refit else (fitted.weights, fitted.report)
        )
        task = fitted.task
        if ready.negatives:
            hearing = careful_enough(CommandRuntime(task, {"network": weights}), ready.negatives, options.false_alarms)
            tried = CommandRuntime(task, {"network": fitted.weights})  # which has not learned from the validation words
            missed = missed_by(tried, _words(task, ready.validation), hearing.threshold)
            task = replace(task, hearing=replace(hearing, missed=missed))
        self._learned(task, {"network": weights}, report)
        self.scores_ = fitted.scores
        for finding in (*results(fitted.scores, fitted.before, task.temperature, baseline), task.hearing.told):
            self._say(finding)
        return self

    @property
    def classes_(self) -> tuple[str, ...]:
        """The names of the classes, in the order of `predict_proba`."""
        self._check_fitted()
        return self.task_.classes

    @property
    def hearing_(self) -> Hearing:
        """When a word counts as heard, and what was measured of that."""
        self._check_fitted()
        return self.task_.hearing

    def predict(self, recordings: Sequence[Any]) -> list[str]:
        """The likeliest class of each recording: paths, or samples `(n,)` at the model's rate."""
        return [self.classes_[place] for place in self.predict_proba(recordings).argmax(axis=1)]

    def predict_proba(self, recordings: Sequence[Any]) -> NDArray[np.float64]:
        """The probability of every class for each recording, `(recordings, classes)`, without PyTorch.

        What was found in the files, such as another sample rate, is in `prediction_findings_`. Raises `DataError` for a
        recording that cannot be read.
        """
        return np.asarray(np.exp(self._log_probabilities(recordings)))

    def listen(self, recording: Any, *, hearing: Hearing | None = None) -> list[Heard]:
        """The words that are heard in a recording, and when, as a stream hears them.

        Args:
            recording: a path, or samples `(n,)` at the model's rate.
            hearing: when a word counts; None: as the model has it.
        """
        self._check_fitted()
        return words_in(self._runtime, self._opened([recording])[0], hearing)

    def evaluate(
        self, data: Any, labels: Sequence[Any] | None = None, speakers: Sequence[Any] | None = None
    ) -> ClassScores:
        """Accuracy, F1, confusion matrix and calibration on labelled recordings that were not learned from."""
        self._check_fitted()
        clips = recordings_of(data, labels, speakers)
        known = Labelled((), clips.labels).numbers(self.classes_)
        return score(self._log_probabilities(clips.items), known, self.classes_)

    def stream(self, hearing: Hearing | None = None) -> CommandStream:
        """Hears words in sound as it comes, without PyTorch; `hearing` as for `listen`."""
        self._check_fitted()
        return CommandStream(self._runtime, hearing)

    def describe(self) -> dict[str, Any]:
        """What the fitted model is, as plain values."""
        task = self.task_
        own = {"classes": list(task.classes), "words": list(task.words), "front_end": task.front_end.to_json()}
        return super().describe() | own | {
            "temperature": task.temperature,
            "hearing": task.to_json()["hearing"],
            "causal": task.streams,
            "usual_seconds": round(task.usual * task.plain.hop, 3),
        }  # fmt: skip

    def _refit(
        self,
        ready: Ready,
        fitted: Fitted[CommandTask],
        options: CommandOptions,
        checkpoint: Path | None,
        how: dict[str, Any],
    ) -> tuple[Weights, TrainingReport]:
        """Weights that were learned from all recordings for as many steps as the first ones, where that went to its end."""
        from ensue.learn.classification import fit

        report, progress = fitted.report, how["progress"]
        if ready.everything is None or report.stopped == "interrupted":
            return fitted.weights, report
        place = None if checkpoint is None else Path(f"{checkpoint}-all")
        again = fit(
            ready.everything,
            ready.validation,
            fitted.task,
            replace(options, calibrate=False, steps=report.steps),
            augment=ready.augment_everything,
            baseline=how["baseline"],
            checkpoint=place,
            resume=bool(how["resume"] and place is not None and place.exists()),
            # what it says of rows that it learns from would look like a score
            progress=None if progress is None else lambda each: progress(replace(each, validation=None)),
        )
        if again.report.stopped == "interrupted":
            return fitted.weights, replace(report, stopped="interrupted")
        self._say(f"Learned anew from all {len(ready.everything):,} recordings; the scores are those of before.")
        return again.weights, report

    def _learned(self, task: CommandTask, weights: dict[str, Weights], report: TrainingReport) -> None:
        super()._learned(task, weights, report)
        self._runtime = CommandRuntime(task, weights, self.threads or 1)

    def _valid(self, valid: Any) -> LabelledFiles | None:
        if valid is None:
            return None
        return recordings_of(valid[0], valid[1], None) if isinstance(valid, tuple) else recordings_of(valid, None, None)

    def _log_probabilities(self, recordings: Sequence[Any]) -> NDArray[np.float64]:
        self._check_fitted()
        if isinstance(recordings, str | Path):
            raise UsageError("A single file was given, expected a list of them: give predict([file]).")
        return self._runtime.log_probabilities(self._opened(recordings))

    def _opened(self, recordings: Sequence[Any]) -> list[Any]:
        """Files read, at the model's rate; what is found in them is kept."""
        from ensue.data.audio.recordings import read_audio

        opened, found = [], []
        for each in recordings:
            if isinstance(each, str | Path):
                recording = read_audio(each, self.task_.front_end.rate)
                found += [f"{each}: {finding}" for finding in recording.findings]
                each = recording.samples
            opened.append(each)
        self.prediction_findings_ = tuple(found)
        return opened

    def _baseline(self, task: CommandTask, training: Labelled, validation: Labelled) -> tuple[str, float]:
        """The name and the error rate of a linear model of the mean frame."""
        known, right = training.numbers(task.classes), validation.numbers(task.classes)
        read, held = (mean_frame([_level(task, each) for each in rows.items]) for rows in (training, validation))
        answers = linear(read, known, held, len(task.classes))
        self.baselines_ = {MEAN: float((answers.argmax(axis=1) == right).mean())}
        return MEAN, doubt(answers, right)

    def _say(self, sentence: str) -> None:
        self.findings_ = (*self.findings_, sentence)


def _level(task: CommandTask, item: Any) -> NDArray[np.float32]:
    """Frames as they are: the mean of those that are normalised would be nothing."""
    return item.values if isinstance(item, Raw) else task.raw(item)


def _words(task: CommandTask, validation: Labelled) -> list[tuple[NDArray[np.float32], str]]:
    """The validation recordings of words that are to be heard."""
    rows = zip(validation.items, validation.labels, strict=True)
    return [(_level(task, item), label) for item, label in rows if label in task.words]
