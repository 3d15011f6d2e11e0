"""`Classifier`: which class a text, or a sequence of numbers, belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ensue.data.channels import Channels
from ensue.data.labelled import Item, Labelled, check_classes, label_all, set_aside
from ensue.data.text import TextFrontEnd
from ensue.errors import DataError, MissingExtraError, ModelFileError, UsageError
from ensue.estimators.base import Estimator, needs_torch
from ensue.reports import Progress, TrainingReport
from ensue.tasks.class_findings import results, tokens_that_suit, unknown_in, unknown_said
from ensue.tasks.class_scores import ClassScores, doubt, score
from ensue.tasks.classification import ClassificationTask
from ensue.tasks.classification_options import ClassificationOptions
from ensue.tasks.task_file import Weights

if TYPE_CHECKING:
    from ensue.estimators.language_model import LanguageModel
    from ensue.inspection.words_that_carried import Carried
    from ensue.runtime.classification import ClassifierRuntime, ClassifierStream


class Classifier(Estimator[ClassificationTask]):
    """Learns to tell classes apart: texts, such as reviews by what they think, or sequences of numbers.

        model = ensue.Classifier(text="review", label="sentiment").fit("reviews.csv")
        model.predict(["not bad at all"])
        model.predict_proba(["not bad at all"])

    An LSTM reads each sequence in both directions; learned attention weighs its steps (Yang et al. 2016). With
    `bidirectional=False` it reads forward only, answers at every step, and can stream.

    Args:
        text, values, label, id: columns of a table: of texts, or of the values of a sequence; of labels; and, in a long
            table, of what tells sequences apart. None: found where that is plain.
        preset: 'fast', 'default' or 'thorough'.
        tokens, vocabulary, lowercase, normalise: how texts are cut, see `ensue.data.text.TextOptions`; 'auto' cuts words.
        bidirectional, pooling: how a sequence becomes one answer.
        hidden_size, layers, embedding, dropout, word_dropout, longest: of the network and what training leaves out of it;
            None: those of the preset.
        class_weights: 'equal', or 'balanced' by how rare a class is.
        label_smoothing: share of the probability that a label gives away while training.
        calibrate: correct probabilities on the validation rows (Guo et al. 2017).
        epochs, steps, batch_size, learning_rate, seed: of the training.
        device, threads, precision: where, on how many threads and in what numbers to train.

    After `fit`, `scores_` holds accuracy, F1 and the confusion matrix on the validation rows. Raises `ConfigError` for an
    argument that cannot be right.
    """

    task_type: ClassVar[type[Any]] = ClassificationTask
    scores_: ClassScores

    def __init__(
        self,
        *,
        text: str | None = None,
        values: Sequence[str] | None = None,
        label: str | None = None,
        id: str | None = None,
        preset: str = "default",
        tokens: str = "auto",
        vocabulary: int | None = None,
        lowercase: bool = True,
        normalise: str = "NFC",
        bidirectional: bool = True,
        pooling: str | None = None,
        hidden_size: int | None = None,
        layers: int | None = None,
        embedding: int | None = None,
        dropout: float | None = None,
        word_dropout: float = 0.0,
        longest: int | None = None,
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
        self.text, self.values, self.label, self.id = text, values, label, id
        self.preset, self.tokens, self.vocabulary = preset, tokens, vocabulary
        self.lowercase, self.normalise = lowercase, normalise
        self.bidirectional, self.pooling, self.hidden_size, self.layers = bidirectional, pooling, hidden_size, layers
        self.embedding, self.dropout, self.word_dropout, self.longest = embedding, dropout, word_dropout, longest
        self.class_weights, self.label_smoothing, self.calibrate = class_weights, label_smoothing, calibrate
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self.learning_rate, self.seed = learning_rate, seed
        self.device, self.threads, self.precision = device, threads, precision
        if text is not None and values is not None:
            raise UsageError("text and values are both given, expected one of them: a model reads texts or numbers.")
        self._options()

    def _options(self) -> ClassificationOptions:
        return ClassificationOptions(**{each.name: getattr(self, each.name) for each in fields(ClassificationOptions)})

    def fit(
        self,
        data: Any,
        labels: Sequence[Any] | None = None,
        *,
        valid: Any = None,
        start_from: str | Path | LanguageModel | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Learn from labelled sequences.

        Args:
            data: with `labels`, a list of texts or of arrays `(time,)` or `(time, channels)`; without, a table or the path
                of one.
            labels: one for each sequence.
            valid: rows to validate on, as a table, its path, or a pair of sequences and labels; None: a part of each class.
            start_from: a language model, or the path of one, whose tokens and weights to begin with.
            checkpoint: file that training can go on from with `resume` after it was stopped.
            progress: called after every step.

        Ctrl-C keeps the best so far. Raises `DataError` for rows that cannot be learned from.
        """
        with needs_torch():
            from ensue.learn.classification import fit

        options, self.findings_ = self._options(), ()
        training, validation = self._divided(data, labels, valid)
        task, begin = self._begin(training, options, start_from)
        self._say(unknown_in(task, validation))
        baseline = self._baseline(training, validation)
        fitted = fit(
            training,
            validation,
            task,
            options,
            begin=begin,
            baseline=baseline,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            resume=resume,
            progress=progress,
        )
        self._learned(fitted.task, {"network": fitted.weights}, fitted.report)
        self.scores_ = fitted.scores
        self._say(results(fitted.scores, fitted.before, fitted.task.temperature, baseline))
        return self

    @property
    def classes_(self) -> tuple[str, ...]:
        """The names of the classes, in the order of `predict_proba`."""
        self._check_fitted()
        return self.task_.classes

    def predict(self, data: Any) -> list[str]:
        """The likeliest class of each text, or each sequence of numbers; a table or its path has them in its columns."""
        return [self.classes_[place] for place in self.predict_proba(data).argmax(axis=1)]

    def predict_proba(self, data: Any) -> NDArray[np.float64]:
        """The probability of every class for each of them, `(sequences, classes)`.

        How many are given at once changes nothing but the time. Raises `DataError` for an empty text, and for sequences of
        another kind than the model was trained on.
        """
        self._check_fitted()
        items = self.items_of(data)
        found: NDArray[np.float64] = np.exp(self._runtime.log_probabilities(items))
        self.prediction_findings_ = unknown_said(*self._runtime.unknown(items))
        return found

    def evaluate(self, data: Any, labels: Sequence[Any] | None = None) -> ClassScores:
        """Accuracy, F1, confusion matrix and calibration on labelled sequences that were not learned from."""
        self._check_fitted()
        rows = self._labelled(data, labels)
        return score(self._runtime.log_probabilities(rows.items), rows.numbers(self.classes_), self.classes_)

    def explain(self, text: str) -> Carried:
        """The words that carried the decision: what becomes of the answer without each of them.

        Raises `UsageError` for a model of numbers.
        """
        from ensue.inspection.words_that_carried import words_that_carried

        self._check_fitted()
        return words_that_carried(self._runtime, text)

    def stream(self) -> ClassifierStream:
        """Reads one sequence as it comes, and gives the probabilities so far, without PyTorch.

        Raises `UsageError` for a network that has to see the end first.
        """
        from ensue.runtime.classification import ClassifierStream

        self._check_fitted()
        return ClassifierStream(self._runtime)

    def describe(self) -> dict[str, Any]:
        """What the fitted model is, as plain values."""
        whole = super().describe()
        front_end = self.task_.front_end
        if isinstance(front_end, TextFrontEnd):
            read: dict[str, Any] = {"text": {"tokens": front_end.kind, "vocabulary": front_end.size}}
        else:
            read = {"values": list(front_end.names)}
        own = {"classes": list(self.classes_), "temperature": self.task_.temperature, "causal": self.task_.sizes.causal}
        return whole | read | own

    def _learned(self, task: ClassificationTask, weights: dict[str, Weights], report: TrainingReport) -> None:
        from ensue.runtime.classification import ClassifierRuntime

        super()._learned(task, weights, report)
        self._runtime: ClassifierRuntime = ClassifierRuntime(task, weights, self.threads or 1)

    def _divided(self, data: Any, labels: Sequence[Any] | None, valid: Any) -> tuple[Labelled, Labelled]:
        """The rows to learn from and those to validate on."""
        training = self._labelled(data, labels)
        self._say(training.findings)
        if valid is None:
            training, validation = set_aside(training, self.seed)
        else:
            validation = self._labelled(*valid) if isinstance(valid, tuple) else self._labelled(valid, None)
            self._say(validation.findings)
            if validation.are_texts != training.are_texts:
                raise DataError("The rows to validate on are of another kind than those to learn from.")
        self._say(check_classes(training, validation))
        return training, validation

    def _begin(
        self, training: Labelled, options: ClassificationOptions, start_from: str | Path | LanguageModel | None
    ) -> tuple[ClassificationTask, Weights | None]:
        """The task, and weights to begin with."""
        if start_from is not None:
            return self._from_language_model(training, options, start_from)
        if not training.are_texts:
            sizes = options.sizes(reads_text=False, length=int(np.median([len(item) for item in training.items])))
            channels = Channels.learn([np.asarray(item) for item in training.items], training.names)
            return ClassificationTask(channels, training.classes, sizes), None
        texts = [str(item) for item in training.items]
        tokens = options.tokens if options.tokens != "auto" else tokens_that_suit(texts)
        front_end, sizes = TextFrontEnd.learn(texts, options.text(tokens)), options.sizes(reads_text=True)
        self._say(front_end.findings)
        return ClassificationTask(front_end, training.classes, sizes, longest=options.longest_text), None

    def _from_language_model(
        self, training: Labelled, options: ClassificationOptions, start_from: str | Path | LanguageModel
    ) -> tuple[ClassificationTask, Weights]:
        from ensue.estimators import load
        from ensue.estimators.language_model import LanguageModel
        from ensue.tasks.from_language_model import begin_from

        before = load(start_from) if isinstance(start_from, str | Path) else start_from
        if not isinstance(before, LanguageModel):
            raise ModelFileError(
                f"{start_from} holds a model for {before.describe()['task']}, expected a language model to begin from: "
                "ensue train text makes one."
            )
        if not training.are_texts:
            raise UsageError("A language model is given to begin from, and the rows are numbers: leave it out.")
        before._check_fitted()
        self._say(["Begins with the tokens, sizes and weights of a language model."])
        return begin_from(before.task_, before.weights_["network"], options, training.classes)

    def _baseline(self, training: Labelled, validation: Labelled) -> tuple[str, float]:
        """The name and the error rate of what this network has to beat on the validation rows."""
        from ensue.baselines import linear

        right = validation.numbers(training.classes)
        known = training.numbers(training.classes)
        texts = training.are_texts
        try:
            ask: Any = linear.of_texts if texts else linear.of_values
            answers = ask(training.items, known, validation.items, right)
            return (linear.TEXTS if texts else linear.VALUES), doubt(answers, right)
        except MissingExtraError as error:
            self._say([f"{error} Until then the share of the most frequent class stands in for it."])
            shares = (np.bincount(known) + 1.0) / (len(known) + len(training.classes))
            return "most frequent class", doubt(np.tile(np.log(shares), (len(right), 1)), right)

    def _labelled(self, data: Any, labels: Sequence[Any] | None) -> Labelled:
        if labels is not None:
            return label_all(data, labels, self.values or ())
        from ensue.data.labelled_tables import Columns, labelled_table

        return labelled_table(data, Columns(self.text, tuple(self.values or ()), self.label, self.id))

    def items_of(self, data: Any) -> Sequence[Item]:
        """The texts or sequences of a list, a table or the path of one, in the form that `predict` takes."""
        if isinstance(data, str):
            raise UsageError("A single text was given to predict, expected a list of them: give predict([text]).")
        if isinstance(data, Sequence) or (isinstance(data, np.ndarray) and data.ndim == 3):
            return list(data)
        from ensue.data.labelled_tables import Columns, unlabelled_table

        columns = Columns(self.text, tuple(self.values or ()), self.label, self.id)
        return unlabelled_table(data, columns, self.task_.front_end)

    def _say(self, sentences: Sequence[str]) -> None:
        self.findings_ = (*self.findings_, *sentences)
