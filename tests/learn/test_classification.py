"""Training a classifier: it learns, its batches are a function of the step, what is taken over holds still at first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ensue.data.channels import Channels
from ensue.data.labelled import Labelled, label_all
from ensue.data.text import UNKNOWN, TextFrontEnd, TextOptions
from ensue.learn import classification
from ensue.learn.batches_by_length import side_by_side, together
from ensue.learn.classification import _Objective, chances, class_weights, fit
from ensue.runtime.classification import ClassifierRuntime
from ensue.tasks.class_scores import doubt
from ensue.tasks.classification import ClassificationTask, ClassifierSizes
from ensue.tasks.classification_options import ClassificationOptions

WORDS = [f"{'very ' * (i % 3)}{word}" for i, word in enumerate(["good", "bad", "fine", "poor"] * 6)]
TEXTS = label_all(WORDS, ["yes", "no"] * 12)
SIZES = ClassifierSizes((6,), 5)


def text_task(rows: Labelled = TEXTS, sizes: ClassifierSizes = SIZES) -> ClassificationTask:
    front_end = TextFrontEnd.learn([str(item) for item in rows.items], TextOptions(tokens="words"))
    return ClassificationTask(front_end, rows.classes, sizes)


def options(**more: Any) -> ClassificationOptions:
    return ClassificationOptions(**{"steps": 60, "batch_size": 6, "learning_rate": 0.02} | more)


def objective(rows: Labelled = TEXTS, **more: Any) -> _Objective:
    return _Objective(rows, rows.take(range(4)), text_task(rows), options(**more), {}, 0.5)


def test_it_learns_texts() -> None:
    fitted = fit(TEXTS, TEXTS, text_task(), options(word_dropout=0.0), baseline=("guessing", 0.5))
    assert fitted.scores.accuracy == 1.0
    assert fitted.report.measure.baseline == "guessing"
    assert fitted.report.validation < 1 / len(TEXTS)


@pytest.mark.parametrize("sizes", [SIZES, ClassifierSizes((6,), 5, bidirectional=False, pooling="last")])
def test_it_learns_numbers_and_the_runtime_answers_alike(sizes: ClassifierSizes) -> None:
    dice = np.random.default_rng(0)
    ways = [np.sin(np.arange(12 + i % 5) * (0.3 if i % 2 else 1.5) + dice.random()) for i in range(24)]
    rows = label_all(ways, ["slow" if i % 2 else "fast" for i in range(24)])
    channels = Channels.learn([np.asarray(item) for item in rows.items], rows.names)
    task = ClassificationTask(channels, rows.classes, sizes)
    fitted = fit(rows, rows, task, options(steps=70), baseline=("guessing", 0.5))
    assert fitted.scores.accuracy > 0.9
    answers = ClassifierRuntime(fitted.task, {"network": fitted.weights}).log_probabilities(rows.items)
    right = rows.numbers(rows.classes)
    assert doubt(answers, right) == pytest.approx(doubt_of(fitted, right), abs=1e-4)


def doubt_of(fitted: Any, right: Any) -> float:
    wrong = fitted.scores.rows - round(fitted.scores.accuracy * fitted.scores.rows)
    return float((wrong + fitted.scores.nats / (1 + fitted.scores.nats)) / len(right))


def test_an_epoch_sees_every_row_once_and_rows_of_similar_length_together() -> None:
    made = objective(label_all([("a b " * (1 + i % 9)).strip() for i in range(200)], ["x", "y"] * 100), batch_size=8)
    batches = [made.order.at(step) for step in range(25)]
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert np.mean([np.ptp(made.lengths[rows]) for rows in batches]) < 3
    again = [made.order.at(step) for step in (30, 3)]
    assert np.array_equal(again[1], batches[3])
    assert not np.array_equal(made.order.at(25), batches[0])


def test_long_sequences_come_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "ROOM", 30)
    made = objective(label_all([" ".join("ab" * 5) for _ in range(12)], ["x", "y"] * 6))
    assert len(made.order.at(0)) == 3
    assert np.array_equal(made.order.at(0), made.order.at(0))
    assert [len(rows) for rows in together([10, 10, 10, 10, 10], 256, room=30)] == [3, 2]


def test_frozen_weights_begin_to_move_after_a_third() -> None:
    task = text_task()
    begin = {"layers.0.weight": np.full((task.front_end.size, 5), 0.25, np.float32)}  # type: ignore[union-attr]
    made = _Objective(TEXTS, TEXTS, task, options(), begin, 0.5)
    made.frozen_until = 2
    table = made.module.get_parameter("layers.0.weight")
    norms = []
    for step in range(4):
        made.module.zero_grad()
        made.loss(step).backward()
        assert table.grad is not None
        norms.append(float(table.grad.norm()))
    assert norms[:2] == [0.0, 0.0]
    assert min(norms[2:]) > 0
    assert torch.equal(table.detach(), torch.full_like(table, 0.25))


def test_words_are_read_as_unknown_the_rarer_the_oftener() -> None:
    rows = label_all(["common"] * 99 + ["rare"], ["x", "y"] * 50)
    task = text_task(rows)
    front_end = task.front_end
    assert isinstance(front_end, TextFrontEnd)
    found = chances([task.read(item) for item in rows.items], front_end.size, 0.1)
    assert found[front_end.encode("rare")[0]] > 0.2 > 0.11 > found[front_end.encode("common")[0]] > 0.1
    made = objective(rows, word_dropout=0.9)
    seen: Counter[int] = Counter()
    made.module.register_forward_pre_hook(lambda _, args: seen.update(args[0].long().flatten().tolist()))
    for step in range(20):
        made.loss(step)
    assert 0.8 < seen[UNKNOWN] / seen.total() < 1.0


def test_balanced_weights_make_classes_count_alike() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 2, "balanced")
    assert weights[0] * 90 == pytest.approx(weights[1] * 10)
    assert class_weights(labels, 2, "equal").tolist() == [1.0, 1.0]


def test_padding_is_zeros_after_the_end() -> None:
    x, lengths = side_by_side([np.ones((2, 1), np.float32), np.ones((1, 1), np.float32)])
    assert x[..., 0].tolist() == [[1.0, 1.0], [1.0, 0.0]]
    assert lengths == [2, 1]


def test_the_temperature_is_found_on_the_validation_rows_and_may_be_left_out() -> None:
    # of few rows it would not be clear enough to be taken
    wrong = label_all(list(WORDS) * 10, (["no", "yes"] * 2 + ["yes", "no"] * 10) * 10)
    fitted = fit(TEXTS, wrong, text_task(), options(word_dropout=0.0, steps=40), baseline=("guessing", 0.5))
    assert fitted.task.temperature != 1.0
    assert fitted.scores.nats <= fitted.before.nats
    assert fitted.scores.confusion == fitted.before.confusion
    plain = fit(TEXTS, wrong, text_task(), options(word_dropout=0.0, steps=40, calibrate=False), baseline=("g", 0.5))
    assert plain.task.temperature == 1.0
    assert plain.before is plain.scores


def test_a_training_that_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    task, chosen = text_task(), options(steps=30)
    whole = fit(TEXTS, TEXTS, task, chosen, baseline=("guessing", 0.5))
    file = tmp_path / "c.checkpoint"

    def stop(progress: Any) -> None:
        if progress.step == 17:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fit(TEXTS, TEXTS, task, chosen, baseline=("guessing", 0.5), checkpoint=file, progress=stop)
    resumed = fit(TEXTS, TEXTS, task, chosen, baseline=("guessing", 0.5), checkpoint=file, resume=True)
    assert whole.report.curve == resumed.report.curve
    for name, weight in whole.weights.items():
        assert np.array_equal(weight, resumed.weights[name])
