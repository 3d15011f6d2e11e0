"""Scoring, streaming and composing go one way: what is drawn from is what is scored."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensue.data.notes.chorales import of_steps
from ensue.data.notes.coding import Places
from ensue.data.notes.piano_roll import NEXT_STEP, roll_of
from ensue.data.notes.tune import Meter, Stepped
from ensue.errors import UsageError
from ensue.runtime.composing import NoteStream, Taste, compose, nats_of, score
from ensue.runtime.engine import Engine, Executor
from ensue.tasks.melody import CODINGS, MelodyTask, NoteSizes

PLACES = Places(4, (Meter(4, 4),))
VOICE = of_steps("voice", [[60], [60], [], [62], [64], [64], [65]] * 3, 4)
CHORDS = of_steps("chords", [[60, 64], [60, 64, 67], [], [59]] * 3, 4)
TUNES = {"melody": VOICE, "chords": CHORDS, "keys": CHORDS}


def model(kind: str, seed: int = 0) -> tuple[MelodyTask, Executor]:
    task = MelodyTask(CODINGS[kind](PLACES), NoteSizes(hidden_size=12, layers=2))
    rng = np.random.default_rng(seed)
    network = task.network()
    weights: dict[str, NDArray[Any]] = {
        name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in network.parameters().items()
    }
    return task, Engine(network, weights)


@given(st.sampled_from(["melody", "chords"]), st.lists(st.integers(1, 9), min_size=1, max_size=12))
@settings(max_examples=20)
def test_a_stream_gives_what_the_score_takes_for_every_chunking(kind: str, chunks: list[int]) -> None:
    task, engine = model(kind)
    tokens = task.coding.tokens(TUNES[kind]).tolist()  # type: ignore[union-attr]
    expected = nats_of(task, engine, TUNES[kind])
    stream, place = NoteStream(task, engine), 0
    while place < len(tokens):
        size = chunks[place % len(chunks)]
        np.testing.assert_allclose(-stream.log_p[tokens[place]], expected[place], atol=1e-5)
        after = stream.update(tokens[place : place + size])
        place += size
        assert after.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["melody", "chords"])
def test_all_that_can_come_next_has_all_the_probability(kind: str) -> None:
    task, engine = model(kind)
    stream = NoteStream(task, engine, Meter(4, 4), pickup=2)
    first = np.exp(stream.log_p)
    assert first.sum() == pytest.approx(1.0)
    np.testing.assert_array_equal(first > 0, stream.reader.legal())


def test_the_probabilities_of_all_chords_sum_to_one() -> None:
    """Over every chord of three keys: the others are so unlikely here that they do not count."""
    task, engine = model("chords")
    network = task.network()
    weights = {name: np.zeros(shape, np.float32) for name, shape in network.parameters().items()}
    bias = np.full(task.coding.classes, -30.0, np.float32)
    bias[[40, 44, 47, NEXT_STEP]] = [0.3, -0.2, 0.7, 0.1]
    last = max(int(name.split(".")[1]) for name in weights)
    engine = Engine(network, weights | {f"layers.{last}.bias": bias})
    keys = (61, 65, 68)
    chords = [[key for bit, key in enumerate(keys) if number >> bit & 1] for number in range(8)]
    p = [np.exp(-nats_of(task, engine, of_steps("a", [chord], 4)).sum()) for chord in chords]
    assert sum(p) == pytest.approx(1.0, abs=1e-6)
    assert min(p) > 0.01


@pytest.mark.parametrize("kind", ["melody", "chords", "keys"])
def test_composing_keeps_the_prompt_and_the_length(kind: str) -> None:
    task, engine = model(kind)
    prompt = TUNES[kind]
    made = compose(task, engine, prompt, 20, Taste(temperature=0.7), np.random.default_rng(1))
    assert made.steps == prompt.steps + 20
    before = Stepped("a", made.notes, prompt.steps, 4)
    roll = roll_of(Stepped("a", np.minimum(made.notes, [10**6, prompt.steps, 127])[made.notes[:, 0] < prompt.steps],
                           prompt.steps, 4))  # fmt: skip
    np.testing.assert_array_equal(roll, roll_of(prompt))
    assert before.steps == prompt.steps


@pytest.mark.parametrize("kind", ["melody", "chords", "keys"])
def test_the_same_seed_composes_the_same(kind: str) -> None:
    task, engine = model(kind)

    def made(seed: int) -> NDArray[np.int64]:
        return compose(task, engine, TUNES[kind], 40, Taste(), np.random.default_rng(seed)).notes

    np.testing.assert_array_equal(made(3), made(3))
    assert made(3).tolist() != made(4).tolist()


def test_drawing_follows_the_distribution() -> None:
    p, rng = np.array([0.5, 0.0, 0.3, 0.2]), np.random.default_rng(0)
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    drawn = np.bincount([Taste().draw(log_p, rng) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(drawn, p, atol=0.03)
    assert {Taste(top_p=0.6).draw(log_p, rng) for _ in range(200)} == {0, 2}
    assert {Taste(temperature=0).draw(log_p, rng) for _ in range(5)} == {0}


def test_scores_add_up() -> None:
    task, engine = model("melody")
    both = score(task, engine, [VOICE, VOICE])
    one = score(task, engine, [VOICE])
    assert both.nats == pytest.approx(2 * one.nats)
    assert (both.steps, both.tokens) == (42, 42)
    assert both.per_step == pytest.approx(one.per_step)
    assert both.per_token == both.per_step


def test_keys_by_themselves_are_scored_as_coins() -> None:
    task, engine = model("keys")
    rows, roll = task.coding.rows(CHORDS)  # type: ignore[union-attr]
    p = 1 / (1 + np.exp(-engine.forward(rows[None])[0][0].astype(np.float64)))
    expected = -np.log(np.where(roll, p, 1 - p)).sum(-1)
    np.testing.assert_allclose(nats_of(task, engine, CHORDS), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("taste", "message"),
    [
        ({"temperature": -1.0}, "temperature is -1.0, expected a number from 0 to 10: give 1, for example."),
        ({"temperature": float("nan")}, "temperature is nan, expected a number from 0 to 10: give 1, for example."),
        ({"top_p": 0.0}, "top_p is 0.0, expected a share above 0 and up to 1: give 0.95, for example."),
    ],
)
def test_tastes_that_cannot_be(taste: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        Taste(**taste)


def test_tokens_that_cannot_come_are_refused_and_nothing_is_read() -> None:
    task, engine = model("chords")
    stream = NoteStream(task, engine)
    before = stream.log_p.copy()
    with pytest.raises(UsageError, match=re.escape("The token 39 (C4) is given at step 0, where it cannot be.")):
        stream.update([39, 39])
    with pytest.raises(UsageError, match=re.escape("The token 99 is given, expected 0 to 88.")):
        stream.update([99])
    np.testing.assert_array_equal(stream.log_p, before)
    message = "A model of keys each by itself knows no next token, so it does not stream: train with --polyphonic."
    with pytest.raises(UsageError, match=re.escape(message)):
        NoteStream(*model("keys"))
