"""Setting aside whole groups, such as speakers or subjects, so that a validation score tells of people never met before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensue.errors import DataError

Rows = NDArray[np.int64]

TRIES = 200
"""Divisions of the groups that are tried, for one that has every class on both sides."""


def set_aside(
    labels: Sequence[str], groups: Sequence[str] | None, share: float = 0.2, seed: int = 0, what: str = "groups"
) -> tuple[Rows, Rows, str | None]:
    """Rows to learn from, rows to validate on, and what there is to say of it; a function of the arguments alone.

    Groups stay whole, and about `share` of the rows are set aside. Among divisions by chance the one is taken that has the
    most classes on both sides. Without two groups, a part of each class is set aside row by row, and that is warned of.

    Args:
        what: what groups are called in the sentence, such as "speakers".

    Raises `DataError` where nothing can be set aside.

    >>> labels, groups = ["a", "b"] * 4, ["x", "x", "y", "y", "z", "z", "x", "x"]
    >>> training, validation, said = set_aside(labels, groups, share=0.25, what="speakers")
    >>> [sorted({groups[row] for row in rows}) for rows in (training, validation)], said
    ([['x', 'y'], ['z']], 'Validates on 1 of 3 speakers, none of whose rows is learned from.')
    """
    if len(labels) < 2:
        raise DataError(f"{len(labels)} labelled rows were given, expected two at least: some are set aside.")
    known = sorted(set(groups or ()))
    if groups is not None and len(known) > 1:
        chosen = _whole(labels, groups, known, share, seed)
        if chosen is not None:
            aside = np.array([each in chosen for each in groups])
            said = f"Validates on {len(chosen)} of {len(known)} {what}, none of whose rows is learned from."
            return np.flatnonzero(~aside), np.flatnonzero(aside), said
    aside = _by_class(labels, share, seed)
    why = f"The {what} cannot be told apart" if groups is None else f"There are too few {what}"
    said = (
        f"{why}, so rows are set aside by chance, and the score is likely better than with people never met before: give a "
        f"column of {what}, or name files by them."
    )
    return np.flatnonzero(~aside), np.flatnonzero(aside), said


def _whole(
    labels: Sequence[str], groups: Sequence[str], known: Sequence[str], share: float, seed: int
) -> frozenset[str] | None:
    """Groups to set aside; None where every division takes a class away from what is learned."""
    names = np.array(labels)
    rows = {each: np.array([group == each for group in groups]) for each in known}
    least = len(set(labels))
    best: tuple[tuple[int, float], frozenset[str]] | None = None
    for trial in range(TRIES):
        order = np.random.default_rng((seed, trial)).permutation(len(known))
        aside, chosen = np.zeros(len(labels), bool), []
        for place in order[:-1]:
            aside |= rows[known[place]]
            chosen.append(known[place])
            if aside.mean() >= share * 0.9:
                break
        if len(set(names[~aside])) < least:
            continue
        merit = len(set(names[aside])), -abs(aside.mean() - share)
        if best is None or merit > best[0]:
            best = merit, frozenset(chosen)
    return None if best is None else best[1]


def _by_class(labels: Sequence[str], share: float, seed: int) -> NDArray[np.bool_]:
    """A part of the rows of each class that has two at least."""
    names = np.array(labels)
    aside = np.zeros(len(names), bool)
    for place, name in enumerate(sorted(set(labels))):
        own = np.flatnonzero(names == name)
        if len(own) > 1:
            count = min(len(own) - 1, max(1, round(share * len(own))))
            aside[np.random.default_rng((seed, place)).permutation(own)[:count]] = True
    if not aside.any():
        raise DataError(
            "Each class has one row, and some have to be set aside for validation: give more of each class."
        )
    return aside
