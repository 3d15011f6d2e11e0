"""Beam search: the likeliest sequences under a model that says, after each token, how likely every next one is.

It knows no task: a `Speaker` answers for one step, and keeps whatever it remembers of each hypothesis. A beam of one is
greedy search. All sentences of a batch are searched side by side, each as if it were alone.

Letters of shapes: `sentences`, `beam` hypotheses of each, `vocabulary`, `source` steps looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ensue.errors import ConfigError

Floats = NDArray[np.floating[Any]]
Whole = NDArray[np.int64]
S = TypeVar("S")

WIDEST = 1000


@dataclass(frozen=True)
class BeamOptions:
    """How to search. Raises `ConfigError` for what cannot be right."""

    beam: int = 5
    """Hypotheses kept at each step; 1 is greedy."""
    n_best: int = 1
    """Hypotheses given back, the best first; no more than `beam`."""
    length_penalty: float = 1.0
    """The exponent alpha of Wu et al. (2016), eq. 14: 0 compares bare probabilities, which favours short answers."""
    no_repeat: int = 0
    """No run of so many tokens comes twice in an answer; 0: any may."""

    def __post_init__(self) -> None:
        for name, least, most in (("beam", 1, WIDEST), ("n_best", 1, self.beam), ("no_repeat", 0, WIDEST)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                hint = ", the beam" if name == "n_best" else ""
                raise ConfigError(f"{name} is {value!r}, expected a whole number from {least} to {most}{hint}.")
        penalty = self.length_penalty
        if not isinstance(penalty, int | float) or isinstance(penalty, bool) or not 0 <= penalty <= 10:
            raise ConfigError(f"length_penalty is {penalty!r}, expected a number from 0 to 10, such as 1.0.")


class Said(NamedTuple):
    """What a speaker answers for one step."""

    log_probabilities: Floats  # sentences beam vocabulary
    state: Any
    shares: Floats | None = None  # sentences beam source: what it looked at


class Speaker(Protocol[S]):
    """A model that can be asked for the next token."""

    def step(self, tokens: Whole, state: S) -> Said:
        """Log probabilities after the latest tokens, `(sentences, beam)`."""

    def select(self, state: S, sentences: Whole, hypotheses: Whole) -> S:
        """The state of some sentences, in each of which hypothesis i goes on from `hypotheses[:, i]` of those before."""


@dataclass(frozen=True)
class Hypothesis:
    """An answer that was found."""

    tokens: tuple[int, ...]
    """Without the marks of begin and end."""
    score: float
    """Its log probability over the length penalty: what hypotheses are ranked by."""
    log_probability: float
    """Of all its tokens, the end's among them."""
    ended: bool
    """Whether it came to its end; otherwise it was cut at the longest length."""
    shares: Floats | None
    """`(tokens, source)`: what each token looked at."""


@dataclass(frozen=True)
class Marks:
    """The numbers of special tokens."""

    begin: int
    """No answer holds it."""
    end: int


def length_penalty(length: int, alpha: float) -> float:
    """What a log probability is divided by: ((5 + length) / 6) ** alpha (Wu et al. 2016, eq. 14).

    >>> length_penalty(1, 0.6), round(length_penalty(7, 1.0), 3)
    (1.0, 2.0)
    """
    return float(((5 + length) / 6) ** alpha)


def beam_search(
    speaker: Speaker[S], state: S, longest: Sequence[int], marks: Marks, options: BeamOptions
) -> list[list[Hypothesis]]:
    """The best hypotheses of each sentence, the best first: `n_best` of them, or fewer where there are not so many.

    Args:
        state: what the speaker begins with, `beam` equal hypotheses a sentence.
        longest: of each sentence, how many tokens an answer may have.

    An answer has one token at least. A sentence is done when as many hypotheses as the beam is wide have ended, or none
    that goes on can be better than those that are asked for.
    """
    searches = [_Search(length, marks, options) for length in longest]
    live = list(range(len(searches)))
    while live:
        tokens = np.array([searches[each].latest() for each in live])  # sentences x beam
        said = speaker.step(tokens, state)
        parents = np.empty_like(tokens)
        for place, each in enumerate(live):
            shares = None if said.shares is None else said.shares[place]
            parents[place] = searches[each].advance(said.log_probabilities[place], shares)
        going = np.array([not searches[each].done for each in live])
        live = [each for each, goes in zip(live, going, strict=True) if goes]
        if live:
            state = speaker.select(said.state, np.flatnonzero(going), parents[going])
    return [search.best() for search in searches]


@dataclass
class _Path:
    """A hypothesis that goes on."""

    tokens: tuple[int, ...] = ()
    log_probability: float = 0.0
    shares: tuple[Floats, ...] = ()


class _Search:
    """The search of one sentence."""

    def __init__(self, longest: int, marks: Marks, options: BeamOptions) -> None:
        self.longest, self.marks, self.options = longest, marks, options
        # All begin alike; only the first counts at the first step, or each answer would be found many times.
        self.paths = [_Path(log_probability=0.0 if i == 0 else -np.inf) for i in range(options.beam)]
        self.ended: list[Hypothesis] = []
        self.done = False

    def latest(self) -> list[int]:
        return [path.tokens[-1] if path.tokens else self.marks.begin for path in self.paths]

    def advance(self, log_probabilities: Floats, shares: Floats | None) -> list[int]:
        """Take one step; which hypothesis each of the new ones goes on from."""
        totals = log_probabilities.astype(np.float64)  # beam x vocabulary
        totals[:, self.marks.begin] = -np.inf
        if not self.paths[0].tokens:
            totals[:, self.marks.end] = -np.inf
        for row, path in enumerate(self.paths):
            totals[row] += path.log_probability
            totals[row, self._repeats(path.tokens)] = -np.inf
        beam, (_, vocabulary) = self.options.beam, totals.shape
        going: list[tuple[int, _Path]] = []
        for rank, place in enumerate(_largest(totals.ravel(), 2 * beam)):
            row, token = divmod(int(place), vocabulary)
            total = float(totals[row, token])
            if total == -np.inf or len(going) == beam:
                break
            seen = self.paths[row].shares if shares is None else (*self.paths[row].shares, shares[row])
            path = _Path((*self.paths[row].tokens, token), total, seen)
            if token != self.marks.end:
                going.append((row, path))
            elif rank < beam:
                self._end(path)
        return self._keep(going)

    def _keep(self, going: list[tuple[int, _Path]]) -> list[int]:
        if not going or len(self.ended) >= self.options.beam or self._settled(going[0][1]):
            self.done = True
        elif len(going[0][1].tokens) >= self.longest:
            self.done = True
            for _, path in going:
                self._end(path, ended=False)
        if self.done:
            return [0] * self.options.beam
        while len(going) < self.options.beam:  # a small vocabulary has not so many: these are never the largest
            row, path = going[-1]
            going.append((row, _Path(path.tokens, -np.inf, path.shares)))
        self.paths = [path for _, path in going]
        return [row for row, _ in going]

    def _settled(self, best: _Path) -> bool:
        """Whether nothing that goes on can be better than the hypotheses asked for: totals only fall."""
        wanted = self.options.n_best
        if len(self.ended) < wanted:
            return False
        reachable = best.log_probability / length_penalty(self.longest + 1, self.options.length_penalty)
        return reachable <= sorted((each.score for each in self.ended), reverse=True)[wanted - 1]

    def _end(self, path: _Path, ended: bool = True) -> None:
        penalty = length_penalty(len(path.tokens), self.options.length_penalty)
        kept = len(path.tokens) - ended
        shares = np.array(path.shares[:kept]) if path.shares else None
        score = path.log_probability / penalty
        self.ended.append(Hypothesis(path.tokens[:kept], score, path.log_probability, ended, shares))

    def _repeats(self, tokens: tuple[int, ...]) -> list[int]:
        """Tokens that would say a run of `no_repeat` tokens again."""
        size = self.options.no_repeat
        if not size or len(tokens) < size:
            return []
        last = tokens[len(tokens) - size + 1 :]
        runs = (tokens[at : at + size] for at in range(len(tokens) - size + 1))
        return [run[-1] for run in runs if run[:-1] == last]

    def best(self) -> list[Hypothesis]:
        # Sorting keeps the order of equals, so that those found first come first.
        return sorted(self.ended, key=lambda each: -each.score)[: self.options.n_best]


def _largest(values: Floats, count: int) -> NDArray[np.intp]:
    """The places of the largest values, the largest first; of equal ones the first."""
    if count >= len(values):
        return np.argsort(-values, kind="stable")
    chosen = np.sort(np.argpartition(-values, count - 1)[:count])
    return chosen[np.argsort(-values[chosen], kind="stable")]
