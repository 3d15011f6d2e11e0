"""The command task: a recording of a word in, the probability of each word out; and how words are heard in a stream.

Mel bands go through a convolution over time, LSTM layers follow, then attention over all steps and a softmax; such a network
hears a stream through a window as long as a clip, which is read anew several times a second. A network that reads forward
only answers at every step, the last of which counts, and carries its state through a stream.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ensue.data.audio.features import AudioFrontEnd
from ensue.errors import ConfigError, DataError
from ensue.layers.base import check_whole, is_number
from ensue.network import LSTM, AttentionPooling, Convolution, Dropout, Layer, Network, Pooling, SoftmaxHead
from ensue.tasks.classification import ClassifierSizes

Floats = NDArray[np.float32]

REACH = 5
"""Steps that the convolution sees at once."""
SILENT = ("_silence_", "silence", "_background_noise_", "_noise_", "noise")
UNKNOWN = ("_unknown_", "unknown", "_other_", "other")
"""Names of classes that are no words to be heard."""
ENOUGH = 3.0
"""Hours without a false alarm from which there is likely less than one an hour."""


@dataclass(frozen=True)
class Hearing:
    """When a word counts as heard in a stream."""

    threshold: float = 0.8
    """The probability from which a word is heard ..."""
    smooth: float = 0.2
    """... averaged over so many seconds."""
    every: float = 0.1
    """Seconds from one answer to the next."""
    rest: float = 0.75
    """Seconds after a word in which nothing is heard."""
    false_alarms: float | None = None
    """An hour, as measured on recordings without these words; None: not measured."""
    hours: float = 0.0
    """Of such recordings."""
    missed: float | None = None
    """Share of the validation words that stay below the threshold."""

    def __post_init__(self) -> None:
        if not (is_number(self.threshold) and 0 < self.threshold <= 1):
            raise ConfigError(f"command: threshold is {self.threshold!r}, expected a probability, such as 0.8.")
        for name in ("smooth", "every", "rest"):
            value = getattr(self, name)
            if not (is_number(value) and 0 <= value < 1000):
                raise ConfigError(f"command: {name} is {value!r}, expected seconds, such as 0.2.")

    @property
    def told(self) -> str:
        """How the threshold was chosen, in a sentence."""
        if self.false_alarms is None:
            return (
                f"In a stream a word is heard from a probability of {self.threshold:g} on, for which nothing was measured: "
                "give long recordings without the words (negatives), and it is chosen by false alarms."
            )
        found = (
            f"In a stream a word is heard from a probability of {self.threshold:g} on: {self.false_alarms:g} false alarms an "
            f"hour in {60 * self.hours:.1f} minutes without the words"
        )
        if not self.false_alarms and self.hours < ENOUGH:  # the rule of three, for events that were not seen
            found += f", so short that up to {3 / self.hours:.0f} an hour are possible"
        if self.missed is None:
            return found + "."
        found += f". {self.missed:.1%} of the validation words are missed"
        return found + (
            ", most of them: allow more false alarms, or give more recordings." if self.missed > 0.5 else "."
        )


@dataclass(frozen=True)
class CommandTask:
    """What turns recordings into probabilities of words. Raises `ConfigError` for what cannot be.

    >>> task = CommandTask(AudioFrontEnd(), ("no", "yes", "_silence_"), ClassifierSizes((64,), 64))
    >>> [layer.kind for layer in task.networks()["network"].layers], task.words
    (['convolution', 'lstm', 'attention_pooling', 'softmax_head'], ('no', 'yes'))
    >>> CommandTask.from_json(task.to_json()) == task
    True
    """

    name: ClassVar[str] = "command"
    front_end: AudioFrontEnd
    classes: tuple[str, ...]
    sizes: ClassifierSizes
    """`embedding`: channels of the convolution."""
    temperature: float = 1.0
    usual: int = 100
    """Frames of the training clips, their median: the window through which a stream is heard."""
    hearing: Hearing = field(default_factory=Hearing)

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(2, len(self.classes)) or not all(isinstance(c, str) for c in self.classes):
            raise ConfigError(f"command: classes is {str(self.classes)[:60]}, expected 2 or more different names.")
        if not (isinstance(self.temperature, float) and 0 < self.temperature < 1000):
            raise ConfigError(f"command: temperature is {self.temperature}, expected a number above 0.")
        check_whole("command", "usual", self.usual)
        if self.front_end.kind != "log_mel" or self.front_end.deltas:
            raise ConfigError("command: the front end gives deltas, or no mel bands, expected mel bands alone.")
        if self.sizes.stride != 1:
            raise ConfigError(f"command: stride is {self.sizes.stride}, expected 1.")

    def networks(self) -> dict[str, Network]:
        sizes = self.sizes
        first = Convolution(self.front_end.size, sizes.embedding, REACH, causal=sizes.causal, activation="relu")
        layers: list[Layer] = [first]
        width = sizes.embedding
        for hidden in sizes.hidden:
            if sizes.input_dropout:
                layers.append(Dropout(sizes.input_dropout, locked=True))
            layers.append(LSTM(width, hidden, bidirectional=sizes.bidirectional, forget_bias=1.0))
            width = hidden * (2 if sizes.bidirectional else 1)
        if not sizes.causal:
            layers.append(AttentionPooling(width, width) if sizes.pooling == "attention" else Pooling(sizes.pooling))
        if sizes.output_dropout:
            layers.append(Dropout(sizes.output_dropout))
        return {"network": Network((*layers, SoftmaxHead(width, len(self.classes))))}

    @cached_property
    def plain(self) -> AudioFrontEnd:
        """The front end up to frames that are neither normalised nor joined; it may always be read as it comes."""
        return replace(self.front_end, normalise="none", stack=1, stride=1, span=None, mean=(), scale=())

    @cached_property
    def rest(self) -> AudioFrontEnd:
        """What follows after `plain`: frames in, steps of the network out."""
        return replace(self.front_end, kind="given", coefficients=self.front_end.columns, span=None)

    def raw(self, item: Any) -> Floats:
        """Frames of a recording `(frames, bands)`: what is kept to learn from, or to cut windows out of."""
        return self.plain.read(item)

    def steps(self, raw: Floats) -> Floats:
        """What the network reads of frames, `(time, features)`."""
        return self.rest.read(self.front_end.within_span(raw))

    def read(self, item: Any) -> Floats:
        """What the network reads of a recording, `(time, features)`.

        Args:
            item: a path, a `Recording`, samples `(n,)` at the front end's rate, or a `Raw`.

        Raises `DataError` for what cannot be read.
        """
        values = getattr(item, "values", None)
        raw = values if isinstance(values, np.ndarray) else self.raw(item)
        if not len(raw):
            raise DataError("The recording has no frame, expected some sound.")
        return self.steps(raw)

    @property
    def streams(self) -> bool:
        """Whether the network carries its state through a stream, instead of a window."""
        return self.sizes.causal and self.front_end.causal

    @property
    def words(self) -> tuple[str, ...]:
        """The classes that are to be heard."""
        return tuple(each for each in self.classes if each.lower() not in (*SILENT, *UNKNOWN))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "front_end": self.front_end.to_json(),
            "classes": list(self.classes),
            "sizes": asdict(self.sizes) | {"hidden": list(self.sizes.hidden)},
            "temperature": self.temperature,
            "usual": self.usual,
            "hearing": asdict(self.hearing),
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> CommandTask:
        """The task that was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        sizes = ClassifierSizes(**plain["sizes"] | {"hidden": tuple(plain["sizes"]["hidden"])})
        return cls(
            AudioFrontEnd.from_json(plain["front_end"]), tuple(plain["classes"]), sizes, float(plain["temperature"]),
            plain["usual"], Hearing(**plain["hearing"]),
        )  # fmt: skip
