"""The streams of `ensue stream`, one a series: rows in, what was expected of them and forecasts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensue.cli.streaming.clock import Clock
from ensue.cli.streaming.lines import Row
from ensue.errors import DataError, UsageError
from ensue.runtime.stream_clock import MOST_MISSING

if TYPE_CHECKING:
    from ensue.cli.streaming.answers import Answers
    from ensue.estimators import Forecaster
    from ensue.runtime.stream import ForecastStream


@dataclass
class Channel:
    """The stream of one series, and what its clock shows: only what the stream has read counts."""

    id: str | None
    stream: ForecastStream
    last: int | None = None
    """Ticks of the last step read."""
    rows: int = 0
    """Values read, missing ones among them, the steps left out between them not."""
    known: bool = False
    """Whether some value was not missing: nothing can be expected before."""
    replayed: bool = False
    """Whether rows that were read before may come once more: the stream was resumed and no later row has come yet."""


@dataclass
class Block:
    """Rows of one series that follow each other step by step."""

    channel: Channel
    places: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    ticks: list[int | None] = field(default_factory=list)
    jump: bool = False
    """Whether its first stamp has to be given: it is the stream's first, or steps were left out before it."""
    due: bool = False
    """Whether a forecast is due after its last row."""


@dataclass
class Head:
    """Where a series will stand when the rows placed so far are read."""

    channel: Channel
    last: int | None
    rows: int
    block: Block | None = None
    """The block that its next row may join."""


@dataclass
class Plan:
    """The rows of a portion as blocks, in the order they are to be read."""

    blocks: list[Block] = field(default_factory=list)
    heads: dict[str | None, Head] = field(default_factory=dict)
    places: int = 0
    """Rows placed so far."""


class Channels:
    """All streams of a run.

    Args:
        start: ticks of the first value of every series, for lines without times.
        horizon: steps to forecast after every `every`th value of a series; None: no forecasts.
    """

    def __init__(self, forecaster: Forecaster, start: int | None, horizon: int | None, every: int) -> None:
        self.by_id: dict[str | None, Channel] = {}
        self.skipped = 0
        """Rows left out because they were read before the stream was resumed."""
        self._forecaster, self._schema = forecaster, forecaster.schema
        self._clock = Clock(self._schema)
        self._start, self._horizon, self._every = start, horizon, every

    @property
    def rows(self) -> int:
        """Values read by all streams."""
        return sum(channel.rows for channel in self.by_id.values())

    @property
    def has_clock(self) -> bool:
        """Whether the time of rows that come without one is known, and more than their number."""
        resumed = any(channel.last is not None for channel in self.by_id.values())
        return self._start is not None or (resumed and self._clock.has_stamps)

    def check_clock(self, has_times: bool) -> None:
        """Refuse lines without times where the model cannot do without."""
        column = self._schema.time or "ds"
        if has_times or not self._clock.needed:
            return
        if not self._clock.regular:
            raise UsageError(
                f"The lines have no times, and the series no regular frequency: give lines with '{column}'."
            )
        if not self.has_clock:
            raise UsageError(
                "The lines have no times, and the model uses the calendar: give --start 2024-01-31, the time of the first "
                f"value, or lines with the column '{column}'."
            )

    def new(self, id: str | None, static: Sequence[float] = ()) -> Channel:
        """A series that was not met before; it belongs to the run once something of it was read."""
        return Channel(id, self._forecaster.stream(static=static or None))

    def place(self, row: Row, plan: Plan) -> None:
        """Put a row into the block it belongs to. Raises `DataError` where its time cannot be, and changes nothing then."""
        head = plan.heads.get(row.id)
        channel = self.by_id.get(row.id) if head is None else head.channel
        last = head.last if head is not None else None if channel is None else channel.last
        ticks = None if row.time is None else self._clock.read(row.time)
        steps = self._steps(ticks, last, row)
        if steps < 1:
            assert ticks is not None and last is not None and channel is not None
            if head is None and channel.replayed:
                self.skipped += 1
                return
            raise DataError(f"the time {self._clock.name(ticks)} after {self._clock.name(last)}, expected a later one")
        if steps > MOST_MISSING:
            assert ticks is not None
            raise DataError(
                f"the time {self._clock.name(ticks)}, {steps} steps after the one before, expected the next"
            )
        now = self._moved(last, ticks, steps)
        if head is None:
            channel = channel or self.new(row.id, row.static)
            head = plan.heads[row.id] = Head(channel, channel.last, channel.rows)
        jump = steps > 1 or (last is None and (ticks is not None or self._start is not None))
        if head.block is None or jump:
            head.block = Block(head.channel, jump=jump)
            plan.blocks.append(head.block)
        head.block.places.append(plan.places)
        head.block.rows.append(row)
        head.block.ticks.append(now)
        plan.places += 1
        head.last, head.rows = now, head.rows + 1
        if self._horizon is not None and head.rows % self._every == 0:
            head.block.due = True
            head.block = None

    def read(self, block: Block, answers: Answers, found: list[str]) -> None:
        """Read a block and put the answer to each row into its place. Where that fails, the series stands as before."""
        channel, rows = block.channel, block.rows
        expected = self._update(block)
        self.by_id[channel.id] = channel
        channel.last, channel.rows, channel.replayed = block.ticks[-1], channel.rows + len(rows), False
        lines = answers.lines(rows, block.ticks, _hushed(expected, channel, rows))
        for place, line in zip(block.places, lines, strict=True):
            found[place] = line
        if self._horizon is not None and channel.known and block.due:
            ahead = channel.stream.forecast(self._horizon)
            last = block.ticks[-1]
            ticks = None if last is None else self._clock.after(last, self._horizon)
            found[block.places[-1]] = answers.with_forecast(lines[-1], channel.id, ticks, ahead)

    def _update(self, block: Block) -> NDArray[np.float64]:
        """Let the stream read a block, as a whole or not at all."""
        channel, schema, rows = block.channel, self._schema, block.rows
        # Steps left out are read before the block, which may then fail.
        before = channel.stream.copy() if block.jump and channel.last is not None else channel.stream
        try:
            return channel.stream.update(
                [row.value for row in rows] if len(rows) > 1 else rows[0].value,
                time=self._time(block),
                past=[row.past for row in rows] if schema.past and rows[0].past else None,
                future=[row.future for row in rows] if schema.future and rows[0].future else None,
            )
        except BaseException:
            channel.stream = before
            raise

    def _steps(self, ticks: int | None, last: int | None, row: Row) -> int:
        """Steps from the last row of the series to this one."""
        if ticks is None:
            if self._clock.needed and last is None and self._start is None:
                raise DataError("no time, expected one: the model uses the calendar")
            if not self._clock.regular:
                raise DataError("no time, expected one: the series has no regular frequency")
            return 1
        return 1 if last is None else self._clock.steps(ticks, last)

    def _moved(self, last: int | None, ticks: int | None, steps: int) -> int:
        """The clock of a series `steps` further: on its grid, where it has one."""
        if last is None:
            first = 0 if self._start is None else self._start  # positions are counted from 0
            return first if ticks is None else ticks
        if self._clock.regular:
            return self._clock.move(last, steps)
        assert ticks is not None
        return ticks

    def _time(self, block: Block) -> NDArray[np.generic] | None:
        """The stamps of a block that its stream has to be told."""
        ticks = [tick for tick in block.ticks if tick is not None]
        if not ticks or not (block.jump or not self._clock.regular):
            return None
        stamps = self._clock.stamps(ticks)
        return stamps[0] if self._clock.regular else stamps


def _hushed(expected: NDArray[np.float64], channel: Channel, rows: Sequence[Row]) -> NDArray[np.float64]:
    """What was expected, NaN up to the first value that was ever seen: the networks know no scale before."""
    if channel.known:
        return expected
    seen = next((index for index, row in enumerate(rows) if row.value == row.value), None)
    channel.known = seen is not None
    expected = expected.copy()
    expected[: len(rows) if seen is None else seen + 1] = np.nan
    return expected
