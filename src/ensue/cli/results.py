"""Results on stdout: lines, JSON and tables of scores."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensue.errors import StorageError, UsageError

if TYPE_CHECKING:
    import polars

TABLE_KINDS = (".csv", ".parquet", ".jsonl")
"""Endings a table can be written under."""


def print_line(text: str = "") -> None:
    """A line of the result."""
    print(text)  # noqa: T201


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout; what is not a number becomes null, a time stamp ISO text.

    >>> print_json({"coverage": float("nan"), "levels": (80, 95)})
    {"coverage": null, "levels": [80, 95]}
    """
    print_line(json.dumps(plain(value), allow_nan=False, ensure_ascii=False))


def plain(value: Any) -> Any:
    """A value as JSON knows it.

    >>> import numpy as np
    >>> plain({"ends": np.array([1.5, np.inf])})
    {'ends': [1.5, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):  # a NumPy array or number
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def check_not_input(option: str, path: str | Path | None, data: str) -> None:
    """Refuse to write over the table that is read."""
    if path is None or str(path) == "-" or data == "-":
        return
    if Path(path).exists() and Path(data).exists() and Path(path).samefile(data):
        raise UsageError(f"{option} is '{path}', the table that is read: give another file, or it would be lost.")


def check_writable(option: str, path: Path) -> None:
    """Refuse a place where no file can be written, before any work is done; a device such as /dev/stdout may be any."""
    folder = path.parent
    if path.is_dir():
        raise UsageError(f"{option} is '{path}', a folder, expected a file: give the name of one in it.")
    if not folder.is_dir():
        raise StorageError(f"The folder {folder} for {option} does not exist: make it first.")
    if not os.access(folder, os.W_OK) and (path.is_file() or not path.exists()):
        raise StorageError(f"The folder {folder} for {option} cannot be written to: choose another one.")


def check_table_path(path: Path | None) -> None:
    """Refuse an ending no table can be written under, before any work is done."""
    if path is not None and path.suffix.lower() not in TABLE_KINDS:
        raise UsageError(f"--out is '{path}', expected a file that ends in .csv, .parquet or .jsonl.")
    if path is not None:
        check_writable("--out", path)


def print_scores(scores: polars.DataFrame) -> None:
    """A table of scores, a row a model, for people: `--json` has every digit."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = [name for name in scores.columns if not name.startswith("width") and name not in ("scored", "skipped")]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in shown:
        table.add_column(_heading(name), justify="left" if name == "model" else "right", no_wrap=True)
    for row in scores.select(shown).iter_rows(named=True):
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False).print(table)


def _heading(name: str) -> str:
    return f"in {name.removeprefix('coverage-')} %" if name.startswith("coverage-") else name


def _cell(name: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if name == "skill" or name.startswith("coverage"):
        return f"{value:.1%}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
