"""The whole way, train, predict, stream, save and load, on every back end there is: the same numbers come out.

Which code trains and which predicts is chosen when a process begins, so each way runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

try:
    from ensue import _native
except ImportError:
    ISAS: list[str] = []
else:
    ISAS = _native.isa_names()

REFERENCE = ("reference", "numpy", "")
WAYS = [("torch", "numpy", ""), *(("native", "native", isa) for isa in ISAS)]

THE_WHOLE_WAY = """
import json, sys
import numpy as np
import polars as pl
import ensue
from ensue.learn.lstm import LSTM
from ensue.runtime.engine import executor

step = np.arange(150)
noise = np.random.default_rng(3).normal(size=(2, 150))
frames = [
    pl.DataFrame({"unique_id": name, "ds": step, "y": level + np.sin(step * 2 * np.pi / 7) + 0.3 * noise[row]})
    for row, (name, level) in enumerate([("a", 10.0), ("b", -3.0)])
]
table = pl.concat([frames[0], frames[1][:90]])
forecaster = ensue.Forecaster(horizon=5, season=[7], steps=6, hidden_size=20, seed=1).fit(table)
forecaster.save(sys.argv[1])
loaded = ensue.load(sys.argv[1])
levels = loaded.predict(levels=[80]).drop("unique_id", "ds").to_numpy()
stream = loaded.stream(table[:100], id="a")
expected = [stream.update(float(value))[0] for value in table["y"][100:130]]
saved = stream.state
again = loaded.stream()
again.state = saved
print(json.dumps({
    "trains": LSTM(2, 3).back_end,
    "predicts": executor(),
    "predict": levels.tolist(),
    "stream": np.array(expected).tolist(),
    "ahead": again.forecast(5).tolist(),
}))
"""


@cache
def run(way: tuple[str, str, str], folder: Path) -> dict[str, object]:
    trains, predicts, isa = way
    variables = {"ENSUE_LSTM": trains, "ENSUE_EXECUTOR": predicts} | ({"ENSUE_ISA": isa} if isa else {})
    command = [sys.executable, "-W", "error", "-c", THE_WHOLE_WAY, str(folder / f"{'-'.join(way)}.ensue")]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_back_end_goes_the_same_way(way: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    expected, said = run(REFERENCE, folder), run(way, folder)
    assert expected["trains"] == "reference"
    assert said["trains"] == way[0]
    assert str(said["predicts"]).startswith(f"native core, {way[2]} " if way[1] == "native" else "NumPy ")
    for name in ("predict", "stream", "ahead"):
        # Six steps of training apart: gradients differ by rounding, and Adam divides by their size.
        np.testing.assert_allclose(np.array(said[name]), np.array(expected[name]), rtol=0, atol=0.01, err_msg=name)
