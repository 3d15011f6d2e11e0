"""Slots, trends and shifts: what they are, that nothing of them comes from the future, and that any split gives the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.causal import CausalReader, Reading

SLOTS = 2
BASE, BASE_ANCHORS = 8 + 6 * SLOTS, 3 + 3 * SLOTS
"""Features and anchors before those of trends."""
FIELDS = ("features", "anchors", "center", "spread", "ready")
SEASONS = st.sampled_from([(), (3,), (2, 7), (7, 3)])
NONE = np.nan


def reader_of(seasons: tuple[int, ...], slots: int | None = SLOTS) -> CausalReader:
    return CausalReader(seasons, half_life=9.0, slots=slots)


def table(seed: int, batch: int = 3, steps: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    values = random.normal(size=(batch, steps)).cumsum(axis=1) * 10 ** random.uniform(-3, 4)
    return values, random.random((batch, steps)) < random.uniform(0.3, 1.0)


def read_row(reader: CausalReader, row: list[float]) -> Reading:
    values = np.array([row])
    return reader.read(values, np.isfinite(values), reader.start(1))[0]


def test_trend_shift_and_miss_are_those_worked_out_by_hand() -> None:
    reader = CausalReader((2,), half_life=1.0, slots=SLOTS)
    reading = read_row(reader, [1.0, 3.0, NONE, 7.0, 4.0, NONE, NONE, NONE])
    features, spread = reading.features[0, 5:], reading.spread[0, 5:]
    told = reading.anchors[0, 5:] * spread[:, None] + reading.center[0, 5:, None]
    # Changes a step: 2, then 4 in two steps, then -3; half of the past is left a step, and of the recent past this much:
    quick = 0.5**0.25
    trend = (2 * 0.125 + 2 * 0.5 - 3) / 1.625
    recent = (2 * quick**3 + 2 * quick - 3) / (quick**3 + quick + 1)
    # 7 stood 4 above the 3 of its phase, with no shift known, and 4 stood 3 above the 1 of its, with a shift of 4.
    shift, miss = (4 * quick + 3) / (quick + 1), (4 * 0.5 + 1) / 1.5
    np.testing.assert_allclose(np.sinh(features[:, BASE]) * spread, 10 * trend)
    np.testing.assert_allclose(np.sinh(features[:, BASE + 1]) * spread, 10 * recent)
    np.testing.assert_allclose(features[:, BASE + 2], 0.0, atol=1e-12)  # a half-life of one step
    np.testing.assert_allclose(np.sinh(features[:, BASE + 3]) * spread, shift)
    np.testing.assert_allclose(np.exp(features[:, BASE + 4]) * spread, miss)
    np.testing.assert_allclose(features[:, BASE + 5 : BASE + 7], [[np.log(2) / 5, 1.0]] * 3)
    mean, age = np.array([3 + 0.5 * 4, 1 + 0.5 * 3, 3 + 0.5 * 4]), np.arange(1, 4)
    damped = np.array([0.8, 0.8 + 0.64, 0.8 + 0.64 + 0.512])
    np.testing.assert_allclose(told[:, BASE_ANCHORS], 4 + trend * age)
    np.testing.assert_allclose(told[:, BASE_ANCHORS + 1], 4 + recent * damped)
    np.testing.assert_allclose(told[:, BASE_ANCHORS + 2], mean + shift)
    np.testing.assert_allclose(told[:, BASE_ANCHORS + 3], mean + shift + trend * age)


def test_before_anything_repeats_a_shift_is_none_and_its_error_the_spread() -> None:
    reading = read_row(reader_of((4,)), [1.0, 5.0, 2.0, 9.0, NONE])
    np.testing.assert_array_equal(reading.features[0, :, BASE + 3 : BASE + 5], 0.0)
    trend = np.sinh(reading.features[0, :, BASE]) * reading.spread[0] / 10
    np.testing.assert_allclose(trend[:3], [0.0, 0.0, 4.0])


def test_a_ramp_is_continued_by_its_trend_and_a_moved_season_by_its_shift() -> None:
    gap = [NONE] * 12
    ramp = read_row(reader_of((4,)), [*np.arange(40.0), *gap])
    told = ramp.anchors[0, 40:, BASE_ANCHORS] * ramp.spread[0, 40:] + ramp.center[0, 40:]
    np.testing.assert_allclose(told, np.arange(40.0, 52.0), rtol=1e-9)
    season = np.tile([0.0, 4.0, -1.0, 2.0], 10)
    moved = read_row(reader_of((4,)), [*season, *(season[:3] + 10), *gap])
    told = moved.anchors[0, 43:, BASE_ANCHORS + 2] * moved.spread[0, 43:] + moved.center[0, 43:]
    shift = np.sinh(moved.features[0, 43:, BASE + 3]) * moved.spread[0, 43:]
    np.testing.assert_allclose(shift, shift[0])
    assert 3 < shift[0] < 6  # of the recent values three stand 10 higher, the others do not
    # An eighth of each new value is in its phase's mean already.
    np.testing.assert_allclose(told[1:4], np.array([0.0, 4.0, -1.0]) + 10 / 8 + shift[0])


@given(seed=st.integers(0, 10**6), seasons=SEASONS, cuts=st.sets(st.integers(1, 39), max_size=6))
@settings(max_examples=50)
def test_any_split_into_blocks_gives_the_same_reading(seed: int, seasons: tuple[int, ...], cuts: set[int]) -> None:
    reader, (values, seen) = reader_of(seasons), table(seed)
    whole, end = reader.read(values, seen, reader.start(3))
    state, parts = reader.start(3), []
    for first, after in zip([0, *sorted(cuts)], [*sorted(cuts), 40], strict=True):
        part, state = reader.read(values[:, first:after], seen[:, first:after], state)
        parts.append(part)
    for field in FIELDS:
        joined = np.concatenate([getattr(part, field) for part in parts], axis=1)
        np.testing.assert_allclose(joined, getattr(whole, field), rtol=1e-6, atol=1e-6)
    assert state.trends is not None and end.trends is not None
    for found, expected in ((state.trends.slow, end.trends.slow), (state.trends.quick, end.trends.quick)):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(values).max())


@given(seed=st.integers(0, 10**6), seasons=SEASONS, at=st.integers(0, 39))
@settings(max_examples=50)
def test_the_future_does_not_move_the_past(seed: int, seasons: tuple[int, ...], at: int) -> None:
    reader, (values, seen) = reader_of(seasons), table(seed)
    changed, other = values.copy(), seen.copy()
    changed[:, at:] = 1e6
    other[:, at:] = ~other[:, at:]
    before, _ = reader.read(values, seen, reader.start(3))
    after, _ = reader.read(changed, other, reader.start(3))
    for field in FIELDS:  # what is said at step `at` is said before its value is seen
        np.testing.assert_array_equal(getattr(before, field)[:, : at + 1], getattr(after, field)[:, : at + 1])


@given(seed=st.integers(0, 10**6), seasons=SEASONS)
@settings(max_examples=30)
def test_what_stands_in_a_gap_and_in_other_rows_does_not_matter(seed: int, seasons: tuple[int, ...]) -> None:
    reader, (values, seen) = reader_of(seasons), table(seed)
    whole, end = reader.read(values, seen, reader.start(3))
    filled, _ = reader.read(np.where(seen, values, -12345.0), seen, reader.start(3))
    np.testing.assert_array_equal(filled.features, whole.features)
    np.testing.assert_array_equal(filled.anchors, whole.anchors)
    alone, own_end = reader.read(values[1:2], seen[1:2], reader.start(1))
    np.testing.assert_allclose(alone.features[0], whole.features[1], rtol=1e-9, atol=1e-9)
    ahead, hidden = np.zeros((1, 9)), np.zeros((1, 9), dtype=bool)
    of_rows, _ = reader.read(ahead, hidden, end.rows(np.array([1])))
    of_one, _ = reader.read(ahead, hidden, own_end)
    np.testing.assert_allclose(of_rows.anchors, of_one.anchors, rtol=1e-6, atol=1e-6)


@given(seed=st.integers(0, 10**6), seasons=SEASONS)
@settings(max_examples=30)
def test_slots_change_nothing_of_what_is_said_without_them_but_the_phases_means(
    seed: int, seasons: tuple[int, ...]
) -> None:
    (values, seen), count = table(seed), len(seasons)
    plain = reader_of(seasons, slots=None)
    expected, state = plain.read(values, seen, plain.start(3))
    assert state.trends is None
    reader = reader_of(seasons)
    found, _ = reader.read(values, seen, reader.start(3))
    same = [i for i in range(8 + 6 * count) if i not in (10, 16)]
    np.testing.assert_array_equal(found.features[..., same], expected.features[..., same])
    same = [i for i in range(3 + 3 * count) if i not in (4, 7)]
    np.testing.assert_array_equal(found.anchors[..., same], expected.anchors[..., same])
    np.testing.assert_array_equal(found.spread, expected.spread)


@pytest.mark.parametrize(("slots", "cycles"), [(SLOTS, 8.0), (None, 2.5)])
def test_with_slots_the_mean_of_a_phase_looks_back_longer(slots: int | None, cycles: float) -> None:
    reading = read_row(reader_of((2,), slots), [*[0.0, 1.0] * 20, 16.0, 1.0, NONE])
    mean = reading.anchors[0, -1, 4] * reading.spread[0, -1] + reading.center[0, -1]
    assert mean == pytest.approx(16.0 / cycles)


@pytest.mark.parametrize("seasons", [(), (3,), (2, 7)])
def test_every_table_has_as_many_features_and_those_of_empty_slots_are_zero(seasons: tuple[int, ...]) -> None:
    reader, (values, seen) = reader_of(seasons), table(5)
    reading, _ = reader.read(values, seen, reader.start(3))
    assert reading.features.shape[2] == reader.feature_count == len(reader.feature_names) == 31
    assert reading.anchors.shape[2] == reader.anchor_count == len(reader.anchor_names) == 15
    for names, numbers, each in (
        (reader.feature_names, reading.features, 10),
        (reader.anchor_names, reading.anchors, 5),
    ):
        told = [name for name in names if "no season" not in name]
        assert len(set(told)) == len(told)
        empty = [i for i, name in enumerate(names) if "no season" in name]
        assert len(empty) == (2 - len(seasons)) * each
        np.testing.assert_array_equal(numbers[..., empty], 0.0)
    none = replace(reader, slots=None)
    assert len(none.feature_names) == none.feature_count == 8 + 6 * len(seasons)


def test_closed_eyes_leave_trends_as_they_were_until_nothing_is_left_of_them() -> None:
    reading = read_row(reader_of((4,)), [*np.arange(0.0, 400.0, 10.0), *[NONE] * 9500])
    trend = np.sinh(reading.features[0, :, BASE]) * reading.spread[0] / 10
    np.testing.assert_allclose(trend[40:540], 10.0, rtol=1e-9)
    assert trend[-1] == 0.0
    assert np.isfinite(reading.features).all() and np.isfinite(reading.anchors).all()
