"""`ensue train action` and `ensue predict` of clips, from a folder to a model and from files to what is done in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ensue import cli
from ensue.data.video.clips import read_clip
from ensue.data.video.writing_films import write_film

pytest.importorskip("av")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films of a bar that goes down or across, by two people, and a model of them."""
    place = tmp_path_factory.mktemp("actions")
    for label in ("across", "down"):
        (place / "clips" / label).mkdir(parents=True)
        for number in range(4):
            frames = np.full((12, 32, 48, 3), 20, np.uint8)
            for t in range(12):
                at = 2 * t + number
                rows, columns = (
                    (slice(at, at + 5), slice(8, 24)) if label == "down" else (slice(8, 24), slice(at, at + 5))
                )
                frames[t, rows, columns] = 230
            write_film(place / "clips" / label / f"person{number // 2}_{number}.mp4", frames, 10)
    arguments = ["--preset", "fast", "--steps", "50", "--size", "16x16", "-o", str(place / "m.ensue")]
    assert cli.run(["-q", "train", "action", str(place / "clips"), *arguments]) == 0
    return place


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_training_shows_the_baselines_beside_the_network(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, "train", "action", str(folder / "clips"), "--steps", "3", "--size", "16x16",
                          "--streaming", "-o", str(tmp_path / "m.ensue"))  # fmt: skip
    assert code == 0, err
    assert "(mean of all frames + linear " in out and ", single frame + linear " in out
    assert "- Names of files tell 2 subjects apart." in err
    assert "- Validates on 1 of 2 subjects, none of whose rows is learned from." in err
    assert not (tmp_path / "m.ensue.checkpoint").exists()


def test_clips_are_told_apart_and_failures_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(folder / "clips" / "down" / "person0_0.mp4"), "missing.mp4"]
    code, out, err = said(capsys, "predict", "-m", str(folder / "m.ensue"), *files)
    assert code == 1
    assert out.startswith(f"{files[0]}\tdown\t0.") and len(out.splitlines()) == 1
    assert "ensue: There is no file missing.mp4: check its path." in err
    assert err.endswith("ensue: 1 of 2 files could not be read: missing.mp4.\n")
    code, out, _ = said(capsys, "predict", "-m", str(folder / "m.ensue"), files[0], "--json")
    told = json.loads(out)
    assert code == 0 and told["class"] == "down" and sum(told["probabilities"].values()) == pytest.approx(1)


def test_moments_and_an_overlay(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(folder / "clips" / "across" / "person1_3.mp4")
    made = tmp_path / "told.mp4"
    code, out, err = said(capsys, "predict", "-m", str(folder / "m.ensue"), file, "--moments", "--overlay", str(made))
    assert code == 0, err
    assert out.splitlines()[-1].startswith("1.20 s\tacross\t")
    assert f"30 frames with what is done in them are in {made}." in err
    plain, drawn = read_clip(file).frames, read_clip(made).frames
    assert drawn.shape == plain.shape
    assert np.abs(drawn[10].astype(int) - plain[10])[:8, :30].max() > 100


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ["--camera", "41"],
            1,
            "There is no camera /dev/video41 that can be opened (No such file or directory): check that",
        ),
        (
            ["--camera", "0", "a.mp4"],
            2,
            "--camera is given with clips or --overlay, expected it alone: leave them out.",
        ),
        ([], 2, "No clip is given, expected films or key points: name them behind the options."),
        (["a.mp4", "--explain"], 2, "--explain is given, and this model reads clips: leave it out."),
        (["a.mp4", "b.mp4", "--overlay", "o.mp4"], 2, "--overlay writes one film, and 2 clips are given: give one."),
        (["a.npy", "--overlay", "o.mp4"], 2, "--overlay draws on films, and a.npy is none: leave it out."),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(
    folder: Path, arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.platform", "linux")
    returned, _, err = said(capsys, "predict", "-m", str(folder / "m.ensue"), *arguments)
    assert returned == code
    assert sentence in err


def test_a_wrong_size_and_a_wrong_model_are_sentences(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = said(
        capsys, "train", "action", str(folder / "clips"), "--size", "16", "-o", str(tmp_path / "m.ensue")
    )
    assert (code, err) == (2, "ensue: --size is '16', expected WIDTHxHEIGHT in pixels, such as 48x48.\n")
    code, _, err = said(capsys, "transcribe", "-m", str(folder / "m.ensue"), "a.wav")
    assert code == 1
    assert "holds a model for action, expected one for speech: ask it with ensue predict." in err
