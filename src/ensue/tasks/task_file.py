"""What a model file holds of any task: its name and definition, its networks, how training went, the user's choices.

(A forecaster's file holds the latest rows of its table as well: `tasks.forecaster_file`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from ensue.errors import ModelFileError
from ensue.reports import TrainingReport
from ensue.tasks.contract import Task

T = TypeVar("T", bound=Task)
Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Parts(Generic[T]):
    """A trained model taken apart."""

    task: T
    weights: dict[str, Weights]
    """Of each network, by its name: arrays by the network's parameter names."""
    report: TrainingReport
    options: dict[str, Any]
    """The arguments the estimator was made with."""


def contents(parts: Parts[T]) -> tuple[Weights, dict[str, Any]]:
    """The arrays and the description of a model file."""
    arrays = {f"{part}.{name}": array for part, own in parts.weights.items() for name, array in own.items()}
    description = {
        "task": parts.task.name,
        "networks": {name: network.to_json() for name, network in parts.task.networks().items()},
        "definition": parts.task.to_json(),
        "report": parts.report.to_json(),
        "options": parts.options,
    }
    return arrays, description


def parts(arrays: Mapping[str, NDArray[Any]], description: Mapping[str, Any], kind: type[T]) -> Parts[T]:
    """What `contents` put together. Raises `ModelFileError` where something is missing or does not fit."""
    try:
        task = kind.from_json(description["definition"])
        networks = task.networks()
        described = {name: network.to_json() for name, network in networks.items()}
        if described != _plain(description["networks"]):
            raise ValueError("its networks are not those of its definition")
        weights: dict[str, Weights] = {name: {} for name in networks}
        for name, array in arrays.items():
            part, _, own = name.partition(".")
            weights[part][own] = array
        return Parts(task, weights, TrainingReport.from_json(description["report"]), dict(description["options"]))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(
            f"The model file lacks part of a {kind.name} model, or holds it in another form ({error}): save the model again."
        ) from error


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
