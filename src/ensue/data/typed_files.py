"""Files that know the types of their columns: Parquet, Arrow and JSON."""

from __future__ import annotations

import io
import json

import polars as pl

from ensue.data.sources import Source
from ensue.data.text_encoding import decode
from ensue.errors import DataError

FIRST_ROW = {"Parquet": 1, "Arrow": 1, "JSON": 1}
"""Number of the first row: these files have no line for a header."""


def read_typed(source: Source) -> pl.DataFrame:
    """Read a file in one of these formats, columns as they are.

    Raises:
        DataError: The file is damaged, or JSON that is no table.

    >>> read_typed(Source("a.jsonl", "JSON", b'{"y": 1}\\n{"y": 2}\\n'))["y"].to_list()
    [1, 2]
    """
    if source.format == "JSON":
        return _read_json(source)
    data = io.BytesIO(source.data)
    try:
        if source.format == "Parquet":
            return pl.read_parquet(data)
        return pl.read_ipc(data) if source.data.startswith(b"ARROW1") else pl.read_ipc_stream(data)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"'{source.name}' is a damaged or truncated {source.format} file: make it again, or get it again."
        ) from error


def _read_json(source: Source) -> pl.DataFrame:
    text, _ = decode(source.name, source.data)
    rows = _json_rows(source.name, text)
    try:
        return pl.DataFrame(rows, infer_schema_length=None, strict=False)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"'{source.name}' holds JSON that is no table ({error}): give every row the same fields."
        ) from error


def _json_rows(name: str, text: str) -> list[object] | dict[str, object]:
    """Rows of an array or of lines, or columns of one object of lists."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        whole = [_json_line(name, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if isinstance(whole, dict) and whole and all(isinstance(each, list) for each in whole.values()):
        return whole
    rows = whole if isinstance(whole, list) else [whole]
    if not all(isinstance(row, dict) for row in rows):
        raise DataError(f'\'{name}\' holds JSON that is no table: write rows such as {{"ds": "2024-01-31", "y": 1.5}}.')
    return rows


def _json_line(name: str, number: int, line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"'{name}' is not JSON in line {number} ({error.msg}): correct the line.") from error
