"""The part of a film that moves is found wherever it is, and is read the same; what training sees keeps its shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.video.lips import LipsAnew, LipsFrontEnd, grey, shrunk
from ensue.data.video.moved import Moved
from ensue.data.video.moving_part import moving_part
from ensue.errors import ConfigError, DataError, UsageError
from ensue.tasks.front_ends import front_end_from_json

SMALL = LipsFrontEnd(height=8, width=12, margin=2, neighbours=1)


def film(down: int, right: int, steps: int = 9, seed: int = 0) -> np.ndarray:
    """A patch of changing noise on a still background."""
    dice = np.random.default_rng(seed)
    frames = np.full((steps, 40, 60), 90, np.uint8)
    frames[:, down : down + 6, right : right + 8] = dice.integers(0, 255, (steps, 6, 8))
    return frames


@given(down=st.integers(4, 28), right=st.integers(6, 44))
def test_the_part_that_moves_is_found_wherever_it_is(down: int, right: int) -> None:
    part = SMALL.cut_out(film(down, right))
    assert part.shape == (9, 12, 16)
    np.testing.assert_array_equal(part[:, 3:9, 4:12], film(down, right)[:, down : down + 6, right : right + 8])


@pytest.mark.parametrize("frames", [film(10, 10)[:1], np.full((5, 40, 60), 7, np.uint8)])
def test_where_nothing_moves_it_is_the_middle(frames: np.ndarray) -> None:
    found = moving_part(frames[..., None], 10, 20)[..., 0]
    np.testing.assert_array_equal(found, frames[:, 15:25, 20:40])


def test_neighbours_are_the_channels_of_a_step() -> None:
    part = SMALL.inside(SMALL.cut_out(film(10, 10)))
    x = SMALL.read(film(10, 10))
    assert x.shape == (9, SMALL.size)
    pictures = x.reshape(9, *SMALL.picture)
    np.testing.assert_array_equal(pictures[3, :, :, 0], pictures[2, :, :, 1])
    np.testing.assert_array_equal(pictures[3, :, :, 2], pictures[4, :, :, 1])
    np.testing.assert_array_equal(pictures[0, :, :, 0], pictures[0, :, :, 1])  # nothing is before the first
    own = pictures[..., 1]
    assert abs(float(own.mean())) < 1e-4
    assert float(own.std()) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(np.corrcoef(own.ravel(), part.ravel())[0, 1], 1, atol=1e-5)


def test_light_and_contrast_change_nothing() -> None:
    dark = (film(10, 10) // 2 + 20).astype(np.uint8)
    np.testing.assert_allclose(SMALL.read(dark), SMALL.read(film(10, 10)), atol=0.05)


def test_training_sees_clips_of_other_lengths_but_the_same_size_and_depends_on_the_dice_alone() -> None:
    anew = LipsAnew(SMALL, [SMALL.cut_out(film(10, 10, 30))])
    lengths = set()
    for seed in range(20):
        one, again = (anew(0, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(one, again)
        assert one.shape[1] == SMALL.size
        assert 20 <= len(one) <= 40
        lengths.add(len(one))
    assert len(lengths) > 3


def test_a_moved_picture_is_itself_moved() -> None:
    frames = np.arange(24, dtype=np.float32).reshape(1, 4, 6, 1)
    moved = Moved([frames.reshape(1, -1)], (4, 6, 1), shift=1, light=0.0)
    seen = {moved(0, np.random.default_rng(seed)).tobytes() for seed in range(60)}
    assert len(seen) == 9  # three places down, three to the right
    assert frames.tobytes() in seen
    right = np.concatenate([frames[:, :, :1], frames[:, :, :-1]], axis=2)
    assert right.tobytes() in seen


def test_colour_is_taken_away_and_pixels_are_joined() -> None:
    coloured = np.zeros((1, 2, 2, 3), np.uint8)
    coloured[..., 1] = 100
    assert grey(coloured).tolist() == [[[59, 59], [59, 59]]]
    assert shrunk(np.array([[[0, 2, 9], [4, 6, 9]]], np.uint8), 2).tolist() == [[[3]]]
    shrinking = LipsFrontEnd(height=8, width=8, margin=0, shrink=2)
    assert shrinking.read(film(10, 10)).shape == (9, 192)


def test_it_goes_into_a_file_and_back() -> None:
    assert front_end_from_json(SMALL.to_json()) == SMALL


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (
            np.zeros((0, 4, 4), np.uint8),
            "An array of shape (0, 4, 4) and uint8 was given, expected the frames of a film",
        ),
        (np.zeros((3, 40, 60)), "An array of shape (3, 40, 60) and float64 was given, expected the frames of a film"),
        (film(0, 0)[:, :10], "The clip's frames are 60 x 10 pixels, expected 16 x 12 at least, which are cut out of"),
    ],
)
def test_what_is_no_film_is_refused(item: Any, sentence: str) -> None:
    with pytest.raises(DataError) as refused:
        SMALL.read(item)
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith(".")


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^lips: height is 2, expected a whole number from 8 to 1000\.$"):
        LipsFrontEnd(height=2)
    with pytest.raises(ConfigError, match=r"^frames: rate is 0, expected frames a second, such as 25\.$"):
        LipsFrontEnd(rate=0)
    with pytest.raises(UsageError, match=r"^Lips cannot be read as they come"):
        SMALL.stream()
