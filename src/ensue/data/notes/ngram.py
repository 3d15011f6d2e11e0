"""What a network of notes is compared with: an n-gram model of the same tokens, and keys by how often they change.

The n-gram model is interpolated Witten-Bell (Bell, Cleary & Witten 1990, method C; Chen & Goodman 1999, section 2.5): for
the token w after a history h with c(h) tokens seen behind it, n(h) of them different, and h' the history without its first,

    p(w | h) = (c(h w) + n(h) p(w | h')) / (c(h) + n(h))

and before all, each token is as likely as any other. Tokens that cannot come are taken out, as they are for the network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ensue.data.notes.coding import Coding
from ensue.data.notes.piano_roll import KEYS, Keys, roll_of
from ensue.data.notes.tune import Stepped

Floats = NDArray[np.float64]


class NGrams:
    """Counts of what came after each history of up to `order` - 1 tokens.

    >>> model = NGrams(classes=3, order=2).learn([[0, 1, 0, 1, 0, 1]])
    >>> model.distribution([0]).round(2).tolist()
    [0.11, 0.86, 0.02]
    """

    def __init__(self, classes: int, order: int) -> None:
        self.classes, self.order = classes, order
        self.after: dict[tuple[int, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))

    def learn(self, sequences: Iterable[Sequence[int]]) -> NGrams:
        for sequence in sequences:
            tokens = [-1, *map(int, sequence)]
            for place in range(1, len(tokens)):
                for length in range(min(self.order, place + 1)):
                    self.after[tuple(tokens[place - length : place])][tokens[place]] += 1
        return self

    def distribution(self, history: Sequence[int]) -> Floats:
        """Of the next token, `(classes,)`; -1 stands before the first."""
        p = np.full(self.classes, 1.0 / self.classes)
        for length in range(min(self.order, len(history) + 1)):
            counts = self.after.get(tuple(history[len(history) - length :]))
            if counts is None:
                break
            seen, kinds = sum(counts.values()), len(counts)
            p *= kinds / (seen + kinds)
            p[list(counts)] += np.array(list(counts.values())) / (seen + kinds)
        return p


def n_gram_nats(coding: Coding, training: Sequence[Stepped], held_out: Sequence[Stepped], order: int) -> float:
    """Nats per step of tunes set aside, foretold by the n-grams of the others."""
    model = NGrams(coding.classes, order).learn(coding.tokens(tune).tolist() for tune in training)
    nats = 0.0
    for tune in held_out:
        reader = coding.reader(tune.meter, tune.pickup)
        history = [-1]
        for token in coding.tokens(tune).tolist():
            p = model.distribution(history[-order + 1 :] if order > 1 else [])
            nats -= float(np.log(p[token] / p[reader.legal()].sum()))
            reader.push(token)
            history.append(token)
    return nats / sum(tune.steps for tune in held_out)


def changing_keys_nats(training: Sequence[Stepped], held_out: Sequence[Stepped]) -> float:
    """Nats per step where each key is foretold by how often it was on after it was on, and after it was off."""
    counts = np.full((2, KEYS, 2), 0.5)
    for tune in training:
        before, now = _pairs(tune)
        for was in (0, 1):
            counts[was, :, 1] += (now & (before == was)).sum(0)
            counts[was, :, 0] += (~now & (before == was)).sum(0)
    log_p = np.log(counts / counts.sum(-1, keepdims=True))
    nats = 0.0
    for tune in held_out:
        before, now = _pairs(tune)
        nats -= float(log_p[before.astype(int), np.arange(KEYS), now.astype(int)].sum())
    return nats / sum(tune.steps for tune in held_out)


def _pairs(tune: Stepped) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    roll = roll_of(tune)
    return np.vstack([np.zeros((1, KEYS), np.bool_), roll])[:-1], roll


def baseline(coding: Coding | Keys, training: Sequence[Stepped], held_out: Sequence[Stepped]) -> tuple[str, float]:
    """The name and the nats per step of what is simplest for a way of writing."""
    if isinstance(coding, Keys):
        return "keys by how often they change", changing_keys_nats(training, held_out)
    return min(
        ((f"{order}-grams", n_gram_nats(coding, training, held_out, order)) for order in (3, 5)),
        key=lambda each: each[1],
    )
