"""Sentence pairs as tokens: the front end of each language, learned from the pairs, and the pairs that are not too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensue.data.sentence_pairs import SentencePairs
from ensue.data.text import TextFrontEnd
from ensue.errors import DataError
from ensue.tasks.translation_recipe import TranslationOptions

MOST_TOKENS = 250
"""A pair with a side longer than this is left out of training: memory grows with the longest sentence of a batch."""

FrontEnds = tuple[TextFrontEnd, TextFrontEnd]


class TokenPairs(NamedTuple):
    """Pairs, and the tokens of both their sides, without marks."""

    pairs: SentencePairs
    source: list[NDArray[np.int64]]
    target: list[NDArray[np.int64]]


def learn_front_ends(pairs: SentencePairs, options: TranslationOptions) -> FrontEnds:
    """The front end of each language; where they share, one that both sides' sentences gave."""
    text = options.text
    if options.shares:
        both = TextFrontEnd.learn([*pairs.source, *pairs.target], text)
        return both, both
    return TextFrontEnd.learn(pairs.source, text), TextFrontEnd.learn(pairs.target, text)


def in_tokens(pairs: SentencePairs, front_ends: FrontEnds, which: str, say: Callable[[str], None]) -> TokenPairs:
    """The pairs that are not too long; how many are, is said.

    Raises `DataError` where every pair is.

    >>> letters = TextFrontEnd("bytes")
    >>> pairs = SentencePairs(("a", "b" * 300), ("x", "y"))
    >>> len(in_tokens(pairs, (letters, letters), "training", print).pairs)
    Left out 1 of 2 training pairs with more than 250 tokens on a side.
    1
    """
    sides = zip(front_ends, (pairs.source, pairs.target), strict=True)
    source, target = ([front_end.encode(line) for line in side] for front_end, side in sides)
    fits = [row for row in range(len(pairs)) if max(len(source[row]), len(target[row])) <= MOST_TOKENS]
    if not fits:
        raise DataError(f"Every {which} pair has more than {MOST_TOKENS} tokens on a side: put one sentence on a line.")
    if len(fits) == len(pairs):
        return TokenPairs(pairs, source, target)
    say(
        f"Left out {len(pairs) - len(fits):,} of {len(pairs):,} {which} pairs with more than {MOST_TOKENS} tokens on a side."
    )
    return TokenPairs(pairs.take(fits), [source[row] for row in fits], [target[row] for row in fits])
