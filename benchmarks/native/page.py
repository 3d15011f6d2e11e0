"""How the pages about the native core are written: tables, their heads, and what a result says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]
Result = dict[str, Any]


def section(name: str, title: str, text: str, result: Result, table: str) -> str:
    peaks = ", ".join(f"{peak:.0f} with {threads}" for threads, peak in result["sgemm_gflops"].items())
    command = f"`python benchmarks/native/{name}.py` ({result['seconds']:.0f} s; sgemm GFLOP/s by threads: {peaks})"
    return "\n".join([f"### {title}", f"{command}: {text}{_spread(result)}", "", table])


def _spread(result: Result) -> str:
    """How far the turns lie around their medians."""
    timings = list(_timings(result["rows"]))
    if not timings:
        return ""
    away = {edge: [100 * abs(each[edge] / each["us"] - 1) for each in timings] for edge in ("low", "high")}
    below, above = (float(np.median(each)) for each in away.values())
    return f" Spread: 80 % of the turns within -{below:.1f} and +{above:.1f} % of their median, at the median timing."


def _timings(value: Any) -> Iterator[Row]:
    """Every timing in a result, wherever it stands."""
    if isinstance(value, dict) and {"us", "low", "high"} <= value.keys():
        yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _timings(each)


def table(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(str(each) for each in row) + " |" for row in rows)


def grouped(rows: list[Row], names: tuple[str, ...]) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def us(times: Row, name: str) -> str:
    return f"{times[name]['us']:.3f}" if name in times else "-"


def ratio(ratios: Row, name: str) -> str:
    return f"{ratios[name]['ratio']:.2f}" if name in ratios else ""


def where(found: dict[str, Result]) -> str:
    """What it was measured on: said once, where all say the same."""
    machines = {name: each["machine"] for name, each in found.items()}
    first = next(iter(machines.values()))
    text = "Machine: " + ", ".join(f"{key} {value}" for key, value in first.items()) + "; seed 0."
    others = {name: each["commit"] for name, each in machines.items() if each["commit"] != first["commit"]}
    listed = ", ".join(f"{name} {commit}" for name, commit in others.items())
    return f"{text} At other commits: {listed}." if others else text
