"""Makes reviews.csv: 240 made-up opinions on kitchen things, so that the example has data of its own.

    python make_reviews.py

What is praised is often denied ("not sharp"), and a "but" turns an opinion around, so that counting words is not enough.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

THINGS = ("kettle", "pan", "knife", "toaster", "teapot", "mixer", "lamp", "scale", "grater", "jug")
GOOD = (
    "sharp",
    "sturdy",
    "quiet",
    "easy to clean",
    "quick",
    "well made",
    "light",
    "pretty",
    "reliable",
    "cheap to run",
)
BAD = ("blunt", "flimsy", "noisy", "hard to clean", "slow", "badly made", "heavy", "ugly", "wobbly", "leaky")
LOVED = ("I use it every day.", "Would buy it again.", "My mother wants one too.", "Five stars.", "No regrets.", "")
HATED = ("It went back to the shop.", "Never again.", "What a waste of money.", "One star.", "It lasted a week.", "")


def opinion(dice: random.Random, good: bool) -> str:
    """One review; how it is said is drawn."""
    thing, same, other = dice.choice(THINGS), dice.choice(GOOD if good else BAD), dice.choice(BAD if good else GOOD)
    said = dice.choice(
        (
            f"The {thing} is {same}.",
            f"This {thing} is not {other} at all, it is {same}.",
            f"I had feared a {other} {thing}, but it is {same}."
            if good
            else f"I had hoped for a {other} {thing}, but it is {same}.",
            f"{same.capitalize()} and not {other}: that is my {thing}.",
            f"Looked {other} in the picture, but the {thing} is {same}.",
            f"The {thing} is {'anything but' if dice.random() < 0.5 else 'never'} {other}.",
        )
    )
    return f"{said} {dice.choice(LOVED if good else HATED)}".strip()


def main() -> None:
    dice = random.Random(0)
    rows = {opinion(dice, good): "happy" if good else "unhappy" for good in (True, False) * 200}
    chosen = dice.sample(sorted(rows.items()), 240)
    with (Path(__file__).parent / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("review", "opinion"))
        writer.writerows(chosen)


if __name__ == "__main__":
    main()
