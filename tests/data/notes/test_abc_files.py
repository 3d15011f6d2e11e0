"""ABC: what each sign means, and what is said of what cannot be read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.notes.abc_files import read_abc
from ensue.data.notes.tune import Meter, Tune
from ensue.errors import DataError

HEAD = "X:1\nT:Test\nM:4/4\nL:1/8\nK:C\n"


def notes(music: str, head: str = HEAD) -> list[tuple[float, float, int]]:
    """Start and length in quarter notes, and pitch."""
    tune = read(music, head)
    return [
        (start / tune.resolution, (end - start) / tune.resolution, pitch) for start, end, pitch in tune.notes.tolist()
    ]


def read(music: str, head: str = HEAD) -> Tune:
    [tune] = read_abc(head + music, "a.abc")
    assert isinstance(tune, Tune), tune
    return tune


def pitches(music: str, head: str = HEAD) -> list[int]:
    return [pitch for _, _, pitch in notes(music, head)]


def refused(music: str, head: str = HEAD) -> str:
    [reason] = read_abc(head + music, "a.abc")
    assert isinstance(reason, DataError)
    return str(reason)


def test_pitches_and_octaves() -> None:
    assert pitches("C, C c c' ^F _B =f __A") == [48, 60, 72, 84, 66, 70, 77, 67]


def test_lengths() -> None:
    assert [length for _, length, _ in notes("C C2 C/ C/2 C3/2 C// z C")] == [0.5, 1, 0.25, 0.25, 0.75, 0.125, 0.5]
    assert notes("C z2 D")[1][0] == 1.5


def test_note_length_follows_the_time_signature() -> None:
    assert notes("C", "X:1\nM:2/4\nK:C\n") == [(0, 0.25, 60)]
    assert notes("C", "X:1\nM:3/4\nK:C\n") == [(0, 0.5, 60)]


def test_accidentals_hold_to_the_end_of_the_bar() -> None:
    assert pitches("^F F f | F") == [66, 66, 77, 65]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("G", [66, 71, 72]),
        ("F", [65, 70, 72]),
        ("Em", [66, 71, 72]),
        ("Ador", [66, 71, 72]),
        ("Dmix", [66, 71, 72]),
        ("Eb", [65, 70, 72]),
        ("A", [66, 71, 73]),
        ("C ^f", [66, 71, 72]),
        ("none", [65, 71, 72]),
    ],
)
def test_keys(key: str, expected: list[int]) -> None:
    assert pitches("F B c", f"X:1\nL:1/8\nK:{key}\n") == expected


def test_a_key_that_changes() -> None:
    assert pitches("F [K:G] F\nK:C\nF") == [65, 66, 65]


def test_broken_rhythm() -> None:
    assert [(start, length) for start, length, _ in notes("C>D E<F G>>A")] == [
        (0, 0.75), (0.75, 0.25), (1, 0.25), (1.25, 0.75), (2, 0.875), (2.875, 0.125),
    ]  # fmt: skip


def test_tuplets() -> None:
    assert [round(length, 3) for _, length, _ in notes("(3CDE F (2GA (5:4:5CDEFG")] == [
        *[0.333] * 3, 0.5, *[0.75] * 2, *[0.4] * 5,
    ]  # fmt: skip


def test_ties_make_one_note() -> None:
    assert notes("C2-|C2 D") == [(0, 2, 60), (2, 0.5, 62)]
    assert pitches("C-D") == [60, 62]  # a slur: the pitches differ


def test_chords() -> None:
    assert notes("[CEG]2 [C2E2] D") == [
        (0, 1, 60), (0, 1, 64), (0, 1, 67), (1, 1, 60), (1, 1, 64), (2, 0.5, 62),
    ]  # fmt: skip
    assert notes("[C-E]2 [CF]2") == [(0, 2, 60), (0, 1, 64), (1, 1, 65)]


@pytest.mark.parametrize(
    ("music", "played"),
    [
        ("|:CD:|E|", "CDCDE"),
        ("CD:|E|", "CDCDE"),
        ("C|:D:|E", "CDDE"),
        ("|:C::D:|", "CCDD"),
        ("|:CD|1E:|2F|G", "CDECDFG"),
        ("|:C[1D:|[2E||F:|", "CDCEFF"),
        ("|:C|[1 D:|[2 E|]", "CDCE"),
    ],
)
def test_repeats(music: str, played: str) -> None:
    names = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G"}
    assert "".join(names[pitch] for pitch in pitches(music)) == played


def test_what_is_passed_over() -> None:
    assert pitches('"Am"!trill!C ~D .E {fg}F (GA) uB "^text"c % a remark\nw: la la\nd') == [
        60,
        62,
        64,
        65,
        67,
        69,
        71,
        72,
        74,
    ]


def test_bars_title_and_tempo() -> None:
    tune = read("C2|D4 E4|F8|]", "X:1\nT:A Tune\nM:C\nL:1/8\nQ:1/2=60\nK:C\n")
    assert (tune.name, tune.meter, tune.tempo) == ("a.abc: A Tune", Meter(4, 4), 120.0)
    assert tune.pickup == tune.resolution


def test_two_tunes_and_the_second_voice() -> None:
    first, second = read_abc(HEAD + "V:1\nCDE\nV:2\nc,d,e,\n\nX:2\nK:C\nG\n", "a.abc")
    assert isinstance(first, Tune)
    assert isinstance(second, Tune)
    assert first.notes[:, 2].tolist() == [60, 62, 64]
    assert second.notes[:, 2].tolist() == [67]


def test_a_bad_tune_does_not_hide_the_others() -> None:
    found = read_abc(HEAD + "CD\n\nX:2\nT:Bad\nK:C\nC 7 D\n\nX:3\nK:C\nE\n", "a.abc")
    assert [isinstance(each, Tune) for each in found] == [True, False, True]
    assert str(found[1]) == "a.abc: the tune 'Bad' has '7' where music was expected (line 11): mend it there."


@pytest.mark.parametrize(
    ("music", "head", "reason"),
    [
        ("", HEAD, "has no notes (line 6)"),
        ("z8|z8|", HEAD, "has no notes (line 6)"),
        ("[CE", HEAD, "has a chord '[' that is not closed (line 6)"),
        ("[C[E]]", HEAD, "has a chord within a chord (line 6)"),
        ("C99999", HEAD, "has the length '99999', expected one such as 2, /2 or 3/2 (line 6)"),
        ("c''''''", HEAD, "has the note 'c''''''', which MIDI's 0 to 127 do not hold (line 6)"),
        ("(1CD", HEAD, "has the tuplet '(1', expected (2 to (9 (line 6)"),
        (">C", HEAD, "has '>' with no note before it (line 6)"),
        ("C", HEAD.replace("K:C", "K:Q"), "has the key 'Q', expected one such as G, Bm or Ador (line 5)"),
        ("C", HEAD.replace("4/4", "4/7"), "has the time signature '4/7', expected one such as 4/4 or 6/8 (line 3)"),
        ("C", HEAD.replace("1/8", "8"), "has the note length '8', expected one such as 1/8 (line 4)"),
        ("CDE", "X:1\nT:Test\n", "has no key: a line 'K:' ends the head of a tune (line 3)"),
    ],
)
def test_reasons(music: str, head: str, reason: str) -> None:
    assert refused(music, head) == f"a.abc: the tune 'Test' {reason}: mend it there."


def test_a_file_without_a_tune() -> None:
    message = "a.abc has no tune: an ABC tune begins with a line 'X:1', and its music after 'K:'."
    with pytest.raises(DataError, match=re.escape(message)):
        read_abc("hello\n", "a.abc")


@given(st.text(alphabet="ABCabc^_=,'/0123456789|:[](){}<>-zxZ \n\"!~KLMV", max_size=80))
def test_any_text_is_read_or_refused(music: str) -> None:
    for each in read_abc(HEAD + music, "a.abc"):
        assert isinstance(each, Tune) or str(each).startswith("a.abc: ")
