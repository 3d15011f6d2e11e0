"""The speech task: sound, or the frames of moving lips, in; the words that were said out.

A strided convolution over time shortens what is read, LSTM layers follow, and at every step a softmax over the alphabet
and a blank: connectionist temporal classification (Graves et al. 2006). A network that reads in both directions is better;
one that reads forward only can stream.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ensue.data.word_ngrams import WordNgrams
from ensue.errors import ConfigError, DataError
from ensue.layers.base import check_flags, check_rate, check_whole
from ensue.network import LSTM, Convolution, Dropout, Layer, Network, SoftmaxHead
from ensue.tasks.alphabet import Alphabet
from ensue.tasks.front_ends import FrontEnd, front_end_from_json
from ensue.tasks.speech_beam import Listening


@dataclass(frozen=True)
class SpeechSizes:
    """How large the network is, and what training drops of it. Raises `ConfigError` for sizes that cannot be.

    >>> SpeechSizes((64, 64), convolution=0, stride=3)
    Traceback (most recent call last):
    ensue.errors.ConfigError: speech: stride is 3 without a convolution, expected a stride of 1.
    """

    kind: ClassVar[str] = "speech"
    hidden: tuple[int, ...]
    """Units of each LSTM layer, in each direction."""
    convolution: int = 128
    """Channels of the convolution over time before them; 0: none."""
    width: int = 11
    """Steps that it sees at once."""
    stride: int = 3
    """Steps that it makes one of."""
    bidirectional: bool = True
    input_dropout: float = 0.0
    """Share of the features before the LSTM layers, the same at every step (Gal & Ghahramani 2016)."""
    dropout: float = 0.0
    """The same between LSTM layers and behind them."""
    weight_drop: float = 0.0
    """Share of the recurrent weights."""
    residual: bool = False
    """Add to what an LSTM layer gives what went into it, where both are of one size: for what is learned by seeing."""

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, tuple) or not 1 <= len(self.hidden) <= 20:
            raise ConfigError("speech: hidden is no list of 1 to 20 layer sizes.")
        for each in self.hidden:
            check_whole(self.kind, "hidden", each)
        check_whole(self.kind, "convolution", self.convolution, 0)
        check_whole(self.kind, "width", self.width, 1, 1000)
        check_whole(self.kind, "stride", self.stride, 1, 100)
        check_flags(self, "bidirectional", "residual")
        for name in ("input_dropout", "dropout", "weight_drop"):
            check_rate(self.kind, name, getattr(self, name))
        if not self.convolution and self.stride > 1:
            raise ConfigError(f"speech: stride is {self.stride} without a convolution, expected a stride of 1.")

    @property
    def causal(self) -> bool:
        """Whether the network can stream."""
        return not self.bidirectional


@dataclass(frozen=True)
class SpeechTask:
    """What turns a recording into the probabilities of the alphabet at every step.

    >>> from ensue.tasks.alphabet import Alphabet
    >>> from ensue.data.audio.features import AudioFrontEnd
    >>> task = SpeechTask(AudioFrontEnd(kind="given", coefficients=13), Alphabet.of("ab"), SpeechSizes((8,), 16))
    >>> [layer.kind for layer in task.networks()["network"].layers]
    ['convolution', 'lstm', 'softmax_head']
    >>> SpeechTask.from_json(task.to_json()) == task
    True
    """

    name: ClassVar[str] = "speech"
    front_end: FrontEnd
    alphabet: Alphabet
    sizes: SpeechSizes
    first: tuple[Layer, ...] = ()
    """Layers that stand before all others, such as those that see pictures."""
    listening: Listening = field(default_factory=Listening)
    """How transcripts are searched for, and how sure each word is."""
    words: WordNgrams | None = None
    """The language model, learned from the training's transcripts."""

    def networks(self) -> dict[str, Network]:
        sizes, layers = self.sizes, list(self.first)
        width = self._width()
        if sizes.convolution:
            layers.append(
                Convolution(width, sizes.convolution, sizes.width, sizes.stride, causal=sizes.causal, activation="relu")
            )
            width = sizes.convolution
        if sizes.input_dropout:
            layers.append(Dropout(sizes.input_dropout, locked=True))
        for number, hidden in enumerate(sizes.hidden):
            if number and sizes.dropout:
                layers.append(Dropout(sizes.dropout, locked=True))
            both = sizes.bidirectional
            layers.append(
                LSTM(
                    width, hidden, bidirectional=both, residual=sizes.residual, recurrent_dropout=sizes.weight_drop,
                    forget_bias=1.0,
                )
            )  # fmt: skip
            width = hidden * (2 if both else 1)
        if sizes.dropout:
            layers.append(Dropout(sizes.dropout, locked=True))
        return {"network": Network((*layers, SoftmaxHead(width, self.alphabet.size)))}

    def _width(self) -> int:
        """Numbers a step before the convolution."""
        width = self.front_end.size
        for layer in self.first:
            width = layer.output_size or width
        return width

    @property
    def seconds_per_answer(self) -> float:
        """Seconds of sound, or of film, that one answer of the network stands for."""
        return self.stride * self.front_end.seconds_per_step

    @property
    def stride(self) -> int:
        """Steps of the front end that one answer stands for."""
        return self.sizes.stride * int(np.prod([layer.stride for layer in self.first], dtype=int))

    def even(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Steps `(steps, size)` with the last one repeated until the network's stride divides them."""
        short = -len(x) % self.stride
        return x if not short else np.concatenate([x, np.repeat(x[-1:], short, axis=0)])

    def read(self, item: Any) -> NDArray[np.float32]:
        """What the network reads of a recording, `(steps, size)`. Raises `DataError` for one that cannot be read."""
        x = self.front_end.read(item)
        if not len(x):
            raise DataError("The recording is shorter than one step, expected something to listen to: leave it out.")
        return self.even(x)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "front_end": self.front_end.to_json(),
            "alphabet": self.alphabet.to_json(),
            "sizes": asdict(self.sizes) | {"hidden": list(self.sizes.hidden)},
            "first": Network(self.first).to_json() if self.first else None,
            "listening": self.listening.to_json(),
            "words": None if self.words is None else self.words.to_json(),
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> SpeechTask:
        """The task that was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        sizes = SpeechSizes(**plain["sizes"] | {"hidden": tuple(plain["sizes"]["hidden"])})
        first = Network.from_json(plain["first"]).layers if plain["first"] else ()
        return cls(
            front_end_from_json(plain["front_end"]),
            Alphabet.from_json(plain["alphabet"]),
            sizes,
            first,
            Listening.from_json(plain["listening"]),
            None if plain["words"] is None else WordNgrams.from_json(plain["words"]),
        )
