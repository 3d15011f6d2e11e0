"""Made tasks that cannot be solved without remembering: what is asked at the end was shown long before.

Each task is a frozen dataclass that gives as many batches as one likes, every one from a seed and a step's number alone.
Letters of shapes: `batch time features answers`. Sources: Hochreiter & Schmidhuber 1997, sec. 5; Martens & Sutskever 2011,
sec. 5; Arjovsky, Shah & Bengio 2016, sec. 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ensue.errors import UsageError, nearest

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Sequences of one length and what is to be answered at the last steps of each."""

    x: Floats
    """What the network reads, `(batch, time, features)`."""
    target: NDArray[Any]
    """What it has to say at the last steps, `(batch, answers)`: int64 symbols, or float32 numbers."""


class MemoryTask(Protocol):
    """What all tasks offer."""

    @property
    def name(self) -> str:
        """As in `TASKS`."""

    @property
    def span(self) -> int:
        """The longest time, in steps, over which something has to be remembered."""

    @property
    def features(self) -> int:
        """Inputs at each step."""

    @property
    def symbols(self) -> int | None:
        """How many symbols there are to choose the answer from; None: the answer is a number."""

    @property
    def answers(self) -> int:
        """At so many of the last steps an answer is due."""

    @property
    def chance(self) -> float:
        """What is reached without memory: the share of right symbols, or the mean squared error of a number."""

    def batch(self, size: int, seed: int, step: int = 0) -> Batch:
        """The sequences of one step: the same seed and step give the same batch, others another."""


@dataclass(frozen=True)
class FirstSymbol:
    """The first symbol decides: one of eight, then `steps` distracting symbols, then it is asked for.

    Inputs: 8 symbols to remember and 8 others to distract, one-hot. Target: the first symbol. Nothing is blurred and no
    step hints at the answer, so that only memory counts. Chance: 1/8 right. After Hochreiter & Schmidhuber 1997, sec. 5.2
    (experiment 2b, whose first symbol is one of two).

    >>> batch = FirstSymbol(steps=100).batch(size=4, seed=0)
    >>> batch.x.shape, batch.target.shape
    ((4, 101, 16), (4, 1))
    """

    name: ClassVar[str] = "first_symbol"
    features: ClassVar[int] = 16
    symbols: ClassVar[int] = 8
    answers: ClassVar[int] = 1
    chance: ClassVar[float] = 1 / 8
    steps: int

    def __post_init__(self) -> None:
        _check_steps(self.name, "steps", self.steps, least=1)

    @property
    def span(self) -> int:
        return self.steps

    def batch(self, size: int, seed: int, step: int = 0) -> Batch:
        random = _random(seed, step)
        shown = random.integers(self.symbols, self.features, (size, 1 + self.steps))  # batch time
        shown[:, 0] = random.integers(self.symbols, size=size)
        return Batch(_one_hot(shown, self.features), shown[:, :1].copy())


@dataclass(frozen=True)
class Adding:
    """The adding problem: of `steps` random numbers two are marked, and their sum is asked for at the end.

    Inputs: a number from 0 to 1, and a mark that is 1 at one step of the first half and at one of the second. Target:
    the sum of the two marked numbers. Chance: always saying 1 has a mean squared error of 1/6 = 0.167, the variance of
    the sum. Hochreiter & Schmidhuber 1997, sec. 5.4, in the form of Arjovsky, Shah & Bengio 2016, sec. 5.2.

    >>> Adding(steps=200).batch(size=4, seed=0).x.shape
    (4, 200, 2)
    """

    name: ClassVar[str] = "adding"
    features: ClassVar[int] = 2
    symbols: ClassVar[None] = None
    answers: ClassVar[int] = 1
    chance: ClassVar[float] = 1 / 6
    steps: int

    def __post_init__(self) -> None:
        _check_steps(self.name, "steps", self.steps, least=2)

    @property
    def span(self) -> int:
        return self.steps

    def batch(self, size: int, seed: int, step: int = 0) -> Batch:
        random = _random(seed, step)
        numbers = random.random((size, self.steps), dtype=np.float32)  # batch time
        half = self.steps // 2
        places = np.stack([random.integers(half, size=size), random.integers(half, self.steps, size)], axis=1)
        marks = np.zeros_like(numbers)
        np.put_along_axis(marks, places, 1.0, axis=1)
        target = np.take_along_axis(numbers, places, axis=1).sum(axis=1, keepdims=True)
        return Batch(np.stack([numbers, marks], axis=2), target)


@dataclass(frozen=True)
class Copy:
    """Copy after a delay: ten of eight symbols, `steps` blanks, then a cue and the ten are asked for one by one.

    Inputs: 8 symbols, the blank and the cue, one-hot, `steps + 20` of them; the cue stands before the first answer.
    Target: the ten symbols in their order, at the last ten steps. Chance: 1/8 right, or ln 8 = 2.08 nats an answer. The
    literature also asks for a blank at all other steps and takes the mean over all: an answer's nats times
    10 / (steps + 20). Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016, sec. 5.1; Tallec & Ollivier 2018, sec. 3.

    >>> batch = Copy(steps=100).batch(size=4, seed=0)
    >>> batch.x.shape, batch.target.shape
    ((4, 120, 10), (4, 10))
    """

    name: ClassVar[str] = "copy"
    features: ClassVar[int] = 10
    symbols: ClassVar[int] = 8
    answers: ClassVar[int] = 10
    chance: ClassVar[float] = 1 / 8
    steps: int

    def __post_init__(self) -> None:
        _check_steps(self.name, "steps", self.steps, least=1)

    @property
    def span(self) -> int:
        return self.steps + self.answers

    def batch(self, size: int, seed: int, step: int = 0) -> Batch:
        blank, cue = self.symbols, self.symbols + 1
        target = _random(seed, step).integers(self.symbols, size=(size, self.answers))
        shown = np.full((size, self.steps + 2 * self.answers), blank)  # batch time
        shown[:, : self.answers] = target
        shown[:, -self.answers - 1] = cue
        return Batch(_one_hot(shown, self.features), target)


@dataclass(frozen=True)
class TemporalOrder:
    """Temporal order: in `steps` symbols an X or Y stands early and another in the middle; which came in which order?

    Inputs: E (the first step), B (the last), X, Y and four distractors, one-hot. The first X or Y stands between a tenth
    and a fifth of the way, the second between a half and three fifths. Target: 0 to 3 for XX, XY, YX, YY. Chance: 1/4
    right. Hochreiter & Schmidhuber 1997, sec. 5.6 (experiment 6a, there of 100 to 110 steps).

    >>> TemporalOrder(steps=100).batch(size=4, seed=0).x.shape
    (4, 100, 8)
    """

    name: ClassVar[str] = "temporal_order"
    features: ClassVar[int] = 8
    symbols: ClassVar[int] = 4
    answers: ClassVar[int] = 1
    chance: ClassVar[float] = 1 / 4
    steps: int

    def __post_init__(self) -> None:
        _check_steps(self.name, "steps", self.steps, least=10)

    @property
    def span(self) -> int:
        return self.steps - self.steps // 10

    def batch(self, size: int, seed: int, step: int = 0) -> Batch:
        random, steps, rows = _random(seed, step), self.steps, np.arange(size)
        shown = random.integers(4, 8, (size, steps))  # batch time; 0 and 1 are X and Y, 2 is E, 3 is B
        shown[:, 0], shown[:, -1] = 2, 3
        first, second = random.integers(2, size=(2, size))
        shown[rows, random.integers(steps // 10, steps // 5 + 1, size)] = first
        shown[rows, random.integers(steps // 2, 3 * steps // 5 + 1, size)] = second
        return Batch(_one_hot(shown, self.features), (2 * first + second)[:, None])


@dataclass(frozen=True)
class DelayedXor:
    """Delayed XOR: two marked bits, then `steps` distracting ones; do the two differ?

    Inputs: a bit as -1 or 1, and a mark that is 1 at the first two steps. Target: 1 where the two differ, else 0. Either
    bit alone says nothing. Chance: 1/2 right. After the XOR problem of Martens & Sutskever 2011, sec. 5, with both bits at
    the beginning.

    >>> DelayedXor(steps=100).batch(size=4, seed=0).x.shape
    (4, 102, 2)
    """

    name: ClassVar[str] = "delayed_xor"
    features: ClassVar[int] = 2
    symbols: ClassVar[int] = 2
    answers: ClassVar[int] = 1
    chance: ClassVar[float] = 1 / 2
    steps: int

    def __post_init__(self) -> None:
        _check_steps(self.name, "steps", self.steps, least=1)

    @property
    def span(self) -> int:
        return self.steps + 1

    def batch(self, size: int, seed: int, step: int = 0) -> Batch:
        bits = _random(seed, step).integers(2, size=(size, 2 + self.steps))  # batch time
        x = np.zeros((*bits.shape, 2), np.float32)
        x[..., 0] = 2 * bits - 1
        x[:, :2, 1] = 1.0
        return Batch(x, bits[:, :1] ^ bits[:, 1:2])


@dataclass(frozen=True)
class KnownLag:
    """A known lag: of a stream of random numbers the one marked exactly `lag` steps before the last is asked for.

    Inputs: a number from -1 to 1, and a mark that is 1 at one step only. Target: the marked number. Numbers that distract
    stand on both sides of it: a batch's length is drawn from 1.3 to 2 times the lag, so that the place of the mark, seen
    from the beginning, says nothing, and what an answer depends on lies at `lag` and nowhere else: the truth that a
    measured horizon is compared with. Chance: always saying 0 has a mean squared error of 1/3.

    >>> batch = KnownLag(lag=20).batch(size=4, seed=0)
    >>> bool((batch.x[:, -21, 1] == 1).all()), batch.x[..., 1].sum(), 26 <= batch.x.shape[1] <= 40
    (True, np.float32(4.0), True)
    """

    name: ClassVar[str] = "known_lag"
    features: ClassVar[int] = 2
    symbols: ClassVar[None] = None
    answers: ClassVar[int] = 1
    chance: ClassVar[float] = 1 / 3
    lag: int

    def __post_init__(self) -> None:
        _check_steps(self.name, "lag", self.lag, least=2)

    @property
    def span(self) -> int:
        return self.lag

    def batch(self, size: int, seed: int, step: int = 0) -> Batch:
        random = _random(seed, step)
        time = int(random.integers(math.ceil(1.3 * self.lag), 2 * self.lag, endpoint=True))
        x = np.zeros((size, time, self.features), np.float32)
        x[..., 0] = random.uniform(-1.0, 1.0, (size, time))
        x[:, -1 - self.lag, 1] = 1.0
        return Batch(x, x[:, -1 - self.lag, :1].copy())


TASKS: dict[str, type[FirstSymbol | Adding | Copy | TemporalOrder | DelayedXor | KnownLag]] = {
    each.name: each for each in (FirstSymbol, Adding, Copy, TemporalOrder, DelayedXor, KnownLag)
}
"""The tasks by name; each is made from one number, its time in steps."""


def memory_task(name: str, steps: int) -> MemoryTask:
    """The task of that name over so many steps. Raises `UsageError` for a name there is not, or too few steps.

    >>> memory_task("adding", 200)
    Adding(steps=200)
    """
    if name not in TASKS:
        raise UsageError(f"The memory task '{name}' is not known, {nearest(name, TASKS)}")
    return TASKS[name](steps)


def _check_steps(name: str, field: str, steps: object, least: int) -> None:
    if type(steps) is not int or steps < least:
        raise UsageError(f"The memory task {name} has {field} {steps!r}, expected a whole number from {least} on.")


def _random(seed: int, step: int) -> np.random.Generator:
    """The spawn key keeps them apart: a tuple of seed and step would be the same with zeros behind it."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step,)))


def _one_hot(shown: NDArray[Any], features: int) -> Floats:
    hot: Floats = np.eye(features, dtype=np.float32)[shown]  # batch time features
    return hot
