"""Which column of a table is which, and what was found on the way: spacing, seasons, kind of numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensue.config import DataOptions
from ensue.data.calendar import check_country
from ensue.data.frequency import parse_frequency
from ensue.data.guesses import TARGET_NAMES, by_name, categories_of, guess_ids, guess_position, guess_target, guess_time
from ensue.data.rhythm import find_frequency, seasons_of
from ensue.data.rows import Rows, id_columns, require_column, show_time
from ensue.data.schema import Covariate, Schema
from ensue.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Covariate", "Schema", "find_roles", "melt"]

NAME_THEM = "(name them with --past, --future or --static)"
"""What can be done about columns that are not used; one who cannot use any says something else in its place."""
SERIES_ASKED = 200
"""Series that are looked at one by one."""
ID, VALUE = "unique_id", "y"
"""The columns to which a wide table is brought."""


@dataclass(frozen=True)
class _Columns:
    """The columns found. `values` are those of a wide table, each a series; () where the table is long."""

    time: str | None
    ids: list[str]
    target: str
    values: tuple[str, ...]


def find_roles(frame: pl.DataFrame, options: DataOptions = DataOptions()) -> Schema:  # noqa: B008 - frozen
    """Decide which column is which and what the rows are like, from what the user named and from the table.

    Raises DataError for a table that cannot be understood, with what to name; UsageError for options that contradict.

    >>> import polars as pl
    >>> table = pl.DataFrame({"date": ["2024-01-01", "2024-01-02", "2024-01-03"], "sales": [3, 1, 4]})
    >>> print(*find_roles(table).findings, sep="\\n")
    time column 'date': daily from 2024-01-01 to 2024-01-03.
    times in 'date' are written as year-month-day.
    target 'sales': whole numbers, never negative.
    no seasons (from the calendar).
    """
    if not frame.height:
        raise DataError("the table has no rows, expected at least one.")
    _check_options(frame, options)
    columns = _find_columns(frame, options)
    schema = Schema(
        ",".join(columns.ids) or (ID if columns.values else None),
        columns.time,
        columns.target,
        holidays=options.holidays,
        wide=bool(columns.values),
    )
    roles, notes = _covariates(frame, options)
    schema = replace(schema, past=roles["past"], future=roles["future"], static=roles["static"])
    used = {
        *columns.ids,
        columns.time,
        columns.target,
        *columns.values,
        *options.past,
        *options.future,
        *options.static,
    }
    schema, findings = _describe(melt(frame, schema), schema, options)
    if columns.values:
        findings.insert(0, _wide_finding(columns.values))
    unused = [name for name in frame.columns if name not in used]
    return replace(schema, findings=(*findings, *notes, *_unused_finding(unused)))


def melt(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """A wide table in the long format: every column of numbers that has no other role becomes a series.

    A frame that is long already comes back as it is.
    """
    if not schema.wide or schema.target in frame.columns:
        return frame
    import polars as pl

    from ensue.data.tables import numeric_column

    index = [schema.time, *(each.name for each in (*schema.past, *schema.future, *schema.static))]
    kept = [name for name in index if name is not None]
    values = [name for name in _numeric(frame) if name not in kept]
    if not values:
        raise DataError("no column holds numbers, expected one for each series.")
    infinite = frame.select(pl.col(values).is_infinite().any()).row(0)
    if any(infinite):
        numeric_column(frame, values[infinite.index(True)])  # says where
    numbers = frame.with_columns(pl.col(values).cast(pl.Float64))
    return numbers.unpivot(values, index=kept, variable_name=ID, value_name=VALUE)


def _check_options(frame: pl.DataFrame, options: DataOptions) -> None:
    one = {"target": options.target, "time": options.time}
    roles: dict[str, tuple[str, ...]] = {role: (name,) for role, name in one.items() if name is not None}
    roles |= {"past": options.past, "future": options.future, "static": options.static}
    seen: dict[str, str] = {}
    for role, columns in roles.items():
        for column in columns:
            require_column(frame, column)
            if seen.setdefault(column, role) != role:
                raise UsageError(f"column '{column}' is named as {seen[column]} and as {role}: name it once.")
    if options.holidays is not None:
        check_country(options.holidays)


def _find_columns(frame: pl.DataFrame, options: DataOptions) -> _Columns:
    taken = {options.target, options.time, *options.past, *options.future, *options.static}
    free = [name for name in frame.columns if name not in taken]
    time = options.time or guess_time(frame, free)
    ids = [] if options.id is None else id_columns(options.id, frame.columns)
    if options.id is None:
        ids = guess_ids(frame, [name for name in free if name != time], time)
    for name in ids:
        require_column(frame, name)
    if time is None:
        time = guess_position(frame, [name for name in free if name not in ids], ids)
        if time is not None and options.id is None and not ids:
            ids = guess_ids(frame, [name for name in free if name != time], time)
    free = [name for name in free if name != time and name not in ids]
    open_columns = set(free)
    numeric = [name for name in _numeric(frame) if name in open_columns]
    if options.target is None:
        _check_likeliest(frame, free, numeric)
    target = options.target or guess_target(free, numeric)
    if target is not None:
        return _Columns(time, ids, target, ())
    if not numeric:
        raise DataError("no column holds numbers to forecast: name one with target.")
    # A constant id column says nothing, and a table of many columns beside it is as wide as one without.
    if any(frame[name].n_unique() > 1 for name in ids) or options.id is not None:
        shown = ", ".join(f"'{name}'" for name in numeric[:8])
        raise DataError(f"several columns hold numbers ({shown}), expected one to forecast: name it with target.")
    return _Columns(time, [], VALUE, tuple(numeric))


def _check_likeliest(frame: pl.DataFrame, free: list[str], numeric: list[str]) -> None:
    """Raise `DataError` where the column that is named most like a target holds words among its numbers.

    Another column would be forecast in its place, and hardly anybody would notice.
    """
    import polars as pl

    from ensue.data.tables import numeric_column

    for name in by_name(free, TARGET_NAMES)[:1]:
        if name not in numeric and frame[name].dtype == pl.String:
            present = frame[name].drop_nulls()
            if len(present) and 2 * present.cast(pl.Float64, strict=False).count() > len(present):
                numeric_column(frame, name)  # says which cell


def _numeric(frame: pl.DataFrame) -> list[str]:
    return [name for name, dtype in frame.schema.items() if dtype.is_numeric()]


def _covariates(frame: pl.DataFrame, options: DataOptions) -> tuple[dict[str, tuple[Covariate, ...]], list[str]]:
    """The covariates of each role, and what is to say of them."""
    roles: dict[str, tuple[Covariate, ...]] = {}
    notes: list[str] = []
    for role in ("past", "future", "static"):
        found = []
        for name in getattr(options, role):
            if frame[name].dtype.is_numeric():
                found.append(Covariate(name))
                continue
            categories, dropped = categories_of(frame[name])
            found.append(Covariate(name, categories))
            rest = f", {dropped} rare ones taken as unknown" if dropped else ""
            notes.append(f"column '{name}': {len(categories)} categories{rest}.")
        roles[role] = tuple(found)
    return roles, notes


def _describe(frame: pl.DataFrame, schema: Schema, options: DataOptions) -> tuple[Schema, list[str]]:
    """What the rows are like: frequency, seasons, kind of numbers; and the sentences that say so."""
    from ensue.data.tables import numeric_column

    given = None if options.freq is None else parse_frequency(options.freq)
    clock, rows, frequency = find_frequency(frame, schema, given)
    values = rows.sort(numeric_column(frame, schema.target).to_numpy())
    seasons, reason = seasons_of(rows, values, frequency, options.season)
    known = values[np.isfinite(values)]
    schema = replace(
        schema,
        frequency=frequency,
        seasons=seasons,
        time_zone=clock.time_zone if clock else None,
        nonnegative=none_negative(values, rows.offsets),
        integer=bool(len(known) and (known == np.floor(known)).all()),
    )
    said = [_time_finding(schema, rows), *([clock.finding] if clock and clock.finding else [])]
    return schema, [*said, *_id_finding(schema, rows), _target_finding(schema, known), reason]


def never_negative(known: NDArray[np.float64]) -> bool:
    """Whether a quantity has its floor at zero: it never fell below, and stood there, or is counted, or rises to many times
    its usual size. That a spring's temperatures were all above zero says nothing of winter.

    >>> [never_negative(np.array(y)) for y in ([0.0, 3.5, 2.5], [4.5, 9.0, 7.0], [4.0, 9.0, 7.0], [-1.0, 0.0, 3.0])]
    [True, False, True, False]
    """
    if not len(known) or known.min() < 0 or known.max() == known.min():
        return False
    counted = (known == np.floor(known)).all()
    return bool(known.min() == 0 or counted or known.max() > 10 * np.median(known))


def none_negative(values: NDArray[np.float64], offsets: NDArray[np.int64]) -> bool:
    """Whether the series of a panel, end to end in `values`, all have their floor at zero.

    That some rise to many times the usual size of all says nothing where they are of different size.
    """
    known = values[np.isfinite(values)]
    if not never_negative(known) or known.min() == 0 or (known == np.floor(known)).all():
        return never_negative(known)
    for series in np.unique(np.linspace(0, len(offsets) - 2, SERIES_ASKED).astype(int)):
        own = values[offsets[series] : offsets[series + 1]]
        own = own[np.isfinite(own)]
        if len(own) and own.max() > own.min() and not never_negative(own):
            return False
    return True


def _time_finding(schema: Schema, rows: Rows) -> str:
    if schema.time is None:
        return "no time column: rows are equal steps in the order of the table."
    zone = f" ({schema.time_zone})" if schema.time_zone else ""
    span = f"from {show_time(rows.times.min())} to {show_time(rows.times.max())}"
    return f"time column '{schema.time}'{zone}: {schema.frequency.name} {span}."


def _id_finding(schema: Schema, rows: Rows) -> list[str]:
    if schema.id is None or schema.wide:
        return []
    named = " and ".join(f"'{part}'" for part in schema.id.split(","))
    return [f"{len(rows.ids):,} series named by {named}." if len(rows.ids) > 1 else f"one series, '{rows.ids[0]}'."]


def _target_finding(schema: Schema, known: NDArray[np.float64]) -> str:
    if not len(known):
        raise DataError(
            f"column '{schema.target}' holds no values, expected numbers to forecast: name another as target."
        )
    kind = "whole numbers" if schema.integer else "numbers"
    subject = "all series" if schema.wide else f"target '{schema.target}'"
    return f"{subject}: {kind}{', never negative' if schema.nonnegative else ''}."


def _wide_finding(values: tuple[str, ...]) -> str:
    shown = ", ".join(f"'{name}'" for name in values[:5]) + (", ..." if len(values) > 5 else "")
    return (
        f"a wide table: {len(values)} columns of numbers, each a series ({shown}); name one as target to forecast it."
    )


def _unused_finding(unused: list[str]) -> list[str]:
    if not unused:
        return []
    return [f"columns not used: {', '.join(unused)} {NAME_THEM}."]
