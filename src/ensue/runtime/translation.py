"""Translating without PyTorch: the seven networks on the engine, attention between them in NumPy, beam search above.

The equations are in `tasks.translation`. Letters of shapes: `sentences`, `beam` hypotheses of each, `source` steps,
`memory`, `hidden` and `fed` features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensue.data.text import BEGIN, END, UNKNOWN, TextFrontEnd
from ensue.decoding import BeamOptions, Hypothesis, Marks, Said, beam_search
from ensue.errors import DataError
from ensue.runtime.engine import Engine, Executor
from ensue.tasks.task_file import Weights
from ensue.tasks.translation import TranslationTask, longest_translation

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]

MOST_TOKENS = 2000
"""Tokens of a sentence: memory and time grow with the square of its length."""
SENTENCES = 32
"""Sentences searched side by side ..."""
ROOM = 4000
"""... or fewer, so that they have no more source tokens than this together."""
UNKNOWN_SIGN = "\ufffd"


class Remembered(NamedTuple):
    """What a search carries from step to step."""

    h: Floats  # sentences beam hidden
    c: Floats  # sentences beam hidden
    fed: Floats  # sentences beam fed
    values: Floats  # sentences source memory
    keys: Floats  # sentences source hidden
    beyond: NDArray[np.bool_]  # sentences source


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


class TranslationRuntime:
    """A trained translation model, ready to be asked. Nothing is kept between calls, so threads may share it."""

    def __init__(self, task: TranslationTask, weights: Mapping[str, Weights], threads: int = 1) -> None:
        self.task = task
        self.engines: dict[str, Executor] = {
            name: Engine(network, weights[name], threads=threads) for name, network in task.networks().items()
        }

    def translate(
        self, sentences: Sequence[str], options: BeamOptions, replace_unknown: bool = False
    ) -> list[list[Translation]]:
        """The best translations of each sentence, the best first; a blank one has a blank one.

        With `replace_unknown` each token that the model knows no text for becomes the source word it looked at most.
        Raises `DataError` for a sentence of more than 2,000 tokens.
        """
        tokens = [self.task.source.encode(each.strip()) for each in sentences]
        for line, each in enumerate(tokens, start=1):
            if len(each) > MOST_TOKENS:
                raise DataError(
                    f"Sentence {line} has {len(each):,} tokens, expected at most {MOST_TOKENS:,}: split it into sentences."
                )
        found: list[list[Translation]] = [[_BLANK] for _ in sentences]
        for rows in _together([len(each) for each in tokens]):
            for row, answers in zip(rows, self.search([tokens[row] for row in rows], options), strict=True):
                source = sentences[row].strip()
                found[row] = [self._read(source, tokens[row], each, replace_unknown) for each in answers]
        return found

    def search(self, sources: Sequence[Whole], options: BeamOptions) -> list[list[Hypothesis]]:
        """The best answers to some sentences in tokens, all side by side."""
        state = self.remember(sources, options.beam)
        longest = [longest_translation(len(each) + 1) for each in sources]
        return beam_search(self, state, longest, Marks(BEGIN, END), options)

    def remember(self, sources: Sequence[Whole], beam: int) -> Remembered:
        """The memory of source sentences, and the state that `beam` translations of each begin with."""
        lengths = np.array([len(each) + 1 for each in sources])
        x = np.zeros((len(sources), lengths.max(), 1), np.float32)
        for row, each in zip(x, sources, strict=True):
            row[: len(each) + 1, 0] = np.append(each, END)
        values, _ = self.engines["source"].forward(x, lengths=lengths)  # sentences x source x memory
        mean = values.sum(axis=1, keepdims=True) / lengths[:, None, None].astype(np.float32)
        begin = self.engines["bridge"].forward(mean)[0].repeat(beam, axis=1)  # sentences x beam x 2*hidden
        h, c = np.split(begin, 2, axis=2)
        fed = np.zeros((len(sources), beam, self.task.sizes.embedding), np.float32)
        keys, _ = self.engines["keys"].forward(values)
        beyond = np.arange(x.shape[1]) >= lengths[:, None]
        return Remembered(h, c, fed, values, keys, beyond)

    def step(self, tokens: Whole, state: Remembered) -> Said:
        """Log probabilities of every next token after these, `(sentences, beam)`."""
        sentences, beam = tokens.shape
        rows = sentences * beam
        given, _ = self.engines["target"].forward(tokens.reshape(rows, 1, 1).astype(np.float32))
        x = np.concatenate([given, state.fed.reshape(rows, 1, -1)], axis=2)
        before = [each.reshape(1, rows, -1) for each in (state.h, state.c)]
        out, (_, c) = self.engines["cell"].forward(x, state=before)
        h = out.reshape(sentences, beam, -1)
        scores = h @ state.keys.transpose(0, 2, 1)  # sentences x beam x source
        shares = _softmax(np.where(state.beyond[:, None], -np.inf, scores))
        joined = np.concatenate([h, shares @ state.values], axis=2).reshape(rows, 1, -1)
        fed, _ = self.engines["combine"].forward(joined)
        logs, _ = self.engines["answer"].forward(fed)
        after = state._replace(h=h, c=c.reshape(sentences, beam, -1), fed=fed.reshape(sentences, beam, -1))
        return Said(logs.reshape(sentences, beam, -1), after, shares)

    def select(self, state: Remembered, sentences: Whole, hypotheses: Whole) -> Remembered:
        """As `decoding.Speaker` says."""
        h, c, fed = (each[sentences[:, None], hypotheses] for each in state[:3])
        if len(sentences) == len(state.values):
            return state._replace(h=h, c=c, fed=fed)
        return Remembered(h, c, fed, state.values[sentences], state.keys[sentences], state.beyond[sentences])

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


def _softmax(scores: NDArray[Any]) -> Floats:
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Floats = shares / shares.sum(axis=-1, keepdims=True)
    return result
