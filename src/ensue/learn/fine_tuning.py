"""Going on from a forecaster that reads every table: the same network, for one table and what stands beside its target.

It begins as it was. Covariates, and the calendar that comes with them, are new inputs whose weights begin at zero, so that
before the first step it answers as if they were not there; what it is worth then is what training has to better.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.config import TrainOptions
from ensue.data.panel import Panel
from ensue.errors import UsageError
from ensue.network import EmbedColumns
from ensue.tasks.forecasting import ForecastingTask
from ensue.tasks.zero_shot import in_slots

Weights = dict[str, NDArray[Any]]

FINE_TUNING_RATE = 1e-3
"""Highest learning rate where none is given: a quarter of that of a network that knows nothing yet."""
FINE_TUNING_STEPS = 800
"""Training steps at most where none are given; what it has to learn of one more table it has learned by then."""
SHORTEST_CONTEXT = 16


def reads_every_table(task: ForecastingTask) -> bool:
    """Whether a network was made for no table in particular, as the bundled forecaster."""
    return task.slots is not None and task.alone


def check_sizes_left_alone(options: TrainOptions) -> None:
    """Raise `UsageError` where a size is asked for that the network, which is there already, does not have."""
    for name in ("hidden_size", "layers", "context_length"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"{name} is given, and the pretrained network has its own: leave it out, or train from nothing with "
                "Forecaster(...)."
            )


def fine_tuned(task: ForecastingTask, before: ForecastingTask, panel: Panel) -> ForecastingTask:
    """The task of a table, for the network of `before`; alone again where nothing stands beside the target."""
    schema, _ = in_slots(task.schema, before.slots or 0)
    longest = int(panel.history.max()) - task.horizon
    context = max(min(before.context_length, longest), SHORTEST_CONTEXT)
    mine = replace(
        task,
        schema=schema,
        sizes=before.sizes,
        slots=before.slots,
        context_length=context,
        levels=before.levels,
        widths=before.widths,
    )
    return replace(mine, alone=mine.input_names == mine.reader.feature_names)


def widened(weights: Weights, before: ForecastingTask, task: ForecastingTask) -> Weights:
    """The weights with zeros for inputs that the network before did not have.

    New inputs stand behind those it had. Where some are categories, the layer that embeds them stands before all others.
    """
    old, new = before.network(), task.network()
    if old == new:
        return weights
    embeds = isinstance(new.layers[0], EmbedColumns)
    moved = {_later(name) if embeds else name: array for name, array in weights.items()}
    shapes = new.parameters()
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        if name not in moved:  # a table of embeddings; what it says is not listened to yet
            moved[name] = random.normal(0.0, 0.1, shape).astype(np.float32)
        elif moved[name].shape != shape:
            wide = np.zeros(shape, moved[name].dtype)
            wide[:, : moved[name].shape[1]] = moved[name]
            moved[name] = wide
    return moved


def settled(calibrated: ForecastingTask, before: ForecastingTask) -> ForecastingTask:
    """The calibrated task with its bands half-way back to the width they had on made sequences, by ratio.

    Windows set aside at the end of a table share what happened then. What many sequences have taught is no worse a witness:
    over the real series that choices were made on, half-way held the nominal share best, better than either alone.
    """
    pairs = zip(calibrated.widths, before.widths, strict=True)
    return replace(calibrated, widths=tuple(float(np.sqrt(one * other)) for one, other in pairs))


def _later(name: str) -> str:
    """The parameter's name in a network that has one more layer in front."""
    layers, place, rest = name.split(".", 2)
    return f"{layers}.{int(place) + 1}.{rest}"
