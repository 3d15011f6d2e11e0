"""The C++ contenders: built with cmake where they are not, and called a few thousand steps at a time."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "benchmarks"
STORAGES = {"float32": 0, "bf16": 1, "int8": 2}

Floats = NDArray[np.float32]


@cache
def built() -> Path:
    """The folder of the libraries, brought up to date."""
    beside = str(Path(sys.executable).parent)
    cmake, ninja = (shutil.which(name, path=beside) or shutil.which(name) for name in ("cmake", "ninja"))
    if cmake is None:
        raise SystemExit("cmake is missing: pip install -r benchmarks/native/requirements.txt")
    generator = [] if ninja is None else ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    # What is found of the compiler is kept, so that only the first time is long: about a minute and a half, all Eigen's.
    for command in (
        [cmake, "-S", str(ROOT / "benchmarks" / "native"), "-B", str(BUILD), *generator],
        [cmake, "--build", str(BUILD), "--parallel", "2"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return BUILD


@cache
def library(name: str) -> ctypes.CDLL | None:
    """A contender's library; None where it was not built."""
    found = list(built().glob(f"lib{name}.*"))
    if not found:
        return None
    loaded = ctypes.CDLL(str(found[0]))
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    loaded.steps_open.argtypes = [ctypes.c_char_p, ctypes.c_int32, count, count, pointer, pointer, pointer]
    loaded.steps_open.restype = pointer
    loaded.steps_run.argtypes = [pointer, pointer, count, count]
    loaded.steps_run.restype = ctypes.c_double
    loaded.steps_run_each.argtypes = [pointer, pointer, count, count, pointer]
    loaded.steps_run_each.restype = None
    loaded.steps_hidden.argtypes = [pointer, pointer]
    loaded.steps_hidden.restype = None
    loaded.steps_run_nothing.argtypes = [count, pointer]
    loaded.steps_run_nothing.restype = None
    loaded.steps_close.argtypes = [pointer]
    loaded.steps_close.restype = None
    return loaded


def eigen_release(isa: str) -> str | None:
    """The version of Eigen that the loop for an instruction set was compiled with."""
    loaded = library(f"steps_eigen_{isa}")
    if loaded is None:
        return None
    loaded.steps_release.restype = ctypes.c_char_p
    return str(loaded.steps_release().decode())


@cache
def empty_clock() -> float:
    """Seconds that C++'s clock shows around nothing."""
    loaded, seconds = library("steps_ours"), np.zeros(10_000)
    assert loaded is not None
    loaded.steps_run_nothing(len(seconds), seconds.ctypes.data)
    return float(np.median(seconds))


class Cell:
    """An LSTM cell in C++ with its state; the clock is read in C++, so that calling it from here costs nothing.

    Args:
        name: the library, `steps_ours` or `steps_eigen_ISA`.
        weights: weight_ih, weight_hh and the sum of the biases.
        x: `(rows, inputs)`, read over and over.
    """

    def __init__(self, name: str, isa: str, storage: str, weights: tuple[Floats, Floats, Floats], x: Floats) -> None:
        loaded = library(name)
        assert loaded is not None
        self._library, self._x, (_, inputs), self._hidden = loaded, x, weights[0].shape, weights[1].shape[1]
        addresses = (each.ctypes.data for each in weights)
        self._cell = loaded.steps_open(isa.encode(), STORAGES[storage], inputs, self._hidden, *addresses)
        if self._cell is None:
            raise SystemExit(f"{name} has no cell of {inputs} inputs and {self._hidden} units for {isa}.")

    def run(self, count: int) -> float:
        """Seconds of so many steps."""
        return float(self._library.steps_run(self._cell, self._x.ctypes.data, len(self._x), count))

    def run_each(self, count: int) -> NDArray[np.float64]:
        """Seconds of each of so many steps, with the clock read around every one."""
        seconds = np.zeros(count)
        self._library.steps_run_each(self._cell, self._x.ctypes.data, len(self._x), count, seconds.ctypes.data)
        return seconds

    def hidden(self) -> Floats:
        """Its h."""
        h = np.zeros(self._hidden, np.float32)
        self._library.steps_hidden(self._cell, h.ctypes.data)
        return h

    def __del__(self) -> None:
        cell: Any = getattr(self, "_cell", None)
        if cell is not None:
            self._library.steps_close(cell)
