"""The demonstration measures what it says, on points no training has seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ensue import cli, demo


def test_the_wave_has_amplitude_one_and_repeats() -> None:
    wave = demo.sine_wave(points=100, period=20)
    np.testing.assert_allclose(wave[20:], wave[:-20], atol=1e-12)
    assert math.isclose(np.abs(wave).max(), 1.0)


def test_errors_are_shares_of_the_amplitude() -> None:
    truth = np.array([0.0, 1.0])
    result = demo.SineResult(np.zeros(1), truth, truth + np.array([0.3, -0.4]), 0.01, (25,), 1, 1.0)
    assert math.isclose(result.closed_eyes_rmse, math.sqrt(0.125))
    assert math.isclose(result.closed_eyes_largest, 0.4)


def test_a_few_steps_of_training_go_through_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = demo.learn_sine
    monkeypatch.setattr(demo, "learn_sine", lambda **more: learn(steps=2, **more))
    assert cli.run(["demo", "sine", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3].startswith("Trained 2 steps in ")
    assert lines[-2].startswith("Next step: RMSE ")
    assert lines[-1].startswith("200 steps with closed eyes: RMSE ")


@pytest.mark.slow
def test_the_wave_is_learned() -> None:
    result = demo.learn_sine()
    assert result.next_step_rmse < 0.002
    assert result.closed_eyes_largest < 0.05
