"""Files and what is in each, not yet read: tables of them, who is seen or heard, and how they are divided."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensue.data.groups import set_aside
from ensue.data.labelled import label_name
from ensue.data.manifests import SPLITS, TEST, TRAINING, VALIDATION, few
from ensue.errors import DataError, nearest

NAMED = (
    re.compile(r"P([0-9]{3})R[0-9]{3}"),  # NTU RGB+D: S001C002P003R001A001
    re.compile(r"(?:^|[_\-. ])(?:subject|subj|person|actor|signer|participant|user|speaker)[_\-]?([0-9a-z]+)", re.I),
    re.compile(r"(?:^|_)(g[0-9]{2})_c[0-9]{2}"),  # UCF101: v_Archery_g01_c02
    re.compile(r"(?:^|[_\-. ])([sp][0-9]{1,3})(?=[_\-. ]|$)", re.I),
)
"""How file names tell who is seen; a pattern counts where every name has it."""


@dataclass(frozen=True)
class LabelledFiles:
    """Files that are not read yet, or arrays, with what is in each."""

    items: tuple[Any, ...]
    labels: tuple[str, ...]
    subjects: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    findings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Sequence[int]) -> LabelledFiles:
        """Some of them, in the order given."""
        return LabelledFiles(
            tuple(self.items[row] for row in rows),
            tuple(self.labels[row] for row in rows),
            None if self.subjects is None else tuple(self.subjects[row] for row in rows),
            None if self.splits is None else tuple(self.splits[row] for row in rows),
            self.findings,
        )


@dataclass(frozen=True)
class Kind:
    """What such files are, in words for messages and names of columns."""

    item: str
    label: str
    person: str
    files: tuple[str, ...]
    """Names of columns: of files ..."""
    labels: tuple[str, ...]
    people: tuple[str, ...]
    people_in: Callable[[Sequence[str]], tuple[str, ...] | None]
    """Who is in each, told by names of files."""


def labelled_table(path: Path, kind: Kind) -> LabelledFiles:
    """The rows of a table of files, labels, and perhaps people and parts, whose file is there.

    Raises `DataError` where a column is missing, or no row is left.
    """
    from ensue.data.tables import read_table

    frame = read_table(path).frame
    plain = {each.strip().lower(): each for each in frame.columns}

    def column(known: Sequence[str]) -> list[str] | None:
        name = next((plain[each] for each in known if each in plain), None)
        return None if name is None else ["" if each is None else str(each).strip() for each in frame[name].to_list()]

    files, labels = column(kind.files), column(kind.labels)
    if files is None or labels is None:
        missing = "file" if files is None else "label"
        raise DataError(
            f"'{path}' has no column '{missing}' ({', '.join(frame.columns)}), expected file and label, and perhaps "
            f"{kind.person} and split: {nearest(missing, frame.columns)}"
        )
    there = [path.parent / each for each in files]
    rows = [row for row, each in enumerate(there) if files[row] and labels[row] and each.exists()]
    findings = []
    lost = [files[row] for row, each in enumerate(there) if files[row] and not each.exists()]
    if lost:
        findings.append(f"Left out {few(lost)}, not to be found beside '{path}'.")
    blank = sum(not (name and label) for name, label in zip(files, labels, strict=True))
    if blank:
        findings.append(f"Left out {blank:,} row{'s' * (blank > 1)} without a file or a label.")
    if not rows:
        raise DataError(f"No row of '{path}' has a label and a file that is there: check its columns.")
    people, splits = column(kind.people), column(SPLITS)
    if people is not None and not all(people[row] for row in rows):
        findings.append(f"The column of {kind.person}s has gaps and is not used.")
        people = None
    named = kind.people_in([Path(each).stem for each in files]) if people is None else tuple(people)
    names = tuple(label_name(each or "-", row + 1) for row, each in enumerate(labels))
    kept = LabelledFiles(tuple(there), names, named, None if splits is None else tuple(splits)).take(rows)
    findings.insert(0, f"{len(kept):,} {kind.item}s of {len(set(kept.labels))} {kind.label}s in '{path}'.")
    return LabelledFiles(kept.items, kept.labels, kept.subjects, kept.splits, tuple(findings))


def divided(
    files: LabelledFiles, valid: LabelledFiles | None, kind: Kind, share: float, seed: int, say: Callable[[str], None]
) -> tuple[LabelledFiles, LabelledFiles]:
    """Those to learn from and those to validate on: as given, as a column of parts says, or whole people set aside.

    Raises `DataError` where nothing is to be learned from.
    """
    splits = [each.lower() for each in files.splits or ()]
    unread = sum(each in TEST for each in splits)
    if unread:
        say(f"{unread:,} {kind.item}s are for testing and stay unread.")
    held = [row for row, each in enumerate(splits) if each in VALIDATION]
    known = [row for row, each in enumerate(splits) if each in TRAINING] if splits else list(range(len(files)))
    if splits and not known:
        known = [row for row, each in enumerate(splits) if each not in (*TEST, *VALIDATION)]
    if not known:
        raise DataError(f"No {kind.item} is to be learned from: the column of parts marks them for other things.")
    training = files.take(known)
    if valid is not None:
        return training, valid
    if held:
        return training, files.take(held)
    rows, aside, said = set_aside(training.labels, training.subjects, share, seed, f"{kind.person}s")
    if said is not None:
        say(said)
    return training.take(rows.tolist()), training.take(aside.tolist())


def subjects_in(names: Sequence[str]) -> tuple[str, ...] | None:
    """Who is seen in each clip, told by file names; None where they do not say.

    >>> subjects_in(["person01_walking_d1", "person02_walking_d1"]), subjects_in(["a", "b"])
    (('01', '02'), None)
    """
    for pattern in NAMED:
        found = [pattern.search(name) for name in names]
        whole = [each[1].lower() for each in found if each is not None]
        if len(whole) == len(names) and len(set(whole)) > 1:
            return tuple(whole)
    return None
