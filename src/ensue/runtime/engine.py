"""What executes a network description where there is no PyTorch: the native core, or NumPy where there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ensue.errors import UsageError, nearest
from ensue.layers.pictures import has_pictures
from ensue.network import Network
from ensue.runtime.traces import GateSums, LayerTrace

__all__ = ["Engine", "Executor", "executor", "slower"]

Array = NDArray[Any]

EXECUTORS = ("native", "numpy")


class Executor(Protocol):
    """A network ready to run; `NumPyEngine` and `NativeEngine` are such, and say the same."""

    network: Network
    dtype: np.dtype[Any]
    digest: str

    def forward(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        outputs: bool = True,
        lengths: ArrayLike | None = None,
    ) -> tuple[Array, list[Array]]: ...

    def trace(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        lengths: ArrayLike | None = None,
    ) -> tuple[Array, list[Array], list[LayerTrace]]: ...

    def watch(
        self,
        x: Array,
        anchors: Array | None = None,
        state: Sequence[Array] | None = None,
        lengths: ArrayLike | None = None,
        sums: Sequence[GateSums] | None = None,
    ) -> tuple[Array, list[Array], list[GateSums]]: ...

    def initial_state(self, batch: int) -> list[Array]: ...


def Engine(
    description: Network,
    weights: Mapping[str, Array],
    dtype: DTypeLike = np.float32,
    *,
    weights_as: str = "float32",
    threads: int = 1,
) -> Executor:
    """The network with its weights, ready to run: in the native core where it is built, in NumPy otherwise.

    A network that sees pictures runs in NumPy: the native core knows no such layers.

    Args:
        description: the network.
        weights: arrays by the description's parameter names.
        dtype: what is computed in: float32, or float64, which NumPy alone does.
        weights_as: how the native core keeps matrices: "float32", "bf16" or "int8".
        threads: among so many the native core divides the rows of a large batch.

    The environment variable ENSUE_EXECUTOR, "native" or "numpy", forces one. Raises `ModelFileError` unless the weights
    are those of the description, and `UsageError` where what is asked for cannot run here.

    >>> from ensue.network import Linear
    >>> engine = Engine(Network((Linear(1, 1),)), {"layers.0.weight": np.eye(1) * 2, "layers.0.bias": np.ones(1)})
    >>> engine.forward(np.full((1, 2, 1), 3.0))[0].tolist()
    [[[7.0], [7.0]]]
    """
    from ensue.runtime.native_engine import NativeEngine, check_storage
    from ensue.runtime.numpy_engine import NumPyEngine

    absence = _absence()
    unfit = _unfit(description, dtype)
    if absence is None and unfit is not None:
        absence = unfit
        if os.environ.get("ENSUE_EXECUTOR") == "native":
            raise UsageError(f"ENSUE_EXECUTOR is 'native', but {absence}: leave the variable unset.")
    if absence is None:
        return NativeEngine(description, weights, weights_as=weights_as, threads=threads)
    check_storage(weights_as)
    if weights_as != "float32":
        raise UsageError(f"Weights are kept as {weights_as} by the native core alone, and {absence}.")
    return NumPyEngine(description, weights, dtype)


def executor() -> str:
    """Which executor runs here and why, in a line: what `ensue info` says.

    >>> executor().startswith(("native core, ", "NumPy ", "none: "))
    True
    """
    try:
        absence = _absence()
    except UsageError as error:
        return f"none: {error}"
    if absence is not None:
        return f"NumPy {metadata.version('numpy')}: {absence}"
    import ensue._native as native

    try:
        chosen = native.kernels().name
    except ValueError as unknown:
        return f"none: {unknown}"
    return f"native core, {chosen} (ENSUE_ISA chooses; here: {', '.join(native.isa_names())})"


def slower(description: Network | None = None) -> tuple[str, ...]:
    """A sentence where predictions, or those of this network, run on NumPy though nobody asked for that; or nothing.

    >>> slower() == () or slower()[0].startswith("Runs on NumPy, ")
    True
    """
    if os.environ.get("ENSUE_EXECUTOR"):
        return ()
    absence = _absence()
    if absence is None and description is not None:
        absence = _unfit(description, np.float32)
    return () if absence is None else (f"Runs on NumPy, several times slower: {absence}.",)


def _absence() -> str | None:
    """Why the native core does not run here; None where it does. Raises `UsageError` where it has to and cannot."""
    forced = os.environ.get("ENSUE_EXECUTOR", "")
    if forced and forced not in EXECUTORS:
        raise UsageError(f"ENSUE_EXECUTOR is '{forced}', {nearest(forced, EXECUTORS)}")
    if forced == "numpy":
        return "ENSUE_EXECUTOR asks for NumPy"
    try:
        import ensue._native  # noqa: F401
    except ImportError as failure:
        if forced:
            raise UsageError(f"ENSUE_EXECUTOR is 'native', but {_why(failure)}.") from failure
        return _why(failure)
    return None


def _unfit(description: Network, dtype: DTypeLike) -> str | None:
    """Why the native core, which is there, cannot run this network; None where it can."""
    if np.dtype(dtype) != np.float32:
        return f"it computes in float32, not {np.dtype(dtype)}"
    if has_pictures(description.layers):
        return "the native core knows no layers that see pictures"
    return None


def _why(failure: ImportError) -> str:
    """It was not built, or what was built cannot be loaded."""
    if isinstance(failure, ModuleNotFoundError) and failure.name == "ensue._native":
        return "the native core was not built: install GCC or Clang and Python's headers, then Ensue again"
    return f"the native core cannot be loaded ({failure})"
