"""A forecaster that has learned from no table, put before one: which seasons it is told of, how far ahead is asked."""

from __future__ import annotations

from dataclasses import replace

from ensue.data.schema import Schema
from ensue.errors import UsageError
from ensue.tasks.forecasting import ForecastingTask

CALLED = "the bundled forecaster, pretrained on made sequences: nothing was learned from this table."
WITHOUT_SEASON = 12
"""Steps ahead where there is no season."""
MOST_AHEAD = 96
"""Steps ahead unless asked for more."""


def put_before(task: ForecastingTask, schema: Schema, horizon: int) -> tuple[ForecastingTask, tuple[str, ...]]:
    """The task of a table that the network has never seen, and what to say of it.

    Raises `UsageError` where covariates were named, which only training can make use of.
    """
    named = [each.name for each in (*schema.future, *schema.past, *schema.static)]
    if named or schema.holidays:
        what = f"covariates ({', '.join(named)})" if named else "holidays"
        raise UsageError(
            f"The bundled forecaster reads the target alone, and {what} were named: leave them out, or train on the table "
            "with fit(df), on the command line with ensue train forecast --from bundled."
        )
    schema, said = in_slots(schema, task.slots or 0)
    if not schema.frequency.is_regular:
        said = (*said, "rows have no regular spacing and are read as equal steps.")
    return replace(task, schema=schema, horizon=horizon), (CALLED, *said)


def in_slots(schema: Schema, slots: int) -> tuple[Schema, tuple[str, ...]]:
    """The schema with no more seasons than there is room for, the shortest ones, and a word where some were left out."""
    seasons = tuple(season for season in schema.seasons if season > 1)
    if len(seasons) <= slots:
        return schema, ()
    left = " and ".join(map(str, seasons[slots:]))
    return replace(schema, seasons=seasons[:slots]), (
        f"the pretrained network has room for {slots} seasons: {left} steps are left out.",
    )


def usual_horizon(schema: Schema, rows: int) -> int:
    """Steps ahead that someone might ask for: two seasons, one where it is long, a third of the history at most.

    Args:
        rows: of the history of a usual series.

    >>> from ensue.data.frequency import Frequency
    >>> hourly = Schema(None, "ds", "y", frequency=Frequency("hour"), seasons=(24, 168))
    >>> usual_horizon(hourly, rows=1000), usual_horizon(hourly, rows=60)
    (48, 20)
    """
    season = schema.seasons[0] if schema.seasons else 1
    wanted = WITHOUT_SEASON if season < 2 else 2 * season if season <= 24 else season
    return max(1, min(wanted, MOST_AHEAD, rows // 3))
