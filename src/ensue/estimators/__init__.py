"""The public objects: fitted in the learning wing, used through the runtime. One file a task; `base` has what they share."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ensue.errors import ModelFileError, UsageError
from ensue.estimators.forecaster import Forecaster

__all__ = ["ESTIMATORS", "Forecaster", "load"]

ESTIMATORS = {
    "language-model": "ensue.estimators.language_model:LanguageModel",
    "classification": "ensue.estimators.classifier:Classifier",
    "translation": "ensue.estimators.translator:Translator",
    "melody": "ensue.estimators.composer:Composer",
    "caption": "ensue.estimators.captioner:Captioner",
    "speech": "ensue.estimators.transcriber:Transcriber",
    "command": "ensue.estimators.listener:Listener",
    "action": "ensue.estimators.action_recogniser:ActionRecogniser",
}
"""Where the object of each task is, by the task's name in a model file; a forecaster's file is read in its own way."""


def load(path: str | Path, *, weights: str = "float32") -> Any:
    """Read a model file: a `Forecaster`, or what else its task calls for.

    Args:
        weights: how the native core keeps a forecaster's matrices: "float32", or "bf16" or "int8", which take half and a
            quarter of the memory. What that changes is measured on the model's own validation windows and said in
            `findings_`.

    Raises `ModelFileError` for a file that is truncated, foreign or too new, and `UsageError` where there is no native
    core to keep weights in fewer bits.
    """
    from ensue.estimators.forecaster import restored
    from ensue.model_file import load_model

    arrays, description = load_model(path)
    task = description.get("task")
    if task == "forecasting":
        return restored(arrays, description, path, weights)
    if not isinstance(task, str) or task not in ESTIMATORS:
        known = ", ".join(["forecasting", *ESTIMATORS])
        raise ModelFileError(f"{path} holds a model for {str(task)[:50]!r}, expected one of {known}: upgrade Ensue.")
    if weights != "float32":
        raise UsageError(f"weights is '{weights}', and {path} holds a {task} model, read as 'float32' only.")
    module, _, name = ESTIMATORS[task].partition(":")
    return getattr(import_module(module), name)._restored(arrays, description)
