"""How good captions are, by agreement with what several people wrote: CIDEr-D (Vedantam, Lawrence Zitnick & Parikh 2015).

Every n-gram of up to four words counts by how rarely it stands in the references of other clips (sec. 4, eq. 1):

    g(s)[k] = count of k in s * log(clips / clips whose references have k)

and a caption c is compared with each reference r of its clip, n-grams of one length at a time. CIDEr-D (sec. 7, eq. 4)
clips what a caption says more often than the reference does, and takes from captions of another length:

    CIDEr-D_n(c) = 10 * mean over r of exp(-(l(c) - l(r))^2 / (2 * 6^2)) * (min(g(c), g(r)) . g(r)) / (|g(c)| |g(r)|)

The score is the mean over n = 1 .. 4 and over all clips. It has no upper bound of 1: the usual tables give it times 100,
here it is as the equation has it, from 0 to 10. Words are lower-cased runs of letters and digits, not stemmed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ensue.errors import DataError

LONGEST = 4
SPREAD = 6.0
"""Words of difference in length that take about 40 % of a score away."""

Grams = Counter[tuple[str, ...]]


def words(text: str) -> list[str]:
    """The words of a caption.

    >>> words("A cat's toy, red.")
    ['a', "cat's", 'toy', 'red']
    """
    return re.findall(r"\w+(?:'\w+)*", text.lower())


def cider(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """CIDEr-D of one caption a clip against the references of each, from 0 to 10.

    Rarity is counted in these references. Raises `DataError` for fewer than two clips, since all n-grams of one clip are
    equally rare, and where captions and references are not equally many.

    >>> references = [["a cat sits on the mat"], ["two dogs run on wet grass"]]
    >>> round(cider(["a cat sits on the mat", "two dogs run on wet grass"], references), 6)
    10.0
    >>> cider(["nothing at all", "nothing at all"], references)
    0.0
    """
    if len(captions) != len(references) or len(captions) < 2:
        raise DataError(
            f"{len(captions)} captions and references of {len(references)} clips were given, expected equally many and at "
            "least two."
        )
    counted = [[_grams(words(each)) for each in own] for own in references]
    if not all(counted):
        raise DataError("A clip has no reference, expected one at least: leave it out.")
    clips: Grams = Counter(gram for own in counted for gram in set().union(*own))
    rarity = {gram: math.log(len(references) / count) for gram, count in clips.items()}
    unseen = math.log(len(references))
    total = 0.0
    for caption, own in zip(captions, counted, strict=True):
        said = _grams(words(caption))
        total += sum(_agreement(said, each, rarity, unseen) for each in own) / len(own)
    return 10.0 * total / len(captions)


def _grams(of: Sequence[str]) -> Grams:
    return Counter(tuple(of[at : at + n]) for n in range(1, LONGEST + 1) for at in range(len(of) - n + 1))


def _agreement(said: Grams, right: Grams, rarity: Mapping[tuple[str, ...], float], unseen: float) -> float:
    """The mean over n of one caption's agreement with one reference."""
    lengths = [sum(count for gram, count in each.items() if len(gram) == 1) for each in (said, right)]
    close = math.exp(-((lengths[0] - lengths[1]) ** 2) / (2 * SPREAD**2))
    return close * sum(_cosine(n, said, right, rarity, unseen) for n in range(1, LONGEST + 1)) / LONGEST


def _cosine(n: int, said: Grams, right: Grams, rarity: Mapping[tuple[str, ...], float], unseen: float) -> float:
    def weighed(grams: Grams) -> dict[tuple[str, ...], float]:
        return {gram: count * rarity.get(gram, unseen) for gram, count in grams.items() if len(gram) == n}

    mine, theirs = weighed(said), weighed(right)
    sizes = math.sqrt(sum(each**2 for each in mine.values()) * sum(each**2 for each in theirs.values()))
    together = sum(min(mine.get(gram, 0.0), weight) * weight for gram, weight in theirs.items())
    return together / sizes if sizes else 0.0
