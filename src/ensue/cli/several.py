"""Many files in one command: one that fails is a sentence, the rest goes on, and the failures are listed at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ensue.errors import DataError, EnsueError, MissingExtraError


def each_file(files: Sequence[str], work: Callable[[str], None]) -> None:
    """Do something with every file. Raises what went wrong with a single one, and `DataError` where some of many failed."""
    failed = []
    for file in files:
        try:
            work(file)
        except MissingExtraError:
            raise
        except EnsueError as error:
            if len(files) == 1:
                raise
            failed.append(file)
            print(f"ensue: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
    if failed:
        raise DataError(f"{len(failed)} of {len(files)} files could not be read: {', '.join(failed)}.")
