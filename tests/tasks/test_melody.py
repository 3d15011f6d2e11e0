"""The melody task: its networks, its JSON, and what its options refuse."""

from __future__ import annotations

import json
import re

import pytest

from ensue.data.notes.coding import Places
from ensue.data.notes.tune import Meter
from ensue.errors import ConfigError
from ensue.tasks.melody import CODINGS, PRESETS, MelodyOptions, MelodyTask, NoteSizes

PLACES = Places(4, (Meter(4, 4), Meter(6, 8)))


@pytest.mark.parametrize("kind", list(CODINGS))
def test_described_and_made_again(kind: str) -> None:
    task = MelodyTask(CODINGS[kind](PLACES), NoteSizes(hidden_size=8))
    plain = json.loads(json.dumps(task.to_json()))
    assert MelodyTask.from_json(plain) == task
    network = task.networks()["network"]
    assert network.causal
    assert network.output_size == task.coding.classes
    assert network.input_size == task.coding.width


@pytest.mark.parametrize(
    "change",
    [
        {"coding": "organ"},
        {"coding": None},
        {"places": {"steps_per_quarter": 4, "meters": []}},
        {"places": {"steps_per_quarter": 0, "meters": [[4, 4]]}},
        {"places": {"steps_per_quarter": 1, "meters": [[3, 8]]}},
        {"places": {"steps_per_quarter": 4, "meters": [[4, 5]]}},
        {"sizes": {"hidden_size": 8, "wings": 2}},
    ],
)
def test_what_a_damaged_file_may_say(change: dict[str, object]) -> None:
    plain = MelodyTask(CODINGS["melody"](PLACES)).to_json() | change
    with pytest.raises((KeyError, TypeError, ValueError)):
        MelodyTask.from_json(plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coding": "chord"}, "coding is 'chord', did you mean 'chords'?"),
        ({"preset": "fasd"}, "preset is 'fasd', did you mean 'fast'?"),
        ({"grid": 0}, "melody: grid is 0, expected a whole number from 1 to 96."),
        ({"seed": -1}, "melody: seed is -1, expected a whole number from 0 to 1000000000."),
        ({"threads": 0}, "melody: threads is 0, expected a whole number from 1 to 1000000000."),
        ({"hidden_size": 0}, "melody: hidden_size is 0, expected a whole number from 1 to 1000000000."),
        ({"transpose": 25}, "melody: transpose is 25, expected a whole number from 0 to 24."),
        ({"dropout": 1.0}, "melody: dropout is 1.0, expected a number from 0 up to, not including, 1."),
        ({"learning_rate": 2.0}, "learning_rate is 2.0, expected a number between 0 and 1, such as 0.001."),
        ({"steps": 0}, "melody: steps is 0, expected a whole number from 1 to 1000000000."),
        ({"coding": ["keys"]}, "coding is '['keys']', did you mean 'keys'?"),
        ({"dropout": "much"}, "melody: dropout is 'much', expected a number from 0 up to, not including, 1."),
        ({"learning_rate": "fast"}, "learning_rate is 'fast', expected a number between 0 and 1, such as 0.001."),
        ({"weight_decay": None, "seed": 1.5}, "melody: seed is 1.5, expected a whole number from 0 to 1000000000."),
        ({"weight_decay": "little"}, "weight_decay is 'little', expected a number from 0 to 10."),
        ({"precision": "half"}, "precision is 'half', choose from 'auto', 'float32', 'bfloat16'."),
        ({"device": 3}, "device is 3, expected a name such as 'cpu'."),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        MelodyOptions(**options)  # type: ignore[arg-type]


def test_numbers_come_before_the_preset() -> None:
    recipe = MelodyOptions(preset="thorough", hidden_size=8, dropout=0.0).recipe
    assert (recipe.hidden_size, recipe.dropout, recipe.steps) == (8, 0.0, PRESETS["thorough"].steps)
