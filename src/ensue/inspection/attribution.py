"""Why one prediction is what it is: parts that add up to it.

*Shapley values* (Shapley 1953; for models Lundberg & Lee 2017, section 2) of buckets of lags, exact: with at most ten
players, every one of the 2^10 coalitions is asked. *Integrated gradients* (Sundararajan, Taly & Yan 2017, section 3) of
every input at every step, whose parts add up only as well as the integral was taken: the error is told.

Letters of shapes: `time` steps, `column` columns, `player` buckets of lags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np

from ensue.errors import MissingExtraError, UsageError
from ensue.inspection.subject import Floats, NetworkSubject, Subject

MOST_PLAYERS = 10
POINTS = 48
"""Points on the way from the baseline to the input."""


@dataclass(frozen=True)
class Shapley:
    """What each bucket of lags contributed to one answer, exactly."""

    buckets: tuple[tuple[int, int], ...]
    """First and last lag of each player."""
    parts: Floats
    """`(player,)`, in the unit of the answer; they add up to `answer - without`."""
    answer: float
    without: float
    """The mean answer after other histories."""


@dataclass(frozen=True)
class IntegratedGradients:
    """What each input at each step contributed to one answer."""

    parts: Floats
    """`(time, column)`, in the unit of the answer."""
    answer: float
    without: float
    """The answer at the baseline: the mean of all windows' inputs at every step."""

    @property
    def completeness_error(self) -> float:
        """How much the parts miss of the difference they should add up to, as a share of it."""
        difference = self.answer - self.without
        return abs(float(self.parts.sum()) - difference) / max(abs(difference), 1e-12)

    def by_lag(self, buckets: Sequence[tuple[int, int]]) -> Floats:
        """Summed over columns and buckets of lags: `(player,)`."""
        of_lag = self.parts.sum(axis=1)[::-1]
        return np.array([of_lag[first : last + 1].sum() for first, last in buckets])


def lag_buckets(first: int, longest: int, most: int = MOST_PLAYERS) -> tuple[tuple[int, int], ...]:
    """Buckets of lags that double in width, at most so many, the last one up to the longest lag.

    >>> lag_buckets(1, 20)
    ((1, 1), (2, 3), (4, 7), (8, 15), (16, 20))
    >>> lag_buckets(0, 1000, most=4)
    ((0, 0), (1, 2), (3, 6), (7, 1000))
    """
    buckets: list[tuple[int, int]] = []
    start, width = first, 1
    while start <= longest:
        end = longest if len(buckets) == most - 1 else min(start + width - 1, longest)
        buckets.append((start, end))
        start, width = end + 1, width * 2
    return tuple(buckets)


def shapley(
    subject: Subject, window: int, buckets: Sequence[tuple[int, int]] | None = None, others: int = 8
) -> Shapley:
    """Exact Shapley values of buckets of lags for the answer of one window.

    Lags that are not in a coalition are borrowed from another window, and the worth is the mean over `others` of these; so
    the parts say what makes this answer different from those after other histories. Raises `UsageError` for more than
    ten buckets, or where there is no other window.
    """
    buckets = tuple(buckets or lag_buckets(subject.first_lag, subject.longest_lag))
    players, count = len(buckets), len(subject.windows)
    if not 1 <= players <= MOST_PLAYERS:
        raise UsageError(
            f"There are {players} buckets of lags, expected 1 to {MOST_PLAYERS}: every one of their coalitions is asked."
        )
    if count < 2:
        raise UsageError(f"There is {count} window, expected 2 or more to compare one with another.")
    beside = [other for other in range(count) if other != window][:others]
    worth = np.mean([_worth(subject, window, other, buckets) for other in beside], axis=0)
    return Shapley(buckets, exact_shapley(worth), float(worth[-1]), float(worth[0]))


def _worth(subject: Subject, window: int, other: int, buckets: Sequence[tuple[int, int]]) -> Floats:
    """The answer of every coalition, bit p of whose number says whether bucket p is the window's own.

    Read from the oldest bucket on, twice as many histories after each: the wide old ones are read a few times only.
    """
    first = subject.place(buckets[-1][1])
    which = np.array([window])
    borrowed = subject.borrowed(np.array([other]), which)[0]
    state = subject.start(which)
    if first:
        state = subject.read(subject.windows[window][None, :first], 0, which, state)
    numbers = np.zeros(1, np.int64)
    for player in range(len(buckets) - 1, -1, -1):
        rows = len(numbers)
        steps = slice(subject.place(buckets[player][1]), subject.place(buckets[player][0]) + 1)
        state = subject.branch(state, np.tile(np.arange(rows), 2))
        numbers = np.concatenate([numbers, numbers | 1 << player])
        both = np.repeat(
            np.stack([borrowed[steps], subject.windows[window][steps]]), rows, axis=0
        )  # row x time x column
        state = subject.read(both, steps.start, np.full(2 * rows, window), state)
    worth = np.empty(len(numbers))
    worth[numbers] = subject.answer(np.full(len(numbers), window), state)
    return worth


def exact_shapley(worth: Floats) -> Floats:
    """The Shapley values of a game, from the worth of every coalition; bit p of a coalition's number is player p.

    >>> exact_shapley(np.array([0.0, 1.0, 2.0, 5.0])).tolist()  # alone 1 and 2, together 2 more, divided equally
    [2.0, 3.0]
    """
    players = int(np.log2(len(worth)))
    numbers = np.arange(len(worth))
    size = np.array([number.bit_count() for number in numbers.tolist()])
    weight = np.array([factorial(s) * factorial(players - s - 1) / factorial(players) for s in range(players)])
    parts = np.empty(players)
    for player in range(players):
        absent = numbers[(numbers >> player) & 1 == 0]
        parts[player] = (weight[size[absent]] * (worth[absent | 1 << player] - worth[absent])).sum()
    return parts


def integrated_gradients(subject: NetworkSubject, window: int, points: int = POINTS) -> IntegratedGradients:
    """Integrated gradients of one window's answer, from the mean input of all windows to its own.

    Columns of category codes stay as they are and get no part. The integral is taken by the midpoint rule. Raises
    `MissingExtraError` without PyTorch.
    """
    x = subject.windows[window]
    baseline = np.broadcast_to(subject.windows.mean(axis=(0, 1)), x.shape).copy()
    baseline[:, subject.codes] = x[:, subject.codes]  # between two categories there is nothing
    along = (np.arange(points) + 0.5) / points
    slopes = subject.gradients(baseline + along[:, None, None] * (x - baseline)).mean(axis=0)  # time x column
    without, answer = subject.answers(np.stack([baseline, x]), np.full(2, window))
    return IntegratedGradients(slopes * (x - baseline), float(answer), float(without))


def gradients_or_why_not(subject: NetworkSubject, window: int) -> tuple[IntegratedGradients | None, list[str]]:
    """Integrated gradients, or None and a note that PyTorch is missing."""
    try:
        return integrated_gradients(subject, window), []
    except MissingExtraError as error:
        return None, [f"Gradients were not measured: {error}"]


def agreement(one: Floats, other: Floats) -> float:
    """How much of two attributions, each scaled to add up to 1 without signs, goes to the same parts with the same sign.

    1 where they are proportional, 0 where they have nothing in common; NaN where one of them is all zeros.

    >>> agreement(np.array([3.0, -1.0, 0.0]), np.array([6.0, 2.0, 0.0]))  # they differ on the sign of a quarter
    0.75
    """
    sizes = [float(np.abs(each).sum()) for each in (one, other)]
    if not min(sizes) > 0:
        return float("nan")
    shares = one / sizes[0], other / sizes[1]
    same = np.sign(one) == np.sign(other)
    return float(np.minimum(*map(np.abs, shares))[same].sum())
