"""A text prepared for training: in memory and on file the same, safe to interrupt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensue.data import corpus
from ensue.data.corpus import last_part, prepare
from ensue.data.text import TextOptions
from ensue.errors import DataError, StorageError

TEXT = "".join(f"line {number} of a text, one of many\n" for number in range(500))


@pytest.fixture
def long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(corpus, "LONG", 100)
    monkeypatch.setattr(corpus, "BLOCK", 1000)
    path = tmp_path / "long.txt"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize("kind", ["characters", "words", "bytes"])
def test_on_file_as_in_memory(long: Path, tmp_path: Path, kind: str) -> None:
    options = TextOptions(tokens=kind)
    here = prepare(TEXT, options)
    there = prepare(long, options, folder=tmp_path / "kept")
    assert np.array_equal(here.tokens, there.tokens) and here.front_end.to_json() == there.front_end.to_json()
    assert isinstance(there.tokens, np.memmap) and there.tokens.dtype == (np.uint16 if kind == "bytes" else np.uint8)
    assert (
        here.counts.tolist()
        == there.counts.tolist()
        == np.bincount(here.tokens, minlength=here.front_end.size).tolist()
    )
    assert there.findings[0] == f"{long}: prepared in {tmp_path / 'kept'}."


def test_what_was_kept_is_used_again(long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(long, TextOptions(), folder=tmp_path / "kept")
    monkeypatch.setattr(corpus, "_write", lambda *_: pytest.fail("it was made anew"))
    again = prepare(long, TextOptions(), folder=tmp_path / "kept")
    assert again.front_end.decode(again.tokens) == TEXT


def test_another_text_or_another_cut_is_made_anew(long: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    prepare(long, TextOptions(), folder=folder)
    prepare(long, TextOptions(lowercase=True), folder=folder)
    long.write_text(TEXT + "more\n")
    assert prepare(long, TextOptions(), folder=folder).front_end.decode([3]) != ""
    assert len(list(folder.glob("*.json"))) == 3


def test_an_interrupted_preparation_leaves_nothing_behind(
    long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus.os, "fsync", broken)
    with pytest.raises(KeyboardInterrupt):
        prepare(long, TextOptions(), folder=tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("tokens", None),
        ("tokens", b""),
        ("tokens", b"abc"),
        ("json", b"{}"),
        ("json", b'"'),
        ("json", b"\xff"),
        ("json", None),
    ],
)
def test_a_damaged_preparation_is_made_anew(long: Path, tmp_path: Path, suffix: str, content: bytes | None) -> None:
    folder = tmp_path / "kept"
    whole = prepare(long, TextOptions(tokens="bytes"), folder=folder)
    (file,) = folder.glob(f"*.{suffix}")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    again = prepare(long, TextOptions(tokens="bytes"), folder=folder)
    assert again.front_end.decode(again.tokens) == TEXT
    assert again.counts.tolist() == whole.counts.tolist() and again.findings == whole.findings


def test_a_place_that_cannot_be_is_refused(long: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(DataError) as refused:
        prepare(long, TextOptions(), folder=tmp_path / "kept")
    assert str(refused.value) == (
        f"{tmp_path / 'kept'} is a file, expected a folder for what is made of the text: move or rename it."
    )
    assert (tmp_path / "kept").read_text() == "mine"
    with pytest.raises(
        StorageError, match=r"^cannot write '.*none/kept': its folder does not exist: create the folder first"
    ):
        prepare(long, TextOptions(), folder=tmp_path / "none" / "kept")


def test_a_digest_tells_every_text_from_another(long: Path, tmp_path: Path) -> None:
    """However far behind they differ, in memory and on file."""
    other = tmp_path / "other.txt"
    other.write_text(TEXT[:-2] + "!\n")
    for folder in (None, tmp_path / "kept"):
        one, same, two = (prepare(path, TextOptions(tokens="bytes"), folder=folder) for path in (long, long, other))
        assert one.digest == same.digest != two.digest


def test_line_ends_are_the_same_in_memory_as_on_file(tmp_path: Path) -> None:
    path, text = tmp_path / "a.txt", "one\r\ntwo\r\n" * 20
    path.write_bytes(text.encode())
    here, there = prepare(text, TextOptions()), prepare(path, TextOptions())
    assert here.front_end == there.front_end and np.array_equal(here.tokens, there.tokens)


def test_too_little_text_is_refused() -> None:
    with pytest.raises(DataError, match=r"^The text has 4 tokens, expected 100 at least: give more text\.$"):
        last_part(np.arange(4), 0.1)
