"""Features of frames by a network that the user brings as an ONNX file, such as one trained on millions of photographs.

The model file keeps the network's path and a digest of it, and not the network: it has to be there when the model is used,
and to be the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.clips import FrameRule, read_clip
from ensue.data.video.front_end import as_frames, middle, resized
from ensue.errors import ConfigError, DataError, MissingExtraError
from ensue.layers.base import check_whole, is_number

Floats = NDArray[np.float32]
Frames = NDArray[np.uint8]

MEAN, SPREAD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
"""Of red, green and blue in ImageNet's photographs, of 1: what networks trained on them expect."""
TOGETHER = 16
"""Frames that the network is given at once, where it takes several."""
LEAST_SCALE = 1e-3


@dataclass(frozen=True)
class OnnxFrontEnd:
    """Films as a network sees them, frame by frame. Raises `ConfigError` for what cannot be."""

    name: ClassVar[str] = "onnx"
    network: str
    """Path of the ONNX file: one input `(frames, 3, height, width)`, of which the first output is taken."""
    digest: str
    """Of the file, by which the same network is known again."""
    size: int
    """Numbers a frame."""
    height: int = 224
    width: int = 224
    rate: float = 5.0
    """Frames a second."""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    """Of the features of the training clips."""

    causal: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("size", "height", "width"):
            check_whole(self.name, name, getattr(self, name), 1, 1_000_000)
        FrameRule(self.rate)
        if not (isinstance(self.network, str) and isinstance(self.digest, str)):
            raise ConfigError("onnx: network and digest are no text, expected the path of a file and its digest.")
        for name in ("mean", "scale"):
            values = getattr(self, name)
            if values and (len(values) != self.size or not all(map(is_number, values))):
                raise ConfigError(f"onnx: {name} has {len(values)} numbers, expected {self.size}.")

    @classmethod
    def of_file(cls, path: str | Path, rate: float = 5.0) -> OnnxFrontEnd:
        """The front end of a network. Raises `DataError` for a file that is none, or takes something else than pictures."""
        path = Path(path)
        session, digest = _session(str(path)), _digest(path)
        given = session.get_inputs()
        shape = given[0].shape if given else []
        if len(given) != 1 or len(shape) != 4 or shape[1] != 3:
            raise DataError(f"{path} takes {shape}, expected a network of one input (frames, 3, height, width).")
        height, width = (each if isinstance(each, int) and each > 0 else 224 for each in shape[2:])
        sample = _features(session, np.zeros((1, 3, height, width), np.float32))
        return cls(str(path), digest, sample.shape[1], height, width, rate)

    @property
    def seconds_per_step(self) -> float:
        return 1 / self.rate

    def given(self, item: Any) -> Floats:
        """Features of a film's frames `(frames, size)`, as the network gives them: kept on disk for a file.

        Args:
            item: a path, frames `(frames, rows, columns, 3)` as bytes, or features that this gave.
        """
        if isinstance(item, str | Path):
            from ensue.data.feature_cache import cached

            return cached(Path(item), self._key(), lambda: self._of(read_clip(item, self.rule, self._fitted).frames))
        values = np.asarray(item)
        if values.dtype != np.uint8 and values.ndim == 2 and values.shape[1] == self.size:
            return values.astype(np.float32)
        return self._of(np.stack([self._fitted(each) for each in as_frames(values)]))

    def read(self, item: Any) -> Floats:
        """What the network behind reads, `(frames, size)`: features at mean 0 and variance 1 over the training clips."""
        x = self.given(item)
        if not self.mean:
            return x
        return np.asarray((x - np.array(self.mean, np.float32)) / np.array(self.scale, np.float32), np.float32)

    def learn(self, clips: Any) -> OnnxFrontEnd:
        """With the mean and scale of these features."""
        rows = np.concatenate([np.asarray(each, np.float64) for each in clips])
        mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), LEAST_SCALE)
        return replace(self, mean=tuple(mean.tolist()), scale=tuple(scale.tolist()))

    def stream(self) -> _Each:
        """Reads frames as they come: each is seen alone."""
        return _Each(self)

    @property
    def rule(self) -> FrameRule:
        return FrameRule(self.rate)

    def _fitted(self, frame: Frames) -> Frames:
        if frame.ndim == 2 or frame.shape[2] == 1:
            frame = np.repeat(frame.reshape(*frame.shape[:2], 1), 3, axis=2)
        small = resized(middle(frame[..., :3], self.height, self.width), self.height, self.width)
        return np.round(small).astype(np.uint8)

    def _of(self, frames: Frames) -> Floats:
        session = _session(self.network)
        if _digest(Path(self.network)) != self.digest:
            raise DataError(f"{self.network} is another network than the model was trained with: bring that one back.")
        scaled = np.asarray((frames.astype(np.float32) / 255 - MEAN) / SPREAD, np.float32)
        x = scaled.transpose(0, 3, 1, 2)  # frames x 3 x height x width
        together = TOGETHER if not isinstance(session.get_inputs()[0].shape[0], int) else 1
        parts = [_features(session, x[at : at + together]) for at in range(0, len(x), together)]
        return np.concatenate(parts)

    def _key(self) -> str:
        return f"onnx {self.digest} {self.height} {self.width} {self.rate}"

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"kind of front end": self.name} | vars(self) | {"mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> OnnxFrontEnd:
        """What was described. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        own = {name: value for name, value in plain.items() if name != "kind of front end"}
        return cls(**own | {"mean": tuple(own["mean"]), "scale": tuple(own["scale"])})


class _Each:
    """Steps of frames that are looked at one by one."""

    def __init__(self, front_end: OnnxFrontEnd) -> None:
        self.front_end = front_end
        self.state: dict[str, NDArray[Any]] = {}

    def push(self, frames: Any) -> Floats:
        return self.front_end.read(frames)


@lru_cache(maxsize=4)
def _session(path: str) -> Any:
    """The network, ready to run on one thread."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError("Running an ONNX network", "onnxruntime", "onnx") from error
    if not Path(path).is_file():
        raise DataError(f"There is no network {path}: bring the ONNX file back to where it was.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen kinds, none of them public
        reason = " ".join(str(error).split())[:150].rstrip(".")
        raise DataError(f"{path} is no ONNX network that can be run ({reason}).") from error


@lru_cache(maxsize=4)
def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _features(session: Any, x: Floats) -> Floats:
    found = np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0], np.float32)
    return found.reshape(len(x), -1)
