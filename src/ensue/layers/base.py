"""What every layer of a description says of itself, and how its fields are checked."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

from ensue.errors import ConfigError, nearest

Shape = tuple[int, ...]

LARGEST = 1_000_000_000
"""No size, and no network's number of parameters, may exceed this."""
LARGEST_STATE = 10_000_000
"""A network may remember at most so many numbers for one row: a few bytes of JSON must not ask for all memory."""
EPSILON = 1e-5
"""Added to the variance in every normalisation, so that a constant input divides by no zero."""
ACTIVATIONS = ("none", "relu", "gelu", "silu", "tanh")


@runtime_checkable
class Layer(Protocol):
    """What every layer of a description says of itself."""

    kind: ClassVar[str]

    @property
    def input_size(self) -> int | None: ...
    @property
    def output_size(self) -> int | None: ...
    @property
    def causal(self) -> bool: ...
    @property
    def depth(self) -> int: ...
    @property
    def stride(self) -> int:
        """How many steps go in for each that comes out."""

    @property
    def pools(self) -> bool:
        """Whether all steps become one."""

    def parameters(self) -> dict[str, Shape]: ...
    def state_shapes(self, batch: int) -> list[Shape]: ...


class Plain:
    """What is so of most layers, and the base of all: they hold no others, and as many steps come out as go in."""

    depth = 1
    stride = 1
    pools = False


class Stateless(Plain):
    """A layer that looks at one time step and remembers nothing."""

    causal = True

    def parameters(self) -> dict[str, Shape]:
        return {}

    def state_shapes(self, batch: int) -> list[Shape]:
        return []


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def check_whole(kind: str, name: str, value: object, least: int = 1, most: int = LARGEST) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{kind}: {name} is {short(value)}, expected a whole number from {least} to {most}.")


def check_sizes(layer: Any, *names: str) -> None:
    for name in names:
        check_whole(layer.kind, name, getattr(layer, name))


def check_flags(layer: Any, *names: str) -> None:
    for name in names:
        if not isinstance(getattr(layer, name), bool):
            raise ConfigError(f"{layer.kind}: {name} is {short(getattr(layer, name))}, expected true or false.")


def check_rate(kind: str, name: str, value: object) -> None:
    if not (isinstance(value, int | float) and is_number(value) and 0 <= value < 1):
        raise ConfigError(f"{kind}: {name} is {short(value)}, expected a number from 0 up to, not including, 1.")


def check_choice(kind: str, name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{kind}: {name} is {short(value)}, {nearest(short(value), choices)}")


def short(value: object) -> str:
    """A value for a message; a hostile file may hold numbers of thousands of digits, or worse."""
    text = "a very large number" if isinstance(value, int) and value.bit_length() > 200 else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
