"""How good transcripts are: word and character error rates, by jiwer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ensue.errors import MissingExtraError


@dataclass(frozen=True)
class SpeechScores:
    """Errors of some transcripts against what was said."""

    wer: float
    """Words put in, left out and replaced, for each word that was said."""
    cer: float
    """The same of characters."""
    words: int
    """That were said."""
    rows: int


def score(said: Sequence[str], heard: Sequence[str]) -> SpeechScores:
    """Word and character error rates of what was heard. Raises `MissingExtraError` without jiwer.

    >>> score(["yes no", "no"], ["yes", "no"]).wer
    0.3333333333333333
    """
    try:
        import jiwer
    except ImportError as error:
        raise MissingExtraError("Counting word errors", "jiwer", "audio") from error
    words = jiwer.process_words(list(said), list(heard))
    characters = jiwer.process_characters(list(said), list(heard))
    return SpeechScores(float(words.wer), float(characters.cer), sum(len(each.split()) for each in said), len(said))


def right_words(said: str, heard: Sequence[str]) -> list[bool]:
    """Which of the words that were heard are right, by the alignment of the fewest errors.

    >>> right_words("one two three", ["one", "too", "three", "four"])
    [True, False, True, False]
    """
    right = [False] * len(heard)
    before = list(range(len(heard) + 1))
    words = said.split()
    rows = [before]
    for i, word in enumerate(words, start=1):
        row = [i]
        for j, other in enumerate(heard, start=1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (word != other)))
        rows.append(row)
    i, j = len(words), len(heard)
    while i and j:
        same = words[i - 1] == heard[j - 1]
        if rows[i][j] == rows[i - 1][j - 1] + (not same):
            right[j - 1] = same
            i, j = i - 1, j - 1
        elif rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return right
