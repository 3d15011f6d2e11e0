"""The picture of a tune: where its notes stand and what they are called."""

from __future__ import annotations

import re

import pytest

from ensue.data.notes.tune import Meter, of_notes
from ensue.errors import DataError
from ensue.plotting.piano_roll import piano_roll_chart, terminal_roll

TUNE = of_notes("tune", [(0, 2, 67), (2, 14, 60), (14, 20, 64)], 4, meter=Meter(3, 4), pickup=2, tempo=90.0)
EMPTY = of_notes("silence", [], 4)


def test_notes_stand_in_their_bars() -> None:
    drawn = piano_roll_chart(TUNE, prompt_ends=14).to_dict()
    rows = drawn["datasets"][drawn["data"]["name"]]
    assert [(row["from"], row["to"], row["note"], row["part"]) for row in rows] == [
        (pytest.approx(5 / 6), 1.0, "G4", "prompt"),
        (1.0, 2.0, "C4", "prompt"),
        (2.0, 2.5, "E4", "composed"),
    ]
    assert drawn["title"]["subtitle"] == ["3 notes, 3/4, 90 quarter notes a minute"]
    assert drawn["encoding"]["color"]["scale"]["domain"] == ["prompt", "composed"]


def test_in_the_terminal() -> None:
    lines = terminal_roll(TUNE, prompt_ends=14).split("\n")
    assert lines[0] == "G4   |==|           |"
    assert lines[3] == "E4   |  |           ######"
    assert lines[-1] == "C4   |  ============|"
    assert terminal_roll(TUNE, prompt_ends=14, width=6).split("\n")[3] == "E4   |######"


@pytest.mark.parametrize("draw", [piano_roll_chart, terminal_roll])
def test_a_tune_without_notes(draw) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=re.escape("'silence' has no notes to draw.")):
        draw(EMPTY)
