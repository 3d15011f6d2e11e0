"""The melody task: tunes written as tokens, the network that foretells the next one, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, ClassVar

from ensue.data.notes.coding import Coding, Places
from ensue.data.notes.events import MelodyEvents
from ensue.data.notes.piano_roll import Chords, Keys
from ensue.errors import ConfigError
from ensue.layers.base import check_rate, check_whole, is_number, short
from ensue.network import LSTM, Dropout, EmbedColumns, Layer, Linear, Network, SoftmaxHead
from ensue.tasks.choices import check_names, check_training

CODINGS: Mapping[str, type[Any]] = MappingProxyType({each.kind: each for each in (MelodyEvents, Chords, Keys)})
"""How tunes can be written, by name: one voice, chords note by note, or keys each by itself."""


@dataclass(frozen=True)
class NoteSizes:
    """The size of the network, and what is dropped while it learns."""

    hidden_size: int = 256
    layers: int = 1
    input_dropout: float = 0.1
    dropout: float = 0.3
    recurrent_dropout: float = 0.2


@dataclass(frozen=True)
class MelodyTask:
    """Everything but the weights that a trained composer needs."""

    name: ClassVar[str] = "melody"
    coding: Coding | Keys
    sizes: NoteSizes = NoteSizes()

    @property
    def joint(self) -> bool:
        """Whether tunes are tokens, each of which knows all before it; keys each by themselves are not."""
        return not isinstance(self.coding, Keys)

    def network(self) -> Network:
        """Vectors of the codes and the other numbers, a linear layer, LSTM layers, and log probabilities of the tokens.

        For keys by themselves the last layer gives the logit of each.
        """
        embed = EmbedColumns(self.coding.width, self.coding.columns)
        hidden, sizes = self.sizes.hidden_size, self.sizes
        layers: list[Layer] = [embed, Linear(embed.output_size, hidden), Dropout(sizes.input_dropout, locked=True)]
        for _ in range(sizes.layers):
            layers.append(LSTM(hidden, hidden, recurrent_dropout=sizes.recurrent_dropout, forget_bias=1.0))
            layers.append(Dropout(sizes.dropout, locked=True))
        layers.append(SoftmaxHead(hidden, self.coding.classes) if self.joint else Linear(hidden, self.coding.classes))
        return Network(tuple(layers))

    def networks(self) -> dict[str, Network]:
        return {"network": self.network()}

    def to_json(self) -> dict[str, Any]:
        return {"coding": self.coding.kind, "places": self.coding.places.to_json(), "sizes": asdict(self.sizes)}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> MelodyTask:
        """See `tasks.contract.Task`."""
        return cls(CODINGS[plain["coding"]](Places.from_json(plain["places"])), NoteSizes(**plain["sizes"]))


@dataclass(frozen=True)
class MelodyRecipe:
    """The numbers one training runs with; a preset is a recipe with a name."""

    hidden_size: int = 256
    layers: int = 1
    input_dropout: float = 0.1
    dropout: float = 0.3
    recurrent_dropout: float = 0.2
    transpose: int = 6
    """Each tune is learned in other keys too, up to so many semitones away, a different one in each epoch."""
    batch_tokens: int = 2500
    """Tokens in a training step."""
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    steps: int | None = None
    """Training steps at most; None: by the number of tokens."""

    def __post_init__(self) -> None:
        for name in ("hidden_size", "layers", "batch_tokens"):
            check_whole("melody", name, getattr(self, name))
        check_whole("melody", "transpose", self.transpose, 0, 24)
        for name in ("input_dropout", "dropout", "recurrent_dropout"):
            check_rate("melody", name, getattr(self, name))
        if not (is_number(self.weight_decay) and 0 <= self.weight_decay <= 10):
            raise ConfigError(f"weight_decay is {short(self.weight_decay)}, expected a number from 0 to 10.")

    @property
    def sizes(self) -> NoteSizes:
        return NoteSizes(**{each.name: getattr(self, each.name) for each in fields(NoteSizes)})


PRESETS: Mapping[str, MelodyRecipe] = MappingProxyType(
    {
        "fast": MelodyRecipe(hidden_size=96, input_dropout=0.0, dropout=0.2, recurrent_dropout=0.0, steps=400),
        "default": MelodyRecipe(),
        "thorough": MelodyRecipe(hidden_size=400, dropout=0.4, recurrent_dropout=0.3, steps=8000, learning_rate=3e-3),
    }
)
"""Recipes by name: 'fast' for a first look, 'default' for most folders, 'thorough' where an hour is well spent."""


@dataclass(frozen=True)
class MelodyOptions:
    """How to train a composer. Numbers that are None are those of the preset.

    >>> MelodyOptions(preset="fast", steps=100).recipe.steps
    100
    """

    coding: str = "melody"
    """'melody': one voice; 'chords': a piano roll, notes that sound together modelled jointly; 'keys': each by itself."""
    preset: str = "default"
    grid: int | None = None
    """Steps in a quarter note; None: the coarsest that fits the tunes."""
    seed: int = 0
    threads: int | None = None
    device: str = "auto"
    precision: str = "float32"
    """'float32', 'bfloat16' or 'auto'; tunes are short and of many lengths, and 32 bits were faster for them."""
    hidden_size: int | None = None
    layers: int | None = None
    input_dropout: float | None = None
    dropout: float | None = None
    recurrent_dropout: float | None = None
    transpose: int | None = None
    batch_tokens: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        check_names(self, coding=CODINGS, preset=PRESETS)
        check_training("melody", self)
        if self.grid is not None:
            check_whole("melody", "grid", self.grid, 1, 96)
        _ = self.recipe  # refuses numbers that no recipe may have

    @property
    def recipe(self) -> MelodyRecipe:
        """The preset's recipe with the numbers given here in place of its own."""
        given = {each.name: getattr(self, each.name) for each in fields(MelodyRecipe)}
        return replace(PRESETS[self.preset], **{name: value for name, value in given.items() if value is not None})
