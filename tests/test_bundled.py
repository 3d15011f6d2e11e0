"""The forecaster that comes with the package: the file is the one its card tells of, and without it one sentence says so."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ensue import Forecaster, bundled
from ensue.bundled import CARD, MODEL, card, folder, read
from ensue.errors import ModelFileError
from ensue.tasks.forecasting import ForecastingTask


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Model and card in a folder of their own, to be spoiled."""
    for name in (MODEL, CARD):
        shutil.copy(folder() / name, tmp_path / name)
    return tmp_path


def refused(where: Path) -> str:
    with pytest.raises(ModelFileError) as raised:
        read(where)
    return str(raised.value)


def test_the_shipped_file_is_what_its_card_tells_of() -> None:
    parts, told = bundled.bundled(), card()
    assert hashlib.sha256((folder() / MODEL).read_bytes()).hexdigest() == told["sha256"]
    assert told["parameters"] == parts.task.network().parameter_count <= 5_000_000
    assert {"command", "seed", "steps", "options"} <= set(told)
    assert (folder() / MODEL).stat().st_size <= 10_000_000


def test_it_was_made_for_every_table() -> None:
    task: ForecastingTask = bundled.bundled().task
    assert task.slots == 2 and task.alone and len(bundled.bundled().recent) == 0
    assert task.levels[::-1] == tuple(round(1 - level, 10) for level in task.levels)  # so that it can be turned over


def test_it_is_read_once_a_process() -> None:
    assert bundled.bundled() is bundled.bundled()


def test_a_folder_elsewhere_is_read_as_well(copied: Path) -> None:
    here, there = bundled.bundled(), read(copied)
    assert there.task == here.task
    for name, weight in here.weights[0].items():
        np.testing.assert_array_equal(there.weights[0][name], weight)


def test_without_the_model_a_sentence_says_so(copied: Path) -> None:
    (copied / MODEL).unlink()
    assert refused(copied) == f"The pretrained forecaster {copied / MODEL} is missing: install ensue again."


def test_without_the_card_a_sentence_says_so(copied: Path) -> None:
    (copied / CARD).unlink()
    assert (
        refused(copied) == f"The card of the pretrained forecaster, {copied / CARD}, is missing: install ensue again."
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": 3}', "\ud800"])
def test_a_card_that_cannot_be_read_is_refused(copied: Path, text: str) -> None:
    (copied / CARD).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert refused(copied) == (
        f"The card of the pretrained forecaster, {copied / CARD}, cannot be read: install ensue again."
    )


def test_another_model_than_the_cards_is_refused(copied: Path) -> None:
    blob = bytearray((copied / MODEL).read_bytes())
    blob[-1] ^= 1
    (copied / MODEL).write_bytes(blob)
    assert refused(copied) == (
        f"The pretrained forecaster {copied / MODEL} is not the one its card tells of: install ensue again."
    )


def test_a_model_of_one_table_is_no_pretrained_one(copied: Path) -> None:
    trained = Forecaster(horizon=4, steps=2, hidden_size=4, layers=1, context_length=16, device="cpu")
    trained.fit(np.sin(np.arange(60.0))).save(copied / MODEL)
    digest = hashlib.sha256((copied / MODEL).read_bytes()).hexdigest()
    (copied / CARD).write_text(json.dumps({"sha256": digest}))
    assert refused(copied) == (
        f"The forecaster {copied / MODEL} was made for one table, expected one that reads every table: "
        "install ensue again."
    )


def test_a_package_without_the_file_forecasts_nothing(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copied / MODEL).unlink()
    monkeypatch.setattr(bundled, "folder", lambda: copied)
    bundled.bundled.cache_clear()
    try:
        with pytest.raises(ModelFileError) as raised:
            Forecaster.pretrained()
    finally:
        bundled.bundled.cache_clear()
    assert str(raised.value) == f"The pretrained forecaster {copied / MODEL} is missing: install ensue again."
