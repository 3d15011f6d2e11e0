"""The action task: a film, key points or other features of each frame in, the probability of each action out.

Pictures go through a small convolutional network, the same for every frame; key points and features through a convolution
over time. LSTM layers follow, then the mean of all steps and a softmax; or, where the network reads forward only, a
softmax at every step, of which the last counts: such a network answers while a camera runs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ensue.errors import ConfigError, DataError
from ensue.layers.base import check_whole
from ensue.network import LSTM, AttentionPooling, Convolution, Dropout, Layer, Network, Pooling, SoftmaxHead
from ensue.tasks.classification import ClassifierSizes
from ensue.tasks.classifying import Raw
from ensue.tasks.front_ends import FrontEnd, front_end_from_json
from ensue.tasks.picture_layers import picture_layers

Steps = NDArray[np.float32]

REACH = 5
"""Frames of key points that the convolution sees at once."""


@dataclass(frozen=True)
class ActionTask:
    """What turns clips into probabilities of actions. Raises `ConfigError` for what cannot be.

    >>> from ensue.data.video.keypoints import KeypointFrontEnd
    >>> task = ActionTask(KeypointFrontEnd("kinect", 20, 3), ("sit", "walk"), ClassifierSizes((64,), 64, pooling="mean"))
    >>> [layer.kind for layer in task.networks()["network"].layers]
    ['convolution', 'lstm', 'pooling', 'softmax_head']
    >>> ActionTask.from_json(task.to_json()) == task
    True
    """

    name: ClassVar[str] = "action"
    front_end: FrontEnd
    classes: tuple[str, ...]
    sizes: ClassifierSizes
    """`embedding`: channels of the convolution over time, or numbers that the pictures' layers leave of a frame."""
    temperature: float = 1.0
    usual: int = 30
    """Steps of the training clips, their median: how far a window looks back where a film is told moment by moment."""

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(2, len(self.classes)) or not all(isinstance(c, str) for c in self.classes):
            raise ConfigError(f"action: classes is {str(self.classes)[:60]}, expected 2 or more different names.")
        if not (isinstance(self.temperature, float) and 0 < self.temperature < 1000):
            raise ConfigError(f"action: temperature is {self.temperature}, expected a number above 0.")
        check_whole("action", "usual", self.usual)
        if self.sizes.stride != 1:
            raise ConfigError(f"action: stride is {self.sizes.stride}, expected 1.")

    def networks(self) -> dict[str, Network]:
        sizes, layers = self.sizes, list(self._first())
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

    def _first(self) -> tuple[Layer, ...]:
        picture = getattr(self.front_end, "picture", None)
        if picture is not None:
            return picture_layers(*picture, output=self.sizes.embedding, dropout=self.sizes.input_dropout / 2)
        return (
            Convolution(self.front_end.size, self.sizes.embedding, REACH, causal=self.sizes.causal, activation="relu"),
        )

    def raw(self, item: Any) -> NDArray[Any]:
        """What is kept of a clip to learn from or to cut windows out of: small frames, positions, or features as given."""
        return raw_of(self.front_end, item)

    def steps(self, raw: NDArray[Any]) -> Steps:
        """What the network reads of what `raw` gave, `(time, features)`."""
        return steps_of(self.front_end, raw)

    def read(self, item: Any) -> Steps:
        """What the network reads of a clip, `(time, features)`.

        Args:
            item: the path of a film, of a folder of frames or of key points; an array of them; or a `Raw`.

        Raises `DataError` for what cannot be read.
        """
        return self.steps(item.values if isinstance(item, Raw) else self.raw(item))

    @property
    def streams(self) -> bool:
        """Whether clips can be read as they come, a frame at a time, without a window."""
        return self.sizes.causal and self.front_end.causal

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "front_end": self.front_end.to_json(),
            "classes": list(self.classes),
            "sizes": asdict(self.sizes) | {"hidden": list(self.sizes.hidden)},
            "temperature": self.temperature,
            "usual": self.usual,
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> ActionTask:
        """The task that was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        sizes = ClassifierSizes(**plain["sizes"] | {"hidden": tuple(plain["sizes"]["hidden"])})
        front_end = front_end_from_json(plain["front_end"])
        return cls(front_end, tuple(plain["classes"]), sizes, float(plain["temperature"]), plain["usual"])


def raw_of(front_end: Any, item: Any) -> NDArray[Any]:
    """What a front end keeps of a clip: small frames, positions of key points, or features as given."""
    from ensue.data.video.front_end import VideoFrontEnd
    from ensue.data.video.keypoints import KeypointFrontEnd

    if isinstance(front_end, VideoFrontEnd):
        return front_end.small(item)
    if isinstance(front_end, KeypointFrontEnd):
        return front_end.raw(item)
    found: NDArray[Any] = front_end.given(item)
    return found


def steps_of(front_end: Any, raw: NDArray[Any]) -> Steps:
    """What a network reads of what `raw_of` gave."""
    from ensue.data.video.front_end import VideoFrontEnd
    from ensue.data.video.keypoints import KeypointFrontEnd

    if isinstance(front_end, VideoFrontEnd):
        return front_end.numbers(raw)
    if isinstance(front_end, KeypointFrontEnd):
        return front_end.features(front_end.bodily(raw))
    found: Steps = front_end.read(raw)
    if not len(found):
        raise DataError("The clip has no frame, expected one at least.")
    return found
