"""The layers before an LSTM where each step is a picture: a small convolutional network, the same for every frame."""

from __future__ import annotations

from ensue.errors import ConfigError
from ensue.network import Dropout, FrameConvolution, Layer, LayerNorm, Linear

CHANNELS = (16, 32, 64)
"""Of the convolutions, one after the other; each halves height and width."""
WIDE = 5
"""The first kernel's side; the others' is 3."""


def picture_layers(
    height: int, width: int, channels: int, *, output: int, counts: tuple[int, ...] = CHANNELS, dropout: float = 0.0
) -> tuple[Layer, ...]:
    """Convolutions, each with a layer norm behind it, and a linear map to `output` numbers a frame.

    Raises `ConfigError` for pictures so small that nothing would be left of them.

    >>> layers = picture_layers(32, 64, 3, output=192)
    >>> [layer.kind for layer in layers][:3], layers[-2].input_size, layers[-2].output_size
    (['frame_convolution', 'layer_norm', 'frame_convolution'], 2048, 192)
    """
    least = 2 ** len(counts)
    if min(height, width) < least:
        raise ConfigError(
            f"Pictures of {width} x {height} are too small for {len(counts)} convolutions, expected {least} pixels a side "
            "at least: give a larger size."
        )
    layers: list[Layer] = []
    for place, count in enumerate(counts):
        seen = FrameConvolution(height, width, channels, count, 3 if place else WIDE, every=2)
        layers += [seen, LayerNorm(seen.output_size)]
        height, width, channels = seen.output_height, seen.output_width, count
    if dropout:
        layers.append(Dropout(dropout))
    return (*layers, Linear(height * width * channels, output, activation="relu"), LayerNorm(output))
