"""The words that carried a classifier's decision: what becomes of the answer when each one is left out.

This is measured, not read off the attention: the text is read again without each word (Li, Monroe & Jurafsky 2016). What
two words do together, such as "not" and "bad", shows at both, and their effects do not add up to the whole.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensue.data.text import UNKNOWN, TextFrontEnd
from ensue.errors import DataError, UsageError

if TYPE_CHECKING:
    from ensue.runtime.classification import ClassifierRuntime

Floats = NDArray[np.float64]

MOST = 300
"""Readings of a text at most: a longer one is left out in stretches of several words."""
SUREST = 1e-9
"""A probability is held this far from 0 and 1, so that its odds are a number."""
LEVELS = 4
"""Shades that a word can have."""
RUN = re.compile(r"\S+")


@dataclass(frozen=True)
class Carried:
    """A text, the answer, and what each word had to do with it."""

    text: str
    classes: tuple[str, ...]
    probabilities: Floats
    """Of each class, `(classes,)`."""
    spans: tuple[tuple[int, int], ...]
    """Where each word stands in the text."""
    effects: Floats
    """By how much each word raises the log odds of the answer, `(words,)`: e^1 = 2.7 times the odds at 1."""
    findings: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """The likeliest class."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.text[first:last] for first, last in self.spans)

    def strongest(self, count: int = 5) -> list[tuple[str, float]]:
        """The words with the largest effects and these effects, those for the answer and those against it."""
        order = np.argsort(-np.abs(self.effects), kind="stable")[:count]
        return [(self.words[place], float(self.effects[place])) for place in order]

    def shades(self) -> list[int]:
        """Of each word, from -4 (spoke strongly against the answer) to 4 (for it); beside the strongest word, at least 1."""
        largest = max(float(np.abs(self.effects).max(initial=0.0)), 1.0)
        return [round(LEVELS * effect / largest) for effect in self.effects.tolist()]

    def sentence(self) -> str:
        """What carried the decision, in words."""
        listed = ", ".join(f"'{word}' {effect:+.2f}" for word, effect in self.strongest())
        sure = float(self.probabilities.max())
        return f"{self.answer} ({sure:.1%}); log odds that words add to it: {listed}."

    def to_html(self) -> str:
        """A page that shows the text with its words shaded; it needs nothing from elsewhere."""
        return page([self])


def words_that_carried(runtime: ClassifierRuntime, text: str) -> Carried:
    """Leave out each word of a text in turn and ask again.

    Raises `UsageError` for a model of numbers, `DataError` for an empty text.
    """
    task, front_end = runtime.task, runtime.task.front_end
    if not isinstance(front_end, TextFrontEnd):
        raise UsageError("This model reads numbers, and words are explained of texts only: give a model of texts.")
    if not isinstance(text, str):
        raise UsageError(f"A value of type {type(text).__name__} was given to explain, expected one text.")
    tokens = front_end.encode(text)
    if not len(tokens):
        raise DataError("The text is empty, expected at least one word: leave it out.")
    kept = task.kept(len(tokens))
    read = tokens[kept].astype(np.float32)[:, None]
    spans = [front_end.spans(text)[place] for place in kept]
    prepared = front_end.prepare(text)
    units = _units(front_end.kind, prepared, spans)
    findings: tuple[str, ...] = ()
    if len(units) > MOST:
        size = -(-len(units) // MOST)
        findings = (f"The text has {len(units):,} words: they are left out in stretches of {size}.",)
        units = [[token for unit in units[at : at + size] for token in unit] for at in range(0, len(units), size)]
    without = [np.delete(read, unit, axis=0) for unit in units]
    nothing = np.full((1, 1), UNKNOWN, np.float32)  # without its only word a text is one that says nothing known
    logs = runtime.answers([read, *(each if len(each) else nothing for each in without)])
    answer = int(logs[0].argmax())
    odds = _log_odds(np.exp(logs[:, answer]))
    shown = text if len(text) == len(prepared) else prepared
    places = tuple((spans[unit[0]][0], spans[unit[-1]][1]) for unit in units)
    return Carried(shown, task.classes, np.exp(logs[0]), places, odds[0] - odds[1:], findings)


def _units(kind: str, text: str, spans: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The tokens of each word: every token where tokens are words or where there are no spaces, else those of a run."""
    runs = [match.span() for match in RUN.finditer(text)]
    if kind == "words" or len(text) > 25 * max(1, len(runs)):
        return [[place] for place in range(len(spans))]
    ends = np.array([last for _, last in runs])
    units: dict[int, list[int]] = {}
    for place, (first, last) in enumerate(spans):
        begins = first + (last - first > 1 and text[first].isspace())  # a subword may open with the space before it
        run = int(np.searchsorted(ends, begins, side="right"))
        units.setdefault(min(run, len(runs) - 1), []).append(place)
    return list(units.values())


def _log_odds(probability: Floats) -> Floats:
    held = np.clip(probability, SUREST, 1 - SUREST)
    result: Floats = np.log(held) - np.log1p(-held)
    return result


def _marked(carried: Carried) -> str:
    """The text as HTML, its words shaded."""
    parts, at = [], 0
    for (first, last), shade, effect in zip(carried.spans, carried.shades(), carried.effects.tolist(), strict=True):
        parts.append(html.escape(carried.text[at:first]))
        word = html.escape(carried.text[first:last])
        kind = f"for{shade}" if shade > 0 else f"against{-shade}"
        parts.append(f'<span class="{kind}" title="{effect:+.2f}">{word}</span>' if shade else word)
        at = last
    return "".join([*parts, html.escape(carried.text[at:])])


def page(explained: Sequence[Carried]) -> str:
    """Texts with their words shaded, as a page that needs nothing from elsewhere."""
    rules = "".join(
        f".for{n} {{ background: rgba(20, 125, 100, {0.16 * n:.2f}); }}\n"
        f".against{n} {{ background: rgba(205, 80, 30, {0.16 * n:.2f}); }}\n"
        for n in range(1, LEVELS + 1)
    )
    bodies = "\n".join(
        f"<section><h2>{html.escape(each.answer)} <small>{float(each.probabilities.max()):.1%}</small></h2>\n"
        f'<p>{_marked(each)}</p>\n<p class="list">{_strongest(each)}</p></section>'
        for each in explained
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The words that carried the decision</title>
<style>
body {{ margin: 2rem auto; max-width: 46rem; padding: 0 1rem; font: 16px/1.6 system-ui, sans-serif; color: #1b222b; }}
h1 {{ font-size: 1.3rem; }}
h2 {{ font-size: 1.05rem; margin: 1.5rem 0 .3rem; }}
small, .list {{ color: #56616d; font-weight: normal; }}
.list {{ font-size: .85rem; }}
p {{ margin: .2rem 0; white-space: pre-wrap; }}
span {{ border-radius: .2rem; padding: 0 .1rem; }}
{rules}</style>
</head>
<body>
<h1>The words that carried the decision</h1>
<p class="list">Green: without this word the answer would be less likely. Orange: more likely. The text was read again without
each word; the figure is by how much it raises the log odds of the answer.</p>
{bodies}
</body>
</html>
"""


def _strongest(carried: Carried) -> str:
    return html.escape(", ".join(f"{word} {effect:+.2f}" for word, effect in carried.strongest()))
