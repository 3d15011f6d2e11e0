"""Writing about what was read, without PyTorch: the networks on the engine, attention in NumPy, beam search above.

The equations are in `tasks.writing`. Letters of shapes: `rows` of what was read, `beam` hypotheses of each, `source`
steps, `memory`, `hidden` and `fed` features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensue.data.text import BEGIN, END
from ensue.decoding import BeamOptions, Hypothesis, Marks, Said, beam_search
from ensue.runtime.engine import Engine, Executor
from ensue.tasks.task_file import Weights
from ensue.tasks.writing import Writing

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]


class Remembered(NamedTuple):
    """What a search carries from step to step."""

    h: Floats  # rows beam hidden
    c: Floats  # rows beam hidden
    fed: Floats  # rows beam fed
    values: Floats  # rows source memory
    keys: Floats  # rows source hidden
    beyond: NDArray[np.bool_]  # rows source


class Writer:
    """A trained model that writes, ready to be asked. Nothing is kept between calls, so threads may share it."""

    def __init__(self, task: Writing, weights: Mapping[str, Weights], threads: int = 1) -> None:
        self.writing = task
        self.engines: dict[str, Executor] = {
            name: Engine(network, weights[name], threads=threads) for name, network in task.networks().items()
        }

    def write(self, x: Floats, lengths: Whole, longest: Sequence[int], options: BeamOptions) -> list[list[Hypothesis]]:
        """The best texts about what was read, `(rows, source, features)`, all rows side by side.

        Args:
            longest: of each row, how many tokens its text may have.
        """
        state = self.read(x, lengths, options.beam)
        return beam_search(self, state, longest, Marks(BEGIN, END), options)

    def read(self, x: Floats, lengths: Whole, beam: int) -> Remembered:
        """The memory of what was read, and the state that `beam` texts about each row begin with."""
        values, _ = self.engines["source"].forward(x, lengths=lengths)  # rows x source x memory
        mean = values.sum(axis=1, keepdims=True) / lengths[:, None, None].astype(np.float32)
        begin = self.engines["bridge"].forward(mean)[0].repeat(beam, axis=1)  # rows x beam x 2*hidden
        h, c = np.split(begin, 2, axis=2)
        fed = np.zeros((len(x), beam, self.writing.sizes.embedding), np.float32)
        keys, _ = self.engines["keys"].forward(values)
        beyond = np.arange(x.shape[1]) >= lengths[:, None]
        return Remembered(h, c, fed, values, keys, beyond)

    def step(self, tokens: Whole, state: Remembered) -> Said:
        """Log probabilities of every next token after these, `(rows, beam)`."""
        rows, beam = tokens.shape
        texts = rows * beam
        given, _ = self.engines["target"].forward(tokens.reshape(texts, 1, 1).astype(np.float32))
        x = np.concatenate([given, state.fed.reshape(texts, 1, -1)], axis=2)
        before = [each.reshape(1, texts, -1) for each in (state.h, state.c)]
        out, (_, c) = self.engines["cell"].forward(x, state=before)
        h = out.reshape(rows, beam, -1)
        scores = h @ state.keys.transpose(0, 2, 1)  # rows x beam x source
        shares = _softmax(np.where(state.beyond[:, None], -np.inf, scores))
        joined = np.concatenate([h, shares @ state.values], axis=2).reshape(texts, 1, -1)
        fed, _ = self.engines["combine"].forward(joined)
        logs, _ = self.engines["answer"].forward(fed)
        after = state._replace(h=h, c=c.reshape(rows, beam, -1), fed=fed.reshape(rows, beam, -1))
        return Said(logs.reshape(rows, beam, -1), after, shares)

    def select(self, state: Remembered, sentences: Whole, hypotheses: Whole) -> Remembered:
        """As `decoding.Speaker` says."""
        h, c, fed = (each[sentences[:, None], hypotheses] for each in state[:3])
        if len(sentences) == len(state.values):
            return state._replace(h=h, c=c, fed=fed)
        return Remembered(h, c, fed, state.values[sentences], state.keys[sentences], state.beyond[sentences])


def _softmax(scores: NDArray[Any]) -> Floats:
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Floats = shares / shares.sum(axis=-1, keepdims=True)
    return result
