"""`ensue pretrain` from nothing to its files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from ensue.cli import run
from ensue.config import PretrainOptions, load_pretraining
from ensue.errors import ConfigError, ModelFileError
from ensue.learn.pretraining.whole import CARD, MODEL, pretrain
from ensue.model_file import load_model
from ensue.reports import Progress
from ensue.tasks.forecaster_file import restore

TINY = PretrainOptions(
    steps=12, batch_steps=600, hidden_size=8, layers=1, held_out=2, validate_every=4, context_length=64, device="cpu"
)


def test_a_run_leaves_a_model_with_its_card(tmp_path: Path) -> None:
    result = pretrain(TINY, tmp_path / "new" / "folder", command="ensue pretrain")
    arrays, description = load_model(result.folder / MODEL)
    parts = restore(arrays, description)
    assert (parts.task.slots, parts.task.alone, len(parts.recent)) == (2, True, 0)
    assert parts.task.network().parameter_count == result.parameters
    assert min(parts.task.widths) > 0
    card = json.loads((result.folder / CARD).read_text())
    assert card["sha256"] == hashlib.sha256((result.folder / MODEL).read_bytes()).hexdigest()
    assert (card["parameters"], card["command"], card["steps"]) == (result.parameters, "ensue pretrain", 12)
    assert PretrainOptions(**card["options"]) == TINY
    assert [point[0] for point in card["report"]["curve"]] == [4, 8, 12]


def test_a_run_that_was_interrupted_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    def stop_at_eight(progress: Progress) -> None:
        if progress.step == 8:
            raise KeyboardInterrupt

    whole = pretrain(TINY, tmp_path / "whole")
    assert pretrain(TINY, tmp_path / "parts", progress=stop_at_eight).report.stopped == "interrupted"
    again = pretrain(TINY, tmp_path / "parts", resume=True)
    assert again.report.steps == 12
    one, other = (load_model(each.folder / MODEL)[0] for each in (whole, again))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_there_must_be_something_to_resume_from(tmp_path: Path) -> None:
    with pytest.raises(
        ModelFileError, match=r"There is no checkpoint .* to resume from: pretrain without --resume first\."
    ):
        pretrain(TINY, tmp_path, resume=True)


def test_a_checkpoint_of_other_options_is_refused(tmp_path: Path) -> None:
    pretrain(TINY, tmp_path)
    with pytest.raises(ModelFileError):
        pretrain(PretrainOptions(**{**vars(TINY), "seed": 1}), tmp_path, resume=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pretrain]\nsteps = 0", "steps is 0, expected a whole number of 1 or more."),
        ("[pretrain]\nstep = 5", "[pretrain] has no option 'step': did you mean 'steps'?"),
        ("[pretrain]\nblocks = 1", "[pretrain] blocks is 1, expected true or false."),
        ("[train]\nsteps = 5", "there is no table [train]: did you mean 'pretrain'?"),
        ("[pretrain]\nlearning_rate = 2.0", "learning_rate is 2.0, expected a number between 0 and 1, such as 0.001."),
        ("[pretrain]\nseed = -1", "seed is -1, expected a whole number of 0 or more: give 0, for example."),
    ],
)
def test_options_that_cannot_be_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "pretrain.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_pretraining(path)
    assert str(error.value) == f"{path}: {said}"


def test_the_command_trains_and_says_what_came_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "tiny.toml"
    values = {**vars(TINY), "steps": 2}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    config.write_text("\n".join(["[pretrain]", *lines]))
    assert run(["pretrain", "--config", str(config), "--output", str(tmp_path / "out"), "--seed", "3"]) == 0
    assert "2 steps in" in capsys.readouterr().out
    card = json.loads((tmp_path / "out" / CARD).read_text())
    assert card["command"] == "ensue pretrain --config tiny.toml --output out --seed 3"


def test_the_command_draws_a_gallery_or_trains_but_must_be_told_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["pretrain"]) == 2
    assert (
        "pretrain takes a folder to write to or a page to draw: give --output or --gallery." in capsys.readouterr().err
    )
    assert run(["pretrain", "--gallery", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").stat().st_size > 100_000
