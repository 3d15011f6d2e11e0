"""The ways to write a tune as tokens: what is written is read back, in one way only."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.notes.chorales import of_steps, read_steps
from ensue.data.notes.coding import Coding, Places, read
from ensue.data.notes.events import HOLD, REST, MelodyEvents
from ensue.data.notes.piano_roll import KEYS, LOWEST, Chords, Keys, of_roll, roll_of
from ensue.data.notes.tune import Meter, Stepped
from ensue.errors import DataError

PLACES = Places(4, (Meter(4, 4), Meter(6, 8)))
EVENTS, CHORDS = MelodyEvents(PLACES), Chords(PLACES)

VOICE = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(0, 127)), min_size=1, max_size=12)
CHORALE = st.lists(st.sets(st.integers(LOWEST, LOWEST + KEYS - 1), max_size=5), min_size=1, max_size=10)


def melody(notes: list[tuple[int, int, int]]) -> Stepped:
    made, now = [], 0
    for silence, length, pitch in notes:
        made.append((now + silence, now + silence + length, pitch))
        now += silence + length
    return Stepped("a", np.array(made, dtype=np.int64), now, 4, Meter(6, 8), pickup=3)


def same(left: Stepped, right: Stepped) -> None:
    np.testing.assert_array_equal(left.notes, right.notes)
    assert (left.steps, left.meter, left.pickup) == (right.steps, right.meter, right.pickup)


@given(VOICE)
def test_events_tell_the_melody(notes: list[tuple[int, int, int]]) -> None:
    tune = melody(notes)
    same(EVENTS.tune(EVENTS.tokens(tune), "a", tune.meter, tune.pickup), tune)


@given(CHORALE)
def test_chords_tell_the_roll(steps: list[set[int]]) -> None:
    tune = of_steps("a", steps, 4, Meter(6, 8), 2)
    same(CHORDS.tune(CHORDS.tokens(tune), "a", tune.meter, tune.pickup), tune)
    same(of_roll(roll_of(tune), "a", PLACES, tune.meter, tune.pickup, 120.0), tune)


@given(VOICE, CHORALE)
def test_every_token_was_allowed_and_codes_are_within_their_tables(
    notes: list[tuple[int, int, int]], steps: list[set[int]]
) -> None:
    both: list[tuple[Coding, Stepped]] = [(EVENTS, melody(notes)), (CHORDS, of_steps("a", steps, 4))]
    for coding, tune in both:
        seen = read(coding, tune)
        assert seen.legal[np.arange(len(seen.tokens)), seen.tokens].all()
        assert seen.rows.shape == (len(seen.tokens), coding.width)
        assert seen.steps == tune.steps
        for index, categories, _ in coding.columns:
            assert set(seen.rows[:, index]) <= set(range(categories + 1))


@given(VOICE)
def test_the_row_before_a_token_knows_nothing_of_it(notes: list[tuple[int, int, int]]) -> None:
    tune = melody(notes)
    seen = read(EVENTS, tune)
    other = replace(tune, notes=np.column_stack([tune.notes[:, :2], (tune.notes[:, 2] + 1) % 128]))
    first = int(tune.notes[0, 0])
    np.testing.assert_array_equal(seen.rows[: first + 1], read(EVENTS, other).rows[: first + 1])


def test_the_place_in_the_bar_begins_after_the_pickup() -> None:
    tune = melody([(0, 3, 60), (0, 12, 62)])
    assert read(EVENTS, tune).rows[:, 3].tolist() == [10, 11, 12, *range(1, 13)]
    assert read(EVENTS, tune).rows[0, 4] == 2
    assert read(EVENTS, replace(tune, meter=Meter(5, 4))).rows[:, 3:].max() == 0


def test_silence_and_holds_are_written_in_one_way() -> None:
    tokens = EVENTS.tokens(melody([(2, 2, 60), (1, 1, 60)]))
    assert tokens.tolist() == [REST, HOLD, 62, HOLD, REST, 62]
    reader = EVENTS.reader(Meter())
    assert not reader.legal()[HOLD]
    reader.push(REST)
    assert reader.legal()[HOLD]
    assert not reader.legal()[REST]


def test_keys_of_a_chord_come_from_low_to_high() -> None:
    reader = CHORDS.reader(Meter())
    reader.push(10)
    assert not reader.legal()[:11].any()
    assert reader.legal()[11:].all()
    reader.push(KEYS)
    assert reader.legal().all()
    assert reader.step == 1
    row = reader.row()
    assert row[:KEYS].nonzero()[0].tolist() == [10]
    assert not row[KEYS : 2 * KEYS].any()


def test_keys_by_themselves_see_the_step_before() -> None:
    rows, roll = Keys(PLACES).rows(of_steps("a", [[60], [62]], 4))
    assert [row[:KEYS].nonzero()[0].tolist() for row in rows] == [[], [60 - LOWEST]]
    assert [row.nonzero()[0].tolist() for row in roll] == [[60 - LOWEST], [62 - LOWEST]]


def test_two_voices_are_no_melody() -> None:
    message = (
        "'a' has two notes at once at step 1, expected one voice: take its highest voice, or train with --polyphonic."
    )
    with pytest.raises(DataError, match=re.escape(message)):
        EVENTS.tokens(of_steps("a", [[60], [60, 64]], 4))


def test_pitches_that_no_piano_has() -> None:
    message = "'a' has the pitch 109 at step 1, expected one of the piano's 88 keys, 21 to 108: transpose it."
    with pytest.raises(DataError, match=re.escape(message)):
        CHORDS.tokens(of_steps("a", [[60], [109]], 4))


def test_names() -> None:
    assert [EVENTS.names()[token] for token in (HOLD, REST, 62)] == ["hold", "rest", "C4"]
    assert CHORDS.names()[39] == "C4"
    assert CHORDS.names()[KEYS] == "next step"


def test_a_collection_of_steps(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"train": [[[60, 64], [60]], [[]]]}')
    [first, second] = read_steps(path, 1)["train"]
    assert first.notes.tolist() == [[0, 2, 60], [0, 1, 64]]
    assert second.steps == 1
    path.write_text("[1, 2")
    with pytest.raises(DataError, match=re.escape(f"{path} is no collection of tunes as lists of steps (Expecting")):
        read_steps(path, 1)
    with pytest.raises(DataError, match=re.escape("'a' has the pitch 200 at step 0, expected 0 to 127.")):
        of_steps("a", [[200]], 1)
