"""The choices of a language model's training, and what they are where the user leaves them open."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ensue.errors import ConfigError, nearest
from ensue.layers.base import check_rate, check_whole, is_number, short
from ensue.tasks.choices import PRECISIONS
from ensue.tasks.language_model import LanguageSizes

PRESETS = ("fast", "default", "thorough")
SCHEDULES = ("cosine", "plateau")
CHOICES: dict[str, tuple[str, ...]] = {"preset": PRESETS, "schedule": SCHEDULES, "precision": PRECISIONS}
NUMBERS: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-9, 1),
    "epochs": (1e-6, 10_000),
    "weight_decay": (0, 10),
    "activation": (0, 10_000),
    "change": (0, 10_000),
    "clip": (1e-9, 1e9),
}
"""What a number may be, from and to."""
RATES = ("dropout", "weight_drop", "embedding_dropout", "label_smoothing", "average_decay")
COUNTS = ("hidden_size", "layers", "embedding", "batch_size", "context_length", "steps", "patience", "threads")
SIZES = ("hidden_size", "layers", "embedding", "tied")
"""What a network has from its beginning."""
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
    """Units of every LSTM layer; with `tied`, the last one has `embedding` units."""
    layers: int | None = None
    """LSTM layers on top of each other."""
    embedding: int | None = None
    """Numbers in the vector of a token."""
    tied: bool | None = None
    """Whether embedding and softmax share their matrix; None: where there are many tokens and the sizes given allow it."""
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
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        open_to_choice = {each.name for each in fields(self) if each.default is None}
        given = {name: value for name, value in given.items() if value is not None or name not in open_to_choice}
        for name, value in given.items():
            if name in CHOICES and value not in CHOICES[name]:
                raise ConfigError(f"{name} is '{value}', {nearest(str(value), CHOICES[name])}")
            if name in NUMBERS:
                least, most = NUMBERS[name]
                if not (is_number(value) and least <= value <= most):
                    raise ConfigError(f"{name} is {short(value)}, expected a number from {least:g} to {most:g}.")
            if name in RATES:
                check_rate("language model", name, value)
            if name in COUNTS:
                check_whole("language model", name, value)
        check_whole("language model", "seed", self.seed, 0, 2**63 - 1)
        if not isinstance(self.tied, bool | None) or not isinstance(self.device, str):
            raise ConfigError(
                f"tied and device are {short(self.tied)} and {short(self.device)}, expected True or False, and a name such "
                "as 'cpu'."
            )

    def going_on(self, before: LanguageSizes) -> LanguageOptions:
        """The same for a network that is there already: of its sizes, and with what it was trained without where nothing
        else is given."""
        dropped: dict[str, Any] = {
            "dropout": before.output_dropout,
            "weight_drop": before.weight_drop,
            "embedding_dropout": before.embedding_dropout,
        }
        left_open = {name: value for name, value in dropped.items() if getattr(self, name) is None}
        return replace(self, **{name: getattr(before, name) for name in SIZES}, **left_open)

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
        chosen = usual | given
        if chosen["tied"] and chosen["layers"] == 1:  # this layer's answers meet the embedding's matrix
            size = self.hidden_size or self.embedding or chosen["embedding"]
            if self.embedding in (None, size):
                chosen |= {"hidden_size": size, "embedding": size}
            elif self.tied is None:
                chosen["tied"] = False
            else:
                raise ConfigError(
                    f"hidden_size is {size} and embedding {self.embedding}, but one layer with tied weights has one size: "
                    "give one of them, or tied=False."
                )
        return LanguageRecipe(**chosen)


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
