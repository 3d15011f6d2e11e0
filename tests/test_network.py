"""A description goes to JSON and back; one that cannot be right is refused with a sentence, a hostile one quickly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ensue.errors import ConfigError, ModelFileError, UsageError
from ensue.network import (
    LSTM,
    AttentionPooling,
    Convolution,
    Dropout,
    EmbedColumns,
    Embedding,
    GatedFeedForward,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Pooling,
    QuantileHead,
    Residual,
    RMSNorm,
    SoftmaxHead,
)

SIZES = st.integers(1, 9)
RATES = st.floats(0, 1, exclude_max=True)


@st.composite
def layers_between(draw: st.DrawFn, start: int, depth: int = 0) -> tuple[tuple[Layer, ...], int]:
    """Some layers that fit after size `start`, and the size they end with."""
    chosen: list[Layer] = []
    size = start
    for kind in draw(st.lists(st.integers(0, 8), min_size=1, max_size=4)):
        if kind == 0:
            activation = draw(st.sampled_from(["none", "relu", "gelu", "silu", "tanh"]))
            chosen.append(Linear(size, draw(SIZES), draw(st.booleans()), activation))
        elif kind == 1:
            chosen.append(draw(lstms(size)))
        elif kind == 2:
            chosen.append(draw(st.sampled_from([LayerNorm(size), RMSNorm(size)])))
        elif kind == 3:
            chosen.append(GatedFeedForward(size, draw(SIZES)))
        elif kind == 4:
            chosen.append(Dropout(draw(RATES)))
        elif kind == 5 and depth < 2:
            inner, end = draw(layers_between(size, depth + 1))
            chosen.append(Residual((*inner, Linear(end, size))))
        elif kind == 6:
            chosen.append(draw(convolutions(size, depth == 0 and not any(each.pools for each in chosen))))
        elif kind == 7 and depth == 0:
            pooling = st.sampled_from([*(Pooling(how) for how in ("mean", "max", "last")), AttentionPooling(size, 3)])
            chosen.append(draw(pooling))
        else:
            indices = draw(st.lists(st.integers(0, size - 1), unique=True, max_size=size))
            columns = tuple((index, draw(st.integers(0, 9)), draw(SIZES)) for index in indices)
            chosen.append(EmbedColumns(size, columns))
        size = next((each.output_size for each in reversed(chosen) if each.output_size), start)
    return tuple(chosen), size


@st.composite
def convolutions(draw: st.DrawFn, size: int, may_stride: bool) -> Convolution:
    causal, flags = (
        draw(st.booleans()),
        {"bias": draw(st.booleans()), "activation": draw(st.sampled_from(["none", "gelu"]))},
    )
    width = draw(SIZES) if causal else 2 * draw(SIZES) + 1
    return Convolution(size, draw(SIZES), width, draw(SIZES) if may_stride else 1, draw(SIZES), causal, **flags)


@st.composite
def lstms(draw: st.DrawFn, size: int) -> LSTM:
    bias, chrono = draw(st.one_of(st.tuples(st.floats(-5, 5), st.none()), st.tuples(st.none(), st.integers(2, 500))))
    flags = [draw(st.booleans()) for _ in range(4)]
    names = ("bidirectional", "layer_norm", "residual", "orthogonal")
    rates = {"dropout": draw(RATES), "recurrent_dropout": draw(RATES)}
    options: dict[str, Any] = {**dict(zip(names, flags, strict=True)), **rates}
    return LSTM(size, draw(SIZES), draw(st.integers(1, 3)), forget_bias=bias, chrono=chrono, **options)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    start = draw(SIZES)
    first: tuple[Layer, ...] = (Embedding(draw(SIZES), start),) if draw(st.booleans()) else (Linear(start, start),)
    middle, end = draw(layers_between(start))
    levels = draw(st.sets(st.floats(0, 1, exclude_min=True, exclude_max=True), max_size=5)) | {0.5}
    heads = [QuantileHead(end, tuple(sorted(levels)), draw(st.integers(0, 3))), SoftmaxHead(end, draw(SIZES) + 1)]
    return Network((*first, *middle, draw(st.sampled_from(heads))))


@given(networks())
def test_json_round_trip(network: Network) -> None:
    assert Network.from_json(json.loads(json.dumps(network.to_json()))) == network


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(networks(), st.data())
def test_a_damaged_description_is_a_network_or_a_model_file_error(network: Network, data: st.DataObject) -> None:
    """Any one value or field, replaced, removed or added."""
    description = network.to_json()
    layer = data.draw(st.sampled_from(description["layers"]))
    field = data.draw(st.sampled_from(sorted(layer)) | st.text(max_size=8))
    if data.draw(st.booleans()):
        layer.pop(field, None)
    else:
        layer[field] = data.draw(JSON)
    try:
        found = Network.from_json(description)
    except ModelFileError as error:
        assert str(error).startswith("The network description cannot be right: ")
    else:
        assert Network.from_json(found.to_json()) == found


@given(JSON)
def test_any_other_json_is_a_model_file_error(value: object) -> None:
    with pytest.raises(ModelFileError):
        Network.from_json(value)


def test_parameters_are_pytorchs() -> None:
    for bidirectional in (False, True):
        theirs = torch.nn.LSTM(3, 5, 2, bidirectional=bidirectional)
        ours = LSTM(3, 5, 2, bidirectional=bidirectional).parameters()
        assert ours == {name: tuple(each.shape) for name, each in theirs.named_parameters()}


def test_names_shapes_counts_and_state() -> None:
    inner = Residual((RMSNorm(4), LSTM(4, 4, 2), Dropout(0.1)))
    network = Network((EmbedColumns(3, ((1, 6, 5),)), Linear(7, 4), inner, LSTM(4, 3), QuantileHead(3, (0.1, 0.5), 2)))
    assert (network.input_size, network.output_size, network.anchors, network.depth) == (3, 2, 2, 2)
    shapes = network.parameters()
    assert shapes["layers.0.embeddings.0.weight"] == (7, 5)
    assert shapes["layers.2.inner.1.weight_ih_l1"] == (16, 4)
    assert shapes["layers.4.weight"] == (4, 3)
    lstm, last = 2 * (16 * 4 + 16 * 4 + 16 + 16), 12 * 4 + 12 * 3 + 12 + 12
    assert network.parameter_count == 7 * 5 + (4 * 7 + 4) + 4 + lstm + last + (4 * 3 + 4)
    assert network.state_shapes(6) == [(2, 6, 4), (2, 6, 4), (1, 6, 3), (1, 6, 3)]


def test_a_bidirectional_lstm_anywhere_cannot_stream() -> None:
    assert Network((LSTM(2, 4), Linear(4, 1))).streamable
    backwards = Residual((LSTM(4, 2, bidirectional=True),))
    assert not Network((LSTM(2, 4), backwards, Linear(4, 1))).streamable


def test_what_looks_ahead_or_at_all_steps_cannot_stream() -> None:
    assert Network((Convolution(2, 4, 3, stride=2),)).streamable
    for layer in (Convolution(2, 4, 3, causal=False), AttentionPooling(2, 4)):
        assert not Network((layer,)).streamable
    assert not Network((LSTM(2, 4), Pooling("last"))).streamable


def test_strides_pools_and_the_state_of_convolutions() -> None:
    first, second = Convolution(2, 4, 5, stride=2, dilation=3), Convolution(4, 3, 1, stride=5)
    network = Network((first, LSTM(4, 4), Residual((Convolution(4, 4, 2),)), second))
    assert (network.stride, network.pools, network.output_time(30)) == (10, False, 3)
    assert network.state_shapes(6) == [(12, 6, 2), (1, 6, 4), (1, 6, 4), (1, 6, 4)]
    assert network.parameters()["layers.0.weight"] == (4, 2, 5)
    assert network.head is None
    pooled = Network((first, Pooling("max"), AttentionPooling(4, 7), SoftmaxHead(4, 3)))
    assert (pooled.stride, pooled.pools, pooled.output_time(30)) == (2, True, 1)
    assert pooled.head == SoftmaxHead(4, 3)
    assert pooled.parameters() == {
        "layers.0.weight": (4, 2, 5), "layers.0.bias": (4,),
        "layers.2.weight": (7, 4), "layers.2.bias": (7,), "layers.2.query": (7,),
        "layers.3.weight": (3, 4), "layers.3.bias": (3,),
    }  # fmt: skip
    assert Network((Convolution(2, 4, 3, causal=False),)).state_shapes(6) == []


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: Network((Linear(2, 3), LSTM(4, 5))),
            "network: a linear layer gives size 3 to a lstm layer that takes 4; make them equal.",
        ),
        (lambda: Network(()), "network: no layer has a size, expected at least one that does."),
        (lambda: Network((Dropout(0.5),)), "network: no layer has a size, expected at least one that does."),
        (
            lambda: Network((QuantileHead(2, (0.5,)), Linear(1, 1))),
            HEAD := "network: a quantile_head stands before other layers, expected it last.",
        ),
        (lambda: Network((Residual((QuantileHead(1, (0.5,)),)),)), HEAD),
        (
            lambda: Residual((Linear(2, 3),)),
            "residual: its layers turn size 2 into 3, expected the same size to add.",
        ),
        (lambda: Linear(0, 3), "linear: input_size is 0, expected a whole number from 1 to 1000000000."),
        (lambda: Linear(True, 3), "linear: input_size is True, expected a whole number from 1 to 1000000000."),
        (
            lambda: Linear(10**9, 3, activation="none") and Linear(10**300, 3),
            "linear: input_size is a very large number, expected a whole number from 1 to 1000000000.",
        ),
        (lambda: Linear(2, 3, activation="tan"), "linear: activation is 'tan', did you mean 'tanh'?"),
        (
            lambda: Network((Linear(40_000, 40_000),)),
            "network: it has 1600040000 parameters, expected at most 1000000000.",
        ),
        (lambda: LSTM(1, 1, 101), "lstm: layers is 101, expected a whole number from 1 to 100."),
        (lambda: LSTM(1, 1, chrono=1), "lstm: chrono is 1, expected a whole number from 2 to 1000000000."),
        (
            lambda: LSTM(1, 1, forget_bias=float("nan")),
            "lstm: forget_bias is nan, expected a number from -100 to 100.",
        ),
        (
            lambda: LSTM(1, 1, forget_bias=1.0, chrono=5),
            "lstm: forget_bias and chrono both set the forget gate's bias; give one of them.",
        ),
        (lambda: Dropout(1.0), "dropout: rate is 1.0, expected a number from 0 up to, not including, 1."),
        (
            lambda: EmbedColumns(2, ((2, 3, 4),)),
            "embed_columns: a column's index is 2, expected a whole number from 0 to 1.",
        ),
        (
            lambda: EmbedColumns(2, ((1, 3, 4), (1, 3, 4))),
            "embed_columns: columns names indices [1, 1], expected each at most once.",
        ),
        (
            lambda: QuantileHead(2, (0.1, 0.9)),
            "quantile_head: levels is [0.1, 0.9], expected 0.5 among them, the median.",
        ),
        (
            lambda: QuantileHead(2, (0.5, 0.1)),
            "quantile_head: levels is [0.5, 0.1], expected ascending levels without repeats.",
        ),
        (
            lambda: Convolution(2, 3, 4, causal=False),
            "convolution: width is 4 and causal is false, expected an odd width.",
        ),
        (lambda: Convolution(2, 3, 0), "convolution: width is 0, expected a whole number from 1 to 1000000000."),
        (
            lambda: Convolution(2, 3, 3, stride=float("nan")),  # type: ignore[arg-type]
            "convolution: stride is nan, expected a whole number from 1 to 1000000000.",
        ),
        (lambda: Convolution(2, 3, 3, causal=1), "convolution: causal is 1, expected true or false."),  # type: ignore[arg-type]
        (lambda: Convolution(2, 3, 3, activation="rel"), "convolution: activation is 'rel', did you mean 'relu'?"),
        (
            lambda: Convolution(2, 3, 3, dilation=10**9),
            "convolution: it reaches back 2000000000 steps of size 2, expected at most 10000000 numbers in all.",
        ),
        (
            lambda: Network(tuple(Convolution(1, 1, 2, dilation=10**7) for _ in range(3))),
            "network: its state has 30000000 numbers a row, expected at most 10000000.",
        ),
        (
            lambda: Network(tuple(Convolution(1, 1, 1, stride=10**6) for _ in range(3))),
            "network: its strides multiply to 1000000000000, expected at most 1000000000.",
        ),
        (lambda: Pooling("maxi"), "pooling: how is 'maxi', did you mean 'max'?"),
        (lambda: Pooling(["mean"]), "pooling: how is ['mean'], did you mean 'mean'?"),  # type: ignore[arg-type]
        (
            lambda: AttentionPooling(2, -1),
            "attention_pooling: inner_size is -1, expected a whole number from 1 to 1000000000.",
        ),
        (lambda: SoftmaxHead(2, 1), "softmax_head: classes is 1, expected a whole number from 2 to 1000000000."),
        (
            lambda: Network((SoftmaxHead(2, 3), Pooling("mean"))),
            "network: a softmax_head stands before other layers, expected it last.",
        ),
        (
            lambda: Residual((LSTM(2, 2), Pooling("mean"))),
            "residual: a pooling layer gives fewer steps than it takes, expected as many to add.",
        ),
        (
            lambda: Residual((Convolution(2, 2, 3, stride=2),)),
            "residual: a convolution layer gives fewer steps than it takes, expected as many to add.",
        ),
        (
            lambda: Network((Pooling("mean"), Convolution(2, 3, 3, stride=2))),
            "network: a convolution layer with stride 2 stands after a pooling, which leaves one step; "
            "give it stride 1.",
        ),
        (lambda: QuantileHead(2, (0.5, 1.0)), "quantile_head: levels is (0.5, 1.0), expected numbers between 0 and 1."),
    ],
)
def test_refuses_what_cannot_be_right(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        make()
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ([{"kind": "lsmt"}], "network: the layer kind 'lsmt' is not known, did you mean 'lstm'?"),
        ([{"kind": ["lstm"]}], None),
        ([{"kind": "dropout"}], "dropout: the field 'rate' is missing."),
        (
            [{"kind": "dropout", "rat": 0.1}],
            "dropout: the field 'rat' is not known, did you mean 'rate'?",
        ),
        (
            [{"kind": "convolution", "input_size": 1, "output_size": 1, "width": 2, "layers": [7]}],
            "convolution: the field 'layers' is not known, choose from 'input_size', 'output_size', 'width', "
            "'stride', 'dilation', 'causal', 'bias', 'activation'.",
        ),
        ([{"kind": "pooling", "how": {"a": 1}}], "pooling: how is {'a': 1}, choose from 'mean', 'max', 'last'."),
        ([7], "network: a layer is not a table."),
        ({}, "network: layers is not a list."),
    ],
)
def test_refuses_json_that_is_no_network(layers: object, sentence: str | None) -> None:
    with pytest.raises(ModelFileError) as error:
        Network.from_json({"layers": layers})
    if sentence is not None:
        assert str(error.value) == "The network description cannot be right: " + sentence


def nested(depth: int) -> dict[str, Any]:
    layer: dict[str, Any] = {"kind": "rms_norm", "size": 2}
    for _ in range(depth - 1):
        layer = {"kind": "residual", "layers": [layer]}
    return {"layers": [layer]}


def test_nesting_has_an_end_and_costs_no_more_than_its_depth() -> None:
    assert Network.from_json(nested(32)).depth == 32  # hangs if a layer asks its layers for their sizes again and again
    with pytest.raises(ModelFileError) as error:
        Network.from_json(nested(33))
    assert str(error.value) == "The network description cannot be right: network: layers nest more than 32 deep."


def test_check_weights() -> None:
    network = Network((Linear(2, 3),))
    network.check_weights({"layers.0.bias": (3,), "layers.0.weight": (3, 2)})
    for shapes, sentence in [
        ({"layers.0.weight": (3, 2)}, "The weights lack the parameter 'layers.0.bias' of shape (3,)."),
        ({"other": (1,)}, "The weights hold a parameter 'other' that the network does not have."),
        (
            {"layers.0.bias": (3,), "layers.0.weight": (2, 3)},
            "The parameter 'layers.0.weight' has shape (2, 3), expected (3, 2).",
        ),
    ]:
        with pytest.raises(ModelFileError) as error:
            network.check_weights(shapes)
        assert str(error.value) == sentence


def test_check_call() -> None:
    network = Network((LSTM(2, 3), QuantileHead(3, (0.5,), 2)))
    network.check_call((4, 5, 2), (4, 5, 2), [(1, 4, 3), (1, 4, 3)])
    calls: list[tuple[Any, Any, Any, str]] = [
        ((4, 5), None, None, "The input has shape (4, 5), expected (batch, time, 2)."),
        ((4, 0, 2), None, None, "The input has shape (4, 0, 2), expected (batch, time, 2)."),
        ((4, 5, 2), None, None, "The anchors given are none, expected (4, 5, 2)."),
        ((4, 5, 2), (4, 5, 3), None, "The anchors given are of shape (4, 5, 3), expected (4, 5, 2)."),
        (
            (4, 5, 2),
            (4, 5, 2),
            [(1, 4, 3)],
            "The state given has shapes [(1, 4, 3)], expected [(1, 4, 3), (1, 4, 3)].",
        ),
    ]
    for x, anchors, state, sentence in calls:
        with pytest.raises(UsageError) as error:
            network.check_call(x, anchors, state)
        assert str(error.value) == sentence
    strided = Network((Convolution(2, 3, 1, stride=5), QuantileHead(3, (0.5,), 2)))
    strided.check_call((4, 10, 2), (4, 2, 2), [], [10, 5, 5, 10])
    with pytest.raises(UsageError) as error:
        strided.check_call((4, 9, 2), (4, 2, 2))
    assert str(error.value) == "The input has 9 time steps, expected a multiple of the network's stride 5."
    with pytest.raises(UsageError) as error:
        strided.check_call((4, 10, 2), (4, 10, 2))
    assert str(error.value) == "The anchors given are of shape (4, 10, 2), expected (4, 2, 2)."
    with pytest.raises(UsageError) as error:
        strided.check_call((4, 10, 2), (4, 2, 2), None, [10, 5, 5, 8])
    assert str(error.value) == "The lengths are [10, 5, 5, 8], expected 4 multiples of 5 from 5 to 10, one a row."
    with pytest.raises(UsageError) as error:
        Network((Linear(2, 1),)).check_call((1, 1, 2), (1, 1, 1))
    assert str(error.value) == "The anchors given are of shape (1, 1, 1), expected none."
