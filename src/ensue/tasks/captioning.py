"""The captioning task: a film in, a sentence about it out.

What a front end reads of the film goes through layers that see pictures, where it is pictures, and an LSTM that reads in
both directions; its outputs are the memory that the networks of a writer (`tasks.writing`) look back at.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ensue.data.text import TextFrontEnd
from ensue.errors import ConfigError, DataError
from ensue.layers.base import check_rate, check_whole
from ensue.network import LSTM, Dropout, Layer, Linear, Network, Residual
from ensue.tasks.front_ends import FrontEnd, front_end_from_json
from ensue.tasks.writing import learned_numbers, writer_networks

ENCODERS = ("lstm", "mean")


@dataclass(frozen=True)
class CaptionSizes:
    """How large the networks are, and what they forget while training. Raises `ConfigError` for what cannot be."""

    embedding: int = 128
    """Numbers in the vector of a word."""
    encoder: int = 128
    """Units of the LSTM that reads the film, in each direction."""
    decoder: int = 256
    """Units of the LSTM that writes."""
    dropout: float = 0.2
    """Of what is read, of the memory and of answers: one mask a film."""
    word_dropout: float = 0.0
    """The share of words of the vocabulary that a training step goes without."""
    reader: str = "lstm"
    """'lstm', or 'mean': each frame by itself, whose order is then lost; the baseline that papers begin with."""

    def __post_init__(self) -> None:
        for name in ("embedding", "encoder", "decoder"):
            check_whole("caption", name, getattr(self, name), 1, 100_000)
        for name in ("dropout", "word_dropout"):
            check_rate("caption", name, getattr(self, name))
        if self.reader not in ENCODERS:
            raise ConfigError(f"caption: reader is '{self.reader}', choose from 'lstm', 'mean'.")

    @property
    def memory(self) -> int:
        """Numbers in what is remembered of each step."""
        return 2 * self.encoder


@dataclass(frozen=True)
class CaptionTask:
    """What turns films into sentences.

    `longest` is the number of tokens in the longest caption that was learned from, `first` the layers that see pictures.
    """

    name: ClassVar[str] = "caption"
    shared: ClassVar[bool] = False
    front_end: FrontEnd
    target: TextFrontEnd
    sizes: CaptionSizes = field(default_factory=CaptionSizes)
    first: tuple[Layer, ...] = ()
    longest: int = 30

    def __post_init__(self) -> None:
        check_whole("caption", "longest", self.longest)

    def networks(self) -> dict[str, Network]:
        """The seven of `tasks.writing`, by their names there."""
        size, width = self.sizes, self._width()
        drop = Dropout(size.dropout, locked=True)
        layers: list[Layer] = [*self.first]
        if width != size.memory:
            layers.append(Linear(width, size.memory, activation="tanh"))
        layers.append(drop)
        if size.reader == "lstm":
            # Beside the LSTM each frame goes its own way: what it shows is learned long before what came of it is.
            layers += [Residual((LSTM(size.memory, size.encoder, bidirectional=True, forget_bias=1.0),)), drop]
        return writer_networks(Network(tuple(layers)), self.target, size)

    def _width(self) -> int:
        """Numbers a step behind the layers that see pictures."""
        sized = [layer.output_size for layer in self.first if layer.output_size is not None]
        return sized[-1] if sized else self.front_end.size

    @property
    def parameter_count(self) -> int:
        """Numbers that are learned."""
        return learned_numbers(self)

    @property
    def longest_answer(self) -> int:
        """How many tokens a caption may have."""
        return 2 * self.longest + 5

    def read(self, item: Any) -> NDArray[np.float32]:
        """What the networks read of a film, `(steps, size)`. Raises `DataError` for one that cannot be read."""
        x = self.front_end.read(item)
        if not len(x):
            raise DataError("The clip has no frame that is shown, expected one at least: leave it out.")
        return x

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "front_end": self.front_end.to_json(),
            "target": self.target.to_json(),
            "sizes": asdict(self.sizes),
            "first": Network(self.first).to_json() if self.first else None,
            "longest": self.longest,
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The task that was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        first = Network.from_json(plain["first"]).layers if plain["first"] else ()
        return cls(
            front_end_from_json(plain["front_end"]),
            TextFrontEnd.from_json(plain["target"]),
            CaptionSizes(**plain["sizes"]),
            first,
            plain["longest"],
        )
