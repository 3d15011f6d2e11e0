"""What the native engine does beyond what every engine does (`test_engine.py`): large batches in pieces and on threads,
smaller weights, arrays bound once, a choice of engine, and that no nonsense from a file or a caller can harm it."""

from __future__ import annotations

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue.errors import DataError, UsageError
from ensue.network import (
    LSTM,
    AttentionPooling,
    Convolution,
    EmbedColumns,
    Embedding,
    GatedFeedForward,
    LayerNorm,
    Linear,
    Network,
    Pooling,
    QuantileHead,
    Residual,
    RMSNorm,
    SoftmaxHead,
)
from ensue.runtime import engine as room
from ensue.runtime.engine import Engine, executor
from ensue.runtime.native_engine import NativeEngine, program
from ensue.runtime.numpy_engine import NumPyEngine

native = pytest.importorskip("ensue._native", reason="the native core is not built")

LEVELS = tuple(np.round(np.linspace(0.02, 0.98, 13), 4).tolist())
FORECASTER = Network(
    (Linear(30, 64), Residual((LSTM(64, 64),)), Residual((LSTM(64, 64),)), QuantileHead(64, LEVELS, 7))
)
CLASSIFIER = Network(
    (
        Convolution(3, 24, 5, stride=2, causal=False, activation="silu"),
        LSTM(24, 20, 2, bidirectional=True, residual=True),
        AttentionPooling(40, 16),
        SoftmaxHead(40, 5),
    )
)
CAUSAL = Network(
    (
        Convolution(3, 40, 4, stride=2, dilation=3),
        Residual((RMSNorm(40), LSTM(40, 40, layer_norm=True))),
        Residual((LayerNorm(40), GatedFeedForward(40, 70))),
        LSTM(40, 33, 2),
    )
)
ALONE = Network((LSTM(64, 64, 2),))
EVERY_KIND = Network(
    (
        EmbedColumns(4, ((2, 5, 3), (0, 2, 1))),
        Convolution(6, 8, 3, dilation=2),
        Residual((LayerNorm(8), LSTM(8, 8, 2, residual=True))),
        Residual((RMSNorm(8), Residual((GatedFeedForward(8, 5),)))),
        LSTM(8, 4, bidirectional=True, layer_norm=True),
        AttentionPooling(8, 3),
        Pooling("max"),
        Linear(8, 6, activation="silu"),
        QuantileHead(6, (0.1, 0.5, 0.9), 2),
    )
)

Weights = dict[str, NDArray[Any]]


def weights_of(network: Network, seed: int = 0) -> Weights:
    """As large as in a trained network: outputs of a few units."""
    generator = np.random.default_rng(seed)
    return {
        name: generator.normal(0, shape[-1] ** -0.5, shape).astype(np.float32)
        for name, shape in network.parameters().items()
    }


def call_of(network: Network, batch: int, time: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(batch, time, network.input_size))
    anchors = generator.normal(size=(batch, network.output_time(time), network.anchors))
    return x, anchors if network.anchors else None


def state_of(network: Network, batch: int) -> list[NDArray[Any]]:
    generator = np.random.default_rng(2)
    return [generator.normal(size=shape) for shape in network.state_shapes(batch)]


@pytest.mark.parametrize(
    "network", [FORECASTER, CLASSIFIER, CAUSAL, ALONE], ids=["forecaster", "classifier", "causal", "alone"]
)
@pytest.mark.parametrize(("batch", "time"), [(1, 5000), (389, 4), (700, 6), (90, 60), (2000, 2)])
@pytest.mark.parametrize("ragged", [False, True])
def test_pieces_of_a_large_call_are_the_whole(network: Network, batch: int, time: int, ragged: bool) -> None:
    """A batch is cut into tiles of rows, and a causal network's sequence into spans of steps; NumPy does neither."""
    weights, (x, anchors), state = weights_of(network), call_of(network, batch, time), state_of(network, batch)
    lengths = np.random.default_rng(3).integers(1, time // 2 + 1, batch) * 2 if ragged else None
    expected, expected_end = NumPyEngine(network, weights).forward(x, anchors, state, lengths=lengths)
    output, end = NativeEngine(network, weights).forward(x, anchors, state, lengths=lengths)
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)
    for mine, theirs in zip(end, expected_end, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("network", [FORECASTER, CLASSIFIER, CAUSAL], ids=["forecaster", "classifier", "causal"])
def test_threads_change_nothing(network: Network) -> None:
    weights, (x, anchors), state = weights_of(network), call_of(network, 101, 40), state_of(network, 101)
    lengths = np.random.default_rng(3).integers(1, 21, 101) * 2
    expected, expected_end = NativeEngine(network, weights).forward(x, anchors, state, lengths=lengths)
    for threads in (2, 3, 64):
        engine = NativeEngine(network, weights, threads=threads)
        output, end = engine.forward(x, anchors, state, lengths=lengths)
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)
        for mine, theirs in zip(end, expected_end, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)
        again, _ = engine.forward(x, anchors, state, lengths=lengths)
        np.testing.assert_array_equal(again, output)


def test_many_streams_on_many_threads_are_the_streams_one_by_one() -> None:
    engine = NativeEngine(FORECASTER, weights_of(FORECASTER))
    x, anchors = call_of(FORECASTER, 24, 30)
    assert anchors is not None

    def stream(row: int) -> NDArray[Any]:
        state, outputs = engine.initial_state(1), []
        for step in range(30):
            at = slice(step, step + 1)
            output, state = engine.forward(x[row : row + 1, at], anchors[row : row + 1, at], state)
            outputs.append(output[0, 0])
        return np.array(outputs)

    expected = [stream(row) for row in range(24)]
    with ThreadPoolExecutor(8) as pool:
        for mine, alone in zip(pool.map(stream, range(24)), expected, strict=True):
            np.testing.assert_array_equal(mine, alone)


@pytest.mark.parametrize("isa", native.isa_names())
@pytest.mark.parametrize(("weights_as", "room"), [("bf16", 0.05), ("int8", 0.1)])
@pytest.mark.parametrize("network", [FORECASTER, CLASSIFIER], ids=["forecaster", "classifier"])
def test_smaller_weights_say_nearly_the_same(network: Network, weights_as: str, room: float, isa: str) -> None:
    """bf16 keeps 8 bits of each weight and int8 7 of each row's largest: outputs of a few units move by hundredths."""
    weights, (x, anchors) = weights_of(network), call_of(network, 20, 30)
    exact, exact_end = NativeEngine(network, weights, isa=isa).forward(x, anchors)
    output, end = NativeEngine(network, weights, isa=isa, weights_as=weights_as).forward(x, anchors)
    assert 0 < np.abs(output - exact).max() < room
    for mine, theirs in zip(end, exact_end, strict=True):
        assert 0 < np.abs(mine - theirs).max() < room
    steps, state = [], None
    for step in range(4) if network.causal else ():
        given = None if anchors is None else anchors[:1, step : step + 1]
        one, state = NativeEngine(network, weights, isa=isa, weights_as=weights_as).forward(
            x[:1, step : step + 1], given, state
        )
        steps.append(one)
    if steps:
        np.testing.assert_allclose(np.concatenate(steps, axis=1), output[:1, :4], rtol=0, atol=1e-5)


def test_arrays_bound_once_are_read_and_written_each_time() -> None:
    engine = NativeEngine(FORECASTER, weights_of(FORECASTER))
    (x, anchors), state = call_of(FORECASTER, 1, 6), engine.initial_state(1)
    expected, end = engine.forward(x, anchors)
    now, beside = np.empty((1, 1, 30), np.float32), np.empty((1, 1, 7), np.float32)
    y = np.empty((1, 1, 13), np.float32)
    bound = native.Pass(engine.native, now, beside, state, y)
    assert anchors is not None
    for step in range(6):
        now[...], beside[...] = x[:, step], anchors[:, step]
        assert bound.run() is None
        np.testing.assert_allclose(y[0, 0], expected[0, step], rtol=0, atol=1e-5)
    np.testing.assert_allclose(state[0], end[0], rtol=0, atol=1e-5)


def test_small_numbers_are_what_they_were_afterwards() -> None:
    """While it runs numbers too small to be normal are zero; then the processor is set as it was."""
    network = Network((Linear(1, 1, bias=False),))
    engine = NativeEngine(network, {"layers.0.weight": np.ones((1, 1), np.float32)})
    output, _ = engine.forward(np.full((1, 1, 1), 1e-39, np.float32))
    assert output[0, 0, 0] == 0
    assert np.float32(1e-39) * np.float32(0.5) > 0


def test_copies_are_built_anew() -> None:
    engine = NativeEngine(CAUSAL, weights_of(CAUSAL), weights_as="bf16", threads=2)
    x, _ = call_of(CAUSAL, 2, 4)
    for twin in (copy.deepcopy(engine), pickle.loads(pickle.dumps(engine))):
        assert (twin.digest, twin.weights_as, twin.threads, twin.isa) == (engine.digest, "bf16", 2, engine.isa)
        np.testing.assert_array_equal(twin.forward(x)[0], engine.forward(x)[0])


def test_the_digest_is_that_of_the_weights() -> None:
    weights = weights_of(CAUSAL)
    assert NativeEngine(CAUSAL, weights, weights_as="int8").digest == NumPyEngine(CAUSAL, weights).digest
    assert NativeEngine(CAUSAL, weights_of(CAUSAL, 1)).digest != NumPyEngine(CAUSAL, weights).digest


def test_codes_are_checked_wherever_they_come_from() -> None:
    network = Network((Linear(1, 1), Embedding(4, 2)))
    weights = {
        "layers.0.weight": np.full((1, 1), 10.0),
        "layers.0.bias": np.zeros(1),
        "layers.1.weight": np.arange(8.0).reshape(4, 2),
    }
    engine = NativeEngine(network, weights)
    assert engine.forward(np.full((1, 2, 1), 0.25))[0].tolist() == [[[4.0, 5.0], [4.0, 5.0]]]
    with pytest.raises(ValueError, match=r"^A category code that a layer made lies outside its table\.$"):
        engine.forward(np.full((3, 2, 1), 0.5))
    with pytest.raises(DataError) as error:
        NativeEngine(Network((Embedding(4, 2),)), {"layers.0.weight": np.zeros((4, 2))}).forward(np.full((1, 1, 1), 4))
    assert str(error.value) == "A category code lies between 4 and 4, expected 0 to 3."


# ---- the choice ------------------------------------------------------------------------------------------------------


def test_the_native_core_is_chosen_where_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENSUE_EXECUTOR", raising=False)
    weights = weights_of(CAUSAL)
    assert isinstance(Engine(CAUSAL, weights), NativeEngine)
    assert isinstance(Engine(CAUSAL, weights, np.float64), NumPyEngine)
    assert executor().startswith(f"native core, {native.kernels().name}")
    monkeypatch.setenv("ENSUE_EXECUTOR", "numpy")
    assert isinstance(Engine(CAUSAL, weights), NumPyEngine)
    assert executor() == f"NumPy {np.__version__}: ENSUE_EXECUTOR asks for NumPy"
    with pytest.raises(UsageError) as error:
        Engine(CAUSAL, weights, weights_as="bf16")
    assert str(error.value) == ("Weights are kept as bf16 by the native core alone, and ENSUE_EXECUTOR asks for NumPy.")


def test_numpy_is_chosen_where_the_native_core_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENSUE_EXECUTOR", raising=False)
    monkeypatch.setitem(sys.modules, "ensue._native", None)
    assert isinstance(Engine(CAUSAL, weights_of(CAUSAL)), NumPyEngine)
    missing = "the native core was not built: install GCC or Clang and Python's headers, then Ensue again"
    assert executor() == f"NumPy {np.__version__}: {missing}"
    monkeypatch.setenv("ENSUE_EXECUTOR", "native")
    with pytest.raises(UsageError) as error:
        Engine(CAUSAL, weights_of(CAUSAL))
    assert str(error.value) == f"ENSUE_EXECUTOR is 'native', but {missing}."
    assert executor() == f"none: ENSUE_EXECUTOR is 'native', but {missing}."


def test_options_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of(CAUSAL)
    for options, said in (
        ({"weights_as": "bfloat16"}, "Weights cannot be kept as 'bfloat16', expected 'float32', 'bf16' or 'int8'."),
        ({"threads": 0}, "threads is 0, expected a whole number from 1 to 1024."),
    ):
        with pytest.raises(UsageError) as error:
            NativeEngine(CAUSAL, weights, **options)  # type: ignore[arg-type]
        assert str(error.value) == said
    with pytest.raises(UsageError) as error:
        NativeEngine(CAUSAL, weights, isa="sse9")
    assert str(error.value) == "There are no float32 kernels 'sse9' here."
    monkeypatch.setenv("ENSUE_EXECUTOR", "nativ")
    with pytest.raises(UsageError) as error:
        Engine(CAUSAL, weights)
    assert str(error.value) == "ENSUE_EXECUTOR is 'nativ', did you mean 'native'?"
    assert room.executor() == "none: ENSUE_EXECUTOR is 'nativ', did you mean 'native'?"


# ---- nonsense --------------------------------------------------------------------------------------------------------

NUMBERS = st.one_of(st.integers(-2, 12), st.sampled_from([2**31, 10**9, 10**9 + 1, 2**62, 2**63 - 1, -(2**63), 2**70]))


@settings(max_examples=400)
@given(data=st.data())
def test_a_program_is_built_or_refused(data: st.DataObject) -> None:
    """Programs of which parts are changed at random: what is built can be run, all else is refused."""
    weights = weights_of(EVERY_KIND)
    instructions = program(EVERY_KIND)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(instructions) - 1))
        kind, numbers, names = instructions[place]
        change = data.draw(st.sampled_from(["number", "drop", "double", "kind", "names", "more", "weight"]))
        if change == "number" and numbers:
            which = data.draw(st.integers(0, len(numbers) - 1))
            numbers = (*numbers[:which], data.draw(NUMBERS), *numbers[which + 1 :])
        elif change == "drop" and len(instructions) > 1:
            del instructions[place]
            continue
        elif change == "double":
            instructions.insert(place, instructions[place])
            continue
        elif change == "kind":
            kind = data.draw(st.sampled_from(["lstm", "linear", "end", "residual", "pooling", "convolution", "", "\0"]))
        elif change == "names" and names:
            names = names[1:]
        elif change == "more":
            numbers = (*numbers, data.draw(NUMBERS))
        elif change == "weight" and names:
            weights[names[0]] = np.zeros(data.draw(st.integers(0, 9)), np.float32)
        instructions[place] = (kind, numbers, names)
    try:
        network = native.Network(instructions, weights)
    except ValueError as error:
        assert str(error).endswith(".")
        return
    x = np.zeros((2, 3, network.input_size), np.float32)
    anchors = np.zeros((2, network.output_time(3), network.anchors), np.float32)
    state = [np.zeros((rows, 2, size), np.float32) for rows, size in network.state_shapes]
    y = np.zeros((2, network.output_time(3), network.output_size), np.float32)
    try:
        network.run(x, anchors if network.anchors else None, state, y)
    except ValueError as error:
        assert str(error).endswith(".")


@pytest.mark.parametrize(
    "nonsense",
    [
        [("lstm",)],
        [("lstm", (1, 1), "weight")],
        [("linear", (1, 1, 0, 0), ("w", "w"))],
        [("linear", (1.5, 1, 0, 0), ("w",))],
        [("linear", (1, 1, 0, 9), ("w",))],
        [("linear", (1, 1, 0, 0), ("missing",))],
        [("linear", (1, 1, 0, 0), ("doubles",))],
        [("linear", (10**9, 10**9, 0, 0), ("w",))],
        [("rms_norm", (1,), ("strided",))],
        [("residual", (), ())] * 40,
        [("end", (), ())],
        [("residual", (), ()), ("end", (), ())],
        [],
        [None],
        "linear",
    ],
)
def test_a_program_that_is_none_is_refused(nonsense: Any) -> None:
    weights = {"w": np.ones(1, np.float32), "doubles": np.ones(1), "strided": np.ones(4, np.float32)[::2], "text": "1"}
    with pytest.raises((ValueError, TypeError)):
        native.Network(nonsense, weights)


def test_a_call_that_does_not_fit_is_refused() -> None:
    engine = NativeEngine(CAUSAL, weights_of(CAUSAL))
    x, y = np.zeros((2, 4, 3), np.float32), np.zeros((2, 2, 33), np.float32)
    state = engine.initial_state(2)
    read_only = np.zeros((2, 2, 33), np.float32)
    read_only.flags.writeable = False
    run = engine.native.run
    assert run(x, None, state, y) is None
    calls: list[tuple[Any, ...]] = [
        (x[:, :3], None, state, y[:, :1]),  # a stride cut in two
        (x[:0], None, engine.initial_state(0), y[:0]),
        (x[:, :0], None, state, y[:, :0]),
        (x[..., :2], None, state, y),
        (x[:, ::2], None, state, y),
        (x.astype(np.float64), None, state, y),
        (x, x, state, y),
        (x, None, state[:-1], y),
        (x, None, [*state, state[0]], y),
        (x, None, [each[:, :1] for each in state], y),
        (x, None, [each.astype(np.float64) for each in state], y),
        (x, None, [None] * len(state), y),
        (x, None, state, y[:, :1]),
        (x, None, state, None),
        (x, None, state, read_only),
        (x, None, state, y, np.array([2, 6])),
        (x, None, state, y, np.array([2, 0])),
        (x, None, state, y, np.array([2, 3])),
        (x, None, state, y, np.array([2])),
        (x, None, state, y, np.array([2, -(2**63)])),
        (x, None, state, y, None, True, 0),
        (x, None, state, y, None, True, -(2**31)),
    ]
    for each in calls:
        with pytest.raises((ValueError, TypeError)):
            run(*each)


@pytest.mark.parametrize("lengths", [[1.0, 2.0], [[1, 2]], [0, 2], [2, 9], [2], "ab", [2**64, 1], [True, True]])
def test_lengths_are_refused_as_numpy_refuses_them(lengths: Any) -> None:
    network = Network((LSTM(3, 2),))
    weights, x = weights_of(network), np.zeros((2, 4, 3))
    said = []
    for engine in (NumPyEngine(network, weights), NativeEngine(network, weights)):
        with pytest.raises(UsageError) as error:
            engine.forward(x, lengths=lengths)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_copy_keeps_its_instruction_set() -> None:
    network = Network((Linear(2, 3),))
    for isa in native.isa_names():
        engine = NativeEngine(network, weights_of(network), isa=isa, weights_as="bf16", threads=2)
        again = pickle.loads(pickle.dumps(engine))
        assert (again.isa, again.weights_as, again.threads) == (isa, "bf16", 2)


def test_the_native_core_is_not_forced_on_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSUE_EXECUTOR", "native")
    network = Network((Linear(2, 3),))
    with pytest.raises(UsageError) as error:
        Engine(network, weights_of(network), np.float64)
    assert str(error.value) == (
        "ENSUE_EXECUTOR is 'native', but it computes in float32, not float64: leave the variable unset."
    )
