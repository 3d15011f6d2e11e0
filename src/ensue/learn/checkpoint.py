"""Checkpoints of a training run: safetensors with the run's progress as JSON beside the tensors, written atomically."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ensue.errors import ModelFileError
from ensue.storage import write_atomically


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on: tensors by name, and counters as plain values."""

    tensors: dict[str, Tensor]
    progress: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint, fingerprint: str) -> None:
    """Write a checkpoint; a crash at any moment leaves the one before or this one, never half of it."""
    metadata = {"ensue-checkpoint": json.dumps({"fingerprint": fingerprint, "progress": checkpoint.progress})}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    blob = save(tensors, metadata)
    write_atomically(path, lambda file: file.write(blob))


def fingerprint(options: Any, *others: Any, arrays: Iterable[NDArray[Any]] = ()) -> str:
    """Of all that decides what a training comes to: a checkpoint belongs to the same options, plain values and arrays.

    On how many threads and on what device it runs may be another when it goes on.
    """
    chosen = {name: value for name, value in vars(options).items() if name not in ("threads", "device")}
    found = hashlib.sha256(json.dumps([chosen, *others], sort_keys=True).encode())
    for each in arrays:
        found.update(each.tobytes())
    return found.hexdigest()


def load_checkpoint(path: Path, fingerprint: str) -> Checkpoint:
    """Read a checkpoint of the same data and options. Raises `ModelFileError` for anything else."""
    if not path.exists():
        raise ModelFileError(f"There is no checkpoint {path} to resume from: train without --resume first.")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["ensue-checkpoint"])
            written_by, progress = header["fingerprint"], dict(header["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise ModelFileError(
            f"{path} is not a checkpoint of a training run: remove it and train from the start."
        ) from error
    if written_by != fingerprint:
        raise ModelFileError(
            f"The checkpoint {path} belongs to a run with other data or options: resume with the same ones, "
            "or train without --resume."
        )
    return Checkpoint(tensors, progress)
