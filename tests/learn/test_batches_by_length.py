"""Every row is in one batch of an epoch, beside rows of similar length, in an order that seed and step decide."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ensue.learn.batches_by_length import Order, bucketed, by_length, together

LENGTHS = np.random.default_rng(0).integers(10, 500, 203)


def in_epoch(order: Order, epoch: int) -> list[NDArray[np.int64]]:
    return [order.at(step) for step in range(epoch * order.steps, (epoch + 1) * order.steps)]


def test_every_row_is_in_one_batch_of_an_epoch() -> None:
    order = Order(LENGTHS, 16, 8, seed=0)
    for epoch in (0, 1, 5):
        batches = in_epoch(order, epoch)
        assert sorted(np.concatenate(batches).tolist()) == list(range(203))
        assert np.mean([np.ptp(LENGTHS[batch]) for batch in batches]) < 0.3 * np.ptp(LENGTHS)


def test_a_step_is_the_same_whatever_was_asked_before() -> None:
    order = Order(LENGTHS, 16, 8, seed=0, room=4000)
    steps = (40, 3, 14, 3, 100)
    for step in steps:
        assert np.array_equal(order.at(step), Order(LENGTHS, 16, 8, seed=0, room=4000).at(step))
    assert not np.array_equal(order.at(0), order.at(order.steps))
    assert not np.array_equal(order.at(0), Order(LENGTHS, 16, 8, seed=1, room=4000).at(0))


@pytest.mark.parametrize("room", [1, 500, 2000])
def test_no_batch_has_more_steps_than_there_is_room_for(room: int) -> None:
    for rows in in_epoch(Order(LENGTHS, 16, 8, 0, room), 0):
        assert len(rows) == 1 or len(rows) * LENGTHS[rows].max() <= room
        assert len(set(rows.tolist())) == len(rows)
    for rows in (batches := together(LENGTHS.tolist(), 10, room)):
        assert len(rows) == 1 or len(rows) * LENGTHS[rows].max() <= room
    assert sorted(np.concatenate(batches).tolist()) == list(range(203))


def test_a_second_length_decides_among_equals() -> None:
    lengths = np.array([[2, 1, 2, 1], [5, 6, 4, 3]])
    assert np.concatenate(by_length(lengths, np.arange(4), 2)).tolist() == [3, 1, 2, 0]
    batches = bucketed(lengths, 2, 2, np.random.default_rng(0))
    assert sorted(batch.tolist() for batch in batches) == [[2, 0], [3, 1]]
