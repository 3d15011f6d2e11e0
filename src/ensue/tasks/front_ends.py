"""What stands before a network: sound, film or key points to steps of numbers, each kind by its name in a model file."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class FrontEnd(Protocol):
    """What turns a raw thing into what a network reads; a frozen description."""

    @property
    def size(self) -> int:
        """Numbers a step."""

    @property
    def seconds_per_step(self) -> float: ...
    @property
    def causal(self) -> bool:
        """Whether a thing can be read as it comes."""

    def read(self, item: Any) -> NDArray[np.float32]:
        """`(steps, size)`."""

    def stream(self) -> Any: ...
    def to_json(self) -> dict[str, Any]: ...


def front_end_from_json(plain: dict[str, Any]) -> Any:
    """The front end that was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    kind = plain["kind of front end"]
    if kind == "audio":
        from ensue.data.audio.features import AudioFrontEnd

        return AudioFrontEnd.from_json(plain)
    if kind == "lips":
        from ensue.data.video.lips import LipsFrontEnd

        return LipsFrontEnd.from_json(plain)
    if kind == "video":
        from ensue.data.video.front_end import VideoFrontEnd

        return VideoFrontEnd.from_json(plain)
    if kind == "keypoints":
        from ensue.data.video.keypoints import KeypointFrontEnd

        return KeypointFrontEnd.from_json(plain)
    if kind == "onnx":
        from ensue.data.video.onnx_features import OnnxFrontEnd

        return OnnxFrontEnd.from_json(plain)
    raise ValueError(f"a front end of kind {str(kind)[:30]!r}")
