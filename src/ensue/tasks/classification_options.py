"""The choices of a classifier's training, and what they are where the user leaves them open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ensue.data.text import KINDS, TextOptions
from ensue.errors import ConfigError
from ensue.layers.base import check_rate, check_whole, is_number, short
from ensue.tasks.choices import check_names, check_switches, check_training
from ensue.tasks.classification import POOLINGS, ClassifierSizes

TOKENS = ("auto", *KINDS)
MANY = 20_000
"""Sequences from which batches are larger."""
STEPS = 64
"""Steps of a sequence of numbers that an LSTM is given to read: a longer one is shortened by its convolution."""
LONGEST_TEXT = 400
"""Tokens of a text that are read; where more are needed, `longest` says so."""


@dataclass(frozen=True)
class Recipe:
    """A named set of numbers to train with."""

    embedding: int
    hidden: tuple[int, ...]
    of_numbers: tuple[int, ...]
    """The same for sequences of numbers."""
    epochs: float
    least_steps: int
    """For a small table: so many steps at least, for early stopping to choose from."""


PRESETS: Mapping[str, Recipe] = MappingProxyType(
    {
        "fast": Recipe(100, (64,), (48,), epochs=3.0, least_steps=800),
        "default": Recipe(200, (150,), (64,), epochs=6.0, least_steps=1200),
        "thorough": Recipe(300, (256, 256), (128, 128), epochs=12.0, least_steps=3000),
    }
)
"""Recipes by name: 'fast' for a first look, 'default', 'thorough' where an hour is well spent."""


@dataclass(frozen=True)
class ClassificationOptions:
    """How to train a classifier. Whatever is None depends on the preset and on what is classified.

    >>> ClassificationOptions(preset="fast").sizes(reads_text=True).hidden
    (64,)
    """

    preset: str = "default"
    """'fast', 'default' or 'thorough'."""
    tokens: str = "auto"
    """'words', 'subwords', 'characters', 'bytes'; 'auto': words, or characters where a language has no spaces."""
    vocabulary: int | None = None
    """Different tokens at most."""
    lowercase: bool = True
    """Read texts in lower case."""
    normalise: str = "NFC"
    """The form of Unicode characters: 'none', 'NFC' or 'NFKC'."""
    bidirectional: bool = True
    """Read in both directions; False gives a classifier that streams."""
    pooling: str | None = None
    """'attention', 'mean', 'max' or 'last'; None: attention in both directions, last in one."""
    hidden_size: int | None = None
    """Units of an LSTM layer, in each direction."""
    layers: int | None = None
    """LSTM layers on top of each other."""
    embedding: int | None = None
    """Numbers in the vector of a token, or channels of the convolution over values."""
    dropout: float | None = None
    """Share of features left out while training, before the LSTM and before the softmax."""
    word_dropout: float = 0.0
    """Share of a text's tokens that are read as unknown while training (Iyyer et al. 2015, sec. 3.2)."""
    longest: int | None = None
    """Tokens of a text that are read at most."""
    class_weights: str = "equal"
    """What a row counts: 'equal', or 'balanced' by how rare its class is."""
    label_smoothing: float = 0.1
    """Share of the probability that a label gives away to all classes (Szegedy et al. 2016, sec. 7)."""
    calibrate: bool = True
    """Divide log probabilities by the temperature that suits the validation rows best."""
    epochs: float | None = None
    """How often each row is seen."""
    steps: int | None = None
    """Training steps at most, instead of epochs."""
    batch_size: int | None = None
    """Rows of a training step."""
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
        check_names(self, preset=PRESETS, tokens=TOKENS, class_weights=("equal", "balanced"))
        check_training("classification", self)
        check_switches(self, "bidirectional", "calibrate")
        _ = self.text("words")  # refuses what cannot be right
        if self.pooling is not None:
            check_names(self, pooling=POOLINGS)
        for name in ("hidden_size", "layers", "embedding", "longest", "batch_size"):
            if getattr(self, name) is not None:
                check_whole("classification", name, getattr(self, name))
        for name in ("dropout", "word_dropout", "label_smoothing"):
            if getattr(self, name) is not None:
                check_rate("classification", name, getattr(self, name))
        if self.epochs is not None and not (is_number(self.epochs) and self.epochs > 0):
            raise ConfigError(f"epochs is {short(self.epochs)}, expected a number above 0.")
        self.sizes(reads_text=True)

    @property
    def recipe(self) -> Recipe:
        return PRESETS[self.preset]

    def text(self, tokens: str) -> TextOptions:
        """How texts are cut into tokens of that kind."""
        return TextOptions(tokens, self.vocabulary, self.lowercase, self.normalise)

    @property
    def usual_epochs(self) -> tuple[float, int]:
        """The preset's epochs, and its steps at least."""
        return self.recipe.epochs, self.recipe.least_steps

    @property
    def longest_text(self) -> int:
        """Tokens of a text that are read."""
        return self.longest or LONGEST_TEXT

    def sizes(self, reads_text: bool, length: int = 1) -> ClassifierSizes:
        """The network these choices describe; `length` is what sequences of numbers usually have."""
        recipe = self.recipe
        usual = recipe.hidden if reads_text else recipe.of_numbers
        hidden = (self.hidden_size or usual[0],) * (self.layers or len(usual))
        dropout = self.dropout if self.dropout is not None else 0.5 if reads_text else 0.3
        pooling = self.pooling or ("attention" if self.bidirectional else "last")
        answers_always = pooling == "last" and not self.bidirectional
        return ClassifierSizes(
            hidden=hidden,
            embedding=self.embedding or (recipe.embedding if reads_text else 64),
            bidirectional=self.bidirectional,
            pooling=pooling,
            input_dropout=dropout if reads_text else 0.0,
            hidden_dropout=round(dropout * 0.6, 4) if len(hidden) > 1 else 0.0,
            output_dropout=dropout,
            stride=1 if reads_text or answers_always else max(1, min(16, length // STEPS)),
        )

    def rate(self, rows: int) -> float:
        """The highest learning rate for so many rows: short trainings have to go faster."""
        return self.learning_rate or (1e-3 if rows >= MANY else 2e-3)

    def batch(self, rows: int) -> int:
        """Rows of a training step, where there are so many."""
        return self.batch_size or (64 if rows >= MANY else 32 if rows >= 500 else 16)
