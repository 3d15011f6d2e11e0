"""Files and what is in each, not yet read, and who is seen or heard in them, told by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
