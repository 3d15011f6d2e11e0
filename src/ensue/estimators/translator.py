"""`Translator`: sentences in one language in, the same in another out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

from ensue.data.sentence_pairs import SentencePairs, pair_up, read_pairs, set_aside
from ensue.data.text import TextFrontEnd
from ensue.decoding import BeamOptions
from ensue.errors import UsageError
from ensue.estimators.base import Estimator, needs_torch
from ensue.reports import Progress, TrainingReport
from ensue.runtime.translation import Translation, TranslationRuntime
from ensue.tasks.bleu import Bleu, bleu
from ensue.tasks.task_file import Weights
from ensue.tasks.translation import TranslationTask
from ensue.tasks.translation_recipe import TranslationOptions

BEAM, LENGTH_PENALTY = 5, 1.0


class Translator(Estimator[TranslationTask]):
    """Learns to translate from sentence pairs: an LSTM reads the source in both directions, another writes the target
    and looks back at it (Luong, Pham & Manning 2015).

    Args:
        preset: 'fast', 'default' or 'thorough'.
        tokens: 'subwords' (extra `text`), 'words', 'characters' or 'bytes'.
        shared: one vocabulary for both languages; None: except for words.
        vocabulary: different tokens at most; None: as many as suit the text.
        lowercase: read, and write, everything in lower case.
        normalise: the form of Unicode characters: 'none', 'NFC' or 'NFKC'.
        steps: training steps; None: 14 times through the pairs with the default preset.
        batch, learning_rate, dropout: None: those of the preset.
        seed: of everything random.
        device: 'auto', 'cpu', 'cuda' or 'mps', to train on.
        threads: processor threads; None: one.
        precision: 'auto', 'float32' or 'bfloat16', for the products while training.

    Raises `ConfigError` for an argument that cannot be right.
    """

    task_type: ClassVar[type[TranslationTask]] = TranslationTask

    def __init__(
        self,
        *,
        preset: str = "default",
        tokens: str = "subwords",
        shared: bool | None = None,
        vocabulary: int | None = None,
        lowercase: bool = False,
        normalise: str = "NFC",
        steps: int | None = None,
        batch: int | None = None,
        learning_rate: float | None = None,
        dropout: float | None = None,
        seed: int = 0,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        self.preset, self.tokens, self.shared, self.vocabulary = preset, tokens, shared, vocabulary
        self.lowercase, self.normalise, self.steps, self.batch = lowercase, normalise, steps, batch
        self.learning_rate, self.dropout, self.seed = learning_rate, dropout, seed
        self.device, self.threads, self.precision = device, threads, precision
        self._options()

    def _options(self) -> TranslationOptions:
        return TranslationOptions(**self.get_params())

    def fit(
        self,
        source: Sequence[str] | str | Path,
        target: Sequence[str] | str | Path,
        *,
        valid_source: Sequence[str] | str | Path | None = None,
        valid_target: Sequence[str] | str | Path | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Learn from sentences and their translations: lists of equal length, or text files of one sentence a line.

        Args:
            valid_source, valid_target: pairs to validate on; without them a twentieth of the pairs is set aside.
            checkpoint: file that training can go on from with `resume` after it was stopped.
            progress: called after every step.

        Raises `DataError` for pairs that cannot be such, and `TrainingError` when the loss is no longer a number.
        """
        with needs_torch():
            from ensue.learn.translation import fit

        self.findings_ = ()
        training, validation = _pairs(source, target), None
        self._say(training.findings)
        if valid_source is not None and valid_target is not None:
            validation = _pairs(valid_source, valid_target)
            self._say(validation.findings)
        elif valid_source is not None or valid_target is not None:
            raise _one_sided(valid_source is not None)
        else:
            training, validation = set_aside(training, self.seed)
            self._say(validation.findings)
        fitted = fit(
            training,
            validation,
            self._options(),
            checkpoint=None if checkpoint is None else Path(checkpoint),
            resume=resume,
            progress=progress,
            say=lambda sentence: self._say([sentence]),
        )
        self._learned(fitted.task, fitted.weights, fitted.report)
        return self

    def translate(
        self,
        sentences: Sequence[str],
        *,
        beam: int = BEAM,
        length_penalty: float = LENGTH_PENALTY,
        no_repeat: int = 0,
        replace_unknown: bool = False,
    ) -> list[str]:
        """The best translation of each sentence; a blank one stays blank.

        Args:
            beam: hypotheses kept at each step; 1 is greedy.
            length_penalty: the exponent of Wu et al. (2016), eq. 14; 0 favours short translations.
            no_repeat: no run of so many tokens comes twice; 0: any may.
            replace_unknown: put the source word that was looked at most where the model knows no word.

        How many sentences are given at once changes nothing but the time. Raises `UsageError` for what is no list of
        sentences, `DataError` for one of more than 2,000 tokens.
        """
        found = self.translations(
            sentences, beam=beam, length_penalty=length_penalty, no_repeat=no_repeat, replace_unknown=replace_unknown
        )
        return [best.text for best, *_ in found]

    def translations(
        self,
        sentences: Sequence[str],
        *,
        n_best: int = 1,
        beam: int = BEAM,
        length_penalty: float = LENGTH_PENALTY,
        no_repeat: int = 0,
        replace_unknown: bool = False,
    ) -> list[list[Translation]]:
        """As `translate`, but of each sentence the `n_best` best ones, each with its score and what it looked at."""
        self._check_fitted()
        _check_texts(sentences)
        options = BeamOptions(beam, n_best, length_penalty, no_repeat)
        return self._runtime.translate(sentences, options, replace_unknown)

    def too_long(self, sentences: Sequence[str]) -> dict[int, str]:
        """The sentences that `translate` would refuse for their length, by their place from 0, and what to say of each."""
        self._check_fitted()
        _check_texts(sentences)
        return self._runtime.too_long(sentences)

    def unknown(self, sentences: Sequence[str]) -> tuple[int, int]:
        """How many tokens of some sentences the model does not know, and how many there are."""
        self._check_fitted()
        _check_texts(sentences)
        tokens = [self.task_.source.encode(each.strip()) for each in sentences]
        return sum(map(self.task_.source.unknown, tokens)), sum(map(len, tokens))

    def evaluate(
        self, source: Sequence[str] | str | Path, target: Sequence[str] | str | Path, *, beam: int = BEAM
    ) -> Bleu:
        """BLEU of the translations of a source against the target, with sacreBLEU's signature (extra `text`)."""
        pairs = _pairs(source, target)
        return bleu(self.translate(pairs.source, beam=beam), pairs.target)

    def stream(self) -> NoReturn:
        """Refused: a translation begins when the whole sentence was read. Raises `UsageError`."""
        raise UsageError(
            "A translator cannot stream: it reads the source in both directions, so it needs the whole sentence; "
            "call translate with one sentence at a time."
        )

    def describe(self) -> dict[str, Any]:
        """What the fitted model is, as plain values."""
        found, task = super().describe(), self.task_
        own = {
            "parameters": task.parameter_count,
            "source": _vocabulary(task.source),
            "target": _vocabulary(task.target),
            "shared": task.shared,
        }
        return found | own

    def _learned(self, task: TranslationTask, weights: dict[str, Weights], report: TrainingReport) -> None:
        super()._learned(task, weights, report)
        self._runtime = TranslationRuntime(task, weights, self.threads or 1)

    def _say(self, sentences: Sequence[str]) -> None:
        self.findings_ = (*self.findings_, *sentences)


def _vocabulary(front_end: TextFrontEnd) -> dict[str, Any]:
    return {"tokens": front_end.kind, "vocabulary": front_end.size, "lowercase": front_end.lowercase}


def _pairs(source: Any, target: Any) -> SentencePairs:
    """Pairs of two files or two lists."""
    if isinstance(source, (str, Path)) and isinstance(target, (str, Path)):
        return read_pairs(source, target)
    if isinstance(source, (str, Path)) or isinstance(target, (str, Path)):
        raise UsageError("One side is a file and the other a list: give two files, or two lists of sentences.")
    return pair_up(list(source), list(target))


def _check_texts(sentences: Sequence[str]) -> None:
    if isinstance(sentences, str) or not all(isinstance(each, str) for each in sentences):
        raise UsageError("The sentences are no list of texts: give translate([...]) one text for each sentence.")


def _one_sided(source: bool) -> UsageError:
    given, missing = ("valid_source", "valid_target") if source else ("valid_target", "valid_source")
    return UsageError(f"{given} is given and {missing} is not: give both, or neither.")
