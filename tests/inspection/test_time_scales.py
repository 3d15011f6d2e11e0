"""Time scales of gates that are known, from traces, sums and biases; histograms; and numbers of steps in words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.errors import UsageError
from ensue.inspection.time_scales import TimeScales, from_biases, histogram, in_words, tenths, time_scales
from ensue.inspection.trace import TracedLayer
from ensue.network import LSTM, Network
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.traces import GateSums

Make = Callable[..., TracedLayer]


def with_forget(layer: TracedLayer, f: Any) -> TracedLayer:
    return replace(layer, f=np.broadcast_to(np.asarray(f, np.float64), layer.f.shape))


def test_half_of_it_is_left_after_a_half_life(make_layer: Make) -> None:
    scales = time_scales(with_forget(make_layer(100, 3), [0.5, 0.99, 0.9]))
    assert np.allclose(scales.forget, [0.5, 0.99, 0.9])
    assert np.allclose(np.array([0.5, 0.99, 0.9]) ** scales.half_life, 0.5)
    assert np.allclose(np.array([0.5, 0.99, 0.9]) ** scales.e_fold, np.exp(-1))


@given(time=st.integers(1, 60), seed=st.integers(0, 10**6))
def test_it_is_the_product_of_the_gates_that_counts(make_layer: Make, time: int, seed: int) -> None:
    gates = np.random.default_rng(seed).uniform(0.05, 0.999, (time, 4))
    scales = time_scales(with_forget(make_layer(time, 4), gates))
    assert np.allclose(scales.forget**time, gates.prod(axis=0), rtol=1e-9)


def test_gates_open_or_shut_for_good_are_no_accident(make_layer: Make) -> None:
    gates = np.full((5, 3), 0.5)
    gates[:, 0], gates[2, 1] = 1.0, 0.0
    scales = time_scales(with_forget(make_layer(5, 3), gates))
    assert scales.half_life.tolist() == pytest.approx([math.inf, 5 / (4 + 63), 1.0])  # a 0 counts as 2^-63
    assert scales.forget.tolist() == pytest.approx([1.0, 2 ** (-(4 + 63) / 5), 0.5])


def test_sums_over_rows_give_what_their_steps_give(make_layer: Make) -> None:
    first, second = (with_forget(make_layer(n, 3), np.random.default_rng(n).uniform(0.1, 1, (n, 3))) for n in (7, 4))
    logs = np.stack([np.log(each.f).sum(axis=0) for each in (first, second)])
    sums = replace(GateSums.zero("layers.0", "_l0", 2, 3), steps=np.array([7, 4]), log_forget=logs)
    joined = with_forget(make_layer(11, 3), np.concatenate([first.f, second.f]))
    assert np.allclose(time_scales(sums).half_life, time_scales(joined).half_life, rtol=1e-12)


def test_biases_alone_tell_what_happens_without_input(make_layer: Make) -> None:
    network = Network((LSTM(2, 3, layers=2),))
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=shape) for name, shape in network.parameters().items()}
    layer = replace(make_layer(1, 3), suffix="_l1")
    b = (weights["layers.0.bias_ih_l1"] + weights["layers.0.bias_hh_l1"])[3:6]
    scales = from_biases(weights, layer)
    assert np.allclose(scales.forget, 1 / (1 + np.exp(-b)), rtol=1e-12)
    assert np.allclose(scales.e_fold, 1 / np.log1p(np.exp(-b)), rtol=1e-12)
    # In the engine: with no weights and i = 0, a cell decays at exactly this pace.
    still = {name: array if name.endswith("bias_ih_l1") else np.zeros_like(array) for name, array in weights.items()}
    bias = still["layers.0.bias_ih_l1"]
    bias[0:3] = -800.0
    state = [np.zeros((2, 1, 3)), np.ones((2, 1, 3))]
    _, (_, c) = NumPyEngine(network, still, np.float64).forward(np.zeros((1, 10, 2)), state=state)
    assert np.allclose(c[1, 0], np.exp(-10 / from_biases(still, layer).e_fold), rtol=1e-9)


def test_a_bias_beyond_exp_is_no_overflow(make_layer: Make) -> None:
    bias = np.zeros(12)
    bias[3:6] = [-1e4, 0.0, 1e4]
    weights = {"layers.0.bias_ih_l0": bias, "layers.0.bias_hh_l0": np.zeros(12)}
    assert from_biases(weights, make_layer(1, 3)).half_life.tolist() == [math.log(2) / 1e4, 1.0, math.inf]


@given(values=st.lists(st.floats(1e-3, 1e6) | st.just(math.inf) | st.just(0.0), min_size=1))
def test_every_unit_is_in_the_histogram_once(values: list[float]) -> None:
    found = histogram(values)
    assert found.counts.sum() + found.none + found.endless == len(values)
    inside = np.array([each for each in values if 0 < each < math.inf])
    assert len(found.edges) == len(found.counts) + 1
    for count, low, high in zip(found.counts, found.edges, found.edges[1:], strict=False):
        slack = 1 + 1e-8
        assert ((inside >= low * slack) & (inside < high / slack)).sum() <= count
        assert count <= ((inside >= low / slack) & (inside < high * slack)).sum()


def test_edges_are_the_same_for_every_model() -> None:
    edges = histogram([3.0, 40.0, 500.0]).edges
    assert set(histogram([35.0, 90.0]).edges.round(9)) <= set(edges.round(9))
    assert np.allclose(edges[0], 10**0.25) and np.allclose(edges[-1], 10**2.75)
    assert histogram([math.inf]).counts.tolist() == [0] and len(histogram([math.inf]).edges) == 2


def test_tenths_are_values_of_units() -> None:
    assert tenths(np.arange(1, 101)) == (10.0, 50.0, 90.0)
    assert tenths([5.0]) == (5.0, 5.0, 5.0)
    assert tenths([math.inf, math.inf, 2.0]) == (2.0, math.inf, math.inf)
    assert TimeScales.of([0.0]).half_life.tolist() == [math.inf]


HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("steps", "seconds", "step", "words"),
    [
        (31, HOUR, "hour", "31 hours"),
        (58, HOUR, "hour", "2.4 days"),
        (168, HOUR, "hour", "7 days"),
        (600, HOUR, "hour", "3.6 weeks"),
        (2000, HOUR, "hour", "2.7 months"),
        (48, 1800.0, "step", "24 hours"),
        (2, DAY, "day", "2 days"),
        (400, DAY, "day", "13 months"),
        (3, 365.2425 * DAY, "year", "3 years"),
        (8000, 365.2425 * DAY, "year", "8,000 years"),
        (1.5, 60.0, "minute", "90 seconds"),
        (1, 1.0, "second", "1 second"),
        (3.2, 0.01, "frame", "32 milliseconds"),
        (0.5, 1e-6, "tick", "0.5 microseconds"),
        (1e-4, 1e-6, "tick", "less than 0.01 microseconds"),
        (0, HOUR, "hour", "0 hours"),
        (31.4, None, "word", "31 words"),
        (9.96, None, "step", "10 steps"),
        (2.449, None, "business day", "2.4 business days"),
        (1.02, None, "step", "1 step"),
        (12345.6, None, "step", "12,346 steps"),
        (0.04, None, "step", "0.04 steps"),
        (0.001, None, "step", "less than 0.01 steps"),
        (math.inf, HOUR, "hour", "without end"),
    ],
)
def test_steps_are_said_as_a_person_says_them(steps: float, seconds: float | None, step: str, words: str) -> None:
    assert in_words(steps, seconds, step) == words


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layer: in_words(math.nan), "nan steps cannot be said in words: expected 0 or more."),
        (lambda layer: in_words(-1.0), "-1.0 steps cannot be said in words: expected 0 or more."),
        (
            lambda layer: time_scales(layer.between(0, 0)),
            "there are no steps to take a time scale from: expected one or more.",
        ),
        (
            lambda layer: time_scales(GateSums.zero("layers.0", "_l0", 1, 2)),
            "there are no steps to take a time scale from: expected one or more.",
        ),
    ],
)
def test_what_cannot_be_is_refused(make_layer: Make, call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        call(make_layer(3, 2))
