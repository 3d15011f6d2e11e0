"""Language models in the ARPA format, as SRILM, KenLM and others write them: read and written by ourselves.

A header that counts the runs of words of each length, then the runs themselves, a line each: the logarithm to base 10 of
the last word's probability, the words, and a back-off weight where longer runs begin with them. `docs/speech.md` has more.
"""

from __future__ import annotations

import math
from pathlib import Path

from ensue.data.text_files import read_lines
from ensue.data.word_ngrams import END, UNKNOWN, Gram, WordNgrams
from ensue.errors import DataError
from ensue.storage import write_atomically

LARGEST_ORDER = 20


def read_arpa(path: str | Path) -> WordNgrams:
    """The language model of an ARPA file; .gz and .xz are unpacked.

    Raises `DataError` for a file that is none, with the line that cannot be right.
    """
    lines = read_lines(path)
    sizes: dict[int, int] = {}
    grams: dict[Gram, tuple[float, float]] = {}
    section = 0
    ended = False
    marks = [number for number, line in enumerate(lines) if line.strip() == "\\data\\"]
    begin = marks[-1] + 1 if marks else len(lines)  # what stands before is a remark, which may explain the format
    for number, line in enumerate(lines[begin:], start=begin + 1):
        line = line.strip()
        if not line:
            continue
        if line == "\\end\\":
            ended = True
            break
        if line.startswith("ngram ") and not section:
            length, _, count = line.removeprefix("ngram ").partition("=")
            sizes[_whole(length, path, number)] = _whole(count, path, number)
        elif line.startswith("\\") and line.endswith("-grams:"):
            section = _whole(line[1 : -len("-grams:")], path, number)
        else:
            gram, values = _run(line, section, path, number)
            grams[gram] = values
    if not sizes or not ended:
        what = "no ARPA language model" if not sizes else "cut off: its last line, \\end\\, is missing"
        raise DataError(f"'{path}' is {what}, expected a file that begins with \\data\\ and ends with \\end\\.")
    _check(grams, sizes, path)
    return WordNgrams(max(sizes), grams)


def write_arpa(model: WordNgrams, path: str | Path) -> None:
    """Write a language model as an ARPA file, whole or not at all; `read_arpa` reads the same again, to seven digits.

    >>> import tempfile
    >>> model = WordNgrams.learn(["yes no"], order=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_arpa(model, f"{folder}/m.arpa")
    ...     read_arpa(f"{folder}/m.arpa").words == model.words
    True
    """
    by_length: dict[int, list[Gram]] = {size: [] for size in range(1, model.order + 1)}
    for gram in model.grams:
        by_length[len(gram)].append(gram)
    lines = ["\\data\\", *(f"ngram {size}={len(runs)}" for size, runs in by_length.items())]
    for size, runs in by_length.items():
        lines += ["", f"\\{size}-grams:"]
        for gram in sorted(runs):
            chance, weight = model.grams[gram]
            end = f"\t{weight:.7f}" if size < model.order and gram[-1] not in (END, UNKNOWN) else ""
            lines.append(f"{chance:.7f}\t{' '.join(gram)}{end}")
    content = "\n".join([*lines, "", "\\end\\", ""]).encode("utf-8", "surrogatepass")
    write_atomically(path, lambda file: file.write(content))


def _run(line: str, size: int, path: str | Path, number: int) -> tuple[Gram, tuple[float, float]]:
    parts = line.split()
    if not size or len(parts) not in (size + 1, size + 2):
        raise _wrong(path, number, line, f"a probability, {size or 'some'} words and at most a back-off weight")
    try:
        chance, weight = float(parts[0]), float(parts[-1]) if len(parts) == size + 2 else 0.0
    except ValueError as error:
        raise _wrong(path, number, line, "numbers around the words") from error
    if not (chance <= 1e-6 and math.isfinite(chance) and math.isfinite(weight)):
        raise _wrong(path, number, line, "the logarithm of a probability, 0 at most")
    words = (UNKNOWN if each == "<UNK>" else each for each in parts[1 : size + 1])
    return tuple(words), (chance, weight)


def _check(grams: dict[Gram, tuple[float, float]], sizes: dict[int, int], path: str | Path) -> None:
    for size, count in sizes.items():
        there = sum(len(gram) == size for gram in grams)
        if there != count:
            raise DataError(
                f"'{path}' has {there:,} runs of {size} words, expected {count:,} as its header says: it is damaged."
            )
    if sorted(sizes) != list(range(1, len(sizes) + 1)) or len(sizes) > LARGEST_ORDER:
        raise DataError(f"'{path}' has runs of {sorted(sizes)} words, expected lengths from 1 on, one after another.")


def _whole(text: str, path: str | Path, number: int) -> int:
    if not text.strip().isdecimal():
        raise _wrong(path, number, text, "a whole number")
    return int(text)


def _wrong(path: str | Path, number: int, given: str, expected: str) -> DataError:
    return DataError(f"Line {number} of '{path}' is '{given[:60]}', expected {expected}: it is no ARPA language model.")
