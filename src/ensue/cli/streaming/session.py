"""What `ensue stream` does with a portion of lines: rows, streams, answers, and what to do with a line that is none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ensue.cli.console import Voice
from ensue.cli.streaming.answers import Answers, CsvAnswers, JsonAnswers, Layout
from ensue.cli.streaming.channels import Channels, Plan
from ensue.cli.streaming.lines import Lines, NumberLines, Row, open_lines
from ensue.errors import DataError

if TYPE_CHECKING:
    from ensue.estimators import Forecaster


class BadLine(DataError):
    """A line that cannot be read; those before it were."""


@dataclass(frozen=True)
class Wishes:
    """What was asked of a run."""

    percents: tuple[float, ...]
    forecasts: bool
    kind: str
    columns: tuple[str, ...] | None
    json: bool
    skip_bad: bool


@dataclass
class Session:
    """Turns portions of lines into lines of answers."""

    forecaster: Forecaster
    channels: Channels
    wishes: Wishes
    voice: Voice
    number: int = 0
    """Lines read."""
    bad: list[str] = field(default_factory=list)
    """A sentence for each line that was left out."""
    _lines: Lines | None = None
    _answers: Answers | None = None
    _blank: int = 0
    """Lines before the first that holds something."""
    _written: list[str] = field(default_factory=list)

    def read(self, portion: list[str]) -> None:
        """Read lines; their answers are `taken` then. Raises `BadLine` after the lines before one that cannot be read."""
        plan = Plan()
        try:
            for row in self._rows(portion):
                try:
                    self.channels.place(row, plan)
                except DataError as error:
                    self._refuse(error)
        finally:
            self._read(plan)

    def taken(self) -> str:
        """The answers so far, handed over once."""
        written, self._written = "".join(self._written), []
        return written

    def _read(self, plan: Plan) -> None:
        """Read block after block; where one fails, the answers to those before it stay."""
        found = [""] * plan.places
        try:
            for block in plan.blocks:
                assert self._answers is not None
                self.channels.read(block, self._answers, found)
        finally:
            self._written += found

    def _rows(self, portion: list[str]) -> Iterator[Row]:
        """The rows of lines, one after another."""
        lines = iter(portion)
        while self._lines is None:
            first = next(lines, None)
            if first is None:
                return
            self.number += 1
            yield from self._first_rows(first)
        rest = list(lines)
        plain = NumberLines.leading(rest) if isinstance(self._lines, NumberLines) else []
        for value in plain:
            self.number += 1
            yield Row(value)
        for line in rest[len(plain) :]:
            self.number += 1
            yield from self._rows_of(line)

    def _first_rows(self, line: str) -> Iterator[Row]:
        """The rows of a line that may say how all lines are written."""
        if not line.strip():
            self._blank += 1
            return
        is_header = self._open(line)
        if isinstance(self._lines, NumberLines):
            yield from [Row(math.nan)] * self._blank
        if not is_header:
            yield from self._rows_of(line)

    def _rows_of(self, line: str) -> Sequence[Row]:
        assert self._lines is not None
        try:
            return self._lines.rows(line)
        except DataError as error:
            self._refuse(error)
        # A number that cannot be read is a missing one, so that the next keeps its place in time.
        return self._lines.rows("") if self._lines.kind == "numbers" else ()

    def _refuse(self, error: DataError) -> None:
        """Raise a sentence with the line's number, or count it."""
        sentence = f"Line {self.number} holds {error}"
        if not self.wishes.skip_bad:
            raise BadLine(f"{sentence}: correct the line, or leave out such lines with --skip-bad.") from error
        self.bad.append(sentence)

    def _open(self, first: str) -> bool:
        """Find how the lines are written, and begin to answer; whether the first line is a header."""
        schema, wishes = self.forecaster.schema, self.wishes
        lines, is_header, said = open_lines(wishes.kind, first, schema, wishes.columns)
        self.channels.check_clock(lines.has_times)
        if said is not None:
            self.voice.findings([said])
        if lines.kind == "numbers" and (schema.past or schema.future or schema.static):
            told = ", ".join(each.name for each in (*schema.past, *schema.future, *schema.static))
            self.voice.findings([f"the model uses {told}, which plain numbers do not tell: read as missing."])
        kind = JsonAnswers if wishes.json or lines.kind == "json" else CsvAnswers
        layout = Layout(lines.has_ids, lines.has_times or self.channels.has_clock, wishes.forecasts)
        self._answers = kind(schema, self.forecaster.levels, wishes.percents, layout)
        self._written.append(self._answers.header())
        self._lines = lines
        return is_header
