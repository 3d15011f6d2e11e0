"""What the choices of any training have in common, and how they are refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ensue.errors import ConfigError, nearest
from ensue.layers.base import check_whole, is_number, short

PRECISIONS = ("auto", "float32", "bfloat16")


def check_names(options: Any, **known: Iterable[str]) -> None:
    """Fields that name something: each with the names there are."""
    for field, names in known.items():
        value = getattr(options, field)
        if value not in tuple(names):
            raise ConfigError(f"{field} is '{value}', {nearest(str(value), names)}")


def check_switches(options: Any, *fields: str) -> None:
    """Fields that are True or False."""
    for field in fields:
        if not isinstance(getattr(options, field), bool):
            raise ConfigError(f"{field} is {short(getattr(options, field))}, expected True or False.")


def check_training(kind: str, options: Any) -> None:
    """The fields that every training has: `learning_rate`, `steps`, `seed`, `threads`, `device`, `precision`.

    >>> from types import SimpleNamespace as Options
    >>> check_training("melody", Options(learning_rate=0.1, steps=None, seed=-1))
    Traceback (most recent call last):
    ensue.errors.ConfigError: melody: seed is -1, expected a whole number from 0 to 1000000000.
    """
    rate = options.learning_rate
    if rate is not None and not (is_number(rate) and 0 < rate < 1):
        raise ConfigError(f"learning_rate is {short(rate)}, expected a number between 0 and 1, such as 0.001.")
    check_whole(kind, "seed", options.seed, 0)
    for field in ("steps", "threads"):
        if getattr(options, field) is not None:
            check_whole(kind, field, getattr(options, field))
    if not isinstance(options.device, str):
        raise ConfigError(f"device is {short(options.device)}, expected a name such as 'cpu'.")
    check_names(options, precision=PRECISIONS)
