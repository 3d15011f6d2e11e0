"""A forecaster in its file: everything comes back, and what does not fit together is refused."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ensue
from ensue.config import DataOptions, TrainOptions
from ensue.data.frequency import Frequency
from ensue.data.panel import Panel
from ensue.data.schema import Covariate, Schema
from ensue.data.tables import read_table
from ensue.errors import ModelFileError
from ensue.model_file import FORMAT_VERSION, load_model, save_model
from ensue.reports import TrainingReport
from ensue.tasks.forecaster_file import contents, ends, recent, restore
from ensue.tasks.forecasting import ForecastingTask, Sizes

SCHEMA = Schema(
    "id", "ds", "y", past=(Covariate("wind"),), future=(Covariate("event", ("fair",)),), frequency=Frequency("day"),
    seasons=(7,),
)  # fmt: skip
OPTIONS = (DataOptions(past=("wind",), future=("event",), season=(7,)), TrainOptions(horizon=5, preset="fast", seed=3))
REPORT = TrainingReport(30, 1.5, "interrupted", 0.8, 1.0, 20, ((10, math.nan, 0.9), (20, 0.25, 0.8)))


def make_panel(schema: Schema = SCHEMA, lengths: tuple[int, ...] = (9, 30), ahead: int = 2) -> Panel:
    random = np.random.default_rng(0)
    total = np.array(lengths) + ahead
    rows = int(total.sum())
    times = np.concatenate([np.arange(n) for n in total])
    if schema.frequency.has_stamps:
        times = np.datetime64("1969-12-25", "us") + times * np.timedelta64(1, "D")
    y = random.normal(size=rows)
    y[4] = np.nan
    return Panel(
        schema,
        tuple(f"s{i}" for i in range(len(lengths))),
        np.concatenate([[0], np.cumsum(total)]),
        np.array(lengths),
        times,
        y,
        random.normal(size=(rows, len(schema.past))),
        random.integers(0, 2, (rows, len(schema.future))).astype(float),
        np.zeros((len(lengths), 0)),
    )


def make_parts(schema: Schema = SCHEMA) -> tuple[ForecastingTask, tuple[dict[str, np.ndarray], ...], Panel]:
    task = ForecastingTask(schema, 5, 20, Sizes(4, 1))
    random = np.random.default_rng(1)
    shapes = task.network().parameters()
    members = tuple({name: random.normal(size=s).astype("f") for name, s in shapes.items()} for _ in range(2))
    return task, members, make_panel(schema)


@pytest.mark.parametrize(
    "schema", [SCHEMA, replace(SCHEMA, frequency=Frequency("position", 2)), Schema(None, None, "y")]
)
def test_everything_comes_back(schema: Schema, tmp_path: Path) -> None:
    task, members, panel = make_parts(schema)
    save_model(tmp_path / "a.ensue", *contents(task, members, panel, REPORT, OPTIONS))
    parts = restore(*load_model(tmp_path / "a.ensue"))
    assert parts.task == task and (parts.data, parts.train) == OPTIONS
    assert str(parts.report) == str(REPORT)  # text, as a NaN is not equal to itself
    for member, again in zip(members, parts.weights, strict=True):
        assert member.keys() == again.keys()
        assert all(np.array_equal(member[name], again[name]) for name in member)
    assert parts.recent.ids == panel.ids and parts.recent.schema == panel.schema
    for name in ("offsets", "history", "times", "y", "past", "future", "static"):
        np.testing.assert_array_equal(getattr(parts.recent, name), getattr(panel, name))
        assert getattr(parts.recent, name).dtype == getattr(panel, name).dtype
    assert parts.ends == ends(panel)


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4), rows=st.integers(1, 30), ahead=st.integers(0, 3))
def test_recent_rows_are_the_last_of_every_series(lengths: list[int], rows: int, ahead: int) -> None:
    panel = make_panel(lengths=(*lengths,), ahead=ahead) if sum(lengths) + ahead > 4 else make_panel()
    last = recent(panel, rows)
    assert len(last) == len(panel) and ends(last) == ends(panel)
    for i in range(len(panel)):
        whole, part = panel.series(i), last.series(i)
        assert part.history == min(rows, whole.history)
        kept = slice(whole.history - part.history, None)
        np.testing.assert_array_equal(part.y, whole.y[kept])
        np.testing.assert_array_equal(part.times, whole.times[kept])
        np.testing.assert_array_equal(part.future, whole.future[kept])


def test_the_end_of_each_series_is_its_last_known_row() -> None:
    assert ends(make_panel()) == {"s0": np.datetime64("1970-01-02", "us"), "s1": np.datetime64("1970-01-23", "us")}
    assert ends(make_panel(Schema(None, None, "y"), (9,))) == {"s0": 8}


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a tree of plain values."""
    found = [path] if path else []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += places(value, (*path, key))
    return found


DESCRIPTION = contents(*make_parts(), REPORT, OPTIONS)[1]
BAD: list[Any] = [None, -1, 10**30, "no", [], {}, [[1]], True, 0.5, {"a": 1}]


@given(data=st.data())
@settings(max_examples=150)
def test_a_description_that_was_tampered_with_gives_a_sentence_or_a_forecaster(data: st.DataObject) -> None:
    arrays, _ = contents(*make_parts(), REPORT, OPTIONS)
    changed = copy.deepcopy(DESCRIPTION)
    place = data.draw(st.sampled_from([each for each in places(changed) if each[0] != "network"]))
    inner: Any = changed
    for key in place[:-1]:
        inner = inner[key]
    if data.draw(st.booleans()) and isinstance(inner, dict):
        del inner[place[-1]]
    else:
        inner[place[-1]] = data.draw(st.sampled_from(BAD))
    try:
        parts = restore(arrays, changed)
    except ModelFileError as error:
        assert str(error).startswith("The model file lacks part of a forecaster, or holds it in another form (")
        assert str(error).endswith("): save the model again.")
    else:
        assert parts.recent.schema == parts.task.schema
        parts.task.network()
        assert 0.5 in parts.task.levels and len(parts.task.widths) == len(parts.task.levels)


@pytest.mark.parametrize("name", ["data.offsets", "data.history", "data.times", "data.y", "data.past", "data.static"])
def test_recent_rows_that_do_not_fit_together_are_refused(name: str) -> None:
    arrays, description = contents(*make_parts(), REPORT, OPTIONS)
    bad_ones = [arrays[name][:-1], arrays[name][..., None], arrays[name][:0]]
    if name in ("data.offsets", "data.history"):
        bad_ones += [arrays[name] - 9, arrays[name] * 10**9, arrays[name][::-1].copy()]
    for bad in bad_ones:
        with pytest.raises(ModelFileError):
            restore(arrays | {name: bad}, description)
    del arrays[name]
    with pytest.raises(ModelFileError) as raised:
        restore(arrays, description)
    assert str(raised.value) == (
        f"The model file lacks part of a forecaster, or holds it in another form ('{name}'): save the model again."
    )


# ---- model files of every version ----

FIXTURES = Path(__file__).parents[1] / "fixtures"
SEATTLE = Path(ensue.__file__).parent / "data" / "packaged" / "seattle_weather.csv"


@pytest.mark.parametrize("folder", sorted(FIXTURES.glob("v*")), ids=lambda folder: folder.name)
def test_a_model_file_of_every_version_loads_and_forecasts_what_it_did(folder: Path) -> None:
    """A model a user has trained is never lost. `tests/fixtures/make_fixtures.py` made these files."""
    forecaster = ensue.load(folder / "seattle_small.ensue")
    told = json.loads((folder / "seattle_small.json").read_text())
    frames = {
        "30": forecaster.predict(),
        "45": forecaster.predict(horizon=45),
        "newer": forecaster.predict(read_table(SEATTLE).frame.head(900)),
    }
    assert told.keys() == frames.keys()
    for name, frame in frames.items():
        expected = told[name]
        assert list(expected) == frame.columns and expected["unique_id"] == frame["unique_id"].to_list()
        assert expected["ds"] == frame["ds"].dt.strftime("%Y-%m-%d").to_list()
        for column in frame.columns[2:]:
            # Sums of float32 are rounded in another order by other processors: 1e-4 of some ten degrees, and the four
            # decimals of the record.
            np.testing.assert_allclose(frame[column], expected[column], rtol=1e-4, atol=2e-3)


def test_there_is_a_model_file_of_this_version() -> None:
    assert (FIXTURES / f"v{FORMAT_VERSION}" / "seattle_small.ensue").stat().st_size < 300_000
