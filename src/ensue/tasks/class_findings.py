"""What is found while a classifier is trained and asked, in sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ensue.data.labelled import Labelled
from ensue.data.text import TextFrontEnd
from ensue.tasks.class_scores import ClassScores
from ensue.tasks.classification import ClassificationTask

WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")
"""Letters of languages that put no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""


def tokens_that_suit(texts: Sequence[str]) -> str:
    """How texts are best cut: in words, or in characters where a language has no spaces between words."""
    sample = "".join("".join(texts[:2000]).split())
    return "characters" if len(WITHOUT_SPACES.findall(sample)) > len(sample) / 3 else "words"


def unknown_in(task: ClassificationTask, validation: Labelled) -> tuple[str, ...]:
    """How many tokens there are, how many of the validation rows' the task does not know, how many texts are cut."""
    front_end = task.front_end
    if not isinstance(front_end, TextFrontEnd):
        return ()
    tokens = [front_end.encode(str(item)) for item in validation.items]
    unknown, every = sum(map(front_end.unknown, tokens)), sum(map(len, tokens))
    found = [f"{front_end.size:,} {front_end.kind}; {unknown / max(1, every):.2%} of the validation rows' are unknown."]
    if task.longest is not None and not task.sizes.causal:
        long = sum(len(each) > task.longest for each in tokens)
        if long:
            found.append(
                f"{long:,} of {len(tokens):,} texts to validate on have more than {task.longest} {front_end.kind}: their "
                "beginning and end are read; longest says how much."
            )
    return tuple(found)


def unknown_said(unknown: int, every: int) -> tuple[str, ...]:
    """How many tokens of what was asked are not known; nothing where all are."""
    return (f"{unknown:,} of {every:,} tokens are not known to the model.",) if unknown else ()


def results(
    scores: ClassScores, before: ClassScores, temperature: float, baseline: tuple[str, float]
) -> tuple[str, ...]:
    """How good it is, in sentences; that a simpler model is better is said as plainly."""
    name, errors = baseline
    rows, right = scores.rows, round(scores.accuracy * scores.rows)
    simpler = rows - int(errors * rows + 1e-9)  # what breaks ties is less than one row
    found = [f"accuracy {scores.accuracy:.1%}, macro F1 {scores.macro_f1:.1%} on {rows:,} validation rows."]
    beside = f"{name} has accuracy {simpler / rows:.1%} on the same rows"
    if right > simpler:
        found.append(f"{beside}: this network is better.")
    elif right == simpler:
        found.append(f"{beside}: this network is no better, and that is simpler.")
    else:
        found.append(
            f"{beside}: it is better than this network, and simpler. Use it, give more rows, or, where they are texts, begin "
            "from a language model (--from)."
        )
    if before is not scores and temperature == 1:
        found.append(
            f"probabilities: calibration error {scores.calibration_error:.1%}; they are left as they are, as no temperature "
            "makes the right classes of the validation rows clearly likelier."
        )
    elif before is not scores:
        found.append(
            f"probabilities: calibration error {before.calibration_error:.1%} before and {scores.calibration_error:.1%} "
            f"after division by temperature {temperature:.2f}, found on the same rows."
        )
    return tuple(found)
