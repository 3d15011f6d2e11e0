"""`ensue train melody`: a folder of tunes in, a composer out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.options import Json
from ensue.cli.training import TRAINING, Device, Output, Preset, Resume, Seed, Steps, Threads, given, train_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from ensue.estimators.composer import Composer
    from ensue.reports import Progress

NOTES = "Notes"


def melody(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of MIDI and ABC files, or one such file.")],
    output: Output,
    polyphonic: Annotated[
        bool,
        typer.Option(
            "--polyphonic", help="Learn all voices, as chords of a piano roll; else one.", rich_help_panel=NOTES
        ),
    ] = False,
    grid: Annotated[
        int | None,
        typer.Option("--grid", help="Steps to a quarter note; found in the tunes unless given.", rich_help_panel=NOTES),
    ] = None,
    transpose: Annotated[
        int | None,
        typer.Option("--transpose", help="Semitones up and down to learn each tune in.", rich_help_panel=NOTES),
    ] = None,
    preset: Preset = None,
    hidden_size: Annotated[
        int | None, typer.Option("--hidden-size", help="Units of a layer.", rich_help_panel=TRAINING)
    ] = None,
    layers: Annotated[int | None, typer.Option("--layers", help="LSTM layers.", rich_help_panel=TRAINING)] = None,
    dropout: Annotated[
        float | None, typer.Option("--dropout", help="Share of features left out.", rich_help_panel=TRAINING)
    ] = None,
    steps: Steps = None,
    seed: Seed = None,
    threads: Threads = None,
    device: Device = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a composer on a folder of tunes.

    Every file that is refused is named with its reason. Ctrl-C keeps the best so far.
    """
    from ensue.estimators.composer import Composer

    voice: Voice = ctx.obj
    options = given(
        grid=grid,
        transpose=transpose,
        preset=preset,
        hidden_size=hidden_size,
        layers=layers,
        dropout=dropout,
        steps=steps,
        seed=seed,
        threads=threads,
        device=device,
    )
    model = Composer(coding="chords" if polyphonic else "melody", **options)

    def fit(checkpoint: Path, progress: Callable[[Progress], None]) -> None:
        model.fit(folder, checkpoint=checkpoint, resume=resume, progress=progress)

    train_to(
        output,
        model,
        fit,
        voice=voice,
        resume=resume,
        json=json,
        result=_result,
    )


def _result(model: Composer) -> str:
    from ensue.estimators.base import better_than_baseline

    return better_than_baseline(model.report_)
