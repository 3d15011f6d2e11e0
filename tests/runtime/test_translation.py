"""Translating without PyTorch: one sentence or many, blank ones, unknown words, and what each word looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensue.data.text import UNKNOWN, TextFrontEnd, TextOptions
from ensue.decoding import BeamOptions
from ensue.errors import DataError
from ensue.runtime.translation import MOST_TOKENS, Translation, TranslationRuntime
from ensue.tasks.translation import Sizes, TranslationTask

WORDS = TextFrontEnd.learn(["ab cd ef gh"], TextOptions(tokens="words"))
TASK = TranslationTask(WORDS, WORDS, Sizes(6, 5, 2, 7), longest=9)
SENTENCES = ["ab cd", "gh", "ef ef ab gh cd", "", "cd zz ab", "   ", "ab"]


def runtime(seed: int = 0, answer: np.ndarray | None = None) -> TranslationRuntime:
    """Random weights, far enough from zero for translations to differ."""
    dice = np.random.default_rng(seed)
    weights = {
        part: {name: 1.5 * dice.normal(size=shape) for name, shape in network.parameters().items()}
        for part, network in TASK.networks().items()
    }
    if answer is not None:
        weights["answer"]["layers.0.bias"] = answer
    return TranslationRuntime(TASK, weights)


def texts(found: list[list[Translation]]) -> list[list[str]]:
    return [[each.text for each in answers] for answers in found]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("beam", [1, 3])
def test_many_at_once_are_translated_as_one_by_one(seed: int, beam: int) -> None:
    made, options = runtime(seed), BeamOptions(beam, n_best=beam)
    together = made.translate(SENTENCES, options)
    alone = [made.translate([each], options)[0] for each in SENTENCES]
    assert texts(together) == texts(alone)
    for mine, theirs in zip(chain(*together), chain(*alone), strict=True):
        assert mine.score == pytest.approx(theirs.score, abs=1e-4)
        assert mine.tokens == theirs.tokens
        np.testing.assert_allclose(mine.shares, theirs.shares, atol=1e-4)


def test_the_best_come_first_and_differ() -> None:
    [found] = runtime(2).translate(["ab cd ef"], BeamOptions(4, n_best=4))
    assert len({each.tokens for each in found}) == len(found) == 4
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_what_each_word_looked_at_sums_to_one() -> None:
    for [found] in runtime(1).translate(SENTENCES[:3], BeamOptions(3)):
        assert found.shares.shape == (len(found.tokens), len(found.source))
        np.testing.assert_allclose(found.shares.sum(1), 1, rtol=1e-5)
        assert found.source[-1] == "<end>"
        assert " ".join(found.source[:-1]) == found.sentence


def test_a_blank_line_stays_blank() -> None:
    [[blank], [also]] = runtime().translate(["", " \t"], BeamOptions())
    assert (blank.text, blank.tokens, also.text) == ("", (), "")
    assert runtime().translate([], BeamOptions()) == []


def test_an_unknown_word_becomes_the_source_word_that_was_looked_at() -> None:
    answer = np.zeros(WORDS.size)
    answer[UNKNOWN] = 50.0  # says nothing but unknown words
    made = runtime(3, answer)
    [[plain]] = made.translate(["ab zebra cd"], BeamOptions(1))
    [[replaced]] = made.translate(["ab zebra cd"], BeamOptions(1), replace_unknown=True)
    words = ["ab", "zebra", "cd"]
    assert set(plain.text.split()) == {"\ufffd"}
    assert replaced.text.split() == [words[place] for place in plain.shares[:, :-1].argmax(1)]
    assert not plain.ended


def test_a_text_that_is_no_sentence_is_refused() -> None:
    with pytest.raises(DataError) as refused:
        runtime().translate(["ab", "ab " * (MOST_TOKENS + 1)], BeamOptions())
    assert str(refused.value) == "Sentence 2 has 2,001 tokens, expected at most 2,000: split it into sentences."


def test_long_sentences_are_searched_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    made = runtime()
    sizes: list[int] = []
    search = made.search

    def counted(sources: Sequence[Any], options: BeamOptions) -> Any:
        sizes.append(len(sources))
        return search(sources, options)

    monkeypatch.setattr(made, "search", counted)
    made.translate([*["ab"] * 40, "cd " * 1500], BeamOptions(1))
    assert sizes == [32, 8, 1]


def test_translating_needs_no_pytorch(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import ensue.estimators.translator, ensue.cli.translate, ensue.cli.train_translate\n"
        "from ensue.runtime.translation import TranslationRuntime\n"
        "assert 'ensue.learn' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path).returncode == 0
