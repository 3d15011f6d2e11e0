"""Tunes and grids: what moves, what stays, and which voice is heard."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.notes.tune import Meter, Tune, grid_for, highest_voice, of_notes, on_grid, steps_to_a_bar
from ensue.errors import DataError, UsageError

NOTES = st.lists(
    st.tuples(st.integers(0, 960), st.integers(1, 240), st.integers(21, 108)).map(
        lambda note: (note[0], note[0] + note[1], note[2])
    ),
    min_size=1,
    max_size=30,
)


@given(NOTES, st.sampled_from((1, 2, 4, 12)))
def test_a_grid_moves_a_start_by_half_a_step_at_most(notes: list[tuple[int, int, int]], grid: int) -> None:
    tune = of_notes("a", notes, 48)
    stepped = on_grid(tune, grid)
    steps = {(pitch, start) for start, _, pitch in stepped.notes.tolist()}
    for start, _, pitch in notes:
        near = [step for other, step in steps if other == pitch]
        assert min(abs(Fraction(start * grid, 48) - step) for step in near) <= Fraction(1, 2)
    assert (stepped.notes[:, 1] > stepped.notes[:, 0]).all()
    assert stepped.steps == stepped.notes[:, 1].max()


@given(NOTES)
def test_notes_on_the_grid_stay_as_they_are(notes: list[tuple[int, int, int]]) -> None:
    once = on_grid(of_notes("a", notes, 48), 4)
    again = on_grid(once.tune(), 4)
    np.testing.assert_array_equal(once.notes, again.notes)
    assert again.moved == 0


@given(NOTES)
def test_the_highest_voice_is_one_voice(notes: list[tuple[int, int, int]]) -> None:
    tune = of_notes("a", notes, 48)
    voice = highest_voice(tune)
    assert not voice.polyphonic
    assert len(voice.notes) >= 1
    tops = {start: max(pitch for begin, _, pitch in notes if begin == start) for start, _, _ in notes}
    assert all(tops[start] == pitch for start, _, pitch in voice.notes.tolist())


def test_an_inner_voice_below_a_long_note_is_not_heard() -> None:
    tune = of_notes("a", [(0, 8, 72), (2, 4, 60), (8, 12, 71)], 4)
    assert highest_voice(tune).notes.tolist() == [[0, 8, 72], [8, 12, 71]]


def test_the_grid_is_as_fine_as_the_notes_need() -> None:
    def every(ticks: int, beats: int = 4, unit: int = 4) -> Tune:
        meter = Meter(beats, unit)
        return of_notes("a", [(start, start + ticks, 60) for start in range(0, 96 * ticks, ticks)], 48, meter=meter)

    assert [grid_for([every(ticks)]) for ticks in (48, 24, 12, 16)] == [1, 2, 4, 12]
    assert grid_for([every(48, 3, 8)]) == 2  # a bar of 3/8 is no whole number of quarters


def test_a_played_tune_is_moved_and_it_is_counted() -> None:
    stepped = on_grid(of_notes("a", [(0, 47, 60), (49, 96, 62), (96, 144, 64)], 48), 1)
    assert stepped.notes.tolist() == [[0, 1, 60], [1, 2, 62], [2, 3, 64]]
    assert stepped.moved == 1


def test_a_time_signature_that_cannot_be() -> None:
    with pytest.raises(UsageError, match=re.escape("The time signature is 4/5, expected one such as 4/4, 3/4 or 6/8.")):
        Meter(4, 5)


def test_a_bar_that_the_grid_does_not_fill() -> None:
    message = (
        "A bar of 3/8 is no whole number of steps with 1 steps to a quarter note: give a finer grid, such as --grid 4."
    )
    with pytest.raises(DataError, match=re.escape(message)):
        steps_to_a_bar(Meter(3, 8), 1)
