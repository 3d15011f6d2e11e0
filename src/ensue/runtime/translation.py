"""Translating without PyTorch: sentences as tokens into a `Writer`, and texts with what they looked at out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensue.data.text import END, UNKNOWN, TextFrontEnd
from ensue.decoding import BeamOptions, Hypothesis
from ensue.errors import DataError
from ensue.runtime.writing import Floats, Remembered, Whole, Writer
from ensue.tasks.task_file import Weights
from ensue.tasks.translation import TranslationTask, longest_translation

MOST_TOKENS = 2000
"""Tokens of a sentence: memory and time grow with the square of its length."""
SENTENCES = 32
"""Sentences searched side by side ..."""
ROOM = 4000
"""... or fewer, so that they have no more source tokens than this together."""
UNKNOWN_SIGN = "\ufffd"


@dataclass(frozen=True)
class Translation:
    """One translation of a sentence."""

    sentence: str
    """What was translated."""
    text: str
    score: float
    """Log probability over the length penalty; translations of a sentence are ranked by it."""
    log_probability: float
    ended: bool
    """Whether it came to its end by itself, or was cut at twice the source's length."""
    source: tuple[str, ...]
    """The source's tokens as they are shown, the mark of the end last."""
    tokens: tuple[str, ...]
    shares: Floats
    """`(tokens, source)`: how much each token looked at each source token; rows sum to one."""


class TranslationRuntime(Writer):
    """A trained translation model, ready to be asked. Nothing is kept between calls, so threads may share it."""

    def __init__(self, task: TranslationTask, weights: Mapping[str, Weights], threads: int = 1) -> None:
        super().__init__(task, weights, threads)
        self.task = task

    def translate(
        self, sentences: Sequence[str], options: BeamOptions, replace_unknown: bool = False
    ) -> list[list[Translation]]:
        """The best translations of each sentence, the best first; a blank one has a blank one.

        With `replace_unknown` each token that the model knows no text for becomes the source word it looked at most.
        Raises `DataError` for a sentence of more than 2,000 tokens.
        """
        for place, refused in self.too_long(sentences).items():
            raise DataError(f"Sentence {place + 1} {refused}")
        tokens = [self.task.source.encode(each.strip()) for each in sentences]
        found: list[list[Translation]] = [[_BLANK] for _ in sentences]
        for rows in _together([len(each) for each in tokens]):
            for row, answers in zip(rows, self.search([tokens[row] for row in rows], options), strict=True):
                source = sentences[row].strip()
                found[row] = [self._read(source, tokens[row], each, replace_unknown) for each in answers]
        return found

    def too_long(self, sentences: Sequence[str]) -> dict[int, str]:
        """Which sentences have too many tokens, by their place from 0, and what to say of each."""
        counts = [len(self.task.source.encode(each.strip())) for each in sentences]
        return {
            place: f"has {count:,} tokens, expected at most {MOST_TOKENS:,}: split it into sentences."
            for place, count in enumerate(counts)
            if count > MOST_TOKENS
        }

    def search(self, sources: Sequence[Whole], options: BeamOptions) -> list[list[Hypothesis]]:
        """The best answers to some sentences in tokens, all side by side."""
        x, lengths = _padded(sources)
        longest = [longest_translation(each) for each in lengths.tolist()]
        return self.write(x, lengths, longest, options)

    def remember(self, sources: Sequence[Whole], beam: int) -> Remembered:
        """The memory of source sentences, and the state that `beam` translations of each begin with."""
        return self.read(*_padded(sources), beam)

    def _read(self, source: str, tokens: Whole, answer: Hypothesis, replace_unknown: bool) -> Translation:
        text = self.task.target.decode(answer.tokens)
        shares = np.zeros((0, len(tokens) + 1), np.float32)
        if answer.shares is not None and len(answer.shares):
            shares = answer.shares[:, : len(tokens) + 1]
        if replace_unknown and UNKNOWN in answer.tokens:
            text = _with_source_words(text, answer, shares, source, self.task.source)
        return Translation(
            source,
            text.strip(),
            answer.score,
            answer.log_probability,
            answer.ended,
            tuple(self.task.source.tokens([*tokens, END])),
            tuple(self.task.target.tokens(answer.tokens)),
            shares,
        )


_BLANK = Translation("", "", 0.0, 0.0, True, (), (), np.zeros((0, 0), np.float32))


def _padded(sources: Sequence[Whole]) -> tuple[Floats, Whole]:
    """Sentences with the marks of their ends, `(sentences, source, 1)`, and how many tokens each then has."""
    lengths = np.array([len(each) + 1 for each in sources])
    x = np.zeros((len(sources), lengths.max(), 1), np.float32)
    for row, each in zip(x, sources, strict=True):
        row[: len(each) + 1, 0] = np.append(each, END)
    return x, lengths


def _together(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Which sentences are searched side by side: those of similar length, blank ones nowhere."""
    rows = [row for row in np.argsort(lengths, kind="stable").tolist() if lengths[row]]
    while rows:
        count = 1
        while count < min(SENTENCES, len(rows)) and (count + 1) * lengths[rows[count]] <= ROOM:
            count += 1
        yield rows[:count]
        rows = rows[count:]


def _with_source_words(text: str, answer: Hypothesis, shares: Floats, source: str, front_end: TextFrontEnd) -> str:
    """The text with each unknown sign replaced by the source word that was looked at most; the end's mark is no word."""
    prepared, spans = front_end.prepare(source), front_end.spans(source)
    places = [int(shares[at, :-1].argmax()) for at, token in enumerate(answer.tokens) if token == UNKNOWN]
    words = [prepared[slice(*spans[place])] for place in places]
    parts = text.split(UNKNOWN_SIGN)
    if len(parts) != len(words) + 1:
        return text
    return "".join(part + word for part, word in zip(parts, [*words, ""], strict=True))
