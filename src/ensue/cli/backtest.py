"""`ensue backtest`: how good the forecasts would have been, beside seasonal naive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.models import Columns, forecaster_of
from ensue.cli.options import (
    AnyModel,
    Data,
    Duplicates,
    Freq,
    Id,
    Json,
    Levels,
    Plot,
    SeasonLengths,
    Target,
    Time,
    names,
)
from ensue.cli.options import levels as parse_levels
from ensue.cli.pictures import check_picture_path, draw_backtest
from ensue.cli.results import check_not_input, check_table_path, print_json, print_line, print_scores
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.evaluation import Backtest


def backtest(
    ctx: typer.Context,
    data: Data,
    model: AnyModel = None,
    horizon: Annotated[
        int | None, typer.Option("--horizon", help="Steps of a window, without a model; two seasons unless given.")
    ] = None,
    windows: Annotated[
        int | None, typer.Option("--windows", help="Rolling origins, one horizon apart; 8 unless given, if they fit.")
    ] = None,
    levels: Levels = "80,95",
    baselines: Annotated[
        str | None, typer.Option("--baselines", metavar="ets,theta", help="Classical models to put beside.")
    ] = None,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit/--no-refit", help="Train anew on what precedes the windows, or use the weights as they are."
        ),
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Table of all forecasts: .csv, .parquet or .jsonl.")
    ] = None,
    plot: Plot = None,
    target: Target = None,
    time: Time = None,
    id: Id = None,
    freq: Freq = None,
    season_lengths: SeasonLengths = None,
    duplicates: Duplicates = None,
    json: Json = False,
) -> None:
    """Backtest a model over the last windows of a table, beside seasonal naive.

    Without a model the bundled one is scored, which has learned from no table.
    """
    voice: Voice = ctx.obj
    percentages = parse_levels(levels)
    check_table_path(out)
    check_picture_path(plot)
    check_not_input("--out", out, data)
    check_not_input("--plot", plot, data)

    from ensue.data.tables import write_table

    columns = Columns(target, time, id, freq, season_lengths, duplicates)
    if model is not None and horizon is not None:
        raise UsageError("--horizon is given beside a model, which knows it from its training: leave it out.")
    forecaster = forecaster_of(model, columns) if model is not None else forecaster_of(None, columns, horizon=horizon)
    with voice.progress(lambda: ()) as progress:
        result = forecaster.backtest(
            data,
            windows=windows,
            levels=percentages,
            baselines=names(baselines) or (),
            refit=refit,
            progress=progress,
        )
    voice.findings(result.findings)
    if out is not None:
        write_table(result.forecasts, out)
        voice.say(f"The forecasts of all windows are in {out}.")
    _print(result, json)
    if plot is not None:
        draw_backtest(result, plot, voice)


def _print(result: Backtest, as_json: bool) -> None:
    if as_json:
        tables = {"scores": result.scores.to_dicts(), "by_step": result.by_step.to_dicts()}
        print_json({"sentence": result.sentence} | tables | {"findings": result.findings})
        return
    print_scores(result.scores)
    print_line(result.sentence)
