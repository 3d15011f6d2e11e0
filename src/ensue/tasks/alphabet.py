"""What a speech model writes: characters, subwords or words as the classes of its network, with the blank as class 0.

The blank stands for "nothing new here" (Graves et al. 2006, sec. 3.1). The others are the tokens of a text front end, in
its order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.text import END, TextFrontEnd, TextOptions
from ensue.errors import ConfigError, DataError, nearest

BLANK = 0
TOKENS = ("characters", "subwords", "words")
SEEN_AT_LEAST = 8
"""Subwords, besides the bytes they begin from, are as many as are seen so often, unless their number is given."""


def tidy(text: str) -> str:
    """A transcript with single spaces.

    >>> tidy("  yes   no ")
    'yes no'
    """
    return " ".join(text.split())


@dataclass(frozen=True)
class Alphabet:
    """Between transcripts and the classes of a network.

    >>> alphabet = Alphabet.learn(["ab ba", "aa"])
    >>> alphabet.encode("ab a").tolist(), alphabet.size, alphabet.write([1, 0, 1, 1, 2, 3, 1])
    ([1, 2, 3, 1], 4, 'aab a')
    """

    text: TextFrontEnd

    @classmethod
    def learn(
        cls, texts: Sequence[str], tokens: str = "characters", vocabulary: int | None = None, lowercase: bool = False
    ) -> Alphabet:
        """The alphabet of these transcripts. Raises `ConfigError` for another kind of token."""
        if tokens not in TOKENS:
            raise ConfigError(f"tokens is '{tokens}', {nearest(tokens, TOKENS)}")
        if tokens == "subwords" and vocabulary is None:
            vocabulary = max(256, min(1000, sum(map(len, texts)) // (2 * SEEN_AT_LEAST) // 2))
        if tokens == "words":
            vocabulary = max(10, len({word for text in texts for word in text.split()}))
        options = TextOptions(tokens, vocabulary, lowercase)
        return cls(TextFrontEnd.learn([tidy(text) for text in texts], options))

    @classmethod
    def of(cls, characters: str, lowercase: bool = False) -> Alphabet:
        """The alphabet of given characters; the space is one of them. Raises `ConfigError` where one comes twice.

        >>> Alphabet.of("ab").encode("b a").tolist()
        [2, 3, 1]
        """
        repeated = [each for each, count in Counter(characters).items() if count > 1]
        if repeated or not characters.strip():
            what = f"has '{repeated[0]}' twice" if repeated else "is empty"
            raise ConfigError(f"alphabet {what}, expected different characters, such as 'abc '.")
        own = tuple(characters if " " in characters else characters + " ")
        return cls(TextFrontEnd("characters", lowercase, "NFC", own))

    @property
    def size(self) -> int:
        """How many classes there are, the blank among them."""
        return self.text.size - END

    def encode(self, text: str) -> NDArray[np.int64]:
        """The classes of a transcript `(labels,)`. Raises `DataError` for one that cannot be written with them."""
        found = self.text.encode(tidy(text)) - END
        if (found <= BLANK).any():
            raise DataError(f"'{text[:60]}' cannot be written with this alphabet: {', '.join(self.foreign([text]))}.")
        return found

    def tidied(self, text: str) -> str:
        """A transcript as the model would write it: single spaces, its case."""
        return tidy(self.text.prepare(text))

    def foreign(self, texts: Iterable[str]) -> list[str]:
        """What of these transcripts is not in the alphabet, the most frequent first, each once."""
        counts: Counter[str] = Counter()
        for text in texts:
            ready = self.text.prepare(tidy(text))
            numbers = self.text.encode(ready)
            spans = self.text.spans(ready)
            counts.update(ready[a:b] for number, (a, b) in zip(numbers, spans, strict=True) if number <= END)
        return [repr(each) for each, _ in counts.most_common()]

    @cached_property
    def surfaces(self) -> tuple[bytes, ...]:
        """What each class adds to a text, as UTF-8; a space ends a word. The blank adds nothing."""
        written = self.text.written[END + 1 :]
        if self.text.kind == "words":
            written = tuple(b" " + each for each in written)
        return (b"", *written)

    def write(self, path: Iterable[int]) -> str:
        """The text of a path, a class a step: repeats become one, blanks are left out (Graves et al. 2006, eq. 2)."""
        before, text = BLANK, b""
        for each in path:
            if each not in (before, BLANK):
                text += self.surfaces[each]
            before = each
        return tidy(text.decode("utf-8", "replace"))

    def steps_for(self, labels: NDArray[np.int64]) -> int:
        """The fewest steps in which a network can say these labels: between equal ones it needs a blank."""
        return max(1, len(labels) + int((labels[1:] == labels[:-1]).sum()))

    def to_json(self) -> dict[str, Any]:
        return self.text.to_json()

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Alphabet:
        """What was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        text = TextFrontEnd.from_json(plain)
        if text.kind not in TOKENS:
            raise ValueError(f"a speech model of {text.kind}")
        return cls(text)
