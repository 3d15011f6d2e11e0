"""`ensue train classify` and `ensue predict`, from a table to a model and from lines to classes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from ensue import cli

ROWS = [(f"{what} {word}", "up" if word in ("rises", "grows") else "down")
        for what in ("thing", "the sun", "a price", "hope", "the sea", "it", "bread", "all")
        for word in ("rises", "falls", "grows", "sinks")]  # fmt: skip
TRAIN = ["--preset", "fast", "--steps", "60", "--seed", "0"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and a model of it."""
    place = tmp_path_factory.mktemp("classify")
    (place / "news.csv").write_text("headline,trend\n" + "".join(f"{text},{label}\n" for text, label in ROWS))
    assert cli.run(["-q", "train", "classify", str(place / "news.csv"), "--label", "trend",
                    "-o", str(place / "m.ensue"), *TRAIN]) == 0  # fmt: skip
    return place


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_training_tells_how_good_it_is(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "train", "classify", str(folder / "news.csv"), "--text", "headline", "--label", "trend",
                          "--forward", "--preset", "fast", "--steps", "20", "-o", str(tmp_path / "m.ensue"))  # fmt: skip
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'm.ensue'}: 20 steps in ")
    assert lines[1].startswith("Accuracy ")
    assert lines[2].split() == ["right/answered", "down", "up"]
    assert "- texts in column 'headline', labels in column 'trend'." in err
    assert "TF-IDF of 1-2 words + logistic regression has accuracy 100.0% on the same rows" in err
    assert not (tmp_path / "m.ensue.checkpoint").exists()


def test_programs_are_told_the_accuracy(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "train", "classify", str(folder / "news.csv"), "--label", "trend", "--json",
                        "--preset", "fast", "--steps", "20", "-o", str(tmp_path / "m.ensue"))  # fmt: skip
    told = json.loads(out)
    assert code == 0 and told["steps"] == 20 and told["validation"] >= 0
    assert 0 <= told["accuracy"] <= 1 and 0 <= told["macro_f1"] <= 1


def test_texts_as_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "predict", "-m", str(folder / "m.ensue"), "it rises", "it falls")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == ["up", "down"]


def test_lines_of_a_file_and_of_stdin_stay_in_place(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "thing rises\n\nit sinks\n"
    (tmp_path / "lines.txt").write_text(text)
    code, out, err = said(capsys, "predict", "-m", str(folder / "m.ensue"), "--file", str(tmp_path / "lines.txt"))
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == ["up", "", "down"]
    assert "- 1 of 3 lines are blank and stay blank." in err
    stdin(monkeypatch, text.encode())
    assert said(capsys, "predict", "-m", str(folder / "m.ensue"))[1] == out
    stdin(monkeypatch, text.encode())
    assert said(capsys, "predict", "-m", str(folder / "m.ensue"), "-")[1] == out
    _, table, _ = said(capsys, "predict", "-m", str(folder / "m.ensue"), "--file", str(folder / "news.csv"))
    assert len(table.splitlines()) == len(ROWS)


def test_json_has_every_probability_and_the_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "predict", "-m", str(folder / "m.ensue"), "thing rises", "--json", "--explain")
    found = json.loads(out)
    assert found["class"] == "up"
    assert set(found["probabilities"]) == {"up", "down"}
    assert sum(found["probabilities"].values()) == pytest.approx(1.0)
    assert [each["word"] for each in found["words"]] == ["thing", "rises"]


def test_the_words_are_shown_and_written_as_a_page(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "words.html"
    _, out, err = said(
        capsys, "predict", "-m", str(folder / "m.ensue"), "thing rises", "--explain", "--html", str(page)
    )
    assert out.splitlines()[1] == "thing rises"
    assert out.splitlines()[2].startswith("  log odds for up: rises +")
    assert "<span class=" in page.read_text()
    assert f"The words that carried 1 decision are in {page}." in err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["predict", "-m", "{m}", ""], 1, "ensue: The text is empty, expected at least one word: leave it out."),
        (["predict", "-m", "{m}", "a", "--file", "b"], 2, "ensue: A text and --file are both given, expected one of them."),
        (["predict", "-m", "{m}", "a", "--html", "b.png"], 2, "ensue: --html is 'b.png', expected a name ending in .html."),
        (["predict", "-m", "{m}", "--file", "{bytes}"], 1,
         "ensue: {bytes} is not UTF-8 text: byte 3 is 0xe9; save it as UTF-8, for example with iconv."),
        (["predict", "-m", "{m}", "{csv}"], 2,
         "ensue: '{csv}' is a file, and a text was expected: give --file {csv}."),
        (["predict", "-m", "{m}", "a", "--html", "none/b.html"], 1,
         "ensue: The folder none for --html does not exist: make it first."),
        (["translate", "-m", "{m}"], 1,
         "ensue: {m} holds a model for classification, expected one for translation: ask it with ensue predict."),
        (["train", "classify", "{csv}", "--label", "trends", "-o", "{out}"], 1,
         "ensue: there is no column 'trends': did you mean 'trend'?"),
        (["train", "classify", "{csv}", "-o", "{out}"], 1,
         "ensue: Which column holds the labels is not plain, none has the name of one: 'headline', 'trend'. Name it with "
         "label (--label)."),
        (["train", "classify", "{csv}", "--label", "trend", "-o", "{csv}"], 2,
         "ensue: -o is '{csv}', the table that is read: give another file, or it would be lost."),
        (["train", "classify", "{csv}", "--label", "trend", "--from", "{m}", "-o", "{out}"], 1,
         "ensue: {m} holds a model for classification, expected a language model to begin from: ensue train text makes one."),
        (["train", "classify", "{csv}", "--label", "trend", "--pooling", "lats", "-o", "{out}"], 2,
         "ensue: pooling is 'lats', did you mean 'last'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"caf\xe9 noir\n")
    places = {
        "m": folder / "m.ensue",
        "csv": folder / "news.csv",
        "out": tmp_path / "o.ensue",
        "bytes": tmp_path / "bytes.txt",
    }
    found, _, err = said(capsys, *(each.format(**places) for each in arguments))
    assert err.splitlines()[-1] == sentence.format(**places)
    assert found == code
    assert not (tmp_path / "o.ensue").exists()


@pytest.mark.parametrize(
    ("arguments", "task"),
    [
        (["forecast", "{csv}"], "forecasting"),
        (["stream", "{csv}"], "forecasting"),
        (["backtest", "{csv}"], "forecasting"),
        (["inspect", "{csv}"], "forecasting"),
        (["generate"], "language-model"),
        (["evaluate", "{csv}"], "language-model"),
        (["translate", "{csv}"], "translation"),
        (["compose", "-o", "a.mid"], "melody"),
        (["listen", "{csv}"], "command"),
        (["transcribe", "{csv}"], "speech"),
        (["caption", "{csv}"], "caption"),
    ],
)
def test_every_verb_refuses_a_model_of_another_task(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], task: str
) -> None:
    model = folder / "m.ensue"
    code, _, err = said(capsys, *(each.format(csv=folder / "news.csv") for each in arguments), "-m", str(model))
    assert code == 1
    assert err == (
        f"ensue: {model} holds a model for classification, expected one for {task}: ask it with ensue predict.\n"
    )


def test_stdin_that_is_not_utf8(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin(monkeypatch, b"caf\xe9\n")
    code, _, err = said(capsys, "predict", "-m", str(folder / "m.ensue"))
    assert code == 1
    assert err == ("ensue: Standard input is not UTF-8 text: byte 3 is 0xe9; convert it, for example with iconv.\n")


def test_sequences_of_numbers_by_wildcard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{i % 3},{4 + i % 2 * -4},{5 + i % 2 * -4},{'high' if i % 2 == 0 else 'low'}" for i in range(24)]
    (tmp_path / "w.csv").write_text("t1,t2,t3,level\n" + "\n".join(rows) + "\n")
    model = str(tmp_path / "w.ensue")
    code, _, err = said(capsys, "train", "classify", str(tmp_path / "w.csv"), "--values", "t*", "--label", "level",
                        "--preset", "fast", "--steps", "40", "-o", model)  # fmt: skip
    assert code == 0, err
    assert "- a sequence in each row, of 3 steps; labels in column 'level'." in err
    code, out, _ = said(capsys, "predict", "-m", model, "--file", str(tmp_path / "w.csv"))
    assert len(out.splitlines()) == 24
    stdin(monkeypatch, (tmp_path / "w.csv").read_bytes())
    assert said(capsys, "predict", "-m", model, "-") == (code, out, "")
    code, _, err = said(capsys, "predict", "-m", model)
    assert code == 2
    assert err.endswith(
        "This model reads sequences of numbers: give a table with --file, or --file - and one on stdin.\n"
    )
