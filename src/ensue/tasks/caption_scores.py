"""How good captions are: BLEU and chrF as sacreBLEU computes them, CIDEr-D, and how many are exactly right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ensue.errors import DataError, MissingExtraError
from ensue.tasks.cider import cider


class CaptionScores(NamedTuple):
    """Of some clips' captions against the references of each."""

    exact: float
    """The share that is one of the references, word for word."""
    bleu: float
    """In percent, with sacreBLEU's settings `signature`."""
    chrf: float
    """In percent (Popović 2015)."""
    cider: float | None
    """CIDEr-D, 0 to 10; None for a single clip, of which it cannot be computed."""
    signature: str
    clips: int

    def __str__(self) -> str:
        agreement = "" if self.cider is None else f", CIDEr-D {self.cider:.2f}"
        return (
            f"{self.exact:.1%} of {self.clips} exactly right, BLEU {self.bleu:.1f}, chrF {self.chrf:.1f}{agreement} "
            f"({self.signature})"
        )


def score(captions: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """The scores of one caption a clip. Raises `DataError` where there are not equally many of both.

    >>> score(["a cat", "a dog"], [["a cat"], ["a cow", "one cow"]]).exact
    0.5
    """
    if len(captions) != len(references) or not captions:
        raise DataError(
            f"{len(captions)} captions and references of {len(references)} clips were given, expected equally many."
        )
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ModuleNotFoundError as error:
        raise MissingExtraError("Scoring captions", "sacrebleu", "text") from error
    most = max(map(len, references))
    columns: Any = [[own[place] if place < len(own) else None for own in references] for place in range(most)]
    bleu, chrf = BLEU(), CHRF()
    found = bleu.corpus_score(list(captions), columns)
    exact = sum(caption in own for caption, own in zip(captions, references, strict=True)) / len(captions)
    return CaptionScores(
        exact,
        float(found.score),
        float(chrf.corpus_score(list(captions), columns).score),
        cider(captions, references) if len(captions) > 1 else None,
        str(bleu.get_signature()),
        len(captions),
    )
