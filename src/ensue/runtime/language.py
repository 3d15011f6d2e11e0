"""A language model at work, without PyTorch: what it expects next, what a text costs it, what it writes.

Scoring and writing go through the same `advance`, so what is written is drawn from the very probabilities that are scored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.text_files import lines_ended
from ensue.errors import DataError, UsageError
from ensue.layers.base import check_whole, short
from ensue.runtime.engine import Engine
from ensue.runtime.sampling import RECENT, Sampling
from ensue.runtime.word_cache import Cache, WordCache
from ensue.tasks.language_model import LanguageModelTask

Array = NDArray[Any]
State = list[Array]
BLOCK_NUMBERS = 4_000_000
"""Numbers that a layer answers with at once while a long text is read."""


@dataclass(frozen=True)
class Score:
    """What a text costs a model."""

    tokens: int
    characters: int
    unknown: int
    """Tokens that the model does not know."""
    nats: float
    """Of all tokens together: minus the sum of their log probabilities."""

    @property
    def nats_per_token(self) -> float:
        return self.nats / self.tokens

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.nats_per_token, 700.0))

    @property
    def bits_per_character(self) -> float:
        return self.nats / math.log(2) / max(1, self.characters)


class LanguageRuntime:
    """The network of a language model, with its front end."""

    def __init__(self, task: LanguageModelTask, weights: Mapping[str, Array]) -> None:
        self.task, self.front_end = task, task.front_end
        self._weights = weights
        self.network = task.networks()["network"]
        self.engine = Engine(self.network, weights)
        self.first = task.first
        wide = [shape[-1] for shape in self.network.state_shapes(1)]
        self._numbers = max(self.front_end.size, 4 * max(wide))
        """That a token needs at once: its probabilities, or the gates of a layer."""

    def begin(self) -> State:
        return self.engine.initial_state(1)

    def advance(self, tokens: Sequence[int] | Array, state: State) -> tuple[Array, State]:
        """Read tokens: log probabilities of what follows each, `(tokens, vocabulary)`, and the state after the last."""
        given = self.checked(tokens)
        if not len(given):
            raise UsageError("No tokens were given, expected one or more.")
        answers, state = self.engine.forward(given.astype(np.float32).reshape(1, -1, 1), None, state)
        return answers[0], state

    def read(self, tokens: Sequence[int] | Array, state: State) -> tuple[Array, State]:
        """Read one token or more, of which only the end matters: `(vocabulary,)` and the state. Long texts need no more
        memory than short ones."""
        answers: Array = np.empty((1, 0), np.float32)
        for block in self._blocks(self.checked(tokens)):
            answers, state = self.advance(block, state)
        return answers[-1].copy(), state

    def checked(self, tokens: Sequence[int] | Array) -> Array:
        """The tokens as an array `(tokens,)`. Raises `UsageError` for what is none."""
        try:
            given = np.asarray(tokens)
        except ValueError:  # rows of different lengths
            given = np.empty((0, 0))
        if given.shape == (0,):
            return np.empty(0, np.int64)
        if given.ndim != 1 or given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= self.front_end.size:
            raise UsageError(
                f"The tokens given are {short(tokens)}, expected whole numbers from 0 to {self.front_end.size - 1} in a row."
            )
        return given

    def score(self, tokens: Array, characters: int, cache: Cache | None = None) -> Score:
        """What a text costs, read from its beginning after the end of a line.

        Args:
            tokens: of the text, all of them scored.
            characters: of the text, for bits per character.
            cache: looks at the words of a little while ago as well.
        """
        return self._score([(tokens, characters)], cache)

    def score_text(self, blocks: Iterable[str], cache: Cache | None = None) -> Score:
        """The same of a text that comes in blocks, and may be longer than memory.

        Raises `DataError` where there are no tokens in it.
        """
        front_end = self.front_end
        return self._score(((front_end.encode(block), len(front_end.prepare(block))) for block in blocks), cache)

    def _score(self, parts: Iterable[tuple[Array, int]], cache: Cache | None) -> Score:
        words = None if cache is None else WordCache(cache, self.network, self._weights)
        before, state = self.first, self.begin()
        count, characters, unknown, nats = 0, 0, 0, 0.0
        for tokens, length in parts:
            for wanted in self._blocks(self.checked(tokens)):
                read = np.concatenate([[before], wanted[:-1]])
                if words is None:
                    answers, state = self.advance(read, state)
                    nats -= float(answers[np.arange(len(wanted)), wanted].astype(np.float64).sum())
                else:
                    costs, state = words.costs(read, wanted, state)
                    nats += float(costs.sum())
                before = int(wanted[-1])
                unknown += self.front_end.unknown(wanted)
            count, characters = count + len(tokens), characters + length
        if not count:
            raise DataError("The text holds no tokens, only spaces: give a text with words in it.")
        return Score(count, characters, unknown, nats)

    def _blocks(self, tokens: Array) -> Iterator[Array]:
        """As many tokens at once as fit in memory."""
        size = max(1, BLOCK_NUMBERS // self._numbers)
        for first in range(0, len(tokens), size):
            yield tokens[first : first + size].astype(np.int64)

    def write(self, prompt: Sequence[int] | Array, count: int, sampling: Sampling) -> Iterator[int]:
        """Tokens drawn one after the other, each read before the next is drawn.

        Args:
            prompt: tokens that are read first; none: the end of a line.
            count: how many are written.
        """
        given = self.checked(prompt)
        expected, state = self.read(np.concatenate([[self.first], given]), self.begin())
        chooser = sampling.chooser(given[-RECENT:].tolist())
        for _ in range(count):
            token = chooser.choose(expected)
            yield token
            expected, state = self.read([token], state)


class LanguageStream:
    """Reads text as it comes and tells what is expected next; its state is small and can be saved.

    However the tokens are divided among calls, what is expected at their end is the same up to rounding.
    """

    def __init__(self, runtime: LanguageRuntime) -> None:
        self._runtime = runtime
        self.reset()

    def reset(self) -> None:
        """Forget everything read."""
        self._expected, self._state = self._runtime.read([self._runtime.first], self._runtime.begin())

    def update(self, given: str | Sequence[int] | Array) -> Array:
        """Read a piece of text, or token numbers: the log probabilities of the next token, `(vocabulary,)`.

        A piece of text is cut into tokens by itself: with words or subwords let pieces end where words do.
        """
        runtime = self._runtime
        tokens = runtime.front_end.encode(lines_ended(given)) if isinstance(given, str) else runtime.checked(given)
        if len(tokens):
            self._expected, self._state = runtime.read(tokens, self._state)
        return self.expected

    @property
    def expected(self) -> Array:
        """Log probabilities of the next token, `(vocabulary,)`."""
        return self._expected.copy()

    def likely(self, count: int = 5) -> list[tuple[str, float]]:
        """The most probable next tokens with their probabilities."""
        check_whole("likely", "count", count)
        best = np.argsort(-self._expected)[:count]
        return list(zip(self._runtime.front_end.tokens(best), np.exp(self._expected[best]).tolist(), strict=True))

    @property
    def state(self) -> bytes:
        """Everything the stream remembers; another stream of the same model goes on from it."""
        parts = [self._expected, *self._state]
        return b"".join(np.ascontiguousarray(each, "<f4").tobytes() for each in parts)

    @state.setter
    def state(self, saved: bytes) -> None:
        shapes = [(self._runtime.front_end.size,), *self._runtime.network.state_shapes(1)]
        numbers = np.frombuffer(saved, "<f4") if len(saved) % 4 == 0 else np.empty(0, "<f4")
        if len(numbers) != sum(math.prod(shape) for shape in shapes) or not np.isfinite(numbers[shapes[0][0] :]).all():
            raise UsageError(
                f"The state given has {len(saved)} bytes and is none of this model's: give one that a stream gave."
            )
        parts = []
        for shape in shapes:
            parts.append(numbers[: math.prod(shape)].reshape(shape).copy())
            numbers = numbers[math.prod(shape) :]
        self._expected, self._state = parts[0], parts[1:]
