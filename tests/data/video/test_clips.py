"""Films as frames: which are taken, when, and what is said of files that are not as they should be."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ensue.data.video.clips import FrameRule, read_clip, upright
from ensue.data.video.writing_films import with_words, write_film
from ensue.errors import DataError, StorageError, UsageError

av = pytest.importorskip("av")

SHADES = [10, 60, 110, 160, 210, 250]


def film(path: Path, shades: list[int] = SHADES, rate: int = 10, pts: list[int] | None = None) -> Path:
    """A film of plain frames, one a shade; `pts` are their times in hundredths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 100)
        for number, shade in enumerate(shades):
            frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), shade, np.uint8), format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[number], Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def shades(frames: np.ndarray) -> list[int]:
    """The shade nearest to each frame."""
    means = frames.reshape(len(frames), -1).mean(axis=1)
    return [min(SHADES, key=lambda shade: abs(shade - mean)) for mean in means]


def test_a_film_at_its_own_rate_gives_each_frame_once(tmp_path: Path) -> None:
    clip = read_clip(film(tmp_path / "a.mp4"), FrameRule(10))
    assert clip.frames.shape == (6, 16, 32, 3)
    assert shades(clip.frames) == SHADES
    assert clip.times.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert clip.findings == ()


def test_fewer_frames_are_those_shown_at_their_instants(tmp_path: Path) -> None:
    assert shades(read_clip(film(tmp_path / "a.mp4"), FrameRule(5)).frames) == [10, 110, 210]


def test_more_frames_come_more_than_once_and_that_is_said(tmp_path: Path) -> None:
    clip = read_clip(film(tmp_path / "a.mp4"), FrameRule(20))
    assert shades(clip.frames) == [shade for shade in SHADES for _ in range(2)]
    assert clip.findings == ("a.mp4 has 10 frames a second, and 20 are taken: some come more than once.",)


def test_a_variable_frame_rate_goes_by_time_and_is_said(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", pts=[0, 10, 20, 50, 60, 90])
    clip = read_clip(path, FrameRule(10))
    assert shades(clip.frames)[:10] == [10, 60, 110, 110, 110, 160, 210, 210, 210, 250]
    assert clip.findings[0] == (
        "a.mkv has a variable frame rate, 3.33 to 10 frames a second; frames are taken by their times, 10 a second."
    )


def test_a_single_frame_is_read_and_said(tmp_path: Path) -> None:
    clip = read_clip(film(tmp_path / "a.mp4", [160]), FrameRule(10))
    assert shades(clip.frames) == [160]
    assert clip.findings == ("a.mp4 has a single frame.",)


def test_frames_are_changed_as_they_are_read(tmp_path: Path) -> None:
    clip = read_clip(film(tmp_path / "a.mp4"), FrameRule(10), lambda frame: frame[:2, :3, :1])
    assert clip.frames.shape == (6, 2, 3, 1)


def test_a_rotated_frame_is_turned_upright() -> None:
    frame = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert upright(frame, 0) is frame
    assert upright(frame, 90).tolist() == [[2, 5], [1, 4], [0, 3]]
    assert upright(frame, 270).tolist() == [[3, 0], [4, 1], [5, 2]]
    assert upright(frame, 180).tolist() == [[5, 4, 3], [2, 1, 0]]


def test_a_film_that_a_phone_stored_turned_is_read_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    left_is_bright = np.zeros((16, 32, 3), np.uint8)
    left_is_bright[:, :16] = 250
    write_film(path, [left_is_bright] * 3, 10)
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # the matrix of a track header (ISO 14496-12, sec. 8.3.2)
    content[at : at + 36] = struct.pack(
        ">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 16 << 16, 0, 1 << 30
    )  # a quarter clockwise
    path.write_bytes(content)
    clip = read_clip(path, FrameRule(10))
    assert clip.frames.shape == (3, 32, 16, 3)
    assert clip.frames[0, :14].min() > 200 and clip.frames[0, 18:].max() < 50
    assert clip.findings == ("phone.mp4 is stored turned by 270 degrees and was turned upright.",)


def test_a_folder_of_pictures_is_a_clip(tmp_path: Path) -> None:
    for number, shade in ((2, 60), (10, 110), (1, 10)):
        picture = av.VideoFrame.from_ndarray(np.full((16, 32, 3), shade, np.uint8), format="rgb24")
        picture.save(str(tmp_path / f"{number}.png"))
    assert shades(read_clip(tmp_path, FrameRule(5)).frames) == [10, 60, 110]
    assert read_clip(tmp_path, FrameRule(5)).times.tolist() == pytest.approx([0, 0.2, 0.4])


def test_what_is_no_film_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "folder").mkdir()
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    for name, sentence in (
        ("missing.mp4", "There is no file {}: check its path."),
        ("empty.mp4", "{} is empty (0 bytes): make it again."),
        (
            "noise.mp4",
            "{} is no film that can be read (Invalid data found when processing input): check that it plays.",
        ),
        ("sound.mp4", "{} has no pictures in it but sound, expected a film."),
        ("folder", "The folder {} holds no pictures, expected frames such as 0.png, 1.png."),
    ):
        with pytest.raises(DataError) as refused:
            read_clip(tmp_path / name)
        assert str(refused.value) == sentence.format(tmp_path / name)


def test_of_a_film_that_is_cut_off_what_is_there_is_read(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", SHADES * 4)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert 2 <= len(read_clip(path, FrameRule(10)).frames) < 24


def test_a_film_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def frames():
        yield np.zeros((17, 33, 3), np.uint8)
        raise DataError("The frames end here.")

    with pytest.raises(DataError, match=r"^The frames end here\.$"):
        write_film(tmp_path / "a.mp4", frames(), 10)
    assert list(tmp_path.iterdir()) == []
    assert write_film(tmp_path / "a.mp4", [np.zeros((17, 33, 3), np.uint8)] * 3, 10) == 3
    assert read_clip(tmp_path / "a.mp4", FrameRule(10)).frames.shape == (3, 16, 32, 3)
    with pytest.raises(UsageError, match=r"a\.txt is no name of a film, expected one that ends in \.mp4, \.mov, \.mkv"):
        write_film(tmp_path / "a.txt", [], 10)
    with pytest.raises(StorageError, match=r"does not exist: make it first\.$"):
        write_film(tmp_path / "no" / "a.mp4", [], 10)


def test_words_stand_on_frames_from_their_second_on(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [110] * 6)
    found = list(with_words(path, [(0.2, ["walk 90%"]), (0.4, ["run"])], 10))
    assert len(found) == 6
    plain = [bool((frame > 90).all() and (frame < 130).all()) for frame in found]
    assert plain == [True, True, False, False, False, False]
    assert (found[3] != found[4]).any()


@pytest.mark.data
def test_real_clips_are_read(data_folder: Path) -> None:
    folder = data_folder / "speech_video"
    clips = [
        *sorted((folder / "msvd_8clips").glob("*.avi")),
        *sorted((folder / "grid_s1" / "original").glob("*.mpg"))[:2],
    ]
    assert len(clips) >= 3
    for path in clips:
        clip = read_clip(path, FrameRule(5), lambda frame: frame[::8, ::8])
        assert len(clip.frames) == len(clip.times) >= 10
        assert clip.frames.std() > 5
