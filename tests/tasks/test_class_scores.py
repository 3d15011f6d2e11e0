"""Scores of classes against scikit-learn's, and a temperature that undoes what made probabilities too sure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.tasks.class_findings import results
from ensue.tasks.class_scores import (
    ClassScores,
    best_temperature,
    calibration_error,
    clear_temperature,
    confusion_text,
    doubt,
    nats,
    score,
    tempered,
)


def some_answers(seed: int, rows: int = 40, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    return np.log(dice.dirichlet(np.ones(classes), rows)), dice.integers(0, classes, rows)


@given(st.integers(0, 1000), st.integers(2, 5))
def test_accuracy_and_f1_are_those_of_scikit_learn(seed: int, classes: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    log_p, labels = some_answers(seed, 30, classes)
    found, answered = score(log_p, labels, [str(i) for i in range(classes)]), log_p.argmax(axis=1)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, answered))
    every = list(range(classes))
    theirs = metrics.f1_score(labels, answered, labels=every, average=None, zero_division=0)
    assert found.f1 == pytest.approx(theirs)
    present = sorted(set(labels.tolist()))
    assert found.macro_f1 == pytest.approx(
        metrics.f1_score(labels, answered, labels=present, average="macro", zero_division=0)
    )
    assert np.array_equal(found.confusion, metrics.confusion_matrix(labels, answered, labels=every))
    assert found.nats == pytest.approx(metrics.log_loss(labels, np.exp(log_p), labels=every))


@given(st.integers(0, 100), st.floats(0.2, 5.0))
def test_the_temperature_undoes_another(seed: int, temperature: float) -> None:
    dice = np.random.default_rng(seed)
    log_p = np.log(dice.dirichlet(np.ones(3), 2000))
    labels = np.array([dice.choice(3, p=row) for row in np.exp(log_p)])
    sharpened = tempered(log_p, 1 / temperature)
    found = best_temperature(sharpened, labels)
    assert found == pytest.approx(temperature, rel=0.2)
    assert nats(tempered(sharpened, found), labels) <= nats(sharpened, labels) + 1e-9


@given(st.integers(0, 100), st.floats(0.1, 10.0))
def test_a_temperature_changes_no_answer_and_keeps_probabilities(seed: int, temperature: float) -> None:
    log_p, _ = some_answers(seed)
    found = tempered(log_p, temperature)
    assert np.array_equal(found.argmax(axis=1), log_p.argmax(axis=1))
    assert np.exp(found).sum(axis=1) == pytest.approx(1.0)


def test_probabilities_that_are_right_as_often_as_they_say_have_no_error() -> None:
    log_p = np.log(np.tile([0.75, 0.25], (400, 1)))
    labels = np.array([0, 0, 0, 1] * 100)
    assert calibration_error(log_p, labels) == pytest.approx(0.0)
    assert calibration_error(log_p, np.zeros(400, int)) == pytest.approx(0.25)


def test_an_error_more_is_worse_than_any_doubt() -> None:
    sure_but_wrong = np.log([[0.999, 0.001], [0.999, 0.001]])
    unsure_but_right = np.log([[0.501, 0.499], [0.499, 0.501]])
    assert doubt(unsure_but_right, np.array([0, 1])) < doubt(sure_but_wrong, np.array([0, 1]))
    assert doubt(sure_but_wrong, np.array([0, 0])) < doubt(unsure_but_right[[0, 0]], np.array([0, 0]))


def test_a_matrix_of_many_classes_is_told_by_its_mistakes() -> None:
    names = tuple(f"k{i}" for i in range(20))
    table = np.diag(np.full(20, 5))
    table[3, 4], table[7, 1] = 2, 1
    found = ClassScores(names, tuple(map(tuple, table.tolist())), 0.1, 0.0)
    assert confusion_text(found) == "commonest mistakes: k3 taken for k4: 2; k7 taken for k1: 1."


def test_a_temperature_that_few_rows_do_not_tell_is_not_taken() -> None:
    unsure = np.log(np.tile([0.51, 0.49], (30, 1)))
    assert best_temperature(unsure, np.zeros(30, np.int64)) < 0.11
    assert clear_temperature(unsure, np.zeros(30, np.int64)) == 1.0  # at the limit
    sure, labels = np.log(np.tile([0.8, 0.2], (20, 1))), np.array([0] * 15 + [1] * 5)
    assert best_temperature(sure, labels) != 1.0
    assert clear_temperature(sure, labels) == 1.0  # no clear gain
    many = np.tile(labels, 100)
    assert clear_temperature(np.tile(sure, (100, 1)), many) == best_temperature(np.tile(sure, (100, 1)), many)


def test_probabilities_that_are_left_as_they_are_are_said() -> None:
    before, after = (score(np.log([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 1]), ("no", "yes")) for _ in range(2))
    said = results(after, before, 1.0, ("a coin", 0.5))[-1]
    assert said.startswith("probabilities: calibration error 25.0%; they are left as they are")
    assert "after division by temperature 0.70" in results(after, before, 0.7, ("a coin", 0.5))[-1]
    assert not any("probabilities" in each for each in results(after, after, 1.0, ("a coin", 0.5)))
