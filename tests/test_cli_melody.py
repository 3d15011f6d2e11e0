"""`ensue train melody` and `ensue compose` on the example's tunes: files, JSON, pictures, refusals."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ensue.cli import run
from ensue.data.notes.midi_files import read_midi

EXAMPLE = Path(__file__).parent.parent / "examples" / "melody"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("melody") / "tunes.ensue"
    command = ["train", "melody", str(EXAMPLE / "tunes"), "-o", str(path), "--preset", "fast", "--steps", "5", "-q"]
    assert run([*command, "--hidden-size", "16"]) == 0
    return path


def test_training_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.mid").write_bytes(b"no")
    (tmp_path / "tunes.abc").write_text((EXAMPLE / "tunes" / "traditional.abc").read_text())
    output = tmp_path / "a.ensue"
    options = [
        "--preset",
        "fast",
        "--steps",
        "3",
        "--hidden-size",
        "8",
        "--polyphonic",
        "--grid",
        "2",
        "--transpose",
        "2",
    ]
    assert run(["train", "melody", str(tmp_path), "-o", str(output), *options, "--json"]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert (result["model"], result["measure"], result["steps"]) == (str(output), "nats per step", 3)
    assert "- 10 tunes with 479 notes, all of one voice." in said.err
    assert f"{tmp_path / 'broken.mid'} is no MIDI file, or a damaged one" in said.err
    assert not output.with_name("a.ensue.checkpoint").exists()


def test_composing_writes_midi(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "next.mid"
    prompt = str(EXAMPLE / "greensleeves.mid")
    command = ["compose", "-m", str(model), "--prompt", prompt, "--bars", "4", "--seed", "7", "-o", str(output)]
    assert run(command) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{output}: ")
    assert said.endswith("notes in 4 bars of 6/8 after 72 of the prompt.\n")
    tune = read_midi(output)
    assert len(tune.notes) > 72
    assert run([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["notes"] + result["prompt_notes"] == len(tune.notes)
    assert (result["prompt_notes"], result["time_signature"], result["tempo"]) == (72, "6/8", 90.0)


def test_pictures(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compose", "-m", str(model), "--bars", "4", "-o", str(tmp_path / "a.mid")]
    assert run([*command, "--plot", "-"]) == 0
    assert "#" in capsys.readouterr().out
    assert run([*command, "--plot", str(tmp_path / "roll.svg")]) == 0
    assert "composed" in (tmp_path / "roll.svg").read_text()
    assert capsys.readouterr().err.endswith(f"The picture is in {tmp_path / 'roll.svg'}.\n")


def test_a_picture_without_its_extra_is_refused_before_anything_is_written(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    command = ["compose", "-m", str(model), "-o", str(tmp_path / "a.mid"), "--plot", str(tmp_path / "a.html")]
    assert run(command) == 1
    assert "needs the package 'vl-convert-python'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_other_tunes_of_a_prompt_are_mentioned(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = tmp_path / "two.abc"
    prompt.write_text("X:1\nT:One\nM:6/8\nL:1/8\nK:D\nDEF GAB|\n\nX:2\nT:Two\nM:6/8\nL:1/8\nK:D\nAGF EDE|\n")
    assert run(["compose", "-m", str(model), "--prompt", str(prompt), "-o", str(tmp_path / "a.mid")]) == 0
    assert f"- {prompt} has 2 tunes: the first, 'two.abc: One', is taken." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ["-o", "{here}/a.mid", "--plot", "{here}/none/a.html"],
            1,
            "The folder {here}/none for --plot does not exist: make it first.",
        ),
        (["-o", "next.wav"], 2, "-o is 'next.wav', expected a file that ends in .mid."),
        (["-o", "{here}/none/a.mid"], 1, "The folder {here}/none for -o does not exist: make it first."),
        (["-o", "{here}/a.mid", "--bars", "0"], 2, "bars is 0, expected 1 to 10000: give 16, for example."),
        (["-o", "{here}/a.mid", "--prompt", "none.mid"], 1, "There is no file none.mid: check its path."),
        (
            ["-o", "{here}/a.mid", "--plot", "a.txt"],
            2,
            "--plot is 'a.txt', expected a file that ends in .html, .png or .svg, or - for the terminal.",
        ),
    ],
)
def test_refusals(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    given = [each.replace("{here}", str(tmp_path)) for each in arguments]
    assert run(["compose", "-m", str(model), *given]) == code
    assert capsys.readouterr().err == "ensue: " + sentence.replace("{here}", str(tmp_path)) + "\n"


def test_a_model_of_melodies_is_no_forecaster(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", "-m", str(model)]) == 1
    assert capsys.readouterr().err == (
        f"ensue: {model} holds a model for melody, expected one for language-model: ask it with ensue compose.\n"
    )


def test_a_folder_without_tunes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "melody", str(tmp_path), "-o", str(tmp_path / "a.ensue")]) == 1
    said = capsys.readouterr().err
    assert said == f"ensue: {tmp_path} has no file that ends in .mid, .midi or .abc: it is empty.\n"
