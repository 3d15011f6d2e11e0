"""Lines of text to rows: bare numbers, CSV and JSON lines, by the names of the model's columns.

A line is a row, whatever its kind: a quoted cell that runs over several lines is refused.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ensue.data.dialect import MISSING, SEPARATORS
from ensue.data.schema import Covariate, Schema
from ensue.errors import DataError, UsageError, nearest

KINDS = ("numbers", "csv", "json")
NO_ID = "unique_id"
"""Tells series apart where the model's own table had no id."""
NAN = math.nan


class Row(NamedTuple):
    """One value and what stands beside it."""

    value: float
    id: str | None = None
    time: Any = None
    """As it was given; None where it was not."""
    past: tuple[float, ...] = ()
    future: tuple[float, ...] = ()
    static: tuple[float, ...] = ()


class Lines(Protocol):
    """One kind of input."""

    kind: str
    has_ids: bool
    has_times: bool

    def rows(self, line: str) -> Sequence[Row]:
        """The rows of a line, none where it is blank. Raises `DataError` with the middle of a sentence on it."""
        ...


class NumberLines:
    """A number a line; an empty line is a missing value."""

    kind, has_ids, has_times = "numbers", False, False

    def rows(self, line: str) -> Sequence[Row]:
        return (Row(number(line)),)

    @staticmethod
    def leading(lines: Sequence[str]) -> list[float]:
        """The numbers of the first lines, at full speed, up to one that needs a look of its own."""
        values: list[float] = []
        for line in lines:
            try:
                value = float(line)
            except ValueError:
                break
            if "_" in line or math.isinf(value):
                break
            values.append(value)
        return values


class CsvLines:
    """Rows of cells below a header, or in an order that is known.

    >>> lines = CsvLines(Schema("shop", "ds", "sold"), ["ds", "shop", "sold"], ",")
    >>> lines.rows("2024-01-31,north,21")
    (Row(value=21.0, id='north', time='2024-01-31', past=(), future=(), static=()),)
    """

    kind = "csv"

    def __init__(self, schema: Schema, columns: Sequence[str], separator: str) -> None:
        self._columns = [name.strip() for name in columns]
        self._separator = separator
        self._table = Columns(schema, self._columns)
        self.has_ids, self.has_times = self._table.has_ids, self._table.has_times

    def rows(self, line: str) -> Sequence[Row]:
        if not line.strip():
            return ()
        cells = cut(line, self._separator)
        if len(cells) != len(self._columns):
            plural = "" if len(cells) == 1 else "s"
            raise DataError(f"{len(cells)} cell{plural}, expected {len(self._columns)} as the header has")
        if cells == self._columns:
            return ()  # the header once more, as between two files
        return self._table.rows(dict(zip(self._columns, cells, strict=True)), comma=self._separator == ";")


class JsonLines:
    """An object a line, with the names of the model's columns; or a bare number, all beside it unknown."""

    kind = "json"

    def __init__(self, schema: Schema, first: str) -> None:
        self._schema = schema
        sample = _parsed(first)
        names = list(sample) if isinstance(sample, dict) else []
        table = Columns(schema, names, required=False)
        self.has_ids, self.has_times = table.has_ids, table.has_times
        self._unknown = [(NAN,) * len(each) for each in (schema.past, schema.future, schema.static)]

    def rows(self, line: str) -> Sequence[Row]:
        if not line.strip():
            return ()
        found = _parsed(line)
        if not isinstance(found, dict):
            return (Row(number(found), None, None, *self._unknown),)
        return Columns(self._schema, list(found), required=False).rows(found)


class Columns:
    """Which columns there are, and how a mapping of them becomes rows: one, or one a series of a wide table."""

    def __init__(self, schema: Schema, names: Sequence[str], required: bool = True) -> None:
        self._schema = schema
        known = {schema.time, *(each.name for each in (*schema.past, *schema.future, *schema.static))}
        ids = [] if schema.id is None else [schema.id]
        if schema.id is not None and schema.id not in names:
            ids = [part.strip() for part in schema.id.split(",")]
        self._ids = [name for name in ids or [NO_ID] if name in names]
        self._wide = schema.wide and schema.target not in names
        self._values = [name for name in names if name not in known] if self._wide else [schema.target]
        self.has_times = schema.time is not None and schema.time in names
        self.has_ids = bool(self._ids) or self._wide
        if required:
            wanted = [] if self._wide else [*ids, schema.target]
            wanted += [each.name for each in (*schema.past, *schema.future, *schema.static)]
            for name in wanted:
                if name not in names:
                    raise DataError(
                        f"The header has no column '{name}': name the columns with --columns if there is no header, or "
                        f"{nearest(name, names)}"
                    )

    def rows(self, cells: Mapping[str, Any], comma: bool = False) -> Sequence[Row]:
        """The rows of one line."""
        schema = self._schema
        time = cells.get(schema.time) if schema.time is not None else None
        if isinstance(time, str) and not time.strip():
            raise DataError(f"no time in '{schema.time}'")
        beside = [
            tuple(_covariate(each, cells.get(each.name), comma) for each in covariates)
            for covariates in (schema.past, schema.future, schema.static)
        ]
        if self._wide:
            return tuple(Row(number(cells[name], name, comma), name, time, *beside) for name in self._values)
        if schema.target not in cells:
            raise DataError(f"no '{schema.target}'")
        id = "/".join(str(cells[name]) for name in self._ids) if self._ids else None
        return (Row(number(cells[schema.target], schema.target, comma), id, time, *beside),)


def open_lines(kind: str, first: str, schema: Schema, columns: Sequence[str] | None) -> tuple[Lines, bool, str | None]:
    """How lines are to be read, judged by the first that holds something.

    Args:
        kind: one of `KINDS`, or 'auto'.
        columns: names of the columns where the lines have no header.

    Returns the reader, whether the first line is a header, and what to say of it. Raises `DataError` where the header
    lacks a column.
    """
    if kind == "auto":
        kind = "csv" if columns else _kind(first)
    if kind == "numbers":
        return NumberLines(), False, None
    if kind == "json":
        return JsonLines(schema, first), False, None
    separator = find_separator(first, schema, columns)
    cells = cut(first, separator)
    if columns:
        return CsvLines(schema, columns, separator), cells == list(columns), None
    names = _usual(schema, cells, separator)
    if names is not None:
        return CsvLines(schema, names, separator), False, f"no header: the cells are read as {','.join(names)}."
    return CsvLines(schema, cells, separator), True, None


def _kind(first: str) -> str:
    if first.lstrip().startswith("{"):
        return "json"
    try:
        number(first)
    except DataError:
        return "csv"
    return "numbers"


def find_separator(line: str, schema: Schema, columns: Sequence[str] | None) -> str:
    """What stands between the cells of a header: what cuts it into columns of the model; else into most cells."""
    known = {schema.target, schema.time, schema.id}
    wanted = len(columns or ())

    def fit(separator: str) -> tuple[int, int]:
        cells = cut(line, separator)
        return (len(known.intersection(cells)) + 10 * (len(cells) == wanted), len(cells))

    return max((each for each in SEPARATORS if each != " "), key=fit)


def _usual(schema: Schema, cells: Sequence[str], separator: str) -> list[str] | None:
    """The names of the cells of a line without a header, where id, time and target stand in that order and alone."""
    if schema.target in cells or schema.past or schema.future or schema.static or schema.wide:
        return None
    names = [name for name in (schema.id, schema.time, schema.target) if name is not None]
    try:
        number(cells[-1], schema.target, separator == ";")
    except DataError:
        return None
    return names if len(names) == len(cells) else None


def cut(line: str, separator: str) -> list[str]:
    """The cells of a line, quotes and the space around them taken off.

    >>> cut('a, "b,c",d', ",")
    ['a', 'b,c', 'd']
    """
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    try:
        (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        raise DataError("a quote that is not closed in its line, expected one row a line") from None
    return [cell.strip() for cell in cells]


def number(given: Any, column: str | None = None, comma: bool = False) -> float:
    """A cell as a number, NaN where it is missing.

    Raises `DataError` for anything else, infinities among them.
    """
    where = "" if column is None else f" in '{column}'"
    try:
        if given is None:
            return NAN
        if isinstance(given, (bool, list, dict)) or (isinstance(given, str) and "_" in given):
            raise ValueError
        value = float(given)
    except ValueError:
        text = given.strip() if isinstance(given, str) else ""
        if isinstance(given, str) and text.lower() in MISSING:
            return NAN
        if comma and "," in text and "." not in text:
            return number(text.replace(",", "."), column)
        raise DataError(f"{_short(given)}{where}, expected a number") from None
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise DataError(f"{_short(given)}{where}, expected a finite number")
    return value


def _covariate(covariate: Covariate, given: Any, comma: bool) -> float:
    """A covariate as the network is shown it: a number, or the code of a category, 0 for an unknown one."""
    if covariate.categories is None:
        return number(given, covariate.name, comma)
    text = "" if given is None else str(given).strip()
    if not text:
        return NAN
    if set(covariate.categories) <= {"true", "false"}:
        text = text.lower()
    return float(covariate.categories.index(text) + 1) if text in covariate.categories else 0.0


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f"{_short(line.strip())}, expected a JSON object or a number") from None


def _short(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:56]}...'"


def check_kind(kind: str) -> str:
    """The kind itself. Raises `UsageError` for an unknown one."""
    if kind not in ("auto", *KINDS):
        raise UsageError(f"--format is '{kind}', expected 'auto', 'numbers', 'csv' or 'json'.")
    return kind
