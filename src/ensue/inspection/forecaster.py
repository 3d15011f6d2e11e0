"""A look inside a forecaster while it reads one series of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ensue
from ensue.data.calendar import calendar_names, local_times
from ensue.data.panel import Panel
from ensue.errors import DataError
from ensue.inspection.ablation import one_step_loss
from ensue.inspection.attribution import gradients_or_why_not, shapley
from ensue.inspection.forecasts import ForecastSubject, with_steps_ahead
from ensue.inspection.reach import measure_reach
from ensue.inspection.reading import LONGEST, SeriesReading, read_series, retrace, untrained_weights
from ensue.inspection.whole import Because, Columns, Forecast, Inspection, Setting, facts_of_layers
from ensue.inspection.words import in_own_time, labels_of
from ensue.runtime.predictor import Predictor, after_history, check_future

Floats = NDArray[np.float64]
Weights = Mapping[str, NDArray[Any]]

WINDOWS, FEWEST, USUAL = 192, 32, 70_000
"""Windows the reach is measured on: so many for a network of so many weights, fewer for larger ones, but some always."""
OTHERS = 64
"""Windows among which those are that the explained one is compared with."""
UNTRAINED = 3
"""Untrained networks a probe is compared with."""


@dataclass(frozen=True)
class Question:
    """What to look at."""

    series: int = 0
    """Which series of the panel."""
    row: int | None = None
    """The row whose forecast is explained, counted in the series; None: the last of the `ahead` not known yet."""
    ahead: int = 1
    """Forecasts so many steps ahead are measured and explained."""
    steps: int = LONGEST
    """Steps at the end of the series to show; what is measured is measured on `LONGEST` at least."""
    columns: Mapping[str, Floats] = field(default_factory=dict)
    """Columns to look for in the memory, each `(rows,)` of the series' history; NaN where missing."""


def inspect_forecaster(predictor: Predictor, weights: Weights, panel: Panel, question: Question) -> Inspection:
    """Look inside a forecaster while it reads a series.

    Args:
        weights: of its first network.
        panel: the table, of which `question.series` is traced; how far back it looks is measured on all its series.

    Raises `UsageError` for a question that cannot be answered.
    """
    own = panel.select([question.series])
    reading = read_series(predictor, own, steps=max(question.steps, LONGEST))
    network, median = predictor.task.network(), predictor.task.levels.index(0.5)
    layers, refused = facts_of_layers(
        reading.trace, network, weights, one_step_loss(reading, network, median), _columns(predictor, reading, question)
    )
    measured, not_measured = _measure(predictor, weights, panel, question)
    return Inspection(
        setting=_setting(predictor, own, reading, question),
        trace=reading.trace,
        values=reading.values,
        expected=reading.expected,
        forecast=_forecast(predictor, own),
        layers=layers,
        **measured,
        notes=(*_notes(predictor, own, reading, question.ahead), *refused, *not_measured),
    )


def _notes(predictor: Predictor, own: Panel, reading: SeriesReading, ahead: int) -> list[str]:
    notes = []
    if len(predictor.engines) > 1:
        notes.append(
            f"The forecaster is the mean of {len(predictor.engines)} networks: gates and memory are those of the first."
        )
    if _lacks_future(own, predictor.task.horizon):
        notes.append("What comes next is not shown: the covariates known ahead are not given for the steps to come.")
    if ahead > predictor.task.horizon:
        notes.append(f"Forecasts {ahead} steps ahead are asked of a model trained for {predictor.task.horizon}.")
    if reading.first:
        notes.append(f"The gates of the last {len(reading.values):,} steps were kept; {reading.first:,} came before.")
    return notes


def _columns(predictor: Predictor, reading: SeriesReading, question: Question) -> Columns | None:
    if not question.columns:
        return None
    network = predictor.task.network()
    values = {name: column[reading.first :] for name, column in question.columns.items()}
    untrained = [retrace(reading, network, untrained_weights(network, seed)) for seed in range(UNTRAINED)]
    return Columns(values, untrained, reading.inputs)


def _forecast(predictor: Predictor, own: Panel) -> Forecast | None:
    """What comes next; None where the covariates known ahead are not given."""
    first, horizon = np.array([0]), predictor.task.horizon
    if _lacks_future(own, horizon):
        return None
    quantiles = predictor.forecast(after_history(own, first, horizon), predictor.read(own, first))[0]
    return Forecast(_local(predictor, own.future_times(horizon)[0]), quantiles, predictor.task.levels)


def _lacks_future(own: Panel, ahead: int) -> bool:
    return bool(own.schema.future) and int(own.future_rows()[0]) < ahead


def _local(predictor: Predictor, times: NDArray[Any]) -> NDArray[Any]:
    """Stamps as the clock on the wall shows them."""
    schema = predictor.task.schema
    return local_times(times, schema.time_zone, schema.frequency)


def _measure(
    predictor: Predictor, weights: Weights, panel: Panel, question: Question
) -> tuple[dict[str, Any], list[str]]:
    """What is found by changing the history, and what was not and why."""
    nothing = dict.fromkeys(("reach", "memory", "because"))
    if question.ahead >= int(panel.history.max()):
        return nothing, [f"No series has rows enough to measure forecasts {question.ahead} steps ahead on."]
    extended, notes = with_steps_ahead(panel, question.ahead), []
    row = int(panel.history[question.series]) - 1 + question.ahead if question.row is None else question.row
    if row >= panel.history[question.series] and _lacks_future(panel.select([question.series]), question.ahead):
        if question.row is not None:
            check_future(panel.select([question.series]), question.ahead)
        row = int(panel.history[question.series]) - 1
        notes.append(
            "The covariates known ahead are not given for the steps to come: the last known step is explained."
        )
    asked = (question.series, row - question.ahead + 1)
    count = max(FEWEST, min(WINDOWS, WINDOWS * USUAL // max(sum(each.size for each in weights.values()), 1)))
    try:
        measured = ForecastSubject(predictor, extended, count=count, ahead=question.ahead)
    except DataError as error:
        return nothing, [*notes, str(error)]
    seasons = predictor.task.schema.seasons
    lags = [season * times - question.ahead + 1 for season in seasons for times in (1, 2)]
    reach = {"reach": measure_reach(measured, apart=lags), "memory": measure_reach(measured.network(weights))}
    try:
        subject = ForecastSubject(predictor, extended, count=OTHERS, ahead=question.ahead, asked=asked)
    except DataError as error:
        why = str(error)
        return reach | {"because": None}, [*notes, f"No forecast is explained: {why[0].lower()}{why[1:]}"]
    network = subject.network(weights)
    gradients, why_not = gradients_or_why_not(network, 0)
    times = _local(predictor, extended.series(question.series).times)
    ahead = f", {question.ahead} steps ahead" if question.ahead > 1 else ""
    because = Because(
        f"the forecast for {labels_of(times)[row]}{ahead}",
        shapley(subject, 0),
        shapley(network, 0),
        gradients,
        network.names,
    )
    return reach | {"because": because}, [*notes, *why_not]


def _setting(predictor: Predictor, own: Panel, reading: SeriesReading, question: Question) -> Setting:
    task = predictor.task
    known = own.y[np.isfinite(own.y)]
    spread, usual = (
        (float(known.std()), float(np.ptp(np.quantile(known, [0.25, 0.75]))) / 1.349) if len(known) else (0, 0)
    )
    layers = ", ".join(f"{each.name}: {each.units} units" for each in reading.trace.layers)
    shown = reading.trace.labels[-question.steps :]
    first, last = (labels_of(shown)[each] for each in (0, -1))
    facts = [
        ("Series", f"{own.ids[0]}, {task.schema.frequency.name}"),
        ("Steps shown", f"{len(shown):,}, from {first} to {last}"),
        ("Network", f"{layers}; {task.network().parameter_count:,} parameters"),
        ("Forecasts", f"{task.horizon} steps ahead, shown {task.context_length} steps at a time"),
    ]
    if task.schema.seasons:
        seasons = " and ".join(in_own_time(season, task.schema.frequency) for season in task.schema.seasons)
        facts.append(("Seasons", seasons))
    return Setting(
        title=f"Inside a forecaster of {task.schema.target}",
        facts=[*facts, ("Made with", f"Ensue {ensue.__version__}")],
        target=task.schema.target,
        answer="the next forecast" if question.ahead == 1 else f"forecasts {question.ahead} steps ahead",
        frequency=task.schema.frequency,
        calendar=bool(calendar_names(task.schema.frequency)) and not task.alone,
        seasons=task.schema.seasons,
        first_lag=1,
        known_ahead=tuple(each.name for each in task.schema.future),
        spread_of_values=spread,
        outlying=spread / usual if usual > 0 else float("nan"),
        shown=min(question.steps, len(reading.trace)),
        ahead=question.ahead,
    )
