"""What every task that writes a text about something it has read shares: an LSTM decoder with attention.

With what was read x, of `steps` steps, and the tokens y of the text, y_0 marking its begin (attention and input feeding
are those of Luong, Pham & Manning 2015, eq. 5-8 and sec. 3.3):

    m_1 .. m_S = source(x)                        the memory
    h_0, c_0   = the halves of bridge(mean of m)
    k_s        = keys(m_s)
    h_t, c_t   = cell([target(y_{t-1}); a_{t-1}]) from h_{t-1}, c_{t-1}, with a_0 = 0
    share_ts   = exp(k_s . h_t) / sum over u of exp(k_u . h_t)
    a_t        = combine([h_t; sum over s of share_ts m_s])
    log p(y_t) = answer(a_t)

Each name is a plain `Network`, which the engines run. The table of `answer` is that of `target` (Press & Wolf 2017).
What `source` is decides the task: of sentences it makes translation, of films captioning.
"""

from __future__ import annotations

from typing import Protocol

from ensue.data.text import TextFrontEnd
from ensue.network import LSTM, Dropout, Embedding, Linear, Network, SoftmaxHead


class WriterSizes(Protocol):
    """How large a decoder is; frozen dataclasses are such."""

    @property
    def embedding(self) -> int: ...
    @property
    def decoder(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def word_dropout(self) -> float: ...
    @property
    def memory(self) -> int:
        """Numbers of the memory a step."""


class Writing(Protocol):
    """A task that writes."""

    @property
    def target(self) -> TextFrontEnd: ...
    @property
    def sizes(self) -> WriterSizes: ...
    @property
    def shared(self) -> bool:
        """Whether what is read has the tokens, and the table of vectors, of what is written."""

    def networks(self) -> dict[str, Network]: ...


def writer_networks(source: Network, target: TextFrontEnd, sizes: WriterSizes) -> dict[str, Network]:
    """All networks of the module's text, `source` among them, by their names there."""
    drop = Dropout(sizes.dropout, locked=True)
    return {
        "source": source,
        "bridge": Network((Linear(sizes.memory, 2 * sizes.decoder, activation="tanh"),)),
        "keys": Network((Linear(sizes.memory, sizes.decoder, bias=False),)),
        "target": Network((Embedding(target.size, sizes.embedding, sizes.word_dropout), drop)),
        "cell": Network((LSTM(2 * sizes.embedding, sizes.decoder),)),
        "combine": Network((Linear(sizes.decoder + sizes.memory, sizes.embedding, activation="tanh"), drop)),
        "answer": Network((SoftmaxHead(sizes.embedding, target.size),)),
    }


def learned_numbers(task: Writing) -> int:
    """Numbers that are learned: tables that are one count once."""
    whole = sum(network.parameter_count for network in task.networks().values())
    table = task.target.size * task.sizes.embedding
    return whole - (2 if task.shared else 1) * table
