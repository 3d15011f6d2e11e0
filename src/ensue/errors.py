"""Every error Ensue raises on purpose.

    EnsueError
    ├── UsageError          an option or argument that cannot be right (exit code 2; also a ValueError)
    │   └── ConfigError     a configuration file or field that cannot be right
    ├── DataError           a table, file or series that cannot be used (exit code 1; also a ValueError)
    ├── ModelFileError      a model file that is truncated, foreign or too new (exit code 1)
    ├── StorageError        a file that could not be written; nothing half-written is left (exit code 1; also an OSError)
    ├── TrainingError       training that cannot go on, such as a loss that became NaN (exit code 1)
    ├── NotFittedError      a forecaster asked to predict before it was fitted (exit code 1)
    └── MissingExtraError   an optional library that is not installed, with the extra that brings it (exit code 1)

A message is one sentence: what was given, what was expected, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EnsueError(Exception):
    """The base of all errors raised on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(EnsueError, ValueError):
    """An option or argument that cannot be right."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file or field that cannot be right."""


class DataError(EnsueError, ValueError):
    """A table, file or series that cannot be used."""


class ModelFileError(EnsueError):
    """A model file that is truncated, foreign or too new."""


class StorageError(EnsueError, OSError):
    """A file that could not be written; nothing half-written is left behind."""


class TrainingError(EnsueError):
    """Training that cannot go on."""


class NotFittedError(EnsueError):
    """A forecaster that was asked to predict before it was fitted or loaded."""


class MissingExtraError(EnsueError, ImportError):
    """An optional library is not installed."""

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed: "
            f"install it with pip install 'ensue[{extra}]'."
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """The closing words of a message about an unknown name: the nearest known one, or all of them.

    >>> nearest("temprature", ["temperature", "rain"])
    "did you mean 'temperature'?"
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "choose from " + ", ".join(f"'{each}'" for each in names) + "."
