"""The prefix beam search: equal to summing over all paths, the same however it is cut, bounded, and led by words."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue.data.word_ngrams import WordNgrams
from ensue.errors import UsageError
from ensue.runtime.ctc_decoding import LONGEST, LOOK_EVERY, BeamDecoder, greedy
from ensue.runtime.ctc_prefixes import HeardWord
from ensue.tasks.alphabet import Alphabet
from ensue.tasks.speech_beam import BeamChoice, hot_words

Floats = NDArray[np.float32]

AB = Alphabet.of("ab")
CLASSES = AB.size
WORDS = WordNgrams.learn(["ab ba", "ab ab ba", "ba"], order=2)


def noise(seed: int, steps: int, sharp: float = 1.0, classes: int = CLASSES) -> Floats:
    """Log probabilities at random."""
    raw = sharp * np.random.default_rng(seed).normal(size=(steps, classes))
    return (raw - np.log(np.exp(raw).sum(1, keepdims=True))).astype(np.float32)


def spoken(text: str, sure: float = 0.97, each: int = 2) -> Floats:
    """Log probabilities in which a text is plain to hear, a blank after every letter."""
    classes = [label for token in AB.encode(text).tolist() for label in [token] * each + [0]]
    rest = (1 - sure) / (CLASSES - 1)
    return np.log(np.full((len(classes), CLASSES), rest) + (sure - rest) * np.eye(CLASSES)[classes]).astype(np.float32)


def texts(words: list[HeardWord]) -> list[str]:
    return [word.text for word in words]


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, LOOK_EVERY - 1))
def test_a_wide_beam_finds_the_likeliest_labelling(seed: int, steps: int) -> None:
    log_p = noise(seed, steps, 0.5)
    p, found = np.exp(log_p.astype(np.float64)), defaultdict[tuple[int, ...], float](float)
    for path in itertools.product(range(CLASSES), repeat=steps):
        chance = float(np.prod([row[each] for row, each in zip(p, path, strict=True)]))
        found[tuple(each for each, _ in itertools.groupby(path) if each)] += chance
    decoder = BeamDecoder(AB, BeamChoice(beam=500))
    decoder.push(log_p)
    beam = {
        tuple(node.token for node in [*prefix.upward()][-2::-1]): sum(pair) for prefix, pair in decoder.beam.items()
    }
    best = max(found.values())
    assert max(beam, key=lambda each: beam[each]) == max(found, key=lambda each: found[each])
    for labels, share in beam.items():
        assert share == pytest.approx(found[labels] / best, rel=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.lists(st.integers(1, 59), max_size=6))
def test_words_are_the_same_however_the_steps_are_cut(seed: int, cuts: list[int]) -> None:
    log_p, choice = noise(seed, 60, 3.0), BeamChoice(beam=8, language_weight=0.5, word_bonus=1.0)
    whole = BeamDecoder(AB, choice, WORDS, pause=9)
    expected = [*whole.push(log_p), *whole.finish()]
    decoder, found = BeamDecoder(AB, choice, WORDS, pause=9), []
    for first, last in itertools.pairwise(sorted({0, *cuts, 60})):
        found += decoder.push(log_p[first:last])
        saved = json.loads(json.dumps(decoder.state))
        decoder = BeamDecoder(AB, choice, WORDS, pause=9)
        decoder.state = saved
    assert [*found, *decoder.finish()] == expected
    assert all(before.start <= after.start for before, after in itertools.pairwise(expected))
    assert all(word.start < word.end <= 60 and 0 <= word.share <= 1 for word in expected)


def test_an_hour_costs_as_much_a_step_as_a_minute() -> None:
    decoder, counts = BeamDecoder(AB, BeamChoice(beam=8, language_weight=0.5), WORDS), []
    for part in range(40):
        decoder.push(noise(part, 100, 2.0))
        nodes = {node for prefix in decoder.beam for node in prefix.upward()}
        counts.append(len(nodes))
        assert len(decoder.partial()) <= LONGEST + 1
    assert max(counts[20:]) < 2 * max(counts[:20]) + 50
    assert len(json.dumps(decoder.state)) < 300_000


def test_times_are_those_of_the_tokens() -> None:
    first, second = [*(decoder := BeamDecoder(AB, BeamChoice())).push(spoken("ab ba")), *decoder.finish()]
    assert (first.text, first.start, first.end) == ("ab", 0, 5)
    assert (second.text, second.start, second.end) == ("ba", 9, 14)
    assert first.least == pytest.approx(np.log(0.97), abs=1e-3)


def test_a_language_model_decides_between_what_sounds_alike() -> None:
    log_p = spoken("ab bb ba")
    log_p[12:15] = np.log([0.04, 0.5, 0.45, 0.01]), np.log([0.04, 0.5, 0.45, 0.01]), np.log([0.94, 0.02, 0.02, 0.02])
    model = WordNgrams.learn(["ab bb ba"] * 5, order=3)
    alone = [*(decoder := BeamDecoder(AB, BeamChoice())).push(log_p), *decoder.finish()]
    led = [*(decoder := BeamDecoder(AB, BeamChoice(language_weight=1.0), model)).push(log_p), *decoder.finish()]
    assert texts(alone) == ["ab", "ba", "ba"]
    assert texts(led) == ["ab", "bb", "ba"]


def test_a_closed_vocabulary_writes_no_other_word() -> None:
    log_p = spoken("ab bb", sure=0.9)
    decoder = BeamDecoder(AB, BeamChoice(closed=True), WORDS)
    assert set(texts([*decoder.push(log_p), *decoder.finish()])) <= WORDS.words


def test_a_hot_word_is_heard_sooner() -> None:
    log_p = spoken("ab", each=1)
    log_p[2] = np.log([0.05, 0.5, 0.42, 0.03])
    assert texts([*(plain := BeamDecoder(AB, BeamChoice())).push(log_p), *plain.finish()]) == ["aa"]
    hot = BeamDecoder(AB, BeamChoice(), hot={"ab": 3.0})
    assert texts([*hot.push(log_p), *hot.finish()]) == ["ab"]


def test_after_a_pause_a_word_is_final() -> None:
    quiet = np.log(np.full((12, CLASSES), 1e-4) + np.array([1.0, 0, 0, 0])).astype(np.float32)
    decoder = BeamDecoder(AB, BeamChoice(), pause=8)
    assert texts(decoder.push(spoken("ab"))) == []
    assert texts(decoder.partial()) == ["ab"]
    assert texts(decoder.push(quiet)) == ["ab"]
    assert texts(decoder.push(spoken("ba"))) + texts(decoder.finish()) == ["ba"]


@given(st.integers(0, 1000))
def test_greedy_is_the_likeliest_path(seed: int) -> None:
    log_p = noise(seed, 30, 3.0)
    assert " ".join(texts(greedy(AB, log_p))) == AB.write(log_p.argmax(axis=1).tolist())


def test_words_as_tokens() -> None:
    alphabet = Alphabet.learn(["yes no", "no"], tokens="words")
    log_p = np.log(1e-4 + np.eye(alphabet.size)[[0, 1, 1, 0, 2, 0, 1]]).astype(np.float32)
    decoder = BeamDecoder(alphabet, BeamChoice(language_weight=0.1), WordNgrams.learn(["yes no"], 2))
    words = [*decoder.push(log_p), *decoder.finish()]
    assert " ".join(texts(words)) == alphabet.write([1, 2, 1])
    assert [word.start for word in words] == [1, 4, 6]


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (
            {"two words": 1.0},
            "The hot word 'two words' is no single word: give one word with its bonus, such as yes:3.",
        ),
        ({"yes": 1e9}, "The bonus of the hot word 'yes' is 1000000000.0, expected a number from -100 to 100."),
    ],
)
def test_hot_words_that_cannot_be_are_refused(given_: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        hot_words(given_)
    assert str(refused.value) == said


def test_probabilities_of_another_alphabet_are_refused() -> None:
    with pytest.raises(UsageError) as refused:
        BeamDecoder(AB, BeamChoice()).push(np.zeros((3, 7), np.float32))
    assert str(refused.value) == "The log probabilities have shape (3, 7), expected (steps, 4)."
