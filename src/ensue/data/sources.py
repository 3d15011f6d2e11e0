"""Where a table comes from: a file or standard input, unpacked, and which format its bytes are.

Knows names, folders, compression and the first bytes of formats; knows nothing about what is inside a table.
"""

from __future__ import annotations

import bz2
import difflib
import gzip
import importlib
import io
import lzma
import os
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ensue.errors import DataError

FORMATS = {
    "text": (".csv", ".tsv", ".tab", ".txt", ".psv", ".dat", ".data"),
    "Parquet": (".parquet", ".pq"),
    "JSON": (".json", ".jsonl", ".ndjson"),
    "Arrow": (".arrow", ".feather", ".ipc"),
}
_FORMAT_OF = {ending: kind for kind, endings in FORMATS.items() for ending in endings}
_PACKED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zip": "zip", ".zst": "Zstandard"}
_PACKED_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
_MAGIC = {
    b"PAR1": ("Parquet", "a Parquet table"),
    b"ARROW1": ("Arrow", "an Arrow table"),
    b"\xff\xff\xff\xff": ("Arrow", "an Arrow stream"),
    b"\xd0\xcf\x11\xe0": ("other", "an old Excel workbook"),
    b"\x89HDF": ("other", "an HDF5 file"),
    b"SQLite format 3": ("other", "an SQLite database"),
    b"%PDF": ("other", "a PDF document"),
    b"\x89PNG": ("other", "a picture"),
    b"\xff\xd8\xff": ("other", "a picture"),
}


@dataclass(frozen=True)
class Source:
    """The unpacked bytes of a table and what is known of them before they are parsed."""

    name: str
    """How to call it in a message: the path as given, or 'standard input'."""
    format: str
    """'text', 'Parquet', 'JSON' or 'Arrow'."""
    data: bytes
    packed: str | None = None
    """Name of the compression it was in."""


def open_source(path: str | os.PathLike[str]) -> Source:
    """Read and unpack a file, or standard input where the path is '-'.

    Raises:
        DataError: A missing, empty, damaged or foreign file, each in one sentence.
    """
    name, ending, data = ("standard input", "", _read_standard_input()) if str(path) == "-" else _read_file(path)
    packing = Path(name).suffix.lower() if Path(name).suffix.lower() in _PACKED else ""
    data, packed = _unpack(name, data, _PACKED.get(packing))
    if not data:
        raise DataError(f"'{name}' is empty, expected a table with a header and rows: check how the file was made.")
    return Source(name, _format_of(name, ending, data), data, packed)


def _read_standard_input() -> bytes:
    return sys.stdin.buffer.read()


def _read_file(path: str | os.PathLike[str]) -> tuple[str, str, bytes]:
    """The name, the ending before any compression's, and the raw bytes."""
    name, file = os.fspath(path), Path(path)
    if name.startswith(("http://", "https://")):
        raise DataError(f"'{name}' is a web address, expected a file: download it first, as ensue.datasets.fetch does.")
    if file.is_dir():
        tables = sorted(each.name for each in file.iterdir() if each.suffix.lower() in _FORMAT_OF)
        raise DataError(
            f"'{name}' is a folder, expected a file: "
            + (f"give a file in it, such as '{tables[0]}'." if tables else "give the path of a table.")
        )
    ending = file.suffix.lower()
    if ending in _PACKED:
        ending = Path(file.stem).suffix.lower()
    if ending and ending not in _FORMAT_OF and not file.suffix[1:].isdigit():
        raise DataError(
            f"'{name}' ends in '{ending}', expected one of {', '.join(_FORMAT_OF)} (or one of them packed as "
            f"{', '.join(_PACKED)}): save the table as CSV or Parquet."
        )
    try:
        return name, ending, file.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"'{name}' does not exist, expected a table: {_nearest_file(file)}") from error
    except OSError as error:
        raise DataError(f"'{name}' cannot be read ({error.strerror}): check its permissions.") from error


def _nearest_file(file: Path) -> str:
    folder = file.parent
    if not folder.is_dir():
        return f"there is no folder '{folder}' either."
    close = difflib.get_close_matches(file.name, sorted(each.name for each in folder.iterdir()), n=1, cutoff=0.6)
    return f"did you mean '{folder / close[0]}'?" if close else "check the path."


def _unpack(name: str, data: bytes, packed: str | None) -> tuple[bytes, str | None]:
    """Unpack by the ending, or by the first bytes where the ending does not tell."""
    if packed is None:
        packed = next((kind for magic, kind in _PACKED_MAGIC.items() if data.startswith(magic)), None)
    if packed is None or not data:
        return data, None
    unpackers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "bzip2": bz2.decompress,
        "xz": lzma.decompress,
        "Zstandard": lambda packed_data: _unpack_zstandard(name, packed_data),
        "zip": lambda packed_data: _unpack_zip(name, packed_data),
    }
    try:
        return unpackers[packed](data), packed
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"'{name}' is a damaged {packed} file ({error}): get the file again.") from error


def _unpack_zip(name: str, data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [each for each in archive.namelist() if not each.endswith("/") and not each.startswith("__MACOSX")]
        if "[Content_Types].xml" in members:
            raise DataError(f"'{name}' holds an Excel workbook, expected a text table: save the sheet as CSV.")
        if len(members) != 1:
            raise DataError(f"'{name}' holds {len(members)} files, expected one: unpack it and give the file you mean.")
        return archive.read(members[0])


def _unpack_zstandard(name: str, data: bytes) -> bytes:
    """By whichever library is there: Python's own from 3.14 on, zstandard, or PyArrow."""
    for module, unpack in _ZSTANDARD.items():
        try:
            library = importlib.import_module(module)
        except ImportError:
            continue
        return unpack(library, data)
    raise DataError(
        f"'{name}' is packed as Zstandard, which needs the package 'zstandard' or 'pyarrow': install one, or "
        "unpack the file."
    )


_ZSTANDARD: dict[str, Callable[..., bytes]] = {
    "compression.zstd": lambda library, data: library.decompress(data),
    "zstandard": lambda library, data: library.ZstdDecompressor().stream_reader(io.BytesIO(data)).read(),
    "pyarrow": lambda library, data: library.CompressedInputStream(library.BufferReader(data), "zstd").read(),
}


def _format_of(name: str, ending: str, data: bytes) -> str:
    """The format by the ending, refused where the first bytes say otherwise."""
    found, words = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), (None, ""))
    expected = _FORMAT_OF.get(ending)
    if expected is None and found in FORMATS:
        return str(found)
    if found is not None and found != expected:
        is_named = f"ends in '{ending}' but holds {words}" if ending else f"holds {words}, which cannot be read"
        raise DataError(f"'{name}' {is_named}: " + _advice(found))
    if expected == "Parquet" and found is None:
        raise DataError(f"'{name}' is not a Parquet file: check how it was made, or give it the ending of what it is.")
    if expected is None and data.lstrip()[:1] in (b"{", b"["):
        return "JSON"
    return expected or "text"


def _advice(found: str) -> str:
    if found in FORMATS:
        return f"rename it to end in '{FORMATS[found][0]}'."
    return "save the table as CSV or Parquet."
