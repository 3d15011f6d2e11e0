"""What a forecaster's model file holds beside its weights: the task, the options, and the recent rows of each series.

The recent rows let `predict()` go on from the training data without the table, and their stamps tell a later backtest what
the network has already seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.config import DataOptions, TrainOptions
from ensue.data.panel import Panel
from ensue.errors import ModelFileError
from ensue.reports import TrainingReport
from ensue.tasks.forecasting import ForecastingTask

Weights = dict[str, NDArray[Any]]

DEEPEST = 1000
"""Layers that no network comes near."""
LONGEST = 1_000_000
"""Steps that no horizon, context or season of a forecaster in use comes near."""


@dataclass(frozen=True)
class ForecasterParts:
    """A forecaster taken apart."""

    task: ForecastingTask
    weights: tuple[Weights, ...]
    recent: Panel
    ends: dict[str, Any]
    report: TrainingReport
    data: DataOptions
    train: TrainOptions


def recent(panel: Panel, rows: int) -> Panel:
    """The panel with the last `rows` of each series' history only, and its future rows."""
    total = np.diff(panel.offsets)
    drop = np.maximum(panel.history - rows, 0)
    keep = np.concatenate([np.arange(o + d, o + t) for o, d, t in zip(panel.offsets, drop, total, strict=False)])
    offsets = np.concatenate([[0], np.cumsum(total - drop)])
    return replace(
        panel,
        offsets=offsets,
        history=panel.history - drop,
        times=panel.times[keep],
        y=panel.y[keep],
        past=panel.past[keep],
        future=panel.future[keep],
        findings=(),
    )


def ends(panel: Panel) -> dict[str, Any]:
    """The stamp of the last known target of each series."""
    last = panel.times[panel.offsets[:-1] + panel.history - 1]
    return dict(zip(panel.ids, last.tolist() if last.dtype.kind != "M" else last, strict=True))


def contents(
    task: ForecastingTask,
    weights: Sequence[Weights],
    recent_rows: Panel,
    report: TrainingReport,
    options: tuple[DataOptions, TrainOptions],
) -> tuple[Weights, dict[str, Any]]:
    """The arrays and the description of a model file."""
    arrays = {f"members.{i}.{name}": array for i, member in enumerate(weights) for name, array in member.items()}
    times = recent_rows.times
    arrays |= {
        "data.offsets": recent_rows.offsets,
        "data.history": recent_rows.history,
        "data.times": times.astype("datetime64[us]").astype(np.int64) if times.dtype.kind == "M" else times,
        "data.y": recent_rows.y,
        "data.past": recent_rows.past,
        "data.future": recent_rows.future,
        "data.static": recent_rows.static,
    }
    data, train = options
    description = {
        "task": "forecasting",
        "forecasting": task.to_json(),
        "network": task.network().to_json(),
        "members": len(weights),
        "series": list(recent_rows.ids),
        "report": report.to_json(),
        "options": {"data": asdict(data), "train": asdict(train)},
    }
    return arrays, description


def restore(arrays: Mapping[str, NDArray[Any]], description: dict[str, Any]) -> ForecasterParts:
    """The parts of a forecaster from its file. Raises `ModelFileError` where something is missing or does not fit."""
    try:
        task = ForecastingTask.from_json(description["forecasting"])
        _check_task(task)
        members = int(description["members"])
        if not 1 <= members <= len(arrays):
            raise ValueError(f"it has {members} members")
        weights = tuple(
            {name.split(".", 2)[2]: array for name, array in arrays.items() if name.startswith(f"members.{i}.")}
            for i in range(members)
        )
        times = arrays["data.times"]
        recent_rows = Panel(
            schema=task.schema,
            ids=tuple(map(str, description["series"])),
            offsets=arrays["data.offsets"],
            history=arrays["data.history"],
            times=times.astype("datetime64[us]") if task.schema.frequency.has_stamps else times,
            y=arrays["data.y"],
            past=arrays["data.past"],
            future=arrays["data.future"],
            static=arrays["data.static"],
            findings=(),
        )
        _check_rows(recent_rows)
        options = description["options"]
        parts = ForecasterParts(
            task,
            weights,
            recent_rows,
            ends(recent_rows),
            TrainingReport.from_json(description["report"]),
            DataOptions(**_tuples(options["data"])),
            TrainOptions(**_tuples(options["train"])),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(
            f"The model file lacks part of a forecaster, or holds it in another form ({error}): save the model again."
        ) from error
    return parts


def _check_task(task: ForecastingTask) -> None:
    """Refuse a task that cannot be; its network refuses sizes and levels that cannot be."""
    if not 1 <= task.sizes.layers <= DEEPEST:
        raise ValueError(f"it has {task.sizes.layers} layers")
    task.network()
    lengths = (task.horizon, task.context_length, *task.schema.seasons)
    if not all(1 <= length <= LONGEST for length in lengths):
        raise ValueError(f"its horizon, context and seasons are {lengths}")
    if 0.5 not in task.levels or len(task.widths) != len(task.levels):
        raise ValueError("its quantile levels lack a median, or widths")
    if not (np.isfinite(task.widths).all() and min(task.widths) > 0):
        raise ValueError("its widths are no positive numbers")


def _check_rows(panel: Panel) -> None:
    """Refuse recent rows whose counts do not fit together."""
    rows, series = len(panel.y), len(panel.ids)
    total = np.diff(panel.offsets)
    fits = (
        panel.offsets.shape == (series + 1,)
        and panel.history.shape == (series,)
        and bool((panel.offsets[[0, -1]] == (0, rows)).all())
        and bool(((total >= panel.history) & (panel.history > 0)).all())
        and panel.y.shape == panel.times.shape == (rows,)
        and panel.past.shape == (rows, len(panel.schema.past))
        and panel.future.shape == (rows, len(panel.schema.future))
        and panel.static.shape == (series, len(panel.schema.static))
    )
    if not fits:
        raise ValueError("its recent rows do not fit together")


def _tuples(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
