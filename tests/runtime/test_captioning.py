"""Captioning without PyTorch: as in training, one clip or many, and what each word looked at."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

import numpy as np
import pytest
import torch

from ensue.data.audio.features import AudioFrontEnd
from ensue.data.captioned import Captioned, set_aside
from ensue.data.text import TextFrontEnd, TextOptions
from ensue.decoding import BeamOptions
from ensue.errors import ConfigError, DataError
from ensue.learn.captioning import Objective, joined
from ensue.learn.writer_module import WriterModule
from ensue.network import FrameConvolution, Linear
from ensue.runtime.captioning import CaptionRuntime
from ensue.tasks.captioning import CaptionSizes, CaptionTask
from ensue.tasks.captioning_options import CaptionOptions
from ensue.tasks.picture_layers import picture_layers

WORDS = TextFrontEnd.learn(["a cat sits there now"], TextOptions(tokens="words"))
FRONT_END = AudioFrontEnd(kind="given", coefficients=24, hop=0.5, normalise="none")
SEES = (FrameConvolution(4, 6, 1, 2, every=2), Linear(12, 5))
TASK = CaptionTask(FRONT_END, WORDS, CaptionSizes(6, 5, 7, 0.3), SEES, longest=4)
CLIPS = [
    np.random.default_rng(seed).normal(size=(steps, 24)).astype(np.float32) for seed, steps in enumerate((3, 7, 1, 4))
]


def module(task: CaptionTask = TASK, seed: int = 0) -> WriterModule:
    torch.manual_seed(seed)
    made = WriterModule(task).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3)
    return made


@pytest.mark.parametrize("reader", ["lstm", "mean"])
def test_greedy_captions_are_those_that_training_sees(reader: str) -> None:
    task = CaptionTask(FRONT_END, WORDS, CaptionSizes(6, 5, 7, 0.3, reader=reader), SEES, longest=4)
    trained = module(task)
    theirs = trained.write(*joined(CLIPS), task.longest_answer)
    ours = CaptionRuntime(task, trained.weights()).captions(CLIPS, list("abcd"), BeamOptions(1))
    for [found], ids in zip(ours, theirs, strict=True):
        assert found.text == task.target.decode(ids).strip()


def test_many_at_once_are_captioned_as_one_by_one() -> None:
    runtime, options = CaptionRuntime(TASK, module(seed=3).weights()), BeamOptions(3, n_best=3)
    together = runtime.captions(CLIPS, list("abcd"), options)
    alone = [runtime.captions([clip], [name], options)[0] for clip, name in zip(CLIPS, "abcd", strict=True)]
    for mine, theirs in zip(chain(*together), chain(*alone), strict=True):
        assert (mine.sentence, mine.text, mine.tokens, mine.source) == (
            theirs.sentence, theirs.text, theirs.tokens, theirs.source,
        )  # fmt: skip
        assert mine.score == pytest.approx(theirs.score, abs=1e-4)
        np.testing.assert_allclose(mine.shares, theirs.shares, atol=1e-4)
    assert together[1][0].source == ("0.00 s", "0.50 s", "1.00 s", "1.50 s", "2.00 s", "2.50 s", "3.00 s")
    np.testing.assert_allclose(together[1][0].shares.sum(1), 1, atol=1e-5)


def test_a_task_goes_into_a_file_and_back() -> None:
    assert CaptionTask.from_json(TASK.to_json()) == TASK
    for name, network in CaptionTask.from_json(TASK.to_json()).networks().items():
        assert network == TASK.networks()[name]
    trained = module()
    assert sum(each.numel() for each in trained.parameters()) == TASK.parameter_count


def test_the_mean_reader_does_not_know_the_order_and_the_other_does() -> None:
    clip = CLIPS[1]
    for reader, same in (("mean", True), ("lstm", False)):
        task = CaptionTask(FRONT_END, WORDS, CaptionSizes(6, 5, 7, reader=reader), SEES)
        runtime = CaptionRuntime(task, module(task).weights())
        one, back = (runtime.captions([each], ["x"], BeamOptions(1))[0][0].score for each in (clip, clip[::-1]))
        assert (abs(one - back) < 1e-5) == same


def test_every_clip_is_seen_once_an_epoch_and_steps_depend_on_the_seed_alone() -> None:
    clips = Captioned(CLIPS * 5, (("a cat",), ("a cat sits", "there"), ("cat",), ("now",)) * 5)
    options = CaptionOptions(preset="fast", batch=4, steps=8)
    one, other = (Objective(clips, clips, TASK, options, lambda said: None) for _ in range(2))
    epoch = [one.order.at(step) for step in range(7)]
    assert sorted(np.concatenate(epoch).tolist()) == list(range(25))
    assert [len(rows) for rows in epoch if len(rows) < 4] == [1]
    assert not np.array_equal(np.concatenate([one.order.at(step) for step in range(7, 14)]), np.concatenate(epoch))
    np.testing.assert_array_equal(other.order.at(3), epoch[3])


def test_captions_are_divided_by_clips_and_checked() -> None:
    clips = Captioned(CLIPS, (("a",), ("b", "c"), ("d",), ("e",)))
    training, validation = set_aside(clips, 0.5)
    assert len(training) == len(validation) == 2
    assert {text for part in (training, validation) for _, text in part.pairs} == set("abcde")
    with pytest.raises(DataError, match=r"^Clip 2 has no caption or a blank one, expected a sentence: leave it out\.$"):
        Captioned(CLIPS[:2], (("a",), (" ",)))
    with pytest.raises(
        DataError, match=r"^4 clips and captions of 1 were given, expected equally many, one at least\.$"
    ):
        Captioned(CLIPS, (("a",),))
    with pytest.raises(DataError, match=r"^One clip was given, expected two at least: one to learn from and one to"):
        set_aside(clips.take([0]))


def test_choices_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^caption: reader is 'men', choose from 'lstm', 'mean'\.$"):
        CaptionSizes(reader="men")
    with pytest.raises(ConfigError, match=r"^tokens is 'bytes', choose from 'words', 'subwords', 'characters'\.$"):
        CaptionOptions(tokens="bytes")
    with pytest.raises(
        ConfigError, match=r"^Pictures of 12 x 4 are too small for 3 convolutions, expected 8 pixels a side"
    ):
        picture_layers(4, 12, 3, output=8)


def test_it_runs_without_pytorch() -> None:
    code = "import sys, ensue.runtime.captioning, ensue.estimators.captioner; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
