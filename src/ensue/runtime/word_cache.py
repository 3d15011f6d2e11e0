"""The continuous cache: words of a little while ago are likely again, the more so the more the present is like then.

Grave, Joulin & Usunier (2017), eq. 3 and 4: next to the model's own probabilities stand those of the last words, in shares
of exp(theta h_t . h_i), where h_i is what the model's head read before the word i came. It needs no training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.errors import ConfigError
from ensue.layers.base import check_rate, check_whole, is_number, short
from ensue.network import Network
from ensue.runtime.engine import Engine

Array = NDArray[Any]


@dataclass(frozen=True)
class Cache:
    """How far back, how sharply, and how much."""

    words: int = 500
    flatness: float = 0.3
    """Theta of the paper: 0 takes all words of the cache alike."""
    share: float = 0.1
    """Of the probability that the cache has."""

    def __post_init__(self) -> None:
        check_whole("cache", "words", self.words)
        check_rate("cache", "share", self.share)
        if not (is_number(self.flatness) and self.flatness >= 0):
            raise ConfigError(f"cache: flatness is {short(self.flatness)}, expected a number of 0 or more.")


class WordCache:
    """A network whose head is run apart, so that what it reads can be remembered."""

    def __init__(self, cache: Cache, network: Network, weights: Mapping[str, Array]) -> None:
        self._cache = cache
        own = Network(network.layers[:-1])
        self._body = Engine(own, {name: weights[name] for name in own.parameters()})
        last = len(network.layers) - 1
        self._head = Engine(
            Network(network.layers[-1:]),
            {f"layers.0.{each}": weights[f"layers.{last}.{each}"] for each in ("weight", "bias")},
        )
        self._hidden: Array = np.empty((0, own.output_size), np.float32)
        self._next: Array = np.empty(0, np.int64)

    def costs(self, read: Array, wanted: Array, state: list[Array]) -> tuple[Array, list[Array]]:
        """Nats of each wanted token, `(time,)`, and the state after the last one read."""
        x = np.asarray(read, np.float32).reshape(1, -1, 1)
        hidden, state = self._body.forward(x, None, state)
        answers, _ = self._head.forward(hidden, None, [])
        own = answers[0, np.arange(len(wanted)), wanted].astype(np.float64)
        past = len(self._hidden)
        all_hidden = np.concatenate([self._hidden, hidden[0]])
        all_next = np.concatenate([self._next, wanted])
        cached = np.array([self._share(all_hidden, all_next, past + i, wanted[i]) for i in range(len(wanted))])
        keep = self._cache.words
        self._hidden, self._next = all_hidden[-keep:], all_next[-keep:]
        share = self._cache.share
        full = np.arange(past, past + len(wanted)) > 0  # with nothing in the cache the model speaks alone
        mixed = np.where(full, (1 - share) * np.exp(own) + share * cached, np.exp(own))
        costs: Array = -np.log(mixed)
        return costs, state

    def _share(self, hidden: Array, following: Array, at: int, wanted: int) -> float:
        first = max(0, at - self._cache.words)
        if first == at:
            return 0.0
        alike = self._cache.flatness * (hidden[first:at] @ hidden[at])
        weights = np.exp(alike - alike.max())
        return float(weights[following[first:at] == wanted].sum() / weights.sum())
