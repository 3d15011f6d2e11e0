"""Sound files: what they hold, what is found in them, and sentences for those that hold nothing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensue.data.audio.recordings import read_audio, recording_of
from ensue.errors import DataError, UsageError

TONE = (0.5 * np.sin(np.arange(4000) / 5)).astype(np.float32)


@pytest.mark.parametrize(("ending", "close"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.05), ("mp3", 0.1)])
def test_formats_are_read(tmp_path: Path, ending: str, close: float) -> None:
    soundfile.write(tmp_path / f"a.{ending}", TONE, 16000)
    recording = read_audio(tmp_path / f"a.{ending}")
    assert recording.rate == 16000
    assert recording.findings == ()
    assert abs(recording.seconds - 0.25) < 0.08
    if ending in ("wav", "flac"):
        np.testing.assert_allclose(recording.samples, TONE, atol=close)


def test_what_is_found_is_said(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "two.wav", np.stack([TONE, TONE], 1), 8000, subtype="PCM_U8")
    recording = read_audio(tmp_path / "two.wav", 16000)
    assert recording.findings == (
        "Has 2 channels, mixed to one.",
        "Resampled from 8,000 to 16,000 samples a second, the rate that is listened to.",
    )
    assert len(recording.samples) == 8000
    assert recording_of(np.zeros(100), 8000).findings == ("Is silent.",)
    assert recording_of(np.clip(9 * TONE, -1, 1), 8000).findings == ("Is clipped: it was recorded too loud.",)
    assert float(np.abs(recording_of(np.array([0, 255, 128], np.uint8), 8000).samples).max()) == 1.0


def test_files_that_hold_no_sound_are_refused(tmp_path: Path) -> None:
    empty, wrong, nothing = tmp_path / "empty.wav", tmp_path / "wrong.wav", tmp_path / "nothing.wav"
    empty.touch()
    wrong.write_bytes(b"this is no sound")
    soundfile.write(nothing, np.zeros(0, np.float32), 8000)
    for path, said in (
        (tmp_path / "a.wav", "There is no file '{}': check its path."),
        (empty, "'{}' is empty, expected a sound file: record it again, or leave it out."),
        (wrong, "'{}' cannot be read as sound (Format not recognised), expected WAV, FLAC, OGG or MP3."),
        (nothing, "'{}' holds no samples, expected some sound: leave it out."),
    ):
        with pytest.raises(DataError) as refused:
            read_audio(path)
        assert str(refused.value) == said.format(path)


def test_an_open_file_is_read() -> None:
    file = io.BytesIO()
    soundfile.write(file, TONE, 8000, format="WAV")
    file.seek(0)
    assert read_audio(file).seconds == 0.5


def test_a_rate_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        recording_of(TONE, 0)
    assert str(refused.value) == "The rate is 0, expected samples a second, such as 16000."
