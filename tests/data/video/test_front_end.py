"""What a network reads of films: sizes, neighbours, equal results however frames come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.video.front_end import VideoFrontEnd, covering, resized
from ensue.errors import ConfigError, DataError
from ensue.tasks.front_ends import front_end_from_json

FRAMES = np.random.default_rng(0).integers(0, 256, (12, 10, 14, 3), dtype=np.uint8)
FRONT_ENDS = [
    VideoFrontEnd(4, 6),
    VideoFrontEnd(20, 7, colour=True, before=2),
    VideoFrontEnd(5, 5, fit="middle", before=1, differences=True),
    VideoFrontEnd(4, 4, crop=(0.5, 0.0, 1.0, 0.5)),
]


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_steps_have_the_size_that_was_told(front_end: VideoFrontEnd) -> None:
    x = front_end.read(FRAMES)
    assert x.shape == (12, front_end.size) and x.dtype == np.float32
    assert np.abs(x).max() <= 4.1


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_description_comes_back_the_same(front_end: VideoFrontEnd) -> None:
    assert front_end_from_json(front_end.to_json()) == front_end


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 11), max_size=5), st.sampled_from(FRONT_ENDS), st.booleans())
def test_frames_in_pieces_give_the_same_steps(cuts: list[int], front_end: VideoFrontEnd, restored: bool) -> None:
    stream = front_end.stream()
    borders = sorted({0, *cuts, len(FRAMES)})
    found = []
    for first, last in zip(borders, borders[1:], strict=False):
        found.append(stream.push(FRAMES[first:last]))
        if restored:
            state = stream.state
            stream = front_end.stream()
            stream.state = state
    np.testing.assert_allclose(np.concatenate(found), front_end.read(FRAMES), atol=1e-6)


def test_channels_are_the_frame_and_those_before_it() -> None:
    shades = np.array([0, 50, 200], np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    x = VideoFrontEnd(1, 1, before=1).read(shades) * 63.75 + 127.5
    assert x.round(3).tolist() == [[0.0, 0.0], [50.0, 0.0], [200.0, 50.0]]
    x = VideoFrontEnd(1, 1, before=1, differences=True).read(shades) * 63.75
    assert x[:, 1].round(3).tolist() == [0.0, 50.0, 150.0]


def test_resizing_keeps_the_mean_and_frames_of_the_same_size() -> None:
    frame = FRAMES[0]
    assert np.array_equal(resized(frame, 10, 14), frame.astype(np.float32))
    assert resized(frame, 4, 3).mean() == pytest.approx(frame.mean(), rel=1e-5)
    for count, wanted in ((7, 3), (3, 7), (5, 5)):
        assert covering(count, wanted).sum(axis=1) == pytest.approx(np.ones(wanted))


def test_what_cannot_be_is_refused() -> None:
    for arguments, sentence in (
        ({"rate": 0}, "frames: rate is 0, expected frames a second, such as 25."),
        ({"fit": "squeez"}, "video: fit is 'squeez', did you mean 'squeeze'?"),
        ({"differences": True}, "video: differences is true and before is 0, expected before to be 1 at least."),
        (
            {"crop": (0, 0, 0, 1)},
            "video: crop is (0, 0, 0, 1), expected top, left, bottom and right as shares from 0 to 1.",
        ),
    ):
        with pytest.raises(ConfigError) as refused:
            VideoFrontEnd(**arguments)
        assert str(refused.value) == sentence
    with pytest.raises(DataError) as unread:
        VideoFrontEnd(4, 4).read(np.zeros((3, 4)))
    assert str(unread.value) == (
        "An array of shape (3, 4) and float64 was given, expected the frames of a film (frames, rows, columns, 3), uint8."
    )
