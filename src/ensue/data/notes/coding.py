"""What all ways of writing a tune as a sequence have in common: a network reads a row of numbers before each token.

A `Reader` is the only place where these rows are made, for training, for scoring and for composing: it is told the tokens
one at a time and says what the network is shown before the next, and which tokens may come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ensue.data.notes.tune import Meter, Stepped, steps_to_a_bar

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Tokens = NDArray[np.int64]


class Reader(Protocol):
    """One tune while it is read or written."""

    step: int
    """The step of the grid that the next token is about."""

    def row(self) -> Floats:
        """What the network is shown before the next token: `(width,)`."""

    def legal(self) -> Bools:
        """Which tokens may come next: `(classes,)`."""

    def push(self, token: int) -> None:
        """The next token."""


class Coding(Protocol):
    """A way to write a tune on a grid as tokens; a frozen description."""

    kind: ClassVar[str]

    @property
    def places(self) -> Places: ...
    @property
    def classes(self) -> int:
        """How many tokens there are."""

    @property
    def width(self) -> int:
        """Numbers in a row."""

    @property
    def columns(self) -> tuple[tuple[int, int, int], ...]:
        """Which of them are codes, as `network.EmbedColumns` takes them."""

    def tokens(self, tune: Stepped) -> Tokens: ...
    def tune(
        self, tokens: Iterable[int], name: str, meter: Meter, pickup: int = 0, tempo: float = 120.0
    ) -> Stepped: ...
    def reader(self, meter: Meter, pickup: int = 0) -> Reader: ...
    def names(self) -> list[str]:
        """Of the tokens, as shown to people."""


@dataclass(frozen=True)
class Places:
    """Where in its bar a step stands: known time signatures, and the grid they are on."""

    steps_per_quarter: int
    meters: tuple[Meter, ...]

    @property
    def longest(self) -> int:
        """Steps of the longest bar."""
        return max(steps_to_a_bar(meter, self.steps_per_quarter) for meter in self.meters)

    def columns(self, first: int) -> tuple[tuple[int, int, int], ...]:
        """Two columns of codes: the place in the bar, and the time signature; 0 is one that is not known."""
        return ((first, self.longest, min(16, 4 + self.longest)), (first + 1, len(self.meters), 4))

    def codes(self, step: int, meter: Meter, pickup: int) -> tuple[int, int]:
        """Of one step of a tune."""
        if meter not in self.meters:
            return 0, 0
        bar = steps_to_a_bar(meter, self.steps_per_quarter)
        return 1 + (step - pickup) % bar, 1 + self.meters.index(meter)

    def to_json(self) -> dict[str, Any]:
        return {
            "steps_per_quarter": self.steps_per_quarter,
            "meters": [[meter.beats, meter.unit] for meter in self.meters],
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Places:
        grid = int(plain["steps_per_quarter"])
        meters = tuple(Meter(int(beats), int(unit)) for beats, unit in plain["meters"])
        if not (1 <= grid <= 96 and meters):
            raise ValueError(f"a grid of {grid} steps, {len(meters)} time signatures")
        places = cls(grid, meters)
        _ = places.longest  # refuses a bar that is no whole number of steps
        return places


class Read(NamedTuple):
    """A whole tune as a network meets it; tokens are what it is to foretell."""

    rows: Floats  # tokens width
    legal: Bools  # tokens classes
    tokens: Tokens  # tokens
    steps: int


def read(coding: Coding, tune: Stepped) -> Read:
    """Every row, and what may follow it, from the first token on; the first row knows nothing but the bar."""
    tokens = coding.tokens(tune)
    reader = coding.reader(tune.meter, tune.pickup)
    rows = np.empty((len(tokens), coding.width), np.float32)
    legal = np.empty((len(tokens), coding.classes), np.bool_)
    for place, token in enumerate(tokens.tolist()):
        rows[place], legal[place] = reader.row(), reader.legal()
        reader.push(token)
    return Read(rows, legal, tokens, tune.steps)
