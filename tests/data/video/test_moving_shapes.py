"""Synthetic clips: their sentences are true, and the same seed draws the same."""

from __future__ import annotations

import numpy as np
import pytest

from ensue.data.video.moving_shapes import COLOURS, DIRECTIONS, Scene, clips, draw, scenes, set_apart
from ensue.errors import ConfigError


def middles(frames: np.ndarray) -> np.ndarray:
    """Where the shape is in each frame: the middle of what is far from the picture's corner colours."""
    behind = np.median(frames.reshape(len(frames), -1, 3), axis=1)
    far = np.abs(frames - behind[:, None, None]).sum(3) > 120
    return np.array([np.argwhere(each).mean(axis=0) for each in far])


@pytest.mark.parametrize("number", range(0, 480, 37))
def test_the_sentence_is_true_of_the_frames(number: int) -> None:
    scene = scenes()[number]
    clip = draw(scene, np.random.default_rng(number), side=48)
    path = middles(clip.frames.astype(float))
    moved = np.diff(path, axis=0)
    moves = [each for each in (scene.first, scene.second) if each]
    seen = []
    for step in moved:
        down, right = step
        across = ("left" if right < 0 else "right") if abs(right) > abs(down) else ("up" if down < 0 else "down")
        if not seen or seen[-1] != across:
            seen.append(across)
    assert seen == moves


def test_size_and_colour_can_be_seen() -> None:
    for colour, wanted in COLOURS.items():
        sizes = {}
        for size in ("small", "large"):
            frames = draw(Scene(size, colour, "square", "up"), np.random.default_rng(1), 48).frames.astype(float)
            behind = np.median(frames.reshape(len(frames), -1, 3), axis=1)
            far = np.abs(frames - behind[:, None, None]).sum(3) > 120
            sizes[size] = far.mean()
            shade = frames[far].mean(axis=0)
            nearest = min(COLOURS, key=lambda each: float(np.abs(shade - COLOURS[each]).sum()))
            assert nearest == colour, (wanted, shade)
        assert sizes["small"] < sizes["large"] / 2


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    one, again, other = (list(clips(3, seed)) for seed in (4, 4, 5))
    assert all(np.array_equal(a.frames, b.frames) for a, b in zip(one, again, strict=True))
    assert not all(
        a.frames.shape == b.frames.shape and (a.frames == b.frames).all() for a, b in zip(one, other, strict=True)
    )


def test_combinations_set_apart_are_never_drawn_from_the_rest() -> None:
    known, apart = set_apart(0.2, seed=3)
    assert {scene.sentence for scene in known}.isdisjoint(scene.sentence for scene in apart)
    assert len(known) + len(apart) == len(scenes())
    drawn = {clip.sentence for clip in clips(40, 0, known)}
    assert drawn.isdisjoint(scene.sentence for scene in apart)
    words = {word for scene in known for word in scene.sentence.split()}
    assert {word for scene in apart for word in scene.sentence.split()} <= words  # only their combination is new
    assert set(DIRECTIONS) <= words


def test_a_picture_too_small_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^moving shapes: side is 4, expected a whole number from 16 to 1024\.$"):
        draw(scenes()[0], np.random.default_rng(0), side=4)
