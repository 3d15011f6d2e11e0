"""A batch of made sequences: every generator by its weight, then what happens to sequences in the world.

Letters: `rows` sequences side by side, `steps` of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ensue.learn.pretraining import economic, lively
from ensue.learn.pretraining.dice import Dice
from ensue.learn.pretraining.parts import clock, coloured, later, of_regimes, regimes, standard
from ensue.learn.pretraining.rhythms import Rhythm

if TYPE_CHECKING:
    from jaxtyping import Float

    Rows = Float[Tensor, "rows steps"]

Generator = Callable[[Dice, Rhythm, int, int], Tensor]

GENERATORS: Mapping[str, Generator] = MappingProxyType(
    {
        "composite": economic.composite,
        "smoothing": economic.smoothing,
        "integrated": economic.integrated,
        "gaussian": economic.gaussian,
        "activity": lively.activity,
        "weather": lively.weather,
        "prices": lively.prices,
        "demand": lively.demand,
        "stretches": lively.stretches,
    }
)
"""By name; each gives `(rows, steps)` of any scale."""
SLOW = {
    "composite": 0.3,
    "smoothing": 0.26,
    "integrated": 0.2,
    "gaussian": 0.05,
    "prices": 0.1,
    "demand": 0.06,
    "stretches": 0.03,
}
DAILY = {
    "composite": 0.2,
    "smoothing": 0.1,
    "integrated": 0.06,
    "gaussian": 0.07,
    "activity": 0.2,
    "weather": 0.14,
    "prices": 0.08,
    "demand": 0.1,
    "stretches": 0.05,
}
WITHIN_DAYS = {
    "composite": 0.1,
    "smoothing": 0.06,
    "integrated": 0.03,
    "gaussian": 0.06,
    "activity": 0.45,
    "weather": 0.2,
    "demand": 0.06,
    "stretches": 0.04,
}
"""How often each is drawn: for steps of a week and more, of a day, and of less."""


def weights_of(rhythm: Rhythm) -> Mapping[str, float]:
    """The generators' weights for a rhythm."""
    if rhythm.day:
        return WITHIN_DAYS
    return DAILY if rhythm.seasons[:1] in ((7,), (5,)) or rhythm.name in ("positions", "any") else SLOW


def draw(dice: Dice, rhythm: Rhythm, rows: int, steps: int) -> Rows:
    """Sequences of a rhythm, as they might be measured; none missing yet: `(rows, steps)`.

    >>> from ensue.learn.pretraining.rhythms import RHYTHMS
    >>> draw(Dice((0,)), RHYTHMS[3], rows=5, steps=40).shape
    torch.Size([5, 40])
    """
    weights = weights_of(rhythm)
    kinds = dice.choice(tuple(weights.values()), rows)
    parts = []
    for place, name in enumerate(weights):
        count = int((kinds == place).sum())
        if count:
            parts.append(_tamed(GENERATORS[name](dice, rhythm, count, steps)))
    values = torch.cat(parts)[dice.order(rows)]
    return _placed(dice, _changed(dice, values))


def _tamed(values: Rows) -> Rows:
    """Rows whose numbers got out of hand as if they had been measured by an instrument that stops at 50 spreads."""
    scale = values.abs().median(1, keepdim=True).values + values.std(1, keepdim=True).clamp(max=1e6) + 1e-6
    return torch.nan_to_num(values).clamp(-50 * scale, 50 * scale)


def _changed(dice: Dice, values: Rows) -> Rows:
    """Mixed, following others, turned, swelling, censored, rounded, with jumps and outliers: each in some rows."""
    rows, steps = values.shape

    def some(chance: float) -> Tensor:
        return dice.coin(chance, rows, 1)

    other = standard(values[dice.order(rows)])
    plain = standard(values)
    share = dice.uniform(0, 0.6, rows, 1)
    values = torch.where(some(0.12), (1 - share) * plain + share * other, values)
    follows = torch.tanh(later(other, int(dice.whole(0, min(8, steps - 1), 1))) * dice.uniform(0.3, 2, rows, 1))
    values = torch.where(some(0.06), plain + dice.uniform(0.3, 2, rows, 1) * follows, values)
    values = torch.where(some(0.06), -values, values)
    values = torch.where(some(0.04), values.flip(1), values)
    swell = torch.exp(0.5 * coloured(dice, dice.uniform(0.98, 0.999, rows, 1), dice.normal(rows, steps)))
    values = torch.where(some(0.06), values * swell, values)
    spread = values.std(1, keepdim=True) + 1e-9
    edge = torch.quantile(values, float(dice.uniform(0.05, 0.3, 1)), dim=1, keepdim=True)
    values = torch.where(some(0.03), torch.maximum(values, edge), values)
    values = torch.where(some(0.03), torch.minimum(values, -edge), values)
    grain = spread * dice.log_uniform(0.02, 0.6, rows, 1)
    values = torch.where(some(0.08), torch.round(values / grain) * grain, values)
    jump = of_regimes(dice, regimes(dice, rows, steps, dice.log_uniform(steps / 2, 6.0 * steps, rows, 1)))
    values = torch.where(some(0.1), values + spread * jump * dice.uniform(0.3, 2, rows, 1), values)
    outliers = dice.coin(dice.log_uniform(0.001, 0.03, rows, 1), rows, steps) * dice.normal(rows, steps)
    values = torch.where(some(0.1), values + spread * outliers * dice.log_uniform(2.0, 10.0, rows, 1), values)
    stuck = dice.coin(1 / steps, rows, steps).cumsum(1) % 2 == 1
    return torch.where(some(0.01) & stuck, values[:, :1], values)


def _placed(dice: Dice, values: Rows) -> Rows:
    """In units of the world: grown like money, on a level far from zero, or as they are (counts stay counts)."""
    rows, _ = values.shape
    plain = standard(values)
    whole = (values == values.round()).all(1, keepdim=True) & (values >= 0).all(1, keepdim=True)
    grown = torch.exp(plain.clamp(-8, 8) * dice.log_uniform(0.03, 1.0, rows, 1))
    high = plain + dice.log_uniform(0.5, 50.0, rows, 1)
    kind = dice.choice((0.4, 0.3, 0.3), rows)[:, None]
    placed = torch.where(kind == 0, grown, torch.where(kind == 1, high, plain))
    placed = placed * dice.log_uniform(1e-2, 1e4, rows, 1)
    return torch.where(whole, values, placed)


def outages(dice: Dice, rows: int, steps: int) -> Tensor:
    """Which steps were measured: single ones missing, or runs, in some rows; `(rows, steps)`."""
    single = dice.coin(dice.uniform(0, 0.3, rows, 1), rows, steps) & dice.coin(0.08, rows, 1)
    start = dice.whole(0, max(steps - 1, 0), rows, 1)
    length = dice.log_uniform(1.0, max(2.0, steps / 4), rows, 1)
    index = clock(dice, steps)
    run = (index >= start) & (index < start + length) & dice.coin(0.08, rows, 1)
    return ~(single | run)
