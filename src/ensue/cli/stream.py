"""`ensue stream`: values in as they come, what was expected of them and forecasts out, in a pipe that can be cut anywhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.models import of_task
from ensue.cli.options import Levels, Model, Weights, names
from ensue.cli.options import levels as parse_levels
from ensue.errors import DataError, StorageError, UsageError

if TYPE_CHECKING:
    from ensue.cli.streaming.channels import Channels
    from ensue.cli.streaming.clock import Clock
    from ensue.cli.streaming.session import Session
    from ensue.cli.streaming.state_file import StateFile
    from ensue.data.schema import Schema
    from ensue.estimators import Forecaster


def stream(
    ctx: typer.Context,
    model: Model,
    data: Annotated[
        str, typer.Argument(metavar="[DATA]", help="Numbers, CSV or JSON lines; standard input where none is given.")
    ] = "-",
    levels: Levels = "80,95",
    horizon: Annotated[
        int | None, typer.Option("--horizon", help="Forecast this many steps after each value, too.")
    ] = None,
    every: Annotated[int, typer.Option("--every", metavar="N", help="Forecast after every Nth value only.")] = 1,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="FILE", help="Keep the state here, and go on from it.")
    ] = None,
    save_every: Annotated[
        int | None,
        typer.Option("--save-every", metavar="N", help="Save after every N values, besides every second."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="TIME", help="Time of the first value, where lines have none.")
    ] = None,
    format: Annotated[
        str, typer.Option("--format", metavar="KIND", help="Kind of the lines: auto, numbers, csv or json.")
    ] = "auto",
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="NAMES", help="Names of the columns of CSV without a header.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out lines that cannot be read, and count them.")
    ] = False,
    weights: Weights = "float32",
    json: Annotated[bool, typer.Option("--json", help="Print JSON lines, whatever the input.")] = False,
) -> None:
    """Read values as they come and print what was expected of each, at a constant cost a value.

    [bold]tail -f meter.csv | ensue stream -m load.ensue --state meter.state[/bold]
    """
    from ensue.cli.streaming.channels import Channels
    from ensue.cli.streaming.clock import Clock
    from ensue.cli.streaming.lines import check_kind
    from ensue.cli.streaming.session import Session, Wishes
    from ensue.cli.streaming.source import Interrupts, Source
    from ensue.cli.streaming.state_file import StateFile
    from ensue.estimators import load

    voice: Voice = ctx.obj
    percentages = parse_levels(levels)
    check_kind(format)
    _check_counts(horizon, every, save_every, state)
    forecaster: Forecaster = of_task(load(model, weights=weights), "forecasting", model)
    voice.findings(forecaster.findings_)
    schema = forecaster.schema
    _check_horizon(schema, horizon)
    try:
        first = None if start is None else Clock(schema).read(start)
    except DataError as error:
        raise UsageError(f"--start has {error}.") from error
    channels = Channels(forecaster, first, horizon, every)
    file = None if state is None else StateFile(state, channels, save_every)
    wishes = Wishes(percentages, horizon is not None, format, names(columns), json, skip_bad)
    session = Session(forecaster, channels, wishes, voice)
    with Interrupts() as interrupts:
        source = Source(data, interrupts)
        if file is not None:
            _resume(file, channels, Clock(schema), voice)
            if first is not None and channels.by_id:
                voice.say("--start is left aside: the streams go on from the state's own time.")
        _run(session, source.portions(_pause(file)), file, interrupts.check)


def _run(session: Session, portions: Iterator[list[str]], file: StateFile | None, check: Callable[[], None]) -> None:
    """Read to the end, and save whatever ends it."""
    voice = session.voice
    try:
        for portion in portions:
            while portion:
                room = len(portion) if file is None or file.room is None else max(file.room, 1)
                session.read(portion[:room])
                portion = portion[room:]
                _write(session.taken())
                if file is not None:
                    file.save_if_due()
                check()
    except BaseException as end:
        try:
            with contextlib.suppress(BrokenPipeError):
                _write(session.taken())
        finally:
            _save(file)
        if file is not None and isinstance(end, (KeyboardInterrupt, SystemExit)):
            voice.say(f"Interrupted: {file.path} has the state after {session.channels.rows} values.")
            if isinstance(end, KeyboardInterrupt):
                raise typer.Exit(130) from None  # nothing is left to be said
        raise
    _save(file)
    _say_how_it_went(session, file)


def _pause(file: StateFile | None) -> Callable[[], float | None]:
    """What to do before waiting for lines; where waiting cannot end in time for a saving, save before."""
    if file is None:
        return lambda: None
    return file.save_if_due if os.name == "posix" else file.save_if_unsaved


def _write(text: str) -> None:
    if not text:
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"The answers cannot be written: {error.strerror}; write them to another place.") from error


def _save(file: StateFile | None) -> None:
    if file is not None:
        file.save()


def _resume(file: StateFile, channels: Channels, clock: Clock, voice: Voice) -> None:
    """Set the streams to where the state file says, and say it."""
    if not file.restore():
        file.save()  # so that a file that cannot be written is found out before anything is read
        return
    voice.say(f"Resumed from {file.path}.")
    for channel in channels.by_id.values():
        subject = "The stream" if channel.id is None else f"Series '{channel.id}'"
        steps, last = channel.stream.steps, channel.last
        at = "" if last is None or last == steps - 1 else f", the last at {clock.name(last)}"  # not for mere counts
        voice.say(f"{subject} has read {steps} steps{at}.")


def _say_how_it_went(session: Session, file: StateFile | None) -> None:
    channels, said = session.channels, []
    if channels.skipped:
        said.append(f"{channels.skipped} rows were read before and left out.")
    if session.bad:
        lines = "line" if len(session.bad) == 1 else "lines"
        said.append(f"{len(session.bad)} {lines} could not be read. {session.bad[0]}.")
    session.voice.findings(said)
    kept = "" if file is None else f"; the state is in {file.path}"
    session.voice.say(f"{channels.rows} values read{kept}.")


def _check_counts(horizon: int | None, every: int, save_every: int | None, state: Path | None) -> None:
    """Refuse counts that cannot be, and those that count nothing."""
    if every < 1:
        raise UsageError(f"--every is {every}, expected 1 or more.")
    if every > 1 and horizon is None:
        raise UsageError("--every says how often to forecast, and no forecast is asked for: give --horizon, too.")
    if save_every is not None and save_every < 1:
        raise UsageError(f"--save-every is {save_every}, expected 1 or more.")
    if save_every is not None and state is None:
        raise UsageError("--save-every says how often to save, and nothing is saved: give --state FILE, too.")


def _check_horizon(schema: Schema, horizon: int | None) -> None:
    """Refuse a horizon that is no number of steps, or whose covariates nobody tells."""
    from ensue.runtime.predictor import check_horizon

    if horizon is None:
        return
    check_horizon(horizon)
    if schema.future:
        known = ", ".join(each.name for each in schema.future)
        raise UsageError(
            f"--horizon {horizon} would need {known} ahead, which a stream of lines does not tell: leave --horizon out, or "
            "forecast in Python with stream.forecast(future=...)."
        )
