"""Every choice a user can make, as small frozen objects that refuse what cannot be right.

A choice out of range is an error that names it, never clamped and never replaced. `DataOptions` says how a table is
read, `TrainOptions` how a forecaster is trained; `load_config` reads both from a TOML file.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ensue.errors import ConfigError, nearest

QUANTILES = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
"""Quantile levels every forecaster learns; other levels between them are interpolated, beyond them refused."""


@dataclass(frozen=True)
class DataOptions:
    """How to read a table of series. Whatever is None is found in the data, and said."""

    target: str | None = None
    """Column to forecast."""
    time: str | None = None
    """Column of time stamps, or of integer positions."""
    id: str | None = None
    """Column that tells series apart."""
    past: tuple[str, ...] = ()
    """Covariates known only up to now."""
    future: tuple[str, ...] = ()
    """Covariates known ahead of time."""
    static: tuple[str, ...] = ()
    """Covariates that never change within a series."""
    freq: str | None = None
    """Spacing of the rows: 'hour', '30min', 'day', 'business day', 'week', 'month', ...; None: found in the stamps."""
    season: tuple[int, ...] | None = None
    """Season lengths in steps, shortest first, () for none; None: from the stamps, or else from the data."""
    duplicates: str = "error"
    """Rows with the same id and time: 'error', 'first' or 'mean'."""
    holidays: str | None = None
    """Country code whose public holidays are given to the network, such as 'US' (extra `holidays`)."""

    def __post_init__(self) -> None:
        if self.duplicates not in ("error", "first", "mean"):
            raise ConfigError(f"duplicates is '{self.duplicates}', expected 'error', 'first' or 'mean'.")
        if self.season is not None and any(length < 1 for length in self.season):
            raise ConfigError(f"season is {list(self.season)}, expected lengths in steps of 1 or more, such as 24,168.")


def _at_least_one(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} is {value!r}, expected a whole number of 1 or more.")


@dataclass(frozen=True)
class Recipe:
    """The numbers one training runs with. A preset is a recipe with a name; single numbers of it can be replaced."""

    hidden_size: int
    """Width of the hidden state of every LSTM layer."""
    layers: int
    """LSTM layers on top of each other."""
    context_length: int | None
    """Past steps in a training window; None: enough for the horizon and the longest season."""
    batch_size: int
    """Windows in a training step."""
    learning_rate: float
    """Highest learning rate, reached after warm-up and followed down a cosine."""
    steps: int | None
    """Training steps at most, fewer where the validation score no longer improves; None: by the size of the table."""
    ensemble: int
    """Networks trained from different seeds, whose quantiles are averaged."""

    def __post_init__(self) -> None:
        for name in ("hidden_size", "layers", "batch_size", "ensemble"):
            _at_least_one(name, getattr(self, name))
        for name in ("steps", "context_length"):
            if getattr(self, name) is not None:
                _at_least_one(name, getattr(self, name))
        if not 0 < self.learning_rate < 1:
            raise ConfigError(
                f"learning_rate is {self.learning_rate}, expected a number between 0 and 1, such as 0.001."
            )


PRESETS: Mapping[str, Recipe] = types.MappingProxyType(
    {
        "fast": Recipe(
            hidden_size=32, layers=1, context_length=None, batch_size=64, learning_rate=5e-3, steps=500, ensemble=1
        ),
        "default": Recipe(
            hidden_size=64, layers=2, context_length=None, batch_size=64, learning_rate=4e-3, steps=None, ensemble=1
        ),
        "thorough": Recipe(
            hidden_size=128, layers=2, context_length=None, batch_size=128, learning_rate=1e-3, steps=6000, ensemble=3
        ),
    }
)
"""Recipes by name: 'fast' for a first look, 'default' for most tables, 'thorough' where an hour is well spent."""


@dataclass(frozen=True)
class TrainOptions:
    """How to train a forecaster. Numbers that are None are those of the preset.

    >>> TrainOptions(preset="fast", steps=100).recipe.steps
    100
    """

    horizon: int = 30
    """Steps ahead the validation score looks at; the forecaster can predict any number of steps."""
    preset: str = "default"
    """Named recipe: 'fast', 'default' or 'thorough'."""
    steps: int | None = None
    """Training steps at most."""
    seed: int = 0
    """Seed of everything random: the same seed gives the same weights on the same machine with the same threads."""
    threads: int | None = None
    """Processor threads; None: one, which suits small networks, and a busy machine above all."""
    device: str = "auto"
    """Where training runs: 'auto' (CUDA where there is one, else the processor), 'cpu', 'cuda', 'cuda:1', 'mps'."""
    hidden_size: int | None = None
    """Width of the hidden state of every LSTM layer."""
    layers: int | None = None
    """LSTM layers on top of each other."""
    context_length: int | None = None
    """Past steps in a training window."""
    batch_size: int | None = None
    """Windows in a training step."""
    learning_rate: float | None = None
    """Highest learning rate."""
    ensemble: int | None = None
    """Networks trained from different seeds, whose quantiles are averaged."""

    def __post_init__(self) -> None:
        if not isinstance(self.horizon, int) or self.horizon < 1:
            raise ConfigError(f"horizon is {self.horizon!r}, expected 1 or more steps: give --horizon 30, for example.")
        if self.preset not in PRESETS:
            raise ConfigError(f"preset is '{self.preset}', which is not one: {nearest(self.preset, PRESETS)}")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(
                f"seed is {self.seed!r}, expected a whole number of 0 or more: give --seed 0, for example."
            )
        if self.threads is not None:
            _at_least_one("threads", self.threads)
        _check_device(self.device)
        _ = self.recipe  # refuses numbers that no recipe may have

    @property
    def recipe(self) -> Recipe:
        """The preset's recipe with the numbers given here in place of its own."""
        given = {each.name: getattr(self, each.name) for each in fields(Recipe)}
        return replace(PRESETS[self.preset], **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True)
class PretrainOptions:
    """How the forecaster that needs no training is trained, on made sequences alone."""

    steps: int = 40_000
    """Training steps."""
    batch_steps: int = 12_000
    """Time steps in a training batch."""
    hidden_size: int = 64
    """Width of the hidden state of every LSTM layer."""
    layers: int = 2
    """LSTM layers on top of each other."""
    blocks: bool = False
    """Normalise the input of each layer, and put a gated feed-forward layer behind each LSTM layer."""
    context_length: int = 512
    """Past steps that the network reads; the front end remembers its seasons from before."""
    learning_rate: float = 3e-3
    """Highest learning rate, reached after warm-up and followed down a cosine."""
    seed: int = 0
    """Seed of the weights and of all sequences."""
    threads: int = 1
    """Processor threads that train; one more makes sequences."""
    device: str = "auto"
    """Where the network trains: 'auto' (CUDA where there is one, else the processor), 'cpu', 'cuda', 'cuda:1', 'mps'."""
    validate_every: int = 500
    """Steps between two looks at the sequences held out, each followed by a checkpoint."""
    held_out: int = 64
    """Batches held out."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name not in ("blocks", "learning_rate", "seed", "device"):
                _at_least_one(each.name, getattr(self, each.name))
        if not 0 < self.learning_rate < 1:
            raise ConfigError(
                f"learning_rate is {self.learning_rate}, expected a number between 0 and 1, such as 0.001."
            )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed is {self.seed!r}, expected a whole number of 0 or more: give 0, for example.")
        _check_device(self.device)


def load_config(path: str | Path) -> tuple[DataOptions, TrainOptions]:
    """Read options from a TOML file with the tables `[data]` and `[train]`; either may be missing.

    Raises ConfigError for a file that is not there or not TOML, and for an unknown table, an unknown key or a value of
    another type than the option's.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ensue.toml"
    ...     _ = path.write_text('[data]\\ntarget = "load"\\n[train]\\nhorizon = 48')
    ...     data, train = load_config(path)
    >>> data.target, train.horizon
    ('load', 48)
    """
    tables = _tables(path, ("data", "train"))
    data = _build(DataOptions, "data", tables.get("data", {}), path)
    train = _build(TrainOptions, "train", tables.get("train", {}), path)
    return data, train


def load_pretraining(path: str | Path) -> PretrainOptions:
    """Read options from a TOML file with the table `[pretrain]`. Raises ConfigError as `load_config` does."""
    return _build(PretrainOptions, "pretrain", _tables(path, ("pretrain",)).get("pretrain", {}), path)


def _tables(path: str | Path, known: tuple[str, ...]) -> dict[str, Any]:
    """The tables of a TOML file, which may have these and nothing else."""
    tables = _read_toml(Path(path))
    for name, value in tables.items():
        if not isinstance(value, dict):
            places = " or ".join(f"[{each}]" for each in known)
            raise ConfigError(f"{path}: '{name}' stands outside a table: put it under {places}.")
        if name not in known:
            raise ConfigError(f"{path}: there is no table [{name}]: {nearest(name, known)}")
    return tables


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise ConfigError(f"The configuration file {path} cannot be read ({reason}): check its path.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The configuration file {path} is not UTF-8 text: save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The configuration file {path} is not TOML: {error}: mend it there.") from error


_Options = TypeVar("_Options", DataOptions, TrainOptions, PretrainOptions)


def _build(kind: type[_Options], table: str, given: Mapping[str, Any], path: str | Path) -> _Options:
    hints = get_type_hints(kind)
    for name in given:
        if name not in hints:
            raise ConfigError(f"{path}: [{table}] has no option '{name}': {nearest(name, hints)}")
    try:
        values: dict[str, Any] = {name: _converted(f"[{table}] {name}", given[name], hints[name]) for name in given}
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _converted(name: str, value: object, hint: Any) -> object:
    """The value as the option's type, or an error; bool is no int, and an int will do for a float."""
    kinds = [
        each for each in (get_args(hint) if get_origin(hint) is types.UnionType else [hint]) if each is not type(None)
    ]
    for kind in kinds:
        if get_origin(kind) is tuple and isinstance(value, list):
            item = get_args(kind)[0]
            if all(type(each) is item for each in value):
                return tuple(value)
        elif type(value) is kind:
            return value
        elif kind is float and type(value) is int:
            return float(value)
    raise ConfigError(f"{name} is {value!r}, expected {_EXPECTED[kinds[0]]}.")


_EXPECTED: Mapping[Any, str] = {
    str: 'text in quotes, such as "temperature"',
    int: "a whole number, such as 30",
    float: "a number, such as 0.001",
    bool: "true or false",
    tuple[str, ...]: 'a list of column names, such as ["rain", "wind"]',
    tuple[int, ...]: "a list of whole numbers, such as [24, 168]",
}


def _check_device(device: str) -> None:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise ConfigError(f"device is '{device}', expected 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'.")
