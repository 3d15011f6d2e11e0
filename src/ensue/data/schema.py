"""What a table's columns are: the part of a forecaster that every later table is read by."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ensue.data.frequency import POSITION, Frequency


@dataclass(frozen=True)
class Covariate:
    """A column that helps to forecast: numbers, or one of `categories`, coded 1, 2, ... in order and 0 for others."""

    name: str
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Schema:
    """Which column is which, and what holds for all series; `findings` says how that was decided, and is not saved.

    >>> schema = Schema(None, "ds", "y", frequency=Frequency("day"), seasons=(7,))
    >>> Schema.from_json(schema.to_json()) == schema
    True
    """

    id: str | None
    """Column that tells series apart, several joined by a comma; None: one series."""
    time: str | None
    """Column of stamps or positions; None: rows are equal steps in their order."""
    target: str
    past: tuple[Covariate, ...] = ()
    future: tuple[Covariate, ...] = ()
    static: tuple[Covariate, ...] = ()
    frequency: Frequency = POSITION
    seasons: tuple[int, ...] = ()
    """Season lengths in steps, shortest first."""
    time_zone: str | None = None
    """Zone of stamps that have one; shorter steps than a day are then kept in UTC, others as local dates."""
    nonnegative: bool = False
    integer: bool = False
    holidays: str | None = None
    findings: tuple[str, ...] = ()
    wide: bool = False
    """The table had a column for each series; `id` and `target` name the columns it is brought to."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for the model file."""
        saved = asdict(replace(self, findings=()))
        del saved["findings"]
        return saved | {"frequency": self.frequency.to_json(), "seasons": list(self.seasons)}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Schema:
        """The schema that `to_json` wrote. Raises `TypeError` where a name is no text, or a truth neither true nor false."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in saved.items() if name in known}
        for role in ("past", "future", "static"):
            values[role] = tuple(Covariate(each["name"], _optional(each["categories"])) for each in saved[role])
        values["frequency"] = Frequency.from_json(saved["frequency"])
        values["seasons"] = tuple(int(each) for each in saved["seasons"])
        schema = cls(**values)
        covariates = (*schema.past, *schema.future, *schema.static)
        texts = [schema.target, *(each.name for each in covariates)]
        texts += [name for each in covariates for name in each.categories or ()]
        texts += [text for text in (schema.id, schema.time, schema.time_zone, schema.holidays) if text is not None]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a name in its schema is no text")
        if not all(isinstance(truth, bool) for truth in (schema.nonnegative, schema.integer, schema.wide)):
            raise TypeError("its schema answers yes or no with something else")
        return schema


def _optional(categories: list[str] | None) -> tuple[str, ...] | None:
    return None if categories is None else tuple(categories)
