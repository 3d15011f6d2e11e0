"""How good translations are: BLEU (Papineni et al. 2002) as sacreBLEU computes it (Post 2018), with its signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ensue.errors import DataError, MissingExtraError


class Bleu(NamedTuple):
    """A score, and the settings it was computed with: scores of different signatures are not comparable."""

    score: float
    """In percent; higher is better."""
    signature: str

    def __str__(self) -> str:
        return f"sacreBLEU {self.score:.1f} ({self.signature})"


def bleu(translations: Sequence[str], references: Sequence[str]) -> Bleu:
    """The score of translations against one reference each, in sacreBLEU's default settings.

    Raises `DataError` where there are not equally many, and `MissingExtraError` where the library is not installed.

    >>> bleu(["the cat sat on the mat"], ["the cat sat on the mat"]).score
    100.0
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ModuleNotFoundError as error:
        raise MissingExtraError("A BLEU score", "sacrebleu", "text") from error
    if len(translations) != len(references) or not references:
        raise DataError(
            f"{len(translations)} translations and {len(references)} references were given, expected equally many."
        )
    metric = BLEU()
    found = metric.corpus_score(list(translations), [list(references)])
    return Bleu(round(float(found.score), 10), str(metric.get_signature()))


def can_score() -> bool:
    """Whether sacreBLEU is installed."""
    from importlib.util import find_spec

    return find_spec("sacrebleu") is not None
