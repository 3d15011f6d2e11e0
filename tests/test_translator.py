"""The public translator: learns eight pairs by heart, goes on where it stopped, saves and loads equal, refuses the rest."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ensue
from ensue.errors import ConfigError, DataError, ModelFileError, NotFittedError, UsageError
from ensue.estimators.translator import Translator
from ensue.learn import translation
from ensue.reports import Progress
from ensue.tasks import translation_data

SUBJECTS = {"the dog": "der Hund", "a cat": "eine Katze", "my child": "mein Kind", "the bird": "der Vogel"}
VERBS = {"sings .": "singt .", "runs home .": "läuft nach Hause ."}
SOURCE = [f"{subject} {verb}" for subject in SUBJECTS for verb in VERBS]
TARGET = [f"{subject} {verb}" for subject in SUBJECTS.values() for verb in VERBS.values()]
QUICK: dict[str, Any] = {"preset": "fast", "tokens": "words", "batch": 8, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def learned() -> Translator:
    """Eight pairs by heart."""
    translator = Translator(**QUICK, steps=80, dropout=0.0)
    return translator.fit(SOURCE, TARGET, valid_source=SOURCE, valid_target=TARGET)


def test_eight_pairs_are_learned_by_heart(learned: Translator) -> None:
    assert learned.translate(SOURCE) == TARGET
    assert learned.translate(SOURCE, beam=1) == TARGET
    assert learned.evaluate(SOURCE, TARGET).score == pytest.approx(100)
    report = learned.report_
    assert report.validation < 0.2 < report.baseline
    assert report.measure.name == "nats per token"


def test_what_was_found_and_bleu_at_each_validation_are_said(learned: Translator) -> None:
    assert learned.findings_[0] == (
        "8 pairs to learn from, 48 target tokens; 8 to validate on; 15 words in the target, 14 in the source; "
        "unknown in validation: 0.00% of the source, 0.00% of the target."
    )
    assert len(learned.findings_) == 1 + len(learned.report_.curve)
    last = learned.findings_[-1]
    assert last.startswith(f"Validation {learned.report_.curve[-1][2]:.4g} nats per token, sacreBLEU 100.0 (nrefs:1|")
    assert last.endswith("), greedy, 8 sentences.")


def test_a_saved_model_translates_the_same(learned: Translator, tmp_path: Path) -> None:
    learned.save(tmp_path / "model.ensue")
    again = ensue.load(tmp_path / "model.ensue")
    assert isinstance(again, Translator)
    assert again.get_params() == learned.get_params()
    assert again.task_ == learned.task_
    assert again.describe() == learned.describe()
    mine, theirs = (each.translations(SOURCE, n_best=2) for each in (learned, again))
    assert [[(a.text, a.score) for a in answers] for answers in mine] == [
        [(a.text, a.score) for a in answers] for answers in theirs
    ]


def test_it_says_what_it_is(learned: Translator) -> None:
    described = learned.describe()
    assert described["task"] == "translation"
    assert described["parameters"] == learned.task_.parameter_count
    assert described["target"] == {"tokens": "words", "vocabulary": 15, "lowercase": False}


def test_it_refuses_to_stream(learned: Translator) -> None:
    with pytest.raises(UsageError) as refused:
        learned.stream()
    assert str(refused.value) == (
        "A translator cannot stream: it reads the source in both directions, so it needs the whole sentence; "
        "call translate with one sentence at a time."
    )


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    def fitted(**more: Any) -> Translator:
        return Translator(**QUICK, steps=24).fit(SOURCE, TARGET, **more)

    def stop(progress: Progress) -> None:
        if progress.step == 17:
            raise RuntimeError("killed")

    checkpoint = tmp_path / "model.checkpoint"
    with pytest.raises(RuntimeError, match="killed"):
        fitted(checkpoint=checkpoint, progress=stop)
    steps: list[int] = []
    resumed = fitted(checkpoint=checkpoint, resume=True, progress=lambda each: steps.append(each.step))
    assert steps == list(range(11, 25))
    whole = fitted()
    for part, weights in whole.weights_.items():
        for name, array in weights.items():
            np.testing.assert_array_equal(resumed.weights_[part][name], array, err_msg=f"{part}.{name}")
    with pytest.raises(ModelFileError, match="belongs to a run with other data or options"):
        Translator(**QUICK, steps=24).fit(SOURCE[1:], TARGET[1:], checkpoint=checkpoint, resume=True)


def test_progress_is_told_after_every_step() -> None:
    told: list[Progress] = []
    Translator(**QUICK, steps=12).fit(SOURCE, TARGET, progress=told.append)
    assert [each.step for each in told] == list(range(1, 13))
    assert all(math.isfinite(each.loss) for each in told)
    assert told[-1].validation is not None


def test_ctrl_c_keeps_the_best_so_far() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 12:
            raise KeyboardInterrupt

    stopped = Translator(**QUICK, steps=500).fit(SOURCE, TARGET, progress=interrupt)
    assert stopped.report_.stopped == "interrupted"
    assert len(stopped.translate(SOURCE[:1])) == 1


def test_subwords_are_shared_and_know_every_text() -> None:
    pytest.importorskip("tokenizers")
    made = Translator(preset="fast", steps=2, vocabulary=280).fit(SOURCE, TARGET)
    assert made.task_.shared and made.task_.source.kind == "subwords"
    table = made.weights_["source"]["layers.0.weight"]
    np.testing.assert_array_equal(table, made.weights_["target"]["layers.0.weight"])
    np.testing.assert_array_equal(table, made.weights_["answer"]["layers.0.weight"])
    assert len(made.translate(["Ωμέγα 🙂"])) == 1


def test_pairs_that_are_too_long_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation_data, "MOST_TOKENS", 6)
    made = Translator(**QUICK, steps=1).fit(
        [*SOURCE, "the dog sings and a cat runs ."], [*TARGET, "der Hund ."], valid_source=SOURCE, valid_target=TARGET
    )
    assert "Left out 1 of 9 training pairs with more than 6 tokens on a side." in made.findings_
    monkeypatch.setattr(translation_data, "MOST_TOKENS", 2)
    with pytest.raises(DataError) as refused:
        Translator(**QUICK, steps=1).fit(SOURCE, TARGET)
    assert str(refused.value) == "Every training pair has more than 2 tokens on a side: put one sentence on a line."


def test_without_sacrebleu_training_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "can_score", lambda: False)
    made = Translator(**QUICK, steps=1).fit(SOURCE, TARGET)
    assert made.findings_[-1] == (
        "No BLEU at validations: sacrebleu is not installed; pip install 'ensue[text]' brings it."
    )


def test_what_cannot_be_right_is_refused(learned: Translator, tmp_path: Path) -> None:
    cases: list[tuple[type[Exception], str, Any]] = [
        (
            UsageError,
            "valid_source is given and valid_target is not: give both, or neither.",
            lambda: Translator().fit(SOURCE, TARGET, valid_source=SOURCE),
        ),
        (
            UsageError,
            "One side is a file and the other a list: give two files, or two lists of sentences.",
            lambda: Translator().fit(tmp_path / "a.en", TARGET),
        ),
        (
            UsageError,
            "The sentences are no list of texts: give translate([...]) one text for each sentence.",
            lambda: learned.translate("the dog sings ."),
        ),
        (
            ConfigError,
            "n_best is 6, expected a whole number from 1 to 5, the beam.",
            lambda: learned.translations(SOURCE, n_best=6),
        ),
        (
            NotFittedError,
            "This Translator has not been fitted: call fit first, or ensue.load(path).",
            lambda: Translator().translate(SOURCE),
        ),
        (
            DataError,
            "source has 8 lines and target has 7: line 8 of source has no translation; give both files equally many "
            "lines.",
            lambda: Translator().fit(SOURCE, TARGET[:-1]),
        ),
    ]
    for kind, sentence, act in cases:
        with pytest.raises(kind) as refused:
            act()
        assert str(refused.value) == sentence


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_bytes(b"one\n\xfftwo\n")
    (tmp_path / "a.de").write_bytes(b"eins\nzwei\n")
    with pytest.raises(DataError, match="is not UTF-8 text: byte 4 is 0xff"):
        Translator(**QUICK).fit(tmp_path / "a.en", tmp_path / "a.de")
