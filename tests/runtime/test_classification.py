"""Classifying without PyTorch: alone or together, whole or in parts, the answers are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.channels import Channels
from ensue.data.text import TextFrontEnd, TextOptions
from ensue.errors import DataError, UsageError
from ensue.runtime.classification import ClassifierRuntime
from ensue.tasks.classification import ClassificationTask, ClassifierSizes

WORDS = TextFrontEnd.learn(["a b c d e f g h"], TextOptions(tokens="words", vocabulary=10))
NUMBERS = Channels(("x", "y"), (0.0, 1.0), (1.0, 2.0))
FORWARD = ClassifierSizes((5, 4), 6, bidirectional=False, pooling="last")
BOTH = ClassifierSizes((5,), 6, pooling="attention")


def runtime(front_end: TextFrontEnd | Channels = WORDS, sizes: ClassifierSizes = BOTH) -> ClassifierRuntime:
    task = ClassificationTask(front_end, ("no", "maybe", "yes"), sizes, temperature=1.7)
    dice = np.random.default_rng(0)
    shapes = task.networks()["network"].parameters()
    weights = {name: dice.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return ClassifierRuntime(task, {"network": weights})


texts = st.lists(st.sampled_from("abcdefghz"), min_size=1, max_size=12).map(" ".join)


@pytest.mark.parametrize("sizes", [FORWARD, BOTH, ClassifierSizes((3,), 4, pooling="max")])
@given(st.lists(texts, min_size=1, max_size=9))
def test_how_many_are_asked_at_once_changes_nothing(sizes: ClassifierSizes, given_texts: list[str]) -> None:
    asked = runtime(sizes=sizes)
    together = asked.log_probabilities(given_texts)
    alone = np.concatenate([asked.log_probabilities([text]) for text in given_texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.exp(together).sum(axis=1), 1.0, atol=1e-9)


@given(texts, st.data())
def test_a_stream_ends_where_the_whole_text_ends(text: str, data: Any) -> None:
    asked = runtime(sizes=FORWARD)
    from ensue.runtime.classification import ClassifierStream

    stream, tokens = ClassifierStream(asked), WORDS.encode(text)
    cuts = sorted({*data.draw(st.lists(st.integers(1, len(tokens)), max_size=4)), len(tokens)})
    found = [stream.update(tokens[first:last]) for first, last in zip([0, *cuts], cuts, strict=False)][-1]
    np.testing.assert_allclose(found, np.exp(asked.log_probabilities([text])[0]), atol=1e-5)
    assert stream.steps == len(tokens)
    stream.reset()
    np.testing.assert_allclose(stream.update(text), found, atol=1e-5)


@given(st.integers(1, 30), st.data())
def test_a_stream_of_numbers_ends_where_the_whole_sequence_ends(steps: int, data: Any) -> None:
    asked = runtime(NUMBERS, FORWARD)
    from ensue.runtime.classification import ClassifierStream

    values, stream = np.random.default_rng(steps).normal(size=(steps, 2)), ClassifierStream(asked)
    cuts = sorted({*data.draw(st.lists(st.integers(1, steps), max_size=4)), steps})
    found = [stream.update(values[first:last]) for first, last in zip([0, *cuts], cuts, strict=False)][-1]
    np.testing.assert_allclose(found, np.exp(asked.log_probabilities([values])[0]), atol=1e-5)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_sequences_shortened_by_a_stride_answer_alone_as_together(lengths: list[int]) -> None:
    asked = runtime(NUMBERS, ClassifierSizes((4,), 5, pooling="attention", stride=3))
    items = [np.random.default_rng(i).normal(size=(length, 2)) for i, length in enumerate(lengths)]
    alone = np.concatenate([asked.log_probabilities([item]) for item in items])
    np.testing.assert_allclose(asked.log_probabilities(items), alone, atol=1e-5)


def test_one_step_of_all_channels_may_come_as_a_row() -> None:
    from ensue.runtime.classification import ClassifierStream

    asked = runtime(NUMBERS, FORWARD)
    one, other = ClassifierStream(asked), ClassifierStream(asked)
    assert np.array_equal(one.update([0.5, 2.0]), other.update([[0.5, 2.0]]))


def refusal(kind: type[Exception], action: Any, *arguments: Any) -> str:
    with pytest.raises(kind) as caught:
        action(*arguments)
    return str(caught.value)


def test_what_cannot_stream_or_be_read_is_refused() -> None:
    from ensue.runtime.classification import ClassifierStream

    assert refusal(UsageError, ClassifierStream, runtime()) == (
        "This classifier reads in both directions, so it needs the whole sequence and cannot stream: train one with "
        "bidirectional=False and pooling='last', or call predict."
    )
    pooled = runtime(sizes=ClassifierSizes((3,), 4, bidirectional=False, pooling="mean"))
    assert refusal(UsageError, ClassifierStream, pooled).startswith("This classifier pools all its steps, so it needs")
    stream = ClassifierStream(runtime(sizes=FORWARD))
    assert refusal(UsageError, stream.update, [99]) == "Token 99 was given, expected 0 to 10."
    assert refusal(UsageError, stream.update, [0.5]) == (
        "What is streamed is no list of token numbers: give front_end.encode(text), or a text."
    )
    assert refusal(DataError, runtime().log_probabilities, ["a", ""]) == (
        "Number 2: The text is empty, expected at least one word: leave it out."
    )
    assert refusal(DataError, runtime(NUMBERS).log_probabilities, [[[1.0]]]) == (
        "The sequence has 1 channels, expected 2: x, y."
    )


def test_unknown_tokens_are_counted() -> None:
    assert runtime().unknown(["a b zz", "q"]) == (2, 4)
    assert runtime(NUMBERS).unknown([np.zeros((3, 2))]) == (0, 0)
