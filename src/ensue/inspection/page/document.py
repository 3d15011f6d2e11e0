"""What a report shows, as plain values: measured elsewhere, drawn by the page.

Everything is given whole; the page thins what no eye can see. A section that could not be measured is None, and `notes`
says why.

Letters of shapes: `time` steps of the sequence, `unit` units of one layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Read:
    """The sequence that was read."""

    name: str
    """Of the target: `temp_max`, `text`, ..."""
    labels: Sequence[str]
    """Of the steps: stamps, positions or words, `time` of them."""
    values: Floats | None
    """`(time,)`, NaN where missing; None for words, where the labels are the sequence."""
    step: str
    """What one step is: `hour`, `day`, `step`, `word`, ..."""
    expected: Floats | None = None
    """What was expected of each value one step before it was seen, `(time,)`; NaN where nothing was."""


@dataclass(frozen=True)
class Band:
    """A central interval of the forecast."""

    percent: float
    low: Floats  # horizon
    high: Floats  # horizon


@dataclass(frozen=True)
class Ahead:
    """What comes next, as predicted."""

    labels: Sequence[str]
    median: Floats  # horizon
    bands: Sequence[Band] = ()
    truth: Floats | None = None
    """What came, where that is known, `(horizon,)`."""


@dataclass(frozen=True)
class Layer:
    """One LSTM layer in one direction over the sequence; all `(time, unit)` unless said."""

    name: str
    """`layer 1`, `layer 2`, `layer 1, backwards`, ..."""
    i: Floats
    f: Floats
    g: Floats
    o: Floats
    c: Floats
    h: Floats
    half_life: Floats
    """Of each unit, `(unit,)`, in steps: after so many half of what it holds is forgotten; inf: nothing is."""
    mean_age: Floats
    """Mean age of what the layer's cells hold, `(time,)`, in steps; NaN where they hold nothing."""
    ledger: Floats
    """Share of what the cells hold at a step by when it was written, `(time, age bucket)`; rows add up to 1 (or are 0)."""
    text: str = ""
    """What the gates did here, with this sequence's numbers; sentences."""
    moments: Sequence[Moment] = ()
    """Notable steps, in order."""


@dataclass(frozen=True)
class Moment:
    """A step worth looking at."""

    step: int
    text: str
    """One sentence: "at 14:00 the forget gates of 9 of 64 units closed: ..."."""


@dataclass(frozen=True)
class Curve:
    """A measure of influence by lag."""

    name: str
    """What was done: `gradients`, `one lag resampled`, `history cut off`, ..."""
    explanation: str
    lags: Floats
    """In steps, ascending; not necessarily each."""
    values: Floats
    """As many; shares of the whole, or the loss relative to the full history's, as `unit` says."""
    unit: str


@dataclass(frozen=True)
class Reach:
    """How far back it looks, measured."""

    curves: Sequence[Curve]
    horizons: Mapping[str, float]
    """Lags worth a line, by name: `nine tenths of the influence`, `1 % of the loss`, ..."""
    seasons: Sequence[int]
    text: str


@dataclass(frozen=True)
class Player:
    """A bucket of lags, or an input, and its share of one prediction."""

    label: str
    value: float


@dataclass(frozen=True)
class Why:
    """Why one prediction is what it is: parts that add up from `without` (nothing known) to `answer`."""

    method: str
    """`Shapley values`, `integrated gradients`, ..."""
    what: str
    """Which prediction, in words."""
    without: float
    answer: float
    players: Sequence[Player]
    completeness_error: float
    """|sum of parts - (answer - without)| as a share of |answer - without|."""
    text: str = ""


@dataclass(frozen=True)
class Unit:
    """A unit of one layer, measured."""

    layer: str
    unit: int
    half_life: float
    closed_f: float
    open_f: float
    open_i: float
    open_o: float
    """Shares of the steps at which a gate was closed (below 0.1) or open (above 0.9)."""
    share: float
    """Of what is read out, where that is a linear map; NaN where it is not."""
    ablation: float
    """Loss with the unit held at its mean, relative to the loss without: 0.02 is 2 % worse; NaN where not measured."""
    dead: bool
    """Its output hardly moves."""
    follows: str = ""
    """The column it goes with best, and how well: `temperature (r = 0.93)`; empty where none was asked about."""


@dataclass(frozen=True)
class Similar:
    """Other moments when the memory looked like it did at a step."""

    step: int
    others: Sequence[int]
    likeness: Sequence[float]
    """Cosine, -1 to 1, for each of the others."""


@dataclass(frozen=True)
class Probe:
    """Whether a column can be read off the cell state by a linear map."""

    column: str
    score: float
    """R squared on steps not fitted on."""
    untrained: float
    """The same for a network with random weights: what is read off any such network."""
    inputs: float
    """The same from the network's inputs at the same step."""
    text: str = ""


@dataclass(frozen=True)
class Document:
    """Everything a report shows."""

    title: str
    facts: Sequence[tuple[str, str]]
    """Name and value: the model, its size, the data, when it was made, ..."""
    summary: Sequence[str]
    """The essentials as sentences, most important first."""
    sequence: Read
    ahead: Ahead | None
    layers: Sequence[Layer]
    ages: Sequence[tuple[int, int]]
    """The age buckets of the layers' ledgers in steps, first and last of each; -1 as last: and older."""
    time_scales_text: str
    reach: Reach | None
    why: Sequence[Why]
    units: Sequence[Unit]
    units_text: str = ""
    similar: Sequence[Similar] = ()
    similar_text: str = ""
    probes: Sequence[Probe] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    """What was not measured and why, and what these pictures cannot show."""
