"""Which model a verb uses: that of a file, if it is for the verb's task; a forecast without one takes the bundled one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensue.cli.options import season
from ensue.errors import ModelFileError, UsageError

if TYPE_CHECKING:
    from ensue.estimators import Forecaster


@dataclass(frozen=True)
class Columns:
    """What a user may say of a table that no model was trained on; a model has this from its own."""

    target: str | None = None
    time: str | None = None
    id: str | None = None
    freq: str | None = None
    season: str | None = None
    duplicates: str | None = None

    def given(self) -> dict[str, Any]:
        """What was said, as arguments of `Forecaster`."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        return said | {"season": season(self.season)} if self.season is not None else said


def forecaster_of(model: Path | None, columns: Columns, weights: str = "float32", **more: Any) -> Forecaster:
    """The forecaster of a model file, or the bundled one. Raises `UsageError` for what does not fit the one asked for.

    Args:
        more: further arguments of `Forecaster.pretrained`.
    """
    from ensue.estimators import Forecaster, load

    said = columns.given()
    if model is None:
        if weights != "float32":
            raise UsageError(f"--weights {weights} is given without a model: give one with --model, or leave it out.")
        return Forecaster.pretrained(**said, **more)
    if said:
        names = " and ".join(f"--{name}" for name in said)
        raise UsageError(f"{names} is given beside a model, which knows it from its training: leave it out.")
    found: Forecaster = of_task(load(model, weights=weights), "forecasting", model)
    return found


def model_of(path: Path, task: str) -> Any:
    """The model of a file, if it is one for that task."""
    from ensue.estimators import load

    return of_task(load(path), task, path)


def of_task(model: Any, task: str, path: Path) -> Any:
    """The model, if it is one for that task. Raises `ModelFileError` for another one, and says what that one is for."""
    found = model.describe()["task"]
    if found != task:
        raise ModelFileError(
            f"{path} holds a model for {found}, expected one for {task}: " + VERBS.get(found, "see ensue --help") + "."
        )
    return model


VERBS = {
    "forecasting": "ask it with ensue forecast",
    "language-model": "ask it with ensue generate or ensue evaluate",
    "classification": "ask it with ensue predict",
    "translation": "ask it with ensue translate",
    "melody": "ask it with ensue compose",
    "caption": "ask it with ensue caption",
    "speech": "ask it with ensue transcribe",
    "command": "ask it with ensue listen or ensue predict",
    "action": "ask it with ensue predict",
}
"""What to do with a model of another task."""
