"""A document as the plain values its page carries: heat maps as bytes, series thinned, the rest as JSON.

The names here are those the page's scripts in `static/` read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ensue.errors import DataError
from ensue.inspection.page.document import Ahead, Curve, Document, Floats, Layer, Moment, Probe, Reach, Read, Unit, Why
from ensue.inspection.page.encoding import Packed, number, numbers, packed, packed_texts, row_shades, shades
from ensue.inspection.page.thinning import column_means, extremes, steps_per_column
from ensue.runtime.traces import CLOSED, OPEN

GATES = ("f", "i", "o")
BOUNDED = ("g", "h")
"""From -1 to 1; the cell `c` has no bounds."""


def contents(document: Document) -> dict[str, Any]:
    """Everything the page draws, ready for JSON.

    Raises:
        DataError: The document has no steps, or a layer's arrays are not as long as the sequence.
    """
    _check(document)
    layers = document.layers
    rows = sum(layer.f.shape[1] for layer in layers)
    wide = steps_per_column(len(document.sequence.labels), rows * (len(GATES + BOUNDED) + 1))
    ledger = steps_per_column(len(document.sequence.labels), len(layers) * len(document.ages))
    return {
        "title": document.title,
        "facts": [[name, value] for name, value in document.facts],
        "summary": list(document.summary),
        "sequence": _read(document.sequence),
        "ahead": None if document.ahead is None else _ahead(document.ahead),
        "stride": wide,
        "ledger_stride": ledger,
        "layers": [_layer(layer, wide, ledger) for layer in layers],
        "ages": [list(bucket) for bucket in document.ages],
        "time_scales_text": document.time_scales_text,
        "reach": None if document.reach is None else _reach(document.reach),
        "why": [_why(each) for each in document.why],
        "units": [_unit(each) for each in document.units],
        "units_text": document.units_text,
        "similar": [[each.step, list(map(int, each.others)), numbers(each.likeness)] for each in document.similar],
        "similar_text": document.similar_text,
        "probes": [_probe(each) for each in document.probes],
        "notes": list(document.notes),
    }


def _check(document: Document) -> None:
    steps = len(document.sequence.labels)
    if not steps:
        raise DataError("the document has no steps, expected one or more: there is nothing to draw.")
    for layer in document.layers:
        for name in (*GATES, *BOUNDED, "c", "mean_age", "ledger"):
            if len(getattr(layer, name)) != steps:
                raise DataError(
                    f"'{name}' of '{layer.name}' has {len(getattr(layer, name))} steps, expected {steps}: "
                    f"give a value for every step of the sequence."
                )


def _read(read: Read) -> dict[str, Any]:
    return {
        "name": read.name,
        "step": read.step,
        "count": len(read.labels),
        "labels": packed_texts(read.labels),
        "values": None if read.values is None else _series(read.values),
        "expected": None if read.expected is None else _series(read.expected),
    }


def _series(values: Floats) -> dict[str, Packed | None]:
    """A series whole, or its extremes and where they stand."""
    values = np.asarray(values, np.float64)
    kept = extremes(values)
    whole = len(kept) == len(values)
    return {"at": None if whole else packed(kept.astype(np.int32)), "y": packed(values[kept])}


def _ahead(ahead: Ahead) -> dict[str, Any]:
    return {
        "labels": [str(label) for label in ahead.labels],
        "median": numbers(ahead.median),
        "bands": [
            {"percent": number(band.percent), "low": numbers(band.low), "high": numbers(band.high)}
            for band in sorted(ahead.bands, key=lambda band: -band.percent)
        ],
        "truth": None if ahead.truth is None else numbers(ahead.truth),
    }


def _layer(layer: Layer, wide: int, ledger: int) -> dict[str, Any]:
    order = np.argsort(-np.nan_to_num(layer.half_life, nan=-1.0), kind="stable")  # the longest on top
    maps = {name: shades(column_means(getattr(layer, name), wide)[order], 0.0, 1.0) for name in GATES}
    maps |= {name: shades(column_means(getattr(layer, name), wide)[order], -1.0, 1.0) for name in BOUNDED}
    maps["c"] = row_shades(column_means(layer.c, wide)[order])
    return {
        "name": layer.name,
        "units": int(layer.f.shape[1]),
        "order": packed(order.astype(np.int32)),
        "half_life": packed(np.asarray(layer.half_life, np.float64)[order]),
        "maps": maps,
        "mean_age": packed(np.asarray(layer.mean_age, np.float32)),
        "closed": packed(np.sum(layer.f < CLOSED, axis=1).astype(np.uint16)),
        "open": packed(np.sum(layer.f > OPEN, axis=1).astype(np.uint16)),
        "ledger": shades(column_means(layer.ledger, ledger), 0.0, 1.0),
        "text": layer.text,
        "moments": [_moment(each) for each in layer.moments],
    }


def _moment(moment: Moment) -> list[Any]:
    return [int(moment.step), moment.text]


def _reach(reach: Reach) -> dict[str, Any]:
    return {
        "curves": [_curve(each) for each in reach.curves],
        "horizons": [[name, number(float(lag))] for name, lag in reach.horizons.items()],
        "seasons": [int(season) for season in reach.seasons],
        "text": reach.text,
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "name": curve.name,
        "explanation": curve.explanation,
        "lags": numbers(curve.lags),
        "values": numbers(curve.values),
        "unit": curve.unit,
    }


def _why(why: Why) -> dict[str, Any]:
    return {
        "method": why.method,
        "what": why.what,
        "without": number(why.without),
        "answer": number(why.answer),
        "players": [[player.label, number(player.value)] for player in why.players],
        "completeness_error": number(why.completeness_error),
        "text": why.text,
    }


def _unit(unit: Unit) -> list[Any]:
    measured = (unit.half_life, unit.closed_f, unit.open_f, unit.open_i, unit.open_o, unit.share, unit.ablation)
    return [unit.layer, int(unit.unit), *map(number, map(float, measured)), bool(unit.dead), unit.follows]


def _probe(probe: Probe) -> dict[str, Any]:
    scores = {name: number(float(getattr(probe, name))) for name in ("score", "untrained", "inputs")}
    return {"column": probe.column, **scores, "text": probe.text}
