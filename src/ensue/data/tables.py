"""Files to frames and back: whatever table a person has, every column typed, and what was found said in plain words."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from ensue.data.columns import type_columns, type_plain
from ensue.data.dialect import SEPARATORS
from ensue.data.numerals import read_numbers
from ensue.data.sources import Source, open_source
from ensue.data.text_encoding import decode
from ensue.data.text_tables import RowNumbers, read_text
from ensue.data.typed_files import FIRST_ROW, read_typed
from ensue.errors import DataError, UsageError, nearest
from ensue.storage import storage_error, write_atomically

FROM_HEADER = RowNumbers()
"""Row numbers of a table whose header is row 1."""


@dataclass(frozen=True)
class Table:
    """A table as read."""

    frame: pl.DataFrame
    """Columns are Int64, Float64, Boolean, String or Datetime("us"), the last with the zone UTC where stamps say so."""
    findings: tuple[str, ...]
    """What was found while reading, a sentence each."""
    rows: RowNumbers = field(default_factory=RowNumbers)
    """Turns an index of the frame into the row number of the file."""


def read_table(path: str | os.PathLike[str], *, separator: str | None = None) -> Table:
    """Read a table from a file, or from standard input where the path is '-'.

    CSV and its relatives (any separator, decimal comma, encoding, header or none), Parquet, JSON lines or arrays, Arrow
    and Feather; plain or packed as gzip, bzip2, xz, zip or Zstandard.

    Args:
        path: The file, or '-'.
        separator: What stands between the cells of a text; None: found.

    Raises:
        DataError: The file is missing, empty, damaged, foreign or uneven.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "rain.csv"
    ...     _ = file.write_text("day;rain\\n30.01.2024;1,5\\n31.01.2024;-\\n")
    ...     table = read_table(file)
    >>> table.frame["rain"].to_list(), table.findings[0]
    ([1.5, None], "separator ';', decimal comma, encoding UTF-8.")
    """
    source = open_source(path)
    table = _read_text(source, separator) if source.format == "text" else _read_typed(source)
    if table.frame.height == 0 or table.frame.width == 0:
        raise DataError(f"'{source.name}' has no rows, expected at least one row of data: check how it was made.")
    return table


def read_as(separator: str | None, encoding: str, packed: str | None = None, decimal: str = ".") -> str:
    """How the text of a table was read, in a sentence.

    >>> read_as(";", "cp1252", packed="gzip")
    "separator ';', encoding cp1252, unpacked from gzip."
    """
    found = SEPARATORS.get(separator or "", f"'{separator}'")
    said = [f"separator {found}" if separator else "a single column"]
    said += ["decimal comma"] * (decimal == ",") + [f"encoding {encoding}"]
    said += [f"unpacked from {packed}"] if packed else []
    return ", ".join(said) + "."


def numeric_column(
    frame: pl.DataFrame, name: str, *, rows: Callable[[int], int] = FROM_HEADER, finite: bool = True
) -> pl.Series:
    """A column as numbers, or the first cell that is none.

    Args:
        frame: Any frame; text that holds numbers is read as such.
        name: The column.
        rows: Turns an index into a row number for messages: `Table.rows`; by default the header is row 1.
        finite: Refuse infinities.

    Returns:
        Float64; null where a value is missing or NaN.

    Raises:
        DataError: The column is not there, or a cell is no number.

    >>> numeric_column(pl.DataFrame({"y": ["1", "abc"]}), "y")
    Traceback (most recent call last):
    ensue.errors.DataError: column 'y' holds 'abc' in row 3, expected a number: correct the cell or leave it empty.
    """
    if name not in frame.columns:
        raise DataError(f"there is no column '{name}': {nearest(name, frame.columns)}")
    column = frame[name]
    if column.dtype == pl.String:
        numbers = read_numbers(column)
        _refuse(column, numbers.unread, rows, "a number")
        values = numbers.values
    elif column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        values = column.cast(pl.Float64).fill_nan(None)
    else:
        kind = "times" if column.dtype.is_temporal() else f"values of the type {column.dtype}"
        raise DataError(f"column '{name}' holds {kind}, expected numbers: choose another column.")
    if finite:
        _refuse(column, values.is_infinite().fill_null(False), rows, "a finite number")
    return values


def write_table(frame: pl.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame to a .csv, .parquet or .jsonl file, whole or not at all; '-' writes CSV to standard output.

    Raises:
        UsageError: The name ends in something else.
        StorageError: The file could not be written; nothing half-written is left.
    """
    name = os.fspath(path)
    ending = ".csv" if name == "-" else Path(name).suffix.lower()
    writers: dict[str, Callable[[pl.DataFrame, BinaryIO], None]] = {
        ".csv": lambda table, file: table.write_csv(file),
        ".parquet": lambda table, file: table.write_parquet(file),
        ".jsonl": lambda table, file: table.write_ndjson(file),
    }
    if ending not in writers:
        raise UsageError(
            f"cannot write '{name}': expected a name that ends in {', '.join(writers)}, or '-': rename it."
        )
    # Into memory first: a disk that fills is then an error of the system, and not one of the library's many.
    buffer = io.BytesIO()
    writers[ending](frame if ending == ".parquet" else _with_written_times(frame), buffer)
    if name == "-":
        _write_to_standard_output(buffer.getvalue())
    else:
        write_atomically(path, lambda file: file.write(buffer.getbuffer()))


def _refuse(column: pl.Series, wrong: pl.Series, rows: Callable[[int], int], expected: str) -> None:
    if wrong.any():
        index = int(wrong.arg_true()[0])
        raise DataError(
            f"column '{column.name}' holds '{column[index]}' in row {rows(index)}, expected {expected}: correct the "
            "cell or leave it empty."
        )


def _write_to_standard_output(data: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise  # the reader, such as `head`, has had enough: no error of ours
    except OSError as error:
        raise storage_error("standard output", error) from error


def _with_written_times(frame: pl.DataFrame) -> pl.DataFrame:
    """Times as people write them: 2024-01-31 where all are midnights, else 2024-01-31 13:00:00, with any offset."""
    return frame.with_columns(
        column.dt.strftime(_time_format(column)) for column in frame if column.dtype == pl.Datetime
    )


def _time_format(column: pl.Series) -> str:
    zone = "%:z" if column.dtype.time_zone else ""  # type: ignore[attr-defined]
    if not zone and (column == column.dt.truncate("1d")).fill_null(True).all():
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M:%S" + ("%.6f" if (column.dt.microsecond() != 0).any() else "") + zone


def _read_text(source: Source, separator: str | None) -> Table:
    text, encoding = decode(source.name, source.data)
    cells = read_text(source.name, text, separator)
    frame, decimal, findings = type_columns(cells.frame, cells.rows, cells.separator)
    said = read_as(cells.separator, encoding, source.packed, decimal)
    return Table(frame, (said, *cells.findings, *findings), cells.rows)


def _read_typed(source: Source) -> Table:
    rows = RowNumbers(FIRST_ROW[source.format])
    frame, findings = type_plain(read_typed(source), rows, strings_may_be_numbers=source.format == "JSON")
    return Table(frame, (f"a table in the format {source.format}.", *findings), rows)
