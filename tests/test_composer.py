"""The composer: from a folder of tunes to a model file and on to new bars, on the example's tunes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ensue.data.notes.folders import read_folder, read_tune
from ensue.data.notes.midi_files import read_midi, write_midi
from ensue.data.notes.tune import Meter, of_notes
from ensue.errors import DataError, NotFittedError, UsageError
from ensue.estimators import load
from ensue.estimators.composer import Composer

EXAMPLE = Path(__file__).parent.parent / "examples" / "melody"
TUNES, PROMPT = EXAMPLE / "tunes", EXAMPLE / "greensleeves.mid"
SMALL = {"hidden_size": 16, "steps": 6, "preset": "fast"}


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(**SMALL).fit(TUNES)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def chords() -> Composer:
    return Composer(coding="chords", grid=2, **SMALL).fit(TUNES)  # type: ignore[arg-type]


def test_what_was_found(composer: Composer) -> None:
    assert composer.findings_[0] == "10 tunes with 479 notes, all of one voice."
    assert composer.findings_[-1].endswith("set aside to validate on.")
    assert composer.report_.measure.baseline in ("3-grams", "5-grams")
    plain = composer.describe()
    assert (plain["task"], plain["coding"]) == ("melody", "melody")
    assert plain["time_signatures"] == ["4/4", "2/4", "3/4", "6/8"]


def test_saved_and_loaded_it_composes_the_same(composer: Composer, tmp_path: Path) -> None:
    composer.save(tmp_path / "a.ensue")
    again = load(tmp_path / "a.ensue")
    assert isinstance(again, Composer)
    assert again.get_params() == composer.get_params()
    prompt = read_folder(TUNES).tunes[0]
    np.testing.assert_array_equal(again.compose(prompt, seed=5).notes, composer.compose(prompt, seed=5).notes)
    assert again.score(TUNES).per_step == pytest.approx(composer.score(TUNES).per_step)


def test_a_loaded_composer_needs_no_torch(composer: Composer, tmp_path: Path) -> None:
    composer.save(tmp_path / "a.ensue")
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import ensue\n"
        f"tune = ensue.load({str(tmp_path / 'a.ensue')!r}).compose({str(PROMPT)!r}, bars=2)\n"
        "print(len(tune.notes))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 72


@pytest.mark.parametrize("bars", [1, 3])
def test_bars_after_the_prompt_and_the_open_one_filled(composer: Composer, bars: int) -> None:
    prompt = of_notes("open", [(0, 4, 60), (4, 8, 62), (8, 12, 64)], 4, meter=Meter(4, 4))
    tune = composer.compose(prompt, bars=bars, temperature=1.0, seed=2)
    grid = composer.task_.coding.places.steps_per_quarter
    assert composer.prompt_steps_ == 3 * grid
    assert tune.notes[:2].tolist() == [[0, grid, 60], [grid, 2 * grid, 62]]
    assert tune.notes[2, ::2].tolist() == [2 * grid, 64]  # the last one may be held into what is composed
    assert tune.notes[:, 1].max() <= (bars + 1) * 4 * grid
    assert tune.meter == Meter(4, 4)


def test_from_nothing(composer: Composer, chords: Composer) -> None:
    for each in (composer, chords):
        tune = each.compose(bars=8, seed=1)
        assert len(tune.notes)
        assert each.prompt_findings_ == ()
        assert tune.meter == each.task_.coding.places.meters[0]


def test_written_as_midi_it_is_read_back(chords: Composer, tmp_path: Path) -> None:
    tune = chords.compose(PROMPT, bars=4, seed=3)
    write_midi(tmp_path / "a.mid", tune)
    read = read_midi(tmp_path / "a.mid")
    factor = read.resolution // tune.resolution
    np.testing.assert_array_equal(read.notes, tune.notes * [factor, factor, 1])
    assert (read.meter, read.pickup) == (tune.meter, tune.pickup * factor)


def test_what_is_done_to_a_prompt_is_said(composer: Composer) -> None:
    places = composer.task_.coding.places
    chord = of_notes("chord", [(0, 48, 60), (0, 48, 64), (49, 96, 62)], 48, meter=Meter(5, 4))
    composer.compose(chord, bars=1)
    assert composer.prompt_findings_ == (
        "'chord' has several voices and the model knows one: its highest voice is taken.",
        f"1 of 3 notes of 'chord' began between two of the model's {places.steps_per_quarter} steps to a quarter note "
        "and were moved to the nearest.",
        "'chord' is in 5/4, which the model has not learned (it knows 4/4, 2/4, 3/4, 6/8): it does not know where its "
        "bars begin.",
    )


def test_a_stream_reads_and_expects(composer: Composer) -> None:
    stream = composer.stream(Meter(6, 8))
    p = stream.update([62, 0, 0])
    assert p.shape == (130,)
    assert p.sum() == pytest.approx(1.0)
    again = composer.stream(Meter(6, 8))
    for token in (62, 0, 0):
        last = again.update([token])
    np.testing.assert_allclose(last, p, atol=1e-7)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"bars": 0}, "bars is 0, expected 1 to 10000: give 16, for example."),
        ({"seed": -1}, "seed is -1, expected a whole number of 0 or more."),
        ({"temperature": 11.0}, "temperature is 11.0, expected a number from 0 to 10: give 1, for example."),
    ],
)
def test_questions_that_cannot_be(composer: Composer, how: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        composer.compose(**how)  # type: ignore[arg-type]


def test_prompts_that_cannot_be_read(composer: Composer, chords: Composer, tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"MThd")
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / 'a.mid'} is no MIDI file, or a damaged one")):
        composer.compose(tmp_path / "a.mid")
    low = of_notes("low", [(0, 4, 10)], 4)
    with pytest.raises(DataError, match=re.escape("'low' has pitches that no piano has, expected 21 to 108.")):
        chords.compose(low)


def test_not_fitted() -> None:
    message = "This Composer has not been fitted: call fit first, or ensue.load(path)."
    with pytest.raises(NotFittedError, match=re.escape(message)):
        Composer().compose()


def test_the_example_tunes_are_whole_bars() -> None:
    for tune in read_folder(TUNES).tunes:
        beats = (tune.notes[:, 1].max() - tune.pickup) / tune.resolution
        missing = -beats % float(tune.meter.quarters)  # a last bar that leaves room for the pickup
        assert missing in (0, tune.pickup / tune.resolution), tune.name
    assert read_tune(PROMPT).meter == Meter(6, 8)
