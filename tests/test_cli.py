"""The command line: what goes to stdout, what to stderr, which exit code, and each error in one line.

Most tests run on a stand-in for the forecaster, since they are about the command line and not about forecasts; those at
the end train the real one for a few steps.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars
import pytest

from ensue import cli, estimators
from ensue.cli.console import Voice
from ensue.config import DataOptions, TrainOptions
from ensue.errors import DataError
from ensue.evaluation import Backtest
from ensue.reports import Progress

REPORT = SimpleNamespace(steps=50, seconds=41.0, stopped="all steps done", validation=0.71, baseline=0.95, best_step=40)
TABLE = polars.DataFrame({"unique_id": ["a"], "ds": [1], "ensue": [1.5]})


class StandInForecaster:
    """Remembers what it was asked; answers with fixed numbers."""

    def __init__(self, data: DataOptions, train: TrainOptions, report: Any = REPORT) -> None:
        self.data, self.train, self.report_ = data, train, report
        self.findings_ = self.prediction_findings_ = ("a gap of 2 rows",)
        self.fitted: dict[str, Any] = {}

    def fit(self, table: str, *, checkpoint: Path, progress: Any, **more: Any) -> StandInForecaster:
        self.fitted = {"table": table, "checkpoint": checkpoint, **more}
        checkpoint.write_text("half way")
        for step in (1, 25, 50):
            progress(Progress(step, 50, loss=0.8, validation=0.71, baseline=0.95, seconds_left=40.0))
        return self

    def save(self, path: Path) -> None:
        path.write_text("model")

    def describe(self) -> dict[str, Any]:
        return {"task": "forecasting", "ends": {f"shop {number}": "2024-01-31" for number in range(30)}}

    def predict(self, table: polars.DataFrame, **asked: Any) -> polars.DataFrame:
        self.fitted = {"rows": table.rows(), **asked}
        return TABLE

    def backtest(self, table: str, **asked: Any) -> Backtest:
        self.fitted = {"table": table, **asked}
        scores = polars.DataFrame(
            {
                "model": ["ensue", "SeasonalNaive"],
                "MASE": [0.8, float("nan")],
                "coverage-80": [0.79, 0.9],
                "skill": [0.2, 0.0],
            }
        )
        return Backtest(TABLE, scores, scores, "Ensue is better.", ("series 'b' left out",))


class Studio:
    """A folder in which the command line meets the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report: Any = REPORT
        self.forecaster = StandInForecaster(DataOptions(), TrainOptions())

    def from_options(self, data: DataOptions, train: TrainOptions) -> StandInForecaster:
        self.forecaster = StandInForecaster(data, train, self.report)
        return self.forecaster

    def load(self, path: Path, *, weights: str = "float32") -> StandInForecaster:
        self.forecaster.findings_ = ()
        return self.forecaster


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    studio = Studio(tmp_path)
    monkeypatch.setattr(estimators.Forecaster, "from_options", studio.from_options)
    monkeypatch.setattr(estimators, "load", studio.load)
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_text("position,y\n1,2.5\n2,3.5\n")
    return studio


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and the one line on stderr of a command that fails and prints no result."""
    code = cli.run(arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return code, captured.err.strip()


# ---- the program ----


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == "ensue 0.1.0\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_verbs_in_order(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 0
    page = capsys.readouterr().out
    places = [page.index(f"│ {verb} ") for verb in ("train", "forecast", "backtest", "info", "demo")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["forcast"], "ensue: No such command 'forcast'. Did you mean 'forecast'? See ensue --help."),
        (["train", "forecast"], "ensue: Missing argument 'DATA': see ensue train forecast --help."),
        (["train", "forecast", "x.csv"], "ensue: Missing option '--output' / '-o': see ensue train forecast --help."),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failed(capsys, *arguments) == (2, line)


def test_the_bare_train_shows_its_help_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["train"]) == 2
    captured = capsys.readouterr()
    assert "Train a forecaster on a table of series." in captured.out
    assert captured.err == ""


def test_our_errors_are_one_line_with_their_exit_code(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DataError("column 'y' holds 'n/a'\nin row 3: mend it.")

    monkeypatch.setattr(StandInForecaster, "predict", refuse)
    assert failed(capsys, "forecast", "x.csv", "-m", "m", "-q") == (
        1,
        "ensue: column 'y' holds 'n/a' in row 3: mend it.",
    )


def test_unexpected_errors_say_how_to_see_more(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("a wire is loose")

    monkeypatch.setattr(StandInForecaster, "predict", stumble)
    line = "ensue: unexpected RuntimeError: a wire is loose (add --debug to see where)"
    assert failed(capsys, "forecast", "x.csv", "-m", "m", "-q") == (1, line)
    with pytest.raises(RuntimeError, match="a wire is loose"):
        cli.run(["forecast", "x.csv", "-m", "m", "--debug"])


def test_ctrl_c_outside_training_exits_130(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StandInForecaster, "predict", interrupt)
    assert cli.run(["forecast", "x.csv", "-m", "m"]) == 130
    said = capsys.readouterr()
    assert (said.out, said.err.splitlines()[-1]) == ("", "ensue: interrupted.")


def test_ctrl_c_before_there_is_a_model_says_that_nothing_was_written(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StandInForecaster, "fit", interrupt)
    assert cli.run(["train", "forecast", "x.csv", "-o", "m"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "Interrupted: nothing was written."
    assert not Path("m").exists()


def test_ctrl_c_after_a_checkpoint_says_how_to_go_on(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: object, table: str, *, checkpoint: Path, **__: object) -> None:
        checkpoint.write_text("half way")
        raise KeyboardInterrupt

    monkeypatch.setattr(StandInForecaster, "fit", interrupt)
    assert cli.run(["train", "forecast", "x.csv", "-o", "m"]) == 130
    assert capsys.readouterr().err == "Interrupted: no model was written; the same command with --resume goes on.\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    script = "import sys; from ensue.cli import run; sys.exit(run(['train', 'forecast', '--help'] ))"
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.close()  # before the program has printed anything
    said = program.stderr.read()
    program.stderr.close()
    program.wait()
    assert said == b""


# ---- train ----


def test_training_reports_to_stdout_and_speaks_on_stderr(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["train", "forecast", "x.csv", "-o", "m.ensue"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "m.ensue: 50 steps in 41 s; stopped: all steps done.",
        "Validation 0.71, seasonal naive 0.95: 25% better.",
    ]
    assert captured.err.splitlines() == [
        "- a gap of 2 rows",
        "step 1/50  loss 0.8  validation 0.71 (seasonal naive 0.95)  about 40 s left",
        "step 50/50  loss 0.8  validation 0.71 (seasonal naive 0.95)",
    ]
    assert Path("m.ensue").read_text() == "model"
    assert not Path("m.ensue.checkpoint").exists()


def test_quiet_leaves_the_result_only(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["train", "forecast", "x.csv", "-o", "m.ensue", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("m.ensue: ")


def test_a_model_that_is_no_better_says_so(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    studio.report = SimpleNamespace(**{**vars(REPORT), "validation": 0.96})
    cli.run(["train", "forecast", "x.csv", "-o", "m.ensue"])
    line = "Validation 0.96, seasonal naive 0.95: no better: seasonal naive is the forecast to use."
    assert capsys.readouterr().out.splitlines()[1] == line


def test_json_of_training(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["train", "forecast", "x.csv", "-o", "m.ensue", "--json"])
    assert json.loads(capsys.readouterr().out) == {"model": "m.ensue", **vars(REPORT)}


def test_every_option_reaches_the_forecaster(studio: Studio) -> None:
    options = (
        "--horizon 24 --target load --time t --id meter --past a,b --future c --static d --freq hour --season 24,168 "
        "--duplicates mean --holidays US --preset fast --device cpu --threads 2 --steps 9 --seed 3 --from old.ensue"
    )
    assert cli.run(["train", "forecast", "x.csv", "-o", "m.ensue", *options.split()]) == 0
    assert studio.forecaster.data == DataOptions(
        target="load",
        time="t",
        id="meter",
        past=("a", "b"),
        future=("c",),
        static=("d",),
        freq="hour",
        season=(24, 168),
        duplicates="mean",
        holidays="US",
    )
    assert studio.forecaster.train == TrainOptions(horizon=24, preset="fast", steps=9, seed=3, threads=2, device="cpu")
    assert studio.forecaster.fitted == {
        "table": "x.csv",
        "checkpoint": Path("m.ensue.checkpoint"),
        "resume": False,
        "start_from": Path("old.ensue"),
    }


def test_flags_win_over_the_file_and_silence_does_not(studio: Studio) -> None:
    Path("c.toml").write_text("[data]\nseason = [7]\n[train]\nhorizon = 5\nseed = 4\nhidden_size = 8\n")
    cli.run(["train", "forecast", "x.csv", "-o", "m.ensue", "--config", "c.toml", "--horizon", "6", "--season", "none"])
    assert studio.forecaster.train == TrainOptions(horizon=6, seed=4, hidden_size=8)
    assert studio.forecaster.data == DataOptions(season=())


def test_an_interrupted_training_keeps_the_best_and_the_checkpoint(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    studio.report = SimpleNamespace(**{**vars(REPORT), "stopped": "interrupted"})
    assert cli.run(["train", "forecast", "x.csv", "-o", "m.ensue"]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "Interrupted: m.ensue has the best so far; the same command with --resume goes on."
    assert Path("m.ensue").exists()
    assert Path("m.ensue.checkpoint").exists()
    studio.report = REPORT
    assert cli.run(["train", "forecast", "x.csv", "-o", "m.ensue", "--resume"]) == 0
    assert studio.forecaster.fitted["resume"] is True


def test_a_checkpoint_that_is_replaced_is_mentioned(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.ensue.checkpoint").write_text("half way")
    cli.run(["train", "forecast", "x.csv", "-o", "m.ensue"])
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "- m.ensue.checkpoint of an earlier training will be replaced: --resume would go on from it."


def test_a_model_that_is_replaced_is_mentioned(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.ensue").write_text("an old model")
    cli.run(["train", "forecast", "x.csv", "-o", "m.ensue"])
    assert capsys.readouterr().err.splitlines()[0] == "- m.ensue exists and will be replaced."
    Path("m.ensue.checkpoint").write_text("half way")
    cli.run(["train", "forecast", "x.csv", "-o", "m.ensue", "--resume"])
    assert "exists and will be replaced" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["-o", "no/m"], 1, "The folder no for -o does not exist: make it first."),
        (["-o", "."], 2, "-o . is a folder, expected a file: give -o model.ensue, for example."),
        (["-o", "m", "--resume"], 2, "There is no checkpoint m.checkpoint to go on from: train without --resume."),
        (["-o", "m", "--horizon", "0"], 2, "horizon is 0, expected 1 or more steps: give --horizon 30, for example."),
        (["-o", "m", "--season", "day"], 2, "--season is 'day', expected lengths in steps such as 24,168, or none."),
        (
            ["-o", "m", "--preset", "quick"],
            2,
            "preset is 'quick', which is not one: choose from 'fast', 'default', 'thorough'.",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_before_training(
    studio: Studio, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    assert failed(capsys, "train", "forecast", "x.csv", *arguments) == (code, f"ensue: {sentence}")
    assert studio.forecaster.fitted == {}


# ---- forecast, backtest, info ----


def test_a_forecast_without_out_is_csv_on_stdout(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["forecast", "x.csv", "-m", "m", "--horizon", "3", "--levels", "80,97.5"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "unique_id,ds,ensue\na,1,1.5\n"
    assert captured.err.splitlines()[-1] == "- a gap of 2 rows"
    assert studio.forecaster.fitted == {
        "rows": [(1, 2.5), (2, 3.5)],
        "horizon": 3,
        "levels": (80, 97.5),
        "future": None,
        "thorough": False,
    }


@pytest.mark.parametrize(
    ("name", "read"), [("f.csv", polars.read_csv), ("f.parquet", polars.read_parquet), ("f.jsonl", polars.read_ndjson)]
)
def test_a_forecast_is_written_as_its_ending_says(
    studio: Studio, capsys: pytest.CaptureFixture[str], name: str, read: Any
) -> None:
    assert cli.run(["forecast", "x.csv", "-m", "m", "--out", name]) == 0
    assert read(name).rows() == [("a", 1, 1.5)]
    assert capsys.readouterr().out == ""


def test_json_of_a_forecast(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["forecast", "x.csv", "-m", "m", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["forecast"] == [{"unique_id": "a", "ds": 1, "ensue": 1.5}]
    assert result["findings"][-1] == "a gap of 2 rows"


@pytest.mark.parametrize(
    ("verb", "arguments", "sentence"),
    [
        ("forecast", ["--out", "f.xlsx"], "--out is 'f.xlsx', expected a file that ends in .csv, .parquet or .jsonl."),
        ("backtest", ["--out", "f"], "--out is 'f', expected a file that ends in .csv, .parquet or .jsonl."),
        (
            "forecast",
            ["--plot", "f.gif"],
            "--plot is 'f.gif', expected a file that ends in .html, .png or .svg, or - for the terminal.",
        ),
        ("forecast", ["--levels", "high"], "--levels is 'high', expected percentages such as 80,95."),
    ],
)
def test_endings_and_levels_are_checked_before_the_work(
    studio: Studio, capsys: pytest.CaptureFixture[str], verb: str, arguments: list[str], sentence: str
) -> None:
    assert failed(capsys, verb, "x.csv", "-m", "m", *arguments) == (2, f"ensue: {sentence}")
    assert studio.forecaster.fitted == {}


def test_a_backtest_prints_scores_and_the_sentence(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["backtest", "x.csv", "-m", "m", "--windows", "4", "--baselines", "ets,theta", "--no-refit"]) == 0
    captured = capsys.readouterr()
    rows = [line.split() for line in captured.out.splitlines() if line.strip()]
    assert rows[0] == ["model", "MASE", "in", "80", "%", "skill"]
    assert rows[2:] == [
        ["ensue", "0.8", "79.0%", "20.0%"],
        ["SeasonalNaive", "-", "90.0%", "0.0%"],
        ["Ensue", "is", "better."],
    ]
    assert captured.err == "- series 'b' left out\n"
    assert studio.forecaster.fitted["baselines"] == ("ets", "theta")
    assert studio.forecaster.fitted["refit"] is False


def test_json_of_a_backtest_has_null_for_what_is_no_number(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["backtest", "x.csv", "-m", "m", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["sentence"] == "Ensue is better."
    assert result["scores"][1] == {"model": "SeasonalNaive", "MASE": None, "coverage-80": 0.9, "skill": 0.0}


def test_info_of_a_model_shows_the_first_of_many_series(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["info", "m.ensue"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["task  forecasting", "ends", "  shop 0   2024-01-31"]
    assert lines[-1] == "  and 10 more: --json prints them all"


def test_info_names_versions_and_extras(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ensue"] == "0.1.0"
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(facts["extras"]) == set(declared) - {"all", "dev"}
    assert facts["extras"]["train"].startswith("torch ")


def test_info_names_the_native_core_and_what_else_runs_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    native = pytest.importorskip("ensue._native")
    monkeypatch.delenv("ENSUE_EXECUTOR", raising=False)
    assert cli.run(["info", "--json"]) == 0
    isa_names = ", ".join(native.isa_names())
    expected = f"native core, {native.kernels().name} (ENSUE_ISA chooses; here: {isa_names})"
    assert json.loads(capsys.readouterr().out)["executor"] == expected


class Unloadable:
    """Finds the native core, but what it finds cannot be loaded."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "ensue._native":
            raise ImportError("wrong ELF class", name=name, path="_native.so")


@pytest.mark.parametrize(
    ("built", "reason"),
    [
        (False, "the native core was not built: install GCC or Clang and Python's headers, then Ensue again"),
        (True, "the native core cannot be loaded (wrong ELF class)"),
    ],
)
def test_info_says_why_there_is_no_native_core(
    built: bool, reason: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENSUE_EXECUTOR", raising=False)
    if built:
        monkeypatch.delitem(sys.modules, "ensue._native", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Unloadable, *sys.meta_path])
    else:
        monkeypatch.setitem(sys.modules, "ensue._native", None)
    assert cli.run(["info", "--json"]) == 0
    numpy = metadata.version("numpy")
    assert json.loads(capsys.readouterr().out)["executor"] == f"NumPy {numpy}: {reason}"


def test_a_quiet_voice_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Voice(quiet=True).findings(["a", "b"])
    assert capsys.readouterr().err == ""
    Voice().findings(["a", "a", "b"])
    assert capsys.readouterr().err == "- a\n- b\n"


# ---- the real forecaster, on few points and for few steps ----

TINY = "[data]\nseason = [6]\n[train]\nhorizon = 6\nhidden_size = 4\nlayers = 1\nbatch_size = 4\nsteps = 4\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and the model the command line trained on it."""
    folder = tmp_path_factory.mktemp("real")
    write_wave(folder / "wave.csv", 120)
    (folder / "tiny.toml").write_text(TINY)
    command = ["train", "forecast", "wave.csv", "-o", "wave.ensue", "--config", "tiny.toml"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.run(command) == 0
    return folder


def write_wave(path: Path, points: int) -> None:
    rows = [f"{point},{20 + (point % 6) + (point * 7 % 5) / 10:.1f}" for point in range(points)]
    path.write_text("\n".join(["ds,y", *rows]) + "\n")


def test_the_whole_way_from_a_table_to_pictures(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    command = ["forecast", "wave.csv", "-m", "wave.ensue", "--horizon", "4", "--levels", "80"]
    assert cli.run([*command, "--out", "f.csv", "--plot", "f.svg"]) == 0
    table = polars.read_csv("f.csv")
    assert table.columns[1:] == ["ds", "ensue", "ensue-lo-80", "ensue-hi-80"]
    assert table["ds"].to_list() == [120, 121, 122, 123]
    assert Path("f.svg").read_text().startswith("<svg")
    assert cli.run([*command, "--plot", "-", "--quiet"]) == 0
    assert "80 % band" in capsys.readouterr().out


def test_a_real_backtest_trains_anew_and_refuses_what_was_seen(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    command = ["backtest", "wave.csv", "-m", "wave.ensue", "--windows", "3"]
    assert cli.run([*command, "--json", "--quiet"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in result["scores"]] == ["ensue", "SeasonalNaive"]
    assert len(result["by_step"]) == 2 * 6
    code, line = failed(capsys, *command, "--no-refit", "--quiet")
    assert code == 2
    assert "its score would be of values it has seen" in line


def test_info_of_a_real_model(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert cli.run(["info", "wave.ensue", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["task"], facts["horizon"], facts["seasons"]) == ("forecasting", 6, [6])
    assert facts["training"]["steps"] == 4


@pytest.mark.parametrize("verb", ["forecast", "backtest"])
def test_a_table_that_is_not_there(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    monkeypatch.chdir(trained)
    code, line = failed(capsys, verb, "wafe.csv", "-m", "wave.ensue")
    assert code == 1
    assert line.startswith("ensue: ")
    assert "'wafe.csv'" in line


def test_a_file_that_is_no_model(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    for verb in (["info", "wave.csv"], ["forecast", "wave.csv", "-m", "wave.csv"]):
        code, line = failed(capsys, *verb)
        assert code == 1
        assert line.startswith("ensue: ")
        assert "wave.csv" in line


def test_ctrl_c_saves_the_best_and_resume_ends_the_training(trained: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ensue",
        "train",
        "forecast",
        "wave.csv",
        "-o",
        "cut.ensue",
        "--config",
        "tiny.toml",
    ]
    command += ["--steps", "300"]
    program = subprocess.Popen(command, cwd=trained, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert program.stderr is not None
    for line in program.stderr:
        if line.startswith("step "):
            program.send_signal(signal.SIGINT)
            break
    said = program.stderr.read()
    program.stderr.close()
    assert program.wait() == 130, said
    assert said.splitlines()[-1].startswith("Interrupted: cut.ensue has the best so far")
    assert (trained / "cut.ensue").exists()
    assert (trained / "cut.ensue.checkpoint").exists()
    done = subprocess.run([*command, "--resume"], cwd=trained, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (trained / "cut.ensue.checkpoint").exists()


def test_info_tells_of_the_bundled_forecaster_and_of_its_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ensue import bundled

    assert cli.run(["info", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["bundled"]
    assert told["parameters"] == bundled.card()["parameters"] and len(told["sha256"]) == 64
    monkeypatch.setattr(bundled, "folder", lambda: tmp_path)
    bundled.bundled.cache_clear()
    try:
        assert cli.run(["info", "--json"]) == 0
    finally:
        bundled.bundled.cache_clear()
    assert json.loads(capsys.readouterr().out)["bundled"] == {
        "missing": f"The card of the pretrained forecaster, {tmp_path / 'card.json'}, is missing: install ensue again."
    }


def test_a_table_is_forecast_without_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "x.csv"
    table.write_text(
        "day,shop,sold\n" + "".join(f"2024-{1 + i // 28:02d}-{1 + i % 28:02d},a,{i % 7}\n" for i in range(84))
    )
    assert cli.run(["forecast", str(table), "--levels", "80"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "shop,day,ensue,ensue-lo-80,ensue-hi-80"
    assert len(captured.out.splitlines()) == 15
    said = captured.err.splitlines()
    assert "- the bundled forecaster, pretrained on made sequences: nothing was learned from this table." in said
    assert "- 14 steps ahead unless asked for others." in said
    assert cli.run(["forecast", str(table), "--horizon", "3", "--season", "7", "--thorough", "--plot", "-"]) == 0
    assert "median, 80 % band" in capsys.readouterr().out
    assert cli.run(["backtest", str(table), "--horizon", "7", "--windows", "2"]) == 0
    captured = capsys.readouterr()
    assert "SeasonalNaive" in captured.out
    assert (
        "- the bundled forecaster, pretrained on made sequences: nothing was learned from this table." in captured.err
    )


def test_what_a_model_knows_is_not_told_to_it(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    told = "is given beside a model, which knows it from its training: leave it out."
    assert failed(capsys, "forecast", "x.csv", "-m", "m", "--target", "y") == (2, f"ensue: --target {told}")
    assert failed(capsys, "forecast", "x.csv", "-m", "m", "--season", "7") == (2, f"ensue: --season {told}")
    assert failed(capsys, "backtest", "x.csv", "-m", "m", "--horizon", "7") == (2, f"ensue: --horizon {told}")
    assert failed(capsys, "backtest", "x.csv", "-m", "m", "--id", "a", "--time", "b") == (
        2, f"ensue: --time and --id {told}",
    )  # fmt: skip
    assert failed(capsys, "forecast", "x.csv", "--weights", "int8") == (
        2,
        "ensue: --weights int8 is given without a model: give one with --model, or leave it out.",
    )


def test_training_goes_on_from_the_bundled_forecaster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, model = tmp_path / "x.csv", tmp_path / "x.ensue"
    table.write_text("y\n" + "\n".join(str(i % 12 + i % 5) for i in range(100)))
    command = ["train", "forecast", str(table), "-o", str(model), "--from", "bundled", "--horizon", "6", "--steps", "2"]
    assert cli.run(command) == 0
    assert "the bundled forecaster" in capsys.readouterr().err
    assert cli.run(["forecast", str(table), "-m", str(model)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 7
