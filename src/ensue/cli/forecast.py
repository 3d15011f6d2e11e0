"""`ensue forecast`: a table and a model in, a table of quantiles and a picture out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    Weights,
)
from ensue.cli.options import levels as parse_levels
from ensue.cli.pictures import check_picture_path, draw_forecast
from ensue.cli.results import check_not_input, check_table_path, print_json


def forecast(
    ctx: typer.Context,
    data: Data,
    model: AnyModel = None,
    horizon: Annotated[
        int | None, typer.Option("--horizon", help="Steps ahead; those trained for, or two seasons, unless given.")
    ] = None,
    levels: Levels = "80,95",
    future_data: Annotated[
        str | None, typer.Option("--future-data", metavar="FILE", help="Future values of the known covariates.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Table to write: .csv, .parquet or .jsonl. Without it: CSV on stdout."
        ),
    ] = None,
    plot: Plot = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Ask twice, once with the values upside down, and give the mean; worth a try."),
    ] = False,
    target: Target = None,
    time: Time = None,
    id: Id = None,
    freq: Freq = None,
    season_lengths: SeasonLengths = None,
    duplicates: Duplicates = None,
    weights: Weights = "float32",
    json: Json = False,
) -> None:
    """Forecast what comes next after the last rows of a table.

    Without a model it is forecast by the bundled one, which was pretrained and needs no training.
    """
    voice: Voice = ctx.obj
    percentages = parse_levels(levels)
    check_table_path(out)
    check_picture_path(plot)
    check_not_input("--out", out, data)
    check_not_input("--plot", plot, data)

    from ensue.data.tables import read_table, write_table

    columns = Columns(target, time, id, freq, season_lengths, duplicates)
    forecaster = forecaster_of(model, columns, weights)
    before = getattr(forecaster, "findings_", ())
    voice.findings(before)
    table = read_table(data)
    voice.findings(table.findings)
    result = forecaster.predict(table.frame, horizon=horizon, levels=percentages, future=future_data, thorough=thorough)
    voice.findings(forecaster.prediction_findings_)
    if out is not None:
        write_table(result, out)
        voice.say(f"The forecast is in {out}.")
    if json:
        print_json(
            {
                "findings": [*before, *table.findings, *forecaster.prediction_findings_],
                "forecast": result.to_dicts(),
            }
        )
    elif out is None and plot != "-":
        write_table(result, "-")
    if plot is not None:
        draw_forecast(forecaster, table.frame, result, plot, voice)
