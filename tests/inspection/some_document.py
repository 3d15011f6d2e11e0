"""A made-up document for the page: a load with its daily and weekly rhythm, read by an LSTM with made-up weights."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.inspection.page.document import (
    Ahead,
    Band,
    Curve,
    Document,
    Layer,
    Moment,
    Player,
    Probe,
    Reach,
    Read,
    Similar,
    Unit,
    Why,
)

Floats = NDArray[np.float64]

AGES = [(0, 0), (1, 1), (2, 3), (4, 7), (8, 15), (16, 31), (32, 63), (64, 127), (128, 255), (256, 511), (512, -1)]
HORIZON = 48


def some_document(steps: int = 600, width: int = 32, depth: int = 2, **instead: Any) -> Document:
    """Every section filled; `instead` replaces fields of the document."""
    generator = np.random.default_rng(0)
    values = _load(generator, steps + HORIZON)
    seen, truth = values[:steps], values[steps:]
    drawn = _layers(generator, seen, width, depth)
    fields: dict[str, Any] = {
        "title": "What the network remembers of the load",
        "facts": [
            ("Model", f"load.ensue, {depth} × {width} units"),
            ("Data", f"load.csv, {steps:,} hours"),
            ("Made", "2026-03-01"),
        ],
        "summary": [
            "Nine tenths of the influence on the forecast comes from the last 31 hours; a week-old value still matters.",
            "History before 400 hours can be dropped at 0.4 % loss.",
        ],
        "sequence": Read("load", _stamps(0, steps), seen, "hour", seen + generator.normal(0, 20, steps)),
        "ahead": _ahead(steps, truth, generator),
        "layers": drawn,
        "ages": AGES,
        "time_scales_text": "Half of the units of layer 1 have forgotten half of what they hold after 9 hours.",
        "reach": _reach(),
        "why": _why(),
        "units": [_unit(layer, unit, generator) for layer in drawn for unit in range(width)],
        "units_text": "3 units hardly move.",
        "similar": _similar(steps),
        "similar_text": "Compared by the angle between the cells of all layers.",
        "probes": [
            Probe("temperature", 0.93, 0.41, 0.22, "Temperature can be read off the cells, and not off the inputs."),
            Probe("is it a holiday", 0.35, 0.3, 0.05),
            Probe("noise", -0.1, -0.2, -0.02),
        ],
        "notes": ["Gates show what could be kept, not what is used: the section on reach measures that."],
    }
    return Document(**{**fields, **instead})


def random_document(steps: int, units: int, depth: int) -> Document:
    """Noise in every gate, the hardest there is to compress; nothing that follows from anything."""
    generator = np.random.default_rng(0)

    def layer(name: str) -> Layer:
        gates = {each: generator.random((steps, units), np.float32) for each in "ifo"}
        states = {each: generator.random((steps, units), np.float32) * 2 - 1 for each in "gch"}
        ledger = generator.dirichlet(np.ones(len(AGES)), steps)
        return Layer(
            name,
            **gates,
            **states,
            half_life=np.geomspace(1, 900, units),
            mean_age=generator.random(steps) * 40,
            ledger=ledger,
        )

    return replace(some_document(steps, 1, 1), layers=[layer(f"layer {each + 1}") for each in range(depth)])


def _stamps(first: int, last: int) -> list[str]:
    stamps = np.datetime64("2012-01-01T00") + np.arange(first, last)
    return [str(stamp).replace("T", " ") + ":00" for stamp in stamps]


def _load(generator: np.random.Generator, steps: int) -> Floats:
    hour = np.arange(steps)
    daily, weekly = np.sin(2 * np.pi * (hour - 7) / 24), np.where(hour // 24 % 7 < 5, 1.0, 0.8)
    return np.asarray(4000 * weekly * (1 + 0.25 * daily) + generator.normal(0, 60, steps))


def _layers(generator: np.random.Generator, values: Floats, units: int, depth: int) -> list[Layer]:
    drawn, inputs = [], (values - values.mean())[:, None] / (values.std() or 1.0)
    for number in range(depth):
        drawn.append(_layer(generator, f"layer {number + 1}", inputs, units))
        inputs = np.asarray(drawn[-1].h)
    return drawn


def _layer(generator: np.random.Generator, name: str, inputs: Floats, units: int) -> Layer:
    steps = len(inputs)
    kernel = generator.normal(0, 1 / np.sqrt(inputs.shape[1]), (4, inputs.shape[1], units))
    recurrent = generator.normal(0, 0.6 / np.sqrt(units), (4, units, units))
    lives = np.geomspace(0.7, 700, units)
    bias = np.zeros((4, units))
    bias[1] = -np.log(2 ** (1 / lives) - 1)
    bias[0] = -bias[1] / 2
    traces = {gate: np.empty((steps, units)) for gate in "ifgoch"}
    hidden = cell = np.zeros(units)
    for t in range(steps):
        a = np.einsum("gfu,f->gu", kernel, inputs[t]) + np.einsum("gvu,v->gu", recurrent, hidden) + bias
        i, f, o = (1 / (1 + np.exp(-a[each])) for each in (0, 1, 3))
        g = np.tanh(a[2])
        cell = f * cell + i * g
        hidden = o * np.tanh(cell)
        for gate, value in zip("ifgoch", (i, f, g, o, cell, hidden), strict=True):
            traces[gate][t] = value
    age, ledger = _ages(traces["f"], np.abs(traces["i"] * traces["g"]))
    half_life = np.log(0.5) / np.log(traces["f"]).mean(axis=0)
    night = f"at {_stamps(steps // 3, steps // 3 + 1)[0]} the forget gates of 9 of {units} units closed: the network let go."
    moments = [Moment(steps // 3, night), Moment(steps // 2, "a surprise of twice the usual size was written.")]
    text = "On average 0.8 of what was held was kept; the gates closed most at the start of a working day."
    return Layer(name, **traces, half_life=half_life, mean_age=age, ledger=ledger, text=text, moments=moments)


def _ages(f: Floats, written: Floats) -> tuple[Floats, Floats]:
    """Mean age of what is held, `(time,)`, and its shares by age bucket, `(time, bucket)`."""
    steps = len(f)
    held, aged = np.zeros_like(f), np.zeros_like(f)
    for t in range(steps):
        before = (held[t - 1], aged[t - 1]) if t else (0.0, 0.0)
        held[t] = f[t] * before[0] + written[t]
        aged[t] = f[t] * (before[0] + before[1])
    kept = np.cumsum(np.log(f), axis=0)

    def older(age: int) -> Floats:
        """How much of what is held now was held so many steps ago, `(time,)`."""
        mass = np.zeros(steps)
        if age < steps:
            mass[age:] = (held[: steps - age] * np.exp(kept[age:] - kept[: steps - age])).sum(axis=1)
        return mass

    mass = [older(first) for first, _ in AGES] + [np.zeros(steps)]
    shares = np.stack([a - b for a, b in itertools.pairwise(mass)], axis=1)
    with np.errstate(invalid="ignore"):  # where nothing was written yet
        return aged.sum(axis=1) / held.sum(axis=1), np.clip(np.nan_to_num(shares / mass[0][:, None]), 0, 1)


def _ahead(steps: int, truth: Floats, generator: np.random.Generator) -> Ahead:
    median = truth + generator.normal(0, 40, HORIZON)
    wide = 60 + 6 * np.arange(HORIZON)
    bands = [Band(50, median - wide / 2, median + wide / 2), Band(90, median - 1.6 * wide, median + 1.6 * wide)]
    return Ahead(_stamps(steps, steps + HORIZON), median, bands, truth)


def _reach() -> Reach:
    lags = np.unique(np.geomspace(1, 1000, 40).astype(int)).astype(float)
    shares = 0.3 / lags + 0.05 * np.exp(-(((lags - 24) / 4) ** 2)) + 0.02 * np.exp(-(((lags - 168) / 12) ** 2))
    return Reach(
        curves=[
            Curve(
                "gradients",
                "how much the forecast moves when a value is moved a little",
                lags,
                shares,
                "share of the whole influence",
            ),
            Curve(
                "one lag resampled",
                "how much it moves when a value is replaced",
                lags,
                shares * 0.8 + 0.01,
                "share of the whole influence",
            ),
            Curve(
                "history cut off",
                "loss when it starts so many steps ago",
                lags,
                1 + 2 * np.exp(-lags / 30),
                "loss relative to the full history's",
            ),
        ],
        horizons={"nine tenths of the influence": 31.0, "1 % of the loss": 160.0, "no loss at all": np.inf},
        seasons=(24, 168),
        text="Nine tenths of the influence comes from the last 31 hours; a week-old value still matters at lag 168.",
    )


def _why() -> list[Why]:
    parts = [120.0, -340.0, 80.0, 610.0, -45.0, 230.0, -20.0]
    labels = ["lag 1", "lag 2", "lags 3–4", "lags 5–24", "lags 25–48", "lags 49–168", "older"]
    players = [Player(label, value) for label, value in zip(labels, parts, strict=True)]
    what = "The forecast for 2012-01-26 00:00."
    return [
        Why("Shapley values", what, 3600.0, 3600.0 + sum(parts), players, 0.0, "The last day decides most."),
        Why("Integrated gradients", what, 3600.0, 3600.0 + sum(parts) * 1.01, players[::-1], 0.01),
    ]


def _unit(layer: Layer, unit: int, generator: np.random.Generator) -> Unit:
    f, i, o = layer.f[:, unit], layer.i[:, unit], layer.o[:, unit]
    shares = ((f < 0.1).mean(), (f > 0.9).mean(), (i > 0.9).mean(), (o > 0.9).mean())
    share = float(generator.random() / 10) if layer.name != "layer 1" else float("nan")
    follows = "temperature (r = 0.93)" if unit % 9 == 0 else ""
    return Unit(
        layer.name,
        unit,
        float(layer.half_life[unit]),
        *map(float, shares),
        share,
        float(generator.normal(0.01, 0.01)),
        unit == 5,
        follows,
    )


def _similar(steps: int) -> list[Similar]:
    day = min(24, max(steps // 6, 1))
    places = [place for place in (steps // 2, steps - 1) if place >= 4 * day]
    return [Similar(place, [place - k * day for k in (1, 2, 4)], [0.98, 0.95, 0.91]) for place in places]
