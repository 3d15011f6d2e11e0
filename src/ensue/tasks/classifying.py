"""What tells classes apart, whatever it reads: texts, rows of numbers, sound, film, key points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ensue.network import Network

Augment = Callable[[int, np.random.Generator], NDArray[np.float32]]
"""What the network reads of the training row of that number, `(time, features)`, changed at random by the generator alone."""


@dataclass(frozen=True, eq=False)
class Raw:
    """What is kept of a recording or a clip to learn from, read already: a task reads it as it does the file."""

    values: NDArray[Any]

    def tobytes(self) -> bytes:
        """To know the same one again."""
        return repr((self.values.shape, str(self.values.dtype))).encode() + self.values.tobytes()


class Sizes(Protocol):
    """How large a classifier's network is."""

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each LSTM layer."""

    @property
    def causal(self) -> bool:
        """Whether the network answers at every step, so that the last answer counts; otherwise it answers once."""


class Classifying(Protocol):
    """A task whose one network gives log probabilities of classes; a frozen dataclass."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def sizes(self) -> Sizes: ...
    @property
    def temperature(self) -> float:
        """What log probabilities are divided by (Guo et al. 2017, eq. 9)."""

    def networks(self) -> dict[str, Network]:
        """One network, called "network"."""

    def read(self, item: Any) -> NDArray[np.float32]:
        """What the network reads of an item, `(time, features)`."""

    def to_json(self) -> dict[str, Any]: ...


class Teaching(Protocol):
    """How such a task is trained: the choices that are the same whatever it reads."""

    @property
    def class_weights(self) -> str: ...
    @property
    def label_smoothing(self) -> float: ...
    @property
    def calibrate(self) -> bool: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def epochs(self) -> float | None: ...
    @property
    def usual_epochs(self) -> tuple[float, int]:
        """The preset's epochs, and its steps at least."""

    @property
    def seed(self) -> int: ...
    @property
    def device(self) -> str: ...
    @property
    def threads(self) -> int | None: ...
    @property
    def precision(self) -> str: ...
    def rate(self, rows: int) -> float: ...
    def batch(self, rows: int) -> int: ...
