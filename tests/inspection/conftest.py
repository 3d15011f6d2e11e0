"""What tests of the inspection share: layers that computed something, made without an engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ensue.inspection.trace import TracedLayer

sys.path.append(str(Path(__file__).parent))  # for `some_document`


def _layer(
    time: int, units: int, seed: int = 0, reverse: bool = False, dtype: type = np.float32, start: float = 0.0
) -> TracedLayer:
    """Random gates, some of them shut or open for good, and the cell that follows from them."""
    generator = np.random.default_rng(seed)
    i, o = (generator.random((time, units)).astype(dtype) for _ in "io")
    f = (1 - generator.random((time, units)) ** 3).astype(dtype)
    f[generator.random((time, units)) < 0.05] = 0.0
    f[generator.random((time, units)) < 0.1] = 1.0
    g = generator.uniform(-1, 1, (time, units)).astype(dtype)
    before = (start * generator.normal(size=units)).astype(dtype)
    c, cell = np.empty_like(f), before
    for t in reversed(range(time)) if reverse else range(time):
        cell = f[t] * cell + i[t] * g[t]
        c[t] = cell
    suffix = "_l0_reverse" if reverse else "_l0"
    return TracedLayer("layer 1", "layers.0", suffix, i, f, g, o, c, o * np.tanh(c), before)


@pytest.fixture(scope="session")
def make_layer() -> Callable[..., TracedLayer]:
    """A layer of `(time, units)` from `make_layer(time, units, seed, reverse, dtype, start)`."""
    return _layer


@pytest.fixture(scope="session", autouse=True)
def _let_go_of_known_models() -> Iterator[None]:
    """Networks kept for the next test would outlive the native core's module."""
    yield
    from known_models import known_lag

    known_lag.cache_clear()
