"""The choices of a speech model's training, and what they are where the user leaves them open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ensue.errors import ConfigError, nearest
from ensue.layers.base import check_rate, check_whole
from ensue.tasks.alphabet import TOKENS
from ensue.tasks.speech import SpeechSizes

FEWEST_EPOCHS = 15
STEPS = (0.02, 0.03)
"""Seconds of sound that one answer of the network stands for, at least and at most ..."""
STEPS_PER_LABEL = 5
"""... so that each letter has as many answers, on average: where people speak fast a short word must not lack them."""
SEEN = 0.11
"""Seconds of sound that the convolution sees at once."""
FEW = 100
"""With fewer recordings the network is one small layer."""


@dataclass(frozen=True)
class Recipe:
    """A named set of numbers to train with."""

    hidden: tuple[int, ...]
    epochs: float
    least_steps: int
    """For few recordings: so many steps at least ..."""
    most_steps: int
    """... and for many so many at most, or as many as hear each fifteen times."""


PRESETS: Mapping[str, Recipe] = MappingProxyType(
    {
        "fast": Recipe((96, 96), epochs=30.0, least_steps=400, most_steps=3_000),
        "default": Recipe((192, 192), epochs=80.0, least_steps=800, most_steps=12_000),
        "thorough": Recipe((256, 256, 256), epochs=120.0, least_steps=2000, most_steps=30_000),
    }
)
"""Recipes by name: 'fast' for a first look, 'default', 'thorough' where hours are well spent."""


@dataclass(frozen=True)
class SpeechOptions:
    """How to train a speech model. Whatever is None depends on the preset."""

    preset: str = "default"
    """'fast', 'default' or 'thorough'."""
    tokens: str = "characters"
    """What is written: 'characters', 'subwords' or 'words'."""
    vocabulary: int | None = None
    """Different subwords at most."""
    alphabet: str | None = None
    """The characters that may be written; None: those of the transcripts."""
    lowercase: bool = False
    """Write everything in lower case."""
    streaming: bool = False
    """Read forward only, so that words come while somebody speaks."""
    hidden_size: int | None = None
    """Units of an LSTM layer, in each direction."""
    layers: int | None = None
    """LSTM layers on top of each other."""
    dropout: float | None = None
    """Share of the features left out between layers while training."""
    augment: bool = True
    """Stretch, mask and warp what is heard while training."""
    words_model: int = 3
    """Length of the n-grams of the language model learned from the transcripts; 0: none is learned."""
    closed: bool = False
    """Write only words that the transcripts hold."""
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
        for name, known in (("preset", PRESETS), ("tokens", TOKENS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} is '{getattr(self, name)}', {nearest(str(getattr(self, name)), known)}")
        for name in ("vocabulary", "hidden_size", "layers", "steps", "batch_size", "threads"):
            if getattr(self, name) is not None:
                check_whole("speech", name, getattr(self, name))
        check_whole("speech", "seed", self.seed, 0)
        check_whole("speech", "words_model", self.words_model, 0, 9)
        for name in ("lowercase", "streaming", "augment", "closed"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"speech: {name} is {getattr(self, name)!r}, expected true or false.")
        if self.dropout is not None:
            check_rate("speech", "dropout", self.dropout)
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise ConfigError(
                f"learning_rate is {self.learning_rate}, expected a number between 0 and 1, such as 0.001."
            )
        if self.epochs is not None and not self.epochs > 0:
            raise ConfigError(f"epochs is {self.epochs}, expected a number above 0.")
        if self.alphabet is not None and self.tokens != "characters":
            raise ConfigError(
                f"An alphabet is given and tokens is '{self.tokens}', expected characters: leave one out."
            )

    @property
    def recipe(self) -> Recipe:
        return PRESETS[self.preset]

    def sizes(self, rows: int, frame: float, seconds_per_label: float) -> SpeechSizes:
        """The network these choices describe.

        Args:
            rows: recordings to learn from.
            frame: seconds of a step of the front end.
            seconds_per_label: how long one letter, subword or word takes on average.

        >>> SpeechOptions().sizes(1000, 0.01, 0.2).stride, SpeechOptions().sizes(1000, 0.01, 0.1).stride
        (3, 2)
        """
        usual = (self.recipe.hidden[0] // 3,) if rows < FEW else self.recipe.hidden
        step = min(STEPS[1], max(STEPS[0], seconds_per_label / STEPS_PER_LABEL))
        stride = max(1, round(step / frame))
        hidden = self.hidden_size or usual[0]
        return SpeechSizes(
            hidden=(hidden,) * (self.layers or len(usual)),
            convolution=hidden * (1 if self.streaming else 2),  # as wide as what the layers give, to be added to it
            width=max(stride, round(SEEN / frame)) // 2 * 2 + 1,
            stride=stride,
            bidirectional=not self.streaming,
            dropout=0.35 if self.dropout is None else self.dropout,
            residual=True,
        )

    def batch(self, rows: int) -> int:
        """Recordings of a training step, where there are so many."""
        return self.batch_size or (16 if rows >= 300 else 8)

    def steps_for(self, rows: int) -> int:
        """Training steps for so many recordings.

        >>> SpeechOptions(epochs=10).steps_for(100)
        130
        """
        if self.steps is not None:
            return self.steps
        in_epoch = -(-rows // self.batch(rows))
        if self.epochs is not None:
            return max(1, round(self.epochs * in_epoch))
        recipe = self.recipe
        most = max(recipe.most_steps, FEWEST_EPOCHS * in_epoch)
        return max(min(round(recipe.epochs * in_epoch), most), recipe.least_steps)
