"""Make SYNTHETIC key points of people who wave, clap, raise their arms, or do nothing; they are measured on nobody.

    python make_gestures.py [FOLDER] [PEOPLE] [TAKES]

Writes FOLDER/GESTURE/synthetic_personN_TAKE.npy, the 17 points of COCO `(frames, 17, 2)` in shares of a picture whose first
row is on top. People differ in height, place, pace and in how exact their points are; half of the gestures are left-handed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

GESTURES = ("wave", "clap", "raise", "nothing")
STANDING = np.array(
    [
        [0.0, -0.55], [-0.03, -0.58], [0.03, -0.58], [-0.07, -0.56], [0.07, -0.56],  # nose, eyes, ears
        [0.17, -0.40], [-0.17, -0.40], [0.22, -0.20], [-0.22, -0.20], [0.24, 0.0], [-0.24, 0.0],  # arms, the left one first
        [0.10, 0.0], [-0.10, 0.0], [0.10, 0.24], [-0.10, 0.24], [0.10, 0.48], [-0.10, 0.48],  # legs
    ]
)  # fmt: skip
LEFT, RIGHT = (5, 7, 9), (6, 8, 10)
"""Shoulder, elbow and wrist."""
MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def gesture(name: str, frames: int, dice: np.random.Generator) -> np.ndarray:
    """Points of somebody of height 1 whose hips are at the origin, `(frames, 17, 2)`."""
    x = np.repeat(STANDING[None], frames, axis=0)
    time, begin = np.linspace(0, 1, frames), dice.uniform(0, 2 * np.pi)
    beats = dice.uniform(1.5, 2.5)
    if name == "wave":
        aside = 0.10 * np.sin(2 * np.pi * beats * time + begin)
        _arm(
            x,
            LEFT,
            np.stack([0.26 + aside * 0.3, np.full(frames, -0.42)], 1),
            np.stack([0.28 + aside, -0.62 + 0 * time], 1),
        )
    elif name == "clap":
        apart = 0.12 * np.abs(np.sin(np.pi * beats * time + begin))
        for side, arm in ((1, LEFT), (-1, RIGHT)):
            _arm(
                x,
                arm,
                np.stack([side * (0.20 + 0 * time), -0.24 + 0 * time], 1),
                np.stack([side * apart, -0.28 + 0 * time], 1),
            )
    elif name == "raise":
        up = np.clip(2 * time, 0, 1)
        for side, arm in ((1, LEFT), (-1, RIGHT)):
            _arm(
                x,
                arm,
                np.stack([side * (0.22 + 0.06 * up), -0.20 - 0.36 * up], 1),
                np.stack([side * 0.24 + 0 * up, -0.76 * up], 1),
            )
    if name == "wave" and dice.random() < 0.5:
        x = x[:, MIRROR] * np.array([-1.0, 1.0])
    sway = 0.01 * np.sin(2 * np.pi * dice.uniform(0.3, 0.8) * time + begin)
    x[..., 0] += sway[:, None]
    return x


def _arm(x: np.ndarray, arm: tuple[int, ...], elbow: np.ndarray, wrist: np.ndarray) -> None:
    x[:, arm[1]], x[:, arm[2]] = elbow, wrist


def write(folder: Path, people: int = 4, takes: int = 3, seed: int = 0) -> int:
    """Write the gestures of some people; returns the number of files."""
    count = 0
    for person in range(people):
        own = np.random.default_rng((seed, person))
        height, place, pace = own.uniform(0.5, 0.8), own.uniform(0.35, 0.65, 2), own.uniform(0.8, 1.25)
        for number, name in enumerate(GESTURES):
            for take in range(takes):
                dice = np.random.default_rng((seed, person, number, take))
                x = gesture(name, round(24 / pace * dice.uniform(0.9, 1.1)), dice)
                x = x * height + place + dice.normal(0, 0.02, 2) + dice.normal(0, 0.004, x.shape)
                path = folder / name / f"synthetic_person{person + 1}_{take + 1}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, x.astype(np.float16))
                count += 1
    return count


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "gestures")
    numbers = [int(each) for each in sys.argv[2:4]]
    sys.stdout.write(f"{write(target, *numbers)} synthetic clips in {target}\n")
