"""The translation task: two front ends, and the networks of a writer (`tasks.writing`) that has read a sentence.

What it reads is the tokens x of the source sentence, its end marked; its memory is an LSTM's that reads them in both
directions. The table of `source` is that of `target` and `answer` too where both sides share their tokens; they are one
while training, and a model file holds each.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from ensue.data.text import TextFrontEnd
from ensue.errors import ConfigError
from ensue.layers.base import check_rate, check_whole
from ensue.network import LSTM, Dropout, Embedding, Network
from ensue.tasks.writing import learned_numbers, writer_networks


@dataclass(frozen=True)
class Sizes:
    """How large the networks are, and what they forget while training."""

    embedding: int = 256
    """Numbers in the vector of a token."""
    encoder: int = 256
    """Units of the source's LSTM in each direction."""
    encoder_layers: int = 1
    decoder: int = 512
    """Units of the target's LSTM."""
    dropout: float = 0.3
    """Of embeddings, memory and answers: one mask a sentence."""
    word_dropout: float = 0.0
    """The share of tokens of the vocabulary that a training step goes without."""

    def __post_init__(self) -> None:
        for name in ("embedding", "encoder", "encoder_layers", "decoder"):
            check_whole("translation", name, getattr(self, name), 1, 100 if name == "encoder_layers" else 100_000)
        for name in ("dropout", "word_dropout"):
            check_rate("translation", name, getattr(self, name))

    @property
    def memory(self) -> int:
        """Numbers in what is remembered of each source token."""
        return 2 * self.encoder


@dataclass(frozen=True)
class TranslationTask:
    """What turns sentences of one language into those of another.

    `longest` is the number of tokens in the longest source sentence that was learned from.
    """

    name: ClassVar[str] = "translation"
    source: TextFrontEnd
    target: TextFrontEnd
    sizes: Sizes = field(default_factory=Sizes)
    shared: bool = True
    """Whether both sides have the same tokens and one table of vectors."""
    longest: int = 100

    def __post_init__(self) -> None:
        check_whole("translation", "longest", self.longest)
        if self.shared and self.source != self.target:
            raise ConfigError("translation: the two sides have different tokens, expected the same where they share.")

    def networks(self) -> dict[str, Network]:
        """The seven of `tasks.writing`, by their names there."""
        size, drop = self.sizes, Dropout(self.sizes.dropout, locked=True)
        encoder = LSTM(size.embedding, size.encoder, size.encoder_layers, bidirectional=True, dropout=size.dropout)
        table = Embedding(self.source.size, size.embedding, size.word_dropout)
        return writer_networks(Network((table, drop, encoder, drop)), self.target, size)

    @property
    def parameter_count(self) -> int:
        """Numbers that are learned: tables that are one count once."""
        return learned_numbers(self)

    def to_json(self) -> dict[str, Any]:
        """As plain values; shared tokens are written once."""
        return {
            "source": self.source.to_json(),
            "target": None if self.shared else self.target.to_json(),
            "sizes": asdict(self.sizes),
            "longest": self.longest,
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The task that was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        source = TextFrontEnd.from_json(plain["source"])
        shared = plain["target"] is None
        target = source if shared else TextFrontEnd.from_json(plain["target"])
        return cls(source, target, Sizes(**plain["sizes"]), shared, plain["longest"])


def longest_translation(source: int) -> int:
    """How many tokens a translation may have, for a source of so many.

    >>> longest_translation(10)
    30
    """
    return 2 * source + 10
