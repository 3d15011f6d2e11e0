"""Two ways to forecast many steps from one LSTM, at equal training time: closed eyes (ours) and a direct head.

    python benchmarks/direct_head.py                          # four sets, 60 processor seconds each
    python benchmarks/direct_head.py m4_weekly --seconds 30

Closed eyes: the network reads on over the horizon without values, and says one step at a time; trained on hidden runs.
Direct: the network reads history only, and one linear layer says the whole horizon at once, trained at *every* origin in
the window. It gives each step of the horizon its own mixture of the last value and the seasonal values known at the
origin, plus an offset, and quantiles that cannot cross. A step at every origin costs several of ours, so a run trained at
every 8th, from a random first one, stands beside it. All else is shared: causal front end, sizes of the LSTM stack,
windows a batch, loss, optimiser, schedule, averaged weights, early stopping on the same windows set aside; no covariates.
Scored on validation cuts (the training part's own last windows); the test windows are not touched.
Seconds are processor seconds of one thread between the first training step and the last, validation included; how many
steps fit is measured beforehand, and the schedule is laid over these.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import duel_data
from duel import HERE, machine
from ensue import Forecaster
from ensue.config import TrainOptions
from ensue.data.panel import Panel
from ensue.learn.forecasting import batch_for, set_aside
from ensue.learn.loop import LoopOptions, train
from ensue.learn.losses import pinball
from ensue.learn.modules import build
from ensue.metrics import seasonal_scale
from ensue.network import Network
from ensue.tasks.forecasting import ForecastingTask, Sizes, Surroundings, design

SETS = ("m4_hourly", "m4_weekly", "ETTh1", "vic_elec")
PROBE = 30
EVERY = (1, 8)
"""The direct head is trained at every origin, and at every 8th, which costs little more than closed eyes a step."""
Array = np.ndarray


class DirectHead(nn.Module):
    """The forecaster's own layers below a head that answers for the whole horizon."""

    def __init__(self, task: ForecastingTask) -> None:
        super().__init__()
        self.horizon, self.levels = task.horizon, len(task.levels)
        self.anchors, self.median = 1 + len(task.reader.seasons), task.levels.index(0.5)
        self.body = build(Network(task.network().layers[:-1]))
        self.head = nn.Linear(task.sizes.hidden_size, self.horizon * (self.anchors + self.levels))
        with torch.no_grad():  # begins near the anchors with narrow bands, as the forecaster's own head does
            self.head.weight.mul_(0.3)
            self.head.bias.view(self.horizon, -1).zero_()[:, self.anchors + 1 :] = -2.0

    def forward(self, features: Tensor, anchors: Tensor, origins: Array) -> Tensor:
        """Quantiles `(batch, origin, horizon, level)` from anchors `(batch, origin, horizon, anchor)`."""
        raw = self.head(self.body(features)[0][:, origins]).unflatten(-1, (self.horizon, -1))
        shares = torch.softmax(raw[..., : self.anchors], dim=-1)
        median = (shares * anchors).sum(-1, keepdim=True) + raw[..., self.anchors : self.anchors + 1]
        widths = functional.softplus(raw[..., self.anchors + 1 :])
        above = widths[..., self.median :].cumsum(-1)
        below = widths[..., : self.median].flip(-1).cumsum(-1).flip(-1)
        return torch.cat([median - below, median, median + above], dim=-1)


class DirectObjective:
    """The direct head as the training loop sees it."""

    def __init__(self, panel: Panel, task: ForecastingTask, batch_size: int, every: int) -> None:
        self.task, self.batch_size, self.every = task, batch_size, every
        self.final = np.array([task.context_length])
        cut, _ = set_aside(panel, task.horizon)
        self.training = panel.cut(cut)
        torch.manual_seed(0)
        self.module, self.levels = DirectHead(task), torch.tensor(task.levels)
        share = np.cumsum(np.sqrt(self.training.history))
        self.share = share / share[-1]
        pairs = [
            (i, panel.history[i] - k * task.horizon) for i in np.flatnonzero(cut) for k in range(cut[i] // task.horizon)
        ]
        pairs = [pairs[i] for i in np.linspace(0, len(pairs) - 1, min(len(pairs), 1024)).astype(int)]
        self.check = [panel, *(np.array(column) for column in zip(*pairs, strict=True))]
        self.scales = np.array([
            seasonal_scale(panel.series(i).y[: end - task.horizon], task.season) for i, end in pairs
        ])  # fmt: skip

    def loss(self, step: int) -> Tensor:
        random, history = np.random.default_rng((0, step)), self.training.history
        series = np.searchsorted(self.share[:-1], random.random(self.batch_size))
        least = np.minimum(self.task.horizon + 8, history[series])
        ends = least + (random.random(self.batch_size) * (history[series] - least + 1)).astype(np.int64)
        origins = np.arange(random.integers(self.every), self.task.context_length + 1, self.every)
        features, anchors, targets, weights, _, _ = gather(self.training, self.task, series, ends, origins)
        quantiles = self.module(features, anchors, origins)
        return pinball(quantiles.flatten(1, 2), targets.flatten(1), weights.flatten(1), self.levels)

    def validate(self) -> tuple[float, float]:
        panel, series, ends = self.check
        errors = []
        for piece in (slice(first, first + 64) for first in range(0, len(series), 64)):
            at = (panel, self.task, series[piece], ends[piece], self.final)
            features, anchors, targets, weights, _, spread = gather(*at)
            median = self.module(features, anchors, self.final)[..., self.module.median]
            error = ((targets - median).abs() * weights).sum((1, 2)) / weights.sum((1, 2))
            errors.append(error.numpy() * spread[:, 0] / self.scales[piece])
        found = np.concatenate(errors)
        return float(found[np.isfinite(found)].mean()), float("nan")

    def predict(self, panel: Panel) -> Array:
        """The median after each series, `(series, horizon)`."""
        parts = []
        for first in range(0, len(panel), 64):
            series = np.arange(first, min(first + 64, len(panel)))
            ends = panel.history[series] + self.task.horizon
            features, anchors, _, _, center, spread = gather(panel, self.task, series, ends, self.final)
            with torch.no_grad():
                median = self.module(features, anchors, self.final)[:, 0, :, self.module.median].numpy()
            parts.append(median * spread + center)
        return np.maximum(np.concatenate(parts), 0.0) if panel.schema.nonnegative else np.concatenate(parts)


def gather(panel: Panel, task: ForecastingTask, series: Array, ends: Array, origins: Array) -> tuple[Any, ...]:
    """Windows whose last origin lies one horizon before `ends`, and what stands at the chosen `origins` in them.

    Returns tensors features `(batch, time, features)`, anchors `(batch, origin, horizon, anchor)`, targets and weights
    `(batch, origin, horizon)`, and center and spread, `(batch, origin)`. What is said at an origin was known before it;
    rows beyond the history are unknown.
    """
    warm, time_steps, history = task.warm_up, task.context_length + 1, panel.history[series][:, None]
    width = warm + task.context_length + task.horizon
    rows = ends[:, None] - width + np.arange(width)  # batch x row
    at = panel.offsets[series][:, None] + np.clip(rows, 0, history - 1)
    values = np.where((rows >= 0) & (rows < history), panel.y[at], np.nan)
    reading, _ = task.reader.read(np.nan_to_num(values), np.isfinite(values), task.reader.start(len(series)))
    steps = slice(warm, warm + time_steps)
    times = np.where(rows[:, steps] >= history, panel.future_times(1)[series], panel.times[at[:, steps]])
    nothing = np.zeros((len(series), time_steps, 0))
    block = Surroundings(times, np.ones(times.shape), nothing, nothing, panel.static[series])
    beside = task.beside(block, nothing, np.ones(times.shape, dtype=bool))
    features = np.concatenate([reading.features[:, steps], beside], axis=-1)

    seen = np.where(np.isfinite(values), np.arange(width), 0)
    filled = np.take_along_axis(values, np.maximum.accumulate(seen, axis=1), axis=1)  # the last value seen at each row
    here, ahead = warm + origins[:, None], np.arange(task.horizon)[None, :]
    center, spread = reading.center[:, here[:, 0]], reading.spread[:, here[:, 0]]
    last, target = np.repeat(filled[:, here - 1], task.horizon, axis=2), values[:, here + ahead]
    anchors = [last]  # each batch x origin x horizon
    for season in task.reader.seasons:
        back = here + ahead - season * (ahead // season + 1)  # the same phase, before the origin
        same = np.where(back >= 0, filled[:, np.maximum(back, 0)], np.nan)
        anchors.append(np.where(np.isfinite(same), same, last))
    ready = reading.ready[:, here] & np.isfinite(last)
    weights = ready & np.isfinite(target)

    def unit(each: Array, where: Array) -> Array:
        return np.where(where, (each - center[..., None]) / spread[..., None], 0.0)

    mixed = np.stack([unit(each, ready) for each in anchors], axis=-1)
    arrays = (features, mixed, np.clip(unit(target, weights), -50, 50), weights)
    return *(torch.from_numpy(each.astype(np.float32)) for each in arrays), center, spread


def timed(fit: Callable[[int, Callable[[Any], None]], None], seconds: float) -> dict[str, Any]:
    """Train for as many steps as fit into the seconds; `fit(steps, progress)`."""
    ticks: list[float] = []

    def note(_: object) -> None:
        ticks.append(time.process_time())

    fit(PROBE, note)
    gaps = np.diff(ticks)
    step = float(np.median(gaps))
    check = max(float(gaps.max()) - step, 0.0)  # the longest gap holds a validation; there is one in 50 steps
    steps = max(60, int(seconds / (step + check / 50)))
    ticks.clear()
    fit(steps, note)
    return {"steps": steps, "done": len(ticks), "cpu_seconds": round(ticks[-1] - ticks[0], 1)}


def closed_eyes(data: duel_data.DuelSet, seconds: float) -> dict[str, Any]:
    """Ours: `Forecaster` as it is."""
    trained: list[Forecaster] = []
    history = data.history_frame(0).select("unique_id", "ds", "y")

    def fit(steps: int, progress: Callable[[Any], None]) -> None:
        trained[:] = [Forecaster(horizon=data.horizon, target="y", time="ds", id="unique_id", steps=steps, threads=1)]
        trained[0].fit(history, progress=progress)

    result = timed(fit, seconds)
    forecasts = {}
    for window in range(data.windows):
        frame = trained[0].predict(data.history_frame(window).select("unique_id", "ds", "y"))
        for (name,), part in frame.group_by(["unique_id"], maintain_order=True):
            forecasts[window, name] = {"mean": part["ensue"].to_numpy()}
    return result | _scores(data, forecasts)


def direct(data: duel_data.DuelSet, seconds: float, every: int) -> dict[str, Any]:
    """The direct head, on panels that the forecaster's own reading of the table makes."""
    reader = Forecaster(horizon=data.horizon, target="y", time="ds", id="unique_id", threads=1)
    panels = [
        reader._training_panel(data.history_frame(k).select("unique_id", "ds", "y"))[0] for k in range(data.windows)
    ]
    recipe = TrainOptions(horizon=data.horizon).recipe
    task = design(panels[0], data.horizon, Sizes(recipe.hidden_size, recipe.layers), recipe.context_length)
    trained: list[DirectObjective] = []

    def fit(steps: int, progress: Callable[[Any], None]) -> None:
        trained[:] = [DirectObjective(panels[0], task, batch_for(task, recipe.batch_size), every)]
        options = LoopOptions(steps, recipe.learning_rate, validate_every=max(10, min(50, steps // 10)))
        train(trained[0].module, trained[0], options, progress=progress)

    result = timed(fit, seconds)
    forecasts = {}
    for window, panel in enumerate(panels):
        medians = trained[0].predict(panel)
        forecasts |= {(window, name): {"mean": medians[i]} for i, name in enumerate(panel.ids)}
    return result | _scores(data, forecasts)


def _scores(data: duel_data.DuelSet, forecasts: duel_data.Forecasts) -> dict[str, float]:
    found = duel_data.score(data, forecasts)
    return {"MASE": round(found["MASE"], 4), "relative": round(found["relative"], 4)}


def page(results: dict[str, dict[str, Any]]) -> str:
    """The table for RESULTS.md."""
    heads = [f"direct_{every}" for every in EVERY]
    lines = [
        "## Closed eyes beside a direct head",
        "`python benchmarks/direct_head.py`: MASE on validation cuts at equal processor seconds of training, one thread,",
        "seed 0; same front end, LSTM sizes, loss, optimiser and batch; training steps in brackets; no covariates.",
        "",
        "| set | seconds | closed eyes (ours) | direct, every origin | direct, every 8th origin | seasonal naive |",
        "|" + "---|" * 6,
    ]
    for each in results.values():
        ours = each["closed_eyes"]
        cells = [f"{one['MASE']:.4f} ({one['done']})" for one in (ours, *(each[head] for head in heads))]
        lines.append(
            f"| {each['set']} | {each['seconds']:.0f} | {' | '.join(cells)} | {ours['MASE'] / ours['relative']:.4f} |"
        )
    lines.append("")
    for head, words in zip(heads, ("at every origin", "at every 8th origin"), strict=True):
        ratio = np.exp(np.mean([np.log(each["closed_eyes"]["MASE"] / each[head]["MASE"]) for each in results.values()]))
        lines.append(f"Closed eyes over the direct head trained {words}, geometric mean: **{ratio:.3f}**.")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0])
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    file = HERE / "results" / "direct_head.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    for seconds in given.seconds:
        for name in given.sets:
            data = duel_data.load_set(name).validation_cut()
            key, found = f"{name}, {seconds:.0f} s", {"closed_eyes": closed_eyes(data, seconds)}
            found |= {f"direct_{every}": direct(data, seconds, every) for every in EVERY}
            results[key] = {"set": name, "seconds": seconds, **found, "seed": 0, "machine": machine()}
            print(key, found, flush=True)
            file.write_text(json.dumps(results, indent=1) + "\n")
            (HERE / "results" / "direct_head.md").write_text(page(results))


if __name__ == "__main__":
    main()
