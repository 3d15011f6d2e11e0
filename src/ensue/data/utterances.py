"""What was said: recordings, or what a network reads of them, each with its transcript."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Steps = NDArray[np.float32]


@dataclass(frozen=True)
class Utterances:
    """Features of each utterance `(steps, size)` and what was said in it.

    >>> some = Utterances([np.zeros((4, 2), np.float32)], ("yes",))
    >>> len(some), len(some.take([0, 0]))
    (1, 2)
    """

    features: Sequence[Steps]
    texts: tuple[str, ...]
    augment: Callable[[int, np.random.Generator], Steps] | None = None
    """Features of the utterance of that number, changed at random as training sees them."""

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Iterable[int]) -> Utterances:
        """Some of them, in the order given."""
        chosen = [int(row) for row in rows]
        augment = self.augment
        renumbered = None if augment is None else (lambda row, dice: augment(chosen[row], dice))
        return Utterances([self.features[row] for row in chosen], tuple(self.texts[row] for row in chosen), renumbered)

    def digest(self) -> str:
        """Of all that is in them, to know the same ones again."""
        found = hashlib.sha256(repr(self.texts).encode("utf-8", "surrogatepass"))
        for each in self.features:
            found.update(np.ascontiguousarray(each).tobytes())
        return found.hexdigest()


SHARE = 0.1
"""Of the utterances, set aside for validation, ..."""
LEAST = 8
"""... and at least so many, but no more than a fifth."""
FEW_SPEAKERS = 4
"""With fewer speakers than this, single utterances are set aside and not whole speakers."""


def set_aside(
    count: int, speakers: Sequence[str] | None, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    """Rows to learn from, rows to validate on, and a sentence about them: whole speakers, where they are known.

    >>> set_aside(6, ["ann", "ann", "bob", "bob", "cid", "dan"], seed=0)[2]
    'Validates on 2 utterances of 1 speaker (ann), who is not learned from.'
    """
    dice = np.random.default_rng((seed, 77))
    wanted = max(1, round(SHARE * count), min(LEAST, count // 5))
    known = sorted(set(speakers or ()))
    if len(known) < FEW_SPEAKERS:
        held = dice.permutation(count)[: min(wanted, max(1, count - 1))]
        why = "the speakers are not known" if not known else f"there are {len(known)} speakers only"
        said = (
            f"Validates on {_utterances(len(held))} by chance, since {why}: of new speakers the errors may be more; name "
            "a column of speakers to set whole ones aside."
        )
    else:
        of = np.array(speakers)
        chosen: list[str] = []
        for name in dice.permutation(known).tolist():
            if int(np.isin(of, chosen).sum()) >= wanted or len(chosen) >= len(known) // 2:
                break
            chosen.append(name)
        held = np.flatnonzero(np.isin(of, chosen))
        names = ", ".join(sorted(chosen)[:8]) + (" ..." if len(chosen) > 8 else "")
        verb = "who is" if len(chosen) == 1 else "who are"
        many = f"{len(chosen)} speaker{'s' * (len(chosen) != 1)}"
        said = f"Validates on {_utterances(len(held))} of {many} ({names}), {verb} not learned from."
    return np.setdiff1d(np.arange(count), held), np.sort(held), said


def _utterances(count: int) -> str:
    return f"{count:,} utterance{'s' * (count != 1)}"
