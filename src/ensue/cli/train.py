"""`ensue train forecast`: a table of series in, a model file out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice, duration
from ensue.cli.options import (
    COLUMNS,
    Data,
    Duplicates,
    Freq,
    Id,
    Json,
    SeasonLengths,
    Target,
    Time,
    names,
    season,
)
from ensue.cli.results import check_not_input, print_json, print_line
from ensue.cli.train_action import train_action
from ensue.cli.train_caption import train_caption
from ensue.cli.train_classify import train_classify
from ensue.cli.train_command import train_command
from ensue.cli.train_melody import melody
from ensue.cli.train_speech import train_speech
from ensue.cli.train_text import text
from ensue.cli.train_translate import train_translate
from ensue.cli.training import TRAINING, check_output, checkpoint_of, given, left_of, remove
from ensue.config import PRESETS, DataOptions, TrainOptions, load_config

if TYPE_CHECKING:
    from ensue.estimators import Forecaster

app = typer.Typer(no_args_is_help=True, help="Train a model for a task.")


@app.callback()
def task() -> None:
    """Train a model for a task."""


app.command("text")(text)
app.command("classify")(train_classify)
app.command("translate")(train_translate)
app.command("melody")(melody)
app.command("command")(train_command)
app.command("caption")(train_caption)
app.command("speech")(train_speech)
app.command("action")(train_action)


@app.command("forecast")
def forecast(
    ctx: typer.Context,
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL", help="Model file to write.")],
    horizon: Annotated[int | None, typer.Option("--horizon", help="Steps ahead to train for; 30 unless given.")] = None,
    target: Target = None,
    time: Time = None,
    id: Id = None,
    past: Annotated[
        str | None,
        typer.Option("--past", metavar="A,B", help="Covariates known only up to now.", rich_help_panel=COLUMNS),
    ] = None,
    future: Annotated[
        str | None,
        typer.Option("--future", metavar="A,B", help="Covariates known ahead of time.", rich_help_panel=COLUMNS),
    ] = None,
    static: Annotated[
        str | None,
        typer.Option("--static", metavar="A,B", help="Covariates that never change.", rich_help_panel=COLUMNS),
    ] = None,
    freq: Freq = None,
    season_lengths: SeasonLengths = None,
    duplicates: Duplicates = None,
    holidays: Annotated[
        str | None,
        typer.Option("--holidays", metavar="US", help="Country of public holidays.", rich_help_panel=COLUMNS),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE.toml", help="Options from a file; flags come first."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="|".join(PRESETS),
            help="How much to train.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", metavar="auto|cpu|cuda|mps", help="Where to train; auto unless given.", rich_help_panel=TRAINING
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="Processor threads.", rich_help_panel=TRAINING)
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Training steps at most.", rich_help_panel=TRAINING)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of everything random; 0 unless given.", rich_help_panel=TRAINING)
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on from the checkpoint of a training that stopped.", rich_help_panel=TRAINING
        ),
    ] = False,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Begin with this model's weights; bundled: with those of the package.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train a forecaster on a table of series.

    What is not said is found in the data: separator, time column, target, frequency, seasons.
    Ctrl-C keeps the best so far.
    """
    voice: Voice = ctx.obj
    data_options, train_options = load_config(config) if config is not None else (DataOptions(), TrainOptions())
    data_options = replace(
        data_options,
        **given(
            target=target,
            time=time,
            id=id,
            past=names(past),
            future=names(future),
            static=names(static),
            freq=freq,
            season=season(season_lengths),
            duplicates=duplicates,
            holidays=holidays,
        ),
    )
    train_options = replace(
        train_options,
        **given(horizon=horizon, preset=preset, device=device, threads=threads, steps=steps, seed=seed),
    )
    check_output(output)
    check_not_input("-o", output, data)
    checkpoint = checkpoint_of(output, voice, resume)

    from ensue.estimators import Forecaster

    forecaster = Forecaster.from_options(data_options, train_options)
    with voice.progress(lambda: getattr(forecaster, "findings_", ())) as progress, left_of(checkpoint, voice):
        begin = "bundled" if start_from is not None and str(start_from) == "bundled" else start_from
        forecaster.fit(data, checkpoint=checkpoint, resume=resume, start_from=begin, progress=progress)
    voice.findings(forecaster.findings_)
    forecaster.save(output)
    _report(forecaster, output, json)
    if forecaster.report_.stopped == "interrupted":
        voice.say(f"Interrupted: {output} has the best so far; the same command with --resume goes on.")
        raise typer.Exit(130)
    remove(checkpoint)


def _report(forecaster: Forecaster, output: Path, as_json: bool) -> None:
    report = forecaster.report_
    if as_json:
        fields = ("steps", "seconds", "stopped", "validation", "baseline", "best_step")
        print_json({"model": str(output)} | {name: getattr(report, name) for name in fields})
        return
    print_line(f"{output}: {report.steps} steps in {duration(report.seconds)}; stopped: {report.stopped}.")
    if report.validation < report.baseline:
        better = f"{1 - report.validation / report.baseline:.0%} better"
    else:
        better = "no better: seasonal naive is the forecast to use"
    print_line(f"Validation {report.validation:.3g}, seasonal naive {report.baseline:.3g}: {better}.")
