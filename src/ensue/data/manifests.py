"""Manifests: tables of files and what is said in them, or folders with a text beside each recording.

A table has a column of files and one of texts, and may have one of speakers and one that says what is for training,
validation and test. Files are looked for beside the table. Names of columns are found (file, path, audio ...; text,
sentence, transcript ...) where they are not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensue.errors import DataError, nearest

FILES = ("file", "path", "audio", "audio_filepath", "wav", "video", "clip", "filename", "file_name", "recording")
TEXTS = ("text", "sentence", "transcript", "transcription", "caption", "said", "label")
SPEAKERS = ("speaker", "speaker_id", "client_id", "subject", "talker")
SPLITS = ("split", "own_split", "set", "subset", "part")
TRAINING, VALIDATION, TEST = (
    ("train", "training"),
    ("valid", "validation", "val", "dev", "development"),
    ("test", "testing", "eval"),
)
SOUND = (".wav", ".flac", ".ogg", ".mp3", ".opus", ".aif", ".aiff", ".au")
SHOWN = 3


@dataclass(frozen=True)
class Manifest:
    """Files and their texts, row by row."""

    files: tuple[Path, ...]
    texts: tuple[str, ...]
    speakers: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    findings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def take(self, rows: Sequence[int]) -> Manifest:
        """Some of the rows, in the order given."""
        return Manifest(
            tuple(self.files[row] for row in rows),
            tuple(self.texts[row] for row in rows),
            None if self.speakers is None else tuple(self.speakers[row] for row in rows),
            None if self.splits is None else tuple(self.splits[row] for row in rows),
            self.findings,
        )

    def part(self, names: Sequence[str]) -> list[int]:
        """The rows whose split has one of these names.

        >>> Manifest((Path("a"), Path("b")), ("x", "y"), splits=("train", "dev")).part(VALIDATION)
        [1]
        """
        return [row for row, split in enumerate(self.splits or ()) if split.lower() in names]


def read_manifest(
    path: str | Path, *, file: str | None = None, text: str | None = None, speaker: str | None = None
) -> Manifest:
    """The manifest of a table, or of a folder in which each recording has a text beside it (a.wav, a.txt).

    Rows whose file is not there or whose text is blank are left out, and that is said. Raises `DataError` where there is
    no such column, or no row is left.
    """
    path = Path(path)
    return _folder(path) if path.is_dir() else _table(path, file, text, speaker)


def _table(path: Path, file: str | None, text: str | None, speaker: str | None) -> Manifest:
    from ensue.data.tables import read_table

    frame = read_table(path).frame
    columns = frame.columns
    files = _column(columns, file, FILES, path, "files", "file")
    texts = _column(columns, text, TEXTS, path, "texts", "text")
    speakers = _column(columns, speaker, SPEAKERS, path, "speakers", "speaker", needed=speaker is not None)
    splits = _column(columns, None, SPLITS, path, "splits", "split", needed=False)
    found = {
        name: [_plain(each) for each in frame[name].to_list()] for name in (files, texts, speakers, splits) if name
    }
    there = [path.parent / each for each in found[files]]
    said = [" ".join(each.split()) for each in found[texts]]
    rows = [row for row, each in enumerate(there) if found[files][row] and said[row] and each.is_file()]
    findings = _left_out(path, found[files], said, there)
    if not rows:
        raise DataError(
            f"No row of '{path}' has both a file and a text: " + (findings[0] if findings else "check its columns.")
        )
    findings.append(
        f"{len(rows):,} recordings of '{path}': files from column '{files}', texts from '{texts}'"
        + (f", speakers from '{speakers}'" if speakers else "")
        + (f", parts from '{splits}'" if splits else "")
        + "."
    )
    whole = Manifest(
        tuple(there),
        tuple(said),
        tuple(found[speakers]) if speakers else None,
        tuple(found[splits]) if splits else None,
        tuple(findings),
    )
    return whole.take(rows)


def _folder(path: Path) -> Manifest:
    pairs = [
        (each, each.with_suffix(".txt"))
        for each in sorted(path.rglob("*"))
        if each.suffix.lower() in SOUND and each.with_suffix(".txt").is_file()
    ]
    if not pairs:
        raise DataError(
            f"The folder '{path}' has no recording with a text beside it, expected pairs such as a.wav and a.txt, or give "
            "a table of files and texts."
        )
    from ensue.data.text_files import read_text

    texts = [" ".join(read_text(text).split()) for _, text in pairs]
    parents = [each.parent.relative_to(path).as_posix() for each, _ in pairs]
    speakers = tuple(parents) if len(set(parents)) > 1 else None
    findings = [f"{len(pairs):,} recordings with a text beside them in '{path}'."]
    if speakers is not None:
        findings.append(f"The {len(set(parents)):,} folders within it are taken for speakers.")
    return Manifest(tuple(each for each, _ in pairs), tuple(texts), speakers, None, tuple(findings))


def _column(
    columns: Sequence[str], asked: str | None, known: Sequence[str], path: Path, what: str, option: str,
    needed: bool = True,
) -> str:  # fmt: skip
    """The name of a column; empty where there is none and none is needed."""
    if asked is not None:
        if asked not in columns:
            raise DataError(f"There is no column '{asked}' in '{path}', {nearest(asked, columns)}")
        return asked
    plain = {each.strip().lower(): each for each in columns}
    for name in known:
        if name in plain:
            return plain[name]
    if needed:
        raise DataError(
            f"No column of '{path}' is known to hold {what} ({', '.join(columns)}), expected one called '{known[0]}', or "
            f"say which with {option}."
        )
    return ""


def _plain(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _left_out(path: Path, files: Sequence[str], texts: Sequence[str], there: Sequence[Path]) -> list[str]:
    missing = [name for name, each in zip(files, there, strict=True) if name and not each.is_file()]
    blank = [name for name, text in zip(files, texts, strict=True) if name and not text]
    nameless = sum(not name for name in files)
    said = []
    if missing:
        said.append(f"Left out {few(missing)}, which {'is' if len(missing) == 1 else 'are'} not beside '{path}'.")
    if blank:
        said.append(f"Left out {few(blank)}, without a text.")
    if nameless:
        said.append(f"Left out {nameless:,} row{'s' * (nameless > 1)} without a file.")
    return said


def few(names: Sequence[str]) -> str:
    """Names for a message, the first ones.

    >>> few(["a.wav", "b.wav", "c.wav", "d.wav", "e.wav"])
    '5 files (a.wav, b.wav, c.wav and 2 more)'
    """
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else "")
    return f"{len(names):,} file{'s' * (len(names) != 1)} ({shown})"
