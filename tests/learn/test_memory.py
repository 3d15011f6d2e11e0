"""Every cell learns to remember, on sequences that are its own; an LSTM's result runs without PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ensue.data.memory_tasks import Adding, Copy, DelayedXor, FirstSymbol, KnownLag
from ensue.errors import TrainingError, UsageError
from ensue.learn import memory
from ensue.learn.memory import Budget, Learner, MemoryResult, learn_known_lag, learn_memory
from ensue.network import Linear, SoftmaxHead
from ensue.reports import Progress
from ensue.runtime.engine import Engine

SHORT = Budget(steps=3, check_every=2)


@pytest.mark.parametrize(
    "learner",
    [
        Learner("lstm", start="forget"),
        Learner("lstm", start="chrono"),
        Learner("gru"),
        Learner("gru", start="chrono"),
    ],
)
def test_ten_distracting_steps_are_bridged(learner: Learner) -> None:
    result = learn_memory(FirstSymbol(10), learner, Budget(steps=600, enough=1.0, learning_rate=3e-3))
    assert result.solved and result.steps < 600
    assert result.score > 0.95
    assert result.curve[-1][::2] == (result.steps, 1.0)


def test_a_plain_network_bridges_five() -> None:
    result = learn_memory(FirstSymbol(5), Learner("rnn"), Budget(steps=600, enough=1.0, learning_rate=3e-3))
    assert result.score > 0.95


def test_without_memory_a_score_is_chance() -> None:
    result = learn_memory(FirstSymbol(60), Learner("rnn"), Budget(steps=1))
    assert abs(result.score - FirstSymbol.chance) < 0.05
    assert not result.solved
    assert math.isclose(result.curve[0][1], math.log(8), rel_tol=0.1)  # the loss of the first step, in nats


def test_a_number_is_learned_and_the_error_is_that_of_fresh_sequences() -> None:
    task = KnownLag(5)
    result = learn_known_lag(5, seed=1)
    assert result.score < 0.001 < task.chance
    assert result.steps == 1500
    batch = task.batch(500, seed=99)
    answers = Engine(result.network, result.weights).forward(batch.x)[0][:, -1]
    assert np.square(answers - batch.target).mean() < 0.001


def test_the_score_of_symbols_is_what_the_runtime_gets_right() -> None:
    result = learn_memory(FirstSymbol(5), budget=Budget(steps=60, learning_rate=3e-3))
    assert isinstance(result.network.layers[-1], SoftmaxHead)
    batch = FirstSymbol(5).batch(4000, seed=99)
    said = Engine(result.network, result.weights).forward(batch.x)[0][:, -1].argmax(axis=1)
    right = float(np.mean(said == batch.target[:, 0]))
    assert 0.2 < right < 0.99  # half learned, so that agreement means something
    assert abs(right - result.score) < 0.06


def test_every_answer_of_a_copy_is_scored() -> None:
    result = learn_memory(Copy(2), Learner(units=8), Budget(steps=200, learning_rate=1e-2))
    batch = Copy(2).batch(2000, seed=99)
    said = Engine(result.network, result.weights).forward(batch.x)[0][:, -10:].argmax(axis=2)
    assert abs(float(np.mean(said == batch.target)) - result.score) < 0.02
    assert result.score > 1.3 * Copy.chance


@pytest.mark.parametrize("learner", [Learner(), Learner("gru"), Learner("rnn")])
def test_the_seed_decides_everything(learner: Learner) -> None:
    def learn(seed: int) -> MemoryResult:
        return learn_memory(Adding(8), learner, SHORT, seed=seed)

    first, same, other = learn(0), learn(0), learn(1)
    assert (first.curve, first.score) == (same.curve, same.score)
    for name, weight in first.weights.items():
        np.testing.assert_array_equal(weight, same.weights[name])
        assert not np.array_equal(weight, other.weights[name])
    assert first.curve != other.curve


def test_all_cells_see_the_same_sequences_and_none_of_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []
    whole = FirstSymbol.batch

    def batch(task: FirstSymbol, size: int, seed: int, step: int = 0) -> object:
        seen.append((size, seed, step))
        return whole(task, size, seed, step)

    monkeypatch.setattr(FirstSymbol, "batch", batch)
    calls = []
    for cell in ("lstm", "gru", "rnn"):
        seen.clear()
        learn_memory(FirstSymbol(3), Learner(cell), SHORT, seed=7)
        calls.append(list(seen))
    assert calls[0] == calls[1] == calls[2]
    training = [call for call in calls[0] if call[1] == 7]
    assert training == [(32, 7, 0), (32, 7, 1), (32, 7, 2)]
    assert {call[1] for call in calls[0]} == {7, 7 + 2**40, 7 + 2**41}


def test_cells_of_equal_size_have_weights_in_proportion_to_their_gates() -> None:
    counts = {cell: learn_memory(FirstSymbol(2), Learner(cell), SHORT).parameters for cell in ("lstm", "gru", "rnn")}
    head = 32 * 8 + 8
    gate = 16 * 32 + 32 * 32 + 2 * 32
    assert counts == {"lstm": 4 * gate + head, "gru": 3 * gate + head, "rnn": gate + head}


def test_a_network_is_described_for_an_lstm_only() -> None:
    task = Adding(50)
    lstm, head = Learner(units=4, start="chrono").network(task).layers
    assert (lstm.chrono, lstm.forget_bias, lstm.hidden_size) == (50, None, 4)
    assert head == Linear(4, 1)
    assert Learner(start="forget").network(task).layers[0].forget_bias == 1.0
    assert learn_memory(task, Learner("gru"), SHORT).network is None


def test_a_gru_that_starts_by_chrono_keeps_from_two_steps_to_the_span() -> None:
    torch.manual_seed(0)
    cell = memory._module(DelayedXor(199), Learner("gru", 500, "chrono")).cell
    kept = cell.bias_ih_l0[500:1000] + cell.bias_hh_l0[500:1000]
    steps = 1 + torch.exp(kept.detach())  # a gate of bias b keeps for about 1 + exp(b) steps
    assert 2 <= float(steps.min()) < 10
    assert 190 < float(steps.max()) <= 200
    x, h = torch.randn(1, 1, 2), torch.randn(1, 1, 500)
    share = torch.sigmoid(cell.weight_ih_l0[500:1000] @ x[0, 0] + cell.weight_hh_l0[500:1000] @ h[0, 0] + kept)
    after = cell(x, h)[0][0, 0]
    gone = (1 - share) * 1.0  # what is not kept is replaced by something from -1 to 1
    assert bool(((after - share * h[0, 0]).abs() <= gone + 1e-6).all())


def test_a_budget_of_seconds_ends_training(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(memory.time, "process_time", lambda: float(next(clock)))
    result = learn_memory(Adding(4), Learner(units=2), Budget(steps=50, seconds=10.0))
    assert (result.steps, result.seconds) == (10, 10.0)


def test_the_learning_rate_falls_along_a_cosine_only_if_asked() -> None:
    falling, level = Budget(100, learning_rate=1.0, decay=True), Budget(100, learning_rate=1.0)
    assert [round(falling.learning_rate_at(step), 3) for step in (0, 50, 100)] == [1.0, 0.505, 0.01]
    assert {level.learning_rate_at(step) for step in range(100)} == {1.0}


def test_progress_is_told_at_every_step() -> None:
    told: list[Progress] = []
    learn_memory(Adding(4), Learner(units=2), SHORT, progress=told.append)
    assert [(each.step, each.steps) for each in told] == [(1, 3), (2, 3), (3, 3)]
    assert told[-1].seconds_left == 0


def test_the_global_generator_and_the_threads_are_left_as_they_were() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    learn_memory(Adding(4), Learner("gru", 2), SHORT, threads=threads + 1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_no_number_is_said() -> None:
    with pytest.raises(TrainingError) as failed:
        learn_memory(Adding(4), Learner("rnn", 2), Budget(steps=5, learning_rate=1e30))
    message = str(failed.value)
    assert message.startswith("The loss became ")
    assert message.endswith(" with learning rate 1e+30, so training stopped: try a learning rate ten times lower.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "lstn"}, "The cell 'lstn' is not known, did you mean 'lstm'?"),
        ({"start": "crono"}, "The start 'crono' of a lstm is not known, did you mean 'chrono'?"),
        ({"cell": "rnn", "start": "forget"}, "The start 'forget' of a rnn is not known, choose from 'default'."),
        ({"units": 0}, "The learner has 0 units, expected a whole number from 1 on."),
    ],
)
def test_a_learner_that_there_is_not_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        Learner(**options)  # type: ignore[arg-type]
    assert str(refused.value) == message


@pytest.mark.parametrize("seed", [-1, 2**40, 1.5])
def test_a_seed_that_cannot_be_one_is_refused(seed: int) -> None:
    with pytest.raises(UsageError) as refused:
        learn_memory(Adding(4), seed=seed)
    assert str(refused.value) == f"The seed is {seed!r}, expected a whole number from 0 to 1099511627775."


@pytest.mark.slow
def test_the_numbers_that_were_asked_for() -> None:
    chrono, plain = Learner(start="chrono"), Learner("rnn")
    adding = learn_memory(Adding(200), chrono, Budget(steps=3000, enough=0.002))
    assert adding.score < 0.01
    assert learn_memory(Adding(200), plain, Budget(steps=3000, enough=0.002)).score > 0.1
    assert learn_memory(FirstSymbol(100), chrono, Budget(steps=1000, enough=1.0)).score > 0.99
    # At the benchmark's rate. At 0.01 it keeps two to four symbols of eight: more than chance, far from solved.
    assert learn_memory(FirstSymbol(100), plain, Budget(steps=1000, enough=1.0, learning_rate=3e-3)).score < 0.2
    assert learn_memory(FirstSymbol(100), plain, Budget(steps=1000, enough=1.0)).score < 0.75
    assert learn_memory(FirstSymbol(1000), chrono, Budget(steps=600, enough=1.0)).score > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("lag", [20, 100])
def test_longer_lags_are_learned_exactly(lag: int) -> None:
    assert learn_known_lag(lag).score < 0.001
