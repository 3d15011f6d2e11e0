"""`Listener`: words told apart in clips, and heard in sound that goes on, the same however it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ensue
from ensue.data.audio.features import AudioFrontEnd
from ensue.errors import ConfigError, DataError, UsageError
from ensue.estimators.listener import Listener
from ensue.runtime.hearing import CommandStream, Heard
from ensue.runtime.thresholds import careful_enough
from ensue.tasks.classification import ClassifierSizes
from ensue.tasks.commands import CommandTask, Hearing
from some_words import LONG, QUIET, RATE, WORDS, murmur, said

soundfile = pytest.importorskip("soundfile")

SMALL: dict[str, Any] = {"preset": "fast", "hidden_size": 16, "steps": 150, "batch_size": 16, "learning_rate": 0.01}
SOUNDS = [said(word, seed) for seed in range(18) for word in WORDS]
LABELS = [word for _ in range(18) for word in WORDS]
SPEAKERS = [f"voice {seed % 3}" for seed in range(18) for _ in WORDS]


@pytest.fixture(scope="module")
def negatives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("negatives")
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", murmur(10, number), RATE)
    return folder


@pytest.fixture(scope="module")
def model(negatives: Path) -> Listener:
    return Listener(sample_rate=RATE, **SMALL).fit(SOUNDS, LABELS, speakers=SPEAKERS, negatives=negatives)


@pytest.fixture(scope="module")
def forward(negatives: Path) -> Listener:
    listener = Listener(sample_rate=RATE, streaming=True, **SMALL | {"steps": 300})
    return listener.fit(SOUNDS, LABELS, speakers=SPEAKERS, negatives=negatives)


@pytest.fixture(params=["model", "forward"])
def either(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_words_are_learned_by_whole_speakers_beside_silence_and_other_sound(either: Listener) -> None:
    assert either.classes_ == ("_silence_", "_unknown_", "fall", "rise")
    assert either.task_.words == ("fall", "rise")
    assert either.predict(SOUNDS) == LABELS
    assert "Validates on 1 of 3 speakers, none of whose rows is learned from." in either.findings_
    assert set(either.baselines_) == {"mean of all frames + linear"}
    assert either.evaluate(SOUNDS, LABELS).accuracy == 1.0


def test_the_threshold_is_chosen_by_false_alarms_and_what_it_misses_is_told(either: Listener) -> None:
    hearing = either.hearing_
    assert hearing.hours == pytest.approx(20 / 3600, rel=0.02)  # half of four times ten seconds
    assert hearing.false_alarms is not None and hearing.false_alarms <= 1
    assert hearing.missed is not None and hearing.missed < 0.5
    assert either.findings_[-1].startswith(
        f"In a stream a word is heard from a probability of {hearing.threshold:g} on: 0 "
    )


def test_words_are_heard_in_their_order_and_at_their_time(either: Listener) -> None:
    heard = either.listen(LONG)
    assert [each.word for each in heard] == ["rise", "fall", "fall"]
    ends = [1.0 + 0.43, 2.43 + 0.43, 3.87 + 0.43]
    for each, end in zip(heard, ends, strict=True):
        assert end - 0.35 < each.time < end + 0.6
        assert each.confidence >= either.hearing_.threshold


def by(stream: CommandStream, pieces: Sequence[np.ndarray]) -> list[Heard]:
    return [*(each for piece in pieces for each in stream.update(piece)), *stream.finish()]


def alike(one: Sequence[Heard], other: Sequence[Heard]) -> None:
    assert [(each.time, each.word) for each in one] == [(each.time, each.word) for each in other]
    np.testing.assert_allclose([each.confidence for each in one], [each.confidence for each in other], atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, len(LONG)), max_size=12))
def test_the_same_is_heard_however_the_sound_is_cut(model: Listener, forward: Listener, cuts: list[int]) -> None:
    for each in (model, forward):
        alike(by(each.stream(), np.split(LONG, sorted(cuts))), each.listen(LONG))


def test_a_stream_goes_on_from_its_state_and_begins_anew(either: Listener) -> None:
    whole = either.listen(LONG)
    for cut in (5, 9000, 20_011):
        one, other = either.stream(), either.stream()
        before = one.update(LONG[:cut])
        other.state = one.state
        assert other.partial == one.partial and other.seconds == one.seconds
        alike([*before, *other.update(LONG[cut:]), *other.finish()], whole)
        other.reset()
        alike(by(other, [LONG]), whole)
    with pytest.raises(
        UsageError, match=r"^The state is none of such a front end \('counts'\): give what state gave\.$"
    ):
        other.state = {}


def test_what_comes_later_changes_nothing_that_was_heard(either: Listener) -> None:
    changed = LONG.copy()
    changed[20_000:] = 0
    one, other = either.stream(), either.stream()
    assert one.update(LONG[:20_000]) == other.update(changed[:20_000])
    assert one.partial == other.partial


def test_what_is_remembered_does_not_grow(either: Listener) -> None:
    stream = either.stream()
    sizes = []
    for _ in range(6):
        stream.update(murmur(3, 5))
        sizes.append(sum(each.nbytes for each in stream.state.values()))
    assert max(sizes[2:]) <= max(sizes[:2]) + 4 * RATE // 10


def test_a_model_is_saved_with_its_threshold(model: Listener, tmp_path: Path) -> None:
    model.save(tmp_path / "m.ensue")
    loaded = ensue.load(tmp_path / "m.ensue")
    assert loaded.hearing_ == model.hearing_ and loaded.describe() == model.describe()
    np.testing.assert_array_equal(loaded.predict_proba(SOUNDS[:3]), model.predict_proba(SOUNDS[:3]))
    alike(loaded.listen(LONG), model.listen(LONG))


def test_a_higher_threshold_hears_less_and_a_rest_hears_once(model: Listener) -> None:
    assert model.listen(LONG, hearing=replace(model.hearing_, threshold=1.0)) == []
    heard = model.listen(LONG, hearing=replace(model.hearing_, rest=60))
    assert len(heard) == 1


def test_without_negatives_the_threshold_is_said_to_be_unmeasured() -> None:
    made = Listener(sample_rate=RATE, **SMALL | {"steps": 2}).fit(SOUNDS, LABELS)
    assert made.hearing_ == Hearing()
    told = " ".join(made.findings_)
    assert "The speakers cannot be told apart, so rows are set aside by chance" in told
    assert (
        "There is no class of other words (_unknown_, unknown): in a stream, other words may be taken for these."
        in told
    )
    assert "No class of silence is given (_silence_, silence): one is made of quiet noise, as '_silence_'." in told
    assert "for which nothing was measured: give long recordings without the words (negatives)" in told


def test_one_word_is_enough_beside_other_sound(negatives: Path) -> None:
    rises = SOUNDS[::2]
    made = Listener(sample_rate=RATE, **SMALL).fit(rises, ["rise"] * len(rises), negatives=negatives)
    assert made.classes_ == ("_silence_", "_unknown_", "rise")
    assert [each.word for each in made.listen(np.concatenate([QUIET, said("rise", 50), QUIET]))] == ["rise"]


def test_clips_shorter_than_the_sound_of_a_window_are_answered(either: Listener) -> None:
    assert either.predict([SOUNDS[0][:50]])[0] in either.classes_
    stream = either.stream()
    assert stream.update(np.zeros(3, np.float32)) == [] and stream.finish() == []
    assert stream.update(SOUNDS[0][:900]) == []  # a tenth of a second is no word yet


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"preset": "huge"}, r"^preset is 'huge'"),
        ({"bands": 0}, r"^command: bands is 0"),
        ({"false_alarms": 0}, r"^false_alarms is 0, expected a number above 0, such as 1\.$"),
        ({"sample_rate": 5}, r"^command: sample_rate is 5"),
        ({"streaming": 1}, r"^command: streaming is 1|^streaming is 1"),
    ],
)
def test_choices_that_cannot_be_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Listener(**options)


def test_what_is_asked_wrongly_is_a_sentence(model: Listener, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^A single file was given, expected a list of them"):
        model.predict("a.wav")
    with pytest.raises(DataError, match=r"^There is no file '.*a\.wav': check its path\.$"):
        model.listen(tmp_path / "a.wav")
    with pytest.raises(ConfigError, match=r"^command: threshold is 0, expected a probability, such as 0\.8\.$"):
        replace(model.hearing_, threshold=0)
    with pytest.raises(UsageError, match=r"^A list was given without labels, expected a folder or a table"):
        Listener().fit(SOUNDS)
    with pytest.raises(DataError, match=r"^There is no sound file in '.*', expected recordings without the words"):
        Listener().fit(SOUNDS, LABELS, negatives=tmp_path)


def test_what_was_set_aside_is_learned_from_at_last_unless_refused(tmp_path: Path) -> None:
    some: dict[str, Any] = {"sample_rate": RATE, **SMALL, "steps": 20}
    again = Listener(**some).fit(SOUNDS, LABELS, speakers=SPEAKERS, checkpoint=tmp_path / "c")
    alone = Listener(refit=False, **some).fit(SOUNDS, LABELS, speakers=SPEAKERS)
    assert again.scores_ == alone.scores_ and again.report_.validation == alone.report_.validation
    assert "Learned anew from all 54 recordings; the scores are those of before." in again.findings_
    assert not any("Learned anew" in each for each in alone.findings_)
    assert not np.allclose(again.predict_proba(SOUNDS), alone.predict_proba(SOUNDS), atol=1e-3)
    given_ = Listener(**some).fit(SOUNDS, LABELS, valid=(SOUNDS, LABELS))
    assert not any("Learned anew" in each for each in given_.findings_)  # that is for whoever gave them
    resumed = Listener(**some).fit(SOUNDS, LABELS, speakers=SPEAKERS, checkpoint=tmp_path / "c", resume=True)
    np.testing.assert_array_equal(resumed.predict_proba(SOUNDS), again.predict_proba(SOUNDS))


def test_ctrl_c_while_it_learns_anew_keeps_the_first(tmp_path: Path) -> None:
    calls: list[int] = []

    def stop(progress: Any) -> None:
        calls.append(progress.step)
        if len(calls) == 25:
            raise KeyboardInterrupt

    some: dict[str, Any] = {"sample_rate": RATE, **SMALL, "steps": 20}
    stopped = Listener(**some).fit(SOUNDS, LABELS, speakers=SPEAKERS, progress=stop)
    alone = Listener(refit=False, **some).fit(SOUNDS, LABELS, speakers=SPEAKERS)
    assert stopped.report_.stopped == "interrupted"
    np.testing.assert_array_equal(stopped.predict_proba(SOUNDS), alone.predict_proba(SOUNDS))


class Scripted:
    """A runtime that is as sure of "yes" as its input says."""

    def __init__(self) -> None:
        self.task = CommandTask(
            AudioFrontEnd(rate=RATE), ("no", "yes", "_silence_"), ClassifierSizes((4,), 4), usual=10
        )

    def windows(self, raw: np.ndarray, ends: Sequence[int]) -> np.ndarray:
        sure = np.array([raw[end - 1, 0] for end in ends])
        return np.stack([0 * sure, sure, 1 - sure], axis=1)


@pytest.mark.parametrize(("most", "threshold", "count"), [(20.5, 0.6901, 20), (10, 0.7901, 10), (50, 0.5, 40)])
def test_the_threshold_is_the_lowest_that_is_careful_enough(most: float, threshold: float, count: int) -> None:
    found = careful_enough(scripted(), [an_hour([0.5 + 0.01 * each for each in range(40)])], most)
    assert (found.threshold, found.false_alarms) == (pytest.approx(threshold, abs=2e-4), count)
    assert found.hours == 1.0


def test_too_few_alarms_to_be_counted_are_reckoned() -> None:
    sure = [0.32, 0.35, 0.4, 0.41, 0.45, 0.5, 0.58, 0.67]
    found = careful_enough(scripted(), [an_hour(sure)], 1)
    assert 0.5 < found.threshold < 0.8 and found.false_alarms <= 2
    assert careful_enough(scripted(), [an_hour(sure)], 0.1).threshold > found.threshold
    assert careful_enough(scripted(), [an_hour([])], 1).threshold == 0.5


def scripted() -> Any:
    runtime: Any = Scripted()
    object.__setattr__(runtime.task, "hearing", Hearing(smooth=0.0))
    runtime.task.__dict__["raw"] = lambda given: given
    return runtime


def an_hour(sure: Sequence[float]) -> np.ndarray:
    """Frames that are taken for a word for a moment, so surely each time."""
    frames = np.zeros((360_000, 40), np.float32)
    for place, each in enumerate(sure):
        at = 1000 + 5000 * place
        frames[at : at + 11, 0] = each
    return frames
