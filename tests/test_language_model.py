"""`LanguageModel` and its verbs: from a text to a file, and from the file to text, in Python and from a shell."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ensue
from ensue import cli
from ensue.errors import DataError, ModelFileError, NotFittedError, UsageError
from ensue.estimators.language_model import LanguageModel

TEXT = "".join(f"{who} {what} the {where}.\n" for _ in range(30) for who in ("she", "he") for what in ("saw", "left")
               for where in ("sea", "hill"))  # fmt: skip
TINY: dict[str, Any] = {"hidden_size": 24, "layers": 1, "embedding": 12, "dropout": 0.0, "weight_drop": 0.0}
FAST = TINY | {"steps": 80, "learning_rate": 0.02, "context_length": 25, "batch_size": 8}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel(**FAST).fit(TEXT)


@pytest.fixture(scope="module")
def file(model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "text.ensue"
    model.save(path)
    return path


def test_a_saved_model_is_the_same(model: LanguageModel, file: Path) -> None:
    loaded = ensue.load(file)
    assert isinstance(loaded, LanguageModel) and loaded.task_ == model.task_
    assert loaded.get_params() == model.get_params()
    assert loaded.evaluate(TEXT).nats == model.evaluate(TEXT).nats
    assert list(loaded.generate("she ", 30, seed=4)) == list(model.generate("she ", 30, seed=4))
    assert loaded.report_ == model.report_


def test_it_has_learned_the_text(model: LanguageModel) -> None:
    assert model.evaluate(TEXT).bits_per_character < 1.5
    assert model.evaluate("xyz " * 20).unknown > 0
    assert len("".join(model.generate("he ", 40, temperature=0.3))) == 40
    held, different = round(len(TEXT) / 10), model.task_.front_end.size
    assert model.findings_[-1] == (
        f"text: {len(TEXT) - held:,} characters to learn from and {held:,} set aside, of {different} different ones; "
        "0 unknown."
    )


def test_training_goes_on_from_a_model(model: LanguageModel, file: Path) -> None:
    more = LanguageModel(**FAST | {"steps": 20, "learning_rate": 0.005}).fit(TEXT, start_from=file)
    assert more.task_ == model.task_
    assert more.report_.validation < 1.1 * model.report_.validation
    one, two = (each.weights_["network"]["layers.1.weight_hh_l0"] for each in (more, model))
    assert not np.array_equal(one, two)


def test_a_model_to_go_on_from_is_not_contradicted(file: Path) -> None:
    own = len(set(TEXT))
    for given, has in (
        ({"tokens": "words"}, "'characters'"),
        ({"lowercase": True}, "False"),
        ({"normalise": "NFKC"}, "'NFC'"),
        ({"hidden_size": 25}, "24"),
        ({"layers": 2}, "1"),
        ({"embedding": 24}, "12"),
        ({"tied": True}, "False"),
    ):
        ((name, value),) = given.items()
        with pytest.raises(UsageError) as refused:
            LanguageModel(**given).fit(TEXT, start_from=file)
        assert str(refused.value) == (
            f"{name} is {value!r}, but the model to go on from has {has}: leave it out, or train without that model."
        )
    with pytest.raises(UsageError) as refused:
        LanguageModel(vocabulary=11).fit(TEXT, start_from=file)
    assert str(refused.value) == (
        f"vocabulary is 11, but the model to go on from has {own} characters: leave it out, or train without that model."
    )


def test_what_was_used_is_what_the_file_says(model: LanguageModel, tmp_path: Path) -> None:
    more = LanguageModel(steps=1, dropout=0.25, vocabulary=500, seed=7).fit(TEXT, start_from=model)
    more.save(tmp_path / "a.ensue")
    loaded: Any = ensue.load(tmp_path / "a.ensue")
    used, sizes = loaded.get_params(), loaded.describe()["sizes"]
    assert used | TINY | {"tokens": "characters", "dropout": 0.25, "seed": 7} == used
    assert sizes | {"hidden_size": 24, "layers": 1, "embedding": 12, "output_dropout": 0.25} == sizes
    before, after = (
        model.weights_["network"]["layers.1.weight_hh_l0"],
        more.weights_["network"]["layers.2.weight_hh_l0"],
    )
    assert np.abs(before - after).max() < 0.01  # after one small step, under the name it has beside dropout


def test_a_run_goes_on_elsewhere_but_not_with_other_texts(tmp_path: Path) -> None:
    checkpoint, valid = tmp_path / "c", "she saw the sea.\n" * 9
    LanguageModel(**FAST | {"steps": 3}).fit(TEXT, valid, checkpoint=checkpoint)
    LanguageModel(**FAST | {"steps": 3, "threads": 2, "device": "cpu"}).fit(
        TEXT, valid, checkpoint=checkpoint, resume=True
    )
    for text, other in ((TEXT[:-2] + "!\n", valid), (TEXT, valid[:-2] + "?\n")):
        with pytest.raises(
            ModelFileError, match=r"belongs to a run with other data or options: resume with the same ones,"
        ):
            LanguageModel(**FAST | {"steps": 3}).fit(text, other, checkpoint=checkpoint, resume=True)


def test_a_text_is_scored_block_by_block(model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    whole = model.evaluate(TEXT)
    monkeypatch.setattr("ensue.data.corpus.BLOCK", 100)
    for text in (TEXT, path):
        parts = model.evaluate(text)
        assert parts.nats == pytest.approx(whole.nats, rel=1e-6)
        assert (parts.tokens, parts.characters, parts.unknown) == (whole.tokens, whole.characters, whole.unknown)


def test_a_prompt_is_text(model: LanguageModel) -> None:
    with pytest.raises(UsageError, match=r"^A bytes was given as prompt, expected a str\.$"):
        model.generate(b"she")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"^generate: count is 0, expected a whole number from 1 to 1000000000\.$"):
        model.generate("she", 0)
    assert list(model.generate("she\r\n", 9)) == list(model.generate("she\n", 9))


def test_a_text_to_validate_on(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "b.txt").write_text("she saw the sea.\n" * 5)
    model = LanguageModel(**FAST | {"steps": 5}).fit(tmp_path / "a.txt", tmp_path / "b.txt")
    assert f"{len(TEXT):,} characters to learn from and 85 set aside" in model.findings_[-1]


def test_what_is_not_fitted_says_so() -> None:
    with pytest.raises(NotFittedError, match=r"^This LanguageModel has not been fitted: call fit first"):
        LanguageModel().evaluate("a")


def test_a_name_of_a_file_is_not_taken_for_a_text(model: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^The text given is 'no/such.txt', which looks like the name of a file that is"
    ):
        LanguageModel().fit("no/such.txt")
    (tmp_path / "a.md").write_text(TEXT)
    with pytest.raises(UsageError, match=r"a\.md', the name of a file: give Path\('.*a\.md'\) to read that file\.$"):
        LanguageModel().fit(str(tmp_path / "a.md"))
    assert model.evaluate("she saw the hill.txt").tokens


def test_an_argument_of_drawing_that_is_not_there_is_refused(model: LanguageModel) -> None:
    with pytest.raises(UsageError, match=r"^generate has no argument 'tokens', choose from 'count', 'temperature', "):
        model.generate("she", tokens=10)
    with pytest.raises(UsageError, match=r"did you mean 'temperature'\?$"):
        model.generate("she", temprature=1.0)


def test_a_count_of_tokens_that_cannot_be_is_named_as_it_was_given(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["generate", "-m", str(file), "--tokens", "-20"]) == 2
    assert capsys.readouterr().err == "ensue: --tokens is -20, expected 1 or more: give 200, for example.\n"


def test_arguments_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^LanguageModel has no argument 'hiden_size': did you mean 'hidden_size'\?$"):
        LanguageModel(hiden_size=3)
    assert LanguageModel(seed=3).set_params(seed=4, tokens="words").get_params()["seed"] == 4


def test_a_forecaster_does_not_begin_with_a_language_model(file: Path) -> None:
    with pytest.raises(ModelFileError, match=r"holds a language-model model, expected a forecaster to begin from\.$"):
        ensue.Forecaster(horizon=2).fit({"ds": list(range(60)), "y": list(range(60))}, start_from=file)


def test_a_file_whose_parts_do_not_fit_is_refused(model: LanguageModel, tmp_path: Path) -> None:
    from ensue.model_file import save_model
    from ensue.tasks.task_file import Parts, contents

    arrays, description = contents(Parts(model.task_, model.weights_, model.report_, model.get_params()))
    description["definition"]["sizes"]["hidden_size"] = 25
    save_model(tmp_path / "a.ensue", arrays, description)
    with pytest.raises(ModelFileError, match=r"lacks part of a language-model model, .* \(its networks are not"):
        ensue.load(tmp_path / "a.ensue")
    description["task"] = "weaving"
    save_model(tmp_path / "a.ensue", arrays, description)
    with pytest.raises(
        ModelFileError, match=r"holds a model for 'weaving', expected one of forecasting, language-model, "
    ):
        ensue.load(tmp_path / "a.ensue")


# ---- from a shell ----


def test_train_generate_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    model = tmp_path / "m.ensue"
    tiny = ["--hidden-size", "16", "--layers", "1", "--steps", "20", "--preset", "fast"]
    assert cli.run(["train", "text", str(tmp_path / "a.txt"), "-o", str(model), *tiny]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{model}: 20 steps in ") and "bits per character." in out and "-grams" in out
    assert "- text: " in err
    assert cli.run(["generate", "-m", str(model), "--prompt", "she ", "--tokens", "12", "--seed", "3"]) == 0
    written = capsys.readouterr().out
    assert written.startswith("she ") and len(written) == len("she ") + 12 + 1
    assert cli.run(["generate", "-m", str(model), "--prompt", "she ", "--tokens", "12", "--seed", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == written[len("she ") : -1]
    assert cli.run(["evaluate", str(tmp_path / "a.txt"), "-m", str(model)]) == 0
    assert f"{len(TEXT):,} characters; 0 unknown to the model." in capsys.readouterr().out
    assert cli.run(["evaluate", str(tmp_path / "a.txt"), "-m", str(model), "--cache", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == len(TEXT)
    assert not list(tmp_path.glob("*.checkpoint"))


def test_a_prompt_of_unknown_characters_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["generate", "-m", str(file), "--prompt", "Жé", "--tokens", "2"]) == 0
    assert (
        "- the prompt has 2 tokens that the model does not know; they are read as unknown.\n" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: give a file with text in it."),
        (b"one line\n", "The text has 9 tokens, expected 100 at least: give more text."),
        (b"caf\xe9 au lait", "is not UTF-8 text: byte 3 is 0xe9; save it as UTF-8, for example with iconv."),
    ],
)
def test_bad_corpora_are_a_sentence(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert cli.run(["train", "text", str(tmp_path / "a.txt"), "-o", str(tmp_path / "m.ensue")]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith(said)
    assert not (tmp_path / "m.ensue").exists()


def test_a_prompt_that_is_no_text_is_a_sentence(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.run(["generate", "-m", str(file), "--prompt", "she\udcff"]) == 2
    assert capsys.readouterr().err == (
        "ensue: The prompt is not UTF-8 text: character 4 is '\\udcff'; convert it, for example with iconv.\n"
    )
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"she\xff"), errors="surrogateescape"))
    assert cli.run(["generate", "-m", str(file), "--prompt", "-"]) == 1
    assert capsys.readouterr().err == (
        "ensue: Standard input is not UTF-8 text: byte 3 is 0xff; convert it, for example with iconv.\n"
    )
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"she\r\n")))
    assert cli.run(["generate", "-m", str(file), "--prompt", "-", "--tokens", "2"]) == 0
    assert capsys.readouterr().out.startswith("she\n")


def test_a_wrong_name_leaves_an_earlier_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = tmp_path / "m.ensue.checkpoint"
    checkpoint.write_text("half way")
    assert cli.run(["train", "text", str(tmp_path / "absent.txt"), "-o", str(tmp_path / "m.ensue")]) == 1
    assert capsys.readouterr().err.endswith("check the name.\n")
    assert checkpoint.read_text() == "half way"


def test_a_model_of_another_task_is_a_sentence(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("ds,y\n1,2\n2,3\n")
    assert cli.run(["forecast", str(tmp_path / "a.csv"), "-m", str(file)]) == 1
    assert capsys.readouterr().err == (
        f"ensue: {file} holds a model for language-model, expected one for forecasting: ask it with ensue generate or ensue "
        "evaluate.\n"
    )


def test_writing_needs_no_pytorch(file: Path) -> None:
    code = "import sys; from ensue import cli; cli.run(sys.argv[1:]); print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, "generate", "-m", str(file), "--tokens", "3"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "False"


def test_an_empty_text_costs_nothing_that_can_be_told(model: LanguageModel) -> None:
    with pytest.raises(DataError, match=r"^The text holds no tokens, only spaces: give a text with words in it\.$"):
        model.evaluate("")
