"""Beam search finds what exhaustive search finds, greedy is a beam of one, and no run comes twice where that is forbidden."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.decoding import BeamOptions, Marks, Said, beam_search, length_penalty
from ensue.errors import ConfigError

BEGIN, END, VOCABULARY = 0, 1, 5
MARKS = Marks(BEGIN, END)


class Bigrams:
    """A speaker whose next token depends on the latest one and on how many came before."""

    def __init__(self, tables: np.ndarray) -> None:
        self.tables = tables  # sentences time last vocabulary, log probabilities

    def step(self, tokens: np.ndarray, state: Any) -> Said:
        sentences, time = state
        rows = np.stack([self.tables[which, time, last] for which, last in zip(sentences, tokens, strict=True)])
        shares = np.full((*tokens.shape, 2), float(time))
        return Said(rows, (sentences, time + 1), shares)

    def select(self, state: Any, sentences: np.ndarray, hypotheses: np.ndarray) -> Any:
        return state[0][sentences], state[1]


def tables(seed: int, sentences: int, longest: int) -> np.ndarray:
    scores = 2 * np.random.default_rng(seed).normal(size=(sentences, longest + 1, VOCABULARY, VOCABULARY))
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def search(found: np.ndarray, longest: int, **options: Any) -> list[Any]:
    state = (np.arange(len(found)), 0)
    return beam_search(Bigrams(found), state, [longest] * len(found), MARKS, BeamOptions(**options))


def exhaustive(table: np.ndarray, longest: int, alpha: float) -> dict[tuple[int, ...], float]:
    """The score of every answer that ends within the longest length, and of those cut there."""
    scores = {}
    for length in range(1, longest + 1):
        for tokens in itertools.product(range(2, VOCABULARY), repeat=length):
            path = (BEGIN, *tokens) + ((END,) if length < longest else ())
            total = sum(table[t, a, b] for t, (a, b) in enumerate(itertools.pairwise(path)))
            scores[tokens] = total / length_penalty(len(path) - 1, alpha)
    return scores


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.6, 1.0]))
def test_a_beam_as_wide_as_all_answers_finds_the_best(seed: int, alpha: float) -> None:
    table = tables(seed, 1, 3)
    [found] = search(table, 3, beam=60, n_best=4, length_penalty=alpha)
    scores = exhaustive(table[0], 3, alpha)
    best = sorted(scores.values(), reverse=True)[:4]
    assert [each.score for each in found] == pytest.approx(best)
    for each in found:
        assert each.score == pytest.approx(scores[each.tokens])
        assert each.ended == (len(each.tokens) < 3)


@given(st.integers(0, 1000))
def test_a_beam_of_one_takes_the_likeliest_each_time(seed: int) -> None:
    table = tables(seed, 1, 6)
    [[found]] = search(table, 6, beam=1)
    last, tokens = BEGIN, []
    for time in range(6):
        never = [BEGIN, END] if time == 0 else [BEGIN]
        last = int(np.argmax(np.where(np.isin(np.arange(VOCABULARY), never), -np.inf, table[0, time, last])))
        if last == END:
            break
        tokens.append(last)
    assert found.tokens == tuple(tokens)
    assert found.ended == (last == END)


@given(st.integers(0, 1000), st.integers(1, 6))
def test_sentences_side_by_side_are_searched_as_if_alone(seed: int, beam: int) -> None:
    found = tables(seed, 4, 5)
    together = search(found, 5, beam=beam)
    alone = [search(found[row : row + 1], 5, beam=beam)[0] for row in range(4)]
    for mine, theirs in zip(together, alone, strict=True):
        assert [(a.tokens, a.score) for a in mine] == [(b.tokens, b.score) for b in theirs]


@given(st.integers(0, 1000), st.integers(1, 3))
def test_no_run_comes_twice(seed: int, size: int) -> None:
    table = tables(seed, 1, 12)
    table[..., END] -= 8
    [[found]] = search(table, 12, beam=3, no_repeat=size)
    runs = [found.tokens[at : at + size] for at in range(len(found.tokens) - size + 1)]
    assert len(runs) == len(set(runs))


def test_an_answer_has_one_token_at_least() -> None:
    table = tables(5, 1, 4)
    table[..., END] = 100
    [found] = search(table, 4, beam=3, n_best=3)
    assert [len(each.tokens) for each in found] == [1, 1, 1]


def test_what_was_looked_at_comes_along() -> None:
    [[found]] = search(tables(3, 1, 6), 6, beam=2)
    assert found.shares is not None
    assert found.shares[:, 0].tolist() == list(range(len(found.tokens)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"beam": 0}, "beam is 0, expected a whole number from 1 to 1000."),
        ({"beam": 2, "n_best": 3}, "n_best is 3, expected a whole number from 1 to 2, the beam."),
        ({"no_repeat": -1}, "no_repeat is -1, expected a whole number from 0 to 1000."),
        ({"length_penalty": "long"}, "length_penalty is 'long', expected a number from 0 to 10, such as 1.0."),
        ({"length_penalty": float("nan")}, "length_penalty is nan, expected a number from 0 to 10, such as 1.0."),
    ],
)
def test_what_cannot_be_right_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        BeamOptions(**options)
    assert str(refused.value) == sentence
