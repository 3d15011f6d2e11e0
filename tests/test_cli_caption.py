"""`ensue train caption` and `ensue caption`: films in, sentences out; lips with --ctc; a broken clip stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ensue
from ensue import Captioner, LipReader, cli
from ensue.data.video.moving_shapes import draw, scenes
from ensue.data.video.writing_films import write_film

pytest.importorskip("av")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight synthetic films and the table of their sentences."""
    made = tmp_path_factory.mktemp("films")
    rows = ["file,text,split"]
    for number in range(8):
        clip = draw(scenes()[61 * number % 480], np.random.default_rng(number), side=32)
        write_film(made / f"{number}.mp4", clip.frames, 25.0)
        rows.append(f"{number}.mp4,{clip.sentence},{'valid' if number > 5 else 'train'}")
    rows += ["0.mp4,something moves,train", "7.mp4,never read,test"]
    (made / "clips.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (made / "broken.mp4").write_bytes(b"no film")
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    path = folder / "m.ensue"
    captioner = Captioner(preset="fast", side=16, frame_rate=25, steps=3, threads=1)
    captioner.fit(folder / "clips.csv").save(path)
    return path


def test_a_table_of_films_becomes_a_model(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "new.ensue"
    arguments = ["train", "caption", str(folder / "clips.csv"), "-o", str(output), "--preset", "fast", "--steps", "2"]
    assert cli.run([*arguments, "--side", "16", "--frame-rate", "25"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith(f"{output}: 2 steps in ")
    assert "- 1 rows are for testing and stay unread." in err
    assert "- 6 clips with 7 captions to learn from, 2 clips to validate on." in err
    assert output.exists()


def test_clips_are_captioned_a_line_each(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["caption", "-m", str(model), str(folder / "0.mp4")]) == 0
    alone = capsys.readouterr().out
    assert alone.count("\n") == 1
    page = folder / "attention.html"
    films = [str(folder / name) for name in ("0.mp4", "broken.mp4", "1.mp4")]
    assert cli.run(["caption", "-m", str(model), *films, "--attention", str(page)]) == 1
    out, err = capsys.readouterr()
    assert [line.split("\t")[0] for line in out.splitlines()] == [films[0], films[2]]
    assert out.splitlines()[0].split("\t")[1] == alone.strip()
    assert err.splitlines()[-1] == f"ensue: 1 of 3 files could not be read: {films[1]}."
    assert "0.00 s" in page.read_text(encoding="utf-8")


def test_several_answers_and_json(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = str(folder / "2.mp4")
    assert cli.run(["caption", "-m", str(model), film, "--n-best", "2"]) == 0
    assert [float(line.split("\t")[0]) <= 0 for line in capsys.readouterr().out.splitlines()] == [True, True]
    assert cli.run(["caption", "-m", str(model), film, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == film
    assert set(told["captions"][0]) == {"text", "score", "log_probability", "ended", "tokens"}


def test_lips_are_learned_with_ctc_and_read(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.csv").write_text(
        "file,text\n" + "".join(f"{folder / f'{n}.mp4'},{'ab'[n % 2]}\n" for n in range(6)), encoding="utf-8"
    )
    output = tmp_path / "lips.ensue"
    arguments = ["train", "caption", str(tmp_path / "m.csv"), "-o", str(output), "--ctc", "--preset", "fast"]
    assert cli.run([*arguments, "--steps", "2", "--mouth", "12x8"]) == 0
    assert "Validation: word error rate " in capsys.readouterr().out
    films = [str(folder / name) for name in ("0.mp4", "1.mp4")]
    assert cli.run(["caption", "-m", str(output), *films]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == films
    assert cli.run(["caption", "-m", str(output), films[0], "--n-best", "2"]) == 2
    assert (
        capsys.readouterr().err.splitlines()[-1].startswith("ensue: --n-best and --attention are given and this model")
    )


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--mouth", "64x32"], "ensue: --mouth is given without --ctc, which it does not go with: leave it out."),
        (["--ctc", "--side", "32"], "ensue: --side is given with --ctc, which it does not go with: leave it out."),
        (
            ["--ctc", "--mouth", "64"],
            "ensue: --mouth is not WIDTHxHEIGHT in pixels, such as 64x32: '64' and '' were read.",
        ),
        (["--reader", "men"], "ensue: reader is 'men', did you mean 'mean'?"),
    ],
)
def test_choices_that_do_not_fit_are_refused(
    folder: Path, tmp_path: Path, more: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["train", "caption", str(folder / "clips.csv"), "-o", str(tmp_path / "x.ensue"), *more]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == sentence


def test_a_model_that_reads_lips_can_be_made_in_python(folder: Path) -> None:
    reader = LipReader(preset="fast", height=8, width=8, steps=1, words_model=0)
    reader.fit([folder / "0.mp4", folder / "1.mp4"], ["a", "b"], valid=([folder / "2.mp4"], ["a"]))
    assert len(reader.transcribe([folder / "3.mp4"])) == 1


def test_a_network_of_the_users_own_may_see_the_frames(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    mean = helper.make_node("GlobalAveragePool", ["x"], ["y"])
    graph = helper.make_graph(
        [mean],
        "mean",
        [helper.make_tensor_value_info("x", kind, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("y", kind, ["n", 3, 1, 1])],
    )
    network = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), network)
    output = tmp_path / "m.ensue"
    arguments = ["train", "caption", str(folder / "clips.csv"), "-o", str(output), "--preset", "fast", "--steps", "2"]
    assert cli.run([*arguments, "--features", str(network)]) == 0
    assert f"- 3 features a frame by {network}, kept on disk." in capsys.readouterr().err
    assert cli.run(["caption", "-m", str(output), str(folder / "7.mp4")]) == 0
    found = ensue.load(output)
    assert [layer.kind for layer in found.task_.networks()["source"].layers][:1] == ["linear"]
    assert len(found.task_.front_end.mean) == 3
