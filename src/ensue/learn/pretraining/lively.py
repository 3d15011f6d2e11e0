"""Sequences of people, weather and markets: daily profiles, counts, intermittent demand, prices, stretches and jumps.

Each generator gives `(rows, steps)` of any scale. Letters: `rows` sequences side by side, `steps` of each, `day` the steps
of a day, `days` whole days.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ensue.learn.pretraining.dice import Dice
from ensue.learn.pretraining.economic import composite, noise, seasons_of, trend, upward
from ensue.learn.pretraining.parts import (
    clock,
    coloured,
    filtered,
    of_regimes,
    pattern,
    pick,
    regimes,
    repeated,
    standard,
    wave,
)
from ensue.learn.pretraining.rhythms import Rhythm

if TYPE_CHECKING:
    from jaxtyping import Float

    Rows = Float[Tensor, "rows steps"]


def activity(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """What people do: a profile of the day that weekends and holidays change, louder and quieter from day to day.

    Where a step is a day or longer, the days' own levels: weekdays, the year with its fixed holidays, a trend.
    """
    day = rhythm.day or 1
    count = -(-steps // day) + 1
    weekdays, holiday = _days_of_week(dice, rows, count)
    year = 1 + dice.log_uniform(0.02, 0.5, rows, 1) * wave_of_year(dice, rows, count)
    mood = coloured(dice, dice.uniform(0.2, 0.95, rows, 1), dice.normal(rows, count))
    mood = torch.exp(dice.log_uniform(0.01, 0.25, rows, 1) * mood)
    drift = torch.exp(dice.log_uniform(0.01, 0.6, rows, 1) * trend(dice, rows, count))
    levels = weekdays * year * mood * drift  # rows x days
    if day == 1:
        levels = levels * torch.exp(dice.log_uniform(0.01, 0.5, rows, 1) * noise(dice, rows, count))
        return levels[:, :steps]
    work, rest = (dice.log_uniform(0.2, 1.2, rows, 1) * pattern(dice, rows, day) for _ in range(2))
    rest = torch.where(dice.coin(0.8, rows, 1), work + dice.uniform(0, 0.7, rows, 1) * rest, rest)
    free = holiday[..., None].float()
    profile = torch.exp(work[:, None] * (1 - free) + rest[:, None] * free)  # rows x days x day
    base = dice.uniform(0, 1, rows, 1) * dice.coin(0.6, rows, 1)
    flow = (profile * levels[..., None]).reshape(rows, -1)[:, :steps]
    late = dice.log_uniform(0.005, 0.3, rows, 1) * noise(dice, rows, steps)
    slow = dice.log_uniform(0.005, 0.3, rows, 1) * coloured(
        dice, 1 - 1 / dice.uniform(2, 3 * day, rows, 1), dice.normal(rows, steps)
    )
    return base * flow.mean(1, keepdim=True) + flow * torch.exp(late + slow)


def _days_of_week(dice: Dice, rows: int, days: int) -> tuple[Tensor, Tensor]:
    """How busy each day is, and whether it is a day off: weekends, holidays, and none of both in some rows."""
    first = dice.whole(0, 6, rows, 1)
    weekday = (first + torch.arange(days, device=dice.device)) % 7
    busy = torch.exp(dice.log_uniform(0.005, 0.2, rows, 1) * dice.normal(rows, 7))
    off = torch.exp(-dice.uniform(-0.2, 1.2, rows, 1) * dice.uniform(0.6, 1.0, rows, 2))
    weekends = dice.coin(0.75, rows, 1)
    busy[:, 5:] = torch.where(weekends, busy[:, 5:] * off, busy[:, 5:])
    holiday = dice.coin(dice.log_uniform(0.002, 0.04, rows, 1), rows, days) & weekends
    free = ((weekday >= 5) & weekends) | holiday
    level = torch.gather(busy, 1, weekday)
    return torch.where(holiday, busy[:, 6:].expand(-1, days), level), free


def wave_of_year(dice: Dice, rows: int, days: int) -> Rows:
    """One slow wave a year, and holidays that come again on the same days of it."""
    day = (torch.arange(days, device=dice.device) + dice.whole(0, 364, rows, 1)) % 365
    waves = torch.cos(2 * math.pi / 365 * day) + 0.5 * dice.normal(rows, 1) * torch.cos(
        4 * math.pi / 365 * day + dice.uniform(0, 6, rows, 1)
    )
    place, width = dice.whole(0, 364, rows, 1), dice.log_uniform(1.0, 15.0, rows, 1)
    away = (day - place + 182) % 365 - 182
    return waves + dice.coin(0.4, rows, 1) * dice.uniform(-1, 3, rows, 1) * torch.exp(-0.5 * (away / width) ** 2)


def weather(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """Slow and quick returns to the usual on top of day and year, calmer and livelier at times; some of it never negative."""
    day = rhythm.day or 1
    memory = dice.log_uniform(2.0, max(8.0, 6.0 * day), rows, 1)
    slow = coloured(dice, 1 - 1 / memory, dice.normal(rows, steps))
    slower = coloured(dice, 1 - 1 / (memory * dice.uniform(3, 20, rows, 1)), dice.normal(rows, steps))
    value = slow + dice.log_uniform(0.1, 2.0, rows, 1) * slower
    year = (
        365.25 * day
        if rhythm.day or rhythm.seasons[:1] == (7,)
        else float(rhythm.seasons[-1] if rhythm.seasons else 300)
    )
    angle = 2 * math.pi * (clock(dice, steps) / year + dice.uniform(0, 1, rows, 1))
    value = value + dice.log_uniform(0.2, 5.0, rows, 1) * dice.coin(0.7, rows, 1) * torch.sin(angle)
    if rhythm.day:
        bright = torch.exp(dice.uniform(0, 0.7, rows, 1) * coloured(dice, 1 - 1 / memory, dice.normal(rows, steps)))
        shape = repeated(pattern(dice, rows, day), steps)
        value = value + dice.log_uniform(0.1, 4.0, rows, 1) * dice.coin(0.85, rows, 1) * shape * bright
    value = value + dice.log_uniform(0.02, 0.5, rows, 1) * dice.normal(rows, steps)
    kind = dice.choice((0.6, 0.25, 0.15), rows)
    floor = torch.clamp(value - dice.normal(rows, 1), min=0)
    return pick(kind, [value, torch.exp(dice.uniform(0.2, 1.0, rows, 1) * standard(value)), floor])


def prices(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """Random walks with calm and wild times, returns to a mean of two regimes, and the sizes of such changes."""
    wild = torch.exp(
        dice.uniform(0, 0.8, rows, 1) * coloured(dice, dice.uniform(0.9, 0.995, rows, 1), dice.normal(rows, steps))
    )
    change = wild * dice.heavy(dice.uniform(0, 0.8, rows, 1), rows, steps)
    drift = upward(dice, rows) * dice.log_uniform(0.002, 0.2, rows, 1)
    walk = (change + drift).cumsum(1)
    growth = torch.exp(walk / walk.abs().amax(1, keepdim=True).clamp_min(1e-6) * dice.log_uniform(0.1, 3.0, rows, 1))
    regime = regimes(dice, rows, steps, dice.log_uniform(20.0, 4.0 * steps, rows, 1))
    pulled = filtered(change, dice.uniform(0.8, 0.995, rows, 1)) + 4 * of_regimes(dice, regime)
    return pick(dice.choice((0.4, 0.3, 0.2, 0.1), rows), [walk, growth, pulled, change.abs()])


def demand(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """Whole numbers with hard zeros: counts about a moving rate, some overdispersed, some of them seldom."""
    mean = dice.log_uniform(0.05, 300.0, rows, 1)
    shape = dice.log_uniform(0.05, 0.8, rows, 1) * standard(composite(dice, rhythm, rows, steps))
    rate = mean * torch.exp(shape.clamp(-6, 3))
    spread = dice.uniform(0, 0.8, rows, 1) * dice.coin(0.6, rows, 1)
    rate = rate * torch.exp(spread * dice.normal(rows, steps) - spread**2 / 2)
    counts = dice.poisson(rate.clamp(max=1e5))
    seldom = torch.where(dice.coin(0.3, rows, 1), dice.uniform(0.05, 0.9, rows, 1), 1.0)
    lots = torch.where(dice.coin(0.15, rows, 1), dice.whole(2, 24, rows, 1).float(), 1.0)
    return counts * dice.coin(seldom, rows, steps) * lots


def stretches(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """Machines and switches: levels that jump, ramps, saw teeth, saturation, spikes at regular distances."""
    regime = regimes(dice, rows, steps, dice.log_uniform(4.0, float(max(8, steps)), rows, 1))
    jumps = of_regimes(dice, regime)
    ramps = of_regimes(dice, regime).cumsum(1)
    period = dice.log_uniform(4.0, max(8.0, steps / 3), rows, 1)
    if rhythm.seasons:
        period = torch.where(dice.coin(0.6, rows, 1), float(rhythm.seasons[0]), period)
    saw = (clock(dice, steps) / period + dice.uniform(0, 1, rows, 1)) % 1
    limited = torch.tanh(3 * wave(dice, rows, steps) * dice.log_uniform(0.2, 3.0, rows, 1))
    spikes = torch.exp(-(((saw - 0.5) * period) ** 2) / dice.log_uniform(0.3, 6.0, rows, 1))
    value = pick(dice.choice((0.35, 0.2, 0.15, 0.15, 0.15), rows), [jumps, standard(ramps), saw, limited, spikes])
    quiet = dice.log_uniform(0.003, 0.4, rows, 1) * noise(dice, rows, steps)
    return value + quiet + 0.5 * dice.coin(0.3, rows, 1) * seasons_of(dice, rhythm, rows, steps)
