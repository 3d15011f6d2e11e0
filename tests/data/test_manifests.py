"""Manifests: columns that are found, rows that are left out, folders with texts beside recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ensue.data.manifests import TEST, TRAINING, VALIDATION, read_manifest
from ensue.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(b"sound")
    return tmp_path


def test_columns_are_found_and_rows_left_out(folder: Path) -> None:
    (folder / "m.csv").write_text(
        "path;sentence;client_id;split\na.wav;Yes  no;ann;train\nb.wav;;bob;dev\nd.wav;no;cid;test\nc.wav;no;dan;dev\n"
    )
    manifest = read_manifest(folder / "m.csv")
    assert manifest.files == (folder / "a.wav", folder / "c.wav")
    assert (manifest.texts, manifest.speakers) == (("Yes no", "no"), ("ann", "dan"))
    assert (manifest.part(TRAINING), manifest.part(VALIDATION), manifest.part(TEST)) == ([0], [1], [])
    assert manifest.findings == (
        f"Left out 1 file (d.wav), which is not beside '{folder / 'm.csv'}'.",
        "Left out 1 file (b.wav), without a text.",
        f"2 recordings of '{folder / 'm.csv'}': files from column 'path', texts from 'sentence', speakers from "
        "'client_id', parts from 'split'.",
    )


def test_numbers_are_texts_too(folder: Path) -> None:
    (folder / "m.csv").write_text("file,text\na.wav,7\nb.wav,12\n")
    assert read_manifest(folder / "m.csv").texts == ("7", "12")


def test_a_folder_with_texts_beside_recordings(folder: Path) -> None:
    (folder / "a.txt").write_text("yes\nno\n")
    (folder / "ann").mkdir()
    (folder / "ann" / "x.flac").write_bytes(b"sound")
    (folder / "ann" / "x.txt").write_text("no")
    manifest = read_manifest(folder)
    assert manifest.texts == ("yes no", "no")
    assert manifest.speakers == (".", "ann")


def test_manifests_without_what_is_needed_are_refused(folder: Path) -> None:
    (folder / "m.csv").write_text("file,words\na.wav,yes\n")
    (folder / "n.csv").write_text("file,text\nz.wav,yes\n")
    for path, options, said in (
        (folder / "m.csv", {}, "No column of '{}' is known to hold texts (file, words), expected one called 'text', or say "
         "which with text."),
        (folder / "m.csv", {"text": "word"}, "There is no column 'word' in '{}', did you mean 'words'?"),
        (folder / "n.csv", {}, "No row of '{0}' has both a file and a text: Left out 1 file (z.wav), which is not beside "
         "'{0}'."),
        (folder, {}, "The folder '{}' has no recording with a text beside it, expected pairs such as a.wav and a.txt, or "
         "give a table of files and texts."),
    ):  # fmt: skip
        with pytest.raises(DataError) as refused:
            read_manifest(path, **options)
        assert str(refused.value) == said.format(path)
    assert read_manifest(folder / "m.csv", text="words").texts == ("yes",)
