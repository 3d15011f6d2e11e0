"""`ensue inspect`: what the gates did, what is in memory since when, and how far back a forecaster really looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.models import Columns, forecaster_of
from ensue.cli.options import AnyModel, Data, Json, names
from ensue.cli.results import check_not_input, print_json, print_line
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.inspection.whole import Inspection

BAR = 40
"""Characters of the longest bar."""


def inspect(
    ctx: typer.Context,
    data: Data,
    model: AnyModel = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.html", help="One page with everything, to look at.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="The series, where the table has several.")] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="STAMP", help="Explain the forecast of this step; of the next one unless given."),
    ] = None,
    ahead: Annotated[int, typer.Option("--ahead", help="Measure and explain forecasts so many steps ahead.")] = 1,
    probe: Annotated[
        str | None, typer.Option("--probe", metavar="A,B", help="Columns of numbers to look for in the memory.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="Steps at the end of the series to show.")] = 10_000,
    json: Json = False,
) -> None:
    """Look inside a forecaster: gates, memory, how far back it looks, and why it forecasts what it does."""
    voice: Voice = ctx.obj
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--output is '{out}', expected a file that ends in .html.")
    check_not_input("--output", out, data)
    if out is not None and not out.parent.is_dir():
        raise UsageError(
            f"--output is '{out}', and its folder does not exist: create it first or choose another place."
        )

    from ensue.data.tables import read_table

    forecaster = forecaster_of(model, Columns())
    voice.findings(getattr(forecaster, "findings_", ()))
    table = read_table(data)
    voice.findings(table.findings)
    found = forecaster.inspect(table.frame, id=id, at=at, ahead=ahead, probe=names(probe) or (), steps=steps)
    voice.findings(forecaster.inspection_findings_)
    if out is not None:
        found.report(out)
        voice.say(f"The report is in {out}.")
    if json:
        print_json(found.to_json())
    elif out is None:
        print_line(str(found))
        for line in bars(found):
            print_line(line)


def bars(found: Inspection) -> list[str]:
    """Where the influence comes from, as bars for a terminal; nothing where that was not measured."""
    from ensue.inspection.attribution import lag_buckets
    from ensue.inspection.words import lags_in_words, percent

    if found.main_reach is None:
        return []
    influence = found.main_reach.resampled
    rows = []
    for first, last in lag_buckets(int(influence.first[0]), found.main_reach.longest):
        inside = (influence.first >= first) & (influence.first <= last)  # a stretch counts where it begins
        rows.append((lags_in_words(found, first, last), float(influence.shares[inside].sum())))
    margin, most = max(len(label) for label, _ in rows), max(max(share for _, share in rows), 1e-12)
    return [
        "",
        "Where the influence comes from:",
        *(f"  {label:<{margin}}  {'█' * round(BAR * share / most):<{BAR}} {percent(share)}" for label, share in rows),
    ]
