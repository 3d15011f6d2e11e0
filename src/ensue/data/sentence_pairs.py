"""Sentence pairs for translation: two texts of equally many lines, each line the translation of the other's.

What cannot be a pair is refused with the number of its line, because a line too many on one side would teach every
pair after it wrongly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ensue.errors import DataError

SET_ASIDE = 0.05
"""The share of pairs set aside for validation where none are given ..."""
SET_ASIDE_MOST = 1000
"""... and at most so many: the score of a thousand sentences is steady enough."""
LONGEST_LINE = 20_000
"""Characters: a longer line is no sentence."""


@dataclass(frozen=True)
class SentencePairs:
    """Sentences and their translations, line by line.

    >>> pairs = pair_up(["a cat", "", "a dog"], ["eine Katze", "", "ein Hund"])
    >>> len(pairs), pairs.findings
    (2, ('Left out 1 pair of blank lines (the first is line 2).',))
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    findings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: Sequence[int]) -> SentencePairs:
        """Some of the pairs, in the order given."""
        return SentencePairs(tuple(self.source[row] for row in rows), tuple(self.target[row] for row in rows))

    def digest(self) -> str:
        """Of all that is in them, to know the same pairs again."""
        text = "\n".join(f"{source}\t{target}" for source, target in zip(self.source, self.target, strict=True))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_pairs(source: str | Path, target: str | Path) -> SentencePairs:
    """The pairs of two text files, one sentence a line; .gz and .xz are unpacked.

    Raises `DataError` where the files have different numbers of lines, a line is blank in one of them only, a file is
    empty or not UTF-8.
    """
    from ensue.data.text_files import read_lines

    return pair_up(read_lines(source), read_lines(target), names=(Path(source).name, Path(target).name))


def pair_up(
    source: Sequence[str], target: Sequence[str], names: tuple[str, str] = ("source", "target")
) -> SentencePairs:
    """Two lists of sentences as pairs; `names` are what messages call them. Raises `DataError` as `read_pairs` does."""
    for name, lines in zip(names, (source, target), strict=True):
        _check_lines(name, lines)
    if len(source) != len(target):
        raise DataError(_unequal(source, target, names))
    kept, blank = [], []
    for row, (left, right) in enumerate(zip(source, target, strict=True)):
        if left.strip() and right.strip():
            kept.append(row)
        elif left.strip() or right.strip():
            empty, full = names if right.strip() else names[::-1]
            raise DataError(
                f"Line {row + 1} of {empty} is blank, but line {row + 1} of {full} is not: "
                "fill it in, or remove the line from both."
            )
        else:
            blank.append(row + 1)
    if not kept:
        raise DataError(f"{names[0]} and {names[1]} have no sentence: every line is blank.")
    findings = (f"Left out {_pairs(len(blank))} of blank lines (the first is line {blank[0]}).",) if blank else ()
    pairs = SentencePairs(tuple(source), tuple(target)).take(kept) if blank else None
    return SentencePairs(pairs.source if pairs else tuple(source), pairs.target if pairs else tuple(target), findings)


def set_aside(pairs: SentencePairs, seed: int) -> tuple[SentencePairs, SentencePairs]:
    """The pairs to learn from, and those set aside to validate on; a function of pairs and seed alone.

    Pairs of the same source sentence stay on the same side, so that none is validated on what was learned by heart. A
    sentence that more pairs have than are to be set aside stays with those to learn from; where every one has, the rarest
    is set aside. The findings of the second part say where its share is far from the usual one. Raises `DataError` where
    there is nothing to divide.

    >>> training, validation = set_aside(pair_up(list("abcdefgh"), list("abcdefgh")), seed=0)
    >>> len(training), len(validation)
    (7, 1)
    """
    rows: dict[str, list[int]] = {}
    for row, sentence in enumerate(pairs.source):
        rows.setdefault(sentence, []).append(row)
    if len(rows) < 2:
        raise DataError(
            "All pairs have the same source sentence, and some have to be set aside for validation: give others, "
            "or give validation pairs of your own."
        )
    wanted = max(1, min(SET_ASIDE_MOST, int(SET_ASIDE * len(pairs))))
    order = np.random.default_rng((seed, len(rows))).permutation(len(rows))
    groups = list(rows.values())
    groups = [groups[place] for place in order]
    chosen: list[int] = []
    for group in groups:
        if len(chosen) + len(group) <= wanted:
            chosen += group
    rarest: list[int] = min(groups, key=len)
    aside = set(chosen or rarest)
    validation = pairs.take(sorted(aside))
    if not wanted / 2 <= len(aside) <= 2 * wanted:
        validation = replace(validation, findings=(_uneven(len(aside), wanted, len(pairs)),))
    return pairs.take([row for row in range(len(pairs)) if row not in aside]), validation


def _uneven(aside: int, wanted: int, pairs: int) -> str:
    return (
        f"Set aside {aside:,} of {pairs:,} pairs for validation where {wanted:,} are usual: many pairs have the same source "
        "sentence, and such stay together; validation pairs of your own would tell more."
    )


def _check_lines(name: str, lines: Sequence[str]) -> None:
    if isinstance(lines, str) or not all(isinstance(line, str) for line in lines):
        raise DataError(f"{name} is not a list of sentences: give one text for each sentence.")
    if not lines:
        raise DataError(f"{name} is empty: give at least one sentence.")
    for row, line in enumerate(lines):
        if len(line) > LONGEST_LINE:
            raise DataError(
                f"Line {row + 1} of {name} has {len(line)} characters, expected at most {LONGEST_LINE}: "
                "put one sentence on a line."
            )


def _unequal(source: Sequence[str], target: Sequence[str], names: tuple[str, str]) -> str:
    longer = names[0] if len(source) > len(target) else names[1]
    line = min(len(source), len(target)) + 1
    return (
        f"{names[0]} has {len(source)} lines and {names[1]} has {len(target)}: line {line} of {longer} has no "
        "translation; give both files equally many lines."
    )


def _pairs(count: int) -> str:
    return f"{count} pair" + ("" if count == 1 else "s")
