"""In what numbers a training computes: 32 bits, or products in bfloat16 where the processor multiplies these faster."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from ensue.errors import ConfigError, nearest
from ensue.layers.pictures import has_pictures
from ensue.learn.lstm import WIDE
from ensue.network import Network
from ensue.tasks.choices import PRECISIONS


def mixed(precision: str, module: nn.Module, width: int) -> AbstractContextManager[None]:
    """What to compute the loss in: with bfloat16 all products are, sums and weights stay in 32 bits (autocast).

    Args:
        precision: "auto" takes bfloat16 where the processor has instructions for it and the layers are wide.
        module: where its weights are.
        width: units of the LSTM layers.

    >>> with mixed("float32", nn.Linear(1, 1), width=512):
    ...     torch.is_autocast_enabled("cpu")
    False
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is '{precision}', {nearest(precision, PRECISIONS)}")
    device = next(module.parameters()).device.type
    if precision == "float32" or (precision == "auto" and (width < WIDE or not has_bfloat16(device))):
        return nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16)


def gaining(networks: Mapping[str, Network], width: int) -> int:
    """The width that decides for `mixed`: convolutions over pictures gain in any width, and outweigh the LSTM layers."""
    return max(width, WIDE) if any(has_pictures(each.layers) for each in networks.values()) else width


def has_bfloat16(device: str) -> bool:
    """Whether products in bfloat16 run at full speed there."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # PyTorch has no public name for it
    return device == "cpu" and asked is not None and bool(asked())
