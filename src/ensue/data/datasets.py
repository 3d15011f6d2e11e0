"""Named data sets: small ones the package carries, larger ones found under `$ENSUE_DATA`, and any file from the web.

    import ensue

    frame = ensue.datasets.load("seattle_weather")
    path = ensue.datasets.fetch("https://example.org/load.csv", sha256="...")

`$ENSUE_DATA` names a folder of tables, or one with a folder `forecast` in it. Where that holds an `index.json` that
lists sets, their names are known; otherwise folders and files go by their own names. A set found there comes before a
carried one of the same name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ensue.data.download import fetch
from ensue.data.sources import FORMATS
from ensue.data.tables import read_table
from ensue.errors import DataError, nearest

__all__ = ["Dataset", "carried_path", "describe", "fetch", "load", "names"]

_CARRIED = {
    "seattle_weather": "Weather in Seattle, daily, 2012 to 2015: y is the highest in °C (NOAA, public domain).",
    "sunspots_yearly": "Sunspot number, yearly, 1700 to 2008 (public domain).",
    "co2_weekly": "Carbon dioxide at Mauna Loa in ppm, weekly, 1958 to 2001, with missing weeks (public domain).",
}
_SUBSET = re.compile(r"(?P<file>\S+) where lower\((?P<column>\w+)\) == '(?P<value>[^']*)'")
_TABLES = tuple(ending for endings in FORMATS.values() for ending in endings)


@dataclass(frozen=True)
class Dataset:
    """What is known of a data set before it is read."""

    name: str
    path: Path
    """The table that `load` reads."""
    about: str
    """A sentence or two for people."""
    rules: dict[str, Any]
    """Its entry in the index, such as frequency, horizon, season and known covariates; empty where there is none."""

    def __str__(self) -> str:
        lines = [self.name, f"  {self.about}"] + [
            f"  {key}: {value}" for key, value in self.rules.items() if key != "name"
        ]
        return "\n".join(lines)


def load(name: str) -> pl.DataFrame:
    """Read a data set.

    Args:
        name: A name from `names()`, or the path of a file under `$ENSUE_DATA`.

    Returns:
        The table as in its file; of a set with a train and a test file, the train file.

    Raises:
        DataError: There is no such set; the message offers the nearest name.

    >>> load("sunspots_yearly").columns
    ['unique_id', 'ds', 'y']
    """
    found = describe(name)
    frame = read_table(found.path).frame
    subset = _SUBSET.fullmatch(found.rules.get("ids", ""))
    if subset is None:
        return frame
    about = read_table(_index_folder() / subset["file"]).frame
    chosen = about.filter(pl.col(subset["column"]).str.to_lowercase() == subset["value"])["unique_id"]
    return frame.filter(pl.col("unique_id").is_in(chosen.to_list()))


def names() -> list[str]:
    """Names that `load` knows, in alphabetical order: carried sets, sets of the index, and folders with tables.

    >>> "co2_weekly" in names()
    True
    """
    root = _root()
    folders = [each.name for each in root.iterdir() if _table_in(each)] if root else []
    return sorted({*_CARRIED, *_index(), *folders}, key=str.lower)


def describe(name: str) -> Dataset:
    """What is known of a data set, without reading it; print it, or look at its `path` and `rules`.

    >>> describe("co2_weekly").about
    'Carbon dioxide at Mauna Loa in ppm, weekly, 1958 to 2001, with missing weeks (public domain).'
    """
    entry = _index().get(name)
    if entry is not None:
        path = _index_folder() / entry["train"]
        return Dataset(name, path, entry.get("note", f"{entry.get('frequency', 'A')} data set."), entry)
    for path in _places(name):
        return Dataset(name, path, _heading(path), {})
    if name in _CARRIED:
        return Dataset(name, carried_path(name), _CARRIED[name], {})
    raise _unknown(name)


def carried_path(name: str) -> Path:
    """The file of a set that the package carries, whatever `$ENSUE_DATA` holds.

    >>> carried_path("seattle_weather").name
    'seattle_weather.csv'
    """
    if name not in _CARRIED:
        raise DataError(f"the package carries no data set '{name}': {nearest(name, _CARRIED)}")
    return Path(__file__).with_name("packaged") / f"{name}.csv"


def _root() -> Path | None:
    """The folder of data sets, if one is given.

    A folder that is given and not there is a mistake worth a sentence, not a reason to look elsewhere.
    """
    given = os.environ.get("ENSUE_DATA")
    if not given:
        return None
    root = Path(given)
    if not root.is_dir():
        raise DataError(f"ENSUE_DATA is '{given}', expected a folder of data sets: correct it or unset it.")
    return root / "forecast" if (root / "forecast").is_dir() else root


def _index_folder() -> Path:
    return _root() or Path()


def _index() -> dict[str, dict[str, Any]]:
    """The sets that index.json lists, by name."""
    root = _root()
    file = root / "index.json" if root else None
    if file is None or not file.is_file():
        return {}
    try:
        return {entry["name"]: entry for entry in json.loads(file.read_text(encoding="utf-8"))["sets"]}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f'\'{file}\' is no index of data sets, expected {{"sets": [{{"name": ...}}]}}.') from error


def _places(name: str) -> Iterator[Path]:
    """Files under the root that a name may mean: the file, one with its ending left out, or the folder's table."""
    root = _root()
    if root is None or not name or Path(name).is_absolute() or ".." in Path(name).parts:
        return
    for base in (root, Path(os.environ["ENSUE_DATA"])):
        place = base / name
        if place.is_file():
            yield place
        elif (table := _table_in(place)) is not None:
            yield table
        else:
            yield from (file for ending in _TABLES if (file := place.parent / f"{place.name}{ending}").is_file())


def _table_in(folder: Path) -> Path | None:
    """The table of a folder: the one called data, train or daily, or the only one."""
    files = folder.iterdir() if folder.is_dir() else ()
    tables = sorted(each for each in files if each.suffix in _TABLES and each.suffix not in (".txt", ".json"))
    named = [each for each in tables if each.stem in ("data", "train", "daily")]
    return named[0] if named else tables[0] if len(tables) == 1 else None


def _heading(path: Path) -> str:
    """The first line of the README beside a table, where there is one."""
    readme = path.with_name("README.md")
    first = readme.read_text(encoding="utf-8").splitlines()[:1] if readme.is_file() else []
    return first[0].lstrip("# ") if first else f"The table '{path.name}'."


def _unknown(name: str) -> DataError:
    hint = "" if os.environ.get("ENSUE_DATA") else " (set ENSUE_DATA to a folder of data sets to find more)"
    return DataError(f"there is no data set '{name}'{hint}: {nearest(name, names())}")
