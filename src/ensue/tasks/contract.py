"""What every task is: a description without PyTorch of what stands around its networks, told apart by a name.

A task knows the front end that makes numbers of what a user brings, the networks these go through, and how their answers
are read. It says all that in JSON, so that a model file carries it. `learn` trains a task's networks, `runtime` runs them,
and an estimator (`ensue.estimators`) is both behind one object. `docs/add-a-task.md` adds one step by step.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, Self

from ensue.network import Network


class Task(Protocol):
    """A frozen description; equal descriptions are equal tasks."""

    name: ClassVar[str]
    """What it is called in model files and messages, such as "translation"."""

    def networks(self) -> dict[str, Network]:
        """The networks by name; a task of one network calls it "network"."""

    def to_json(self) -> dict[str, Any]:
        """As plain values, from which `from_json` makes an equal task."""

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The task that was described.

        Raises `KeyError`, `TypeError`, `ValueError` (a `ConfigError` is one) or `IndexError` for anything else.
        """
