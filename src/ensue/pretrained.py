"""The bundled forecaster at work: every table is read anew, its columns, spacing and seasons found in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensue.bundled import bundled, read
from ensue.config import DataOptions
from ensue.errors import NotFittedError
from ensue.given import frame_of

if TYPE_CHECKING:
    from ensue.data.panel import Panel
    from ensue.reports import TrainingReport
    from ensue.runtime.engine import Executor
    from ensue.runtime.predictor import Predictor
    from ensue.tasks.forecaster_file import ForecasterParts

ALONE = "(the bundled forecaster reads the target alone; training on the table can use them)"


@dataclass(frozen=True)
class Pretrained:
    """A forecaster that reads every table.

    Args:
        parts: as its file has them.
        horizon: steps ahead; None: what the table suggests.
    """

    parts: ForecasterParts
    horizon: int | None = None

    @cached_property
    def engines(self) -> tuple[Executor, ...]:
        """What runs its networks."""
        from ensue.runtime.engine import Engine

        network = self.parts.task.network()
        return tuple(Engine(network, weights) for weights in self.parts.weights)

    def before(self, df: Any, options: DataOptions, horizon: int | None = None) -> tuple[Predictor, Panel]:
        """A predictor for a table, and the table as a panel; what was found in it is said by the panel.

        Args:
            horizon: steps ahead, where this once others are asked for than always.

        Raises `DataError` for a table that cannot be used, `UsageError` for options that need training.
        """
        from ensue.data.roles import NAME_THEM, find_roles
        from ensue.data.series import build_panel

        if df is None:
            raise NotFittedError(
                "The bundled forecaster remembers no table, and none was given: give df, or fit(df) before."
            )
        frame, found = frame_of(df)
        schema = find_roles(frame, options)
        panel = build_panel(frame, schema, duplicates=options.duplicates, for_training=False)
        predictor, panel, said = self.reading(panel, horizon)
        columns = tuple(each.replace(NAME_THEM, ALONE) for each in schema.findings)
        ahead = predictor.task.horizon
        usual = f"{ahead} step{'s' * (ahead > 1)} ahead unless asked for others."
        asked = () if horizon or self.horizon else (usual,)
        return predictor, replace(panel, findings=(said[0], *found, *columns, *panel.findings, *said[1:], *asked))

    def reading(self, panel: Panel, horizon: int | None = None) -> tuple[Predictor, Panel, tuple[str, ...]]:
        """A predictor for a panel by its schema, the panel as it reads it, and what to say of that."""
        from ensue.runtime.predictor import Predictor
        from ensue.tasks.zero_shot import put_before, usual_horizon

        horizon = horizon or self.horizon or usual_horizon(panel.schema, int(np.median(panel.history)))
        task, said = put_before(self.parts.task, panel.schema, horizon)
        return Predictor(task, self.engines), replace(panel, schema=task.schema), said

    def describe(self) -> dict[str, Any]:
        """What it is, as plain values: what `Forecaster.describe` says of a trained one and holds for every table."""
        task = self.parts.task
        return {
            "task": "forecasting",
            "pretrained": "on made sequences, for every table",
            "seasons_at_most": task.slots,
            "context_length": task.context_length,
            "quantile_levels": list(task.levels),
            "networks": len(self.parts.weights),
            "parameters": task.network().parameter_count * len(self.parts.weights),
            "training": self.parts.report.to_json(),
        }


def what_became(report: TrainingReport) -> str:
    """What training made of the bundled forecaster's weights, whose score is the first of the curve."""
    before = report.curve[0][2]
    scores = f"on the windows set aside {report.validation:.3f} (MASE), before training {before:.3f}"
    if report.best_step == 0:
        return f"training did not better the bundled forecaster, which is kept as it was: {scores}."
    return f"fine-tuned from the bundled forecaster, best after {report.best_step} steps: {scores}."


def pretrained(horizon: int | None, folder: Path | None = None) -> Pretrained:
    """The bundled forecaster, or another that `ensue pretrain` has left in a folder.

    Raises `ModelFileError` where it is missing or not what its card says.
    """
    return Pretrained(bundled() if folder is None else read(folder), horizon)
