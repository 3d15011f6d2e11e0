"""Each kind of layer in NumPy: what `NumPyEngine` executes a description with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ensue import network
from ensue.runtime.numpy_layers.heads import QuantileHead, SoftmaxHead
from ensue.runtime.numpy_layers.lstm import LSTM
from ensue.runtime.numpy_layers.over_time import AttentionPooling, Convolution, Pooling
from ensue.runtime.numpy_layers.passage import Array, Executor, Passage
from ensue.runtime.numpy_layers.pictures import FrameConvolution
from ensue.runtime.numpy_layers.pointwise import (
    Dropout,
    EmbedColumns,
    Embedding,
    GatedFeedForward,
    LayerNorm,
    Linear,
    RMSNorm,
)

__all__ = ["Array", "Executor", "Passage", "compile_layers", "run_layers"]


def compile_layers(layers: Sequence[network.Layer], prefix: str, weights: Mapping[str, Array]) -> list[Executor]:
    """An executor for each layer; weights are taken by the names that follow `prefix`."""
    executors = []
    for position, layer in enumerate(layers):
        start = f"{prefix}.{position}."
        own = {name[len(start) :]: weight for name, weight in weights.items() if name.startswith(start)}
        executors.append(_EXECUTORS[layer.kind](layer, own))
    return executors


def run_layers(executors: Iterable[Executor], x: Array, passage: Passage) -> Array:
    """`x` through one layer after another."""
    for executor in executors:
        x = executor(x, passage)
    return x


class _Residual:
    def __init__(self, layer: network.Residual, weights: Mapping[str, Array]) -> None:
        self.inner = compile_layers(layer.layers, "inner", weights)

    def __call__(self, x: Array, passage: Passage) -> Array:
        return x + run_layers(self.inner, x, passage)


_EXECUTORS: dict[str, Callable[[Any, Mapping[str, Array]], Executor]] = {
    "embedding": Embedding,
    "embed_columns": EmbedColumns,
    "linear": Linear,
    "lstm": LSTM,
    "convolution": Convolution,
    "frame_convolution": FrameConvolution,
    "layer_norm": LayerNorm,
    "rms_norm": RMSNorm,
    "gated_feed_forward": GatedFeedForward,
    "dropout": Dropout,
    "residual": _Residual,
    "pooling": Pooling,
    "attention_pooling": AttentionPooling,
    "quantile_head": QuantileHead,
    "softmax_head": SoftmaxHead,
}
