"""The made tasks ask for what was shown, hide it among what distracts, and know what guessing comes to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.memory_tasks import (
    TASKS,
    Adding,
    Copy,
    DelayedXor,
    FirstSymbol,
    KnownLag,
    TemporalOrder,
    memory_task,
)
from ensue.errors import UsageError

NAMES = sorted(TASKS)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_has_the_shapes_and_types_its_task_says(name: str) -> None:
    task = memory_task(name, 15)
    batch = task.batch(size=7, seed=0)
    assert task.name == name
    assert batch.x.shape == (7, batch.x.shape[1], task.features)
    assert batch.x.dtype == np.float32
    assert batch.target.shape == (7, task.answers)
    assert batch.target.dtype == (np.float32 if task.symbols is None else np.int64)
    assert task.answers <= task.span < batch.x.shape[1] + 1


@pytest.mark.parametrize("name", NAMES)
def test_seed_and_step_decide_the_batch(name: str) -> None:
    task = memory_task(name, 15)
    first, same = task.batch(32, seed=3, step=5), task.batch(32, seed=3, step=5)
    np.testing.assert_array_equal(first.x, same.x)
    np.testing.assert_array_equal(first.target, same.target)
    for other in (task.batch(32, seed=4, step=5), task.batch(32, seed=3, step=6), task.batch(32, seed=5, step=3)):
        assert not np.array_equal(first.target, other.target)


def test_a_seed_of_two_words_is_not_a_seed_and_a_step() -> None:
    task = FirstSymbol(10)
    assert not np.array_equal(task.batch(64, seed=3, step=1).x, task.batch(64, seed=3 + 2**32, step=0).x)


@pytest.mark.parametrize("name", [name for name in NAMES if TASKS[name].symbols is not None])
def test_symbols_are_evenly_spread_so_that_chance_is_what_is_said(name: str) -> None:
    task = memory_task(name, 15)
    assert task.symbols is not None
    target = task.batch(20_000, seed=0).target
    shares = np.bincount(target.ravel(), minlength=task.symbols) / target.size
    assert len(shares) == task.symbols
    np.testing.assert_allclose(shares, task.chance, atol=0.02)


@pytest.mark.parametrize(("task", "guess"), [(Adding(20), 1.0), (KnownLag(20), 0.0)])
def test_the_best_guess_at_a_number_has_the_error_that_is_said(task: Adding | KnownLag, guess: float) -> None:
    target = task.batch(50_000, seed=0).target
    assert math.isclose(float(target.mean()), guess, abs_tol=0.01)
    assert math.isclose(float(np.square(target - guess).mean()), task.chance, abs_tol=0.005)


@given(steps=st.integers(1, 30), seed=st.integers(0, 2**63))
def test_first_symbol_is_asked_for_and_does_not_come_again(steps: int, seed: int) -> None:
    batch = FirstSymbol(steps).batch(5, seed)
    assert batch.x.shape[1] == steps + 1
    assert np.all(batch.x.sum(axis=2) == 1)
    shown = batch.x.argmax(axis=2)
    np.testing.assert_array_equal(shown[:, 0], batch.target[:, 0])
    assert shown[:, 1:].min() >= 8


@given(steps=st.integers(2, 30), seed=st.integers(0, 2**63))
def test_adding_marks_one_number_in_each_half(steps: int, seed: int) -> None:
    batch = Adding(steps).batch(5, seed)
    numbers, marks = batch.x[..., 0], batch.x[..., 1]
    assert set(np.unique(marks)) <= {0.0, 1.0}
    assert np.all(marks[:, : steps // 2].sum(axis=1) == 1)
    assert np.all(marks[:, steps // 2 :].sum(axis=1) == 1)
    assert numbers.min() >= 0 and numbers.max() < 1
    np.testing.assert_allclose(batch.target[:, 0], (numbers * marks).sum(axis=1), rtol=1e-6)


@given(steps=st.integers(1, 30), seed=st.integers(0, 2**63))
def test_copy_shows_ten_symbols_then_blanks_with_one_cue(steps: int, seed: int) -> None:
    shown = Copy(steps).batch(5, seed).x.argmax(axis=2)
    expected = np.full((5, steps + 20), 8)
    expected[:, :10] = Copy(steps).batch(5, seed).target
    expected[:, steps + 9] = 9  # the step before the first of ten answers
    np.testing.assert_array_equal(shown, expected)


@given(steps=st.integers(10, 120), seed=st.integers(0, 2**63))
def test_temporal_order_reads_two_letters_where_they_belong(steps: int, seed: int) -> None:
    batch = TemporalOrder(steps).batch(5, seed)
    words = ["".join("XYEBabcd"[symbol] for symbol in row) for row in batch.x.argmax(axis=2)]
    for word, answer in zip(words, batch.target[:, 0], strict=True):
        assert len(word) == steps and word[0] == "E" and word[-1] == "B"
        first, second = (place for place, letter in enumerate(word) if letter in "XY")
        assert steps // 10 <= first <= steps // 5 < steps // 2 <= second <= 3 * steps // 5
        assert ["XX", "XY", "YX", "YY"][answer] == word[first] + word[second]


@given(steps=st.integers(1, 30), seed=st.integers(0, 2**63))
def test_delayed_xor_asks_whether_the_two_marked_bits_differ(steps: int, seed: int) -> None:
    batch = DelayedXor(steps).batch(5, seed)
    assert batch.x.shape[1] == steps + 2
    np.testing.assert_array_equal(batch.x[..., 1], np.arange(steps + 2) < 2 * np.ones((5, 1)))
    assert set(np.unique(batch.x[..., 0])) <= {-1.0, 1.0}
    np.testing.assert_array_equal(batch.target[:, 0] == 1, batch.x[:, 0, 0] * batch.x[:, 1, 0] < 0)


def test_no_single_bit_tells_the_xor() -> None:
    batch = DelayedXor(5).batch(20_000, seed=0)
    for step in range(7):
        assert abs(np.corrcoef(batch.x[:, step, 0], batch.target[:, 0])[0, 1]) < 0.03


@given(lag=st.integers(2, 60), seed=st.integers(0, 2**63), step=st.integers(0, 1000))
def test_known_lag_marks_the_step_exactly_that_long_ago(lag: int, seed: int, step: int) -> None:
    batch = KnownLag(lag).batch(5, seed, step)
    length = batch.x.shape[1]
    assert 1.3 * lag <= length <= 2 * lag
    ago = length - 1 - np.argmax(batch.x[..., 1], axis=1)
    np.testing.assert_array_equal(ago, lag)
    assert np.all(batch.x[..., 1].sum(axis=1) == 1)
    np.testing.assert_array_equal(batch.target[:, 0], (batch.x[..., 0] * batch.x[..., 1]).sum(axis=1))
    assert np.abs(batch.x[..., 0]).min() > 0  # every step distracts


def test_known_lag_comes_in_every_length_it_says() -> None:
    lengths = {KnownLag(10).batch(1, seed=0, step=step).x.shape[1] for step in range(200)}
    assert lengths == set(range(13, 21))


@pytest.mark.parametrize(
    ("name", "field", "least"),
    [
        ("first_symbol", "steps", 1),
        ("adding", "steps", 2),
        ("copy", "steps", 1),
        ("temporal_order", "steps", 10),
        ("delayed_xor", "steps", 1),
        ("known_lag", "lag", 2),
    ],
)
def test_too_few_steps_are_refused(name: str, field: str, least: int) -> None:
    memory_task(name, least).batch(2, seed=0)
    for wrong in (least - 1, least + 0.5, "20", True):
        with pytest.raises(UsageError) as refused:
            memory_task(name, wrong)  # type: ignore[arg-type]
        assert str(refused.value) == (
            f"The memory task {name} has {field} {wrong!r}, expected a whole number from {least} on."
        )


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        memory_task("ading", 10)
    assert str(refused.value) == "The memory task 'ading' is not known, did you mean 'adding'?"
