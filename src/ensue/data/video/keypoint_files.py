"""Files of key points: `.npy`, `.npz`, tables such as `.csv`, and folders with a `.npy` a frame (MediaPipe scripts)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.clips import check_there, natural
from ensue.errors import DataError

ARRAYS = (".npy", ".npz")
TABLES = (".csv", ".tsv", ".parquet")
KEYPOINTS = (*ARRAYS, *TABLES)
"""Endings of files that are taken for key points."""
NAMES = ("keypoints", "key_points", "joints", "skeleton", "landmarks", "poses", "pose", "x", "data")
"""What the array of an archive is called, the first of these that is there."""
ASIDE = ("frame", "frame_id", "time", "timestamp", "seconds", "index", "label", "action", "")
"""Columns of a table that are no positions."""
FRAMES, POINTS = ("frame", "frame_id", "time", "timestamp"), ("joint", "point", "landmark", "keypoint")


def read_keypoints(path: str | Path) -> NDArray[Any]:
    """The key points of a file, or of a folder with a `.npy` a frame: `(frames, points, axes)` or `(frames, numbers)`.

    Raises `DataError` for a file that is missing, empty, damaged or holds something else.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    check_there(path)
    ending = path.suffix.lower()
    if ending in TABLES:
        return _table(path)
    if ending not in ARRAYS:
        raise DataError(f"{path} ends in '{path.suffix}', expected key points in one of {', '.join(KEYPOINTS)}.")
    found = _loaded(path)
    if isinstance(found, dict):
        found = found[_named(path, found)]
    if found.ndim not in (2, 3):
        raise DataError(
            f"The array in {path} has the shape {found.shape}, expected key points (frames, points, axes) or (frames, "
            "numbers)."
        )
    return np.asarray(found)


def _loaded(path: Path) -> Any:
    """An array, or the arrays of an archive by name; nothing that could run is ever loaded."""
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        reason = "it holds Python objects" if "allow_pickle" in str(error) else "it is damaged or something else"
        raise DataError(f"{path} is no array of numbers that can be read ({reason}): save it again.") from error


def _named(path: Path, arrays: dict[str, NDArray[Any]]) -> str:
    if len(arrays) == 1:
        return next(iter(arrays))
    for name in NAMES:
        if name in arrays:
            return name
    raise DataError(
        f"{path} holds {len(arrays)} arrays ({', '.join(sorted(arrays)[:8])}), expected one, or one called 'keypoints'."
    )


def _folder(path: Path) -> NDArray[Any]:
    """One array a frame, in their names' order."""
    files = sorted((each for each in path.iterdir() if each.suffix.lower() == ".npy"), key=natural)
    if not files:
        raise DataError(f"The folder {path} has no .npy files, expected one for each frame, such as 0.npy.")
    frames = []
    for each in files:
        check_there(each)
        frames.append(np.asarray(_loaded(each)))
        if frames[-1].shape != frames[0].shape or frames[-1].ndim not in (1, 2):
            raise DataError(
                f"The frame {each} has the shape {frames[-1].shape}, expected one frame of key points, in the shape of the "
                f"first, {frames[0].shape}."
            )
    return np.stack(frames)


def _table(path: Path) -> NDArray[np.float64]:
    """A row a frame with all its numbers; or a row a point, with columns frame, joint, x, y and perhaps z."""
    import polars as pl

    from ensue.data.tables import read_table

    frame = read_table(path).frame
    plain = {each.strip().lower(): each for each in frame.columns}
    when, which = (next((plain[name] for name in names if name in plain), None) for names in (FRAMES, POINTS))
    if when is not None and which is not None and {"x", "y"} <= set(plain):
        return _long(path, frame, when, which, [plain[each] for each in ("x", "y", "z") if each in plain])
    columns = [each for each in frame.columns if each.strip().lower() not in ASIDE]
    wrong = [each for each in columns if not frame.schema[each].is_numeric()]
    if wrong or not columns:
        raise DataError(
            f"The column '{wrong[0] if wrong else '?'}' of {path} holds no numbers, expected positions of key points: a row "
            "a frame, or columns frame, joint, x, y and z."
        )
    found: NDArray[np.float64] = frame.select(pl.col(columns).cast(pl.Float64)).to_numpy()
    return found


def _long(path: Path, frame: Any, when: str, which: str, axes: list[str]) -> NDArray[np.float64]:
    times, moments = np.unique(frame[when].to_numpy(), return_inverse=True)
    names, points = np.unique(frame[which].to_numpy(), return_inverse=True)
    found = np.full((len(times), len(names), len(axes)), np.nan)
    for place, name in enumerate(axes):
        if not frame.schema[name].is_numeric():
            raise DataError(f"The column '{name}' of {path} holds no numbers, expected positions of key points.")
        found[moments, points, place] = frame[name].cast(float).to_numpy()
    return found
