"""Batches of made sequences as the network sees them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ensue.config import PretrainOptions
from ensue.learn.pretraining import batches
from ensue.learn.pretraining.batches import LEAST_UNIT, MOST_UNIT, Batches, Prefetched
from ensue.learn.pretraining.whole import task_for
from ensue.learn.windows import HIDDEN_WEIGHT

TASK = task_for(PretrainOptions())
SOURCE = Batches(TASK, 2000, seed=0)


@pytest.mark.parametrize("step", range(12))
def test_a_batch_is_whole_and_its_end_is_hidden(step: int) -> None:
    batch, shape, hidden = SOURCE.shaped(step)
    rows, steps = batch.targets.shape
    assert batch.features.shape == (rows, steps, TASK.reader.feature_count)
    assert batch.anchors.shape == (rows, steps, TASK.reader.anchor_count)
    assert hidden[:, -shape.horizon :].all()
    assert all(np.isfinite(each).all() for each in batch)
    assert np.abs(batch.targets).max() <= 50
    assert batch.weights.max() <= HIDDEN_WEIGHT * MOST_UNIT
    assert batch.weights[batch.weights > 0].min() >= np.float32(LEAST_UNIT)


def test_the_same_step_draws_the_same_batch_and_ahead_of_time_too() -> None:
    ahead = Prefetched(SOURCE)
    try:
        for step in (0, 1, 2, 7):
            for one, other in zip(SOURCE.draw(step), ahead.draw(step), strict=True):
                np.testing.assert_array_equal(one, other)
    finally:
        ahead.close()


@pytest.mark.parametrize("step", range(8))
def test_what_is_hidden_is_not_seen(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, shape, hidden = SOURCE.shaped(step)
    made = batches.draw

    def with_another_future(*arguments: object) -> torch.Tensor:
        values = made(*arguments)  # type: ignore[arg-type]
        values[:, -shape.horizon :] = 1e4
        return values

    monkeypatch.setattr(batches, "draw", with_another_future)
    other, _, again = SOURCE.shaped(step)
    np.testing.assert_array_equal(hidden, again)
    np.testing.assert_array_equal(batch.features, other.features)
    np.testing.assert_array_equal(batch.anchors, other.anchors)
    assert not np.array_equal(batch.targets, other.targets)


def test_a_long_season_is_remembered_from_before_the_context() -> None:
    step = next(step for step in range(400) if SOURCE.shaped(step)[1].rhythm.name == "days of years")
    batch, shape, _ = SOURCE.shaped(step)
    known = TASK.reader.feature_names  # of no season; the second slot's "was it seen" is feature 8 + 6 + 1
    assert len(known) == batch.features.shape[2]
    assert shape.length >= 730
    assert batch.features[:, -1, 8 + 6 + 1].mean() > 0.9
