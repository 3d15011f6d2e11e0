"""The words that carried a decision, on networks whose words are known to matter or not."""

from __future__ import annotations

import numpy as np
import pytest

from ensue.data.text import TextFrontEnd, TextOptions
from ensue.errors import DataError, UsageError
from ensue.inspection.words_that_carried import MOST, Carried, words_that_carried
from ensue.runtime.classification import ClassifierRuntime
from ensue.tasks.classification import ClassificationTask, ClassifierSizes

TEXT = "the film was good , but bad"


def runtime(kind: str = "words", vocabulary: int = 300, **more: object) -> ClassifierRuntime:
    """A network whose answer is a sum over steps in which only 'good' and 'bad' count: the LSTM passes on one number."""
    front_end = TextFrontEnd.learn([TEXT + " x y z"], TextOptions(tokens=kind, vocabulary=vocabulary))
    task = ClassificationTask(
        front_end,
        ("no", "yes"),
        ClassifierSizes((1,), 1, pooling="max"),
        **more,  # type: ignore[arg-type]
    )
    shapes = task.networks()["network"].parameters()
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    lstm = next(name for name in shapes if name.endswith("weight_ih_l0")).removesuffix("weight_ih_l0")
    for name in ("weight_ih_l0", "weight_ih_l0_reverse"):
        weights[lstm + name][2] = 1.0  # the candidate sees the vector ...
    for name in ("bias_ih_l0", "bias_ih_l0_reverse"):
        weights[lstm + name][[0, 3]] = 20.0  # ... and all of it comes out,
        weights[lstm + name][1] = -20.0  # nothing is kept
    head = next(name for name in shapes if name.endswith("weight") and shapes[name] == (2, 2))
    weights[head][:] = [[-3.0, -3.0], [3.0, 3.0]]
    if kind == "words":
        weights["layers.0.weight"][front_end.encode("good")] = 2.0
    return ClassifierRuntime(task, {"network": weights})


def test_the_word_that_counts_carries_the_decision() -> None:
    found = words_that_carried(runtime(), TEXT)
    assert found.answer == "yes"
    assert found.words == tuple(TEXT.split())
    assert found.strongest(1)[0][0] == "good"
    others = [effect for word, effect in zip(found.words, found.effects, strict=True) if word != "good"]
    assert np.abs(others).max() < 1e-5 < found.effects.max()
    shades = dict(zip(found.words, found.shades(), strict=True))
    assert shades.pop("good") == 4
    assert set(shades.values()) == {0}


def test_the_only_word_is_compared_with_an_unknown_one() -> None:
    found = words_that_carried(runtime(), "good")
    assert found.effects[0] > 3


@pytest.mark.parametrize("kind", ["characters", "bytes"])
def test_smaller_tokens_are_left_out_word_by_word(kind: str) -> None:
    found = words_that_carried(runtime(kind), "The  film was")
    assert [word.strip() for word in found.words] == ["The", "film", "was"]


def test_a_long_text_is_left_out_in_stretches_and_that_is_said() -> None:
    found = words_that_carried(runtime(), " ".join(["good"] * (2 * MOST + 1)))
    assert len(found.words) <= MOST
    assert found.words[0] == "good good good"
    assert found.findings == (f"The text has {2 * MOST + 1} words: they are left out in stretches of 3.",)


def test_of_a_text_too_long_to_be_read_whole_the_words_read_are_shown() -> None:
    found = words_that_carried(runtime(longest=10), " ".join("x" if i != 5 else "good" for i in range(30)))
    assert found.words == ("x",) * 10


def test_the_page_is_whole_and_runs_nothing() -> None:
    found = Carried(
        "<b> & co", ("no", "yes"), np.array([0.2, 0.8]), ((0, 3), (4, 5), (6, 8)), np.array([1.0, -2.0, 0.0])
    )
    page = found.to_html()
    assert (
        '<span class="for2" title="+1.00">&lt;b&gt;</span> <span class="against4" title="-2.00">&amp;</span> co' in page
    )
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert found.sentence() == "yes (80.0%); log odds that words add to it: '&' -2.00, '<b>' +1.00, 'co' +0.00."


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(DataError, match=r"^The text is empty, expected at least one word: leave it out\.$"):
        words_that_carried(runtime(), " ")
    with pytest.raises(UsageError, match=r"^A value of type list was given to explain, expected one text\.$"):
        words_that_carried(runtime(), ["a"])  # type: ignore[arg-type]
