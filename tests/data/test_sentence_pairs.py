"""Pairs are checked line by line, and divided without the same sentence on both sides."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.sentence_pairs import LONGEST_LINE, pair_up, read_pairs, set_aside
from ensue.errors import DataError


def test_files_are_paired_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\ntwo\n")
    with gzip.open(tmp_path / "a.de.gz", "wt", encoding="utf-8") as file:
        file.write("eins\r\nzwei")
    pairs = read_pairs(tmp_path / "a.en", tmp_path / "a.de.gz")
    assert (pairs.source, pairs.target, pairs.findings) == (("one", "two"), ("eins", "zwei"), ())


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        (
            ["a", "b", "c"],
            ["x"],
            "a.en has 3 lines and a.de has 1: line 2 of a.en has no translation; give both files equally many lines.",
        ),
        (
            ["a"],
            ["x", "y"],
            "a.en has 1 lines and a.de has 2: line 2 of a.de has no translation; give both files equally many lines.",
        ),
        (
            ["a", " "],
            ["x", "y"],
            "Line 2 of a.en is blank, but line 2 of a.de is not: fill it in, or remove the line from both.",
        ),
        (
            ["a", "b"],
            ["", "y"],
            "Line 1 of a.de is blank, but line 1 of a.en is not: fill it in, or remove the line from both.",
        ),
        (["", " "], ["", "\t"], "a.en and a.de have no sentence: every line is blank."),
        ([], [], "a.en is empty: give at least one sentence."),
        (["a"], "x", "a.de is not a list of sentences: give one text for each sentence."),
        (
            ["a", "b" * (LONGEST_LINE + 1)],
            ["x", "y"],
            f"Line 2 of a.en has {LONGEST_LINE + 1} characters, expected at most {LONGEST_LINE}: put one sentence on a line.",
        ),
    ],
)
def test_what_is_no_pair_is_refused_with_its_line(source: list[str], target: list[str], sentence: str) -> None:
    with pytest.raises(DataError) as refused:
        pair_up(source, target, names=("a.en", "a.de"))
    assert str(refused.value) == sentence


def test_blank_pairs_are_left_out_and_said() -> None:
    pairs = pair_up(["", "a", " "], ["", "x", ""])
    assert (pairs.source, pairs.target) == (("a",), ("x",))
    assert pairs.findings == ("Left out 2 pairs of blank lines (the first is line 1).",)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60), st.integers(0, 5))
def test_no_sentence_stands_on_both_sides_of_the_cut(sentences: list[str], seed: int) -> None:
    pairs = pair_up(sentences, [f"{each}{row}" for row, each in enumerate(sentences)])
    if len(set(sentences)) < 2:
        with pytest.raises(DataError, match=r"^All pairs have the same source sentence"):
            set_aside(pairs, seed)
        return
    training, validation = set_aside(pairs, seed)
    rarest = min(sentences.count(each) for each in set(sentences))
    assert len(training) and 1 <= len(validation) <= max(rarest, len(sentences) // 20)
    assert not set(training.source) & set(validation.source)
    assert sorted(training.target + validation.target) == sorted(pairs.target)
    assert set_aside(pairs, seed) == (training, validation)


@pytest.mark.parametrize("seed", range(5))
def test_a_sentence_that_most_pairs_have_is_learned_from(seed: int) -> None:
    sentences = ["again"] * 900 + [f"once {row}" for row in range(100)]
    training, validation = set_aside(pair_up(sentences, sentences), seed)
    assert (len(training), len(validation), validation.findings) == (950, 50, ())
    assert "again" not in validation.source


def test_of_sentences_that_all_come_often_the_rarest_is_set_aside_and_that_is_said() -> None:
    sentences = ["one"] * 60 + ["two"] * 40
    training, validation = set_aside(pair_up(sentences, sentences), seed=0)
    assert (set(training.source), set(validation.source)) == ({"one"}, {"two"})
    assert validation.findings == (
        "Set aside 40 of 100 pairs for validation where 5 are usual: many pairs have the same source sentence, and such stay "
        "together; validation pairs of your own would tell more.",
    )


def test_the_digest_knows_the_pairs() -> None:
    assert pair_up(["a"], ["b"]).digest() == pair_up(["a"], ["b"]).digest()
    assert pair_up(["a"], ["b"]).digest() != pair_up(["a"], ["c"]).digest()
