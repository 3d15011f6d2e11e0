"""Labelled sequences from a table: a column of texts, or numbers in wide or in long form.

In a text table no cell is typed but those that are asked for: a review that says "none" is a review.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ensue.data.channels import Channels
from ensue.data.frames import to_polars
from ensue.data.labelled import Labelled, counted, label_all
from ensue.data.sources import open_source
from ensue.data.tables import numeric_column, read_as
from ensue.data.text import TextFrontEnd
from ensue.data.text_encoding import decode
from ensue.data.text_tables import read_text
from ensue.data.typed_files import FIRST_ROW, read_typed
from ensue.errors import DataError, nearest

LABELS = ("label", "class", "target", "category", "sentiment", "labels", "classes")
"""Names of a column that is taken for that of the labels."""
TEXTS = ("text", "review", "sentence", "message", "comment", "phrase", "content", "body")
WIDE = "value"
"""What the one channel of a wide table is called."""

Numbered = Callable[[int], int]


@dataclass(frozen=True)
class Columns:
    """Which columns are what; what is not said is found."""

    text: str | None = None
    values: tuple[str, ...] = ()
    """Channels of a long table, or steps of a wide one; a name may hold a star, as in 't*'."""
    label: str | None = None
    id: str | None = None
    """Tells the sequences of a long table apart."""


def labelled_table(data: Any, columns: Columns) -> Labelled:
    """The labelled sequences of a table, or of the file of one.

    Raises `DataError` for a column that is not there, one that could be several, labels that change within a sequence.

    >>> table = pl.DataFrame({"id": [1, 1, 2], "volt": [0.5, 1.0, 2.0], "label": ["a", "a", "b"]})
    >>> found = labelled_table(table, Columns(values=("volt",), id="id"))
    >>> [each.tolist() for each in found.items], found.labels
    ([[[0.5], [1.0]], [[2.0]]], ('a', 'b'))
    """
    frame, rows, read = _frame(data)
    frame, rows, empty = _without_empty_rows(frame, rows)
    label = _label(frame, columns)
    column = None if columns.values or columns.id else _text(frame, columns, label)
    if column is not None:
        found = label_all(_texts(frame, column), frame[label].to_list(), (), rows)
        said = (f"texts in column '{column}', labels in column '{label}'.",)
        return Labelled(found.items, found.labels, found.names, (*read, *said, *empty, *found.findings))
    items, groups, names = _sequences(frame, columns, rows, label)
    labels = [_one_label(frame, group, label, columns.id) for group in groups]
    numbered = counted if columns.id else rows
    found = label_all(items, labels, names, numbered)
    form = (
        f"a sequence for each '{columns.id}'" if columns.id else f"a sequence in each row, of {items[0].shape[0]} steps"
    )
    said = (f"{form}; labels in column '{label}'.",)
    return Labelled(found.items, found.labels, found.names, (*read, *said, *empty, *found.findings))


def unlabelled_table(data: Any, columns: Columns, front_end: TextFrontEnd | Channels) -> Sequence[Any]:
    """The sequences of a table without looking at labels, for a model that reads texts or these channels."""
    frame, rows, _ = _frame(data)
    label = columns.label or next((name for name in frame.columns if name.lower() in LABELS), None)
    if isinstance(front_end, TextFrontEnd):
        column = _text(frame, columns, label)
        if column is None:
            raise DataError("No column of the table holds texts, and this model was trained on texts.")
        return _texts(frame, column)
    if columns.id and not columns.values:
        columns = Columns(values=front_end.names, label=columns.label, id=columns.id)
    return _sequences(frame, columns, rows, label)[0]


def _frame(data: Any) -> tuple[pl.DataFrame, Numbered, tuple[str, ...]]:
    """The table, cells of a text file as they are written; the numbers of its rows; what was found of an unusual file."""
    if not isinstance(data, str | Path):
        return to_polars(data), counted, ()
    source = open_source(data)
    if source.format != "text":
        first = FIRST_ROW[source.format]
        return to_polars(read_typed(source)), lambda index: first + index, ()
    text, encoding = decode(source.name, source.data)
    cells = read_text(source.name, text)
    usual = (cells.separator, encoding, source.packed) == (",", "UTF-8", None)
    read = () if usual else (read_as(cells.separator, encoding, source.packed),)
    return cells.frame, cells.rows, (*read, *cells.findings)


def _without_empty_rows(frame: pl.DataFrame, rows: Numbered) -> tuple[pl.DataFrame, Numbered, tuple[str, ...]]:
    """The table without rows in which no cell is filled, as blank lines of a file become; that some were is said."""
    filled = frame.select(pl.any_horizontal(_filled(column) for column in frame)).to_series()
    kept, empty = filled.arg_true().to_list(), (~filled).arg_true().to_list()
    if not empty or not kept:
        return frame, rows, ()
    said = f"Left out {len(empty):,} empty row{'s' * (len(empty) > 1)} (the first is row {rows(empty[0])})."
    return frame.filter(filled), lambda index: rows(kept[index]), (said,)


def _filled(column: pl.Series) -> pl.Expr:
    cell = pl.col(column.name)
    return (cell.str.strip_chars() != "").fill_null(False) if column.dtype == pl.String else cell.is_not_null()


def _label(frame: pl.DataFrame, columns: Columns) -> str:
    if columns.label is not None:
        return _there(frame, columns.label)
    found = [name for name in frame.columns if name.lower() in LABELS]
    if len(found) != 1:
        what = "several could be: " if found else "none has the name of one: "
        listed = ", ".join(f"'{name}'" for name in (found or frame.columns)[:20])
        raise DataError(f"Which column holds the labels is not plain, {what}{listed}. Name it with label (--label).")
    return found[0]


def _text(frame: pl.DataFrame, columns: Columns, label: str | None) -> str | None:
    """The column of texts; None where there is none."""
    if columns.text is not None:
        if columns.text == label:
            raise DataError(f"The column '{label}' is named for the texts and for the labels: name two.")
        return _there(frame, columns.text)
    others = [name for name in frame.columns if name not in (label, columns.id)]
    named = [name for name in others if name.lower() in TEXTS]
    if len(named) == 1:
        return named[0]
    wordy = [name for name in others if _is_wordy(frame[name])]
    if len(wordy) > 1:
        listed = ", ".join(f"'{name}'" for name in wordy[:20])
        raise DataError(
            f"Which column holds the texts is not plain, several could: {listed}. Name it with text (--text)."
        )
    return wordy[0] if wordy else None


def _is_wordy(column: pl.Series) -> bool:
    """Whether most cells have more than one word, or letters that are no number."""
    if column.dtype != pl.String:
        return False
    cells = column.drop_nulls().head(200)
    return bool(len(cells)) and float(cells.str.contains(r"\pL.*\s\S|\pL{4}").mean() or 0) > 0.5  # type: ignore[arg-type]


def _texts(frame: pl.DataFrame, column: str) -> list[str]:
    return [str(each) for each in frame[column].cast(pl.String).fill_null("").to_list()]


def _sequences(
    frame: pl.DataFrame, columns: Columns, rows: Numbered, label: str | None
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.int64]], tuple[str, ...]]:
    """Values `(time, channels)`, the rows of each, the names of the channels."""
    names = _numeric(frame, columns, label)
    table = np.column_stack([numeric_column(frame, name, rows=rows).fill_null(np.nan).to_numpy() for name in names])
    if columns.id is not None:
        groups = _groups(frame[_there(frame, columns.id)])
        return [table[group] for group in groups], groups, tuple(names)
    each = [row[: int(np.flatnonzero(~np.isnan(row)).max(initial=-1)) + 1] for row in table]
    for index, row in enumerate(each):
        if not len(row):
            raise DataError(f"Row {rows(index)} has no value, expected a sequence of numbers: leave it out.")
    return [row[:, None] for row in each], [np.array([index]) for index in range(len(each))], (WIDE,)


def _numeric(frame: pl.DataFrame, columns: Columns, label: str | None) -> list[str]:
    """The columns of values: those that were named, or all that hold numbers."""
    if columns.values:
        return [name for wanted in columns.values for name in _named(frame, wanted)]
    others = [name for name in frame.columns if name not in (label, columns.id)]
    if columns.id is None:
        return others
    numeric = [name for name in others if _holds_numbers(frame[name])]
    if not numeric:
        raise DataError("No column but that of the labels holds numbers, expected values: name them (--values).")
    return numeric


def _holds_numbers(column: pl.Series) -> bool:
    try:
        numeric_column(column.to_frame(), column.name)
    except DataError:
        return False
    return True


def _named(frame: pl.DataFrame, wanted: str) -> list[str]:
    if "*" in wanted and wanted not in frame.columns:
        found = [name for name in frame.columns if fnmatchcase(name, wanted)]
        if found:
            return found
    return [_there(frame, wanted)]


def _groups(ids: pl.Series) -> list[NDArray[np.int64]]:
    """The rows of each id, ids in the order in which they come first."""
    if ids.null_count():
        raise DataError(f"column '{ids.name}' lacks an id in {ids.null_count()} rows: fill it in.")
    places: dict[Any, list[int]] = {}
    for row, each in enumerate(ids.to_list()):
        places.setdefault(each, []).append(row)
    return [np.array(rows) for rows in places.values()]


def _one_label(frame: pl.DataFrame, group: NDArray[np.int64], label: str, id: str | None) -> Any:
    found = frame[label].gather(group).unique(maintain_order=True).to_list()
    if len(found) > 1:
        name = frame[id][int(group[0])] if id else ""
        raise DataError(
            f"The sequence '{name}' has the labels '{found[0]}' and '{found[1]}', expected one label for each sequence."
        )
    return found[0]


def _there(frame: pl.DataFrame, name: str) -> str:
    if name not in frame.columns:
        raise DataError(f"there is no column '{name}': {nearest(name, frame.columns)}")
    return name
