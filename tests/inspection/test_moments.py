"""Moments that are alike, apart, and at which much was let go: found where they were put."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.errors import UsageError
from ensue.inspection import moments
from ensue.inspection.ledger import holdings
from ensue.inspection.moments import lettings_go, participation_ratio, path, similar
from ensue.inspection.trace import GATES, TracedLayer

Make = Callable[..., TracedLayer]


@given(
    time=st.integers(2, 60), units=st.integers(2, 6), seed=st.integers(0, 10**6),
    count=st.integers(1, 8), apart=st.integers(1, 12), data=st.data(),
)  # fmt: skip
def test_the_most_alike_come_first_and_none_is_near_another(
    time: int, units: int, seed: int, count: int, apart: int, data: st.DataObject
) -> None:
    states = np.random.default_rng(seed).normal(2, 3, (time, units))
    step = data.draw(st.integers(0, time - 1))
    found = similar(states, step, count, apart)
    each = (states - states.mean(axis=0)) / states.std(axis=0)
    cosine = each @ each[step] / np.linalg.norm(each, axis=1) / np.linalg.norm(each[step])
    allowed = np.abs(np.arange(time) - step) >= apart
    for other, likeness in zip(found.others, found.likeness, strict=True):
        assert allowed[other] and likeness == pytest.approx(cosine[other], abs=1e-9)
        assert likeness >= cosine[allowed].max() - 1e-9
        allowed &= np.abs(np.arange(time) - other) >= apart
    assert len(found.others) == count or not allowed.any()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    states = np.random.default_rng(0).normal(size=(500, 7)).astype(np.float32)
    whole = similar(states, 321, 10, 3)
    monkeypatch.setattr(moments, "ROWS_AT_ONCE", 64)
    parts = similar(states, 321, 10, 3)
    assert parts.others.tolist() == whole.others.tolist()
    assert np.allclose(parts.likeness, whole.likeness, rtol=1e-12)


def test_no_unit_counts_for_being_large_or_still() -> None:
    states = np.random.default_rng(1).normal(size=(80, 4))
    found = similar(states, 40, 5)
    scaled = np.concatenate([states * [1, 1e4, 1e-4, 3] + 7, np.full((80, 1), 1e6)], axis=1)
    assert similar(scaled, 40, 5).others.tolist() == found.others.tolist()


def test_a_rhythm_is_found_in_its_season(make_layer: Make) -> None:
    """Gates that repeat every 24 steps make cells that do."""
    day = make_layer(24, 6)
    layer = replace(day, **{gate: np.tile(getattr(day, gate), (20, 1)) for gate in GATES})
    c, cell = np.empty_like(layer.c), np.zeros(6)
    for t in range(len(layer)):
        cell = c[t] = layer.f[t] * cell + layer.i[t] * layer.g[t]
    found = similar(c, 300, count=10, apart=12)
    assert ((found.others - 300) % 24 == 0).all() and found.likeness.min() > 0.999


def test_the_participation_ratio_counts_directions() -> None:
    generator = np.random.default_rng(0)
    line = np.outer(generator.normal(size=500), [1.0, -2.0, 0.5, 4.0])
    assert participation_ratio(line) == pytest.approx(1.0)
    assert participation_ratio(generator.normal(size=(20_000, 4))) == pytest.approx(4.0, abs=0.02)
    noisy = line + generator.normal(size=(500, 4))
    variances = np.linalg.eigvalsh(np.cov(noisy.T, bias=True))
    assert participation_ratio(noisy) == pytest.approx(variances.sum() ** 2 / (variances**2).sum())


@given(seed=st.integers(0, 10**6), units=st.integers(2, 6))
def test_the_path_keeps_what_moves_most(seed: int, units: int) -> None:
    states = np.random.default_rng(seed).normal(size=(50, units)) * np.arange(1, units + 1)
    found = path(states, units)
    assert np.allclose(found.axes.T @ found.axes, np.eye(units), atol=1e-9)
    assert np.allclose(found.points @ found.axes.T + states.mean(axis=0), states)
    assert found.shares.sum() == pytest.approx(1.0) and (np.diff(found.shares) <= 1e-12).all()
    assert np.allclose(found.points.var(axis=0) / states.var(axis=0).sum(), found.shares)
    assert np.array_equal(path(states).points, found.points[:, :2])
    assert (found.axes.max(axis=0) >= -found.axes.min(axis=0)).all()


def test_a_memory_that_stands_still_has_no_path() -> None:
    found = path(np.ones((5, 3)))
    assert not found.points.any() and found.shares.tolist() == [0.0, 0.0]


def letting(make_layer: Make, reverse: bool = False) -> TracedLayer:
    """Gates of 20 units that are open, but for those of units 0 to 11 at each 50th step, 0 to 7 at 25 and 3 at 110."""
    layer = make_layer(200, 20, reverse=reverse)
    f = np.full((200, 20), 0.95)
    f[50::50, :12] = 0.01
    f[25, :8] = 0.05
    f[110, 3] = 0.01
    f[:, 19] = 0.05  # always shut: it never closes
    return replace(layer, f=f)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_was_let_go_together_is_found(make_layer: Make, reverse: bool) -> None:
    layer = letting(make_layer, reverse)
    found = lettings_go(layer, count=10)
    assert [each.step for each in found] == [25, 50, 100, 150]
    assert [len(each.units) for each in found] == [8, 12, 12, 12] and {each.of for each in found} == {20}
    assert found[0].units == tuple(range(8))
    held = holdings(layer)
    for each in found:
        before = each.step + 1 if reverse else each.step - 1
        units = list(each.units)
        kept = (held.written[before] * layer.f[each.step]).sum() / held.written[before].sum()
        assert each.lost == pytest.approx(1 - kept)
        for step, age in ((before, each.age_before), (each.step, each.age_after)):
            assert age == pytest.approx(held.aged[step, units].sum() / held.written[step, units].sum())
        assert each.age_after < 0.7 * each.age_before and 0.05 < each.lost < 0.95


def test_among_as_many_units_those_that_lost_most_come_first(make_layer: Make) -> None:
    layer = letting(make_layer)
    i = layer.i.copy()
    i[90:100, :12] = 1.0  # much was written before 100
    i[140:150, :12] = i[40:50, :12] = 0.01
    found = lettings_go(replace(layer, i=i), count=1)
    assert [each.step for each in found] == [100]


def test_what_held_nothing_has_no_age(make_layer: Make) -> None:
    layer = letting(make_layer)
    found = lettings_go(replace(layer, i=np.zeros_like(layer.i)), count=1)[0]
    assert np.isnan([found.lost, found.age_before, found.age_after]).all()


def test_the_most_units_come_first_and_moments_stay_apart(make_layer: Make) -> None:
    layer = letting(make_layer)
    assert [each.step for each in lettings_go(layer, count=3)] == [50, 100, 150]
    assert len(lettings_go(layer, count=10, apart=60)) == 2
    f = layer.f.copy()
    f[101:104, :12] = 0.01  # shut for four steps: it closed at the first of them
    assert [each.step for each in lettings_go(replace(layer, f=f), count=10)] == [25, 50, 100, 150]


def test_units_that_close_each_on_its_own_are_no_moment(make_layer: Make) -> None:
    generator = np.random.default_rng(0)
    f = np.where(generator.random((5000, 64)) < 0.1, 0.01, 0.9)
    layer = replace(make_layer(5000, 64), f=f)
    assert len(lettings_go(layer, count=5000)) <= 3  # of 5000; four standard deviations
    assert lettings_go(replace(layer, f=np.full_like(f, 0.9))) == []
    assert lettings_go(layer.between(7, 8)) == lettings_go(layer.between(7, 7)) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: similar(c, 9), "step 9 of states of the shape (9, 3) was asked for, expected a row of theirs."),
        (lambda c: similar(c[0], 0), "step 0 of states of the shape (3,) was asked for, expected a row of theirs."),
        (lambda c: similar(c, 1, 0), "0 moments 1 steps apart were asked for, expected 1 or more of both."),
        (lambda c: similar(c, 1, 2, 0), "2 moments 0 steps apart were asked for, expected 1 or more of both."),
        (
            lambda c: similar(np.ones((9, 3)), 1),
            "the state at step 1 is the mean state, which is like no other: choose another step.",
        ),
        (lambda c: path(c, 4), "4 dimensions were asked for, expected 1 to 3, the number of units."),
    ],
)
def test_what_cannot_be_is_refused(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        call(np.random.default_rng(0).normal(size=(9, 3)))


def test_no_moments_are_refused(make_layer: Make) -> None:
    message = "5 moments 0 steps apart were asked for, expected 1 or more of both."
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        lettings_go(make_layer(5, 2), apart=0)
