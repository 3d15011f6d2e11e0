"""Sequences of similar length together in a batch, so that it has little padding; the order is a function of the seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Order:
    """Which rows each step of a training sees: in an epoch all of them, in another order each time.

    Args:
        lengths: of every row.
        size: rows of a batch.
        pool: batches that are put in order of length together: the more, the less padding, and the less chance.
        room: steps of a batch at most, so that long rows fit in memory: of its rows some are left out where it has more.

    >>> order = Order(np.array([5, 9, 5, 9]), size=2, pool=8, seed=0)
    >>> sorted(np.concatenate([order.at(step) for step in range(order.steps)]).tolist())
    [0, 1, 2, 3]
    """

    def __init__(self, lengths: Rows, size: int, pool: int, seed: int, room: int | None = None) -> None:
        self.lengths, self.size, self.pool, self.seed, self.room = lengths, size, pool, seed, room
        self._epoch, self._batches = -1, [np.zeros(0, np.int64)]

    @property
    def steps(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.lengths) // self.size)

    def at(self, step: int) -> Rows:
        """The rows of one step's batch, a function of seed and step alone."""
        epoch, place = divmod(step, self.steps)
        if epoch != self._epoch:
            dice = np.random.default_rng((self.seed, 0, epoch))
            self._batches, self._epoch = bucketed(self.lengths, self.size, self.pool, dice), epoch
        rows = self._batches[place]
        if self.room is None:
            return rows
        fitting = max(1, self.room // int(self.lengths[rows].max()))
        if fitting >= len(rows):
            return rows
        return np.random.default_rng((self.seed, 2, step)).choice(rows, fitting, replace=False)


def bucketed(lengths: Rows, size: int, pool: int, dice: np.random.Generator) -> list[Rows]:
    """All rows in batches of `size`, those of a batch of similar length, in a random order.

    `lengths` is `(rows,)`; or `(2, rows)`, where the second length decides among rows that are equal in the first.
    """
    shuffled = dice.permutation(lengths.shape[-1])
    pools = [shuffled[at : at + pool * size] for at in range(0, len(shuffled), pool * size)]
    batches = [rows for each in pools for rows in by_length(lengths, each, size)]
    return [batches[place] for place in dice.permutation(len(batches))]


def by_length(lengths: Rows, rows: Rows, size: int) -> list[Rows]:
    """Some rows in order of their lengths, the shortest first, in batches of `size`."""
    ordered = rows[np.lexsort(np.atleast_2d(lengths)[::-1, rows])]
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]


def together(lengths: Sequence[int], most: int, room: int) -> list[Rows]:
    """All rows by their lengths, the longest first, in batches of `most`, or of fewer that have no more than `room` steps.

    >>> [rows.tolist() for rows in together([9, 2, 8, 1], most=3, room=12)]
    [[0], [2], [1, 3]]
    """
    order, batches = np.argsort(lengths, kind="stable")[::-1], []
    while len(order):
        count = min(most, max(1, room // lengths[order[0]]))
        batches.append(order[:count])
        order = order[count:]
    return batches


def side_by_side(items: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], list[int]]:
    """Sequences as one array `(batch, time, features)`, zeros after their ends, and their lengths."""
    lengths = [len(each) for each in items]
    x = np.zeros((len(items), max(lengths), items[0].shape[1]), np.float32)
    for row, each in zip(x, items, strict=True):
        row[: len(each)] = each
    return x, lengths
