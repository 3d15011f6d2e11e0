"""Everything measured of one model on one sequence, and the sentences that say it.

    inspection = forecaster.inspect(table)
    print(inspection)
    inspection.report("report.html")

`forecaster` and `networks` make one; what they have in common is here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.frequency import Frequency
from ensue.errors import DataError
from ensue.inspection.ablation import ablation_losses, read_out_shares
from ensue.inspection.attribution import IntegratedGradients, Shapley
from ensue.inspection.ledger import mean_age_of_layer
from ensue.inspection.moments import lettings_go
from ensue.inspection.probe import Probe, correlations, probe
from ensue.inspection.reach import Reach
from ensue.inspection.time_scales import TimeScales, time_scales
from ensue.inspection.trace import Trace
from ensue.inspection.units import Saturation, dead_units, saturation
from ensue.network import Network

if TYPE_CHECKING:
    from ensue.inspection.moments import Letting

Floats = NDArray[np.float64]
Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Setting:
    """What is looked into, for the sentences and the page."""

    title: str
    facts: Sequence[tuple[str, str]]
    """Name and value, each."""
    target: str
    """Name of the values that are read."""
    answer: str
    """What is measured: `the next forecast`, `the answer at the last step`."""
    frequency: Frequency
    calendar: bool = False
    """Whether the calendar is among the inputs."""
    seasons: tuple[int, ...] = ()
    first_lag: int = 0
    """Of the measured reach: 1 where the answer is about a step after the last one read."""
    known_ahead: tuple[str, ...] = ()
    """Columns known at the step the answer is about; they stay as they are whatever the history is."""
    spread_of_values: float = float("nan")
    """Standard deviation of what is read."""
    outlying: float = float("nan")
    """The same in units of what their quartiles suggest; NaN where half of them are equal."""
    shown: int | None = None
    """Steps at the end that a report shows; all of them where it is None."""
    ahead: int = 1
    """How many steps after the last one read the answer is about, where it is about a later one."""

    def lag_of(self, steps_before: int) -> int:
        """The lag of the value so many steps before the step the answer is about: lag 1 is the last one read."""
        return steps_before - self.ahead + 1

    @property
    def season_lags(self) -> dict[int, int]:
        """Lags at which the last seasons stand, and how many steps before the answer's step that is."""
        steps = sorted({season * times for season in self.seasons for times in (1, 2)})
        return {self.lag_of(each): each for each in steps if self.lag_of(each) >= 1}


@dataclass(frozen=True)
class Forecast:
    """What comes after the last step."""

    times: NDArray[Any]  # horizon
    quantiles: Floats  # horizon level
    levels: tuple[float, ...]


@dataclass(frozen=True)
class LayerFacts:
    """What was found of one LSTM layer."""

    scales: TimeScales
    saturation: Saturation
    dead: NDArray[np.bool_]
    share: Floats
    """Of each unit in what the head reads out directly, `(unit,)`; NaN where something stands between."""
    ablation: Floats
    """How much worse the answers are without each unit, `(unit,)`: 0.02 is 2 %."""
    age: Floats
    """Mean age of what the layer's cells hold, `(time,)`, in steps; NaN where they hold nothing."""
    lettings: Sequence[Letting]
    """Steps at which many forget gates closed together."""
    probes: Mapping[str, Probe]
    """Of each column asked for."""
    follows: Sequence[tuple[str, float]]
    """The column each unit goes with best, and r; empty where none was asked for."""


@dataclass(frozen=True)
class Because:
    """Why one answer is what it is."""

    explained: str
    """Which one, in words."""
    shapley: Shapley | None
    """Of the data, in its own unit; None where the network's inputs are the data."""
    of_network: Shapley
    """Of what the network is shown, in its own unit."""
    gradients: IntegratedGradients | None
    """The same by integrated gradients; None without PyTorch."""
    input_names: tuple[str, ...]
    """Of the columns the network is shown."""

    @property
    def main(self) -> Shapley:
        """Of the data where that is known, or of what the network is shown."""
        return self.shapley or self.of_network


@dataclass(frozen=True)
class Inspection:
    """What was measured; `str(inspection)` says it, `report` draws it."""

    setting: Setting
    trace: Trace
    """Every gate of every step."""
    values: Floats | None
    """What was read, `(time,)`; NaN where missing."""
    expected: Floats | None
    """What was expected of each value before it was seen, `(time,)`."""
    forecast: Forecast | None
    layers: Sequence[LayerFacts]
    reach: Reach | None
    """Through everything: the front end, which hands over past values, and the network; None where there is no front end,
    or too few rows."""
    memory: Reach | None
    """Of the network alone; lag 0 is what it is shown at the step of the answer itself."""
    because: Because | None
    notes: Sequence[str]
    """What was not measured, and why."""

    @property
    def main_reach(self) -> Reach | None:
        """Through everything, or of the network where that is everything."""
        return self.reach or self.memory

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The essentials, most important first."""
        from ensue.inspection.words import essentials

        return essentials(self)

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write one self-contained HTML page. Raises `StorageError` where that cannot be done."""
        from ensue.inspection.page import write_page
        from ensue.inspection.report import document

        write_page(document(self), path)

    def to_json(self) -> dict[str, Any]:
        """The numbers, for programs."""
        from ensue.inspection.report import numbers

        return numbers(self)

    def __str__(self) -> str:
        return "\n".join((*self.sentences, *(f"Note: {note}" for note in self.notes)))


@dataclass(frozen=True)
class Columns:
    """Columns to look for in the memory, beside what to compare with."""

    values: Mapping[str, Floats]
    """Each `(time,)`, NaN where missing."""
    untrained: Sequence[Trace]
    """The same sequence read with the weights training begins with, drawn anew for each."""
    inputs: Floats
    """What the network was shown, `(time, features)`."""


def facts_of_layers(
    trace: Trace, network: Network, weights: Weights, loss: Callable[[Weights], float], columns: Columns | None = None
) -> tuple[list[LayerFacts], list[str]]:
    """What is found of each layer, and what could not be and why.

    `loss` measures the network with other weights, for what is lost without a unit.
    """
    shares = read_out_shares(trace.layers, network, weights)
    losses = ablation_losses(trace.layers, weights, loss)
    facts, notes = [], []
    for number, layer in enumerate(trace.layers):
        probes, follows, refused = _looked_for(trace, number, columns)
        notes += refused
        facts.append(
            LayerFacts(
                time_scales(layer),
                saturation(layer),
                np.zeros(layer.units, bool) if len(layer) < 2 else dead_units(layer),
                shares[number],
                losses[number],
                mean_age_of_layer(layer),
                lettings_go(layer, apart=max(len(layer) // 50, 1)),
                probes,
                follows,
            )
        )
    return facts, list(dict.fromkeys(notes))


def _looked_for(
    trace: Trace, number: int, columns: Columns | None
) -> tuple[dict[str, Probe], list[tuple[str, float]], list[str]]:
    """Probes of a layer, the column each unit goes with best, and the columns that could not be looked for."""
    probes: dict[str, Probe] = {}
    together: dict[str, Floats] = {}
    refused = []
    cells = trace.layers[number].c
    for name, values in ({} if columns is None else columns.values).items():
        assert columns is not None
        try:
            found = [
                probe(cells, values, name, untrained=each.layers[number].c, inputs=columns.inputs)
                for each in columns.untrained
            ]
            probes[name] = max(found, key=lambda each: each.untrained or 0.0)  # beside the best of the untrained
            together[name] = correlations(cells, values, name)
        except DataError as error:
            refused.append(str(error))
    return probes, _best(together, cells.shape[1]), refused


def _best(together: Mapping[str, Floats], units: int) -> list[tuple[str, float]]:
    """Of each unit the column it goes with best."""
    if not together:
        return []
    names, table = list(together), np.array(list(together.values()))  # column x unit
    best = np.nan_to_num(np.abs(table), nan=-1.0).argmax(axis=0)
    return [(names[best[unit]], float(table[best[unit], unit])) for unit in range(units)]
