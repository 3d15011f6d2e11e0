"""Scoring, streaming and composing tunes without PyTorch: one path forward for all three.

A `NoteStream` reads tokens and gives the distribution of the next; a score is the sum of what it gave to what came, and
composing draws from it. With keys by themselves (`data.notes.piano_roll.Keys`) a token is a whole step: a row of 88.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.notes.coding import read
from ensue.data.notes.piano_roll import KEYS, Keys, of_roll, roll_of
from ensue.data.notes.tune import Meter, Stepped
from ensue.errors import UsageError
from ensue.runtime.engine import Executor
from ensue.tasks.melody import MelodyTask

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """How well tunes were foretold."""

    nats: float
    """Minus the log probability of everything that came."""
    tokens: int
    steps: int

    @property
    def per_step(self) -> float:
        return self.nats / self.steps

    @property
    def per_token(self) -> float:
        return self.nats / self.tokens


@dataclass(frozen=True)
class Taste:
    """How to draw the next token from its distribution."""

    temperature: float = 1.0
    """Below 1 the likely becomes likelier; 0 takes the likeliest always."""
    top_p: float = 1.0
    """Only the likeliest tokens that together have this probability (Holtzman et al. 2020, section 3.1)."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 10:
            raise UsageError(f"temperature is {self.temperature}, expected a number from 0 to 10: give 1, for example.")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top_p is {self.top_p}, expected a share above 0 and up to 1: give 0.95, for example.")

    def draw(self, log_p: Floats, rng: np.random.Generator) -> int:
        """One of the tokens.

        >>> Taste(temperature=0).draw(np.log([0.2, 0.5, 0.3]), np.random.default_rng(0))
        1
        """
        if self.temperature == 0:
            return int(np.argmax(log_p))
        p = np.exp((log_p - log_p.max()) / self.temperature)
        p /= p.sum()
        if self.top_p < 1:
            order = np.argsort(-p, kind="stable")
            enough = int(np.searchsorted(np.cumsum(p[order]), self.top_p)) + 1
            p[order[enough:]] = 0.0
        return int(np.searchsorted(np.cumsum(p), rng.random() * p.sum(), side="right").clip(0, np.flatnonzero(p)[-1]))


class NoteStream:
    """One tune while it is read or written: `update(tokens)` gives the distribution of the next.

    Args:
        meter, pickup: the bars of the tune; pickup in steps.

    Reading token by token or many at once gives the same.
    """

    def __init__(self, task: MelodyTask, engine: Executor, meter: Meter | None = None, pickup: int = 0) -> None:
        if isinstance(task.coding, Keys):
            raise UsageError(
                "A model of keys each by itself knows no next token, so it does not stream: train with --polyphonic."
            )
        self.coding, self.engine = task.coding, engine
        self.reader = task.coding.reader(meter or task.coding.places.meters[0], pickup)
        self.state: list[NDArray[Any]] | None = None
        self._ask()

    @property
    def log_p(self) -> Floats:
        """Log probabilities of the next token; minus infinity for those that cannot come."""
        return self._log_p

    def update(self, tokens: Iterable[int]) -> Floats:
        """The distribution after these. Raises `UsageError` for a token that cannot come, and has then read none."""
        given = [int(token) for token in tokens]
        self._check(given)
        for token in given:
            self.push(token)
        return np.exp(self._log_p)

    def push(self, token: int) -> None:
        """Read one token that `log_p` says can come; it is not checked again."""
        self.reader.push(token)
        self._ask()

    def _ask(self) -> None:
        output, self.state = self.engine.forward(self.reader.row()[None, None], state=self.state)
        self._log_p = among(output[0, 0], self.reader.legal())

    def _check(self, tokens: Sequence[int]) -> None:
        import copy

        ahead = copy.deepcopy(self.reader)
        names = self.coding.names()
        for token in tokens:
            if not 0 <= token < self.coding.classes:
                raise UsageError(f"The token {token} is given, expected 0 to {self.coding.classes - 1}.")
            if not ahead.legal()[token]:
                raise UsageError(
                    f"The token {token} ({names[token]}) is given at step {ahead.step}, where it cannot be."
                )
            ahead.push(token)


def among(log_p: NDArray[Any], legal: NDArray[np.bool_]) -> Floats:
    """Log probabilities among the tokens that may come: `(..., classes)`."""
    allowed = np.where(legal, log_p.astype(np.float64), -np.inf)
    top = allowed.max(-1, keepdims=True)
    total = np.log(np.exp(allowed - top).sum(-1, keepdims=True))
    return np.asarray(allowed - top - total, dtype=np.float64)


def score(task: MelodyTask, engine: Executor, tunes: Sequence[Stepped]) -> Score:
    """The likelihood of whole tunes, every step of them, the first from the empty state."""
    nats, tokens, steps = 0.0, 0, 0
    for tune in tunes:
        each = nats_of(task, engine, tune)
        nats, tokens, steps = nats + float(each.sum()), tokens + len(each), steps + tune.steps
    return Score(nats, tokens, steps)


def nats_of(task: MelodyTask, engine: Executor, tune: Stepped) -> Floats:
    """Minus the log probability of each token of a tune; of each step, with keys by themselves."""
    if isinstance(task.coding, Keys):
        rows, roll = task.coding.rows(tune)
        logits = engine.forward(rows[None])[0][0].astype(np.float64)
        return np.asarray((np.logaddexp(0.0, logits) - roll * logits).sum(-1))
    seen = read(task.coding, tune)
    log_p = among(engine.forward(seen.rows[None])[0][0], seen.legal)
    return np.asarray(-log_p[np.arange(len(seen.tokens)), seen.tokens])


def compose(
    task: MelodyTask, engine: Executor, prompt: Stepped, steps: int, taste: Taste, rng: np.random.Generator
) -> Stepped:
    """The prompt and `steps` more steps."""
    if isinstance(task.coding, Keys):
        return _compose_keys(task.coding, engine, prompt, steps, taste, rng)
    stream = NoteStream(task, engine, prompt.meter, prompt.pickup)
    known = task.coding.tokens(prompt)
    stream.update(known.tolist())
    made = [*known.tolist(), *_drawn(stream, prompt.steps + steps, taste, rng)]
    return task.coding.tune(made, prompt.name, prompt.meter, prompt.pickup, prompt.tempo)


def _drawn(stream: NoteStream, until: int, taste: Taste, rng: np.random.Generator) -> Iterator[int]:
    while stream.reader.step < until:
        token = taste.draw(stream.log_p, rng)
        stream.push(token)
        yield token


def _compose_keys(
    coding: Keys, engine: Executor, prompt: Stepped, steps: int, taste: Taste, rng: np.random.Generator
) -> Stepped:
    rows, _ = coding.rows(prompt)
    state = None
    if len(rows):
        _, state = engine.forward(rows[None])
    made = list(roll_of(prompt))
    before = made[-1] if made else np.zeros(KEYS, np.bool_)
    for step in range(prompt.steps, prompt.steps + steps):
        row = coding.row(before, step, prompt.meter, prompt.pickup)
        logits, state = engine.forward(row[None, None], state=state)
        before = _keys_on(logits[0, 0].astype(np.float64), taste, rng)
        made.append(before)
    return of_roll(
        np.array(made).reshape(-1, KEYS), prompt.name, coding.places, prompt.meter, prompt.pickup, prompt.tempo
    )


def _keys_on(logits: Floats, taste: Taste, rng: np.random.Generator) -> NDArray[np.bool_]:
    if taste.temperature == 0:
        return logits > 0
    p = 1 / (1 + np.exp(-logits / taste.temperature))
    p[p < 1 - taste.top_p] = 0.0
    return rng.random(KEYS) < p
