"""The choices of a language model's training, and what they are where the user leaves them open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ensue.errors import ConfigError, nearest
from ensue.tasks.language_model import LanguageSizes

PRESETS = ("fast", "default", "thorough")
SCHEDULES = ("cosine", "plateau")
PRECISIONS = ("auto", "float32", "bfloat16")
SMALL = 300_000
"""Tokens below which a text counts as small: a smaller network, read more often."""
LARGE = 20_000_000
"""Tokens from which each is read few times."""
READ = 60_000_000
"""Characters that a training reads in all, where the text has some millions."""


@dataclass(frozen=True)
class LanguageRecipe:
    """The numbers one training runs with: the fields of `LanguageOptions`, all of them chosen."""

    preset: str
    hidden_size: int
    layers: int
    embedding: int
    tied: bool
    dropout: float
    weight_drop: float
    embedding_dropout: float
    batch_size: int
    context_length: int
    epochs: float
    steps: int | None
    learning_rate: float
    schedule: str
    weight_decay: float
    label_smoothing: float
    activation: float
    change: float
    clip: float
    average_decay: float
    patience: int
    seed: int
    threads: int | None
    device: str
    precision: str

    @property
    def sizes(self) -> LanguageSizes:
        """The network it trains."""
        return LanguageSizes(
            hidden_size=self.hidden_size,
            layers=self.layers,
            embedding=self.embedding,
            tied=self.tied,
            embedding_dropout=self.embedding_dropout,
            input_dropout=round(self.dropout * (0.75 if self.tied else 0.25), 4),
            hidden_dropout=round(self.dropout * (0.6 if self.tied else 1.0), 4),
            output_dropout=self.dropout,
            weight_drop=self.weight_drop,
        )


@dataclass(frozen=True)
class LanguageOptions:
    """How to train a language model. Whatever is None depends on the preset, the kind of tokens and the length of the text.

    >>> LanguageOptions(hidden_size=64).chosen("characters", 1_000_000).sizes.hidden_size
    64
    """

    preset: str = "default"
    """'fast' for a first look, 'default', 'thorough' where an hour or two are well spent."""
    hidden_size: int | None = None
    """Units of every LSTM layer."""
    layers: int | None = None
    """LSTM layers on top of each other."""
    embedding: int | None = None
    """Numbers in the vector of a token."""
    tied: bool | None = None
    """Whether embedding and softmax share their matrix; None: where there are many tokens."""
    dropout: float | None = None
    """Share of features left out before the softmax; before and between the LSTM layers a part of that."""
    weight_drop: float | None = None
    """Share of recurrent weights left out."""
    embedding_dropout: float | None = None
    """Share of tokens whose vector is left out."""
    batch_size: int | None = None
    """Parallel rows that the text is divided into."""
    context_length: int | None = None
    """Tokens of a batch, at whose beginning backpropagation ends; the state is carried on."""
    epochs: float | None = None
    """How often the text is read."""
    steps: int | None = None
    """Training steps at most, instead of epochs."""
    learning_rate: float | None = None
    """Highest learning rate."""
    schedule: str = "cosine"
    """How the learning rate goes down: 'cosine' or 'plateau'."""
    weight_decay: float = 0.05
    """Of AdamW."""
    label_smoothing: float = 0.0
    """Share of the target's probability that is spread over all tokens."""
    activation: float = 0.0
    """Weight of the squared activations (AR)."""
    change: float = 0.0
    """Weight of their squared changes from step to step (TAR)."""
    clip: float = 0.5
    """Largest norm of a gradient."""
    average_decay: float = 0.995
    """Weights are averaged over about the last 1 / (1 - this) steps."""
    patience: int = 8
    """Validations without a better score before training stops."""
    seed: int = 0
    """Seed of everything random."""
    threads: int | None = None
    """Processor threads; None: one."""
    device: str = "auto"
    """Where to train: 'auto', 'cpu', 'cuda', 'mps'."""
    precision: str = "auto"
    """'float32', 'bfloat16', or 'auto': bfloat16 where the processor has it and layers are wide."""

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ConfigError(f"preset is '{self.preset}', {nearest(self.preset, PRESETS)}")
        for name in (
            "hidden_size",
            "layers",
            "embedding",
            "batch_size",
            "context_length",
            "steps",
            "patience",
            "threads",
        ):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise ConfigError(f"{name} is {value!r}, expected a whole number of 1 or more.")
        for name in ("dropout", "weight_drop", "embedding_dropout", "label_smoothing"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ConfigError(f"{name} is {value!r}, expected a share from 0 to below 1.")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise ConfigError(
                f"learning_rate is {self.learning_rate}, expected a number between 0 and 1, such as 0.002."
            )
        if self.epochs is not None and not 0 < self.epochs <= 10_000:
            raise ConfigError(f"epochs is {self.epochs}, expected a number above 0 and at most 10000.")
        if not self.clip > 0 or not 0 <= self.average_decay < 1 or not 0 <= self.weight_decay <= 10:
            raise ConfigError(
                f"clip, average_decay and weight_decay are {self.clip}, {self.average_decay} and {self.weight_decay}, "
                "expected above 0, 0 to below 1, and 0 to 10."
            )
        if self.schedule not in SCHEDULES or self.precision not in PRECISIONS:
            raise ConfigError(
                f"schedule and precision are '{self.schedule}' and '{self.precision}', expected one of "
                f"{', '.join(SCHEDULES)} and one of {', '.join(PRECISIONS)}."
            )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed is {self.seed!r}, expected a whole number of 0 or more.")

    def chosen(self, kind: str, tokens: int) -> LanguageRecipe:
        """Every choice made, for a text of so many tokens of that kind."""
        usual = _of_words(tokens) if kind in ("words", "subwords") else _of_characters(tokens)
        usual |= (
            _SIZES[kind in ("words", "subwords")][self.preset] if tokens >= SMALL or self.preset != "default" else {}
        )
        if self.preset == "fast":
            usual |= {"epochs": usual["epochs"] / 4, "dropout": usual["dropout"] / 2}
        if self.preset == "thorough":
            usual |= {"epochs": usual["epochs"] * 1.6}
        given = {name: value for name, value in vars(self).items() if value is not None or name in ("steps", "threads")}
        return LanguageRecipe(**usual | given)


def _of_characters(tokens: int) -> dict[str, Any]:
    small, large = tokens < SMALL, tokens > LARGE
    return {
        "hidden_size": 256,
        "layers": 2 if tokens < 3_000_000 else 1,
        "embedding": 64,
        "tied": False,
        "dropout": 0.3 if tokens < 3_000_000 else 0.05 if not large else 0.0,
        "weight_drop": 0.2 if tokens < 3_000_000 else 0.0,
        "embedding_dropout": 0.0,
        "batch_size": 32 if tokens < 3_000_000 else 64 if large else 16,  # small batches are as fast
        "context_length": 128,
        "epochs": 20.0 if small else 1.0 if large else min(12.0, READ / tokens),
        "learning_rate": 3e-3,
    }


def _of_words(tokens: int) -> dict[str, Any]:
    small, large = tokens < SMALL, tokens > LARGE
    return {
        "hidden_size": 256,
        "layers": 2,
        "embedding": 256,
        "tied": True,
        "dropout": 0.4 if not large else 0.1,
        "weight_drop": 0.2 if not large else 0.0,
        "embedding_dropout": 0.05 if not large else 0.0,
        "batch_size": 20 if small else 32,
        "context_length": 50,
        "epochs": 20.0 if small else 12.0 if not large else 2.0,
        "learning_rate": 3e-3,
    }


_SIZES: dict[bool, dict[str, dict[str, Any]]] = {
    False: {
        "fast": {"hidden_size": 128, "layers": 1, "embedding": 32},
        "default": {"hidden_size": 512},
        "thorough": {"hidden_size": 768, "layers": 2},
    },
    True: {
        "fast": {"hidden_size": 128, "layers": 1, "embedding": 128},
        "default": {"hidden_size": 400, "layers": 2, "embedding": 400},
        "thorough": {"hidden_size": 650, "layers": 2, "embedding": 650},
    },
}
"""By whether tokens are words, then by preset."""
