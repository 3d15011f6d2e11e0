"""How a text table is written: its separator, the lines before its header, and whether it has a header at all.

Every candidate separator is tried on the first rows; the one that cuts them into equal rows of sensible cells wins.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ensue.errors import DataError

SEPARATORS = {"\t": "tab", ";": "';'", "|": "'|'", ",": "','", " ": "spaces"}
"""What may stand between cells, and how it is called; the order decides a draw."""
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "--", "?", ".", "#n/a", "#na", "<na>")
"""Cells that mean 'no value' in a column of numbers or times, in small letters."""

_NUMBER = re.compile(r"[+\-−]?(\d+|\d{1,3}([.,' \u00a0\u202f’]\d{3})+)?([.,]\d*)?([eE][+-]?\d+)?", re.I)
_TIME = re.compile(
    r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([T ]\d[\d:., +\-zapm]*)?"  # 2024-01-31, 31/01/2024 1:00 PM, 2024-01-31T13:00Z
    r"|\d{1,2}[:.]\d{2}([:.]\d{2}([.,]\d+)?)?( ?[ap]m)?|\d{4}[- ]?q[1-4]",  # 13:00:00, 2024Q1
    re.I,
)
_COMMENT = re.compile(r"\s*\"?(#|%|//)")
_SAMPLE = 200
LONGEST = 1 << 30
"""Characters of a cell at most."""


@dataclass(frozen=True)
class Dialect:
    """How the lines of a text become rows."""

    separator: str | None
    """One of `SEPARATORS`; None: a single column."""
    header: tuple[str, ...] | None
    """Names as written; None: there are none."""
    start: int
    """Lines before the first row of data."""
    skipped: int = 0
    """Lines of comment or free text among those."""


def find_dialect(name: str, lines: list[str], separator: str | None = None) -> Dialect:
    """Find how a text is written from its first lines.

    Args:
        name: How to call the file in a message.
        lines: The lines of the text; the first few hundred are enough.
        separator: The separator, where it is known.

    Raises:
        DataError: No line holds anything.

    >>> find_dialect("a.csv", ["date;y", "2024-01-01;1,5", "2024-01-02;1,7"])
    Dialect(separator=';', header=('date', 'y'), start=1, skipped=0)
    """
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise DataError(f"'{name}' is empty, expected a table with a header and rows: check how the file was made.")
    if re.fullmatch(r"sep=.", lines[first].strip("\r\n")):  # a line that Excel writes for itself
        separator, first = separator or lines[first].strip("\r\n")[-1], first + 1
    body = first + sum(1 for _ in itertools.takewhile(lambda line: _COMMENT.match(line), lines[first:]))
    lines = [f"{line}\n" for line in lines]  # as the CSV reader wants them, for quoted cells that run over several
    sample = [line for line in lines[body : body + _SAMPLE] if line.strip()]
    if not sample:
        raise DataError(f"'{name}' holds only comments, expected a table with a header and rows: check the file.")
    separator = separator or find_separator(sample)
    rows = [row for row in split(sample, separator) if row]
    width = _usual_width(rows)
    above = _preamble(rows, width)
    body, rows = body + _line_of_row(lines[body:], above), rows[above:]
    if _is_header(rows[0], rows[1:]):
        return Dialect(
            separator, tuple(_clean(cell) for cell in rows[0]), body + _lines_of_row(lines[body:], separator), body
        )
    return Dialect(separator, _commented_header(lines[first:body], separator, width, rows), body, body)


def _clean(name: str) -> str:
    return " ".join(name.split())


def find_separator(sample: list[str]) -> str | None:
    """The separator that cuts the sample into equal rows of sensible cells; None where none does."""
    name, *cells = (line.strip() for line in sample)
    one_name = not any(each in name for each in SEPARATORS) and not is_value(name)
    if cells and one_name and all(is_missing(cell) or _NUMBER.fullmatch(cell) for cell in cells):
        return None  # one name above numbers such as 1,5 or 1 234
    scores = {each: _score(split(sample, each)) for each in SEPARATORS}
    best = max(scores, key=lambda each: scores[each])
    return best if scores[best] > 0 else None


def split(lines: Iterable[str], separator: str | None) -> list[list[str]]:
    """Cells of every row, quotes taken off; runs of spaces count as one separator.

    >>> split(['a;"b;c"', "1;2"], ";")
    [['a', 'b;c'], ['1', '2']]
    """
    if separator is None:
        return [[_unquote(line)] for line in lines]
    lines = [line.strip() for line in lines] if separator == " " else list(lines)
    how: dict[str, Any] = {"delimiter": separator, "skipinitialspace": separator != "\t"}
    try:
        return list(csv.reader(lines, **how))
    except csv.Error:  # a cell of more than 131,072 characters: a long text, or a quote that never closes
        pass
    with _cells_of_any_length():
        *rows, last = _rows([*lines, ""], **how)
        if not last:
            return rows
        # a quote that never closes took the empty line below the last one in: quotes are ordinary signs then
        return _rows(lines, delimiter=separator, quoting=csv.QUOTE_NONE)


def _rows(lines: list[str], **how: Any) -> list[list[str]]:
    reader = csv.reader(lines, **how)
    try:
        return list(reader)
    except csv.Error as error:
        raise DataError(f"Row {reader.line_num} cannot be cut into cells ({error}): save the table anew.") from error


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """The csv module's own limit is one for the whole process, and is put back."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def is_value(cell: str) -> bool:
    """Whether a cell is a number or a time, judged by its shape."""
    cell = cell.strip()
    return any(sign.isdigit() for sign in cell) and bool(_NUMBER.fullmatch(cell) or _TIME.fullmatch(cell))


def _unquote(line: str) -> str:
    line = line.strip()
    return line[1:-1].replace('""', '"') if len(line) > 1 and line[0] == line[-1] == '"' else line


def _usual_width(rows: list[list[str]]) -> int:
    widths = [len(row) for row in rows]
    return max(set(widths), key=lambda width: (widths.count(width), width))


def _score(rows: list[list[str]]) -> float:
    """Share of rows of the usual width, times how sensible their cells are; 0 where nothing is cut."""
    width = _usual_width(rows)
    usual = [row for row in rows if len(row) == width]
    if width == 1 or len(usual) < 0.5 * len(rows):
        return 0.0
    cells = [cell for row in (usual[1:] or usual) for cell in row]
    return len(usual) / len(rows) * sum(_sense(cell) for cell in cells) / len(cells)


def _sense(cell: str) -> float:
    if is_value(cell) or is_missing(cell):
        return 1.0
    return 0.2 if any(each in cell for each in SEPARATORS if each != " ") else 0.6


def _preamble(rows: list[list[str]], width: int) -> int:
    """Rows of free text above the header: not cut at all, or shorter than a header right below them."""
    uncut = sum(1 for _ in itertools.takewhile(lambda row: len(row) < 2, rows)) if width > 1 else 0
    short = sum(1 for _ in itertools.takewhile(lambda row: len(row) < width, rows))
    return short if short < len(rows) and _is_header(rows[short], rows[short + 1 :]) else uncut


def _line_of_row(lines: list[str], row: int) -> int:
    """The line on which the given row that is not blank stands."""
    return [index for index, line in enumerate(lines) if line.strip()][row]


def _lines_of_row(lines: list[str], separator: str | None) -> int:
    """How many lines the first row takes: a quoted name may run over several."""
    if separator is None:
        return 1
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        next(reader)
    except csv.Error:
        return 1
    return reader.line_num


def _is_header(first: list[str], rest: list[list[str]]) -> bool:
    """The first row names columns: it holds words and words only, above numbers or times; or differs from all below."""
    if any(is_value(cell) for cell in first):
        return _is_counting_header([cell.strip() for cell in first], rest)
    columns = list(zip(*(row for row in rest if len(row) == len(first)), strict=True))
    if any(_is_of_values(column) for column in columns):
        return True
    words = [cell for cell in first if cell.strip()]
    return len(set(words)) == len(words) > 0 and all(
        cell not in column for cell, column in zip(first, columns, strict=False) if cell.strip()
    )


def _is_counting_header(first: list[str], rest: list[list[str]]) -> bool:
    """Column names that count: '0,1,2' as frames without names are written, or years or days above a wide table."""
    names = first if is_value(first[0]) else first[1:]
    if not rest or not all(is_value(name) for name in names):
        return False
    if names == [str(index) for index in range(len(names))]:
        return len(first) > 1
    if len(names) < 2 or names == first:
        return False
    if all(re.fullmatch(r"(1[5-9]|20|21)\d\d", name) for name in names):
        return len({int(after) - int(before) for before, after in itertools.pairwise(names)} - {0}) == 1
    columns = list(zip(*(row[1:] for row in rest if len(row) == len(first)), strict=True))
    return all(_TIME.fullmatch(name) and not _NUMBER.fullmatch(name) for name in names) and not any(
        _TIME.fullmatch(cell.strip()) and not _NUMBER.fullmatch(cell.strip()) for column in columns for cell in column
    )


def _is_of_values(column: tuple[str, ...]) -> bool:
    present = [cell for cell in column if not is_missing(cell)]
    return len(present) > 0 and sum(is_value(cell) for cell in present) > 0.5 * len(present)


def _commented_header(
    comments: list[str], separator: str | None, width: int, rows: list[list[str]]
) -> tuple[str, ...] | None:
    """Names in the last comment line, as in '# date, y'."""
    if not comments:
        return None
    text = _COMMENT.sub("", comments[-1].strip(), count=1).strip()
    names = split([text], separator)[0]
    is_names = len(names) == width > 1 and not any(is_value(cell) for cell in names) and _is_header(names, rows)
    return tuple(_clean(cell) for cell in names) if is_names else None
