"""`Captioner` and `LipReader` as a user has them: learned by heart, saved, scored, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ensue
from ensue import Captioner, LipReader
from ensue.errors import ConfigError, DataError, NotFittedError, UsageError

SENTENCES = ["a cat sits", "two dogs run", "a cat runs", "two dogs sit", "nothing happens here", "a bird sings"]
FEATURES = [
    np.random.default_rng(seed).normal(size=(4 + seed, 5)).astype(np.float32) + seed for seed in range(len(SENTENCES))
]
TINY: dict[str, Any] = {"preset": "fast", "learning_rate": 0.02, "dropout": 0.0, "batch": 6, "threads": 1}


def film(pattern: int, steps: int = 12) -> np.ndarray:
    """A small patch that flickers in one of several rhythms."""
    frames = np.full((steps, 24, 30), 100, np.uint8)
    on = np.arange(steps) // (pattern + 1) % 2 == 0
    frames[on, 8:14, 10:18] = 220
    frames[:, 8:14, 10:12] += (np.arange(steps) * 5 % 30).astype(np.uint8)[:, None, None]
    return frames


@pytest.fixture(scope="module")
def captioner() -> Captioner:
    return Captioner(steps=60, **TINY).fit(FEATURES, SENTENCES, valid=(FEATURES, SENTENCES))


def test_it_says_what_it_learned_and_how_good_that_is(captioner: Captioner) -> None:
    assert captioner.caption(FEATURES) == SENTENCES
    found = captioner.evaluate(FEATURES, [[each, "or else"] for each in SENTENCES])
    assert (found.exact, found.clips) == (1.0, 6)
    assert any("exactly right, BLEU" in finding for finding in captioner.findings_)
    best = captioner.captions(FEATURES[:1], n_best=3)[0]
    assert [each.score for each in best] == sorted((each.score for each in best), reverse=True)
    assert best[0].sentence == "clip 1"


def test_it_tells_of_itself_and_refuses_to_stream(captioner: Captioner) -> None:
    told = captioner.describe()
    assert told["task"] == "caption"
    assert told["words"] == {"tokens": "words", "vocabulary": captioner.task_.target.size, "lowercase": True}
    with pytest.raises(UsageError, match=r"^A captioner cannot stream: it reads a clip in both directions"):
        captioner.stream()
    with pytest.raises(
        UsageError, match=r"^A single file was given, expected a list of them: give caption\(\[file\]\)\.$"
    ):
        captioner.captions("a.mp4")  # type: ignore[arg-type]


def test_clips_that_cannot_be_read_are_left_out_and_said() -> None:
    bad = [*FEATURES, np.full((3, 5), np.nan, np.float32)]
    model = Captioner(steps=1, **TINY).fit(bad, [*SENTENCES, "never read"], valid=(FEATURES, SENTENCES))
    assert model.findings_[0] == (
        "Left out 1 file (clip 7) that cannot be read; the first: The features hold values that are no finite numbers: "
        "compute them again."
    )
    assert "never" not in " ".join(model.task_.target.tokens(range(model.task_.target.size)))
    model = Captioner(steps=1, **TINY).fit(FEATURES, [*SENTENCES[:-1], " "], valid=(FEATURES, SENTENCES))
    assert model.findings_[0] == "Left out 1 of 6 clips without a caption."


@pytest.mark.parametrize(
    ("data", "captions", "kind", "sentence"),
    [
        (
            FEATURES,
            SENTENCES[1:],
            DataError,
            "6 clips and captions of 5 were given, expected equally many, one at least.",
        ),
        (
            FEATURES,
            None,
            UsageError,
            "A list was given without captions, expected a manifest: give its path, or a list of",
        ),
        (
            "x.csv",
            SENTENCES,
            UsageError,
            "A path was given with captions: give a list of clips, or the manifest without",
        ),
        (
            FEATURES[:1],
            SENTENCES[:1],
            DataError,
            "One clip was given, expected two at least: one to learn from and one to",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(data: Any, captions: Any, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind) as refused:
        Captioner(steps=1, **TINY).fit(data, captions)
    assert str(refused.value).startswith(sentence)


def test_arguments_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^caption: side is 3, expected a whole number from 8 to 1000\.$"):
        Captioner(side=3)
    with pytest.raises(ConfigError, match=r"^frame_rate is 0, expected frames a second, such as 10\.$"):
        Captioner(frame_rate=0)
    with pytest.raises(ConfigError, match=r"^preset is 'best', choose from 'fast', 'default', 'thorough'\.$"):
        LipReader(preset="best")
    with pytest.raises(NotFittedError):
        Captioner().caption([])


def test_lips_are_read_by_heart_and_the_file_is_a_transcriber(tmp_path: Path) -> None:
    said = ["a", "b", "ab", "ba"]
    films = [film(pattern) for pattern in range(4)]
    reader = LipReader(
        preset="fast",
        height=8,
        width=8,
        margin=1,
        steps=150,
        learning_rate=0.015,
        dropout=0.0,
        augment=False,
        words_model=0,
    )
    reader.fit(films, said, valid=(films, said))
    assert [each.text for each in reader.transcribe(films, greedy=True)] == said
    reader.save(tmp_path / "m.ensue")
    loaded = ensue.load(tmp_path / "m.ensue")
    assert type(loaded) is ensue.Transcriber
    heard = loaded.transcribe(films)
    assert [each.text for each in heard] == [each.text for each in reader.transcribe(films)]
    assert all(0 <= word.start < word.end <= 12 / 25 for each in heard for word in each.words)
    with pytest.raises(UsageError):
        loaded.stream()


def test_single_words_are_learned_from_as_well_but_are_no_sentences() -> None:
    films, said = [film(pattern) for pattern in range(4)], ["a b", "b a", "a a", "b b"]
    pieces = [film(pattern)[2:7] for pattern in range(3)]
    reader = LipReader(preset="fast", tokens="words", height=8, width=8, margin=1, steps=1)
    reader.fit(films, said, words=(pieces, ["a", "b", "c"]), valid=(films[:1], said[:1]))
    assert reader.task_.alphabet.foreign(["a b c"]) == []  # its word was seen in a piece alone
    assert reader.task_.words is not None
    assert set(reader.task_.words.words) == {"a", "b"}
    with pytest.raises(DataError, match=r"^3 pieces and 1 texts of them were given, expected equally many\.$"):
        reader.fit(films, said, words=(pieces, ["a"]), valid=(films[:1], said[:1]))
