"""Weights in fewer bits: what they change is measured on windows the network has not learned from, and said."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ensue
from ensue.errors import UsageError
from ensue.runtime.fewer_bits import in_fewer_bits, measure

pytest.importorskip("ensue._native", reason="the native core was not built")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    step = np.arange(260)
    table = pl.DataFrame({"unique_id": ["a"] * 200 + ["b"] * 60, "ds": [*step[:200], *step[:60]]})
    table = table.with_columns(y=np.sin(table["ds"].to_numpy() * 0.7) + table["ds"].to_numpy() % 5)
    path = tmp_path_factory.mktemp("fewer") / "m.ensue"
    ensue.Forecaster(horizon=6, season=[9], steps=3, hidden_size=16).fit(table).save(path)
    return path


@pytest.mark.parametrize("kept_as", ["bf16", "int8"])
def test_what_changes_is_measured_and_said(model: Path, kept_as: str) -> None:
    full, reduced = ensue.load(model), ensue.load(model, weights=kept_as)
    (sentence,) = reduced.findings_
    assert re.fullmatch(
        rf"Weights are kept as {kept_as}: over the last 6 steps of 2 series of the model's own validation windows the "
        r"quantile loss is [\d.]+ instead of [\d.]+ \([+-][\d.]+ %\), and medians move by [\d.e-]+ % of the 80 % band's "
        "width.",
        sentence,
    )
    assert full.findings_ == ()
    mine, theirs = (each.predict().select("ensue").to_numpy() for each in (reduced, full))
    assert 0 < np.abs(mine - theirs).max() < 0.05 * np.abs(theirs).max()


def test_the_measure_sees_a_change(model: Path) -> None:
    forecaster = ensue.load(model)
    predictor = forecaster._predictor
    worse = tuple({name: 3 * weight for name, weight in each.items()} for each in forecaster._weights)
    change = measure(predictor, in_fewer_bits(predictor, worse, "bf16"), forecaster._recent, "bf16")
    assert change.after > 1.1 * change.before
    assert change.moved > 0.05
    same = measure(predictor, predictor, forecaster._recent, "bf16")
    assert same.after == same.before
    assert same.moved == 0


def test_series_too_short_to_measure_are_said(model: Path) -> None:
    forecaster = ensue.load(model)
    predictor = replace(forecaster._predictor, task=replace(forecaster._predictor.task, horizon=1000))
    change = measure(predictor, predictor, forecaster._recent, "int8")
    assert change.series == 0
    assert change.sentence() == (
        "Weights are kept as int8, and what that changes could not be measured: no series in the model file is long enough. "
        "Compare on your own data."
    )


def test_what_cannot_be_kept_so_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as error:
        ensue.load(model, weights="int4")
    assert str(error.value) == "Weights cannot be kept as 'int4', expected 'float32', 'bf16' or 'int8'."
    monkeypatch.setenv("ENSUE_EXECUTOR", "numpy")
    with pytest.raises(UsageError) as error:
        ensue.load(model, weights="bf16")
    assert str(error.value) == ("Weights are kept as bf16 by the native core alone, and ENSUE_EXECUTOR asks for NumPy.")
