"""Ensue learns a sequence and predicts what comes next, with LSTMs.

    import ensue

    forecaster = ensue.Forecaster(horizon=30).fit("temperatures.csv")
    table = forecaster.predict(horizon=30, levels=(80, 95))
    forecaster.save("seattle.ensue")

Names are imported when they are first used, so that `import ensue` is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ensue import evaluation, inspection, metrics, plotting
    from ensue.data import datasets
    from ensue.errors import (
        ConfigError,
        DataError,
        EnsueError,
        MissingExtraError,
        ModelFileError,
        NotFittedError,
        StorageError,
        TrainingError,
        UsageError,
    )
    from ensue.estimators import Forecaster, load
    from ensue.estimators.action_recogniser import ActionRecogniser
    from ensue.estimators.captioner import Captioner
    from ensue.estimators.classifier import Classifier
    from ensue.estimators.composer import Composer
    from ensue.estimators.language_model import LanguageModel
    from ensue.estimators.lip_reader import LipReader
    from ensue.estimators.listener import Listener
    from ensue.estimators.transcriber import Transcriber
    from ensue.estimators.translator import Translator
    from ensue.runtime.stream_batch import StreamBatch

__version__ = "0.1.0"

__all__ = [
    "ActionRecogniser",
    "Captioner",
    "Classifier",
    "Composer",
    "ConfigError",
    "DataError",
    "EnsueError",
    "Forecaster",
    "LanguageModel",
    "LipReader",
    "Listener",
    "MissingExtraError",
    "ModelFileError",
    "NotFittedError",
    "StorageError",
    "StreamBatch",
    "TrainingError",
    "Transcriber",
    "Translator",
    "UsageError",
    "__version__",
    "datasets",
    "evaluation",
    "inspection",
    "load",
    "metrics",
    "plotting",
]

_ROOMS = {"datasets": "ensue.data.datasets"} | {
    name: f"ensue.{name}" for name in ("evaluation", "inspection", "metrics", "plotting")
}
_PLACES = {
    "Forecaster": "ensue.estimators",
    "ActionRecogniser": "ensue.estimators.action_recogniser",
    "Captioner": "ensue.estimators.captioner",
    "Classifier": "ensue.estimators.classifier",
    "Composer": "ensue.estimators.composer",
    "LanguageModel": "ensue.estimators.language_model",
    "LipReader": "ensue.estimators.lip_reader",
    "Listener": "ensue.estimators.listener",
    "Transcriber": "ensue.estimators.transcriber",
    "Translator": "ensue.estimators.translator",
    "StreamBatch": "ensue.runtime.stream_batch",
    "load": "ensue.estimators",
} | {name: "ensue.errors" for name in __all__ if name.endswith("Error")}


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    if name in _ROOMS:
        found: object = import_module(_ROOMS[name])
    elif name in _PLACES:
        found = getattr(import_module(_PLACES[name]), name)
    else:
        raise AttributeError(f"module 'ensue' has no attribute '{name}'")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
