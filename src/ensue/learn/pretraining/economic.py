"""Sequences of level, trend and season: composites, exponential smoothing, integrated autoregressions, smooth functions.

Each generator gives `(rows, steps)` of any scale. Letters: `rows` sequences side by side, `steps` of each.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ensue.learn.pretraining.dice import Dice
from ensue.learn.pretraining.parts import (
    clock,
    coloured,
    filtered,
    later,
    of_regimes,
    pattern,
    pick,
    regimes,
    repeated,
    seasonal,
    standard,
    wave,
)
from ensue.learn.pretraining.rhythms import Rhythm

if TYPE_CHECKING:
    from jaxtyping import Float

    Rows = Float[Tensor, "rows steps"]

WAVES = 16
"""Random cosines in a draw of a Gaussian process."""


def trend(dice: Dice, rows: int, steps: int) -> Rows:
    """Of variance 1 or none: a walk, a smooth walk, a straight line, a broken line, a slow return, growth to a limit."""
    kind = dice.choice((0.1, 0.22, 0.16, 0.14, 0.14, 0.14, 0.1), rows)
    time = clock(dice, steps) / steps
    walk = dice.normal(rows, steps).cumsum(1)
    slope = coloured(dice, 1 - dice.log_uniform(0.002, 0.5, rows, 1), dice.normal(rows, steps))
    smooth = (slope + 0.5 * upward(dice, rows)).cumsum(1)
    straight = time.expand(rows, -1) * torch.sign(upward(dice, rows))
    broken = of_regimes(dice, regimes(dice, rows, steps, dice.log_uniform(steps / 8, 2.0 * steps, rows, 1))).cumsum(1)
    slow = coloured(dice, dice.uniform(0.9, 0.998, rows, 1), dice.normal(rows, steps))
    limit = torch.sigmoid((time - dice.uniform(0, 1, rows, 1)) * dice.log_uniform(3.0, 40.0, rows, 1))
    limit = limit * torch.sign(upward(dice, rows))
    none = torch.zeros(rows, steps, device=dice.device)
    return pick(kind, [none, *(standard(each) for each in (walk, smooth, straight, broken, slow, limit))])


def upward(dice: Dice, rows: int) -> Float[Tensor, "rows one"]:
    """Normal numbers, two in three of them above zero: more of what is measured grows than shrinks."""
    size = dice.normal(rows, 1)
    return torch.where(dice.coin(1 / 3, rows, 1), size.abs(), size)


def noise(dice: Dice, rows: int, steps: int) -> Rows:
    """Of variance about 1: normal or heavy-tailed, half of it with a short memory, some of it louder at times."""
    tail = torch.where(
        dice.coin(0.4, rows, 1), dice.uniform(0.2, 1.0, rows, 1), torch.zeros(rows, 1, device=dice.device)
    )
    raw = dice.heavy(tail, rows, steps)
    keep = torch.where(
        dice.coin(0.5, rows, 1), dice.uniform(0, 0.95, rows, 1), torch.zeros(rows, 1, device=dice.device)
    )
    loud = torch.exp(0.5 * coloured(dice, dice.uniform(0.9, 0.995, rows, 1), dice.normal(rows, steps)))
    return coloured(dice, keep, torch.where(dice.coin(0.2, rows, 1), raw * loud, raw))


def seasons_of(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """The rhythm's seasons, each of its own strength, or missing; in some rows a cycle that nobody has told of."""
    total = torch.zeros(rows, steps, device=dice.device)
    for season in rhythm.seasons:
        strength = dice.log_uniform(0.05, 3.0, rows, 1) * dice.coin(0.75, rows, 1)
        total = total + strength * seasonal(dice, rows, steps, season)
    untold = 0.35 if not rhythm.seasons else 0.12
    return total + dice.log_uniform(0.1, 2.0, rows, 1) * dice.coin(untold, rows, 1) * wave(dice, rows, steps)


def composite(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """Trend, seasons and noise, each from far below the others to far above."""
    level = dice.log_uniform(0.05, 8.0, rows, 1) * trend(dice, rows, steps)
    rest = dice.log_uniform(0.03, 1.5, rows, 1) * noise(dice, rows, steps)
    return level + seasons_of(dice, rhythm, rows, steps) + rest


def smoothing(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """The innovations form of exponential smoothing with a damped trend and a season that learns (Hyndman et al. 2002).

    Linear in its errors, so that all of it is sums over time: level, trend and season each add up their share of them.
    """
    error = dice.heavy(dice.uniform(0, 0.5, rows, 1), rows, steps)
    alpha = dice.uniform(0.02, 1.0, rows, 1)
    beta = alpha * dice.uniform(0, 0.4, rows, 1) * dice.coin(0.6, rows, 1)
    damping = torch.where(
        dice.coin(0.5, rows, 1), dice.uniform(0.8, 0.98, rows, 1), torch.ones(rows, 1, device=dice.device)
    )
    begun = upward(dice, rows) * dice.log_uniform(0.005, 0.6, rows, 1) * dice.coin(0.6, rows, 1)
    slope = filtered(torch.cat([begun, (beta * error)[:, 1:]], 1), damping)
    level = (later(slope, 1) + alpha * later(error, 1)).cumsum(1)
    value = level + slope + error
    for season in rhythm.seasons:
        gamma = dice.uniform(0, 0.4, rows, 1) * (1 - alpha) * dice.coin(0.5, rows, 1)
        cycles = -(-steps // season)
        learned = torch.nn.functional.pad(gamma * error, (0, cycles * season - steps)).reshape(rows, cycles, season)
        moved = later(learned.cumsum(1).reshape(rows, -1), season)[:, :steps]
        strength = dice.log_uniform(0.1, 10.0, rows, 1) * dice.coin(0.75, rows, 1)
        value = value + strength * repeated(pattern(dice, rows, season), steps) + moved
    return value


def integrated(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """ARIMA: two real roots or a damped cycle, a moving average, and up to two sums over time, with a drift."""
    shocks = dice.heavy(dice.uniform(0, 0.7, rows, 1), rows, steps)
    shocks = shocks + dice.uniform(-0.9, 0.9, rows, 1) * dice.coin(0.4, rows, 1) * later(shocks, 1)
    first, second = dice.uniform(-0.5, 0.98, rows, 1), dice.uniform(-0.6, 0.9, rows, 1)
    real = filtered(filtered(shocks, first), second * dice.coin(0.5, rows, 1))
    angle = 2 * math.pi / dice.log_uniform(3.0, max(6.0, steps / 3), rows, 1)
    root = torch.polar(dice.uniform(0.8, 0.995, rows, 1), angle)
    cycle = filtered(shocks.to(root.dtype), root).real
    steady = standard(torch.where(dice.coin(0.3, rows, 1), cycle, real))
    drift = upward(dice, rows) * dice.log_uniform(0.01, 1.0, rows, 1) * dice.coin(0.6, rows, 1)
    once = (steady + drift).cumsum(1)
    twice = (standard(once) + 0.3 * dice.normal(rows, 1)).cumsum(1)
    value = pick(dice.choice((0.3, 0.55, 0.15), rows), [steady, standard(once), standard(twice)])
    if not rhythm.seasons:
        return value
    return value + dice.log_uniform(0.1, 1.5, rows, 1) * seasons_of(dice, rhythm, rows, steps)


def gaussian(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """Gaussian processes by random cosines (Rahimi & Recht 2007): smooth ones, rough ones, periodic ones, and products."""
    time = clock(dice, steps)
    total = torch.zeros(rows, steps, device=dice.device)
    for _ in range(2):
        scale = dice.log_uniform(3.0, 2.0 * steps, rows, 1)
        tail = torch.where(dice.coin(0.5, rows, 1), 0.8, 0.0)
        pace = dice.heavy(tail, rows, WAVES).abs() / scale  # a heavy tail of frequencies makes it rough
        total = total + dice.log_uniform(0.1, 3.0, rows, 1) * _cosines(dice, pace, time)
    for season in rhythm.seasons:
        order = torch.arange(1, WAVES + 1, device=dice.device)
        order = torch.where(order > season // 2, 0, order)
        width = dice.log_uniform(0.3, 4.0, rows, 1)
        strength = torch.exp(-order / width) * (order > 0)
        cycle = _cosines(dice, 2 * math.pi / season * order.expand(rows, -1), time, strength)
        swell = 1 + dice.coin(0.3, rows, 1) * _cosines(dice, dice.normal(rows, 4).abs() / (2 * season), time)
        total = total + dice.log_uniform(0.1, 3.0, rows, 1) * dice.coin(0.8, rows, 1) * standard(cycle) * swell
    return total + dice.log_uniform(0.01, 0.7, rows, 1) * dice.normal(rows, steps)


def _cosines(dice: Dice, pace: Tensor, time: Tensor, strength: Tensor | None = None) -> Rows:
    size = dice.normal(*pace.shape) * (1.0 if strength is None else strength)
    phase = dice.uniform(0, 2 * math.pi, *pace.shape)
    waves = torch.cos(pace[..., None] * time + phase[..., None])  # rows x wave x steps
    return math.sqrt(2 / pace.shape[1]) * (size[..., None] * waves).sum(1)
