"""The speech task: alphabets, sizes, JSON, features heard anew, scores."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.audio.features import AudioFrontEnd
from ensue.data.utterances import set_aside
from ensue.data.word_ngrams import WordNgrams
from ensue.errors import ConfigError, DataError, ModelFileError
from ensue.layers import Convolution
from ensue.tasks.alphabet import Alphabet
from ensue.tasks.speech import SpeechSizes, SpeechTask
from ensue.tasks.speech_beam import BeamChoice, Confidence, Listening
from ensue.tasks.speech_features import HeardAnew
from ensue.tasks.speech_options import SpeechOptions
from ensue.tasks.speech_scores import right_words, score

SOUND = (0.1 * np.random.default_rng(0).normal(size=16000)).astype(np.float32)
TASK = SpeechTask(
    AudioFrontEnd(), Alphabet.of("abc"), SpeechSizes((8,), 16, dropout=0.2),
    listening=Listening(BeamChoice(8, 0.5, 1.0), Confidence((0.1, 0.9, 0.0, 0.2))), words=WordNgrams.learn(["a b"], 2),
)  # fmt: skip


def test_a_task_comes_back_from_json() -> None:
    assert SpeechTask.from_json(json.loads(json.dumps(TASK.to_json()))) == TASK
    first = replace(TASK, first=(Convolution(40, 12, 3, causal=False),))
    assert SpeechTask.from_json(json.loads(json.dumps(first.to_json()))) == first
    assert [layer.kind for layer in first.networks()["network"].layers][:2] == ["convolution", "convolution"]


@pytest.mark.parametrize("name", ["front_end", "alphabet", "sizes", "first", "listening", "words"])
def test_a_damaged_description_is_noticed(name: str) -> None:
    for wrong in ("x", 7, [], {"grams": [[0]], "words": ["a"], "order": 2}):
        with pytest.raises((KeyError, TypeError, ValueError, IndexError, AttributeError, ModelFileError)):
            SpeechTask.from_json(TASK.to_json() | {name: wrong if (name, wrong) != ("first", []) else 7})


def test_steps_are_made_even() -> None:
    for samples in (100, 7000, 16000):
        x = TASK.read(SOUND[:samples])
        assert len(x) % TASK.stride == 0
    assert TASK.seconds_per_answer == pytest.approx(0.03)


@given(st.text("ab ", min_size=1, max_size=12).filter(str.strip))
def test_a_text_is_written_as_it_was_read(text: str) -> None:
    alphabet = Alphabet.of("ab")
    labels = alphabet.encode(text)
    path = [each for label in labels.tolist() for each in (label, 0)]
    assert alphabet.write(path) == " ".join(text.split())
    assert alphabet.steps_for(labels) == len(labels) + sum(a == b for a, b in zip(labels, labels[1:], strict=False))


def test_what_is_not_in_an_alphabet_is_listed() -> None:
    alphabet = Alphabet.learn(["ab"], lowercase=True)
    assert alphabet.foreign(["AB", "a?b?!"]) == ["'?'", "'!'"]
    with pytest.raises(DataError) as refused:
        alphabet.encode("a?")
    assert str(refused.value) == "'a?' cannot be written with this alphabet: '?'."


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"hidden": ()}, "speech: hidden is no list of 1 to 20 layer sizes."),
        ({"stride": 0}, "speech: stride is 0, expected a whole number from 1 to 100."),
        ({"convolution": 0}, "speech: stride is 3 without a convolution, expected a stride of 1."),
        ({"dropout": 1.5}, "speech: dropout is 1.5, expected a number from 0 up to, not including, 1."),
        ({"bidirectional": 1}, "speech: bidirectional is 1, expected true or false."),
    ],
)
def test_sizes_that_cannot_be_are_refused(choices: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        SpeechSizes(**{"hidden": (8,)} | choices)
    assert str(refused.value) == said


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
@pytest.mark.parametrize("deltas", [False, True])
def test_what_is_read_in_two_parts_is_what_is_read(kind: str, deltas: bool) -> None:
    for front_end in (
        AudioFrontEnd(kind=kind, deltas=deltas, span=50.0),
        AudioFrontEnd(kind=kind, deltas=deltas, normalise="training").learn([SOUND]),
    ):
        anew = HeardAnew(front_end)
        raw = anew.raw(SOUND)
        np.testing.assert_allclose(anew.read(raw), front_end.read(SOUND), atol=1e-5)
        if front_end.normalise == "training":
            np.testing.assert_allclose(anew.learned([raw]).mean, front_end.mean, atol=1e-6)


def test_what_is_heard_anew_is_another_and_repeatable() -> None:
    anew = HeardAnew(AudioFrontEnd())
    raw = anew.raw(SOUND)
    one, same, other = (anew(raw, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert one.shape != other.shape
    assert abs(len(one) / len(raw) - 1) <= 0.13
    still = HeardAnew(AudioFrontEnd(), stretch=0, warp=0, time_masks=0, band_masks=0)
    np.testing.assert_allclose(still(raw, np.random.default_rng(0)), anew.read(raw), atol=1e-6)


def test_a_warped_spectrum_is_moved() -> None:
    anew = HeardAnew(AudioFrontEnd())
    warps = anew._warps
    assert warps is not None
    peak = np.zeros(40, np.float32)
    peak[25] = 1.0
    places = [int((peak @ warp).argmax()) for warp in warps]
    assert places[len(places) // 2] == 25
    assert places[0] < 25 < places[-1]
    assert HeardAnew(AudioFrontEnd(kind="given", coefficients=100))._warps is None


def test_the_middle_warp_of_cepstra_changes_nothing() -> None:
    warps = HeardAnew(AudioFrontEnd(kind="given", coefficients=13, lowest=130, highest=6800))._warps
    assert warps is not None
    np.testing.assert_allclose(warps[20], np.eye(13), atol=1e-5)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
def test_right_words_are_those_of_the_best_alignment(said: list[str], heard: list[str]) -> None:
    errors = jiwer.process_words(" ".join(said), " ".join(heard))
    wrong = errors.substitutions + errors.deletions + errors.insertions
    assert max(len(said), len(heard)) - wrong <= sum(right_words(" ".join(said), heard)) <= len(said)
    assert score([" ".join(said)], [" ".join(heard)]).wer == errors.wer


def test_few_recordings_get_a_small_network_and_fast_speech_short_steps() -> None:
    options = SpeechOptions()
    assert options.sizes(30, 0.01, 0.3).hidden == (64,)
    assert options.sizes(800, 0.01, 0.3).hidden == (192, 192)
    assert [options.sizes(800, 0.01, pace).stride for pace in (0.05, 0.12, 0.15, 0.3)] == [2, 2, 3, 3]
    assert SpeechOptions(streaming=True).sizes(800, 0.01, 0.3).causal


def test_speakers_are_set_aside_as_wholes() -> None:
    speakers = [f"s{row % 7}" for row in range(100)]
    known, held, said = set_aside(100, speakers, seed=1)
    assert not {speakers[row] for row in known} & {speakers[row] for row in held}
    assert sorted([*known, *held]) == list(range(100))
    assert said.startswith("Validates on 14 utterances of 1 speaker (s")
    _, held, said = set_aside(100, None, seed=1)
    assert len(held) == 10
    assert said == (
        "Validates on 10 utterances by chance, since the speakers are not known: of new speakers the errors may be more; "
        "name a column of speakers to set whole ones aside."
    )
