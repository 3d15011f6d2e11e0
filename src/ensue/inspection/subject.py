"""What is measured: a model, and many windows of a sequence from each of which it answers one number.

Every measurement of `reach` and `attribution` asks a `Subject` nothing but: what do you answer, had the window been
otherwise? So they serve any model that reads a sequence; `forecasts` is the one for forecasters.

Letters of shapes: `window` windows, `time` steps, `column` columns of what was read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.errors import MissingExtraError, UsageError
from ensue.network import EmbedColumns, Embedding, Network, SoftmaxHead
from ensue.runtime.engine import Engine

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

SMALLEST = 1e-12
"""The smallest probability a loss is taken of."""
AT_ONCE = 1 << 19
"""Rows read side by side, times steps: so that what is held stays small."""


class Subject(ABC):
    """A model with windows of sequences, each of which ends at the step an answer is asked of.

    Windows are read a stretch at a time, with a state in between that can be branched: what many histories have in
    common is read once.
    """

    windows: Floats
    """`(window, time, column)`, oldest step first; NaN where nothing was seen."""
    targets: Floats
    """What came true, `(window,)`; NaN where that is not known."""
    names: tuple[str, ...]
    """Of the columns."""
    first_lag: int
    """Lag of a window's last step: 0 where the answer is given at that step, 1 where it is about the next one."""

    @abstractmethod
    def start(self, which: Whole) -> Any:
        """The state before anything was read, a row for each of `which`: the windows whose surroundings they have."""

    @abstractmethod
    def read(self, steps: Floats, place: int, which: Whole, state: Any) -> Any:
        """The state after more steps `(row, time, column)`, which stand in their windows from `place` on."""

    @abstractmethod
    def branch(self, state: Any, rows: Whole) -> Any:
        """The state with some of its rows, some of them more than once."""

    @abstractmethod
    def answer(self, which: Whole, state: Any) -> Floats:
        """One number for each row, after the last step of the windows was read."""

    @abstractmethod
    def losses(self, answers: Floats, which: Whole) -> Floats:
        """How wrong each answer is, in a unit that can be averaged over windows; NaN where the truth is not known."""

    @property
    def longest_lag(self) -> int:
        """Lag of the first step of a window."""
        return int(self.windows.shape[1]) - 1 + self.first_lag

    def all(self) -> Whole:
        """The numbers of all windows."""
        return np.arange(len(self.windows))

    def borrowed(self, other: Whole, which: Whole) -> Floats:
        """The windows `other` as they may stand in the place of the windows `which`: `(row, time, column)`."""
        return self.windows[other]

    def answers(self, windows: Floats, which: Whole) -> Floats:
        """One number for each of `(row, time, column)`: windows, or the ends of windows, of which row r is `which[r]`."""
        result = np.empty(len(windows))
        place = self.windows.shape[1] - windows.shape[1]
        rows = max(1, AT_ONCE // windows.shape[1])
        for first in range(0, len(windows), rows):
            own = which[first : first + rows]
            state = self.read(windows[first : first + rows], place, own, self.start(own))
            result[first : first + rows] = self.answer(own, state)
        return result

    def cut(self, keep: int) -> Floats:
        """The answers where the model begins `keep` steps before the end of each window."""
        return self.answers(self.windows[:, -keep:], self.all())

    def place(self, lag: int) -> int:
        """Where the step of a lag stands in a window."""
        return int(self.windows.shape[1]) - 1 - (lag - self.first_lag)


@dataclass(frozen=True)
class _NetworkState:
    arrays: tuple[NDArray[Any], ...]  # each rows x window x size
    output: Floats  # of the last step read, `(window,)`


class NetworkSubject(Subject):
    """A network with its weights, and windows of its inputs; the answer is one of its outputs at the last step.

    Args:
        network, weights: as an engine takes them.
        windows: `(window, time, features)`; for a network that takes anchors, these are the last columns.
        targets: `(window,)` what the output should have been.
        output: which of the outputs.
        names: of the columns; numbered unless given.

    Under a `SoftmaxHead` the answer is the probability of the class `output`, and targets say whether it was that class
    (1 or 0). History is cut off by beginning with the mean state of all windows: a network knows no gaps. Raises
    `UsageError` for windows that do not fit and for a network that cannot be read a step at a time.

    >>> from ensue.network import LSTM, Linear
    >>> network = Network((LSTM(1, 4), Linear(4, 1)))
    >>> weights = {name: np.full(shape, 0.3) for name, shape in network.parameters().items()}
    >>> subject = NetworkSubject(network, weights, np.ones((3, 7, 1)))
    >>> subject.longest_lag, subject.cut(2).shape
    (6, (3,))
    """

    first_lag = 0

    def __init__(
        self,
        network: Network,
        weights: Mapping[str, NDArray[Any]],
        windows: NDArray[Any],
        targets: NDArray[Any] | None = None,
        *,
        output: int = 0,
        names: tuple[str, ...] | None = None,
    ) -> None:
        self.network, self.weights, self.output = network, weights, output
        self.windows = np.asarray(windows, np.float64)
        x, anchors = self.parts(self.windows)
        network.check_call(x.shape, None if anchors is None else anchors.shape)
        if not 0 <= output < network.output_size:
            raise UsageError(
                f"output is {output}, expected 0 to {network.output_size - 1}: one of the network's outputs."
            )
        if network.stride > 1 or network.pools or not network.causal:
            raise UsageError(
                "The network pools, strides or looks ahead, and reach is measured step by step: expected a causal network "
                "with an answer at every step."
            )
        self._of_class = isinstance(network.head, SoftmaxHead)
        self.engine = Engine(network, weights)
        self.targets = np.full(len(self.windows), np.nan) if targets is None else np.asarray(targets, np.float64)
        self.names = names or tuple(f"input {each + 1}" for each in range(self.windows.shape[2]))

    def with_weights(self, weights: Mapping[str, NDArray[Any]]) -> NetworkSubject:
        """The same question to the same network with other weights."""
        return NetworkSubject(self.network, weights, self.windows, self.targets, output=self.output, names=self.names)

    def parts(self, windows: Floats) -> tuple[Floats, Floats | None]:
        """Columns of inputs, and of anchors where the network takes any."""
        size = self.network.input_size
        return (windows[..., :size], windows[..., size:]) if self.network.anchors else (windows, None)

    def start(self, which: Whole) -> _NetworkState:
        return _NetworkState(tuple(self.engine.initial_state(len(which))), np.full(len(which), np.nan))

    def read(self, steps: Floats, place: int, which: Whole, state: _NetworkState) -> _NetworkState:
        output, after = self.engine.forward(*self.parts(steps), list(state.arrays))
        answer = np.asarray(output[:, -1, self.output], np.float64)
        return _NetworkState(tuple(after), np.exp(answer) if self._of_class else answer)

    def branch(self, state: _NetworkState, rows: Whole) -> _NetworkState:
        return _NetworkState(tuple(each[:, rows] for each in state.arrays), state.output[rows])

    def answer(self, which: Whole, state: _NetworkState) -> Floats:
        return state.output

    def losses(self, answers: Floats, which: Whole) -> Floats:
        wanted = self.targets[which]
        if not self._of_class:
            return np.asarray((answers - wanted) ** 2)
        right = np.where(wanted > 0.5, answers, 1 - answers)  # the probability given to what was
        return np.where(np.isfinite(wanted), -np.log(np.maximum(right, SMALLEST)), np.nan)

    def cut(self, keep: int) -> Floats:
        before, everything = self.windows.shape[1] - keep, self.all()
        if before == 0:
            return self.answers(self.windows, everything)
        rows = max(1, AT_ONCE // self.windows.shape[1])
        pieces = [everything[first : first + rows] for first in range(0, len(everything), rows)]
        states = [self.read(self.windows[own, :before], 0, own, self.start(own)) for own in pieces]
        mean = [
            np.sum([state.arrays[each].sum(axis=1, keepdims=True) for state in states], axis=0) / len(everything)
            for each in range(len(states[0].arrays))
        ]
        answers = []
        for own in pieces:
            warm = tuple(np.repeat(each, len(own), axis=1) for each in mean)
            answers.append(
                self.read(
                    self.windows[own, before:], before, own, _NetworkState(warm, np.full(len(own), np.nan))
                ).output
            )
        return np.concatenate(answers)

    def gradients(self, windows: Floats) -> Floats:
        """Of the answers with respect to the windows: `(any, time, column)`. Raises `MissingExtraError` without PyTorch."""
        try:
            from ensue.learn.gradients import input_gradients
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingExtraError("measuring gradients", "torch", "train") from error
        slopes, of_anchors = input_gradients(self.network, self.weights, *self.parts(windows), self.output)
        found = slopes if of_anchors is None else np.concatenate([slopes, of_anchors], axis=2)
        if not self._of_class:
            return found
        probability = self.answers(windows, np.zeros(len(windows), np.int64))  # d exp(y) = exp(y) dy
        return np.asarray(found * probability[:, None, None])

    @property
    def codes(self) -> list[int]:
        """Columns that hold codes of categories, which have no gradient."""
        first = self.network.layers[0]
        if isinstance(first, Embedding):
            return list(range(self.network.input_size))
        return [column for column, _, _ in first.columns] if isinstance(first, EmbedColumns) else []
