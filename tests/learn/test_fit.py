"""Training a forecaster: what is set aside, killed and resumed, seeds, ensembles, going on from another model."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.baselines import seasonal_naive
from ensue.config import TrainOptions
from ensue.data.panel import Panel
from ensue.data.schema import Covariate, Schema
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.learn.forecasting import Fitted, Whole, fit, set_aside
from ensue.metrics import mase, seasonal_scale
from ensue.reports import Progress
from ensue.runtime.engine import Engine
from ensue.runtime.predictor import Predictor

SCHEMA = Schema("id", "ds", "y", seasons=(4,))
TINY = TrainOptions(
    horizon=4,
    preset="fast",
    steps=20,
    hidden_size=6,
    layers=1,
    context_length=16,
    batch_size=4,
    threads=1,
    device="cpu",
)


def make_panel(lengths: list[int], seed: int = 0, schema: Schema = SCHEMA) -> Panel:
    random = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = int(offsets[-1])
    y = np.sin(np.arange(rows) * np.pi / 2) + 0.3 * random.normal(size=rows)
    columns = [np.zeros((rows, len(each))) for each in (schema.past, schema.future)]
    ids = tuple(f"s{i}" for i in range(len(lengths)))
    times = np.concatenate([np.arange(n) for n in lengths])
    return Panel(schema, ids, offsets, np.array(lengths), times, y, *columns, np.zeros((len(lengths), 0)))


def same(first: Fitted, second: Fitted) -> bool:
    """Bit for bit: weights and calibration."""
    pairs = zip(first.weights, second.weights, strict=True)
    return first.task == second.task and all(
        np.array_equal(one[name], other[name]) for one, other in pairs for name in one
    )


KILLING = """
import hashlib, itertools, os, signal, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from ensue.config import TrainOptions
from ensue.data.panel import Panel
from ensue.data.schema import Schema
from ensue.learn import forecasting, loop

folder = Path(sys.argv[1])
random = np.random.default_rng(0)
y = np.sin(np.arange(200) * np.pi / 2) + 0.3 * random.normal(size=200)
nothing = np.zeros((200, 0))
panel = Panel(Schema(None, "ds", "y", seasons=(4,)), ("y",), np.array([0, 200]), np.array([200]), np.arange(200), y,
              nothing, nothing, np.zeros((1, 0)))
options = TrainOptions(horizon=4, preset="fast", steps=25, hidden_size=6, layers=1, context_length=16, batch_size=4,
                       threads=1, device="cpu", ensemble=2)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def counting(function, call):
    calls = itertools.count(1)
    return lambda *args: die() if next(calls) == call else function(*args)

def train(name, resume, moment=None, call=0):
    if moment == "rename":
        os.replace = counting(os.replace, call)
    if moment == "write":
        os.fsync = counting(os.fsync, call)
    if moment == "validation":
        loop._State.validate = counting(loop._State.validate, call)
    progress = counting(lambda at: None, call) if moment == "step" else None
    fitted = forecasting.fit(panel, options, checkpoint=folder / name, resume=resume, progress=progress)
    digest = hashlib.sha256(repr(fitted.task).encode())
    for member in fitted.weights:
        for key in sorted(member):
            digest.update(member[key].tobytes())
    (folder / f"{name}.digest").write_text(digest.hexdigest())

def child(*how):
    process = os.fork()
    if process == 0:
        train(*how)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(process, 0)[1])

assert child("whole", False) == 0
moments = [("step", 3), ("step", 17), ("step", 26), ("step", 44), ("write", 3), ("rename", 3), ("validation", 5)]
for moment, call in moments:
    name = f"{moment}-{call}"
    assert child(name, False, moment, call) == signal.SIGKILL, name
    assert child(name, True) == 0, name
    print(name, (folder / f"{name}.digest").read_text() == (folder / "whole.digest").read_text())
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork to kill many runs quickly")
def test_a_run_that_is_killed_at_any_moment_resumes_to_the_same_weights(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLING, str(tmp_path)], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split() for line in done.stdout.splitlines())
    assert len(told) == 7 and set(told.values()) == {"True"}, told


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    panel = make_panel([60, 45])
    first = fit(panel, TINY)
    assert same(first, fit(panel, TINY))
    assert not same(first, fit(panel, replace(TINY, seed=1)))
    assert [report.steps for report in first.reports] == [20]


def test_members_of_an_ensemble_are_trained_from_seeds_of_their_own() -> None:
    panel = make_panel([60])
    both = fit(panel, replace(TINY, ensemble=2, seed=5))
    assert len(both.weights) == len(both.reports) == 2
    alone = [fit(panel, replace(TINY, seed=seed)) for seed in (5, 6)]
    for member, one in zip(both.weights, alone, strict=True):
        assert all(np.array_equal(member[name], one.weights[0][name]) for name in member)


def test_an_ensemble_that_is_interrupted_keeps_what_it_has_and_can_be_resumed(tmp_path: Path) -> None:
    panel, options = make_panel([60]), replace(TINY, ensemble=2)
    calls: list[int] = []

    def progress(at: Progress) -> None:
        calls.append(at.step)
        if len(calls) == 27:
            raise KeyboardInterrupt

    stopped = fit(panel, options, checkpoint=tmp_path / "run", progress=progress)
    assert [report.stopped for report in stopped.reports] == ["all steps done", "interrupted"]
    assert len(stopped.weights) == 2
    assert same(fit(panel, options), fit(panel, options, checkpoint=tmp_path / "run", resume=True))


def test_what_an_earlier_ensemble_left_is_not_gone_on_from(tmp_path: Path) -> None:
    panel, options = make_panel([60]), replace(TINY, ensemble=2)
    (tmp_path / "run-2").write_text("of an earlier training")

    def stop(at: Progress) -> None:
        raise KeyboardInterrupt

    fit(panel, options, checkpoint=tmp_path / "run", progress=stop)
    assert same(fit(panel, options), fit(panel, options, checkpoint=tmp_path / "run", resume=True))


@pytest.mark.parametrize(
    "change",
    [
        lambda panel, options: (replace(panel, y=panel.y + 1e-9), options),
        lambda panel, options: (replace(panel, times=panel.times + 1), options),
        lambda panel, options: (panel, replace(options, steps=30)),
        lambda panel, options: (panel, replace(options, seed=1)),
    ],
)
def test_a_checkpoint_of_other_data_or_options_is_refused(tmp_path: Path, change: Any) -> None:
    panel, path = make_panel([60]), tmp_path / "run"
    fit(panel, TINY, checkpoint=path)
    other, options = change(panel, TINY)
    with pytest.raises(ModelFileError) as raised:
        fit(other, options, checkpoint=path, resume=True)
    assert str(raised.value) == (
        f"The checkpoint {path} belongs to a run with other data or options: resume with the same ones, "
        "or train without --resume."
    )


def test_resuming_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as raised:
        fit(make_panel([60]), TINY, checkpoint=tmp_path / "run", resume=True)
    assert (
        str(raised.value) == f"There is no checkpoint {tmp_path / 'run'} to resume from: train without --resume first."
    )


@given(lengths=st.lists(st.integers(3, 400), min_size=1, max_size=6), horizon=st.integers(1, 20))
def test_whole_horizons_are_set_aside_and_something_is_left(lengths: list[int], horizon: int) -> None:
    panel = make_panel(lengths)
    able = panel.history >= 2 * horizon + 4
    if not able.any():
        with pytest.raises(DataError) as raised:
            set_aside(panel, horizon)
        longest = int(np.argmax(lengths))
        assert str(raised.value) == (
            f"The longest series 's{longest}' has {lengths[longest]} rows, and training for a horizon of {horizon} needs "
            f"{2 * horizon + 4}: give a shorter horizon or more history."
        )
        return
    cut, origins = set_aside(panel, horizon)
    assert (cut % horizon == 0).all() and (cut <= origins * horizon).all()
    assert ((cut > 0) == able).all()
    assert (panel.history - cut >= np.minimum(horizon + 4, panel.history)).all()


def test_training_never_sees_what_is_set_aside() -> None:
    panel = make_panel([60, 80])
    cut, _ = set_aside(panel, TINY.horizon)
    y = panel.y.copy()
    for end, rows in zip(panel.offsets[1:], cut, strict=True):
        y[end - rows : end] *= -3.0
    losses: list[list[float]] = [[], []]
    reports = []
    for told, values in zip(losses, (panel.y, y), strict=True):
        fitted = fit(replace(panel, y=values), TINY, progress=lambda at, told=told: told.append(at.loss))
        reports.append(fitted.reports[0])
    assert losses[0] == losses[1] and len(losses[0]) == 20
    assert reports[0].validation != reports[1].validation


def test_the_report_says_what_the_forecasts_score() -> None:
    """The score of the loop is the MASE of the model's forecasts of what was set aside, seasonal naive beside it."""
    panel = make_panel([60, 100])
    fitted = fit(panel, TINY)
    network = fitted.task.network()
    predictor = Predictor(fitted.task, tuple(Engine(network, each) for each in fitted.weights))
    cut, _ = set_aside(panel, 4)
    ours: list[float] = []
    naive: list[float] = []
    for series, rows in enumerate(cut):
        for back in range(4, int(rows) + 4, 4):
            alone = panel.select([series])
            held: Whole = np.array([back])
            median = predictor.predict(alone.cut(held), 4)[0, :, 6]
            end = len(alone.y) - back
            truth, past = alone.y[end : end + 4], alone.y[:end]
            scale = float(seasonal_scale(past, 4))
            ours.append(float(mase(truth, median, scale)))
            naive.append(float(mase(truth, seasonal_naive(past, 4, 4), scale)))
    report = fitted.reports[0]
    assert report.validation == pytest.approx(np.mean(ours), rel=1e-3)
    assert report.baseline == pytest.approx(np.mean(naive), rel=1e-6)


def test_learning_goes_on_from_another_model() -> None:
    panel = make_panel([60, 80])
    first = fit(panel, TINY)
    told: list[Progress] = []
    again = fit(
        panel, replace(TINY, steps=10, hidden_size=3), start_from=(first.task, first.weights), progress=told.append
    )
    assert again.task.sizes == first.task.sizes  # the sizes of the model, not those asked for
    cold: list[Progress] = []
    fit(panel, replace(TINY, steps=10), progress=cold.append)
    assert told[0].loss < cold[0].loss
    other = make_panel([60, 80], schema=replace(SCHEMA, seasons=(4, 8)))
    with pytest.raises(UsageError) as raised:
        fit(other, TINY, start_from=(first.task, first.weights))
    assert str(raised.value) == (
        "The model to start from has other covariates, categories, seasons or calendar than this table, so its weights "
        "do not fit: train without --from, or give the same columns and --season."
    )


def test_a_season_of_one_step_and_a_covariate_that_is_never_known_are_no_obstacle() -> None:
    schema = Schema("id", "ds", "y", past=(Covariate("wind"),), seasons=(1,))
    panel = make_panel([40, 30], schema=schema)
    fitted = fit(replace(panel, past=np.full_like(panel.past, np.nan)), TINY)
    assert np.isfinite(fitted.reports[0].validation)


def test_a_device_that_is_not_there_is_refused() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UsageError) as raised:
        fit(make_panel([60]), replace(TINY, device="cuda"))
    assert str(raised.value) == (
        "device is 'cuda', which PyTorch cannot use here: give --device cpu, or install a build that can."
    )


def test_the_number_of_threads_is_given_back() -> None:
    import torch

    before = torch.get_num_threads()
    fit(make_panel([60]), replace(TINY, steps=10, threads=2))
    assert torch.get_num_threads() == before
    with pytest.raises(DataError):
        fit(make_panel([6]), replace(TINY, threads=2))
    assert torch.get_num_threads() == before
