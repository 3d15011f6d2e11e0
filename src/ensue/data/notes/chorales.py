"""Collections of tunes as JSON lists of steps: each step the MIDI pitches that sound, as the JSB chorales are published.

A file holds a table of splits, such as "train", "valid" and "test", each a list of tunes, each a list of steps.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from ensue.data.notes.tune import Meter, Stepped
from ensue.errors import DataError


def read_steps(path: str | Path, steps_per_quarter: int) -> dict[str, list[Stepped]]:
    """The tunes of each split. Raises `DataError` for a file that is not such a collection.

    A pitch that sounds in successive steps is one long note: the collections do not tell held from repeated notes.
    """
    try:
        raw = Path(path).read_bytes()
        splits = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
        return {
            str(split): [
                of_steps(f"{split} {number}", tune, steps_per_quarter) for number, tune in enumerate(tunes, start=1)
            ]
            for split, tunes in splits.items()
        }
    except OSError as error:
        raise DataError(f"The file {path} cannot be read ({error.strerror or error}): check its path.") from error
    except (ValueError, TypeError, AttributeError, EOFError) as error:
        raise DataError(
            f"{path} is no collection of tunes as lists of steps ({error}): expected JSON such as "
            '{"train": [[[60, 64], [60]]]}.'
        ) from error


def of_steps(name: str, steps: Any, steps_per_quarter: int, meter: Meter | None = None, pickup: int = 0) -> Stepped:
    """A tune of the pitches that sound at each step; silent steps at its end belong to it.

    >>> of_steps("a", [[60, 64], [60], []], 1).notes.tolist()
    [[0, 2, 60], [0, 1, 64]]
    """
    notes: list[tuple[int, int, int]] = []
    since: dict[int, int] = {}
    for step, pitches in enumerate([*steps, []]):
        now = {int(pitch) for pitch in pitches}
        if not all(0 <= pitch <= 127 for pitch in now):
            raise DataError(f"'{name}' has the pitch {max(now, key=abs)} at step {step}, expected 0 to 127.")
        ended = [pitch for pitch in since if pitch not in now]
        notes += [(since.pop(pitch), step, pitch) for pitch in ended]
        for pitch in now - since.keys():
            since[pitch] = step
    array = np.array(sorted(notes, key=lambda note: (note[0], note[2])), dtype=np.int64).reshape(-1, 3)
    return Stepped(name, array, len(steps), steps_per_quarter, meter or Meter(), pickup)
