"""Films of somebody who speaks, made ready to learn lip reading from: cut out, checked, divided; what is left out is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.manifests import few
from ensue.data.utterances import Utterances
from ensue.data.video.kept import Kept
from ensue.data.video.lips import LipsAnew, LipsFrontEnd
from ensue.errors import DataError, EnsueError, MissingExtraError
from ensue.network import Layer
from ensue.tasks.alphabet import Alphabet, tidy
from ensue.tasks.caption_data import name_of
from ensue.tasks.picture_layers import picture_layers
from ensue.tasks.speech import SpeechSizes, SpeechTask
from ensue.tasks.speech_data import Ready, Rows, divided
from ensue.tasks.speech_options import SpeechOptions

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class LipsRecipe:
    """A named set of numbers to train with."""

    hidden: tuple[int, ...]
    epochs: float
    least_steps: int
    dropout: float = 0.2
    batch: int = 16
    learning_rate: float = 1e-3
    """At twice this, little is seen for long."""


RECIPES: Mapping[str, LipsRecipe] = MappingProxyType(
    {
        "fast": LipsRecipe((96,), epochs=25, least_steps=800),
        "default": LipsRecipe((128, 128), epochs=50, least_steps=4000),
        "thorough": LipsRecipe((256, 256), epochs=100, least_steps=6000),
    }
)
"""Recipes by the names of the presets."""


WIDTH = 5
"""Frames that are joined before the LSTM layers."""


def lips_task(
    front_end: LipsFrontEnd, alphabet: Alphabet, recipe: LipsRecipe, dropout: float | None = None, causal: bool = False
) -> SpeechTask:
    """A speech task that sees: pictures first, then the LSTM layers of hearing.

    >>> task = lips_task(LipsFrontEnd(), Alphabet.of("ab"), RECIPES["fast"])
    >>> [layer.kind for layer in task.networks()["network"].layers][-4:]
    ['dropout', 'lstm', 'dropout', 'softmax_head']
    """
    drop = recipe.dropout if dropout is None else dropout
    width = recipe.hidden[0] * (1 if causal else 2)
    first: tuple[Layer, ...] = picture_layers(*front_end.picture, output=width, dropout=drop / 2)
    # What a frame shows reaches the answer beside the LSTM layers too: it is learned long before what came of it is.
    sizes = SpeechSizes(
        recipe.hidden, convolution=width, width=WIDTH, stride=1, bidirectional=not causal, input_dropout=drop,
        dropout=drop, residual=True,
    )  # fmt: skip
    return SpeechTask(front_end, alphabet, sizes, first)


def prepare_lips(
    data: Any,
    texts: Sequence[str] | None,
    speakers: Sequence[str] | None,
    valid: Any,
    options: SpeechOptions,
    front_end: LipsFrontEnd,
    say: Callable[[str], None],
    words: tuple[Sequence[Any], Sequence[str]] | None = None,
) -> Ready:
    """Read, check and divide.

    Args:
        words: pieces of films to learn from as well, and what is said in each.

    Raises `DataError` where nothing is left, `UsageError` for arguments that do not fit.
    """
    training, validation = divided(data, texts, speakers, valid, options.seed, say)
    if words is not None:
        training = _with_words(training, *words)
    known, parts = _cut_out(training, front_end, say)
    held, held_parts = _cut_out(validation, front_end, say)
    alphabet = (
        Alphabet.learn(known.texts, options.tokens, options.vocabulary, options.lowercase)
        if options.alphabet is None
        else Alphabet.of(options.alphabet, options.lowercase)
    )
    task = lips_task(front_end, alphabet, RECIPES[options.preset], options.dropout)
    return Ready(
        task,
        _utterances(task, known, parts, say, options.augment),
        _utterances(task, held, held_parts, say, augment=False),
    )


def _with_words(rows: Rows, items: Sequence[Any], texts: Sequence[str]) -> Rows:
    if len(items) != len(texts):
        raise DataError(f"{len(items)} pieces and {len(texts)} texts of them were given, expected equally many.")
    return Rows([*rows.items, *items], [*rows.texts, *map(tidy, texts)], None)


def _utterances(
    task: SpeechTask, rows: Rows, parts: Sequence[Frames], say: Callable[[str], None], augment: bool
) -> Utterances:
    """The rows whose text can be written, and is short enough for the clip; the others are listed."""
    alphabet = task.alphabet
    kept: list[int] = []
    failed: list[int] = []
    for row, (text, part) in enumerate(zip(rows.texts, parts, strict=True)):
        fits = not alphabet.foreign([text]) and alphabet.steps_for(alphabet.encode(text)) <= len(part)
        (kept if fits else failed).append(row)
    if failed:
        names = [name_of(rows.items[row], row) for row in failed]
        say(
            f"Left out {few(names)} whose text has other characters than the alphabet, or more than the clip has frames."
        )
    if not kept:
        raise DataError("No clip is left to learn from or to validate on: check that texts and clips belong together.")
    front_end = task.front_end
    assert isinstance(front_end, LipsFrontEnd)
    chosen = [parts[row] for row in kept]

    def seen(part: Frames) -> NDArray[np.float32]:
        return front_end.numbers(front_end.inside(part))

    texts = tuple(alphabet.tidied(rows.texts[row]) for row in kept)
    return Utterances(Kept(chosen, seen), texts, LipsAnew(front_end, chosen) if augment else None)


def _cut_out(rows: Rows, front_end: LipsFrontEnd, say: Callable[[str], None]) -> tuple[Rows, list[Frames]]:
    """The part of each clip that moves; clips that cannot be read are left out, and listed."""
    parts: list[Frames] = []
    kept, failed = [], []
    for row, item in enumerate(rows.items):
        try:
            parts.append(front_end.cut_out(item))
            kept.append(row)
        except MissingExtraError:
            raise
        except EnsueError as error:
            failed.append((name_of(item, row), str(error)))
    if failed:
        say(f"Left out {few([name for name, _ in failed])} that cannot be read; the first: {failed[0][1]}")
    if not kept:
        raise DataError(f"None of {len(rows.items):,} clips can be read; the first: {failed[0][1]}")
    return rows.take(kept), parts
