"""The audio front end: equal to librosa, the same for sound in pieces, and sentences for what it cannot read."""

from __future__ import annotations

import itertools
import json
from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.audio.features import AudioFrontEnd
from ensue.data.audio.recordings import Recording
from ensue.errors import ConfigError, DataError, UsageError

SOUND = (0.1 * np.random.default_rng(0).normal(size=9000)).astype(np.float32)


def mel_of_librosa(rate: int, size: int, window: int, hop: int, **more: Any) -> Any:
    bands = librosa.feature.melspectrogram(
        y=SOUND, sr=rate, n_fft=size, win_length=window, hop_length=hop, center=False, **more
    )
    return np.log(np.maximum(bands, 1e-10))


def test_bands_are_those_of_librosa() -> None:
    ours = AudioFrontEnd(normalise="none").read(SOUND)
    np.testing.assert_allclose(ours, mel_of_librosa(16000, 512, 400, 160, n_mels=40, fmin=20, fmax=8000).T, atol=1e-5)


def test_cepstra_are_those_of_librosa() -> None:
    front_end = AudioFrontEnd(rate=8000, kind="mfcc", bands=30, lowest=100, highest=3500, normalise="none")
    bands = mel_of_librosa(8000, 256, 200, 80, n_mels=30, fmin=100, fmax=3500)
    np.testing.assert_allclose(front_end.read(SOUND), librosa.feature.mfcc(S=bands, n_mfcc=13).T, atol=1e-4)


@settings(max_examples=40)
@given(
    st.sampled_from(["running", "training", "none"]), st.booleans(), st.integers(1, 4), st.integers(1, 6),
    st.integers(1, 9000), st.lists(st.integers(0, 9000), max_size=5),
)  # fmt: skip
def test_sound_in_pieces_gives_the_same_steps(
    normalise: str, deltas: bool, stack: int, stride: int, length: int, cuts: list[int]
) -> None:
    front_end = AudioFrontEnd(normalise=normalise, deltas=deltas, stack=stack, stride=stride).learn([SOUND])
    frames, found = front_end.stream(), []
    for first, last in itertools.pairwise(sorted({0, *(min(cut, length) for cut in cuts), length})):
        restored = front_end.stream()
        restored.state = frames.state
        frames = restored
        found.append(frames.push(SOUND[first:last]))
    whole = front_end.read(SOUND[:length])
    np.testing.assert_allclose(np.concatenate([*found, frames.finish()]), whole, atol=5e-4)


def test_an_utterance_has_mean_zero_and_variance_one() -> None:
    x = AudioFrontEnd(deltas=True).read(SOUND)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(0), 1, atol=1e-3)


def test_louder_sound_reads_the_same() -> None:
    front_end = AudioFrontEnd(span=50.0)
    joined = np.concatenate([SOUND, np.zeros(4000, np.float32)])
    np.testing.assert_allclose(front_end.read(joined), front_end.read(8 * joined), atol=1e-3)
    assert np.ptp(AudioFrontEnd(span=50.0, normalise="none").read(joined)) == pytest.approx(5 * np.log(10), rel=1e-3)


def test_given_features_are_read_as_they_are() -> None:
    given_ = np.arange(26, dtype=np.float32).reshape(2, 13)
    assert np.array_equal(AudioFrontEnd(kind="given", coefficients=13, normalise="none").read(given_), given_)


def test_a_front_end_comes_back_from_json() -> None:
    front_end = AudioFrontEnd(kind="mfcc", deltas=True, normalise="training", stack=3, stride=2).learn([SOUND])
    assert AudioFrontEnd.from_json(json.loads(json.dumps(front_end.to_json()))) == front_end


def test_another_rate_is_resampled() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    same = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
    front_end = AudioFrontEnd(normalise="none", span=40)
    ours, right = front_end.read(Recording(tone, 8000)), front_end.read(same)
    assert ours.shape == right.shape
    assert np.abs(ours - right)[5:-5].mean() < 0.05


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"kind": "mel"}, "audio: kind is 'mel', did you mean 'log_mel'?"),
        ({"hop": 0.0}, "audio: hop is 0.0, expected seconds, such as 0.01."),
        ({"highest": 9000.0}, "audio: lowest is 20.0 and highest 9000.0, expected frequencies up to half of the rate, "
         "8000 Hz."),
        ({"kind": "mfcc", "coefficients": 50}, "audio: coefficients is 50, expected at most the 40 bands."),
        ({"span": -1}, "audio: span is -1, expected decibels above 0, or none."),
        ({"mean": (1.0,)}, "audio: mean has 1 numbers, expected 40."),
    ],
)  # fmt: skip
def test_choices_that_cannot_be_are_refused(choices: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        AudioFrontEnd(**choices)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (np.zeros((3, 4, 5)), "An array of shape (3, 4, 5) was given, expected samples (n,) from -1 to 1."),
        (np.zeros(0), "An array of shape (0,) was given, expected samples (n,) from -1 to 1."),
        (np.array([0.0, np.nan]), "The recording holds samples that are no finite numbers: make it again."),
    ],
)
def test_what_is_no_sound_is_refused(item: Any, said: str) -> None:
    with pytest.raises(DataError) as refused:
        AudioFrontEnd().read(item)
    assert str(refused.value) == said


def test_what_looks_at_the_whole_cannot_stream() -> None:
    for front_end in (AudioFrontEnd(), AudioFrontEnd(normalise="running", span=50)):
        assert not front_end.causal
        with pytest.raises(UsageError) as refused:
            front_end.stream()
        assert str(refused.value) == (
            "This front end looks at each recording as a whole, so it cannot be read as it comes: choose normalise "
            "'running' or 'training', and no span."
        )
