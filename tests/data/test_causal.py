"""The causal front end: the same numbers for every split, nothing from the future, gaps that change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.causal import CausalReader
from ensue.data.smoothing import Smoothed, smooth

READER = CausalReader(seasons=(3, 7), half_life=9.0)


def table(seed: int, batch: int = 3, steps: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    values = random.normal(size=(batch, steps)).cumsum(axis=1) * 10 ** random.uniform(-3, 4)
    return values, random.random((batch, steps)) < random.uniform(0.3, 1.0)


@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, 39), max_size=6))
def test_any_split_into_blocks_gives_the_same_reading(seed: int, cuts: set[int]) -> None:
    values, seen = table(seed)
    whole, end = READER.read(values, seen, READER.start(3))
    state, parts = READER.start(3), []
    for first, after in zip([0, *sorted(cuts)], [*sorted(cuts), 40], strict=True):
        part, state = READER.read(values[:, first:after], seen[:, first:after], state)
        parts.append(part)
    for field in ("features", "anchors", "center", "spread", "ready"):
        joined = np.concatenate([getattr(part, field) for part in parts], axis=1)
        np.testing.assert_allclose(joined, getattr(whole, field), rtol=1e-6, atol=1e-6)
    assert state.steps == end.steps == 40


@given(seed=st.integers(0, 10**6), at=st.integers(0, 39))
def test_the_future_does_not_move_the_past(seed: int, at: int) -> None:
    values, seen = table(seed)
    changed, other = values.copy(), seen.copy()
    changed[:, at:] = 1e6
    other[:, at:] = ~other[:, at:]
    before, _ = READER.read(values, seen, READER.start(3))
    after, _ = READER.read(changed, other, READER.start(3))
    # What is said at step `at` is said before its value is seen.
    for field in ("features", "anchors", "center", "spread"):
        np.testing.assert_array_equal(getattr(before, field)[:, : at + 1], getattr(after, field)[:, : at + 1])


@given(seed=st.integers(0, 10**6))
def test_what_stands_in_a_gap_does_not_matter(seed: int) -> None:
    values, seen = table(seed)
    filled = np.where(seen, values, -12345.0)
    first, _ = READER.read(values, seen, READER.start(3))
    second, _ = READER.read(filled, seen, READER.start(3))
    np.testing.assert_array_equal(first.features, second.features)


@given(seed=st.integers(0, 10**6))
def test_rows_do_not_know_of_each_other(seed: int) -> None:
    values, seen = table(seed)
    whole, _ = READER.read(values, seen, READER.start(3))
    alone, _ = READER.read(values[1:2], seen[1:2], READER.start(1))
    np.testing.assert_allclose(alone.features[0], whole.features[1], rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-3, 7.0, 1e5]), shift=st.sampled_from([-50.0, 0.0, 1e3]))
def test_units_do_not_matter_to_the_anchors(seed: int, scale: float, shift: float) -> None:
    random = np.random.default_rng(seed)
    values, seen = random.normal(size=(2, 30)), np.ones((2, 30), dtype=bool)
    plain, _ = READER.read(values, seen, READER.start(2))
    moved, _ = READER.read(values * scale + shift, seen, READER.start(2))
    # Once the spread is known, anchors are the same in normalised units, and turn back into the data's own.
    np.testing.assert_allclose(plain.anchors[:, 5:], moved.anchors[:, 5:], rtol=1e-4, atol=1e-4)
    back = moved.anchors[..., 0] * moved.spread + moved.center
    np.testing.assert_allclose(back[:, 1:], (values * scale + shift)[:, :-1], rtol=1e-9, atol=1e-9 * scale)


def test_a_phase_remembers_its_last_value_through_closed_eyes() -> None:
    reader = CausalReader(seasons=(4,), half_life=16.0)
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.nan, np.nan, np.nan, np.nan]])
    reading, _ = reader.read(values, np.isfinite(values), reader.start(1))
    same_phase = reading.anchors[0, :, 3] * reading.spread[0] + reading.center[0]
    np.testing.assert_allclose(same_phase[4:], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def test_the_scale_stands_still_while_nothing_is_seen() -> None:
    values, _ = table(3, steps=60)
    seen = np.arange(60) < 25
    reading, _ = READER.read(values, np.broadcast_to(seen, values.shape), READER.start(3))
    assert np.ptp(reading.center[:, 25:], axis=1).max() < 1e-9 * np.abs(reading.center).max()
    assert np.ptp(reading.spread[:, 25:], axis=1).max() < 1e-9 * np.abs(reading.spread).max()


@pytest.mark.parametrize("constant", [0.0, 7.5, -1e9])
def test_a_constant_series_is_read_without_a_number_that_is_none(constant: float) -> None:
    values = np.full((1, 50), constant)
    reading, _ = READER.read(values, np.ones((1, 50), dtype=bool), READER.start(1))
    assert np.isfinite(reading.features).all() and np.isfinite(reading.anchors).all()
    assert (reading.spread > 0).all()


def test_smoothing_is_the_weighted_mean_of_what_came_before() -> None:
    random = np.random.default_rng(1)
    values, weights = random.normal(size=(1, 600)), (random.random((1, 600)) < 0.7).astype(float)
    mean, weight, _ = smooth(values, weights, 0.9, Smoothed(np.zeros(1), np.zeros(1)))
    for t in (1, 63, 64, 65, 599):
        fading = weights[0, :t] * 0.9 ** np.arange(t)[::-1]
        assert mean[0, t] == pytest.approx((fading @ values[0, :t]) / fading.sum())
        assert weight[0, t] == pytest.approx(fading.sum())
