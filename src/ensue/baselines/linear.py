"""Classes by a linear model, which a trained network has to beat to be worth its name (scikit-learn, extra `baselines`).

Texts become counts of words and pairs of words, weighted by how rare they are (TF-IDF, Salton & Buckley 1988); numeric
sequences become their shape at 32 places and a few statistics of each channel. Logistic regression does the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.words import pieces, stands_apart
from ensue.errors import MissingExtraError

Floats = NDArray[np.float64]

TEXTS = "TF-IDF of 1-2 words + logistic regression"
VALUES = "shape and statistics + logistic regression"
PLACES = 32
"""Places at which the shape of a sequence is looked at."""
STRENGTHS = (1.0, 10.0)
"""Inverse regularisations that are tried; the better one on the rows set aside is taken, as the network's weights are."""


def of_texts(texts: Sequence[str], labels: Sequence[int], asked: Sequence[str], known: NDArray[np.int64]) -> Floats:
    """Log probabilities `(asked, classes)` of the classes of texts, learned from others; `known` are the right classes.

    >>> found = of_texts(["good", "bad"] * 5, [1, 0] * 5, ["so good"], np.array([1]))
    >>> found.argmax(axis=1).tolist()
    [1]
    """
    _check_installed()
    from sklearn.feature_extraction.text import TfidfVectorizer

    apart = stands_apart("\n".join(texts[:20_000]))
    cut = TfidfVectorizer(analyzer=lambda text: _runs(list(pieces(text.lower(), apart))), sublinear_tf=True)
    return _best(cut.fit_transform(texts), labels, cut.transform(asked), known)


def of_values(
    sequences: Sequence[Floats], labels: Sequence[int], asked: Sequence[Floats], known: NDArray[np.int64]
) -> Floats:
    """The same for sequences `(time, channels)`."""
    _check_installed()
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler()
    learned = scale.fit_transform(np.stack([features(each) for each in sequences]))
    return _best(learned, labels, scale.transform(np.stack([features(each) for each in asked])), known)


def features(values: Floats) -> Floats:
    """What is seen of a sequence `(time, channels)`: each channel at 32 places, its mean, spread, least and largest value,
    mean step and length. Missing values are those of the channel's mean.

    >>> features(np.arange(4.0)[:, None]).shape
    (38,)
    """
    return np.concatenate([_of_channel(each) for each in values.T])


def _of_channel(values: Floats) -> Floats:
    missing = np.isnan(values)
    values = np.where(missing, 0.0 if missing.all() else values[~missing].mean(), values)
    places = np.linspace(0, len(values) - 1, PLACES)
    shape = np.interp(places, np.arange(len(values)), values)
    steps = np.abs(np.diff(values)).mean() if len(values) > 1 else 0.0
    return np.array([*shape, values.mean(), values.std(), values.min(), values.max(), steps, len(values)])


def _best(learned: Any, labels: Sequence[int], asked: Any, known: NDArray[np.int64]) -> Floats:
    from sklearn.linear_model import LogisticRegression

    answers = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its solver warns where it stops early: its score says what that means
        for strength in STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=200).fit(learned, labels)
            found = np.full((asked.shape[0], int(max(labels)) + 1), -30.0)
            found[:, model.classes_] = np.maximum(model.predict_log_proba(asked), -30.0)
            answers.append(found)
    return max(answers, key=lambda each: float((each.argmax(axis=1) == known).mean()))


def _runs(words: list[str]) -> list[str]:
    """Single words and pairs of neighbours."""
    return words + [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]


def _check_installed() -> None:
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("The linear baseline", "scikit-learn", "baselines") from error
