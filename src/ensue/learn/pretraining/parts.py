"""What made sequences are put together from: filters, patterns that repeat, levels that jump. No loop over time.

Letters: `rows` sequences side by side, `steps` of each, `season` steps of one season.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ensue.learn.pretraining.dice import Dice

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def later(x: Float[Tensor, "rows steps"], by: int) -> Float[Tensor, "rows steps"]:
    """The same, `by` steps later; zeros come first."""
    return torch.nn.functional.pad(x, (by, 0))[:, : x.shape[1]]


def filtered(x: Float[Tensor, "rows steps"], keep: Float[Tensor, "rows one"]) -> Float[Tensor, "rows steps"]:
    """y[t] = keep y[t - 1] + x[t], as a product of ever longer steps: (1 + keep L)(1 + keep^2 L^2)(1 + keep^4 L^4) ..."""
    reach = 1
    while reach < x.shape[1]:
        x = x + keep * later(x, reach)
        keep, reach = keep * keep, 2 * reach
    return x


def coloured(
    dice: Dice, keep: Float[Tensor, "rows one"], noise: Float[Tensor, "rows steps"]
) -> Float[Tensor, "rows steps"]:
    """AR(1) noise of variance 1, begun where it would be after a long time; `keep` lies between 0 and 1."""
    settled = torch.sqrt(1 - keep * keep)
    first = dice.normal(len(noise), 1)
    return filtered(torch.cat([first, settled * noise[:, 1:]], 1), keep)


def standard(x: Float[Tensor, "rows steps"]) -> Float[Tensor, "rows steps"]:
    """Each row with mean 0 and variance 1; a constant row as zeros."""
    away = x - x.mean(1, keepdim=True)
    return away / away.square().mean(1, keepdim=True).sqrt().clamp_min(1e-6)


def clock(dice: Dice, steps: int) -> Float[Tensor, " steps"]:
    return torch.arange(steps, device=dice.device, dtype=torch.float32)


def pattern(dice: Dice, rows: int, season: int) -> Float[Tensor, "rows season"]:
    """Shapes of one season, of mean 0 and variance 1: smooth, rough, of a few humps, or a few phases that stand out."""
    kind = dice.choice((0.4, 0.15, 0.3, 0.15), rows)[:, None]
    strongest = max(1, season // 2)
    waves = torch.arange(1, strongest + 1, device=dice.device)
    power = waves[None, :] ** -dice.uniform(0.7, 3.0, rows, 1)
    spectrum = torch.complex(power * dice.normal(rows, strongest), power * dice.normal(rows, strongest))
    smooth = torch.fft.irfft(torch.nn.functional.pad(spectrum, (1, 0)), n=season)
    phases = torch.arange(season, device=dice.device) / season * 2 * math.pi
    humps = torch.zeros(rows, season, device=dice.device)
    for _ in range(3):
        width, place = dice.log_uniform(0.5, 40.0, rows, 1), dice.uniform(0, 2 * math.pi, rows, 1)
        humps = humps + dice.uniform(-0.3, 1, rows, 1) * torch.exp(width * (torch.cos(phases - place) - 1))
    rough = dice.normal(rows, season)
    spikes = dice.coin(1.5 / season, rows, season) * dice.uniform(0.3, 1, rows, season)
    shapes = torch.stack([standard(each) for each in (smooth, rough, humps, spikes)], 1)  # rows x kind x season
    return torch.take_along_dim(shapes, kind[..., None], 1)[:, 0]


def repeated(shape: Float[Tensor, "rows season"], steps: int) -> Float[Tensor, "rows steps"]:
    """A pattern over and over."""
    return shape.repeat(1, -(-steps // shape.shape[1]))[:, :steps]


def seasonal(dice: Dice, rows: int, steps: int, season: int) -> Float[Tensor, "rows steps"]:
    """A season of variance about 1 that stays, changes its shape over the years, or its strength."""
    one, other = (repeated(pattern(dice, rows, season), steps) for _ in range(2))
    way = dice.uniform(0, 1, rows, 1) * clock(dice, steps) / steps
    moves = dice.coin(0.3, rows, 1)
    shape = torch.where(moves, one * (1 - way) + other * way, one)
    swell = torch.exp(0.3 * coloured(dice, dice.uniform(0.98, 0.999, rows, 1), dice.normal(rows, steps)))
    return torch.where(dice.coin(0.25, rows, 1), shape * swell, shape)


def wave(dice: Dice, rows: int, steps: int) -> Float[Tensor, "rows steps"]:
    """A cycle of any length that nobody has told of."""
    period = dice.log_uniform(4.0, max(8.0, steps / 1.5), rows, 1)
    angle = 2 * math.pi * (clock(dice, steps) / period + dice.uniform(0, 1, rows, 1))
    return torch.sin(angle) + dice.uniform(0, 0.5, rows, 1) * torch.sin(2 * angle + dice.uniform(0, 6, rows, 1))


def regimes(dice: Dice, rows: int, steps: int, mean_length: Float[Tensor, "rows one"]) -> Int[Tensor, "rows steps"]:
    """The number of the stretch each step lies in; stretches last so long on average."""
    return dice.coin(1 / mean_length, rows, steps).long().cumsum(1)


def of_regimes(dice: Dice, regime: Int[Tensor, "rows steps"]) -> Float[Tensor, "rows steps"]:
    """A normal number for each stretch."""
    count = int(regime.max()) + 1
    return torch.gather(dice.normal(len(regime), count), 1, regime)


def pick(kind: Int[Tensor, " rows"], choices: list[Float[Tensor, "rows steps"]]) -> Float[Tensor, "rows steps"]:
    """For each row the choice of its kind."""
    index = kind[:, None, None].expand(-1, 1, choices[0].shape[1])
    return torch.gather(torch.stack(choices, 1), 1, index)[:, 0]
