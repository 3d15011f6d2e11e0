"""The choices of a captioning model's training, and what they are where the user leaves them open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ensue.data.text import TextOptions
from ensue.errors import ConfigError, nearest
from ensue.layers.base import check_rate, check_whole
from ensue.tasks.captioning import ENCODERS, CaptionSizes

TOKENS = ("words", "subwords", "characters")


@dataclass(frozen=True)
class Recipe:
    """A named set of numbers to train with."""

    sizes: CaptionSizes
    epochs: int
    """How often each caption is seen ..."""
    least_steps: int
    """... but so many steps at least."""
    batch: int = 16
    """Captions in a training step."""
    learning_rate: float = 2e-3
    smoothing: float = 0.05
    """The share of probability that a word gives away to all others (Szegedy et al. 2016, sec. 7)."""


PRESETS: Mapping[str, Recipe] = MappingProxyType(
    {
        "fast": Recipe(CaptionSizes(64, 64, 128, 0.1), epochs=10, least_steps=400, learning_rate=3e-3),
        "default": Recipe(CaptionSizes(128, 128, 256, 0.2), epochs=20, least_steps=1500),
        "thorough": Recipe(CaptionSizes(256, 256, 512, 0.3), epochs=40, least_steps=4000),
    }
)
"""Recipes by name: 'fast' for a first look, 'default', 'thorough' where hours are well spent."""


@dataclass(frozen=True)
class CaptionOptions:
    """How to train a captioning model. Whatever is None depends on the preset.

    >>> CaptionOptions(preset="fast", batch=8).steps_for(100)
    400
    """

    preset: str = "default"
    """'fast', 'default' or 'thorough'."""
    tokens: str = "words"
    """'words', 'subwords' or 'characters'."""
    vocabulary: int | None = None
    """Different tokens at most; None: as many as suit the captions."""
    lowercase: bool = True
    """Write everything in lower case."""
    reader: str = "lstm"
    """'lstm', or 'mean' for the baseline without order."""
    augment: bool = True
    """Move frames by a few pixels and change their light while training."""
    steps: int | None = None
    """Training steps at most."""
    batch: int | None = None
    learning_rate: float | None = None
    dropout: float | None = None
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name, known in (("preset", PRESETS), ("tokens", TOKENS), ("reader", ENCODERS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} is '{getattr(self, name)}', {nearest(str(getattr(self, name)), known)}")
        _ = self.text  # refuses what cannot be right
        for name in ("steps", "batch", "threads"):
            if getattr(self, name) is not None:
                check_whole("caption", name, getattr(self, name))
        check_whole("caption", "seed", self.seed, 0)
        for name in ("lowercase", "augment"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"caption: {name} is {getattr(self, name)!r}, expected true or false.")
        if self.dropout is not None:
            check_rate("caption", "dropout", self.dropout)
        rate = self.learning_rate
        if rate is not None and not (isinstance(rate, int | float) and 0 < rate < 1):
            raise ConfigError(f"learning_rate is {rate}, expected a number between 0 and 1, such as 0.001.")

    @property
    def recipe(self) -> Recipe:
        """The preset with what was chosen in its place."""
        recipe = PRESETS[self.preset]
        sizes = replace(recipe.sizes, reader=self.reader)
        if self.dropout is not None:
            sizes = replace(sizes, dropout=self.dropout)
        recipe = replace(recipe, sizes=sizes, batch=self.batch or recipe.batch)
        return recipe if self.learning_rate is None else replace(recipe, learning_rate=self.learning_rate)

    @property
    def text(self) -> TextOptions:
        """How captions are cut into tokens."""
        return TextOptions(self.tokens, self.vocabulary, self.lowercase)

    def steps_for(self, captions: int) -> int:
        """Training steps for so many captions."""
        if self.steps is not None:
            return self.steps
        recipe = self.recipe
        return max(recipe.epochs * -(-captions // recipe.batch), recipe.least_steps)
