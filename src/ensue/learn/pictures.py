"""The convolution over pictures as a PyTorch module."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ensue import network
from ensue.learn.over_time import ACTIVATIONS


class FrameConvolution(nn.Module):
    """See `network.FrameConvolution`; weights begin as He et al. (2015), eq. 10, would have them."""

    def __init__(self, description: network.FrameConvolution) -> None:
        super().__init__()
        self.description = description
        drawn = nn.Conv2d(
            description.input_channels, description.output_channels, description.kernel, bias=description.bias
        )
        nn.init.kaiming_normal_(drawn.weight, nonlinearity="relu")
        if drawn.bias is not None:
            nn.init.zeros_(drawn.bias)
        self.weight, self.bias = drawn.weight, drawn.bias
        self.activation = ACTIVATIONS[description.activation]

    def forward(self, x: Tensor) -> Tensor:
        own = self.description
        batch, time, _ = x.shape
        frames = x.reshape(batch * time, own.height, own.width, own.input_channels).permute(0, 3, 1, 2)
        sums = functional.conv2d(frames, self.weight, self.bias, own.every, own.kernel // 2)
        return self.activation(sums).permute(0, 2, 3, 1).reshape(batch, time, own.output_size)
