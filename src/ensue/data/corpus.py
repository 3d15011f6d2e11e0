"""A text as token numbers, ready to train on: in memory, or for a long text in a file that is mapped into it.

What took long is kept: numbers and front end of a long text go into a folder beside the run, under a name that depends on
the text and on how it was cut. A preparation that was interrupted or is damaged is made anew; half of one is never read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.text import TextFrontEnd, TextOptions
from ensue.data.text_files import iterate_text, text_blocks
from ensue.errors import DataError
from ensue.storage import storage_error, write_atomically

LONG = 20_000_000
"""Bytes of a file from which its preparation is kept."""
BLOCK = 1_000_000
"""Bytes that are cut into tokens at once."""
FEWEST = 100
"""Tokens that something can be learned from."""
COUNTED = 4_000_000
"""Tokens that are counted at once."""
FORMAT = 2
"""Of what is kept; another one is made anew."""


@dataclass(frozen=True)
class Prepared:
    """A text in numbers."""

    front_end: TextFrontEnd
    tokens: NDArray[Any]
    """Of an unsigned type that holds every token's number."""
    counts: NDArray[np.int64]
    """How often each token is in the text: `(vocabulary,)`."""
    findings: tuple[str, ...] = ()
    key: str = ""
    """Names the content of a file whose preparation is kept, and how it was cut."""

    @property
    def digest(self) -> str:
        """Of all the text: another one has another."""
        return self.key or hashlib.blake2b(np.ascontiguousarray(self.tokens).data).hexdigest()


def prepare(
    text: str | Path, options: TextOptions, *, front_end: TextFrontEnd | None = None, folder: Path | None = None
) -> Prepared:
    """The tokens of a text, or of a text file, which may be compressed and longer than memory.

    Args:
        text: a `Path` names a file; a `str` is the text itself.
        front_end: the one to use; None: one is learned from the text.
        folder: where what is made of a long file is kept.

    Raises `DataError` for a file that is missing, empty or not UTF-8.
    """
    if isinstance(text, Path) and folder is not None and _size(text) >= LONG:
        return _kept(text, options, front_end, folder)
    learned = front_end or TextFrontEnd.learn(blocks(text), options)
    parts = [learned.encode(block).astype(_type(learned)) for block in blocks(text)]
    tokens = np.concatenate(parts)
    counts = frequencies(tokens, learned.size)
    _check(counts)
    return Prepared(learned, tokens, counts, learned.findings if front_end is None else ())


def blocks(text: str | Path) -> Iterator[str]:
    """The blocks that a text, or a text file, is cut into tokens by."""
    return iterate_text(text, BLOCK) if isinstance(text, Path) else text_blocks(text, BLOCK)


def last_part(tokens: NDArray[Any], share: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """What is learned from, and the last part of the text, which is set aside to validate on.

    >>> [len(each) for each in last_part(np.arange(1000), share=0.1)]
    [900, 100]
    """
    if len(tokens) < FEWEST:
        raise DataError(f"The text has {len(tokens)} tokens, expected {FEWEST} at least: give more text.")
    cut = len(tokens) - round(len(tokens) * share)
    return tokens[:cut], tokens[cut:]


def frequencies(tokens: NDArray[Any], size: int) -> NDArray[np.int64]:
    """How often each token is in a text, which may be longer than memory: `(size,)`.

    >>> frequencies(np.array([2, 0, 2]), size=4).tolist()
    [1, 0, 2, 0]
    """
    counts = np.zeros(size, np.int64)
    for first in range(0, len(tokens), COUNTED):
        counts += np.bincount(tokens[first : first + COUNTED], minlength=size)
    return counts


def _kept(path: Path, options: TextOptions, front_end: TextFrontEnd | None, folder: Path) -> Prepared:
    """From the folder, where it is there; made and put there otherwise."""
    place = folder / _key(path, options, front_end)
    said = f"{path}: prepared in {folder}."
    try:
        return _read(place, front_end, said)
    except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged
        _make(place, path, options, front_end)
        return _read(place, front_end, said)


def _read(place: Path, front_end: TextFrontEnd | None, said: str) -> Prepared:
    """What is kept there. Raises an error of Python's where it is missing or damaged."""
    facts = json.loads(place.with_suffix(".json").read_text())
    learned = front_end or TextFrontEnd.from_json(facts["front_end"])
    counts, tokens = np.array(facts["counts"]), np.memmap(place.with_suffix(".tokens"), _type(learned), mode="r")
    if counts.dtype != np.int64 or counts.shape != (learned.size,) or counts.sum() != len(tokens):
        raise ValueError("its parts do not belong together")
    return Prepared(learned, tokens, counts, (said, *facts["findings"]), place.name)


def _make(place: Path, path: Path, options: TextOptions, front_end: TextFrontEnd | None) -> None:
    """Keep what is made of a file there."""
    folder = place.parent
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file, expected a folder for what is made of the text: move or rename it.")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    learned = front_end or TextFrontEnd.learn(iterate_text(path), options)
    counts = _write(place.with_suffix(".tokens"), learned, iterate_text(path, BLOCK))
    _check(counts)
    facts = {"front_end": learned.to_json(), "counts": counts.tolist(), "findings": list(learned.findings)}
    write_atomically(place.with_suffix(".json"), lambda file: file.write(json.dumps(facts).encode()))


def _key(path: Path, options: TextOptions, front_end: TextFrontEnd | None) -> str:
    """Names the text's content and how it is cut."""
    digest = hashlib.sha256(json.dumps([FORMAT, asdict(options), front_end and front_end.to_json()]).encode())
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:24]


def _write(path: Path, front_end: TextFrontEnd, texts: Iterable[str]) -> NDArray[np.int64]:
    """Write the numbers block by block, under the right name only when all are there; how often each one is there."""
    counts, part = np.zeros(front_end.size, np.int64), path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            for text in texts:
                tokens = front_end.encode(text).astype(_type(front_end))
                file.write(tokens.tobytes())
                counts += frequencies(tokens, front_end.size)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        part.unlink(missing_ok=True)
    return counts


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # whoever opens it says what is wrong


def _type(front_end: TextFrontEnd) -> Any:
    return np.uint8 if front_end.size <= 1 << 8 else np.uint16 if front_end.size <= 1 << 16 else np.uint32


def _check(counts: NDArray[np.int64]) -> None:
    if not counts.any():
        raise DataError("The text holds no tokens, only spaces: give a text with words in it.")
