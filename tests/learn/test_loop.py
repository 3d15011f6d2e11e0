"""The training loop: the same seed the same weights, resumed or not; it stops for a reason and says it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ensue.errors import ConfigError, ModelFileError, TrainingError
from ensue.learn.loop import AVERAGE_DECAY, LoopOptions, learning_rate_at, train
from ensue.reports import Progress, TrainingReport

OPTIONS = LoopOptions(steps=30, learning_rate=0.05, warm_up=5, validate_every=7, patience=50, seed=3)


class Line:
    """A noisy line to learn, its noise from PyTorch's generator as dropout's would be."""

    def __init__(self, scores: list[float] | None = None) -> None:
        torch.manual_seed(1)
        self.module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        self.scores = scores
        self.validations = 0
        self.poison: int | None = None
        self.seen: list[dict[str, Tensor]] = []

    def loss(self, step: int) -> Tensor:
        assert self.module.training
        x = torch.randn(16, 2)
        loss = (self.module(x)[:, 0] - (3 * x[:, 0] - x[:, 1] + 0.1 * torch.randn(16))).square().mean()
        return loss * math.nan if step == self.poison else loss

    def validate(self) -> tuple[float, float]:
        assert not self.module.training and not torch.is_grad_enabled()
        self.seen.append(weights_of(self.module))
        self.validations += 1
        if self.scores is not None:
            return self.scores[min(self.validations, len(self.scores)) - 1], 1.0
        x = torch.linspace(-1, 1, 40).reshape(20, 2)
        return float((self.module(x)[:, 0] - (3 * x[:, 0] - x[:, 1])).abs().mean()), 2.0


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def run(
    options: LoopOptions = OPTIONS, line: Line | None = None, **how: Any
) -> tuple[dict[str, Tensor], TrainingReport]:
    line = line or Line()
    report = train(line.module, line, options, **how)
    return weights_of(line.module), report


def stop_at(step: int) -> Callable[[Progress], None]:
    def progress(at: Progress) -> None:
        if at.step == step:
            raise KeyboardInterrupt

    return progress


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before() -> None:
    first, report = run()
    torch.randn(77)
    second, again = run()
    assert same(first, second)
    assert replace(report, seconds=0.0) == replace(again, seconds=0.0)
    assert not same(first, run(replace(OPTIONS, seed=4))[0])
    assert not same(first, run(replace(OPTIONS, seed=2**70))[0])  # any seed will do


@given(stops=st.lists(st.integers(1, 30), min_size=1, max_size=3))
@settings(max_examples=15)
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int]
) -> None:
    whole, report = run()
    path = tmp_path_factory.mktemp("loop") / "run"
    for place, step in enumerate(stops):
        run(checkpoint=path, resume=place > 0, progress=stop_at(step))
    resumed, again = run(checkpoint=path, resume=True)
    assert same(whole, resumed)
    assert replace(report, seconds=0.0) == replace(again, seconds=0.0)


def test_an_early_stop_is_the_same_when_resumed(tmp_path: Path) -> None:
    options = replace(OPTIONS, patience=2)
    scores = [3.0, 2.0, 2.5, 2.5, 1.0]
    whole, report = run(options, Line(scores), checkpoint=tmp_path / "run")
    assert report.stopped == "no better validation score for 14 steps"
    assert (report.steps, report.best_step, report.validation, report.baseline) == (28, 14, 2.0, 1.0)
    assert [(step, score) for step, _, score in report.curve] == [(7, 3.0), (14, 2.0), (21, 2.5), (28, 2.5)]
    resumed, again = run(options, Line([0.1]), checkpoint=tmp_path / "run", resume=True)
    assert same(whole, resumed) and again.steps == 28 and again.stopped == report.stopped


def test_a_finished_run_resumed_stays_finished(tmp_path: Path) -> None:
    whole, report = run(checkpoint=tmp_path / "run")
    assert report.stopped == "all steps done" and report.steps == 30
    assert [step for step, _, _ in report.curve] == [7, 14, 21, 28, 30]
    resumed, again = run(checkpoint=tmp_path / "run", resume=True)
    assert same(whole, resumed) and again.curve == report.curve and again.stopped == "all steps done"


def test_an_interrupted_run_keeps_the_best_so_far() -> None:
    line = Line([3.0, 1.0, 2.0])
    weights, report = run(line=line, progress=stop_at(25))
    assert report.stopped == "interrupted" and report.steps == 25 and report.best_step == 14
    assert same(weights, line.seen[1])


def test_a_run_interrupted_before_its_first_validation_is_validated() -> None:
    line = Line()
    weights, report = run(line=line, progress=stop_at(2))
    assert report.stopped == "interrupted" and report.steps == 2
    assert math.isfinite(report.validation) and report.baseline == 2.0
    assert len(line.seen) == 1 and same(weights, line.seen[0])


def test_a_run_interrupted_within_its_first_step_gives_a_report_that_can_be_written() -> None:
    line = Line()

    def interrupt(step: int) -> Tensor:
        raise KeyboardInterrupt

    line.loss = interrupt  # type: ignore[method-assign]
    before = weights_of(line.module)
    weights, report = run(line=line)
    assert report.steps == 0 and report.stopped == "interrupted" and same(weights, before)
    plain = report.to_json()
    assert plain["curve"][0][1] is None
    again = TrainingReport.from_json(plain)
    assert math.isnan(again.curve[0][1]) and again.to_json() == plain


def test_a_loss_that_is_no_number_stops_with_a_sentence(tmp_path: Path) -> None:
    line = Line()
    line.poison = 9
    with pytest.raises(TrainingError) as raised:
        run(line=line, checkpoint=tmp_path / "run")
    assert str(raised.value) == (
        "The loss became nan (gradient norm nan) at step 10 with learning rate 0.05, so training stopped: "
        "try a learning rate ten times lower."
    )
    assert all(torch.isfinite(weight).all() for weight in weights_of(line.module).values())
    assert run(checkpoint=tmp_path / "run", resume=True)[1].steps == 30


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    run(checkpoint=tmp_path / "run", fingerprint="mine", progress=stop_at(8))
    with pytest.raises(ModelFileError):
        run(checkpoint=tmp_path / "run", fingerprint="yours", resume=True)
    with pytest.raises(ModelFileError):
        run(checkpoint=tmp_path / "none", resume=True)


def test_the_result_is_the_averaged_weights_of_the_best_score() -> None:
    line = Line([2.0, 1.0, 3.0, 3.0, 3.0])
    average = weights_of(line.module)
    expected: dict[str, Tensor] = {}

    def follow(at: Progress) -> None:
        decay = min(AVERAGE_DECAY, at.step / (at.step + 9))
        for name, weight in weights_of(line.module).items():
            average[name] = decay * average[name] + (1 - decay) * weight
        if at.step == 14:
            expected.update({name: weight.clone() for name, weight in average.items()})

    weights, report = run(line=line, progress=follow)
    assert report.best_step == 14
    for name, weight in weights.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-5, atol=1e-6)


def test_progress_tells_where_training_stands() -> None:
    told: list[Progress] = []
    _, report = run(line=Line([5.0, 4.0]), progress=told.append)
    assert [each.step for each in told] == list(range(1, 31)) and {each.steps for each in told} == {30}
    assert told[5].validation is None and told[5].baseline is None
    assert told[6].validation == 5.0 and told[6].baseline == 1.0 and told[13].validation == 4.0
    assert all(each.seconds_left >= 0 for each in told) and told[-1].seconds_left == 0
    assert report.curve[0][1] == told[6].loss


@given(steps=st.integers(1, 3000), warm_up=st.integers(1, 300))
def test_the_learning_rate_rises_then_falls(steps: int, warm_up: int) -> None:
    options = LoopOptions(steps=steps, learning_rate=0.1, warm_up=warm_up)
    rates = [learning_rate_at(step, options) for step in range(steps)]
    peak = min(warm_up, max(1, steps // 4))
    assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[peak - 1] == pytest.approx(0.1)


class Walker(Line):
    """Hands a number on from step to step, and adds it to the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.carried = torch.zeros(1)

    def loss(self, step: int) -> Tensor:
        loss = super().loss(step) * (1 + self.carried[0])
        self.carried = self.carried + torch.rand(1)
        return loss

    def snapshot(self) -> dict[str, Tensor]:
        return {"carried": self.carried}

    def restore(self, carried: dict[str, Tensor]) -> None:
        self.carried = carried["carried"]


def test_what_is_carried_from_step_to_step_is_in_the_checkpoint(tmp_path: Path) -> None:
    whole = Walker()
    train(whole.module, whole, OPTIONS)

    class Killed(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == 17:
            raise Killed

    killed = Walker()
    with pytest.raises(Killed):
        train(killed.module, killed, OPTIONS, checkpoint=tmp_path / "run", progress=kill)
    again = Walker()
    train(again.module, again, OPTIONS, checkpoint=tmp_path / "run", resume=True)
    assert same(weights_of(whole.module), weights_of(again.module)) and torch.equal(whole.carried, again.carried)


def test_on_a_plateau_the_learning_rate_is_divided() -> None:
    options = replace(OPTIONS, schedule="plateau", warm_up=1, validate_every=5, steps=25)
    rates: list[float] = []
    line = Line(scores=[1.0, 0.5, 0.7, 0.6, 0.4])
    before = torch.optim.AdamW.step

    def step(optimizer: Any, *rest: Any) -> Any:
        rates.append(optimizer.param_groups[0]["lr"])
        return before(optimizer, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        train(line.module, line, options)
    assert rates == [0.05] * 15 + [0.05 / 4] * 5 + [0.05 / 16] * 5


def test_a_schedule_that_is_not_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^schedule is 'cosin', did you mean 'cosine'\?$"):
        LoopOptions(steps=1, schedule="cosin")
