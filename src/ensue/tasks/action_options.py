"""The choices of an action recogniser's training, and what they are where the user leaves them open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ensue.errors import ConfigError
from ensue.layers.base import check_rate, check_whole, is_number, short
from ensue.tasks.choices import check_names, check_switches, check_training
from ensue.tasks.classification import ClassifierSizes


@dataclass(frozen=True)
class ActionRecipe:
    """A named set of numbers to train with."""

    hidden: tuple[int, ...]
    embedding: int
    epochs: float
    least_steps: int
    dropout: float = 0.3


PRESETS: Mapping[str, ActionRecipe] = MappingProxyType(
    {
        "fast": ActionRecipe((48,), 48, epochs=20, least_steps=300),
        "default": ActionRecipe((64,), 64, epochs=30, least_steps=800),
        "thorough": ActionRecipe((96, 96), 96, epochs=60, least_steps=2000),
    }
)
"""Recipes by name."""


@dataclass(frozen=True)
class ActionOptions:
    """How to train an action recogniser. Whatever is None depends on the preset.

    >>> ActionOptions(streaming=True).sizes().pooling
    'last'
    """

    preset: str = "default"
    """'fast', 'default' or 'thorough'."""
    streaming: bool = False
    """Read forward only, and answer at every frame."""
    augment: bool = True
    """Show each clip turned, moved, mirrored and at another pace every time."""
    mirror: bool | None = None
    """Mirror clips, too; None: unless a class is named for left or right, or the key points are of no known skeleton."""
    height: int = 48
    """Pixels that films are brought to."""
    width: int = 48
    frame_rate: float | None = None
    """Frames a second; None: 10 of films, 30 of key points."""
    colour: bool = False
    """Films in colour."""
    before: int = 1
    """Frames before each of a film's that are seen with it, so that the pictures' layers see movement."""
    features: str | None = None
    """An ONNX file: the network through which films are looked at, instead of one that is trained here."""
    skeleton: str | None = None
    """Which key points these are, of `ensue.data.video.skeletons`; None: by their number."""
    hidden_size: int | None = None
    """Units of an LSTM layer, in each direction."""
    layers: int | None = None
    """LSTM layers on top of each other."""
    dropout: float | None = None
    """Share of features left out while training."""
    class_weights: str = "equal"
    """What a clip counts: 'equal', or 'balanced' by how rare its class is."""
    label_smoothing: float = 0.1
    """Share of the probability that a label gives away to all classes."""
    calibrate: bool = True
    """Divide log probabilities by the temperature that suits the validation clips best."""
    epochs: float | None = None
    """How often each clip is seen."""
    steps: int | None = None
    """Training steps at most, instead of epochs."""
    batch_size: int | None = None
    """Clips of a training step."""
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
        check_training("action", self)
        check_switches(self, "streaming", "augment", "colour", "calibrate")
        if self.mirror is not None:
            check_switches(self, "mirror")
        for name in ("hidden_size", "layers", "batch_size", "height", "width"):
            if getattr(self, name) is not None:
                check_whole("action", name, getattr(self, name))
        check_whole("action", "before", self.before, 0, 50)
        for name in ("dropout", "label_smoothing"):
            if getattr(self, name) is not None:
                check_rate("action", name, getattr(self, name))
        for name, example in (("epochs", "20"), ("frame_rate", "25")):
            value = getattr(self, name)
            if value is not None and not (is_number(value) and value > 0):
                raise ConfigError(f"{name} is {short(value)}, expected a number above 0, such as {example}.")

    @property
    def recipe(self) -> ActionRecipe:
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
            pooling="last" if self.streaming else "mean",
            input_dropout=dropout,
            output_dropout=dropout,
        )

    def rate(self, rows: int) -> float:
        """The highest learning rate."""
        return self.learning_rate or 3e-3

    def batch(self, rows: int) -> int:
        """Clips of a training step, where there are so many."""
        return self.batch_size or (32 if rows >= 64 else 16)
