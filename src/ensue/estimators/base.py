"""What the public object of every task has in common: arguments, saving, what it says of itself."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from ensue.errors import MissingExtraError, ModelFileError, NotFittedError, UsageError, nearest
from ensue.reports import TrainingReport
from ensue.tasks.contract import Task
from ensue.tasks.task_file import Parts, Weights, contents, parts

T = TypeVar("T", bound=Task)


class Estimator(Generic[T]):
    """A model of one task. A subclass names its task, and takes keyword arguments that it keeps under their own names, or
    has a `get_params` of its own.

    After `fit` or `ensue.load`, `task_` describes the model, `weights_` holds the arrays of each network by name,
    `report_` says how training went and `findings_` what was found in the data.
    """

    task_type: ClassVar[type[Any]]
    task_: T
    weights_: dict[str, Weights]
    report_: TrainingReport
    findings_: tuple[str, ...] = ()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every argument and its value, in the way of scikit-learn."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **changed: Any) -> Self:
        """Change arguments; a fitted model stays as it was fitted."""
        known = self.get_params()
        for name in changed:
            if name not in known:
                raise UsageError(f"{type(self).__name__} has no argument '{name}', {nearest(name, known)}")
        checked = type(self)(**known | changed)
        for name in changed:
            setattr(self, name, getattr(checked, name))
        return self

    def save(self, path: str | Path) -> None:
        """Write the one model file, whole or not at all."""
        from ensue.model_file import save_model

        self._check_fitted()
        arrays, description = contents(Parts(self.task_, self.weights_, self.report_, self.get_params()))
        save_model(path, arrays, description)

    def describe(self) -> dict[str, Any]:
        """What the fitted model is, as plain values. A subclass adds what is its own."""
        self._check_fitted()
        networks = self.task_.networks()
        return {
            "task": self.task_.name,
            "networks": {name: [layer.kind for layer in network.layers] for name, network in networks.items()},
            "parameters": sum(network.parameter_count for network in networks.values()),
            "training": self.report_.to_json(),
        }

    def _check_fitted(self) -> None:
        if not hasattr(self, "task_"):
            name = type(self).__name__
            raise NotFittedError(f"This {name} has not been fitted: call fit first, or ensue.load(path).")

    def _learned(self, task: T, weights: dict[str, Weights], report: TrainingReport) -> None:
        """Take over what training or a file gave."""
        self.task_, self.weights_, self.report_ = task, weights, report

    @classmethod
    def _restored(cls, arrays: Weights, description: dict[str, Any]) -> Self:
        """The model of a file's contents."""
        from ensue.runtime.engine import slower

        found: Parts[T] = parts(arrays, description, cls.task_type)
        known = cls().get_params()
        try:
            model = cls(**{name: _frozen(value) for name, value in found.options.items() if name in known})
        except (TypeError, ValueError) as error:
            raise ModelFileError(
                f"The model file holds options that cannot be right ({error}): save the model again."
            ) from error
        model._learned(found.task, found.weights, found.report)
        model.findings_ = slower()
        return model


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@contextmanager
def needs_torch(purpose: str = "Training") -> Iterator[None]:
    """Around imports of the learning wing: raises `MissingExtraError` where there is no PyTorch."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError(purpose, "torch", "train") from error


def better_than_baseline(report: TrainingReport) -> str:
    """The validation score beside the baseline's, in a sentence.

    >>> from ensue.reports import Measure
    >>> report = TrainingReport(10, 1.0, "all steps done", 1.5, 3.0, 10, (), Measure("nats per token", "frequencies"))
    >>> better_than_baseline(report)
    'Validation 1.5 nats per token, frequencies 3: better.'
    """
    score = f"Validation {report.validation:.4g} {report.measure.name}"
    if report.measure.baseline is None or not math.isfinite(report.baseline):
        return score + "."
    verdict = "better" if report.validation < report.baseline else "no better than that, which is simpler"
    return f"{score}, {report.measure.baseline} {report.baseline:.4g}: {verdict}."
