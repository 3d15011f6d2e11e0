"""`ensue forecast`: a table and a model in, a table of quantiles and a picture out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.options import Data, Json, Levels, Model, Plot, Weights
from ensue.cli.options import levels as parse_levels
from ensue.cli.pictures import check_picture_path, draw_forecast
from ensue.cli.results import check_table_path, print_json


def forecast(
    ctx: typer.Context,
    data: Data,
    model: Model,
    horizon: Annotated[
        int | None, typer.Option("--horizon", help="Steps ahead; those trained for unless given.")
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
    weights: Weights = "float32",
    json: Json = False,
) -> None:
    """Forecast what comes next after the last rows of a table."""
    voice: Voice = ctx.obj
    percentages = parse_levels(levels)
    check_table_path(out)
    check_picture_path(plot)

    from ensue.data.tables import read_table, write_table
    from ensue.estimators import load

    forecaster = load(model, weights=weights)
    voice.findings(forecaster.findings_)
    table = read_table(data)
    voice.findings(table.findings)
    result = forecaster.predict(table.frame, horizon=horizon, levels=percentages, future=future_data)
    voice.findings(forecaster.prediction_findings_)
    if out is not None:
        write_table(result, out)
        voice.say(f"The forecast is in {out}.")
    if json:
        print_json(
            {
                "findings": [*forecaster.findings_, *table.findings, *forecaster.prediction_findings_],
                "forecast": result.to_dicts(),
            }
        )
    elif out is None and plot != "-":
        write_table(result, "-")
    if plot is not None:
        draw_forecast(forecaster, table.frame, result, plot, voice)
