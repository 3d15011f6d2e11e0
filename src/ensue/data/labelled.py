"""Labelled sequences: texts or rows of numbers, each with the name of its class, and how they are divided.

They come as lists, or from a table in one of three forms: a column of texts; wide, a row for each sequence and a column
for each step; long, an id that tells sequences apart, their steps in order, a column for each channel.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.channels import as_sequence
from ensue.errors import DataError

Item = str | NDArray[np.float64]

SET_ASIDE = 0.15
"""The share of each class that is set aside for validation where nothing else is given ..."""
SET_ASIDE_MOST = 3000
"""... and at most so many rows in all."""


@dataclass(frozen=True)
class Labelled:
    """Sequences and the names of their classes.

    >>> some = label_all(["good", "bad", " "], ["yes", "no", "yes"])
    >>> some.labels, some.findings
    (('yes', 'no'), ('Left out 1 row whose text is blank (the first is row 3).',))
    """

    items: tuple[Item, ...]
    """Texts, or values `(time, channels)`, NaN where one is missing."""
    labels: tuple[str, ...]
    names: tuple[str, ...] = ()
    """Of the channels."""
    findings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    @property
    def are_texts(self) -> bool:
        return isinstance(self.items[0], str)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes: numbers by their size, then others by the alphabet."""
        return tuple(sorted(set(self.labels), key=_order))

    def take(self, rows: Iterable[int]) -> Labelled:
        """Some of them, in the order given."""
        chosen = list(rows)
        items, labels = tuple(self.items[row] for row in chosen), tuple(self.labels[row] for row in chosen)
        return Labelled(items, labels, self.names)

    def numbers(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """The labels as places in `classes`. Raises `DataError` for one that is not among them."""
        place = {name: i for i, name in enumerate(classes)}
        for row, name in enumerate(self.labels):
            if name not in place:
                raise DataError(
                    f"Row {row + 1} has the label '{name}', which is not among those that were learned: {_few(classes)}."
                )
        return np.array([place[name] for name in self.labels], np.int64)

    def digest(self) -> str:
        """Of all that is in them, to know the same rows again."""
        found = hashlib.sha256(repr((self.labels, self.names)).encode("utf-8", "surrogatepass"))
        for item in self.items:
            content = item.encode("utf-8", "surrogatepass") if isinstance(item, str) else item.tobytes()
            found.update(len(content).to_bytes(8, "little") + content)
        return found.hexdigest()


def counted(index: int) -> int:
    """The number of a row in a list: the first one is row 1."""
    return index + 1


def label_all(
    items: Sequence[Any], labels: Sequence[Any], names: Sequence[str] = (), rows: Callable[[int], int] = counted
) -> Labelled:
    """Sequences with their labels; rows whose text is blank are left out, and that is said.

    Args:
        items: texts, or arrays `(time,)` or `(time, channels)`.
        labels: one for each; numbers become their names.
        names: of the channels; counted where they have none.
        rows: the number of a row for messages, from its index.

    Raises `DataError` where there are not equally many, nothing at all, both texts and numbers, sequences of different
    numbers of channels, or a label that is missing.
    """
    if isinstance(items, str) or isinstance(labels, str):
        raise DataError("A single text was given, expected a list of sequences and a list of their labels.")
    items, labels = list(items), list(labels)
    if len(items) != len(labels):
        raise DataError(f"{len(items)} sequences and {len(labels)} labels were given, expected equally many.")
    if not items:
        raise DataError("There are no rows, expected sequences with their labels.")
    said = [label_name(label, rows(index)) for index, label in enumerate(labels)]
    texts = [isinstance(item, str) for item in items]
    if any(texts) and not all(texts):
        row = rows(texts.index(not texts[0]))
        raise DataError(f"Row {row} is of another kind than the first one, expected all texts or all numbers.")
    return _texts(items, said, rows) if texts[0] else _values(items, said, names, rows)


def label_name(label: Any, row: int) -> str:
    """A label as text: 1.0 and 1 are the same class, and so are True and "true".

    >>> [label_name(each, 1) for each in ("yes ", 1.0, True)]
    ['yes', '1', 'true']
    """
    if label is None or (isinstance(label, float) and np.isnan(label)) or not str(label).strip():
        raise DataError(f"Row {row} has no label, expected the name of its class: fill it in, or leave the row out.")
    if isinstance(label, bool | np.bool_):
        return str(label).lower()
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label).strip()


def set_aside(rows: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """Rows to learn from, and a part of each class to validate on; a function of rows and seed alone.

    Equal texts stay on the same side. A class with a single row is learned from; there is none to validate it on. Raises
    `DataError` where no class has two rows.

    >>> rows = label_all([str(i) for i in range(40)], ["a", "b"] * 20)
    >>> [Counter(part.labels) for part in set_aside(rows, seed=0)]
    [Counter({'a': 17, 'b': 17}), Counter({'a': 3, 'b': 3})]
    """
    groups: dict[str, dict[Any, list[int]]] = {}
    for row, (item, label) in enumerate(zip(rows.items, rows.labels, strict=True)):
        groups.setdefault(label, {}).setdefault(item if isinstance(item, str) else row, []).append(row)
    share = min(SET_ASIDE, SET_ASIDE_MOST / len(rows))
    chosen: set[int] = set()
    seen: set[Any] = set()
    for place, label in enumerate(rows.classes):
        own = [each for each in groups[label].items() if each[0] not in seen]  # a text with two labels is divided once
        seen.update(groups[label])
        wanted = max(1, round(share * sum(len(each) for _, each in own)))
        order = np.random.default_rng((seed, place, len(own))).permutation(len(own))
        taken = 0
        for each in order[:-1] if len(own) > 1 else []:
            if taken >= wanted:
                break
            chosen.update(own[each][1])
            taken += len(own[each][1])
    if not chosen:
        raise DataError(
            "Each class has one row, and some have to be set aside for validation: give more rows of each class."
        )
    aside = [row for row in range(len(rows)) if row in chosen]
    return rows.take(row for row in range(len(rows)) if row not in chosen), rows.take(aside)


def check_classes(training: Labelled, validation: Labelled) -> tuple[str, ...]:
    """What to say of the classes. Raises `DataError` for a single class, and for a validation label never learned."""
    counts = Counter(training.labels)
    if len(counts) < 2:
        raise DataError(
            f"All {len(training)} rows have the label '{training.labels[0]}', expected two classes or more to tell apart: "
            "check the column of labels."
        )
    for row, name in enumerate(validation.labels):
        if name not in counts:
            raise DataError(
                f"Row {row + 1} to validate on has the label '{name}', which no row to learn from has: "
                f"{_few(training.classes)}."
            )
    listed = ", ".join(f"'{name}' {counts[name]:,}" for name in training.classes[:10])
    more = f" and {len(counts) - 10} more" if len(counts) > 10 else ""
    findings = [f"{len(training):,} rows to learn from, {len(validation):,} to validate on; classes: {listed}{more}."]
    lonely = [name for name in training.classes if counts[name] == 1]
    if lonely:
        findings.append(
            f"class {_few(lonely)} has a single row to learn from: give more rows, or expect it to be mistaken."
        )
    if len(counts) > 50 and len(training) < 5 * len(counts):
        findings.append(
            f"{len(counts)} different labels for {len(training)} rows: is this a column of names of classes, or of numbers?"
        )
    return tuple(findings)


def _texts(items: list[str], labels: list[str], rows: Callable[[int], int]) -> Labelled:
    kept = [row for row, item in enumerate(items) if item.strip()]
    if not kept:
        raise DataError(f"All {len(items)} texts are blank, expected texts with words in them.")
    found: tuple[str, ...] = ()
    if blank := len(items) - len(kept):
        first = rows(next(index for index, item in enumerate(items) if not item.strip()))
        found = (f"Left out {blank} row{'s' * (blank > 1)} whose text is blank (the first is row {first}).",)
    return Labelled(tuple(items[row] for row in kept), tuple(labels[row] for row in kept), (), found)


def _values(items: list[Any], labels: list[str], names: Sequence[str], rows: Callable[[int], int]) -> Labelled:
    sequences = []
    for index, item in enumerate(items):
        try:
            sequences.append(as_sequence(item))
        except DataError as error:
            raise DataError(f"Row {rows(index)}: {error}") from error
    channels = sequences[0].shape[1]
    for index, each in enumerate(sequences):
        if each.shape[1] != channels:
            raise DataError(
                f"Row {rows(index)} has {each.shape[1]} channels and the first one {channels}, expected the same of all."
            )
    called = tuple(names) or tuple(f"channel_{i + 1}" for i in range(channels))
    lengths = [len(each) for each in sequences]
    findings = [f"{len(sequences):,} sequences of {min(lengths):,} to {max(lengths):,} steps, {_channels(called)}."]
    missing = sum(int(np.isnan(each).sum()) for each in sequences)
    if missing:
        findings.append(f"{missing:,} values are missing; they are read as their channel's mean and marked.")
    return Labelled(tuple(sequences), tuple(labels), called, tuple(findings))


def _channels(names: tuple[str, ...]) -> str:
    return f"channel {names[0]}" if len(names) == 1 else f"{len(names)} channels: {_few(names)}"


def _few(names: Sequence[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in names[:8])
    return listed + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _order(name: str) -> tuple[int, float, str]:
    try:
        number = float(name)
    except ValueError:
        return 1, 0.0, name
    return (0, number, name) if np.isfinite(number) else (1, 0.0, name)
