"""The language-modelling task: a text's tokens in, the probabilities of the next token out.

The network reads a token a step: an embedding, LSTM layers, a softmax over all tokens (Bengio et al. 2003; Zaremba,
Sutskever & Vinyals 2014). With `tied`, embedding and softmax share their matrix (Press & Wolf 2017).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from ensue.data.text import BEGIN, UNKNOWN, TextFrontEnd
from ensue.errors import ConfigError
from ensue.network import LSTM, Dropout, Embedding, Layer, Network, SoftmaxHead


@dataclass(frozen=True)
class LanguageSizes:
    """How large the network is, and what training drops of it."""

    hidden_size: int
    """Units of every LSTM layer; with `tied`, the last one has `embedding` units."""
    layers: int
    embedding: int
    """Numbers in the vector of a token."""
    tied: bool = False
    """Embedding and softmax share their matrix."""
    embedding_dropout: float = 0.0
    """Share of the tokens whose vector is left out in a training step."""
    input_dropout: float = 0.0
    """Share of the features of the token vectors, the same at every step (variational dropout)."""
    hidden_dropout: float = 0.0
    """The same between LSTM layers."""
    output_dropout: float = 0.0
    """The same before the softmax."""
    weight_drop: float = 0.0
    """Share of the recurrent weights (Merity, Keskar & Socher 2018, sec. 2)."""


@dataclass(frozen=True)
class LanguageModelTask:
    """A front end and a network that answers with log probabilities.

    >>> from ensue.data.text import TextOptions
    >>> task = LanguageModelTask(TextFrontEnd.learn(["abcab"], TextOptions()), LanguageSizes(8, 1, embedding=4))
    >>> task.networks()["network"].output_size
    6
    >>> LanguageModelTask.from_json(task.to_json()) == task
    True
    """

    name: ClassVar[str] = "language-model"
    front_end: TextFrontEnd
    sizes: LanguageSizes

    @property
    def first(self) -> int:
        """The token that is read before a text: the end of a line where there is one, else the beginning of a sentence."""
        newline = self.front_end.encode("\n")
        return int(newline[0]) if len(newline) == 1 and newline[0] != UNKNOWN else BEGIN

    def networks(self) -> dict[str, Network]:
        sizes, size = self.sizes, self.front_end.size
        if not 1 <= sizes.layers <= 100:
            raise ConfigError(f"layers is {sizes.layers}, expected 1 to 100.")
        layers: list[Layer] = [Embedding(size, sizes.embedding, dropout=sizes.embedding_dropout)]
        width = sizes.embedding
        for layer in range(sizes.layers):
            last = layer == sizes.layers - 1
            hidden = sizes.embedding if last and sizes.tied else sizes.hidden_size
            rate = sizes.hidden_dropout if layer else sizes.input_dropout
            layers += [Dropout(rate, locked=True)] if rate else []
            layers.append(LSTM(width, hidden, forget_bias=1.0, recurrent_dropout=sizes.weight_drop))
            width = hidden
        layers += [Dropout(sizes.output_dropout, locked=True)] if sizes.output_dropout else []
        layers.append(SoftmaxHead(width, size))
        return {"network": Network(tuple(layers))}

    def to_json(self) -> dict[str, Any]:
        return {"front_end": self.front_end.to_json(), "sizes": asdict(self.sizes)}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> LanguageModelTask:
        return cls(TextFrontEnd.from_json(plain["front_end"]), LanguageSizes(**plain["sizes"]))
