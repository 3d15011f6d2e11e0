"""How good probabilities of classes are: accuracy, F1, the confusion matrix, and whether they can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

BINS = 15
"""Bins of the calibration error, as in Guo et al. (2017)."""
GOLDEN = (5**0.5 - 1) / 2
TEMPERATURES = 0.1, 10.0
CLEAR = 3.84 / 2
"""Nats of all rows together that one number has to gain: half the 95 % point of chi squared with one degree of freedom."""


@dataclass(frozen=True)
class ClassScores:
    """Of `rows` answers beside what was right."""

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """How often each class (rows) was answered with each (columns)."""
    nats: float
    """The mean negative log probability of the right class."""
    calibration_error: float
    """How far probabilities are from how often they are right, on average (expected calibration error)."""

    @property
    def rows(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return sum(row[i] for i, row in enumerate(self.confusion)) / self.rows

    @property
    def f1(self) -> tuple[float, ...]:
        """Of each class, the harmonic mean of precision and recall; 0 for one that was never answered rightly."""
        table = np.array(self.confusion)
        both = table.sum(axis=0) + table.sum(axis=1)
        return tuple(np.where(both > 0, 2 * np.diag(table) / np.maximum(both, 1), 0.0).tolist())

    @property
    def macro_f1(self) -> float:
        """The mean of `f1` over the classes that there were rows of."""
        present = [f1 for f1, row in zip(self.f1, self.confusion, strict=True) if sum(row)]
        return sum(present) / len(present)

    def to_json(self) -> dict[str, Any]:
        """As plain values, the derived ones among them."""
        return {
            "rows": self.rows,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "f1": dict(zip(self.classes, self.f1, strict=True)),
            "confusion": [list(row) for row in self.confusion],
            "classes": list(self.classes),
            "nats": self.nats,
            "calibration_error": self.calibration_error,
        }


def score(log_p: Floats, labels: Whole, classes: Sequence[str]) -> ClassScores:
    """The scores of log probabilities `(rows, classes)` where `labels` `(rows,)` were right.

    >>> found = score(np.log([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]]), np.array([0, 1, 1]), ("no", "yes"))
    >>> found.confusion, round(found.accuracy, 3), [round(each, 3) for each in found.f1]
    (((1, 0), (1, 1)), 0.667, [0.667, 0.667])
    """
    table = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(table, (labels, log_p.argmax(axis=1)), 1)
    confusion = tuple(tuple(row) for row in table.tolist())
    return ClassScores(tuple(classes), confusion, nats(log_p, labels), calibration_error(log_p, labels))


def nats(log_p: Floats, labels: Whole) -> float:
    """The mean negative log probability of the right class."""
    return float(-log_p[np.arange(len(labels)), labels].mean())


def doubt(log_p: Floats, labels: Whole) -> float:
    """The error rate; among equal ones the surer answers are better, by less than one row can matter.

    >>> round(doubt(np.log([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1])), 3)
    0.669
    """
    wrong, cost = int((log_p.argmax(axis=1) != labels).sum()), nats(log_p, labels)
    return (wrong + cost / (1 + cost)) / len(labels)


def calibration_error(log_p: Floats, labels: Whole) -> float:
    """Expected calibration error: of the answers in each of 15 bins of probability, the gap between the mean probability
    and the share that is right, weighted by their number (Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017, eq. 3).

    >>> calibration_error(np.log([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])).__round__(3)
    0.4
    """
    sure = np.exp(log_p.max(axis=1))
    right = log_p.argmax(axis=1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, sure - right, BINS)
    return float(np.abs(gaps).sum() / len(labels))


def tempered(log_p: Floats, temperature: float) -> Floats:
    """Log probabilities divided by a temperature and normalised anew.

    >>> np.exp(tempered(np.log([[0.8, 0.2]]), 2.0)).round(3).tolist()
    [[0.667, 0.333]]
    """
    divided = log_p / temperature
    largest = divided.max(axis=-1, keepdims=True)
    result: Floats = divided - largest - np.log(np.exp(divided - largest).sum(axis=-1, keepdims=True))
    return result


def best_temperature(log_p: Floats, labels: Whole) -> float:
    """The temperature at which the right classes are most likely, from a tenth to ten (Guo et al. 2017, sec. 4.2).

    A row is held to be right with probability (rows + 1) / (rows + 2) only (Platt 1999, sec. 2.2), so that a few rows, all
    answered rightly, do not make every answer certain.

    >>> rows = np.log(np.tile([0.99, 0.01], (10, 1)))
    >>> best_temperature(rows, np.array([0] * 8 + [1] * 2)).__round__(1)
    4.2
    >>> right = tempered(rows, best_temperature(rows, np.array([0] * 10)))
    >>> np.exp(right[0]).round(3).tolist()
    [0.917, 0.083]
    """
    rows, classes = log_p.shape
    wrong = 1 / (rows + 2)

    def cost(power: float) -> float:
        found = tempered(log_p, float(np.exp(power)))
        right = found[np.arange(rows), labels]
        others = (found.sum(axis=1) - right) / (classes - 1)
        return float(-((1 - wrong) * right + wrong * others).mean())

    low, high = map(np.log, TEMPERATURES)
    for _ in range(40):  # golden section: the cost has one minimum in the inverse temperature
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return float(np.exp((low + high) / 2))


def clear_temperature(log_p: Floats, labels: Whole) -> float:
    """The best temperature, or 1 where a few rows do not tell it: it is one of the two limits, or does not make the right
    classes clearly likelier (a likelihood ratio test against 1).

    >>> rows = np.log(np.tile([0.99, 0.01], (10, 1)))
    >>> clear_temperature(rows, np.array([0] * 8 + [1] * 2)).__round__(1), clear_temperature(rows, np.array([0] * 10))
    (4.2, 1.0)
    """
    found = best_temperature(log_p, labels)
    low, high = TEMPERATURES
    gained = len(labels) * (nats(log_p, labels) - nats(tempered(log_p, found), labels))
    return found if 1.01 * low < found < high / 1.01 and gained > CLEAR else 1.0


MOST_CLASSES = 12
"""A confusion matrix with more classes is told by its commonest mistakes."""


def confusion_text(scores: ClassScores) -> str:
    """The confusion matrix for people: what was right in rows, what was answered in columns.

    >>> print(confusion_text(ClassScores(("no", "yes"), ((3, 1), (0, 4)), 0.1, 0.0)))
    right/answered   no  yes
    no                3    1
    yes               0    4
    """
    if len(scores.classes) > MOST_CLASSES:
        return _mistakes(scores)
    names = [name if len(name) <= 16 else name[:15] + "…" for name in scores.classes]
    first = max(len("right/answered"), *map(len, names))
    width = max(4, *map(len, names), *(len(str(count)) for row in scores.confusion for count in row))
    lines = ["right/answered".ljust(first) + "".join(f" {name:>{width}}" for name in names)]
    for name, row in zip(names, scores.confusion, strict=True):
        lines.append(name.ljust(first) + "".join(f" {count:>{width}}" for count in row))
    return "\n".join(lines)


def _mistakes(scores: ClassScores) -> str:
    classes = scores.classes
    wrong = [
        (count, classes[i], classes[j])
        for i, row in enumerate(scores.confusion)
        for j, count in enumerate(row)
        if i != j and count
    ]
    wrong.sort(key=lambda each: -each[0])
    told = [f"{right} taken for {answered}: {count}" for count, right, answered in wrong[:10]]
    return "commonest mistakes: " + ("; ".join(told) if told else "none") + "."
