"""Files to frames and back: whatever table a person has, every column typed, and what was found said in plain words."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from ensue.data.columns import Typing, type_column, type_columns
from ensue.data.dialect import SEPARATORS
from ensue.data.numerals import read_numbers
from ensue.data.sources import Source, open_source
from ensue.data.text_encoding import decode
from ensue.data.text_tables import RowNumbers, read_text
from ensue.errors import DataError, UsageError, nearest
from ensue.storage import storage_error, write_atomically


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
    readers: dict[str, Callable[[Source], Table]] = {
        "text": lambda text: _read_text(text, separator),
        "parquet": _read_parquet,
        "Arrow": _read_arrow,
        "JSON": _read_json,
    }
    table = readers[source.format](source)
    if table.frame.height == 0 or table.frame.width == 0:
        raise DataError(f"'{source.name}' has no rows, expected at least one row of data: check how it was made.")
    return table


def numeric_column(
    frame: pl.DataFrame, name: str, *, rows: Callable[[int], int] = RowNumbers(), finite: bool = True
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
        raise UsageError(f"cannot write '{name}': expected a name that ends in {', '.join(writers)}, or '-': rename it.")
    # Into memory first: a disk that fills is then an error of the system, and not one of the library's many.
    buffer = io.BytesIO()
    writers[ending](frame if ending == ".parquet" else _with_written_times(frame), buffer)
    if name == "-":
        _write_to_standard_output(buffer.getvalue())
    else:
        write_atomically(path, lambda file: file.write(buffer.getbuffer()))


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
    """Times as people write them: 2024-01-31 where all are midnights, else 2024-01-31 13:00:00, with the offset if any."""
    return frame.with_columns(column.dt.strftime(_time_format(column)) for column in frame if column.dtype == pl.Datetime)


def _time_format(column: pl.Series) -> str:
    zone = "%:z" if column.dtype.time_zone else ""  # type: ignore[attr-defined]
    if not zone and (column == column.dt.truncate("1d")).fill_null(True).all():
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M:%S" + ("%.6f" if (column.dt.microsecond() != 0).any() else "") + zone


def _read_text(source: Source, separator: str | None) -> Table:
    text, encoding = decode(source.name, source.data)
    cells = read_text(source.name, text, separator)
    frame, decimal, findings = type_columns(cells.frame, cells.rows, cells.separator)
    found = SEPARATORS.get(cells.separator or "", f"'{cells.separator}'")
    said = [f"separator {found}" if cells.separator else "a single column"]
    said += ["decimal comma"] * (decimal == ",") + [f"encoding {encoding}"]
    said += [f"unpacked from {source.packed}"] if source.packed else []
    return Table(frame, (", ".join(said) + ".", *cells.findings, *findings), cells.rows)


def _read_parquet(source: Source) -> Table:
    try:
        frame = pl.read_parquet(io.BytesIO(source.data))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"'{source.name}' is a damaged or truncated Parquet file: get or make the file again.") from error
    return _typed(frame, "a Parquet table")


def _read_arrow(source: Source) -> Table:
    read = pl.read_ipc if source.data.startswith(b"ARROW1") else pl.read_ipc_stream
    try:
        frame = read(io.BytesIO(source.data))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"'{source.name}' is a damaged or truncated Arrow file: get or make the file again.") from error
    return _typed(frame, "an Arrow table")


def _read_json(source: Source) -> Table:
    text, _ = decode(source.name, source.data)
    rows = _json_rows(source.name, text)
    try:
        frame = pl.DataFrame(rows, infer_schema_length=None, strict=False)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"'{source.name}' cannot be made a table of ({error}): expected rows with the same fields.") from error
    return _typed(frame, "a table of JSON rows", rows=RowNumbers(first=1))


def _json_rows(name: str, text: str) -> list[dict[str, object]] | dict[str, list[object]]:
    """Rows of an array or of lines, or columns of one object of lists."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        whole = [_json_line(name, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if isinstance(whole, dict) and whole and all(isinstance(each, list) for each in whole.values()):
        return whole
    rows = [whole] if isinstance(whole, dict) else whole
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"'{name}' holds no rows, expected JSON objects such as {{\"ds\": \"2024-01-31\", \"y\": 1.5}}: check it.")
    return rows


def _json_line(name: str, number: int, line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"'{name}' is not JSON in line {number} ({error.msg}): correct the line.") from error


def _typed(frame: pl.DataFrame, what: str, rows: RowNumbers = RowNumbers()) -> Table:
    """A typed table in our few types; columns of text that are times become times."""
    typing = Typing(rows)
    columns = [plain for column in frame if (plain := _plain(column, typing)) is not None]
    return Table(pl.DataFrame(columns), (f"{what}.", *typing.findings), rows)
