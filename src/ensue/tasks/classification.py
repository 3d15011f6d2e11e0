"""The classification task: a text or a numeric sequence in, the probability of each class out.

A text is read as tokens and an embedding, a numeric sequence through a convolution; LSTM layers follow, then what makes
one step of all, and a softmax. A network that reads in both directions pools all its steps, by learned attention (Yang
et al. 2016, sec. 2.2), mean or maximum. One that reads forward only answers at every step, and the last answer counts:
such a network can stream.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.channels import Channels
from ensue.data.text import TextFrontEnd
from ensue.errors import ConfigError, DataError, nearest
from ensue.layers.base import check_rate, check_whole
from ensue.network import LSTM, AttentionPooling, Convolution, Dropout, Embedding, Layer, Network, Pooling, SoftmaxHead

POOLINGS = ("attention", "mean", "max", "last")
REACH = 7
"""Steps of a numeric sequence that its convolution sees at once, at least."""
BEGINNING = 0.3
"""The share of a text too long to be read whole that is taken from its beginning; the rest comes from its end."""

Item = str | ArrayLike
"""What is classified: a text, or values `(time, channels)`."""


@dataclass(frozen=True)
class ClassifierSizes:
    """How large the network is, and what training drops of it.

    >>> ClassifierSizes((64,), 32, bidirectional=True, pooling="last")
    Traceback (most recent call last):
    ensue.errors.ConfigError: classification: pooling is 'last' and the network reads in both directions, expected \
'attention', 'mean' or 'max': in reverse the last step has seen nothing.
    """

    hidden: tuple[int, ...]
    """Units of each LSTM layer, in each direction."""
    embedding: int
    """Numbers in the vector of a token, or channels of the convolution."""
    bidirectional: bool = True
    pooling: str = "attention"
    embedding_dropout: float = 0.0
    """Share of the tokens whose vector is left out in a training step."""
    input_dropout: float = 0.0
    """Share of the features before the LSTM layers, the same at every step (Gal & Ghahramani 2016)."""
    hidden_dropout: float = 0.0
    """The same between LSTM layers and behind them."""
    output_dropout: float = 0.0
    """Share of the features before the softmax."""
    weight_drop: float = 0.0
    """Share of the recurrent weights."""
    stride: int = 1
    """Steps of a numeric sequence that the convolution makes one of, so that the LSTM reads fewer of a long one."""

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, tuple) or not 1 <= len(self.hidden) <= 20:
            raise ConfigError("classification: hidden is no list of 1 to 20 layer sizes.")
        for each in self.hidden:
            check_whole("classification", "hidden", each)
        check_whole("classification", "embedding", self.embedding)
        check_whole("classification", "stride", self.stride, 1, 1000)
        if self.pooling not in POOLINGS:
            raise ConfigError(f"classification: pooling is '{self.pooling}', {nearest(self.pooling, POOLINGS)}")
        if self.bidirectional and self.pooling == "last":
            raise ConfigError(
                "classification: pooling is 'last' and the network reads in both directions, expected 'attention', "
                "'mean' or 'max': in reverse the last step has seen nothing."
            )
        for name in ("embedding_dropout", "input_dropout", "hidden_dropout", "output_dropout", "weight_drop"):
            check_rate("classification", name, getattr(self, name))

        if self.stride > 1 and self.causal:
            raise ConfigError(
                f"classification: stride is {self.stride} and the network answers at every step, expected a stride of 1."
            )

    @property
    def causal(self) -> bool:
        """Whether the network answers at every step."""
        return not self.bidirectional and self.pooling == "last"


@dataclass(frozen=True)
class ClassificationTask:
    """What turns texts, or numeric sequences, into probabilities of classes.

    >>> from ensue.data.text import TextOptions
    >>> front_end = TextFrontEnd.learn(["good film", "bad film"], TextOptions(tokens="words"))
    >>> task = ClassificationTask(front_end, ("negative", "positive"), ClassifierSizes((8,), 4))
    >>> [layer.kind for layer in task.networks()["network"].layers]
    ['embedding', 'lstm', 'attention_pooling', 'softmax_head']
    >>> ClassificationTask.from_json(task.to_json()) == task
    True
    """

    name: ClassVar[str] = "classification"
    front_end: TextFrontEnd | Channels
    classes: tuple[str, ...]
    sizes: ClassifierSizes
    longest: int | None = None
    """Steps that are read at most of a text that is pooled; of a longer one the beginning and the end."""
    temperature: float = 1.0
    """What log probabilities are divided by, so that they say how often the answer is right (Guo et al. 2017, eq. 9)."""

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(2, len(self.classes)) or not all(isinstance(c, str) for c in self.classes):
            raise ConfigError(
                f"classification: classes is {str(self.classes)[:60]}, expected 2 or more different names."
            )
        if not (isinstance(self.temperature, float) and 0 < self.temperature < 1000):
            raise ConfigError(f"classification: temperature is {self.temperature}, expected a number above 0.")
        if self.longest is not None:
            check_whole("classification", "longest", self.longest, 10)

    def networks(self) -> dict[str, Network]:
        sizes, layers = self.sizes, self._first()
        if sizes.input_dropout:
            layers.append(Dropout(sizes.input_dropout, locked=True))
        width = sizes.embedding
        for number, hidden in enumerate(sizes.hidden):
            if number and sizes.hidden_dropout:
                layers.append(Dropout(sizes.hidden_dropout, locked=True))
            both = sizes.bidirectional
            layers.append(LSTM(width, hidden, bidirectional=both, forget_bias=1.0, recurrent_dropout=sizes.weight_drop))
            width = hidden * (2 if both else 1)
        if sizes.hidden_dropout:
            layers.append(Dropout(sizes.hidden_dropout, locked=True))
        layers += self._pooled(width)
        if sizes.output_dropout:
            layers.append(Dropout(sizes.output_dropout))
        return {"network": Network((*layers, SoftmaxHead(width, len(self.classes))))}

    def _first(self) -> list[Layer]:
        sizes = self.sizes
        if isinstance(self.front_end, TextFrontEnd):
            return [Embedding(self.front_end.size, sizes.embedding, dropout=sizes.embedding_dropout)]
        width, stride = max(REACH, 2 * sizes.stride + 1), sizes.stride
        return [
            Convolution(self.front_end.width, sizes.embedding, width, stride, causal=sizes.causal, activation="relu")
        ]

    def _pooled(self, width: int) -> list[Layer]:
        if self.sizes.causal:
            return []
        return [AttentionPooling(width, width)] if self.sizes.pooling == "attention" else [Pooling(self.sizes.pooling)]

    @property
    def reads_text(self) -> bool:
        return isinstance(self.front_end, TextFrontEnd)

    def read(self, item: Item) -> NDArray[np.float32]:
        """What the network reads of a text or a sequence of values: `(time, features)`.

        Raises `DataError` for an empty text, a text where values are expected, and the other way round.
        """
        if isinstance(self.front_end, Channels):
            if isinstance(item, str):
                raise DataError("A text was given, expected a sequence of numbers: this model was trained on numbers.")
            values = self.front_end.read(item)
            short = -len(values) % self.sizes.stride
            return np.pad(values, ((0, short), (0, 0)), mode="edge").astype(np.float32)
        if not isinstance(item, str):
            raise DataError(
                f"A value of type {type(item).__name__} was given, expected a text: this model was trained on texts."
            )
        tokens = self.front_end.encode(item)
        if not len(tokens):
            raise DataError("The text is empty, expected at least one word: leave it out.")
        return tokens[self.kept(len(tokens)), None].astype(np.float32)

    def kept(self, count: int) -> NDArray[np.int64]:
        """Which of a text's tokens are read: all, or of a text that is too long the first and the last."""
        places = np.arange(count)
        if self.longest is None or count <= self.longest or self.sizes.causal:
            return places
        first = round(BEGINNING * self.longest)
        return np.concatenate([places[:first], places[count - self.longest + first :]])

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        kind = "text" if self.reads_text else "values"
        return {
            kind: self.front_end.to_json(),
            "classes": list(self.classes),
            "sizes": asdict(self.sizes) | {"hidden": list(self.sizes.hidden)},
            "longest": self.longest,
            "temperature": self.temperature,
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> ClassificationTask:
        """The task that was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        front_end: TextFrontEnd | Channels
        front_end = TextFrontEnd.from_json(plain["text"]) if "text" in plain else Channels.from_json(plain["values"])
        sizes = ClassifierSizes(**plain["sizes"] | {"hidden": tuple(plain["sizes"]["hidden"])})
        return cls(front_end, tuple(plain["classes"]), sizes, plain["longest"], float(plain["temperature"]))
