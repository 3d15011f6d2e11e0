"""What executes a network description where there is no PyTorch."""

from ensue.runtime.numpy_engine import NumPyEngine as Engine

__all__ = ["Engine"]
