"""`ActionRecogniser`: key points, films and features in, actions out, whole, moment by moment and as they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ensue
from ensue.data.video.clips import read_clip
from ensue.data.video.writing_films import write_film
from ensue.errors import ConfigError, DataError, UsageError
from ensue.estimators.action_recogniser import ActionRecogniser


def bodies(count: int = 16) -> tuple[list[np.ndarray], list[str], list[int]]:
    """Four points of which one goes up and down, quickly or slowly."""
    dice = np.random.default_rng(0)
    clips = []
    for number in range(count):
        x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]) + dice.normal(0, 0.01, (16, 4, 2))
        x[:, 2, 1] += np.sin(np.arange(16) * (1.5 if number % 2 else 0.4))
        clips.append(x + 1)
    return clips, ["fast" if number % 2 else "slow" for number in range(count)], [row // 4 for row in range(count)]


CLIPS, LABELS, SUBJECTS = bodies()
SMALL: dict[str, Any] = {"preset": "fast", "hidden_size": 12, "steps": 80, "batch_size": 8, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def model() -> ActionRecogniser:
    return ActionRecogniser(**SMALL).fit(CLIPS, LABELS, subjects=SUBJECTS)


@pytest.fixture(scope="module")
def forward() -> ActionRecogniser:
    return ActionRecogniser(streaming=True, **SMALL).fit(CLIPS, LABELS, subjects=SUBJECTS)


def test_actions_are_learned_and_told(model: ActionRecogniser) -> None:
    assert model.predict(CLIPS) == LABELS
    assert model.scores_.accuracy == 1.0
    assert set(model.baselines_) == {"mean of all frames + linear", "single frame + linear"}
    assert "Validates on 1 of 4 subjects, none of whose rows is learned from." in model.findings_
    assert any(
        each.startswith("Baselines on the same 4 validation clips: mean of all frames") for each in model.findings_
    )
    assert model.evaluate(CLIPS, LABELS).accuracy == 1.0
    assert model.describe()["front_end"]["skeleton"] == "points"


def test_moments_of_a_clip_agree_with_a_stream_that_looks_back_as_far(model: ActionRecogniser) -> None:
    moments = model.moments(CLIPS[0])
    stream = model.stream(smooth=0)
    told = {each.time: each for frame in CLIPS[0] for each in stream.update(frame)}
    assert len(told) == 16 and len(moments) >= 3
    for moment in moments:
        assert told[moment.time].label == moment.label
        np.testing.assert_allclose(told[moment.time].probabilities, moment.probabilities, atol=1e-5)
    assert moments[-1].label == "slow" and stream.finish() == stream.partial


def test_a_network_that_reads_forward_carries_its_state(forward: ActionRecogniser) -> None:
    whole = forward.predict_proba(CLIPS[:1])[0]
    stream = forward.stream(smooth=0)
    stream.update(CLIPS[0][:5])
    state = stream.state
    other = forward.stream(smooth=0)
    other.state = state
    last = other.update(CLIPS[0][5:])[-1]
    np.testing.assert_allclose(last.probabilities, whole, atol=1e-5)
    np.testing.assert_allclose(forward.moments(CLIPS[0])[-1].probabilities, whole, atol=1e-5)
    other.reset()
    assert other.partial is None and other.finish() is None
    np.testing.assert_allclose(other.update(CLIPS[0])[-1].probabilities, whole, atol=1e-5)


def test_a_windowed_stream_goes_on_from_its_state(model: ActionRecogniser) -> None:
    one, other = model.stream(), model.stream()
    one.update(CLIPS[1][:9])
    other.state = one.state
    assert one.update(CLIPS[1][9:]) == other.update(CLIPS[1][9:])
    with pytest.raises(
        DataError, match=r"^The state is not one of this stream: save and restore it with the same model"
    ):
        other.state = {}


def test_answers_may_come_seldom(model: ActionRecogniser) -> None:
    stream = model.stream(every=0.2)
    assert [each.time for each in stream.update(CLIPS[0])] == [0.2, 0.4]
    with pytest.raises(ConfigError, match=r"^smooth is -1, expected seconds, such as 0\.3, or 0\.$"):
        model.stream(smooth=-1)


def test_films_are_learned_from_and_kept_with_their_front_end(tmp_path: Path) -> None:
    folder = film_folder(tmp_path)
    made = ActionRecogniser(width=16, height=16, **SMALL | {"steps": 60}).fit(folder)
    made.save(tmp_path / "m.ensue")
    loaded = ensue.load(tmp_path / "m.ensue")
    file = folder / "down" / "0.mp4"
    assert loaded.predict([file]) == ["down"]
    stream = loaded.stream(smooth=0)
    frames = read_clip(file, loaded.task_.front_end.rule).frames
    told = [each for frame in frames for each in stream.update(frame)]
    np.testing.assert_allclose(told[-1].probabilities, loaded.moments(file)[-1].probabilities, atol=1e-4)


def film_folder(tmp_path: Path) -> Path:
    """Films of a bright bar that goes down, or across."""
    for label in ("down", "across"):
        (tmp_path / "films" / label).mkdir(parents=True)
        for number in range(4):
            frames = np.full((12, 32, 32, 3), 20, np.uint8)
            for t in range(12):
                at = 2 * t + number
                frames[t, at : at + 5, 8:24] = 230
            if label == "across":
                frames = frames.transpose(0, 2, 1, 3)
            write_film(tmp_path / "films" / label / f"{number}.mp4", frames, 10)
    return tmp_path / "films"


def test_features_of_any_kind_are_read(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    clips = [dice.normal(size=(10, 6)) + 100 * (row % 2) for row in range(8)]
    made = ActionRecogniser(**SMALL | {"steps": 30}).fit(clips, ["a", "b"] * 4)
    assert made.predict(clips) == ["a", "b"] * 4
    assert any(each.startswith("The subjects cannot be told apart") for each in made.findings_)
    np.save(tmp_path / "a.npy", clips[1])
    assert made.predict([tmp_path / "a.npy"]) == ["b"]
    stream = made.stream(smooth=0)
    assert [each for row in clips[1] for each in stream.update(row)][-1].label == "b"


def test_a_network_of_the_users_own_looks_at_films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    network, folder = onnx_means(tmp_path / "net.onnx"), film_folder(tmp_path)
    made = ActionRecogniser(features=str(network), frame_rate=10, **SMALL | {"steps": 20}).fit(folder)
    kept = list((tmp_path / "cache" / "ensue" / "features").glob("*.npy"))
    assert len(kept) == 8
    before = {file: file.stat().st_mtime_ns for file in kept}
    assert made.predict_proba([folder / "down" / "0.mp4"]).shape == (1, 2)
    assert {file: file.stat().st_mtime_ns for file in kept} == before
    made.save(tmp_path / "m.ensue")
    assert np.array_equal(
        ensue.load(tmp_path / "m.ensue").predict_proba([folder / "down" / "0.mp4"]),
        made.predict_proba([folder / "down" / "0.mp4"]),
    )
    with pytest.raises(
        UsageError, match=r"^features names a network that looks at films, and the clips are none: leave"
    ):
        ActionRecogniser(features=str(network), **SMALL).fit(CLIPS, LABELS)
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"^/.*no\.onnx is no ONNX network that can be run \("):
        ActionRecogniser(features=str(tmp_path / "no.onnx"), **SMALL).fit(folder)


def onnx_means(path: Path) -> Path:
    """A network that gives the mean of each quarter of a picture, per colour."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    given = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, 16, 16])
    found = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3, 2, 2])
    pool = helper.make_node("AveragePool", ["picture"], ["features"], kernel_shape=[8, 8], strides=[8, 8])
    graph = helper.make_graph([pool], "means", [given], [found])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_names_of_sides_are_not_mirrored() -> None:
    def found(labels: list[str]) -> bool:
        told = ActionRecogniser(**SMALL | {"steps": 2}).fit(CLIPS, labels, subjects=SUBJECTS).findings_
        return "Clips are not mirrored, for the names of classes tell left from right." in told

    assert found(["swipe_left", "swipe_right"] * 8)
    assert not found(["upright", "bent"] * 8)


def test_clips_that_cannot_be_read_are_left_out_and_listed(tmp_path: Path) -> None:
    for number, (clip, label) in enumerate(zip(CLIPS, LABELS, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        np.save(tmp_path / label / f"s{number // 4}_{number}.npy", clip)
    (tmp_path / "fast" / "s1_99.npy").write_bytes(b"nothing")
    made = ActionRecogniser(**SMALL | {"steps": 3}).fit(tmp_path)
    assert any(
        each.startswith("Left out 1 file (s1_99.npy) that cannot be read; the first: ") for each in made.findings_
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (([], []), "There are no clips, expected some with their labels."),
        ((CLIPS, LABELS[1:]), "16 clips and 15 labels were given, expected equally many."),
        ((CLIPS, ["a"] * 16), "All 13 rows have the label 'a', expected two classes or more to tell apart: check the"),
        ((CLIPS[:2], ["a", "b"]), "Each class has one row, and some have to be set aside for validation: give more of"),
        (
            ([np.zeros(3)] * 4, ["a", "b"] * 2),
            "None of 2 clips can be read; the first: An array of shape (3,) was given, ",
        ),
        (("no_such_folder",), "There is no folder or table no_such_folder: check its path."),
    ],
)
def test_what_cannot_be_learned_from_is_a_sentence(data: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(DataError) as refused:
        ActionRecogniser(**SMALL).fit(*data)
    assert str(refused.value).startswith(sentence)


def test_a_label_with_a_single_example_is_said() -> None:
    made = ActionRecogniser(**SMALL | {"steps": 2}).fit([*CLIPS, CLIPS[0]], [*LABELS, "once"])
    assert any("class 'once' has a single row to learn from" in each for each in made.findings_)


def test_what_is_asked_wrongly_is_a_sentence(model: ActionRecogniser) -> None:
    with pytest.raises(
        UsageError, match=r"^A single file was given, expected a list of them: give predict\(\[file\]\)\.$"
    ):
        model.predict("a.mp4")
    with pytest.raises(
        DataError, match=r"^clip 2: An array of shape \(5, 9\) was given, expected the 4 points of 'points'"
    ):
        model.predict([CLIPS[0], np.zeros((5, 9))])
    assert model.predict_proba([]).shape == (0, 2)
