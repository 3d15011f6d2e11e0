"""The native core as Python sees it (C++ in native/). It is there only where it could be built."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Real = TypeVar("_Real", np.float32, np.float64)

# ---- kernels: native/bind_kernels.cpp ----

class Kernels:
    """A table of kernels for one instruction set; "double" computes in float64, the others in float32."""

    @property
    def name(self) -> str: ...
    @property
    def width(self) -> int:
        """Numbers in a vector."""

    @property
    def real_bytes(self) -> int: ...
    def tanh(self, x: NDArray[_Real]) -> NDArray[_Real]:
        """Of every number of a line; TypeError where x has not the table's precision."""

    def sigmoid(self, x: NDArray[_Real]) -> NDArray[_Real]: ...

def isa_names() -> list[str]:
    """The instruction sets that run on this machine, fastest first."""

def kernels(name: str | None = None) -> Kernels:
    """The table of that name; None: what ENSUE_ISA names, or the fastest. ValueError where there is none."""

# ---- networks: native/bind_network.cpp ----

class Network:
    """A network ready to run; immutable, so any number of threads may run it at once.

    `program` is what `runtime.native_engine.program` makes, `weights` contiguous arrays of float32 by name, `weights_as`
    "float32", "bf16" or "int8". ValueError where it cannot be built.
    """

    def __init__(
        self,
        program: list[tuple[str, tuple[int, ...], tuple[str, ...]]],
        weights: dict[str, NDArray[np.float32]],
        isa: str | None = None,
        weights_as: str = "float32",
    ) -> None: ...
    @property
    def input_size(self) -> int: ...
    @property
    def output_size(self) -> int: ...
    @property
    def silent_size(self) -> int:
        """Of what comes back where outputs are not wanted."""

    @property
    def anchors(self) -> int: ...
    @property
    def causal(self) -> bool: ...
    @property
    def isa(self) -> str: ...
    @property
    def state_shapes(self) -> list[tuple[int, int]]:
        """Rows and size of each array of the state, which is (rows, batch, size)."""

    def output_time(self, time: int, outputs: bool = True) -> int: ...
    @property
    def recorded(self) -> list[int]:
        """Hidden size of each layer and direction of an LSTM, in the order of the state."""

    def recorded_time(self, each: int, time: int) -> int:
        """Steps that reach it where `time` go in."""

    def run(
        self,
        x: NDArray[np.float32],
        anchors: NDArray[np.float32] | None,
        state: list[NDArray[np.float32]],
        y: NDArray[np.float32] | None,
        lengths: NDArray[np.int64] | None = None,
        outputs: bool = True,
        threads: int = 1,
        traces: list[NDArray[np.float32]] | None = None,
        sums: list[NDArray[np.float64]] | None = None,
    ) -> tuple[float, float, int] | None:
        """Write y and move the state on in place. None, or of a category code that no table has: the lowest and the
        highest code, and the number of categories. ValueError for shapes that do not fit.

        Of each layer and direction of an LSTM may be recorded either `traces` `(6, batch, time, hidden)`, what lies
        beyond a row's length left as it is, or `sums` `(11, batch * hidden or more)`, which are
        moved on."""

class Pass:
    """A call of a network with arrays that stay: what is hot binds them once. One thread at a time may run it."""

    def __init__(
        self,
        network: Network,
        x: NDArray[np.float32],
        anchors: NDArray[np.float32] | None,
        state: list[NDArray[np.float32]],
        y: NDArray[np.float32] | None,
        lengths: NDArray[np.int64] | None = None,
        outputs: bool = True,
        threads: int = 1,
        traces: list[NDArray[np.float32]] | None = None,
        sums: list[NDArray[np.float64]] | None = None,
    ) -> None: ...
    def run(self) -> tuple[float, float, int] | None:
        """Read x as it is now, write y, move the state on; the rest is as in `Network.run`."""

# ---- the forecaster, a step at a time: native/bind_frontend.cpp, native/bind_forecaster.cpp ----

class FrontEnd:
    """`ensue.data.causal.CausalReader` a step at a time: a memory that every step changes, and the seasons' phases.

    ValueError for seasons that are none, and for fewer slots than seasons.
    """

    def __init__(self, seasons: Sequence[int], half_life: float, slots: int | None = None) -> None: ...
    @property
    def memory_size(self) -> int: ...
    @property
    def phase_size(self) -> int: ...
    def read(
        self, values: NDArray[np.float64], memory: NDArray[np.float64], phases: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Features `(time, feature)`, anchors `(time, anchor)`, centers and spreads of values `(time,)`, NaN: missing."""

class CalendarTables:
    """What was looked up for stamps from `first` up to `after`: the clock's offsets from each change on, holidays as days."""

    def __init__(
        self, first: int, after: int, changes: Sequence[int], offsets: Sequence[int], holidays: Sequence[int]
    ) -> None: ...

class Calendar:
    """Cycles by their place in `ensue.data.calendar.CYCLES`; kind: 0 steps of fixed length, 1 business days, 2 months."""

    def __init__(
        self, cycles: Sequence[int], kind: int, step: int, anchor: int, holiday_columns: int, needs_tables: bool
    ) -> None: ...
    def advance(self, stamps: NDArray[np.int64], steps: int) -> NDArray[np.int64]: ...
    def features(self, stamps: NDArray[np.int64], tables: CalendarTables) -> NDArray[np.float32]: ...

class Forecaster:
    """Front end, calendar, covariates, networks and answer; ValueError where they do not fit together.

    Covariates are (role: 0 future, 1 past, 2 static; column; whether a category; mean; spread).
    """

    def __init__(
        self,
        networks: Sequence[Network],
        front_end: FrontEnd,
        calendar: Calendar,
        has_stamps: bool,
        is_regular: bool,
        columns: tuple[int, int, int],
        covariates: Sequence[tuple[int, int, bool, float, float]],
        widths: Sequence[float],
        median: int,
        nonnegative: bool,
    ) -> None: ...
    @property
    def record_size(self) -> int: ...
    def set_tables(self, tables: CalendarTables) -> None: ...

class Streams:
    """Streams side by side; `rows` names some of them in ascending order, None all."""

    def __init__(self, forecaster: Forecaster, count: int, static: NDArray[np.float64] | None = None) -> None: ...
    def step(self, value: float, quantiles: NDArray[np.float64]) -> bool:
        """One step of the only stream into `(1, level)`; False, and nothing has happened, where it takes more than that."""

    def read(
        self,
        values: NDArray[np.float64] | None,
        quantiles: NDArray[np.float64],
        stamps: NDArray[np.int64] | None = None,
        deltas: NDArray[np.float64] | None = None,
        past: NDArray[np.float64] | None = None,
        future: NDArray[np.float64] | None = None,
        rows: NDArray[np.int64] | None = None,
        threads: int = 1,
    ) -> tuple[int, int] | str | None:
        """Fills quantiles `(streams, time, level)`; without values it looks ahead. What does not give None is that nothing
        has happened: a pair, tables have to reach so far; "clock", a stamp is lacking; "codes", there is no such category.
        """

    def skip(self, time: int, rows: NDArray[np.int64] | None = None, threads: int = 1) -> tuple[int, int] | str | None:
        """Reads missing steps; what comes back is as in `read`."""

    def take(self, records: NDArray[np.float64], rows: NDArray[np.int64] | None = None) -> None: ...
    def put(self, records: NDArray[np.float64], rows: NDArray[np.int64] | None = None) -> bool:
        """False, and nothing has changed, where these cannot be records."""

    @property
    def records(self) -> NDArray[np.float64]: ...

class BoundStep:
    """A step of the only stream from `x` `(1,)` to `y` `(levels,)`: what `Streams.step` does."""

    def __init__(self, streams: Streams, x: NDArray[np.float64], y: NDArray[np.float64]) -> None: ...
    def __call__(self) -> bool: ...

# ---- the LSTM for training: native/bind_lstm.cpp; only ensue.learn.native_op calls it, having looked at the tensors ----

Sizes = tuple[int, int, int, int]
"""Input, hidden, batch, time."""

def lstm_forward(kernels: str, sizes: Sizes, /, *addresses: int) -> None:
    """In this order: weight_ih, weight_hh, bias_ih, bias_hh; x and its batch and time stride; y, h, c and whether the state
    begins at zero; lengths, reverse, threads; reserve and its bytes. 0: not there."""

def lstm_backward(kernels: str, sizes: Sizes, /, *addresses: int) -> None:
    """In this order: weight_ih, weight_hh; reserve and its bytes; dy and its batch and time stride; dh, dc, dx, dweight_ih,
    dweight_hh, dbias; lengths, reverse. 0: not there."""

def buffer(bytes: int) -> NDArray[np.uint8]:
    """Memory with anything in it, aligned to 64 bytes; a large one is used again when nobody holds it any more."""
