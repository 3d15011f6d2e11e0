"""Checkpoints: what was saved comes back bit for bit, anything else is refused, a crash leaves the one before."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from ensue.errors import ModelFileError, StorageError
from ensue.learn.checkpoint import Checkpoint, fingerprint, load_checkpoint, save_checkpoint
from ensue.tasks.translation_recipe import TranslationOptions


def make_checkpoint(seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    tensors = {"weights/a": torch.randn(3, 2), "weights/b": torch.tensor([float("nan"), -0.0, 1e-40])}
    return Checkpoint(tensors, {"step": 7, "best": float("inf"), "curve": [[5, 0.1, 1.5]], "seconds": 0.25})


def test_what_was_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    saved = make_checkpoint()
    save_checkpoint(tmp_path / "run", saved, "mine")
    back = load_checkpoint(tmp_path / "run", "mine")
    assert back.progress == saved.progress
    assert back.tensors.keys() == saved.tensors.keys()
    for name, tensor in saved.tensors.items():
        assert tensor.numpy().tobytes() == back.tensors[name].numpy().tobytes()
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    save_checkpoint(path, make_checkpoint(), "mine")
    with pytest.raises(ModelFileError) as raised:
        load_checkpoint(path, "yours")
    assert str(raised.value) == (
        f"The checkpoint {path} belongs to a run with other data or options: resume with the same ones, "
        "or train without --resume."
    )


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as raised:
        load_checkpoint(tmp_path / "none", "mine")
    assert str(raised.value) == (
        f"There is no checkpoint {tmp_path / 'none'} to resume from: train without --resume first."
    )


@given(cut=st.floats(0, 0.999), junk=st.binary(max_size=30))
@settings(max_examples=25)
def test_what_is_no_checkpoint_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: float, junk: bytes) -> None:
    path = tmp_path_factory.mktemp("checkpoint") / "run"
    save_checkpoint(path, make_checkpoint(), "mine")
    whole = path.read_bytes()
    for bad in (whole[: int(cut * len(whole))], junk):
        path.write_bytes(bad)
        assert_refused(path)


def assert_refused(path: Path) -> None:
    with pytest.raises(ModelFileError) as raised:
        load_checkpoint(path, "mine")
    assert str(raised.value) == f"{path} is not a checkpoint of a training run: remove it and train from the start."


@pytest.mark.parametrize(
    "note", [None, "", "[]", "7", "{}", '{"fingerprint": "mine"}', '{"fingerprint": "mine", "progress": 3}']
)
def test_a_foreign_safetensors_file_is_refused(tmp_path: Path, note: str | None) -> None:
    path = tmp_path / "run"
    save_file({"a": torch.zeros(1)}, path, None if note is None else {"ensue-checkpoint": note})
    assert_refused(path)
    path.unlink()
    path.mkdir()
    assert_refused(path)


def test_a_disk_that_fills_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    save_checkpoint(path, make_checkpoint(1), "mine")
    before = path.read_bytes()

    def full(descriptor: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as raised:
        save_checkpoint(path, make_checkpoint(2), "mine")
    assert str(raised.value) == (
        f"cannot write '{path}': there is no space left on the device: free some space or choose another place."
    )
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_the_fingerprint_knows_all_but_where_a_training_runs() -> None:
    options, notes = TranslationOptions(), np.arange(3)
    known = fingerprint(options, "pairs", arrays=[notes])
    assert fingerprint(replace(options, threads=3, device="cuda"), "pairs", arrays=[notes]) == known
    others = [
        fingerprint(replace(options, seed=1), "pairs", arrays=[notes]),
        fingerprint(options, "other pairs", arrays=[notes]),
        fingerprint(options, "pairs", arrays=[notes + 1]),
        fingerprint(options, "pairs"),
    ]
    assert len({known, *others}) == 5
