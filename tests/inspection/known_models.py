"""Models whose reach is known: one that is a formula, and networks that learned a task of a known lag."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ensue.data.memory_tasks import KnownLag
from ensue.inspection.subject import Floats, NetworkSubject, Subject, Whole
from ensue.learn.memory import learn_known_lag


class Weighted(Subject):
    """Answers with a weighted sum of its window: a model whose every influence is known."""

    first_lag = 1
    names = ("value",)

    def __init__(self, weights: list[float], windows: int = 400, seed: int = 0) -> None:
        self.weights = np.array(weights[::-1])  # lag 1 comes first in the list, last in the window
        random = np.random.default_rng(seed)
        self.windows = random.normal(size=(windows, len(weights), 1))
        self.targets = self.windows[..., 0] @ self.weights

    def start(self, which: Whole) -> Any:
        return np.zeros(len(which))

    def read(self, steps: Floats, place: int, which: Whole, state: Any) -> Any:
        return state + steps[..., 0] @ self.weights[place : place + steps.shape[1]]

    def branch(self, state: Any, rows: Whole) -> Any:
        return state[rows]

    def answer(self, which: Whole, state: Any) -> Floats:
        return state

    def losses(self, answers: Floats, which: Whole) -> Floats:
        return np.abs(answers - self.targets[which]) + 1.0


@lru_cache(maxsize=4)
def known_lag(lag: int, windows: int = 128) -> NetworkSubject:
    """A network that answers with what was marked so many steps ago, trained in seconds, and fresh windows of its task.

    The windows are 1.6 times as long as the lag and more, with distractors on both sides of what is marked.
    """
    learned = learn_known_lag(lag)
    assert learned.network is not None
    assert learned.score < 1e-3
    for step in range(100):
        batch = KnownLag(lag).batch(windows, seed=10**6, step=step)
        if batch.x.shape[1] >= 1.6 * lag:
            names = ("value", "marker")
            return NetworkSubject(learned.network, learned.weights, batch.x, batch.target[:, -1], names=names)
    raise AssertionError("no batch was long enough")
