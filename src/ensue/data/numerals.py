"""Numbers as people write them: 1234.5, 1.234,5, 1 234,5, 1'234.5, 1,234.5.

Which sign marks the decimals is decided by a column's own cells; where they leave it open, by the rest of the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ensue.data.dialect import MISSING

_EXPONENT = r"([eE][+-]?\d+)?"
_SPACES = r" \u00a0\u202f'’"
_INFINITE = r"^[+-]?(inf|infinity|∞)$"
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
    present = _tidied(strings)
    values = present.cast(pl.Float64, strict=False)
    plain = bool((values.is_not_null() | present.is_null()).all())
    decimal = decimal_sign(strings) or decimal
    grouped = False
    if not plain or (decimal == "," and present.str.contains(".", literal=True).any()):
        values, grouped = _in_style(present, decimal)
    infinite = present.str.to_lowercase().str.contains(_INFINITE)
    if infinite.any():
        negative = present.str.starts_with("-")
        values = values.set(infinite & ~negative, float("inf")).set(infinite & negative, float("-inf"))
    return Numbers(values, values.is_null() & present.is_not_null(), decimal, grouped)


def decimal_sign(strings: pl.Series) -> str | None:
    """The decimal sign that the cells prove, by majority where they contradict each other; None where they prove none.

    '1.234' and '1,234' prove nothing: a thousand and some, or one and some.

    >>> decimal_sign(pl.Series(["1.234", "0,5"])), decimal_sign(pl.Series(["1,234", "999"]))
    (',', None)
    """
    present = _tidied(strings)
    if not present.str.contains(",", literal=True).any():
        counted = present.str.contains(r"^[+-]?\d{1,3}(\.\d{3}){2,}$").any()
        return "," if counted else "." if present.str.contains(_PROOFS["."]).any() else None
    proofs = {sign: int(present.str.contains(pattern).sum()) for sign, pattern in _PROOFS.items()}
    best = max(proofs, key=lambda sign: proofs[sign])
    return best if proofs[best] else None


def is_missing(strings: pl.Series) -> pl.Series:
    """Boolean: the cell is empty or holds a marker such as 'NA'."""
    return strings.is_null() | strings.str.strip_chars().str.to_lowercase().is_in(list(MISSING))


def _tidied(strings: pl.Series) -> pl.Series:
    """Null for missing cells, a plain minus sign, no space around."""
    tidied = strings.str.strip_chars().str.replace("−", "-", literal=True)
    return tidied.set(is_missing(tidied), None)


def _in_style(present: pl.Series, decimal: str) -> tuple[pl.Series, bool]:
    """Values of the cells that are numbers in the style of one decimal sign, and whether any groups thousands."""
    fits = present.str.contains(_SHAPES[decimal]) & present.str.contains(r"\d")
    grouping = rf"[{'.' if decimal == ',' else ','}{_SPACES}]"
    bare = present.str.replace_all(grouping, "")
    grouped = bool((fits & (bare != present)).any())
    if decimal == ",":
        bare = bare.str.replace(",", ".", literal=True)
    return bare.set(~fits.fill_null(False), None).cast(pl.Float64, strict=False), grouped
