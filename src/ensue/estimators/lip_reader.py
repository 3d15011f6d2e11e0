"""`LipReader`: films of somebody who speaks in, the words that were said out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ensue.data.video.lips import LipsFrontEnd
from ensue.data.word_ngrams import WordNgrams
from ensue.errors import ConfigError
from ensue.estimators.transcriber import Transcriber
from ensue.reports import Progress
from ensue.tasks.alphabet import tidy
from ensue.tasks.lips_data import RECIPES
from ensue.tasks.speech_options import SpeechOptions

if TYPE_CHECKING:
    from ensue.tasks.speech_data import Ready


class LipReader(Transcriber):
    """Learns to read lips: a small convolutional network sees each frame of the part of the film that moves, LSTM layers
    read in both directions, trained by connectionist temporal classification (as Assael et al. 2016 do on more data).

        model = ensue.LipReader().fit("clips.csv")
        model.transcribe(["new.mp4"])[0].text

    Args:
        preset: 'fast', 'default' or 'thorough'.
        tokens: what is written: 'characters', 'subwords' or 'words'.
        height, width: pixels of what is seen of the mouth.
        margin: so many more are cut out on each side, within which training moves what is seen.
        shrink: so many pixels of the film on each side make one.
        neighbours: frames before and behind that are seen together with each.
        frame_rate: frames a second.

    The other arguments, and what it is used by, are those of `Transcriber`, as which a saved model is loaded. It needs the
    end of a clip, so it cannot stream. Raises `ConfigError` for an argument that cannot be right.
    """

    _words: tuple[Sequence[Any], Sequence[str]] | None = None

    def __init__(
        self,
        *,
        preset: str = "default",
        tokens: str = "characters",
        vocabulary: int | None = None,
        alphabet: str | None = None,
        lowercase: bool = False,
        height: int = 32,
        width: int = 64,
        margin: int = 3,
        shrink: int = 1,
        neighbours: int = 1,
        frame_rate: float = 25.0,
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
        self.height, self.width, self.margin, self.shrink = height, width, margin, shrink
        self.neighbours, self.frame_rate = neighbours, frame_rate
        super().__init__(
            preset=preset, tokens=tokens, vocabulary=vocabulary, alphabet=alphabet, lowercase=lowercase, dropout=dropout,
            augment=augment, words_model=words_model, closed=closed, epochs=epochs, steps=steps, batch_size=batch_size,
            learning_rate=learning_rate, seed=seed, device=device, threads=threads, precision=precision,
        )  # fmt: skip
        _ = self._front_end

    @property
    def _front_end(self) -> LipsFrontEnd:
        return LipsFrontEnd(self.height, self.width, self.margin, self.shrink, self.neighbours, self.frame_rate)

    def _options(self) -> SpeechOptions:
        """What was chosen; where nothing was, the recipe for lips in place of that for sound."""
        if self.preset not in RECIPES:
            raise ConfigError(f"preset is '{self.preset}', choose from 'fast', 'default', 'thorough'.")
        recipe = RECIPES[self.preset]
        chosen = {each.name: getattr(self, each.name) for each in fields(SpeechOptions)}
        chosen["batch_size"] = self.batch_size or recipe.batch
        chosen["learning_rate"] = self.learning_rate or recipe.learning_rate
        if self.epochs is None:
            chosen["epochs"] = recipe.epochs
        return SpeechOptions(**chosen)

    def fit(
        self,
        data: Any,
        texts: Sequence[str] | None = None,
        *,
        words: tuple[Sequence[Any], Sequence[str]] | None = None,
        speakers: Sequence[str] | None = None,
        valid: Any = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Learn from films and what is said in them; arguments as of `Transcriber.fit`, films as paths or as frames
        `(frames, rows, columns[, 3])`.

        Args:
            words: short pieces cut out of such films, and the word or words said in each, to learn from as well: by
                them what is seen is learned much sooner (Assael et al. 2016, sec. 4.1). They are no sentences to the
                language model.
        """
        self._words = words
        try:
            return super().fit(
                data, texts, speakers=speakers, valid=valid, checkpoint=checkpoint, resume=resume, progress=progress
            )
        finally:
            self._words = None

    def _prepared(
        self, data: Any, texts: Sequence[str] | None, speakers: Sequence[str] | None, valid: Any, options: SpeechOptions
    ) -> Ready:
        from ensue.tasks.lips_data import prepare_lips

        return prepare_lips(data, texts, speakers, valid, options, self._front_end, self._say, self._words)

    def _language_model(self, texts: Sequence[str]) -> WordNgrams | None:
        pieces = set() if self._words is None else {tidy(text) for text in self._words[1]}
        return super()._language_model([text for text in texts if text not in pieces] or texts)
