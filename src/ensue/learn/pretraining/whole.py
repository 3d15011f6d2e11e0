"""The bundled forecaster from nothing: its task, its training, and the files it leaves.

A folder holds what a run leaves: the model, its card with the curve of training, and the checkpoint to go on from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ensue import __version__
from ensue.config import DataOptions, PretrainOptions, TrainOptions
from ensue.data.panel import Panel
from ensue.data.schema import Schema
from ensue.errors import ModelFileError
from ensue.learn.devices import device_of, threads
from ensue.learn.forecasting import begin_near_the_anchors
from ensue.learn.loop import LoopOptions, train
from ensue.learn.modules import build, weights_to_numpy
from ensue.learn.pretraining.trainer import Objective, hold_out
from ensue.model_file import save_model
from ensue.reports import Progress, TrainingReport
from ensue.storage import write_atomically
from ensue.tasks.forecaster_file import contents
from ensue.tasks.forecasting import ForecastingTask, Sizes

SLOTS = 2
"""Seasons the network is told of: a day and its week, a week and its year."""
FARTHEST = 96
"""Steps ahead beyond which its bands are a guess at any spacing; at most spacings it was asked for fewer."""
MODEL, CARD, CHECKPOINT = "forecaster.ensue", "card.json", "checkpoint.safetensors"


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    folder: Path
    report: TrainingReport
    parameters: int


def task_for(options: PretrainOptions) -> ForecastingTask:
    """The task of the bundled forecaster, before it knows a table."""
    sizes = Sizes(options.hidden_size, options.layers, options.blocks)
    schema = Schema(id=None, time=None, target="y")
    return ForecastingTask(schema, FARTHEST, options.context_length, sizes, slots=SLOTS, alone=True)


def pretrain(
    options: PretrainOptions,
    folder: str | Path,
    *,
    resume: bool = False,
    command: str = "",
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train on made sequences and write model and card.

    Args:
        folder: made if it is not there.
        resume: go on from the folder's checkpoint.
        command: for the card.

    Ctrl-C ends early with the best weights so far. Raises `ModelFileError` where there is nothing to resume from, and
    `TrainingError` when the loss is no longer a number.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / CHECKPOINT
    if resume and not checkpoint.exists():
        raise ModelFileError(f"There is no checkpoint {checkpoint} to resume from: pretrain without --resume first.")
    task = task_for(options)
    device = device_of(options.device)
    with threads(options.threads):
        torch.manual_seed(options.seed)
        module = build(task.network())
        begin_near_the_anchors(module, len(task.levels))
        module.to(device)
        objective = Objective(module, task, hold_out(task, options.held_out, options.batch_steps // 2), options)
        loop = LoopOptions(
            options.steps,
            options.learning_rate,
            warm_up=200,
            validate_every=options.validate_every,
            patience=options.steps,
            seed=options.seed,
        )
        mark = hashlib.sha256(json.dumps(asdict(options), sort_keys=True).encode()).hexdigest()
        try:
            report = train(
                module, objective, loop, checkpoint=checkpoint, resume=resume, fingerprint=mark, progress=progress
            )
        finally:
            objective.close()
        task = replace(task, widths=objective.widths())
    arrays, description = contents(
        task, [weights_to_numpy(module)], _nothing(task), report, (DataOptions(), TrainOptions(horizon=FARTHEST))
    )
    save_model(folder / MODEL, arrays, description)
    _write_card(folder, options, report, task, command)
    return Run(folder, report, task.network().parameter_count)


def _nothing(task: ForecastingTask) -> Panel:
    """A panel without a series: no table was learned from."""
    none, no_rows = np.empty((0, 0)), np.empty(0)
    offsets, history = np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64)
    return Panel(task.schema, (), offsets, history, np.empty(0, dtype=np.int64), no_rows, none, none, none, ())


def _write_card(
    folder: Path, options: PretrainOptions, report: TrainingReport, task: ForecastingTask, command: str
) -> None:
    card: dict[str, Any] = {
        "sha256": hashlib.sha256((folder / MODEL).read_bytes()).hexdigest(),
        "what": "a forecaster pretrained on made sequences alone; no measured series was learned from",
        "parameters": task.network().parameter_count,
        "command": command,
        "ensue": __version__,
        "torch": str(torch.__version__),
        "device": str(device_of(options.device)),
        "seed": options.seed,
        "steps": report.steps,
        "options": asdict(options),
        "report": report.to_json(),
    }
    text = json.dumps(card, indent=1) + "\n"
    write_atomically(folder / CARD, lambda file: file.write(text.encode()))
