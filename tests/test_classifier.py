"""`Classifier`: lists and tables in, names of classes out; saved, begun from a language model, and honest beside a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ensue
from ensue.baselines import linear
from ensue.data.text import TextFrontEnd
from ensue.errors import ConfigError, DataError, ModelFileError, NotFittedError, UsageError
from ensue.estimators.classifier import Classifier
from ensue.estimators.language_model import LanguageModel

GOOD, BAD = ("lovely", "sharp", "quiet"), ("ugly", "blunt", "noisy")
PLACES = ("here", "there", "at home", "in town", "for me", "for us", "by night")
TEXTS = [f"It is {word} {place} ." for place in PLACES for word in GOOD + BAD]
LABELS = ["good" if any(word in text for word in GOOD) else "bad" for text in TEXTS]
TINY: dict[str, Any] = {
    "hidden_size": 8, "embedding": 8, "steps": 80, "batch_size": 8, "learning_rate": 0.02, "word_dropout": 0.0,
}  # fmt: skip
DICE = np.random.default_rng(0)
WAVES = [np.sin(np.arange(15 + i % 4) * (0.3 if i % 2 else 1.2))[:, None] + DICE.normal(0, 0.1) for i in range(30)]
SPEEDS = ["slow" if i % 2 else "fast" for i in range(30)]


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier(**TINY).fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def of_numbers() -> Classifier:
    return Classifier(**TINY, bidirectional=False).fit(WAVES, SPEEDS)


def test_it_answers_with_names_and_probabilities(model: Classifier) -> None:
    assert model.classes_ == ("bad", "good")
    assert model.predict(["It is lovely", "this seems blunt"]) == ["good", "bad"]
    shares = model.predict_proba(["It is lovely", "zzz"])
    assert shares.shape == (2, 2)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert model.prediction_findings_ == ("1 of 4 tokens are not known to the model.",)
    assert model.evaluate(TEXTS, LABELS).accuracy > 0.9


def test_it_says_what_was_found_and_how_good_it_is(model: Classifier) -> None:
    first, vocabulary, *_ = model.findings_
    assert first == "36 rows to learn from, 6 to validate on; classes: 'bad' 18, 'good' 18."
    assert vocabulary.endswith("% of the validation rows' are unknown.")
    assert f"accuracy {model.scores_.accuracy:.1%}, macro F1" in " ".join(model.findings_)
    assert any(linear.TEXTS in each for each in model.findings_)
    assert any(each.startswith("probabilities: calibration error") for each in model.findings_)


@pytest.mark.parametrize("which", ["model", "of_numbers"])
def test_a_saved_model_is_the_same(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    fitted: Classifier = request.getfixturevalue(which)
    fitted.save(tmp_path / "m.ensue")
    loaded = ensue.load(tmp_path / "m.ensue")
    assert isinstance(loaded, Classifier)
    assert loaded.task_ == fitted.task_
    assert loaded.get_params() == fitted.get_params()
    assert loaded.report_ == fitted.report_
    items = TEXTS if which == "model" else WAVES
    assert np.array_equal(loaded.predict_proba(items), fitted.predict_proba(items))
    assert loaded.describe() == fitted.describe()


def test_tables_and_files(tmp_path: Path) -> None:
    table = pl.DataFrame({"review": TEXTS, "opinion": LABELS})
    table.write_csv(tmp_path / "reviews.csv")
    fitted = Classifier(**TINY | {"steps": 20}, label="opinion").fit(tmp_path / "reviews.csv", valid=table.head(6))
    assert fitted.findings_[0] == "texts in column 'review', labels in column 'opinion'."
    assert fitted.findings_[2] == "42 rows to learn from, 6 to validate on; classes: 'bad' 21, 'good' 21."
    assert len(fitted.predict(tmp_path / "reviews.csv")) == 42
    assert fitted.evaluate(table).rows == 42


def test_numbers_in_a_long_table(of_numbers: Classifier) -> None:
    rows = pl.concat(
        pl.DataFrame({"case": f"c{i}", "volt": wave[:, 0], "label": speed})
        for i, (wave, speed) in enumerate(zip(WAVES, SPEEDS, strict=True))
    )
    fitted = Classifier(**TINY | {"steps": 20}, id="case").fit(rows)
    assert fitted.describe()["values"] == ["volt"]
    assert len(fitted.predict(rows.drop("label"))) == 30
    assert of_numbers.evaluate(WAVES, SPEEDS).accuracy > 0.9
    assert of_numbers.describe()["causal"] is True


def test_a_stream_ends_where_the_whole_sequence_does(of_numbers: Classifier) -> None:
    stream = of_numbers.stream()
    for step in WAVES[0]:
        found = stream.update(step)
    np.testing.assert_allclose(found, of_numbers.predict_proba([WAVES[0]])[0], atol=1e-5)


def test_a_linear_model_that_is_better_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = Classifier(**TINY | {"steps": 1}).fit(TEXTS, LABELS)
    assert any(
        each.startswith(
            f"{linear.TEXTS} has accuracy 100.0% on the same rows: it is better than this network, and simpler."
        )
        for each in fitted.findings_
    )
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    without = Classifier(**TINY | {"steps": 1}).fit(TEXTS, LABELS)
    assert (
        "The linear baseline needs the package 'scikit-learn', which is not installed: install it with pip install "
        "'ensue[baselines]'. Until then the share of the most frequent class stands in for it."
    ) in without.findings_
    assert without.report_.measure.baseline == "most frequent class"


def test_it_begins_from_a_language_model(tmp_path: Path) -> None:
    text = "\n".join(TEXTS * 3)
    sizes = {"hidden_size": 10, "layers": 1, "embedding": 6, "steps": 10, "context_length": 10, "batch_size": 4}
    language = LanguageModel(tokens="words", **sizes).fit(text)
    language.save(tmp_path / "language.ensue")
    fitted = Classifier(**TINY).fit(TEXTS, LABELS, start_from=tmp_path / "language.ensue")
    assert fitted.task_.front_end == language.task_.front_end
    assert fitted.task_.sizes.hidden[0] in (6, 10)
    assert "Begins with the tokens, sizes and weights of a language model." in fitted.findings_
    assert fitted.evaluate(TEXTS, LABELS).accuracy > 0.8
    fitted.save(tmp_path / "classifier.ensue")
    with pytest.raises(ModelFileError) as caught:
        Classifier(**TINY).fit(TEXTS, LABELS, start_from=tmp_path / "classifier.ensue")
    assert str(caught.value) == (
        f"{tmp_path / 'classifier.ensue'} holds a model for classification, expected a language model to begin from: "
        "ensue train text makes one."
    )
    with pytest.raises(
        UsageError, match=r"^A language model is given to begin from, and the rows are numbers: leave it out"
    ):
        Classifier(**TINY).fit(WAVES, SPEEDS, start_from=language)


def test_languages_without_spaces_are_cut_in_characters() -> None:
    texts = ["很好的电影非常喜欢值得再看一遍真的很好非常非常好看", "糟糕的电影浪费时间不要看真的很糟糕非常非常难看"] * 6
    fitted = Classifier(**TINY | {"steps": 2}).fit(texts, ["+", "-"] * 6, valid=(texts[:2], ["+", "-"]))
    assert isinstance(fitted.task_.front_end, TextFrontEnd)
    assert fitted.task_.front_end.kind == "characters"


def test_what_cannot_be_is_refused(model: Classifier, of_numbers: Classifier) -> None:
    def refusal(kind: type[Exception], action: Any, *arguments: Any, **named: Any) -> str:
        with pytest.raises(kind) as caught:
            action(*arguments, **named)
        return str(caught.value)

    assert refusal(NotFittedError, Classifier().predict, ["a"]).startswith(
        "This Classifier has not been fitted: call fit"
    )
    assert refusal(ConfigError, Classifier, preset="fasst") == "preset is 'fasst', did you mean 'fast'?"
    assert refusal(UsageError, Classifier, text="a", values=("b",)) == (
        "text and values are both given, expected one of them: a model reads texts or numbers."
    )
    assert refusal(UsageError, model.predict, "a text") == (
        "A single text was given to predict, expected a list of them: give predict([text])."
    )
    assert refusal(DataError, model.predict, ["fine", "  "]) == (
        "Number 2: The text is empty, expected at least one word: leave it out."
    )
    assert refusal(DataError, model.evaluate, ["fine"], ["maybe"]) == (
        "Row 1 has the label 'maybe', which is not among those that were learned: 'bad', 'good'."
    )
    assert refusal(UsageError, model.stream).startswith(
        "This classifier reads in both directions, so it needs the whole"
    )
    assert refusal(UsageError, of_numbers.explain, "a") == (
        "This model reads numbers, and words are explained of texts only: give a model of texts."
    )
    assert refusal(DataError, Classifier().fit, TEXTS, ["same"] * len(TEXTS)).endswith(
        "rows have the label 'same', expected two classes or more to tell apart: check the column of labels."
    )
    assert refusal(DataError, Classifier().fit, TEXTS, LABELS, valid=(WAVES, SPEEDS)) == (
        "The rows to validate on are of another kind than those to learn from."
    )


def test_parameters_are_those_of_scikit_learn(model: Classifier) -> None:
    again = Classifier(**model.get_params())
    assert again.get_params() == model.get_params()
    assert again.set_params(seed=3).seed == 3


def test_the_words_that_carried(model: Classifier) -> None:
    found = model.explain("It is lovely .")
    assert found.answer == "good"
    assert found.strongest(1)[0][0] == "lovely"
