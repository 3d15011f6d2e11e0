"""Numbers as people write them: 1234.5, 1.234,5, 1 234,5, 1'234.5, 1,234.5.

Which sign marks the decimals is decided by a column's own cells; where they leave it open, by the rest of the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ensue.data.dialect import MISSING

_EXPONENT = r"([eE][+-]?\d+)?"
_SPACES = r" \u00a0\u202f'’"
_INFINITE = r"(?i)^[+-]?(inf|infinity|∞)$"
_LONGEST_MARKER = max(len(marker) for marker in MISSING)
_SHAPES = {
    ".": rf"^[+-]?(\d+|\d{{1,3}}([,{_SPACES}]\d{{3}})+)?(\.\d*)?{_EXPONENT}$",
    ",": rf"^[+-]?(\d+|\d{{1,3}}([.{_SPACES}]\d{{3}})+)?(,\d*)?{_EXPONENT}$",
}
_PROOFS = {
    # A sign that groups digits does so in threes, after one to three digits that are not a lone zero.
    ".": rf"^[+-]?(\d{{1,3}}(,\d{{3}}){{2,}}|\d{{1,3}}(,\d{{3}})+\.\d*|\d{{1,3}}([{_SPACES}]\d{{3}})+\.\d*"
    rf"|(0|0\d+|\d{{4,}})?\.\d+|\d+\.(\d{{0,2}}|\d{{4,}})){_EXPONENT}$",
    ",": rf"^[+-]?(\d{{1,3}}(\.\d{{3}}){{2,}}|\d{{1,3}}(\.\d{{3}})+,\d*|\d{{1,3}}([{_SPACES}]\d{{3}})+,\d*"
    rf"|(0|0\d+|\d{{4,}})?,\d+|\d+,(\d{{0,2}}|\d{{4,}})){_EXPONENT}$",
}


@dataclass(frozen=True)
class Numbers:
    """A column of text read as numbers."""

    values: pl.Series
    """Float64; null where a cell is missing or no number."""
    unread: pl.Series
    """Boolean: the cell holds something that is no number."""
    decimal: str
    """The sign before the decimals, '.' or ','."""
    grouped: bool
    """Whether a sign groups thousands in some cell."""

    @property
    def share(self) -> float:
        """Share of the cells that hold something which are numbers."""
        read = len(self.values) - self.values.null_count()
        return read / max(1, read + int(self.unread.sum()))


def read_numbers(strings: pl.Series, decimal: str = ".") -> Numbers:
    """Read a column of text as numbers.

    Args:
        strings: String column; markers such as 'NA' count as missing.
        decimal: The decimal sign where the column itself leaves it open.

    >>> read_numbers(pl.Series(["1.234,5", "7,25", "NA"])).values.to_list()
    [1234.5, 7.25, None]
    """
    present = without_missing(strings)
    if present.str.contains("−", literal=True).any():
        present = present.str.replace("−", "-", literal=True)
    values = present.cast(pl.Float64, strict=False)
    decimal = decimal_sign(present) or decimal
    grouped = False
    points = decimal == "," and present.str.contains(".", literal=True).any()
    if points or values.null_count() > present.null_count():
        values, grouped = _in_style(present, decimal)
        values = _with_infinities(values, present)
    return Numbers(values, values.is_null() & present.is_not_null(), decimal, grouped)


def decimal_sign(present: pl.Series) -> str | None:
    """The decimal sign that the cells prove, by majority where they contradict each other; None where they prove none.

    '1.234' and '1,234' prove nothing: a thousand and some, or one and some.

    >>> decimal_sign(pl.Series(["1.234", "0,5"])), decimal_sign(pl.Series(["1,234", "999"]))
    (',', None)
    """
    if not present.str.contains(",", literal=True).any():
        present = spread(present)  # a plain column is proved by any part of it
    proofs = {sign: int(present.str.contains(pattern).sum()) for sign, pattern in _PROOFS.items()}
    best = max(proofs, key=lambda sign: proofs[sign])
    return best if proofs[best] else None


def without_missing(strings: pl.Series) -> pl.Series:
    """The cells without space around them, and null where one is empty or holds a marker such as 'NA'."""
    stripped = strings.str.strip_chars()
    short = stripped.str.len_bytes() <= _LONGEST_MARKER
    if not short.any():
        return stripped
    return stripped.set(stripped.str.to_lowercase().is_in(list(MISSING)).fill_null(False), None)


def spread(column: pl.Series, cells: int = 5000) -> pl.Series:
    """Some cells that hold something, from all over a column."""
    present = column.gather_every(max(1, len(column) // cells)).drop_nulls()
    return present if len(present) else column.drop_nulls().head(cells)


def _in_style(present: pl.Series, decimal: str) -> tuple[pl.Series, bool]:
    """Values of the cells that are numbers in the style of one decimal sign, and whether any groups thousands."""
    fits = present.str.contains(_SHAPES[decimal]) & present.str.contains(r"\d")
    grouping = rf"[{'.' if decimal == ',' else ','}{_SPACES}]"
    bare = present.str.replace_all(grouping, "") if present.str.contains(grouping).any() else present
    grouped = bool((fits & (bare != present)).any())
    if decimal == ",":
        bare = bare.str.replace(",", ".", literal=True)
    return bare.set(~fits.fill_null(False), None).cast(pl.Float64, strict=False), grouped


def _with_infinities(values: pl.Series, present: pl.Series) -> pl.Series:
    left = values.is_null() & present.is_not_null()
    infinite = left & present.set(~left, None).str.contains(_INFINITE).fill_null(False)
    negative = present.str.starts_with("-").fill_null(False)
    return values.set(infinite & ~negative, float("inf")).set(infinite & negative, float("-inf"))
