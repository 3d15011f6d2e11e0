"""Subwords: frequent strings of bytes, learned by byte pair encoding (Sennrich, Haddow & Birch 2016, sec. 3.2).

The library `tokenizers` learns and applies them; bytes that no rule joins stay single, so there is no unknown text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FEWEST, MOST = 300, 16_000
ENOUGH = 50_000_000
"""Characters from which subwords are learned; of a longer text the beginning is taken."""
SELDOM = 15
"""A vocabulary whose tokens are seen less often than this, on average, is called too large."""
LONGEST = 100_000
"""Characters that are cut into subwords at once."""
LONGEST_LEARNED = 1_000
"""Characters of a part while subwords are learned: a run without spaces costs the square of its length."""
MOST_READ = 1_000_000
"""Subwords that a model file may have."""


@dataclass(frozen=True)
class Subwords:
    """Tokens in byte letters, and which two of them are joined, most frequent first. Nothing else decides how text is cut."""

    tokens: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> NDArray[np.int64]:
        parts = [self._tokenizer.encode(part).ids for part in _parts(_whole(text), LONGEST)]
        return np.array([number for part in parts for number in part], np.int64)

    def spans(self, text: str) -> list[tuple[int, int]]:
        spans, start = [], 0
        for part in _parts(_whole(text), LONGEST):
            spans += [(start + int(first), start + int(last)) for first, last in self._tokenizer.encode(part).offsets]
            start += len(part)
        return spans

    @cached_property
    def written(self) -> tuple[bytes, ...]:
        """The bytes of each token."""
        return tuple(bytes(_BYTES.get(letter, 0) for letter in token) for token in self.tokens)

    def to_json(self) -> dict[str, Any]:
        return {"tokens": list(self.tokens), "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_json(cls, plain: Any) -> Subwords:
        """Raises `KeyError`, `TypeError` or `ValueError` for what is no such table."""
        tokens = tuple(plain["tokens"])
        merges = tuple((left, right) for left, right in plain["merges"])
        known = set(tokens)
        if not all(isinstance(each, str) for each in tokens) or len(known) != len(tokens) or len(tokens) > MOST_READ:
            raise ValueError("its subwords are no list of different tokens")
        if not set(_BYTES) <= known:
            raise ValueError("its subwords lack single bytes")
        if not all(left in known and right in known and left + right in known for left, right in merges):
            raise ValueError("its subwords are joined from tokens that are not there")
        return cls(tokens, merges)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        library = _library()
        numbers = {token: number for number, token in enumerate(self.tokens)}
        made: Tokenizer = library.Tokenizer(library.models.BPE(numbers, list(self.merges)))
        made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        return made


def learn_subwords(
    texts: Iterable[str], vocabulary: int | None, special: Sequence[str]
) -> tuple[Subwords, tuple[str, ...]]:
    """Subwords of these texts, and what to say of them.

    Args:
        vocabulary: how many, the 256 bytes among them; None: about three times the root of the text's length, which for 4
            million characters is 6,000.
        special: tokens that come first, and are not counted.
    """
    library = _library()
    kept, characters = [], 0
    for text in texts:
        kept.append(_whole(text))
        characters += len(text)
        if characters > ENOUGH:
            break
    if not characters:
        raise DataError("The text is empty: give a text to learn from.")
    size = vocabulary or int(min(max(3 * math.sqrt(characters), FEWEST), MOST)) - len(special)
    made = library.Tokenizer(library.models.BPE())
    made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    trainer = library.trainers.BpeTrainer(
        vocab_size=size + len(special),
        special_tokens=list(special),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    made.train_from_iterator((part for text in kept for part in _parts(text, LONGEST_LEARNED)), trainer)
    findings = []
    if characters / 4 / size < SELDOM and vocabulary is not None:
        findings.append(
            f"vocabulary: {size:,} subwords for a text of {characters:,} characters: each is seen seldom; leave the "
            "number out and fewer are taken."
        )
    model = json.loads(made.to_str())["model"]
    numbers = sorted(model["vocab"].items(), key=lambda each: each[1])
    pairs = (
        pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]
    )  # as the version writes them
    subwords = Subwords(tuple(token for token, _ in numbers), tuple((left, right) for left, right in pairs))
    return subwords, tuple(findings)


def _parts(text: str, longest: int) -> Iterator[str]:
    """In parts that the library can hold, cut before a space where there is one: a line may have ten million characters."""
    start = 0
    while len(text) - start > longest:
        cut = text.rfind(" ", start + 1, start + longest)
        end = cut if cut > start else start + longest
        yield text[start:end]
        start = end
    yield text[start:]


def _whole(text: str) -> str:
    """Without halves of characters, which no Unicode text has but some files do."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _library() -> Any:
    try:
        import tokenizers
        from tokenizers import models, pre_tokenizers, trainers  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("Text in subwords", "tokenizers", "text") from error
    return tokenizers


def _byte_letters() -> dict[str, int]:
    """The letter that byte-level encoding writes for each byte: itself where it can be seen, one beyond 255 otherwise."""
    seen = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [value for value in range(256) if value not in seen]
    return {chr(value): value for value in seen} | {chr(256 + i): value for i, value in enumerate(hidden)}


_BYTES = _byte_letters()
