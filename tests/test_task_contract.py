"""One contract for every task: eight examples by heart, saved and loaded equal, streams equal to batches, bad input refused
with a sentence, a killed training resumed to the same weights, progress told.

A task is a `Case`: small data and an estimator of tiny sizes. A new task adds one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ensue
from ensue.data.notes.abc_files import read_abc
from ensue.data.notes.coding import read
from ensue.data.notes.folders import Collection
from ensue.data.notes.tune import Tune, on_grid
from ensue.errors import DataError, EnsueError
from ensue.estimators.action_recogniser import ActionRecogniser
from ensue.estimators.captioner import Captioner
from ensue.estimators.classifier import Classifier
from ensue.estimators.composer import Composer
from ensue.estimators.language_model import LanguageModel
from ensue.estimators.listener import Listener
from ensue.estimators.transcriber import Transcriber
from ensue.estimators.translator import Translator
from ensue.model_file import load_model
from ensue.reports import Progress
from ensue.runtime.composing import among
from ensue.runtime.engine import Engine

KILLED_AT = 23
"""The step at which a training is killed; its last checkpoint is older."""
STEPS = 30
"""Of a training that is killed and gone on from."""

Answers = Any


@dataclass(frozen=True)
class Case:
    """A task as this suite sees it."""

    name: str
    estimator: Callable[..., Any]
    """Makes one, of tiny sizes; takes `steps`."""
    data: tuple[Any, ...]
    """Eight examples, as `fit` takes them."""
    answers: Callable[[Any], Answers]
    """What a fitted model says of the eight: an array."""
    by_heart: Callable[[Any], bool]
    """Whether it knows them."""
    steps: int
    """In which it learns them."""
    bad: tuple[tuple[tuple[Any, ...], str], ...]
    """Arguments of `fit` that cannot be learned from, and how the sentence begins that says so."""
    fitting: dict[str, Any] = field(default_factory=dict)
    """More arguments of `fit`, such as what to validate on."""
    length: int = 0
    """Steps of what is streamed; 0 where the network has to see the end first."""
    streamed: Callable[[Any, Sequence[slice]], Answers] | None = None
    """What a stream says at the end that is given these pieces."""
    batch: Callable[[Any], Answers] | None = None
    """The same, in one go."""
    refusal: str = ""
    """How the sentence begins in which a stream is refused."""

    def fit(self, steps: int | None = None, **more: Any) -> Any:
        """The estimator, fitted on the eight."""
        return self.estimator(steps=steps or self.steps).fit(*self.data, **self.fitting | more)


# ---- classification: texts in both directions, numbers forward -----------------------------------------------------

WORDS = [f"{what} {how}" for what in ("it is", "all is", "the sea is", "a cat is") for how in ("good", "bad")]
OPINIONS = ["yes", "no"] * 4
WAVES = [np.sin(np.arange(12 + i) * (0.4 if i % 2 else 1.3) + i)[:, None] for i in range(8)]
SPEEDS = ["fast", "slow"] * 4
SMALL: dict[str, Any] = {
    "hidden_size": 8, "embedding": 8, "batch_size": 8, "learning_rate": 0.02, "dropout": 0.0, "word_dropout": 0.0,
    "label_smoothing": 0.0,
}  # fmt: skip


def classifier(**more: Any) -> Classifier:
    return Classifier(**SMALL | more)


def forward_classifier(**more: Any) -> Classifier:
    return Classifier(**SMALL | {"bidirectional": False} | more)


def stream_of_classes(model: Classifier, pieces: Sequence[slice]) -> Answers:
    stream = model.stream()
    return [stream.update(WAVES[0][piece]) for piece in pieces][-1]


TEXTS = Case(
    "classification of texts", classifier, (WORDS, OPINIONS), lambda model: model.predict_proba(WORDS),
    lambda model: model.predict(WORDS) == OPINIONS, steps=100, fitting={"valid": (WORDS, OPINIONS)},
    refusal="This classifier reads in both directions, so it needs the whole sequence and cannot stream: train one with",
    bad=(
        ((["", " "], ["a", "b"]), "All 2 texts are blank, expected texts with words in them."),
        ((WORDS, ["yes"] * 8), "All 7 rows have the label 'yes', expected two classes or more to tell apart: check the"),
        ((WORDS, OPINIONS[1:]), "8 sequences and 7 labels were given, expected equally many."),
        (([["a"]], ["b"]), "Row 1: A sequence is no table of numbers ("),
    ),
)  # fmt: skip
NUMBERS = Case(
    "classification of numbers", forward_classifier, (WAVES, SPEEDS), lambda model: model.predict_proba(WAVES),
    lambda model: model.predict(WAVES) == SPEEDS, steps=150, fitting={"valid": (WAVES, SPEEDS)},
    length=len(WAVES[0]), streamed=stream_of_classes, batch=lambda model: model.predict_proba(WAVES[:1])[0],
    bad=(
        (([[np.inf], [0.0]], ["a", "b"]), "Row 1: A sequence holds an infinite value, expected numbers: correct it"),
        (([[[1.0, 2.0]], [[1.0]]], ["a", "b"]), "Row 2 has 1 channels and the first one 2, expected the same of all."),
    ),
)  # fmt: skip

# ---- forecasting ---------------------------------------------------------------------------------------------------

SERIES = pl.DataFrame(
    {
        "unique_id": [f"s{i}" for i in range(8) for _ in range(40)],
        "ds": list(range(40)) * 8,
        "y": [float(np.sin(np.pi * (t + i) / 3) + i) for i in range(8) for t in range(40)],
    }
)


def forecaster(**more: Any) -> ensue.Forecaster:
    sizes = {"horizon": 4, "preset": "fast", "hidden_size": 12, "layers": 1, "context_length": 48, "batch_size": 8}
    return ensue.Forecaster(**sizes | {"season": (), "threads": 1, "device": "cpu"} | more)


def forecast(model: ensue.Forecaster) -> Answers:
    return model.predict(SERIES).get_column("ensue").to_numpy()


def stream_of_values(model: ensue.Forecaster, pieces: Sequence[slice]) -> Answers:
    stream = model.stream()
    values = SERIES["y"].to_numpy()[:40]
    for piece in pieces:
        stream.update(values[piece], time=piece.start)
    return stream.forecast()[:, stream.levels.index(0.5)]


FORECASTING = Case(
    "forecasting", forecaster, (SERIES,), forecast,
    lambda model: model.report_.validation < 0.4 * model.report_.baseline, steps=150,
    length=40, streamed=stream_of_values, batch=lambda model: forecast(model)[:4],
    bad=(
        ((SERIES.drop("y"),), "no column holds numbers to forecast: name one with target."),
        ((SERIES.head(0),), "the table has no rows, expected at least one."),
    ),
)  # fmt: skip

# ---- language models -----------------------------------------------------------------------------------------------

LINES = "".join(
    f"line {word} ends here.\n" for word in ("one", "two", "three", "four", "five", "six", "seven", "eight")
)


def language_model(**more: Any) -> LanguageModel:
    sizes = {"hidden_size": 32, "layers": 1, "embedding": 16, "dropout": 0.0, "weight_drop": 0.0, "context_length": 30}
    return LanguageModel(**sizes | {"tokens": "characters", "batch_size": 4, "learning_rate": 0.02} | more)


def stream_of_text(model: LanguageModel, pieces: Sequence[slice]) -> Answers:
    stream = model.stream()
    return [stream.update(LINES[piece]) for piece in pieces][-1]


def expected_after(model: LanguageModel) -> Answers:
    return model.stream().update(LINES[:40])


LANGUAGE = Case(
    "language-model", language_model, (LINES,), expected_after,
    lambda model: model.evaluate(LINES).nats_per_token < 0.45, steps=120, fitting={"valid": LINES},
    length=40, streamed=stream_of_text, batch=expected_after,
    bad=(
        (("",), "The text is empty: give a text to learn from."),
        (("one line",), "The text has 8 tokens, expected 100 at least: give more text."),
    ),
)  # fmt: skip

# ---- translation ---------------------------------------------------------------------------------------------------

SOURCE = [f"{who} {what} ." for who in ("the dog", "a cat", "my child", "the bird") for what in ("sings", "runs home")]
TARGET = [f"{who} {what} ." for who in ("der Hund", "eine Katze", "mein Kind", "der Vogel")
          for what in ("singt", "läuft heim")]  # fmt: skip


def translator(**more: Any) -> Translator:
    return Translator(**{"preset": "fast", "tokens": "words", "batch": 8, "learning_rate": 0.01, "dropout": 0.0} | more)


TRANSLATION = Case(
    "translation", translator, (SOURCE, TARGET),
    lambda model: np.array([best.score for best, *_ in model.translations(SOURCE, beam=1)]),
    lambda model: model.translate(SOURCE, beam=1) == TARGET, steps=60,
    fitting={"valid_source": SOURCE, "valid_target": TARGET},
    refusal="A translator cannot stream: it reads the source in both directions, so it needs the whole sentence; call",
    bad=(
        ((SOURCE, TARGET[1:]), "source has 8 lines and target has 7: line 8 of source has no translation; give both"),
        (([""] * 2, [""] * 2), "source and target have no sentence: every line is blank."),
    ),
)  # fmt: skip

# ---- melody --------------------------------------------------------------------------------------------------------

BARS = ("CDEF|", "GABc|", "CEGc|", "cBAG|", "FEDC|", "CCGG|", "EFGE|", "DFAd|")
TUNES = "".join(f"X:{i + 1}\nT:tune {i}\nM:4/4\nL:1/4\nK:C\n{bar * 6}|\n\n" for i, bar in enumerate(BARS))


COLLECTION = Collection(tuple(tune for tune in read_abc(TUNES, "tunes.abc") if isinstance(tune, Tune)), ())


def composer(**more: Any) -> Composer:
    sizes = {"hidden_size": 32, "layers": 1, "dropout": 0.0, "input_dropout": 0.0, "recurrent_dropout": 0.0}
    return Composer(**sizes | {"preset": "fast", "transpose": 0, "learning_rate": 0.02, "batch_tokens": 200} | more)


def tokens(model: Composer) -> Any:
    return read(model.task_.coding, on_grid(COLLECTION.tunes[0], model.task_.coding.places.steps_per_quarter))


def stream_of_notes(model: Composer, pieces: Sequence[slice]) -> Answers:
    stream, known = model.stream(), tokens(model).tokens
    return [stream.update(known[piece]) for piece in pieces][-1]


def notes_in_one_go(model: Composer) -> Answers:
    known = tokens(model)
    answers, _ = Engine(model.task_.network(), model.weights_["network"]).forward(known.rows[None])
    return np.exp(among(answers[0, MOVES], known.legal[MOVES]))


MOVES = 12
MELODY = Case(
    "melody", composer, (COLLECTION,), notes_in_one_go,
    lambda model: model.report_.curve[-1][1] < 0.25, steps=250,  # nats a token; one tune is set aside, and is another
    length=MOVES, streamed=stream_of_notes, batch=notes_in_one_go,
    bad=(((Path("no_such_folder"),), "There is no folder no_such_folder: check its path."),),
)  # fmt: skip

# ---- captions ------------------------------------------------------------------------------------------------------

SEEN = [np.random.default_rng(i).normal(size=(3 + i, 4)).astype(np.float32) for i in range(8)]
SAID = [f"a {what} {does}" for what in ("cat", "dog", "bird", "fish") for does in ("sits", "moves")]


def captioner(**more: Any) -> Captioner:
    return Captioner(**{"preset": "fast", "batch": 8, "learning_rate": 0.02, "dropout": 0.0} | more)


CAPTIONS = Case(
    "caption", captioner, (SEEN, SAID),
    lambda model: np.array([best.score for best, *_ in model.captions(SEEN, beam=1)]),
    lambda model: model.caption(SEEN, beam=1) == SAID, steps=60, fitting={"valid": (SEEN, SAID)},
    refusal="A captioner cannot stream: it reads a clip in both directions, so it needs the whole clip; call caption with",
    bad=(
        ((SEEN, SAID[1:]), "8 clips and captions of 7 were given, expected equally many, one at least."),
        ((SEEN, [""] * 8), "None of 8 clips has a caption, expected a sentence for each."),
        (([np.full((2, 4), np.nan)] * 2, ["a", "b"]), "None of 2 clips can be read; the first: The features hold values"),
    ),
)  # fmt: skip


# ---- speech: tones that spell words ------------------------------------------------------------------------------

SPOKEN = ["ab ca", "ca ab", "b a c", "cab ba", "abc", "c ba ab", "ba cab", "a bc"]
PITCH = {"a": 500, "b": 1100, "c": 2300}


def tones(text: str) -> Any:
    times = np.arange(800) / 8000
    sound = np.concatenate([np.pad(0.5 * np.sin(2 * np.pi * PITCH.get(each, 0) * times), (0, 160)) for each in text])
    return (sound + 0.005 * np.random.default_rng(len(text)).normal(size=len(sound))).astype(np.float32)


TONES = [tones(text) for text in SPOKEN]


def transcriber(**more: Any) -> Transcriber:
    sizes = {"preset": "fast", "hidden_size": 24, "layers": 1, "learning_rate": 0.02, "dropout": 0.0, "batch_size": 8}
    return Transcriber(**sizes | {"rate": 8000, "streaming": True, "augment": False, "words_model": 2} | more)


def words_of_tones(model: Transcriber) -> Answers:
    return np.array([(word.start, word.end) for word in model.transcribe(TONES[:1])[0].words])


def stream_of_tones(model: Transcriber, pieces: Sequence[slice]) -> Answers:
    stream = model.stream()
    heard = [word for piece in pieces for word in stream.update(TONES[0][piece])]
    return np.array([(word.start, word.end) for word in [*heard, *stream.finish()]])


SPEECH = Case(
    "speech", transcriber, (TONES, SPOKEN),
    lambda model: np.array([word.confidence for each in model.transcribe(TONES) for word in each.words]),
    lambda model: [each.text for each in model.transcribe(TONES)] == SPOKEN, steps=80,
    fitting={"valid": (TONES, SPOKEN)}, length=len(TONES[0]), streamed=stream_of_tones, batch=words_of_tones,
    bad=(
        ((TONES, SPOKEN[1:]), "8 recordings and 7 texts were given, expected equally many."),
        ((TONES, [" "] * 8), "All 8 texts are blank, expected what is said in each recording."),
        (([np.zeros(0)] * 8, SPOKEN), "None of 7 recordings can be read; the first: An array of shape (0,) was given,"),
    ),
)  # fmt: skip
# ---- actions -------------------------------------------------------------------------------------------------------

POSES = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
MOVES_OF = [POSES + np.sin(np.arange(14 + i) * (1.4 if i % 2 else 0.4))[:, None, None] * POSES * 0.5 for i in range(8)]
DEEDS = ["shake", "sway"] * 4


def action_recogniser(**more: Any) -> ActionRecogniser:
    sizes = {"preset": "fast", "streaming": True, "hidden_size": 12, "dropout": 0.0, "batch_size": 8}
    return ActionRecogniser(**sizes | {"learning_rate": 0.02, "label_smoothing": 0.0, "augment": False} | more)


def stream_of_poses(model: ActionRecogniser, pieces: Sequence[slice]) -> Answers:
    stream = model.stream(smooth=0)
    return np.array([stream.update(MOVES_OF[0][piece]) for piece in pieces][-1][-1].probabilities)


ACTIONS = Case(
    "action", action_recogniser, (MOVES_OF, DEEDS), lambda model: model.predict_proba(MOVES_OF),
    lambda model: model.predict(MOVES_OF) == DEEDS, steps=100, fitting={"valid": (MOVES_OF, DEEDS)},
    length=len(MOVES_OF[0]), streamed=stream_of_poses, batch=lambda model: model.predict_proba(MOVES_OF[:1])[0],
    bad=(
        ((MOVES_OF, DEEDS[1:]), "8 clips and 7 labels were given, expected equally many."),
        (([np.full((3, 4, 2), np.inf)] * 4, ["a", "b"] * 2), "None of 2 clips can be read; the first: The key points hold"),
        ((MOVES_OF, ["sway"] * 8), "All 6 rows have the label 'sway', expected two classes or more to tell apart: check"),
    ),
)  # fmt: skip
# ---- voice commands ----------------------------------------------------------------------------------------------

CALLS = ["low", "high"] * 4
CALLED = [tones("ac" if call == "low" else "cb") for call in CALLS]


def listener(**more: Any) -> Listener:
    sizes = {"preset": "fast", "streaming": True, "hidden_size": 12, "dropout": 0.0, "batch_size": 8}
    return Listener(
        **sizes | {"sample_rate": 8000, "learning_rate": 0.02, "label_smoothing": 0.0, "augment": False} | more
    )


def stream_of_calls(model: Listener, pieces: Sequence[slice]) -> Answers:
    stream = model.stream(replace(model.hearing_, smooth=0))
    for piece in pieces:
        stream.update(CALLED[0][piece])
    stream.finish()
    return np.array([stream.partial.confidence])


COMMANDS = Case(
    "command", listener, (CALLED, CALLS), lambda model: model.predict_proba(CALLED),
    lambda model: model.predict(CALLED) == CALLS, steps=100, fitting={"valid": (CALLED, CALLS)},
    length=len(CALLED[0]), streamed=stream_of_calls, batch=lambda model: model.predict_proba(CALLED[:1]).max(axis=1),
    bad=(
        ((CALLED, CALLS[1:]), "8 recordings and 7 labels were given, expected equally many."),
        (([np.full(800, np.nan)] * 4, ["a", "b"] * 2), "None of 2 recordings can be read; the first: The recording holds"),
        ((CALLED, ["low"] * 8), "There is one word, 'low', expected two or more to tell apart: give recordings of another"),
    ),
)  # fmt: skip


CASES = [TEXTS, NUMBERS, FORECASTING, LANGUAGE, TRANSLATION, MELODY, SPEECH, CAPTIONS, ACTIONS, COMMANDS]
STREAMING = [case for case in CASES if case.length]


def named(cases: Sequence[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


_FITTED: dict[str, tuple[Any, list[Progress]]] = {}


def fitted(case: Case) -> Any:
    """The case's model, fitted once."""
    if case.name not in _FITTED:
        told: list[Progress] = []
        _FITTED[case.name] = case.fit(progress=told.append), told
    return _FITTED[case.name][0]


@named(CASES)
def test_eight_examples_are_learned_by_heart(case: Case) -> None:
    assert case.by_heart(fitted(case))


@named(CASES)
def test_a_saved_model_is_the_same(case: Case, tmp_path: Path) -> None:
    model = fitted(case)
    model.save(tmp_path / "m.ensue")
    loaded = ensue.load(tmp_path / "m.ensue")
    assert type(loaded) is type(model)
    assert np.array_equal(case.answers(loaded), case.answers(model))
    assert loaded.get_params() == model.get_params()
    loaded.save(tmp_path / "again.ensue")
    assert same_weights(tmp_path / "m.ensue", tmp_path / "again.ensue")


@named(CASES)
def test_progress_is_told(case: Case) -> None:
    model = fitted(case)
    told = _FITTED[case.name][1]
    assert [each.step for each in told] == list(range(1, len(told) + 1))
    assert all(np.isfinite(each.loss) and each.steps == told[0].steps for each in told)
    assert told[-1].validation is not None
    report = model.report_
    assert told[-1].measure == report.measure
    assert report.steps == len(told)
    assert min(score for _, _, score in report.curve) == report.validation
    assert type(report).from_json(report.to_json()) == report


@named(STREAMING)
def test_a_stream_is_equal_to_a_batch_however_it_is_cut(case: Case) -> None:
    model = fitted(case)
    assert case.streamed is not None
    assert case.batch is not None
    streamed, whole = case.streamed, case.batch(model)

    @settings(max_examples=15)
    @given(st.lists(st.integers(1, case.length - 1), max_size=6))
    def holds(cuts: list[int]) -> None:
        borders = sorted({0, *cuts, case.length})
        pieces = [slice(first, last) for first, last in zip(borders, borders[1:], strict=False)]
        np.testing.assert_allclose(streamed(model, pieces), whole, atol=2e-5)

    holds()


@named([case for case in CASES if not case.length])
def test_what_has_to_see_the_end_refuses_to_stream(case: Case) -> None:
    with pytest.raises(EnsueError) as refused:
        fitted(case).stream()
    assert str(refused.value).startswith(case.refusal)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("case", "data", "said"),
    [
        pytest.param(case, data, said, id=f"{case.name}-{i}")
        for case in CASES
        for i, (data, said) in enumerate(case.bad)
    ],
)
def test_bad_input_is_refused_with_a_sentence(case: Case, data: tuple[Any, ...], said: str) -> None:
    with pytest.raises(DataError) as refused:
        case.estimator(steps=1).fit(*data)
    sentence = str(refused.value)
    assert sentence.startswith(said), sentence
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints, a case each, whose trainings were killed."""
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("needs a system with SIGKILL")
    folder = tmp_path_factory.mktemp("killed")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__, str(folder)], env=environment, timeout=300)
    assert done.returncode == -signal.SIGKILL
    return folder


@named(CASES)
def test_a_killed_training_is_resumed_to_the_same_weights(case: Case, killed: Path, tmp_path: Path) -> None:
    checkpoint = killed / f"{CASES.index(case)}.checkpoint"
    resumed = case.fit(steps=STEPS, checkpoint=checkpoint, resume=True)
    whole = case.fit(steps=STEPS)
    assert resumed.report_.curve == whole.report_.curve
    resumed.save(tmp_path / "resumed.ensue")
    whole.save(tmp_path / "whole.ensue")
    assert same_weights(tmp_path / "resumed.ensue", tmp_path / "whole.ensue")


def same_weights(one: Path, other: Path) -> bool:
    first, second = load_model(one)[0], load_model(other)[0]
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def train_and_be_killed(folder: Path, number: int = 0) -> None:
    """Train each case within a step of the one before, so that one SIGKILL ends all of them midway."""

    def next_one(progress: Progress) -> None:
        if progress.step == KILLED_AT:
            train_and_be_killed(folder, number + 1)

    if number == len(CASES):
        os.kill(os.getpid(), signal.SIGKILL)
    CASES[number].fit(steps=STEPS, checkpoint=folder / f"{number}.checkpoint", progress=next_one)


if __name__ == "__main__":
    train_and_be_killed(Path(sys.argv[1]))
