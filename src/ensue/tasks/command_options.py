"""The choices of a training of voice commands, and what they are where the user leaves them open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ensue.errors import ConfigError
from ensue.layers.base import check_rate, check_whole, is_number, short
from ensue.tasks.choices import check_names, check_switches, check_training
from ensue.tasks.classification import ClassifierSizes


@dataclass(frozen=True)
class CommandRecipe:
    """A named set of numbers to train with."""

    hidden: tuple[int, ...]
    embedding: int
    epochs: float
    least_steps: int
    dropout: float = 0.3


PRESETS: Mapping[str, CommandRecipe] = MappingProxyType(
    {
        "fast": CommandRecipe((64,), 64, epochs=20, least_steps=600),
        "default": CommandRecipe((128,), 96, epochs=60, least_steps=2500),
        "thorough": CommandRecipe((128, 128), 128, epochs=120, least_steps=6000),
    }
)
"""Recipes by name."""


MANY = 2000
"""Recordings from which training steps hear fewer of them."""


@dataclass(frozen=True)
class CommandOptions:
    """How to train to hear words. Whatever is None depends on the preset.

    >>> CommandOptions(streaming=True).sizes().pooling
    'last'
    """

    preset: str = "default"
    """'fast', 'default' or 'thorough'."""
    streaming: bool = False
    """Read forward only and carry the state through a stream, instead of a window."""
    augment: bool = True
    """Show each word changed at random every time."""
    sample_rate: int | None = None
    """Samples a second; None: those of most recordings, at most 16,000."""
    bands: int = 40
    """Mel bands."""
    hidden_size: int | None = None
    """Units of an LSTM layer, in each direction."""
    layers: int | None = None
    """LSTM layers on top of each other."""
    dropout: float | None = None
    """Share of features left out while training."""
    class_weights: str = "equal"
    """What a recording counts: 'equal', or 'balanced' by how rare its class is."""
    label_smoothing: float = 0.1
    """Share of the probability that a label gives away to all classes."""
    refit: bool = True
    """At last, learn anew from all recordings, those among them that were set aside to validate on."""
    calibrate: bool = True
    """Divide log probabilities by the temperature that suits the validation recordings best."""
    false_alarms: float = 1.0
    """An hour at most, on recordings without these words, by which the threshold is chosen."""
    epochs: float | None = None
    """How often each recording is heard."""
    steps: int | None = None
    """Training steps at most, instead of epochs."""
    batch_size: int | None = None
    """Recordings of a training step."""
    learning_rate: float | None = None
    """Highest learning rate."""
    seed: int = 0
    """Seed of everything random."""
    device: str = "auto"
    """Where to train: 'auto', 'cpu', 'cuda', 'mps'."""
    threads: int | None = None
    """Processor threads; None: one."""
    precision: str = "auto"
    """'float32', 'bfloat16' or 'auto'."""

    def __post_init__(self) -> None:
        check_names(self, preset=PRESETS, class_weights=("equal", "balanced"))
        check_training("command", self)
        check_switches(self, "streaming", "augment", "refit", "calibrate")
        for name in ("hidden_size", "layers", "batch_size", "bands"):
            if getattr(self, name) is not None:
                check_whole("command", name, getattr(self, name))
        if self.sample_rate is not None:
            check_whole("command", "sample_rate", self.sample_rate, 1000, 200_000)
        for name in ("dropout", "label_smoothing"):
            if getattr(self, name) is not None:
                check_rate("command", name, getattr(self, name))
        for name, example in (("epochs", "20"), ("false_alarms", "1")):
            value = getattr(self, name)
            if value is not None and not (is_number(value) and value > 0):
                raise ConfigError(f"{name} is {short(value)}, expected a number above 0, such as {example}.")

    @property
    def recipe(self) -> CommandRecipe:
        return PRESETS[self.preset]

    @property
    def usual_epochs(self) -> tuple[float, int]:
        """The preset's epochs, and its steps at least."""
        return self.recipe.epochs, self.recipe.least_steps

    def sizes(self) -> ClassifierSizes:
        """The network these choices describe."""
        recipe = self.recipe
        hidden = (self.hidden_size or recipe.hidden[0],) * (self.layers or len(recipe.hidden))
        dropout = recipe.dropout if self.dropout is None else self.dropout
        return ClassifierSizes(
            hidden=hidden,
            embedding=recipe.embedding,
            bidirectional=not self.streaming,
            pooling="last" if self.streaming else "attention",
            input_dropout=dropout,
            output_dropout=dropout,
        )

    def rate(self, rows: int) -> float:
        """The highest learning rate."""
        return self.learning_rate or 3e-3

    def batch(self, rows: int) -> int:
        """Recordings of a training step, where there are so many.

        A set of some hundred gets as many steps as a larger one at least, so it can afford to hear more at each of them: on
        the training part of Speech Commands 64 were better than 32, by 83.9 to 83.0 %.
        """
        if self.batch_size is not None:
            return self.batch_size
        return 16 if rows < 64 else 64 if 300 <= rows < MANY else 32
