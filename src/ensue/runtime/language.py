"""A language model at work, without PyTorch: what it expects next, what a text costs it, what it writes.

Scoring and writing go through the same `advance`, so what is written is drawn from the very probabilities that are scored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.text import BEGIN
from ensue.errors import UsageError
from ensue.runtime.engine import Engine
from ensue.runtime.sampling import Sampling
from ensue.runtime.word_cache import Cache, WordCache
from ensue.tasks.language_model import LanguageModelTask

Array = NDArray[Any]
State = list[Array]
BLOCK_NUMBERS = 4_000_000
"""Probabilities that are held at once while a text is scored."""


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
        newline = self.front_end.encode("\n")
        self.first = int(newline[0]) if len(newline) == 1 and newline[0] else BEGIN
        """What is read before a text: the end of a line where the model knows one."""

    def begin(self) -> State:
        return self.engine.initial_state(1)

    def advance(self, tokens: Sequence[int] | Array, state: State) -> tuple[Array, State]:
        """Read tokens: log probabilities of what follows each, `(tokens, vocabulary)`, and the state after the last."""
        x = np.asarray(tokens, np.float32).reshape(1, -1, 1)
        if not x.size or x.min() < 0 or x.max() >= self.front_end.size:
            raise UsageError(
                f"The tokens given are {str(list(tokens))[:60]}, expected one or more numbers from 0 to "
                f"{self.front_end.size - 1}."
            )
        answers, state = self.engine.forward(x, None, state)
        return answers[0], state

    def score(self, tokens: Array, characters: int, cache: Cache | None = None) -> Score:
        """What a text costs, read from its beginning after the end of a line.

        Args:
            tokens: of the text, all of them scored.
            characters: of the text, for bits per character.
            cache: looks at the words of a little while ago as well.
        """
        words = None if cache is None else WordCache(cache, self.network, self._weights)
        read = np.concatenate([[self.first], tokens[:-1]])
        block = max(1, BLOCK_NUMBERS // self.front_end.size)
        state, nats = self.begin(), 0.0
        for first in range(0, len(tokens), block):
            wanted = np.asarray(tokens[first : first + block], np.int64)
            if words is None:
                answers, state = self.advance(read[first : first + block], state)
                nats -= float(answers[np.arange(len(wanted)), wanted].astype(np.float64).sum())
            else:
                costs, state = words.costs(read[first : first + block], wanted, state)
                nats += float(costs.sum())
        return Score(len(tokens), characters, self.front_end.unknown(np.asarray(tokens)), nats)

    def write(self, prompt: Sequence[int] | Array, count: int, sampling: Sampling) -> Iterator[int]:
        """Tokens drawn one after the other, each read before the next is drawn.

        Args:
            prompt: tokens that are read first; none: the end of a line.
            count: how many are written.
        """
        read = [self.first, *map(int, prompt)]
        answers, state = self.advance(read, self.begin())
        chooser = sampling.chooser(read[1:])
        expected = answers[-1]
        for _ in range(count):
            token = chooser.choose(expected)
            yield token
            answers, state = self.advance([token], state)
            expected = answers[-1]


class LanguageStream:
    """Reads text as it comes and tells what is expected next; its state is small and can be saved.

    However the tokens are divided among calls, what is expected at their end is the same up to rounding.
    """

    def __init__(self, runtime: LanguageRuntime) -> None:
        self._runtime = runtime
        self.reset()

    def reset(self) -> None:
        """Forget everything read."""
        self._expected, self._state = self._runtime.advance([self._runtime.first], self._runtime.begin())

    def update(self, given: str | Sequence[int] | Array) -> Array:
        """Read a piece of text, or token numbers: the log probabilities of the next token, `(vocabulary,)`.

        A piece of text is cut into tokens by itself: with words or subwords let pieces end where words do.
        """
        tokens = self._runtime.front_end.encode(given) if isinstance(given, str) else given
        if len(tokens):
            answers, self._state = self._runtime.advance(tokens, self._state)
            self._expected = answers[-1:].copy()  # the rest of a long piece need not stay in memory
        return self.expected

    @property
    def expected(self) -> Array:
        """Log probabilities of the next token, `(vocabulary,)`."""
        return np.array(self._expected[-1])

    def likely(self, count: int = 5) -> list[tuple[str, float]]:
        """The most probable next tokens with their probabilities."""
        expected = self._expected[-1]
        best = np.argsort(-expected)[:count]
        return list(zip(self._runtime.front_end.tokens(best), np.exp(expected[best]).tolist(), strict=True))

    @property
    def state(self) -> bytes:
        """Everything the stream remembers; another stream of the same model goes on from it."""
        parts = [self._expected[-1:], *self._state]
        return b"".join(np.ascontiguousarray(each, "<f4").tobytes() for each in parts)

    @state.setter
    def state(self, saved: bytes) -> None:
        shapes = [(1, self._runtime.front_end.size), *self._runtime.network.state_shapes(1)]
        numbers = np.frombuffer(saved, "<f4") if len(saved) % 4 == 0 else np.empty(0, "<f4")
        if len(numbers) != sum(math.prod(shape) for shape in shapes) or not np.isfinite(numbers[shapes[0][1] :]).all():
            raise UsageError(
                f"The state given has {len(saved)} bytes and is none of this model's: give one that a stream gave."
            )
        parts = []
        for shape in shapes:
            parts.append(numbers[: math.prod(shape)].reshape(shape).copy())
            numbers = numbers[math.prod(shape) :]
        self._expected, self._state = parts[0], parts[1:]
