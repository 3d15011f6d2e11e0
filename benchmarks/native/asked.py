"""The numbers that were to be reached, and the worst that was measured for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Row = dict[str, Any]
Result = dict[str, Any]


Line = tuple[str, str, str, str]
"""What was asked, the worst number, its place, and whether that is enough."""


class Measured(NamedTuple):
    """A number and where it was measured."""

    number: float
    place: str


def lines(found: dict[str, Result]) -> list[Line]:
    """A line for each number, of what was recorded."""
    return [line for name, goals in GOALS.items() if name in found for line in goals(found[name])]


def _at_least(what: str, bound: float, measured: list[Measured], unit: str = "x") -> Iterator[Line]:
    if measured:
        worst = min(measured)
        misses = sum(each.number < bound for each in measured)
        yield what, f"{worst.number:.2f} {unit}", worst.place, _verdict(misses, len(measured))


def _at_most(what: str, bound: float, measured: list[Measured], unit: str) -> Iterator[Line]:
    if measured:
        worst = max(measured)
        misses = sum(each.number > bound for each in measured)
        yield what, f"{worst.number:.3g} {unit}", worst.place, _verdict(misses, len(measured))


def _verdict(misses: int, sizes: int) -> str:
    return "reached" if not misses else f"**missed** at {misses} of {sizes}"


def _step(result: Result) -> Iterator[Line]:
    rows = result["rows"]

    def ratios(name: str, *units: int) -> list[Measured]:
        """With one input, or without units at every size."""
        chosen = [row for row in rows if not units or (row["I"] == 1 and row["H"] in units)]
        chosen = [row for row in chosen if name in row["over_ours"]]
        return [Measured(row["over_ours"][name]["ratio"], f"I {row['I']} H {row['H']}") for row in chosen]

    for hidden, most in ((16, 0.15), (32, 0.3), (64, 1.0), (128, 3.5)):
        one = [Measured(row["times"]["ours"]["us"], "I 1") for row in rows if (row["I"], row["H"]) == (1, hidden)]
        yield from _at_most(f"a step inside C++, I 1, H {hidden}: at most {most} us", most, one, "us")
    yield from _at_least("a step, I 1: 30 times as fast as LSTMCell up to H 64", 30, ratios("LSTMCell", 16, 32, 64))
    yield from _at_least("12 times at H 128", 12, ratios("LSTMCell", 128))
    yield from _at_least("faster than the loop over Eigen at every size", 1, ratios("eigen"))
    more = [Measured(row["python_over_c"], f"I {row['I']} H {row['H']}") for row in rows]
    yield from _at_most("from Python at most 1 us more", 1, more, "us")


def _each(result: Result) -> Iterator[tuple[Row, Row, str, str]]:
    """Every size with every number of threads: the row, its numbers, its name, the threads."""
    for row in result["rows"]:
        for threads, each in row["by_threads"].items():
            yield row, each, f"I {row['I']} H {row['H']} B {row['B']} T {row['T']}, {threads} thread(s)", threads


def over_engine(each: Row) -> float:
    """Times that `torch.nn.LSTM` takes of the runtime's engine."""
    return float(each["over_ours"]["nn.LSTM"]["ratio"])


def over_module(each: Row) -> float:
    """The same of our module, from the medians."""
    return float(each["times"]["nn.LSTM"]["us"] / each["times"]["module"]["us"])


def _forward(result: Result) -> Iterator[Line]:
    for name, over in (("engine", over_engine), ("module", over_module)):
        small = [Measured(over(each), place) for row, each, place, _ in _each(result) if row["H"] <= 64]
        large = [Measured(over(each), place) for row, each, place, _ in _each(result) if row["H"] > 64]
        yield from _at_least(f"batched forward, H up to 64: 1.5 times nn.LSTM ({name})", 1.5, small)
        yield from _at_least(f"larger H: at least 0.95 ({name})", 0.95, large)


def _train(result: Result) -> Iterator[Line]:
    wanted = {"H 16 to 128": (16, 128, 2.0), "H 256": (256, 256, 1.5), "H 512": (512, 512, 0.95)}
    for name, (low, high, bound) in wanted.items():
        measured = [
            Measured(each["over_ours"]["nn.LSTM"]["ratio"], place)
            for row, each, place, _ in _each(result)
            if low <= row["H"] <= high and row["B"] >= 16
        ]
        yield from _at_least(f"a training step, {name}, B from 16: {bound:g} times nn.LSTM", bound, measured)
    faster = [
        Measured(1 / each["ours_over_1_thread"]["ratio"], place)
        for row, each, place, _ in _each(result)
        if row["B"] >= 32 and each["ours_over_1_thread"]
    ]
    yield from _at_least("two threads faster than one wherever B is 32 or more", 1, faster)
    shares = [
        Measured(100 * each["gflops"] / result["sgemm_gflops"][threads], place)
        for row, each, place, threads in _each(result)
        if row["H"] in (128, 256) and row["B"] >= 64 and row["I"] == row["H"]
    ]
    yield from _at_least("H 128 and 256, B from 64: 55 % of the sgemm", 55, shares, "%")


def _new_shapes(result: Result) -> Iterator[Line]:
    new = [
        Measured(row["new_over_known"]["ours"]["ratio"], f"{row['threads']} thread(s)")
        for row in result["rows"]
        if "new_over_known" in row
    ]
    yield from _at_most("a new shape takes as long as a known one (at most 1.05 times)", 1.05, new, "x")


def _flat(result: Result) -> Iterator[Line]:
    grown = [Measured(row["over_first"]["ratio"], f"{row['what']}, {row['steps']:,} steps") for row in result["rows"]]
    yield from _at_most("a step's cost is flat to 10^6 steps (at most 1.05 times)", 1.05, grown, "x")


def _forecaster_stream(result: Result) -> Iterator[Line]:
    rows = {row["what"]: row for row in result["rows"] if "us_a_unit" in row}
    updates = [Measured(rows["update"]["us_a_unit"]["native"], "update")]
    yield from _at_most("a forecaster of 2 x 64 units: `update` under 15 us", 15, updates, "us")
    ahead = [Measured(row["us_a_unit"]["native"], what) for what, row in rows.items() if what.startswith("forecast(")]
    yield from _at_most("`forecast(24)` under 150 us", 150, ahead, "us")
    for what, row in rows.items():
        if what.startswith("a step of"):
            fastest = min(us for side, us in row["us_a_unit"].items() if side.startswith("native"))
            yield from _at_most(f"{what}: under 3 us a stream", 3, [Measured(fastest, "all threads")], "us")
    moved = [row["us_a_unit"]["native"] * row["units"] / 1e6 for what, row in rows.items() if "states" in what]
    if moved:
        yield from _at_most("10,000 states saved and restored in a second", 1, [Measured(sum(moved), "both")], "s")


GOALS: dict[str, Callable[[Result], Iterator[Line]]] = {
    "step": _step,
    "train": _train,
    "new_shapes": _new_shapes,
    "forward": _forward,
    "flat": _flat,
    "forecaster_stream": _forecaster_stream,
}
