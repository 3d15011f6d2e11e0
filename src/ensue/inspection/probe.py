"""What the memory knows: whether a column can be read off the cell state by a linear map, and which unit goes with it.

As Kratzert et al. 2019 (arXiv 1903.07903) and Lees et al. 2022 (HESS 26, section 2.4) found snow and soil moisture in
the cells of rainfall models. A wide state can be fitted to much, so a probe is fitted on the first part of the time and
scored on the rest, beside what an untrained network's states and the inputs themselves give.

Letters of shapes: `time unit row`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import DataError, UsageError

Floats = NDArray[np.float64]

FEWEST = 60
"""Known values that a probe needs."""
FITTED, VALIDATED, GAP = 0.7, 0.2, 0.05
"""Shares: of the rows to fit on, of these (the last) to choose the penalty by, and left out before what is scored."""
PENALTIES = tuple(10.0**power for power in range(-6, 3))
"""Of the squared coefficients of standardised states, per row; the strongest leaves little but the mean."""
CONSTANT = 1e-9
"""A state that moves less than this share of its size is left out: rounding, not memory."""


@dataclass(frozen=True)
class Probe:
    """How well a linear map of the cell state gives a column, as R squared on later steps than it was fitted on.

    1 is exact, 0 no better than the column's mean there; it is below 0 where what was fitted does not hold later.
    """

    score: float
    untrained: float | None
    """The same from the states of a network with random weights: what is read off any such network."""
    inputs: float | None
    """The same from the network's inputs at the same step."""
    penalty: float
    """Of `PENALTIES`, the best on the last part of the rows fitted on."""
    fitted: int
    scored: int
    """Rows, those with a missing value left out."""

    @property
    def selectivity(self) -> float | None:
        """What training added: the score less the untrained network's."""
        return None if self.untrained is None else self.score - self.untrained


def probe(
    states: ArrayLike,
    column: ArrayLike,
    name: str = "the column",
    *,
    untrained: ArrayLike | None = None,
    inputs: ArrayLike | None = None,
) -> Probe:
    """Read a column `(time,)` off the states `(time, unit)` with ridge regression; NaN in the column is left out.

    The first 70 % of the rows are fitted on, the last 25 % scored on; the 5 % between are left out, as neighbours in time
    are alike. `untrained` and `inputs` are further matrices `(time, any)` to compare with, each with its own penalty.
    Raises `UsageError` for lengths that differ and `DataError` for a column that is too short, never changes, or is not
    finite.

    >>> steps = np.arange(200.0)
    >>> states = np.stack([np.sin(steps / 7), np.cos(steps / 7)], axis=1)
    >>> probe(states, 3 * np.sin(steps / 7 + 1) + 5).score > 0.999
    True
    """
    wanted = _known(column, name)
    rows = np.flatnonzero(~np.isnan(wanted))
    _check_column(wanted[rows], name)
    score, penalty = _score(_matrix(states, "states", len(wanted))[rows], wanted[rows])
    others = (
        None if each is None else _score(_matrix(each, what, len(wanted))[rows], wanted[rows])[0]
        for what, each in (("states of the untrained network", untrained), ("inputs", inputs))
    )
    fit, rest = _split(len(rows))
    return Probe(score, next(others), next(others), penalty, fit.stop, len(rows) - rest.start)


def correlations(states: ArrayLike, column: ArrayLike, name: str = "the column") -> Floats:
    """Pearson's r of each unit with a column over all steps where it is known, `(unit,)`; NaN for a unit that never moves.

    No proof by itself: among many units one goes with any column. Raises as `probe` does.
    """
    wanted = _known(column, name)
    rows = np.flatnonzero(~np.isnan(wanted))
    _check_constant(wanted[rows], name)
    x, y = _matrix(states, "states", len(wanted))[rows], wanted[rows]
    x, _ = _standardised(x, x)
    return np.where(x.any(axis=0), x.T @ ((y - y.mean()) / y.std()) / len(rows), np.nan)


def _split(rows: int) -> tuple[slice, slice]:
    """What is fitted on and what is scored."""
    fitted = int(FITTED * rows)
    return slice(0, fitted), slice(fitted + max(1, int(GAP * rows)), rows)


def _score(x: Floats, y: Floats) -> tuple[float, float]:
    """R squared on the rows set aside, and the penalty chosen before these were looked at."""
    fit, rest = _split(len(y))
    early = int((1 - VALIDATED) * fit.stop)
    late = slice(early + max(1, int(GAP * fit.stop)), fit.stop)
    errors = [np.square(y[late] - given).sum() for given in _ridge(x[:early], y[:early], x[late], PENALTIES)]
    penalty = PENALTIES[int(np.argmin(errors))]
    (given,) = _ridge(x[fit], y[fit], x[rest], [penalty])
    spread = np.square(y[rest] - y[rest].mean()).sum()
    return float(1 - np.square(y[rest] - given).sum() / spread), penalty


def _ridge(x: Floats, y: Floats, ahead: Floats, penalties: Sequence[float]) -> Iterator[Floats]:
    """For each penalty what the fit on `x` and `y` says of the rows `ahead`; one decomposition serves all."""
    x, ahead = _standardised(x, ahead)
    values, vectors = np.linalg.eigh(x.T @ x / len(x))  # of units x units
    seen = vectors.T @ (x.T @ (y - y.mean()) / len(x))
    for penalty in penalties:
        yield ahead @ (vectors @ (seen / (np.maximum(values, 0.0) + penalty))) + y.mean()


def _standardised(x: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Both by the mean and spread of the first; what never moves becomes 0."""
    mean, spread = x.mean(axis=0), x.std(axis=0)
    moves = spread > CONSTANT * np.maximum(np.abs(x).max(axis=0), 1e-30)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=moves)
    return (x - mean) * scale, (other - mean) * scale


def _known(column: ArrayLike, name: str) -> Floats:
    values = np.asarray(column, np.float64)
    if values.ndim != 1:
        raise UsageError(f"{name} has the shape {values.shape}, expected one value for each step.")
    if np.isinf(values).any():
        raise DataError(f"{name} holds infinite values: expected numbers, or missing values where there are none.")
    return values


def _check_column(known: Floats, name: str) -> None:
    if len(known) < FEWEST:
        raise DataError(
            f"{name} has {len(known)} known values, expected {FEWEST} or more to fit a probe and to test it."
        )
    _check_constant(known, name)
    for rows, where in zip(_split(len(known)), ("first 70", "last 25"), strict=True):
        if np.ptp(known[rows]) == 0:
            raise DataError(f"{name} never changes in the {where} % of the steps: there is nothing to read off there.")


def _check_constant(known: Floats, name: str) -> None:
    if len(known) < 2 or np.ptp(known) == 0:
        raise DataError(f"{name} never changes: expected a column that does, to see what goes with it.")


def _matrix(values: Any, what: str, time: int) -> Floats:
    matrix = np.asarray(values, np.float64)
    if matrix.ndim != 2 or len(matrix) != time:
        raise UsageError(f"the {what} have the shape {matrix.shape}, expected ({time}, ...): a row for each value.")
    if not np.isfinite(matrix).all():
        raise DataError(f"the {what} hold missing or infinite values: expected numbers only.")
    return matrix
