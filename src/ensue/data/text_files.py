"""Text files, whole, by lines, or in blocks that fit in memory; compressed ones too."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ensue.errors import DataError

BLOCK = 4_000_000
"""Bytes that are read at once."""


def read_text(path: str | Path) -> str:
    """The whole text. Raises `DataError` for a file that is missing, empty, or not UTF-8 (at which byte it says)."""
    return "".join(iterate_text(path))


def read_lines(path: str | Path) -> list[str]:
    """The lines, without their ends; a last empty one does not count.

    They end with "\\n" or "\\r\\n" and with nothing else, so that their numbers are those that other programs count.
    """
    return "".join(_decoded(path, BLOCK)).replace("\r\n", "\n").removesuffix("\n").split("\n")


def iterate_text(path: str | Path, block: int = BLOCK) -> Iterator[str]:
    """The text in blocks of about so many bytes that end with a line, or before a word where lines are longer than that.

    Windows' and old Mac's line ends become "\\n", a byte order mark is left out.
    """
    return map(lines_ended, _decoded(path, block))


def _decoded(path: str | Path, block: int) -> Iterator[str]:
    """The same with the line ends as they are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    read, kept, at_start, empty = 0, "", True, True
    with _open(Path(path)) as file:
        while True:
            data = _read(file, block, path)
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                at = read - (len(error.object) - len(data)) + error.start
                raise DataError(
                    f"{path} is not UTF-8 text: byte {at:,} is 0x{error.object[error.start]:02x}; save it as UTF-8, for "
                    "example with iconv."
                ) from error
            if at_start and text:
                text, at_start = text.removeprefix("\ufeff"), False
            empty = empty and not text
            read += len(data)
            kept += text
            if not data:
                break
            cut = kept.rfind("\n") + 1 or (between_words(kept) if len(kept) > 4 * block else 0)
            if cut and kept[cut - 1] == "\r":
                cut -= 1
            if cut:
                yield kept[:cut]
                kept = kept[cut:]
    if empty:
        raise DataError(f"{path} is empty: give a file with text in it.")
    if kept:
        yield kept


def text_blocks(text: str, block: int = BLOCK) -> Iterator[str]:
    """The same of a text in memory, in characters.

    >>> list(text_blocks("one two three", block=6))
    ['one', ' two', ' three']
    """
    text, start = lines_ended(text), 0
    while len(text) - start > block:
        part = text[start : start + block]
        end = start + (part.rfind("\n") + 1 or between_words(part))
        yield text[start:end]
        start = end
    yield text[start:]


def between_words(text: str) -> int:
    """Where a text can be cut near its end: before its last space, or at its end where there is none."""
    space = text.rfind(" ")
    return space if space > 0 else len(text)


def read_stdin() -> str:
    """All of standard input. Raises `DataError` where it is not UTF-8."""
    data = sys.stdin.buffer.read()
    try:
        return lines_ended(data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"Standard input is not UTF-8 text: byte {error.start:,} is 0x{data[error.start]:02x}; convert it, for "
            "example with iconv."
        ) from error


def lines_ended(text: str) -> str:
    """With "\\n" at the end of every line."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _open(path: Path) -> IO[bytes]:
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder, expected a text file.")
        if path.suffix == ".gz":
            return io.BufferedReader(gzip.open(path, "rb"))
        return lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb")
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}: check the name.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read(file: IO[bytes], block: int, path: str | Path) -> bytes:
    try:
        return file.read(block)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{path} cannot be read to its end: {error}.") from error
