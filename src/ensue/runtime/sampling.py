"""Drawing from what a model expects: temperature, the likeliest few, and what was said before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.text import BEGIN, END, UNKNOWN
from ensue.errors import ConfigError
from ensue.layers.base import check_whole, is_number, short

RECENT = 64
"""Tokens back that the repetition penalty looks at."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn; left as it is, from the probabilities of the model as they are."""

    temperature: float = 1.0
    """Below 1 likely tokens become likelier; 0 takes the likeliest one always."""
    top_k: int | None = None
    """Only from so many likeliest tokens (Fan, Lewis & Dauphin 2018, sec. 5)."""
    top_p: float | None = None
    """Only from the fewest tokens that together have this probability (Holtzman et al. 2020, sec. 3.1)."""
    min_p: float | None = None
    """Only tokens at least this likely, in shares of the likeliest one's probability."""
    repetition_penalty: float = 1.0
    """Above 1 tokens of the last while become less likely: their log probability is multiplied by it (Keskar et al. 2019,
    sec. 4.1, on log probabilities)."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not (is_number(self.temperature) and 0 <= self.temperature <= 100):
            raise ConfigError(
                f"temperature is {short(self.temperature)}, expected a number from 0 to 100, such as 0.8."
            )
        if self.top_k is not None:
            check_whole("sampling", "top_k", self.top_k)
        for name in ("top_p", "min_p"):
            value = getattr(self, name)
            if value is not None and not (is_number(value) and 0 < value <= 1):
                raise ConfigError(f"{name} is {short(value)}, expected a share above 0 and at most 1, such as 0.9.")
        if not (is_number(self.repetition_penalty) and 1 <= self.repetition_penalty <= 10):
            raise ConfigError(
                f"repetition_penalty is {short(self.repetition_penalty)}, expected a number from 1 to 10."
            )
        check_whole("sampling", "seed", self.seed, 0, 2**63 - 1)

    def chooser(self, said: Iterable[int] = ()) -> Chooser:
        """Draws one token after the other, after these."""
        return Chooser(self, said)


class Chooser:
    """Draws tokens; the same seed draws the same."""

    def __init__(self, sampling: Sampling, said: Iterable[int] = ()) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._said = list(said)[-RECENT:]

    def choose(self, expected: NDArray[Any]) -> int:
        """A token by its log probability; never the unknown one, nor those that begin and end a sentence."""
        token = int(self._draw(expected))
        self._said = [*self._said, token][-RECENT:] if self._sampling.repetition_penalty > 1 else []
        return token

    def _draw(self, expected: NDArray[Any]) -> int:
        sampling = self._sampling
        scores = expected.astype(np.float64)
        scores[[UNKNOWN, BEGIN, END]] = -np.inf
        if self._said and sampling.repetition_penalty > 1:
            said = np.unique(self._said)
            scores[said] *= sampling.repetition_penalty
        if sampling.temperature == 0 or sampling.top_k == 1:
            return int(scores.argmax())
        scores = (scores - scores.max()) / sampling.temperature
        shares = np.exp(scores)
        shares /= shares.sum()
        cumulated = np.cumsum(_restricted(shares, sampling))
        place = np.searchsorted(cumulated, self._random.random() * cumulated[-1], side="right")
        return int(min(place, np.flatnonzero(cumulated < cumulated[-1])[-1] + 1 if cumulated[0] < cumulated[-1] else 0))


def _restricted(shares: NDArray[Any], sampling: Sampling) -> NDArray[Any]:
    """The shares with those that may not be drawn at 0."""
    if sampling.top_k is None and sampling.top_p is None and sampling.min_p is None:
        return shares
    order = np.argsort(-shares, kind="stable")
    ranked = shares[order]
    keep = np.ones(len(ranked), bool)
    if sampling.top_k is not None:
        keep[sampling.top_k :] = False
    if sampling.top_p is not None:
        keep &= np.cumsum(ranked) - ranked < sampling.top_p
    if sampling.min_p is not None:
        keep &= ranked >= sampling.min_p * ranked[0]
    allowed = np.zeros_like(shares)
    allowed[order[keep]] = ranked[keep]
    return allowed
