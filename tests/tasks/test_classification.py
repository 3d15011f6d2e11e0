"""The classification task: its networks, its description, and what it reads."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ensue.data.channels import Channels
from ensue.data.text import TextFrontEnd, TextOptions
from ensue.errors import ConfigError, DataError
from ensue.tasks.classification import ClassificationTask, ClassifierSizes
from ensue.tasks.classification_options import ClassificationOptions
from ensue.tasks.from_language_model import begin_from
from ensue.tasks.language_model import LanguageModelTask, LanguageSizes

WORDS = TextFrontEnd.learn(["a b c d e f g h i j k l"], TextOptions(tokens="words", vocabulary=12))
FORWARD = ClassifierSizes((5,), 4, bidirectional=False, pooling="last")
BOTH = ClassifierSizes((5, 6), 4, input_dropout=0.5, hidden_dropout=0.1, output_dropout=0.5)


def task(sizes: ClassifierSizes = BOTH, **more: Any) -> ClassificationTask:
    return ClassificationTask(WORDS, ("no", "yes"), sizes, **more)


def test_a_network_in_both_directions_pools_and_is_not_causal() -> None:
    network = task().networks()["network"]
    assert [layer.kind for layer in network.layers] == [
        "embedding", "dropout", "lstm", "dropout", "lstm", "dropout", "attention_pooling", "dropout", "softmax_head",
    ]  # fmt: skip
    assert not network.causal


def test_a_network_in_one_direction_answers_at_every_step() -> None:
    network = task(FORWARD).networks()["network"]
    assert [layer.kind for layer in network.layers] == ["embedding", "lstm", "softmax_head"]
    assert network.causal
    assert task(FORWARD).sizes.causal


@pytest.mark.parametrize("causal", [True, False])
def test_numbers_go_through_a_convolution_that_is_as_causal_as_the_rest(causal: bool) -> None:
    sizes = FORWARD if causal else BOTH
    numbers = ClassificationTask(Channels(("x", "y"), (0.0, 1.0), (1.0, 2.0), gaps=True), ("1", "2", "3"), sizes)
    network = numbers.networks()["network"]
    assert network.input_size == 4
    assert network.output_size == 3
    assert network.causal is causal
    assert numbers.read([[2.0, 3.0]]).tolist() == [[2.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("sizes", [FORWARD, BOTH])
@pytest.mark.parametrize("front_end", [WORDS, Channels(("x",), (0.5,), (2.0,))])
def test_a_description_in_json_says_everything(front_end: Any, sizes: ClassifierSizes) -> None:
    one = ClassificationTask(front_end, ("no", "yes"), sizes, longest=20, temperature=1.5)
    assert ClassificationTask.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"classes": ["a"]}, ConfigError),
        ({"classes": ["a", "a"]}, ConfigError),
        ({"classes": [1, 2]}, ConfigError),
        ({"temperature": 0.0}, ConfigError),
        ({"temperature": "hot"}, ValueError),
        ({"longest": 3}, ConfigError),
        ({"sizes": {"hidden": [8], "embedding": 4, "more": 1}}, TypeError),
        ({"sizes": {"hidden": [], "embedding": 4}}, ConfigError),
        ({"sizes": {"hidden": [0], "embedding": 4}}, ConfigError),
        ({"sizes": {"hidden": [8], "embedding": 4, "pooling": "sum"}}, ConfigError),
        ({"sizes": {"embedding": 4}}, KeyError),
        ({"text": {"kind": "song"}}, ValueError),
    ],
)
def test_a_foreign_description_is_refused(change: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        ClassificationTask.from_json(task().to_json() | change)


def test_long_sequences_of_numbers_are_shortened_by_the_convolution() -> None:
    sizes = ClassificationOptions().sizes(reads_text=False, length=251)
    assert sizes.stride == 3
    assert ClassificationOptions(bidirectional=False).sizes(reads_text=False, length=251).stride == 1
    numbers = ClassificationTask(Channels(("x",), (0.0,), (1.0,)), ("a", "b"), sizes)
    assert numbers.networks()["network"].layers[0].stride == 3
    assert numbers.read([1.0, 2.0, 3.0, 4.0]).tolist() == [[1.0], [2.0], [3.0], [4.0], [4.0], [4.0]]
    with pytest.raises(ConfigError) as caught:
        ClassifierSizes((3,), 4, bidirectional=False, pooling="last", stride=2)
    assert str(caught.value) == (
        "classification: stride is 2 and the network answers at every step, expected a stride of 1."
    )


def test_of_a_long_text_the_beginning_and_the_end_are_read() -> None:
    text = "a b c d e f g h i j k l"
    read = task(longest=10).read(text)[:, 0].astype(int)
    assert WORDS.decode(read) == "a b c f g h i j k l"
    assert len(task(FORWARD, longest=10).read(text)) == 12


def test_an_item_of_another_kind_is_refused() -> None:
    numbers = ClassificationTask(Channels(("x",), (0.0,), (1.0,)), ("a", "b"), BOTH)
    with pytest.raises(DataError) as caught:
        numbers.read("words")
    assert str(caught.value) == "A text was given, expected a sequence of numbers: this model was trained on numbers."
    with pytest.raises(DataError) as caught:
        task().read(np.zeros(3))
    assert str(caught.value) == "A value of type ndarray was given, expected a text: this model was trained on texts."
    with pytest.raises(DataError) as caught:
        task().read("  ")
    assert str(caught.value) == "The text is empty, expected at least one word: leave it out."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"preset": "fats"}, "preset is 'fats', did you mean 'fast'?"),
        ({"tokens": "word"}, "tokens is 'word', did you mean 'words'?"),
        ({"pooling": "men"}, "pooling is 'men', did you mean 'mean'?"),
        ({"class_weights": "balance"}, "class_weights is 'balance', did you mean 'balanced'?"),
        ({"dropout": 1.0}, "classification: dropout is 1.0, expected a number from 0 up to, not including, 1."),
        ({"label_smoothing": "some"},
         "classification: label_smoothing is 'some', expected a number from 0 up to, not including, 1."),
        ({"epochs": "six"}, "epochs is 'six', expected a number above 0."),
        ({"learning_rate": "fast"}, "learning_rate is 'fast', expected a number between 0 and 1, such as 0.001."),
        ({"preset": ["fast"]}, "preset is '['fast']', did you mean 'fast'?"),
        ({"bidirectional": "no"}, "bidirectional is 'no', expected True or False."),
        ({"lowercase": 1}, "lowercase is 1, expected True or False."),
        ({"vocabulary": "big"}, "text: vocabulary is 'big', expected a whole number from 10 to 1000000."),
        ({"longest": 0}, "classification: longest is 0, expected a whole number from 1 to 1000000000."),
        ({"precision": "half"}, "precision is 'half', choose from 'auto', 'float32', 'bfloat16'."),
        ({"device": None}, "device is None, expected a name such as 'cpu'."),
        ({"epochs": 0}, "epochs is 0, expected a number above 0."),
        ({"learning_rate": 3}, "learning_rate is 3, expected a number between 0 and 1, such as 0.001."),
        ({"hidden_size": 0}, "classification: hidden_size is 0, expected a whole number from 1 to 1000000000."),
        ({"pooling": "last"},
         "classification: pooling is 'last' and the network reads in both directions, expected 'attention', 'mean' or "
         "'max': in reverse the last step has seen nothing."),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ClassificationOptions(**options)
    assert str(caught.value) == said


def test_options_follow_the_preset_where_nothing_is_said() -> None:
    sizes = ClassificationOptions(preset="thorough", hidden_size=32).sizes(reads_text=True)
    assert sizes.hidden == (32, 32)
    assert sizes.pooling == "attention"
    assert ClassificationOptions(bidirectional=False).sizes(reads_text=False).causal


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_a_classifier_that_begins_as_a_language_model_hears_what_that_hears(bidirectional: bool, tied: bool) -> None:
    from ensue.runtime.engine import Engine

    before = LanguageModelTask(WORDS, LanguageSizes(6, 2, embedding=4, tied=tied, input_dropout=0.2))
    dice = np.random.default_rng(0)
    network = before.networks()["network"]
    weights = {name: dice.normal(size=shape).astype(np.float32) for name, shape in network.parameters().items()}
    options = ClassificationOptions(bidirectional=bidirectional, pooling=None if bidirectional else "last")
    found, taken = begin_from(before, weights, options, ("no", "yes"))
    assert found.front_end is before.front_end
    assert found.sizes.hidden == ((6, 4) if tied else (6, 6))

    own = found.networks()["network"]
    mine = {name: dice.normal(size=shape).astype(np.float32) for name, shape in own.parameters().items()} | taken
    x = WORDS.encode("a c e b")[None, :, None].astype(np.float32)
    heard = _last_lstm(Engine, own, mine, x)
    spoken = _last_lstm(Engine, network, weights, x)
    np.testing.assert_allclose(heard[..., : spoken.shape[2]], spoken, atol=1e-6)


def _last_lstm(engine: Any, network: Any, weights: dict[str, Any], x: Any) -> Any:
    """What the last LSTM layer says."""
    from ensue.network import Network

    last = max(i for i, layer in enumerate(network.layers) if layer.kind == "lstm")
    part = Network(network.layers[: last + 1])
    return engine(part, {name: weights[name] for name in part.parameters()}).forward(x)[0]
