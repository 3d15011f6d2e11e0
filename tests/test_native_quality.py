"""The native core from Python: gate functions within what is stated, hostile files and calls refused.

`make native-check` looks closer: at more floats, at more hostile files, and under sanitizers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ensue.data.schema import Covariate, Schema

if TYPE_CHECKING:
    import ensue._native as native
else:
    native = pytest.importorskip("ensue._native")

HOSTILE = Path(__file__).parents[1] / "native" / "tests" / "hostile.py"

EDGE = 8.08688164
"""Where native/vector.h has tanh become 1."""


def floats() -> np.ndarray:
    """Some of every size and both signs, all around the edge, the smallest, and infinity."""
    positive = np.arange(0, 0x7F800000, 9973, dtype=np.uint32).view(np.float32)
    edge = np.float32(EDGE).view(np.uint32) - np.uint32(20000) + np.arange(40000, dtype=np.uint32)
    smallest = np.arange(1000, dtype=np.uint32).view(np.float32)
    both = np.concatenate([positive, edge.view(np.float32), smallest, np.float32([np.inf])])
    return np.concatenate([both, -both])


@pytest.mark.parametrize("name", native.isa_names())
def test_tanh_is_right_to_six_units_of_the_last_place(name: str) -> None:
    x = floats()
    found, exact = native.kernels(name).tanh(x), np.tanh(x.astype(np.float64))
    distance = np.abs(found - exact)
    assert distance.max() <= 3.5e-7
    assert (distance / np.spacing(np.abs(exact).astype(np.float32))).max() <= 6
    assert np.abs(found).max() == 1
    assert (np.abs(found[np.abs(x) >= np.float32(EDGE)]) == 1).all()
    np.testing.assert_array_equal(found[len(x) // 2 :], -found[: len(x) // 2])


@pytest.mark.parametrize("name", native.isa_names())
def test_sigmoid_is_right_to_two_ten_millionths(name: str) -> None:
    x = floats()
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    found = native.kernels(name).sigmoid(x)
    assert np.abs(found - exact).max() <= 2.1e-7
    assert found.min() == 0 and found.max() == 1
    assert (found[x >= np.float32(2 * EDGE)] == 1).all() and (found[x <= np.float32(-2 * EDGE)] == 0).all()


@pytest.mark.parametrize("name", [*native.isa_names(), "double"])
def test_what_is_no_number_stays_so(name: str) -> None:
    table = native.kernels(name)
    x = np.full(37, np.nan, np.float64 if name == "double" else np.float32)
    assert np.isnan(table.tanh(x)).all() and np.isnan(table.sigmoid(x)).all()


@pytest.mark.skipif(not HOSTILE.exists(), reason="wants Ensue's sources")
def test_hostile_files_states_and_calls_are_answered_or_refused() -> None:
    command = [sys.executable, str(HOSTILE), "--turns", "150", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("150 turns: ")


SCHEMA = Schema("id", "ds", "y", past=(Covariate("wind"),), future=(Covariate("sky", ("clear",)),))


@pytest.mark.parametrize(
    "changed",
    [
        replace(SCHEMA, target=None),
        replace(SCHEMA, id=3),
        replace(SCHEMA, time_zone=["UTC"]),
        replace(SCHEMA, past=(Covariate(None),)),
        replace(SCHEMA, future=(Covariate("sky", ("clear", 1)),)),
    ],
)
def test_a_name_in_a_saved_schema_that_is_no_text_is_refused(changed: Schema) -> None:
    with pytest.raises(TypeError, match=r"^a name in its schema is no text$"):
        Schema.from_json(json.loads(json.dumps(changed.to_json())))


def test_a_truth_in_a_saved_schema_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^its schema answers yes or no with something else$"):
        Schema.from_json(replace(SCHEMA, wide=1).to_json())
