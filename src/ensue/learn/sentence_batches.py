"""Batches of sentence pairs: sentences of similar length together, in an order that depends on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ensue.data.text import BEGIN, END
from ensue.learn.batches_by_length import bucketed, by_length
from ensue.learn.writer_module import Batch

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

Tokens = Sequence[NDArray[np.int64]]

POOL = 50
"""Batches that are sorted by length together: the more, the less padding, and the less chance."""


class SentenceBatches:
    """The pairs of a corpus as tokens, each without marks, and what an epoch makes of them.

    >>> pairs = [np.array([3 + i]) for i in range(10)]
    >>> batches = SentenceBatches(pairs, pairs, size=4)
    >>> batches.steps, sorted(row for rows in batches.epoch(0, 0) for row in rows) == list(range(10))
    (3, True)
    """

    def __init__(self, source: Tokens, target: Tokens, size: int) -> None:
        self.source, self.target, self.size = source, target, size
        self.lengths = np.array([[len(each) for each in target], [len(each) for each in source]])
        self._order: tuple[tuple[int, int], list[NDArray[np.int64]]] | None = None

    def __len__(self) -> int:
        return len(self.source)

    @property
    def steps(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self) // self.size)

    @property
    def tokens(self) -> int:
        """Target tokens to be predicted in an epoch, the marks of the ends among them."""
        return int(self.lengths[0].sum()) + len(self)

    def at(self, seed: int, step: int) -> Batch:
        """The batch of one step of the training."""
        epoch, place = divmod(step, self.steps)
        if self._order is None or self._order[0] != (seed, epoch):
            self._order = (seed, epoch), self.epoch(seed, epoch)
        return self.batch(self._order[1][place])

    def epoch(self, seed: int, epoch: int) -> list[NDArray[np.int64]]:
        """Which pairs stand in each batch of an epoch."""
        return bucketed(self.lengths, self.size, POOL, np.random.default_rng((seed, epoch)))

    def in_order(self) -> list[NDArray[np.int64]]:
        """All pairs by their lengths, in batches: for validation."""
        return by_length(self.lengths, np.arange(len(self)), self.size)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Some pairs as tensors: the source with the mark of its end, the target begun and ended."""
        source, lengths = padded([np.append(self.source[row], END) for row in rows])
        given, target_lengths = padded([np.append(BEGIN, self.target[row]) for row in rows])
        wanted, _ = padded([np.append(self.target[row], END) for row in rows])
        inside = torch.arange(given.shape[1]) < target_lengths.unsqueeze(1)
        return Batch(source, lengths, given, wanted, inside)


def padded(rows: Tokens) -> tuple[Int[Tensor, "batch time"], Int[Tensor, " batch"]]:
    """Rows of tokens as one tensor, zeros after their ends, and their lengths."""
    lengths = [len(row) for row in rows]
    filled = np.zeros((len(rows), max(lengths)), np.int64)
    for each, row in zip(filled, rows, strict=True):
        each[: len(row)] = row
    return torch.from_numpy(filled), torch.tensor(lengths)
