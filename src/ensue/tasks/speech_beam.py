"""How transcripts are searched for, and how sure each word is: chosen on the validation rows, kept in the model file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ensue.errors import ConfigError, UsageError
from ensue.layers.base import check_flags, check_whole, is_number

LARGEST_BEAM = 1000


@dataclass(frozen=True)
class BeamChoice:
    """What the prefix beam search weighs against what. Raises `ConfigError` for what cannot be.

    A hypothesis scores log p(sound) + `language_weight` log p(words) + `word_bonus` for each word (Hannun et al. 2014,
    eq. 2).
    """

    kind = "speech"
    beam: int = 16
    """Hypotheses kept at each step."""
    language_weight: float = 0.0
    word_bonus: float = 0.0
    closed: bool = False
    """Only words that the language model knows."""

    def __post_init__(self) -> None:
        check_whole(self.kind, "beam", self.beam, 1, LARGEST_BEAM)
        check_flags(self, "closed")
        for name in ("language_weight", "word_bonus"):
            if not is_number(getattr(self, name)) or abs(getattr(self, name)) > 100:
                raise ConfigError(f"speech: {name} is {getattr(self, name)!r}, expected a number from -100 to 100.")


@dataclass(frozen=True)
class Confidence:
    """From what the search saw of a word to the probability that it is right: a logistic regression (Platt 1999).

    >>> Confidence().of(share=0.9, mean=-0.1, least=-0.3).__round__(3)
    0.9
    """

    weights: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)
    """Of one, of the log odds of the word's share of the beam, and of its tokens' mean and least log probability."""

    def __post_init__(self) -> None:
        if len(self.weights) != 4 or not all(is_number(each) for each in self.weights):
            raise ConfigError("speech: the weights of the confidence are no four numbers.")

    def of(self, share: float, mean: float, least: float) -> float:
        """The probability that a word is right."""
        odds = sum(weight * each for weight, each in zip(self.weights, evidence(share, mean, least), strict=True))
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


SUREST = 1e-4
"""No share of a beam is taken to be nearer to 0 or 1 than this: what was pruned is not in it."""


def evidence(share: float, mean: float, least: float) -> tuple[float, float, float, float]:
    """What `Confidence` weighs."""
    share = min(1 - SUREST, max(SUREST, share))
    return 1.0, math.log(share / (1 - share)), max(mean, -20.0), max(least, -20.0)


@dataclass(frozen=True)
class Listening:
    """All of it: the search and the confidence."""

    search: BeamChoice = field(default_factory=BeamChoice)
    confidence: Confidence = field(default_factory=Confidence)

    def to_json(self) -> dict[str, Any]:
        return {"search": asdict(self.search), "confidence": list(self.confidence.weights)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Listening:
        """What was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        a, b, c, d = (float(each) for each in plain["confidence"])
        return cls(BeamChoice(**plain["search"]), Confidence((a, b, c, d)))


def hot_words(given: Mapping[str, float] | None) -> dict[str, float]:
    """Words that are likelier than the model thinks, each with its bonus in nats, 0 to 100.

    Raises `UsageError` for what is no word with a bonus.
    """
    found = dict(given or {})
    for word, bonus in found.items():
        if not isinstance(word, str) or not word or len(word.split()) != 1:
            raise UsageError(f"The hot word {word!r} is no single word: give one word with its bonus, such as yes:3.")
        if not is_number(bonus) or abs(bonus) > 100:
            raise UsageError(f"The bonus of the hot word '{word}' is {bonus!r}, expected a number from -100 to 100.")
    return {word: float(bonus) for word, bonus in found.items()}
