"""`Captioner`: films in, sentences about them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

import numpy as np

from ensue.data.captioned import Captioned
from ensue.data.text import TextFrontEnd, TextOptions
from ensue.data.video.onnx_features import OnnxFrontEnd
from ensue.decoding import BeamOptions
from ensue.errors import ConfigError, UsageError
from ensue.estimators.base import Estimator, needs_torch
from ensue.layers.base import check_whole
from ensue.network import Layer
from ensue.reports import Progress, TrainingReport
from ensue.runtime.captioning import Caption, CaptionRuntime
from ensue.tasks.caption_data import Clips, clips_of, divided, name_of, read_clips
from ensue.tasks.caption_scores import CaptionScores, score
from ensue.tasks.captioning import CaptionTask
from ensue.tasks.captioning_options import CaptionOptions
from ensue.tasks.front_ends import FrontEnd
from ensue.tasks.picture_layers import picture_layers
from ensue.tasks.task_file import Weights

BEAM, LENGTH_PENALTY = 5, 1.0
SMALL = 1000
"""Up to so many different words each is kept; beyond, those that come once are unknown."""


class Captioner(Estimator[CaptionTask]):
    """Learns to say what is seen: a small convolutional network sees each frame, an LSTM reads them in both directions,
    another writes and looks back at the frames (attention: Luong, Pham & Manning 2015; of films first Yao et al. 2015).

        model = ensue.Captioner().fit("captions.csv")
        model.caption(["new.mp4"])

    Args:
        preset: 'fast', 'default' or 'thorough'.
        tokens: 'words', 'subwords' (extra `text`) or 'characters'.
        vocabulary: different tokens at most; None: as many as suit the captions.
        lowercase: write everything in lower case.
        reader: 'lstm', or 'mean': every frame by itself, the baseline that knows no order.
        features: the path of an ONNX network that sees each frame in place of the one that is learned (extra `onnx`).
        side: pixels of height and width that films are brought to.
        frame_rate: frames a second that are looked at.
        augment: move frames by a few pixels and change their light while training.
        steps: training steps; None: 20 times through the captions with the default preset, 1,500 at least.
        batch, learning_rate, dropout: None: those of the preset.
        seed: of everything random.
        device, threads, precision: where, on how many threads and in what numbers to train.

    Raises `ConfigError` for an argument that cannot be right.
    """

    task_type: ClassVar[type[CaptionTask]] = CaptionTask

    def __init__(
        self,
        *,
        preset: str = "default",
        tokens: str = "words",
        vocabulary: int | None = None,
        lowercase: bool = True,
        reader: str = "lstm",
        features: str | None = None,
        side: int = 64,
        frame_rate: float = 10.0,
        augment: bool = True,
        steps: int | None = None,
        batch: int | None = None,
        learning_rate: float | None = None,
        dropout: float | None = None,
        seed: int = 0,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        self.preset, self.tokens, self.vocabulary, self.lowercase = preset, tokens, vocabulary, lowercase
        self.reader, self.features, self.augment = reader, features, augment
        self.side, self.frame_rate = side, frame_rate
        self.steps, self.batch, self.learning_rate, self.dropout = steps, batch, learning_rate, dropout
        self.seed, self.device, self.threads, self.precision = seed, device, threads, precision
        self._options()

    def _options(self) -> CaptionOptions:
        check_whole("caption", "side", self.side, 8, 1000)
        if not isinstance(self.frame_rate, int | float) or not 0 < self.frame_rate <= 1000:
            raise ConfigError(f"frame_rate is {self.frame_rate!r}, expected frames a second, such as 10.")
        return CaptionOptions(**{each.name: getattr(self, each.name) for each in fields(CaptionOptions)})

    def fit(
        self,
        data: Any,
        captions: Sequence[Any] | None = None,
        *,
        valid: Any = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Learn from clips and what people wrote about them.

        Args:
            data: a manifest, the path of a table with a column of files and one of texts (a file may have several rows;
                a column of parts may say which train, validate and test). With `captions`: a list of films as paths, or
                as frames `(frames, height, width, 3)` uint8, or of features `(steps, size)` that something else computed
                of each frame.
            captions: of each clip a sentence, or a list of them.
            valid: a manifest, or a pair of clips and captions, to validate on; None: the rows the manifest marks for
                that, or else a tenth of the clips.
            checkpoint: file that training can go on from with `resume` after it was stopped.
            progress: called after every step.

        Clips that cannot be read are left out, and listed. Raises `DataError` where nothing can be learned from.
        """
        with needs_torch():
            from ensue.learn.captioning import fit

        score(["a"], [["a"]])  # without sacrebleu it must not fail at the first validation
        self.findings_ = ()
        options = self._options()
        ours, held = clips_of(data, captions, self._say)
        if valid is not None:
            clips, texts = valid if isinstance(valid, tuple) else (valid, None)
            held, _ = clips_of(clips, texts, self._say)
        front_end = self._front_end(ours.items[0])
        known = self._captioned(ours, front_end)
        if isinstance(front_end, OnnxFrontEnd):
            plain, front_end = front_end, front_end.learn(known.features)
            known = Captioned([front_end.read(each) for each in known.features], known.captions)
            self._say(f"{plain.size} features a frame by {plain.network}, kept on disk.")
        training, validation = divided(
            known,
            None if held is None else self._captioned(held, front_end),
            self.seed,
            self._say,
        )
        training = self._changing(training, front_end) if options.augment else training
        task = self._task(front_end, training, options)
        fitted = fit(
            training,
            validation,
            task,
            options,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            resume=resume,
            progress=progress,
            say=self._say,
        )
        self._learned(task, fitted.weights, fitted.report)
        return self

    def caption(self, clips: Sequence[Any], *, beam: int = BEAM, length_penalty: float = LENGTH_PENALTY) -> list[str]:
        """The best sentence about each clip, without PyTorch.

        Args:
            clips: as for `fit`.
            beam: hypotheses kept at each step; 1 is greedy.
            length_penalty: the exponent of Wu et al. (2016), eq. 14; 0 favours short sentences.

        How many are given at once changes nothing but the time. Raises `DataError` for a clip that cannot be read.
        """
        return [best.text for best, *_ in self.captions(clips, beam=beam, length_penalty=length_penalty)]

    def captions(
        self,
        clips: Sequence[Any],
        *,
        n_best: int = 1,
        beam: int = BEAM,
        length_penalty: float = LENGTH_PENALTY,
        no_repeat: int = 0,
    ) -> list[list[Caption]]:
        """As `caption`, but of each clip the `n_best` best ones, each with its score and what it looked at."""
        self._check_fitted()
        if isinstance(clips, str | Path):
            raise UsageError("A single file was given, expected a list of them: give caption([file]).")
        options = BeamOptions(beam, n_best, length_penalty, no_repeat)
        read = [self.task_.read(each) for each in clips]
        return self._runtime.captions(read, [name_of(each, row) for row, each in enumerate(clips)], options)

    def evaluate(self, data: Any, captions: Sequence[Any] | None = None, *, beam: int = BEAM) -> CaptionScores:
        """BLEU, chrF, CIDEr-D and exact sentences on clips that were not learned from; `data` as for `fit`."""
        self._check_fitted()
        clips, _ = clips_of(data, captions, lambda finding: None)
        target = self.task_.target
        references = [[" ".join(target.prepare(text).split()) for text in own] for own in clips.captions]
        return score(self.caption(list(clips.items), beam=beam), references)

    def stream(self) -> NoReturn:
        """Refused: a caption begins when the whole clip was seen. Raises `UsageError`."""
        raise UsageError(
            "A captioner cannot stream: it reads a clip in both directions, so it needs the whole clip; call caption with "
            "one clip at a time."
        )

    def describe(self) -> dict[str, Any]:
        """What the fitted model is, as plain values."""
        found, task = super().describe(), self.task_
        words = {"tokens": task.target.kind, "vocabulary": task.target.size, "lowercase": task.target.lowercase}
        own = {"parameters": task.parameter_count, "front_end": task.front_end.to_json(), "words": words}
        return found | own

    def _learned(self, task: CaptionTask, weights: dict[str, Weights], report: TrainingReport) -> None:
        super()._learned(task, weights, report)
        self._runtime = CaptionRuntime(task, weights, self.threads or 1)

    def _front_end(self, first: Any) -> FrontEnd:
        """How these clips are read: features as they are given, or the frames of films."""
        if isinstance(first, np.ndarray) and first.ndim == 2:
            from ensue.data.audio.features import AudioFrontEnd

            return AudioFrontEnd(kind="given", coefficients=first.shape[1], hop=1 / self.frame_rate, normalise="none")
        if self.features is not None:
            return OnnxFrontEnd.of_file(self.features, self.frame_rate)
        from ensue.data.video.front_end import VideoFrontEnd

        return VideoFrontEnd(height=self.side, width=self.side, rate=self.frame_rate, colour=True)

    def _captioned(self, clips: Clips, front_end: FrontEnd) -> Captioned:
        kept, features = read_clips(clips, front_end, self._say)
        return Captioned(features, kept.captions)

    def _changing(self, training: Captioned, front_end: FrontEnd) -> Captioned:
        """The clips as training sees them: pictures are moved, features stay as they are."""
        picture = getattr(front_end, "picture", None)
        if picture is None:
            return training
        from ensue.data.video.moved import Moved

        return Captioned(
            training.features, training.captions, Moved(training.features, picture, shift=max(1, self.side // 8))
        )

    def _task(self, front_end: FrontEnd, training: Captioned, options: CaptionOptions) -> CaptionTask:
        text = TextFrontEnd.learn([each for _, each in training.pairs], _text_options(options, training))
        for finding in text.findings:
            self._say(finding)
        picture, recipe = getattr(front_end, "picture", None), options.recipe
        first: tuple[Layer, ...] = ()
        if picture is not None:
            first = picture_layers(*picture, output=recipe.sizes.memory)
        longest = max(len(text.encode(each)) for _, each in training.pairs)
        return CaptionTask(front_end, text, recipe.sizes, first, longest)

    def _say(self, sentence: str) -> None:
        self.findings_ = (*self.findings_, sentence)


def _text_options(options: CaptionOptions, training: Captioned) -> TextOptions:
    """How captions are cut into tokens; where few words are known, those that come once are kept too."""
    if options.tokens != "words" or options.vocabulary is not None:
        return options.text
    words = {word for _, text in training.pairs for word in re.findall(r"\S+", text)}
    return replace(options.text, vocabulary=max(len(words) * 2, 10)) if len(words) <= SMALL else options.text
