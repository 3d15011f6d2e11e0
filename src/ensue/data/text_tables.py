"""Text to a frame of strings: rows cut into cells, names given, every uneven row refused by its number.

Regular text, which is nearly all text, is cut by Polars at full speed after one look at where separators and line ends
stand. Anything else goes row by row through Python's CSV reader, which is slower and knows the number of the bad row.
"""

from __future__ import annotations

import bisect
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ensue.data.dialect import SEPARATORS, Dialect, find_dialect, split
from ensue.errors import DataError

_HEAD = 1_000_000
"""Characters looked at to find the dialect."""


@dataclass(frozen=True)
class RowNumbers:
    """Where the rows of a frame stand in their file, counted from 1, the header included."""

    first: int = 2
    blanks: tuple[int, ...] = ()
    """For every blank line between rows: how many rows stand before it."""

    def __call__(self, index: int) -> int:
        """The file's row number of the frame's row `index`.

        >>> RowNumbers()(0), RowNumbers(first=2, blanks=(1,))(1)
        (2, 4)
        """
        return self.first + index + bisect.bisect_right(self.blanks, index)


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are all strings, null where a cell is empty."""

    frame: pl.DataFrame
    rows: RowNumbers
    findings: tuple[str, ...]
    separator: str | None


def read_text(name: str, text: str, separator: str | None = None) -> TextTable:
    """Cut a text into a frame of strings.

    Args:
        name: How to call the file in a message.
        text: The whole file.
        separator: What stands between cells; None: found.

    Raises:
        DataError: No rows, or a row with more or fewer cells than the others.

    >>> read_text("a.csv", "a;b\\n1;x\\n2;y\\n").frame.rows()
    [('1', 'x'), ('2', 'y')]
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n\x1a ")
    dialect = find_dialect(name, text[:_HEAD].split("\n"), separator)
    body = _after_lines(text, dialect.start)
    if not body.strip():
        raise DataError(f"'{name}' has a header and no rows, expected at least one row of data: check how it was made.")
    columns, rows = _cut_regular(body, dialect) or _cut_carefully(name, body, dialect)
    return _name_columns(columns, rows, dialect)


def _after_lines(text: str, lines: int) -> str:
    start = 0
    for _ in range(lines):
        start = text.find("\n", start) + 1 or len(text)
    return text[start:]


def _cut_regular(body: str, dialect: Dialect) -> tuple[list[pl.Series], RowNumbers] | None:
    """All cells at once, where every row has the same number of cells; None where some row has not."""
    if dialect.separator in (None, " "):
        return None
    data, separator = body.encode(), str(dialect.separator)
    counts = _cells_per_row(data, ord(separator))
    width = int(counts[0]) if counts is not None else 0
    if counts is None or (counts != width).any() or width != len(dialect.header or range(width)):
        return None
    schema = {f"{index}": pl.String for index in range(width)}
    try:
        frame = pl.read_csv(data, has_header=False, separator=separator, schema=schema, quote_char='"')
    except (pl.exceptions.PolarsError, OSError):
        # a quote in the middle of a cell, or a first row that Polars takes for something compressed, as it does "^6,0": the
        # careful way knows what to do
        return None
    return (frame.get_columns(), RowNumbers(dialect.start + 1)) if frame.height == len(counts) else None


def _cells_per_row(data: bytes, separator: int) -> npt.NDArray[np.int64] | None:
    """Cells in every row, by where separators and line ends stand outside quotes; 0 in a blank row."""
    signs = np.frombuffer(data, np.uint8)
    breaks, ends = signs == separator, signs == ord("\n")
    quotes = signs == ord('"')
    if quotes.any():
        # Between an odd and an even quote lies the inside of a cell; the count may wrap at 256, which is even.
        outside = np.cumsum(quotes, dtype=np.uint8) % 2 == 0
        if not outside[-1]:
            return None
        breaks, ends = breaks & outside, ends & outside
    stops = np.append(np.flatnonzero(ends), len(signs))
    before = np.searchsorted(np.flatnonzero(breaks), stops)
    counts = np.diff(before, prepend=0) + 1
    counts[np.diff(stops, prepend=-1) == 1] = 0
    return counts


def _cut_carefully(name: str, body: str, dialect: Dialect) -> tuple[list[pl.Series], RowNumbers]:
    """Row by row; says which row is uneven. Blank lines are left out, except in a single column, where one is a gap."""
    rows = split(body.split("\n"), None) if dialect.separator is None else split(io.StringIO(body), dialect.separator)
    numbered = [(number, row) for number, row in enumerate(rows, dialect.start + 1) if dialect.separator is None or row]
    width = _width(dialect, [row for _, row in numbered])
    for number, row in numbered:
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            del row[width:]
        if len(row) != width:
            raise _uneven(name, number, len(row), width, dialect)
    blanks = tuple(number - dialect.start - 1 - index for index, (number, _) in enumerate(numbered))
    cells = zip(*(row for _, row in numbered), strict=True)
    columns = [pl.Series(f"{index}", column, pl.String) for index, column in enumerate(cells)]
    return columns, RowNumbers(dialect.start + 1, _steps(blanks))


def _steps(before: tuple[int, ...]) -> tuple[int, ...]:
    """For every blank line, how many rows stand before it, from how many blank lines stand before each row."""
    return tuple(
        index for index, (last, now) in enumerate(zip((0, *before), before, strict=False)) for _ in range(now - last)
    )


def _width(dialect: Dialect, rows: list[list[str]]) -> int:
    """Cells a row should have: as many as the header names, or one more where every row begins with an unnamed one."""
    widths = {len(row) for row in rows}
    if dialect.header is None:
        counts = [len(row) for row in rows]
        return max(widths, key=counts.count)
    named = len(dialect.header)
    unnamed_first = widths == {named + 1} and named > 1 and any(row[-1].strip() for row in rows)
    return named + 1 if unnamed_first else named


def _uneven(name: str, number: int, cells: int, width: int, dialect: Dialect) -> DataError:
    separator = SEPARATORS.get(dialect.separator or "", f"'{dialect.separator}'")
    model = "its header has" if dialect.header is not None else "most rows have"
    return DataError(
        f"'{name}' has {cells} cell{'s' if cells != 1 else ''} in row {number}, expected {width} as {model}: correct "
        f"the row, or name the separator if it is not {separator}."
    )


def _name_columns(columns: list[pl.Series], rows: RowNumbers, dialect: Dialect) -> TextTable:
    """Give every column a name of its own, leave out columns with neither name nor cells, and say so."""
    columns = [_emptied(column) for column in columns]
    header = dialect.header or ("",) * len(columns)
    header = ("",) * (len(columns) - len(header)) + header
    findings: list[str] = []
    named: dict[str, pl.Series] = {}
    for position, (title, column) in enumerate(zip(header, columns, strict=True), 1):
        if dialect.header and not title and column.null_count() == len(column):
            continue
        name = _free_name(title or f"column_{position}", named)
        if dialect.header and name != title:
            findings.append(f"column {position} has {'the name of another' if title else 'no name'}: called '{name}'.")
        named[name] = column.alias(name)
    if dialect.header is None:
        findings.append(
            f"no header: columns called {', '.join(repr(name) for name in list(named)[:3])}{'...' * (len(named) > 3)}."
        )
    if dialect.skipped:
        findings.append(f"skipped {dialect.skipped} line{'s' * (dialect.skipped > 1)} above the table.")
    frame = _without_empty_end(pl.DataFrame(list(named.values())))
    return TextTable(frame, rows, tuple(findings), dialect.separator)


def _without_empty_end(frame: pl.DataFrame) -> pl.DataFrame:
    """Without the rows of empty cells that spreadsheets leave below a table."""
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    return frame.head(int(filled[-1]) + 1) if len(filled) else frame


def _emptied(column: pl.Series) -> pl.Series:
    """Cells without surrounding space, null where nothing is left."""
    stripped = column.str.strip_chars()
    return stripped.set(stripped == "", None)


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    """The name, or the name with a number where it is taken."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
