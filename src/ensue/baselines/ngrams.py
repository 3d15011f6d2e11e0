"""What a language model is compared with: how often tokens followed the last few before them.

Interpolated Witten-Bell n-grams (Bell, Cleary & Witten 1990, method C; Chen & Goodman 1999, section 2.5): for the token w
after a history h that was followed c(h) times, by n(h) different tokens, and h' the history without its first token,

    p(w | h) = (c(h w) + n(h) p(w | h')) / (c(h) + n(h))

and before all, each token is as likely as any other. Histories are told apart by 64-bit hashes, all at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[Any]
Keys = NDArray[np.uint64]

MOST = 3_000_000
"""Tokens that are counted; of a longer text the last ones, which are nearest to what is set aside."""
ORDERS = (3, 5)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def n_grams(train: Tokens, valid: Tokens, classes: int) -> tuple[str, float]:
    """The better of 3-grams and 5-grams: its name, and the nats per token of `valid` after its first token.

    >>> text = np.array([0, 1, 2] * 50)
    >>> name, nats = n_grams(text, text, classes=3)
    >>> name, round(nats, 2)
    ('5-grams', 0.0)
    """
    costs = nats_by_order(train, valid, classes, max(ORDERS))
    best = min(ORDERS, key=lambda order: costs[order - 1])
    return f"{best}-grams", costs[best - 1]


def nats_by_order(train: Tokens, valid: Tokens, classes: int, most: int) -> list[float]:
    """Nats per token of `valid` after its first token, for n-grams of 1, 2, .. `most` tokens."""
    train = np.asarray(train[-MOST:]).astype(np.uint64)
    valid = np.asarray(valid).astype(np.uint64)
    p = np.full(len(valid) - 1, 1.0 / classes)
    costs = []
    for order in range(1, most + 1):
        if order <= min(len(train), len(valid)):
            p = _interpolated(p, train, valid, order)
        costs.append(float(-np.log(p).mean()))
    return costs


def _interpolated(p: NDArray[np.float64], train: Tokens, valid: Tokens, order: int) -> NDArray[np.float64]:
    """The probabilities with histories one token longer; where a history was never seen, those given."""
    histories, whole = _keys(train, order)
    first = np.unique(whole, return_index=True, return_counts=True)
    grams, counts = first[0], first[2]
    kinds_of, kinds = np.unique(histories[first[1]], return_counts=True)
    seen_of, seen = np.unique(histories, return_counts=True)
    asked_histories, asked = _keys(valid, order)
    c, n, total = (
        _found(asked, grams, counts),
        _found(asked_histories, kinds_of, kinds),
        _found(asked_histories, seen_of, seen),
    )
    after = p.copy()
    place = slice(
        max(order - 2, 0), None
    )  # the first tokens of the text have shorter histories; the very first is not asked
    if order == 1:
        c, n, total = c[1:], n[1:], total[1:]
    known = total > 0
    mixed = (c + n * after[place]) / np.maximum(total + n, 1)
    after[place] = np.where(known, mixed, after[place])
    return after


def _keys(tokens: Tokens, order: int) -> tuple[Keys, Keys]:
    """A number for each history of `order` - 1 tokens, and for each such history with the token after it."""
    count = len(tokens) - order + 1
    history = np.zeros(count, np.uint64)
    for place in range(order - 1):
        history = _mixed_in(history, tokens[place : place + count])
    return history, _mixed_in(history, tokens[order - 1 : order - 1 + count])


def _mixed_in(keys: Keys, tokens: Tokens) -> Keys:
    mixed = (keys ^ (tokens + np.uint64(1))) * _FACTOR
    return mixed ^ (mixed >> np.uint64(29))


def _found(asked: Keys, known: Keys, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The count of each asked key; 0 where it is not known."""
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[place] == asked, counts[place], 0).astype(np.float64)
