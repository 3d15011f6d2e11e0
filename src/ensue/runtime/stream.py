"""A forecaster that reads as values come: constant cost a step, a state that can be saved, copied and branched.

A stream fed value by value says what a prediction from the whole table says; tests hold the two together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.predictor import Predictor, ReaderState
from ensue.tasks.forecasting import Surroundings

Floats = NDArray[np.float64]


class ForecastStream:
    """One series read as it comes; made by `Forecaster.stream()`.

    Args:
        predictor: the trained forecaster.
        static: static covariates of the series, in the order of the schema; unknown where None.
    """

    def __init__(self, predictor: Predictor, static: ArrayLike | None = None) -> None:
        self._predictor = predictor
        columns = len(predictor.task.schema.static)
        given = np.full(columns, np.nan) if static is None else np.asarray(static, dtype=np.float64)
        if given.shape != (columns,):
            raise UsageError(f"static has shape {given.shape}, expected ({columns},), one value a static covariate.")
        self._static = given[None, :]
        self.reset()

    def reset(self) -> None:
        """Forget everything: the stream is as new."""
        self._state = self._predictor.start(1)
        self._steps = 0
        self._next: np.datetime64 | int | None = None

    @property
    def steps(self) -> int:
        """Values read since the start or the last reset."""
        return self._steps

    def update(
        self,
        values: ArrayLike,
        *,
        time: Any = None,
        past: ArrayLike | None = None,
        future: ArrayLike | None = None,
        deltas: ArrayLike | None = None,
    ) -> Floats:
        """Read one value or several.

        Args:
            values: a number or `(steps,)`; NaN where missing.
            time: stamp of the first of them. Needed once, at the first update, where the model uses the calendar.
            past: `(steps, columns)` covariates known only up to now.
            future: `(steps, columns)` covariates known ahead, of the same steps.
            deltas: `(steps,)` spacing in units of the usual one, for series without a regular frequency.

        Returns what was expected of each value before it was seen: quantiles `(steps, levels)`.
        """
        given = np.atleast_1d(np.asarray(values, dtype=np.float64))
        if given.ndim != 1 or given.size == 0:
            raise UsageError(f"values have shape {given.shape}, expected a number or a row of numbers.")
        if np.isinf(given).any():
            raise DataError(
                f"value {int(np.argmax(np.isinf(given))) + 1} is infinite, expected a number, or NaN where missing."
            )
        block, after = self._block(len(given), time, past, future, deltas)
        quantiles, self._state = self._predictor.advance(given[None, :], block, self._state)
        self._next = after
        self._steps += len(given)
        return quantiles[0]

    def forecast(self, horizon: int | None = None, *, future: ArrayLike | None = None) -> Floats:
        """Quantiles of the next `horizon` steps, `(horizon, levels)`; the stream stays where it is.

        Args:
            horizon: steps ahead, that of the model by default.
            future: `(horizon, columns)` covariates known ahead over these steps.
        """
        horizon = self._predictor.task.horizon if horizon is None else horizon
        if horizon < 1:
            raise UsageError(f"horizon is {horizon}, expected 1 or more steps.")
        names = [covariate.name for covariate in self._predictor.task.schema.future]
        if names and future is None:
            raise DataError(
                f"The model uses {', '.join(names)}, known ahead, and none was given: pass future= with {horizon} rows."
            )
        block, _ = self._block(horizon, None, None, future, None)
        return self._predictor.forecast(block, self._state)[0]

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantile levels of the columns that `update` and `forecast` return."""
        return self._predictor.task.levels

    @property
    def state(self) -> bytes:
        """Everything the stream remembers, as bytes: save it, set it on another stream of the same model, go on."""
        from safetensors.numpy import save

        arrays = {f"{i:03d}": np.ascontiguousarray(a) for i, a in enumerate([*_arrays(self._state), self._static])}
        clock = None if self._next is None else str(self._next)
        note = {"steps": self._steps, "causal": self._state.causal.steps, "next": clock}
        return save(arrays, {"ensue-stream": json.dumps(note)})

    @state.setter
    def state(self, saved: bytes) -> None:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        empty = [*_arrays(self._predictor.start(1)), self._static]
        try:
            length = int.from_bytes(saved[:8], "little")
            note = json.loads(json.loads(saved[8 : 8 + length])["__metadata__"]["ensue-stream"])
            arrays = [array for _, array in sorted(load(saved).items())]
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelFileError(
                "These bytes are not the state of a stream: give what `stream.state` returned."
            ) from error
        if [a.shape for a in arrays] != [a.shape for a in empty]:
            raise ModelFileError(
                "This state belongs to a stream of another model: restore it on the model it came from."
            )
        self._static = arrays.pop()
        restored = _filled(self._predictor.start(1), iter(arrays))
        self._state = replace(restored, causal=replace(restored.causal, steps=int(note["causal"])))
        self._steps = int(note["steps"])
        stamps = self._predictor.task.schema.frequency.has_stamps
        clock = note["next"]
        self._next = None if clock is None else np.datetime64(clock, "us") if stamps else int(clock)

    def copy(self) -> ForecastStream:
        """A second stream from here on: read a scenario on the copy, and this one stays where it is."""
        other = ForecastStream(self._predictor)
        other.__dict__.update(self.__dict__)
        return other

    def _block(
        self, steps: int, time: Any, past: ArrayLike | None, future: ArrayLike | None, deltas: ArrayLike | None
    ) -> tuple[Surroundings, Any]:
        """The surroundings of the next steps, and the stamp after them."""
        schema = self._predictor.task.schema
        frequency = schema.frequency
        if frequency.has_stamps and frequency.is_regular:
            first = self._next if time is None else np.datetime64(time, "us")
            if first is None:
                raise UsageError(
                    "The model uses the calendar and the stream has no clock yet: give the first update time=, "
                    "the stamp of its first value."
                )
            stamps = frequency.advance(np.full(steps + 1, first), np.arange(steps + 1))
            times, after = stamps[:-1], stamps[-1]
        else:
            times, after = np.arange(steps), None
        spacing = np.ones(steps) if deltas is None else np.asarray(deltas, dtype=np.float64)
        block = Surroundings(
            times[None, :],
            spacing[None, :],
            _columns("past", past, steps, [c.name for c in schema.past]),
            _columns("future", future, steps, [c.name for c in schema.future]),
            self._static,
        )
        return block, after


def _columns(role: str, given: ArrayLike | None, steps: int, names: Sequence[str]) -> Floats:
    """Covariates of a block as `(1, steps, columns)`; NaN where none were given."""
    if given is None:
        return np.full((1, steps, len(names)), np.nan)
    values = np.asarray(given, dtype=np.float64)
    values = values.reshape(steps, -1) if values.size == steps * len(names) else values
    if values.shape != (steps, len(names)):
        raise UsageError(
            f"{role} has shape {values.shape}, expected ({steps}, {len(names)}): a row a step, with columns "
            f"{', '.join(names) or 'none'}."
        )
    return values[None]


def _arrays(state: Any) -> list[NDArray[Any]]:
    """Every array of a nested state, in a fixed order."""
    return list(_walk(state))


def _walk(state: Any) -> Iterator[NDArray[Any]]:
    if isinstance(state, np.ndarray):
        yield state
    elif isinstance(state, tuple):
        for each in state:
            yield from _walk(each)
    elif is_dataclass(state):
        for each in fields(state):
            yield from _walk(getattr(state, each.name))


def _filled(like: Any, arrays: Iterator[NDArray[Any]]) -> Any:
    """A state of the same structure with other arrays."""
    if isinstance(like, np.ndarray):
        return next(arrays)
    if isinstance(like, tuple):
        filled = [_filled(each, arrays) for each in like]
        return type(like)(*filled) if hasattr(like, "_fields") else tuple(filled)
    if is_dataclass(like) and not isinstance(like, type):
        changed = {each.name: _filled(getattr(like, each.name), arrays) for each in fields(like)}
        return replace(like, **changed)
    return like


__all__ = ["ForecastStream", "ReaderState"]
