"""Layers that turn category codes into learned vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ensue.errors import ConfigError
from ensue.layers.base import Shape, Stateless, check_rate, check_sizes, check_whole, short


@dataclass(frozen=True)
class Embedding(Stateless):
    """A learned vector for each code `0 .. vocabulary_size - 1`; the input is one column of codes.

    While training, `dropout` takes away whole codes: in each call a share of them has zeros for its vector wherever it
    stands (Gal & Ghahramani 2016, sec. 4.2).
    """

    kind: ClassVar[str] = "embedding"
    vocabulary_size: int
    size: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(self, "vocabulary_size", "size")
        check_rate(self.kind, "dropout", self.dropout)

    @property
    def input_size(self) -> int:
        return 1

    @property
    def output_size(self) -> int:
        return self.size

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.vocabulary_size, self.size)}


@dataclass(frozen=True)
class EmbedColumns(Stateless):
    """Takes the columns that hold category codes out of the input, and appends a learned vector for each, in order.

    `columns` holds `(index, categories, size)`: codes `1 .. categories` are the known categories and 0 is the unknown
    one, so the table has `categories + 1` rows.
    """

    kind: ClassVar[str] = "embed_columns"
    input_size: int
    columns: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        check_sizes(self, "input_size")
        if not isinstance(self.columns, tuple) or any(not isinstance(c, tuple) or len(c) != 3 for c in self.columns):
            given = short(self.columns)
            raise ConfigError(f"{self.kind}: columns is {given}, expected (index, categories, size) for each.")
        for index, categories, size in self.columns:
            check_whole(self.kind, "a column's index", index, 0, self.input_size - 1)
            check_whole(self.kind, "a column's categories", categories, 0)
            check_whole(self.kind, "a column's size", size)
        indices = [index for index, _, _ in self.columns]
        if len(set(indices)) < len(indices):
            raise ConfigError(f"{self.kind}: columns names indices {indices}, expected each at most once.")

    @property
    def output_size(self) -> int:
        return self.input_size - len(self.columns) + sum(size for _, _, size in self.columns)

    @property
    def kept(self) -> tuple[int, ...]:
        """The indices of the columns that pass unchanged."""
        embedded = {index for index, _, _ in self.columns}
        return tuple(index for index in range(self.input_size) if index not in embedded)

    def parameters(self) -> dict[str, Shape]:
        return {
            f"embeddings.{position}.weight": (categories + 1, size)
            for position, (_, categories, size) in enumerate(self.columns)
        }
