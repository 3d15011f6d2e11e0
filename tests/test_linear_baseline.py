"""The linear models that stand beside every classifier."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ensue.baselines import linear
from ensue.errors import MissingExtraError

TEXTS = [f"the {what} is {how}" for what in ("pan", "jug", "lamp") for how in ("not good", "good", "bad", "not bad")]
RIGHT = [0, 1, 0, 1] * 3


def test_pairs_of_words_count() -> None:
    known = np.array([0, 1, 0, 1])
    found = linear.of_texts(TEXTS, RIGHT, ["a pot is not good", "so good", "is bad", "is not bad"], known)
    assert found.shape == (4, 2)
    assert np.array_equal(found.argmax(axis=1), known)
    assert np.exp(found).sum(axis=1) == pytest.approx(1.0)


def test_shapes_of_different_lengths_and_gaps_are_told_apart() -> None:
    up = [np.linspace(0, 1, length)[:, None] for length in (5, 9, 40)]
    down = [each[::-1].copy() for each in up]
    down[0][2] = np.nan
    asked = [np.linspace(3, 4, 17)[:, None], np.linspace(4, 3, 8)[:, None]]
    found = linear.of_values([*up, *down], [1, 1, 1, 0, 0, 0], asked, np.array([1, 0]))
    assert found.argmax(axis=1).tolist() == [1, 0]


def test_a_class_that_was_never_learned_is_not_answered() -> None:
    found = linear.of_texts(TEXTS, [0, 2] * 6, ["good"], np.array([0]))
    assert found.shape == (1, 3)
    assert found[0, 1] == -30.0


def test_statistics_of_a_channel() -> None:
    found = linear.features(np.array([[1.0], [3.0], [np.nan]]))
    assert found[-6:].tolist() == [2.0, pytest.approx(np.std([1, 3, 2])), 1.0, 3.0, 1.5, 3.0]


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError) as refused:
        linear.of_texts(TEXTS, RIGHT, ["good"], np.array([1]))
    assert str(refused.value) == (
        "The linear baseline needs the package 'scikit-learn', which is not installed: install it with pip install "
        "'ensue[baselines]'."
    )
