"""Text as numbers and back: bytes, characters, words or subwords, learned from the user's own text.

What is learned goes into the model file, so that a model never meets text cut another way than it was trained on. Token
0 is the unknown one, 1 begins and 2 ends a sentence; the text's own come after these.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.subwords import SELDOM, Subwords, learn_subwords
from ensue.data.words import JOINER, pieces, stands_apart
from ensue.errors import ConfigError, DataError, UsageError, nearest
from ensue.layers.base import check_whole

KINDS = ("bytes", "characters", "words", "subwords")
NORMAL_FORMS = ("none", "NFC", "NFKC")
SPECIAL = ("<unknown>", "<begin>", "<end>")
UNKNOWN, BEGIN, END = range(3)
LARGE = 5_000_000
"""Characters from which subwords are chosen rather than characters."""
MOST_CHARACTERS, MOST_WORDS = 10_000, 20_000
FEWEST, MOST = 10, 1_000_000
"""Tokens that a vocabulary may be asked to have."""
BYTES = 256
SAMPLE = 2_000_000
"""Characters that tell whether punctuation stands apart."""


@dataclass(frozen=True)
class TextOptions:
    """How text is cut into tokens."""

    tokens: str = "auto"
    """'bytes', 'characters', 'words', 'subwords'; 'auto': characters, or subwords where there is much text."""
    vocabulary: int | None = None
    """Different tokens at most, the three special ones not counted; None: as many as suit the text. Bytes, and subwords,
    which begin with them, are 256 at least."""
    lowercase: bool = False
    """Read everything in lower case."""
    normalise: str = "NFC"
    """The form of Unicode characters: 'none', 'NFC' or 'NFKC'."""

    def __post_init__(self) -> None:
        for name, known in (("tokens", ("auto", *KINDS)), ("normalise", NORMAL_FORMS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} is '{getattr(self, name)}', {nearest(str(getattr(self, name)), known)}")
        if not isinstance(self.lowercase, bool):
            raise ConfigError(f"lowercase is {self.lowercase!r}, expected True or False.")
        if self.vocabulary is not None:
            check_whole("text", "vocabulary", self.vocabulary, FEWEST, MOST)


@dataclass(frozen=True)
class TextFrontEnd:
    """Between text and token numbers; made by `learn`, and as it was made when it comes out of a model file.

    >>> front_end = TextFrontEnd.learn(["to be or not to be"], TextOptions(tokens="words"))
    >>> front_end.encode("to be, or not").tolist(), front_end.size
    ([4, 0, 6, 5], 7)
    >>> front_end.decode([4, 3, 6])
    'to be or'
    """

    kind: str
    lowercase: bool = False
    normalise: str = "NFC"
    own: tuple[str, ...] = ()
    """The characters or words, in the order of their numbers."""
    apart: bool = True
    """Whether words are whatever stands between spaces; otherwise punctuation is cut off and marked as joined."""
    subwords: Subwords | None = None
    findings: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def learn(cls, texts: Iterable[str], options: TextOptions) -> TextFrontEnd:
        """The front end for these texts, which may be blocks of one long text (each is looked at once).

        Raises `DataError` where there is no text, `ConfigError` for a vocabulary that is too small for its tokens, and
        `MissingExtraError` where subwords need a library.
        """
        blocks = _Blocks(texts, options)
        kind = blocks.kind()
        if kind in ("bytes", "subwords") and options.vocabulary is not None and options.vocabulary < BYTES:
            raise ConfigError(
                f"vocabulary is {options.vocabulary}, but {kind} are {BYTES} at least: leave it out, or cut the text into "
                "words or characters."
            )
        if kind == "bytes":
            blocks.drain()
            return cls(kind, options.lowercase, options.normalise)
        if kind == "subwords":
            subwords, findings = learn_subwords(blocks, options.vocabulary, SPECIAL)
            return cls(kind, options.lowercase, options.normalise, subwords=subwords, findings=findings)
        apart = stands_apart(blocks.first) if kind == "words" else True
        counts: Counter[str] = Counter()
        for block in blocks:
            counts.update(pieces(block, apart) if kind == "words" else block)
        if not counts:
            raise DataError("The text holds no words, only spaces: give a text with words in it.")
        own, findings = _vocabulary(counts, kind, options.vocabulary)
        return cls(kind, options.lowercase, options.normalise, own, apart, findings=findings)

    @property
    def size(self) -> int:
        """How many different tokens there are, the three special ones among them."""
        if self.kind == "bytes":
            return len(SPECIAL) + BYTES
        return self.subwords.size if self.subwords is not None else len(SPECIAL) + len(self.own)

    def prepare(self, text: str) -> str:
        """The text in the form and case that the model knows."""
        text = text if self.normalise == "none" else unicodedata.normalize(self.normalise, text)  # type: ignore[arg-type]
        return text.lower() if self.lowercase else text

    def encode(self, text: str) -> NDArray[np.int64]:
        """The numbers of the text's tokens; what the model does not know becomes `UNKNOWN`."""
        text = self.prepare(text)
        if self.kind == "bytes":
            return np.frombuffer(_utf8(text), np.uint8).astype(np.int64) + len(SPECIAL)
        if self.kind == "characters":
            return self._of_characters(text)
        if self.subwords is not None:
            return self.subwords.encode(text)
        numbers = self._numbers
        return np.array([numbers.get(word, UNKNOWN) for word in pieces(text, self.apart)], np.int64)

    def decode(self, tokens: Sequence[int] | NDArray[np.int64]) -> str:
        """The text of these tokens."""
        decoder = self.decoder()
        return "".join([*map(decoder.push, map(int, tokens)), decoder.finish()])

    def decoder(self) -> Decoder:
        """Tokens to text one at a time."""
        return Decoder(self)

    def tokens(self, numbers: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """Each token as it is shown to people."""
        return [self._shown(int(number)) for number in numbers]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where in `prepare(text)` each token of `encode(text)` stands: first character, and the one after the last."""
        text = self.prepare(text)
        if self.kind == "characters":
            return [(i, i + 1) for i in range(len(text))]
        if self.kind == "bytes":
            return [(i, i + 1) for i, character in enumerate(text) for _ in _utf8(character)]
        if self.subwords is not None:
            return self.subwords.spans(text)
        spans, at = [], 0
        for piece in pieces(text, self.apart):
            word = piece.replace(JOINER, "") if not self.apart else piece
            at = text.index(word, at)
            spans.append((at, at + len(word)))
            at += len(word)
        return spans

    def unknown(self, tokens: NDArray[np.int64]) -> int:
        """How many of the tokens the model does not know."""
        return int((tokens == UNKNOWN).sum())

    def to_json(self) -> dict[str, Any]:
        """As plain values for the model file."""
        plain: dict[str, Any] = {"kind": self.kind, "lowercase": self.lowercase, "normalise": self.normalise}
        if self.kind == "characters":
            plain["own"] = "".join(self.own)
        if self.kind == "words":
            plain |= {"own": list(self.own), "apart": self.apart}
        return plain if self.subwords is None else plain | {"subwords": self.subwords.to_json()}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> TextFrontEnd:
        """What `to_json` described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        kind = plain["kind"]
        if kind not in KINDS or plain["normalise"] not in NORMAL_FORMS:
            raise ValueError(f"text of kind {str(kind)[:20]!r}")
        own = tuple(plain.get("own", ()))
        if len(set(own)) != len(own) or not all(isinstance(each, str) for each in own):
            raise ValueError("its vocabulary is no list of different tokens")
        if (kind in ("characters", "words") and not own) or (kind == "characters" and max(map(len, own)) != 1):
            raise ValueError("its vocabulary is empty, or characters are none")
        subwords = Subwords.from_json(plain["subwords"]) if kind == "subwords" else None
        return cls(kind, bool(plain["lowercase"]), plain["normalise"], own, bool(plain.get("apart", True)), subwords)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.own, start=len(SPECIAL))}

    @cached_property
    def _by_code_point(self) -> NDArray[np.int64]:
        """The number of every code point up to the largest known one; the last entry stands for all above."""
        points = np.array([ord(each) for each in self.own], np.int64)
        table = np.full(int(points.max()) + 2, UNKNOWN, np.int64)
        table[points] = np.arange(len(points)) + len(SPECIAL)
        return table

    def _of_characters(self, text: str) -> NDArray[np.int64]:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        table = self._by_code_point
        numbers: NDArray[np.int64] = table[np.minimum(points, len(table) - 1)]
        return numbers

    @cached_property
    def written(self) -> tuple[bytes, ...]:
        """What each token adds to a text, without the spaces between words."""
        special = ("\ufffd".encode(), b"", b"")
        if self.kind == "bytes":
            return (*special, *(bytes([value]) for value in range(BYTES)))
        if self.subwords is not None:
            return (*special, *self.subwords.written[len(SPECIAL) :])
        return (*special, *(_utf8(token) for token in self.own))

    def _shown(self, number: int) -> str:
        if number < len(SPECIAL):
            return SPECIAL[number]
        return self.written[number].decode("utf-8", "replace")


class Decoder:
    """Tokens to text, one at a time: what a token completes is given at once, half a character is kept until its end.

    >>> decoder = TextFrontEnd("bytes").decoder()
    >>> [decoder.push(value + 3) for value in "é!".encode()]
    ['', 'é', '!']
    """

    def __init__(self, front_end: TextFrontEnd) -> None:
        self._front_end = front_end
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._space = ""

    def after(self, text: str) -> None:
        """Go on after a text: what comes next stands away from it by a space where one is missing."""
        if self._front_end.kind == "words":
            for token in self._front_end.encode(text)[-1:]:
                self.push(int(token))
            if text[-1:].isspace():
                self._space = ""

    def push(self, token: int) -> str:
        """The text that this token adds. Raises `UsageError` where there is no such token."""
        if not 0 <= token < self._front_end.size:
            raise UsageError(f"Token {token} was given, expected 0 to {self._front_end.size - 1}.")
        text = self._utf8.decode(self._front_end.written[token])
        return self._spaced(text) if self._front_end.kind == "words" and text else text

    def finish(self) -> str:
        """What is left at the end: half a character is shown as unknown."""
        return self._utf8.decode(b"", final=True)

    def _spaced(self, word: str) -> str:
        joined = not self._front_end.apart and word.startswith(JOINER)
        open_ended = not self._front_end.apart and word.endswith(JOINER) and len(word) > 1
        bare = word.strip(JOINER) if not self._front_end.apart else word
        space = "" if joined or word == "\n" else self._space
        self._space = "" if open_ended or word == "\n" else " "
        return space + bare


class _Blocks:
    """The texts in the form they are to be read in, the first ones looked at beforehand."""

    def __init__(self, texts: Iterable[str], options: TextOptions) -> None:
        self._options, self._prepare = options, TextFrontEnd("bytes", options.lowercase, options.normalise).prepare
        self._texts = iter(texts)
        self._seen: list[str] = []
        characters = 0
        for text in self._texts:
            self._seen.append(self._prepare(text))
            characters += len(text)
            if characters > LARGE:
                break
        self._characters = characters
        if not any(self._seen):
            raise DataError("The text is empty: give a text to learn from.")

    @property
    def first(self) -> str:
        return "\n".join(self._seen)[:SAMPLE]

    def kind(self) -> str:
        if self._options.tokens != "auto":
            return self._options.tokens
        return "subwords" if self._characters > LARGE else "characters"

    def drain(self) -> None:
        for _ in self:
            pass

    def __iter__(self) -> Any:
        yield from self._seen
        self._seen = self._seen[:1]
        for text in self._texts:
            yield self._prepare(text)


def _vocabulary(counts: Counter[str], kind: str, most: int | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokens that are kept, most frequent first, and what to say of them."""
    seen_twice = sum(count > 1 for count in counts.values())
    usual = min(len(counts), MOST_CHARACTERS) if kind == "characters" else min(max(seen_twice, 10), MOST_WORDS)
    # Of equally frequent ones in the order of their characters, so that the same text gives the same numbers.
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[: most or usual]
    findings = []
    total, kept = counts.total(), sum(count for _, count in ranked)
    if kept < total:
        findings.append(
            f"vocabulary: {len(ranked):,} of {len(counts):,} different {kind}; the others, {1 - kept / total:.2%} of the "
            "text, are read as unknown."
        )
    if kept / len(ranked) < SELDOM and len(ranked) > 100:
        findings.append(
            f"vocabulary: {len(ranked):,} {kind} for a text of {total:,}: each is seen {kept / len(ranked):.0f} times on "
            "average, which is seldom; a smaller vocabulary or subwords would learn more."
        )
    return tuple(token for token, _ in ranked), tuple(findings)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
