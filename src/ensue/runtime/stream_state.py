"""What a stream remembers, as a row of 8-byte words: the same for every executor, and as bytes to be saved.

Such a row is called a record; `native/forecaster.h` reads and writes the same. The words are, in this order:

    steps read, stamp of the last one, whether there is one   whole numbers
    the front end's memory, season after season               numbers
    where seasons have slots: trends, season after season     numbers
    past covariates of the last step, static covariates       numbers, NaN where unknown
    the states of the networks                                their own numbers, two to a word in single precision
    the phases of the seasons: last value, mean and count     numbers

Letters: `streams` side by side, `words` of a record.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.causal import CausalState, PhaseMemory
from ensue.data.schema import Covariate
from ensue.data.smoothing import Smoothed
from ensue.data.trends import SeasonTrend, TrendMemory
from ensue.errors import ModelFileError

if TYPE_CHECKING:
    from ensue.runtime.predictor import Predictor, ReaderState

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

STEPS, LAST, HAS_LAST = 0, 1, 2
"""Words of the clock."""
CAUSAL = 3
"""First word of the front end's memory: its steps."""
_MEANS = ("level", "spread", "fast", "jump", "deviation")
_NUMBERS = ("last", "previous", "previous_seen", "age", "count")
KNOWN = CAUSAL + 1 + 2 * len(_MEANS) + _NUMBERS.index("count")
"""Word that counts the values seen."""
_SEASONS = KNOWN + 1
"""First word of the seasons."""
_PER_SEASON = 5
_TRENDS, _TRENDS_PER_SEASON = 4, 4
"""Words of the trends, and more for each season."""
_MOST_STEPS = 9e15
"""More than any stream reads, and few enough to be counted in a float64."""

_MAGIC = b"ensue-st"
_HEADER = struct.Struct("<8s16sQQ")
"""What it is, the model's fingerprint, streams, words; the checksum of header and records follows."""
_CHECKSUM = struct.Struct("<Q")


class Records:
    """How the streams of one forecaster are remembered: `words` a stream.

    Args:
        predictor: the forecaster, as it computes in NumPy.
    """

    def __init__(self, predictor: Predictor) -> None:
        schema, reader = predictor.task.schema, predictor.task.reader
        self._seasons, self._has_trends = reader.seasons, reader.slots is not None
        self.fingerprint = bytes.fromhex(predictor.fingerprint)
        self._empty = predictor.start(1)
        self._reals = np.result_type(np.float32, *(each for network in self._empty.networks for each in network))
        self._trends = _SEASONS + _PER_SEASON * len(self._seasons)
        trends = _TRENDS + _TRENDS_PER_SEASON * len(self._seasons) if self._has_trends else 0
        self._past = self._trends + trends
        self._static = self._past + len(schema.past)
        self._states = self._static + len(schema.static)
        sizes = sum(each.size for network in self._empty.networks for each in network)
        self._phases = self._states + math.ceil(sizes * self._reals.itemsize / 8)
        self.words = self._phases + 3 * sum(self._seasons)
        self._categories = (*_most(schema.past, self._past), *_most(schema.static, self._static))
        self._stamped = schema.frequency.has_stamps

    def start(self, static: Floats) -> Floats:
        """Records `(streams, words)` of streams that have read nothing, with static covariates `(streams, columns)`."""
        records = np.zeros((len(static), self.words))
        records[:, self._past : self._static] = np.nan
        records[:, self._static : self._states] = static
        return records

    def static(self, records: Floats) -> Floats:
        """Static covariates `(streams, columns)`."""
        return records[:, self._static : self._states]

    def unpack(self, records: Floats) -> ReaderState:
        """The state that the predictor goes on from; all streams have read the same number of steps of their season."""
        causal = records[:, CAUSAL : self._past]
        first = KNOWN - CAUSAL + 1 - len(_NUMBERS)
        found: dict[str, Any] = {name: _smoothed(causal, 1 + 2 * i) for i, name in enumerate(_MEANS)}
        found |= {name: causal[:, first + i] for i, name in enumerate(_NUMBERS)}
        trends = self._unpack_trends(records) if self._has_trends else None
        state = CausalState(int(causal[0, 0]), phases=self._unpack_phases(records), trends=trends, **found)
        past = records[:, self._past : self._static]
        return replace(self._empty, causal=state, networks=self._unpack_networks(records), past=past)

    def pack(self, state: ReaderState, records: Floats) -> None:
        """Write a state into records `(streams, words)`; clocks and static covariates stay as they are."""
        causal = records[:, CAUSAL : self._past]
        causal[:, 0] = state.causal.steps
        for i, name in enumerate(_MEANS):
            causal[:, 1 + 2 * i : 3 + 2 * i] = np.stack(getattr(state.causal, name), axis=-1)
        first = KNOWN - CAUSAL + 1 - len(_NUMBERS)
        for i, name in enumerate(_NUMBERS):
            causal[:, first + i] = getattr(state.causal, name)
        records[:, self._past : self._static] = state.past
        self._pack_networks(state, records)
        self._pack_phases(state.causal.phases, records)
        if state.causal.trends is not None:
            self._pack_trends(state.causal.trends, records)

    def can_be(self, records: Floats) -> bool:
        """Whether these can be records of such streams: what counts and points is checked, a number is a number."""
        clock, steps = records[:, :CAUSAL].view(np.int64), records[:, CAUSAL]
        right = (clock[:, STEPS] >= 0) & (clock[:, STEPS] < _MOST_STEPS)
        right &= (clock[:, HAS_LAST] == 0) | (clock[:, HAS_LAST] == 1)
        right &= (steps >= 0) & (steps < _MOST_STEPS) & (steps == np.floor(steps))
        if self._stamped:
            right &= (clock[:, LAST] >= FIRST_STAMP) & (clock[:, LAST] <= LAST_STAMP)
        for word, most in self._categories:
            right &= np.isnan(records[:, word]) | ((records[:, word] >= 0) & (records[:, word] <= most))
        return bool(right.all())

    def _unpack_networks(self, records: Floats) -> tuple[tuple[NDArray[Any], ...], ...]:
        reals = records[:, self._states : self._phases].view(self._reals)
        networks, at = [], 0
        for network in self._empty.networks:
            arrays = []
            for like in network:
                rows, _, size = like.shape
                block = reals[:, at : at + rows * size].reshape(len(records), rows, size)
                arrays.append(np.ascontiguousarray(block.transpose(1, 0, 2)))  # rows x streams x size
                at += rows * size
            networks.append(tuple(arrays))
        return tuple(networks)

    def _pack_networks(self, state: ReaderState, records: Floats) -> None:
        reals, at = records[:, self._states : self._phases].view(self._reals), 0
        for network in state.networks:
            for array in network:
                rows, streams, size = array.shape
                reals[:, at : at + rows * size] = array.transpose(1, 0, 2).reshape(streams, rows * size)
                at += rows * size

    def _unpack_phases(self, records: Floats) -> tuple[PhaseMemory, ...]:
        memories, at = [], self._phases
        for place, season in enumerate(self._seasons):
            last, mean, count = (records[:, at + i : at + 3 * season : 3] for i in range(3))
            word = _SEASONS + _PER_SEASON * place
            surprise, error = _smoothed(records, word), _smoothed(records, word + 2)
            memories.append(PhaseMemory(last, mean, count, surprise, error, records[:, word + 4]))
            at += 3 * season
        return tuple(memories)

    def _pack_phases(self, phases: Sequence[PhaseMemory], records: Floats) -> None:
        at = self._phases
        for place, (season, memory) in enumerate(zip(self._seasons, phases, strict=True)):
            for i, each in enumerate((memory.last, memory.mean, memory.count)):
                records[:, at + i : at + 3 * season : 3] = each
            word = _SEASONS + _PER_SEASON * place
            for i, number in enumerate((*memory.surprise, *memory.error, memory.latest_surprise)):
                records[:, word + i] = number
            at += 3 * season

    def _unpack_trends(self, records: Floats) -> TrendMemory:
        first = self._trends + _TRENDS
        words = range(first, first + _TRENDS_PER_SEASON * len(self._seasons), _TRENDS_PER_SEASON)
        seasons = tuple(SeasonTrend(_smoothed(records, word), _smoothed(records, word + 2)) for word in words)
        return TrendMemory(_smoothed(records, self._trends), _smoothed(records, self._trends + 2), seasons)

    def _pack_trends(self, trends: TrendMemory, records: Floats) -> None:
        numbers = [*trends.slow, *trends.quick]
        for season in trends.seasons:
            numbers += [*season.shift, *season.miss]
        records[:, self._trends : self._past] = np.stack(numbers, axis=-1)


FIRST_STAMP, LAST_STAMP = (int(np.datetime64(day, "us").astype(np.int64)) for day in ("0001-01-01", "9999-12-31"))
"""Stamps of a stream lie between these: the years that dates are written in."""


def _smoothed(records: Floats, word: int) -> Smoothed:
    return Smoothed(records[:, word], records[:, word + 1])


def _most(covariates: Sequence[Covariate], first: int) -> list[tuple[int, int]]:
    """The word and the largest code of each categorical covariate."""
    return [(first + i, len(each.categories)) for i, each in enumerate(covariates) if each.categories is not None]


def save(records: Floats, layout: Records) -> bytes:
    """Records `(streams, words)` as bytes."""
    body = records.astype("<f8", copy=False).tobytes()
    header = _HEADER.pack(_MAGIC, layout.fingerprint, *records.shape)
    return b"".join((header, _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(header))), body))


def load(saved: bytes, layout: Records) -> Floats:
    """The records `(streams, words)` that `save` wrote.

    Raises `ModelFileError` for bytes that are no state, or that of another model.
    """
    try:
        magic, fingerprint, streams, words = _HEADER.unpack_from(saved)
        (checksum,) = _CHECKSUM.unpack_from(saved, _HEADER.size)
        body = memoryview(saved)[_HEADER.size + _CHECKSUM.size :]
        sound = magic == _MAGIC and len(body) == 8 * streams * words and streams > 0
        sound = sound and checksum == zlib.crc32(body, zlib.crc32(saved[: _HEADER.size]))
    except (struct.error, TypeError) as error:
        raise _no_state() from error
    if not sound:
        raise _no_state()
    if fingerprint != layout.fingerprint or words != layout.words:
        raise ModelFileError("This state belongs to a stream of another model: restore it on the model it came from.")
    records = np.frombuffer(body, "<f8").astype(np.float64, copy=False).reshape(streams, words)
    if not layout.can_be(records):
        raise _no_state()
    return records


def _no_state() -> ModelFileError:
    return ModelFileError("These bytes are not the state of a stream: give what `stream.state` returned.")
