"""CIDEr-D beside values computed by hand, and the scores of captions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.errors import DataError
from ensue.tasks.caption_scores import score
from ensue.tasks.cider import cider, words

REFERENCES = [["a b"], ["a c"]]
"""'a' is in both clips, so it weighs log(2 / 2) = 0; all else weighs log 2."""


def test_what_is_right_counts_by_its_rarity() -> None:
    # First clip: one word and one pair agree wholly, there is nothing longer: (1 + 1 + 0 + 0) / 4. Second clip: nothing.
    assert cider(["a b", "a b"], REFERENCES) == pytest.approx(10 * (0.5 + 0.0) / 2)


def test_words_said_too_often_and_another_length_cost() -> None:
    # 'b b b' against 'a b': of words min(3, 1) * 1 / (3 * 1) = 1/3, no pair agrees; one word longer: exp(-1 / 72).
    expected = 10 * (1 / 3) / 4 * math.exp(-1 / 72) / 2
    assert cider(["b b b", ""], REFERENCES) == pytest.approx(expected)


def test_several_references_are_averaged() -> None:
    references = [["a b", "d e"], ["a c"]]
    # 'a': in both clips, weight 0. Against 'a b' as before 0.5, against 'd e' nothing.
    assert cider(["a b", "x"], references) == pytest.approx(10 * (0.5 + 0.0) / 2 / 2)


def test_weights_are_those_of_the_equation() -> None:
    # Three clips: 'x' in two of them weighs log(3 / 2), 'y' log 3, 'z' log 3; no pairs are shared but of their own clips.
    references = [["x y"], ["x z"], ["w"]]
    x, y, z = math.log(1.5), math.log(3), math.log(3)
    words_agree = x * x / math.sqrt((x**2 + y**2) * (x**2 + z**2))  # caption 'x z' against 'x y'
    assert cider(["x z", "", ""], references) == pytest.approx(10 * words_agree / 4 / 3)


def test_words_are_lower_cased_and_free_of_marks() -> None:
    assert words("A Dog's bone, (old)!") == ["a", "dog's", "bone", "old"]
    assert words("") == []


@given(st.lists(st.text("abc ", max_size=12), min_size=2, max_size=5), st.randoms())
def test_it_lies_between_zero_and_ten(captions: list[str], random: object) -> None:
    references = [[caption, "a b c"] for caption in reversed(captions)]
    assert -1e-9 <= cider(captions, references) <= 10 + 1e-9


@pytest.mark.parametrize(
    ("captions", "references", "sentence"),
    [
        (
            ["a"],
            [["a"]],
            "1 captions and references of 1 clips were given, expected equally many and at least two.",
        ),
        (["a", "b"], [["a"], []], "A clip has no reference, expected one at least: leave it out."),
    ],
)
def test_what_cannot_be_scored_is_refused(captions: list[str], references: list[list[str]], sentence: str) -> None:
    with pytest.raises(DataError) as refused:
        cider(captions, references)
    assert str(refused.value) == sentence


def test_all_scores_of_captions() -> None:
    found = score(["a cat sits on a mat", "a dog runs"], [["a cat sits on a mat"], ["a dog sleeps", "a dog runs"]])
    assert (found.exact, found.bleu, found.chrf, found.clips) == (1.0, pytest.approx(100), pytest.approx(100), 2)
    assert str(found).startswith("100.0% of 2 exactly right, BLEU 100.0, chrF 100.0, CIDEr-D ")
    assert score(["a"], [["b"]]).cider is None
    with pytest.raises(DataError, match=r"^0 captions and references of 0 clips were given, expected equally many\.$"):
        score([], [])
