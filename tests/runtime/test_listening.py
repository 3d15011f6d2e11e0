"""Choosing how to listen: weights that bring fewer errors, confidence that is nearer to the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensue.data.word_ngrams import WordNgrams
from ensue.runtime.listening import _confidence, calibration_error, tune
from ensue.tasks.alphabet import Alphabet
from ensue.tasks.speech_beam import BeamChoice, evidence

AB = Alphabet.of("ab")


def heard(text: str, dice: np.random.Generator) -> NDArray[np.float32]:
    """Log probabilities in which a and b sound alike."""
    rows = []
    for label in AB.encode(text).tolist():
        p = np.full(4, 0.02)
        p[label] = 0.94
        if label in (1, 2):
            p[1], p[2] = sorted(dice.dirichlet([6, 4]) * 0.96)[:: 1 if dice.random() < 0.4 else -1]
            if label == 2:
                p[1], p[2] = p[2], p[1]
        rows += [p, np.array([0.97, 0.01, 0.01, 0.01])]
    return np.log(np.array(rows) / np.sum(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_language_model_is_weighed_by_what_it_brings() -> None:
    dice = np.random.default_rng(0)
    said = [" ".join(dice.choice(["aab", "bba"], 3)) for _ in range(24)]
    log_p = [heard(text, dice) for text in said]
    alone = tune(AB, log_p, said, None, BeamChoice())
    led = tune(AB, log_p, said, WordNgrams.learn(said, 2), BeamChoice(closed=True))
    assert alone.listening.search.language_weight == 0
    assert alone.scores.wer > 0.15
    assert led.scores.wer < 0.6 * alone.scores.wer
    assert led.words > 50
    assert led.error_after < 0.15


def test_confidence_is_corrected() -> None:
    dice, rows = np.random.default_rng(1), []
    for row in range(400):
        share = dice.uniform(0.5, 0.999, 5)
        right = dice.random(5) < 0.5 + 0.5 * (share - 0.5)  # much less sure than it says
        rows.append((row, np.array([evidence(each, -0.1, -0.2) for each in share]), right.astype(np.float64)))
    confidence, before, after, count = _confidence(rows)
    assert count == 2000
    assert before > 0.1
    assert after < 0.04
    assert confidence.of(0.9, -0.1, -0.2) < 0.8


def test_a_sure_and_right_listener_is_left_sure() -> None:
    sure = np.full(50, 0.9999)
    assert calibration_error(sure, np.ones(50)) < 1e-3
    confidence, _, after, _ = _confidence([(row, np.array([evidence(0.9999, 0, 0)]), np.ones(1)) for row in range(50)])
    assert after < 0.01
    assert confidence.of(0.9999, 0, 0) > 0.99
