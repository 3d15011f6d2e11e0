"""A page of made sequences, for a person to look at: every generator at every rhythm, and the mixture of them."""

from __future__ import annotations

from html import escape
from pathlib import Path

import torch
from torch import Tensor

from ensue.learn.pretraining.dice import Dice
from ensue.learn.pretraining.mixture import GENERATORS, draw, weights_of
from ensue.learn.pretraining.rhythms import RHYTHMS, Rhythm
from ensue.storage import write_atomically

EXAMPLES = 6
"""Sequences of each kind."""
WIDTH, HEIGHT = 220, 56
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 92rem; padding: 0 1rem; }
h2 { margin: 2rem 0 .3rem; font-size: 1.1rem; } h3 { margin: .8rem 0 0; font-size: .9rem; font-weight: 500; }
div { display: flex; flex-wrap: wrap; gap: .4rem; } svg { background: color-mix(in srgb, currentColor 6%, transparent); }
path { fill: none; stroke: currentColor; stroke-width: 1; opacity: .8; }
"""


def write_gallery(path: str | Path, seed: int = 0) -> None:
    """Write the page, whole or not at all."""
    page = gallery(seed).encode()
    write_atomically(path, lambda file: file.write(page))


def gallery(seed: int = 0) -> str:
    """The page as HTML.

    >>> gallery().count("<svg") > 500
    True
    """
    rhythms = [each for each in RHYTHMS if each.seasons != (0,)]
    parts = [_of_rhythm(rhythm, place, seed) for place, rhythm in enumerate(rhythms)]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>What the generators make</title>'
        f"<style>{STYLE}</style><h1>What the generators make</h1><p>{EXAMPLES} sequences of each generator at each "
        "rhythm, then of the mixture that is learned from, changed and placed as in training. Each is drawn on a scale of "
        f"its own.</p>{''.join(parts)}</html>\n"
    )


def _of_rhythm(rhythm: Rhythm, place: int, seed: int) -> str:
    steps = min(rhythm.lengths[1], max(3 * max(rhythm.seasons, default=1), 60), 700)
    weights = weights_of(rhythm)
    seasons = " and ".join(map(str, rhythm.seasons)) or "none"
    rows = [f"<h2>{escape(rhythm.name)}: seasons {seasons}, {steps} steps</h2>"]
    for number, (name, generator) in enumerate(GENERATORS.items()):
        if name in weights:
            made = generator(Dice((seed, place, number)), rhythm, EXAMPLES, steps)
            rows.append(_row(f"{name} ({weights[name]:.0%})", made))
    rows.append(_row("the mixture", draw(Dice((seed, place)), rhythm, 2 * EXAMPLES, steps)))
    return "".join(rows)


def _row(name: str, made: Tensor) -> str:
    return f"<h3>{escape(name)}</h3><div>{''.join(_sketch(each) for each in made)}</div>"


def _sketch(values: Tensor) -> str:
    """One sequence as a line."""
    low, high = values.min(), values.max()
    y = HEIGHT - 3 - (HEIGHT - 6) * (values - low) / (high - low).clamp_min(1e-12)
    x = torch.linspace(2, WIDTH - 2, len(values))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return f'<svg width="{WIDTH}" height="{HEIGHT}"><path d="M{points}"/></svg>'
