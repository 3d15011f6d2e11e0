"""Features that are kept: computed once for each content and each way of reading it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensue.data.feature_cache import cached


def test_features_are_computed_once_for_each_content_and_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked: list[str] = []

    def features(path: Path, way: str = "one") -> float:
        def compute() -> np.ndarray:
            asked.append(f"{path.name} {way}")
            return np.full((2, 2), len(asked), np.float32)

        return float(cached(path, way, compute)[0, 0])

    first, second = tmp_path / "a.bin", tmp_path / "b.bin"
    first.write_bytes(b"same")
    second.write_bytes(b"same")
    assert [features(first), features(first), features(second)] == [1, 1, 1]
    assert features(first, "other") == 2
    first.write_bytes(b"changed")
    assert features(first) == 3
    kept = next(iter((tmp_path / "cache" / "ensue" / "features").glob("*.npy")))
    for each in kept.parent.glob("*.npy"):
        each.write_bytes(b"\x93NUMPY cut off")
    assert features(second) == 4 and features(second) == 4
    assert asked == ["a.bin one", "a.bin other", "a.bin one", "b.bin one"]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_bytes(b"a file where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "a.bin").write_bytes(b"content")
    assert cached(tmp_path / "a.bin", "way", lambda: np.zeros(3)).tolist() == [0, 0, 0]
    assert cached(tmp_path / "missing.bin", "way", lambda: np.ones(1)).tolist() == [1]
