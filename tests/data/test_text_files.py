"""Text files: whole, in blocks, and what is wrong with them."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.text_files import iterate_text, read_lines, read_text, text_blocks
from ensue.errors import DataError


@given(text=st.text(st.sampled_from("aé日😀 \n\r"), min_size=1, max_size=60), block=st.integers(1, 9))
def test_blocks_join_to_the_text(tmp_path_factory: pytest.TempPathFactory, text: str, block: int) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(text.encode())
    assert "".join(iterate_text(path, block)) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(text=st.text("ab \n", max_size=60), block=st.integers(1, 9))
def test_blocks_of_a_text_in_memory_join_to_it(text: str, block: int) -> None:
    parts = list(text_blocks(text, block))
    assert "".join(parts) == text and all(len(part) <= block for part in parts)


def test_compressed_files_and_byte_order_marks(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress("\ufeffüber\r\nalles\n".encode()))
    (tmp_path / "a.xz").write_bytes(lzma.compress("über\nalles".encode()))
    assert read_lines(tmp_path / "a.gz") == read_lines(tmp_path / "a.xz") == ["über", "alles"]


def test_lines_end_where_other_programs_end_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\rstill one\r\ntwo\n\nfour\r\n")
    assert read_lines(tmp_path / "a.txt") == ["one\rstill one", "two", "", "four"]


@pytest.mark.parametrize("block", [2, 4, 1000])
def test_a_file_that_is_not_utf8_is_refused_at_its_byte(tmp_path: Path, block: int) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes("ordinary é ".encode() + "caf\xe9 au lait".encode("latin-1"))
    with pytest.raises(DataError) as refused:
        for _ in iterate_text(path, block):
            pass
    assert str(refused.value) == f"{path} is not UTF-8 text: byte 15 is 0xe9; save it as UTF-8, for example with iconv."


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a" * 10_000)[:-12])
    for name, said in (
        ("empty.txt", "is empty: give a file with text in it."),
        ("cut.gz", "cannot be read to its end: "),
        ("absent.txt", "check the name."),
    ):
        with pytest.raises(DataError) as refused:
            read_text(tmp_path / name)
        assert said in str(refused.value)
    with pytest.raises(DataError, match=r"is a folder, expected a text file\.$"):
        read_text(tmp_path)
