"""The translation task: two front ends, the seven networks between them, and how one asks the other.

With the tokens x of the source sentence, its end marked, and y of the target, y_0 marking its begin (attention and input
feeding are those of Luong, Pham & Manning 2015, eq. 5-8 and sec. 3.3):

    m_1 .. m_S = source(x)                        the memory, read in both directions
    h_0, c_0   = the halves of bridge(mean of m)
    k_s        = keys(m_s)
    h_t, c_t   = cell([target(y_{t-1}); a_{t-1}]) from h_{t-1}, c_{t-1}, with a_0 = 0
    share_ts   = exp(k_s . h_t) / sum over u of exp(k_u . h_t)
    a_t        = combine([h_t; sum over s of share_ts m_s])
    log p(y_t) = answer(a_t)

Each name is a plain `Network`, which the engines run. The table of `answer` is that of `target` (Press & Wolf 2017), and
of `source` too where both sides share their tokens; they are one while training, and a model file holds each.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from ensue.data.text import TextFrontEnd
from ensue.errors import ConfigError
from ensue.layers.base import check_rate, check_whole
from ensue.network import LSTM, Dropout, Embedding, Linear, Network, SoftmaxHead


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
        """The seven of the module's text, by their names there."""
        size, drop = self.sizes, Dropout(self.sizes.dropout, locked=True)
        encoder = LSTM(size.embedding, size.encoder, size.encoder_layers, bidirectional=True, dropout=size.dropout)
        source = Embedding(self.source.size, size.embedding, size.word_dropout)
        target = Embedding(self.target.size, size.embedding, size.word_dropout)
        return {
            "source": Network((source, drop, encoder, drop)),
            "bridge": Network((Linear(size.memory, 2 * size.decoder, activation="tanh"),)),
            "keys": Network((Linear(size.memory, size.decoder, bias=False),)),
            "target": Network((target, drop)),
            "cell": Network((LSTM(2 * size.embedding, size.decoder),)),
            "combine": Network((Linear(size.decoder + size.memory, size.embedding, activation="tanh"), drop)),
            "answer": Network((SoftmaxHead(size.embedding, self.target.size),)),
        }

    @property
    def parameter_count(self) -> int:
        """Numbers that are learned: tables that are one count once."""
        whole = sum(network.parameter_count for network in self.networks().values())
        target, source = (side.size * self.sizes.embedding for side in (self.target, self.source))
        return whole - target - (source if self.shared else 0)

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
