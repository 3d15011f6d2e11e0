"""Arguments and options that several verbs share, and how their text becomes values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ensue.errors import UsageError

Data = Annotated[
    str, typer.Argument(metavar="DATA", help="Table of series: CSV, Parquet or JSON lines; - reads stdin.")
]
Model = Annotated[Path, typer.Option("--model", "-m", metavar="MODEL", help="Model file that ensue train wrote.")]
AnyModel = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", metavar="MODEL", help="Model file that ensue train wrote; the bundled one unless given."
    ),
]
Levels = Annotated[str, typer.Option("--levels", metavar="80,95", help="Prediction intervals, in percent.")]
Plot = Annotated[
    str | None,
    typer.Option("--plot", metavar="FILE", help="Draw to .html, .png or .svg; - draws in the terminal."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]

Weights = Annotated[
    str,
    typer.Option(
        "--weights",
        metavar="KIND",
        help="How matrices are kept: float32, bf16 or int8; what fewer bits change is measured and said.",
    ),
]

COLUMNS = "Columns and time"
Target = Annotated[
    str | None, typer.Option("--target", metavar="NAME", help="Column to forecast.", rich_help_panel=COLUMNS)
]
Time = Annotated[
    str | None,
    typer.Option("--time", metavar="NAME", help="Column of time stamps or positions.", rich_help_panel=COLUMNS),
]
Id = Annotated[
    str | None, typer.Option("--id", metavar="NAME", help="Column that tells series apart.", rich_help_panel=COLUMNS)
]
Freq = Annotated[
    str | None,
    typer.Option("--freq", metavar="NAME", help="Spacing: hour, 30min, day, month.", rich_help_panel=COLUMNS),
]
SeasonLengths = Annotated[
    str | None,
    typer.Option("--season", metavar="24,168", help="Season lengths in steps, or none.", rich_help_panel=COLUMNS),
]
Duplicates = Annotated[
    str | None,
    typer.Option(
        "--duplicates",
        metavar="error|first|mean",
        help="Rows with the same id and time; an error unless given.",
        rich_help_panel=COLUMNS,
    ),
]

_Value = TypeVar("_Value")


def names(text: str | None) -> tuple[str, ...] | None:
    """Comma-separated names.

    >>> names("rain, wind")
    ('rain', 'wind')
    """
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def season(text: str | None) -> tuple[int, ...] | None:
    """Season lengths; the word none means that there is no season.

    >>> season("24,168"), season("none")
    ((24, 168), ())
    """
    if text is not None and text.strip().lower() == "none":
        return ()
    return _numbers(text, int, "--season", "lengths in steps such as 24,168, or none")


def levels(text: str) -> tuple[float, ...]:
    """Interval levels in percent, whole numbers kept whole.

    >>> levels("80,97.5")
    (80, 97.5)
    """
    return _numbers(text, _whole_if_possible, "--levels", "percentages such as 80,95") or ()


def _whole_if_possible(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _numbers(text: str | None, kind: Callable[[str], _Value], option: str, expected: str) -> tuple[_Value, ...] | None:
    parts = names(text)
    if parts is None:
        return None
    try:
        return tuple(kind(part) for part in parts)
    except ValueError as error:
        raise UsageError(f"{option} is '{text}', expected {expected}.") from error
