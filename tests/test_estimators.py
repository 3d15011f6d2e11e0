"""`Forecaster`: any table in and the same kind out, from training on or with a table of its own, saved, gone on from."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

import ensue
from ensue import Forecaster
from ensue.config import DataOptions, TrainOptions
from ensue.errors import DataError, ModelFileError, NotFittedError, StorageError, UsageError
from ensue.reports import Progress

TINY: dict[str, Any] = {
    "horizon": 4, "preset": "fast", "steps": 12, "hidden_size": 6, "layers": 1, "context_length": 16, "batch_size": 4,
    "threads": 1, "device": "cpu",
}  # fmt: skip
DAY = timedelta(days=1)
START = datetime(2024, 1, 1)


def make_table(rows: int = 60, ids: tuple[str, ...] = ("a", "b"), seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    tables = [
        pl.DataFrame(
            {
                "unique_id": [name] * rows,
                "ds": [START + DAY * row for row in range(rows)],
                "y": np.sin(np.arange(rows) * 2 * np.pi / 7) + 0.1 * random.normal(size=rows) + 10 * place,
            }
        )
        for place, name in enumerate(ids)
    ]
    return pl.concat(tables)


def make_covariates(rows: int = 60, ahead: int = 4) -> pl.DataFrame:
    """Two shops whose sales follow a price known ahead, a weather known up to now, a kind that never changes."""
    random = np.random.default_rng(1)
    tables = []
    for shop, kind in (("north", "small"), ("south", "large")):
        total = rows + ahead
        sales = 5 + random.normal(size=total) * 0.1
        tables.append(
            pl.DataFrame(
                {
                    "shop": [shop] * total,
                    "day": [START + DAY * row for row in range(total)],
                    "sales": [*sales[:rows], *[None] * ahead],
                    "sky": [*random.choice(["clear", "rain"], rows), *[None] * ahead],
                    "price": random.normal(size=total),
                    "offer": random.choice(["none", "half", "free"], total),
                    "kind": [kind] * total,
                }
            )
        )
    return pl.concat(tables)


ROLES: dict[str, Any] = {
    "target": "sales",
    "time": "day",
    "id": "shop",
    "past": ["sky"],
    "future": ["price", "offer"],
    "static": ["kind"],
}


@pytest.fixture(scope="module")
def fitted() -> Forecaster:
    """Fitted on two daily series, to be looked at and not changed."""
    return Forecaster(**TINY).fit(make_table())


@pytest.fixture(scope="module")
def rich() -> Forecaster:
    """Fitted on shops with covariates of every kind."""
    return Forecaster(**TINY, **ROLES).fit(make_covariates())


# ---- tables of every kind ----


def test_predict_goes_on_from_training(fitted: Forecaster) -> None:
    frame = fitted.predict()
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == ["unique_id", "ds", "ensue", "ensue-lo-80", "ensue-hi-80", "ensue-lo-95", "ensue-hi-95"]
    assert frame["unique_id"].to_list() == ["a"] * 4 + ["b"] * 4
    assert frame["ds"].to_list() == [START + DAY * (60 + step) for step in range(4)] * 2
    ordered = frame.select("ensue-lo-95", "ensue-lo-80", "ensue", "ensue-hi-80", "ensue-hi-95").to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()
    assert_frame_equal(frame, fitted.predict(make_table()))


def as_kind(kind: str, table: pl.DataFrame) -> Any:
    if kind == "pandas":
        return table.to_pandas()
    if kind == "pyarrow":
        return table.to_arrow()
    if kind == "lazy":
        return table.lazy()
    return table.to_dict(as_series=False) if kind == "dict" else table


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("lazy", pl.LazyFrame), ("pyarrow", pa.Table), ("dict", dict)],
)
def test_the_same_kind_of_table_comes_out(kind: str, expected: type, fitted: Forecaster) -> None:
    table = as_kind(kind, make_table())
    given = fitted.predict(table)
    assert isinstance(given, expected)
    again = Forecaster(**TINY).fit(table)
    trained = again.predict()
    assert isinstance(trained, expected)
    for frame in (given, trained):
        polars = (
            frame.collect() if kind == "lazy" else pl.DataFrame(frame) if kind != "pandas" else pl.from_pandas(frame)
        )
        assert_frame_equal(polars.cast({"ds": pl.Datetime("us")}), fitted.predict(), rel_tol=1e-6)


def test_ids_that_are_numbers_stay_numbers() -> None:
    table = make_table().with_columns(pl.col("unique_id").replace_strict({"a": 7, "b": 30}).cast(pl.Int64))
    forecaster = Forecaster(**TINY, id="unique_id", target="y").fit(table)
    for frame in (forecaster.predict(), forecaster.predict(table)):
        assert frame["unique_id"].to_list() == [7] * 4 + [30] * 4 and frame["unique_id"].dtype == pl.Int64


def test_a_row_of_numbers_will_do() -> None:
    values = make_table(ids=("a",))["y"]
    forecaster = Forecaster(**TINY, season=7).fit(values.to_numpy())
    frame = forecaster.predict()
    assert isinstance(frame, pl.DataFrame) and frame["ds"].to_list() == [60, 61, 62, 63]
    for other in (values.to_list(), values, values.to_pandas()):
        np.testing.assert_array_equal(forecaster.predict(other)["ensue"], frame["ensue"])
    assert isinstance(Forecaster(**TINY, season=7).fit(values.to_pandas()).predict(), pd.DataFrame)


def test_a_wide_table_gives_a_series_a_column() -> None:
    wide = make_table().pivot("unique_id", index="ds", values="y")
    forecaster = Forecaster(**TINY).fit(wide)
    frame = forecaster.predict()
    assert frame["unique_id"].to_list() == ["a"] * 4 + ["b"] * 4
    assert_frame_equal(frame, forecaster.predict(wide))


def test_a_file_will_do(tmp_path: Path, fitted: Forecaster) -> None:
    make_table().write_csv(tmp_path / "a.csv")
    frame = fitted.predict(tmp_path / "a.csv")
    assert isinstance(frame, pl.DataFrame) and fitted.prediction_findings_  # what was found in the file
    assert_frame_equal(frame, fitted.predict(), rel_tol=1e-5)


# ---- what is predicted ----


def test_new_ids_and_newer_history_need_no_training(fitted: Forecaster) -> None:
    table = make_table(80, ids=("a", "new"), seed=5)
    frame = fitted.predict(table)
    assert frame["unique_id"].unique(maintain_order=True).to_list() == ["a", "new"]
    assert frame["ds"].min() == START + DAY * 80
    alone = fitted.predict(table.filter(pl.col("unique_id") == "new"))
    assert_frame_equal(alone, frame.filter(pl.col("unique_id") == "new"), rel_tol=1e-5)


def test_rows_in_any_order_are_the_same_rows(fitted: Forecaster) -> None:
    shuffled = make_table().sample(fraction=1.0, shuffle=True, seed=3)
    frame = fitted.predict(shuffled).sort("unique_id", "ds")
    assert "rows sorted by 'ds'." in fitted.prediction_findings_
    assert_frame_equal(frame, fitted.predict(), rel_tol=1e-5)


def test_missing_values_and_missing_rows_are_the_same_gap(fitted: Forecaster) -> None:
    table = make_table()
    gap = pl.col("ds").is_between(START + 20 * DAY, START + 30 * DAY)
    holes = fitted.predict(table.with_columns(pl.when(gap).then(None).otherwise("y").alias("y")))
    assert_frame_equal(holes, fitted.predict(table.filter(~gap)))
    assert (holes["ensue"] != fitted.predict()["ensue"]).any() and not holes["ensue"].is_nan().any()


def test_a_constant_series_goes_on_as_it_was(fitted: Forecaster) -> None:
    constant = make_table(ids=("flat",)).with_columns(y=pl.lit(3.25))
    frame = fitted.predict(constant)
    np.testing.assert_allclose(frame.select(pl.col("^ensue.*$")).to_numpy(), 3.25, rtol=1e-5)


def test_a_longer_horizon_than_trained_for_is_answered_and_said(fitted: Forecaster) -> None:
    frame = fitted.predict(horizon=50)
    assert frame.height == 100 and frame["ensue"].is_finite().all()
    assert fitted.prediction_findings_ == (
        "50 steps are asked of a model trained for 4: its bands are calibrated up to step 4 only.",
    )
    before = fitted.findings_
    fitted.predict()
    assert fitted.prediction_findings_ == () and fitted.findings_ == before and before


def test_levels_are_as_asked(fitted: Forecaster) -> None:
    assert fitted.predict(levels=[]).columns == ["unique_id", "ds", "ensue"]
    assert fitted.predict(levels=(33, 90.5)).columns[3:] == [
        "ensue-lo-33",
        "ensue-hi-33",
        "ensue-lo-90.5",
        "ensue-hi-90.5",
    ]


def test_future_rows_in_the_table_or_beside_it_say_the_same(rich: Forecaster) -> None:
    table = make_covariates()
    history = table.filter(pl.col("sales").is_not_null())
    ahead = table.filter(pl.col("sales").is_null()).select("shop", "day", "price", "offer")
    within = rich.predict(table)
    assert_frame_equal(within, rich.predict(history, future=ahead))
    assert_frame_equal(within, rich.predict())  # the training table had future rows
    assert_frame_equal(within, rich.predict(future=ahead))  # which others may replace
    dearer = ahead.with_columns(pl.col("price") + 9)
    assert (rich.predict(future=dearer)["ensue"] != within["ensue"]).all()
    assert_frame_equal(rich.predict(future=dearer), rich.predict(history, future=dearer))
    as_pandas = rich.predict(history.to_pandas(), future=ahead)
    assert isinstance(as_pandas, pd.DataFrame)


def test_the_weather_of_the_future_is_not_looked_at(rich: Forecaster) -> None:
    table = make_covariates()
    told = table.with_columns(sky=pl.when(pl.col("sales").is_null()).then(pl.lit("rain")).otherwise("sky"))
    assert_frame_equal(rich.predict(table), rich.predict(told))


def test_future_covariates_that_are_missing_or_stop_early_are_refused(rich: Forecaster) -> None:
    table = make_covariates()
    history = table.filter(pl.col("sales").is_not_null())
    with pytest.raises(DataError) as raised:
        rich.predict(history)
    assert str(raised.value) == (
        "Series 'north' has no future rows of 'price', 'offer', and a horizon of 4 steps needs 4: "
        "add rows with an empty target, or give them with --future-data."
    )
    with pytest.raises(DataError) as raised:
        rich.predict(horizon=5)
    assert str(raised.value).startswith("Series 'north' has only 4 future rows of 'price', 'offer'")
    with pytest.raises(DataError):
        rich.predict(history, future=table.filter(pl.col("sales").is_null()).tail(3))


def test_an_unknown_category_is_taken_as_unknown_and_said(rich: Forecaster) -> None:
    table = make_covariates().with_columns(offer=pl.lit("never seen"))
    frame = rich.predict(table)
    assert frame["ensue"].is_finite().all()
    assert any("never seen" in said and "offer" in said for said in rich.prediction_findings_)


def test_static_covariates_tell_series_apart(rich: Forecaster) -> None:
    table = make_covariates()
    other = rich.predict(table.with_columns(kind=pl.lit("small")))
    shops = pl.col("shop") == "north"
    assert_frame_equal(other.filter(shops), rich.predict().filter(shops), rel_tol=1e-5)
    assert (other.filter(~shops)["ensue"] != rich.predict().filter(~shops)["ensue"]).all()


# ---- calendars ----


def test_stamps_come_back_in_their_own_zone() -> None:
    zone = "America/New_York"
    stamps = pl.datetime_range(datetime(2024, 3, 5), datetime(2024, 3, 9, 23), "1h", time_zone=zone, eager=True)
    table = pl.DataFrame({"ds": stamps, "y": np.sin(np.arange(len(stamps)) / 4)})
    forecaster = Forecaster(**(TINY | {"horizon": 12})).fit(table)
    expected = pl.datetime_range(datetime(2024, 3, 10), datetime(2024, 3, 10, 12), "1h", time_zone=zone, eager=True)
    frame = forecaster.predict()
    assert frame["ds"].to_list() == expected.to_list()[:12]  # the clock was put forward that night
    assert [each.hour for each in frame["ds"]][:4] == [0, 1, 3, 4]
    pandas = forecaster.predict(table.to_pandas())
    assert str(pandas["ds"].dt.tz) == zone
    days = pl.datetime_range(datetime(2024, 1, 1), datetime(2024, 3, 1), "1d", time_zone=zone, eager=True)
    daily = Forecaster(**TINY).fit(pl.DataFrame({"ds": days, "y": np.sin(np.arange(len(days)))}))
    assert daily.predict()["ds"][0] == datetime(2024, 3, 2, tzinfo=ZoneInfo(zone))


def test_positions_go_on_as_positions() -> None:
    table = make_table(ids=("a",)).with_columns(ds=pl.int_range(100, 220, 2))
    frame = Forecaster(**TINY, time="ds", target="y").fit(table).predict()
    assert frame["ds"].to_list() == [220, 222, 224, 226]


def test_irregular_series_go_on_at_their_usual_spacing() -> None:
    random = np.random.default_rng(2)
    seconds = np.cumsum(random.integers(40, 90, 120))
    table = pl.DataFrame(
        {"ds": [START + timedelta(seconds=int(each)) for each in seconds], "y": random.normal(size=120)}
    )
    forecaster = Forecaster(**TINY, freq="irregular").fit(table)
    frame = forecaster.predict()
    assert frame["ensue"].is_finite().all() and frame["ds"].is_sorted() and frame["ds"][0] > table["ds"][-1]
    gaps = frame["ds"].diff().drop_nulls().unique()
    assert len(gaps) == 1 and timedelta(seconds=40) <= gaps[0] <= timedelta(seconds=90)


def test_holidays_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("holidays")
    table = make_table(80, ids=("a",))
    forecaster = Forecaster(**TINY, holidays="DE").fit(table.head(60))
    frame = forecaster.predict(table.head(86 - 6 - 1), horizon=20)  # over Good Friday, 29 March 2024
    from ensue.tasks import forecasting

    blank = lambda times, country, frequency: np.zeros((len(times), 3), np.float32)  # noqa: E731
    monkeypatch.setattr(forecasting, "holiday_feature", blank)
    without = forecaster.predict(table.head(86 - 6 - 1), horizon=20)
    assert (frame["ensue"] != without["ensue"]).any()
    with pytest.raises(UsageError):
        Forecaster(**TINY, holidays="Narnia").fit(table)


# ---- options ----


def test_parameters_are_scikit_learns_habit() -> None:
    forecaster = Forecaster(horizon=7, past="rain", season=[24, 168], learning_rate=0.01)
    params = forecaster.get_params()
    assert params["horizon"] == 7 and params["past"] == ("rain",) and params["season"] == (24, 168)
    assert params["learning_rate"] == 0.01 and params["preset"] == "default"
    assert set(params) == {*DataOptions.__dataclass_fields__, *TrainOptions.__dataclass_fields__}
    assert Forecaster(**params).get_params() == params
    assert forecaster.set_params(horizon=9, season=None) is forecaster
    assert forecaster.get_params() == params | {"horizon": 9, "season": None}
    assert Forecaster.from_options(DataOptions(target="x"), TrainOptions(seed=4)).get_params()["target"] == "x"


def test_scikit_learn_can_clone_it(fitted: Forecaster) -> None:
    base = pytest.importorskip("sklearn.base")
    original = Forecaster(horizon=7, past=["rain"], season=(24,), batch_size=8)
    assert base.clone(original).get_params() == original.get_params()
    with pytest.raises(NotFittedError):
        base.clone(fitted).predict()


def test_changed_arguments_leave_the_fitted_model_as_it_was() -> None:
    forecaster = Forecaster(**TINY).fit(make_table())
    before = forecaster.predict()
    forecaster.set_params(horizon=9, season=(3,))
    assert_frame_equal(forecaster.predict(), before)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"horizn": 3}, "Forecaster has no argument 'horizn': did you mean 'horizon'?"),
        ({"horizon": 0}, "horizon is 0, expected 1 or more steps: give --horizon 30, for example."),
        ({"preset": "fats"}, "preset is 'fats', which is not one: did you mean 'fast'?"),
        ({"duplicates": "last"}, "duplicates is 'last', expected 'error', 'first' or 'mean'."),
        ({"season": 2.5}, "season is 2.5, expected a list of whole numbers."),
        ({"past": 2.5}, "past is 2.5, expected a list of column names."),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        Forecaster(**arguments)
    assert str(raised.value) == sentence
    with pytest.raises(UsageError) as raised:
        Forecaster().set_params(**arguments)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"horizon": 0}, "horizon is 0, expected 1 or more steps: give --horizon 30, for example."),
        ({"horizon": "ten"}, "horizon is 'ten', expected 1 or more steps: give --horizon 30, for example."),
        ({"levels": 80}, "levels is 80, expected a list of percents: give [80, 95], for example."),
        ({"levels": ["wide"]}, "levels is ['wide'], expected a list of percents: give [80, 95], for example."),
        (
            {"levels": [99]},
            "level 99 was asked for, expected bands between 0 and 95 percent: "
            "the model has learned no quantile beyond 0.025 and 0.975.",
        ),
    ],
)
def test_questions_that_cannot_be_are_refused(arguments: dict[str, Any], sentence: str, fitted: Forecaster) -> None:
    with pytest.raises(UsageError) as raised:
        fitted.predict(**arguments)
    assert str(raised.value) == sentence


def test_a_future_table_where_nothing_is_known_ahead_is_refused(fitted: Forecaster) -> None:
    with pytest.raises(DataError) as raised:
        fitted.predict(future=make_table())
    assert str(raised.value) == (
        "a future table is given, but no covariate is known ahead: name its columns with future."
    )


@pytest.mark.parametrize("call", ["predict", "backtest", "stream", "describe", "save"])
def test_what_is_not_fitted_says_so(call: str, tmp_path: Path) -> None:
    arguments = [tmp_path / "a.ensue"] if call == "save" else []
    with pytest.raises(NotFittedError) as raised:
        getattr(Forecaster(), call)(*arguments)
    assert str(raised.value) == "This Forecaster has not been fitted: call fit(df) first, or ensue.load(path)."
    assert not list(tmp_path.iterdir())


# ---- files ----


def test_a_saved_model_predicts_the_same_bit_for_bit_without_torch(tmp_path: Path, rich: Forecaster) -> None:
    rich.save(tmp_path / "a.ensue")
    make_covariates(70).write_parquet(tmp_path / "newer.parquet")
    script = """
import sys
import ensue
forecaster = ensue.load(sys.argv[1] + "/a.ensue")
forecaster.predict(levels=(80, 90)).write_parquet(sys.argv[1] + "/out.parquet")
forecaster.predict(sys.argv[1] + "/newer.parquet").write_parquet(sys.argv[1] + "/newer-out.parquet")
stream = forecaster.stream(id="south")
stream.update(5.0)
assert "torch" not in sys.modules, "torch"
forecaster.save(sys.argv[1] + "/b.ensue")
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=120)
    assert_frame_equal(pl.read_parquet(tmp_path / "out.parquet"), rich.predict(levels=(80, 90)), check_exact=True)
    newer = rich.predict(make_covariates(70))
    assert_frame_equal(pl.read_parquet(tmp_path / "newer-out.parquet"), newer, check_exact=True)
    assert (tmp_path / "a.ensue").read_bytes() == (tmp_path / "b.ensue").read_bytes()


def test_a_loaded_model_is_what_was_saved(tmp_path: Path, rich: Forecaster) -> None:
    rich.save(tmp_path / "a.ensue")
    again = ensue.load(tmp_path / "a.ensue")
    assert again.get_params() == rich.get_params() and again.describe() == rich.describe()
    assert again.report_ == rich.report_ and again.findings_ == ()
    assert isinstance(again, Forecaster) and again.describe()["parameters"] > 0


def test_a_model_of_another_task_is_refused(tmp_path: Path, fitted: Forecaster) -> None:
    from ensue.model_file import load_model, save_model

    path = tmp_path / "a.ensue"
    fitted.save(path)
    weights, description = load_model(path)
    save_model(path, weights, description | {"task": "weaving"})
    with pytest.raises(ModelFileError) as raised:
        ensue.load(path)
    assert str(raised.value) == (
        f"{path} holds a model for 'weaving', expected one of forecasting, language-model, classification, translation, "
        "melody, caption, speech, command, action: upgrade Ensue."
    )
    save_model(path, weights, description | {"task": "translation"})
    with pytest.raises(ModelFileError, match=r"lacks part of a translation model"):
        ensue.load(path)
    save_model(path, weights, description | {"forecasting": description["forecasting"] | {"sizes": {"hidden_size": 9}}})
    with pytest.raises(ModelFileError):
        ensue.load(path)


def test_a_disk_that_fills_leaves_the_old_model(
    tmp_path: Path, fitted: Forecaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ensue"
    path.write_bytes(b"the old model")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as raised:
        fitted.save(path)
    assert str(raised.value) == (
        f"cannot write '{path}': there is no space left on the device: free some space or choose another place."
    )
    assert path.read_bytes() == b"the old model" and [each.name for each in tmp_path.iterdir()] == ["a.ensue"]


# ---- training ----


def test_an_interrupted_fit_can_be_used_saved_and_resumed(tmp_path: Path) -> None:
    def stop(at: Progress) -> None:
        if at.step == 3:
            raise KeyboardInterrupt

    table, whole = make_table(), Forecaster(**TINY).fit(make_table())
    forecaster = Forecaster(**TINY).fit(table, checkpoint=tmp_path / "run", progress=stop)
    assert forecaster.report_.stopped == "interrupted" and forecaster.report_.steps == 3
    forecaster.save(tmp_path / "a.ensue")
    assert_frame_equal(ensue.load(tmp_path / "a.ensue").predict(), forecaster.predict())
    resumed = Forecaster(**TINY).fit(table, checkpoint=tmp_path / "run", resume=True)
    assert_frame_equal(resumed.predict(), whole.predict(), check_exact=True)


def test_a_fit_interrupted_before_its_first_step_can_be_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ensue.learn.loop import _State

    def interrupt(self: Any, objective: Any) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(_State, "advance", interrupt)
    forecaster = Forecaster(**TINY).fit(make_table())
    assert forecaster.report_.steps == 0
    forecaster.save(tmp_path / "a.ensue")
    assert ensue.load(tmp_path / "a.ensue").report_.stopped == "interrupted"


def test_the_same_seed_gives_the_same_forecast(fitted: Forecaster) -> None:
    assert_frame_equal(Forecaster(**TINY).fit(make_table()).predict(), fitted.predict(), check_exact=True)
    other = Forecaster(**(TINY | {"seed": 1})).fit(make_table())
    assert (other.predict()["ensue"] != fitted.predict()["ensue"]).all()


def test_an_ensemble_has_several_networks(tmp_path: Path) -> None:
    forecaster = Forecaster(**TINY, ensemble=2).fit(make_table())
    assert forecaster.describe()["networks"] == 2 and forecaster.report_.steps == 24
    forecaster.save(tmp_path / "a.ensue")
    assert_frame_equal(ensue.load(tmp_path / "a.ensue").predict(), forecaster.predict(), check_exact=True)


def test_learning_goes_on_from_a_model_or_its_file(tmp_path: Path, fitted: Forecaster) -> None:
    fitted.save(tmp_path / "a.ensue")
    told: list[float] = []
    first = Forecaster(**TINY).fit(make_table(), start_from=fitted, progress=lambda at: told.append(at.loss))
    second = Forecaster(**TINY).fit(make_table(), start_from=tmp_path / "a.ensue")
    assert_frame_equal(first.predict(), second.predict(), check_exact=True)
    cold: list[float] = []
    Forecaster(**TINY).fit(make_table(), progress=lambda at: cold.append(at.loss))
    assert told[0] < cold[0]


def test_series_of_no_use_are_left_out_and_said() -> None:
    table = pl.concat(
        [make_table(), make_table(ids=("flat",)).with_columns(y=pl.lit(1.0)), make_table(2, ids=("short",))]
    )
    forecaster = Forecaster(**TINY).fit(table)
    assert forecaster.predict()["unique_id"].unique(maintain_order=True).to_list() == ["a", "b"]
    said = [each for each in forecaster.findings_ if each.startswith("left out")]
    assert len(said) == 2 and said[0].endswith("'short'.") and said[1].endswith("'flat'.")


def test_a_series_too_short_for_the_horizon_is_refused() -> None:
    with pytest.raises(DataError) as raised:
        Forecaster(**TINY).fit(make_table(8))
    assert str(raised.value) == (
        "The longest series 'a' has 8 rows, and training for a horizon of 4 needs 12: "
        "give a shorter horizon or more history."
    )


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(DataError):
        Forecaster(**TINY).fit(object())


# ---- streams ----


def test_a_stream_stands_where_the_table_ends(rich: Forecaster) -> None:
    table = make_covariates()
    ahead = table.filter(pl.col("sales").is_null() & (pl.col("shop") == "south"))
    codes = rich._recent.series(1).future[-4:]
    stream = rich.stream(table, id="south")
    frame = rich.predict(table).filter(pl.col("shop") == "south")
    quantiles = stream.forecast(future=codes)
    np.testing.assert_allclose(quantiles[:, stream.levels.index(0.5)], frame["ensue"], rtol=1e-5)
    assert ahead.height == 4 and stream.steps == 60


def test_a_stream_that_read_on_says_what_a_newer_table_says(fitted: Forecaster) -> None:
    older, newer = make_table(50, ids=("a",)), make_table(60, ids=("a",))
    stream = fitted.stream(older)
    stream.update(newer["y"][50:].to_numpy())
    fresh = fitted.stream()
    fresh.update(newer["y"].to_numpy(), time=START)
    # The network of the first began its reading earlier; from the same first row on they are one.
    assert np.isfinite(stream.forecast()).all() and fresh.steps == stream.steps == 60
    short = fitted.predict(newer.tail(14))
    again = fitted.stream()
    again.update(newer["y"].tail(14).to_numpy(), time=newer["ds"][-14])
    np.testing.assert_allclose(again.forecast()[:, again.levels.index(0.5)], short["ensue"], rtol=1e-5)


def test_which_series_to_stream_must_be_clear(fitted: Forecaster) -> None:
    with pytest.raises(UsageError) as raised:
        fitted.stream(make_table())
    assert str(raised.value) == "The table has 2 series and a stream reads one: give id=, such as 'a'."
    with pytest.raises(DataError) as unknown:
        fitted.stream(id="c")
    assert str(unknown.value) == "There is no series 'c': choose from 'a', 'b'."
    assert fitted.stream(id="b").steps > 0


def test_a_table_tells_the_static_covariates_of_its_stream() -> None:
    forecaster = ensue.Forecaster(horizon=2, steps=1, preset="fast", hidden_size=4).fit(np.sin(np.arange(60.0)))
    assert forecaster.schema.target == "y"
    assert forecaster.levels == forecaster.stream().levels
    sentence = "^static is given beside a table, which tells it already: leave one of them out.$"
    with pytest.raises(UsageError, match=sentence):
        forecaster.stream(np.ones(9), static=[1.0])
