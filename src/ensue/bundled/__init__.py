"""The forecaster that needs no training: a small LSTM, pretrained on made sequences, as part of the package.

`forecaster.ensue` is an ordinary model file and `card.json` says how it was made; `pretrain.toml` is what it was made with.
docs/how-the-bundled-forecaster-was-made.md tells the rest.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensue.errors import ModelFileError

if TYPE_CHECKING:
    from ensue.tasks.forecaster_file import ForecasterParts

MODEL, CARD = "forecaster.ensue", "card.json"
AGAIN = "install ensue again"


def folder() -> Path:
    """Where model and card are."""
    return Path(str(resources.files("ensue.bundled")))


@cache
def bundled() -> ForecasterParts:
    """The bundled forecaster, checked and read once a process.

    Raises `ModelFileError` where model or card are missing, or the model is not the one the card tells of.
    """
    return read(folder())


def read(where: Path) -> ForecasterParts:
    """A forecaster from a folder that `ensue pretrain` wrote. Raises `ModelFileError` as `bundled` does."""
    from ensue.model_file import load_model
    from ensue.tasks.forecaster_file import restore

    model, told = where / MODEL, card(where)
    if not model.exists():
        raise ModelFileError(f"The pretrained forecaster {model} is missing: {AGAIN}.")
    if hashlib.sha256(model.read_bytes()).hexdigest() != told["sha256"]:
        raise ModelFileError(f"The pretrained forecaster {model} is not the one its card tells of: {AGAIN}.")
    parts = restore(*load_model(model))
    if parts.task.slots is None or not parts.task.alone:
        raise ModelFileError(
            f"The forecaster {model} was made for one table, expected one that reads every table: {AGAIN}."
        )
    return parts


def card(where: Path | None = None) -> dict[str, Any]:
    """How the forecaster was made, as `ensue pretrain` wrote it. Raises `ModelFileError` where that cannot be read."""
    path = (where or folder()) / CARD
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told["sha256"], str):
            raise TypeError("its checksum is no text")
    except FileNotFoundError as error:
        raise ModelFileError(f"The card of the pretrained forecaster, {path}, is missing: {AGAIN}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"The card of the pretrained forecaster, {path}, cannot be read: {AGAIN}.") from error
    found: dict[str, Any] = told
    return found
