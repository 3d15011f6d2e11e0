"""The generators, one by one and together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ensue.learn.pretraining.dice import Dice
from ensue.learn.pretraining.gallery import gallery
from ensue.learn.pretraining.mixture import GENERATORS, draw, outages, weights_of
from ensue.learn.pretraining.rhythms import RHYTHMS, Rhythm, draw_shape

NAMED = [each for each in RHYTHMS if each.seasons != (0,)]


@pytest.mark.parametrize("rhythm", NAMED, ids=lambda each: each.name)
@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_makes_numbers_at_every_rhythm(name: str, rhythm: Rhythm) -> None:
    for steps in (3, 70):
        made = GENERATORS[name](Dice((1, steps)), rhythm, 9, steps)
        assert made.shape == (9, steps)
        assert bool(torch.isfinite(made).all())
    assert int((made.std(1) > 0).sum()) >= 6


def test_the_same_seed_makes_the_same_batch() -> None:
    one, same, other = (draw(Dice((seed,)), RHYTHMS[3], 20, 50) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_demand_is_whole_and_never_negative() -> None:
    made = GENERATORS["demand"](Dice((2,)), RHYTHMS[6], 200, 90)
    assert bool(((made >= 0) & (made == made.round())).all())
    assert float((made == 0).float().mean()) > 0.1


def test_a_day_of_activity_is_like_the_day_before() -> None:
    hours = next(each for each in RHYTHMS if each.name == "hours")
    made = GENERATORS["activity"](Dice((3,)), hours, 300, 24 * 14).double().numpy()
    made = np.log(made + 1e-9 * made.mean(1, keepdims=True))
    day = made - made.mean(1, keepdims=True)
    alike = (day[:, 24:] * day[:, :-24]).mean(1) / (day**2).mean(1)
    half = (day[:, 12:] * day[:, :-12]).mean(1) / (day**2).mean(1)
    assert np.median(alike) > 0.5 > np.median(half)


def test_more_sequences_grow_than_shrink() -> None:
    made = GENERATORS["smoothing"](Dice((4,)), NAMED[0], 2000, 40)
    assert 0.52 < float((made[:, -1] > made[:, 0]).float().mean()) < 0.75


@pytest.mark.parametrize("rhythm", NAMED, ids=lambda each: each.name)
def test_weights_are_shares_of_known_generators(rhythm: Rhythm) -> None:
    weights = weights_of(rhythm)
    assert set(weights) <= set(GENERATORS)
    assert sum(weights.values()) == pytest.approx(1.0, abs=0.03)


def test_most_steps_are_measured_and_some_are_not() -> None:
    known = outages(Dice((5,)), 2000, 100).float().mean()
    assert 0.9 < float(known) < 1.0


def test_shapes_are_within_what_their_rhythm_says() -> None:
    random = np.random.default_rng(0)
    for _ in range(500):
        shape = draw_shape(random)
        low, high = shape.rhythm.lengths
        assert low <= shape.length <= high
        assert 1 <= shape.horizon <= shape.rhythm.horizons[1]
        assert all(season >= 3 for season in shape.rhythm.seasons)
        assert list(shape.rhythm.seasons) == sorted(set(shape.rhythm.seasons))


def test_the_gallery_shows_every_generator_of_every_rhythm() -> None:
    page = gallery()
    for rhythm in NAMED:
        assert f"<h2>{rhythm.name}: " in page
    assert page.count("<h3>") == sum(len(weights_of(rhythm)) + 1 for rhythm in NAMED)
    assert "nan" not in page
