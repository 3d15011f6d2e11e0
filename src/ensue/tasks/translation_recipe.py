"""How a translation model is trained: what a user chooses, and the recipes that have a name."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ensue.data.text import KINDS, TextOptions
from ensue.layers.base import check_rate, check_whole
from ensue.tasks.choices import check_names, check_switches, check_training
from ensue.tasks.translation import Sizes


@dataclass(frozen=True)
class Recipe:
    """The numbers one training runs with."""

    sizes: Sizes
    epochs: int
    """How often each pair is seen ..."""
    least_steps: int
    """... but so many steps at least, for a corpus of a few hundred pairs."""
    batch: int = 80
    """Sentences in a training step."""
    learning_rate: float = 2e-3
    smoothing: float = 0.1
    """The share of probability that a target token gives away to all others (Szegedy et al. 2016, sec. 7)."""
    average_decay: float = 0.998
    """The running average of weights that stands in for averaging checkpoints."""


PRESETS: Mapping[str, Recipe] = types.MappingProxyType(
    {
        "fast": Recipe(Sizes(128, 128, 1, 256, dropout=0.2), epochs=8, least_steps=400, learning_rate=3e-3),
        "default": Recipe(Sizes(256, 256, 1, 512, dropout=0.35, word_dropout=0.05), epochs=14, least_steps=1000),
        "thorough": Recipe(Sizes(512, 512, 2, 768, dropout=0.5, word_dropout=0.1), epochs=30, least_steps=2000),
    }
)
"""Recipes by name: 'fast' for a first look, 'default' for most corpora, 'thorough' where there is a GPU or a night."""


@dataclass(frozen=True)
class TranslationOptions:
    """What can be chosen. Numbers that are None are those of the preset.

    >>> TranslationOptions(preset="fast", steps=10).steps
    10
    """

    preset: str = "default"
    tokens: str = "subwords"
    """'subwords', 'words', 'characters' or 'bytes'."""
    shared: bool | None = None
    """One vocabulary and one table of vectors for both languages; None: except for words."""
    vocabulary: int | None = None
    """Different tokens at most; None: as many as suit the text."""
    lowercase: bool = False
    normalise: str = "NFC"
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
        check_names(self, preset=PRESETS, tokens=KINDS)
        check_training("translation", self)
        _ = self.text  # refuses what cannot be right
        if self.shared is not None:
            check_switches(self, "shared")
        if self.batch is not None:
            check_whole("translation", "batch", self.batch)
        if self.dropout is not None:
            check_rate("translation", "dropout", self.dropout)

    @property
    def recipe(self) -> Recipe:
        """The preset with what was chosen in its place."""
        recipe = PRESETS[self.preset]
        if self.dropout is not None:
            recipe = replace(recipe, sizes=replace(recipe.sizes, dropout=self.dropout))
        if self.batch is not None:
            recipe = replace(recipe, batch=self.batch)
        return recipe if self.learning_rate is None else replace(recipe, learning_rate=self.learning_rate)

    @property
    def text(self) -> TextOptions:
        """How text is cut into tokens."""
        return TextOptions(self.tokens, self.vocabulary, self.lowercase, self.normalise)

    @property
    def shares(self) -> bool:
        """Whether both languages have the same tokens."""
        return self.tokens != "words" if self.shared is None else self.shared
