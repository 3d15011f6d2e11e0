"""SYNTHETIC clips with sentences that are true of them: a shape of some size and colour moves, and may turn once.

They show nothing real. Since a sentence is known to be right, they measure whether a captioning model works at all: each
of its words (size, colour, shape, first and second direction) can be seen in the frames and in nothing else, and "left
then up" and "up then left" differ in the order of the frames alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensue.layers.base import check_whole

Frames = NDArray[np.uint8]

SIZES = {"small": (0.09, 0.12), "large": (0.18, 0.22)}
"""Half the width of a shape, as a share of the picture's side."""
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 190, 60),
    "blue": (50, 80, 230),
    "yellow": (230, 215, 50),
    "white": (235, 235, 235),
}
SHAPES = ("square", "circle", "triangle")
DIRECTIONS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
NOISE = 8.0
"""Of every pixel, of 255."""


@dataclass(frozen=True)
class Scene:
    """What is said of a clip.

    >>> Scene("small", "red", "square", "left", "up").sentence
    'a small red square moves left then up'
    """

    size: str
    colour: str
    shape: str
    first: str
    second: str | None = None

    @property
    def sentence(self) -> str:
        turn = f" then {self.second}" if self.second else ""
        return f"a {self.size} {self.colour} {self.shape} moves {self.first}{turn}"


def scenes() -> list[Scene]:
    """All that there are, in a fixed order.

    >>> len(scenes()), len({scene.sentence for scene in scenes()})
    (480, 480)
    """
    ways = [(first, second) for first in DIRECTIONS for second in (None, *DIRECTIONS) if first != second]
    return [Scene(*what, *way) for what in product(SIZES, COLOURS, SHAPES) for way in ways]


@dataclass(frozen=True)
class Clip:
    """Synthetic frames `(frames, side, side, 3)` and the sentence that is true of them."""

    frames: Frames
    sentence: str


def draw(scene: Scene, dice: np.random.Generator, side: int = 32) -> Clip:
    """One clip of a scene: where it begins, how fast and how long it moves and what is behind it are random.

    >>> clip = draw(scenes()[0], np.random.default_rng(0))
    >>> clip.frames.shape[1:], clip.frames.dtype, clip.sentence
    ((32, 32, 3), dtype('uint8'), 'a small red square moves left')
    """
    check_whole("moving shapes", "side", side, 16, 1024)
    half = dice.uniform(*SIZES[scene.size])
    moves = [each for each in (scene.first, scene.second) if each]
    steps = dice.integers(7, 11, len(moves))  # frames of each move
    way = np.concatenate([np.tile(DIRECTIONS[move], (count, 1)) for move, count in zip(moves, steps, strict=True)])
    speed = dice.uniform(0.035, 0.05)
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(way * speed, axis=0)])  # frames x (down, right)
    low, high = path.min(0), path.max(0)
    start = dice.uniform(half - low, np.maximum(half - low, 1 - half - high))
    behind = dice.uniform(0, 70, 3)
    colour = np.array(COLOURS[scene.colour]) * dice.uniform(0.85, 1.05)
    pixels = (np.arange(side) + 0.5) / side
    frames = np.empty((len(path), side, side, 3))
    for frame, centre in zip(frames, start + path, strict=True):
        inside = _inside(scene.shape, (pixels[:, None] - centre[0]) / half, (pixels[None] - centre[1]) / half)
        frame[:] = np.where(inside[..., None], colour, behind)
    frames += dice.normal(0, NOISE, frames.shape)
    return Clip(np.clip(frames, 0, 255).astype(np.uint8), scene.sentence)


def clips(count: int, seed: int, among: list[Scene] | None = None, side: int = 32) -> Iterator[Clip]:
    """So many clips of scenes drawn at random.

    >>> [clip.sentence for clip in clips(2, seed=1)] == [clip.sentence for clip in clips(2, seed=1)]
    True
    """
    known = scenes() if among is None else among
    for number in range(count):
        dice = np.random.default_rng((seed, number))
        yield draw(known[dice.integers(len(known))], dice, side)


def set_apart(share: float = 0.1, seed: int = 0) -> tuple[list[Scene], list[Scene]]:
    """The scenes in two parts: those to learn from, and those whose combination of words is never learned.

    >>> [len(part) for part in set_apart()]
    [432, 48]
    """
    known = scenes()
    order = np.random.default_rng(seed).permutation(len(known))
    apart = set(order[: round(share * len(known))].tolist())
    return [s for i, s in enumerate(known) if i not in apart], [s for i, s in enumerate(known) if i in apart]


def write_folder(folder: str | Path, count: int, seed: int = 0, side: int = 64) -> Path:
    """Write clips as film files, and the table of their sentences, whose path comes back (extra `video`)."""
    from ensue.data.video.writing_films import write_film

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["file,text"]
    for number, clip in enumerate(clips(count, seed, side=side)):
        name = f"synthetic-{number:04d}.mp4"
        write_film(folder / name, clip.frames, 25.0)
        rows.append(f"{name},{clip.sentence}")
    table = folder / "captions.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


def _inside(shape: str, down: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pixels are of the shape; places are relative to its middle, in halves of its width."""
    if shape == "square":
        return np.maximum(np.abs(down), np.abs(right)) <= 1
    if shape == "circle":
        return down**2 + right**2 <= 1
    return (np.abs(down) <= 1) & (np.abs(right) <= (down + 1) / 2)
