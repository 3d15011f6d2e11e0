"""Gradients of a network's answer with respect to its inputs: what a small change of each step would change.

Letters of shapes: `batch time features anchors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ensue import network
from ensue.learn.modules import build, load_weights

Array = NDArray[Any]

AT_ONCE = 1 << 21
"""Inputs read in one pass backward: what a pass keeps is some ten times as many numbers."""


def input_gradients(
    description: network.Network, weights: Mapping[str, Array], x: Array, anchors: Array | None, output: int
) -> tuple[Array, Array | None]:
    """The gradient of one output of the last step with respect to all inputs.

    Args:
        x: `(batch, time, features)`.
        anchors: `(batch, time, anchors)` where the network takes them.
        output: which of the network's outputs.

    Returns the gradients with respect to `x` and to `anchors`, of the same shapes. Each row begins with nothing
    remembered.

    >>> description = network.Network((network.LSTM(1, 4), network.Linear(4, 1)))
    >>> weights = {name: np.full(shape, 0.3) for name, shape in description.parameters().items()}
    >>> gradient, _ = input_gradients(description, weights, np.ones((2, 5, 1)), None, 0)
    >>> gradient.shape, bool(gradient[0, -1, 0] > gradient[0, 0, 0] > 0)  # what is long ago matters less
    ((2, 5, 1), True)
    """
    module = build(description)
    load_weights(module, weights)
    module.eval().requires_grad_(False)
    slopes: list[Array] = []
    of_anchors: list[Array] = []
    rows = max(1, AT_ONCE // (x.shape[1] * x.shape[2]))
    for first in range(0, len(x), rows):
        wanted = [torch.tensor(x[first : first + rows], dtype=torch.float32, requires_grad=True)]
        if anchors is not None:
            wanted.append(torch.tensor(anchors[first : first + rows], dtype=torch.float32, requires_grad=True))
        answer = module(*wanted)[0][:, -1, output]  # batch
        found = torch.autograd.grad(answer.sum(), wanted)
        slopes.append(found[0].numpy())
        of_anchors += [each.numpy() for each in found[1:]]
    return np.concatenate(slopes), np.concatenate(of_anchors) if of_anchors else None
