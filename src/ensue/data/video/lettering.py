"""Words on pictures: a small alphabet of dots, seven rows of five, so that no fonts and no drawing library are needed."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

ROWS, COLUMNS = 7, 5
DOTS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "C": "01110 10001 10000 10000 10000 10001 01110",
    "D": "11110 10001 10001 10001 10001 10001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "F": "11111 10000 10000 11110 10000 10000 10000",
    "G": "01110 10001 10000 10111 10001 10001 01111",
    "H": "10001 10001 10001 11111 10001 10001 10001",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "J": "00111 00010 00010 00010 00010 10010 01100",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "N": "10001 11001 10101 10101 10011 10001 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "Q": "01110 10001 10001 10001 10101 10010 01101",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "V": "10001 10001 10001 10001 10001 01010 00100",
    "W": "10001 10001 10001 10101 10101 11011 10001",
    "X": "10001 10001 01010 00100 01010 10001 10001",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    "Z": "11111 00001 00010 00100 01000 10000 11111",
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "11110 00001 00001 01110 00001 00001 11110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "01110 10000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00001 01110",
    " ": "00000 00000 00000 00000 00000 00000 00000",
    ".": "00000 00000 00000 00000 00000 01100 01100",
    ",": "00000 00000 00000 00000 01100 00100 01000",
    ":": "00000 01100 01100 00000 01100 01100 00000",
    "-": "00000 00000 00000 11111 00000 00000 00000",
    "_": "00000 00000 00000 00000 00000 00000 11111",
    "+": "00000 00100 00100 11111 00100 00100 00000",
    "/": "00001 00001 00010 00100 01000 10000 10000",
    "%": "11001 11001 00010 00100 01000 10011 10011",
    "!": "00100 00100 00100 00100 00100 00000 00100",
    "?": "01110 10001 00001 00110 00100 00000 00100",
    "'": "00100 00100 01000 00000 00000 00000 00000",
    "(": "00010 00100 01000 01000 01000 00100 00010",
    ")": "01000 00100 00010 00010 00010 00100 01000",
    "&": "01100 10010 10100 01000 10101 10010 01101",
    "#": "01010 01010 11111 01010 11111 01010 01010",
}
UNKNOWN = "11111 10001 10001 10001 10001 10001 11111"


def write(frame: Picture, lines: list[str], share: float = 0.05) -> Picture:
    """A frame `(rows, columns, 3)` with white lines of capitals on a dark ground in its upper left corner.

    Args:
        share: a line's height, as a share of the frame's; smaller where it would not fit in.

    What cannot be fitted in is cut off; letters without dots are written without their accents, or as a box.

    >>> written = write(np.full((60, 80, 3), 200, np.uint8), ["walk 97%"])
    >>> written.shape, written[0, 0].tolist(), written[-1, -1].tolist()
    ((60, 80, 3), [40, 40, 40], [200, 200, 200])
    """
    height, width = frame.shape[:2]
    letters = max(map(len, lines), default=0)
    if not letters:
        return frame
    size = max(1, round(share * height / ROWS))
    size = max(1, min(size, width // ((COLUMNS + 1) * letters + 1)))
    dots = np.zeros((len(lines) * (ROWS + 2) + 1, letters * (COLUMNS + 1) + 1), bool)
    for number, line in enumerate(lines):
        top = 1 + number * (ROWS + 2)
        for place, letter in enumerate(line):
            left = 1 + place * (COLUMNS + 1)
            dots[top : top + ROWS, left : left + COLUMNS] = dots_of(letter)
    ink = np.repeat(np.repeat(dots, size, axis=0), size, axis=1)[:height, :width]
    written = frame.copy()
    corner = written[: ink.shape[0], : ink.shape[1]]
    corner[...] = np.where(ink[..., None], 255, corner // 5)
    return written


@cache
def dots_of(letter: str) -> NDArray[np.bool_]:
    """The dots of a letter, `(7, 5)`."""
    plain = unicodedata.normalize("NFKD", letter.upper())[:1]
    rows = DOTS.get(plain, UNKNOWN).split()
    return np.array([[dot == "1" for dot in row] for row in rows])
