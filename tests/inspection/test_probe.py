"""What a linear map reads off states in which something is written, and in which nothing is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue.errors import DataError, EnsueError, UsageError
from ensue.inspection.probe import PENALTIES, correlations, probe

Array = NDArray[Any]


def wandering(time: int, columns: int, seed: int = 0) -> Array:
    """Slow and bounded: sums of a few waves of random length."""
    generator = np.random.default_rng(seed)
    t = np.arange(time)[:, None, None]
    waves = np.sin(t / generator.uniform(3, 40, (columns, 4)) + generator.uniform(0, 6, (columns, 4)))
    return np.asarray(waves.mean(axis=2))


def test_what_is_written_in_the_states_is_read_off_and_what_is_not_is_not() -> None:
    known = wandering(800, 1)[:, 0]
    states = np.random.default_rng(0).normal(size=(800, 8)) * 0.1 + np.outer(known, np.arange(8) - 3)
    found = probe(states, 7 * known - 2, untrained=wandering(800, 8, seed=9), inputs=known[:, None] ** 2)
    assert found.score > 0.99
    assert found.untrained is not None and found.untrained < 0.5
    assert found.inputs is not None and found.inputs < 0.5
    assert found.selectivity == found.score - found.untrained > 0.5
    assert (found.fitted, found.scored) == (560, 200)


def test_noise_is_not_read_off_however_wide_the_state() -> None:
    generator = np.random.default_rng(1)
    found = probe(generator.normal(size=(300, 150)), generator.normal(size=300))
    assert found.score < 0.1 and found.penalty >= 1.0
    assert found.untrained is None and found.inputs is None and found.selectivity is None


def test_it_is_ridge_regression_on_standardised_states() -> None:
    generator = np.random.default_rng(2)
    states, column = generator.normal(3, 5, (200, 4)), generator.normal(size=200)
    column += states[:, 1]
    found = probe(states, column)
    x = (states[:140] - states[:140].mean(axis=0)) / states[:140].std(axis=0)
    ahead = (states[150:] - states[:140].mean(axis=0)) / states[:140].std(axis=0)
    y = column[:140] - column[:140].mean()
    beta = np.linalg.solve(x.T @ x + 140 * found.penalty * np.eye(4), x.T @ y)
    off = column[150:] - (ahead @ beta + column[:140].mean())
    assert found.score == pytest.approx(
        1 - (off**2).sum() / ((column[150:] - column[150:].mean()) ** 2).sum(), rel=1e-9
    )
    assert found.penalty in PENALTIES


def test_what_is_scored_was_never_looked_at() -> None:
    states, column = wandering(400, 6), wandering(400, 1, seed=5)[:, 0]
    first, other = probe(states, column), column.copy()
    other[300:] = column[300:][::-1]
    again = probe(states, other)
    assert again.penalty == first.penalty and again.score != first.score
    gap = column.copy()
    gap[280:300] = 100.0  # neither fitted on nor scored
    assert probe(states, gap) == first


@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_neither_the_order_of_units_nor_the_unit_of_the_column_counts(seed: int, scale: float, shift: float) -> None:
    states, column = wandering(120, 5, seed), wandering(120, 1, seed + 1)[:, 0]
    order = np.random.default_rng(seed).permutation(5)
    assert np.isclose(probe(states[:, order], scale * column + shift).score, probe(states, column).score, atol=1e-6)
    r = correlations(states, column)
    assert np.allclose(correlations(states[:, order] * 3 - 1, scale * column + shift), r[order], atol=1e-6)


def test_missing_values_are_left_out() -> None:
    states, column = wandering(300, 3), wandering(300, 3)[:, 1] * 2
    holes = np.arange(300) % 3 == 0
    some = np.where(holes, np.nan, column)
    assert probe(states, some) == probe(states[~holes], column[~holes])
    assert probe(states, some).fitted == 140
    assert np.array_equal(correlations(states, some), correlations(states[~holes], column[~holes]))


def test_correlations_are_pearsons_and_a_still_unit_has_none() -> None:
    states, column = wandering(200, 4), wandering(200, 1, seed=3)[:, 0]
    states[:, 2] = 0.1 + 0.2
    r = correlations(states, column)
    assert np.isnan(r[2])
    for unit in (0, 1, 3):
        assert r[unit] == pytest.approx(np.corrcoef(states[:, unit], column)[0, 1], rel=1e-9)
    assert np.allclose(correlations(-column[:, None], column), [-1.0])


SHAPED, EACH = "the states have the shape", "a row for each value."
STILL = "never changes: expected a column that does, to see what goes with it."
ENDLESS = "rain holds infinite values: expected numbers, or missing values where there are none."
HOLES = "the inputs hold missing or infinite values: expected numbers only."
SHORT = "rain has 59 known values, expected 60 or more to fit a probe and to test it."


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x, y: probe(x, y[:-1], "rain"), UsageError, f"{SHAPED} (100, 3), expected (99, ...): {EACH}"),
        (lambda x, y: probe(x[:, 0], y, "rain"), UsageError, f"{SHAPED} (100,), expected (100, ...): {EACH}"),
        (
            lambda x, y: probe(x, y, "rain", untrained=x[1:]),
            UsageError,
            "the states of the untrained network have the shape (99, 3), expected (100, ...): a row for each value.",
        ),
        (lambda x, y: probe(x, y, inputs=x * np.nan), DataError, HOLES),
        (lambda x, y: probe(x, x, "rain"), UsageError, "rain has the shape (100, 3), expected one value for each step."),
        (lambda x, y: probe(x, y / 0, "rain"), DataError, ENDLESS),
        (lambda x, y: probe(x[:59], y[:59], "rain"), DataError, SHORT),
        (lambda x, y: probe(x, np.where(np.arange(100) < 59, y, np.nan), "rain"), DataError, SHORT),
        (lambda x, y: probe(x, y * 0 + 3, "rain"), DataError, f"rain {STILL}"),
        (lambda x, y: correlations(x, y * 0), DataError, f"the column {STILL}"),
        (lambda x, y: correlations(x, y * np.nan), DataError, f"the column {STILL}"),
        (
            lambda x, y: probe(x, np.minimum(np.arange(100), 70.0), "rain"),
            DataError,
            "rain never changes in the last 25 % of the steps: there is nothing to read off there.",
        ),
        (
            lambda x, y: probe(x, np.maximum(np.arange(100), 70.0), "rain"),
            DataError,
            "rain never changes in the first 70 % of the steps: there is nothing to read off there.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_probed_is_refused(call: Any, kind: type[EnsueError], message: str) -> None:
    with np.errstate(divide="ignore"), pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call(wandering(100, 3), wandering(100, 1, seed=1)[:, 0])
