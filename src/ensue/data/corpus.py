"""A text as token numbers, ready to train on: in memory, or for a long text in a file that is mapped into it.

What took long is kept: numbers and front end of a long text go into a folder beside the run, under a name that depends on
the text and on how it was cut. A preparation that was interrupted is begun anew; half of one is never read.
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
from ensue.errors import DataError, StorageError
from ensue.storage import write_atomically

LONG = 20_000_000
"""Bytes of a file from which its preparation is kept."""
BLOCK = 1_000_000
"""Bytes that are cut into tokens at once."""
FEWEST = 100
"""Tokens that something can be learned from."""
COUNTED = 4_000_000
"""Tokens that are counted at once."""
FORMAT = 1
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
    learned = front_end or TextFrontEnd.learn(_blocks(text), options)
    parts = [learned.encode(block).astype(_type(learned)) for block in _blocks(text)]
    tokens = np.concatenate(parts)
    findings = learned.findings if front_end is None else ()
    return _checked(Prepared(learned, tokens, frequencies(tokens, learned.size), findings))


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
    key = _key(path, options, front_end)
    described, numbers = folder / f"{key}.json", folder / f"{key}.tokens"
    if not described.exists():
        folder.mkdir(exist_ok=True)
        learned = front_end or TextFrontEnd.learn(iterate_text(path), options)
        counts = _write(numbers, learned, iterate_text(path, BLOCK))
        facts = {"front_end": learned.to_json(), "counts": counts.tolist(), "findings": list(learned.findings)}
        write_atomically(described, lambda file: file.write(json.dumps(facts).encode()))
    facts = json.loads(described.read_text())
    learned = front_end or TextFrontEnd.from_json(facts["front_end"])
    tokens = np.memmap(numbers, _type(learned), mode="r")
    counts = np.array(facts["counts"], np.int64)
    if len(tokens) != counts.sum():
        raise DataError(f"{numbers} is damaged: remove the folder {folder}, and it is made anew.")
    return _checked(Prepared(learned, tokens, counts, (f"{path}: prepared in {folder}.", *facts["findings"])))


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
        raise StorageError(f"The tokens could not be written to {path}: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return counts


def _blocks(text: str | Path) -> Iterator[str]:
    if isinstance(text, Path):
        yield from iterate_text(text, BLOCK)
    else:
        yield from text_blocks(text, BLOCK)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # whoever opens it says what is wrong


def _type(front_end: TextFrontEnd) -> Any:
    return np.uint8 if front_end.size <= 1 << 8 else np.uint16 if front_end.size <= 1 << 16 else np.uint32


def _checked(prepared: Prepared) -> Prepared:
    if not len(prepared.tokens):
        raise DataError("The text holds no tokens, only spaces: give a text with words in it.")
    return prepared
