"""The layers of which a network is described: frozen dataclasses, each with the name and shape of its parameters.

They know no arithmetic: `learn.modules` and the engines of `runtime` do, from the equations written here. What cannot
be right is refused with a `ConfigError`. A layer maps `(batch, time, input_size)` to `(batch, steps, output_size)`:
`steps` is the time, except after a convolution with a stride and after a pooling.

Where a call has `lengths`, one a row, what lies beyond a row's length changes nothing, be it NaN: input and anchors
there are taken as zero, a layer that looks at more than one step looks at the row's own steps only, the state is that
at the row's own end, and outputs there are zero. A stride divides the lengths; after a pooling every row has one step.
"""

from __future__ import annotations

from typing import Any

from ensue.layers.base import ACTIVATIONS, EPSILON, LARGEST, LARGEST_STATE, Layer, Shape, short
from ensue.layers.convolution import Convolution
from ensue.layers.embeddings import EmbedColumns, Embedding
from ensue.layers.heads import QuantileHead, SoftmaxHead
from ensue.layers.pictures import FrameConvolution
from ensue.layers.pointwise import Dropout, GatedFeedForward, LayerNorm, Linear, RMSNorm
from ensue.layers.pooling import AttentionPooling, Pooling
from ensue.layers.recurrent import LSTM
from ensue.layers.residual import Residual, chain, named

__all__ = [
    "ACTIVATIONS", "EPSILON", "HEADS", "KINDS", "LARGEST", "LARGEST_STATE", "LSTM", "AttentionPooling", "Convolution",
    "Dropout", "EmbedColumns", "Embedding", "FrameConvolution", "GatedFeedForward", "Layer", "LayerNorm", "Linear",
    "Pooling", "QuantileHead", "RMSNorm", "Residual", "Shape", "SoftmaxHead", "chain", "named", "short",
]  # fmt: skip

HEADS = (QuantileHead, SoftmaxHead)
"""The layers that a network can only end with."""

KINDS: dict[str, type[Any]] = {
    each.kind: each
    for each in (
        Embedding, EmbedColumns, Linear, LSTM, Convolution, FrameConvolution, LayerNorm, RMSNorm, GatedFeedForward, Dropout,
        Residual, Pooling, AttentionPooling, *HEADS,
    )
}  # fmt: skip
