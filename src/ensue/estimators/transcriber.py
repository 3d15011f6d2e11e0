"""`Transcriber`: recordings in, the words that were said in them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ensue.data.word_ngrams import WordNgrams
from ensue.errors import UsageError
from ensue.estimators.base import Estimator, needs_torch
from ensue.reports import Progress, TrainingReport
from ensue.runtime.transcribing import Search, SpeechRuntime, SpeechStream, Transcript
from ensue.tasks.speech import SpeechTask
from ensue.tasks.speech_beam import BeamChoice, hot_words
from ensue.tasks.speech_options import SpeechOptions
from ensue.tasks.speech_scores import SpeechScores, score
from ensue.tasks.task_file import Weights

if TYPE_CHECKING:
    from ensue.runtime.listening import Tuned
    from ensue.tasks.speech_data import Ready


class Transcriber(Estimator[SpeechTask]):
    """Learns to write down what is said: a convolution and LSTM layers, trained by connectionist temporal classification
    (Graves et al. 2006), and a search with a language model of the transcripts' words.

        model = ensue.Transcriber().fit("clips.csv")
        model.transcribe(["new.wav"])[0].text

    Args:
        file, text, speaker: columns of a manifest; None: found where that is plain.
        preset: 'fast', 'default' or 'thorough'.
        tokens: what is written: 'characters', 'subwords' or 'words' (then no others than those it has heard).
        vocabulary: different subwords at most.
        alphabet: the characters that may be written; None: those of the transcripts.
        lowercase: write everything in lower case.
        streaming: read forward only, so that words come while somebody speaks; costs some accuracy.
        rate: samples a second of arrays that are given instead of files; None: 16,000.
        hidden_size, layers, dropout: of the network; None: those of the preset.
        augment: change what is heard while training, so that other voices are understood.
        words_model: length of the n-grams of the language model learned from the transcripts; 0: none.
        closed: write only words of that language model.
        epochs, steps, batch_size, learning_rate, seed: of the training.
        device, threads, precision: where, on how many threads and in what numbers to train.

    After `fit`, `scores_` holds the word and character error rates on the validation rows as searched with the language
    model, `greedy_scores_` those without. Raises `ConfigError` for an argument that cannot be right.
    """

    task_type: ClassVar[type[Any]] = SpeechTask
    scores_: SpeechScores
    greedy_scores_: SpeechScores

    def __init__(
        self,
        *,
        file: str | None = None,
        text: str | None = None,
        speaker: str | None = None,
        preset: str = "default",
        tokens: str = "characters",
        vocabulary: int | None = None,
        alphabet: str | None = None,
        lowercase: bool = False,
        streaming: bool = False,
        rate: int | None = None,
        hidden_size: int | None = None,
        layers: int | None = None,
        dropout: float | None = None,
        augment: bool = True,
        words_model: int = 3,
        closed: bool = False,
        epochs: float | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        seed: int = 0,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        self.file, self.text, self.speaker = file, text, speaker
        self.preset, self.tokens, self.vocabulary, self.alphabet = preset, tokens, vocabulary, alphabet
        self.lowercase, self.streaming, self.rate = lowercase, streaming, rate
        self.hidden_size, self.layers, self.dropout, self.augment = hidden_size, layers, dropout, augment
        self.words_model, self.closed = words_model, closed
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self.learning_rate, self.seed = learning_rate, seed
        self.device, self.threads, self.precision = device, threads, precision
        self._options()

    def _options(self) -> SpeechOptions:
        return SpeechOptions(**{each.name: getattr(self, each.name) for each in fields(SpeechOptions)})

    def fit(
        self,
        data: Any,
        texts: Sequence[str] | None = None,
        *,
        speakers: Sequence[str] | None = None,
        valid: Any = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Learn from recordings and what is said in them.

        Args:
            data: a manifest: the path of a table with a column of files and one of texts (and perhaps of speakers, and
                of which rows train, validate and test), or of a folder with a .txt beside each recording. With `texts`:
                a list of files, of arrays of samples `(n,)` from -1 to 1, or of features `(frames, coefficients)`.
            texts: what is said in each.
            speakers: who speaks in each, so that whole speakers are set aside for validation.
            valid: a manifest, or a pair of recordings and texts, to validate on; None: the rows the manifest marks for
                that, or else a tenth, whole speakers where they are known.
            checkpoint: file that training can go on from with `resume` after it was stopped.
            progress: called after every step.

        What cannot be read or written is left out, and said. Ctrl-C keeps the best so far. Raises `DataError` where
        nothing can be learned from.
        """
        with needs_torch():
            from ensue.learn.ctc import fit

        from ensue.runtime.listening import tune

        score(["a"], ["a"])  # without jiwer it must not fail after an hour
        self.findings_ = ()
        options = self._options()
        ready = self._prepared(data, texts, speakers, valid, options)
        task = ready.task
        model = self._language_model(ready.training.texts)
        fitted = fit(
            ready.training,
            ready.validation,
            task,
            options,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            resume=resume,
            progress=progress,
            say=self._say,
        )
        pause = SpeechRuntime(task, {"network": fitted.weights}).pause
        choice = BeamChoice(closed=options.closed and model is not None)
        tuned = tune(task.alphabet, fitted.log_p, ready.validation.texts, model, choice, pause)
        everything = self._language_model((*ready.training.texts, *ready.validation.texts))
        task = replace(task, listening=tuned.listening, words=everything)
        self._learned(task, {"network": fitted.weights}, fitted.report)
        self.scores_, self.greedy_scores_ = tuned.scores, fitted.scores
        self._report(tuned, model)
        return self

    def transcribe(
        self,
        items: Sequence[Any],
        *,
        beam: int | None = None,
        model: WordNgrams | str | Path | None = None,
        language_weight: float | None = None,
        word_bonus: float | None = None,
        hot: Mapping[str, float] | None = None,
        closed: bool | None = None,
        greedy: bool = False,
    ) -> list[Transcript]:
        """What is said in each recording, word by word with times and confidence, without PyTorch.

        Args:
            items: files, arrays of samples at the model's rate, or features where it was trained on such.
            beam: hypotheses kept at each step.
            model: a language model instead of the model's own, as the path of an ARPA file.
            language_weight, word_bonus: what it counts, and each word; None: as chosen on the validation rows.
            hot: words that are likelier than the language model thinks, with a bonus in nats, such as {"ensue": 3}.
            closed: only words of the language model.
            greedy: the likeliest class at every step; no language model.

        How many are given at once changes nothing but the time. Raises `DataError` for a recording that cannot be read,
        and `UsageError` for choices that cannot be.
        """
        self._check_fitted()
        if isinstance(items, (str, Path)):
            raise UsageError("A single file was given, expected a list of them: give transcribe([file]).")
        search = self.search(
            beam=beam, model=model, language_weight=language_weight, word_bonus=word_bonus, hot=hot, closed=closed,
            greedy=greedy,
        )  # fmt: skip
        read, findings = [], []
        for item in items:
            recording, said = self._recording(item)
            read.append(self.task_.read(recording))
            findings.append(said)
        words = self._runtime.transcripts(read, search)
        return [Transcript.of(each, said) for each, said in zip(words, findings, strict=True)]

    def evaluate(self, data: Any, texts: Sequence[str] | None = None, **how: Any) -> SpeechScores:
        """Word and character error rates on recordings that were not learned from; `how` as for `transcribe`."""
        self._check_fitted()
        if texts is None:
            from ensue.data.manifests import read_manifest

            manifest = read_manifest(data)
            data, texts = manifest.files, manifest.texts
        heard = [each.text for each in self.transcribe(list(data), **how)]
        return score([self.task_.alphabet.tidied(text) for text in texts], heard)

    def stream(self, **how: Any) -> SpeechStream:
        """Hears a recording as it comes, without PyTorch; `how` as for `transcribe`.

        Raises `UsageError` for a model that has to hear the end first.
        """
        self._check_fitted()
        return SpeechStream(self._runtime, self.search(**how))

    def search(
        self,
        *,
        beam: int | None = None,
        model: WordNgrams | str | Path | None = None,
        language_weight: float | None = None,
        word_bonus: float | None = None,
        hot: Mapping[str, float] | None = None,
        closed: bool | None = None,
        greedy: bool = False,
    ) -> Search:
        """How to look for words, by the arguments of `transcribe`."""
        self._check_fitted()
        usual = self.task_.listening.search
        words = self.task_.words
        if model is not None:
            from ensue.data.arpa import read_arpa

            words = model if isinstance(model, WordNgrams) else read_arpa(model)
        given: dict[str, Any] = {
            "beam": beam,
            "language_weight": language_weight,
            "word_bonus": word_bonus,
            "closed": closed,
        }
        choice = replace(usual, **{name: value for name, value in given.items() if value is not None})
        if closed and words is None:
            raise UsageError("closed was asked for and this model has no language model: give one, or leave it out.")
        if model is not None and language_weight is None and not usual.language_weight:
            choice = replace(choice, language_weight=0.5)
        return Search(choice, words, hot_words(hot), greedy)

    def describe(self) -> dict[str, Any]:
        """What the fitted model is, as plain values."""
        task = self.task_
        alphabet = {"tokens": task.alphabet.text.kind, "classes": task.alphabet.size}
        words = None if task.words is None else {"order": task.words.order, "words": len(task.words.words)}
        return super().describe() | {
            "front_end": task.front_end.to_json(),
            "alphabet": alphabet,
            "language_model": words,
            "listening": task.listening.to_json(),
            "causal": task.sizes.causal,
        }

    def _learned(self, task: SpeechTask, weights: dict[str, Weights], report: TrainingReport) -> None:
        super()._learned(task, weights, report)
        self._runtime = SpeechRuntime(task, weights, self.threads or 1)

    def _prepared(
        self, data: Any, texts: Sequence[str] | None, speakers: Sequence[str] | None, valid: Any, options: SpeechOptions
    ) -> Ready:
        """What is learned from; films of lips are made ready in another way."""
        from ensue.tasks.speech_data import prepare

        columns = (self.file, self.text, self.speaker)
        return prepare(data, texts, speakers, valid, options, self.rate, self._say, columns)

    def _recording(self, item: Any) -> tuple[Any, tuple[str, ...]]:
        """What the front end reads of an item, and what was found in it."""
        if not isinstance(item, (str, Path)):
            return item, ()
        from ensue.tasks.speech_data import open_recording

        return open_recording(item, self.task_.front_end)

    def _language_model(self, texts: Sequence[str]) -> WordNgrams | None:
        return WordNgrams.learn(texts, self.words_model) if self.words_model else None

    def _report(self, tuned: Tuned, model: WordNgrams | None) -> None:
        search = tuned.listening.search
        self._say(
            f"Word error rate on the validation rows {self.greedy_scores_.wer:.1%} greedily, {tuned.scores.wer:.1%} by beam "
            f"search (language model's weight {search.language_weight:g}, {search.word_bonus:g} for each word)."
        )
        if tuned.words:
            self._say(
                f"Confidence of words: calibration error {tuned.error_before:.1%} as the beam has it, "
                f"{tuned.error_after:.1%} as corrected, on {tuned.words:,} words."
            )
        if self.greedy_scores_.wer > 0.9:
            self._say(
                "Hardly a word is right: more recordings, more --epochs, or another learning rate may help; see "
                "docs/speech.md."
            )

    def _say(self, sentence: str) -> None:
        self.findings_ = (*self.findings_, sentence)
