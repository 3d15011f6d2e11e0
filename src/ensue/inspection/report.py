"""An inspection as a document for the page, and as plain numbers for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ensue.inspection import words
from ensue.inspection.ledger import default_ages, mass_by_age
from ensue.inspection.moments import similar_to_each
from ensue.inspection.page.document import (
    Ahead,
    Band,
    Curve,
    Document,
    Layer,
    Moment,
    Player,
    Probe,
    Read,
    Similar,
    Unit,
    Why,
)
from ensue.inspection.page.document import Reach as Shown
from ensue.inspection.reach import Influence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ensue.inspection.attribution import IntegratedGradients, Shapley
    from ensue.inspection.reach import Reach
    from ensue.inspection.whole import Because, Forecast, Inspection

BANDS = (80, 95)
"""Percent of the bands drawn."""
LOOKED_UP = 200
"""Steps, evenly spread, for which similar moments are kept."""
INPUTS_SHOWN = 10
"""Inputs that get a bar of their own; the others share one."""


def document(inspection: Inspection) -> Document:
    """Everything a report shows."""
    setting = inspection.setting
    ages = default_ages(len(inspection.trace))
    shown = _shown(inspection)
    return Document(
        title=setting.title,
        facts=setting.facts,
        summary=inspection.sentences,
        sequence=Read(
            setting.target,
            words.labels_of(inspection.trace.labels[shown]),
            None if inspection.values is None else inspection.values[shown],
            words.step_name(setting.frequency),
            None if inspection.expected is None else inspection.expected[shown],
        ),
        ahead=None if inspection.forecast is None else _ahead(inspection.forecast),
        layers=[_layer(inspection, number, ages) for number in range(len(inspection.layers))],
        ages=ages,
        time_scales_text=words.joined(
            line for number in range(len(inspection.layers)) for line in words.layer_sentences(inspection, number)
        ),
        reach=_reach(inspection),
        why=_why(inspection),
        units=_units(inspection),
        units_text=words.joined(words.unit_sentences(inspection)),
        similar=_similar(inspection),
        similar_text=(
            "Steps at which the cells of the last layer looked most like they did at the pinned one, by the cosine of "
            "their standardised states."
        ),
        probes=_probes(inspection),
        notes=inspection.notes,
    )


def numbers(inspection: Inspection) -> dict[str, Any]:
    """The measurements as plain values; heat maps stay in the trace."""
    because = inspection.because
    return {
        "sentences": list(inspection.sentences),
        "notes": list(inspection.notes),
        "reach": _reach_numbers(inspection.reach),
        "memory": _reach_numbers(inspection.memory),
        "why": None if because is None else {"explained": because.explained} | _why_numbers(because.main),
        "units": [vars(unit) for unit in _units(inspection)],
        "probes": [vars(found) for found in _probes(inspection)],
    }


def _why_numbers(why: Shapley) -> dict[str, Any]:
    parts = [{"lags": list(bucket), "part": float(part)} for bucket, part in zip(why.buckets, why.parts, strict=True)]
    return {"answer": why.answer, "without": why.without, "parts": parts}


def _reach_numbers(reach: Reach | None) -> dict[str, Any] | None:
    if reach is None:
        return None
    cut = reach.truncation
    return {
        "horizon": {f"{share:.0%}": reach.resampled.horizon(share) for share in (0.5, 0.9, 0.99)},
        "mean_lag": reach.resampled.mean_lag,
        "older_than_last_step": reach.older,
        "influence": _influence_numbers(reach.resampled),
        "gradients": None if reach.gradients is None else _influence_numbers(reach.gradients),
        "effective_context": None if cut is None else cut.effective(),
        "history_kept": None if cut is None else {"steps": cut.kept.tolist(), "loss": cut.loss.tolist()},
        "windows": reach.windows,
    }


def _influence_numbers(influence: Influence) -> dict[str, list[float]]:
    return {
        "first_lag": influence.first.tolist(),
        "last_lag": influence.last.tolist(),
        "effect": influence.effect.tolist(),
    }


def _ahead(forecast: Forecast) -> Ahead:
    from ensue.tasks.forecasting import at_levels, levels_between

    levels = forecast.levels
    edges = at_levels(forecast.quantiles, levels, levels_between(levels, tuple(map(float, BANDS))))
    bands = [Band(percent, edges[:, 2 * each], edges[:, 2 * each + 1]) for each, percent in enumerate(BANDS)]
    return Ahead(words.labels_of(forecast.times), forecast.quantiles[:, levels.index(0.5)], bands)


def _layer(inspection: Inspection, number: int, ages: Sequence[tuple[int, int]]) -> Layer:
    layer, facts = inspection.trace.layer(number), inspection.layers[number]
    gates = facts.saturation
    text = [
        f"Over these {len(layer):,} steps the forget gates of {layer.name} were open (above 0.9) at "
        f"{words.percent(float(gates.open_f.mean()))} and closed (below 0.1) at "
        f"{words.percent(float(gates.closed_f.mean()))} of all steps and units, its input gates open at "
        f"{words.percent(float(gates.open_i.mean()))}, its output gates at {words.percent(float(gates.open_o.mean()))}.",
        *words.layer_sentences(inspection, number),
    ]
    shown = _shown(inspection)
    moments = [each for each in facts.lettings if each.step >= shown.start]
    return Layer(
        layer.name,
        layer.i[shown],
        layer.f[shown],
        layer.g[shown],
        layer.o[shown],
        layer.c[shown],
        layer.h[shown],
        facts.scales.half_life,
        facts.age[shown],
        mass_by_age(layer, ages)[shown],
        words.joined(text),
        [Moment(each.step - shown.start, words.moment_sentence(inspection, number, each)) for each in moments],
    )


def _shown(inspection: Inspection) -> slice:
    """The steps that are shown."""
    steps = len(inspection.trace)
    return slice(0 if inspection.setting.shown is None else steps - inspection.setting.shown, steps)


def _reach(inspection: Inspection) -> Shown | None:
    main, memory = inspection.main_reach, inspection.memory
    if main is None or memory is None:
        return None
    share = "share of the influence, per lag"
    through = "" if inspection.reach is None else ", through the network's memory"
    curves = []
    if inspection.reach is not None:
        explanation = "how far the answer moves when a stretch of values is that of another time, divided by its width"
        curves.append(_curve("values of a lag replaced", explanation, inspection.reach.resampled, share))
    alone = (
        "how far the answer moves when what stands at a lag is that of another time; lag 0 is the step of the answer"
    )
    explanation = "the same for what the network itself is shown at each step; lag 0 is the step of the answer"
    explanation = alone if inspection.reach is None else explanation
    curves.append(_curve(f"inputs of a lag replaced{through}", explanation, memory.resampled, share))
    if memory.gradients is not None:
        curves.append(_curve(f"gradients{through}", "the same to first order", memory.gradients, share))
    horizons = {
        "half of the influence": main.resampled.horizon(0.5),
        "nine tenths of the influence": main.resampled.horizon(0.9),
    }
    if main.truncation is not None:
        cut = main.truncation
        explanation = "loss where only so many steps are known, relative to where all are"
        unit = "loss, relative to the whole history's"
        curves.append(Curve("history cut off", explanation, cut.kept.astype(np.float64), cut.loss, unit))
        horizons["history that is enough"] = float(cut.effective())
    return Shown(
        curves,
        {name: lag for name, lag in horizons.items() if np.isfinite(lag)},
        inspection.setting.seasons if inspection.setting.ahead == 1 else (),  # else they stand at other lags
        words.joined(words.reach_sentences(inspection)),
    )


def _curve(name: str, explanation: str, influence: Influence, unit: str) -> Curve:
    width = influence.last - influence.first + 1
    return Curve(name, explanation, (influence.first + influence.last) / 2, influence.shares / width, unit)


def _why(inspection: Inspection) -> list[Why]:
    because = inspection.because
    if because is None:
        return []
    why, gradients = because.main, because.gradients
    players = [
        Player(words.lags_in_words(inspection, *bucket), float(part))
        for bucket, part in zip(why.buckets, why.parts, strict=True)
    ]
    difference = why.answer - why.without
    error = abs(float(why.parts.sum()) - difference) / max(abs(difference), 1e-12)
    text = words.joined(words.why_sentences(inspection))
    parts = [Why("Shapley values", because.explained, why.without, why.answer, players, error, text)]
    if gradients is not None:
        what = because.explained
        if because.shapley is not None:
            what += ", as the network answers it: in units of the recent spread, from the recent level"
        agree = words.joined(words.agreement_sentences(inspection))
        text = f"What each input to the network added, summed over all steps. {agree}"
        inputs = _inputs(because, gradients)
        error = gradients.completeness_error
        parts.append(Why("integrated gradients", what, gradients.without, gradients.answer, inputs, error, text))
    return parts


def _inputs(because: Because, gradients: IntegratedGradients) -> list[Player]:
    """The inputs that mattered most, and the rest together."""
    parts = gradients.parts.sum(axis=0)  # column
    order = np.argsort(-np.abs(parts))
    players = [Player(because.input_names[each], float(parts[each])) for each in order[:INPUTS_SHOWN]]
    rest = order[INPUTS_SHOWN:]
    return players + ([Player(f"the other {len(rest)} inputs", float(parts[rest].sum()))] if len(rest) else [])


def _units(inspection: Inspection) -> list[Unit]:
    return [
        _unit(inspection, number, unit)
        for number, layer in enumerate(inspection.trace.layers)
        for unit in range(layer.units)
    ]


def _unit(inspection: Inspection, number: int, unit: int) -> Unit:
    facts = inspection.layers[number]
    gates = facts.saturation
    return Unit(
        inspection.trace.layer(number).name,
        unit,
        half_life=float(facts.scales.half_life[unit]),
        closed_f=float(gates.closed_f[unit]),
        open_f=float(gates.open_f[unit]),
        open_i=float(gates.open_i[unit]),
        open_o=float(gates.open_o[unit]),
        share=float(facts.share[unit]),
        ablation=float(facts.ablation[unit]),
        dead=bool(facts.dead[unit]),
        follows=words.follows(facts, unit),
    )


def _similar(inspection: Inspection) -> list[Similar]:
    """For steps evenly spread, and the notable ones, when else the last layer's cells looked alike."""
    shown = _shown(inspection)
    cells = inspection.trace.layers[-1].c[shown]
    time = len(cells)
    steps = {int(step) for step in np.linspace(0, time - 1, min(LOOKED_UP, time))}
    steps |= {
        each.step - shown.start for facts in inspection.layers for each in facts.lettings if each.step >= shown.start
    }
    season = min(inspection.setting.seasons, default=1)
    apart = max(1, min(season // 2, time // 20))
    if not np.ptp(cells, axis=0).any():
        return []
    found = similar_to_each(cells, sorted(steps), apart=apart)
    return [Similar(each.step, each.others.tolist(), each.likeness.tolist()) for each in found]


def _probes(inspection: Inspection) -> list[Probe]:
    shown = []
    for name in sorted({name for facts in inspection.layers for name in facts.probes}):
        best = max((facts.probes[name] for facts in inspection.layers if name in facts.probes), key=lambda p: p.score)
        untrained, inputs = (float("nan") if each is None else each for each in (best.untrained, best.inputs))
        shown.append(Probe(name, best.score, untrained, inputs, words.probe_sentence(inspection, name)))
    return shown
