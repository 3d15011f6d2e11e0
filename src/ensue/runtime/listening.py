"""How a speech model is told to listen: weights of its language model and its words, and how sure it is of each.

Both are chosen on the validation rows and go into the model file.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ensue.data.word_ngrams import WordNgrams
from ensue.runtime.ctc_decoding import BeamDecoder
from ensue.runtime.ctc_prefixes import HeardWord
from ensue.tasks.alphabet import Alphabet
from ensue.tasks.speech_beam import BeamChoice, Confidence, Listening, evidence
from ensue.tasks.speech_scores import SpeechScores, right_words, score

Floats = NDArray[np.float64]

LANGUAGE_WEIGHTS = (0.5, 0.25, 0.75, 1.0, 0.0)
WORD_BONUSES = (1.0, 0.0, 2.0, 3.0)
"""What is tried, the first taken among equals."""
HOPELESS = 0.9
"""The word error rate from which nothing is tried."""
ROWS = 300
"""Validation rows that are listened to at most, for each of these."""
PRIOR = 3.0
"""How strongly the confidence leans on the share of the beam where there are few words to learn from."""
PARTS, BINS = 5, 10


@dataclass(frozen=True)
class Tuned:
    """What was chosen, and what it brings on the validation rows."""

    listening: Listening
    scores: SpeechScores
    error_before: float
    """The calibration error of the beam's shares, 0 to 1 ..."""
    error_after: float
    """... and that of the confidence, learned on other rows than it is measured on."""
    words: int


def tune(
    alphabet: Alphabet,
    log_p: Sequence[NDArray[np.float32]],
    said: Sequence[str],
    model: WordNgrams | None,
    choice: BeamChoice,
    pause: int | None = None,
) -> Tuned:
    """Choose how to listen.

    Args:
        log_p: of the validation rows, `(answers, classes)` each.
        said: their transcripts.
        choice: beam and whether the words are closed; the weights are tried.
    """
    log_p, said = log_p[:ROWS], said[:ROWS]

    def listen(tried: BeamChoice) -> list[list[HeardWord]]:
        decoder = BeamDecoder(alphabet, tried, model, pause=pause)
        return [[*decoder.push(each), *decoder.finish()] for each in log_p]

    best, found = choice, listen(choice)
    scores = _score(said, found)
    hopeless = scores.wer > HOPELESS
    pairs = [] if model is None or hopeless else itertools.product(LANGUAGE_WEIGHTS, WORD_BONUSES)
    for number, (weight, bonus) in enumerate(pairs):
        tried = replace(choice, language_weight=weight, word_bonus=bonus)
        heard = listen(tried)
        result = _score(said, heard)
        if number == 0 or (result.wer, result.cer) < (scores.wer, scores.cer):
            best, found, scores = tried, heard, result
    rows = [
        (row, *_evidence_of(words, text)) for row, (words, text) in enumerate(zip(found, said, strict=True)) if words
    ]
    confidence, before, after, count = _confidence(rows)
    return Tuned(Listening(best, confidence), scores, before, after, count)


def _score(said: Sequence[str], heard: Sequence[Sequence[HeardWord]]) -> SpeechScores:
    return score(said, [" ".join(word.text for word in words) for words in heard])


def _evidence_of(words: Sequence[HeardWord], said: str) -> tuple[Floats, Floats]:
    """What was seen of each word `(words, 4)`, and whether it is right."""
    seen = np.array([evidence(word.share, word.mean, word.least) for word in words])
    return seen, np.array(right_words(said, [word.text for word in words]), np.float64)


def _confidence(rows: Sequence[tuple[int, Floats, Floats]]) -> tuple[Confidence, float, float, int]:
    """The regression, and the calibration error before and after it."""
    if not rows:
        return Confidence(), 0.0, 0.0, 0
    part = np.concatenate([np.full(len(right), row % PARTS) for row, _, right in rows])
    seen = np.concatenate([each for _, each, _ in rows])
    right = np.concatenate([each for _, _, each in rows])
    before = calibration_error(1 / (1 + np.exp(-seen[:, 1])), right)
    held = np.zeros(len(right))
    for each in range(PARTS):
        weights = _regression(seen[part != each], right[part != each])
        held[part == each] = 1 / (1 + np.exp(-(seen[part == each] @ weights)))
    a, b, c, d = _regression(seen, right).tolist()
    return Confidence((a, b, c, d)), before, calibration_error(held, right), len(right)


def _regression(seen: Floats, right: Floats) -> Floats:
    """Logistic regression by Newton's method, its weights drawn to those of `Confidence()`."""
    usual = np.array(Confidence().weights)
    weights = usual.copy()
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(seen @ weights, -30, 30)))
        slope = seen.T @ (p - right) + PRIOR * (weights - usual)
        bend = (seen * (p * (1 - p))[:, None]).T @ seen + PRIOR * np.eye(len(weights))
        weights = weights - np.clip(np.linalg.solve(bend, slope), -1, 1)
    return weights


def calibration_error(confidence: Floats, right: Floats) -> float:
    """The mean distance between how sure words are and how often they are right, over bins of equal width (Guo et al.
    2017, eq. 3).

    >>> calibration_error(np.array([0.75, 0.75, 0.75, 0.75]), np.array([1.0, 1.0, 1.0, 0.0]))
    0.0
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(float((confidence - right)[bins == each].sum())) for each in range(BINS)]
    return sum(gaps) / max(1, len(right))
