"""The forecasting task: what the network is shown at each step, what it is, and what its answers mean.

A forecast is reading on with closed eyes: the horizon is a run of steps whose values are not seen, while the calendar and
the covariates known ahead go on. This module knows no tables and no training; both wings share it through the model file.

Letters: `batch` sequences, `time` steps, `level` quantile levels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensue.config import QUANTILES
from ensue.data.calendar import calendar_features, calendar_names, holiday_feature, holiday_names, local_times
from ensue.data.causal import CausalReader
from ensue.data.panel import Panel, gather_rows
from ensue.data.schema import Covariate, Schema
from ensue.errors import UsageError
from ensue.network import (
    LSTM,
    EmbedColumns,
    GatedFeedForward,
    Layer,
    Linear,
    Network,
    QuantileHead,
    Residual,
    RMSNorm,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Surroundings(NamedTuple):
    """What stands beside the values of a block: stamps, covariates, spacing."""

    times: NDArray[Any]  # batch time
    deltas: Floats  # batch time
    past: Floats  # batch time column
    future: Floats  # batch time column
    static: Floats  # batch column


@dataclass(frozen=True)
class Scale:
    """Mean and spread of a numeric covariate over the training rows."""

    mean: float
    spread: float


@dataclass(frozen=True)
class Sizes:
    """The size of the network."""

    hidden_size: int = 64
    layers: int = 2
    blocks: bool = False
    """Each LSTM layer normalised before (RMSNorm), and followed by a gated feed-forward layer that is too."""


@dataclass(frozen=True)
class ForecastingTask:
    """Everything but the weights that a trained forecaster needs.

    Args:
        schema: columns, frequency and seasons of the tables it reads.
        horizon: steps ahead it was trained for; more are answered, with a warning.
        context_length: steps of history a training window shows the network.
        scales: of numeric covariates, by name.
        widths: factor by which the distance of each quantile from the median is stretched, found on the validation cut.
        slots: seasons there is room for, so that one network reads every table; None: it was made for these seasons.
        alone: the network is shown the target and nothing beside it, whatever the schema says of a calendar.
    """

    schema: Schema
    horizon: int
    context_length: int
    sizes: Sizes = Sizes()
    scales: tuple[tuple[str, Scale], ...] = ()
    levels: tuple[float, ...] = QUANTILES
    widths: tuple[float, ...] = (1.0,) * len(QUANTILES)
    slots: int | None = None
    alone: bool = False

    @property
    def season(self) -> int:
        """The main season: what seasonal naive repeats; 1 where there is none."""
        return self.schema.seasons[0] if self.schema.seasons else 1

    @property
    def longest_season(self) -> int:
        return max(self.schema.seasons, default=1)

    @property
    def reader(self) -> CausalReader:
        seasons = tuple(season for season in self.schema.seasons if season > 1)
        return CausalReader(seasons, half_life=float(max(self.longest_season, 16)), slots=self.slots)

    @property
    def warm_up(self) -> int:
        """Rows before the context that fill the memory of the seasons."""
        return min(2 * self.longest_season, self.longest_season + 400)

    @property
    def memory(self) -> int:
        """Rows of history a forecast reads; what is older is not looked at."""
        return self.warm_up + self.context_length

    def network(self) -> Network:
        """The network of this task: embeddings, a linear layer, residual LSTM layers and a quantile head."""
        categorical = self._categorical_columns()
        width = self.reader.feature_count + self._beside_count()
        layers: list[Layer] = []
        if categorical:
            embed = EmbedColumns(width, categorical)
            layers.append(embed)
            width = embed.output_size
        hidden = self.sizes.hidden_size
        layers.append(Linear(width, hidden))
        for _ in range(self.sizes.layers):
            layers += _block(hidden) if self.sizes.blocks else [Residual((LSTM(hidden, hidden, forget_bias=1.0),))]
        if self.sizes.blocks:
            layers.append(RMSNorm(hidden))
        layers.append(QuantileHead(hidden, self.levels, self.reader.anchor_count))
        return Network(tuple(layers))

    def beside(self, block: Surroundings, past_before: Floats, past_known: Bools) -> Floats:
        """Inputs that do not depend on the target: `(batch, time, columns)`, categories last.

        Args:
            block: stamps and covariates of the same steps.
            past_before: `(batch, time, column)` past covariates one step earlier.
            past_known: `(batch, time)` False where that earlier step is hidden or does not exist.
        """
        batch, time = block.deltas.shape
        if self.alone:
            return np.zeros((batch, time, 0))
        schema = self.schema
        numeric: list[Floats] = []
        if not schema.frequency.is_regular:
            numeric.append(np.log1p(np.clip(block.deltas, 0.0, 1e4))[..., None])
        if calendar_names(schema.frequency):
            clock = local_times(block.times.reshape(-1), schema.time_zone, schema.frequency)
            flags = [calendar_features(clock, schema.frequency)]
            if schema.holidays:
                flags.append(holiday_feature(clock, schema.holidays, schema.frequency))
            numeric += [each.reshape(batch, time, -1).astype(np.float64) for each in flags]  # batch x time x column
        codes: list[Floats] = []
        earlier = np.where(past_known[..., None], past_before, np.nan)
        static = np.broadcast_to(block.static[:, None, :], (batch, time, block.static.shape[1]))
        for covariates, values in ((schema.future, block.future), (schema.past, earlier), (schema.static, static)):
            for column, covariate in enumerate(covariates):
                value = values[..., column]
                if covariate.categories is None:
                    numeric += self._scaled(covariate, value)
                else:
                    codes.append(np.nan_to_num(value, nan=0.0)[..., None])
        if not numeric and not codes:
            return np.zeros((batch, time, 0))
        return np.concatenate(numeric + codes, axis=-1)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Of the network's inputs, in order."""
        schema = self.schema
        if self.alone:
            return self.reader.feature_names
        names = [] if schema.frequency.is_regular else ["time since the last row"]
        calendar = calendar_names(schema.frequency)
        names += [*calendar, *(holiday_names(schema.frequency) if calendar and schema.holidays else ())]
        covariates = (*schema.future, *schema.past, *schema.static)
        for each in covariates:
            names += [each.name, f"was {each.name} seen"] if each.categories is None else []
        names += [each.name for each in covariates if each.categories is not None]
        return (*self.reader.feature_names, *names)

    def stretch(self, quantiles: Floats) -> Floats:
        """Widen or narrow quantiles about their median by the calibrated factors: `(..., level)`."""
        median = quantiles[..., self.levels.index(0.5)][..., None]
        stretched: Floats = median + (quantiles - median) * np.asarray(self.widths)
        return stretched

    def answer(self, normalised: Floats, center: Floats, spread: Floats) -> Floats:
        """Quantiles in the data's own units, sorted, none below zero where the target never is: `(batch, time, level)`."""
        values = self.stretch(normalised.astype(np.float64)) * spread[..., None] + center[..., None]
        # Factors of their own may make neighbouring quantiles cross: put them in order outward from the median.
        middle = self.levels.index(0.5)
        values[..., middle:] = np.maximum.accumulate(values[..., middle:], axis=-1)
        values[..., middle::-1] = np.minimum.accumulate(values[..., middle::-1], axis=-1)
        return np.maximum(values, 0.0) if self.schema.nonnegative else values

    def to_json(self) -> dict[str, Any]:
        """As plain values for the model file."""
        return {
            "schema": self.schema.to_json(),
            "horizon": self.horizon,
            "context_length": self.context_length,
            "sizes": asdict(self.sizes),
            "scales": {name: [scale.mean, scale.spread] for name, scale in self.scales},
            "levels": list(self.levels),
            "widths": list(self.widths),
        } | ({} if self.slots is None and not self.alone else {"slots": self.slots, "alone": self.alone})

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> ForecastingTask:
        """The task a model file describes."""
        return cls(
            schema=Schema.from_json(plain["schema"]),
            horizon=int(plain["horizon"]),
            context_length=int(plain["context_length"]),
            sizes=Sizes(**plain["sizes"]),
            scales=tuple((name, Scale(*map(float, pair))) for name, pair in plain["scales"].items()),
            levels=tuple(map(float, plain["levels"])),
            widths=tuple(map(float, plain["widths"])),
            slots=None if plain.get("slots") is None else int(plain["slots"]),
            alone=bool(plain.get("alone", False)),
        )

    def _scaled(self, covariate: Covariate, value: Floats) -> list[Floats]:
        """A numeric covariate as (value or 0, observed?)."""
        scale = dict(self.scales).get(covariate.name, Scale(0.0, 1.0))
        known = np.isfinite(value)
        scaled = np.arcsinh((np.where(known, value, scale.mean) - scale.mean) / scale.spread)
        return [scaled[..., None], known.astype(np.float64)[..., None]]

    def _numeric_count(self) -> int:
        schema = self.schema
        if self.alone:
            return 0
        numeric = sum(c.categories is None for c in (*schema.future, *schema.past, *schema.static))
        calendar = len(calendar_names(schema.frequency))
        if calendar and schema.holidays:
            calendar += len(holiday_names(schema.frequency))
        return int(not schema.frequency.is_regular) + calendar + 2 * numeric

    def _beside_count(self) -> int:
        schema = self.schema
        if self.alone:
            return 0
        return self._numeric_count() + sum(
            c.categories is not None for c in (*schema.future, *schema.past, *schema.static)
        )

    def _categorical_columns(self) -> tuple[tuple[int, int, int], ...]:
        """(column, known categories, embedding size) of each categorical covariate; code 0 is the unknown one."""
        schema = self.schema
        first = self.reader.feature_count + self._numeric_count()
        categorical = (
            []
            if self.alone
            else [c for c in (*schema.future, *schema.past, *schema.static) if c.categories is not None]
        )
        return tuple(
            (first + i, len(c.categories or ()), min(16, 1 + int(np.ceil(np.sqrt(len(c.categories or ()))))))
            for i, c in enumerate(categorical)
        )


def _block(hidden: int) -> list[Layer]:
    """An LSTM layer and a gated feed-forward layer, each with its input normalised and added to its answer."""
    return [
        Residual((RMSNorm(hidden), LSTM(hidden, hidden, forget_bias=1.0))),
        Residual((RMSNorm(hidden), GatedFeedForward(hidden, hidden))),
    ]


def design(panel: Panel, horizon: int, sizes: Sizes, context_length: int | None = None) -> ForecastingTask:
    """The task for a panel: how far back to look, and the scale of each numeric covariate."""
    seasons = [season for season in panel.schema.seasons if season <= 200]
    default = min(max(max(seasons, default=1), 3 * horizon, 64), 400)
    scales: list[tuple[str, Scale]] = []
    rows, _ = gather_rows(panel.offsets[:-1], panel.history)  # known ahead or not, nothing here looks ahead
    for covariates, values in (
        (panel.schema.future, panel.future[rows]),
        (panel.schema.past, panel.past[rows]),
        (panel.schema.static, panel.static),
    ):
        for column, covariate in enumerate(covariates):
            if covariate.categories is None:
                scales.append((covariate.name, _scale_of(values[:, column])))
    return ForecastingTask(panel.schema, horizon, context_length or default, sizes, tuple(scales))


def _scale_of(values: Floats) -> Scale:
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Scale(0.0, 1.0)
    spread = float(known.std())
    return Scale(float(known.mean()), spread if spread > 0 else 1.0)


def calibrate(task: ForecastingTask, quantiles: Floats, targets: Floats, independent: int) -> ForecastingTask:
    """Stretch each pair of quantiles so that the validation targets fall between them as often as they should.

    The factor is the one that gives each central band its nominal share of the targets (split conformal prediction with
    the distance from the median, in units of the predicted half-width, as score: Romano et al. 2019, section 4). It is
    drawn towards 1 where few independent windows stand behind it.

    Args:
        quantiles: `(count, level)` as the network gave them.
        targets: `(count,)`, NaN where missing.
        independent: number of windows behind them; neighbouring steps of one window are not independent.
    """
    keep = np.isfinite(targets)
    quantiles, targets = quantiles[keep], targets[keep]
    levels = task.levels
    middle = levels.index(0.5)
    widths = [1.0] * len(levels)
    trust = independent / (independent + 10.0)
    if targets.size:
        median = quantiles[:, middle]
        for low in range(middle):
            high = len(levels) - 1 - low
            side = np.where(targets < median, median - quantiles[:, low], quantiles[:, high] - median)
            score = np.abs(targets - median) / np.maximum(side, 1e-12)
            share = min((levels[high] - levels[low]) * (1 + 1 / independent), 1.0)
            factor = float(np.quantile(score, share))
            widths[low] = widths[high] = float(np.exp(trust * np.log(np.clip(factor, 0.25, 4.0))))
    return replace(task, widths=tuple(widths))


def levels_between(levels: tuple[float, ...], coverage: tuple[float, ...]) -> tuple[float, ...]:
    """The quantile levels of the asked bands (in percent), checked against what the model learned.

    >>> levels_between(QUANTILES, (80.0,))
    (0.1, 0.9)
    """
    wanted: list[float] = []
    widest = 100 * (levels[-1] - levels[0])
    for percent in coverage:
        if 0 < percent < 1:
            raise UsageError(
                f"level {percent:g} was asked for, expected percents: give {100 * percent:g}, for example."
            )
        if not 0 < percent <= widest + 1e-9:
            raise UsageError(
                f"level {percent:g} was asked for, expected bands between 0 and {widest:g} percent: "
                f"the model has learned no quantile beyond {levels[0]:g} and {levels[-1]:g}."
            )
        tail = (1 - percent / 100) / 2
        wanted += [round(tail, 10), round(1 - tail, 10)]
    return tuple(wanted)


def at_levels(quantiles: Floats, levels: tuple[float, ...], wanted: tuple[float, ...]) -> Floats:
    """Quantiles at other levels, by straight lines between the learned ones: `(..., wanted)`."""
    upper = np.clip(np.searchsorted(levels, wanted), 1, len(levels) - 1)
    known = np.asarray(levels)
    share = (np.asarray(wanted) - known[upper - 1]) / (known[upper] - known[upper - 1])
    between: Floats = quantiles[..., upper - 1] * (1 - share) + quantiles[..., upper] * share
    return between
