"""`ensue train translate` and `ensue translate` on the corpus of the examples: files, pipes, JSON, pictures, refusals."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ensue import cli
from ensue.cli import translate
from ensue.runtime import translation
from ensue.tasks import translation_recipe
from ensue.tasks.translation_recipe import PRESETS

EXAMPLE = Path(__file__).parent.parent / "examples" / "translation"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few steps: what it says is no German yet, but it says something."""
    path = tmp_path_factory.mktemp("models") / "model.ensue"
    files = ["--source", str(EXAMPLE / "train.en"), "--target", str(EXAMPLE / "train.de")]
    assert cli.run(["-q", "train", "translate", *files, "-o", str(path), "--preset", "fast", "--steps", "6"]) == 0
    return path


def test_the_example_corpus_is_paired() -> None:
    for part, pairs in (("train", 120), ("test", 24)):
        lines = [(EXAMPLE / f"{part}.{language}").read_text(encoding="utf-8").splitlines() for language in ("en", "de")]
        assert len(lines[0]) == len(lines[1]) == pairs
        assert all(each.strip() for side in lines for each in side)
    assert not set((EXAMPLE / "test.en").read_text().splitlines()) & set(
        (EXAMPLE / "train.en").read_text().splitlines()
    )


def test_training_says_what_it_found_and_how_well_it_translates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(EXAMPLE / "test.en", tmp_path / "valid.en")
    arguments = ["--source", str(EXAMPLE / "train.en"), "--target", str(EXAMPLE / "train.de")]
    arguments += ["--valid-source", str(tmp_path / "valid.en"), "--valid-target", str(EXAMPLE / "test.de")]
    arguments += [
        "-o",
        str(tmp_path / "m.ensue"),
        "--preset",
        "fast",
        "--steps",
        "3",
        "--tokens",
        "characters",
        "--json",
    ]
    assert cli.run(["train", "translate", *arguments]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert (result["steps"], result["measure"]) == (3, "nats per token")
    assert "- 120 pairs to learn from, " in err
    assert "characters, shared by both languages; unknown in validation: 0.00% of the source" in err
    assert "nats per token, sacreBLEU " in err
    assert (tmp_path / "m.ensue").exists() and not (tmp_path / "m.ensue.checkpoint").exists()


def test_a_file_is_translated_line_by_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.txt").write_text("The dog was here yesterday.\n\nThe cat likes the snow.\n")
    assert cli.run(["translate", "-m", str(model), str(tmp_path / "in.txt")]) == 0
    assert capsys.readouterr().out.count("\n") == 3
    assert cli.run(["translate", "-m", str(model), str(tmp_path / "in.txt"), "--json"]) == 0
    answers = [json.loads(line)["translations"][0] for line in capsys.readouterr().out.splitlines()]
    assert [bool(each["tokens"]) for each in answers] == [True, False, True]


def test_standard_input_and_a_file_say_the_same(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["translate", "-m", str(model), str(EXAMPLE / "test.en")]) == 0
    from_file = capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", _Input((EXAMPLE / "test.en").read_bytes()))
    assert cli.run(["translate", "-m", str(model)]) == 0
    assert capsys.readouterr().out == from_file


def test_lines_are_answered_as_they_are_typed(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", _Input(b"The dog was here yesterday.\r\n\xef\xbb\xbf", terminal=True))
    assert cli.run(["translate", "-m", str(model), "--beam", "1"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err.startswith("Type a sentence to translate; Ctrl-D ends.\n")


def test_the_n_best_come_with_their_scores(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.txt").write_text("The dog was here yesterday.\n")
    assert cli.run(["translate", "-m", str(model), str(tmp_path / "in.txt"), "--n-best", "3"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["1"] * 3
    assert [float(row[1]) for row in rows] == sorted((float(row[1]) for row in rows), reverse=True)
    assert cli.run(["translate", "-m", str(model), str(tmp_path / "in.txt"), "--n-best", "3", "--json"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["line"] == 1
    assert [each["text"] for each in found["translations"]] == [row[2] for row in rows]
    assert set(found["translations"][0]) == {"text", "score", "log_probability", "ended", "tokens"}


def test_what_the_model_does_not_know_is_counted(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, (source, target) = tmp_path / "words.ensue", (str(EXAMPLE / f"train.{each}") for each in ("en", "de"))
    files = ["--source", source, "--target", target, "--tokens", "words"]
    assert cli.run(["-q", "train", "translate", *files, "-o", str(words), "--preset", "fast", "--steps", "3"]) == 0
    (tmp_path / "in.txt").write_text("The zebra was here.\n\nA quagga.\n")
    capsys.readouterr()
    assert cli.run(["translate", "-m", str(words), str(tmp_path / "in.txt"), "--replace-unknown"]) == 0
    said = capsys.readouterr().err
    assert "- 2 of 8 tokens are not known to the model.\n" in said and "--replace-unknown" not in said
    assert cli.run(["translate", "-m", str(model), str(tmp_path / "in.txt"), "--replace-unknown"]) == 0
    said = capsys.readouterr().err
    assert "- --replace-unknown changes nothing: this model writes subwords, and no unknown words.\n" in said
    assert "not known" not in said


def test_a_picture_shows_what_was_looked_at(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.txt").write_text("The <dog> was here yesterday.\n")
    picture = tmp_path / "picture.html"
    assert cli.run(["translate", "-m", str(model), str(tmp_path / "in.txt"), "--attention", str(picture)]) == 0
    page = picture.read_text(encoding="utf-8")
    assert "The &lt;dog&gt; was here yesterday." in page and "<dog>" not in page
    assert page.count("<td") > 10 and "http" not in page.replace("http-equiv", "")
    assert capsys.readouterr().err.endswith(f"Wrote {picture}, 1 sentence.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--beam", "0"], 2, "beam is 0, expected a whole number from 1 to 1000."),
        (["--n-best", "9"], 2, "n_best is 9, expected a whole number from 1 to 5, the beam."),
        (["--attention", "no/a.html"], 1, "The folder no for --attention does not exist: make it first."),
        (["--attention", "a.png"], 2, "--attention is 'a.png', expected a name ending in .html."),
        (["missing.txt"], 1, "There is no file missing.txt: check the name."),
    ],
)
def test_what_cannot_be_right_is_refused(
    model: Path, arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["translate", "-m", str(model), *arguments]) == code
    assert capsys.readouterr().err == f"ensue: {sentence}\n"


def test_bytes_that_are_no_text_are_named_and_what_came_before_is_translated(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", _Input(b"fine\nno\xfft\n"))
    assert cli.run(["translate", "-m", str(model)]) == 1
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert err == (
        "ensue: Standard input is not UTF-8 text: byte 7, in line 2, is 0xff; convert it, for example with iconv.\n"
    )


@pytest.mark.parametrize("piped", [False, True])
def test_lines_that_are_too_long_are_named_and_the_others_translated(
    piped: bool, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(translate, "LINES", 2)
    monkeypatch.setattr(translation, "MOST_TOKENS", 20)
    long = "dog " * 40
    text = f"The dog.\rA cat.\n{long}\r\nThe snow.\n\n{long}\nThe dog.\n"
    (tmp_path / "in.txt").write_bytes(text.encode())
    monkeypatch.setattr(sys, "stdin", _Input(text.encode()))
    arguments = ["translate", "-m", str(model), *([] if piped else [str(tmp_path / "in.txt")])]
    assert cli.run(["-q", *arguments, "--json"]) == 1
    out, err = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    assert [each["line"] for each in found] == [1, 2, 3, 4, 5, 6]
    assert [bool(each["translations"] and each["translations"][0]["tokens"]) for each in found] == [
        True, False, True, False, False, True
    ]  # fmt: skip
    tokens = re.findall(r"has (\d+) tokens", err)
    said = f"has {tokens[0]} tokens, expected at most 20: split it into sentences."
    assert found[1] == {"line": 2, "translations": [], "refused": said}
    assert err == (f"ensue: Line 2 {said}\nensue: Line 5 {said}\nensue: 2 of 6 lines could not be translated: 2, 5.\n")


def test_training_is_refused_before_it_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "a.en", tmp_path / "a.de"
    source.write_text("one\ntwo\n")
    target.write_text("eins\n")
    files = ["--source", str(source), "--target", str(target)]
    cases = [
        (
            [*files, "-o", str(tmp_path / "m")],
            1,
            "a.en has 2 lines and a.de has 1: line 2 of a.en has no translation; give both files equally many lines.",
        ),
        (
            [*files, "-o", str(source)],
            2,
            f"-o is '{source}', the table that is read: give another file, or it would be lost.",
        ),
        (
            [*files, "-o", str(tmp_path / "m"), "--valid-source", str(source)],
            2,
            "--valid-source and --valid-target go together: give both, or neither.",
        ),
        ([*files, "-o", str(tmp_path / "m"), "--tokens", "wrds"], 2, "tokens is 'wrds', did you mean 'words'?"),
    ]
    for arguments, code, sentence in cases:
        assert cli.run(["train", "translate", *arguments]) == code
        assert capsys.readouterr().err == f"ensue: {sentence}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.de", "a.en"]


def test_a_model_of_another_task_is_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = SimpleNamespace(describe=lambda: {"task": "forecasting"}, findings_=())
    monkeypatch.setattr("ensue.estimators.load", lambda path: other)
    assert cli.run(["translate", "-m", str(model)]) == 1
    sentence = f"{model} holds a model for forecasting, expected one for translation: ask it with ensue forecast."
    assert capsys.readouterr().err == f"ensue: {sentence}\n"


class _Input(io.TextIOWrapper):
    """Standard input with some bytes in it."""

    def __init__(self, data: bytes, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize("page", ["docs/translation.md", "examples/translation/README.md"])
def test_everything_the_pages_show_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder with the example's corpus, with presets of a few steps."""
    for file in EXAMPLE.glob("t*.*"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", _Input(b"The dog was here yesterday.\n"))
    short = {name: replace(recipe, epochs=1, least_steps=3) for name, recipe in PRESETS.items()}
    monkeypatch.setattr(translation_recipe, "PRESETS", short)
    text, shown = (EXAMPLE.parent.parent / page).read_text(encoding="utf-8"), 0
    for language, code in re.findall(r"^```(\w+)[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        shown += 1
        if language == "python":
            exec(compile(code, page, "exec"), {})
            continue
        for line in code.splitlines():
            command, _, target = line.removeprefix("$ ensue ").partition(" > ")
            assert cli.run(shlex.split(command)) == 0, line
            printed = capsys.readouterr().out
            if target:
                Path(target).write_text(printed, encoding="utf-8")
    assert shown == 2
    assert [path.name for path in tmp_path.glob("*.ensue")]
