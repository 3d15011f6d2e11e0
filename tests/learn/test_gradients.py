"""Gradients with respect to inputs equal finite differences, row by row, whatever the batch."""

from __future__ import annotations

import numpy as np
import pytest

from ensue.learn import gradients
from ensue.learn.gradients import input_gradients
from ensue.network import LSTM, Linear, Network, QuantileHead, Residual
from ensue.runtime.numpy_engine import NumPyEngine

NETWORK = Network((Linear(3, 4), Residual((LSTM(4, 4),)), QuantileHead(4, (0.1, 0.5, 0.9), anchors=2)))


def arrays(seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    weights = {name: random.normal(size=shape) for name, shape in NETWORK.parameters().items()}
    return weights, random.normal(size=(5, 6, 3)), random.normal(size=(5, 6, 2))


def test_they_equal_finite_differences() -> None:
    weights, x, anchors = arrays()
    slopes, of_anchors = input_gradients(NETWORK, weights, x, anchors, 1)
    assert of_anchors is not None
    assert not of_anchors[:, :-1].any()  # what the head mixed at earlier steps does not matter to the last
    engine, step = NumPyEngine(NETWORK, weights, np.float64), 1e-5

    def answer(x: np.ndarray, anchors: np.ndarray) -> np.ndarray:
        return engine.forward(x, anchors)[0][:, -1, 1]

    for t in range(6):
        for column in range(3):
            moved = np.zeros_like(x)
            moved[:, t, column] = step
            expected = (answer(x + moved, anchors) - answer(x - moved, anchors)) / (2 * step)
            np.testing.assert_allclose(slopes[:, t, column], expected, rtol=2e-3, atol=1e-5)
    for column in range(2):
        moved = np.zeros_like(anchors)
        moved[:, -1, column] = step
        expected = (answer(x, anchors + moved) - answer(x, anchors - moved)) / (2 * step)
        np.testing.assert_allclose(of_anchors[:, -1, column], expected, rtol=2e-3, atol=1e-5)


def test_passes_of_few_rows_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, x, anchors = arrays()
    whole = input_gradients(NETWORK, weights, x, anchors, 0)
    monkeypatch.setattr(gradients, "AT_ONCE", 40)
    parts = input_gradients(NETWORK, weights, x, anchors, 0)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
