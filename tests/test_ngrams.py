"""The n-gram baseline: as its formula says, and better than guessing where the text repeats itself."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.baselines import ngrams
from ensue.baselines.ngrams import n_grams, nats_by_order

tokens = st.lists(st.integers(0, 4), min_size=2, max_size=40)


def by_hand(train: list[int], valid: list[int], classes: int, order: int) -> float:
    after: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for place, token in enumerate(train):
        for length in range(min(order, place + 1)):
            after[tuple(train[place - length : place])][token] += 1
    nats = 0.0
    for place in range(1, len(valid)):
        p = 1 / classes
        for length in range(min(order, place + 1)):
            counts = after.get(tuple(valid[place - length : place]))
            if counts:
                p = (counts[valid[place]] + len(counts) * p) / (counts.total() + len(counts))
        nats -= math.log(p)
    return nats / (len(valid) - 1)


@given(train=tokens, valid=tokens)
@settings(max_examples=60)
def test_as_the_formula_says(train: list[int], valid: list[int]) -> None:
    found = nats_by_order(np.array(train), np.array(valid), 5, 4)
    for order in range(1, 5):
        # A history that the training text ends with, and nothing follows, is no history.
        assert found[order - 1] == pytest.approx(by_hand(train, valid, 5, order), rel=1e-9)


def test_the_better_order_is_told() -> None:
    # What follows "0 0" or "1 1" depends on what was before it.
    text = np.array([0, 0, 2, 0, 0, 3, 1, 1, 2, 1, 1, 4, 0, 0, 2] * 30)
    name, nats = n_grams(text, text, 5)
    assert name == "5-grams" and nats < nats_by_order(text, text, 5, 3)[2]


def test_of_a_long_text_the_last_part_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "MOST", 40)
    text = np.array([1, 0] * 50 + [0, 2] * 20)
    assert nats_by_order(text, text[-10:], 3, 3) == nats_by_order(text[-40:], text[-10:], 3, 3)
