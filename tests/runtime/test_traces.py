"""What the engines leave of their gates: traces against the reference, running sums against the traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue.errors import DataError, UsageError
from ensue.learn.reference import LSTMState, unroll_stack
from ensue.network import (
    LSTM,
    Convolution,
    Embedding,
    LayerNorm,
    Linear,
    Network,
    Pooling,
    QuantileHead,
    Residual,
    RMSNorm,
)
from ensue.runtime.engine import Executor
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.traces import CLOSED, OPEN, SMALLEST_FORGET, SUMS, GateSums, LayerTrace, places

Array = NDArray[Any]
Make = Callable[[Network, dict[str, Array]], Executor]

GATES = ("i", "f", "g", "o", "c", "h")


def _makes() -> dict[str, Make]:
    """Every way of executing a network here."""
    makes: dict[str, Make] = {"numpy": NumPyEngine}
    try:
        from ensue import _native
    except ImportError:
        return makes
    from ensue.runtime.native_engine import NativeEngine

    def native(isa: str) -> Make:
        return lambda network, weights: NativeEngine(network, weights, isa=isa)

    makes |= {isa: native(isa) for isa in _native.isa_names()}
    makes["threads"] = lambda network, weights: NativeEngine(network, weights, threads=3)
    return makes


MAKES = _makes()
engines = pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)

DEEP = Network(
    (
        Convolution(3, 6, 4, stride=2),
        Residual((RMSNorm(6), Residual((LSTM(6, 6, 2),)))),
        LSTM(6, 5, 2, residual=True),
        Residual((LayerNorm(5), LSTM(5, 5, layer_norm=True))),
        QuantileHead(5, (0.1, 0.5, 0.9), 2),
    )
)
POOLED = Network((LSTM(3, 4, bidirectional=True), Pooling("mean"), LSTM(8, 7), Linear(7, 2)))


def weights_of(network: Network, seed: int = 0, size: float = 0.6) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {name: random.normal(0, size, shape).astype(np.float32) for name, shape in network.parameters().items()}


def call_of(network: Network, batch: int, time: int, seed: int = 1) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    anchors = random.normal(size=(batch, network.output_time(time), network.anchors)).astype(np.float32)
    return {
        "x": random.normal(size=(batch, time, network.input_size)).astype(np.float32),
        "anchors": anchors if network.anchors else None,
        "state": [random.normal(size=shape).astype(np.float32) for shape in network.state_shapes(batch)],
    }


def assert_same_state(found: Sequence[Array], expected: Sequence[Array], tolerance: float) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance)


def assert_same_traces(found: Sequence[LayerTrace], expected: Sequence[LayerTrace], tolerance: float) -> None:
    assert [(each.place, each.suffix) for each in found] == [(each.place, each.suffix) for each in expected]
    for mine, theirs in zip(found, expected, strict=True):
        for gate in (*GATES, "c_before"):
            np.testing.assert_allclose(getattr(mine, gate), getattr(theirs, gate), rtol=0, atol=tolerance, err_msg=gate)


def sums_of(trace: LayerTrace, steps: Array, before: GateSums | None = None) -> GateSums:
    """The sums by their definition, in float64, a step after the other as it was read."""
    batch, time, hidden = trace.c.shape
    sums = GateSums.zero(trace.place, trace.suffix, batch, hidden) if before is None else before
    sums = GateSums.of(trace.place, trace.suffix, sums.steps + steps, sums.stacked.copy())
    i, f, g, o, c = (getattr(trace, gate).astype(np.float64) for gate in "ifgoc")
    for step in reversed(range(time)) if trace.reverse else range(time):
        for row in np.flatnonzero(step < steps):
            at = row, step
            sums.log_forget[row] += np.log(np.maximum(f[at], SMALLEST_FORGET))
            for name, gate in (("i", i), ("f", f), ("o", o)):
                getattr(sums, f"closed_{name}")[row] += gate[at] < CLOSED
                getattr(sums, f"open_{name}")[row] += gate[at] > OPEN
            sums.cell[row] += c[at]
            sums.cell_squared[row] += c[at] ** 2
            sums.aged[row] = f[at] * (sums.aged[row] + sums.written[row])
            sums.written[row] = f[at] * sums.written[row] + np.abs(i[at] * g[at])
    return sums


def assert_same_sums(found: Sequence[GateSums], expected: Sequence[GateSums], tolerance: float = 1e-4) -> None:
    """To single precision; a gate that is at an edge to the last bit may have been counted or not."""
    assert [(each.place, each.suffix) for each in found] == [(each.place, each.suffix) for each in expected]
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine.steps, theirs.steps)
        for name in SUMS:
            own, other = getattr(mine, name), getattr(theirs, name)
            assert own.dtype == np.float64
            if name.startswith(("closed", "open")):
                assert np.count_nonzero(own != other) <= 1 and np.abs(own - other).max(initial=0) <= 1, name
            else:
                np.testing.assert_allclose(own, other, rtol=tolerance, atol=tolerance, err_msg=name)


@engines
@settings(max_examples=25, deadline=None)
@given(
    hidden=st.sampled_from([1, 2, 5, 15, 16, 17, 33]),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    layer_norm=st.booleans(),
    residual=st.booleans(),
    batch=st.sampled_from([1, 2, 4, 7]),
    time=st.sampled_from([1, 2, 9, 16, 17, 40]),
    ragged=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_trace_is_that_of_the_reference(
    make: Make,
    hidden: int,
    layers: int,
    bidirectional: bool,
    layer_norm: bool,
    residual: bool,
    batch: int,
    time: int,
    ragged: bool,
    seed: int,
) -> None:
    if layer_norm:
        hidden = max(hidden, 15)  # few numbers may be nearly equal, and their norm is then but rounding
    lstm = LSTM(hidden, hidden, layers, bidirectional, layer_norm, residual)
    network = Network((lstm,))
    weights, call = weights_of(network, seed, 0.6 / hidden**0.5), call_of(network, batch, time, seed)
    lengths = np.random.default_rng(seed).integers(1, time + 1, batch) if ragged else None
    output, state, traces = make(network, weights).trace(**call, lengths=lengths)
    parameters = {name.removeprefix("layers.0."): torch.from_numpy(weight).double() for name, weight in weights.items()}
    before = LSTMState(*(torch.from_numpy(each).double() for each in call["state"]))
    ends = None if lengths is None else torch.from_numpy(lengths)
    expected, after, reference = unroll_stack(
        torch.from_numpy(call["x"]).double(), before, parameters, ends, residual=residual
    )
    tolerance = 1e-3 if layer_norm else 1e-5
    np.testing.assert_allclose(output, expected.numpy(), rtol=0, atol=tolerance)
    assert_same_state(state, [each.numpy() for each in after], tolerance)
    suffixes = [suffix for each in range(layers) for suffix in lstm.suffixes(each)]
    named = [
        LayerTrace.of("layers.0", suffix, np.stack([gate.numpy() for gate in gates]), c.numpy())
        for suffix, gates, c in zip(suffixes, reference, before.c, strict=True)
    ]
    assert_same_traces(traces, named, tolerance)
    if lengths is not None:
        beyond = np.arange(time) >= lengths[:, None]
        assert all(not getattr(each, gate)[beyond].any() for each in traces for gate in GATES)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_in_float64_a_trace_is_that_of_the_reference_to_the_last_digits(layer_norm: bool) -> None:
    network = Network((LSTM(3, 5, 2, bidirectional=True, layer_norm=layer_norm, residual=True),))
    weights, call = weights_of(network), call_of(network, 3, 12)
    _, _, traces = NumPyEngine(network, weights, np.float64).trace(**call)
    parameters = {name.removeprefix("layers.0."): torch.from_numpy(weight).double() for name, weight in weights.items()}
    before = LSTMState(*(torch.from_numpy(each).double() for each in call["state"]))
    _, _, reference = unroll_stack(torch.from_numpy(call["x"]).double(), before, parameters, residual=True)
    for trace, gates in zip(traces, reference, strict=True):
        for gate in GATES:
            np.testing.assert_allclose(getattr(trace, gate), getattr(gates, gate).numpy(), rtol=0, atol=1e-12)


@engines
@pytest.mark.parametrize("network", [DEEP, POOLED], ids=["deep", "pooled"])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("batch", "time"), [(1, 2), (1, 300), (9, 64), (300, 4)])
def test_traces_and_sums_of_any_network(make: Make, network: Network, ragged: bool, batch: int, time: int) -> None:
    """Strides, norms, poolings and residuals in between; large calls are cut into pieces."""
    weights, call = weights_of(network, size=0.4), call_of(network, batch, time)
    lengths = np.random.default_rng(2).integers(1, time // 2 + 1, batch) * 2 if ragged else None
    engine, exact = make(network, weights), NumPyEngine(network, weights, np.float64)
    output, state = engine.forward(**call, lengths=lengths)
    traced, traced_state, traces = engine.trace(**call, lengths=lengths)
    watched, watched_state, sums = engine.watch(**call, lengths=lengths)
    for found, found_state in ((traced, traced_state), (watched, watched_state)):
        np.testing.assert_allclose(found, output, rtol=0, atol=2e-5)
        assert_same_state(found_state, state, 2e-5)
    assert_same_traces(traces, exact.trace(**call, lengths=lengths)[2], 1e-4)
    there = places(network)
    assert [(each.place, each.suffix) for each in there] == [(each.place, each.suffix) for each in traces]
    assert all(f"{each.place}.weight_hh{each.suffix}" in network.parameters() for each in traces)
    expected = [sums_of(each, place.steps(batch, time, lengths)) for each, place in zip(traces, there, strict=True)]
    assert_same_sums(sums, expected)


def test_numbers_of_numpy_do_not_change_when_looked_at() -> None:
    network = DEEP
    engine, call = NumPyEngine(network, weights_of(network)), call_of(network, 4, 20)
    lengths = [20, 2, 8, 14]
    output, state = engine.forward(**call, lengths=lengths)
    for found, found_state, _ in (engine.trace(**call, lengths=lengths), engine.watch(**call, lengths=lengths)):
        np.testing.assert_array_equal(found, output)
        for mine, theirs in zip(found_state, state, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@engines
def test_places_follow_the_state(make: Make) -> None:
    network = Network(
        (
            Residual((LSTM(3, 3, 2), Residual((LSTM(3, 3),)))),
            Convolution(3, 3, 2, stride=2),
            LSTM(3, 2, bidirectional=True),
        )
    )
    _, _, traces = make(network, weights_of(network)).trace(**call_of(network, 2, 8))
    assert [(each.place + each.suffix, each.reverse, each.c.shape) for each in traces] == [
        ("layers.0.inner.0_l0", False, (2, 8, 3)),
        ("layers.0.inner.0_l1", False, (2, 8, 3)),
        ("layers.0.inner.1.inner.0_l0", False, (2, 8, 3)),
        ("layers.2_l0", False, (2, 4, 2)),
        ("layers.2_l0_reverse", True, (2, 4, 2)),
    ]


@engines
def test_a_network_without_an_lstm_has_nothing_to_show(make: Make) -> None:
    network = Network((Convolution(2, 3, 3), Linear(3, 1)))
    engine, call = make(network, weights_of(network)), call_of(network, 2, 5)
    expected, state = engine.forward(**call)
    for output, after, found in (engine.trace(**call), engine.watch(**call)):
        np.testing.assert_array_equal(output, expected)
        assert_same_state(after, state, 0)
        assert found == []


@engines
@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 39), max_size=5, unique=True).map(sorted),
    batch=st.sampled_from([1, 3]),
    layer_norm=st.booleans(),
    seed=st.integers(0, 9),
)
def test_a_stream_in_any_pieces_is_the_whole(
    make: Make, cuts: list[int], batch: int, layer_norm: bool, seed: int
) -> None:
    network = Network((Linear(2, 6), Residual((LSTM(6, 6, 2, layer_norm=layer_norm),)), LSTM(6, 19), Linear(19, 1)))
    engine, call = make(network, weights_of(network, seed, 0.5)), call_of(network, batch, 40, seed)
    output, end, whole = engine.trace(**call)
    _, _, total = engine.watch(**call)
    state, sums, pieces, outputs = call["state"], None, [], []
    for start, stop in zip([0, *cuts], [*cuts, 40], strict=True):
        piece = call["x"][:, start:stop]
        watched, watched_state, sums = engine.watch(piece, state=state, sums=sums)
        found, state, traces = engine.trace(piece, state=state)
        np.testing.assert_allclose(watched, found, rtol=0, atol=1e-5)
        assert_same_state(watched_state, state, 1e-5)
        outputs.append(found)
        pieces.append(traces)
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), output, rtol=0, atol=2e-5)
    assert_same_state(state, end, 2e-5)
    for position, each in enumerate(whole):
        before = each.c_before
        for (start, stop), traces in zip(zip([0, *cuts], [*cuts, 40], strict=True), pieces, strict=True):
            for gate in GATES:
                own = getattr(traces[position], gate)
                np.testing.assert_allclose(own, getattr(each, gate)[:, start:stop], rtol=0, atol=2e-5)
            np.testing.assert_allclose(traces[position].c_before, before, rtol=0, atol=2e-5)
            before = traces[position].c[:, -1]
    assert sums is not None
    assert_same_sums(sums, total, 2e-4)
    assert_same_sums(total, [sums_of(each, np.full(batch, 40)) for each in whole], 2e-4)


@engines
def test_nothing_that_is_given_is_written_to(make: Make) -> None:
    engine, call = make(DEEP, weights_of(DEEP)), call_of(DEEP, 2, 8)
    _, _, sums = engine.watch(**call)
    kept = [each.copy() for each in (call["x"], call["anchors"], *call["state"])]
    kept_sums = [each.stacked.copy() for each in sums]
    engine.trace(**call)
    _, _, further = engine.watch(**call, sums=sums)
    for before, after in zip(kept, (call["x"], call["anchors"], *call["state"]), strict=True):
        np.testing.assert_array_equal(before, after)
    for stacked, each, later in zip(kept_sums, sums, further, strict=True):
        np.testing.assert_array_equal(stacked, each.stacked)
        assert each.steps.tolist() == [4, 4] and later.steps.tolist() == [8, 8]


@engines
def test_a_trace_does_not_share_the_state_it_began_with(make: Make) -> None:
    network = Network((LSTM(2, 3),))
    call = call_of(network, 1, 4)
    _, _, (trace,) = make(network, weights_of(network)).trace(**call)
    first = call["state"][1][0].copy()
    call["state"][1][:] = 7
    np.testing.assert_array_equal(trace.c_before, first)


def constant_gates(input_bias: float, forget_bias: float) -> tuple[Network, dict[str, Array]]:
    """A unit whose gates are what their biases say, whatever it reads; g is the tanh of its input."""
    network = Network((LSTM(1, 1),))
    weights = {name: np.zeros(shape, np.float32) for name, shape in network.parameters().items()}
    weights["layers.0.weight_ih_l0"][2] = 1
    weights["layers.0.bias_ih_l0"][:2] = input_bias, forget_bias
    return network, weights


@engines
def test_the_mean_age_is_that_of_what_is_still_in_the_cell(make: Make) -> None:
    network, weights = constant_gates(0.7, 1.5)
    x = np.random.default_rng(0).normal(size=(2, 50, 1)).astype(np.float32)
    lengths = np.array([50, 23])
    _, _, (sums,) = make(network, weights).watch(x, lengths=lengths)
    forget, write = 1 / (1 + np.exp(-1.5)), 1 / (1 + np.exp(-0.7))
    for row, length in enumerate(lengths):
        age = np.arange(length)[::-1]  # of what was written at each step
        left = forget**age * write * np.abs(np.tanh(x[row, :length, 0].astype(np.float64)))
        assert sums.mean_age[row, 0] == pytest.approx((age * left).sum() / left.sum(), rel=1e-5)
        assert sums.written[row, 0] == pytest.approx(left.sum(), rel=1e-5)
        assert sums.log_forget[row, 0] == pytest.approx(length * np.log(forget), rel=1e-5)
    assert sums.steps.tolist() == [50, 23]


def test_an_empty_cell_has_no_age() -> None:
    assert np.isnan(GateSums.zero("layers.0", "_l0", 1, 2).mean_age).all()


@engines
@pytest.mark.parametrize("bias", [-60.0, 60.0])
def test_a_forget_gate_may_be_shut_or_open_for_good(make: Make, bias: float) -> None:
    network, weights = constant_gates(0.0, bias)
    x, state = np.ones((1, 40, 1), np.float32), [np.zeros((1, 1, 1)), np.full((1, 1, 1), 3.0)]
    engine = make(network, weights)
    _, _, (trace,) = engine.trace(x, state=state)
    _, _, (sums,) = engine.watch(x, state=state)
    shut, g = bias < 0, np.tanh(1.0)
    np.testing.assert_array_equal(trace.f, 0 if shut else 1)
    assert sums.log_forget[0, 0] == pytest.approx(40 * np.log(SMALLEST_FORGET) if shut else 0)
    assert (sums.closed_f[0, 0], sums.open_f[0, 0]) == ((40, 0) if shut else (0, 40))
    assert sums.written[0, 0] == pytest.approx(0.5 * g * (1 if shut else 40), rel=1e-5)
    assert sums.mean_age[0, 0] == pytest.approx(0 if shut else 19.5, rel=1e-5)


@engines
@pytest.mark.parametrize("bias", [2.0, 9.0, 14.0])
def test_sums_over_a_long_stream_stay_exact(make: Make, bias: float) -> None:
    network = Network((LSTM(1, 3),))
    weights = weights_of(network)
    weights["layers.0.bias_ih_l0"][3:6] += np.float32(bias)
    weights["layers.0.weight_hh_l0"][:] = 0  # so that a rounded h changes no gate
    steps = 2_000 if make is NumPyEngine else 20_000
    x = np.random.default_rng(0).normal(size=(1, steps, 1)).astype(np.float32)
    engine = make(network, weights)
    _, _, traces = engine.trace(x)
    state, sums = None, None
    for start in range(0, steps, 4_999):
        _, state, sums = engine.watch(x[:, start : start + 4_999], state=state, sums=sums)
    assert sums is not None
    expected = [sums_of(each, np.array([steps])) for each in traces]
    for name in ("log_forget", "written", "aged", "cell_squared"):
        np.testing.assert_allclose(getattr(sums[0], name), getattr(expected[0], name), rtol=1e-5, err_msg=name)


@engines
def test_a_call_that_cannot_be_is_refused_as_it_is_by_forward(make: Make) -> None:
    network = Network((LSTM(2, 3), Linear(3, 1)))
    engine = make(network, weights_of(network))
    x = np.zeros((2, 4, 2))
    for call in (engine.trace, engine.watch):
        with pytest.raises(UsageError, match=r"^The input has shape \(2, 4, 3\), expected \(batch, time, 2\)\.$"):
            call(np.zeros((2, 4, 3)))
        with pytest.raises(
            UsageError, match=r"^The lengths are \[5, 1\], expected 2 whole numbers from 1 to 4, one a row"
        ):
            call(x, lengths=[5, 1])
        with pytest.raises(UsageError, match=r"^The state given has shapes \[\(1, 1, 3\)\], expected "):
            call(x, state=[np.zeros((1, 1, 3))])
    embeds = Network((Embedding(4, 2), LSTM(2, 3)))
    for call in (make(embeds, weights_of(embeds)).trace, make(embeds, weights_of(embeds)).watch):
        with pytest.raises(DataError, match=r"^A category code lies between 7 and 7, expected 0 to 3\.$"):
            call(np.full((1, 2, 1), 7.0))


@engines
def test_sums_of_something_else_are_refused(make: Make) -> None:
    network = Network((LSTM(2, 3), Linear(3, 1)))
    engine, x = make(network, weights_of(network)), np.zeros((2, 4, 2))
    _, _, sums = engine.watch(x)
    own = r"expected those of layers\.0_l0 \(2, 3\)\.$"
    with pytest.raises(UsageError, match=rf"^The sums given are of no layer, {own}"):
        engine.watch(x, sums=[])
    with pytest.raises(UsageError, match=rf"^The sums given are of layers\.4_l0 \(2, 3\), {own}"):
        engine.watch(x, sums=[replace(sums[0], place="layers.4")])
    with pytest.raises(
        UsageError, match=r"^The sums given are of layers\.0_l0 \(2, 3\), expected those of layers\.0_l0 \(1, 3\)"
    ):
        engine.watch(x[:1], sums=sums)


class TestNative:
    """What only the native core offers."""

    @pytest.fixture(autouse=True)
    def _only_where_it_is_built(self) -> None:
        pytest.importorskip("ensue._native", reason="the native core is not built")

    @pytest.mark.parametrize("weights_as", ["bf16", "int8"])
    def test_smaller_weights_can_be_looked_at_too(self, weights_as: str) -> None:
        from ensue.runtime.native_engine import NativeEngine

        network = Network((LSTM(3, 37, 2), Linear(37, 1)))
        engine = NativeEngine(network, weights_of(network, size=0.2), weights_as=weights_as)
        for batch in (1, 8):
            call = call_of(network, batch, 50)
            expected, _ = engine.forward(**call)
            output, _, traces = engine.trace(**call)
            watched, _, sums = engine.watch(**call)
            np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)
            np.testing.assert_array_equal(watched, expected)
            assert_same_sums(sums, [sums_of(each, np.full(batch, 50)) for each in traces], 2e-4)

    def test_a_bound_pass_moves_sums_on_in_place(self) -> None:
        from ensue import _native
        from ensue.runtime.native_engine import NativeEngine

        network = Network((LSTM(2, 5, 2), Linear(5, 1)))
        engine = NativeEngine(network, weights_of(network))
        x = call_of(network, 1, 30)["x"]
        _, _, expected = engine.watch(x)
        given, y, state = np.zeros((1, 1, 2), np.float32), np.zeros((1, 1, 1), np.float32), engine.initial_state(1)
        sums = [np.zeros((11, 5)) for _ in range(2)]
        step = _native.Pass(engine.native, given, None, state, y, sums=sums).run
        for each in x[0]:
            given[0, 0] = each
            step()
        found = [
            GateSums.of(each.place, each.suffix, np.array([30]), own[:, None])
            for each, own in zip(expected, sums, strict=True)
        ]
        assert_same_sums(found, expected)

    def test_arrays_to_record_in_that_do_not_fit_are_refused(self) -> None:
        from ensue import _native
        from ensue.runtime.native_engine import NativeEngine

        network = Network((LSTM(2, 5), Linear(5, 1)))
        engine = NativeEngine(network, weights_of(network))
        x, y, state = np.zeros((3, 4, 2), np.float32), np.zeros((3, 4, 1), np.float32), engine.initial_state(3)

        def run(**records: Any) -> None:
            _native.Pass(engine.native, x, None, state, y, **records).run()

        trace, sums = np.zeros((6, 3, 4, 5), np.float32), np.zeros((11, 15))
        with pytest.raises(ValueError, match=r"^Traces and sums are both given, expected one of them\.$"):
            run(traces=[trace], sums=[sums])
        with pytest.raises(ValueError, match=r"^There are 2 arrays to record in, expected 1\.$"):
            run(traces=[trace, trace])
        with pytest.raises(ValueError, match=r"^A trace has shape \(6, 3, 4, 4\), expected \(6, 3, 4, 5\)\.$"):
            run(traces=[trace[..., :4].copy()])
        with pytest.raises(ValueError, match=r"^An array of sums has shape \(11, 14\), expected \(11, 15\)\.$"):
            run(sums=[sums[:, :14].copy()])
        for wrong in (sums.astype(np.float32), sums[:, ::-1], None, "sums"):
            with pytest.raises(ValueError, match=r"^What is to be recorded in is no contiguous array of its type\.$"):
                run(sums=[wrong])
        assert engine.native.recorded == [5] and engine.native.recorded_time(0, 4) == 4
        for beyond in (-1, 1):
            with pytest.raises(IndexError):
                engine.native.recorded_time(beyond, 4)
