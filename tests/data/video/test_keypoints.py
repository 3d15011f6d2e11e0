"""Bodies and hands in motion: read the same wherever they stand, as they come, and with parts missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.video.anew import BodiesAnew, FilmsAnew, Pace
from ensue.data.video.front_end import VideoFrontEnd
from ensue.data.video.keypoint_files import read_keypoints
from ensue.data.video.keypoints import KeypointFrontEnd
from ensue.data.video.skeletons import KNOWN, positions, recognised
from ensue.errors import ConfigError, DataError, UsageError
from ensue.tasks.front_ends import front_end_from_json

DICE = np.random.default_rng(0)
KINECT = KeypointFrontEnd("kinect", 20, 3)
BODY = DICE.normal(size=(20, 3)) + DICE.normal(size=(15, 20, 3)) * 0.1


def holistic() -> np.ndarray:
    """Frames of MediaPipe's holistic layout, the right hand missing at first, everything at the very first."""
    x = np.random.default_rng(1).random((9, 1662))
    x[:4, -63:] = 0
    x[0] = 0
    return x


def test_where_a_body_stands_how_large_it_is_and_where_it_looks_change_nothing() -> None:
    angle = 1.1
    turning = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    moved = BODY @ turning * 1.7 + np.array([3.0, -1.0, 2.0])
    np.testing.assert_allclose(KINECT.read(moved), KINECT.read(BODY), atol=1e-5)


def test_a_walk_is_seen() -> None:
    still, walking = np.repeat(BODY[:1], 15, axis=0), np.repeat(BODY[:1], 15, axis=0)
    walking = walking + np.arange(15)[:, None, None] * np.array([0.1, 0.0, 0.0])
    assert np.abs(KINECT.read(walking) - KINECT.read(still)).max() > 0.2


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 8), max_size=5), st.booleans(), st.booleans())
def test_key_points_in_pieces_give_the_same_steps(cuts: list[int], hands: bool, restored: bool) -> None:
    whole = holistic() if hands else BODY[:9]
    front_end = KeypointFrontEnd.recognise(whole)
    stream = front_end.stream()
    borders = sorted({0, *cuts, len(whole)})
    found = []
    for first, last in zip(borders, borders[1:], strict=False):
        found.append(stream.push(whole[first:last]))
        if restored:
            state = stream.state
            stream = front_end.stream()
            stream.state = state
    np.testing.assert_allclose(np.concatenate(found), front_end.read(whole), atol=1e-5)


def test_missing_parts_are_held_and_marked() -> None:
    x = holistic()
    front_end = KeypointFrontEnd.recognise(x)
    assert (front_end.skeleton, front_end.joints) == ("mediapipe-holistic", 75)
    steps = front_end.read(x)
    assert steps.shape == (9, front_end.size) and np.isfinite(steps).all()
    assert steps[:, -3:].tolist() == [[0, 0, 0]] + [[1, 1, 0]] * 3 + [[1, 1, 1]] * 5
    x[6:, -63:] = 0
    held = front_end.read(x)
    hand = slice(3 * (33 + 1 + 21 + 1), 3 * (33 + 1 + 21 + 1 + 21))
    assert np.abs(held[5, hand]).max() > 0 and np.array_equal(held[6, hand], held[5, hand])


def test_a_whole_reference_does_not_stream() -> None:
    front_end = KeypointFrontEnd("kinect", 20, 3, reference="whole")
    assert not front_end.causal and front_end.read(BODY).shape == (15, front_end.size)
    with pytest.raises(
        UsageError, match=r"^This front end measures a body over the whole clip, so key points cannot be"
    ):
        front_end.stream()


@pytest.mark.parametrize("name", [*KNOWN, "points"])
def test_descriptions_come_back_the_same(name: str) -> None:
    skeleton = KNOWN.get(name)
    front_end = KeypointFrontEnd(name, skeleton.joints, skeleton.axes) if skeleton else KeypointFrontEnd("points", 7, 2)
    assert front_end_from_json(front_end.to_json()) == front_end
    swapped = front_end.points.swapped
    assert np.array_equal(swapped[swapped], np.arange(front_end.joints))
    shape = (4, front_end.joints, front_end.axes)
    assert front_end.read(np.random.default_rng(0).random(shape)).shape == (4, front_end.size)


def test_shapes_tell_skeletons() -> None:
    for shape, name in (((5, 132), "mediapipe-pose"), ((5, 126), "mediapipe-hands"), ((5, 17, 3), "coco")):
        assert recognised(np.zeros(shape)).name == name
    with pytest.raises(
        DataError, match=r"^An array of shape \(5, 7\) was given, expected key points \(frames, points, 2"
    ):
        recognised(np.zeros((5, 7)))
    with pytest.raises(
        DataError, match=r"^An array of shape \(5, 9, 3\) was given, expected the 20 points of 'kinect'"
    ):
        positions(np.zeros((5, 9, 3)), KNOWN["kinect"])
    with pytest.raises(DataError, match=r"^The key points hold infinite values, expected numbers: correct them\.$"):
        positions(np.full((5, 20, 3), np.inf), KNOWN["kinect"])
    with pytest.raises(ConfigError, match=r"^keypoints: skeleton is 'kinekt', did you mean 'kinect'\?$"):
        KeypointFrontEnd("kinekt", 20, 3)


def test_every_file_of_key_points_gives_the_same(tmp_path: Path) -> None:
    x = np.random.default_rng(3).random((6, 4, 2)).round(4)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", keypoints=x, other=np.zeros(3))
    rows = "\n".join(f"{t},{j},{x[t, j, 0]},{x[t, j, 1]}" for t in range(6) for j in range(4))
    (tmp_path / "long.csv").write_text("frame,joint,x,y\n" + rows + "\n")
    heads = ",".join(f"j{j}{axis}" for j in range(4) for axis in "xy")
    wide = "\n".join(f"{t}," + ",".join(map(str, x[t].ravel())) for t in range(6))
    (tmp_path / "wide.csv").write_text(f"frame,{heads}\n{wide}\n")
    (tmp_path / "sequence").mkdir()
    for t in range(6):
        np.save(tmp_path / "sequence" / f"{t + 5}.npy", x[t])
    for name in ("a.npy", "a.npz", "long.csv", "sequence"):
        assert np.array_equal(read_keypoints(tmp_path / name), x), name
    assert np.array_equal(read_keypoints(tmp_path / "wide.csv"), x.reshape(6, 8))


def test_damaged_files_of_key_points_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY rest is missing")
    np.save(tmp_path / "b.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.savez(tmp_path / "c.npz", one=np.zeros(1), two=np.zeros(1))
    (tmp_path / "d.csv").write_text("x,y\n1,a\n2,b\n")
    (tmp_path / "e").mkdir()
    for name, sentence in (
        ("a.npy", "{} is no array of numbers that can be read (it is damaged or something else): save it again."),
        ("b.npy", "{} is no array of numbers that can be read (it holds Python objects): save it again."),
        ("c.npz", "{} holds 2 arrays (one, two), expected one, or one called 'keypoints'."),
        ("d.csv", "The column 'y' of {} holds no numbers, expected positions of key points: a row a frame, or columns frame, "
                  "joint, x, y and z."),
        ("e", "The folder {} has no .npy files, expected one for each frame, such as 0.npy."),
    ):  # fmt: skip
        with pytest.raises(DataError) as refused:
            read_keypoints(tmp_path / name)
        assert str(refused.value) == sentence.format(tmp_path / name)


def test_training_sees_another_body_each_time_and_the_same_for_the_same_dice() -> None:
    anew = BodiesAnew(KINECT, [BODY])
    one, other, again = (anew(0, np.random.default_rng(seed)) for seed in (1, 2, 1))
    assert np.array_equal(one, again) and (one.shape != other.shape or not np.array_equal(one, other))
    still = BodiesAnew(KINECT, [BODY], Pace(0, 0, 0), mirror=False, turn=0, tilt=0, scale=0, noise=0)
    np.testing.assert_allclose(still(0, np.random.default_rng(0)), KINECT.read(BODY), atol=1e-5)
    films = FilmsAnew(VideoFrontEnd(8, 8), [np.zeros((9, 8, 8, 1), np.uint8)], Pace(0, 0, 0))
    assert films(0, np.random.default_rng(0)).shape == (9, 64)


def test_a_mirror_swaps_left_and_right() -> None:
    plain = BodiesAnew(KINECT, [BODY], Pace(0, 0, 0), mirror=True, turn=0, tilt=0, scale=0, noise=0)
    mirrored = BODY[:, KNOWN["kinect"].swapped] * np.array([-1, 1, 1])
    seen = [plain(0, np.random.default_rng(seed)) for seed in range(8)]
    wanted = KINECT.read(mirrored)
    assert any(np.allclose(each, wanted, atol=1e-4) for each in seen)
