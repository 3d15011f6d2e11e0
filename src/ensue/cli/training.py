"""What every `ensue train TASK` does around the training itself: where the model goes, its checkpoint, Ctrl-C, the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ensue.cli.console import Voice, duration
from ensue.cli.results import check_writable, print_json, print_line
from ensue.errors import UsageError
from ensue.reports import Progress, TrainingReport

TRAINING = "Training"

Output = Annotated[Path, typer.Option("--output", "-o", metavar="MODEL", help="Model file to write.")]
Preset = Annotated[
    str | None,
    typer.Option("--preset", metavar="fast|default|thorough", help="How large and how long.", rich_help_panel=TRAINING),
]
Steps = Annotated[int | None, typer.Option("--steps", help="Training steps at most.", rich_help_panel=TRAINING)]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Seed of everything random; 0 unless given.", rich_help_panel=TRAINING)
]
Threads = Annotated[
    int | None, typer.Option("--threads", help="Processor threads; one unless given.", rich_help_panel=TRAINING)
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="auto|cpu|cuda|mps", help="Where to train; auto unless given.", rich_help_panel=TRAINING
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on from the checkpoint of a training that stopped.", rich_help_panel=TRAINING),
]

M = TypeVar("M")
Fit = Callable[[Path, Callable[[Progress], None]], object]
"""Fits the model, given the checkpoint's path and who is to be told of progress."""


def train_to(
    output: Path,
    model: M,
    fit: Fit,
    *,
    voice: Voice,
    resume: bool,
    json: bool,
    result: Callable[[M], str],
    scores: Callable[[M], dict[str, Any]] | None = None,
) -> M:
    """Fit a model and write it to `output`, with a checkpoint beside it until that is done.

    Args:
        model: an estimator that `fit` fits.
        result: the line or lines to print once it is trained.
        scores: what JSON says beside the validation score.

    Ctrl-C writes the best so far and leaves with exit code 130. Raises `UsageError` or `StorageError` before any training
    where the output could not be written.
    """
    anything: Any = model
    check_output(output)
    checkpoint = checkpoint_of(output, voice, resume)
    with voice.progress(lambda: anything.findings_) as progress, left_of(checkpoint, voice):
        fit(checkpoint, progress)
    voice.findings(anything.findings_)
    anything.save(output)
    report: TrainingReport = anything.report_
    if json:
        told = ("steps", "seconds", "stopped", "validation", "baseline", "best_step")
        of_all = {"model": str(output), "measure": report.measure.name} | {name: getattr(report, name) for name in told}
        print_json(of_all | (scores(model) if scores is not None else {}))
    else:
        print_line(f"{output}: {report.steps} steps in {duration(report.seconds)}; stopped: {report.stopped}.")
        print_line(result(model))
    if report.stopped == "interrupted":
        voice.say(f"Interrupted: {output} has the best so far; the same command with --resume goes on.")
        raise typer.Exit(130)
    remove(checkpoint)
    return model


def given(**flags: Any) -> dict[str, Any]:
    """The flags that were given: a flag wins over the configuration file, silence does not."""
    return {name: value for name, value in flags.items() if value is not None}


def check_output(output: Path) -> None:
    """Refuse before training what would fail after it."""
    if output.is_dir():
        raise UsageError(f"-o {output} is a folder, expected a file: give -o {output / 'model.ensue'}, for example.")
    check_writable("-o", output)


def checkpoint_of(output: Path, voice: Voice, resume: bool) -> Path:
    """Where the checkpoint of a training goes; the training itself replaces one of an earlier one, once it begins.

    Says what will be replaced: a training that goes on replaces the model it left, so that is no news.
    """
    checkpoint = output.with_name(output.name + ".checkpoint")
    if resume and not written(checkpoint):
        raise UsageError(f"There is no checkpoint {checkpoint} to go on from: train without --resume.")
    if written(checkpoint) and not resume:
        voice.say(f"- {checkpoint} of an earlier training will be replaced: --resume would go on from it.")
    if output.exists() and not resume:
        voice.say(f"- {output} exists and will be replaced.")
    return checkpoint


@contextmanager
def left_of(checkpoint: Path, voice: Voice) -> Iterator[None]:
    """Say what Ctrl-C leaves where there is no best so far: before the first step, or while what was learned is measured."""
    before = _marks(checkpoint)
    try:
        yield
    except KeyboardInterrupt:
        if _marks(checkpoint) == before:
            voice.say("Interrupted: nothing was written.")
        else:
            voice.say("Interrupted: no model was written; the same command with --resume goes on.")
        raise typer.Exit(130) from None


def _marks(checkpoint: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in written(checkpoint)}


def written(checkpoint: Path) -> list[Path]:
    """The files of a training's checkpoint: one, or one for each network of an ensemble."""
    return [checkpoint] * checkpoint.exists() + sorted(checkpoint.parent.glob(f"{escape(checkpoint.name)}-*"))


def remove(checkpoint: Path) -> None:
    for file in written(checkpoint):
        file.unlink(missing_ok=True)
