"""A whole look inside, from a table to sentences, numbers and a page; and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from known_models import known_lag

import ensue
from ensue import cli
from ensue.errors import DataError, UsageError
from ensue.inspection.forecaster import Question, inspect_forecaster
from ensue.inspection.ledger import ledger
from ensue.inspection.networks import inspect_network
from ensue.inspection.page.document import Document
from ensue.inspection.report import document
from ensue.inspection.whole import Inspection
from ensue.inspection.words import in_own_time, labels_of, lags_in_words, percent

TINY: dict[str, Any] = {
    "horizon": 4, "preset": "fast", "steps": 30, "hidden_size": 6, "layers": 2, "context_length": 16, "threads": 1,
}  # fmt: skip


NOWHERE = (
    "ensue: --output is '/nowhere/report.html', and its folder does not exist: "
    "create it first or choose another place.\n"
)
GOES = (
    "There is no step '2030-01-01' in series 'a', which goes from 2024-01-01 to 2024-04-29: give one of its "
    "stamps, and for a later one how many steps ahead it is."
)


def table(rows: int = 120, ids: tuple[str, ...] = ("a",)) -> pl.DataFrame:
    random = np.random.default_rng(0)
    frames = []
    for name in ids:
        y = 10 + 3 * np.sin(np.arange(rows) * 2 * np.pi / 7) + 0.3 * random.normal(size=rows)
        frames.append(
            pl.DataFrame(
                {
                    "unique_id": [name] * rows,
                    "ds": [datetime(2024, 1, 1) + timedelta(days=day) for day in range(rows)],
                    "y": y,
                    "yesterday": np.concatenate([[np.nan], y[:-1]]),
                    "noise": random.normal(size=rows),
                    "word": ["x"] * rows,
                    "same": [1.0] * rows,
                }
            )
        )
    return pl.concat(frames)


@pytest.fixture(scope="module")
def forecaster() -> ensue.Forecaster:
    return ensue.Forecaster(target="y", time="ds", id="unique_id", **TINY).fit(table().select("unique_id", "ds", "y"))


@pytest.fixture(scope="module")
def inspection(forecaster: ensue.Forecaster) -> Inspection:
    return forecaster.inspect(table(), probe=["yesterday", "noise"])


def test_the_trace_stands_under_the_tables_own_stamps(forecaster: ensue.Forecaster) -> None:
    trace = forecaster.trace(table())
    assert len(trace) == 120
    assert trace.names == ("layer 1", "layer 2")
    assert trace.labels[0] == np.datetime64("2024-01-01")
    assert trace.to_frame().height == 120 * 2 * 6
    last = forecaster.trace(table(), steps=10)
    np.testing.assert_allclose(last.layer(1).c, trace.layer(1).c[-10:], atol=2e-5)


def test_the_ledger_of_a_trace_adds_up_to_its_cell(forecaster: ensue.Forecaster) -> None:
    for layer in forecaster.trace(table()).layers:
        np.testing.assert_allclose(ledger(layer, 100).total, layer.c[100], atol=1e-6)


@pytest.mark.parametrize("row", [5, 12, 16])
def test_what_was_expected_is_the_forecast_from_the_rows_before(
    forecaster: ensue.Forecaster, inspection: Inspection, row: int
) -> None:
    before = forecaster.predict(table(row), horizon=1)["ensue"][0]  # so few rows that a forecast reads them all
    assert inspection.expected is not None
    assert inspection.expected[row] == pytest.approx(before, rel=1e-5)


def test_it_says_what_it_measured(inspection: Inspection) -> None:
    said = str(inspection)
    assert said.startswith("Nine tenths of the influence on the next forecast come from the last ")
    assert "Of the network alone: replacing all it was shown before the forecast step changes its answers by " in said
    assert "The forecast for 2024-04-30 is " in said
    assert "'noise' read off the cells of layer " in said
    assert inspection.because is not None
    why = inspection.because.main
    assert why.parts.sum() == pytest.approx(why.answer - why.without, abs=1e-6)


def test_the_explained_forecast_is_the_one_that_predict_gives(
    forecaster: ensue.Forecaster, inspection: Inspection
) -> None:
    assert inspection.because is not None
    expected = forecaster.predict(table(), horizon=1)["ensue"][0]
    assert inspection.because.main.answer == pytest.approx(expected, rel=1e-5)
    assert inspection.forecast is not None
    median = inspection.forecast.quantiles[:, forecaster.levels.index(0.5)]
    np.testing.assert_allclose(median, forecaster.predict(table())["ensue"], rtol=1e-5)


def test_another_step_can_be_asked_about(forecaster: ensue.Forecaster) -> None:
    found = forecaster.inspect(table(), at="2024-04-01", ahead=3)
    assert found.because is not None
    assert found.because.explained == "the forecast for 2024-04-01, 3 steps ahead"
    before = table().filter(pl.col("ds") <= datetime(2024, 3, 29))
    assert found.because.main.answer == pytest.approx(forecaster.predict(before, horizon=3)["ensue"][-1], rel=1e-5)


def test_a_column_that_the_memory_holds_is_found_and_noise_is_not(inspection: Inspection) -> None:
    best = max(facts.probes["yesterday"].score for facts in inspection.layers)
    assert best > 0.5
    assert all(facts.probes["noise"].score < 0.2 for facts in inspection.layers)
    assert {name for facts in inspection.layers for name, _ in facts.follows} >= {"yesterday"}


def test_the_document_holds_all_sections(inspection: Inspection) -> None:
    shown = document(inspection)
    assert isinstance(shown, Document)
    assert len(shown.sequence.labels) == 120
    assert [layer.name for layer in shown.layers] == ["layer 1", "layer 2"]
    assert shown.ahead is not None
    assert len(shown.ahead.bands) == 2
    assert len(shown.units) == 12
    assert sum(unit.share for unit in shown.units) == pytest.approx(1.0)
    assert {probe.column for probe in shown.probes} == {"yesterday", "noise"}
    assert shown.reach is not None
    assert len(shown.reach.curves) == 4
    assert len(shown.why) == 2
    for layer in shown.layers:
        sums = layer.ledger.sum(axis=1)
        np.testing.assert_allclose(sums, np.ones_like(sums), atol=1e-6)


def test_the_numbers_are_plain(inspection: Inspection) -> None:
    from ensue.cli.results import plain

    numbers = json.loads(json.dumps(plain(inspection.to_json()), allow_nan=False))
    assert numbers["reach"]["horizon"]["90%"] >= 1
    assert numbers["why"]["explained"] == "the forecast for 2024-04-30"
    assert len(numbers["units"]) == 12


def test_the_same_question_gets_the_same_answer(forecaster: ensue.Forecaster, inspection: Inspection) -> None:
    assert str(forecaster.inspect(table(), probe=["yesterday", "noise"])) == str(inspection)


def test_without_a_table_it_reads_the_rows_the_model_remembers(forecaster: ensue.Forecaster) -> None:
    found = forecaster.inspect()
    assert found.trace.labels[-1] == np.datetime64("2024-04-29")


def test_a_series_too_short_to_measure_is_traced_and_the_rest_is_said(forecaster: ensue.Forecaster) -> None:
    found = forecaster.inspect(table(3))
    assert found.reach is None
    assert len(found.trace) == 3
    assert any("too few to measure how far back" in note for note in found.notes)
    assert document(found).reach is None


def test_gaps_are_read_as_gaps(forecaster: ensue.Forecaster) -> None:
    gappy = table().with_columns(pl.when(pl.col("ds").dt.day() % 5 == 0).then(None).otherwise("y").alias("y"))
    found = forecaster.inspect(gappy)
    assert found.values is not None
    assert np.isnan(found.values).sum() > 10
    assert all(np.isfinite(layer.c).all() for layer in found.trace.layers)


def test_of_several_series_one_is_looked_at(forecaster: ensue.Forecaster) -> None:
    several = table(ids=("a", "b"))
    with pytest.raises(
        UsageError, match=r"^The table has 2 series and a look inside reads one: give id=, such as 'a'.$"
    ):
        forecaster.inspect(several)
    assert ("Series", "b, daily") in forecaster.inspect(several, id="b").setting.facts


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"at": "2030-01-01"}, GOES),
        ({"at": "soon"}, "The step is 'soon', expected a stamp such as 2024-04-30."),
        ({"probe": ["nose"]}, "There is no column 'nose': did you mean 'noise'?"),
        ({"probe": ["word"]}, "The column 'word' holds String, expected numbers to look for in the memory."),
        ({"ahead": 0}, "ahead is 0, expected 1 or more steps."),
        ({"steps": 0}, "steps is 0, expected 1 or more steps."),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_in_one_sentence(
    forecaster: ensue.Forecaster, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((DataError, UsageError)) as error:
        forecaster.inspect(table(), **asked)
    assert str(error.value) == sentence


def test_a_probe_needs_the_table_it_is_in(forecaster: ensue.Forecaster) -> None:
    with pytest.raises(UsageError, match=r"^probe is given without df, the table that holds its columns: give both.$"):
        forecaster.inspect(probe=["noise"])


def test_a_column_that_never_changes_is_noted_and_not_probed(forecaster: ensue.Forecaster) -> None:
    found = forecaster.inspect(table(), probe=["same"])
    assert any("same" in note for note in found.notes)
    assert not found.layers[0].probes


def test_without_pytorch_everything_but_the_gradients_is_measured(forecaster: ensue.Forecaster, tmp_path: Path) -> None:
    forecaster.save(tmp_path / "model.ensue")
    table().write_csv(tmp_path / "table.csv")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import ensue\n"
        "found = ensue.load('model.ensue').inspect('table.csv')\n"
        "assert found.because.gradients is None and found.reach is not None\n"
        "print(found.notes[-1])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "Gradients were not measured: measuring gradients needs the package 'torch', which is not installed: "
        "install it with pip install 'ensue[train]'."
    )


def test_a_network_without_a_front_end_can_be_looked_into() -> None:
    found = inspect_network(known_lag(5), 3, title="Five steps ago")
    assert (
        "come from the last 6 steps, much of it from the far end of that." in found.sentences[0]
    )  # lag 5 is the sixth
    shown = document(found)
    assert shown.ahead is None
    assert shown.title == "Five steps ago"
    assert found.reach is None
    with pytest.raises(UsageError, match=r"^window is 999, expected 0 to 127: one of the subject's windows.$"):
        inspect_network(known_lag(5), 999)


def test_random_weights_give_another_picture(forecaster: ensue.Forecaster) -> None:
    from ensue.inspection.reading import untrained_weights
    from ensue.runtime.engine import Engine
    from ensue.runtime.predictor import Predictor

    predictor, panel = forecaster._fitted(), forecaster._panel_to_predict(table(), None)
    weights = untrained_weights(predictor.task.network(), seed=4)
    other = Predictor(predictor.task, (Engine(predictor.task.network(), weights),))
    trained = inspect_forecaster(predictor, forecaster._weights[0], panel, Question())
    random = inspect_forecaster(other, weights, panel, Question())
    assert trained.because is not None
    assert random.because is not None
    assert np.abs(trained.because.main.parts - random.because.main.parts).max() > 0.01
    assert (trained.layers[0].scales.half_life != random.layers[0].scales.half_life).all()


def test_clocks_of_the_table_are_the_clocks_of_the_report() -> None:
    hours = pl.datetime_range(
        datetime(2024, 1, 1), datetime(2024, 1, 8), "1h", time_zone="America/New_York", eager=True
    )
    frame = pl.DataFrame({"ds": hours, "y": np.sin(np.arange(len(hours)) * 2 * np.pi / 24)})
    forecaster = ensue.Forecaster(season=[24], **TINY).fit(frame)
    found = forecaster.inspect(frame)
    expected = forecaster.predict(frame, horizon=1)["ds"][0]
    assert found.because is not None
    assert found.because.explained == f"the forecast for {expected:%Y-%m-%d %H:%M}"
    assert found.trace.labels[0] == np.datetime64("2024-01-01T00:00")
    asked = forecaster.inspect(frame, at="2024-01-06 05:00")
    assert asked.because is not None
    assert asked.because.explained == "the forecast for 2024-01-06 05:00"
    zoned = forecaster.inspect(frame, at="2024-01-06 10:00+00:00")
    assert zoned.because is not None
    assert zoned.because.main.answer == asked.because.main.answer


def test_covariates_known_ahead_need_not_be_given() -> None:
    frame = table().select("ds", "y").with_columns(price=pl.Series(np.random.default_rng(0).random(120)))
    forecaster = ensue.Forecaster(future=["price"], **TINY).fit(frame)
    found = forecaster.inspect(frame)
    assert found.forecast is None
    assert found.because is not None
    assert found.because.explained == "the forecast for 2024-04-29"  # the last known step
    assert (
        "The covariates known ahead are not given for the steps to come: the last known step is explained."
        in found.notes
    )
    assert found.reach is not None
    assert document(found).ahead is None


def test_a_probe_finds_its_column_in_a_table_without_ids() -> None:
    frame = table().select("ds", "y", "yesterday")
    forecaster = ensue.Forecaster(target="y", time="ds", **TINY).fit(frame.select("ds", "y"))
    assert max(facts.probes["yesterday"].score for facts in forecaster.inspect(frame, probe="yesterday").layers) > 0.3
    empty = frame.with_columns(nothing=pl.lit(None, pl.Float64))
    assert any("nothing" in note for note in forecaster.inspect(empty, probe=["nothing"]).notes)


def test_a_step_too_early_to_explain_leaves_the_reach_measured(forecaster: ensue.Forecaster) -> None:
    found = forecaster.inspect(table(), at="2024-01-05")
    assert found.because is None
    assert found.reach is not None
    assert any(note.startswith("No forecast is explained: there are 4 rows before") for note in found.notes)


def test_the_next_step_can_be_asked_for_by_its_stamp(forecaster: ensue.Forecaster, inspection: Inspection) -> None:
    found = forecaster.inspect(table(), at="2024-04-30")
    assert found.because is not None
    assert inspection.because is not None
    assert found.because.main.answer == inspection.because.main.answer


def test_how_many_steps_are_shown_changes_no_measurement(forecaster: ensue.Forecaster, inspection: Inspection) -> None:
    few = forecaster.inspect(table(), probe=["yesterday", "noise"], steps=10)
    assert few.sentences == inspection.sentences
    shown, whole = document(few), document(inspection)
    assert shown.sequence.labels == whole.sequence.labels[-10:]
    np.testing.assert_array_equal(shown.layers[0].mean_age, whole.layers[0].mean_age[-10:])
    np.testing.assert_array_equal(shown.layers[1].f, whole.layers[1].f[-10:])


def test_one_outlier_that_rules_everything_is_pointed_at(forecaster: ensue.Forecaster) -> None:
    frame = table(300).with_row_index()
    spiked = frame.with_columns(y=pl.when(pl.col("index") == 150).then(1e6).otherwise("y")).drop("index")
    assert "a few extreme ones rule what is measured here" in str(forecaster.inspect(spiked))
    assert "extreme" not in str(forecaster.inspect(frame.drop("index")))


def test_what_is_known_ahead_is_said_to_stay_as_it_is() -> None:
    frame = table().select("ds", "y").with_columns(price=pl.Series(np.random.default_rng(0).random(120)))
    forecaster = ensue.Forecaster(future=["price"], **TINY).fit(frame)
    said = str(forecaster.inspect(frame))
    assert "with price as they are" in said
    with pytest.raises(DataError, match="no future rows of 'price'"):
        forecaster.inspect(frame, at="2024-04-30")


def test_an_unfitted_forecaster_says_so() -> None:
    with pytest.raises(ensue.NotFittedError):
        ensue.Forecaster().trace(table())


def test_further_ahead_than_trained_is_noted(forecaster: ensue.Forecaster) -> None:
    notes = forecaster.inspect(table(), ahead=6).notes
    assert "Forecasts 6 steps ahead are asked of a model trained for 4." in notes


def test_forecasts_further_ahead_than_any_series_are_refused_in_a_note(forecaster: ensue.Forecaster) -> None:
    found = forecaster.inspect(table(), ahead=20_000_000)
    assert "No series has rows enough to measure forecasts 20000000 steps ahead on." in found.notes


def test_rows_without_a_rhythm_are_told_as_rows() -> None:
    random = np.random.default_rng(0)
    minutes = np.cumsum(random.integers(5, 200, 150))
    stamps = [datetime(2024, 1, 1) + timedelta(minutes=int(each)) for each in minutes]
    frame = pl.DataFrame({"ds": stamps, "y": np.sin(np.arange(150) / 3)})
    found = ensue.Forecaster(**TINY).fit(frame).inspect(frame)
    assert "minute" not in found.sentences[0]
    assert "row" in found.sentences[0]


@pytest.mark.parametrize("value", [5.0, 0.0])
def test_of_a_constant_series_nothing_is_claimed(forecaster: ensue.Forecaster, value: float) -> None:
    said = str(forecaster.inspect(table().with_columns(y=pl.lit(value))))
    assert "nan" not in said
    assert "without end" not in said
    assert "whatever the history was" in said or "the mean after histories from elsewhere" in said


# ---- the command line ----


def test_the_command_prints_sentences_and_bars(
    forecaster: ensue.Forecaster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forecaster.save(tmp_path / "model.ensue")
    table().write_csv(tmp_path / "table.csv")
    assert (
        cli.run(["inspect", str(tmp_path / "table.csv"), "-m", str(tmp_path / "model.ensue"), "--probe", "noise"]) == 0
    )
    printed = capsys.readouterr().out
    assert "Nine tenths of the influence" in printed
    assert "Where the influence comes from:\n  1 day ago" in printed
    assert "█" in printed


def test_the_command_writes_a_page_and_numbers(
    forecaster: ensue.Forecaster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forecaster.save(tmp_path / "model.ensue")
    table().write_csv(tmp_path / "table.csv")
    arguments = ["inspect", str(tmp_path / "table.csv"), "-m", str(tmp_path / "model.ensue"), "--json"]
    assert cli.run([*arguments, "-o", str(tmp_path / "report.html"), "--at", "2024-04-01", "-q"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["why"]["explained"] == "the forecast for 2024-04-01"
    assert captured.err == ""
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "Inside a forecaster of y" in page


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["-o", "report.pdf"], 2, "ensue: --output is 'report.pdf', expected a file that ends in .html.\n"),
        (["-o", "/nowhere/report.html"], 2, NOWHERE),
        (["--steps", "0"], 2, "ensue: steps is 0, expected 1 or more steps.\n"),
    ],
)
def test_the_command_refuses_in_one_line(
    forecaster: ensue.Forecaster,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
    said: str,
) -> None:
    forecaster.save(tmp_path / "model.ensue")
    table().write_csv(tmp_path / "table.csv")
    assert cli.run(["inspect", str(tmp_path / "table.csv"), "-m", str(tmp_path / "model.ensue"), "-q", *more]) == code
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1


# ---- words ----


def test_steps_are_said_in_the_tables_own_unit(inspection: Inspection) -> None:
    from ensue.data.frequency import Frequency

    assert in_own_time(3, Frequency("business day")) == "3 business days"
    assert in_own_time(300, Frequency("business day")) == "300 business days"
    assert in_own_time(336, Frequency("minute", 30)) == "7 days"
    assert in_own_time(12, Frequency("position")) == "12 steps"
    assert lags_in_words(inspection, 1, 1) == "1 day ago"
    assert lags_in_words(inspection, 16, 31) == "16 to 31 days ago"
    assert lags_in_words(inspection, 0, 0) == "the step itself"


def test_labels_are_as_fine_as_they_have_to_be() -> None:
    seconds = np.array(["2024-03-01T06:00:30", "2024-03-01T07:00:00"], "datetime64[us]")
    assert labels_of(seconds) == ["2024-03-01 06:00:30", "2024-03-01 07:00:00"]
    assert labels_of(np.array(["so", "it", "goes"])) == ["so", "it", "goes"]


def test_shares_are_said_with_no_more_digits_than_are_of_use() -> None:
    assert [percent(share) for share in (1.0, 0.0995, 0.05, 0.0311)] == ["100 %", "10 %", "5 %", "3.1 %"]
