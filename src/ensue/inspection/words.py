"""What was measured, in plain sentences that claim no more than the numbers show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.inspection.attribution import agreement
from ensue.inspection.reach import TOLERANCE, Reach, peaks
from ensue.inspection.time_scales import in_words, tenths

if TYPE_CHECKING:
    from ensue.data.frequency import Frequency
    from ensue.inspection.moments import Letting
    from ensue.inspection.whole import Inspection, LayerFacts

NEEDED = 0.01
"""A unit is needed where the forecasts are so much worse without it."""
HARDLY = 0.1
"""Answers that spread by less than so much of what the values spread by hardly differ."""
EXTREME = 10.0
"""Standard deviations, in those that the quartiles suggest, from which on a few values rule all variances."""
FEW = 100
"""Steps that a person still counts in steps of the table: 36 days, but 4.2 months."""
ALIKE = 0.7
"""From here on two attributions agree."""


def essentials(inspection: Inspection) -> tuple[str, ...]:
    """The sentences a person reads first."""
    lines = [*reach_sentences(inspection), *why_sentences(inspection)]
    for number, facts in enumerate(inspection.layers):
        lines += layer_sentences(inspection, number)
        lines += [moment_sentence(inspection, number, each) for each in facts.lettings[:1]]
    lines += unit_sentences(inspection)
    for name in sorted({name for facts in inspection.layers for name in facts.probes}):
        lines.append(probe_sentence(inspection, name))
    return tuple(lines)


def reach_sentences(inspection: Inspection) -> list[str]:
    """How far back it looks, measured; nothing where that could not be."""
    reach, setting = inspection.main_reach, inspection.setting
    if reach is None:
        return []
    influence = reach.resampled
    if not influence.effect.sum() > 0:
        return [f"No part of the history had any influence on {setting.answer}."]
    far, half = (the_last(inspection, influence.horizon(share) + 1 - setting.first_lag) for share in (0.9, 0.5))
    rest = f", half of it from {half}" if half != far else ", much of it from the far end of that"
    rest = "" if influence.horizon(0.9) == setting.first_lag else rest
    since = (
        f", counted back from the last row read, {setting.ahead} steps before the forecast" if setting.ahead > 1 else ""
    )
    lines = [f"Nine tenths of the influence on {setting.answer} come from {far}{rest}{since}."]
    if reach.spread < HARDLY * setting.spread_of_values:
        lines.append(
            f"These answers hardly differ (by {figure(reach.spread)}, the values by {figure(setting.spread_of_values)}: "
            "standard deviations), and what is said of influence is about these small differences."
        )
    if setting.outlying > EXTREME:
        lines.append(
            f"The values spread {setting.outlying:,.0f} times as far as their middle half would have it: a few extreme ones "
            "rule what is measured here, so look at them before believing any of it."
        )
    for lag in peaks(influence, [setting.lag_of(season) for season in setting.seasons]):
        share = f"{percent(influence.at(lag))} of the influence, give or take {percent(influence.doubt(lag))}"
        before = f"{span(inspection, setting.season_lags[lag])} before the step that is forecast (lag {lag})"
        lines.append(f"The value {before} still matters: {share}.")
    lines += _truncation_sentence(inspection, reach)
    return lines + _memory_sentence(inspection)


def _truncation_sentence(inspection: Inspection, reach: Reach) -> list[str]:
    if reach.truncation is None:
        return []
    cut = reach.truncation
    enough = cut.effective()
    if enough == cut.kept[-1]:
        whole = f"{the_last(inspection, enough)}, all that was looked at,"
        return [f"No shorter history than {whole} did as well to within {percent(TOLERANCE)}."]
    place = int(np.searchsorted(cut.kept, enough))
    more, doubt = cut.loss[place] - 1, cut.doubt[place]
    sure = f"give or take {percent(doubt)}" if np.isfinite(doubt) else "too few to say how sure that is"
    change = f"{percent(abs(more))} {'more' if more > 0 else 'less'} loss, {sure}"
    return [f"Of {cut.windows} forecasts, those from {the_last(inspection, enough)} alone had {change}."]


def _memory_sentence(inspection: Inspection) -> list[str]:
    """What comes through the network's memory, where something else hands the past over as well."""
    if inspection.memory is None:
        return []
    share = percent(min(inspection.memory.older, 1.0))
    if inspection.reach is None:
        return [
            f"Replacing all but the last step moves the answers by {share} of their variance: so much is remembered."
        ]
    shown = ["the last value"]
    shown += ["the same phase of each season"] if inspection.setting.seasons else []
    shown += ["the calendar"] if inspection.setting.calendar else []
    shown += list(inspection.setting.known_ahead)
    return [
        f"Of the network alone: replacing all it was shown before the forecast step changes its answers by {share} of their "
        f"variance, which is the part of its own memory; at that step it is shown {', '.join(shown)}, and the like."
    ]


def why_sentences(inspection: Inspection) -> list[str]:
    """What one answer is made of, and whether two methods agree."""
    if inspection.because is None:
        return []
    why, explained = inspection.because.main, inspection.because.explained
    difference, is_ = why.answer - why.without, f"{explained[0].upper()}{explained[1:]} is {figure(why.answer)}"
    if not abs(difference) > 1e-6 * abs(why.answer):
        return [f"{is_}, whatever the history was."]
    side = "above" if difference > 0 else "below"
    parts = sorted(zip(why.parts, why.buckets, strict=True), key=lambda each: -abs(each[0]))[:3]
    largest = ", ".join(f"{signed(part)} from {lags_in_words(inspection, *bucket)}" for part, bucket in parts)
    fixed = (
        f" with {' and '.join(inspection.setting.known_ahead)} as they are" if inspection.setting.known_ahead else ""
    )
    other = f"{figure(abs(difference))} {side} the mean after histories from elsewhere in the table{fixed}"
    other += f" ({figure(why.without)})"
    return [f"{is_}: {other}; {largest}.", *agreement_sentences(inspection)]


def agreement_sentences(inspection: Inspection) -> list[str]:
    """Whether Shapley values and integrated gradients tell the same of the network."""
    because = inspection.because
    if because is None or because.gradients is None:
        return []
    alike = agreement(because.of_network.parts, because.gradients.by_lag(because.of_network.buckets))
    if not np.isfinite(alike):
        return []
    if alike >= ALIKE:
        return [
            f"Shapley values and integrated gradients agree on {percent(alike)} of what the network's lags contribute."
        ]
    return [
        f"Shapley values and integrated gradients agree on only {percent(alike)} of what the network's lags contribute: "
        "trust neither of them alone here."
    ]


def layer_sentences(inspection: Inspection, number: int) -> list[str]:
    """What the gates of a layer say of its time scales, and how old its memory is."""
    facts, layer = inspection.layers[number], inspection.trace.layer(number)
    _, middle, slow = tenths(facts.scales.half_life)
    age = float(np.nanmean(facts.age)) if np.isfinite(facts.age).any() else 0.0
    gone = f"is gone after {span(inspection, middle)}" if np.isfinite(middle) else "is never gone"
    keep = f"hold half of it for {span(inspection, slow)} or longer" if np.isfinite(slow) else "never forget half of it"
    lines = [
        f"By its forget gates, half of what a middling unit of {layer.name} holds {gone}; the slowest tenth {keep}. "
        f"What the layer holds is {span(inspection, age)} old on average."
    ]
    if inspection.memory is not None and number == 0:
        measured = inspection.memory.resampled.horizon(0.9)
        if np.isfinite(measured) and slow > 4 * max(measured, 1.0):
            since = the_last(inspection, measured + 1) if measured else "the step of the answer itself"
            lines.append(
                "Gates say how long something would be kept, not whether it is used: measured, nine tenths of the "
                f"influence on the network's answer come from {since}."
            )
    return lines


def moment_sentence(inspection: Inspection, number: int, moment: Letting) -> str:
    """One step at which a layer let go of much at once."""
    label = labels_of(inspection.trace.labels)[moment.step]
    text = f"At {label} the forget gates of {len(moment.units)} of {moment.of} units of "
    text += f"{inspection.trace.layer(number).name} closed together"
    if moment.lost > 0:
        text += f": the layer let go of {percent(moment.lost)} of what it held"
    if np.isfinite(moment.age_before) and moment.age_before >= 1:
        text += f", in these units {span(inspection, moment.age_before)} old on average"
    return f"{text}."


def unit_sentences(inspection: Inspection) -> list[str]:
    """Which units are needed, and which do nothing."""
    losses = [np.nan_to_num(facts.ablation, nan=-np.inf) for facts in inspection.layers]
    total = sum(len(each) for each in losses)
    if not any(np.isfinite(each).any() for each in losses):
        return []
    worst = int(np.argmax([each.max() for each in losses]))
    unit = int(losses[worst].argmax())
    needed = sum(int((each > NEEDED).sum()) for each in losses)
    dead = sum(int(facts.dead.sum()) for facts in inspection.layers)
    lines = [
        f"Held at its mean, {needed} of {total} units make the answers more than {percent(NEEDED)} worse, one "
        f"at a time; the most needed is unit {unit} of {inspection.trace.layer(worst).name} "
        f"({signed_percent(losses[worst][unit])})."
    ]
    return lines + ([f"{dead} of {total} units hardly move."] if dead else [])


def probe_sentence(inspection: Inspection, name: str) -> str:
    """Whether a column can be read off the memory, and whether that means anything."""
    number, facts = max(
        ((number, facts) for number, facts in enumerate(inspection.layers) if name in facts.probes),
        key=lambda each: each[1].probes[name].score,
    )
    found = facts.probes[name]
    layer = inspection.trace.layer(number).name
    beside = ", ".join(
        f"{score:.2f} from {what}"
        for what, score in (("the best of three untrained networks", found.untrained), ("the inputs", found.inputs))
        if score is not None
    )
    text = f"'{name}' read off the cells of {layer} by a straight line: R² {found.score:.2f} on later steps ({beside})"
    best = max((score for score in (found.untrained, found.inputs) if score is not None), default=0.0)
    if found.score < 0.1:
        return f"{text}: it is not there in that way."
    return f"{text}: {'more than these' if found.score > best + 0.05 else 'no more than these'}."


def follows(facts: LayerFacts, unit: int) -> str:
    """The column a unit goes with best, and how well; empty where none was asked about."""
    if not facts.follows or not np.isfinite(facts.follows[unit][1]):
        return ""
    name, r = facts.follows[unit]
    return f"{name} (r = {r:.2f})"


# ---- numbers and steps ----


def span(inspection: Inspection, steps: float) -> str:
    """A number of steps in the data's own time."""
    return in_own_time(steps, inspection.setting.frequency)


def the_last(inspection: Inspection, steps: float) -> str:
    """So many steps before now: 'the last 31 hours', 'the last day'."""
    return f"the last {span(inspection, steps).removeprefix('1 ')}"


def in_own_time(steps: float, frequency: Frequency) -> str:
    """A number of steps as a person who knows the table says it: in its own unit, until another is easier to grasp.

    >>> from ensue.data.frequency import Frequency
    >>> in_own_time(31, Frequency("hour")), in_own_time(168, Frequency("hour")), in_own_time(1, Frequency("day"))
    ('31 hours', '7 days', '1 day')
    """
    name = step_name(frequency)
    few = name not in ("step", "row") and steps < FEW
    return in_words(steps, None if few else step_seconds(frequency), name)


def step_seconds(frequency: Frequency) -> float | None:
    """The length of a step, where all steps have one; None for positions and business days."""
    whole = frequency.has_stamps and frequency.is_regular and frequency.unit != "business day"
    return frequency.seconds if whole else None


def step_name(frequency: Frequency) -> str:
    """What one step is called."""
    if frequency.unit == "business day" or (frequency.count == 1 and frequency.has_stamps and frequency.is_regular):
        return frequency.unit
    return "step" if frequency.is_regular else "row"


def lags_in_words(inspection: Inspection, first: int, last: int) -> str:
    """A bucket of lags: '1 day ago', '2 to 3 days ago', '5 to 9 weeks ago'."""
    if first == last:
        return f"{span(inspection, first)} ago" if first > 0 else "the step itself"
    near, far = (span(inspection, each).split(" ", 1) for each in (first, last))
    same = near[1].rstrip("s") == far[1].rstrip("s")
    return f"{near[0]} to {' '.join(far)} ago" if same else f"{' '.join(near)} to {' '.join(far)} ago"


def label_of(time: Any) -> str:
    """A stamp or a position as text, no finer than it is."""
    return labels_of(np.array([time]))[0]


def labels_of(times: NDArray[Any]) -> list[str]:
    """Stamps or positions as text, all as fine as the finest needs.

    >>> labels_of(np.array(["2024-03-01T06:00", "2024-03-01T07:00"], "datetime64[us]"))
    ['2024-03-01 06:00', '2024-03-01 07:00']
    >>> labels_of(np.array(["2024-03-01"], "datetime64[us]")), labels_of(np.arange(2))
    (['2024-03-01'], ['0', '1'])
    """
    if times.dtype.kind != "M":
        return [str(each) for each in times.tolist()]
    for unit in ("D", "m", "s", "us"):
        if (times.astype(f"datetime64[{unit}]").astype(times.dtype) == times).all():
            return [text.replace("T", " ") for text in np.datetime_as_string(times, unit=unit).tolist()]
    raise AssertionError("microseconds hold every stamp")


def figure(value: float) -> str:
    """A value with four digits that tell something.

    >>> figure(13874.2), figure(0.0123456), figure(7.0)
    ('13,874', '0.01235', '7')
    """
    if abs(value) >= 1000:
        digits = f"{value:,.0f}"
    elif value != 0 and abs(value) < 1e-4:
        digits = f"{value:.3g}"
    else:
        digits = np.format_float_positional(value, 4, fractional=False, trim="-")
    return digits.replace("-", "−")


def signed(value: float) -> str:
    """A part of a sum: '+0.24', '−515'."""
    return f"{'+' if value > 0 else ''}{figure(value)}"


def percent(share: float) -> str:
    """A share as a person says it.

    >>> percent(0.314), percent(0.0042), percent(0.00001), percent(0.0)
    ('31 %', '0.4 %', 'less than 0.1 %', '0 %')
    """
    if 0 < share < 0.0005:
        return "less than 0.1 %"
    value = 100 * share
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %".replace(".0 %", " %")


def signed_percent(share: float) -> str:
    """A change of a loss.

    >>> signed_percent(0.034), signed_percent(-0.002), signed_percent(4115.1)
    ('+3.4 %', '−0.2 %', '4,116 times the loss')
    """
    return f"{100 * share:+.1f} %".replace("-", "−") if share < 9.95 else f"{share + 1:,.0f} times the loss"


def joined(lines: Iterable[str]) -> str:
    """Sentences one after another."""
    return " ".join(lines)
