"""`ensue info`: what is installed and which executor runs, or what is in a model file."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from ensue import __version__
from ensue.cli.options import Json
from ensue.cli.results import plain, print_json, print_line
from ensue.errors import ModelFileError

STAMP = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.0+)?")
MOST_LINES = 20
"""Lines of one block; a model of thousands of series shows the first."""


def info(
    model: Annotated[Path | None, typer.Argument(metavar="[MODEL]", help="Model file to describe.")] = None,
    json: Json = False,
) -> None:
    """Say what is installed, or what is in a model file."""
    if model is None:
        facts = installation()
    else:
        from ensue.estimators import load

        facts = load(model).describe()
    if json:
        print_json(facts)
        return
    for line in lines(facts):
        print_line(line)


def installation() -> dict[str, Any]:
    """Versions, the executor and why it is this one, the bundled forecaster, and the extras that are there.

    >>> sorted(installation())
    ['bundled', 'ensue', 'executor', 'extras', 'machine', 'python']
    """
    from ensue.runtime.engine import executor

    return {
        "ensue": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "executor": executor(),
        "bundled": _bundled(),
        "extras": {extra: _versions(packages) for extra, packages in _extras().items()},
    }


def _bundled() -> dict[str, Any]:
    """What the card of the bundled forecaster says, or why it cannot be used."""
    from ensue.bundled import bundled, card

    try:
        bundled()
        told = card()
        return {name: told[name] for name in ("parameters", "steps", "seed", "command", "sha256") if name in told}
    except ModelFileError as error:
        return {"missing": str(error)}


def _extras() -> dict[str, list[str]]:
    """The packages each extra brings, as the installed package itself says."""
    extras: dict[str, list[str]] = {}
    for requirement in metadata.requires("ensue") or ():
        match = re.match(r"([\w.-]+)[^;\[]*;.*extra == ['\"](\w+)['\"]", requirement)
        if match and match[2] not in ("all", "dev"):
            extras.setdefault(match[2], []).append(match[1])
    return extras


def _versions(packages: list[str]) -> str:
    found = []
    for package in packages:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} missing")
    return ", ".join(found)


def lines(facts: Mapping[str, Any], indent: str = "") -> list[str]:
    """Facts as aligned lines; a mapping within becomes an indented block, a list one line.

    >>> print("\\n".join(lines({"task": "forecasting", "columns": {"target": "y", "past": ["rain"]}})))
    task     forecasting
    columns
      target  y
      past    rain
    """
    shown = dict(list(plain(facts).items())[:MOST_LINES])
    width = max((len(name) for name in shown), default=0) + 2
    result = []
    for name, value in shown.items():
        if isinstance(value, list) and value and isinstance(value[0], list):
            continue  # a curve is for programs
        if isinstance(value, dict):
            result += [f"{indent}{name}", *lines(value, indent + "  ")]
        else:
            result.append(f"{indent}{name:<{width}}{_text(value)}".rstrip())
    if len(facts) > MOST_LINES:
        result.append(f"{indent}and {len(facts) - MOST_LINES} more: --json prints them all")
    return result


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value) or "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return STAMP.sub(r"\1 \2", str(value)).removesuffix(" 00:00:00")
