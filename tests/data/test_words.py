"""Words of any script stay whole, and go together again."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.text import TextFrontEnd, TextOptions
from ensue.data.words import pieces, stands_apart

SENTENCES = {
    "Hindi": ("हिन्दी भाषा में लिखते हैं।", ["हिन्दी", "भाषा", "में", "लिखते", "हैं", "￭।"]),
    "Tamil": ("தமிழ் மொழி, நன்றி!", ["தமிழ்", "மொழி", "￭,", "நன்றி", "￭!"]),
    "Bengali": ("আমি বাংলায় (গান) গাই।", ["আমি", "বাংলায়", "(￭", "গান", "￭)", "গাই", "￭।"]),
    "Persian": ("او می‌خواهد برود.", ["او", "می‌خواهد", "برود", "￭."]),
    "Hebrew": ("שָׁלוֹם עוֹלָם!", ["שָׁלוֹם", "עוֹלָם", "￭!"]),
    "accents": (unicodedata.normalize("NFD", "café-crème, où."), ["cafe\u0301-cre\u0300me", "￭,", "ou\u0300", "￭."]),
}


@pytest.mark.parametrize("language", SENTENCES)
def test_marks_stay_with_their_letters(language: str) -> None:
    text, words = SENTENCES[language]
    assert list(pieces(text, apart=False)) == words


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_comes_back(language: str) -> None:
    text, _ = SENTENCES[language]
    front_end = TextFrontEnd.learn([text], TextOptions("words", vocabulary=1000, normalise="none"))
    assert not front_end.apart
    assert front_end.decode(front_end.encode(text)) == text


@given(st.text(st.sampled_from("aक़ि्ी\u200d\u0301\U000e0100_.,-'。( "), max_size=20))
def test_words_and_signs_go_together_again(text: str) -> None:
    text = "a, " + " ".join(text.split())
    front_end = TextFrontEnd.learn([text], TextOptions("words", vocabulary=1000, normalise="none"))
    if not front_end.apart:
        assert front_end.decode(front_end.encode(text)) == text.rstrip()


def test_a_sentence_whose_words_end_in_marks_is_not_held_to_be_cut_already() -> None:
    assert not stands_apart("यह अच्छी है, वह भी। और?")
    assert stands_apart("यह अच्छी है , वह भी । और ?")
