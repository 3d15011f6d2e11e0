"""How far back a model really looks: measured by changing its history, not read off its gates.

Three measurements, because each can mislead alone:

- *one stretch of lags resampled*: a stretch is replaced by the same stretch of other windows, drawn at random, and the
  answer moves. Half the mean square of that, over the variance of the answers, is the stretch's total effect (Jansen 1999,
  eq. 15; Saltelli et al. 2010, table 2): the share of the variance that would be gone with it.
- *gradients*: the same to first order, for every lag at once: the mean square of the gradient times the spread of the input.
- *history cut off*: the loss where the model begins so many steps before its answer (Khandelwal et al. 2018, section 3).

Stretches lie end to end and cover every lag, so that sums over them mean something, and are at most a tenth as wide as
they are old; a seasonal lag is a stretch of its own.

Letters of shapes: `window` windows, `stretch` stretches of lags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensue.errors import MissingExtraError, UsageError
from ensue.inspection.subject import Floats, NetworkSubject, Subject, Whole

WIDTH = 0.08
"""A stretch is so wide as a share of its lag."""
TOLERANCE = 0.01
"""The effective context costs at most so much more loss than the whole history."""
STANDS_OUT = 3.0
"""A seasonal lag stands out where it has so many times the influence per lag of its neighbourhood."""
CHANGED = 64
"""Windows in which stretches are replaced; history is cut off in all of them."""
DRAWS = 4
"""Other windows by which each stretch of each window is replaced."""
FEW = 10
"""Windows without which no standard error is told."""
FAINT = 1e-12
"""Answers whose variance is no more than this share of their mean square are all the same but for rounding."""
CUTS = 24
"""Lengths of history that are tried."""


@dataclass(frozen=True)
class Influence:
    """How much each stretch of lags moves the answer."""

    method: str
    """`resampled` or `gradients`."""
    first: Whole
    """First lag of each stretch, `(stretch,)`; they ascend, end to end."""
    last: Whole
    effect: Floats
    """Share of the answers' variance that each stretch stands for, `(stretch,)`; together they may exceed 1."""
    by_window: Floats | None = None
    """The same for each window alone, `(stretch, window)`, whose mean the effect is; None of gradients."""

    @property
    def shares(self) -> Floats:
        """The effects as shares of their sum; zeros where nothing has any."""
        total = float(self.effect.sum())
        return self.effect / total if total > 0 else np.zeros_like(self.effect)

    def horizon(self, share: float) -> float:
        """The smallest lag up to which so much of the influence comes from; NaN where there is none at all.

        >>> influence = Influence("resampled", np.array([1, 2]), np.array([1, 9]), np.array([0.8, 0.2]))
        >>> influence.horizon(0.5), influence.horizon(0.9)
        (1.0, 9.0)
        """
        if not self.effect.sum() > 0:
            return float("nan")
        reached = np.cumsum(self.shares) >= share - 1e-12
        return float(self.last[int(np.argmax(reached))])

    @property
    def mean_lag(self) -> float:
        """Of the influence."""
        return float((self.shares * (self.first + self.last) / 2).sum())

    def at(self, lag: int) -> float:
        """The share of the stretch that a lag is in."""
        return float(self.shares[(self.first <= lag) & (lag <= self.last)].sum())

    def doubt(self, lag: int) -> float:
        """Standard error of that share: its spread over windows drawn anew from those there are (Efron 1979, section 3)."""
        if self.by_window is None:
            return float("nan")
        windows = self.by_window.shape[1]
        drawn = np.random.default_rng(0).integers(0, windows, (200, windows))
        effects = self.by_window[:, drawn].mean(axis=2)  # stretch x draw
        here = effects[(self.first <= lag) & (lag <= self.last)].sum(axis=0)
        return float(np.std(here / np.maximum(effects.sum(axis=0), 1e-300)))


@dataclass(frozen=True)
class Truncation:
    """What is lost where history before so many steps is dropped."""

    kept: Whole
    """Steps kept, ascending; the last is all there were."""
    loss: Floats
    """Mean loss with each, relative to that with all: 1.004 is 0.4 % worse."""
    doubt: Floats
    """Standard error of each over the windows, as if these were independent; NaN for fewer than `FEW` windows."""
    windows: int
    """Windows whose truth is known."""

    def effective(self, tolerance: float = TOLERANCE) -> int:
        """The fewest steps from which on no history, on average over the windows, is much worse than all of it.

        Much is more than `tolerance` of the whole history's loss, or of what that saves beside the last step alone: where
        history is worth a hundred times the loss, a hundredth of the loss is nothing.

        >>> Truncation(np.array([1, 10, 100]), np.array([1.5, 1.005, 1.0]), np.array([0.1, 0.01, 0.0]), 64).effective()
        10
        """
        worse = np.flatnonzero(self.loss > 1 + tolerance * max(1.0, float(self.loss[0]) - 1))
        return int(self.kept[0] if len(worse) == 0 else self.kept[min(int(worse[-1]) + 1, len(self.kept) - 1)])


@dataclass(frozen=True)
class Reach:
    """How far back a subject looks."""

    resampled: Influence
    truncation: Truncation | None
    """None where no truth is known to lose against."""
    gradients: Influence | None
    """None where the subject is no network, or PyTorch is not there."""
    longest: int
    """The longest lag measured."""
    windows: int
    """Windows it was measured on."""
    spread: float
    """Standard deviation of the answers over the windows, in their own unit."""
    older: float
    """The total effect of everything before the last step together, as a share of the answers' variance."""


def measure_reach(subject: Subject, *, apart: Sequence[int] = (), seed: int = 0) -> Reach:
    """How far back a subject looks.

    Args:
        apart: lags to measure on their own, such as the seasons.
        seed: which windows replace which.

    Raises `UsageError` for fewer than 2 windows: there would be nothing to replace a stretch by.
    """
    if len(subject.windows) < 2:
        raise UsageError(f"There is {len(subject.windows)} window, expected 2 or more to replace one by another.")
    stretches = stretches_of_lags(subject.first_lag, subject.longest_lag, apart)
    count = min(len(subject.windows), CHANGED)
    return Reach(
        _resampled(subject, stretches, count, seed),
        _truncated(subject),
        _by_gradients(subject) if isinstance(subject, NetworkSubject) else None,
        subject.longest_lag,
        len(subject.windows),
        float(np.nanstd(subject.answers(subject.windows, subject.all()))),
        _of_older(subject, count, seed),
    )


def stretches_of_lags(first: int, last: int, apart: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Stretches that cover the lags from `first` to `last`, those in `apart` each on its own.

    >>> stretches_of_lags(0, 4)
    [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]
    >>> stretches_of_lags(100, 130, apart=[112])
    [(100, 107), (108, 111), (112, 112), (113, 121), (122, 130)]
    """
    alone = sorted({lag for lag in apart if first <= lag <= last})
    stretches = []
    lag = first
    while lag <= last:
        if lag in alone:
            end = lag
        else:
            end = min(lag + max(int(WIDTH * lag), 1) - 1, last, *(other - 1 for other in alone if other > lag))
        stretches.append((lag, end))
        lag = end + 1
    return stretches


def peaks(influence: Influence, lags: Sequence[int]) -> tuple[int, ...]:
    """Those of the lags that stand out."""
    return tuple(lag for lag in lags if stands_out(influence, lag))


def stands_out(influence: Influence, lag: int) -> bool:
    """Whether a lag has more influence than its neighbours would let one expect, and enough to matter.

    Its neighbourhood is everything from half to one and a half times as long ago.
    """
    width = influence.last - influence.first + 1
    here = (influence.first <= lag) & (lag <= influence.last)
    near = ~here & (influence.last >= lag / 2) & (influence.first <= 1.5 * lag)
    if not here.any() or not near.any():
        return False
    usual = influence.shares[near].sum() / width[near].sum()
    return bool(influence.at(lag) > max(STANDS_OUT * usual * width[here].sum(), 0.005))


def _resampled(subject: Subject, stretches: list[tuple[int, int]], count: int, seed: int) -> Influence:
    generator = np.random.default_rng(seed)
    windows, which = subject.windows[:count], np.arange(count)
    answers = subject.answers(windows, which)
    again = np.repeat(which, DRAWS)
    state = subject.start(which)  # before the stretch: what is older is the same for all
    effect = np.zeros((len(stretches), count))
    for number in range(len(stretches) - 1, -1, -1):
        first, last = stretches[number]
        begin, end = subject.place(last), subject.place(first) + 1
        borrowed = subject.borrowed(_others(again, count, generator), again)
        rest = np.concatenate([borrowed[:, begin:end], windows[again, end:]], axis=1)
        moved = subject.answer(again, subject.read(rest, begin, again, subject.branch(state, again))) - answers[again]
        effect[number] = np.nan_to_num(moved**2).reshape(count, DRAWS).mean(axis=1) / 2
        state = subject.read(windows[:, begin:end], begin, which, state)
    firsts, lasts = np.array(stretches, np.int64).T
    shares = _of_variance(effect, answers)  # stretch x window
    return Influence("resampled", firsts, lasts, shares.mean(axis=1), shares)


def _others(which: Whole, count: int, generator: np.random.Generator) -> Whole:
    """For each window another one, drawn by itself."""
    return (which + generator.integers(1, count, size=len(which))) % count


def _of_older(subject: Subject, count: int, seed: int) -> float:
    """All lags but the first replaced together: what the last step alone does not tell."""
    windows, which = subject.windows[:count], np.arange(count)
    if windows.shape[1] == 1:
        return 0.0
    again = np.repeat(which, DRAWS)
    borrowed = subject.borrowed(_others(again, count, np.random.default_rng(seed)), again)
    changed = np.concatenate([borrowed[:, :-1], windows[again, -1:]], axis=1)
    answers = subject.answers(windows, which)
    moved = subject.answers(changed, again) - answers[again]
    return float(_of_variance(np.nanmean(moved**2, keepdims=True) / 2, answers)[0])


def _of_variance(effect: Floats, answers: Floats) -> Floats:
    """As shares of the variance of the answers; zeros where they are all the same but for rounding."""
    variance, size = float(np.nanvar(answers)), float(np.nanmean(answers**2))
    return effect / variance if variance > FAINT * size else np.zeros_like(effect)


def _truncated(subject: Subject) -> Truncation | None:
    losses = subject.losses(subject.answers(subject.windows, subject.all()), subject.all())
    known = np.isfinite(losses)
    whole = float(losses[known].mean()) if known.any() else 0.0
    if not whole > 0:
        return None
    tried: dict[int, tuple[float, float]] = {}
    number = int(known.sum())

    def measure(keep: int) -> Truncation:
        more = (subject.losses(subject.cut(keep), subject.all()) - losses)[known] / whole
        doubt = float(more.std()) / number**0.5 if number >= FEW else float("nan")
        tried[keep] = 1 + float(more.mean()), doubt
        kept = sorted(tried)
        loss, doubts = np.array([tried[each] for each in kept]).T
        return Truncation(np.array(kept, np.int64), loss, doubts, number)

    for keep in np.unique(np.round(np.geomspace(1, subject.windows.shape[1], CUTS)).astype(np.int64)):
        found = measure(int(keep))
    while (between := _between(found)) is not None:
        found = measure(between)
    return found


def _between(found: Truncation) -> int | None:
    """A length of history that tells the effective context to within 5 %; None where it is known so well."""
    enough = found.effective()
    shorter = found.kept[found.kept < enough]
    if len(shorter) == 0 or enough - shorter[-1] <= max(1, 0.05 * enough):
        return None
    return int(enough + shorter[-1]) // 2


def _by_gradients(subject: NetworkSubject) -> Influence | None:
    try:
        slopes = subject.gradients(subject.windows)
    except MissingExtraError:
        return None
    spread = subject.windows.std(axis=(0, 1))  # column
    effect: Floats = ((slopes * spread) ** 2).sum(axis=2).mean(axis=0)[::-1].astype(np.float64)  # lag
    lags = np.arange(len(effect)) + subject.first_lag
    return Influence("gradients", lags, lags, _of_variance(effect, subject.answers(subject.windows, subject.all())))
