"""Text as numbers and back: what is cut is put together again, and nothing splits a character."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.text import BEGIN, END, KINDS, SPECIAL, UNKNOWN, TextFrontEnd, TextOptions
from ensue.data.words import JOINER, pieces
from ensue.errors import ConfigError, DataError, UsageError

PROSE = "He said (so): \"it's a well-known fact, isn't it?\"\nÜber 3.5% of… don't know—really! 日本語 😀 a_b\n" * 20
ALL = [TextFrontEnd.learn([PROSE], TextOptions(tokens=kind, vocabulary=1000)) for kind in KINDS]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize("front_end", ALL, ids=KINDS)
def test_a_text_it_was_learned_from_comes_back(front_end: TextFrontEnd) -> None:
    tokens = front_end.encode(PROSE)
    assert front_end.decode(tokens) == PROSE
    assert front_end.unknown(tokens) == 0
    assert tokens.min() >= len(SPECIAL) and tokens.max() < front_end.size


@pytest.mark.parametrize("front_end", [ALL[0], ALL[3]], ids=["bytes", "subwords"])
@given(text=texts)
def test_bytes_and_subwords_give_back_every_text(front_end: TextFrontEnd, text: str) -> None:
    assert front_end.decode(front_end.encode(text)) == front_end.prepare(text)


@pytest.mark.parametrize("front_end", ALL, ids=KINDS)
@given(text=texts)
@settings(max_examples=50)
def test_every_token_has_its_place_in_the_text(front_end: TextFrontEnd, text: str) -> None:
    spans, prepared = front_end.spans(text), front_end.prepare(text)
    assert len(spans) == len(front_end.encode(text))
    assert all(0 <= first <= last <= len(prepared) for first, last in spans)
    assert all(one[0] <= two[0] for one, two in zip(spans, spans[1:], strict=False))


@pytest.mark.parametrize("front_end", ALL, ids=KINDS)
@given(text=texts)
@settings(max_examples=50)
def test_what_a_model_file_holds_reads_the_same(front_end: TextFrontEnd, text: str) -> None:
    again = TextFrontEnd.from_json(front_end.to_json())
    assert again == TextFrontEnd.from_json(again.to_json())
    assert again.encode(text).tolist() == front_end.encode(text).tolist()


@pytest.mark.parametrize("front_end", ALL, ids=KINDS)
def test_a_decoder_gives_whole_characters_only(front_end: TextFrontEnd) -> None:
    decoder = front_end.decoder()
    parts = [decoder.push(int(token)) for token in front_end.encode("😀日本 He said")]
    assert all("\ufffd" not in part for part in parts) or front_end.kind == "words"
    assert decoder.finish() == ""


def test_half_a_character_at_the_end_is_shown_as_unknown() -> None:
    decoder = ALL[0].decoder()
    assert decoder.push("é".encode()[0] + 3) == ""
    assert decoder.finish() == "\ufffd"


def test_tokens_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^Token 259 was given, expected 0 to 258\.$"):
        ALL[0].decoder().push(259)


def test_special_words_in_a_text_are_only_text() -> None:
    for front_end in ALL:
        assert not {BEGIN, END} & set(front_end.encode("<begin> and <end>").tolist())
    assert ALL[3].decode(ALL[3].encode("<begin> and <end>")) == "<begin> and <end>"


def test_what_is_unknown_is_counted_and_shown() -> None:
    front_end = ALL[1]
    assert front_end.encode("Hж").tolist() == [front_end.encode("H")[0], UNKNOWN]
    assert front_end.unknown(front_end.encode("Hж")) == 1
    assert front_end.decode([UNKNOWN]) == "\ufffd"
    assert front_end.tokens([UNKNOWN, BEGIN, END]) == list(SPECIAL)


def test_case_and_form_are_the_models() -> None:
    front_end = TextFrontEnd.learn(["straße café"], TextOptions(tokens="characters", lowercase=True))
    assert front_end.encode("CAFE\u0301").tolist() == front_end.encode("café").tolist()


@given(text=st.text("ab .,(\n'-", max_size=30))
def test_pieces_hold_every_letter(text: str) -> None:
    assert "".join(pieces(text, apart=False)).replace(JOINER, "").replace("\n", "") == "".join(text.split())
    assert "".join(pieces(text, apart=True)).replace("\n", "") == "".join(text.split())


def test_text_whose_punctuation_stands_apart_is_cut_at_spaces_alone() -> None:
    text = "mr. smith 's u.s. company , founded by him , is <unk> .\n" * 10
    front_end = TextFrontEnd.learn([text], TextOptions(tokens="words"))
    assert front_end.apart and "u.s." in front_end.own and "\n" in front_end.own


def test_a_vocabulary_too_large_for_the_text_is_said() -> None:
    text = " ".join(f"word{number}" for number in range(300))
    found = TextFrontEnd.learn([text], TextOptions(tokens="words", vocabulary=250)).findings
    assert found == (
        "vocabulary: 250 of 300 different words; the others, 16.67% of the text, are read as unknown.",
        "vocabulary: 250 words for a text of 300: each is seen 1 times on average, which is seldom; a smaller vocabulary or "
        "subwords would learn more.",
    )


def test_kinds_are_chosen_by_length() -> None:
    assert TextFrontEnd.learn(["abc" * 100], TextOptions()).kind == "characters"
    assert TextFrontEnd.learn(["some words here " * 400_000], TextOptions(vocabulary=300)).kind == "subwords"


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_refused(kind: str) -> None:
    with pytest.raises(DataError, match=r"^The text is empty: give a text to learn from\.$"):
        TextFrontEnd.learn([""], TextOptions(tokens=kind))


def test_only_spaces_hold_no_words() -> None:
    with pytest.raises(DataError, match=r"^The text holds no words, only spaces: give a text with words in it\.$"):
        TextFrontEnd.learn(["   "], TextOptions(tokens="words"))


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^tokens is 'word', did you mean 'words'\?$"):
        TextOptions(tokens="word")
    with pytest.raises(ConfigError, match=r"^normalise is 'NFD', did you mean 'NFKC'\?|^normalise is 'NFD'"):
        TextOptions(normalise="NFD")
    for wrong in (3, 10**23, "many", True):
        with pytest.raises(
            ConfigError, match=r"^text: vocabulary is .*, expected a whole number from 10 to 1000000\.$"
        ):
            TextOptions(vocabulary=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^tokens is '5', choose from 'auto', 'bytes',"):
        TextOptions(tokens=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^lowercase is 'no', expected True or False\.$"):
        TextOptions(lowercase="no")  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "asked"), [("characters", 20), ("words", 20), ("subwords", 270), ("bytes", 256)])
def test_a_vocabulary_counts_what_is_not_special(kind: str, asked: int) -> None:
    text = "abcdefghijklmnopqrstuvwxyz " * 30 + " ".join(f"w{i}" for i in range(60))
    assert TextFrontEnd.learn([text], TextOptions(tokens=kind, vocabulary=asked)).size == asked + len(SPECIAL)


@pytest.mark.parametrize("kind", ["subwords", "bytes"])
def test_fewer_than_all_bytes_are_refused(kind: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TextFrontEnd.learn(["some text"], TextOptions(tokens=kind, vocabulary=255))
    assert str(refused.value) == (
        f"vocabulary is 255, but {kind} are 256 at least: leave it out, or cut the text into words or characters."
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [("the cat", " sat"), ("the cat ", "sat"), ("the cat\n", "sat"), ("", "sat"), ("the zebra", " sat")],
)
def test_a_word_after_a_text_is_spaced_once(before: str, after: str) -> None:
    front_end = TextFrontEnd.learn(["the cat sat on the mat"], TextOptions(tokens="words"))
    decoder = front_end.decoder()
    decoder.after(before)
    assert decoder.push(int(front_end.encode("sat")[0])) == after


def test_a_line_of_ten_million_characters_is_cut() -> None:
    line = "abcdefghij" * 1_000_000
    for front_end in ALL[:2]:
        assert len(front_end.encode(line)) == len(line)
    assert np.array_equal(ALL[1].encode(line[:30]), ALL[1].encode(line)[:30])
