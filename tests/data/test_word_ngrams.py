"""The language model of words: probabilities that sum to one, ARPA files there and back, files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.arpa import read_arpa, write_arpa
from ensue.data.word_ngrams import END, UNKNOWN, WordNgrams
from ensue.errors import DataError

SENTENCES = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=12)
SMALL = (
    "\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-0.5\t<s>\t-0.1\n-0.5\t</s>\n-0.4\tyes\t-0.2\n\n"
    "\\2-grams:\n{}\n\n\\end\\\n"
)


@given(SENTENCES, st.integers(1, 4), st.lists(st.sampled_from(["a", "b", "z"]), max_size=4))
def test_probabilities_sum_to_one_after_anything(texts: list[str], order: int, said: list[str]) -> None:
    model = WordNgrams.learn(texts, order)
    before = model.start
    for word in said:
        before = model.after(before, word)
    total = sum(model.probability(word, before) for word in (*model.words, END, UNKNOWN))
    assert total == pytest.approx(1.0)
    assert len(before) <= order - 1


def test_kneser_ney_by_hand() -> None:
    # "a b" twice: bigrams <s>a, ab, b</s> with counts of 2, so no count of one and a discount of a half; each of three
    # words follows in one context, so all counts are one, the discount is 0.95, shared among them and <unk>.
    model = WordNgrams.learn(["a b", "a b"], order=2)
    unigram = 0.05 / 3 + 0.95 / 4
    assert model.probability("b", ()) == pytest.approx(unigram)
    assert model.probability("b", ("a",)) == pytest.approx((2 - 0.5) / 2 + 0.5 / 2 * unigram)
    assert model.probability("a", ("b",)) == pytest.approx(0.5 / 2 * unigram)
    assert model.probability("never", ("a",)) == pytest.approx(0.5 / 2 * 0.95 / 4)


def test_what_was_seen_often_is_likelier() -> None:
    model = WordNgrams.learn(["yes no", "yes no", "yes yes"], order=3)
    assert model.perplexity(["yes no"]) < model.perplexity(["no yes"])
    assert model.probability("no", ("<s>", "yes")) > model.probability("yes", ("<s>", "yes"))


@given(texts=SENTENCES, order=st.integers(1, 3))
def test_an_arpa_file_is_read_as_it_was_written(
    texts: list[str], order: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model, path = WordNgrams.learn(texts, order), tmp_path_factory.mktemp("arpa") / "m.arpa"
    write_arpa(model, path)
    again = read_arpa(path)
    assert again.order == order
    assert again.words == model.words
    assert again.perplexity(texts) == pytest.approx(model.perplexity(texts), rel=1e-5)
    assert WordNgrams.from_json(model.to_json()) == model


def test_remarks_before_an_arpa_file_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "m.arpa"
    path.write_text(
        "This is a model\nBeginning of data mark: \\data\\\nngram 1=nr  # many\n" + SMALL.format("-0.3 <s> yes")
    )
    model = read_arpa(path)
    assert model.probability("yes", ("<s>",)) == pytest.approx(10**-0.3)
    assert model.probability("yes", ("yes",)) == pytest.approx(10**-0.6)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello\n", "'{}' is no ARPA language model, expected a file that begins with \\data\\ and ends with \\end\\."),
        (SMALL.format("-0.3 <s> yes").replace("\\end\\", ""), "'{}' is cut off: its last line, \\end\\, is missing, "
         "expected a file that begins with \\data\\ and ends with \\end\\."),
        (SMALL.format("x <s> yes"), "Line 11 of '{}' is 'x <s> yes', expected numbers around the words: it is no ARPA "
         "language model."),
        (SMALL.format("-0.3 yes"), "Line 11 of '{}' is '-0.3 yes', expected a probability, 2 words and at most a back-off "
         "weight: it is no ARPA language model."),
        (SMALL.format("0.3 <s> yes"), "Line 11 of '{}' is '0.3 <s> yes', expected the logarithm of a probability, 0 at "
         "most: it is no ARPA language model."),
        (SMALL.format(""), "'{}' has 0 runs of 2 words, expected 1 as its header says: it is damaged."),
    ],
)  # fmt: skip
def test_what_is_no_arpa_file_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "m.arpa"
    path.write_text(content)
    with pytest.raises(DataError) as refused:
        read_arpa(path)
    assert str(refused.value) == said.format(path)


def test_no_words_no_model() -> None:
    with pytest.raises(DataError) as refused:
        WordNgrams.learn([" ", ""])
    assert str(refused.value) == "The transcripts hold no word, expected some to learn a language model from."
