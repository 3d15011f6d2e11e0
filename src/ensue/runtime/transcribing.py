"""Speech to text without PyTorch: many recordings at once, or one as it comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.word_ngrams import WordNgrams
from ensue.errors import DataError, EnsueError, UsageError
from ensue.runtime.ctc_decoding import BeamDecoder, greedy
from ensue.runtime.ctc_prefixes import HeardWord
from ensue.runtime.engine import Engine, Executor
from ensue.tasks.speech import SpeechTask
from ensue.tasks.speech_beam import BeamChoice
from ensue.tasks.task_file import Weights

Floats = NDArray[np.float32]

TOGETHER = 32
"""Recordings read side by side ..."""
ROOM = 60_000
"""... or fewer, so that they have no more steps than this together."""
BLOCK = 3_000
"""Answers after which a network that reads forward hands its state on: an hour takes no more memory than a minute."""
PAUSE = 1.0
"""Seconds of silence after which a network that reads forward makes its words final."""


@dataclass(frozen=True)
class Word:
    """A word as it was heard."""

    text: str
    start: float
    """Seconds from the beginning at which it begins and ends, as the network noticed it."""
    end: float
    confidence: float
    """The probability that it is right, 0 to 1."""


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording."""

    text: str
    words: tuple[Word, ...] = ()
    findings: tuple[str, ...] = ()
    """What was found in the recording, such as another sample rate than the model's."""

    @classmethod
    def of(cls, words: Sequence[Word], findings: Sequence[str] = ()) -> Transcript:
        return cls(" ".join(word.text for word in words), tuple(words), tuple(findings))


@dataclass(frozen=True)
class Search:
    """How to look for words, where not as the model was told to."""

    choice: BeamChoice
    model: WordNgrams | None
    hot: Mapping[str, float]
    greedy: bool = False
    """Take the likeliest class of every step, without a language model."""


class SpeechRuntime:
    """A trained speech model, ready to be asked. Nothing is kept between calls, so threads may share it."""

    def __init__(self, task: SpeechTask, weights: Mapping[str, Weights], threads: int = 1) -> None:
        self.task = task
        self.engine: Executor = Engine(task.networks()["network"], weights["network"], threads=threads)

    def log_probabilities(self, read: Sequence[Floats]) -> list[Floats]:
        """Of the alphabet at every answer, `(answers, classes)` of each; `read` is what `task.read` gives."""
        found: list[Floats] = [np.zeros((0, 0), np.float32)] * len(read)
        lengths = np.array([len(each) for each in read])
        order = np.argsort(lengths, kind="stable")[::-1]
        while len(order):
            rows = order[: min(TOGETHER, max(1, ROOM // int(lengths[order[0]])))]
            order = order[len(rows) :]
            if len(rows) == 1:
                found[rows[0]] = self._alone(read[rows[0]])
                continue
            x = np.zeros((len(rows), lengths[rows[0]], read[rows[0]].shape[1]), np.float32)
            for each, row in zip(x, rows, strict=True):
                each[: lengths[row]] = read[row]
            output, _ = self.engine.forward(x, lengths=lengths[rows])
            for row, each in zip(rows, output, strict=True):
                found[row] = each[: lengths[row] // self.task.stride]
        return found

    def transcripts(self, read: Sequence[Floats], search: Search | None = None) -> list[tuple[Word, ...]]:
        """The words of each recording."""
        search = search or self.usual()
        return [self._words(each, search) for each in self.log_probabilities(read)]

    def usual(self) -> Search:
        """The search the model was trained to do."""
        return Search(self.task.listening.search, self.task.words, {})

    @property
    def pause(self) -> int | None:
        """Steps of silence after which words are final."""
        return round(PAUSE / self.task.seconds_per_answer) if self.task.sizes.causal else None

    def decoder(self, search: Search) -> BeamDecoder:
        """A search from the beginning; words of a network that can stream are final after a pause."""
        return BeamDecoder(self.task.alphabet, search.choice, search.model, search.hot, self.pause)

    def word(self, heard: HeardWord) -> Word:
        """In seconds, and with its confidence."""
        seconds, sure = self.task.seconds_per_answer, self.task.listening.confidence
        confidence = sure.of(heard.share, heard.mean, heard.least)
        return Word(heard.text, round(heard.start * seconds, 3), round(heard.end * seconds, 3), confidence)

    def _words(self, log_p: Floats, search: Search) -> tuple[Word, ...]:
        if search.greedy:
            return tuple(map(self.word, greedy(self.task.alphabet, log_p)))
        decoder = self.decoder(search)
        return tuple(map(self.word, [*decoder.push(log_p), *decoder.finish()]))

    def _alone(self, x: Floats) -> Floats:
        """One recording; where the network reads forward, a block at a time."""
        if not self.task.sizes.causal:
            return np.asarray(self.engine.forward(x[None])[0][0], np.float32)
        state, outputs, size = None, [], BLOCK * self.task.stride
        for at in range(0, len(x), size):
            output, state = self.engine.forward(x[None, at : at + size], state=state)
            outputs.append(output[0])
        return np.concatenate(outputs)


class SpeechStream:
    """Hears one recording as it comes: words are final when all that may still be said agrees on them.

    Raises `UsageError` for a network that has to hear the end first.
    """

    def __init__(self, runtime: SpeechRuntime, search: Search | None = None) -> None:
        self.task, self._runtime = runtime.task, runtime
        if not self.task.sizes.causal:
            raise UsageError(
                "This speech model reads in both directions, so it needs the whole recording and cannot stream: train one "
                "with streaming=True (--streaming), or call transcribe."
            )
        if not self.task.front_end.causal:
            raise UsageError(
                "This speech model normalises each recording as a whole, so it needs all of it and cannot stream: train "
                "one with streaming=True (--streaming), or call transcribe."
            )
        if search is not None and search.greedy:
            raise UsageError("greedy was asked of a stream, which keeps hypotheses: give beam=1 instead.")
        self._decoder = runtime.decoder(search or runtime.usual())
        self.reset()

    def reset(self) -> None:
        """Forget everything and begin with another recording."""
        self._frames = self.task.front_end.stream()
        self._decoder.reset()
        self._network: list[NDArray[Any]] | None = None
        self._waiting = np.zeros((0, self.task.front_end.size), np.float32)
        self._ended = False

    def update(self, chunk: ArrayLike) -> list[Word]:
        """The words that are final after some more samples, at the rate of `task.front_end`.

        Args:
            chunk: samples `(n,)` from -1 to 1, any number of them.

        Raises `UsageError` after `finish`, `DataError` for samples that are no numbers.
        """
        if self._ended:
            raise UsageError("The stream was finished: call reset() to hear another recording.")
        values = np.asarray(chunk)
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise DataError("The chunk holds values that are no finite numbers, expected samples from -1 to 1.")
        return self._hear(self._frames.push(values.astype(np.float32)))

    def finish(self) -> list[Word]:
        """The words that are left, when nothing more comes. `reset` begins anew."""
        if self._ended:
            return []
        found = self._hear(self._frames.finish())
        if len(self._waiting):
            found += self._hear(self.task.even(self._waiting)[len(self._waiting) :])
        self._ended = True
        return found + [self._runtime.word(each) for each in self._decoder.finish()]

    @property
    def partial(self) -> str:
        """What is heard beyond the final words, as it stands now; more sound may change it."""
        return " ".join(word.text for word in self._decoder.partial())

    @property
    def state(self) -> dict[str, Any]:
        """Everything the stream remembers: arrays and plain values. A stream given it goes on from here."""
        return {
            "front_end": self._frames.state,
            "waiting": self._waiting.copy(),
            "network": None if self._network is None else [each.copy() for each in self._network],
            "search": self._decoder.state,
            "ended": self._ended,
        }

    @state.setter
    def state(self, saved: Mapping[str, Any]) -> None:
        try:
            waiting = np.array(saved["waiting"], np.float32).reshape(-1, self.task.front_end.size)
            network = saved["network"]
            arrays = None if network is None else [np.array(each, np.float32) for each in network]
            shapes = self._runtime.engine.network.state_shapes(1)
            if arrays is not None and [each.shape for each in arrays] != [tuple(shape) for shape in shapes]:
                raise ValueError("its arrays have other shapes")
            self._frames.state = saved["front_end"]
            self._decoder.state = saved["search"]
        except (KeyError, TypeError, ValueError, IndexError, EnsueError) as error:
            raise UsageError(
                f"The state is none of a stream of this model ({error}): give what stream.state gave."
            ) from error
        self._waiting, self._network, self._ended = waiting, arrays, bool(saved["ended"])

    def _hear(self, steps: Floats) -> list[Word]:
        """Words that are final after more steps of the front end; what no stride fills waits for more."""
        x = np.concatenate([self._waiting, steps])
        ready = len(x) - len(x) % self.task.stride
        self._waiting = x[ready:]
        found: list[HeardWord] = []
        for at in range(0, ready, BLOCK * self.task.stride):
            block = x[at : min(ready, at + BLOCK * self.task.stride)]
            log_p, self._network = self._runtime.engine.forward(block[None], state=self._network)
            found += self._decoder.push(log_p[0])
        return [self._runtime.word(each) for each in found]
