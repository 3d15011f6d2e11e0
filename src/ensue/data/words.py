"""Where words begin and end in a text, and how they are put together again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

JOINER = "\uffed"
"""Marks where a piece was cut from its neighbour, so that joining gives the text back: a small square, as in OpenNMT."""

_BETWEEN_SPACES = re.compile(r"\n|[^\s]+")
FEW = 0.005
"""Share of words ending in a comma and the like below which a text is held to be cut already."""


def stands_apart(text: str) -> bool:
    """Whether punctuation has spaces around it, as in texts that were cut into words before.

    >>> stands_apart("it rained , but not for long"), stands_apart("it rained, but not for long")
    (True, False)
    """
    words = len(text.split())
    return len(_ends_in_punctuation().findall(text)) <= FEW * words


def pieces(text: str, apart: bool) -> Iterator[str]:
    """The words of a text in order, each end of a line one of them.

    With `apart` they are what stands between spaces. Otherwise punctuation is a piece of its own, and a mark on it says
    on which side it was joined: '￭,' belongs to the word before, '(￭' to the one after. Vowel signs and accents belong to
    the letter before them.

    >>> list(pieces("So (she) said: no.", apart=False))
    ['So', '(￭', 'she', '￭)', 'said', '￭:', 'no', '￭.']
    >>> list(pieces("हिन्दी में।", apart=False))
    ['हिन्दी', 'में', '￭।']
    """
    if apart:
        yield from _BETWEEN_SPACES.findall(text)
        return
    before_end = 0
    for match in _pieces().finditer(text):
        piece, (start, end) = match[0], match.span()
        if piece != "\n" and not piece[0].isalnum():
            before = start > 0 and start == before_end and text[start - 1] != "\n"
            after = end < len(text) and not text[end].isspace()
            piece = f"{JOINER}{piece}" if before else f"{piece}{JOINER}" if after else piece
            if before and after:
                piece += JOINER
        before_end = end
        yield piece


@cache
def _pieces() -> re.Pattern[str]:
    """Ends of lines, words, and single characters that are neither."""
    word = rf"[^\W_]+(?:[{_marks()}]+[^\W_]*)*"
    return re.compile(rf"\n|{word}(?:['’\-.]{word})*|[^\s]")


@cache
def _ends_in_punctuation() -> re.Pattern[str]:
    return re.compile(rf"[\w{_marks()}][,;:!?।،؛؟](?:\s|$)|[\w{_marks()}]\.(?=\n|$)")


@cache
def _marks() -> str:
    """What stands on or after a letter without being one, for a class of a pattern: vowel signs, accents, joiners."""
    places = (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))  # beyond these there is none
    marks = (place for place in places if unicodedata.category(chr(place))[0] == "M")
    return "".join(map(chr, (*marks, 0x200C, 0x200D)))
