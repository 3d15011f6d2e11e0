"""The n-grams a network is compared with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.notes.chorales import of_steps
from ensue.data.notes.coding import Places
from ensue.data.notes.ngram import NGrams, baseline, changing_keys_nats, n_gram_nats
from ensue.data.notes.piano_roll import KEYS, Chords, Keys
from ensue.data.notes.tune import Meter

PLACES = Places(1, (Meter(),))


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=15), min_size=1, max_size=5),
    st.lists(st.integers(0, 4), max_size=6),
    st.integers(1, 4),
)
def test_every_distribution_sums_to_one(texts: list[list[int]], history: list[int], order: int) -> None:
    p = NGrams(5, order).learn(texts).distribution(history)
    assert p.sum() == pytest.approx(1.0)
    assert (p > 0).all()


def test_a_unigram_by_hand() -> None:
    p = NGrams(3, 1).learn([[0, 0, 1]]).distribution([2])
    np.testing.assert_allclose(p, [(2 + 2 / 3) / 5, (1 + 2 / 3) / 5, (2 / 3) / 5])


def test_what_was_learned_by_heart_costs_little() -> None:
    tune = of_steps("a", [[60, 64], [62]] * 40, 1)
    longer = n_gram_nats(Chords(PLACES), [tune], [tune], 5)
    assert longer < n_gram_nats(Chords(PLACES), [tune], [tune], 1)
    assert longer < 0.2
    assert baseline(Chords(PLACES), [tune], [tune])[1] <= longer


def test_keys_by_how_often_they_change() -> None:
    tune = of_steps("a", [[60], []] * 50, 1)
    expected = 2 * math.log(1 / (1 - 0.5 / 51)) / 2  # the one key that changes, off after on and on after off
    rest = (KEYS - 1) * -math.log(100.5 / 101)  # all others never do
    assert changing_keys_nats([tune], [tune]) == pytest.approx(expected + rest, abs=0.01)
    assert baseline(Keys(PLACES), [tune], [tune])[0] == "keys by how often they change"
