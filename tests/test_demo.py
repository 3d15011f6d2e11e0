"""The demonstration measures what it says, on points no training has seen."""

from __future__ import annotations

import json
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


def remembered() -> demo.MemoryDemo:
    right = {"LSTM (chrono)": (1.0, 0.96), "LSTM": (1.0, 0.5), "plain RNN": (0.3, 0.125)}
    return demo.MemoryDemo((5, 100), right, 400, 12.0)


def test_the_picture_of_memory_has_a_bar_for_every_share() -> None:
    lines = remembered().picture().splitlines()
    assert lines[0].split() == ["lag", "LSTM", "(chrono)", "LSTM", "plain", "RNN"]
    assert lines[1].split() == ["5", "█" * 10, "100%", "█" * 10, "100%", "███", "30%"]
    assert lines[2].split() == ["100", "█████████▋", "96%", "█████", "50%", "█▎", "12%"]
    assert lines[3] == "Right answers after so many distracting steps; guessing is right 12.5% of the time."
    starts = {line.index(bar) for line, bar in zip(lines[:3], ("LSTM", "██", "██"), strict=True)}
    assert len(starts) == 1


def test_the_sentence_says_how_far_each_remembers() -> None:
    assert remembered().sentence() == (
        "After 400 steps of training or fewer, at least 95% of the answers are right for the LSTM (chrono) up to lag 100, "
        "the LSTM up to lag 5 and for the plain RNN at no lag."
    )


def test_a_lag_counts_only_if_all_shorter_ones_do() -> None:
    result = demo.MemoryDemo((5, 10, 20), {"a": (1.0, 0.5, 1.0), "b": (1.0, 1.0, 1.0)}, 1, 1.0)
    assert result.sentence().endswith("are right for the a up to lag 5 and for the b up to lag 20.")


def test_what_is_shown_was_learned() -> None:
    told = []
    result = demo.show_memory((2, 40), steps=120, progress=told.append)
    assert result.lags == (2, 40)
    assert list(result.right) == ["LSTM (chrono)", "LSTM", "GRU", "plain RNN"]
    assert result.right["LSTM (chrono)"][0] > 0.95
    assert result.right["plain RNN"][0] > 0.95
    assert result.right["plain RNN"][1] < 0.4
    steps = [each.step for each in told]
    assert steps == sorted(steps)
    assert {each.steps for each in told} == {2 * 4 * 120}


def test_memory_goes_through_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(demo, "show_memory", lambda **_: remembered())
    assert cli.run(["demo", "memory", "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert remembered().picture() + "\n" + remembered().sentence() + "\n" in printed
    assert printed.splitlines()[-1] == "Trained in 12 s."


def test_memory_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(demo, "show_memory", lambda **_: remembered())
    assert cli.run(["demo", "memory", "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "lags": [5, 100],
        "right": {"LSTM (chrono)": [1.0, 0.96], "LSTM": [1.0, 0.5], "plain RNN": [0.3, 0.125]},
        "chance": 0.125,
        "steps": 400,
        "seconds": 12.0,
    }


@pytest.mark.slow
def test_the_lstm_remembers_longest() -> None:
    right = demo.show_memory().right
    assert right["LSTM (chrono)"][-1] > 0.95
    assert right["plain RNN"][-1] < 0.25
