"""A language model at work: writing and scoring are one path, streams are equal to batches, the cache adds what it should."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.text import BEGIN, END, UNKNOWN, TextFrontEnd, TextOptions
from ensue.errors import ConfigError, DataError, UsageError
from ensue.learn.modules import build, weights_to_numpy
from ensue.network import Network
from ensue.runtime.engine import Engine
from ensue.runtime.language import LanguageRuntime, LanguageStream
from ensue.runtime.sampling import Sampling
from ensue.runtime.word_cache import Cache
from ensue.tasks.language_model import LanguageModelTask, LanguageSizes

FRONT_END = TextFrontEnd.learn(["abcdefgh ijkl\n" * 3], TextOptions(tokens="characters"))
TASK = LanguageModelTask(FRONT_END, LanguageSizes(12, 2, embedding=6, output_dropout=0.3))


def runtime(seed: int = 0) -> LanguageRuntime:
    torch.manual_seed(seed)
    module = build(TASK.networks()["network"])
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(-0.7, 0.6)
    return LanguageRuntime(TASK, weights_to_numpy(module))


RUNTIME = runtime()
tokens = st.lists(st.integers(0, FRONT_END.size - 1), min_size=1, max_size=30)


@given(tokens=tokens, data=st.data())
@settings(max_examples=40)
def test_a_stream_is_equal_to_a_batch_for_every_chunking(tokens: list[int], data: Any) -> None:
    stream, rest = LanguageStream(RUNTIME), list(tokens)
    while rest:
        stream.update([])
        size = data.draw(st.integers(1, len(rest)))
        stream.update(rest[:size])
        rest = rest[size:]
    whole, _ = RUNTIME.advance([RUNTIME.first, *tokens], RUNTIME.begin())
    np.testing.assert_allclose(stream.expected, whole[-1], atol=2e-6)
    assert np.exp(stream.expected.astype(float)).sum() == pytest.approx(1, abs=1e-5)


@given(tokens=tokens, other=st.integers(0, FRONT_END.size - 1))
@settings(max_examples=30)
def test_what_comes_later_changes_nothing_before(tokens: list[int], other: int) -> None:
    before, _ = RUNTIME.advance(tokens, RUNTIME.begin())
    after, _ = RUNTIME.advance([*tokens, other], RUNTIME.begin())
    np.testing.assert_allclose(after[:-1], before, atol=2e-6)


def test_what_is_written_is_drawn_from_what_is_scored() -> None:
    """The likeliest continuation, written, is the argmax of the scored probabilities at each of its places."""
    prompt = FRONT_END.encode("abc").tolist()
    written = list(RUNTIME.write(prompt, 25, Sampling(temperature=0)))
    answers, _ = RUNTIME.advance([RUNTIME.first, *prompt, *written], RUNTIME.begin())
    answers[:, [UNKNOWN, BEGIN, END]] = -np.inf
    assert answers.argmax(1)[3:-1].tolist() == written


def test_drawn_tokens_have_the_probabilities_that_are_scored() -> None:
    expected, _ = RUNTIME.advance([RUNTIME.first], RUNTIME.begin())
    allowed = np.exp(expected[0].astype(float))
    allowed[[UNKNOWN, BEGIN, END]] = 0
    counts = np.zeros(FRONT_END.size)
    for seed in range(3000):
        counts[next(iter(RUNTIME.write([], 1, Sampling(seed=seed))))] += 1
    allowed /= allowed.sum()
    chi_squared = ((counts - 3000 * allowed) ** 2 / np.maximum(3000 * allowed, 1)).sum()
    assert chi_squared < 3 * FRONT_END.size


def test_the_same_seed_writes_the_same() -> None:
    one, two, other = (list(RUNTIME.write([], 30, Sampling(seed=seed))) for seed in (1, 1, 2))
    assert one == two != other


def test_a_score_is_the_sum_of_what_each_token_costs() -> None:
    text = FRONT_END.encode("abca bcd\nabcx")
    score = RUNTIME.score(text, 13)
    answers, _ = RUNTIME.advance([RUNTIME.first, *text[:-1]], RUNTIME.begin())
    nats = -sum(float(answers[i, token]) for i, token in enumerate(text))
    assert score.nats == pytest.approx(nats, rel=1e-5)
    assert score.perplexity == pytest.approx(math.exp(nats / 13), rel=1e-5)
    assert score.bits_per_character == pytest.approx(nats / math.log(2) / 13, rel=1e-5)
    assert score.unknown == 1 and score.tokens == score.characters == 13


def test_blocks_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    text = FRONT_END.encode("abcd efgh\n" * 9)
    whole, cached = RUNTIME.score(text, 90).nats, RUNTIME.score(text, 90, Cache(7, 0.5, 0.2)).nats
    monkeypatch.setattr("ensue.runtime.language.BLOCK_NUMBERS", 50)
    assert RUNTIME.score(text, 90).nats == pytest.approx(whole, rel=1e-6)
    assert RUNTIME.score(text, 90, Cache(7, 0.5, 0.2)).nats == pytest.approx(cached, rel=1e-6)


@given(text=st.lists(st.text("abcd \nx", max_size=9), min_size=1, max_size=6))
@settings(max_examples=30)
def test_a_text_in_blocks_costs_the_same(text: list[str]) -> None:
    whole = "".join(text)
    if not whole:
        with pytest.raises(DataError, match=r"^The text holds no tokens, only spaces: give a text with words in it\.$"):
            RUNTIME.score_text(text)
        return
    for cache in (None, Cache(5, 0.5, 0.2)):
        one, parts = RUNTIME.score(FRONT_END.encode(whole), len(whole), cache), RUNTIME.score_text(text, cache)
        assert parts.nats == pytest.approx(one.nats, rel=1e-6)
        assert (parts.tokens, parts.characters, parts.unknown) == (one.tokens, one.characters, one.unknown)


def test_a_long_prompt_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call of the network answers for more tokens than a block has, and what is expected at the end is the same."""
    text = FRONT_END.encode("abcd efgh\n" * 9)
    whole, written = LanguageStream(RUNTIME), list(RUNTIME.write(text, 20, Sampling(seed=2)))
    whole.update(text)
    read: list[int] = []
    forward = RUNTIME.engine.forward
    monkeypatch.setattr("ensue.runtime.language.BLOCK_NUMBERS", 4 * 12 * 7)
    monkeypatch.setattr(RUNTIME.engine, "forward", lambda x, *rest: (read.append(x.shape[1]), forward(x, *rest))[1])
    assert list(RUNTIME.write(text, 20, Sampling(seed=2))) == written
    parts = LanguageStream(RUNTIME)
    np.testing.assert_allclose(parts.update(text), whole.expected, atol=2e-6)
    assert max(read) == 7


def test_a_cache_is_what_the_paper_says() -> None:
    text = FRONT_END.encode("abab cabb")
    cache = Cache(words=4, flatness=0.7, share=0.3)
    network = Network(RUNTIME.network.layers[:-1])
    weights = {name: RUNTIME._weights[name] for name in network.parameters()}
    read = np.concatenate([[RUNTIME.first], text[:-1]])
    hidden = Engine(network, weights).forward(read.astype(np.float32).reshape(1, -1, 1))[0][0].astype(float)
    own = RUNTIME.advance(read, RUNTIME.begin())[0].astype(float)
    nats = 0.0
    for t, word in enumerate(text):
        first = max(0, t - 4)
        p = math.exp(own[t, word])
        if t > first:
            weight = np.exp(0.7 * hidden[first:t] @ hidden[t])
            p = 0.7 * p + 0.3 * weight[text[first:t] == word].sum() / weight.sum()
        nats -= math.log(p)
    assert RUNTIME.score(text, 9, cache).nats == pytest.approx(nats, rel=1e-5)


def test_a_state_goes_on_in_another_stream() -> None:
    one, two = LanguageStream(RUNTIME), LanguageStream(RUNTIME)
    one.update("abc")
    two.state = one.state
    assert np.array_equal(one.expected, two.expected)
    assert np.array_equal(one.update("d"), two.update("d"))
    assert one.likely(2)[0][1] >= one.likely(2)[1][1]
    two.reset()
    assert np.array_equal(two.expected, LanguageStream(RUNTIME).expected)


def test_what_does_not_fit_is_refused() -> None:
    stream = LanguageStream(RUNTIME)
    wrong: Any
    for wrong, shown in (
        ([99], "[99]"),
        ([1.5], "[1.5]"),
        ([[1, 2]], "[[1, 2]]"),
        (["a"], "['a']"),
        ([[1], []], "[[1], []]"),
    ):
        with pytest.raises(UsageError) as refused:
            stream.update(wrong)
        assert str(refused.value) == f"The tokens given are {shown}, expected whole numbers from 0 to 16 in a row."
    with pytest.raises(UsageError, match=r"^No tokens were given, expected one or more\.$"):
        RUNTIME.advance([], RUNTIME.begin())
    with pytest.raises(UsageError, match=r"^likely: count is -1, expected a whole number from 1 to 1000000000\.$"):
        stream.likely(-1)
    with pytest.raises(
        UsageError, match=r"^The state given has 3 bytes and is none of this model's: give one that a stream gave"
    ):
        stream.state = b"abc"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"temperature": -1}, "temperature is -1, expected a number from 0 to 100, such as 0.8."),
        ({"temperature": "warm"}, "temperature is 'warm', expected a number from 0 to 100, such as 0.8."),
        ({"top_k": 0}, "sampling: top_k is 0, expected a whole number from 1 to 1000000000."),
        ({"top_k": 2.5}, "sampling: top_k is 2.5, expected a whole number from 1 to 1000000000."),
        ({"top_p": "0.9"}, "top_p is '0.9', expected a share above 0 and at most 1, such as 0.9."),
        ({"top_p": 0}, "top_p is 0, expected a share above 0 and at most 1, such as 0.9."),
        ({"min_p": 1.5}, "min_p is 1.5, expected a share above 0 and at most 1, such as 0.9."),
        ({"repetition_penalty": 0.5}, "repetition_penalty is 0.5, expected a number from 1 to 10."),
        ({"seed": -1}, "sampling: seed is -1, expected a whole number from 0 to 9223372036854775807."),
    ],
)
def test_drawing_that_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Sampling(**wrong)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"words": "many"}, "cache: words is 'many', expected a whole number from 1 to 1000000000."),
        ({"share": None}, "cache: share is None, expected a number from 0 up to, not including, 1."),
        ({"flatness": -1}, "cache: flatness is -1, expected a number of 0 or more."),
    ],
)
def test_a_cache_that_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Cache(**wrong)
    assert str(refused.value) == said


def drawn(sampling: dict[str, Any], logs: list[float], said: tuple[int, ...] = ()) -> set[int]:
    """Every token that 300 seeds draw; three special ones, which are never drawn, come first."""
    expected = np.concatenate([[5.0, 5.0, 5.0], logs])
    return {Sampling(seed=seed, **sampling).chooser(said).choose(expected) - 3 for seed in range(300)}


def test_only_what_may_be_drawn_is() -> None:
    logs = np.log([0.5, 0.25, 0.15, 0.1]).tolist()
    assert drawn({}, logs) == {0, 1, 2, 3}
    assert drawn({"temperature": 0}, logs) == {0}
    assert drawn({"top_k": 2}, logs) == {0, 1}
    assert drawn({"top_p": 0.7}, logs) == {0, 1}
    assert drawn({"top_p": 0.8}, logs) == {0, 1, 2}
    assert drawn({"min_p": 0.28}, logs) == {0, 1, 2}
    assert drawn({"temperature": 0, "repetition_penalty": 3.0}, logs, (3,)) == {1}
    assert drawn({"temperature": 0.01}, logs) == {0}
