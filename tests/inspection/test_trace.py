"""A row of a batch under its labels: names, slices, a table, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars
import pytest
import torch

from ensue.errors import UsageError
from ensue.inspection.ledger import ledger, mean_age, read_out
from ensue.inspection.time_scales import time_scales
from ensue.inspection.trace import GATES, Trace, layer_names
from ensue.inspection.units import saturation
from ensue.learn.reference import unroll_stack
from ensue.network import LSTM, Linear, Network
from ensue.runtime.engine import Engine
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.traces import LayerTrace

TOP = {"layer 2": slice(0, 6), "layer 2, backwards": slice(6, 12)}
DAYS = np.arange("2024-01-01", "2024-01-06", dtype="datetime64[D]").astype("datetime64[us]")


def layers(time: int = 5, batch: int = 2, lengths: list[int] | None = None) -> list[LayerTrace]:
    """Two layers in both directions, from the reference."""
    generator = torch.Generator().manual_seed(0)
    shapes = LSTM(3, 4, layers=2, bidirectional=True).parameters()
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    x = torch.randn((batch, time, 3), generator=generator)
    ends = None if lengths is None else torch.tensor(lengths)
    _, _, gates = unroll_stack(x, None, weights, ends)
    before = np.zeros((batch, 4), np.float32)
    suffixes = ("_l0", "_l0_reverse", "_l1", "_l1_reverse")
    return [
        LayerTrace("layers.2", suffix, *(part.numpy() for part in each), c_before=before)
        for suffix, each in zip(suffixes, gates, strict=True)
    ]


def test_a_row_of_the_batch_stands_under_its_labels() -> None:
    traced = layers()
    trace = Trace.of(traced, DAYS, row=1)
    assert trace.names == ("layer 1", "layer 1, backwards", "layer 2", "layer 2, backwards")
    for each, whole in zip(trace.layers, traced, strict=True):
        for gate in GATES:
            assert np.array_equal(getattr(each, gate), getattr(whole, gate)[1])
            assert np.shares_memory(getattr(each, gate), getattr(whole, gate))
    assert [each.reverse for each in trace.layers] == [False, True, False, True]
    assert len(trace) == 5 and trace.layers[0].units == 4 and len(trace.layers[0]) == 5
    assert trace["layer 2"] is trace.layer(2) is trace.layers[2] is trace[-2]


@pytest.mark.parametrize("executor", [NumPyEngine, Engine])
def test_what_an_engine_watches_is_what_its_trace_says(executor: Any) -> None:
    network = Network((LSTM(3, 6, layers=2, bidirectional=True), Linear(12, 2)))
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(0, 0.7, shape) for name, shape in network.parameters().items()}
    engine, x = executor(network, weights), generator.normal(size=(1, 50, 3))
    state = [generator.normal(size=shape) for shape in network.state_shapes(1)]
    output, _, traced = engine.trace(x, state=state)
    _, _, watched = engine.watch(x, state=state)
    trace = Trace.of(traced, np.arange(50))
    assert trace.names == ("layer 1", "layer 1, backwards", "layer 2", "layer 2, backwards")
    for layer, sums in zip(trace.layers, watched, strict=True):
        for at in (0, 25, 49):
            assert np.abs(ledger(layer, at).total - layer.c[at]).max() <= 1e-6 * np.abs(layer.c).max()
        last = 0 if layer.reverse else -1
        assert np.allclose(mean_age(layer)[last], sums.mean_age[0], rtol=1e-5)
        assert np.allclose(time_scales(layer).half_life, time_scales(sums).half_life, rtol=1e-5)
        for name, share in vars(saturation(layer)).items():
            assert np.allclose(share, getattr(saturation(sums), name), atol=0.02)  # a step at the border, at most
    top = [read_out(trace.layer(which), 30, weights["layers.1.weight"][:, side]).total for which, side in TOP.items()]
    assert np.allclose(sum(top) + weights["layers.1.bias"], output[0, 30], atol=1e-5)


def test_layers_are_counted_through_the_whole_network() -> None:
    empty = [np.zeros((1, 0, 1))] * 6 + [np.zeros((1, 1))]
    places = [("layers.0", "_l0"), ("layers.0", "_l1"), ("layers.3", "_l0"), ("layers.3", "_l0_reverse")]
    given = [LayerTrace(place, suffix, *empty) for place, suffix in places]
    assert layer_names(given) == ["layer 1", "layer 2", "layer 3", "layer 3, backwards"]


def test_a_shorter_row_is_cut_at_its_own_end() -> None:
    traced = layers(lengths=[5, 3])
    trace = Trace.of(traced, ["to", "be", "or"], row=1)
    assert len(trace) == len(trace.layers[1]) == 3
    assert np.array_equal(trace.layers[1].c, traced[1].c[1, :3])
    with pytest.raises(UsageError) as caught:
        Trace.of(traced, ["to", "be", "or"], row=0)
    assert str(caught.value) == "layer 1 was traced over 5 steps and 3 labels were given: give one for each step."


@pytest.mark.parametrize("which", [slice(1, 4), slice(2, None), slice(0, 3), slice(-2, None)])
def test_a_slice_knows_the_cell_before_it(which: slice) -> None:
    trace = Trace.of(layers(), DAYS)
    part = trace[which]
    assert part.labels.tolist() == DAYS[which].tolist()
    for each in part.layers:
        cell = each.c_before.astype(np.float64)
        i, f, g = (each.ordered(getattr(each, gate)).astype(np.float64) for gate in "ifg")
        for t, c in enumerate(each.ordered(each.c)):
            cell = f[t] * cell + i[t] * g[t]
            assert np.allclose(cell, c, atol=1e-6)


def test_the_frame_has_a_row_for_each_layer_step_and_unit() -> None:
    trace = Trace.of(layers(), DAYS)
    frame = trace.to_frame()
    assert frame.shape == (4 * 5 * 4, 10)
    assert frame.schema["label"] == polars.Datetime("us") and frame.schema["c"] == polars.Float32
    row = frame.filter(
        (polars.col("layer") == "layer 2, backwards") & (polars.col("step") == 3) & (polars.col("unit") == 2)
    )
    assert row["label"].item() == DAYS[3].item()
    assert [row[gate].item() for gate in GATES] == [getattr(trace.layer(3), gate)[3, 2] for gate in GATES]
    words = Trace.of(layers(), ["so", "it", "goes", "so", "it"]).to_frame()
    assert words["label"].to_list()[:8] == ["so"] * 4 + ["it"] * 4


def test_layers_of_different_sizes_share_a_frame() -> None:
    small = [np.zeros((1, 2, 1))] * 6 + [np.zeros((1, 1))]
    large = [np.zeros((1, 2, 3))] * 6 + [np.zeros((1, 3))]
    trace = Trace.of([LayerTrace("layers.0", "_l0", *small), LayerTrace("layers.1", "_l0", *large)], [7, 8])
    assert repr(trace) == "Trace(2 steps from 7 to 8, layer 1 of 1 units, layer 2 of 3 units)"
    assert trace.to_frame()["unit"].to_list() == [0, 0, 0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Trace.of([], [1]), "there is no LSTM layer to trace: expected a network with at least one."),
        (lambda: Trace.of(layers(), [[1]]), "labels have the shape (1, 1), expected one label for each step."),
        (
            lambda: Trace.of(layers(), range(6)),
            "layer 1 was traced over 5 steps and 6 labels were given: give one for each step.",
        ),
        (lambda: Trace.of(layers(), DAYS, row=2), "row 2 was asked for, expected 0 to 1: so many rows were traced."),
        (lambda: Trace.of(layers(), DAYS).layer("layer 5"), "there is no layer 'layer 5': did you mean 'layer 2'?"),
        (lambda: Trace.of(layers(), DAYS).layer(4), "there is no layer 4: expected a number from 0 to 3."),
        (
            lambda: Trace.of(layers(), DAYS)[::2],
            "the slice 0:5:2 is not a run of steps: expected one step or more, each.",
        ),
        (
            lambda: Trace.of(layers(), DAYS)[3:3],
            "the slice 3:3:1 is not a run of steps: expected one step or more, each.",
        ),
    ],
)
def test_what_cannot_be_is_refused(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        call()
