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
LONGEST = 100_000
"""Characters that are cut into subwords at once."""


@dataclass(frozen=True)
class Subwords:
    """Merges that were learned, as the library writes them."""

    definition: str

    @property
    def size(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> NDArray[np.int64]:
        parts = [self._tokenizer.encode(part).ids for part in _parts(_whole(text))]
        return np.array([number for part in parts for number in part], np.int64)

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(int(first), int(last)) for first, last in self._tokenizer.encode(_whole(text)).offsets]

    @cached_property
    def written(self) -> tuple[bytes, ...]:
        """The bytes of each token."""
        numbers: dict[str, int] = json.loads(self.definition)["model"]["vocab"]
        by_number = sorted(numbers.items(), key=lambda each: each[1])
        return tuple(bytes(_BYTES.get(character, 0) for character in token) for token, _ in by_number)

    def to_json(self) -> str:
        return self.definition

    @classmethod
    def from_json(cls, plain: Any) -> Subwords:
        """Raises `TypeError` or `ValueError` for what is no such definition."""
        if not isinstance(plain, str):
            raise TypeError("its subwords are no text")
        numbers = json.loads(plain)["model"]["vocab"]
        if sorted(numbers.values()) != list(range(len(numbers))) or len(numbers) > 1_000_000:
            raise ValueError("its subwords are not numbered one after the other")
        return cls(plain)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        library = _library()
        try:
            made: Tokenizer = library.Tokenizer.from_str(self.definition)
        except Exception as error:  # the library raises no class of its own
            raise ValueError(f"its subwords cannot be read: {error}") from error
        made.encode_special_tokens = True  # a text that says '<end>' means these five characters
        return made


def learn_subwords(
    texts: Iterable[str], vocabulary: int | None, special: Sequence[str]
) -> tuple[Subwords, tuple[str, ...]]:
    """Subwords of these texts, and what to say of them.

    Args:
        vocabulary: how many, with the 256 bytes and the special tokens; None: about three times the root of the text's
            length, which for 4 million characters is 6,000.
        special: tokens that come first.
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
    size = vocabulary or int(min(max(3 * math.sqrt(characters), FEWEST), MOST))
    made = library.Tokenizer(library.models.BPE())
    made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = library.decoders.ByteLevel()
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    trainer = library.trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator((part for text in kept for part in _parts(text)), trainer)
    findings = []
    if characters / 4 / size < SELDOM and vocabulary is not None:
        findings.append(
            f"vocabulary: {size:,} subwords for a text of {characters:,} characters: each is seen seldom; leave the "
            "number out and fewer are taken."
        )
    return Subwords(made.to_str()), tuple(findings)


def _parts(text: str) -> Iterator[str]:
    """In parts that the library can hold, cut before a space where there is one: a line may have ten million characters."""
    start = 0
    while len(text) - start > LONGEST:
        cut = text.rfind(" ", start + 1, start + LONGEST)
        end = cut if cut > start else start + LONGEST
        yield text[start:end]
        start = end
    yield text[start:]


def _whole(text: str) -> str:
    """Without halves of characters, which no Unicode text has but some files do."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _library() -> Any:
    try:
        import tokenizers
        from tokenizers import decoders, models, pre_tokenizers, trainers  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("Text in subwords", "tokenizers", "text") from error
    return tokenizers


def _byte_letters() -> dict[str, int]:
    """The letter that byte-level encoding writes for each byte: itself where it can be seen, one beyond 255 otherwise."""
    seen = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [value for value in range(256) if value not in seen]
    return {chr(value): value for value in seen} | {chr(256 + i): value for i, value in enumerate(hidden)}


_BYTES = _byte_letters()
