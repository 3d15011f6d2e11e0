"""The native core's tables of kernels: which run here, which one is chosen, and their functions of one number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import ensue._native as native
else:
    native = pytest.importorskip("ensue._native")

KNOWN = ["avx512", "avx2", "neon", "baseline"]
"""Fastest first."""

POINTS = np.concatenate([np.linspace(-20, 20, 4001), [0.0, -0.0, 1e-30, -1e-30, 100.0, -100.0, np.inf, -np.inf]])


def chosen(isa: str | None) -> subprocess.CompletedProcess[str]:
    """The choice made by a fresh interpreter where ENSUE_ISA is `isa`."""
    environment = {name: value for name, value in os.environ.items() if name != "ENSUE_ISA"}
    if isa is not None:
        environment["ENSUE_ISA"] = isa
    code = "import ensue._native as n; print(n.kernels().name)"
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_the_names_are_known_and_the_fastest_comes_first() -> None:
    names = native.isa_names()
    assert names
    assert names == [name for name in KNOWN if name in names]


def test_left_alone_the_fastest_is_chosen() -> None:
    assert chosen(None).stdout.strip() == native.isa_names()[0]
    assert chosen("").stdout.strip() == native.isa_names()[0]


@pytest.mark.parametrize("name", native.isa_names())
def test_the_environment_chooses(name: str) -> None:
    assert chosen(name).stdout.strip() == name


@pytest.mark.parametrize("name", ["avx1024", "double"])
def test_what_the_environment_cannot_have_is_refused(name: str) -> None:
    choices = ", ".join(f"'{each}'" for each in native.isa_names())
    expected = f"ValueError: ENSUE_ISA is '{name}', which does not run here: choose from {choices}, or unset it."
    assert chosen(name).stderr.splitlines()[-1] == expected


@pytest.mark.parametrize("name", [*native.isa_names(), "double"])
def test_a_table_is_found_by_its_name(name: str) -> None:
    table = native.kernels(name)
    assert table.name == name
    assert table.real_bytes == (8 if name == "double" else 4)
    assert table.width >= 1


def test_an_unknown_name_is_refused() -> None:
    choices = ", ".join(f"'{each}'" for each in [*native.isa_names(), "double"])
    expected = f"There are no kernels 'avx1024' here: choose from {choices}."
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        native.kernels("avx1024")


@pytest.mark.parametrize("name", native.isa_names())
def test_functions_in_float32(name: str) -> None:
    table = native.kernels(name)
    x = POINTS.astype(np.float32)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(table.tanh(x), np.tanh(exact), rtol=0, atol=5e-7)
    np.testing.assert_allclose(table.sigmoid(x), 0.5 + 0.5 * np.tanh(exact / 2), rtol=0, atol=5e-7)


def test_functions_in_float64() -> None:
    table = native.kernels("double")
    np.testing.assert_allclose(table.tanh(POINTS), np.tanh(POINTS), rtol=0, atol=1e-14)
    np.testing.assert_allclose(table.sigmoid(POINTS), 0.5 + 0.5 * np.tanh(POINTS / 2), rtol=0, atol=1e-14)


@pytest.mark.parametrize("length", [0, 1, 3, 15, 17, 64, 65])
def test_every_length_gives_the_same_numbers(length: int) -> None:
    x = POINTS.astype(np.float32)
    for name in native.isa_names():
        whole = native.kernels(name).tanh(x)
        np.testing.assert_array_equal(native.kernels(name).tanh(x[:length].copy()), whole[:length])


@pytest.mark.parametrize(("name", "real", "other"), [("double", "float64", "float32"), (None, "float32", "float64")])
def test_the_other_precision_is_refused(name: str | None, real: str, other: str) -> None:
    table = native.kernels(name)
    for function in (table.tanh, table.sigmoid):
        with pytest.raises(TypeError) as refused:
            function(np.zeros(3, other))
        assert str(refused.value) == f"Kernels '{table.name}' read {real}: convert the array."


@pytest.mark.parametrize("wrong", [np.zeros((2, 2), np.float32), np.zeros(6, np.float32)[::2], [1.0], np.zeros(2, int)])
def test_what_is_no_line_of_numbers_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="incompatible function arguments"):
        native.kernels().tanh(wrong)  # type: ignore[arg-type]
