"""The ledger adds up to the cell; ages and shares are those of the ledger, entry by entry."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ensue.errors import UsageError
from ensue.inspection.ledger import (
    default_ages,
    holdings,
    ledger,
    mass_by_age,
    mean_age,
    mean_age_of_layer,
    read_out,
)
from ensue.inspection.trace import GATES, Trace, TracedLayer
from ensue.learn.reference import LSTMState, unroll_stack
from ensue.network import LSTM
from ensue.runtime.traces import LayerTrace

Make = Callable[..., TracedLayer]

SIZES = {
    "time": st.integers(1, 40),
    "units": st.integers(1, 5),
    "seed": st.integers(0, 10**6),
    "reverse": st.booleans(),
}


def from_the_start(layer: TracedLayer) -> TracedLayer:
    """The layer with a cell of zero before its first step."""
    return replace(layer, c_before=np.zeros_like(layer.c_before))


@given(**SIZES, start=st.sampled_from([0.0, 3.0]))
def test_the_ledger_adds_up_to_the_cell(
    make_layer: Make, time: int, units: int, seed: int, reverse: bool, start: float
) -> None:
    layer = make_layer(time, units, seed, reverse, np.float64, start)
    for at in range(time):
        book = ledger(layer, at)
        assert np.abs(book.total - layer.c[at]).max() <= 1e-12 * max(1.0, np.abs(layer.c).max())
        assert book.ages.tolist() == sorted(book.ages.tolist(), reverse=True) and book.ages[-1] == 0
        assert len(book.steps) == (time - at if reverse else at + 1)


def test_it_adds_up_to_the_cell_of_a_float32_lstm_to_one_in_a_million() -> None:
    generator = torch.Generator().manual_seed(3)
    shapes = LSTM(2, 16, layers=2, bidirectional=True).parameters()
    weights = {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}
    for name in weights:
        if name.startswith("bias_ih"):
            weights[name][16:32] = 5.0  # forget gates that keep for hundreds of steps
    x = torch.randn((1, 600, 2), generator=generator)
    c = torch.randn((4, 1, 16), generator=generator)
    _, _, gates = unroll_stack(x, LSTMState(torch.zeros_like(c), c), weights)
    suffixes = ("_l0", "_l0_reverse", "_l1", "_l1_reverse")
    traced = [
        LayerTrace("layers.0", suffix, *(part.numpy() for part in each), c_before=before.numpy())
        for suffix, each, before in zip(suffixes, gates, c, strict=True)
    ]
    for layer in Trace.of(traced, np.arange(600)).layers:
        for at in (0, 1, 299, 598, 599):
            assert np.abs(ledger(layer, at).total - layer.c[at]).max() <= 1e-6 * np.abs(layer.c).max()


def test_an_entry_is_what_was_written_times_what_was_kept(make_layer: Make) -> None:
    layer = make_layer(6, 2, dtype=np.float64, start=1.0)
    book = ledger(layer, 4)
    for s in range(5):
        kept = np.prod(layer.f[s + 1 : 5], axis=0)
        assert np.allclose(book.weights[s], kept * layer.i[s] * layer.g[s], rtol=1e-12)
    assert np.allclose(book.from_start, np.prod(layer.f[:5], axis=0) * layer.c_before, rtol=1e-12)


def test_backwards_is_forwards_in_the_mirror(make_layer: Make) -> None:
    back = make_layer(9, 3, reverse=True, start=2.0)
    mirror = replace(back, suffix="_l0", **{gate: getattr(back, gate)[::-1] for gate in GATES})
    assert np.array_equal(ledger(back, 2).weights, ledger(mirror, 6).weights)
    assert ledger(back, 2).steps.tolist() == [8, 7, 6, 5, 4, 3, 2]
    assert np.array_equal(mean_age(back), mean_age(mirror)[::-1], equal_nan=True)
    assert np.array_equal(mass_by_age(back, default_ages(9)), mass_by_age(mirror, default_ages(9))[::-1])


@given(**SIZES)
def test_the_mean_age_is_that_of_the_ledger(make_layer: Make, time: int, units: int, seed: int, reverse: bool) -> None:
    layer = from_the_start(make_layer(time, units, seed, reverse, np.float64))
    ages, of_layer = mean_age(layer), mean_age_of_layer(layer)
    for at in range(time):
        book = ledger(layer, at)
        held = np.abs(book.weights)
        assert np.allclose(ages[at], book.ages @ held / held.sum(axis=0), rtol=1e-9, atol=1e-12)
        assert np.isclose(of_layer[at], (book.ages @ held).sum() / held.sum(), rtol=1e-9, atol=1e-12)


@given(**SIZES, cuts=st.lists(st.integers(1, 39), max_size=5))
def test_the_mean_age_streams_in_any_blocks(
    make_layer: Make, time: int, units: int, seed: int, reverse: bool, cuts: list[int]
) -> None:
    layer = make_layer(time, units, seed, reverse)
    borders = sorted({0, time, *(cut for cut in cuts if cut < time)})
    blocks = list(pairwise(borders))
    before, pieces = None, {}
    for start, stop in reversed(blocks) if reverse else blocks:
        before = pieces[start] = holdings(layer.between(start, stop), before)
    whole = holdings(layer)
    for name in ("written", "aged"):
        joined = np.concatenate([getattr(pieces[start], name) for start, _ in blocks])
        assert np.array_equal(joined, getattr(whole, name))


def test_a_cell_that_holds_nothing_has_no_age(make_layer: Make) -> None:
    layer = make_layer(4, 2)
    silent = replace(layer, i=np.zeros_like(layer.i))
    assert np.isnan(mean_age(silent)).all() and np.isnan(mean_age_of_layer(silent)).all()
    assert not mass_by_age(from_the_start(silent), default_ages(4)).any()


@st.composite
def buckets(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Any that follow each other from 0, the last open."""
    firsts = [0, *sorted(draw(st.sets(st.integers(1, 50), max_size=6)))]
    return (*((first, after - 1) for first, after in pairwise(firsts)), (firsts[-1], -1))


@given(**SIZES, ages=buckets(), start=st.sampled_from([0.0, 3.0]))
def test_shares_by_age_are_those_of_the_ledger(
    make_layer: Make, time: int, units: int, seed: int, reverse: bool, ages: tuple[tuple[int, int], ...], start: float
) -> None:
    layer = make_layer(time, units, seed, reverse, np.float64, start)
    shares = mass_by_age(layer, ages)
    for at in range(time):
        book = ledger(layer, at)
        held = np.abs(book.weights).sum(axis=1)
        expected = [
            held[(book.ages >= first) & (book.ages <= (last if last >= 0 else time))].sum() for first, last in ages
        ]
        expected[-1] += np.abs(book.from_start).sum()
        assert np.allclose(shares[at], np.array(expected) / sum(expected), rtol=1e-9, atol=1e-12)


def test_rows_of_shares_add_up_to_one_over_a_long_sequence(make_layer: Make) -> None:
    layer = make_layer(3000, 40)  # more units than are computed at once
    shares = mass_by_age(layer, default_ages(3000))
    assert shares.shape == (3000, 14) and (shares >= 0).all()
    assert np.allclose(shares.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    book = ledger(layer, 2999)
    held = np.abs(book.weights).sum(axis=1)
    assert np.isclose(shares[2999, 5], held[(book.ages >= 9) & (book.ages <= 16)].sum() / held.sum(), rtol=1e-9)


@given(**SIZES)
def test_the_order_of_units_changes_nothing(make_layer: Make, time: int, units: int, seed: int, reverse: bool) -> None:
    layer = make_layer(time, units, seed, reverse)
    order = np.random.default_rng(seed).permutation(units)
    shuffled = replace(
        layer, **{gate: getattr(layer, gate)[:, order] for gate in GATES}, c_before=layer.c_before[order]
    )
    assert np.array_equal(ledger(shuffled, time // 2).weights, ledger(layer, time // 2).weights[:, order])
    assert np.array_equal(mean_age(shuffled), mean_age(layer)[:, order], equal_nan=True)
    ages = default_ages(time)
    assert np.allclose(mass_by_age(shuffled, ages), mass_by_age(layer, ages), rtol=0, atol=1e-12)


def test_default_ages_cover_any_sequence() -> None:
    assert default_ages(1) == default_ages(3) == ((0, 0), (1, 1), (2, 2), (3, -1))
    assert default_ages(10_000)[-3:] == ((2049, 4096), (4097, 8192), (8193, -1))


@given(**SIZES)
def test_what_is_read_out_adds_up_to_the_linear_map(
    make_layer: Make, time: int, units: int, seed: int, reverse: bool
) -> None:
    layer = make_layer(time, units, seed, reverse, np.float64, start=1.0)
    weight = np.random.default_rng(seed).normal(size=(2, units))
    for at in (0, time - 1):
        book = read_out(layer, at, weight)
        assert book.weights.shape == (len(book.steps), 2)
        assert np.allclose(book.total, weight @ layer.h[at], rtol=1e-9, atol=1e-12)


def test_an_empty_cell_reads_out_its_entries_at_the_slope_of_tanh() -> None:
    """0.5 was written, then -0.5: the cell is 0, and so is h, but each entry has its part."""
    one, g = np.ones((2, 1)), np.array([[0.5], [-0.5]])
    layer = TracedLayer("layer 1", "", "_l0", one, one, g, 0.8 * one, np.zeros((2, 1)), np.zeros((2, 1)), np.zeros(1))
    book = read_out(replace(layer, h=np.array([[0.8 * np.tanh(0.5)], [0.0]])), 1, [[2.0]])
    assert np.allclose(book.weights, [[0.8], [-0.8]]) and book.total == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layer: ledger(layer, 5), "step 5 was asked for, expected 0 to 4: so many steps were traced."),
        (lambda layer: ledger(layer, -1), "step -1 was asked for, expected 0 to 4: so many steps were traced."),
        (lambda layer: read_out(layer, 0, [1.0, 2.0]), "the read-out has the shape (2,), expected (outputs, 2)."),
        (
            lambda layer: read_out(replace(layer, h=layer.h + 0.1), 0, [[1.0, 2.0]]),
            "layer 1 shows a normalised cell state, which mixes its units: "
            "entries of its ledger cannot be read out one by one; look at the cell's ledger instead.",
        ),
        *(
            (
                lambda layer, ages=ages: mass_by_age(layer, ages),
                f"the ages are {given}, expected buckets that follow each other from 0, the last to -1 (and older).",
            )
            for ages, given in [
                ((), "empty"),
                (((0, 1), (2, 4)), "0 to 1, 2 to 4"),
                (((1, 1), (2, -1)), "1 to 1, 2 to -1"),
                (((0, 1), (3, -1)), "0 to 1, 3 to -1"),
                (((0, -1), (0, -1)), "0 to -1, 0 to -1"),
            ]
        ),
    ],
)
def test_what_cannot_be_is_refused(make_layer: Make, call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        call(make_layer(5, 2))
