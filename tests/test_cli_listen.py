"""`ensue train command`, `ensue listen` and `ensue predict` of recordings, from a folder of words to what is heard."""

from __future__ import annotations

import io
import json
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ensue import cli
from some_words import LONG, RATE, WORDS, murmur, said

soundfile = pytest.importorskip("soundfile")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of two words by three voices, other sound, and a model of them."""
    place = tmp_path_factory.mktemp("commands")
    for word in WORDS:
        (place / "words" / word).mkdir(parents=True)
        for seed in range(18):
            soundfile.write(place / "words" / word / f"{word}_voice{seed % 3}x_{seed}.wav", said(word, seed), RATE)
    (place / "other").mkdir()
    for number in range(4):
        soundfile.write(place / "other" / f"{number}.flac", murmur(8, number), RATE)
    soundfile.write(place / "long.wav", LONG, RATE)
    arguments = [
        "--preset",
        "fast",
        "--steps",
        "150",
        "--negatives",
        str(place / "other"),
        "-o",
        str(place / "m.ensue"),
    ]
    assert cli.run(["-q", "train", "command", str(place / "words"), *arguments]) == 0
    return place


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_training_tells_speakers_baseline_and_threshold(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "words" / "rise" / "broken.wav").write_bytes(b"no sound")
    try:
        code, out, err = told(
            capsys, "train", "command", str(folder / "words"), "--steps", "3", "--negatives", str(folder / "other"),
            "--streaming", "-o", str(tmp_path / "m.ensue"),
        )  # fmt: skip
    finally:
        (folder / "words" / "rise" / "broken.wav").unlink()
    assert code == 0, err
    assert "(mean of all frames + linear " in out
    assert "Names of files tell 4 speakers apart." in err  # the broken file's name stands for itself
    assert "Left out 1 file (broken.wav): '" in err
    assert "In a stream a word is heard from a probability of " in err
    assert not (tmp_path / "m.ensue.checkpoint").exists()


def test_words_of_a_file_are_printed_with_their_times(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "listen", "-m", str(folder / "m.ensue"), str(folder / "long.wav"))
    assert code == 0, err
    assert [line.split("\t")[1] for line in out.splitlines()] == ["rise", "fall", "fall"]
    assert out.splitlines()[0].split("\t")[0].endswith(" s")
    code, out, _ = told(capsys, "listen", "-m", str(folder / "m.ensue"), str(folder / "long.wav"), "--json")
    assert [json.loads(line)["word"] for line in out.splitlines()] == ["rise", "fall", "fall"]
    code, out, _ = told(capsys, "listen", "-m", str(folder / "m.ensue"), str(folder / "long.wav"), "--threshold", "1")
    assert (code, out) == (0, "")


def test_files_that_fail_are_listed_and_the_rest_is_heard(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(folder / "long.wav"), "missing.wav"]
    for verb, lines in (("listen", 3), ("predict", 1)):
        code, out, err = told(capsys, verb, "-m", str(folder / "m.ensue"), *files)
        assert code == 1
        assert len(out.splitlines()) == lines and out.startswith(f"{files[0]}\t")
        assert "ensue: There is no file 'missing.wav': check its path." in err
        assert err.endswith("ensue: 1 of 2 files could not be read: missing.wav.\n")


def test_another_sample_rate_is_resampled_and_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("soxr")
    twice = np.interp(np.arange(2 * len(LONG)) / 2, np.arange(len(LONG)), LONG)
    soundfile.write(tmp_path / "twice.wav", np.stack([twice, twice], 1), 2 * RATE)
    code, out, err = told(capsys, "listen", "-m", str(folder / "m.ensue"), str(tmp_path / "twice.wav"))
    assert code == 0
    assert [line.split("\t")[1] for line in out.splitlines()] == ["rise", "fall", "fall"]
    assert "twice.wav: Has 2 channels, mixed to one." in err
    assert "twice.wav: Resampled from 16,000 to 8,000 samples a second, the rate that is listened to." in err


def test_a_pipe_of_raw_samples_or_of_a_wav_file_is_heard(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("soxr")
    raw, wav = (LONG * 32767).astype("<i2").tobytes(), io.BytesIO()
    soundfile.write(wav, LONG, RATE, format="WAV", subtype="PCM_16")
    _, whole, _ = told(capsys, "listen", "-m", str(folder / "m.ensue"), str(folder / "long.wav"))
    for given in (raw, wav.getvalue()):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given)))
        code, out, err = told(capsys, "listen", "-m", str(folder / "m.ensue"), "-")
        assert code == 0, err
        assert [line.split("\t")[:2] for line in out.splitlines()] == [
            line.split("\t")[:2] for line in whole.splitlines()
        ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (b"", "Standard input is empty, expected a WAV file or raw 16-bit samples."),
        (
            b"fLaC....",
            "Standard input is a compressed sound file, expected WAV or raw 16-bit samples: give the file's name",
        ),
        (b"RIFF\x00\x00", "Standard input is a WAV file that cannot be read ("),
    ],
)
def test_a_pipe_of_something_else_is_a_sentence(
    folder: Path, given: bytes, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given)))
    code, _, err = told(capsys, "listen", "-m", str(folder / "m.ensue"), "-")
    assert code == 1 and sentence in err


class Microphone:
    """A microphone that says a word and is then unplugged."""

    def __init__(self, *given: object, **more: object) -> None:
        self.place = 0

    def __enter__(self) -> Microphone:
        return self

    def __exit__(self, *error: object) -> None: ...

    def read(self, size: int) -> tuple[np.ndarray, bool]:
        if self.place >= len(LONG):
            raise KeyboardInterrupt
        found = LONG[self.place : self.place + size]
        self.place += size
        return np.pad(found, (0, size - len(found)))[:, None], False


def test_a_microphone_is_heard_until_ctrl_c(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = types.SimpleNamespace(
        InputStream=Microphone,
        PortAudioError=OSError,
        query_devices=lambda device, kind: {"default_samplerate": float(RATE)},
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    code, out, err = told(capsys, "listen", "-m", str(folder / "m.ensue"), "--microphone")
    assert code == 130
    assert [line.split("\t")[1] for line in out.splitlines()] == ["rise", "fall", "fall"]
    assert "Listening for fall, rise; Ctrl-C ends it." in err


def test_a_microphone_that_is_not_there_is_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*given: object) -> None:
        raise ValueError("No input device matching 'desk'")

    monkeypatch.setitem(sys.modules, "sounddevice", types.SimpleNamespace(query_devices=none, PortAudioError=OSError))
    code, _, err = told(capsys, "listen", "-m", str(folder / "m.ensue"), "--microphone", "--device", "desk")
    assert code == 1
    assert "There is no microphone 'desk' that can be opened (No input device matching 'desk'): check that it is" in err
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    code, _, err = told(capsys, "listen", "-m", str(folder / "m.ensue"), "--microphone")
    assert code == 1
    assert "Listening to a microphone needs the package 'sounddevice'" in err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["listen"], 2, "Give sound files, or - alone for standard input, or --microphone; one of them is expected."),
        (["listen", "a.wav", "--microphone"], 2, "Give sound files, or - alone for standard input, or --microphone;"),
        (["listen", "a.wav", "--device", "1"], 2, "--device names a microphone and --microphone is not given"),
        (["listen", "a.wav", "--threshold", "2"], 2, "command: threshold is 2.0, expected a probability, such as 0.8."),
        (["predict"], 2, "No recording is given, expected sound files: name them behind the options."),
        (["predict", "a.wav", "--moments"], 2, "--moments is given, and this model reads recordings: leave it out."),
        (["transcribe", "a.wav"], 1, "holds a model for command, expected one for speech: ask it with ensue listen"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(
    folder: Path, arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    returned, _, err = told(capsys, arguments[0], "-m", str(folder / "m.ensue"), *arguments[1:])
    assert returned == code, err
    assert sentence in err
