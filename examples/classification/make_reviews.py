"""Makes reviews.csv: made-up opinions on kitchen things, so that the example has data of its own.

    python make_reviews.py

Four sentences of ten turn a word around from some distance ("nothing about this knife is sharp"), so that counting words, or
pairs of them, is not enough: what counts is the order.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

ROWS = 500
THINGS = ("kettle", "pan", "knife", "toaster", "teapot", "mixer", "lamp", "scale", "grater", "jug")
GOOD = ("sharp", "sturdy", "quiet", "quick", "reliable", "pretty", "handy", "solid")
BAD = ("blunt", "flimsy", "noisy", "slow", "wobbly", "ugly", "clumsy", "leaky")
STRAIGHT = (
    "The {thing} is {how}.",
    "Everything about this {thing} is {how}.",
    "All in all, the {thing} is {how}.",
    "My {thing} turned out to be {how}.",
)
TURNED = (
    "The {thing} is not {how}.",
    "The {thing} is anything but {how}.",
    "Nothing about this {thing} is {how}.",
    "All in all, I cannot call the {thing} {how}.",
    "My {thing} turned out not to be {how}.",
)


def opinion(dice: random.Random, happy: bool) -> str:
    """One sentence; how it is said is drawn."""
    turned = dice.random() < 0.4
    how = dice.choice(GOOD if happy != turned else BAD)
    return dice.choice(TURNED if turned else STRAIGHT).format(thing=dice.choice(THINGS), how=how)


def main() -> None:
    dice = random.Random(0)
    rows: dict[str, str] = {}
    while len(rows) < ROWS:
        happy = len(rows) % 2 == 0
        rows.setdefault(opinion(dice, happy), "happy" if happy else "unhappy")
    with (Path(__file__).parent / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("review", "opinion"))
        writer.writerows(rows.items())


if __name__ == "__main__":
    main()
