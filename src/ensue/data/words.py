"""Where words begin and end in a text, and how they are put together again."""

from __future__ import annotations

import re
from collections.abc import Iterator

JOINER = "\uffed"
"""Marks where a piece was cut from its neighbour, so that joining gives the text back: a small square, as in OpenNMT."""

_BETWEEN_SPACES = re.compile(r"\n|[^\s]+")
_PIECES = re.compile(r"\n|[^\W_]+(?:['’\-.][^\W_]+)*|[^\s]")
_ENDS_IN_PUNCTUATION = re.compile(r"\w[,;:!?](?:\s|$)|\w\.(?=\n|$)")
FEW = 0.005
"""Share of words ending in a comma and the like below which a text is held to be cut already."""


def stands_apart(text: str) -> bool:
    """Whether punctuation has spaces around it, as in texts that were cut into words before.

    >>> stands_apart("it rained , but not for long"), stands_apart("it rained, but not for long")
    (True, False)
    """
    words = len(text.split())
    return len(_ENDS_IN_PUNCTUATION.findall(text)) <= FEW * words


def pieces(text: str, apart: bool) -> Iterator[str]:
    """The words of a text in order, each end of a line one of them.

    With `apart` they are what stands between spaces. Otherwise punctuation is a piece of its own, and a mark on it says
    on which side it was joined: '￭,' belongs to the word before, '(￭' to the one after.

    >>> list(pieces("So (she) said: no.", apart=False))
    ['So', '(￭', 'she', '￭)', 'said', '￭:', 'no', '￭.']
    """
    if apart:
        yield from _BETWEEN_SPACES.findall(text)
        return
    before_end = 0
    for match in _PIECES.finditer(text):
        piece, (start, end) = match[0], match.span()
        if piece != "\n" and not piece[0].isalnum():
            before = start > 0 and start == before_end and text[start - 1] != "\n"
            after = end < len(text) and not text[end].isspace()
            piece = f"{JOINER}{piece}" if before else f"{piece}{JOINER}" if after else piece
            if before and after:
                piece += JOINER
        elif piece != "\n" and start == before_end and start > 0 and text[start - 1].isalnum():
            piece = JOINER + piece
        before_end = end
        yield piece
