"""The one file a model is: safetensors weights, with everything else as JSON in the file's metadata.

Loading can run no code, and gives either the model that was saved or a `ModelFileError`: a checksum covers the weights
and the description. `docs/model-file.md` describes the format.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ensue.errors import ModelFileError
from ensue.layers.base import short
from ensue.network import Network
from ensue.storage import write_atomically

Weights = dict[str, NDArray[Any]]
Description = dict[str, Any]

FORMAT_VERSION = 1
"""The version that is written; older ones are read by way of `MIGRATIONS`."""

MIGRATIONS: dict[int, Callable[[Weights, Description], tuple[Weights, Description]]] = {}
"""For each older version, what turns its weights and description into those of the next version."""

LARGEST_HEADER = 100_000_000
"""Bytes of header that are read; safetensors draws the line at the same place."""

DATA = "data."
"""Arrays whose names begin so are the task's own, such as its latest rows; all others are the network's weights."""

MOST_NETWORKS = 100
NETWORK_NAME = re.compile(r"(?!members$|data$)[a-z][a-z_]{0,49}")

WEIGHT_TYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64}
DATA_TYPES = {"I64": np.int64, "F64": np.float64}


class _Header(NamedTuple):
    """What the first part of a file says, before any weight is read."""

    text: bytes
    content: dict[str, Any]
    """Ensue's own entry: `format_version`, `ensue_version`, `sha256`, `description`."""
    data_size: int
    """Bytes of weights that must follow."""


def save_model(path: str | os.PathLike[str], weights: Mapping[str, NDArray[Any]], description: Description) -> None:
    """Write a model to `path`, whole or not at all.

    Args:
        path: Where to; an existing file is replaced.
        weights: The arrays of the network, by name; float16, float32 or float64, all finite. Beside them may stand
            arrays of the task's own, named "data.something": int64 or float64, NaN where a value is missing.
        description: Plain JSON: tables, lists, texts, finite numbers. Its entry "network" is `Network.to_json()`, and
            an entry "members": n says that there are n sets of weights, named "members.0.layers..." and so on. Where a
            model has several networks, "networks" holds each under its name instead, and weights are named
            "name.layers...".

    Raises:
        ModelFileError: Weights and network do not fit together, or the description is not plain JSON.
        StorageError: The file could not be written; what stood there before is unchanged.

    >>> import tempfile
    >>> network = {"layers": [{"kind": "linear", "input_size": 2, "output_size": 1, "bias": False}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(f"{folder}/a.ensue", {"layers.0.weight": np.ones((1, 2), "f")}, {"network": network})
    ...     load_model(f"{folder}/a.ensue")[0]
    {'layers.0.weight': array([[1., 1.]], dtype=float32)}
    """
    from ensue import __version__

    try:
        plain = _parse(_canonical(description))  # as it will be read: lists for tuples, texts for the names of entries
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(f"The model's description cannot be written as JSON: {error}.") from error
    arrays = {name: np.ascontiguousarray(each, each.dtype.newbyteorder("<")) for name, each in weights.items()}
    _check_model(arrays, plain, "The model")
    content = {
        "format_version": FORMAT_VERSION,
        "ensue_version": __version__,
        "sha256": _checksum(arrays, _canonical(plain)),
        "description": plain,
    }
    data = save(arrays, {"ensue": _canonical(content)})
    if int.from_bytes(data[:8], "little") > LARGEST_HEADER:
        raise ModelFileError(f"The model's description takes more than {LARGEST_HEADER} bytes: leave something out.")

    def write(file: BinaryIO) -> None:
        file.write(data)

    write_atomically(path, write)


def load_model(path: str | os.PathLike[str]) -> tuple[Weights, Description]:
    """The weights and the description that `save_model` wrote.

    Raises `ModelFileError` for a file that is missing, no model of Ensue's, damaged, or written by a newer version.
    """
    try:
        with open(path, "rb") as file:
            header = _read_header(file, os.fspath(path))
            data = file.read()
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no model file '{os.fspath(path)}'{_nearest_file(Path(path))}") from error
    except OSError as error:
        raise ModelFileError(f"The model file '{os.fspath(path)}' cannot be read: {error.strerror}.") from error
    subject = f"The model file '{os.fspath(path)}'"
    if len(data) != header.data_size:
        raise ModelFileError(
            f"{subject} holds {len(data)} bytes of weights, expected {header.data_size}: it is cut short or damaged; "
            "copy it again."
        )
    version = _check_version(header.content, subject)
    try:
        weights = load(len(header.text).to_bytes(8, "little") + header.text + data)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{subject} is damaged: safetensors says '{error}'; copy it again.") from error
    description = header.content["description"]
    if header.content.get("sha256") != _checksum(weights, _canonical(description)):
        raise ModelFileError(f"{subject} is damaged: its checksum does not match what it holds; copy it again.")
    while version < FORMAT_VERSION:
        weights, description = MIGRATIONS[version](weights, description)
        version += 1
    _check_model(weights, description, subject)
    return weights, description


def _read_header(file: BinaryIO, path: str) -> _Header:
    """The header of a safetensors file that Ensue wrote: eight bytes of length, then JSON."""
    foreign = ModelFileError(
        f"'{path}' is no model file of Ensue's, or a damaged one: give a file that `ensue train` has written."
    )
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if not prefix:
        raise ModelFileError(f"The model file '{path}' is empty: train or copy it again.")
    if len(prefix) < 8 or length > LARGEST_HEADER:
        raise foreign
    text = file.read(length)
    if len(text) < length:
        if not text.startswith(b"{"):
            raise foreign
        raise ModelFileError(f"The model file '{path}' ends within its header: it is cut short; copy it again.")
    try:
        header = _parse(text)
        content = _parse(header.pop("__metadata__")["ensue"])
        ends = [int(entry["data_offsets"][1]) for entry in header.values()]
        known = all(entry["dtype"] in WEIGHT_TYPES | DATA_TYPES for entry in header.values())
        if not (known and isinstance(content["description"], dict)):
            raise foreign
        _canonical(content)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise foreign from error
    return _Header(text, content, max(ends, default=0))


def _parse(text: str | bytes) -> dict[str, Any]:
    """A JSON table; `ValueError` where a name stands twice or a number is not finite, which JSON does not forbid."""

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name stands twice")
        return found

    def constant(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    parsed = json.loads(text, object_pairs_hook=table, parse_constant=constant)
    if not isinstance(parsed, dict):
        raise TypeError("no table")
    return parsed


def _canonical(value: object) -> str:
    """The one text for a JSON value: what it says and nothing of how it was written."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(weights: Mapping[str, NDArray[Any]], canonical_description: str) -> str:
    """SHA-256 over the description, then name, type, shape and bytes of every array in the order of their names."""
    digest = hashlib.sha256(canonical_description.encode())
    for name in sorted(weights):
        weight = weights[name]
        digest.update(json.dumps([name, weight.dtype.str, list(weight.shape)]).encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()


def _check_version(content: dict[str, Any], subject: str) -> int:
    from ensue import __version__

    version = content.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelFileError(f"{subject} is damaged: its format version is no whole number; copy it again.")
    if version > FORMAT_VERSION:
        writer = str(content.get("ensue_version"))[:20]
        raise ModelFileError(
            f"{subject} has format {version}, written by Ensue {writer}, and this is Ensue {__version__}, which reads "
            f"up to format {FORMAT_VERSION}: upgrade Ensue."
        )
    return version


def _check_model(arrays: Mapping[str, NDArray[Any]], description: Description, subject: str) -> None:
    """Raise `ModelFileError` unless the weights are finite and exactly those that the network needs."""
    for name, array in arrays.items():
        if name.startswith(DATA) and array.dtype.type not in DATA_TYPES.values():
            raise ModelFileError(f"{subject} has an array '{name}' of type {array.dtype}, expected int64 or float64.")
    weights = {name: array for name, array in arrays.items() if not name.startswith(DATA)}
    members = description.get("members")
    if "networks" in description and "network" not in description and members is None:
        _check_networks(weights, description["networks"])
    else:
        _check_one(weights, Network.from_json(description.get("network")), members, subject)
    for name, weight in weights.items():
        if weight.dtype.type not in WEIGHT_TYPES.values():
            raise ModelFileError(f"{subject} has a parameter '{name}' of type {weight.dtype}, expected a float.")
        if not np.isfinite(weight).all():
            raise ModelFileError(f"{subject} has a parameter '{name}' with values that are not finite: train it again.")


def _check_one(weights: Mapping[str, NDArray[Any]], network: Network, members: object, subject: str) -> None:
    """One network, with its weights or those of each member."""
    if members is None:
        network.check_weights({name: weight.shape for name, weight in weights.items()})
    elif not isinstance(members, int) or isinstance(members, bool) or not 1 <= members <= 1000:
        raise ModelFileError(f"{subject} names {members!r} members, expected a whole number from 1 to 1000.")
    else:
        _check_parts(weights, {f"members.{each}": network for each in range(members)}, f"{members} members")


def _check_networks(weights: Mapping[str, NDArray[Any]], described: object) -> None:
    """Several networks, each under its own name."""
    if not isinstance(described, dict) or not described or len(described) > MOST_NETWORKS:
        raise ModelFileError(f"The description's networks are no table of 1 to {MOST_NETWORKS} of them.")
    for name in described:
        if not NETWORK_NAME.fullmatch(name):
            raise ModelFileError(f"A network is called {short(name)}, expected lower-case letters and _.")
    _check_parts(weights, {name: Network.from_json(each) for name, each in described.items()}, "networks")


def _check_parts(weights: Mapping[str, NDArray[Any]], networks: Mapping[str, Network], called: str) -> None:
    """Each network has exactly the weights whose names begin with its own."""
    dots = next(iter(networks)).count(".") + 1
    shapes: dict[str, dict[str, tuple[int, ...]]] = {part: {} for part in networks}
    for name, weight in weights.items():
        part = ".".join(name.split(".", dots)[:dots])
        if part not in shapes or part == name:
            raise ModelFileError(f"The weights hold a parameter '{name}' that none of the {called} has.")
        shapes[part][name[len(part) + 1 :]] = weight.shape
    for part, own in shapes.items():
        try:
            networks[part].check_weights(own)
        except ModelFileError as error:
            raise ModelFileError(f"In {part}: {error}") from error


def _nearest_file(path: Path) -> str:
    """The end of the sentence about a missing file."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return f", nor a folder '{path.parent}': check the path."
    close = difflib.get_close_matches(path.name, names, n=1)
    return f": did you mean '{path.parent / close[0]}'?" if close else ": check the name, or train a model first."
